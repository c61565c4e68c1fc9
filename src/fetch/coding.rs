//! Content codings (RFC 9110 section 8.4): gzip, deflate, br, zstd, at most two of them, and servers that declare one
//! and send a plain picture.

use std::io::Read as _;
use std::sync::{OnceLock, mpsc};
use std::thread;

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::BytesMut;
use futures::io::AllowStdIo;
use reqwest::header::{self, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout_at;
use tokio_util::compat::FuturesAsyncReadCompatExt as _;

use super::body::{Limits, keep, too_large};
use super::http::Trouble;
use super::{FailureKind, one_line};
use crate::mirror::store::{Incoming, Received};

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
const HEAD: usize = 16;
/// Bytes to take from a decoder at a time.
const CHUNK: usize = 64 << 10;

/// The thread on which a run decodes bodies, one after the other. Few are coded, since none is asked for, and a decoder
/// may be made to take 32 MiB for what it has to look back to (16 in brotli, 8 in zstd, for each of two codings). On one
/// thread, because allocators keep for each thread what it has given back.
#[derive(Debug, Default)]
pub(super) struct Decoders {
    /// Started by the first body, ended with the run.
    thread: OnceLock<mpsc::Sender<Work>>,
}

type Work = Box<dyn FnOnce() + Send>;

impl Decoders {
    /// The body without its `codings`, put into `into`; or as it is when it turns out to be a plain picture.
    ///
    /// # Errors
    /// A coding that is broken or cut, a body that is too large once decoded, the deadline, or the disk.
    pub(super) async fn decode(
        &self,
        received: Received,
        codings: Vec<Coding>,
        limits: Limits,
        into: Incoming,
    ) -> Result<Received, Trouble> {
        let (tell, told) = oneshot::channel();
        let runtime = Handle::current();
        let work = Box::new(move || {
            // Nobody listens any more when the run has ended.
            let _ = tell.send(runtime.block_on(decoded(received, &codings, limits, into)));
        });
        let thread = self.thread.get_or_init(|| {
            let (give, take) = mpsc::channel::<Work>();
            thread::spawn(move || take.into_iter().for_each(|work| work()));
            give
        });
        let lost = || Trouble::new(FailureKind::Disk, "the thread that decodes bodies broke down");
        thread.send(work).map_err(|_| lost())?;
        let late = |_| Trouble::new(FailureKind::Timeout, "the total deadline passed before the body was decoded");
        timeout_at(limits.deadline, told).await.map_err(late)?.map_err(|_| lost())?
    }
}

async fn decoded(
    mut received: Received,
    codings: &[Coding],
    limits: Limits,
    mut into: Incoming,
) -> Result<Received, Trouble> {
    let disk = |error: &dyn std::error::Error| Trouble::new(FailureKind::Disk, error.to_string());
    let mut head = Vec::with_capacity(HEAD);
    let view = received.view().map_err(|error| disk(&error))?;
    view.take(HEAD as u64).read_to_end(&mut head).map_err(|error| disk(&error))?;
    if head.is_empty() || is_plain_picture(&head) {
        return Ok(received);
    }
    let view = std::io::BufReader::new(received.view().map_err(|error| disk(&error))?);
    let mut decoder = decoder(codings, &head, AllowStdIo::new(view).compat());
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        let read = timeout_at(limits.deadline, decoder.read_buf(&mut chunk)).await;
        let late = |_| Trouble::new(FailureKind::Timeout, "the total deadline passed");
        if read.map_err(late)?.map_err(undecoded)? == 0 {
            break;
        }
        if into.len().saturating_add(chunk.len() as u64) > limits.max_size {
            return Err(Trouble::new(FailureKind::TooLarge, too_large(limits.max_size)));
        }
        keep(&mut into, chunk.freeze()).await?;
    }
    drop(decoder);
    into.finish().await.map_err(|error| disk(&error))
}

fn undecoded(error: std::io::Error) -> Trouble {
    let what = match error.kind() {
        std::io::ErrorKind::UnexpectedEof => "the coded body ends before its end".to_owned(),
        _ => format!("the coded body cannot be decoded: {}", one_line(&error.to_string())),
    };
    Trouble::new(FailureKind::Truncated, what)
}

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
fn is_plain_picture(head: &[u8]) -> bool {
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
fn decoder<'r>(
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
