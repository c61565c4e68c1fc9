//! Bodies that break off, never end, or are not there.

use std::time::Duration;

use super::{Fault, always, assert_faults, bare, drawn, failed, fault, in_turn, ok, stored, with_fields};
use crate::support::Reply;

/// A 200 that declares all of a picture, sends half of it, and has said no more yet.
fn half(picture: &[u8]) -> Reply {
    Reply::head("200 OK", &format!("Content-Length: {}\r\n", picture.len())).say(&picture[..picture.len() / 2])
}

#[test]
fn what_breaks_off_is_never_stored() {
    let (picture, again) = (drawn::png("broken"), drawn::png("again"));
    let whole_until_close = Reply::head("200 OK", "").say(again.clone()).close();
    let cut_until_close = Reply::head("200 OK", "").say(&again[..again.len() - 12]).close();
    let log = assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault("cut", always(half(&picture).close()), failed("truncated", "end of file"), 3),
            fault(
                "only-a-head",
                always(Reply::head("200 OK", "Content-Length: 70\r\n").close()),
                failed("truncated", "end of file"),
                3,
            ),
            fault("hangs-up", always(Reply::raw("").close()), failed("connection", "closed"), 3),
            fault("resets-at-once", always(Reply::raw("").reset()), failed("connection", "reset"), 3),
            fault(
                "half-a-head",
                always(Reply::raw("HTTP/1.1 200 OK\r\nContent-").close()),
                failed("connection", "closed"),
                3,
            ),
            // Nothing but the picture tells whether this is all.
            fault("cut-without-length", always(cut_until_close.clone()), failed("truncated", "PNG"), 3),
            fault("whole-without-length", in_turn([cut_until_close, whole_until_close]), stored(again.clone()), 2),
            fault("cut-once", in_turn([half(&again).close(), ok(&again)]), stored(again), 2),
        ],
    );
    assert!(log.values().flatten().all(|asked| asked.header("range").is_none()), "no validator, no range: {log:?}");
}

#[test]
fn a_connection_that_is_reset_in_the_middle_of_a_body_leaves_nothing() {
    // A reset takes with it what was sent and not read. So long a body is not sent before its head is read.
    let long = vec![b'x'; 12 << 20];
    let reset = Reply::head("200 OK", "Content-Length: 99999999\r\n").say(long).reset();
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--max-size=100MB"],
        vec![fault("reset", always(reset), failed("truncated", "reset"), 2)],
    );
}

#[test]
fn over_tls_the_end_of_a_body_is_told_by_the_server_and_by_nobody_on_the_way() {
    let picture = drawn::png("tls");
    let tls = |row: Fault| Fault { scheme: "https", ..row };
    let until_close = || Reply::head("200 OK", "").say(picture.clone());
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            tls(fault("closed", always(until_close().close()), stored(picture.clone()), 1)),
            tls(fault("hung-up", always(until_close().hang_up()), failed("truncated", "close_notify"), 2)),
            tls(fault("cut", always(half(&picture).hang_up()), failed("truncated", ""), 2)),
        ],
    );
}

#[test]
fn what_never_ends_is_dropped_at_the_limit() {
    let noise = vec![b'x'; 64 << 10];
    let endless = |fields: &str, part: &[u8]| always(Reply::head("200 OK", fields).forever(part, Duration::ZERO));
    let png = [drawn::png("endless"), noise.clone()].concat();
    let chunk = [format!("{:x}\r\n", noise.len()).as_bytes(), &noise, b"\r\n"].concat();
    assert_faults(
        &["--retries=2", "--backoff=1ms", "--max-size=100KB"],
        vec![
            fault(
                "with-length",
                endless("Content-Length: 99999999999\r\n", &noise),
                failed("too-large", "100000 bytes"),
                1,
            ),
            fault("without-length", endless("", &noise), failed("too-large", "--max-size"), 1),
            fault("chunked", endless("Transfer-Encoding: chunked\r\n", &chunk), failed("too-large", "--max-size"), 1),
            fault(
                "tiny-chunks",
                endless("Transfer-Encoding: chunked\r\n", &b"1\r\nx\r\n".repeat(512)),
                failed("too-large", "100000 bytes"),
                1,
            ),
            fault("picture-first", endless("", &png), failed("too-large", "100000 bytes"), 1),
        ],
    );
}

#[test]
fn what_follows_a_body_is_not_part_of_it() {
    let (long, short) = (drawn::png("long"), drawn::png("short"));
    let more = with_fields("", &long).say("<html>and more that was not announced</html>");
    let less = Reply::head("200 OK", &format!("Content-Length: {}\r\n", short.len() - 12)).say(short);
    assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault("longer-than-said", always(more), stored(long), 1),
            // The message is whole; it will be the same the next time.
            fault("said-too-short", always(less), failed("truncated", "PNG"), 1),
        ],
    );
}

#[test]
fn bodies_that_nobody_wants_are_not_waited_for() {
    let picture = drawn::png("behind");
    let led = picture.clone();
    let nowhere = |status: &str| Reply::head(status, "Content-Length: 99999999999\r\n");
    let (error, stalled) =
        (nowhere("404 Gone").forever(vec![b'x'; 4096], Duration::ZERO), nowhere("410 Gone").silence());
    let redirect = Reply::head("302 Found", "Location: /picture.png\r\n").forever(vec![b'x'; 4096], Duration::ZERO);
    let through: Fault = Fault {
        attempts: 1,
        ..fault(
            "endless-redirect",
            move |asked| if asked.path == "/picture.png" { ok(&led) } else { redirect.clone() },
            stored(picture),
            2,
        )
    };
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--stall-timeout=20s"],
        vec![
            fault("endless-error", always(error), failed("gone", "HTTP 404"), 1),
            fault("stalled-error", always(stalled), failed("gone", "HTTP 410"), 1),
            through,
        ],
    );
}

#[test]
fn nothing_is_empty_and_one_pixel_is_a_picture() {
    let pixel = drawn::gif("pixel");
    assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            fault("empty", always(bare("200 OK", "Content-Type: image/png\r\n")), failed("empty", "empty"), 1),
            fault("empty-until-close", always(Reply::head("200 OK", "").close()), failed("empty", "empty"), 1),
            fault(
                "empty-chunked",
                always(Reply::head("200 OK", "Transfer-Encoding: chunked\r\n").say("0\r\n\r\n")),
                failed("empty", "empty"),
                1,
            ),
            fault("pixel", always(with_fields("Content-Type: image/gif\r\n", &pixel)), stored(pixel), 1),
        ],
    );
}
