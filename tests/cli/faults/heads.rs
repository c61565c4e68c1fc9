//! Heads that are too much, too little, contradictory, or no HTTP at all.

use std::time::Duration;

use super::{Fault, always, assert_faults, drawn, failed, fault, stored};
use crate::support::Reply;

/// A whole response whose head this is, followed by a picture.
fn headed(head: impl Into<Vec<u8>>, picture: &[u8]) -> Reply {
    Reply::raw(head).say(picture).close()
}

#[test]
fn heads_that_are_odd_and_can_be_understood_are() {
    let picture = drawn::png("odd");
    let length = picture.len();
    let row = |name, head: String| -> Fault { fault(name, always(headed(head, &picture)), stored(picture.clone()), 1) };
    let fields: String = (0..150).map(|number| format!("X-{number}: {number}\r\n")).collect();
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            row("http-1-0", "HTTP/1.0 200 OK\r\n\r\n".to_owned()),
            row("no-reason", format!("HTTP/1.1 200\r\nContent-Length: {length}\r\n\r\n")),
            row("odd-reason", format!("HTTP/1.1 200 \u{56fe}\u{7247}\r\nContent-Length: {length}\r\n\r\n")),
            row("only-line-feeds", format!("HTTP/1.1 200 OK\ncontent-length:{length}\n\n")),
            row("many-fields", format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n")),
            row(
                "long-field",
                format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: {length}\r\n\r\n", "x".repeat(60_000)),
            ),
            row(
                "raw-bytes",
                format!("HTTP/1.1 200 OK\r\nX-Name: \u{56fe}\u{7247}\r\nContent-Length: {length}\r\n\r\n"),
            ),
            row(
                "same-length-twice",
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n"),
            ),
            row(
                "hint-first",
                format!(
                    "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
                ),
            ),
            row("other-success", format!("HTTP/1.1 203 Changed On The Way\r\nContent-Length: {length}\r\n\r\n")),
        ],
    );
}

#[test]
fn heads_that_cannot_be_understood_are_broken_connections() {
    let picture = drawn::png("none");
    let row = |name, head: &str| -> Fault { fault(name, always(headed(head, &picture)), failed("connection", ""), 2) };
    let conflict = |first: &str, second: &str| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {first}\r\nContent-Length: {second}\r\n\r\n")
    };
    let length = |length: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--stall-timeout=5s"],
        vec![
            row("two-lengths", &conflict("70", "71")),
            row("two-lengths-in-one", &length("70, 71")),
            row("length-and-none", &conflict("70", "")),
            row("negative-length", &length("-1")),
            row("signed-length", &length("+70")),
            row("length-overflow", &length("99999999999999999999999999")),
            row("length-in-words", &length("seventy")),
            row("http-0-9", ""),
            row("html-without-head", "<html><body>no head at all</body></html>\r\n\r\n"),
            row("greeting", "SSH-2.0-OpenSSH_9.9\r\n\r\n"),
            row("http-9", "HTTP/9.9 200 OK\r\n\r\n"),
            row("no-status", "HTTP/1.1 OK\r\n\r\n"),
            row("long-status", "HTTP/1.1 20000 OK\r\n\r\n"),
            row("no-colon", "HTTP/1.1 200 OK\r\nthis is no field\r\n\r\n"),
            row("nul-in-field", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"),
            row("blank-lines", &"\r\n".repeat(100)),
        ],
    );
}

#[test]
fn head_bombs_are_dropped() {
    let picture = drawn::png("bomb");
    let fields = |count: usize, size: usize| -> String {
        (0..count).map(|number| format!("X-{number}: {}\r\n", "x".repeat(size))).collect()
    };
    let bomb = |fields: &str| {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", picture.len());
        always(headed(head, &picture))
    };
    let endless = |head: &str, part: &str| always(Reply::raw(head).forever(part.repeat(512), Duration::ZERO));
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--deadline=20s"],
        vec![
            fault("too-many-fields", bomb(&fields(5000, 1)), failed("connection", "too large"), 2),
            fault("too-many-bytes", bomb(&fields(100, 10_000)), failed("connection", "too large"), 2),
            fault("too-long-a-field", bomb(&fields(1, 1 << 20)), failed("connection", "too large"), 2),
            fault("endless-fields", endless("HTTP/1.1 200 OK\r\n", "X: y\r\n"), failed("connection", "too large"), 2),
            fault("endless-field", endless("HTTP/1.1 200 OK\r\nX: ", "xxxxxxxx"), failed("connection", "too large"), 2),
            fault("endless-status", endless("HTTP/1.1 200 ", "xxxxxxxx"), failed("connection", "too large"), 2),
            fault("endless-blank-lines", endless("", "\r\n"), failed("connection", "too large"), 2),
        ],
    );
}

#[test]
fn interim_responses_are_passed_over_but_not_for_ever() {
    let picture = drawn::png("flood");
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
    let early = interim.repeat(3) + &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", picture.len());
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--connect-timeout=1s", "--stall-timeout=1s"],
        vec![
            fault("early-hints", always(headed(early, &picture)), stored(picture), 1),
            fault(
                "endless",
                always(Reply::raw("").forever(interim.repeat(10), Duration::from_millis(1))),
                failed("timeout", "no response"),
                2,
            ),
        ],
    );
}
