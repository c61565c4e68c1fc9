use std::fs;

use super::tools::run;
use super::{bundle, mirror};
use crate::support::{Case, Origin, seeds, shared_seeds};

/// epubcheck's verdict with warnings as errors: nothing to tell.
fn checked(book: &std::path::Path) {
    let said = run("epubcheck", &[book.as_os_str()]);
    assert!(!said.contains("ERROR") && !said.contains("WARNING"), "{said}");
}

#[test]
fn a_book_of_every_picture_and_of_hostile_names_passes_epubcheck() {
    let (case, _origin) = mirror();
    let book = bundle(&case, "epub", "out/all.epub");
    checked(&book);
    let again = bundle(&case, "epub", "out/again.epub");
    assert!(fs::read(&book).unwrap() == fs::read(again).unwrap(), "the same mirror gives the same bytes");
}

#[test]
fn a_book_of_the_sample_documents_passes_epubcheck() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&seeds(), "in");
    if let Some(shared) = shared_seeds() {
        case.copy(&shared, "in/shared");
    }
    case.imgmirror(&["sync", "in", "--retries=0"]).args(origin.flags()).run(0);
    let to = case.at("all.epub");
    case.imgmirror(&["bundle", "--format=epub", "--to=all.epub"]).run(0);
    checked(&to);
}
