//! The ledger: for every document, whether it is whole; for every picture that is missing, since when and why.
//!
//! Only documents whose source is still there count, whichever run saw them. All numbers of one [`Ledger`] are of one
//! moment, whatever is written meanwhile, and none of it takes the mirror's lock.

mod rows;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Row, Transaction};
use sha2::{Digest as _, Sha256};

use super::rewriting::blob_from;
use super::{Catalog, Result, params, path_from};
pub use rows::{
    AssetTotals, BlobTotals, DocumentState, DocumentTotals, Documents, LedgerChanged, LedgerDocument, LedgerHeld,
    LedgerMissing, LedgerRun, MissingGroup, Reason, ReferenceTotals, Totals,
};

/// What the ledger is read from: temporary tables, made in one pass over the references, and gone with it. [`CHANGED`] is
/// one more.
const TABLES: &str = "
    CREATE TEMP TABLE ledger_document (
        id INTEGER PRIMARY KEY, state TEXT, total INTEGER, mirrored INTEGER, skipped INTEGER, missing INTEGER,
        without_base INTEGER
    );
    INSERT INTO ledger_document
    SELECT id,
        CASE WHEN size IS NULL THEN 'unread'
             WHEN total > mirrored + skipped THEN 'missing'
             WHEN iif(path = source, unedited > 0, plan IS NULL) THEN 'unwritten'
             ELSE 'whole' END,
        total, mirrored, skipped, total - mirrored - skipped, without_base
    FROM (
        SELECT document.id, size, plan, path, source, count(start) AS total,
            count(*) FILTER (WHERE asset.digest IS NOT NULL OR (reference.asset IS NULL AND held IS NOT NULL)) AS mirrored,
            count(*) FILTER (WHERE skip IS NOT NULL AND reference.asset IS NULL AND held IS NULL) AS skipped,
            count(*) FILTER (WHERE skip = 'relative' AND held IS NULL) AS without_base,
            count(*) FILTER (WHERE asset.digest IS NOT NULL AND held IS NULL) AS unedited
        FROM document LEFT JOIN reference ON reference.document = document.id LEFT JOIN asset ON asset.id = reference.asset
        WHERE released IS NULL GROUP BY document.id
    );
    CREATE TEMP TABLE ledger_missing (id INTEGER PRIMARY KEY, documents INTEGER);
    INSERT INTO ledger_missing
    SELECT id, documents FROM (
        SELECT id, (
            SELECT count(DISTINCT document) FROM reference
            WHERE reference.asset = asset.id
            AND document NOT IN (SELECT id FROM document WHERE released IS NOT NULL)
        ) AS documents
        FROM asset WHERE digest IS NULL
    ) WHERE documents > 0 OR id IN (SELECT asset FROM wanted WHERE run = (SELECT max(run) FROM wanted));";

/// Assets that a document needs, or the last list of `--urls`.
const NEEDED: &str = "(
    EXISTS (SELECT 1 FROM reference WHERE reference.asset = asset.id
            AND document NOT IN (SELECT id FROM document WHERE released IS NOT NULL))
    OR asset.id IN (SELECT asset FROM wanted WHERE run = (SELECT max(run) FROM wanted)))";

/// Assets whose server has sent other bytes than those that documents show, the last time that it sent any.
const CHANGED: &str = "
    CREATE TEMP TABLE ledger_changed (id INTEGER PRIMARY KEY, now BLOB, since INTEGER);
    WITH last AS (
        SELECT asset, (
            SELECT id FROM capture AS own WHERE own.asset = capture.asset AND revisit IS NOT 'not-modified'
            ORDER BY id DESC LIMIT 1
        ) AS id
        FROM capture GROUP BY asset HAVING count(*) > 1
    )
    INSERT INTO ledger_changed
    SELECT asset.id, capture.digest,
        (SELECT min(fetched) FROM capture AS own WHERE own.asset = asset.id AND own.digest = capture.digest)
    FROM last JOIN capture ON capture.id = last.id JOIN asset ON asset.id = last.asset
    WHERE capture.digest <> asset.digest";

/// A moment of the catalog, read as a ledger.
#[derive(Debug)]
pub struct Ledger<'c> {
    /// Holds the moment, and takes the temporary tables with it: it is never committed.
    moment: Transaction<'c>,
}

impl Catalog {
    /// Reads the ledger. One pass over all references is made here.
    pub fn ledger(&self) -> Result<Ledger<'_>> {
        let moment = self.connection.unchecked_transaction()?;
        moment.execute_batch(TABLES)?;
        moment.execute_batch(&format!("{CHANGED} AND {NEEDED}"))?;
        Ok(Ledger { moment })
    }

    /// A digest of everything that the ledger would tell, apart from when runs took place. Equal digests mean that
    /// nothing has to be told anew; it takes no pass over the references.
    pub fn ledger_state(&self) -> Result<[u8; 32]> {
        let mut hash = Sha256::new();
        for query in [
            // References follow from the bytes of a document and the settings it was collected with.
            "SELECT id, path, digest, settings, plan, size IS NULL, released FROM document ORDER BY id",
            "SELECT asset, kind, detail, next, runs FROM failure ORDER BY asset",
            "SELECT count(*), count(digest) FROM asset",
            "SELECT count(*), max(id) FROM capture",
            "SELECT count(*), sum(length) FROM blob",
            "SELECT asset FROM wanted WHERE run = (SELECT max(run) FROM wanted)",
            "SELECT name, value FROM setting WHERE name IN ('placement', 'assets') ORDER BY name",
            "SELECT finished IS NULL, summary ->> '$.documents.failed', summary ->> '$.ending'
             FROM run WHERE kind = 'sync' ORDER BY id DESC LIMIT 1",
        ] {
            let mut statement = self.connection.prepare_cached(query)?;
            let columns = statement.column_count();
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                for column in 0..columns {
                    hash_value(&mut hash, row.get_ref(column)?);
                }
            }
            hash.update(";");
        }
        Ok(hash.finalize().into())
    }
}

impl Ledger<'_> {
    pub fn totals(&self) -> Result<Totals> {
        let documents = self.moment.query_row(
            "SELECT count(*), count(*) FILTER (WHERE state = 'whole'), count(*) FILTER (WHERE state = 'missing'),
                    count(*) FILTER (WHERE state = 'unwritten'), count(*) FILTER (WHERE state = 'unread'),
                    (SELECT count(*) FROM document WHERE released IS NOT NULL)
             FROM ledger_document",
            [],
            |row| {
                Ok(DocumentTotals {
                    total: row.get(0)?,
                    whole: row.get(1)?,
                    missing: row.get(2)?,
                    unwritten: row.get(3)?,
                    unread: row.get(4)?,
                    released: row.get(5)?,
                })
            },
        )?;
        let references = self.moment.query_row(
            "SELECT coalesce(sum(total), 0), coalesce(sum(mirrored), 0), coalesce(sum(skipped), 0),
                    coalesce(sum(missing), 0), coalesce(sum(without_base), 0)
             FROM ledger_document",
            [],
            |row| {
                Ok(ReferenceTotals {
                    total: row.get(0)?,
                    mirrored: row.get(1)?,
                    skipped: row.get(2)?,
                    missing: row.get(3)?,
                    without_base: row.get(4)?,
                })
            },
        )?;
        let blobs = self.moment.query_row("SELECT count(*), coalesce(sum(length), 0) FROM blob", [], |row| {
            Ok(BlobTotals { files: row.get(0)?, bytes: row.get(1)? })
        })?;
        Ok(Totals { documents, references, assets: self.asset_totals()?, blobs })
    }

    fn asset_totals(&self) -> Result<AssetTotals> {
        let count = |query: &str| self.moment.query_row(query, [], |row| row.get::<_, u64>(0));
        let held = count(&format!("SELECT count(*) FROM asset WHERE digest IS NOT NULL AND {NEEDED}"))?;
        let missing = count("SELECT count(*) FROM ledger_missing")?;
        let changed = count("SELECT count(*) FROM ledger_changed")?;
        Ok(AssetTotals { total: held + missing, held, missing, changed })
    }

    /// Calls `each` for the first `max` documents.
    pub fn documents<E: From<rusqlite::Error>>(
        &self,
        which: Documents,
        max: usize,
        each: impl FnMut(LedgerDocument) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let query = "SELECT id, path, state, total, mirrored, skipped, missing
             FROM ledger_document JOIN document USING (id)
             WHERE ?1 OR state <> 'whole' ORDER BY state = 'whole', path LIMIT ?2";
        let read = |row: &Row<'_>| {
            Ok(LedgerDocument {
                id: row.get(0)?,
                path: path_from(row.get::<_, Value>(1)?),
                state: DocumentState::from_word(&row.get::<_, String>(2)?),
                total: row.get(3)?,
                mirrored: row.get(4)?,
                skipped: row.get(5)?,
                missing: row.get(6)?,
            })
        };
        self.each(query, params![which == Documents::All, max as i64], read, each)
    }

    /// The assets of a document, at most `max`, in the order in which it first refers to them.
    pub fn assets_of(&self, document: i64, max: usize) -> Result<Vec<i64>> {
        // SQLite would make a table for each document to tell them apart.
        let mut statement = self
            .moment
            .prepare_cached("SELECT asset FROM reference WHERE document = ?1 AND asset IS NOT NULL ORDER BY start")?;
        let mut rows = statement.query([document])?;
        let (mut known, mut assets) = (HashSet::new(), Vec::new());
        while let Some(row) = rows.next()?
            && assets.len() < max
        {
            let asset = row.get(0)?;
            if known.insert(asset) {
                assets.push(asset);
            }
        }
        Ok(assets)
    }

    /// The missing assets by origin and kind, at most `max` groups, the largest first.
    pub fn missing_groups(&self, max: usize) -> Result<Vec<MissingGroup>> {
        let mut statement = self.moment.prepare(
            "SELECT g.origin, g.kind, n, since, g.next, failure.detail FROM (
                SELECT origin, kind, count(*) AS n, min(first) AS since, min(next) AS next, min(target) AS example
                FROM ledger_missing JOIN asset USING (id) LEFT JOIN failure ON failure.asset = asset.id
                GROUP BY origin, kind ORDER BY n DESC, origin, kind LIMIT ?1
             ) AS g JOIN asset ON asset.target = example LEFT JOIN failure ON failure.asset = asset.id
             ORDER BY n DESC, g.origin, g.kind",
        )?;
        let rows = statement.query_map([max as i64], |row| {
            Ok(MissingGroup {
                origin: row.get(0)?,
                kind: row.get(1)?,
                count: row.get(2)?,
                since: row.get(3)?,
                next: row.get(4)?,
                detail: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Calls `each` for the first `max` missing assets by origin and target.
    pub fn missing<E: From<rusqlite::Error>>(
        &self,
        max: usize,
        each: impl FnMut(LedgerMissing) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        // CROSS JOIN keeps the order, here and below: SQLite would look through all assets.
        let query = "SELECT asset.id, origin, target, documents, kind, detail, first, next, runs, attempts
             FROM ledger_missing CROSS JOIN asset USING (id) LEFT JOIN failure ON failure.asset = asset.id
             ORDER BY origin, target LIMIT ?1";
        let read = |row: &Row<'_>| {
            let reason = match row.get::<_, Option<String>>(4)? {
                Some(kind) => Some(Reason {
                    kind,
                    detail: row.get(5)?,
                    since: row.get(6)?,
                    next: row.get(7)?,
                    runs: row.get(8)?,
                    attempts: row.get(9)?,
                }),
                None => None,
            };
            let (id, origin, target, documents) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(LedgerMissing { id, origin, target, reason, documents })
        };
        self.each(query, params![max as i64], read, each)
    }

    /// Calls `each` for the first `max` held assets, in the order in which they were first met.
    pub fn held<E: From<rusqlite::Error>>(
        &self,
        max: usize,
        each: impl FnMut(LedgerHeld) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let query = format!(
            "SELECT asset.id, origin, target, blob.digest, media, length, width, height
             FROM asset JOIN blob ON blob.digest = asset.digest WHERE {NEEDED} ORDER BY asset.id LIMIT ?1"
        );
        let read = |row: &Row<'_>| {
            let (width, height): (Option<u32>, Option<u32>) = (row.get(6)?, row.get(7)?);
            Ok(LedgerHeld {
                id: row.get(0)?,
                origin: row.get(1)?,
                target: row.get(2)?,
                blob: blob_from(row.get(3)?, row.get(4)?)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?,
                bytes: row.get(5)?,
                dimensions: width.zip(height),
            })
        };
        self.each(&query, params![max as i64], read, each)
    }

    /// Calls `each` for the first `max` assets that have changed on their servers, by target.
    pub fn changed<E: From<rusqlite::Error>>(
        &self,
        max: usize,
        each: impl FnMut(LedgerChanged) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let query = "SELECT asset.id, target, blob.digest, blob.media, other.digest, other.media, since
             FROM ledger_changed CROSS JOIN asset USING (id)
             JOIN blob ON blob.digest = asset.digest JOIN blob AS other ON other.digest = now ORDER BY target LIMIT ?1";
        let read = |row: &Row<'_>| {
            let blob = |digest, media| {
                blob_from(row.get(digest)?, row.get(media)?)?.ok_or(rusqlite::Error::QueryReturnedNoRows)
            };
            Ok(LedgerChanged {
                id: row.get(0)?,
                target: row.get(1)?,
                shown: blob(2, 3)?,
                now: blob(4, 5)?,
                since: row.get(6)?,
            })
        };
        self.each(query, params![max as i64], read, each)
    }

    /// The last runs, at most `max`, the latest first.
    pub fn runs(&self, max: usize) -> Result<Vec<LedgerRun>> {
        let mut statement = self
            .moment
            .prepare("SELECT started, finished, summary FROM run WHERE kind = 'sync' ORDER BY id DESC LIMIT ?1")?;
        let rows = statement.query_map([max as i64], |row| {
            Ok(LedgerRun { started: row.get(0)?, finished: row.get(1)?, summary: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn each<T, E: From<rusqlite::Error>>(
        &self,
        query: &str,
        values: impl rusqlite::Params,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
        mut each: impl FnMut(T) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut statement = self.moment.prepare(query)?;
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            each(read(row)?)?;
        }
        Ok(())
    }
}

/// Values that differ, be it in type, never hash alike.
fn hash_value(hash: &mut Sha256, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => (1, &number.to_le_bytes()),
        ValueRef::Real(number) => (2, &number.to_le_bytes()),
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    hash.update([kind]);
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
