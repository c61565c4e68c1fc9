//! The same input gives the same bytes.

use super::{EPOCH, files, mirrored_seeds};
use crate::support::{Case, Origin};

#[test]
fn two_mirrors_of_the_same_documents_give_the_same_bundles() {
    let bundled = || {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        mirrored_seeds(&case, &origin);
        for (format, to) in [("dir", "out/site"), ("zip", "out/site.zip"), ("html", "out/pages")] {
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
fn one_mirror_gives_the_same_bundle_again_without_being_told_a_date() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>").write("in/b.md", "![](http://p.example/b.jpg)");
    super::sync(&case, &origin);
    for to in ["1.zip", "2.zip"] {
        case.run(0, &["bundle", "--format=zip", "--title=T", "--quiet", "--to", to]);
    }
    assert!(case.read("1.zip") == case.read("2.zip"));
}
