//! What a run remembers of hosts for the next one: the Referer that a host wants, and that it should have peace.
//!
//! Kept between runs by whoever keeps the catalog. That a host needs nothing special is the rule and takes no room.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::ladder::Rung;

/// The longest that a host's wish for peace is remembered, whatever it said: a clock that is wrong, there or here, must
/// not lose a picture for ever.
pub(super) const REST_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// What is remembered of one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Host {
    /// What worked after others had failed.
    pub rung: Option<Rung>,
    pub rest: Option<Rest>,
}

/// Why a host is asked with care, or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The last run had to set it aside: the next one asks one thing at a time, and sees sooner that it is no use.
    Failing,
    /// It asked to be left alone until then.
    Until(SystemTime),
}

impl Rest {
    /// That a host asked at `now` to be left alone for `wait`.
    pub fn asked_for(wait: Duration, now: SystemTime) -> Rest {
        Rest::Until(now + wait.min(REST_MAX))
    }
}

/// Whether a run heeds what earlier ones have left to know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rests {
    #[default]
    Heeded,
    /// `--retry-failed`: hosts that rest are asked like all others. What is not asked rests on.
    Disregarded,
}

/// What is remembered, per origin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    hosts: BTreeMap<String, Host>,
    rests: Rests,
}

impl Memory {
    pub fn new(rests: Rests) -> Self {
        Memory { rests, ..Memory::default() }
    }

    pub fn rests(&self) -> Rests {
        self.rests
    }

    /// Takes in what was stored of `origin`.
    pub fn insert(&mut self, origin: &str, host: Host) {
        if host == Host::default() {
            self.hosts.remove(origin);
        } else {
            self.hosts.insert(origin.to_owned(), host);
        }
    }

    /// Everything that is remembered, to be stored.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Host)> {
        self.hosts.iter().map(|(origin, host)| (origin.as_str(), *host))
    }

    /// The rung that worked.
    pub fn rung(&self, origin: &str) -> Option<Rung> {
        self.host(origin).rung
    }

    /// What `origin` rests for at `now`.
    pub fn rest(&self, origin: &str, now: SystemTime) -> Option<Rest> {
        self.host(origin).rest.filter(|rest| match rest {
            Rest::Failing => true,
            // A time too far ahead was written by another clock.
            Rest::Until(until) => *until > now && *until <= now + REST_MAX,
        })
    }

    /// Remembers that `rung` worked for `origin`.
    pub fn climbed(&mut self, origin: &str, rung: Rung) {
        let rung = Some(rung).filter(|rung| *rung != Rung::None);
        self.insert(origin, Host { rung, ..self.host(origin) });
    }

    /// Remembers how `origin` was left.
    pub fn left(&mut self, origin: &str, rest: Option<Rest>) {
        self.insert(origin, Host { rest, ..self.host(origin) });
    }

    fn host(&self, origin: &str) -> Host {
        self.hosts.get(origin).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn only_what_differs_from_the_rule_is_remembered() {
        let mut memory = Memory::default();
        memory.climbed("https://a.test", Rung::Site);
        memory.climbed("https://b.test", Rung::None);
        memory.left("https://a.test", Some(Rest::Failing));
        let host = Host { rung: Some(Rung::Site), rest: Some(Rest::Failing) };
        assert_eq!(memory.iter().collect::<Vec<_>>(), [("https://a.test", host)]);
        memory.climbed("https://a.test", Rung::None);
        memory.left("https://a.test", None);
        assert_eq!(memory, Memory::default());
    }

    #[test]
    fn a_wish_for_peace_ends_by_itself_and_is_not_believed_beyond_a_day() {
        let (mut memory, now) = (Memory::default(), SystemTime::UNIX_EPOCH + 1000 * HOUR);
        let rest = |memory: &Memory, now| memory.rest("https://a.test", now);
        memory.left("https://a.test", Some(Rest::asked_for(HOUR, now)));
        assert_eq!(rest(&memory, now), Some(Rest::Until(now + HOUR)));
        assert_eq!(rest(&memory, now + HOUR), None);
        memory.left("https://a.test", Some(Rest::asked_for(HOUR * 10_000, now)));
        assert_eq!(rest(&memory, now), Some(Rest::Until(now + REST_MAX)));
        // The clock was set back since.
        assert_eq!(rest(&memory, now - HOUR), None);
    }
}
