//! The chunked coding (RFC 9112 section 7.1), and what is not it.

use std::time::Duration;

use super::{Fault, always, assert_faults, drawn, failed, fault, stored};
use crate::support::Reply;

/// A head that says chunked.
fn chunked() -> Reply {
    Reply::head("200 OK", "Transfer-Encoding: chunked\r\n")
}

/// One chunk with what stands behind its size.
fn chunk(extension: &str, content: &[u8]) -> Vec<u8> {
    [format!("{:x}{extension}\r\n", content.len()).as_bytes(), content, b"\r\n"].concat()
}

#[test]
fn chunks_in_every_lawful_form_are_read() {
    let picture = drawn::png("chunks");
    let whole = |extension: &str, last: &str| {
        let (front, back) = picture.split_at(20);
        always(chunked().say(chunk(extension, front)).say(chunk("", back)).say(last))
    };
    let single = picture.chunks(1).flat_map(|byte| chunk("", byte)).collect::<Vec<_>>();
    let zeros = [b"000000".to_vec(), chunk("", &picture)].concat();
    assert_faults(
        &["--retries=1", "--backoff=1ms"],
        vec![
            fault("plain", whole("", "0\r\n\r\n"), stored(picture.clone()), 1),
            fault("extension", whole(";name=\"value\"", "0;last\r\n\r\n"), stored(picture.clone()), 1),
            fault("trailers", whole("", "0\r\nX-Checksum: 7\r\nSet-Cookie: a=b\r\n\r\n"), stored(picture.clone()), 1),
            fault("space-behind-size", whole("  ", "0\r\n\r\n"), stored(picture.clone()), 1),
            fault("byte-by-byte", always(chunked().say(single).say("0\r\n\r\n")), stored(picture.clone()), 1),
            fault("leading-zeros", always(chunked().say(zeros).say("0\r\n\r\n")), stored(picture.clone()), 1),
            fault(
                "length-too",
                always(
                    Reply::head("200 OK", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
                        .say(chunk("", &picture))
                        .say("0\r\n\r\n"),
                ),
                stored(picture.clone()),
                1,
            ),
        ],
    );
}

#[test]
fn chunks_that_are_none_bring_nothing() {
    let picture = drawn::png("abuse");
    let row = |name, body: Vec<u8>| -> Fault {
        fault(name, always(chunked().say(body).close()), failed("truncated", "body"), 2)
    };
    let whole = chunk("", &picture);
    let behind = |bytes: &[u8]| [&whole, bytes].concat();
    let sized = |size: &str| [size.as_bytes(), b"\r\n", &picture].concat();
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--stall-timeout=5s"],
        vec![
            row("no-hex", sized("zz")),
            row("negative", sized("-5")),
            row("signed", sized("+46")),
            row("prefixed", sized("0x46")),
            row("no-size", sized("")),
            row("overflow", sized("fffffffffffffffff")),
            row("nearly-overflow", sized("ffffffffffffffff")),
            row("huge", sized("7fffffffffffffff")),
            row("no-end-of-chunk", [&whole[..whole.len() - 2], b"0\r\n\r\n"].concat()),
            row("content-runs-over", [&whole[..whole.len() - 2], b"more\r\n0\r\n\r\n"].concat()),
            row("no-last-chunk", whole.clone()),
            row("half-a-last-chunk", behind(b"0\r\n")),
            row("garbage-for-last-chunk", behind(b"<!-- served by x -->")),
            row("huge-extension", chunk(&format!(";{}", "x".repeat(1 << 20)), &picture)),
            row(
                "many-extensions",
                picture.chunks(1).flat_map(|byte| chunk(&format!(";{}", "x".repeat(4096)), byte)).collect(),
            ),
            row("not-chunked", picture.clone()),
        ],
    );
}

#[test]
fn what_never_ends_beside_the_content_is_dropped() {
    let picture = drawn::png("endless");
    let endless = |reply: Reply, part: &str| always(reply.forever(part.repeat(64), Duration::from_millis(1)));
    let trailers = chunked().say(chunk("", &picture)).say("0\r\n");
    assert_faults(
        &["--retries=1", "--backoff=1ms", "--stall-timeout=1s"],
        vec![
            fault("extension", endless(chunked().say("5;"), "xxxxxxxx"), failed("truncated", "extensions"), 2),
            fault("trailers", endless(trailers, "X: y\r\n"), failed("truncated", "trailers"), 2),
            // Zeros before a number are lawful, but no content comes of them.
            fault("size", endless(chunked(), "00000000"), failed("timeout", "no data for 1s"), 2),
        ],
    );
}
