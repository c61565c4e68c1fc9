//! Statuses that bring no picture, and those that ask for patience.

use std::time::{Duration, SystemTime};

use super::{always, assert_faults, bare, drawn, failed, fault, gaps, in_turn, ok, stored};
use crate::support::{Asked, Case, Origin, Reply};

#[test]
fn each_status_fails_with_its_kind_and_as_many_requests_as_make_sense() {
    let no = |status| always(bare(status, ""));
    assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault("not-found", no("404 Not Found"), failed("gone", "HTTP 404"), 1),
            fault("gone", no("410 Gone"), failed("gone", "HTTP 410"), 1),
            fault("bad-request", no("400 Bad Request"), failed("forbidden", "HTTP 400"), 1),
            // Without and with a Referer of its own.
            fault("unauthorized", no("401 Unauthorized"), failed("forbidden", "HTTP 401"), 2),
            fault("forbidden", no("403 Forbidden"), failed("forbidden", "HTTP 403"), 2),
            fault("teapot", no("418 I'm a teapot"), failed("forbidden", "HTTP 418"), 1),
            fault("legal", no("451 Unavailable"), failed("forbidden", "HTTP 451"), 1),
            fault("unknown-status", no("999 Request denied"), failed("forbidden", "HTTP 999"), 1),
            fault("slow-client", no("408 Request Timeout"), failed("timeout", "HTTP 408"), 3),
            fault("throttled", no("429 Too Many Requests"), failed("throttled", "HTTP 429"), 3),
            fault("broken", no("500 Oops"), failed("server-error", "HTTP 500"), 3),
            fault("not-implemented", no("501 Not Implemented"), failed("server-error", "HTTP 501"), 1),
            fault("bad-gateway", no("502 Bad Gateway"), failed("server-error", "HTTP 502"), 3),
            fault("unavailable", no("503 Unavailable"), failed("server-error", "HTTP 503"), 3),
            fault("no-content", no("204 No Content"), failed("empty", "HTTP 204"), 1),
            fault("not-modified", no("304 Not Modified"), failed("redirects", "HTTP 304"), 1),
            fault("choices", no("300 Choose"), failed("redirects", "HTTP 300"), 1),
        ],
    );
}

#[test]
fn trouble_that_passes_costs_some_requests_and_no_picture() {
    let (twice, zero, nonsense) = (drawn::png("twice"), drawn::png("zero"), drawn::png("nonsense"));
    let trouble = || bare("503 Unavailable", "");
    assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault("twice", in_turn([trouble(), trouble(), ok(&twice)]), stored(twice), 3),
            fault("zero", in_turn([bare("429 Slow", "Retry-After: 0\r\n"), ok(&zero)]), stored(zero), 2),
            fault("nonsense", in_turn([bare("429 Slow", "Retry-After: -1.5\r\n"), ok(&nonsense)]), stored(nonsense), 2),
        ],
    );
}

#[test]
fn referers_are_tried_in_turn() {
    let (needs, needs_none) = (drawn::png("needs"), drawn::png("needs none"));
    let (with, without) = (needs.clone(), needs_none.clone());
    let log = assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault(
                "unless-referer",
                move |asked| if asked.header("referer").is_some() { ok(&with) } else { bare("403 Forbidden", "") },
                stored(needs),
                2,
            ),
            fault(
                "unless-none",
                move |asked| if asked.header("referer").is_none() { ok(&without) } else { bare("403 Forbidden", "") },
                stored(needs_none),
                1,
            ),
        ],
    );
    assert_eq!(log["unless-referer"][0].header("referer"), None);
    assert_eq!(log["unless-referer"][1].header("referer"), Some("http://unless-referer.example/"));
}

#[test]
fn a_host_that_wants_a_referer_here_and_none_there_is_served_both() {
    let case = Case::new();
    let origin = Origin::new(|asked| match (asked.path.as_str(), asked.header("referer")) {
        ("/a", Some(_)) | ("/b", None) => ok(&drawn::png(&asked.path)),
        _ => bare("403 Forbidden", ""),
    });
    case.write("in/a.html", "<img src='http://moody.example/a'><img src='http://moody.example/b'>");
    let flags = ["sync", "in", "--json", "--per-host=1", "--retries=0"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    let asked: Vec<_> =
        origin.take_log().iter().map(|asked| (asked.path.clone(), asked.header("referer").is_some())).collect();
    let expected = [("/a", false), ("/a", true), ("/b", true), ("/b", false)];
    assert_eq!(asked, expected.map(|(path, told)| (path.to_owned(), told)));
}

#[test]
fn a_wait_that_the_server_asks_for_is_waited() {
    let (seconds, date) = (drawn::png("seconds"), drawn::png("date"));
    let in_seconds = in_turn([bare("429 Slow", "Retry-After: 1\r\n"), ok(&seconds)]);
    let after = date.clone();
    // A date has no fractions: the second after the next one begins in more than one second.
    let in_date = move |asked: &Asked| match asked.before {
        0 => {
            let until = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
            bare("503 Unavailable", &format!("Retry-After: {until}\r\n"))
        }
        _ => ok(&after),
    };
    let log = assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![fault("seconds", in_seconds, stored(seconds), 2), fault("date", in_date, stored(date), 2)],
    );
    for (row, log) in log {
        assert!(gaps(&log)[0] >= Duration::from_secs(1), "{row}: {log:?}");
    }
}

#[test]
fn waits_double_from_try_to_try() {
    let log = assert_faults(
        &["--retries=3", "--backoff=40ms"],
        vec![
            fault("down", always(bare("503 Unavailable", "")), failed("server-error", "HTTP 503"), 4),
            fault(
                "cut",
                always(Reply::head("200 OK", "Content-Length: 9\r\n").close()),
                failed("truncated", "end of file"),
                4,
            ),
        ],
    );
    for (row, log) in log {
        // A wait has a random length from half of it to the whole.
        let least = [20, 40, 80].map(Duration::from_millis);
        assert!(gaps(&log).iter().zip(least).all(|(gap, least)| *gap >= least), "{row}: {:?}", gaps(&log));
    }
}

#[test]
fn a_rate_spaces_all_requests_to_a_host_those_after_trouble_too() {
    let (case, origin) = (Case::new(), Origin::new(|asked| bare(["503 No", "404 No"][asked.before.min(1)], "")));
    let page: String = (0..5).map(|number| format!("<img src='http://slow.example/{number}'>")).collect();
    case.write("in/a.html", page);
    let flags = ["sync", "in", "--json", "--rate=20/s", "--retries=1", "--backoff=1ms"];
    case.imgmirror(&flags).args(origin.flags()).run(3);
    let log = origin.take_log();
    assert_eq!(log.len(), 10);
    // The first one may be late by what a connection takes; none is earlier than the rate lets it start.
    for (number, asked) in log.iter().enumerate() {
        assert!(asked.at >= Duration::from_millis(50) * number as u32, "{number}: {:?}", asked.at);
    }
}

/// A page of twenty pictures of one host.
fn twenty(case: &Case) {
    let page: String = (0..20).map(|number| format!("<img src='http://busy.example/{number}'>")).collect();
    case.write("in/a.html", page);
}

#[test]
fn a_host_that_asks_for_a_long_pause_gets_it() {
    let (case, origin) = (Case::new(), Origin::new(|_| bare("429 Slow", "Retry-After: 86400\r\n")));
    twenty(&case);
    let flags = ["sync", "in", "--json", "--per-host=1", "--backoff=1ms"];
    let summary = case.imgmirror(&flags).args(origin.flags()).run(3).json();
    assert_eq!(origin.take_log().len(), 1);
    for failure in summary["failures"].as_array().unwrap() {
        assert_eq!(failure["kind"], "throttled", "{failure}");
        assert!(failure["detail"].as_str().unwrap().contains("86400 s"), "{failure}");
    }
    assert_eq!(summary["assets"]["failed"], 20);
}

#[test]
fn a_host_that_keeps_failing_is_left_alone() {
    let (case, origin) = (Case::new(), Origin::new(|_| bare("500 Oops", "")));
    twenty(&case);
    let flags = ["sync", "in", "--json", "--per-host=6", "--retries=3", "--backoff=1ms"];
    let summary = case.imgmirror(&flags).args(origin.flags()).run(3).json();
    let requests = origin.take_log().len();
    // Six that were under way together and fail as one, then one at a time until the sixth failure.
    assert!((6..=11).contains(&requests), "{requests} requests");
    assert_eq!(summary["assets"]["failed"], 20);
    for failure in summary["failures"].as_array().unwrap() {
        assert_eq!(failure["kind"], "server-error", "{failure}");
    }
}
