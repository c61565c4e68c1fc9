//! The middle stage: assets → outcomes → store → catalog.
//!
//! The fetch loop hands every outcome to one thread that keeps it. That thread hashes and writes blobs as they come, and
//! hands them in batches to another one that records them: first all blobs of the batch are durable, then their rows. A
//! row never names a blob that is not there.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::fetch::memory::{Memory, Rests};
use crate::fetch::polite::Manners;
use crate::fetch::{
    Answer, Asset, Capture, Exchange, Failure, FailureKind, Fetch, Options, Outcome, Revisit, Trouble, fetch_all,
    origin,
};
use crate::frontier::{Frontier, Pending, PendingError};
use crate::mirror::catalog::{Backlog, CaptureRow, Catalog, Failed, OnChange, Recorded};
use crate::mirror::store::{Committed, Store, StoreErrorKind};
use crate::progress::Progress;

/// Outcomes on their way to the disk: so many in the channel, and so many at the thread that keeps them. Bodies in memory
/// are small, so this bounds what waits.
const QUEUE: usize = 32;
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
    /// Have other bytes at their target than those that were held.
    pub(super) changed: u64,
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
    if counts.asked == 0 {
        return Ok((catalog, fetched));
    }
    // Who wants to try at once what has failed also wants to ask those who asked for peace.
    let rests = if backlog.failed == Failed::Due { Rests::Heeded } else { Rests::Disregarded };
    let mut memory = Memory::new(rests);
    catalog.remembered_hosts(&mut |origin, host| memory.insert(origin, host))?;
    let on_change = backlog.on_change;
    let frontier = Frontier::new(Planned { catalog: reader, credentials, on_change }, Manners::new(&options));
    let frontier = frontier.map_err(|error| anyhow::anyhow!(error))?;
    let (to_keeper, outcomes) = mpsc::channel(QUEUE);
    let ended = CancellationToken::new();
    let keeper = Keeper {
        store: store.clone(),
        catalog,
        run,
        on_change,
        progress: progress.clone(),
        fetched: Fetched::default(),
        ended: ended.clone(),
    };
    let runtime = Handle::current();
    let kept = tokio::task::spawn_blocking(move || keeper.keep_all(&runtime, outcomes));
    let watched = Arc::new(Watched { fetcher, progress: progress.clone() });
    let shutdown = async {
        tokio::select! {
            () = stop.cancelled() => {}
            () = ended.cancelled() => {}
        }
    };
    let options = Arc::new(options);
    let totals = fetch_all(watched, store, frontier, options, &mut memory, to_keeper, shutdown).await;
    let (catalog, kept) = kept.await.context("the thread that keeps pictures broke down")??;
    let totals = totals.map_err(|error| anyhow::anyhow!(error)).context("the plan of the run cannot be read")?;
    catalog.remember_hosts(memory.iter())?;
    fetched.captured = kept.captured;
    fetched.revisited = kept.revisited;
    fetched.rescued = kept.rescued;
    fetched.held += kept.held;
    fetched.refused = kept.refused;
    fetched.changed = kept.changed;
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
    async fn exchange(&self, request: Exchange, sent: &mut u64) -> Result<Answer, Trouble> {
        let asked = request.trail.next().unwrap_or(&request.url);
        let host = asked.host_str().unwrap_or_default().to_owned();
        self.progress.asking(&host);
        let _asking = Asking { progress: &self.progress, host };
        self.fetcher.exchange(request, sent).await
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
    on_change: OnChange,
}

impl Pending for Planned {
    fn origins(&mut self) -> Result<Vec<(String, u64)>, PendingError> {
        Ok(self.catalog.planned_origins()?)
    }

    fn take(&mut self, origin: &str, after: i64, max: usize) -> Result<Vec<Asset>, PendingError> {
        let mut assets = self.catalog.planned_assets(origin, after, max, self.on_change)?;
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

/// The thread that puts what was fetched into the store, with a second one that records it: while that one waits for the
/// disk, pictures go on arriving.
struct Keeper<S> {
    store: Arc<S>,
    catalog: Catalog,
    run: i64,
    on_change: OnChange,
    progress: Progress,
    fetched: Fetched,
    /// Set when one of the threads ends, for whatever reason: nothing more is fetched that nobody would keep.
    ended: CancellationToken,
}

/// An outcome whose blob, if it has one, is under its final name.
enum Kept {
    Captured(CaptureRow),
    NotModified(Revisit),
    Failed(Failure),
}

/// Assets and what became of them, to be recorded together.
type Batch = Vec<(i64, Kept)>;

impl<S: Store> Keeper<S> {
    fn keep_all(
        self,
        runtime: &Handle,
        outcomes: mpsc::Receiver<(i64, Outcome)>,
    ) -> anyhow::Result<(Catalog, Fetched)> {
        let Keeper { store, catalog, run, on_change, progress, fetched, ended } = self;
        // The guards cancel also when a panic unwinds.
        let guard = ended.clone().drop_guard();
        std::thread::scope(|scope| {
            let (to_recorder, batches) = sync_channel(1);
            let recorder = Recorder { store: &*store, catalog, run, on_change, fetched };
            let recording = scope.spawn(move || {
                let _ended = guard;
                recorder.record_all(batches)
            });
            let mut committer = Committer { store: &*store, progress, bytes_stored: 0, ended: ended.clone() };
            let _ended = ended.drop_guard();
            let committed = committer.commit_all(runtime, outcomes, &to_recorder);
            drop(to_recorder);
            let recorded =
                recording.join().map_err(|_| anyhow::anyhow!("the thread that records pictures broke down"))?;
            let (catalog, mut fetched) = recorded?;
            committed?;
            fetched.bytes_stored += committer.bytes_stored;
            Ok((catalog, fetched))
        })
    }
}

/// Puts bodies into the store.
struct Committer<'s, S> {
    store: &'s S,
    progress: Progress,
    bytes_stored: u64,
    ended: CancellationToken,
}

impl<S: Store> Committer<'_, S> {
    fn commit_all(
        &mut self,
        runtime: &Handle,
        mut outcomes: mpsc::Receiver<(i64, Outcome)>,
        to_recorder: &SyncSender<Batch>,
    ) -> anyhow::Result<()> {
        let (mut batch, mut arrived) = (Batch::new(), Vec::with_capacity(QUEUE));
        let mut until = Instant::now();
        loop {
            if batch.is_empty() {
                until = Instant::now() + PAUSE;
            }
            // All that wait are taken at once: to be woken for each of them costs more than to hand it over.
            let next = runtime.block_on(async { timeout_at(until, outcomes.recv_many(&mut arrived, QUEUE)).await });
            let (last, idle) = (next == Ok(0), next.is_err());
            for (asset, outcome) in arrived.drain(..) {
                self.progress.asset_done(outcome_bytes(&outcome));
                let kept = self.keep(outcome);
                if kept.is_err() {
                    // What was kept before is recorded all the same.
                    let _ = to_recorder.send(batch);
                    return kept.map(drop);
                }
                batch.push((asset, kept?));
            }
            if !batch.is_empty()
                && (last || Instant::now() >= until || batch.len() >= BATCH)
                && to_recorder.send(std::mem::take(&mut batch)).is_err()
            {
                // The recorder is gone only when it failed, and then it says so itself.
                return Ok(());
            }
            if last || (idle && self.ended.is_cancelled()) {
                return Ok(());
            }
        }
    }

    /// Puts a body into the store. An error is one that every other picture would meet too.
    fn keep(&mut self, outcome: Outcome) -> anyhow::Result<Kept> {
        let capture = match outcome {
            Outcome::Captured(capture) => *capture,
            Outcome::NotModified(revisit) => return Ok(Kept::NotModified(revisit)),
            // A body that could not even be put aside.
            Outcome::Failed(failure) if failure.kind == FailureKind::Disk => anyhow::bail!(failure.detail),
            Outcome::Failed(failure) => return Ok(Kept::Failed(failure)),
        };
        let Capture { source, redirects, final_url: url, status, media_type, dimensions, received, validators, .. } =
            capture;
        let length = received.len();
        let blob = match self.store.commit(received, media_type) {
            Ok(Committed::Stored(blob)) => {
                self.bytes_stored += length;
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
            Err(error) => return Err(error.into()),
        };
        Ok(Kept::Captured(CaptureRow {
            blob,
            length,
            dimensions,
            source,
            redirects,
            url,
            status,
            validators,
            cache_control: capture.cache_control,
            headers: capture.headers,
            fetched_at: capture.fetched_at,
        }))
    }
}

/// Records what is in the store: first everything of a batch is durable, then its rows are written.
struct Recorder<'s, S> {
    store: &'s S,
    catalog: Catalog,
    run: i64,
    on_change: OnChange,
    fetched: Fetched,
}

impl<S: Store> Recorder<'_, S> {
    fn record_all(mut self, batches: Receiver<Batch>) -> anyhow::Result<(Catalog, Fetched)> {
        for batch in batches {
            self.record(batch)?;
        }
        Ok((self.catalog, self.fetched))
    }

    fn record(&mut self, batch: Batch) -> anyhow::Result<()> {
        self.store.make_durable()?;
        self.catalog.begin()?;
        for (asset, kept) in batch {
            let fetched = &mut self.fetched;
            match kept {
                Kept::Captured(row) => {
                    let recorded = self.catalog.record_capture(self.run, asset, &row, self.on_change)?;
                    fetched.changed += u64::from(recorded.changed);
                    match recorded {
                        Recorded { from_target: false, .. } => fetched.rescued += 1,
                        Recorded { known_bytes: true, .. } => fetched.revisited += 1,
                        Recorded { .. } => fetched.captured += 1,
                    }
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_type::{MediaType, samples};
    use crate::mirror::catalog::TargetRow;
    use crate::mirror::store::{Durability, LocalStore};

    #[tokio::test]
    async fn nothing_more_is_fetched_when_what_was_fetched_cannot_be_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let assets = folder.path().join("assets");
        let store = Arc::new(LocalStore::new(&assets, folder.path().join("tmp"), Durability::Batch));
        let mut incoming = store.receive();
        incoming.write(samples::png(&[]).into()).await.unwrap();
        store.commit(incoming.finish().await.unwrap(), MediaType::Png).unwrap();
        // What is to be synced is gone, and its folder too.
        std::fs::remove_dir_all(&assets).unwrap();

        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
        let run = catalog.begin_run().unwrap();
        let target: Url = "http://pictures.example/a.png".parse().unwrap();
        let row = TargetRow {
            target: target.to_string(),
            origin: "http://pictures.example".to_owned(),
            fragment: None,
            proxies: 0,
            hint: None,
            sources: Vec::new(),
        };
        let asset = catalog.asset(&row).unwrap();
        let failure = Failure {
            kind: FailureKind::Gone,
            detail: "404".to_owned(),
            attempts: 1,
            status: Some(404),
            source: target.to_string(),
            bytes_received: 0,
        };
        let ended = CancellationToken::new();
        let keeper = Keeper {
            store,
            catalog,
            run,
            on_change: OnChange::default(),
            progress: Progress::muted(),
            fetched: Fetched::default(),
            ended: ended.clone(),
        };
        let (to_keeper, outcomes) = mpsc::channel(1);
        to_keeper.send((asset, Outcome::Failed(failure))).await.unwrap();
        let runtime = Handle::current();
        let kept = tokio::task::spawn_blocking(move || keeper.keep_all(&runtime, outcomes));
        let error = kept.await.unwrap().unwrap_err();
        assert!(ended.is_cancelled());
        drop(to_keeper);
        let said = format!("{error:#}");
        assert_eq!(said.matches("Run `imgmirror check`").count(), 1, "what to do is said once: {said}");
    }
}
