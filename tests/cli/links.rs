//! `imgmirror links`: what counts as a reference, and where exactly it stands.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::support::{Case, Line, lines, names, seeds, shared_seeds};

/// A reference as the snapshots write it: where, slot, what is written, what it stands for (`=` for just that).
fn compact(line: &Line) -> String {
    let raw = line.raw.replace('\r', "\\r").replace('\n', "\\n");
    let mut text = format!("{}:{} {} {raw}", line.line, line.column, line.slot);
    match (&line.target, &line.skip) {
        (Some(target), None) if *target == line.raw => text.push_str(" ="),
        (Some(target), None) => _ = write!(text, " → {target}"),
        (None, Some(skip)) => _ = write!(text, " skipped: {skip}"),
        both => panic!("a reference has a target or is skipped: {both:?}"),
    }
    match line.proxies.len() {
        0 => {}
        1 => text.push_str(" (1 proxy)"),
        more => _ = write!(text, " ({more} proxies)"),
    }
    text
}

#[test]
fn references_of_the_sample_documents() {
    let case = Case::new();
    case.copy(&seeds(), "seeds");
    for name in names(&case.at("seeds")) {
        let document = format!("seeds/{name}");
        let found = lines(&case, &[&document]);
        assert!(found.iter().all(|line| line.document == document), "{name}");
        let listed: String = found.iter().map(|line| compact(line) + "\n").collect();
        let stem = name.split(['_', '.']).next().unwrap();
        insta::with_settings!({
            snapshot_path => "../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            description => name.clone(),
        }, {
            insta::assert_snapshot!(format!("links_{stem}"), listed);
        });
    }
}

#[test]
fn the_whole_folder_gives_what_each_document_gives() {
    let case = Case::new();
    case.copy(&seeds(), "seeds");
    let together: Vec<_> = lines(&case, &["seeds"]).iter().map(|line| (line.document.clone(), compact(line))).collect();
    let mut apart = Vec::new();
    for name in names(&case.at("seeds")) {
        let document = format!("seeds/{name}");
        apart.extend(lines(&case, &[&document]).iter().map(|line| (line.document.clone(), compact(line))));
    }
    assert_eq!(together, apart);
}

/// The bytes between `start` and `end` are `raw`, and `line` and `column` lead there too.
fn assert_stands_where_it_says(file: &[u8], line: &Line) {
    // The one sample that is not UTF-8 is GBK; offsets are bytes of the file, whatever its encoding.
    let encoding = if std::str::from_utf8(file).is_ok() { encoding_rs::UTF_8 } else { encoding_rs::GBK };
    let decode = |bytes: &[u8]| encoding.decode_without_bom_handling(bytes).0.into_owned();
    assert_eq!(decode(&file[line.start..line.end]), line.raw, "{line:?}");
    let whole = decode(file);
    let whole = whole.strip_prefix('\u{feff}').unwrap_or(&whole);
    let row = whole.split('\n').nth(line.line - 1).unwrap_or_else(|| panic!("{line:?}"));
    let from: String = row.chars().skip(line.column - 1).collect();
    let first = line.raw.split('\n').next().unwrap();
    assert!(from.starts_with(first), "{line:?}\n{from}");
}

#[test]
fn offsets_lines_and_columns_lead_to_the_reference() {
    let case = Case::new();
    case.copy(&seeds(), "seeds");
    let found = lines(&case, &["seeds"]);
    assert!(found.len() > 200, "{} references", found.len());
    for line in &found {
        assert_stands_where_it_says(&case.read(&line.document), line);
    }
    for pair in found.windows(2).filter(|pair| pair[0].document == pair[1].document) {
        assert!(pair[0].end <= pair[1].start, "in order and apart: {pair:?}");
    }
}

#[test]
fn the_five_articles_have_their_numbers() {
    let Some(folder) = shared_seeds() else { return };
    let case = Case::new();
    case.copy(&folder, "seeds");
    let found = lines(&case, &["seeds"]);
    let distinct = |values: Vec<String>| values.into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!(found.len(), 101);
    assert_eq!(distinct(found.iter().map(|line| line.raw.clone()).collect()), 91);
    assert_eq!(distinct(found.iter().filter_map(|line| line.target.clone()).collect()), 47);
    for line in &found {
        assert_stands_where_it_says(&case.read(&line.document), line);
    }
}

#[test]
fn sources_begin_with_the_target_and_end_with_the_proxied_url() {
    let case = Case::new();
    case.write("a.html", "<img src='https://wsrv.nl/?url=https%3A%2F%2Fpictures.example%2Fa.jpg&w=100'>");
    let found = lines(&case, &["a.html"]);
    let [line] = &found[..] else { panic!("{found:?}") };
    assert_eq!(line.target.as_deref(), Some("https://pictures.example/a.jpg"));
    assert_eq!(line.proxies, ["https://wsrv.nl/?url=https%3A%2F%2Fpictures.example%2Fa.jpg&w=100"]);
    assert_eq!(line.sources.first(), line.target.as_ref());
    assert_eq!(line.sources.last(), line.proxies.first());
}

#[test]
fn the_text_form_is_one_line_a_reference() {
    let case = Case::new();
    case.write(
        "a.html",
        "<img src='http://a.example/1.png'>\n <img src=\"https://wsrv.nl/?url=b.example/2.png\"><img src='pics/3.png'>",
    );
    let ran = case.run(0, &["links", "a.html"]);
    let expected = [
        "a.html:1:11 img@src http://a.example/1.png",
        "a.html:2:12 img@src http://b.example/2.png (peeled: weserv)",
        "a.html:2:60 img@src pics/3.png (skipped: relative)",
        "",
    ];
    assert_eq!(ran.stdout, expected.join("\n"));
    assert_eq!(ran.stderr, "");
}

#[test]
fn links_writes_no_file() {
    let case = Case::new();
    case.write("a.html", "<img src='http://a.example/1.png'>");
    case.run(0, &["links", "a.html", "--json"]);
    assert_eq!(names(&case.root()), ["a.html"]);
}

#[test]
fn slots_are_chosen_by_include_and_exclude() {
    let case = Case::new();
    case.write(
        "a.html",
        "<img src='http://a.example/1.png' data-src='http://a.example/2.png'><video poster='http://a.example/3.png'>",
    );
    let taken = |flags: &[&str]| -> Vec<String> {
        let arguments = [&["a.html"], flags].concat();
        let found = lines(&case, &arguments);
        assert_eq!(found.len(), 3, "all are listed, with the reason");
        found.into_iter().filter(|line| line.skip.as_deref() != Some("excluded")).map(|line| line.slot).collect()
    };
    assert_eq!(taken(&[]), ["img@src", "img@data-src", "video@poster"]);
    assert_eq!(taken(&["--include=img@*"]), ["img@src", "img@data-src"]);
    assert_eq!(taken(&["--exclude=*@data-*"]), ["img@src", "video@poster"]);
    assert_eq!(taken(&["--include=img@*", "--exclude=img@src"]), ["img@data-src"]);
}
