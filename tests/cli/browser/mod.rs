//! Bundles in a real browser without a network: they ask for nothing, they show every picture, and nothing complains.

mod phone_home;
mod site;

use std::path::Path;

use crate::support::{Answer, Asked, Browser, Case, Origin, Ran, Visit, every_format, pictures, seeds, shared_seeds};
use phone_home::{DRAWING, WAYS, document, markdown};
use site::Site;

/// Has a picture for every URL; drawings phone home.
fn origin() -> Origin {
    Origin::new(|asked: &Asked| match asked.path.as_str() {
        path if path.ends_with(".svg") => Answer::ok(DRAWING),
        _ => Answer::picture(asked),
    })
}

/// A page of a bundle asks for nothing that is not in the bundle, shows every picture, and stays.
#[track_caller]
fn assert_silent(url: &str, root: &str, visit: &Visit) {
    assert_eq!(visit.location, url, "{visit:?}");
    let outward: Vec<_> = visit.requests.iter().filter(|request| !request.starts_with(root)).collect();
    assert!(outward.is_empty(), "{url} asks for {outward:?}");
    assert!(visit.console.is_empty(), "{url} has in its console {:#?}", visit.console);
    assert!(visit.others.is_empty(), "{url} opens {:#?}", visit.others);
    assert!(visit.broken.is_empty(), "{url} does not show {:#?}", visit.broken);
    assert!(!visit.text.trim().is_empty(), "{url} is empty");
}

/// Opens every page below a folder from the disk.
#[track_caller]
fn assert_silent_on_disk(browser: &mut Browser, folder: &Path) -> Seen {
    let root = url::Url::from_directory_path(folder.canonicalize().unwrap()).unwrap().to_string();
    assert_silent_all(browser, folder, &root)
}

/// How much was looked at.
#[derive(Debug, Default)]
struct Seen {
    pages: u64,
    images: u64,
}

#[track_caller]
fn assert_silent_all(browser: &mut Browser, folder: &Path, root: &str) -> Seen {
    let mut seen = Seen::default();
    for page in site::pages(folder) {
        let url = url::Url::parse(root).unwrap().join(&page).unwrap().to_string();
        let visit = browser.visit(&url);
        assert_silent(&url, root, &visit);
        seen.pages += 1;
        seen.images += visit.images;
    }
    let trapped = browser.take_trapped();
    assert!(trapped.is_empty(), "{root} has opened connections: {trapped:?}");
    seen
}

/// A mirror of the documents in `in`.
fn mirror(case: &Case, origin: &Origin) -> Ran {
    let ran = case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).start().wait();
    assert!(matches!(ran.code, Some(0 | 3)), "{}", ran.stderr);
    ran
}

/// Bundles the mirror, which proves it at once.
fn bundle(case: &Case, format: &str, to: &str) {
    let ran = case.imgmirror(&["bundle", "--quiet", "--format", format, "--to", to]).start().wait();
    assert!(matches!(ran.code, Some(0 | 3)), "{format}: {}", ran.stderr);
}

#[test]
fn the_log_would_notice_a_page_that_phones_home() {
    let (case, site) = (Case::new(), Site::new());
    let mut browser = Browser::start(site.address());
    let mut deaf = Vec::new();
    for way in WAYS {
        case.write(format!("{}.html", way.name), document(way).replace("http://held.example", "."));
        let file = case.at(format!("{}.html", way.name)).canonicalize().unwrap();
        let visit = browser.visit(url::Url::from_file_path(file).unwrap().as_str());
        let trapped = browser.take_trapped();
        let out = visit.requests.iter().any(|url| url.contains("phone.example")) || !trapped.is_empty();
        if out != way.heard {
            deaf.push(format!("{}: {out} {trapped:?} {:?}", way.name, visit.requests));
        }
    }
    assert!(deaf.is_empty(), "{deaf:#?}");
}

#[test]
fn documents_that_phone_home_are_silent_in_every_format() {
    let (case, origin) = (Case::new(), origin());
    for way in WAYS {
        case.write(format!("in/ways/{}.html", way.name), document(way));
    }
    case.write("in/all.md", markdown());
    case.write("in/all.html", WAYS.iter().map(document).collect::<String>());
    case.write("in/drawing.svg", DRAWING);
    case.write("in/drawings.html", "<p>x<img src='http://held.example/a.svg'><picture><source srcset='http://held.example/b.svg 1x'><img src='http://held.example/c.png'></picture>");
    mirror(&case, &origin);
    for (format, to) in
        [("dir", "dir"), ("html", "html"), ("zip", "zip.zip"), ("epub", "book.epub"), ("wacz", "a.wacz")]
    {
        bundle(&case, format, to);
    }
    site::unpack(&case.at("zip.zip"), &case.at("zip"));
    site::unpack(&case.at("book.epub"), &case.at("epub"));
    site::assert_same(&case.at("dir"), &case.at("zip"));
    let site = Site::new();
    let mut browser = Browser::start(site.address());
    for folder in ["dir", "html", "epub"] {
        let seen = assert_silent_on_disk(&mut browser, &case.at(folder));
        assert!(seen.pages > WAYS.len() as u64 && seen.images > WAYS.len() as u64, "{folder}: {seen:?}");
    }
    site.serve(&case.at("zip"));
    assert_silent_all(&mut browser, &case.at("zip"), &site.root());
}

#[test]
fn sample_documents_show_every_picture_in_every_format() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&seeds(), "in/seeds");
    if let Some(shared) = shared_seeds() {
        case.copy(&shared, "in/shared");
    }
    for (name, picture) in every_format() {
        let file = format!("{name}.{}", pictures::extension_of(&picture));
        case.write(format!("in/formats/{file}"), picture);
        case.write(format!("in/formats/{name}.html"), format!("<h1>{name}</h1><img src='{file}' alt='a picture'>"));
    }
    mirror(&case, &origin);
    for (format, to) in
        [("dir", "dir"), ("html", "html"), ("zip", "zip.zip"), ("epub", "book.epub"), ("wacz", "a.wacz")]
    {
        bundle(&case, format, to);
    }
    site::unpack(&case.at("zip.zip"), &case.at("zip"));
    site::unpack(&case.at("book.epub"), &case.at("epub"));
    site::assert_same(&case.at("dir"), &case.at("zip"));
    let site = Site::new();
    let mut browser = Browser::start(site.address());
    for folder in ["dir", "html", "epub"] {
        let seen = assert_silent_on_disk(&mut browser, &case.at(folder));
        assert!(seen.pages >= 30 && seen.images > 100, "{folder}: {seen:?}");
    }
    site.serve(&case.at("dir"));
    assert_silent_all(&mut browser, &case.at("dir"), &site.root());
}
