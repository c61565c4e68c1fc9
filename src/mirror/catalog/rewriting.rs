//! What the documents of a run are rewritten with, and what became of their references.

use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension as _;

use super::fetching::media_type;
use super::{Catalog, Result, Seen, params, path_from, path_value};
use crate::collect::Layers;
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::text::Span;

/// A document that a run has collected.
#[derive(Debug, Clone)]
pub struct RewriteRow {
    pub id: i64,
    pub path: PathBuf,
    pub source: PathBuf,
    pub digest: [u8; 32],
    /// The fingerprint of the plan that was last written.
    pub plan: Option<[u8; 32]>,
}

impl RewriteRow {
    /// Reads the columns `id, path, source, digest, plan` of a document.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(RewriteRow {
            id: row.get(0)?,
            path: path_from(row.get(1)?),
            source: path_from(row.get(2)?),
            digest: row.get(3)?,
            plan: row.get(4)?,
        })
    }
}

/// A reference that a plan may edit.
#[derive(Debug, Clone)]
pub struct HeldReference {
    pub span: Span,
    pub layers: Layers,
    pub fragment: Option<String>,
    /// Whether proxies were peeled off to get to the target.
    pub peeled: bool,
    pub target: String,
    /// `None` when the picture is missing.
    pub blob: Option<Blob>,
}

/// What the catalog knows of one reference, for people.
#[derive(Debug, Clone)]
pub struct ReferenceState {
    pub start: i64,
    pub slot: String,
    pub raw: String,
    pub target: Option<String>,
    pub blob: Option<Blob>,
    pub skip: Option<String>,
    /// Kind and detail.
    pub failure: Option<(String, String)>,
}

impl ReferenceState {
    pub fn is_missing(&self) -> bool {
        self.blob.is_none() && self.skip.is_none()
    }
}

/// The blob of a row that may have none.
pub(super) fn blob_from(digest: Option<[u8; 32]>, media: Option<String>) -> rusqlite::Result<Option<Blob>> {
    match digest.zip(media) {
        Some((digest, media)) => Ok(Some(Blob { digest: Digest::from(digest), media_type: media_type(&media)? })),
        None => Ok(None),
    }
}

impl Catalog {
    /// The documents of `run` behind the number `after`, at most `max`, in the order of their numbers.
    pub fn documents(&self, run: i64, after: i64, max: usize) -> Result<Vec<RewriteRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, path, source, digest, plan FROM document
             WHERE run = ?1 AND id > ?2 AND size IS NOT NULL ORDER BY id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![run, after, max as i64], RewriteRow::read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Calls `each` for every reference of a document that has a target and does not name what is held of it yet, in
    /// order of position.
    pub fn references(&self, document: i64, each: &mut dyn FnMut(HeldReference)) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT start, end, layers, fragment, asset.target, blob.digest, blob.media, proxies > 0
             FROM reference JOIN asset ON asset.id = reference.asset
             LEFT JOIN blob ON blob.digest = asset.digest
             WHERE reference.document = ?1 AND (reference.held IS NULL OR reference.held <> asset.digest)
             ORDER BY start",
        )?;
        let rows = statement.query_map([document], |row| {
            let (start, end): (i64, i64) = (row.get(0)?, row.get(1)?);
            Ok(HeldReference {
                span: Span::new(start as usize, end as usize),
                layers: Layers::from_bits(row.get(2)?),
                fragment: row.get(3)?,
                peeled: row.get(7)?,
                target: row.get(4)?,
                blob: blob_from(row.get(5)?, row.get(6)?)?,
            })
        })?;
        for row in rows {
            each(row?);
        }
        Ok(())
    }

    /// The document that was read from `source` (absolute), or that lies below documents/ at `path`.
    pub fn document_at(&self, source: &Path, path: &Path) -> Result<Option<i64>> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT id FROM document WHERE source = ?1 OR path = ?2 ORDER BY source = ?1 DESC, id LIMIT 1",
            )?
            .query_row([path_value(source), path_value(path)], |row| row.get(0));
        Ok(found.optional()?)
    }

    /// Calls `each` for every reference of a document, in order of position.
    pub fn reference_states(&self, document: i64, each: &mut dyn FnMut(ReferenceState)) -> Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT start, slot.name, raw, asset.target, blob.digest, blob.media, skip, failure.kind, failure.detail
             FROM reference
             JOIN slot ON slot.id = reference.slot
             LEFT JOIN asset ON asset.id = reference.asset
             LEFT JOIN blob ON blob.digest = coalesce(reference.held, asset.digest)
             LEFT JOIN failure ON failure.asset = asset.id
             WHERE reference.document = ?1 ORDER BY start",
        )?;
        let rows = statement.query_map([document], |row| {
            let (kind, detail): (Option<String>, Option<String>) = (row.get(7)?, row.get(8)?);
            Ok(ReferenceState {
                start: row.get(0)?,
                slot: row.get(1)?,
                raw: row.get(2)?,
                target: row.get(3)?,
                blob: blob_from(row.get(4)?, row.get(5)?)?,
                skip: row.get(6)?,
                failure: kind.zip(detail),
            })
        })?;
        for row in rows {
            each(row?);
        }
        Ok(())
    }

    /// Notes with which plan a document was written, and the digest of what was written.
    pub fn wrote_document(&self, document: i64, plan: &[u8; 32], written: &[u8; 32]) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached("UPDATE document SET plan = ?2, written = ?3 WHERE id = ?1")?;
        statement.execute(params![document, plan, written])?;
        Ok(())
    }

    /// Notes that a document was edited in place: the references that were edited name their blobs from now on, and
    /// the file is `seen` as it is now. They do not stand where they stood, so the next run collects the document anew.
    pub fn edited_in_place(&self, document: i64, seen: &Seen) -> Result<()> {
        self.connection
            .prepare_cached(
                "UPDATE reference
                 SET held = coalesce((SELECT digest FROM asset WHERE asset.id = reference.asset), held)
                 WHERE document = ?1 AND asset IS NOT NULL",
            )?
            .execute([document])?;
        self.finish_document(document, seen, true)
    }
}
