//! A body under its budgets: from the wire into the store's hands, as it was sent.
//!
//! Bytes are counted, here as they arrive and in `coding` as they are decoded, against the same limit; silence and the
//! total time are bounded. A body that ends before its end is an error whatever has arrived, and what has arrived is
//! kept only for [`Partial`].

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::OwnedSemaphorePermit;
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
    /// One of the places that a run has for these.
    pub(super) _place: OwnedSemaphorePermit,
}

/// Receives `body` into `incoming`, which may hold a beginning already. `received` is raised by the bytes on the wire,
/// also when it fails.
pub(super) async fn receive(
    mut body: Body,
    limits: Limits,
    received: &mut u64,
    incoming: &mut Incoming,
) -> Result<(), Trouble> {
    loop {
        let until = (Instant::now() + limits.stall).min(limits.deadline);
        let silent = |_| match until == limits.deadline {
            true => Trouble::new(FailureKind::Timeout, "the total deadline passed"),
            false => Trouble::new(FailureKind::Timeout, format!("no data for {:?}", limits.stall)),
        };
        let Some(chunk) = timeout_at(until, body.next()).await.map_err(silent)? else { return Ok(()) };
        let chunk = chunk?;
        *received += chunk.len() as u64;
        if incoming.len().saturating_add(chunk.len() as u64) > limits.max_size {
            return Err(Trouble::new(FailureKind::TooLarge, too_large(limits.max_size)));
        }
        keep(incoming, chunk).await?;
    }
}

pub(super) fn too_large(max_size: u64) -> String {
    format!("more than {max_size} bytes; --max-size sets the limit")
}

pub(super) async fn keep(incoming: &mut Incoming, chunk: Bytes) -> Result<(), Trouble> {
    incoming.write(chunk).await.map_err(|error| Trouble::new(FailureKind::Disk, error.to_string()))
}
