//! The same input gives the same bytes.

use super::{EPOCH, FORMATS, files, mirrored_seeds};
use crate::support::{Case, Origin};

#[test]
fn two_mirrors_of_the_same_documents_give_the_same_bundles() {
    let bundled = || {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        mirrored_seeds(&case, &origin);
        // A web archive tells when each picture was captured, and so differs.
        for (format, to) in FORMATS.into_iter().filter(|(format, _)| *format != "wacz") {
            let run = case.imgmirror(&["bundle", "--format", format, "--to", to, "--quiet"]);
            run.env("SOURCE_DATE_EPOCH", EPOCH).run(0);
        }
        files(&case.at("out"))
    };
    let (first, second) = (bundled(), bundled());
    assert!(first.len() > 100);
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (path, bytes) in &first {
        assert!(second[path] == *bytes, "{path} differs");
    }
}

#[test]
fn one_mirror_gives_the_same_bundles_again_without_being_told_a_date() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    mirrored_seeds(&case, &origin);
    let bundled = || {
        for (format, to) in FORMATS {
            case.run(0, &["bundle", "--format", format, "--to", to, "--quiet"]);
        }
        let files = files(&case.at("out"));
        std::fs::remove_dir_all(case.at("out")).unwrap();
        files
    };
    let (first, second) = (bundled(), bundled());
    assert!(first.contains_key("site.wacz") && first.contains_key("site.epub"));
    for (path, bytes) in &first {
        assert!(second[path] == *bytes, "{path} differs");
    }
}
