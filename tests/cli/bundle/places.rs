//! Where bundles go: what they replace, what they leave alone, and what is there when a run ends early.

use super::{FORMATS, assert_whole, attributes, files, sync};
use crate::support::{Case, Origin, names, written};

/// A mirror of one document with one picture.
fn mirrored() -> (Case, Origin) {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<title>First</title><img src='http://p.example/a.png'>");
    sync(&case, &origin);
    (case, origin)
}

#[test]
fn a_newer_bundle_replaces_an_older_one() {
    let (case, origin) = mirrored();
    for (format, to) in [("dir", "site"), ("zip", "site.zip"), ("html", "page.html")] {
        case.run(0, &["bundle", "--format", format, "--to", to, "--quiet"]);
    }
    let before = case.read("site.zip");
    case.write("in/a.html", "<title>Second</title><img src='http://p.example/b.png'>");
    sync(&case, &origin);
    for (format, to) in [("dir", "site"), ("zip", "site.zip"), ("html", "page.html")] {
        case.run(0, &["bundle", "--format", format, "--to", to, "--quiet"]);
    }
    let files = files(&case.at("site"));
    assert_whole(&files);
    assert_eq!(files.keys().filter(|path| path.starts_with("assets/")).count(), 1, "nothing is left of the first");
    assert!(case.read("site.zip") != before && case.text("page.html").contains("Second"));
    assert_eq!(names(&case.root()), ["in", "mirror", "page.html", "site", "site.zip"]);
}

#[test]
fn what_is_not_a_bundle_is_not_replaced() {
    let (case, _origin) = mirrored();
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    case.write("site/notes.txt", "mine").write("other/index.html", "<p>mine").write("file", "mine");
    std::fs::create_dir(case.at("empty")).unwrap();
    let before = written(&case.root());
    let table = [
        ("dir", "site", "notes.txt in it is not of the bundle"),
        ("dir", "other", "neither empty nor a bundle"),
        ("dir", "file", "is a file, and the bundle is a folder"),
        ("zip", "site", "is a folder, and the bundle is a file"),
        ("zip", "file/in/it.zip", "file"),
    ];
    for (format, to, told) in table {
        case.run(1, &["bundle", "--format", format, "--to", to]).stderr_has(told);
    }
    assert_eq!(written(&case.root()), before);
    case.run(0, &["bundle", "--format=dir", "--to=empty", "--quiet"]);
    assert_whole(&files(&case.at("empty")));
}

#[test]
fn neither_the_mirror_nor_what_it_is_made_from_is_written_into() {
    let (case, origin) = mirrored();
    let before = written(&case.root());
    let of_the_mirror = ["mirror", "mirror/documents/x", "mirror/assets", "mirror/x.zip"];
    let of_the_input = ["in", "in/x", "./site/../in/x"];
    for (format, paths) in [
        ("dir", [&of_the_mirror[..], &of_the_input]),
        ("html", [&of_the_mirror, &of_the_input]),
        // No run takes an archive for a document.
        ("zip", [&of_the_mirror, &[]]),
    ] {
        for to in paths.concat() {
            case.run(1, &["bundle", "--format", format, "--to", to]).stderr_has("name a place outside of it");
        }
    }
    case.write("new/a.html", "<img src='http://p.example/new.png'>");
    let before = (before, origin.take_log().len());
    case.imgmirror(&["bundle", "new", "--format=dir", "--to=new/site"]).args(origin.flags()).run(1);
    assert_eq!(origin.take_log().len(), 0, "it is known before anything is fetched");
    std::fs::remove_dir_all(case.at("new")).unwrap();
    assert_eq!(written(&case.root()), before.0);
    case.run(0, &["bundle", "--format=zip", "--to=in/x.zip"]);
}

#[test]
fn what_cannot_be_bundled_is_told() {
    let case = Case::new();
    case.run(1, &["bundle", "--format=dir", "--to=site"]).stderr_has("there is no mirror");
    case.write("list", "http://p.example/a.png");
    let origin = Origin::of_pictures();
    case.imgmirror(&["sync", "--urls=list", "--quiet"]).args(origin.flags()).run(0);
    case.run(1, &["bundle", "--format=dir", "--to=site"]).stderr_has("there is no document to bundle");
    assert_eq!(names(&case.root()), ["list", "mirror"]);
}

#[test]
fn a_picture_with_other_bytes_than_its_name_says_ends_the_run() {
    let (case, _origin) = mirrored();
    let picture = files(&case.at("mirror/assets")).into_keys().next().unwrap();
    let path = case.at("mirror/assets").join(&picture);
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    for (format, to) in FORMATS {
        let ran = case.run(1, &["bundle", "--format", format, "--to", to]);
        // A web archive names it by its URL.
        ran.stderr_has(if format == "wacz" { "http://p.example/a.png" } else { &picture });
        ran.stderr_has("imgmirror check");
    }
    assert_eq!(names(&case.root()), ["in", "mirror", "out"]);
    assert_eq!(files(&case.at("out")).into_keys().collect::<Vec<_>>(), Vec::<String>::new(), "nothing, and no litter");
}

#[test]
fn a_limit_is_for_every_format() {
    let (case, _origin) = mirrored();
    for (format, _) in FORMATS {
        let told = if format == "dir" { "bundle fewer" } else { "--format dir" };
        let ran = case.run(1, &["bundle", "--format", format, "--to=x", "--max-bundle-size=1k"]);
        ran.stderr_has("larger than --max-bundle-size 1000 B").stderr_has(told).stderr_has("Nothing was written");
        case.run(0, &["bundle", "--format", format, "--to", &format!("{format}-fits"), "--max-bundle-size=1MiB"]);
    }
    assert!(!case.exists("x"));
}

#[test]
fn the_title_is_that_of_what_was_read() {
    let (case, _origin) = mirrored();
    let title = |flags: &[&str]| {
        case.run(0, &[&["bundle", "--format=dir", "--to=site", "--quiet"], flags].concat());
        attributes(&case.read("site/index.html"), "meta[name=generator]", "content").concat()
            + ": "
            + case.text("site/index.html").split_once("<title>").unwrap().1.split_once("</title>").unwrap().0
    };
    assert_eq!(title(&[]), "imgmirror: in");
    assert_eq!(title(&["--title=Mine"]), "imgmirror: Mine");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_leaves_what_was_there_and_no_half_of_it() {
    let (case, origin) = mirrored();
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    let before = files(&case.at("site"));
    for number in 0..300 {
        case.write(format!("in/{number}.html"), format!("<img src='http://p.example/{number}.png'>"));
    }
    sync(&case, &origin);
    // Killed as soon as it has begun to write.
    let mut run = case.imgmirror(&["bundle", "--format=dir", "--to=site", "--quiet"]).start();
    let begun = || names(&case.root()).iter().any(|name| name.starts_with(".imgmirror-"));
    while !begun() && !run.has_ended() {
        std::thread::yield_now();
    }
    run.kill();
    let ended = run.wait();
    if ended.code.is_none() && begun() {
        assert!(files(&case.at("site")) == before);
    }
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    let after = files(&case.at("site"));
    assert_whole(&after);
    assert_eq!(after.keys().filter(|path| path.starts_with("pages/")).count(), 301);
    assert_eq!(names(&case.root()), ["in", "mirror", "site"], "the next run clears up");
}

#[cfg(unix)]
#[test]
fn a_run_that_is_interrupted_ends_between_two_documents() {
    let (case, origin) = mirrored();
    for number in 0..300 {
        case.write(format!("in/{number}.html"), format!("<img src='http://p.example/{number}.png'>"));
    }
    sync(&case, &origin);
    let mut run = case.imgmirror(&["bundle", "--format=zip", "--to=each", "--per-document"]).start();
    let archives = || -> Vec<String> {
        let there = if case.exists("each") { names(&case.at("each")) } else { Vec::new() };
        there.into_iter().filter(|name| !name.starts_with('.')).collect()
    };
    while archives().is_empty() && !run.has_ended() {
        std::thread::yield_now();
    }
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    ran.stderr_has("interrupted");
    assert_eq!(names(&case.at("each")), archives(), "nothing unfinished");
    for name in archives() {
        assert_whole(&super::unzipped(&case.at("each").join(name)));
    }
}
