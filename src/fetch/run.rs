//! The loop of a run: asks the frontier what may start, starts it, and hands on what comes of it.
//!
//! The loop alone owns the frontier; attempts run as tasks beside it. Nothing sleeps while it holds a place: what has
//! to wait goes back to the frontier.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures::FutureExt as _;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::Sender;
use tokio::task::{JoinError, JoinSet};

use super::attempt::{Ended, Means, Tried, attempt};
use super::coding::Decoders;
use super::http::Fetch;
use super::job::{Job, Miss, Step, Then};
use super::memory::Memory;
use super::options::Options;
use super::polite::{Aside, Verdict};
use super::{DEFECT, Failure, FailureKind, Outcome, shown};
use crate::frontier::{Frontier, Next, Pending, PendingError};
use crate::mirror::store::Store;

/// What a run has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Requests sent, redirects included.
    pub requests: u64,
    /// Bytes of bodies on the wire.
    pub bytes_received: u64,
}

/// A running attempt's return: its job's id, which queue it stood in, when it began, how it ended.
type Back = (i64, Arc<str>, Instant, Ended);

/// Fetches everything that `frontier` has and sends each asset's outcome to `outcomes`, once. While there is no room in
/// that channel nothing new is started.
///
/// When `shutdown` ends, nothing new is started, what is in flight has [`Options::grace`] to end, and assets without
/// an outcome are simply not reported: they are pending still. What `memory` knows of hosts is heeded and added to.
///
/// # Errors
/// Only what [`Pending`] could not do.
pub async fn fetch_all<F: Fetch, S: Store, P: Pending>(
    fetcher: Arc<F>,
    store: Arc<S>,
    mut frontier: Frontier<P>,
    options: Arc<Options>,
    memory: &mut Memory,
    outcomes: Sender<(i64, Outcome)>,
    shutdown: impl Future<Output = ()>,
) -> Result<Totals, PendingError> {
    frontier.remember(memory, SystemTime::now());
    let (decoders, partials) = (Arc::default(), Arc::new(Semaphore::new(options.concurrency)));
    let (tasks, totals) = (JoinSet::new(), Totals::default());
    let mut run = Run { fetcher, store, decoders, partials, frontier, options, memory, outcomes, tasks, totals };
    tokio::pin!(shutdown);
    loop {
        let Some(wait) = run.start().await? else { break };
        let wake = async {
            match wait {
                Some(until) => tokio::time::sleep_until(until.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = &mut shutdown => {
                run.wind_up().await?;
                break;
            }
            Some(back) = run.tasks.join_next() => run.ended(back).await?,
            () = wake => {}
        }
    }
    run.frontier.left(run.memory, SystemTime::now());
    Ok(run.totals)
}

/// The time as the runtime has it, so that a test that stops its clock stops this one too.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

struct Run<'m, F, S, P> {
    fetcher: Arc<F>,
    store: Arc<S>,
    decoders: Arc<Decoders>,
    partials: Arc<Semaphore>,
    frontier: Frontier<P>,
    options: Arc<Options>,
    memory: &'m mut Memory,
    outcomes: Sender<(i64, Outcome)>,
    tasks: JoinSet<Back>,
    totals: Totals,
}

impl<F: Fetch, S: Store, P: Pending> Run<'_, F, S, P> {
    /// Starts what may start. `None` when all is done; else the time to look again, if nothing ends before.
    async fn start(&mut self) -> Result<Option<Option<Instant>>, PendingError> {
        while self.tasks.len() < self.options.concurrency.max(1) {
            match self.frontier.next(now())? {
                Next::Ready(job) => self.spawn(job),
                Next::Aside(job, aside) => {
                    self.after(job.missed(set_aside(aside), &self.options), Duration::ZERO).await;
                }
                Next::Wait(until) => return Ok(Some(Some(until))),
                Next::Busy => return Ok(Some(None)),
                Next::Done => return Ok(None),
            }
        }
        Ok(Some(None))
    }

    fn spawn(&mut self, mut job: Job) {
        job.begin(self.options.referer, self.memory);
        let (fetcher, store) = (Arc::clone(&self.fetcher), Arc::clone(&self.store));
        let options = Arc::clone(&self.options);
        let (id, queue, started) = (job.id(), Arc::clone(job.queue()), now());
        let (decoders, partials) = (Arc::clone(&self.decoders), Arc::clone(&self.partials));
        self.tasks.spawn(async move {
            let means = Means { store: &*store, options: &options, decoders: &decoders, partials: &partials };
            let source = shown(job.source());
            let ended = AssertUnwindSafe(attempt(&*fetcher, means, job)).catch_unwind().await;
            (id, queue, started, ended.unwrap_or_else(|_| broken(source)))
        });
    }

    async fn ended(&mut self, back: Result<Back, JoinError>) -> Result<(), PendingError> {
        let (id, queue, started, ended) = back?;
        let now = now();
        self.totals.requests += ended.requests;
        self.totals.bytes_received += ended.bytes_received;
        let asked = match &ended.verdict {
            Verdict::Troubled { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        };
        self.frontier.done(&queue, ended.verdict, started, now);
        match ended.result {
            Tried::Done { outcome, climbed_to } => {
                if let Some((origin, rung)) = climbed_to {
                    self.memory.climbed(&origin, rung);
                }
                self.hand_on(id, outcome).await;
            }
            Tried::Moved(job) => self.frontier.redirect(&queue, job, now),
            Tried::Missed(job, miss) => self.after(job.missed(miss, &self.options), asked).await,
        }
        Ok(())
    }

    /// Does what a failed attempt leaves to be done; a retry waits at least as long as its host `asked`.
    async fn after(&mut self, step: Step, asked: Duration) {
        let now = now();
        match step {
            Step::Climb(job) | Step::Turn(job) => self.frontier.defer(job, now),
            Step::Retry(job, failures) => {
                // A longer wait than a run makes has set the host aside already.
                let wait = if asked.is_zero() { self.frontier.delay(failures) } else { asked };
                self.frontier.defer(job, now + wait.min(self.options.max_wait));
            }
            Step::GiveUp(id, failure) => self.hand_on(id, Outcome::Failed(failure)).await,
        }
    }

    async fn hand_on(&self, id: i64, outcome: Outcome) {
        // Who would take it is gone only after a failure of its own, and then it ends the run.
        let _ = self.outcomes.send((id, outcome)).await;
    }

    /// Lets what is in flight end, for a while. What fails now is not retried and stays pending.
    async fn wind_up(&mut self) -> Result<(), PendingError> {
        let until = tokio::time::Instant::now() + self.options.grace;
        while let Ok(Some(back)) = tokio::time::timeout_at(until, self.tasks.join_next()).await {
            self.ended(back).await?;
        }
        self.tasks.shutdown().await;
        Ok(())
    }
}

/// The end of an attempt that broke down: a defect of ours, which costs this asset and not the run.
fn broken(source: String) -> Ended {
    let kind = FailureKind::NotAnImage;
    let failure = Failure { kind, detail: DEFECT.to_owned(), attempts: 1, status: None, source, bytes_received: 0 };
    let result = Tried::Done { outcome: Outcome::Failed(failure), climbed_to: None };
    Ended { result, verdict: Verdict::Unknown, requests: 0, bytes_received: 0 }
}

fn set_aside(aside: Aside) -> Miss {
    let Aside { kind, detail, asked_for } = aside;
    let (kind, detail) = match asked_for {
        Some(wait) => (FailureKind::Throttled, format!("the host asks to be left alone for {} s", wait.as_secs())),
        None => (kind, format!("the host kept failing and was set aside for this run; last: {detail}")),
    };
    Miss { kind, detail, status: None, then: Then::OtherSource }
}
