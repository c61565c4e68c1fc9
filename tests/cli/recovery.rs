//! What is lost for a while, or for good, beside a mirror that is whole: its pictures' disk, its catalog, its origins.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::support::{Answer, Case, Mirror, Origin, names, pictures, written};

const PAGE: &str = "<p>Text &amp; more</p><img src='http://p.example/a.png' alt='http://p.example/a.png'>
<img srcset='http://p.example/b.png 1x, https://cors.zfour.workers.dev/?http://p.example/c.png 2x'>\n";
const BASED: &str = "<html><head><base href='http://p.example/posts/'></head><body><a href='next.html'>on</a>\
    <img src='../b.png'><img src=d.png></body></html>\n";
const POST: &str = "---\nheadimg: http://p.example/h.jpg\n---\n\n![one](http://p.example/a.png \"title\")\n";

/// A mirror of several documents, whose pictures cannot be had a second time.
fn mirrored(flags: &[&str]) -> (Case, Origin) {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE).write("in/sub/b.html", BASED).write("in/c.md", POST);
    case.imgmirror(&[&["sync", "in"], flags].concat()).args(origin.flags()).run(0);
    origin.answers(|_| Answer::status(404));
    (case, origin)
}

fn documents(case: &Case) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = written(&case.at("mirror/documents")).into_keys();
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn lose_catalog(case: &Case) {
    for name in names(&case.at("mirror")).iter().filter(|name| name.starts_with("catalog.sqlite")) {
        fs::remove_file(case.at("mirror").join(name)).unwrap();
    }
}

#[test]
fn pictures_that_are_not_mounted_are_not_taken_for_lost() {
    let (case, origin) = mirrored(&[]);
    let before = (documents(&case), written(&case.at("mirror/documents")));
    fs::rename(case.at("mirror/assets"), case.at("away")).unwrap();
    for empty in [false, true] {
        if empty {
            fs::create_dir(case.at("mirror/assets")).unwrap();
        }
        for flags in [&["sync", "in", "--offline"][..], &["sync", "in"], &["sync", "in", "--dry-run"]] {
            let ran = case.imgmirror(flags).args(origin.flags()).run(1);
            ran.stderr_has("mirror/assets").stderr_has("mount it").stderr_has("--refresh");
        }
        assert_eq!((documents(&case), written(&case.at("mirror/documents"))), before);
    }
    fs::remove_dir(case.at("mirror/assets")).unwrap();
    fs::rename(case.at("away"), case.at("mirror/assets")).unwrap();
    case.run(0, &["sync", "in", "--offline"]);
    assert_eq!((documents(&case), written(&case.at("mirror/documents"))), before);
}

#[test]
fn a_picture_that_is_back_is_shown_again_without_being_asked_for() {
    let (case, _origin) = mirrored(&[]);
    let before = documents(&case);
    let blob = case.at("mirror/assets").join(pictures::name_for_url("http://p.example/a.png"));
    fs::rename(&blob, case.at("away")).unwrap();
    case.run(3, &["sync", "in", "--offline"]);
    assert_ne!(documents(&case), before);
    fs::rename(case.at("away"), &blob).unwrap();
    case.run(0, &["sync", "in", "--offline"]);
    assert_eq!(documents(&case), before);
    case.run(0, &["check"]);
}

#[test]
fn pictures_that_are_lost_for_good_are_fetched_again_by_a_refresh() {
    let (case, origin) = mirrored(&[]);
    let (before, blobs) = (documents(&case), Mirror::at(case.at("mirror")).blobs());
    fs::remove_dir_all(case.at("mirror/assets")).unwrap();
    origin.answers(Answer::picture);
    case.imgmirror(&["sync", "in", "--refresh"]).args(origin.flags()).run(0);
    assert_eq!((documents(&case), Mirror::at(case.at("mirror")).blobs()), (before, blobs));
}

#[test]
fn a_lost_catalog_costs_no_document_its_pictures() {
    for rebuild in [false, true] {
        for flags in [&[][..], &["--link-base=/i/"]] {
            let (case, origin) = mirrored(flags);
            let (before, blobs) = (documents(&case), Mirror::at(case.at("mirror")).blobs());
            lose_catalog(&case);
            if rebuild {
                case.run(0, &["check", "--rebuild"]);
            }
            case.run(0, &[&["sync", "in", "--offline"], flags].concat());
            assert_eq!(documents(&case), before, "rebuild: {rebuild}, {flags:?}");
            // Nor does any later run, or one that asks a server that has them no more.
            case.imgmirror(&[&["sync", "in", "--refresh", "--retries=0"], flags].concat()).args(origin.flags()).run(0);
            case.run(0, &["prune"]);
            assert_eq!((documents(&case), Mirror::at(case.at("mirror")).blobs()), (before, blobs), "{flags:?}");
            case.run(0, &["check"]);
            let exported = case.run(0, &["export"]).stdout;
            assert!(exported.contains("recovered"), "{exported}");
        }
    }
}

#[test]
fn a_copy_that_is_not_of_this_source_tells_nothing() {
    let (case, _origin) = mirrored(&[]);
    lose_catalog(&case);
    let copy = case.text("mirror/documents/c.md");
    case.write("mirror/documents/c.md", copy.replace("title", "another"));
    // Links that lead to a file which is not what its name says tell nothing either.
    let corrupt = format!("mirror/assets/{}", pictures::name_for_url("http://p.example/b.png"));
    case.write(&corrupt, "no picture");
    case.run(3, &["sync", "in", "--offline"]);
    let page = case.text("mirror/documents/a.html");
    assert!(page.contains("http://p.example/b.png 1x") && page.contains("assets/"), "{page}");
    let post = case.text("mirror/documents/c.md");
    // The picture that another copy shows is known by that one.
    assert!(post.contains("headimg: http://p.example/h.jpg") && post.contains("../assets/"), "{post}");
}

#[test]
fn a_lost_catalog_leaves_documents_that_were_edited_in_place_alone() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.html", PAGE).write("posts/c.md", POST);
    let sync = ["sync", "posts", "--in-place", "--assets=site/i", "--yes"];
    case.imgmirror(&sync).args(origin.flags()).run(0);
    let before = (written(&case.at("posts")), case.read("posts/a.html"), case.read("posts/c.md"));
    lose_catalog(&case);
    case.imgmirror(&sync).args(["--offline"]).run(0);
    assert_eq!((written(&case.at("posts")), case.read("posts/a.html"), case.read("posts/c.md")), before);
}

#[test]
fn a_source_that_is_gone_when_the_catalog_is_rebuilt_keeps_its_copy_and_blocks_nothing() {
    let (case, _origin) = mirrored(&[]);
    let blobs = Mirror::at(case.at("mirror")).blobs();
    lose_catalog(&case);
    case.run(0, &["check", "--rebuild"]);
    fs::remove_file(case.at("in/c.md")).unwrap();
    case.run(0, &["sync", "in", "--offline"]);
    case.run(0, &["prune"]).stdout_has("since the catalog was rebuilt").stdout_has("c.md");
    assert_eq!(Mirror::at(case.at("mirror")).blobs(), blobs);
    assert!(case.exists("mirror/documents/c.md"));
    // Whoever deletes the copy has said what is to become of it.
    fs::remove_file(case.at("mirror/documents/c.md")).unwrap();
    let plan = case.run(0, &["prune", "--json"]).json();
    assert_eq!((&plan["unclaimed"]["count"], &plan["removed"]["count"]), (&0.into(), &1.into()));
    assert!(!Mirror::at(case.at("mirror")).blobs().contains_key(&pictures::name_for_url("http://p.example/h.jpg")));
}

#[test]
fn an_input_that_was_a_file_and_is_deleted_is_gone() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = |picture: &str| format!("<img src='http://p.example/{picture}'>");
    case.write("in/a.html", page("a.png")).write("in/b.html", page("b.png")).write("alone/c.html", page("c.png"));
    case.imgmirror(&["sync", "in/a.html", "in/b.html", "alone/c.html"]).args(origin.flags()).run(0);
    fs::remove_file(case.at("in/a.html")).unwrap();
    let plan = case.run(0, &["prune", "--json"]).json();
    assert_eq!((&plan["copies"]["count"], &plan["removed"]["count"]), (&1.into(), &1.into()));
    case.run(0, &["prune"]);
    // Nothing is left beside this one: it may be its disk that is gone.
    fs::remove_file(case.at("alone/c.html")).unwrap();
    case.run(1, &["prune"]).stderr_has("alone/c.html").stderr_has("--forget-input");
    case.run(0, &["prune", "--yes", "--forget-input=alone/c.html"]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 1);
}

#[test]
fn documents_of_a_folder_that_is_empty_now_are_not_released() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = |picture: &str| format!("<img src='http://p.example/{picture}'>");
    case.write("in/a.html", page("a.png")).write("in/disk/x/b.html", page("b.png"));
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    fs::rename(case.at("in/disk/x"), case.at("away")).unwrap();
    let ran = case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    ran.stderr_has("in/disk is empty").stderr_has("is its disk mounted?");
    let plan = case.run(0, &["prune", "--json"]).json();
    assert_eq!((&plan["copies"]["count"], &plan["removed"]["count"]), (&0.into(), &0.into()));
    // Without the folder there is nothing that a disk could be mounted at.
    fs::remove_dir(case.at("in/disk")).unwrap();
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let plan = case.run(0, &["prune", "--json"]).json();
    assert_eq!((&plan["copies"]["count"], &plan["removed"]["count"]), (&1.into(), &1.into()));
}

#[test]
fn one_mirror_has_one_place_for_pictures() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = |picture: &str| format!("<img src='http://p.example/{picture}'>");
    case.write("one/a.html", page("a.png")).write("two/b.html", page("a.png"));
    let site = |site: &str, code: i32, flags: &[&str]| {
        let assets = format!("--assets={site}/i");
        let all = [&["sync", site, "--in-place", "--yes", &assets], flags].concat();
        case.imgmirror(&all).args(origin.flags()).run(code)
    };
    site("one", 0, &[]);
    for flags in [&[][..], &["--dry-run"]] {
        let ran = site("two", 2, flags);
        ran.stderr_has("one/i").stderr_has("two/i").stderr_has("-o");
    }
    case.imgmirror(&["sync", "two"]).args(origin.flags()).run(2).stderr_has("one/i");
    assert_eq!(case.text("two/b.html"), page("a.png"));
    assert!(!case.exists("two/i") && !case.exists("mirror/documents"));
    case.run(0, &["check"]);
    site("two", 0, &["-o=other"]);
    // Where no document names a picture of the one place any more, the other may take over; so may a site that moved.
    case.run(0, &["restore"]);
    case.imgmirror(&["sync", "two"]).args(origin.flags()).run(1).stderr_has("--refresh");
    case.imgmirror(&["sync", "two", "--refresh"]).args(origin.flags()).run(0);
    fs::rename(case.at("two"), case.at("moved")).unwrap();
    case.imgmirror(&["sync", "moved", "--in-place", "--yes", "--assets=moved/i", "-o=other"])
        .args(origin.flags())
        .run(0);
}
