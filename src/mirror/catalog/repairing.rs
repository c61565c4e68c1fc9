//! What a repair or a rebuild does to the catalog.
//!
//! A repair works from the temporary tables that a check filled; see [`super::checking`].

use std::path::PathBuf;

use super::{Catalog, Result, RewriteRow, now, params, path_value};
use crate::mirror::digest::Digest;

/// A blob that a check found damaged.
#[derive(Debug, Clone)]
pub struct DamagedBlob {
    /// Below the assets.
    pub name: String,
    pub digest: Digest,
    /// Where a copy of its file is, below trash/.
    pub aside: Option<String>,
}

/// What a repair does to the catalog.
impl Catalog {
    /// The damaged blobs behind the name `after`, at most `max`.
    pub fn damaged_blobs(&self, after: &str, max: usize) -> Result<Vec<DamagedBlob>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT name, digest, aside FROM temp.damaged_blob WHERE name > ?1 ORDER BY name LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, max as i64], |row| {
            let digest = Digest::from(row.get::<_, [u8; 32]>(1)?);
            Ok(DamagedBlob { name: row.get(0)?, digest, aside: row.get(2)? })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes where a copy of the file of a damaged blob is, below trash/.
    pub fn set_aside(&self, name: &str, aside: &str) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached("UPDATE temp.damaged_blob SET aside = ?2 WHERE name = ?1")?;
        statement.execute([name, aside])?;
        Ok(())
    }

    /// Takes the damaged blobs off their assets, so that `run` wants them again, and lists the documents that name them
    /// for rewriting. Rows that name a blob that is not on record are set right as well.
    pub fn forget_damaged(&self, run: i64) -> Result<()> {
        self.begin()?;
        self.connection.execute_batch(
            "INSERT OR IGNORE INTO temp.forgotten (asset, digest)
                SELECT id, digest FROM asset WHERE digest IN (SELECT digest FROM temp.damaged_blob)
                    OR (digest IS NOT NULL AND digest NOT IN (SELECT digest FROM blob))
                UNION SELECT asset, digest FROM capture WHERE digest IN (SELECT digest FROM temp.damaged_blob);
             INSERT OR IGNORE INTO temp.damaged_document (id, plan, forced)
                SELECT id, plan, 0 FROM document WHERE id IN
                    (SELECT document FROM reference WHERE asset IN (SELECT asset FROM temp.forgotten));
             UPDATE asset SET digest = NULL WHERE EXISTS (SELECT 1 FROM temp.forgotten
                WHERE forgotten.asset = asset.id AND forgotten.digest = asset.digest);
             DELETE FROM capture WHERE digest NOT IN (SELECT digest FROM blob);
             UPDATE document SET reread = 1 WHERE id IN (SELECT document FROM reference
                WHERE held IS NOT NULL AND held NOT IN (SELECT digest FROM blob));
             DELETE FROM reference WHERE held IS NOT NULL AND held NOT IN (SELECT digest FROM blob);
             DELETE FROM repair;",
        )?;
        self.connection
            .execute("INSERT INTO repair (run, asset) SELECT DISTINCT ?1, asset FROM temp.forgotten", [run])?;
        self.commit()
    }

    /// The documents that a repair looks at, behind the number `after`, at most `max`. Those that are damaged themselves
    /// come without a plan, as if they had never been written.
    pub fn damaged_documents(&self, after: i64, max: usize) -> Result<Vec<RewriteRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT document.id, path, source, digest, CASE WHEN forced THEN NULL ELSE document.plan END
             FROM temp.damaged_document JOIN document ON document.id = damaged_document.id
             WHERE document.id > ?1 AND size IS NOT NULL ORDER BY document.id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, max as i64], RewriteRow::read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Lists the forgotten blobs that the catalog knows to be named still: by a document that was edited in place, or by
    /// one that could not be written anew. [`Catalog::is_named`] adds to the list.
    pub fn list_still_named(&self) -> Result<()> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS still_named (digest BLOB PRIMARY KEY);
             DELETE FROM temp.still_named;
             INSERT OR IGNORE INTO temp.still_named
                SELECT held FROM reference WHERE held IN (SELECT digest FROM temp.damaged_blob)
                UNION SELECT forgotten.digest FROM temp.damaged_document
                JOIN document ON document.id = damaged_document.id
                JOIN reference ON reference.document = document.id
                JOIN temp.forgotten ON forgotten.asset = reference.asset
                WHERE document.plan IS damaged_document.plan;",
        )?;
        Ok(())
    }

    /// Notes that a document names this digest, which may be that of a damaged blob.
    pub fn is_named(&self, digest: &Digest) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO temp.still_named SELECT digest FROM temp.damaged_blob WHERE digest = ?1",
        )?;
        statement.execute([digest.as_bytes()])?;
        Ok(())
    }

    /// Notes that a document may name every damaged blob.
    pub fn are_all_named(&self) -> Result<()> {
        self.connection.execute("INSERT OR IGNORE INTO temp.still_named SELECT digest FROM temp.damaged_blob", [])?;
        Ok(())
    }

    /// Whether a blob is on the list of [`Catalog::list_still_named`].
    pub fn is_still_named(&self, digest: Digest) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM temp.still_named WHERE digest = ?1")?;
        Ok(statement.exists([digest.as_bytes()])?)
    }

    /// Takes the damaged blobs that were not had again, and the captures that brought them, out of the catalog, unless
    /// something still names them, which [`Catalog::list_still_named`] has listed.
    pub fn give_up_blobs(&self) -> Result<()> {
        // SQLite would look through all assets and captures for each of them; the queries have done so already.
        self.connection.pragma_update(None, "foreign_keys", false)?;
        self.begin()?;
        self.connection.execute_batch(
            "CREATE TEMP TABLE given_up AS SELECT digest FROM temp.damaged_blob
                WHERE digest NOT IN (SELECT digest FROM asset WHERE digest IS NOT NULL)
                AND digest NOT IN (SELECT digest FROM temp.still_named);
             DELETE FROM capture WHERE digest IN (SELECT digest FROM temp.given_up);
             DELETE FROM blob WHERE digest IN (SELECT digest FROM temp.given_up);
             DROP TABLE temp.given_up;",
        )?;
        self.commit()?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        Ok(())
    }

    /// Takes back what [`Catalog::forget_damaged`] wanted.
    pub fn no_longer_wanted(&self) -> Result<()> {
        self.connection.execute("DELETE FROM repair", [])?;
        Ok(())
    }
}

/// What a rebuild writes.
impl Catalog {
    /// Records a blob that was found whole by its name.
    pub fn add_blob(&self, digest: Digest, media: &str, length: u64, dimensions: Option<(u32, u32)>) -> Result<()> {
        let (width, height) = dimensions.unzip();
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO blob (digest, media, length, width, height, checked)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![digest.as_bytes(), media, length as i64, width, height, now()])?;
        Ok(())
    }

    /// Makes all documents ones whose sources are not known: `sync` takes them up by their names.
    pub fn forget_sources(&self) -> Result<()> {
        let nowhere = path_value(&PathBuf::new());
        self.connection.execute("UPDATE document SET source = ?1, size = NULL, plan = NULL", [nowhere])?;
        Ok(())
    }
}
