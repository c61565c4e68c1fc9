//! Whether the blobs that are on record are where they should be.

use std::collections::BTreeSet;

use super::fetching::media_type;
use super::{Catalog, OnChange, Result, params};
use crate::mirror::digest::Digest;
use crate::mirror::store::{Blob, StoreError};

/// Says whether the store has a blob with this many bytes.
pub type IsHeld<'a> = dyn FnMut(&Blob, u64) -> std::result::Result<bool, StoreError> + 'a;

impl Catalog {
    /// How many blobs should be there, when `is_held` knows not a single one of all on record; 0 when it does.
    pub fn none_held(&self, is_held: &mut IsHeld<'_>) -> Result<u64> {
        let expected = [
            // Not with a list of all digests, since most often the first blob is held.
            "SELECT digest, media, length FROM blob WHERE EXISTS (SELECT 1 FROM asset WHERE asset.digest = blob.digest)",
            // Those that a rebuild found belong to no asset until the documents are taken up.
            "SELECT digest, media, length FROM blob
             WHERE digest NOT IN (SELECT digest FROM asset WHERE digest IS NOT NULL)
                AND digest NOT IN (SELECT digest FROM capture)",
        ];
        let mut missing = 0;
        for query in expected {
            match self.all_missing(query, is_held)? {
                Some(more) => missing += more,
                None => return Ok(0),
            }
        }
        // Of the others some may be lost and forgotten, but one that is there shows that the folder is the right one.
        let others = "SELECT digest, media, length FROM blob WHERE digest IN (SELECT digest FROM capture)";
        let is_elsewhere = missing > 0 && self.all_missing(others, is_held)?.is_some();
        Ok(if is_elsewhere { missing } else { 0 })
    }

    /// How many blobs a query finds; `None` when one of them is held.
    fn all_missing(&self, query: &str, is_held: &mut IsHeld<'_>) -> Result<Option<u64>> {
        let mut statement = self.connection.prepare(query)?;
        let mut rows = statement.query([])?;
        let mut missing = 0;
        while let Some(row) = rows.next()? {
            let (blob, length) = blob(row, 0)?;
            if is_held(&blob, length)? {
                return Ok(None);
            }
            missing += 1;
        }
        Ok(Some(missing))
    }

    /// Gives assets back a blob that was not there for a while and that `is_held` knows again: of their captures the
    /// first, or the last when documents follow their servers. Returns how many assets that were.
    pub fn take_back(&self, on_change: OnChange, is_held: &mut IsHeld<'_>) -> Result<u64> {
        let order = match on_change {
            OnChange::Keep => "ASC",
            OnChange::Follow => "DESC",
        };
        // CROSS JOIN keeps the order: SQLite would look through all captures. Without any, it need not look at the assets.
        let mut statement = self.connection.prepare(&format!(
            "SELECT asset.id, blob.digest, blob.media, blob.length
             FROM asset CROSS JOIN capture ON capture.asset = asset.id JOIN blob ON blob.digest = capture.digest
             WHERE asset.digest IS NULL AND EXISTS (SELECT 1 FROM capture) ORDER BY asset.id, capture.id {order}"
        ))?;
        let mut rows = statement.query([])?;
        let mut found: Vec<(i64, Digest)> = Vec::new();
        while let Some(row) = rows.next()? {
            let asset = row.get(0)?;
            let (blob, length) = blob(row, 1)?;
            if found.last().is_none_or(|(last, _)| *last != asset) && is_held(&blob, length)? {
                found.push((asset, blob.digest));
            }
        }
        for (asset, digest) in &found {
            self.connection
                .prepare_cached("UPDATE asset SET digest = ?2 WHERE id = ?1")?
                .execute(params![asset, digest.as_bytes()])?;
        }
        Ok(found.len() as u64)
    }

    /// Takes the blobs that `is_held` does not know off the assets of `run`, so that they are asked for again. Returns
    /// how many were lost.
    pub fn forget_lost(&self, run: i64, is_held: &mut IsHeld<'_>) -> Result<u64> {
        // Told apart by their numbers, which takes less than by digests; a blob of two assets is looked at twice.
        let mut statement = self.connection.prepare(
            "SELECT digest, media, length FROM asset JOIN blob USING (digest) WHERE asset.id IN (
                SELECT asset FROM reference JOIN document ON document.id = reference.document
                WHERE document.run = ?1 AND asset IS NOT NULL
                UNION ALL SELECT asset FROM wanted WHERE run = ?1)",
        )?;
        let rows = statement.query_map([run], |row| blob(row, 0))?;
        let mut lost = BTreeSet::new();
        for row in rows {
            let (blob, length) = row?;
            if !is_held(&blob, length)? {
                lost.insert(blob.digest);
            }
        }
        for digest in &lost {
            self.connection.execute("UPDATE asset SET digest = NULL WHERE digest = ?1", [digest.as_bytes()])?;
        }
        Ok(lost.len() as u64)
    }

    /// Records that an asset is shown with a blob that is on record, as a document tells that was written when more was
    /// known; `fetched` is in milliseconds since 1970. What an asset has already it keeps.
    pub fn recover(&self, run: i64, asset: i64, digest: Digest, fetched: i64) -> Result<()> {
        let mut show =
            self.connection.prepare_cached("UPDATE asset SET digest = ?2 WHERE id = ?1 AND digest IS NULL")?;
        if show.execute(params![asset, digest.as_bytes()])? == 0 {
            return Ok(());
        }
        // No server said any of this, so there is no status and nothing to ask with.
        self.connection
            .prepare_cached(
                "INSERT INTO capture (asset, run, fetched, source, redirects, status, digest, revisit, headers)
                 SELECT id, ?2, ?3, target, '[]', 0, digest, 'recovered', '[]' FROM asset WHERE id = ?1",
            )?
            .execute(params![asset, run, fetched])?;
        Ok(())
    }
}

/// The blob in three columns of a row, of which `first` is the first, and its length in bytes.
fn blob(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<(Blob, u64)> {
    let digest: [u8; 32] = row.get(first)?;
    let media_type = media_type(&row.get::<_, String>(first + 1)?)?;
    Ok((Blob { digest: Digest::from(digest), media_type }, row.get(first + 2)?))
}
