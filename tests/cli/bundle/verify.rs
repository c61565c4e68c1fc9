//! `bundle --verify`: what was made is proven, what was changed is not.

use std::fs;

use super::{FORMATS, sync, unzipped};
use crate::support::{Answer, Case, Origin};

const ARTICLE: &str = "<title>One</title><h1>One</h1><p>text <a href='two.html'>two</a></p>\
    <img src='http://p.example/a.png'><img src='http://p.example/same.png'><img src='http://p.example/drawing.svg'>\
    <img src=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'%3E%3Ccircle r='4'/%3E%3C/svg%3E\">";

const DRAWING: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 9 9'><rect width='9' height='9'/></svg>";

/// A mirror of two documents with three pictures and two drawings; two URLs have the same bytes.
pub fn mirror() -> (Case, Origin) {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/drawing.svg" => Answer::ok(DRAWING),
        "/a.png" | "/same.png" => Answer::ok(crate::support::pictures::png("same")),
        _ => Answer::picture(asked),
    });
    case.write("in/one.html", ARTICLE).write("in/two.html", "<title>Two</title><img src='http://p.example/b.jpg'>");
    sync(&case, &origin);
    (case, origin)
}

#[test]
fn a_bundle_of_every_format_is_proven_and_one_that_was_changed_is_not() {
    let (case, _origin) = mirror();
    for (format, to) in FORMATS {
        case.run(0, &["bundle", "--quiet", "--format", format, "--to", to]);
        case.run(0, &["bundle", "--verify", to, "--quiet"]).is_silent();
        case.run(0, &["bundle", "--verify", to]).stdout_has("Proven").stdout_has(to);
        let proof = case.run(0, &["bundle", "--verify", to, "--json"]).json();
        assert_eq!((&proof["verdict"], &proof["path"]), (&"proven".into(), &to.into()));
        assert_eq!((&proof["counts"], &proof["findings"]), (&serde_json::json!({}), &serde_json::json!([])));
        assert!(proof["pages"].as_u64() >= Some(2), "{proof}");
    }
    let page = case.text("out/site/pages/one.html").replace("</body>", "<img src=\"http://out.example/\"></body>");
    case.write("out/site/pages/one.html", &page);
    let refuted = case.run(5, &["bundle", "--verify", "out/site", "--quiet"]);
    refuted.stdout_has("Not proven: 2 findings").stdout_has("pages/one.html: <img> http://out.example/");
    let proof = case.run(5, &["bundle", "--verify", "out/site", "--json"]).json();
    assert_eq!(proof["verdict"], "refuted");
    assert_eq!(proof["counts"], serde_json::json!({"remote": 1, "digest-wrong": 1}));
    let remote = serde_json::json!({"kind": "remote", "file": "pages/one.html", "what": "<img> http://out.example/"});
    assert!(proof["findings"].as_array().unwrap().contains(&remote), "{proof}");

    // Pages that have everything in them, each a bundle: the folder is one of bundles.
    assert_eq!(case.run(0, &["bundle", "--verify", "out/pages", "--json"]).json()["bundles"], 2);
    let page = case.text("out/pages/two.html").replace("<body", "<body onload=\"a()\"");
    case.write("out/pages/two.html", &page);
    case.run(5, &["bundle", "--verify", "out/pages"]).stdout_has("script (1)").stdout_has("two.html: <body onload");
    case.run(5, &["bundle", "--verify", "out/pages/two.html"]).stdout_has("script (1)");
}

#[test]
fn a_page_that_is_larger_than_the_limit_is_told_and_not_read() {
    let (case, _origin) = mirror();
    for (format, to) in FORMATS {
        case.run(0, &["bundle", "--quiet", "--format", format, "--to", to]);
        let refuted = case.run(5, &["bundle", "--verify", to, "--max-bundle-size=99", "--json"]).json();
        assert!(refuted["counts"]["too-large"].as_u64() >= Some(2), "{format}: {refuted}");
        case.run(0, &["bundle", "--verify", to, "--max-bundle-size=1MB"]);
    }
}

#[test]
fn what_cannot_be_read_is_no_verdict() {
    let (case, _origin) = mirror();
    case.run(0, &["bundle", "--quiet", "--format=zip", "--to=whole.zip"]);
    assert!(unzipped(&case.at("whole.zip")).len() > 4);
    let whole = case.read("whole.zip");
    case.write("half.zip", &whole[..whole.len() / 2]).write("a.txt", "text");
    fs::create_dir(case.at("empty")).unwrap();
    for (path, said) in
        [("none.zip", "none.zip"), ("half.zip", "half.zip"), ("a.txt", "is no bundle"), ("empty", "is no bundle")]
    {
        let ran = case.run(1, &["bundle", "--verify", path, "--json"]);
        ran.stderr_has(said);
        assert_eq!(ran.stdout, "");
    }
}
