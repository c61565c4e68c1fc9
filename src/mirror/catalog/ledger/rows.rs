//! What the ledger hands on: plain rows and totals.

use std::path::PathBuf;

use crate::mirror::store::Blob;

/// Everything that the ledger counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub documents: DocumentTotals,
    pub references: ReferenceTotals,
    pub assets: AssetTotals,
    pub blobs: BlobTotals,
}

/// Documents, each in one state; `total` is the sum of the others but `released`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct DocumentTotals {
    pub total: u64,
    pub whole: u64,
    /// With pictures missing.
    pub missing: u64,
    /// Every picture is here, and the document that shows them is not written yet.
    pub unwritten: u64,
    /// Not read to their ends.
    pub unread: u64,
    /// Not counted elsewhere: their sources are gone.
    pub released: u64,
}

/// References; `total` is the sum of the first three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct ReferenceTotals {
    pub total: u64,
    pub mirrored: u64,
    pub skipped: u64,
    pub missing: u64,
    /// Those of the skipped that are relative and have no base.
    pub without_base: u64,
}

/// Assets that something needs; `total` is the sum of `held` and `missing`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct AssetTotals {
    pub total: u64,
    pub held: u64,
    pub missing: u64,
    /// Those of the held that have changed on their servers since.
    pub changed: u64,
}

/// What lies in the store by the catalog's word, needed or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct BlobTotals {
    pub files: u64,
    pub bytes: u64,
}

/// Whether a document is whole, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DocumentState {
    Whole,
    Missing,
    Unwritten,
    Unread,
}

/// A document with how its references ended.
#[derive(Debug, Clone)]
pub struct LedgerDocument {
    pub id: i64,
    /// Below documents/; of one that is edited in place, the document itself.
    pub path: PathBuf,
    pub state: DocumentState,
    pub total: u64,
    pub mirrored: u64,
    pub skipped: u64,
    pub missing: u64,
}

/// Which documents are asked for; those that are not whole come first, each part by path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Documents {
    All,
    NotWhole,
}

/// Why an asset is missing. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    pub kind: String,
    pub detail: String,
    /// When it failed first, without a success since.
    pub since: i64,
    /// It is not asked for before.
    pub next: i64,
    /// Runs in a row that failed.
    pub runs: u64,
    /// Requests, over all of them.
    pub attempts: u64,
}

/// An asset that is needed and not held.
#[derive(Debug, Clone)]
pub struct LedgerMissing {
    pub id: i64,
    pub origin: String,
    pub target: String,
    /// `None` when it was never asked for.
    pub reason: Option<Reason>,
    /// How many want it; 0 when only `--urls` does.
    pub documents: u64,
}

/// The missing assets of one origin and kind. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingGroup {
    pub origin: String,
    /// `None` when they were never asked for.
    pub kind: Option<String>,
    pub count: u64,
    /// When the first of them failed first.
    pub since: Option<i64>,
    /// Before this none of them is asked for.
    pub next: Option<i64>,
    /// What was said of the first of them by target.
    pub detail: Option<String>,
}

/// An asset that is needed and held.
#[derive(Debug, Clone)]
pub struct LedgerHeld {
    pub id: i64,
    pub origin: String,
    pub target: String,
    pub blob: Blob,
    pub bytes: u64,
    /// Pixels, where the bytes tell.
    pub dimensions: Option<(u32, u32)>,
}

/// A held asset whose server sends other bytes now. The documents stay with the first.
#[derive(Debug, Clone)]
pub struct LedgerChanged {
    pub id: i64,
    pub target: String,
    /// What documents show.
    pub shown: Blob,
    /// What the server sent last.
    pub now: Blob,
    /// When that was first received; milliseconds since 1970.
    pub since: i64,
}

/// A run. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct LedgerRun {
    pub started: i64,
    /// `None` while it runs, and of a run that was killed.
    pub finished: Option<i64>,
    /// As the run gave it at its end.
    pub summary: Option<String>,
}

impl DocumentState {
    pub(super) fn from_word(word: &str) -> Self {
        match word {
            "whole" => DocumentState::Whole,
            "missing" => DocumentState::Missing,
            "unwritten" => DocumentState::Unwritten,
            _ => DocumentState::Unread,
        }
    }
}
