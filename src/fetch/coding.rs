//! Content codings (RFC 9110 section 8.4): gzip, deflate, br, zstd, at most two of them, and servers that declare one
//! and send a plain picture.

use std::io::{self, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{OnceLock, mpsc};
use std::task::{Context, Poll};
use std::thread;

use async_compression::tokio::bufread::{BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::BytesMut;
use futures::io::AllowStdIo;
use reqwest::header::{self, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt as _, BufReader, ReadBuf};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::compat::FuturesAsyncReadCompatExt as _;

use super::body::{Limits, keep, too_large};
use super::http::Trouble;
use super::{DEFECT, FailureKind, one_line};
use crate::media_type::inspect;
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
/// Bytes that are enough to tell zlib from a bare deflate stream.
const HEAD: usize = 2;
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
            thread::spawn(move || {
                for work in take {
                    // A defect that one body shows costs this body and no other: whoever waits is told by the silence.
                    let _ = catch_unwind(AssertUnwindSafe(work));
                }
            });
            give
        });
        let lost = || Trouble::new(FailureKind::NotAnImage, DEFECT);
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
    // A coding that was never applied: the body is a picture as it came.
    let len = received.len();
    let plain = inspect(&mut received.view().map_err(|error| disk(&error))?, len).map_err(|error| disk(&error))?;
    if plain.is_ok() || received.is_empty() {
        return Ok(received);
    }
    let mut head = Vec::with_capacity(HEAD);
    let view = received.view().map_err(|error| disk(&error))?;
    view.take(HEAD as u64).read_to_end(&mut head).map_err(|error| disk(&error))?;
    let view = io::BufReader::new(received.view().map_err(|error| disk(&error))?);
    let mut decoder = decoder(codings, &head, limits, AllowStdIo::new(view).compat());
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        if decoder.read_buf(&mut chunk).await.map_err(undecoded)? == 0 {
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

/// Our own trouble comes back out of a decoder; anything else is the coded body's.
fn undecoded(error: io::Error) -> Trouble {
    if let Some(trouble) = error.get_ref().and_then(|inner| inner.downcast_ref::<Trouble>()) {
        return trouble.clone();
    }
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the coded body ends before its end".to_owned(),
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

/// Puts the decoders for `codings` on top of `reader`. `head` is what the reader will begin with.
fn decoder<'r>(
    codings: &[Coding],
    head: &[u8],
    limits: Limits,
    reader: impl AsyncBufRead + Send + Unpin + 'r,
) -> Box<dyn AsyncRead + Send + Unpin + 'r> {
    let mut codings = codings.iter();
    let Some(&outer) = codings.next() else { return Box::new(reader) };
    let mut decoder = one(outer, is_zlib(head), reader);
    for &inner in codings {
        // The start of an inner deflate body is not at hand: zlib is what RFC 9110 says it is.
        let between = Limited { inner: decoder, limits, read: 0 };
        decoder = one(inner, true, BufReader::new(between));
    }
    decoder
}

/// What one decoder gives to the next, under the limits of the body: a coding within a coding can be made to go on
/// without ever coming to a byte of content.
struct Limited<'r> {
    inner: Box<dyn AsyncRead + Send + Unpin + 'r>,
    limits: Limits,
    read: u64,
}

impl AsyncRead for Limited<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buffer);
        self.read += (buffer.filled().len() - before) as u64;
        let Limits { max_size, deadline, .. } = self.limits;
        let trouble = if self.read > max_size {
            Trouble::new(FailureKind::TooLarge, too_large(max_size))
        } else if Instant::now() > deadline {
            Trouble::new(FailureKind::Timeout, "the total deadline passed")
        } else {
            return polled;
        };
        Poll::Ready(Err(io::Error::other(trouble)))
    }
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
    fn zlib_is_told_from_bare_deflate() {
        assert!(is_zlib(b"\x78\x9c\x03") && is_zlib(b"\x78\x01"));
        assert!(!is_zlib(b"\x4b\xcc") && !is_zlib(b""));
    }
}
