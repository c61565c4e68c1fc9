//! Finds the rules that could fit a URL without trying all of them.
//!
//! Most URLs are plain, so a miss must be cheap: the host is looked up by its suffixes, then one walk over the path
//! compares each segment with the few markers that begin with the same byte. A miss copies nothing.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::given::Given;
use super::inner::{Found, begins_with_scheme};
use super::parts::Parts;
use super::server;
use super::table::{On, Row, TABLE};

/// Rules tried at one URL because of segments in its path. A path made of markers must not cost its square.
const MAX_TRIES: usize = 16;

/// A pattern of hosts: a domain, and how the host begins before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostPattern {
    /// Lower case, without a wildcard.
    pub(super) domain: String,
    /// `None`: the host is the domain. `Some`: it is below the domain and begins with this.
    pub(super) begins: Option<String>,
}

impl HostPattern {
    /// Reads `host`, `*.domain` or `begins*.domain`.
    pub(super) fn parse(pattern: &str) -> Self {
        let pattern = pattern.to_ascii_lowercase();
        match pattern.split_once("*.") {
            Some((begins, domain)) => HostPattern { domain: domain.to_owned(), begins: Some(begins.to_owned()) },
            None => HostPattern { domain: pattern, begins: None },
        }
    }

    /// Whether `host` fits, given that it is the domain or ends in it.
    fn fits(&self, host: &str) -> bool {
        match &self.begins {
            None => host.len() == self.domain.len(),
            Some(begins) => host.len() > self.domain.len() && host.starts_with(begins.as_str()),
        }
    }
}

#[derive(Debug, Clone)]
pub(super) enum Rule {
    Row(&'static Row),
    Given(Arc<Given>),
}

impl Rule {
    /// The family of a built-in rule, any other as it was given.
    pub(super) fn name(&self) -> Cow<'static, str> {
        match self {
            Rule::Row(row) => Cow::Borrowed(row.family),
            Rule::Given(given) => Cow::Owned(given.name().to_owned()),
        }
    }

    fn read(&self, outer: &Parts<'_>) -> Option<Found> {
        match self {
            Rule::Row(row) => row.shape.read(outer, 1, row.bare),
            Rule::Given(given) => given.read(outer),
        }
    }
}

/// A segment that may begin a form on any host.
#[derive(Debug, Clone, Copy)]
struct Marker {
    text: &'static str,
    whole: bool,
    row: &'static Row,
}

impl Marker {
    fn fits(&self, segment: &str) -> bool {
        if self.whole { segment == self.text } else { segment.starts_with(self.text) }
    }
}

/// All rules, found by host or by path segment.
#[derive(Debug, Clone)]
pub(super) struct Index {
    hosts: HashMap<String, Vec<(HostPattern, Rule)>>,
    /// For each first byte of a domain, a bit for each length of one: spares most hosts the look-up.
    lengths: Vec<u64>,
    /// By the first byte of the segment.
    markers: Vec<Vec<Marker>>,
    digests: Vec<&'static Row>,
    given: Vec<Arc<Given>>,
}

impl Index {
    pub(super) fn builtin() -> Self {
        let mut index = Index {
            hosts: HashMap::new(),
            lengths: vec![0; 256],
            markers: vec![Vec::new(); 256],
            digests: Vec::new(),
            given: Vec::new(),
        };
        for row in TABLE {
            match row.on {
                On::Hosts(patterns) => {
                    for pattern in patterns {
                        let pattern = HostPattern::parse(pattern);
                        index.rules_of(&pattern.domain).push((pattern, Rule::Row(row)));
                    }
                }
                On::Segments(segments) => {
                    for segment in segments {
                        let (text, whole) = match segment.strip_suffix('*') {
                            Some(text) => (text, false),
                            None => (*segment, true),
                        };
                        index.markers[first_byte(text)].push(Marker { text, whole, row });
                    }
                }
                On::Digests => index.digests.push(row),
            }
        }
        index
    }

    /// The rules of a domain, to add to.
    fn rules_of(&mut self, domain: &str) -> &mut Vec<(HostPattern, Rule)> {
        self.lengths[first_byte(domain)] |= length_bit(domain);
        self.hosts.entry(domain.to_owned()).or_default()
    }

    /// Adds a rule that is not built in. The user's go before the built-in ones, in the order given; learned ones
    /// go behind them. A rule that is there already is not added again.
    pub(super) fn add(&mut self, given: Given) {
        if self.given.iter().any(|known| **known == given) {
            return;
        }
        let given = Arc::new(given);
        let pattern = given.host().clone();
        let rules = self.rules_of(&pattern.domain);
        let place = if given.is_learned() {
            rules.len()
        } else {
            let users = |rule: &Rule| matches!(rule, Rule::Given(given) if !given.is_learned());
            rules.iter().take_while(|(_, rule)| users(rule)).count()
        };
        rules.insert(place, (pattern, Rule::Given(Arc::clone(&given))));
        self.given.push(given);
    }

    /// The rules that are not built in, in the order in which they were added.
    pub(super) fn given(&self) -> impl Iterator<Item = &Given> {
        self.given.iter().map(Arc::as_ref)
    }

    /// The first rule that reads an inner URL out of `outer`, and that URL.
    pub(super) fn find(&self, outer: &Parts<'_>) -> Option<(Rule, Found)> {
        self.by_host(outer).or_else(|| self.by_segment(outer))
    }

    fn by_host(&self, outer: &Parts<'_>) -> Option<(Rule, Found)> {
        let host = outer.lower_host();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let mut domain = host;
        loop {
            let possible = self.lengths[first_byte(domain)] & length_bit(domain) != 0;
            if let Some(rules) = possible.then(|| self.hosts.get(domain)).flatten() {
                let mut fitting = rules.iter().filter(|(pattern, _)| pattern.fits(host)).map(|(_, rule)| rule);
                let found = fitting.find_map(|rule| rule.read(outer).map(|found| (rule.clone(), found)));
                if found.is_some() {
                    return found;
                }
            }
            let dot = domain.bytes().position(|b| b == b'.')?;
            domain = &domain[dot + 1..];
        }
    }

    fn by_segment(&self, outer: &Parts<'_>) -> Option<(Rule, Found)> {
        let mut tries = 0;
        let mut at = 1;
        let path = outer.path.as_bytes();
        while at < path.len() {
            let end = memchr::memchr(b'/', &path[at..]).map_or(path.len(), |length| at + length);
            let segment = outer.path.get(at..end)?;
            let marked =
                self.markers[first_byte(segment)].iter().filter(|marker| marker.fits(segment)).map(|marker| marker.row);
            let digests: &[&Row] = if server::is_digest(segment) { &self.digests } else { &[] };
            for row in marked.chain(digests.iter().copied()) {
                if let Some(found) = row.shape.read(outer, at, row.bare) {
                    return Some((Rule::Row(row), found));
                }
                tries += 1;
                if tries == MAX_TRIES {
                    return None;
                }
            }
            if outer.path.get(at..).is_some_and(begins_with_scheme) {
                // From here on the segments would be another URL's.
                return None;
            }
            at = end + 1;
        }
        None
    }
}

fn first_byte(text: &str) -> usize {
    text.bytes().next().map_or(0, usize::from)
}

/// The bit that stands for a text's length; lengths beyond 63 share bits.
fn length_bit(text: &str) -> u64 {
    1 << (text.len() % 64)
}
