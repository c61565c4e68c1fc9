//! `imgmirror sync`: the main job on sample documents, and what a second run does.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Answer, Case, Line, Mirror, Origin, assert_adds_up, lines, names, pictures, seeds, shared_seeds, with_local_copies,
    written,
};

/// Mirrors the folder `in` into `out` and holds the result to everything that is promised of it.
fn mirror_everything(case: &Case, origin: &Origin) -> Value {
    let before = lines(case, &["in"]);
    let summary = case.imgmirror(&["sync", "in", "-o", "out", "--json"]).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    let targets: BTreeSet<_> = before.iter().filter_map(|line| line.target.clone()).collect();
    let documents = names(&case.at("in"));
    assert_eq!(names(&case.at("out/documents")), documents);
    assert_eq!(summary["documents"]["written"], documents.len());
    assert_eq!(summary["references"]["total"], before.len());
    assert_eq!(summary["references"]["missing"], 0);
    assert_eq!(origin.take_urls(), Vec::from_iter(targets.clone()), "each target is asked for once");
    assert_eq!(summary["assets"]["captured"], targets.len());
    assert_eq!(summary["requests"], targets.len());

    let mirror = Mirror::at(case.at("out"));
    mirror.assert_layout();
    assert_eq!(mirror.blobs().len(), targets.len(), "every URL has a picture of its own");
    for name in documents {
        assert_nothing_else_changed(case, &name, &before);
    }
    for line in lines(case, &["out/documents"]) {
        assert_is_local(case, &line);
    }
    assert_second_run_is_idle(case, origin, &mirror);
    summary
}

/// A reference of a mirrored document names a file, or is none that could be had in the first place.
fn assert_is_local(case: &Case, line: &Line) {
    match line.skip.as_deref() {
        Some("mirrored") => {
            let path = line.raw.trim_start_matches('<').split(['#', '>']).next().unwrap();
            assert!(case.exists(Path::new(&line.document).parent().unwrap().join(path)), "{line:?}");
        }
        other => assert!(matches!(other, Some("scheme" | "local" | "template")), "{line:?}"),
    }
}

fn assert_nothing_else_changed(case: &Case, name: &str, before: &[Line]) {
    let (source, copy) = (case.read(format!("in/{name}")), case.read(format!("out/documents/{name}")));
    if source.windows(6).any(|window| window == b"<base ") {
        return; // Its base is edited too; the tests of bases look at that.
    }
    let document = format!("in/{name}");
    let found: Vec<_> = before.iter().filter(|line| line.document == document).cloned().collect();
    let expected = with_local_copies(&source, &found, "../assets/");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(copy == expected, "{name}\n{}\ninstead of\n{}", text(&copy), text(&expected));
}

/// Nothing is asked for, nothing is written, and the numbers say so.
fn assert_second_run_is_idle(case: &Case, origin: &Origin, mirror: &Mirror) {
    let (documents, assets) = (mirror.documents(), case.at("out/assets"));
    let before = (written(&documents), written(&assets));
    let summary = case.imgmirror(&["sync", "in", "-o", "out", "--json"]).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
    assert_eq!(summary["documents"]["written"], 0);
    assert_eq!(summary["documents"]["unchanged"], names(&documents).len());
    assert_eq!(summary["requests"], 0);
    assert_eq!(summary["bytes"]["received"], 0);
    assert_eq!(summary["assets"]["held"], summary["assets"]["total"]);
    assert_eq!((written(&documents), written(&assets)), before);
    mirror.assert_layout();
}

#[test]
fn the_sample_documents_are_mirrored_whole() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&seeds(), "in");
    mirror_everything(&case, &origin);
}

#[test]
fn the_five_articles_are_mirrored_whole() {
    let Some(folder) = shared_seeds() else { return };
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&folder, "in");
    let summary = mirror_everything(&case, &origin);
    assert_eq!(summary["assets"]["total"], 47);
    assert_eq!(summary["references"]["mirrored"], 101);
}

#[test]
fn the_same_over_tls() {
    let folder = shared_seeds().unwrap_or_else(seeds);
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&folder, "in");
    for name in names(&case.at("in")) {
        // Byte by byte the same, but for the scheme of these pictures: not all samples are UTF-8.
        let path = format!("in/{name}");
        let Ok(text) = String::from_utf8(case.read(&path)) else { continue };
        case.write(&path, text.replace("http://", "https://"));
    }
    mirror_everything(&case, &origin);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='https://pictures.example/a.png'>");
    let flags = origin.flags().into_iter().filter(|flag| !flag.starts_with("--cacert"));
    let summary = case.imgmirror(&["sync", "in", "--json", "--retries=0"]).args(flags).run(3).json();
    assert_eq!(summary["failures"][0]["kind"], "tls");
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

#[test]
fn a_thousand_documents_that_name_one_picture_ask_for_it_once() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for number in 0..1000 {
        case.write(format!("in/{number:03}.html"), "<p><img src='http://pictures.example/one.jpg'></p>");
    }
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    assert_eq!(origin.take_urls(), ["http://pictures.example/one.jpg"]);
    assert_eq!(summary["references"]["mirrored"], 1000);
    assert_eq!(summary["documents"]["written"], 1000);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 1);
    assert_eq!(case.read("mirror/documents/000.html"), case.read("mirror/documents/999.html"));
}

#[test]
fn spellings_of_one_url_are_one_picture() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let spellings = [
        "http://pictures.example/a.png",
        "HTTP://Pictures.EXAMPLE:80/a.png",
        "http://pictures.example/x/../a.png#part",
        "http://pictures.example/a&#46;png",
    ];
    let page: String = spellings.iter().map(|url| format!("<img src=\"{url}\">\n")).collect();
    case.write("in/a.html", page);
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!(origin.take_urls(), ["http://pictures.example/a.png"]);
    assert_eq!(summary["references"]["mirrored"], 4);
    let copy = case.text("mirror/documents/a.html");
    assert_eq!(copy.matches(".png#part").count(), 1, "a fragment stays: {copy}");
}

#[test]
fn the_same_bytes_under_two_urls_are_one_blob() {
    let case = Case::new();
    let origin = Origin::new(|_| Answer::ok(pictures::png("the same")));
    case.write("in/a.html", "<img src='http://one.example/a.png'><img src='http://two.example/b.png'>");
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    assert_eq!((&summary["assets"]["captured"], &summary["assets"]["revisited"]), (&1.into(), &1.into()));
    let blobs = Mirror::at(case.at("mirror")).blobs();
    assert_eq!(blobs.len(), 1);
    assert_eq!(summary["bytes"]["stored"], blobs.values().next().unwrap().len());
    let links = lines(&case, &["mirror/documents"]);
    assert_eq!(links[0].raw, links[1].raw);
}

#[test]
fn the_extension_is_that_of_the_bytes() {
    let case = Case::new();
    let origin = Origin::new(|_| Answer::ok(pictures::gif("really a gif")).header("Content-Type", "image/jpeg"));
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let blobs = Mirror::at(case.at("mirror")).blobs();
    assert!(blobs.keys().all(|name| name.ends_with(".gif")), "{:?}", blobs.keys());
}

#[test]
fn lazy_attributes_and_srcset_keep_their_form() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = |urls: [&str; 7]| {
        let [a, b, c, d, e, f, g] = urls;
        format!(
            "<IMG  class=lazy onclick data-original=\"{a}\" data-gif-url='{b}'\n src={c} />\n\
             <img srcset=\"{d} 1x,\n  {e}   2x, {f} 640w\" alt='a &amp; b' sizes=\"50vw\"   >\n<p>&nbsp;{g}</p>\r\n"
        )
    };
    let host = "http://pictures.example";
    let urls: [String; 6] = ["a.jpg", "b.gif", "c.jpg", "d.png", "e.png", "f.png"].map(|name| format!("{host}/{name}"));
    let text = "http://pictures.example/in-text.jpg";
    case.write("in/a.html", page([&urls[0], &urls[1], &urls[2], &urls[3], &urls[4], &urls[5], text]));
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let local: Vec<_> = lines(&case, &["mirror/documents"]).into_iter().map(|line| line.raw).collect();
    assert_eq!(local.len(), 6);
    let expected = page([&local[0], &local[1], &local[2], &local[3], &local[4], &local[5], text]);
    assert_eq!(case.text("mirror/documents/a.html"), expected);
    assert!(local[1].ends_with(".gif") && local[5].ends_with(".png"), "{local:?}");
}

#[test]
fn folders_keep_their_shape_and_links_climb_out_of_them() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = "![](http://pictures.example/a.png)\n\n<img src='http://pictures.example/b.png'>\n";
    case.write("in/top.md", page).write("in/2021/06/deep post.md", page).write("in/2021/data.json", "{}");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(names(&case.at("mirror/documents")), ["2021", "top.md"]);
    assert_eq!(names(&case.at("mirror/documents/2021")), ["06"], "what is no document is not copied");
    for line in lines(&case, &["mirror/documents"]) {
        let folder = Path::new(&line.document).parent().unwrap();
        assert!(case.exists(folder.join(&line.raw)), "{line:?}");
    }
}

#[test]
fn several_inputs_keep_their_own_names_in_front() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = "<img src='http://pictures.example/a.png'>";
    case.write("one/a.html", page).write("two/a.html", page).write("alone.html", page);
    case.imgmirror(&["sync", "one", "two", "alone.html"]).args(origin.flags()).run(0);
    assert_eq!(names(&case.at("mirror/documents")), ["alone.html", "one", "two"]);
    assert!(case.exists("mirror/documents/two/a.html"));
}

#[test]
fn an_edited_document_is_taken_up_and_a_deleted_copy_comes_back() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>").write("in/b.html", "<p>none</p>");
    let sync = || case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    sync();
    origin.take_log();
    case.write(
        "in/a.html",
        "<h1>New</h1><img src='http://pictures.example/a.png'><img src='http://new.example/n.png'>",
    );
    std::fs::remove_file(case.at("mirror/documents/b.html")).unwrap();
    let summary = sync();
    assert_eq!(summary["documents"]["written"], 2);
    assert_eq!(origin.take_urls(), ["http://new.example/n.png"]);
    assert_eq!(lines(&case, &["mirror/documents/a.html"]).len(), 2);
    assert_eq!(case.text("mirror/documents/b.html"), "<p>none</p>");
}
