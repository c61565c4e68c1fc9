//! What is bundled: a mirror, an input that is mirrored first, a site that was edited in place.

use super::{assert_whole, files, sync};
use crate::support::{Case, Origin, names};

fn pages(case: &Case) -> Vec<String> {
    let files = files(&case.at("site"));
    assert_whole(&files);
    files.keys().filter_map(|path| path.strip_prefix("pages/").map(str::to_owned)).collect()
}

#[test]
fn an_input_is_mirrored_first_and_bundled_alone() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    sync(&case, &origin);
    case.write("more/b.html", "<img src='http://p.example/b.png'>");
    let bundle = ["bundle", "more", "--format=dir", "--to=site"];
    let ran = case.imgmirror(&bundle).args(origin.flags()).run(0);
    ran.stdout_has("Every picture is here.").stdout_has("Every picture is in it.");
    assert_eq!(pages(&case), ["b.html"]);
    let ran = case.imgmirror(&bundle).args(origin.flags()).args(["--json"]).run(0);
    assert_eq!((&ran.json()["documents"], &ran.json()["pictures"]), (&1.into(), &1.into()));
    case.imgmirror(&bundle).args(origin.flags()).args(["--quiet"]).run(0).is_silent();
    case.run(0, &["bundle", "--format=dir", "--to=site", "--quiet"]);
    assert_eq!(pages(&case), ["a.html", "b.html"], "without an input it is the whole mirror");
}

#[test]
fn inputs_that_cannot_be_mirrored_are_not_bundled() {
    let (case, origin) = (Case::new(), Origin::new(|_| crate::support::Answer::status(404)));
    case.run(1, &["bundle", "nowhere", "--format=dir", "--to=site"]).stderr_has("nowhere");
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    assert_eq!(names(&case.root()), ["in"]);
    case.imgmirror(&["bundle", "in", "--format=dir", "--to=site", "--quiet"]).args(origin.flags()).run(3);
    assert_eq!(pages(&case), ["a.html"], "what is missing has a placeholder");
}

#[test]
fn paths_from_standard_input_are_bundled() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>").write("in/b.html", "<p>");
    let run = case.imgmirror(&["bundle", "-", "--format=dir", "--to=site", "--quiet"]).args(origin.flags());
    run.stdin("in/a.html\n").run(0);
    assert_eq!(pages(&case), ["a.html"]);
}

#[test]
fn a_site_that_was_edited_in_place_is_bundled_from_where_it_is() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write(
        "source/_posts/a.md",
        "---\ntitle: A\ncover: http://p.example/c.png\n---\n![](http://p.example/a.png)\n",
    );
    case.write("source/_posts/2021/b.html", "<img src='http://p.example/b.png'><a href='../a.md'>a</a>");
    let place = ["--in-place", "--assets=source/images", "--link-base=/images/", "--yes", "-o", ".mirror"];
    let run = case.imgmirror(&["bundle", "source/_posts", "--format=dir", "--to=site", "--json", "--quiet"]);
    let made = run.args(place).args(origin.flags()).run(0).json();
    assert_eq!((&made["documents"], &made["pictures"], &made["missing"]), (&2.into(), &3.into(), &0.into()));
    assert_eq!(pages(&case), ["2021/b.html", "a.html"]);
    assert!(case.text("source/_posts/a.md").contains("/images/"));
    std::fs::remove_dir_all(case.at("site")).unwrap();
    case.run(0, &["bundle", "-o", ".mirror", "--format=dir", "--to=site", "--quiet"]);
    assert_eq!(pages(&case), ["2021/b.html", "a.html"]);
    case.run(1, &["bundle", "-o", ".mirror", "--format=dir", "--to=source/images/x"]).stderr_has("source/images");
}
