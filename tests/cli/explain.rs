//! `imgmirror explain`, and the demonstration.

use crate::support::{Answer, Case, Mirror, Origin, assert_adds_up, lines, names};

#[test]
fn a_url_is_peeled_step_by_step() {
    let case = Case::new();
    let url = "https://corsproxy.io/?url=https%3A%2F%2Fcors.zfour.workers.dev%2F%3Fhttp%3A%2F%2Fp.example%2Fa.jpg";
    let ran = case.run(0, &["explain", url]);
    let expected = "https://corsproxy.io/?url=https%3A%2F%2Fcors.zfour.workers.dev%2F%3Fhttp%3A%2F%2Fp.example%2Fa.jpg
  1. corsproxy.io
     → https://cors.zfour.workers.dev/?http://p.example/a.jpg
  2. cloudflare-cors-anywhere
     → http://p.example/a.jpg

target   http://p.example/a.jpg
source 1 http://p.example/a.jpg
source 2 https://corsproxy.io/?url=https%3A%2F%2Fcors.zfour.workers.dev%2F%3Fhttp%3A%2F%2Fp.example%2Fa.jpg
source 3 https://cors.zfour.workers.dev/?http://p.example/a.jpg
";
    assert_eq!(ran.stdout, expected);
    case.run(0, &["explain", "https://p.example/a.jpg"]).stdout_has("no rule applies");
    let rule = "--proxy-rule=https://relay.example/?u=";
    let ran = case.run(0, &["explain", rule, "https://relay.example/?u=https%3A%2F%2Fp.example%2Fa.jpg"]);
    ran.stdout_has("target   https://p.example/a.jpg");
    assert_eq!(names(&case.root()), Vec::<String>::new());
}

#[test]
fn the_rules_are_listed_with_examples_that_they_peel() {
    let case = Case::new();
    let ran = case.run(0, &["explain", "--rules"]);
    let examples: Vec<_> = ran.stdout.split_whitespace().filter(|word| word.contains("://")).collect();
    assert!(examples.len() > 10, "{}", ran.stdout);
    case.write("urls.txt", examples.iter().map(|url| format!("<img src=\"{url}\">\n")).collect::<String>());
    for line in lines(&case, &["urls.txt"]) {
        assert!(!line.proxies.is_empty(), "{line:?}");
    }
}

#[test]
fn a_document_is_explained_before_and_after_its_run() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/good.png" => Answer::picture(asked),
        _ => Answer::status(404),
    });
    case.write(
        "in/a.html",
        "<img src='http://p.example/good.png'><img src='http://p.example/bad.png'><img src='x.png'>",
    );
    let ran = case.run(0, &["explain", "in/a.html"]);
    ran.stdout_has("http://p.example/good.png").stdout_has("skipped (relative)");
    assert_eq!(names(&case.root()), ["in"]);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(3);
    let ran = case.run(3, &["explain", "in/a.html"]);
    let blob = Mirror::at(case.at("mirror")).blobs().into_keys().next().unwrap();
    ran.stdout_has(&blob).stdout_has("missing (gone)").stdout_has("3 references, 1 missing");
    case.run(1, &["explain", "nowhere.html"]).stderr_has("nowhere.html");
}

#[test]
fn the_demonstration_runs_anywhere_twice() {
    let case = Case::new();
    let demo = |flags: &[&str]| {
        let ran = case.run(0, &[&["demo", "--json"], flags].concat());
        assert_adds_up(&ran.json());
        ran.json()
    };
    let summary = demo(&[]);
    assert!(summary["assets"]["captured"].as_u64().unwrap() > 100, "{summary}");
    assert_eq!(names(&case.root()), ["mirror"]);
    let again = demo(&[]);
    assert_eq!((&again["requests"], &again["documents"]["written"]), (&0.into(), &0.into()));
    assert_eq!(demo(&["-o", "kept/here"])["assets"], summary["assets"]);
    Mirror::at(case.at("kept/here")).assert_layout();
    let local = lines(&case, &["mirror/documents"]);
    assert!(local.iter().all(|line| line.target.is_none()), "nothing remote is left");
}

#[test]
fn the_demonstration_shows_what_could_have_been_typed() {
    let case = Case::new();
    let ran = case.run(0, &["demo"]);
    ran.stderr_has("imgmirror sync").stderr_has("--connect-to").stdout_has("Every picture is here.");
    case.run(0, &["demo", "--quiet"]).is_silent();
}
