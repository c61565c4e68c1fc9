//! A body under its budgets: from the wire, through its codings, into the store's hands.
//!
//! Bytes are counted twice, as received and as decoded, against the same limit; silence and the total time are
//! bounded. A body that ends before its end is an error whatever has arrived, and what has arrived is kept only for
//! [`Partial`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, stream};
use tokio::io::{AsyncBufReadExt, AsyncReadExt};
use tokio::time::{Instant, timeout_at};
use tokio_util::io::StreamReader;
use url::Url;

use super::coding::{Coding, HEAD, decoder, is_plain_picture};
use super::http::{Body, Trouble};
use super::{FailureKind, one_line};
use crate::mirror::store::Incoming;

/// The limits of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) max_size: u64,
    pub(super) stall: Duration,
    pub(super) deadline: Instant,
}

/// The beginning of a body that was cut off, held with what proves that a rest belongs to it.
#[derive(Debug)]
pub(super) struct Partial {
    pub(super) incoming: Incoming,
    /// See [`super::status::if_range`].
    pub(super) if_range: String,
    /// The URL that answered: another one has another body.
    pub(super) url: Url,
    /// The length of the whole, where it was declared.
    pub(super) total: Option<u64>,
}

/// Bytes to take from a decoder at a time.
const CHUNK: usize = 64 << 10;

/// Receives `body` into `incoming`, which may hold a beginning already. `received` is raised by the bytes on the wire,
/// also when it fails.
pub(super) async fn receive(
    body: Body,
    codings: &[Coding],
    limits: Limits,
    received: &mut u64,
    incoming: &mut Incoming,
) -> Result<(), Trouble> {
    let meter = Arc::new(AtomicU64::new(0));
    // Fused: whoever has read to the end to see the first bytes asks once more when they are decoded.
    let mut wire = Box::pin(metered(body, limits, incoming.len(), Arc::clone(&meter)).fuse());
    let result = if codings.is_empty() {
        copy(&mut wire, limits, incoming).await
    } else {
        undo(&mut wire, codings, limits, incoming).await
    };
    *received += meter.load(Ordering::Relaxed);
    result
}

type Chunk = Result<Bytes, Trouble>;

/// The body with its silence, time and size watched. `held` bytes count as received before.
fn metered(body: Body, limits: Limits, held: u64, meter: Arc<AtomicU64>) -> impl Stream<Item = Chunk> + Send {
    stream::unfold(Some((body, meter)), move |state| async move {
        let (mut body, meter) = state?;
        let now = Instant::now();
        let until = (now + limits.stall).min(limits.deadline);
        let failed = |kind, detail: String| Some((Err(Trouble::new(kind, detail)), None));
        match timeout_at(until, body.next()).await {
            Err(_) if until == limits.deadline => failed(FailureKind::Timeout, "the total deadline passed".to_owned()),
            Err(_) => failed(FailureKind::Timeout, format!("no data for {:?}", limits.stall)),
            Ok(None) => None,
            Ok(Some(Err(trouble))) => Some((Err(trouble), None)),
            Ok(Some(Ok(chunk))) => {
                let size = chunk.len() as u64;
                let before = meter.fetch_add(size, Ordering::Relaxed);
                if held.saturating_add(before).saturating_add(size) > limits.max_size {
                    return failed(FailureKind::TooLarge, too_large(limits.max_size));
                }
                Some((Ok(chunk), Some((body, meter))))
            }
        }
    })
}

pub(super) fn too_large(max_size: u64) -> String {
    format!("more than {max_size} bytes; --max-size sets the limit")
}

async fn copy(
    wire: &mut (impl Stream<Item = Chunk> + Unpin),
    limits: Limits,
    incoming: &mut Incoming,
) -> Result<(), Trouble> {
    while let Some(chunk) = wire.next().await {
        keep(incoming, chunk?, limits).await?;
    }
    Ok(())
}

async fn keep(incoming: &mut Incoming, chunk: Bytes, limits: Limits) -> Result<(), Trouble> {
    if incoming.len().saturating_add(chunk.len() as u64) > limits.max_size {
        return Err(Trouble::new(FailureKind::TooLarge, too_large(limits.max_size)));
    }
    incoming.write(chunk).await.map_err(|error| Trouble::new(FailureKind::Disk, error.to_string()))
}

/// Undoes `codings`, unless the body turns out to be a plain picture.
async fn undo(
    wire: &mut (impl Stream<Item = Chunk> + Unpin + Send),
    codings: &[Coding],
    limits: Limits,
    incoming: &mut Incoming,
) -> Result<(), Trouble> {
    let mut head = BytesMut::new();
    while head.len() < HEAD {
        let Some(chunk) = wire.next().await else { break };
        head.extend_from_slice(&chunk?);
    }
    let head = head.freeze();
    if head.is_empty() {
        return Ok(());
    }
    let first = stream::iter([Ok(head.clone())]);
    if is_plain_picture(&head) {
        return copy(&mut first.chain(wire), limits, incoming).await;
    }
    let mut reader = StreamReader::new(first.chain(wire).map(|chunk| chunk.map_err(io::Error::other)));
    let mut decoder = decoder(codings, &head, &mut reader);
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK);
        if decoder.read_buf(&mut chunk).await.map_err(undecoded)? == 0 {
            break;
        }
        keep(incoming, chunk.freeze(), limits).await?;
    }
    drop(decoder);
    // The coding is at its end; the message must be as well, or its last chunk was never seen.
    loop {
        let rest = reader.fill_buf().await.map_err(undecoded)?.len();
        if rest == 0 {
            return Ok(());
        }
        reader.consume(rest);
    }
}

/// Our own trouble comes back out of the decoder; anything else is the coded body's.
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
