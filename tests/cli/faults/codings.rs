//! Content codings: honest ones are undone, lies are seen through, and bombs are dropped at the limit.

use std::time::Duration;

use super::{Expected, Fault, always, assert_faults, drawn, failed, fault, named, stored, with_fields};
use crate::support::{Bomb, Reply, coded};

/// The coding as a header line.
fn field(codings: &str) -> String {
    format!("Content-Encoding: {codings}\r\n")
}

/// A body that is coded once for each of the codings, the first one first.
fn coded_by(codings: &[&str], body: &[u8]) -> Vec<u8> {
    codings.iter().fold(body.to_vec(), |body, coding| coded(coding, &body))
}

fn row(name: &'static str, codings: &str, body: &[u8], expected: Expected, requests: usize) -> Fault {
    fault(name, always(with_fields(&field(codings), body)), expected, requests)
}

#[test]
fn codings_are_undone_up_to_two() {
    let picture = drawn::png("coded");
    let honest =
        |name, said, codings: &[&str]| row(name, said, &coded_by(codings, &picture), stored(picture.clone()), 1);
    let parts = [coded("gzip", &picture[..30]), coded("gzip", &picture[30..])].concat();
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            honest("gzip", "gzip", &["gzip"]),
            honest("x-gzip", "X-GZip", &["gzip"]),
            honest("deflate", "deflate", &["deflate"]),
            honest("deflate-without-zlib", "deflate", &["raw deflate"]),
            honest("br", "br", &["br"]),
            honest("zstd", "zstd", &["zstd"]),
            honest("two", "gzip, br", &["gzip", "br"]),
            honest("same-twice", "gzip, gzip", &["gzip", "gzip"]),
            honest("two-fields", "deflate\r\nContent-Encoding: zstd", &["deflate", "zstd"]),
            honest("identity", "identity", &[]),
            row("gzip-in-members", "gzip", &parts, stored(picture.clone()), 1),
        ],
    );
}

#[test]
fn codings_that_are_lies_do_not_lose_the_picture() {
    let (jpeg, png, gif) = (drawn::jpeg("lie"), drawn::png("lie"), drawn::gif("lie"));
    let svg = drawn::svg("lie").into_bytes();
    let lie = |name, said, picture: &[u8]| row(name, said, picture, stored(picture), 1);
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            lie("gzip-over-jpeg", "gzip", &jpeg),
            lie("gzip-over-png", "gzip", &png),
            lie("br-over-gif", "br", &gif),
            lie("zstd-over-svg", "zstd", &svg),
            lie("deflate-over-png", "deflate", &png),
            lie("two-over-png", "br, gzip", &png),
            lie("a-charset", "utf-8", &png),
            lie("an-old-one", "compress", &jpeg),
            lie("nonsense", "none, \u{56fe}", &gif),
        ],
    );
}

#[test]
fn coded_bodies_that_break_off_or_are_damaged_bring_nothing() {
    let picture = drawn::png("damaged");
    let mut faults = Vec::new();
    for (name, coding, at) in [
        ("gzip-without-trailer", "gzip", 8),
        ("gzip-in-its-trailer", "gzip", 2),
        ("deflate-without-trailer", "deflate", 4),
        ("br-without-end", "br", 1),
        ("zstd-without-end", "zstd", 3),
    ] {
        let whole = coded(coding, &picture);
        faults.push(row(name, coding, &whole[..whole.len() - at], failed("truncated", "coded body"), 2));
    }
    let mut wrong = coded("gzip", &picture);
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    faults.push(row("wrong-checksum", "gzip", &wrong, failed("truncated", "cannot be decoded"), 2));
    faults.push(row("no-gzip", "gzip", b"this was never gzip at all", failed("truncated", "cannot be decoded"), 2));
    faults.push(row("other-coding", "br", &coded("zstd", &picture), failed("truncated", ""), 2));
    faults.push(row(
        "inner-cut",
        "gzip, gzip",
        &coded("gzip", &coded("gzip", &picture)[..40]),
        failed("truncated", ""),
        2,
    ));
    faults.push(row(
        "a-page",
        "gzip",
        &coded("gzip", b"<html>no such picture</html>"),
        failed("not-an-image", "HTML page"),
        1,
    ));
    faults.push(row("nothing-at-all", "gzip", b"", failed("empty", "empty"), 1));
    faults.push(row("nothing-inside", "br", &coded("br", b""), failed("empty", "empty"), 1));
    faults.push(row("unsaid", "identity", &coded("gzip", &picture), failed("not-an-image", "gzip"), 1));
    faults.push(row(
        "three",
        "gzip, gzip, gzip",
        &coded_by(&["gzip"; 3], &picture),
        failed("not-an-image", "3 content codings"),
        1,
    ));
    assert_faults(&["--retries=1", "--backoff=1ms"], faults);
}

#[test]
fn a_window_that_no_picture_needs_is_refused() {
    // RFC 9659: 8 MiB are enough for everybody. This frame asks for 128 MiB.
    let mut frame = Bomb::new("zstd").cut(1);
    frame[5] = 17 << 3;
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![row("zstd", "zstd", &frame, failed("truncated", "cannot be decoded"), 2)],
    );
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy)]
pub(super) enum Framing {
    UntilClose,
    Chunked,
}

impl Framing {
    pub(super) fn field(self) -> &'static str {
        match self {
            Framing::UntilClose => "",
            Framing::Chunked => "Transfer-Encoding: chunked\r\n",
        }
    }
}

/// A bomb behind its head, without end.
pub(super) fn endless(head: Reply, bomb: &Bomb, framing: Framing) -> Reply {
    let framed = |bytes: &[u8]| match framing {
        Framing::UntilClose => bytes.to_vec(),
        // An empty chunk would be the last one.
        Framing::Chunked if bytes.is_empty() => Vec::new(),
        Framing::Chunked => [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat(),
    };
    // Many parts at a time: the limit is to be met, not the patience of whoever waits for it.
    let parts = bomb.part.repeat((64_usize << 10).div_ceil(bomb.part.len()));
    head.say(framed(&bomb.beginning)).forever(framed(&parts), Duration::ZERO)
}

#[test]
fn bombs_are_dropped_at_the_limit() {
    let mut faults = Vec::new();
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let plain = Bomb::new(coding);
        for (name, framing) in [("endless", Framing::UntilClose), ("chunked", Framing::Chunked)] {
            let head = Reply::head("200 OK", &format!("{}{}", field(coding), framing.field()));
            let reply = always(endless(head, &plain, framing));
            faults.push(fault(named(&[coding, name]), reply, failed("too-large", "--max-size"), 1));
        }
        for outer in ["gzip", "br"] {
            let nested = coded(outer, &plain.cut(20));
            let name = named(&[coding, "in", outer]);
            faults.push(row(name, &format!("{coding}, {outer}"), &nested, failed("too-large", "--max-size"), 1));
        }
    }
    assert_faults(&["--retries=2", "--backoff=1ms", "--max-size=1MiB"], faults);
}
