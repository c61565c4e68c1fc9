//! Bodies that are cut off, coded, too large, or no pictures.

use super::server::{Server, coded, cut, ok, picture};
use super::*;

fn part(from: usize, range: &str, fields: &str) -> Vec<u8> {
    let rest = &picture()[from..];
    let head = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Range: {range}\r\n{fields}Content-Length: {}\r\n\r\n",
        rest.len()
    );
    [head.into_bytes(), rest.to_vec()].concat()
}

#[tokio::test]
async fn a_cut_body_is_continued_with_range_and_if_range() {
    let reply = |request: &str, n| match n {
        0 => cut(100, "ETag: \"e\"\r\n"),
        _ => {
            assert!(request.contains("range: bytes=100-\r\n") && request.contains("if-range: \"e\"\r\n"), "{request}");
            part(100, &format!("bytes 100-{}/{}", picture().len() - 1, picture().len()), "ETag: \"e\"\r\n")
        }
    };
    let server = Server::start(reply).await;
    let capture = captured(&server, options(&[&server])).await;
    assert_eq!((capture.attempts, capture.bytes_received), (2, picture().len() as u64));
}

#[tokio::test]
async fn parts_that_do_not_belong_together_are_never_spliced() {
    let last = picture().len() - 1;
    let total = picture().len();
    let odd: [(String, &str); 7] = [
        (format!("bytes 100-{last}/{total}"), ""),
        (format!("bytes 99-{last}/{total}"), "ETag: \"e\"\r\n"),
        (format!("bytes 100-{}/{total}", last - 1), "ETag: \"e\"\r\n"),
        (format!("bytes 100-{}/{}", last + 5, total + 5), "ETag: \"e\"\r\n"),
        (format!("bytes 100-{last}/*"), "ETag: \"e\"\r\n"),
        (format!("bytes 100-{last}/{total}"), "ETag: \"other\"\r\n"),
        (format!("bytes 100-{last}/{total}"), "ETag: \"e\"\r\nContent-Encoding: gzip\r\n"),
    ];
    for (range, fields) in odd {
        let said = range.clone();
        let reply = move |request: &str, n| match n {
            0 => cut(100, "ETag: \"e\"\r\n"),
            1 => part(100, &range, fields),
            _ => {
                assert!(!request.contains("range:"), "{request}");
                ok(&picture())
            }
        };
        let server = Server::start(reply).await;
        assert_eq!(captured(&server, options(&[&server])).await.attempts, 3, "{said} {fields}");
    }
}

#[tokio::test]
async fn a_part_of_another_date_is_never_spliced() {
    let (old, new) = ("Wed, 21 Oct 2015 07:00:00 GMT", "Thu, 22 Oct 2015 07:00:00 GMT");
    let (last, total) = (picture().len() - 1, picture().len());
    for (date, attempts) in [(old, 2), (new, 3)] {
        let reply = move |request: &str, n| match n {
            0 => cut(100, &format!("Last-Modified: {old}\r\n")),
            1 => {
                assert!(request.contains(&format!("if-range: {old}\r\n")), "{request}");
                part(100, &format!("bytes 100-{last}/{total}"), &format!("Last-Modified: {date}\r\n"))
            }
            _ => ok(&picture()),
        };
        let server = Server::start(reply).await;
        assert_eq!(captured(&server, options(&[&server])).await.attempts, attempts, "{date}");
    }
}

#[tokio::test]
async fn a_part_has_the_length_of_its_range() {
    let (last, total) = (picture().len() - 1, picture().len());
    for length in [5, total - 100 - 1, total - 100 + 1, total] {
        let reply = move |_: &str, n| match n {
            0 => cut(100, "ETag: \"e\"\r\n"),
            1 => {
                let head = format!(
                    "HTTP/1.1 206 Partial Content\r\nETag: \"e\"\r\nContent-Range: bytes 100-{last}/{total}\r\n\
                     Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n"
                );
                let body: Vec<u8> = picture().iter().skip(100).chain([&0; 200]).take(length).copied().collect();
                [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
            }
            // Whoever was sent too little may go on from there; too much is nothing to go on from.
            _ => ok(&picture()),
        };
        let server = Server::start(reply).await;
        assert_eq!(captured(&server, options(&[&server])).await.attempts, 3, "{length}");
    }
}

#[tokio::test]
async fn a_cut_body_starts_over_without_a_strong_validator_or_when_the_server_does() {
    for fields in ["", "ETag: W/\"e\"\r\n", "ETag: \"e\"\r\n"] {
        let reply = move |request: &str, n| {
            assert_eq!(request.contains("range:"), n == 1 && fields.contains(": \""), "{request}");
            if n == 0 { cut(100, fields) } else { ok(&picture()) }
        };
        let server = Server::start(reply).await;
        assert_eq!(captured(&server, options(&[&server])).await.attempts, 2, "{fields}");
    }
}

#[tokio::test]
async fn a_body_that_stays_cut_is_not_kept() {
    let whole = picture();
    let chunked =
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n".to_vec(), whole[..16].to_vec()].concat();
    let until_close = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), whole[..whole.len() - 1].to_vec()].concat();
    // The chunks hold a whole picture, but the last chunk never comes.
    let mut endless =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", whole.len()).into_bytes();
    endless.extend_from_slice(&whole);
    endless.extend_from_slice(b"\r\n");
    for reply in [cut(100, ""), chunked, until_close, endless] {
        let server = Server::start(move |_, _| reply.clone()).await;
        let failure = failed(Options { retries: 1, ..options(&[&server]) }, &[server.url("/x")]).await;
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Truncated, 2), "{}", failure.detail);
    }
}

#[tokio::test]
async fn coded_bodies_are_decoded() {
    for coding in ["gzip", "deflate", "raw deflate", "br", "zstd", "gzip, br"] {
        let name = coding.trim_start_matches("raw ");
        let body = coded(coding, &picture()).await;
        let whole = head_of(name, &body);
        let server = Server::start(move |_, _| whole.clone()).await;
        captured(&server, options(&[&server])).await;
        // Framed right, yet the coding's own end is missing.
        let short = head_of(name, &body[..body.len() - 2]);
        let server = Server::start(move |_, _| short.clone()).await;
        let failure = failed(Options { retries: 0, ..options(&[&server]) }, &[server.url("/x")]).await;
        assert_eq!(failure.kind, FailureKind::Truncated, "{coding}: {}", failure.detail);
    }
}

#[tokio::test]
async fn a_coded_body_may_be_shorter_than_what_is_looked_at() {
    for (coding, body) in [("br", &b"\x06"[..]), ("gzip", b"x"), ("gzip", b"")] {
        let reply = head_of(coding, body);
        let server = Server::start(move |_, _| reply.clone()).await;
        let failure = failed(Options { retries: 0, ..options(&[&server]) }, &[server.url("/x")]).await;
        let expected = if body == b"x" { FailureKind::Truncated } else { FailureKind::Empty };
        assert_eq!(failure.kind, expected, "{coding}: {}", failure.detail);
    }
}

fn head_of(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body.to_vec()].concat()
}

#[tokio::test]
async fn a_lying_content_encoding_does_not_lose_the_picture() {
    for coding in ["gzip", "deflate", "br", "zstd", "utf-8", "br, gzip"] {
        let reply = head_of(coding, &picture());
        let server = Server::start(move |_, _| reply.clone()).await;
        captured(&server, options(&[&server])).await;
    }
}

#[tokio::test]
async fn the_size_limit_holds_with_and_without_a_length_and_after_decoding() {
    let big = vec![0; 100_000];
    let bomb = coded("gzip", &big).await;
    let long = [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec(), big.clone()].concat();
    let unsaid = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), big].concat();
    for reply in [long, unsaid, head_of("gzip", &bomb)] {
        let server = Server::start(move |_, _| reply.clone()).await;
        let limited = Options { max_size: 10_000, ..options(&[&server]) };
        let failure = failed(limited, &[server.url("/x")]).await;
        assert_eq!((failure.kind, failure.attempts), (FailureKind::TooLarge, 1), "{}", failure.detail);
        assert!(failure.bytes_received <= 100_000);
    }
}

#[tokio::test]
async fn what_is_no_picture_is_not_kept() {
    for (body, kind) in [
        (b"<!DOCTYPE html><title>404</title>".as_slice(), FailureKind::NotAnImage),
        (b"", FailureKind::Empty),
        (&picture()[..60], FailureKind::Truncated),
    ] {
        let reply = ok(body);
        let server = Server::start(move |_, _| reply.clone()).await;
        let failure = failed(options(&[&server]), &[server.url("/x")]).await;
        assert_eq!((failure.kind, failure.attempts), (kind, 1), "{}", failure.detail);
    }
}
