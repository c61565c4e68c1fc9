//! What is a picture, whatever the server calls it, and what is none.

use super::{Expected, Fault, always, assert_faults, drawn, failed, fault, named, ok, stored, with_fields};
use crate::support::every_format;

#[test]
fn every_format_is_kept_whatever_its_content_type_is() {
    let types: [(&str, &str); 6] = [
        ("no-type", ""),
        ("empty-type", "Content-Type:\r\n"),
        ("binary", "Content-Type: application/octet-stream\r\nX-Content-Type-Options: nosniff\r\n"),
        ("html", "Content-Type: text/html; charset=utf-8\r\n"),
        ("jpeg", "Content-Type: image/jpeg\r\nContent-Type: image/png\r\n"),
        ("nonsense", "Content-Type: \u{56fe}/;;=\r\n"),
    ];
    let mut faults = Vec::new();
    for (format, picture) in every_format() {
        for (name, fields) in types {
            let row = named(&[format, "as", name]);
            faults.push(fault(row, always(with_fields(fields, &picture)), stored(picture.clone()), 1));
        }
    }
    assert_faults(&["--retries=1", "--backoff=1ms"], faults);
}

#[test]
fn pictures_cut_short_inside_of_a_whole_message_are_truncated_and_not_asked_for_again() {
    let cut = |name, bytes: &[u8]| -> Fault { fault(name, always(ok(bytes)), failed("truncated", "incomplete"), 1) };
    let (jpeg, png) = (drawn::jpeg("cut"), drawn::png("cut"));
    let mut faults = vec![
        cut("jpeg-without-eoi", &jpeg[..jpeg.len() - 2]),
        cut("png-without-iend", &png[..png.len() - 12]),
        cut("png-signature-alone", &png[..8]),
        cut("jpeg-of-zeros", &[&jpeg[..jpeg.len() / 2], &[0; 500]].concat()),
    ];
    for (format, picture) in every_format() {
        // A bare codestream does not tell its length.
        if format != "jxl-bare" {
            faults.push(cut(named(&[format, "half"]), &picture[..picture.len() / 2]));
            faults.push(cut(named(&[format, "short"]), &picture[..picture.len() - 2]));
        }
    }
    assert_faults(&["--retries=2", "--backoff=1ms"], faults);
}

#[test]
fn what_is_no_picture_is_named_and_not_asked_for_again() {
    let page = "<!DOCTYPE html>\n<html><head><title>404</title></head><body><img src=\"logo.png\"></body></html>";
    let no = |name, body: &[u8], detail: &'static str| -> Fault {
        fault(name, always(with_fields("Content-Type: image/png\r\n", body)), failed("not-an-image", detail), 1)
    };
    let mut mp4 = b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2".to_vec();
    mp4.extend([0; 64]);
    let zip = [&b"PK\x03\x04\x14\0\0\0\0\0"[..], &[0; 40], b"a.png", &drawn::png("inside")].concat();
    assert_faults(
        &["--retries=2", "--backoff=1ms"],
        vec![
            no("soft-404", page.as_bytes(), "HTML page"),
            no("soft-404-behind-a-mark", format!("\u{feff}\r\n  {page}").as_bytes(), "HTML page"),
            no("half-a-page", b"<div class=error>Sorry</div>", "HTML page"),
            no("script", b"<script>location='/login'</script>", "HTML page"),
            no("xml-error", b"<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>", "XML document"),
            no("json", b"{\"error\": \"hotlinking\", \"image\": null}", "JSON"),
            no("json-list", b"[{\"url\": \"a.png\"}]", "JSON"),
            no("text", b"Invalid parameter: BMP files are not GIF89a\n", "text"),
            no("text-like-bmp", b"BMP is not allowed here", "text"),
            no("zip", &zip, "ZIP archive"),
            no("pdf", b"%PDF-1.7\n1 0 obj\n", "PDF"),
            no("video", &mp4, "MP4 video"),
            no("gzip", b"\x1f\x8b\x08\0\0\0\0\0\0\x03nothing", "gzip"),
            no("blank", b"  \r\n\r\n ", "white space"),
            no("zeros", &[0; 300], "zero bytes"),
            no("one-byte", b"\x01", "unknown data"),
            // A picture that is not at the beginning is part of something else.
            no("picture-behind-text", &[&b"\r\nbanner\r\n"[..], &drawn::png("behind")].concat(), ""),
        ],
    );
}

#[test]
fn what_stands_behind_the_end_of_a_picture_stays_with_it() {
    // Cameras and content networks append to pictures; the bytes are kept as they are.
    let row = |name, picture: Vec<u8>| {
        let kept = [&picture[..], b"<!-- served by cache-7 -->"].concat();
        let expected: Expected = stored(kept.clone());
        fault(name, always(ok(&kept)), expected, 1)
    };
    assert_faults(
        &["--retries=1"],
        vec![row("jpeg", drawn::jpeg("tail")), row("png", drawn::png("tail")), row("gif", drawn::gif("tail"))],
    );
}
