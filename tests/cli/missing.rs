//! What cannot be had: how it is told, what stays in the document, and what a later run does.

use serde_json::Value;

use crate::support::{Answer, Asked, Case, Mirror, Origin, assert_adds_up, lines, names, pictures};

const PAGE: &str = "<p><img src=\"http://pictures.example/good.png\">\n\
    <IMG alt=x SRC = 'https://wsrv.nl/?url=pictures.example/bad.png&amp;w=1' >\r\n\
    <i style=\"background:url( http://pictures.example/bad.png )\">&eacute;</i>";

/// `good.png` is a picture, `bad.png` is this, and nobody else is there.
fn origin_where_bad_is(bad: Answer) -> Origin {
    Origin::new(move |asked| match (asked.host.as_str(), asked.path.as_str()) {
        ("pictures.example", "/good.png") => Answer::picture(asked),
        ("pictures.example", "/bad.png") => bad.clone(),
        _ => Answer::status(404),
    })
}

fn failure_of(summary: &Value, target: &str) -> Value {
    let failures = summary["failures"].as_array().unwrap();
    failures.iter().find(|failure| failure["target"] == target).unwrap_or_else(|| panic!("{summary}")).clone()
}

#[test]
fn each_way_to_fail_has_its_kind_and_leaves_the_reference_alone() {
    let page = |title: &str| format!("<title>{title}</title>");
    let table: [(&str, Answer); 12] = [
        ("gone", Answer::status(404)),
        ("gone", Answer::status(410)),
        ("forbidden", Answer::status(401)),
        ("forbidden", Answer::status(403)),
        ("forbidden", Answer::status(451)),
        ("throttled", Answer::status(429)),
        ("server-error", Answer::status(500)),
        ("server-error", Answer::status(503)),
        ("not-an-image", Answer::ok(page("Not found, with status 200")).header("Content-Type", "image/png")),
        ("empty", Answer::ok("")),
        ("redirects", Answer::redirect("http://pictures.example/bad.png")),
        ("truncated", Answer::ok(&pictures::png("cut")[..40])),
    ];
    for (kind, answer) in table {
        let (case, origin) = (Case::new(), origin_where_bad_is(answer.clone()));
        case.write("in/a.html", PAGE);
        let run = case.imgmirror(&["sync", "in", "--json", "--retries=1", "--backoff=1ms"]).args(origin.flags());
        let summary = run.run(3).json();
        assert_adds_up(&summary);
        let failure = failure_of(&summary, "http://pictures.example/bad.png");
        assert_eq!(failure["kind"], kind, "{answer:?}: {failure}");
        assert_eq!(failure["documents"], serde_json::json!(["a.html"]), "{failure}");
        assert_eq!((&summary["references"]["mirrored"], &summary["references"]["missing"]), (&1.into(), &2.into()));
        let (copy, local) = (case.text("mirror/documents/a.html"), lines(&case, &["mirror/documents"])[0].raw.clone());
        assert_eq!(copy, PAGE.replace("http://pictures.example/good.png", &local), "{kind}");
        Mirror::at(case.at("mirror")).assert_layout();
        assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 1, "{kind}");
    }
}

#[test]
fn a_picture_over_the_limit_is_too_large() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    let summary = case.imgmirror(&["sync", "in", "--json", "--max-size=60"]).args(origin.flags()).run(3).json();
    assert_eq!(failure_of(&summary, "http://pictures.example/a.png")["kind"], "too-large");
}

#[test]
fn a_server_that_is_not_there_is_a_connection_failure() {
    let case = Case::new();
    // A port that was free a moment ago, and where nobody listens now.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    let connect = format!("--connect-to=::127.0.0.1:{port}");
    let summary = case.run(3, &["sync", "in", "--json", "--retries=0", &connect]).json();
    assert_eq!(failure_of(&summary, "http://pictures.example/a.png")["kind"], "connection");
}

#[test]
fn what_has_healed_is_had_by_a_later_run() {
    // Whatever was wrong: an origin in trouble, a page instead of a picture, and even what was said to be gone.
    for answer in [Answer::status(503), Answer::ok("<html>later</html>"), Answer::status(404)] {
        let (case, origin) = (Case::new(), origin_where_bad_is(answer.clone()));
        case.write("in/a.html", PAGE);
        let sync = || case.imgmirror(&["sync", "in", "--json", "--retries=0"]).args(origin.flags());
        sync().run(3);
        origin.take_log();
        origin.answers(Answer::picture);
        let summary = sync().args(["--retry-failed"]).run(0).json();
        assert_adds_up(&summary);
        assert_eq!(origin.take_urls(), ["http://pictures.example/bad.png"], "only what is missing: {answer:?}");
        assert_eq!((&summary["assets"]["captured"], &summary["assets"]["held"]), (&1.into(), &1.into()));
        assert_eq!(summary["documents"]["written"], 1);
        let found = lines(&case, &["mirror/documents"]);
        assert!(found.iter().all(|line| line.skip.as_deref() == Some("mirrored")), "{found:?}");
    }
}

#[test]
fn what_is_gone_rests_after_two_runs_and_what_may_pass_does_not() {
    for (status, third) in [(404, 0), (503, 1)] {
        let (case, origin) = (Case::new(), origin_where_bad_is(Answer::status(status)));
        case.write("in/a.html", "<img src='http://pictures.example/bad.png'>");
        let run = |flags: &[&str]| {
            let sync = case.imgmirror(&["sync", "in", "--json", "--retries=0"]).args(origin.flags()).args(flags);
            let summary = sync.run(3).json();
            assert_adds_up(&summary);
            assert_eq!(summary["references"]["missing"], 1);
            origin.take_log().len()
        };
        let requests = [run(&[]), run(&[]), run(&[]), run(&["--retry-failed"])];
        assert_eq!(requests, [1, 1, third, 1], "{status}");
    }
}

#[test]
fn a_failure_that_may_pass_is_tried_again_within_the_run() {
    let case = Case::new();
    let origin = {
        let asked = std::sync::atomic::AtomicU32::new(0);
        Origin::new(move |request| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
            0 => Answer::status(503),
            1 => Answer::status(429).header("Retry-After", "0"),
            _ => Answer::picture(request),
        })
    };
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    let summary = case.imgmirror(&["sync", "in", "--json", "--backoff=1ms"]).args(origin.flags()).run(0).json();
    assert_eq!(summary["requests"], 3);
    assert_eq!(origin.take_urls(), ["http://pictures.example/a.png"; 3]);
}

#[test]
fn a_lost_source_never_takes_a_good_copy_away() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let (before, document) = (Mirror::at(case.at("mirror")).blobs(), case.text("mirror/documents/a.html"));
    for answer in [Answer::status(404), Answer::status(500), Answer::ok("<html>"), Answer::ok("")] {
        origin.answers(move |_| answer.clone());
        case.imgmirror(&["sync", "in", "--refresh", "--retries=0"]).args(origin.flags()).start().wait();
        assert_eq!(Mirror::at(case.at("mirror")).blobs(), before);
        assert_eq!(case.text("mirror/documents/a.html"), document);
    }
    // Other bytes are kept too; the document stays with the first.
    origin.answers(|_| Answer::ok(pictures::png("another")));
    case.imgmirror(&["sync", "in", "--refresh"]).args(origin.flags()).run(0);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 2);
    assert_eq!(case.text("mirror/documents/a.html"), document);
}

#[test]
fn what_cannot_be_had_can_be_written_as_its_original() {
    let (case, origin) = (Case::new(), origin_where_bad_is(Answer::status(404)));
    case.write("in/a.html", PAGE);
    let run = |code, flags: &[&str]| case.imgmirror(&["sync", "in"]).args(origin.flags()).args(flags).run(code);
    run(3, &["--missing=original"]);
    let local = lines(&case, &["mirror/documents"])[0].raw.clone();
    let with_local = PAGE.replace("http://pictures.example/good.png", &local);
    let proxied = "https://wsrv.nl/?url=pictures.example/bad.png&amp;w=1";
    let original = with_local.replace(proxied, "http://pictures.example/bad.png");
    assert_eq!(case.text("mirror/documents/a.html"), original);
    run(3, &["--missing=keep"]);
    assert_eq!(case.text("mirror/documents/a.html"), with_local);
}

#[test]
fn offline_with_originals_is_a_pure_link_rewriter() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write(
        "in/a.md",
        "---\nheadimg: 'https://cors.zfour.workers.dev/?http://p.example/it''s.png'\n---\n<p>text</p>\n",
    );
    case.write("in/b.html", "<img srcset='https://wsrv.nl/?url=p.example/a.png 1x, http://p.example/b.png 2x'>");
    let flags = ["sync", "in", "--offline", "--missing=original", "--json"];
    let summary = case.imgmirror(&flags).args(origin.flags()).run(3).json();
    assert_adds_up(&summary);
    assert_eq!((origin.take_urls(), &summary["requests"]), (Vec::new(), &0.into()));
    assert_eq!(case.text("mirror/documents/a.md"), "---\nheadimg: 'http://p.example/it%27s.png'\n---\n<p>text</p>\n");
    assert_eq!(
        case.text("mirror/documents/b.html"),
        "<img srcset='http://p.example/a.png 1x, http://p.example/b.png 2x'>"
    );
    assert!(!case.exists("mirror/assets") || names(&case.at("mirror/assets")).is_empty());
}

#[test]
fn offline_uses_what_is_held() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://pictures.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    origin.take_log();
    case.write("in/b.html", "<h1><img src='http://pictures.example/a.png'></h1>");
    let summary = case.imgmirror(&["sync", "in", "--offline", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!((&summary["assets"]["held"], &summary["documents"]["written"]), (&1.into(), &1.into()));
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

#[test]
fn a_proxy_that_still_has_the_picture_rescues_it() {
    let case = Case::new();
    let proxied = "https://cors.zfour.workers.dev/?http://lost.example/a.png";
    let origin = Origin::new(|asked: &Asked| match asked.host.as_str() {
        "cors.zfour.workers.dev" => Answer::picture(asked),
        _ => Answer::status(404),
    });
    case.write("in/a.html", format!("<img src='{proxied}'>"));
    let sync = || case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    let summary = sync();
    assert_adds_up(&summary);
    assert_eq!((&summary["assets"]["rescued"], &summary["assets"]["captured"]), (&1.into(), &0.into()));
    let urls: Vec<_> = origin.take_log().iter().map(Asked::url).collect();
    assert_eq!(urls, ["http://lost.example/a.png", proxied], "the target first");
    let blobs = Mirror::at(case.at("mirror")).blobs();
    assert_eq!(Vec::from_iter(blobs.into_values()), [pictures::for_url(proxied)]);
    assert_eq!(sync()["assets"]["held"], 1);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

#[test]
fn a_403_climbs_the_ladder_of_referers() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.header("referer") {
        Some(referer) if referer.starts_with("http://pictures.example") => Answer::picture(asked),
        _ => Answer::status(403),
    });
    case.write("in/a.html", "<img src='http://pictures.example/a.png'><img src='http://pictures.example/b.png'>");
    let flags = ["sync", "in", "--json", "--per-host=1"];
    let summary = case.imgmirror(&flags).args(origin.flags()).run(0).json();
    assert_eq!(summary["assets"]["captured"], 2);
    assert_eq!(origin.take_log().len(), 3, "what worked for the first is tried first for the second");
    case.imgmirror(&["sync", "in", "-o", "strict", "--referer=none"]).args(origin.flags()).run(3);
    assert!(origin.take_log().iter().all(|asked| asked.header("referer").is_none()));
}
