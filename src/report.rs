//! What a run says about itself at its end, and a mirror between runs: as JSON for programs, as text for people, from
//! the same numbers.
//!
//! | file | what it makes |
//! | --- | --- |
//! | `human` | the summary of a run for people |
//! | [`metrics`] | the summary of a run for Prometheus |
//! | [`overview`] | what a mirror says of itself, from the catalog alone |
//! | [`status`] | that for a terminal |
//! | [`page`] | report.html |
//! | [`bundled`] | what a bundle has in it |
//! | [`proven`] | what the proof of a bundle came to |
//! | `advice` | what to do about what is missing |
//!
//! Nothing here decides anything. Text that came from outside is made harmless here, whatever the caller did before.
//! Memory is bounded: failures are counted in groups, and only so many are kept in detail.

mod advice;
pub mod bundled;
mod check;
pub(crate) mod human;
pub mod metrics;
pub mod overview;
pub mod page;
pub mod proven;
pub mod status;
pub(crate) mod when;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::ser::{Serialize, Serializer};
use url::Url;

use crate::sanitize;
pub use check::{CheckReport, Verdict, without_catalog};
pub use human::{Asking, Ending, Shown};

/// Failures that `--json` lists; the first ones by target.
pub const MAX_FAILURES: usize = 1_000;

/// Documents that are named with a failure; the first ones by name.
pub const MAX_DOCUMENTS: usize = 20;

/// Pairs of host and kind that are counted apart.
const MAX_GROUPS: usize = 1_000;

/// The longest text of a failure that is kept; characters.
const MAX_DETAIL: usize = 400;

/// The numbers of a run. As JSON, exactly what `sync --json` writes.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Summary {
    pub documents: Documents,
    pub references: References,
    pub assets: Assets,
    pub bytes: Bytes,
    /// Requests sent, redirects included.
    pub requests: u64,
    #[serde(serialize_with = "in_milliseconds")]
    pub seconds: f64,
    pub failures: Failures,
    /// Those of `references.skipped` that are relative and have no base. Not in the JSON.
    #[serde(skip)]
    pub without_base: u64,
    /// Pictures of which the server has other bytes now than those that were held. Not in the JSON.
    #[serde(skip)]
    pub changed: u64,
    /// Documents whose sources are gone. Not in the JSON.
    #[serde(skip)]
    pub released: u64,
}

/// Documents, each in at most one state besides `read`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Documents {
    pub read: u64,
    pub written: u64,
    /// Already as they should be.
    pub unchanged: u64,
    /// Could not be read or written, each with a warning of its own.
    pub failed: u64,
}

/// References: `total` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct References {
    pub total: u64,
    pub mirrored: u64,
    pub skipped: u64,
    pub missing: u64,
}

/// Assets: `total` is the sum of the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Assets {
    pub total: u64,
    /// New bytes from the target itself.
    pub captured: u64,
    /// Asked for, and the bytes were held already: not modified, or identical.
    pub revisited: u64,
    /// Held, and not asked for.
    pub held: u64,
    /// New bytes from another source than the target.
    pub rescued: u64,
    pub failed: u64,
    /// Out of scope; not asked for.
    pub refused: u64,
}

impl Assets {
    pub fn kept(&self) -> u64 {
        self.captured + self.revisited + self.held + self.rescued
    }

    pub fn missing(&self) -> u64 {
        self.failed + self.refused
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Bytes {
    /// On the wire, bodies only.
    pub received: u64,
    /// Added to the store.
    pub stored: u64,
}

impl Summary {
    /// One line of JSON, without a line end. It can be shown on a terminal and holds no credentials.
    pub fn to_json(&self) -> String {
        // Serialising numbers and text into a string has no way to fail.
        let serialised = serde_json::to_string(self).unwrap_or_default();
        sanitize::json(&serialised).into_owned()
    }

    /// [`Summary::to_json`] with one more field, `ending`: what the catalog keeps of a run.
    pub fn to_record(&self, ending: Ending) -> String {
        #[derive(serde::Serialize)]
        struct Record<'a> {
            ending: Ending,
            #[serde(flatten)]
            summary: &'a Summary,
        }
        let serialised = serde_json::to_string(&Record { ending, summary: self }).unwrap_or_default();
        sanitize::json(&serialised).into_owned()
    }

    /// The summary for people, ending in a line end.
    pub fn to_text(&self, shown: &Shown<'_>) -> String {
        human::text(self, shown)
    }
}

/// One asset of which nothing is held, for [`Failures::add`].
#[derive(Debug, Clone, Copy)]
pub struct Failed<'a> {
    pub target: &'a str,
    /// A word of the closed list of kinds.
    pub kind: &'static str,
    pub detail: &'a str,
    pub attempts: u32,
}

/// The failures of a run: all of them in number, the first ones in detail.
#[derive(Debug, Clone, Default)]
pub struct Failures {
    details: BTreeMap<(String, &'static str), Detail>,
    groups: BTreeMap<(String, &'static str), Group>,
    kinds: BTreeMap<&'static str, u64>,
    /// Failures that found no room in `groups`.
    beyond: u64,
}

#[derive(Debug, Clone)]
struct Detail {
    detail: String,
    attempts: u32,
    documents: BTreeSet<String>,
}

/// The failures of one kind at one host.
#[derive(Debug, Clone)]
struct Group {
    count: u64,
    /// The first target and what is said of it, to stand for all.
    example: (String, String),
}

impl Failures {
    /// Counts one failed asset. `documents` are the names of those that refer to it.
    pub fn add<'d>(&mut self, failed: Failed<'_>, documents: impl IntoIterator<Item = &'d Path>) {
        let target = sanitize::without_credentials(failed.target).into_owned();
        let detail = cut(&sanitize::without_credentials(failed.detail)).into_owned();
        self.count(&target, failed.kind, &detail);
        let names = documents.into_iter().map(|path| path.to_string_lossy().into_owned());
        let key = (target, failed.kind);
        if let Some(known) = self.details.get_mut(&key) {
            known.documents.extend(names.take(MAX_DOCUMENTS));
            first(&mut known.documents, MAX_DOCUMENTS);
            return;
        }
        let is_among_first = self.details.last_key_value().is_none_or(|(last, _)| key < *last);
        if self.details.len() < MAX_FAILURES || is_among_first {
            let mut documents = BTreeSet::new();
            for name in names {
                documents.insert(name);
                first(&mut documents, MAX_DOCUMENTS);
            }
            self.details.insert(key, Detail { detail, attempts: failed.attempts, documents });
            if self.details.len() > MAX_FAILURES {
                self.details.pop_last();
            }
        }
    }

    fn count(&mut self, target: &str, kind: &'static str, detail: &str) {
        *self.kinds.entry(kind).or_default() += 1;
        let key = (host(target), kind);
        let example = (target.to_owned(), detail.to_owned());
        if let Some(group) = self.groups.get_mut(&key) {
            group.count += 1;
            if example < group.example {
                group.example = example;
            }
        } else if self.groups.len() < MAX_GROUPS {
            self.groups.insert(key, Group { count: 1, example });
        } else {
            self.beyond += 1;
        }
    }

    /// How many failures there were of one of these kinds.
    fn of_kinds(&self, kinds: &[&str]) -> u64 {
        kinds.iter().filter_map(|kind| self.kinds.get(kind)).sum()
    }
}

impl Serialize for Failures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Row<'a> {
            target: &'a str,
            kind: &'a str,
            detail: &'a str,
            attempts: u32,
            documents: &'a BTreeSet<String>,
        }
        serializer.collect_seq(self.details.iter().map(|((target, kind), row)| Row {
            target,
            kind,
            detail: &row.detail,
            attempts: row.attempts,
            documents: &row.documents,
        }))
    }
}

/// A message about one document or other file, for [`crate::progress::Progress::warn`].
pub fn warning(file: &Path, told: &dyn fmt::Display) -> String {
    let told = sanitize::url(told.to_string());
    format!("warning: {}: {}", sanitize::path(file), cut(&told))
}

fn cut(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_DETAIL) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Keeps the first `max` of a set that has at most one too many, or a few.
fn first(set: &mut BTreeSet<String>, max: usize) {
    while set.len() > max {
        set.pop_last();
    }
}

/// Host and port as a person would name the server.
fn host(target: &str) -> String {
    let url = Url::parse(target).ok();
    let named = url.as_ref().and_then(|url| {
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    });
    named.unwrap_or_else(|| "(no host)".to_owned())
}

fn in_milliseconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests;
