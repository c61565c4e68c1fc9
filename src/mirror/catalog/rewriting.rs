//! What the documents of a run are rewritten with, and the journal of those that were edited in place.

use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension as _;

use super::fetching::media_type;
use super::{Catalog, Result, Seen, now, params, path_from, path_value};
use crate::collect::Layers;
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::rewrite::Edit;
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

/// One edited generation of a document.
#[derive(Debug, Clone)]
pub struct Journal {
    pub before: [u8; 32],
    pub after: [u8; 32],
}

/// The blob of a row that may have none.
pub(super) fn blob_from(digest: Option<[u8; 32]>, media: Option<String>) -> rusqlite::Result<Option<Blob>> {
    match digest.zip(media) {
        Some((digest, media)) => Ok(Some(Blob { digest: Digest::from(digest), media_type: media_type(&media)? })),
        None => Ok(None),
    }
}

struct Generation {
    id: i64,
    generation: i64,
    journal: Journal,
}

impl Catalog {
    /// The documents of `run` behind the number `after`, at most `max`, in the order of their numbers.
    pub fn documents(&self, run: i64, after: i64, max: usize) -> Result<Vec<RewriteRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, path, source, digest, plan FROM document
             WHERE run = ?1 AND id > ?2 AND size IS NOT NULL ORDER BY id LIMIT ?3",
        )?;
        let rows = statement.query_map(params![run, after, max as i64], |row| {
            Ok(RewriteRow {
                id: row.get(0)?,
                path: path_from(row.get(1)?),
                source: path_from(row.get(2)?),
                digest: row.get(3)?,
                plan: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Calls `each` for every reference of a document that stands there as it was collected and has a target, in order
    /// of position.
    pub fn references(&self, document: i64, each: &mut dyn FnMut(HeldReference)) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT start, end, layers, fragment, asset.target, blob.digest, blob.media, proxies > 0
             FROM reference JOIN asset ON asset.id = reference.asset
             LEFT JOIN blob ON blob.digest = asset.digest
             WHERE reference.document = ?1 AND reference.held IS NULL ORDER BY start",
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

    /// Notes with which plan a document was written.
    pub fn wrote_document(&self, document: i64, plan: &[u8; 32]) -> Result<()> {
        let mut statement = self.connection.prepare_cached("UPDATE document SET plan = ?2 WHERE id = ?1")?;
        statement.execute(params![document, plan])?;
        Ok(())
    }

    /// Writes the edits of a document that is about to be edited in place. Must be committed before the file changes.
    ///
    /// An entry whose edits never reached the file (the run ended in between) is replaced.
    pub fn journal(&self, document: i64, journal: &Journal, source: &[u8], edits: &[Edit]) -> Result<()> {
        let generation = match self.last_generation(document)? {
            Some(last) if last.journal.before == journal.before && last.journal.after != journal.before => {
                self.connection.execute("DELETE FROM rewrite WHERE id = ?1", [last.id])?;
                last.generation
            }
            Some(last) => last.generation + 1,
            None => 1,
        };
        self.connection.execute(
            "INSERT INTO rewrite (document, generation, before, after, written) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![document, generation, journal.before, journal.after, now()],
        )?;
        let rewrite = self.connection.last_insert_rowid();
        let mut insert =
            self.connection.prepare_cached("INSERT INTO edit (rewrite, start, old, new) VALUES (?1, ?2, ?3, ?4)")?;
        for edit in edits {
            let old = source.get(edit.span.start..edit.span.end).unwrap_or_default();
            insert.execute(params![rewrite, edit.span.start as i64, old, edit.text])?;
        }
        Ok(())
    }

    /// Takes back a journal entry whose edits did not reach the file.
    pub fn forget_journal(&self, document: i64, journal: &Journal) -> Result<()> {
        self.connection.execute(
            "DELETE FROM rewrite WHERE document = ?1 AND before = ?2 AND after = ?3
             AND generation = (SELECT max(generation) FROM rewrite WHERE document = ?1)",
            params![document, journal.before, journal.after],
        )?;
        Ok(())
    }

    fn last_generation(&self, document: i64) -> Result<Option<Generation>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, generation, before, after FROM rewrite WHERE document = ?1 ORDER BY generation DESC LIMIT 1",
        )?;
        let last = statement.query_row([document], |row| {
            let journal = Journal { before: row.get(2)?, after: row.get(3)? };
            Ok(Generation { id: row.get(0)?, generation: row.get(1)?, journal })
        });
        Ok(last.optional()?)
    }

    /// Notes that a document was edited in place: the references that were edited name their blobs from now on, and
    /// the file is `seen` as it is now. Returns whether all of its references are settled.
    pub fn edited_in_place(&self, document: i64, seen: &Seen) -> Result<bool> {
        self.connection
            .prepare_cached(
                "UPDATE reference SET held = (SELECT digest FROM asset WHERE asset.id = reference.asset)
                 WHERE document = ?1 AND asset IS NOT NULL AND held IS NULL",
            )?
            .execute([document])?;
        let open: bool = self
            .connection
            .prepare_cached("SELECT 1 FROM reference WHERE document = ?1 AND asset IS NOT NULL AND held IS NULL")?
            .exists([document])?;
        self.finish_document(document, seen, open)?;
        Ok(!open)
    }

    /// The edits that lead from the last edited generation of a document back to the one before it: where they stand
    /// in the edited bytes, and what stood there.
    pub fn undo(&self, document: i64) -> Result<Option<(Journal, Vec<Edit>)>> {
        let Some(Generation { id: rewrite, journal, .. }) = self.last_generation(document)? else { return Ok(None) };
        let mut statement =
            self.connection.prepare_cached("SELECT start, old, new FROM edit WHERE rewrite = ?1 ORDER BY start")?;
        let rows = statement.query_map([rewrite], |row| {
            let (start, old, new): (i64, Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((start, old, new))
        })?;
        let mut moved = 0i64;
        let mut edits = Vec::new();
        for row in rows {
            let (start, old, new) = row?;
            let at = (start + moved) as usize;
            edits.push(Edit { span: Span::new(at, at + new.len()), text: old.clone() });
            moved += new.len() as i64 - old.len() as i64;
        }
        Ok(Some((journal, edits)))
    }
}
