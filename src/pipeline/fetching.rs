//! The middle stage: assets → outcomes → store → catalog.
//!
//! The fetch loop hands every outcome to one thread that keeps it. That thread writes blobs as they come and records
//! them in batches: first all blobs of the batch are durable, then their rows. A row never names a blob that is not there.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fetch::ladder::{Learned, Rung};
use crate::fetch::polite::Manners;
use crate::fetch::{
    Asset, Capture, Exchange, Failure, FailureKind, Fetch, Options, Outcome, Response, Revisit, Totals, Trouble,
    fetch_all, origin,
};
use crate::frontier::{Frontier, Pending, PendingError};
use crate::mirror::catalog::{Backlog, CaptureRow, Catalog, Recorded};
use crate::mirror::store::{Committed, Store, StoreErrorKind};
use crate::progress::Progress;

/// Outcomes on their way to the disk. Bodies in memory are small, so this bounds what waits.
const QUEUE: usize = 64;
/// Outcomes that are recorded together.
const BATCH: usize = 256;
/// The longest that an outcome waits for its batch.
const PAUSE: Duration = Duration::from_millis(500);

/// What came of the assets of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) total: u64,
    pub(super) held: u64,
    pub(super) captured: u64,
    pub(super) revisited: u64,
    /// Had from another source than the target.
    pub(super) rescued: u64,
    pub(super) refused: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_stored: u64,
    pub(super) requests: u64,
}

/// Fetches what `backlog` says of what `run` needs.
pub(super) async fn fetch<F: Fetch, S: Store>(
    fetcher: Arc<F>,
    store: Arc<S>,
    catalog: Catalog,
    plan: Plan<'_>,
) -> anyhow::Result<(Catalog, Fetched)> {
    let Plan { run, backlog, options, credentials, progress, stop } = plan;
    let reader = catalog.reader()?;
    let counts = reader.plan_fetch(run, backlog)?;
    let mut fetched = Fetched { total: counts.total, held: counts.held, ..Fetched::default() };
    progress.assets(counts.asked);
    let mut learned = Learned::default();
    for (origin, rung) in catalog.remembered_hosts()? {
        if let Some(rung) = Rung::from_word(&rung) {
            learned.insert(&origin, rung);
        }
    }
    let frontier = Frontier::new(Planned { catalog: reader, credentials }, Manners::new(&options));
    let frontier = frontier.map_err(|error| anyhow::anyhow!(error))?;
    let (to_keeper, outcomes) = sync_channel(QUEUE);
    let full = CancellationToken::new();
    let keeper = Keeper { store: store.clone(), catalog, run, fetched: Fetched::default(), full: full.clone() };
    let kept = tokio::task::spawn_blocking(move || keeper.keep_all(&outcomes));
    let shutdown = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = full.cancelled() => {}
        }
    };
    let on_outcome = |asset: i64, outcome: Outcome| {
        progress.asset_done(outcome_bytes(&outcome));
        // The keeper is gone only when it failed, and then it says so itself.
        let _ = to_keeper.send((asset, outcome));
    };
    let watched = Arc::new(Watched { fetcher, progress: progress.clone() });
    let totals: Result<Totals, PendingError> =
        fetch_all(watched, store, frontier, Arc::new(options), &mut learned, on_outcome, shutdown).await;
    drop(to_keeper);
    let (catalog, kept) = kept.await.context("the thread that keeps pictures broke down")??;
    let totals = totals.map_err(|error| anyhow::anyhow!(error)).context("the plan of the run cannot be read")?;
    catalog.begin()?;
    for (origin, rung) in learned.iter() {
        catalog.remember_host(origin, rung.as_str())?;
    }
    catalog.commit()?;
    fetched.captured = kept.captured;
    fetched.revisited = kept.revisited;
    fetched.rescued = kept.rescued;
    fetched.held += kept.held;
    fetched.refused = kept.refused;
    fetched.bytes_stored = kept.bytes_stored;
    fetched.requests = totals.requests;
    fetched.bytes_received = totals.bytes_received;
    Ok((catalog, fetched))
}

/// A fetcher that tells the progress whom it asks.
struct Watched<F> {
    fetcher: Arc<F>,
    progress: Progress,
}

/// Takes back what was told, however the exchange ends.
struct Asking<'a> {
    progress: &'a Progress,
    host: String,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.progress.answered(&self.host);
    }
}

impl<F: Fetch> Fetch for Watched<F> {
    async fn exchange(&self, request: Exchange) -> Result<Response, Trouble> {
        let host = request.url.host_str().unwrap_or_default().to_owned();
        self.progress.asking(&host);
        let _asking = Asking { progress: &self.progress, host };
        self.fetcher.exchange(request).await
    }
}

/// What is to be fetched, and how.
pub(super) struct Plan<'a> {
    pub(super) run: i64,
    pub(super) backlog: Backlog,
    pub(super) options: Options,
    /// `user:password` by origin.
    pub(super) credentials: HashMap<String, String>,
    pub(super) progress: &'a Progress,
    pub(super) stop: CancellationToken,
}

fn outcome_bytes(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Captured(capture) => capture.bytes_received,
        Outcome::NotModified(_) => 0,
        Outcome::Failed(failure) => failure.bytes_received,
    }
}

/// The frontier's view of the catalog.
struct Planned {
    catalog: Catalog,
    credentials: HashMap<String, String>,
}

impl Pending for Planned {
    fn origins(&mut self) -> Result<Vec<(String, u64)>, PendingError> {
        Ok(self.catalog.planned_origins()?)
    }

    fn take(&mut self, origin: &str, after: i64, max: usize) -> Result<Vec<Asset>, PendingError> {
        let mut assets = self.catalog.planned_assets(origin, after, max)?;
        if !self.credentials.is_empty() {
            for asset in &mut assets {
                for url in asset.sources.iter_mut().chain([&mut asset.target]) {
                    self.add_credentials(url);
                }
            }
        }
        Ok(assets)
    }
}

impl Planned {
    fn add_credentials(&self, url: &mut Url) {
        if let Some((user, password)) = self.credentials.get(&origin(url)).and_then(|both| both.split_once(':')) {
            // Both only fail for URLs without a host, and http URLs have one.
            let _ = url.set_username(user);
            let _ = url.set_password((!password.is_empty()).then_some(password));
        }
    }
}

/// The thread that keeps what was fetched.
struct Keeper<S> {
    store: Arc<S>,
    catalog: Catalog,
    run: i64,
    fetched: Fetched,
    /// Set when the disk can take no more: the run ends, and says so.
    full: CancellationToken,
}

/// An outcome whose blob, if it has one, is under its final name.
enum Kept {
    Captured(CaptureRow),
    NotModified(Revisit),
    Failed(Failure),
}

impl<S: Store> Keeper<S> {
    fn keep_all(mut self, outcomes: &Receiver<(i64, Outcome)>) -> anyhow::Result<(Catalog, Fetched)> {
        let mut batch = Vec::new();
        loop {
            let next = match batch.is_empty() {
                true => outcomes.recv().map_err(|_| RecvTimeoutError::Disconnected),
                false => outcomes.recv_timeout(PAUSE),
            };
            match next {
                Ok((asset, outcome)) => {
                    let kept = self.keep(outcome).inspect_err(|_| self.full.cancel())?;
                    batch.push((asset, kept));
                    if batch.len() >= BATCH {
                        self.record(&mut batch)?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.record(&mut batch)?,
                Err(RecvTimeoutError::Disconnected) => {
                    self.record(&mut batch)?;
                    return Ok((self.catalog, self.fetched));
                }
            }
        }
    }

    /// Puts a body into the store. An error is one that every other picture would meet too.
    fn keep(&mut self, outcome: Outcome) -> anyhow::Result<Kept> {
        let capture = match outcome {
            Outcome::Captured(capture) => *capture,
            Outcome::NotModified(revisit) => return Ok(Kept::NotModified(revisit)),
            Outcome::Failed(failure) => return Ok(Kept::Failed(failure)),
        };
        let Capture { source, redirects, status, media_type, dimensions, received, validators, .. } = capture;
        let length = received.len();
        let blob = match self.store.commit(received, media_type) {
            Ok(Committed::Stored(blob)) => {
                self.fetched.bytes_stored += length;
                blob
            }
            Ok(Committed::AlreadyHeld(blob)) => blob,
            Err(error) if error.kind() == StoreErrorKind::Other => {
                return Ok(Kept::Failed(Failure {
                    kind: FailureKind::Disk,
                    detail: error.to_string(),
                    attempts: capture.attempts,
                    status: Some(status),
                    source,
                    bytes_received: capture.bytes_received,
                }));
            }
            Err(error) => return Err(anyhow::anyhow!("{error}; {}", error.advice())),
        };
        Ok(Kept::Captured(CaptureRow {
            blob,
            length,
            dimensions,
            source,
            redirects,
            status,
            validators,
            cache_control: capture.cache_control,
            headers: capture.headers,
            fetched_at: capture.fetched_at,
        }))
    }

    fn record(&mut self, batch: &mut Vec<(i64, Kept)>) -> anyhow::Result<()> {
        self.store.make_durable().map_err(|error| anyhow::anyhow!("{error}; {}", error.advice()))?;
        self.catalog.begin()?;
        for (asset, kept) in batch.drain(..) {
            let fetched = &mut self.fetched;
            match kept {
                Kept::Captured(row) => match self.catalog.record_capture(self.run, asset, &row)? {
                    Recorded { from_target: false, .. } => fetched.rescued += 1,
                    Recorded { known_bytes: true, .. } => fetched.revisited += 1,
                    Recorded { .. } => fetched.captured += 1,
                },
                Kept::NotModified(revisit) => {
                    self.catalog.record_revisit(self.run, asset, &revisit)?;
                    fetched.revisited += 1;
                }
                Kept::Failed(failure) => {
                    let held = self.catalog.record_failure(self.run, asset, &failure)?;
                    match failure.kind {
                        _ if held => fetched.held += 1,
                        FailureKind::OutOfScope | FailureKind::BadUrl => fetched.refused += 1,
                        _ => {}
                    }
                }
            }
        }
        self.catalog.commit()?;
        Ok(())
    }
}
