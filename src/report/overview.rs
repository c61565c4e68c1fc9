//! What a mirror says of itself between runs: the ledger, cut to what a person takes in.

use std::path::PathBuf;

use serde::Serialize;
use serde::ser::Serializer;

use super::advice;
use super::{Documents as RunDocuments, Ending};
use crate::fetch::FailureKind;
use crate::mirror::catalog::{
    AssetTotals, BlobTotals, DocumentState, DocumentTotals, Ledger, LedgerDocuments, LedgerRun, MissingGroup,
    ReferenceTotals, Result,
};
use crate::sanitize;

/// How much of each list is kept; the totals are of everything.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub groups: usize,
    pub documents: usize,
    pub changed: usize,
    pub runs: usize,
}

/// The state of a mirror. As JSON, exactly what `status --json` writes.
///
/// Text from outside is as it is, credentials covered: whoever shows it makes it harmless.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// Whether the last run came to its end, every document that it was given is here, and no picture is missing.
    pub whole: bool,
    pub documents: DocumentTotals,
    pub references: ReferenceTotals,
    pub assets: AssetTotals,
    pub stored: BlobTotals,
    /// Which pictures are missing, by origin and kind, the largest group first.
    pub missing: Vec<Group>,
    /// Documents that are not whole, by path.
    pub incomplete: Vec<Incomplete>,
    /// Pictures that have changed on their servers.
    pub changed: Vec<Changed>,
    /// The latest first.
    pub runs: Vec<Run>,
    /// What to do, the most useful first.
    pub next: Vec<String>,
}

/// Missing pictures of one origin and kind.
#[derive(Debug, Clone, Serialize)]
pub struct Group {
    pub origin: String,
    /// `None` when they were never asked for.
    #[serde(serialize_with = "as_word")]
    pub kind: Option<FailureKind>,
    pub count: u64,
    /// Since when the first of them is missing.
    #[serde(serialize_with = "as_time")]
    pub since: Option<i64>,
    /// The next run asks for them if it begins after this.
    #[serde(serialize_with = "as_time")]
    pub next_try: Option<i64>,
    /// What was said of one of them.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Incomplete {
    /// Below documents/; of one that is edited in place, the document itself.
    #[serde(serialize_with = "as_text")]
    pub path: PathBuf,
    pub state: DocumentState,
    pub references: u64,
    pub missing: u64,
}

#[derive(Debug, Clone, Serialize)]
pub struct Changed {
    pub target: String,
    /// When other bytes came first.
    #[serde(serialize_with = "as_time")]
    pub since: Option<i64>,
    /// Of the picture that documents show, and of the one that the server sends now: names below assets/.
    pub shown: String,
    pub now: String,
}

/// A run with its numbers, as far as it came to tell them.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    #[serde(serialize_with = "as_time")]
    pub started: Option<i64>,
    #[serde(serialize_with = "as_time")]
    pub finished: Option<i64>,
    /// `None` while it runs, and of a run that was killed.
    pub ending: Option<Ending>,
    #[serde(flatten)]
    pub numbers: Numbers,
}

/// Those of [`super::Summary`].
#[derive(Debug, Clone, Default, Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Numbers {
    pub documents: RunDocuments,
    pub references: super::References,
    pub assets: super::Assets,
    pub bytes: super::Bytes,
    pub requests: u64,
    pub seconds: f64,
}

impl Overview {
    /// Takes the overview of a ledger. `now` is in milliseconds since 1970.
    pub fn of(ledger: &Ledger<'_>, limits: Limits, now: i64) -> Result<Self> {
        let totals = ledger.totals()?;
        let mut incomplete = Vec::new();
        ledger.documents(LedgerDocuments::NotWhole, limits.documents, |document| {
            let (references, missing) = (document.total, document.missing);
            incomplete.push(Incomplete { path: document.path, state: document.state, references, missing });
            Result::Ok(())
        })?;
        let mut changed = Vec::new();
        ledger.changed(limits.changed, |asset| {
            changed.push(Changed {
                target: covered(&asset.target),
                since: Some(asset.since),
                shown: asset.shown.name(),
                now: asset.now.name(),
            });
            Result::Ok(())
        })?;
        let missing: Vec<_> = ledger.missing_groups(limits.groups)?.into_iter().map(Group::from).collect();
        let runs: Vec<_> = ledger.runs(limits.runs)?.into_iter().map(Run::from).collect();
        let mut overview = Overview {
            whole: false,
            documents: totals.documents,
            references: totals.references,
            assets: totals.assets,
            stored: totals.blobs,
            missing,
            incomplete,
            changed,
            runs,
            next: Vec::new(),
        };
        overview.whole = overview.is_whole();
        overview.next = advice::of_mirror(&overview, now);
        Ok(overview)
    }

    fn is_whole(&self) -> bool {
        let last = self.runs.first();
        last.is_some_and(|run| run.ending == Some(Ending::Finished))
            && self.failed_documents() == 0
            && self.documents.whole == self.documents.total
            && self.assets.missing == 0
    }

    /// Documents that the last run could not read or write.
    pub fn failed_documents(&self) -> u64 {
        self.runs.first().map_or(0, |run| run.numbers.documents.failed)
    }
}

impl From<MissingGroup> for Group {
    fn from(group: MissingGroup) -> Self {
        Group {
            origin: covered(&group.origin),
            kind: group.kind.as_deref().map(kind),
            count: group.count,
            since: group.since,
            next_try: group.next,
            detail: group.detail.as_deref().map(covered),
        }
    }
}

impl From<LedgerRun> for Run {
    fn from(run: LedgerRun) -> Self {
        // What another version wrote may lack parts; what is there counts.
        let record: Record = run.summary.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let Record { ending, numbers } = record;
        Run {
            started: Some(run.started),
            finished: run.finished,
            // Earlier versions did not say how a run ended.
            ending: run.finished.map(|_| ending.unwrap_or(Ending::Finished)),
            numbers,
        }
    }
}

/// What [`super::Summary::to_record`] wrote, as far as it is read again.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Record {
    ending: Option<Ending>,
    #[serde(flatten)]
    numbers: Numbers,
}

/// The kind that the catalog names.
pub(super) fn kind(word: &str) -> FailureKind {
    FailureKind::from_word(word).unwrap_or(FailureKind::Connection)
}

fn covered(text: &str) -> String {
    sanitize::without_credentials(text).into_owned()
}

fn as_text<S: Serializer>(path: &std::path::Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn as_word<S: Serializer>(kind: &Option<FailureKind>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    kind.map(FailureKind::as_str).serialize(serializer)
}

/// RFC 3339, in UTC.
fn as_time<S: Serializer>(millis: &Option<i64>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    millis
        .and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok())
        .map(|time| time.to_string())
        .serialize(serializer)
}
