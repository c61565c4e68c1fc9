//! What each format has in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{EPOCH, FORMATS, Files, assert_whole, attributes, files, mirrored_seeds, sync, unzipped};
use crate::support::{Answer, Case, Origin, blobs, names, pictures, seeds};

/// The documents of the samples.
fn documents() -> Vec<String> {
    names(&seeds()).into_iter().filter(|name| name != "README.md" && !name.starts_with('.')).collect()
}

fn pages(files: &Files) -> Vec<&str> {
    files.keys().filter_map(|path| path.strip_prefix("pages/")).collect()
}

fn page_of(document: &str) -> String {
    format!("{}.html", document.rsplit_once('.').unwrap().0)
}

#[test]
fn a_folder_has_a_page_for_every_document_and_every_picture_once() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    mirrored_seeds(&case, &origin);
    origin.take_log();
    let made = case.run(0, &["bundle", "--format=dir", "--to=site", "--json", "--quiet"]).json();
    assert_eq!(origin.take_urls(), Vec::<String>::new(), "nobody is asked");
    let files = files(&case.at("site"));
    assert_whole(&files);
    assert_eq!(pages(&files), documents().iter().map(|name| page_of(name)).collect::<Vec<_>>());
    let own = |path: &&String| !path.starts_with("pages/") && !path.starts_with("assets/");
    assert_eq!(files.keys().filter(own).collect::<Vec<_>>(), ["SHA256SUMS", "index.html", "style.css"]);
    let bytes: usize = files.values().map(Vec::len).sum();
    assert_eq!((&made["format"], &made["to"]), (&"dir".into(), &"site".into()));
    assert_eq!(
        (&made["documents"], &made["missing"], &made["bundles"]),
        (&documents().len().into(), &0.into(), &1.into())
    );
    assert_eq!((&made["files"], &made["bytes"]), (&files.len().into(), &bytes.into()));
    // What is a drawing is shown without what could act in it, so it has another name.
    let held = blobs(&case.at("mirror/assets"));
    for name in files.keys().filter_map(|path| path.strip_prefix("assets/")).filter(|name| !name.ends_with(".svg")) {
        assert_eq!(Some(&files[&format!("assets/{name}")]), held.get(name), "{name}");
    }
    assert_eq!(made["pictures"], files.keys().filter(|path| path.starts_with("assets/")).count());
}

#[test]
fn the_index_tells_title_author_date_and_shows_the_cover() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write(
        "in/b.md",
        "---\ntitle: A <day> & a night\nauthor: Mira\ndate: 2021-06-30\nheadimg: http://p.example/c.png\n---\nText.\n",
    );
    case.write("in/a.html", "<title>Alone</title><p>No picture.");
    sync(&case, &origin);
    case.run(0, &["bundle", "--format=dir", "--to=site", "--title=Two & more"]).stdout_has("site/index.html");
    let files = files(&case.at("site"));
    assert_whole(&files);
    let index = &files["index.html"];
    assert_eq!(attributes(index, "ol a", "href"), ["pages/a.html", "pages/b.html"]);
    let cover = format!("assets/{}", pictures::name_for_url("http://p.example/c.png"));
    assert_eq!(attributes(index, "ol img", "src"), [cover]);
    let text = String::from_utf8_lossy(index);
    for told in ["Two &amp; more", "A &lt;day&gt; &amp; a night", "Mira · 2021-06-30", ">Alone<", "2 articles"] {
        assert!(text.contains(told), "{told} in {text}");
    }
    assert_eq!(attributes(&files["pages/b.html"], "nav a", "href"), ["../index.html"]);
}

#[test]
fn a_long_index_goes_on_over_pages() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for number in 0..401 {
        case.write(format!("in/{number:03}.html"), format!("<title>{number}</title>"));
    }
    sync(&case, &origin);
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]).is_silent();
    let files = files(&case.at("site"));
    assert_whole(&files);
    let listed = |page: &str| attributes(&files[page], "ol a", "href").len();
    assert_eq!(["index.html", "index-2.html", "index-3.html"].map(listed), [200, 200, 1]);
    assert_eq!(attributes(&files["pages/400.html"], "nav a", "href"), ["../index-3.html"]);
    assert!(files.values().all(|file| !file.windows(7).any(|window| window == b"<script")));
}

#[test]
fn an_archive_is_the_folder_in_one_file() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    mirrored_seeds(&case, &origin);
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    let made = case.run(0, &["bundle", "--format=zip", "--to=site.zip", "--json", "--title=site", "--quiet"]).json();
    case.run(0, &["bundle", "--format=dir", "--to=site", "--title=site", "--quiet"]);
    let packed = unzipped(&case.at("site.zip"));
    assert_eq!(packed, files(&case.at("site")));
    assert_eq!((&made["files"], &made["bytes"]), (&1.into(), &case.read("site.zip").len().into()));

    let dated = case.imgmirror(&["bundle", "--format=zip", "--to=site.zip"]).env("SOURCE_DATE_EPOCH", EPOCH);
    dated.run(0);
    let mut zip = zip::ZipArchive::new(std::fs::File::open(case.at("site.zip")).unwrap()).unwrap();
    for at in 0..zip.len() {
        let entry = zip.by_index(at).unwrap();
        assert_eq!(entry.last_modified().unwrap().to_string(), "2023-11-14 22:13:20");
        let stored = entry.compression() == zip::CompressionMethod::Stored;
        assert_eq!(stored, entry.name().unwrap().starts_with("assets/"));
    }
}

#[test]
fn a_self_contained_page_has_every_picture_in_it() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    mirrored_seeds(&case, &origin);
    let ran = case.run(0, &["bundle", "--format=html", "--to=pages", "--json"]);
    ran.stderr_has("18 bundles will have");
    let made = ran.json();
    let files = files(&case.at("pages"));
    assert_eq!(
        files.keys().cloned().collect::<Vec<_>>(),
        documents().iter().map(|name| page_of(name)).collect::<Vec<_>>()
    );
    let bytes: usize = files.values().map(Vec::len).sum();
    assert_eq!((&made["bundles"], &made["files"], &made["bytes"]), (&18.into(), &18.into(), &bytes.into()));
    let held = blobs(&case.at("mirror/assets"));
    for (name, page) in &files {
        assert_eq!(attributes(page, "[srcset], link, script", "srcset"), Vec::<String>::new(), "{name}");
        for url in attributes(page, "img, image", "src") {
            let (kind, data) = url.strip_prefix("data:").and_then(|data| data.split_once(";base64,")).unwrap();
            let bytes = STANDARD.decode(data).unwrap();
            assert!(kind == "image/svg+xml" || held.values().any(|picture| *picture == bytes), "{name}: {kind}");
        }
    }
}

#[test]
fn sizes_are_known_to_the_byte_before_anything_is_written() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let srcset = "http://p.example/a.png 1x, http://p.example/b.jpg 2x";
    case.write(
        "in/a.html",
        format!("<p>日本 &amp; <a href='b.html'>b</a><img src='http://p.example/a.png' srcset='{srcset}'>"),
    );
    case.write("in/b.html", "<img src='http://p.example/c.gif'><img src='http://p.example/d.svg'>");
    sync(&case, &origin);
    case.run(0, &["bundle", "--format=html", "--to=pages", "--quiet"]).is_silent();
    let largest = ["a", "b"].map(|name| case.read(format!("pages/{name}.html")).len()).into_iter().max().unwrap();
    let limited = |limit: usize, code| {
        let limit = limit.to_string();
        case.run(code, &["bundle", "--format=html", "--to=limited", "--quiet", "--max-bundle-size", &limit])
    };
    limited(largest, 0).is_silent();
    std::fs::remove_dir_all(case.at("limited")).unwrap();
    limited(largest - 1, 1).stderr_has("1 of 2 bundles").stderr_has("--format dir");
    assert!(!case.exists("limited"));
    assert_eq!(attributes(&case.read("pages/a.html"), "main p a", "href"), ["b.html"]);

    let made = case.run(0, &["bundle", "--format=dir", "--to=site", "--json", "--quiet"]).json();
    let limit = |bytes: u64| format!("--max-bundle-size={bytes}");
    let bytes = made["bytes"].as_u64().unwrap();
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet", &limit(bytes)]);
    case.run(1, &["bundle", "--format=dir", "--to=site", &limit(bytes - 1)]).stderr_has("the bundle would be larger");
}

#[test]
fn one_document_can_be_one_file() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'><a href='b.html'>b</a>");
    sync(&case, &origin);
    let ran = case.run(0, &["bundle", "--format=html", "--to=alone.html"]);
    ran.stderr_has("alone.html will have").stdout_has("open alone.html in a browser");
    assert!(case.text("alone.html").contains("src=\"data:image/png;base64,"));
    case.write("in/b.html", "text");
    sync(&case, &origin);
    case.run(1, &["bundle", "--format=html", "--to=alone.html"]).stderr_has("holds one document, and there are 2");
    assert!(case.text("alone.html").contains("src=\"data:image/png;base64,"), "it stays");
}

#[test]
fn each_document_can_have_a_bundle_of_its_own() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<title>One</title><img src='http://p.example/a.png'><a href='sub/b.md'>b</a>");
    case.write("in/sub/b.md", "![](http://p.example/a.png) ![](http://p.example/b.png)");
    sync(&case, &origin);
    let made = case.run(0, &["bundle", "--format=dir", "--to=each", "--per-document", "--json", "--quiet"]).json();
    assert_eq!((&made["bundles"], &made["documents"], &made["pictures"]), (&2.into(), &2.into(), &2.into()));
    for (folder, pictures) in [("each/a", 1), ("each/sub/b", 2)] {
        let files = files(&case.at(folder));
        assert_whole(&files);
        assert_eq!(files.keys().filter(|path| path.starts_with("assets/")).count(), pictures, "{folder}");
    }
    assert!(case.text("each/a/index.html").contains("<h1>One</h1>"), "it is called what the document is");
    case.run(0, &["bundle", "--format=zip", "--to=each", "--per-document", "--quiet"]);
    assert_eq!(names(&case.at("each")), ["a", "a.zip", "sub"]);
    assert_whole(&unzipped(&case.at("each/sub/b.zip")));
    case.run(0, &["bundle", "--format=html", "--to=pages", "--quiet"]);
    assert_eq!(attributes(&case.read("pages/a.html"), "main a", "href"), ["sub/b.html"]);
    for (format, made) in [("epub", "sub/b.epub"), ("wacz", "sub/b.wacz")] {
        case.run(0, &["bundle", "--format", format, "--to=others", "--per-document", "--quiet"]);
        assert!(!unzipped(&case.at("others").join(made)).is_empty());
    }
}

#[test]
fn a_picture_that_is_missing_is_told_of() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        _ => Answer::picture(asked),
    });
    case.write("in/a.html", "<img src='http://p.example/a.png'><img src='http://p.example/gone.png' alt='A boat'>");
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(3);
    for (format, to) in FORMATS {
        let ran = case.run(3, &["bundle", "--format", format, "--to", to]);
        ran.stdout_has("1 picture is missing").stdout_has("imgmirror check");
    }
    let made = case.run(3, &["bundle", "--format=dir", "--to=site", "--json"]).json();
    assert_eq!((&made["missing"], &made["pictures"]), (&1.into(), &1.into()));
    let files = files(&case.at("site"));
    assert_whole(&files);
    let page = String::from_utf8_lossy(&files["pages/a.html"]);
    for told in ["A boat", "http://p.example/gone.png", "gone (its server no longer has it)"] {
        assert!(page.contains(told), "{told} in {page}");
    }
}

#[test]
fn formats_can_be_dated_and_are_not_by_nonsense() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    sync(&case, &origin);
    for nonsense in [" ", "yesterday", "1.5", "-1"] {
        let run = case.imgmirror(&["bundle", "--format=dir", "--to=site"]).env("SOURCE_DATE_EPOCH", nonsense);
        run.run(2).stderr_has("SOURCE_DATE_EPOCH");
        assert!(!case.exists("site"));
    }
    case.imgmirror(&["bundle", "--format=dir", "--to=site", "--quiet"]).env("SOURCE_DATE_EPOCH", EPOCH).run(0);
    for path in files(&case.at("site")).keys() {
        let written = case.at("site").join(path).metadata().unwrap().modified().unwrap();
        let seconds = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(seconds.to_string(), EPOCH, "{path}");
    }
}
