//! The frontier: assets still to fetch, queued per origin.
//!
//! It answers one question: what may start now? It holds only a window of the work. The rest stays with [`Pending`]
//! (the catalog), and what comes back to wait (retries, other Referers, other sources) is bounded too, so memory does
//! not grow with the collection. It owns the politeness of every origin and reads no clock: time is handed in.

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::fetch::Asset;
use crate::fetch::job::Job;
use crate::fetch::memory::{Memory, Rest, Rests};
use crate::fetch::polite::{Aside, Gate, Manners, Politeness, Verdict};

/// Whatever went wrong in a [`Pending`].
pub type PendingError = Box<dyn std::error::Error + Send + Sync>;

/// Where the assets that are still to fetch are kept.
pub trait Pending {
    /// Every origin with assets to fetch, and how many.
    fn origins(&mut self) -> Result<Vec<(String, u64)>, PendingError>;

    /// At most `max` assets of `origin` with an id greater than `after`, by growing id. None means: no more in this
    /// run.
    fn take(&mut self, origin: &str, after: i64, max: usize) -> Result<Vec<Asset>, PendingError>;
}

/// What the frontier has to say.
#[derive(Debug)]
pub enum Next {
    /// Start this, and say [`Frontier::done`] when it has ended.
    Ready(Job),
    /// The host of this job is set aside: it must go elsewhere or fail. It does not count as started.
    Aside(Job, Aside),
    /// Nothing before then, unless something in flight ends.
    Wait(Instant),
    /// Nothing before something in flight ends.
    Busy,
    /// Nothing left and nothing in flight.
    Done,
}

/// Assets taken from [`Pending`] at a time.
const WINDOW: usize = 32;
/// Jobs that may wait to come back at one origin before nothing new is begun that might join them.
const RETURNED_MAX: usize = 256;
/// Origins that are remembered as those where another one's redirects lead.
const LEADS_TO_MAX: usize = 4;
/// How soon to look again whether a full queue has room.
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(200);

/// See the module's description.
pub struct Frontier<P> {
    pending: P,
    manners: Manners,
    queues: HashMap<Arc<str>, Queue>,
    /// Queues to be looked at, the first one first.
    ready: VecDeque<Arc<str>>,
    /// Queues with work that may not start before a time.
    waiting: BTreeSet<(Instant, Arc<str>)>,
    in_flight: usize,
    returned: u64,
    rng: fastrand::Rng,
}

#[derive(Default)]
struct Queue {
    place: Place,
    politeness: Politeness,
    fresh: VecDeque<Asset>,
    /// The id of the last asset taken from [`Pending`]; `None` when it has no more.
    cursor: Option<i64>,
    /// Jobs that came back, by when they are due and the order in which they came.
    returned: BTreeMap<(Instant, u64), Job>,
    /// Where this origin's redirects have led of late: its next asset may join one of those queues.
    leads_to: VecDeque<Arc<str>>,
    /// What an earlier run has left to know.
    rest: Option<Rest>,
}

/// Which list a queue stands in.
#[derive(Default, Clone, Copy, PartialEq)]
enum Place {
    Ready,
    Waiting(Instant),
    /// None: it has nothing to start before something in flight ends or comes back.
    #[default]
    Resting,
}

/// What the first queue in line has to offer.
enum Offer {
    Job(Job),
    Aside(Job, Aside),
    Wait(Instant),
    Rest,
}

impl<P: Pending> Frontier<P> {
    /// A frontier over everything that `pending` has. The origin with the most work comes first: it will take longest.
    pub fn new(mut pending: P, manners: Manners) -> Result<Self, PendingError> {
        let mut origins = pending.origins()?;
        origins.sort_by_key(|(_, count)| Reverse(*count));
        let mut frontier = Frontier {
            pending,
            manners,
            queues: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            in_flight: 0,
            returned: 0,
            rng: fastrand::Rng::new(),
        };
        for (origin, _) in origins {
            let origin: Arc<str> = origin.into();
            let queue = Queue { place: Place::Ready, cursor: Some(i64::MIN), ..Queue::default() };
            if frontier.queues.insert(Arc::clone(&origin), queue).is_none() {
                frontier.ready.push_back(origin);
            }
        }
        Ok(frontier)
    }

    /// Heeds what earlier runs have left to know of hosts.
    pub fn remember(&mut self, memory: &Memory, now: SystemTime) {
        for (origin, _) in memory.iter() {
            if let Some(rest) = memory.rest(origin, now) {
                let queue = self.queues.entry(origin.into()).or_default();
                queue.rest = Some(rest);
                if memory.rests() == Rests::Heeded {
                    queue.politeness = Politeness::remembered(rest, &self.manners, now);
                }
            }
        }
    }

    /// Leaves to `memory` what the next run should know of the hosts of this one.
    pub fn left(&self, memory: &mut Memory, now: SystemTime) {
        // A queue that is not here any more had nothing left that is worth knowing.
        let gone: Vec<String> = memory.iter().map(|(origin, _)| origin.to_owned()).collect();
        for origin in gone.iter().filter(|origin| !self.queues.contains_key(origin.as_str())) {
            memory.left(origin, None);
        }
        for (origin, queue) in &self.queues {
            let rest = match queue.politeness.aside() {
                Some(Aside { asked_for: None, .. }) => Some(Rest::Failing),
                // It has said when, and this run has not asked again.
                Some(_) if matches!(queue.rest, Some(Rest::Until(_))) => queue.rest,
                Some(Aside { asked_for: Some(wait), .. }) => Some(Rest::asked_for(*wait, now)),
                // It was not asked, or not often enough to see.
                None if !queue.politeness.was_asked() || queue.politeness.in_trouble() => queue.rest,
                None => None,
            };
            memory.left(origin, rest);
        }
    }

    /// What may start at `now`.
    pub fn next(&mut self, now: Instant) -> Result<Next, PendingError> {
        while let Some((due, _)) = self.waiting.first()
            && *due <= now
        {
            let Some((_, origin)) = self.waiting.pop_first() else { break };
            self.look_at(&origin);
        }
        while let Some(origin) = self.ready.front().cloned() {
            match self.offer(&origin, now)? {
                Offer::Job(job) => return Ok(Next::Ready(job)),
                Offer::Aside(job, aside) => return Ok(Next::Aside(job, aside)),
                Offer::Wait(due) => self.leave(&origin, Place::Waiting(due), now),
                Offer::Rest => self.leave(&origin, Place::Resting, now),
            }
        }
        Ok(match self.waiting.first() {
            Some((due, _)) => Next::Wait(*due),
            None if self.in_flight > 0 => Next::Busy,
            None => Next::Done,
        })
    }

    /// Takes in that a job of `origin`, started at `started`, is no longer in flight.
    pub fn done(&mut self, origin: &Arc<str>, verdict: Verdict, started: Instant, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let jitter = self.rng.f64();
        if let Some(queue) = self.queues.get_mut(origin) {
            queue.politeness.end(&self.manners, verdict, started, now, jitter);
            self.look_at(origin);
        }
    }

    /// Takes `job` back, to be offered again in the queue of its current source, not before `due`.
    pub fn defer(&mut self, job: Job, due: Instant) {
        let origin = Arc::clone(job.queue());
        self.returned += 1;
        let order = self.returned;
        self.queues.entry(Arc::clone(&origin)).or_default().returned.insert((due, order), job);
        self.look_at(&origin);
    }

    /// Takes back a job that `origin` has redirected to another one.
    pub fn redirect(&mut self, origin: &Arc<str>, job: Job, now: Instant) {
        if let Some(queue) = self.queues.get_mut(origin)
            && !queue.leads_to.contains(job.queue())
        {
            queue.leads_to.push_back(Arc::clone(job.queue()));
            if queue.leads_to.len() > LEADS_TO_MAX {
                queue.leads_to.pop_front();
            }
        }
        self.defer(job, now);
    }

    /// How long to wait before the retry after `failures` failures of one job.
    pub fn delay(&mut self, failures: u32) -> Duration {
        self.manners.delay(failures, self.rng.f64())
    }

    /// Moves a queue to the head of the line. What is begun is finished first: so few windows are open at a time.
    fn look_at(&mut self, origin: &Arc<str>) {
        let Some(queue) = self.queues.get_mut(origin) else { return };
        match queue.place {
            Place::Ready => return,
            Place::Waiting(due) => {
                self.waiting.remove(&(due, Arc::clone(origin)));
            }
            Place::Resting => {}
        }
        queue.place = Place::Ready;
        self.ready.push_front(Arc::clone(origin));
    }

    /// Takes the first queue out of the line.
    fn leave(&mut self, origin: &Arc<str>, place: Place, now: Instant) {
        self.ready.pop_front();
        let Some(queue) = self.queues.get_mut(origin) else { return };
        queue.place = place;
        match place {
            Place::Waiting(due) => {
                // A queue that waits keeps no window; the assets are taken again when their time has come.
                if let Some(first) = queue.fresh.front() {
                    queue.cursor = Some(first.id.saturating_sub(1));
                    queue.fresh.clear();
                }
                self.waiting.insert((due, Arc::clone(origin)));
            }
            _ => {
                if queue.is_empty() && queue.politeness.is_blank(&self.manners, now) {
                    self.queues.remove(origin);
                }
            }
        }
    }

    fn offer(&mut self, origin: &Arc<str>, now: Instant) -> Result<Offer, PendingError> {
        let Some(queue) = self.queues.get(origin) else { return Ok(Offer::Rest) };
        let earliest = queue.returned.keys().next().map(|(due, _)| *due);
        let room = queue.returned.len() < RETURNED_MAX;
        let aside = match queue.politeness.gate(&self.manners, now) {
            Gate::Full => return Ok(Offer::Rest),
            Gate::Until(due) => {
                // A queue without work must not keep the run waiting.
                let work = earliest.is_some() || self.refill(origin)?;
                return Ok(if work { Offer::Wait(due) } else { Offer::Rest });
            }
            Gate::Aside(aside) => Some(aside),
            Gate::Open => None,
        };
        // Nobody waits for a host that is set aside.
        let due = earliest.is_some_and(|due| due <= now || aside.is_some());
        // A host in trouble is asked for something else first: were the same few URLs asked again and again, they
        // could have it set aside with everything that it would serve.
        let other = aside.is_none() && room && self.in_trouble(origin) && self.refill(origin)?;
        let job = if due && !other {
            self.queues.get_mut(origin).and_then(|queue| queue.returned.pop_first()).map(|(_, job)| job)
        } else if room && self.refill(origin)? {
            if self.way_on_is_full(origin) {
                let again = now + FULL_QUEUE_PAUSE;
                return Ok(Offer::Wait(earliest.map_or(again, |due| due.min(again))));
            }
            let fresh = self.queues.get_mut(origin).and_then(|queue| queue.fresh.pop_front());
            fresh.map(|asset| Job::new(asset, Arc::clone(origin)))
        } else {
            None
        };
        let Some(job) = job else { return Ok(earliest.map_or(Offer::Rest, Offer::Wait)) };
        if let Some(aside) = aside {
            return Ok(Offer::Aside(job, aside));
        }
        if let Some(queue) = self.queues.get_mut(origin) {
            queue.politeness.start(now);
            self.in_flight += 1;
        }
        Ok(Offer::Job(job))
    }

    fn in_trouble(&self, origin: &Arc<str>) -> bool {
        self.queues.get(origin).is_some_and(|queue| queue.politeness.in_trouble())
    }

    /// Whether a fresh asset of `origin` is at hand, taken from [`Pending`] if need be.
    fn refill(&mut self, origin: &Arc<str>) -> Result<bool, PendingError> {
        let Some(queue) = self.queues.get_mut(origin) else { return Ok(false) };
        if queue.fresh.is_empty()
            && let Some(after) = queue.cursor
        {
            // A spaced queue goes back to waiting after each start, and would give the rest of a window back.
            let max = if self.manners.interval.is_some() { 1 } else { WINDOW };
            queue.fresh = self.pending.take(origin, after, max)?.into();
            // Ids that do not grow would be offered for ever.
            queue.fresh.retain(|asset| asset.id > after);
            queue.cursor = queue.fresh.back().map(|asset| asset.id);
        }
        Ok(!queue.fresh.is_empty())
    }

    /// Whether the next fresh asset of `origin` might join another queue that has enough waiting already.
    fn way_on_is_full(&self, origin: &Arc<str>) -> bool {
        let Some(queue) = self.queues.get(origin) else { return false };
        let is_full = |other: &str| {
            other != &**origin && self.queues.get(other).is_some_and(|queue| queue.returned.len() >= RETURNED_MAX)
        };
        let fallbacks = queue.fresh.front().into_iter().flat_map(Job::fallbacks);
        fallbacks.into_iter().any(|other| is_full(&other)) || queue.leads_to.iter().any(|other| is_full(other))
    }
}

impl Queue {
    fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.fresh.is_empty() && self.cursor.is_none()
    }
}
