//! Content codings (RFC 9110 section 8.4): gzip, deflate, br, zstd, at most two of them, and servers that declare one
//! and send a plain picture.

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use reqwest::header::{self, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncRead, BufReader};

/// One coding that a response declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// Codings on top of each other that are undone.
const CODINGS_MAX: usize = 2;
/// RFC 9659: a zstd coding needs no window over 8 MiB; a larger one is an attack on memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Bytes that are enough to tell a picture from a coding.
pub(super) const HEAD: usize = 16;

/// The codings that a response declares, the outermost first. Words that are no coding (`utf-8`, `none`) are not an
/// error: the bytes will tell. Fails with their number when there are too many.
pub(super) fn declared(headers: &HeaderMap) -> Result<Vec<Coding>, usize> {
    let words = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings: Vec<Coding> = words
        .flat_map(|value| value.split(','))
        .filter_map(|word| match word.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Coding::Gzip),
            "deflate" => Some(Coding::Deflate),
            "br" => Some(Coding::Brotli),
            "zstd" => Some(Coding::Zstd),
            _ => None,
        })
        .collect();
    codings.reverse();
    if codings.len() > CODINGS_MAX { Err(codings.len()) } else { Ok(codings) }
}

/// Whether bytes that are declared to be coded begin as a picture does. No coding begins like this, but for a
/// vanishing chance with brotli, which has no signature.
pub(super) fn is_plain_picture(head: &[u8]) -> bool {
    let starts = |signature: &[u8]| head.starts_with(signature);
    let at = |offset: usize, signature: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(signature));
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    starts(b"\xff\xd8\xff")
        || starts(b"\x89PNG\r\n\x1a\n")
        || starts(b"GIF87a")
        || starts(b"GIF89a")
        || (starts(b"RIFF") && at(8, b"WEBP"))
        || at(4, b"ftyp")
        || starts(b"II*\0")
        || starts(b"MM\0*")
        || starts(b"\0\0\0\x0cJXL ")
        || starts(b"\0\0\0\x0cjP  ")
        || text.starts_with(b"<svg")
        || text.starts_with(b"<?xml")
}

/// Puts the decoders for `codings` on top of `reader`. `head` is what the reader will begin with.
pub(super) fn decoder<'r>(
    codings: &[Coding],
    head: &[u8],
    reader: impl AsyncBufRead + Send + Unpin + 'r,
) -> Box<dyn AsyncRead + Send + Unpin + 'r> {
    let mut codings = codings.iter();
    let Some(&outer) = codings.next() else { return Box::new(reader) };
    let mut decoder = one(outer, is_zlib(head), reader);
    for &inner in codings {
        // The start of an inner deflate body is not at hand: zlib is what RFC 9110 says it is.
        decoder = one(inner, true, BufReader::new(decoder));
    }
    decoder
}

fn one<'r>(
    coding: Coding,
    zlib: bool,
    reader: impl AsyncBufRead + Send + Unpin + 'r,
) -> Box<dyn AsyncRead + Send + Unpin + 'r> {
    match coding {
        Coding::Gzip => {
            let mut decoder = GzipDecoder::new(reader);
            decoder.multiple_members(true);
            Box::new(decoder)
        }
        Coding::Deflate if zlib => Box::new(ZlibDecoder::new(reader)),
        Coding::Deflate => Box::new(DeflateDecoder::new(reader)),
        Coding::Brotli => Box::new(BrotliDecoder::new(reader)),
        Coding::Zstd => Box::new(ZstdDecoder::with_params(reader, &[DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)])),
    }
}

/// RFC 1950 section 2.2. Many servers send a bare deflate stream instead.
fn is_zlib(head: &[u8]) -> bool {
    matches!(head, [cmf, flg, ..] if cmf & 0x0f == 8 && (u16::from(*cmf) << 8 | u16::from(*flg)) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Vec<Coding>, usize> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, value.parse().unwrap());
        }
        declared(&headers)
    }

    #[test]
    fn codings_are_read_from_the_outside_in() {
        assert_eq!(read(&["gzip, br"]), Ok(vec![Coding::Brotli, Coding::Gzip]));
        assert_eq!(read(&["GZIP", "identity"]), Ok(vec![Coding::Gzip]));
        assert_eq!(read(&["utf-8"]), Ok(vec![]));
        assert_eq!(read(&["gzip, gzip, gzip"]), Err(3));
    }

    #[test]
    fn no_coding_looks_like_a_picture() {
        for head in [b"\x1f\x8b\x08\0".as_slice(), b"\x28\xb5\x2f\xfd", b"\x78\x9c", b"BM", b"", b"<html>"] {
            assert!(!is_plain_picture(head), "{head:?}");
        }
        for head in [b"\xff\xd8\xff\xe0".as_slice(), b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x1cftypavif", b" <svg "] {
            assert!(is_plain_picture(head), "{head:?}");
        }
    }

    #[test]
    fn zlib_is_told_from_bare_deflate() {
        assert!(is_zlib(b"\x78\x9c\x03") && is_zlib(b"\x78\x01"));
        assert!(!is_zlib(b"\x4b\xcc") && !is_zlib(b""));
    }
}
