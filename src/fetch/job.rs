//! What is left to try for one asset: its sources in turn, the Referer ladder of each, the retries of each.
//!
//! A job goes back and forth between the frontier and the attempts; it waits without holding anything but itself and,
//! after a cut body with a validator, the part that has arrived.

use std::sync::Arc;
use std::time::Duration;

use super::body::Partial;
use super::http::Trail;
use super::ladder::{Rung, rungs};
use super::memory::Memory;
use super::options::{Options, RefererPolicy};
use super::{Asset, DETAIL_MAX, Failure, FailureKind, one_line, origin, shown};

/// An asset on its way to an outcome.
#[derive(Debug)]
pub struct Job {
    pub(super) asset: Asset,
    /// The queue that the job stands in: the origin to ask next.
    queue: Arc<str>,
    source: usize,
    /// The rungs for the current source; made when it is first asked for.
    rungs: Vec<(Rung, Option<String>)>,
    rung: usize,
    /// Where redirects have led from the current source, and what of its time they have taken.
    trail: Trail,
    spent: Duration,
    /// Failures of the current source that might have passed.
    tries: u32,
    pub(super) attempts: u32,
    pub(super) bytes_received: u64,
    pub(super) partial: Option<Partial>,
    failed: Option<Failure>,
}

/// What a failed attempt leaves to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// The same source with the next Referer, at once.
    Climb(Job),
    /// The same source again, after the wait for this many failures.
    Retry(Job, u32),
    /// The next source, at once.
    Turn(Job),
    GiveUp(i64, Failure),
}

/// One failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Miss {
    pub(super) kind: FailureKind,
    pub(super) detail: String,
    pub(super) status: Option<u16>,
    pub(super) then: Then,
}

/// What may help after a [`Miss`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Wait,
    OtherReferer,
    OtherSource,
    /// Nothing: what failed was not the source.
    Nothing,
}

impl Job {
    /// A job for `asset` at its first source, standing in `queue`.
    pub fn new(asset: Asset, queue: Arc<str>) -> Self {
        Job {
            asset,
            queue,
            source: 0,
            rungs: Vec::new(),
            rung: 0,
            trail: Trail::default(),
            spent: Duration::ZERO,
            tries: 0,
            attempts: 0,
            bytes_received: 0,
            partial: None,
            failed: None,
        }
    }

    pub fn id(&self) -> i64 {
        self.asset.id
    }

    /// The origin whose turn the job waits for.
    pub fn queue(&self) -> &Arc<str> {
        &self.queue
    }

    /// The origins of the sources after the first.
    pub fn fallbacks(asset: &Asset) -> impl Iterator<Item = String> + '_ {
        asset.sources.iter().skip(1).map(origin)
    }

    pub(super) fn source(&self) -> &url::Url {
        self.asset.sources.get(self.source).unwrap_or(&self.asset.target)
    }

    /// Whether this attempt may be conditional: the validators are those of the target.
    pub(super) fn at_target(&self) -> bool {
        self.source == 0
    }

    /// The Referer to send now, if one.
    pub(super) fn referer(&self) -> Option<&str> {
        self.rungs.get(self.rung).and_then(|(_, referer)| referer.as_deref())
    }

    /// The rung that this attempt stands on, if it had to be climbed to, and the origin of the source that wanted it.
    pub(super) fn climbed_to(&self) -> Option<(String, Rung)> {
        let (rung, _) = self.rungs.get(self.rung).filter(|_| self.rung > 0)?;
        Some((origin(self.source()), *rung))
    }

    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The time that the exchanges of this attempt have taken.
    pub(super) fn spent(&self) -> Duration {
        self.spent
    }

    /// Goes to the queue of the origin that a redirect leads to.
    pub(super) fn go_on(&mut self, trail: Trail, spent: Duration) {
        if let Some(next) = trail.next() {
            self.queue = origin(next).into();
        }
        self.trail = trail;
        self.spent += spent;
    }

    /// Begins an attempt, unless a redirect only carries one on. The first of a source chooses its Referers.
    pub(super) fn begin(&mut self, policy: RefererPolicy, memory: &Memory) {
        if self.trail.next().is_none() {
            self.attempts += 1;
        }
        if self.rungs.is_empty() {
            let (site, hint) = (self.asset.site.as_ref(), self.asset.referer_hint.as_deref());
            self.rungs = rungs(policy, self.source(), site, hint, memory.rung(&origin(self.source())));
        }
    }

    /// Stands at the current source again.
    fn go_back(&mut self) {
        if self.trail.next().is_some() {
            self.queue = origin(self.source()).into();
        }
        self.trail = Trail::default();
        self.spent = Duration::ZERO;
    }

    /// Decides what comes after `miss`.
    pub(super) fn missed(mut self, miss: Miss, options: &Options) -> Step {
        let redirected = self.trail.next().is_some();
        self.go_back();
        match miss.then {
            Then::OtherReferer if self.rung + 1 < self.rungs.len() => {
                self.rung += 1;
                self.partial = None;
                Step::Climb(self)
            }
            Then::Wait if self.tries < options.retries => {
                self.tries += 1;
                let tries = self.tries;
                Step::Retry(self, tries)
            }
            Then::Nothing => {
                self.note(&miss);
                self.give_up()
            }
            // No proxy is told of an address that may not be asked for itself.
            _ if miss.kind == FailureKind::OutOfScope && self.source == 0 && !redirected => {
                self.note(&miss);
                self.give_up()
            }
            _ => {
                self.note(&miss);
                self.turn()
            }
        }
    }

    /// Remembers why the current source failed: the first failure is the asset's, later ones go to its detail.
    fn note(&mut self, miss: &Miss) {
        let source = shown(self.source());
        match &mut self.failed {
            None => {
                let detail = one_line(&miss.detail);
                let Miss { kind, status, .. } = *miss;
                self.failed = Some(Failure { kind, detail, attempts: 0, status, source, bytes_received: 0 });
            }
            Some(failure) => {
                let more = one_line(&format!("; {source}: {} ({})", miss.detail, miss.kind));
                let room = DETAIL_MAX.saturating_sub(failure.detail.chars().count());
                failure.detail.extend(more.chars().take(room));
            }
        }
    }

    fn turn(mut self) -> Step {
        self.source += 1;
        if self.source >= self.asset.sources.len() {
            return self.give_up();
        }
        self.queue = origin(self.source()).into();
        self.rungs = Vec::new();
        self.rung = 0;
        self.tries = 0;
        self.partial = None;
        Step::Turn(self)
    }

    fn give_up(self) -> Step {
        let mut failure = self.failed.unwrap_or(Failure {
            kind: FailureKind::BadUrl,
            detail: "the asset has no source".to_owned(),
            attempts: 0,
            status: None,
            source: shown(&self.asset.target),
            bytes_received: 0,
        });
        failure.attempts = self.attempts;
        failure.bytes_received = self.bytes_received;
        Step::GiveUp(self.asset.id, failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(sources: &[&str]) -> Job {
        let sources: Vec<url::Url> = sources.iter().map(|url| url.parse().unwrap()).collect();
        let target = sources[0].clone();
        let asset = Asset { id: 7, target: target.clone(), sources, site: None, referer_hint: None, validators: None };
        let mut job = Job::new(asset, origin(&target).into());
        job.begin(RefererPolicy::Auto, &Memory::default());
        job
    }

    fn miss(kind: FailureKind, then: Then) -> Miss {
        Miss { kind, detail: format!("it was\n{kind}"), status: Some(500), then }
    }

    #[test]
    fn a_job_climbs_then_turns_then_gives_up_with_the_first_failure() {
        let options = Options::default();
        let job = job(&["http://u:secret@a.test/x", "http://b.test/y"]);
        let Step::Climb(job) = job.missed(miss(FailureKind::Forbidden, Then::OtherReferer), &options) else { panic!() };
        assert_eq!(job.referer(), Some("http://a.test/"));
        let Step::Turn(mut job) = job.missed(miss(FailureKind::Forbidden, Then::OtherReferer), &options) else {
            panic!()
        };
        assert_eq!((&**job.queue(), job.climbed_to()), ("http://b.test", None));
        job.begin(RefererPolicy::Auto, &Memory::default());
        let Step::GiveUp(7, failure) = job.missed(miss(FailureKind::Gone, Then::OtherSource), &options) else {
            panic!()
        };
        assert_eq!((failure.kind, failure.attempts), (FailureKind::Forbidden, 2));
        assert_eq!(failure.source, "http://a.test/x");
        assert_eq!(failure.detail, "it was forbidden; http://b.test/y: it was gone (gone)");
    }

    #[test]
    fn what_may_pass_is_tried_as_often_as_asked() {
        let options = Options { retries: 2, ..Options::default() };
        let mut job = job(&["http://a.test/x"]);
        for expected in 1..=2 {
            let Step::Retry(again, tries) = job.missed(miss(FailureKind::Timeout, Then::Wait), &options) else {
                panic!()
            };
            assert_eq!(tries, expected);
            job = again;
        }
        assert!(matches!(job.missed(miss(FailureKind::Timeout, Then::Wait), &options), Step::GiveUp(..)));
    }

    #[test]
    fn a_failure_that_is_not_the_sources_ends_the_asset() {
        let job = job(&["http://a.test/x", "http://b.test/y"]);
        let step = job.missed(miss(FailureKind::Disk, Then::Nothing), &Options::default());
        assert!(matches!(step, Step::GiveUp(7, failure) if failure.kind == FailureKind::Disk));
    }
}
