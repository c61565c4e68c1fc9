//! HTTP/2, where a server offers it: one connection for a host, and every way in which a stream or a connection ends.

use std::collections::{BTreeMap, BTreeSet};

use h2::Reason;
use serde_json::Value;

use crate::support::{Case, H2Answer, H2Asked, H2Origin, Mirror, ResetAt, Run, assert_adds_up, pictures};

const GOOD: &str = "https://pictures.example/good.png";
const BAD: &str = "https://pictures.example/bad.png";

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("https://pictures.example/{n}.png")).collect()
}

fn page(urls: &[String]) -> String {
    urls.iter().map(|url| format!("<img src=\"{url}\">\n")).collect()
}

fn sync<'a>(case: &'a Case, origin: &H2Origin) -> Run<'a> {
    case.imgmirror(&["sync", "in", "--json", "--backoff=1ms"]).args(origin.flags())
}

/// `good.png` is a picture and `bad.png` is this: what is said of `bad.png`.
#[track_caller]
fn failure_of(bad: H2Answer, flags: &[&str]) -> Value {
    let shown = format!("{bad:?}");
    let case = Case::new();
    let origin = H2Origin::new(move |asked| if asked.url == BAD { bad.clone() } else { H2Answer::Picture });
    case.write("in/a.html", page(&[BAD.to_owned(), GOOD.to_owned()]));
    let summary = sync(&case, &origin).args(["--retries=1"]).args(flags).run(3).json();
    assert_adds_up(&summary);
    assert_eq!((&summary["assets"]["captured"], &summary["assets"]["failed"]), (&1.into(), &1.into()), "{shown}");
    assert_eq!(summary["failures"][0]["target"], BAD, "{shown}");
    let blobs: Vec<_> = Mirror::at(case.at("mirror")).blobs().into_keys().collect();
    assert_eq!(blobs, [pictures::name_for_url(GOOD)], "{shown}");
    Mirror::at(case.at("mirror")).assert_layout();
    summary["failures"][0].clone()
}

/// All came by one connection. Those that were sent before the first handshake had ended may each have had their own,
/// and no more than `at_once` were.
#[track_caller]
fn assert_shared(log: &[H2Asked], at_once: usize) {
    let mut used = BTreeMap::new();
    log.iter().for_each(|asked| *used.entry(asked.connection).or_insert(0) += 1);
    let most: usize = used.values().copied().max().unwrap_or(0);
    assert!(log.len() - most < at_once, "requests by connection: {used:?}");
}

#[test]
fn http2_is_spoken_where_it_is_offered() {
    let (case, origin) = (Case::new(), H2Origin::new(|_| H2Answer::Picture));
    let urls = ["https://a.example/1.png?x=%20", "https://b.example/2.jpg", "https://b.example:443/3.gif"];
    case.write("in/a.html", page(&urls.map(str::to_owned)));
    let summary = sync(&case, &origin).run(0).json();
    assert_adds_up(&summary);
    let mut asked: Vec<_> = origin.take_log().into_iter().map(|asked| asked.url).collect();
    asked.sort();
    assert_eq!(asked, [urls[0], urls[1], "https://b.example/3.gif"]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 3);
}

#[test]
fn many_pictures_of_one_host_share_one_connection() {
    for per_host in [1, 6, 32] {
        let (case, origin) = (Case::new(), H2Origin::new(|_| H2Answer::Picture));
        case.write("in/a.html", page(&many(60)));
        let summary = sync(&case, &origin).args([format!("--per-host={per_host}")]).run(0).json();
        assert_eq!((&summary["assets"]["captured"], &summary["requests"]), (&60.into(), &60.into()));
        assert_shared(&origin.take_log(), per_host);
    }
}

#[test]
fn pages_that_are_not_there_cost_no_connection() {
    let (case, origin) = (
        Case::new(),
        H2Origin::new(|asked| if asked.url.contains("1") { H2Answer::Status(404) } else { H2Answer::Picture }),
    );
    case.write("in/a.html", page(&many(40)));
    sync(&case, &origin).run(3);
    let log = origin.take_log();
    assert_eq!(log.len(), 40);
    assert_shared(&log, 6);
}

#[test]
fn a_stream_that_is_reset_is_tried_again_and_then_a_failure() {
    let (start, body) = (ResetAt::Start, ResetAt::Body);
    for (at, reason, kind, attempts) in [
        (start, Reason::INTERNAL_ERROR, "connection", 2),
        (start, Reason::CANCEL, "connection", 2),
        (start, Reason::PROTOCOL_ERROR, "connection", 2),
        (body, Reason::INTERNAL_ERROR, "truncated", 2),
        (body, Reason::CANCEL, "truncated", 2),
        // RFC 9113 section 8.1: the response is complete. Only the picture itself tells that it is not.
        (body, Reason::NO_ERROR, "truncated", 1),
    ] {
        let failure = failure_of(H2Answer::Reset(at, reason), &[]);
        let found = (&failure["kind"], &failure["attempts"]);
        assert_eq!(found, (&kind.into(), &attempts.into()), "{at:?} {reason:?}: {failure}");
    }
}

#[test]
fn a_stream_that_is_reset_once_loses_nothing() {
    for (at, reason) in
        [(ResetAt::Start, Reason::REFUSED_STREAM), (ResetAt::Start, Reason::CANCEL), (ResetAt::Body, Reason::CANCEL)]
    {
        let case = Case::new();
        let origin = H2Origin::new(move |asked| match asked.before {
            0 if asked.url == BAD => H2Answer::Reset(at, reason),
            _ => H2Answer::Picture,
        });
        case.write("in/a.html", page(&[BAD.to_owned(), GOOD.to_owned()]));
        let summary = sync(&case, &origin).run(0).json();
        assert_eq!(summary["assets"]["captured"], 2, "{at:?} {reason:?}");
        assert_eq!(origin.take_log().len(), 3, "{at:?} {reason:?}");
    }
}

#[test]
fn a_connection_that_is_wound_up_is_followed_by_another() {
    let (case, origin) = (
        Case::new(),
        H2Origin::new(|asked| if asked.url.ends_with("0.png") { H2Answer::LastPicture } else { H2Answer::Picture }),
    );
    case.write("in/a.html", page(&many(60)));
    let summary = sync(&case, &origin).run(0).json();
    assert_eq!(summary["assets"]["captured"], 60, "{summary}");
    let used: BTreeSet<_> = origin.take_log().iter().map(|asked| asked.connection).collect();
    assert!(used.len() > 1, "{used:?}");
}

#[test]
fn a_connection_that_ends_at_once_is_a_failure_that_may_pass() {
    for reason in [Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::ENHANCE_YOUR_CALM] {
        let case = Case::new();
        let origin = H2Origin::new(move |asked| match asked.before {
            0 if asked.url == BAD => H2Answer::Abort(reason),
            _ => H2Answer::Picture,
        });
        case.write("in/a.html", page(&[BAD.to_owned(), GOOD.to_owned()]));
        let summary = sync(&case, &origin).run(0).json();
        assert_eq!(summary["assets"]["captured"], 2, "{reason:?}");
    }
}

#[test]
fn a_body_of_another_length_than_was_said_is_truncated() {
    let picture = pictures::png("cut");
    let longer = [&picture[..], b"more"].concat();
    for (said, sent) in [
        (picture.len() + 1, &picture[..]),
        (picture.len(), &picture[..picture.len() - 1]),
        (picture.len(), &longer),
        (picture.len(), b""),
        (0, &picture),
    ] {
        let failure = failure_of(H2Answer::Declared(said, sent.to_vec()), &[]);
        assert_eq!(failure["kind"], "truncated", "{said} said, {} sent: {failure}", sent.len());
    }
}

#[test]
fn a_head_that_is_too_large_is_a_failure() {
    let failure = failure_of(H2Answer::Fields(80_000), &[]);
    assert_eq!(failure["kind"], "connection", "{failure}");
    assert_eq!(failure["attempts"], 2, "{failure}");
}

#[test]
fn a_body_that_never_ends_is_cut_at_the_limit() {
    let failure = failure_of(H2Answer::Endless, &["--max-size=300k", "--per-host=1"]);
    assert_eq!((&failure["kind"], &failure["attempts"]), (&"too-large".into(), &1.into()), "{failure}");
}
