//! A body under its budgets: from the wire into the store's hands, as it was sent.
//!
//! Bytes are counted, here as they arrive and in `coding` as they are decoded, against the same limit; silence and the
//! total time are bounded. A body that ends before its end is an error whatever has arrived, and what has arrived is
//! kept only for [`Partial`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::FailureKind;
use super::http::{Body, Trouble};
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

/// Receives `body` into `incoming`, which may hold a beginning already. `received` is raised by the bytes on the wire,
/// also when it fails.
pub(super) async fn receive(
    body: Body,
    limits: Limits,
    received: &mut u64,
    incoming: &mut Incoming,
) -> Result<(), Trouble> {
    let meter = Arc::new(AtomicU64::new(0));
    let mut wire = Box::pin(metered(body, limits, incoming.len(), Arc::clone(&meter)));
    let result = copy(&mut wire, incoming).await;
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

async fn copy(wire: &mut (impl Stream<Item = Chunk> + Unpin), incoming: &mut Incoming) -> Result<(), Trouble> {
    while let Some(chunk) = wire.next().await {
        keep(incoming, chunk?).await?;
    }
    Ok(())
}

pub(super) async fn keep(incoming: &mut Incoming, chunk: Bytes) -> Result<(), Trouble> {
    incoming.write(chunk).await.map_err(|error| Trouble::new(FailureKind::Disk, error.to_string()))
}
