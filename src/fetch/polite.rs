//! The manners towards one origin: how many requests at once, how far apart, and when to leave it in peace.
//!
//! A state and nothing else: it neither sleeps nor reads a clock, so that time is what the caller says it is.

use std::time::{Duration, Instant, SystemTime};

use super::FailureKind;
use super::memory::Rest;
use super::options::Options;

/// The settings that manners follow, the same for every origin.
#[derive(Debug, Clone)]
pub struct Manners {
    pub per_host: usize,
    /// The time between two starts.
    pub interval: Option<Duration>,
    pub backoff: Duration,
    pub max_wait: Duration,
    pub set_aside_after: u32,
}

impl Manners {
    pub fn new(options: &Options) -> Self {
        Manners {
            per_host: options.per_host.max(1),
            interval: options.rate.map(|rate| rate.interval()),
            backoff: options.backoff,
            max_wait: options.max_wait,
            set_aside_after: options.set_aside_after.max(1),
        }
    }

    /// The wait after the `failures`-th failure (from 1): doubling, bounded, and of a random length in its upper half
    /// so that clients which failed together do not come back together. `jitter` is in 0..1.
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doubled = self.backoff.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.max_wait).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }
}

/// What one exchange said about its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It answers; what it answers is another matter.
    Alive,
    /// It is overloaded, broken or unreachable.
    Troubled { kind: FailureKind, detail: String, retry_after: Option<Duration> },
    /// Nothing: the request was never made.
    Unknown,
}

/// Whether a request may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// Not before one that is in flight has ended.
    Full,
    Until(Instant),
    /// Not in this run any more.
    Aside(Aside),
}

/// Why a host was set aside for the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// How its last request failed.
    pub kind: FailureKind,
    /// What was said of that; empty when it was in an earlier run.
    pub detail: String,
    /// The wait it asked for, when that was the reason.
    pub asked_for: Option<Duration>,
}

/// What is known of one origin in this run.
#[derive(Debug, Clone, Default)]
pub struct Politeness {
    in_flight: usize,
    last_start: Option<Instant>,
    not_before: Option<Instant>,
    /// Failures in a row. Requests that were under way together count once.
    failures: u32,
    failed_at: Option<Instant>,
    aside: Option<Aside>,
}

impl Politeness {
    /// That of a host which an earlier run has left in this state.
    pub fn remembered(rest: Rest, manners: &Manners, now: SystemTime) -> Self {
        match rest {
            // Two more failures are enough to see that nothing has changed.
            Rest::Failing => {
                Politeness { failures: manners.set_aside_after.saturating_sub(2).max(1), ..Politeness::default() }
            }
            Rest::Until(until) => {
                let asked_for = Some(until.duration_since(now).unwrap_or_default());
                let aside = Aside { kind: FailureKind::Throttled, detail: String::new(), asked_for };
                Politeness { aside: Some(aside), ..Politeness::default() }
            }
        }
    }

    /// Why the host was set aside, if it was.
    pub fn aside(&self) -> Option<&Aside> {
        self.aside.as_ref()
    }

    pub fn gate(&self, manners: &Manners, now: Instant) -> Gate {
        if let Some(aside) = &self.aside {
            return Gate::Aside(aside.clone());
        }
        // A host in trouble is asked by one request at a time until it answers again.
        let limit = if self.failures > 0 { 1 } else { manners.per_host };
        if self.in_flight >= limit {
            return Gate::Full;
        }
        let spaced = manners.interval.and_then(|interval| self.last_start.map(|start| start + interval));
        match spaced.max(self.not_before) {
            Some(due) if due > now => Gate::Until(due),
            _ => Gate::Open,
        }
    }

    pub fn start(&mut self, now: Instant) {
        self.in_flight += 1;
        self.last_start = Some(now);
    }

    /// Takes in how a request that began at `started` ended.
    pub fn end(&mut self, manners: &Manners, verdict: Verdict, started: Instant, now: Instant, jitter: f64) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match verdict {
            Verdict::Unknown => {}
            Verdict::Alive => {
                // An answer to a request from before the trouble does not end the wait, only the count.
                self.failures = 0;
            }
            Verdict::Troubled { kind, detail, retry_after } => {
                if self.failures == 0 || self.failed_at.is_none_or(|failed_at| started >= failed_at) {
                    self.failures += 1;
                    self.failed_at = Some(now);
                }
                let asked_for = retry_after.filter(|&wait| wait > manners.max_wait);
                if asked_for.is_some() || self.failures >= manners.set_aside_after {
                    self.aside = Some(Aside { kind, detail, asked_for });
                    return;
                }
                // A wait of no time is no wish.
                let wait = retry_after.filter(|wait| !wait.is_zero());
                let wait = wait.unwrap_or_else(|| manners.delay(self.failures, jitter));
                self.not_before = self.not_before.max(Some(now + wait));
            }
        }
    }

    /// Whether anything was asked of it in this run.
    pub fn was_asked(&self) -> bool {
        self.last_start.is_some()
    }

    /// Whether its last answer was a failure.
    pub fn in_trouble(&self) -> bool {
        self.failures > 0
    }

    /// Whether forgetting this state would lose nothing at `now`.
    pub fn is_blank(&self, manners: &Manners, now: Instant) -> bool {
        self.in_flight == 0 && self.failures == 0 && matches!(self.gate(manners, now), Gate::Open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn manners() -> Manners {
        Manners { per_host: 2, interval: None, backoff: SECOND, max_wait: SECOND * 60, set_aside_after: 4 }
    }

    fn troubled(retry_after: Option<Duration>) -> Verdict {
        Verdict::Troubled { kind: FailureKind::ServerError, detail: "HTTP 500".to_owned(), retry_after }
    }

    #[test]
    fn no_more_in_flight_than_allowed() {
        let (manners, mut host, now) = (manners(), Politeness::default(), Instant::now());
        host.start(now);
        assert_eq!(host.gate(&manners, now), Gate::Open);
        host.start(now);
        assert_eq!(host.gate(&manners, now), Gate::Full);
        host.end(&manners, Verdict::Alive, now, now, 0.0);
        assert_eq!(host.gate(&manners, now), Gate::Open);
    }

    #[test]
    fn a_rate_spaces_the_starts() {
        let manners = Manners { interval: Some(SECOND), ..manners() };
        let (mut host, now) = (Politeness::default(), Instant::now());
        host.start(now);
        assert_eq!(host.gate(&manners, now), Gate::Until(now + SECOND));
        assert_eq!(host.gate(&manners, now + SECOND), Gate::Open);
    }

    #[test]
    fn waits_double_within_their_bounds_and_end_with_an_answer() {
        let (manners, mut host, mut now) = (manners(), Politeness::default(), Instant::now());
        for expected in [1, 2, 4] {
            host.start(now);
            host.end(&manners, troubled(None), now, now, 1.0);
            assert_eq!(host.gate(&manners, now), Gate::Until(now + SECOND * expected));
            now += SECOND * expected;
        }
        host.start(now);
        assert_eq!(host.gate(&manners, now), Gate::Full, "one probe at a time while in trouble");
        host.end(&manners, Verdict::Alive, now, now, 1.0);
        host.start(now);
        assert_eq!(host.gate(&manners, now), Gate::Open);
        assert_eq!(manners.delay(1, 0.0), SECOND / 2);
        assert_eq!(manners.delay(1000, 1.0), manners.max_wait);
    }

    #[test]
    fn requests_that_failed_together_count_once() {
        let (manners, mut host, now) = (manners(), Politeness::default(), Instant::now());
        host.start(now);
        host.start(now);
        host.end(&manners, troubled(None), now, now + SECOND, 1.0);
        host.end(&manners, troubled(None), now, now + SECOND, 1.0);
        assert_eq!(host.gate(&manners, now + SECOND), Gate::Until(now + SECOND * 2));
    }

    #[test]
    fn retry_after_is_believed_and_zero_is_not() {
        let (manners, now) = (manners(), Instant::now());
        for (asked, waited) in [(30, 30), (0, 1)] {
            let mut host = Politeness::default();
            host.start(now);
            host.end(&manners, troubled(Some(SECOND * asked)), now, now, 1.0);
            assert_eq!(host.gate(&manners, now), Gate::Until(now + SECOND * waited));
        }
    }

    #[test]
    fn a_host_that_keeps_failing_is_set_aside() {
        let (manners, mut host, mut now) = (manners(), Politeness::default(), Instant::now());
        for _ in 0..4 {
            host.start(now);
            host.end(&manners, troubled(None), now, now, 0.0);
            now += SECOND * 100;
        }
        let aside = Aside { kind: FailureKind::ServerError, detail: "HTTP 500".to_owned(), asked_for: None };
        assert_eq!(host.gate(&manners, now), Gate::Aside(aside));
    }

    #[test]
    fn a_host_that_asks_for_too_long_a_wait_is_set_aside_at_once() {
        let (manners, mut host, now) = (manners(), Politeness::default(), Instant::now());
        host.start(now);
        host.end(&manners, troubled(Some(SECOND * 3600)), now, now, 0.0);
        let asked_for = Some(SECOND * 3600);
        let aside = Aside { kind: FailureKind::ServerError, detail: "HTTP 500".to_owned(), asked_for };
        assert_eq!(host.gate(&manners, now), Gate::Aside(aside));
    }

    #[test]
    fn a_host_that_an_earlier_run_set_aside_is_asked_with_care() {
        let (manners, now) = (manners(), Instant::now());
        let mut host = Politeness::remembered(Rest::Failing, &manners, SystemTime::now());
        host.start(now);
        assert_eq!(host.gate(&manners, now), Gate::Full, "one at a time");
        let mut recovered = host.clone();
        recovered.end(&manners, Verdict::Alive, now, now, 0.0);
        recovered.start(now);
        assert_eq!(recovered.gate(&manners, now), Gate::Open);
        for second in 1..=2 {
            let now = now + SECOND * second * 100;
            host.end(&manners, troubled(None), now, now, 0.0);
        }
        assert!(host.aside().is_some(), "and set aside sooner");
    }

    #[test]
    fn a_host_that_asked_for_peace_has_it_in_the_next_run_too() {
        let now = SystemTime::now();
        let host = Politeness::remembered(Rest::Until(now + SECOND * 60), &manners(), now);
        assert_eq!(host.aside().unwrap().asked_for, Some(SECOND * 60));
    }
}
