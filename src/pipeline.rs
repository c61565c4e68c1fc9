//! The one place where the stages are joined: documents in, pictures fetched, documents out.

mod collecting;
mod fetching;
mod holding;
mod placement;
#[cfg(test)]
mod properties;
mod recording;
mod recovering;
mod releasing;
mod repairing;
mod rewriting;
mod standing;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::fetch::{self, FailureKind, HttpFetcher};
use crate::input::Discovery;
use crate::mirror::catalog::{Backlog, Catalog, CatalogError, Documents, PlacementRow, TargetRow};
use crate::mirror::store::{self, Durability, LocalStore};
use crate::mirror::{Layout, Mirror};
use crate::progress::{Phase, Progress};
use crate::report::{self, Ending, Summary};
use crate::sanitize;
use crate::target::Target;
pub use collecting::{Collecting, Mention, SlotFilter};
use fetching::Fetched;
pub use placement::{AnotherPlace, Links, Placement, normal, real};
use recording::Recorded;
use recovering::Copies;
pub use repairing::{Repaired, Repairing};
pub use rewriting::MissingPolicy;
use rewriting::{Rewriting, Rewritten};
pub use standing::Standing;

/// Whether a run may ask anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    Online(Backlog),
    Offline,
}

/// Whether a run does what it plans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Act,
    /// Only the plan: nothing is fetched, nothing written.
    Plan,
}

/// Everything that a run is told.
#[derive(Debug)]
pub struct Job {
    pub output: PathBuf,
    pub collecting: Collecting,
    pub placement: Placement,
    pub links: Links,
    pub missing: MissingPolicy,
    pub network: Network,
    pub fetch: fetch::Options,
    pub durability: Durability,
    /// `--urls`: pictures to keep that no document refers to.
    pub urls: Vec<Target>,
    /// The inputs that are files or folders, absolute: a document that was below one of them and is gone is released.
    pub roots: Vec<PathBuf>,
    /// How long to wait for another run that holds the lock.
    pub patience: Duration,
}

/// Runs `imgmirror sync`: the flow of the whole program.
///
/// `inputs` opens the walk over the documents; it is asked again when the documents of the first pass have taught a
/// proxy that its rules did not know.
pub async fn sync(
    job: Job,
    inputs: impl Fn() -> anyhow::Result<Discovery>,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<Summary> {
    let catalog = Layout::new(&job.output).catalog();
    let done = mirror(job, inputs, progress, stop).await;
    done.map_err(|error| match error.downcast::<CatalogError>() {
        Ok(error) => error.at(&catalog).into(),
        Err(error) => error,
    })
}

async fn mirror(
    mut job: Job,
    inputs: impl Fn() -> anyhow::Result<Discovery>,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<Summary> {
    let started = Instant::now();
    let mirror = Mirror::open_within(&job.output, job.patience, stop).await?;
    let store = Arc::new(open_store(&job, mirror.layout())?);
    let catalog = Catalog::open(&mirror.layout().catalog(), job.durability)?;
    let row = placement_row(&job, mirror.layout())?;
    placement::refuse_another(&catalog, &row, mirror.layout(), &job.output)?;
    holding::refuse_unmounted(&catalog, &store, assets(&job, mirror.layout()), job.network)?;
    let run = catalog.begin_run()?;
    let left = rewriting(&job, mirror.layout()).left(&catalog, run)?;
    catalog.remember_placement(&row)?;
    catalog.remember_missing_policy(job.missing.word())?;

    progress.phase(Phase::Collecting);
    let mut recorded = collect(&mut job, &inputs, mirror.layout(), &catalog, run, progress, stop)?;

    if !stop.is_cancelled() {
        recorded.released = releasing::release(&catalog, run, &job.roots, progress)?;
    }
    want(&job, &catalog, run, &mut recorded.credentials)?;
    holding::compare(&catalog, &store, run, job.network)?;
    progress.phase(Phase::Fetching);
    let (catalog, fetched) =
        fetch_assets(&job, recorded.credentials.clone(), store, catalog, run, progress, stop).await?;

    progress.phase(Phase::Rewriting);
    let rewriting = rewriting(&job, mirror.layout());
    let rewritten = rewriting.rewrite_and_settle(&catalog, run, left, progress, stop)?;

    let failures = failures(&catalog, run)?;
    let summary = summarise(&catalog, run, &recorded, &fetched, &rewritten, failures, started)?;
    let ending = if stop.is_cancelled() { Ending::Interrupted } else { Ending::Finished };
    catalog.finish_run(run, &summary.to_record(ending))?;
    // What was done is done, told or not.
    let now = jiff::Timestamp::now().as_millisecond();
    if let Err(error) = report::page::write(&catalog, mirror.layout(), report::page::When::Changed, now) {
        progress.warn(&format!("warning: {}", sanitize::for_terminal(&format!("{error:#}"))));
    }
    Ok(summary)
}

/// What [`sync`] would do. Works on a copy of the catalog, so that the mirror stays as it is, or stays absent.
pub fn plan(
    mut job: Job,
    inputs: impl Fn() -> anyhow::Result<Discovery>,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<Summary> {
    let started = Instant::now();
    let folder = tempfile::tempdir()?;
    let layout = Layout::new(&job.output);
    let copy = Catalog::copy(&layout.catalog(), &folder.path().join("catalog.sqlite"))?;
    placement::refuse_another(&copy, &placement_row(&job, &layout)?, &layout, &job.output)?;
    let store = LocalStore::new(assets(&job, &layout), layout.tmp(), Durability::None);
    holding::refuse_unmounted(&copy, &store, assets(&job, &layout), job.network)?;
    let run = copy.begin_run()?;
    let recorded = collect(&mut job, &inputs, &layout, &copy, run, progress, stop)?;
    want(&job, &copy, run, &mut HashMap::new())?;
    holding::compare(&copy, &store, run, job.network)?;
    let counts = copy.plan_fetch(run, backlog(job.network))?;
    let fetched = Fetched { total: counts.total, held: counts.held, captured: counts.asked, ..Fetched::default() };
    let rewritten = rewriting(&job, &layout).would_write(&copy, run)?;
    summarise(&copy, run, &recorded, &fetched, &rewritten, report::Failures::default(), started)
}

fn assets(job: &Job, layout: &Layout) -> PathBuf {
    match &job.placement {
        Placement::Mirror => layout.assets(),
        Placement::InPlace { assets } => assets.clone(),
    }
}

/// Where this run puts pictures, for the commands that are not told.
fn placement_row(job: &Job, layout: &Layout) -> std::io::Result<PlacementRow> {
    Ok(PlacementRow {
        documents: match job.placement {
            Placement::Mirror => Documents::Mirror,
            Placement::InPlace { .. } => Documents::InPlace,
        },
        assets: std::path::absolute(assets(job, layout))?,
        link_base: match &job.links {
            Links::Prefix(prefix) => Some(prefix.clone()),
            Links::WithinMirror | Links::To(_) => None,
        },
    })
}

fn open_store(job: &Job, layout: &Layout) -> anyhow::Result<LocalStore> {
    let assets = assets(job, layout);
    // Documents are written there too, wherever the pictures are.
    store::sweep(&layout.tmp())?;
    let store = LocalStore::with_tmp_within_reach(assets, &layout.tmp(), job.durability);
    store.sweep_tmp()?;
    Ok(store)
}

/// Records the documents, again when they teach a proxy: what was collected before it was known is collected anew.
fn collect(
    job: &mut Job,
    inputs: &impl Fn() -> anyhow::Result<Discovery>,
    layout: &Layout,
    catalog: &Catalog,
    run: i64,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<Recorded> {
    for rule in catalog.learned_proxies()? {
        if let Ok(learned) = serde_json::from_str(&rule) {
            job.collecting.rules.learn(&learned);
        }
    }
    catalog.begin_collecting(run)?;
    let copies = match job.placement {
        Placement::Mirror => Some(Copies::of(layout)),
        Placement::InPlace { .. } => None,
    };
    let places = &recording::Places { placement: &job.placement, copies };
    let recorded = recording::record(&job.collecting, places, inputs()?, catalog, run, progress, stop)?;
    if stop.is_cancelled() {
        return Ok(recorded);
    }
    catalog.begin()?;
    catalog.end_collecting()?;
    if recorded.learned.is_empty() {
        catalog.commit()?;
        return Ok(recorded);
    }
    for learned in &recorded.learned {
        job.collecting.rules.learn(learned);
        catalog.learn_proxy(&learned.prefix, &serde_json::to_string(learned)?)?;
    }
    catalog.commit()?;
    let silent = Progress::muted();
    let again = recording::record(&job.collecting, places, inputs()?, catalog, run, &silent, stop)?;
    if again.failed > recorded.failed {
        let lost = again.failed - recorded.failed;
        progress.warn(&format!("warning: {lost} documents could be read once and then not again"));
    }
    Ok(again)
}

/// Adds the pictures of `--urls` to what the run needs.
fn want(job: &Job, catalog: &Catalog, run: i64, credentials: &mut HashMap<String, String>) -> anyhow::Result<()> {
    catalog.begin()?;
    for target in &job.urls {
        if let Some(own) = &target.credentials {
            credentials.insert(fetch::origin(&target.url), own.clone());
        }
        let asset = catalog.asset(&TargetRow::from(target))?;
        catalog.want(run, asset)?;
    }
    catalog.commit()?;
    Ok(())
}

fn backlog(network: Network) -> Backlog {
    match network {
        Network::Online(backlog) => backlog,
        Network::Offline => Backlog::default(),
    }
}

async fn fetch_assets(
    job: &Job,
    credentials: HashMap<String, String>,
    store: Arc<LocalStore>,
    catalog: Catalog,
    run: i64,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<(Catalog, Fetched)> {
    if job.network == Network::Offline || stop.is_cancelled() {
        let counts = catalog.plan_fetch(run, Backlog::default())?;
        return Ok((catalog, Fetched { total: counts.total, held: counts.held, ..Fetched::default() }));
    }
    let fetcher = Arc::new(HttpFetcher::new(&job.fetch)?);
    let plan = fetching::Plan {
        run,
        backlog: backlog(job.network),
        options: job.fetch.clone(),
        credentials,
        progress,
        stop: stop.clone(),
    };
    fetching::fetch(fetcher, store, catalog, plan).await
}

fn rewriting<'a>(job: &'a Job, layout: &'a Layout) -> Rewriting<'a> {
    Rewriting {
        collecting: &job.collecting,
        layout,
        placement: &job.placement,
        links: &job.links,
        missing: job.missing,
        durability: job.durability,
    }
}

/// How many threads read or write documents: as many as there are cores, up to eight.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).min(8)
}

/// What a run could not get, and which documents miss it.
fn failures(catalog: &Catalog, run: i64) -> anyhow::Result<report::Failures> {
    let mut failures = report::Failures::default();
    let mut documents = Ok(());
    catalog.missing(run, &mut |asset| {
        let kind = FailureKind::from_word(&asset.kind).unwrap_or(FailureKind::Connection);
        let (target, detail, attempts) = (&asset.target, &asset.detail, asset.attempts);
        match catalog.documents_of(run, asset.id, report::MAX_DOCUMENTS) {
            Ok(paths) => {
                let failed = report::Failed { target, kind: kind.as_str(), detail, attempts };
                failures.add(failed, paths.iter().map(PathBuf::as_path));
            }
            Err(error) => documents = Err(error),
        }
    })?;
    documents?;
    Ok(failures)
}

/// The numbers of a run.
fn summarise(
    catalog: &Catalog,
    run: i64,
    recorded: &Recorded,
    fetched: &Fetched,
    rewritten: &Rewritten,
    failures: report::Failures,
    started: Instant,
) -> anyhow::Result<Summary> {
    let references = catalog.reference_counts(run)?;
    let Fetched { total, held, captured, revisited, rescued, refused, changed, .. } = *fetched;
    Ok(Summary {
        documents: report::Documents {
            read: recorded.read + recorded.unchanged,
            written: rewritten.written,
            unchanged: rewritten.unchanged,
            failed: recorded.failed + rewritten.failed,
        },
        references: report::References {
            total: references.total,
            mirrored: references.mirrored,
            skipped: references.skipped,
            missing: references.missing,
        },
        assets: report::Assets {
            total,
            captured,
            revisited,
            held,
            rescued,
            // What was not reached is missing too.
            failed: total - captured - revisited - held - rescued - refused,
            refused,
        },
        bytes: report::Bytes { received: fetched.bytes_received, stored: fetched.bytes_stored },
        requests: fetched.requests,
        seconds: started.elapsed().as_secs_f64(),
        failures,
        without_base: references.without_base,
        changed,
        released: recorded.released,
    })
}
