//! Learns proxies from the user's own documents.
//!
//! Where an element says both what it shows (`src`) and what the original is (a lazy attribute), and the first is
//! the second behind a prefix, the element is a *witness* for a proxy. Two witnesses with different originals, and
//! nobody who says otherwise, make a rule. What is learned does not depend on the order of observations.

use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{Hash, Hasher};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::inner::{begins_with_scheme, decode, level, read_base64};
use super::parts::{Parts, strip_ci};
use super::shape::until;

/// The most prefixes that are counted. Further ones are not taken in.
const MAX_PREFIXES: usize = 10_000;

/// The longest URL that is looked at, in bytes.
const MAX_URL: usize = 4096;

/// The longest prefix that can be learned, in bytes: real ones are short, and documents are hostile.
const MAX_PREFIX: usize = 512;

/// What `encodeURIComponent` (ECMA-262) leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// How a learned proxy writes the original URL behind its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// As it is.
    Plain,
    /// Percent-encoded.
    Once,
    /// Percent-encoded twice.
    Twice,
    /// `host/path`
    WithoutScheme,
    /// `host/path`, percent-encoded.
    WithoutSchemeOnce,
    /// Either alphabet, padded or not.
    Base64,
}

/// A proxy that documents bear witness to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Learned {
    /// What the proxied URL begins with, up to where the original begins: `https://relay.example/?`.
    pub prefix: String,
    pub encoding: Encoding,
    /// How many elements bear witness.
    pub witnesses: u32,
}

impl Learned {
    /// `url` as the proxy would write it; `None` when `url` has no scheme that could be left away.
    pub(super) fn wrap(&self, url: &str) -> Option<String> {
        let once = |url: &str| utf8_percent_encode(url, COMPONENT).to_string();
        let inner = match self.encoding {
            Encoding::Plain => url.to_owned(),
            Encoding::Once => once(url),
            Encoding::Twice => once(&once(url)),
            Encoding::WithoutScheme => without_scheme(url)?.to_owned(),
            Encoding::WithoutSchemeOnce => once(without_scheme(url)?),
            Encoding::Base64 => URL_SAFE.encode(url),
        };
        Some(format!("{}{inner}", self.prefix))
    }
}

/// What is known of one prefix.
#[derive(Debug, Clone, Default)]
struct Testimony {
    witnesses: u32,
    contradictions: u32,
    /// A hash of an original; there is always one.
    original: u64,
    /// Whether the originals differ.
    differ: bool,
}

impl Testimony {
    fn merge(&mut self, other: &Testimony) {
        if self.witnesses > 0 && other.witnesses > 0 {
            self.differ |= self.original != other.original;
        } else if other.witnesses > 0 {
            self.original = other.original;
        }
        self.differ |= other.differ;
        self.witnesses = self.witnesses.saturating_add(other.witnesses);
        self.contradictions = self.contradictions.saturating_add(other.contradictions);
    }
}

/// Collects witnesses. Bounded: at most 10,000 prefixes of at most 512 bytes; when there are more, those that came
/// last are not learned.
#[derive(Debug, Clone, Default)]
pub struct Witnesses {
    prefixes: HashMap<(String, Encoding), Testimony>,
}

impl Witnesses {
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one element: `proxied` is its `src`, `original` what a lazy attribute of the same element says. Both
    /// are absolute (http, https) or protocol-relative; anything else bears no witness, nor do two equal URLs.
    pub fn observe(&mut self, proxied: &str, original: &str) {
        if proxied == original || proxied.len() > MAX_URL || original.len() > MAX_URL {
            return;
        }
        let (Some(outer), Some(_)) = (Parts::split(proxied), Parts::split(original)) else { return };
        // Where the path begins; a prefix must reach beyond the host.
        let path = proxied.len() - outer.rest.len() - outer.fragment.map_or(0, |fragment| fragment.len() + 1);
        if outer.rest.is_empty() || outer.fragment.is_some() {
            return;
        }
        match written(&outer) {
            Some((at, encoding, inner)) => {
                let prefix = &proxied[..path + at];
                let agrees = same(&inner, original);
                self.count(prefix, encoding, original, agrees);
            }
            None => {
                if let Some((at, encoding)) = without_its_scheme(outer.rest, original) {
                    self.count(&proxied[..path + at], encoding, original, true);
                }
            }
        }
    }

    /// The prefixes with at least two witnesses whose originals differ, and no contradiction; sorted.
    pub fn learned(&self) -> Vec<Learned> {
        let mut learned: Vec<Learned> = self
            .prefixes
            .iter()
            .filter(|(_, testimony)| testimony.differ && testimony.witnesses >= 2 && testimony.contradictions == 0)
            .map(|((prefix, encoding), testimony)| Learned {
                prefix: prefix.clone(),
                encoding: *encoding,
                witnesses: testimony.witnesses,
            })
            .collect();
        learned.sort();
        learned
    }

    /// Takes in what another worker has seen.
    pub fn merge(&mut self, other: Witnesses) {
        for (key, testimony) in other.prefixes {
            self.enter(key, &testimony);
        }
    }

    fn count(&mut self, prefix: &str, encoding: Encoding, original: &str, agrees: bool) {
        if prefix.len() > MAX_PREFIX || prefix.chars().any(char::is_control) {
            return;
        }
        let mut hasher = DefaultHasher::new();
        original.hash(&mut hasher);
        let testimony = Testimony {
            witnesses: u32::from(agrees),
            contradictions: u32::from(!agrees),
            original: hasher.finish(),
            differ: false,
        };
        self.enter((prefix.to_owned(), encoding), &testimony);
    }

    fn enter(&mut self, key: (String, Encoding), testimony: &Testimony) {
        let full = self.prefixes.len() >= MAX_PREFIXES;
        match self.prefixes.entry(key) {
            Entry::Occupied(mut known) => known.get_mut().merge(testimony),
            Entry::Vacant(_) if full => {}
            Entry::Vacant(place) => {
                place.insert(testimony.clone());
            }
        }
    }
}

/// The first inner URL that is written with its scheme: where it begins in the rest, how it is encoded, what it is.
fn written(outer: &Parts<'_>) -> Option<(usize, Encoding, String)> {
    let rest = outer.rest;
    let starts = rest.match_indices(['/', '?', '=']).map(|(at, _)| at + 1);
    starts.filter_map(|at| Some((at, rest.get(at..)?))).find_map(|(at, raw)| {
        if begins_with_scheme(raw) {
            let times = level(raw);
            let encoding = [Encoding::Plain, Encoding::Once, Encoding::Twice].get(usize::from(times)).copied()?;
            let raw = if times > 0 { until(raw, &['&', '?']) } else { raw };
            return Some((at, encoding, decode(raw, times).into_owned()));
        }
        let word = until(raw, &['/', '?', '&']);
        read_base64(word, outer).map(|found| (at, Encoding::Base64, found.url))
    })
}

/// Where the original without its scheme begins in the rest, if the rest ends in it, and how it is encoded.
fn without_its_scheme(rest: &str, original: &str) -> Option<(usize, Encoding)> {
    let plain = without_scheme(original)?;
    let encoded = utf8_percent_encode(plain, COMPONENT).to_string();
    let ends = |text: &str| {
        let at = rest.len().checked_sub(text.len())?;
        (rest.get(at..)?.eq_ignore_ascii_case(text) && rest[..at].ends_with(['/', '?', '='])).then_some(at)
    };
    ends(plain)
        .map(|at| (at, Encoding::WithoutScheme))
        .or_else(|| ends(&encoded).map(|at| (at, Encoding::WithoutSchemeOnce)))
}

fn without_scheme(url: &str) -> Option<&str> {
    strip_ci(url, "https://").or_else(|| strip_ci(url, "http://")).or_else(|| url.strip_prefix("//"))
}

/// Whether two spellings are the same URL: a space may be written `%20`, and a protocol-relative URL agrees with both
/// schemes.
fn same(inner: &str, original: &str) -> bool {
    let [inner, original] = [inner, original].map(|url| url.replace(' ', "%20"));
    inner == original || (original.starts_with("//") && without_scheme(&inner) == without_scheme(&original))
}
