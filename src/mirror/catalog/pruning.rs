//! What the documents, journals and captures of a mirror still need, and the removal of what they do not.
//!
//! The plan stands in temporary tables of the connection: SQLite keeps them in files of its own when they grow.

use std::path::{Path, PathBuf};

use super::fetching::media_type;
use super::{Catalog, CatalogError, Result, now, params, path_from, path_value};
use crate::mirror::store::Blob;

/// What is known of a document's source.
#[derive(Debug, Clone)]
pub struct SourceRow {
    pub id: i64,
    /// Below documents/; of a document that is edited in place, its source.
    pub path: PathBuf,
    pub source: PathBuf,
    /// When a run first found the source to be gone; milliseconds since 1970.
    pub released: Option<i64>,
    pub has_journal: bool,
    /// Whether a run ended while it wrote the references down.
    pub is_unfinished: bool,
}

impl SourceRow {
    pub fn is_in_place(&self) -> bool {
        self.path == self.source
    }

    /// Whether a rebuilt catalog knows the copy, and no run has met its source since.
    pub fn is_unclaimed(&self) -> bool {
        self.source.as_os_str().is_empty()
    }
}

/// What becomes of a document whose source is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is forgotten.
    Dropped,
    /// Its references need nothing any more, but its journal does.
    Journaled,
}

/// A file that is to be removed.
#[derive(Debug, Clone)]
pub struct Doomed {
    /// Which of the folders of blobs it lies in.
    pub folder: usize,
    /// `ab/ab34….jpg`
    pub name: String,
}

/// What a mirror holds, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holdings {
    pub documents: u64,
    /// Assets of the last run that had `--urls`.
    pub wanted: u64,
    pub blobs: u64,
}

/// The files of a plan, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoomedCounts {
    pub files: u64,
    pub bytes: u64,
    /// Of `files`, those that the catalog does not know.
    pub unknown: u64,
}

impl Catalog {
    /// Fails when the database is damaged.
    pub fn check_whole(&self) -> Result<()> {
        let damaged = |told: String| CatalogError::Damaged { path: self.path.clone(), told };
        let told = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        match told {
            Ok(told) if told == "ok" => Ok(()),
            Ok(told) => Err(damaged(told)),
            Err(error) => Err(damaged(error.to_string())),
        }
    }

    pub fn holdings(&self) -> Result<Holdings> {
        let holdings = self.connection.query_row(
            "SELECT (SELECT count(*) FROM document),
                    (SELECT count(*) FROM wanted WHERE run = (SELECT max(run) FROM wanted)),
                    (SELECT count(*) FROM blob)",
            [],
            |row| Ok(Holdings { documents: row.get(0)?, wanted: row.get(1)?, blobs: row.get(2)? }),
        )?;
        Ok(holdings)
    }

    /// What runs were given to read, absolute, by name.
    pub fn inputs(&self) -> Result<Vec<PathBuf>> {
        let mut statement = self.connection.prepare("SELECT path FROM input ORDER BY path")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.map(|value| Ok(path_from(value?))).collect()
    }

    /// Calls `each` for every document.
    pub fn document_sources(&self, each: &mut dyn FnMut(SourceRow) -> Result<()>) -> Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT id, path, source, released,
                    EXISTS (SELECT 1 FROM rewrite WHERE rewrite.document = document.id),
                    -- What is only to be read anew has its references.
                    size IS NULL AND reread = 0 AND released IS NULL
             FROM document ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(SourceRow {
                id: row.get(0)?,
                path: path_from(row.get(1)?),
                source: path_from(row.get(2)?),
                released: row.get(3)?,
                has_journal: row.get(4)?,
                is_unfinished: row.get(5)?,
            })
        })?;
        for row in rows {
            each(row?)?;
        }
        Ok(())
    }

    /// Begins a plan in which nothing is gone, needed or doomed. Until [`Catalog::commit`] it sees the catalog as it is now.
    pub fn begin_pruning(&self) -> Result<()> {
        self.connection.execute_batch(
            // What refers to a row that goes is removed here with it. SQLite would look for it by reading whole tables,
            // once for every row.
            "PRAGMA foreign_keys = off;
             DROP TABLE IF EXISTS temp.gone;
             DROP TABLE IF EXISTS temp.needed;
             DROP TABLE IF EXISTS temp.doomed;
             CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY, dropped INTEGER NOT NULL);
             CREATE TEMP TABLE needed (digest BLOB PRIMARY KEY) WITHOUT ROWID;
             CREATE TEMP TABLE doomed (folder INTEGER, name TEXT, digest BLOB, length INTEGER, PRIMARY KEY (folder, name));
             CREATE INDEX temp.doomed_digest ON doomed (digest);
             BEGIN;",
        )?;
        Ok(())
    }

    /// Plans for a document whose source is gone.
    pub fn is_gone(&self, document: i64, fate: Fate) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR REPLACE INTO temp.gone (id, dropped) VALUES (?1, ?2)")?
            .execute(params![document, fate == Fate::Dropped])?;
        Ok(())
    }

    /// Whether the document at `path` (below documents/) is to be forgotten.
    pub fn is_dropped(&self, path: &Path) -> Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM document JOIN temp.gone ON gone.id = document.id WHERE path = ?1 AND dropped",
        )?;
        Ok(statement.exists([path_value(path)])?)
    }

    /// Adds what documents that are not gone show, and what the last `--urls` asked for, to what is needed; with
    /// `versions` also every other capture of these assets.
    pub fn need_shown(&self, versions: bool) -> Result<()> {
        // An asset whose picture is in a document edited in place is known by what the document names.
        self.connection.execute_batch(
            "INSERT OR IGNORE INTO temp.needed
                SELECT held FROM reference WHERE held IS NOT NULL AND document NOT IN (SELECT id FROM temp.gone);
             DROP TABLE IF EXISTS temp.shown;
             CREATE TEMP TABLE shown (id INTEGER PRIMARY KEY);
             INSERT INTO temp.shown
                SELECT asset FROM reference WHERE asset IS NOT NULL AND document NOT IN (SELECT id FROM temp.gone)
                UNION SELECT asset FROM wanted WHERE run = (SELECT max(run) FROM wanted)
                UNION SELECT id FROM asset WHERE digest IN (SELECT digest FROM temp.needed);
             INSERT OR IGNORE INTO temp.needed
                SELECT digest FROM asset WHERE digest IS NOT NULL AND id IN (SELECT id FROM temp.shown);",
        )?;
        if versions {
            self.connection.execute(
                "INSERT OR IGNORE INTO temp.needed SELECT digest FROM capture WHERE asset IN (SELECT id FROM temp.shown)",
                [],
            )?;
        }
        Ok(())
    }

    /// Calls `each` for every text that the journal says was written into a document that is not forgotten.
    pub fn journaled_texts(&self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT new FROM edit JOIN rewrite ON rewrite.id = edit.rewrite
             WHERE document NOT IN (SELECT id FROM temp.gone WHERE dropped)",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            each(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?)?;
        }
        Ok(())
    }

    /// Adds a blob to what is needed.
    pub fn need(&self, digest: &[u8; 32]) -> Result<()> {
        self.connection.prepare_cached("INSERT OR IGNORE INTO temp.needed VALUES (?1)")?.execute([digest])?;
        Ok(())
    }

    /// Whether the file of a blob is needed: its digest is, and no other file is the one that the catalog has for it.
    pub fn is_needed(&self, blob: &Blob) -> Result<bool> {
        let mut statement = self.connection.prepare_cached(
            "SELECT blob.media FROM temp.needed LEFT JOIN blob ON blob.digest = needed.digest WHERE needed.digest = ?1",
        )?;
        let mut rows = statement.query([blob.digest.as_bytes()])?;
        let Some(row) = rows.next()? else { return Ok(false) };
        Ok(match row.get::<_, Option<String>>(0)? {
            Some(media) => Blob { media_type: media_type(&media)?, ..*blob }.name() == blob.name(),
            None => true,
        })
    }

    /// Plans to remove the file of a blob, of `length` bytes, in the folder with this number.
    pub fn doom(&self, folder: usize, blob: &Blob, length: u64) -> Result<()> {
        self.connection
            .prepare_cached("INSERT OR IGNORE INTO temp.doomed (folder, name, digest, length) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![folder as i64, blob.name(), blob.digest.as_bytes(), length as i64])?;
        Ok(())
    }

    /// Takes a blob off the plan, and returns whether it was on it.
    pub fn spare(&self, digest: &[u8; 32]) -> Result<bool> {
        let spared = self.connection.prepare_cached("DELETE FROM temp.doomed WHERE digest = ?1")?.execute([digest])?;
        if spared > 0 {
            self.need(digest)?;
        }
        Ok(spared > 0)
    }

    pub fn doomed_counts(&self) -> Result<DoomedCounts> {
        let counts = self.connection.query_row(
            "SELECT count(*), coalesce(sum(length), 0),
                    count(*) FILTER (WHERE NOT EXISTS (SELECT 1 FROM blob WHERE blob.digest = doomed.digest))
             FROM temp.doomed",
            [],
            |row| Ok(DoomedCounts { files: row.get(0)?, bytes: row.get(1)?, unknown: row.get(2)? }),
        )?;
        Ok(counts)
    }

    /// Calls `each` for the files of the plan, by name, until it returns an error.
    pub fn doomed<E: From<CatalogError>>(
        &self,
        each: &mut dyn FnMut(Doomed) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(error.into());
        let mut statement =
            self.connection.prepare("SELECT folder, name FROM temp.doomed ORDER BY name, folder").map_err(failed)?;
        let rows = statement
            .query_map([], |row| Ok(Doomed { folder: row.get::<_, i64>(0)? as usize, name: row.get(1)? }))
            .map_err(failed)?;
        for row in rows {
            each(row.map_err(failed)?)?;
        }
        Ok(())
    }

    /// Calls `each` with the path below documents/ of every copy of a document that is to be forgotten, until it returns
    /// an error.
    pub fn dropped_copies<E: From<CatalogError>>(
        &self,
        each: &mut dyn FnMut(PathBuf) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(error.into());
        let mut statement = self
            .connection
            .prepare(
                "SELECT path FROM temp.gone JOIN document ON document.id = gone.id
                 WHERE dropped AND path IS NOT source ORDER BY path",
            )
            .map_err(failed)?;
        let rows = statement.query_map([], |row| row.get(0)).map_err(failed)?;
        for row in rows {
            each(path_from(row.map_err(failed)?))?;
        }
        Ok(())
    }

    /// Forgets every blob that the plan does not need. Must be committed before the files go: a file that nobody knows
    /// is moved by the next run, a blob without a file would be damage.
    pub fn forget_doomed(&self) -> Result<()> {
        self.begin()?;
        self.unsettle()?;
        for table in [
            "UPDATE asset SET digest = NULL WHERE digest IS NOT NULL AND digest",
            "DELETE FROM capture WHERE digest",
            "DELETE FROM blob WHERE digest",
        ] {
            self.connection.execute(&format!("{table} NOT IN (SELECT digest FROM temp.needed)"), [])?;
        }
        self.commit()
    }

    /// Forgets the documents of the plan that are gone and these inputs, and what nothing refers to any more.
    pub fn forget_gone(&self, inputs: &[PathBuf]) -> Result<()> {
        self.begin()?;
        self.unsettle()?;
        for input in inputs {
            self.connection.execute("DELETE FROM input WHERE path = ?1", [path_value(input)])?;
        }
        self.connection.execute(
            "UPDATE document SET released = coalesce(released, ?1) WHERE id IN (SELECT id FROM temp.gone WHERE NOT dropped)",
            [now()],
        )?;
        self.connection.execute_batch(
            "DELETE FROM edit WHERE rewrite IN
                (SELECT id FROM rewrite WHERE document IN (SELECT id FROM temp.gone WHERE dropped));
             DELETE FROM rewrite WHERE document IN (SELECT id FROM temp.gone WHERE dropped);
             DELETE FROM reference WHERE document IN (SELECT id FROM temp.gone WHERE dropped);
             DELETE FROM document WHERE id IN (SELECT id FROM temp.gone WHERE dropped);
             DELETE FROM wanted WHERE run < (SELECT max(run) FROM wanted);
             CREATE TEMP TABLE idle AS SELECT id FROM asset WHERE digest IS NULL
                AND NOT EXISTS (SELECT 1 FROM reference WHERE reference.asset = asset.id)
                AND NOT EXISTS (SELECT 1 FROM capture WHERE capture.asset = asset.id)
                AND id NOT IN (SELECT asset FROM wanted);
             DELETE FROM failure WHERE asset IN (SELECT id FROM temp.idle);
             DELETE FROM source WHERE asset IN (SELECT id FROM temp.idle);
             DELETE FROM asset WHERE id IN (SELECT id FROM temp.idle);
             DROP TABLE temp.idle;",
        )?;
        self.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media_type::MediaType;
    use crate::mirror::digest::Digest;
    use crate::mirror::store::Durability;

    #[test]
    fn a_whole_catalog_is_whole_and_a_damaged_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog.sqlite");
        let catalog = Catalog::open(&path, Durability::None).unwrap();
        for number in 0..2_000 {
            let target = format!("http://a.test/{number}.png");
            catalog
                .connection
                .execute("INSERT INTO asset (target, origin) VALUES (?1, 'http://a.test')", [target])
                .unwrap();
        }
        catalog.check_whole().unwrap();
        drop(catalog);
        let mut bytes = std::fs::read(&path).unwrap();
        let half = bytes.len() / 2;
        bytes[half..].fill(0x55);
        std::fs::write(&path, bytes).unwrap();
        let catalog = Catalog::open_existing(&path).unwrap();
        assert!(matches!(catalog.check_whole(), Err(CatalogError::Damaged { .. })));
    }

    #[test]
    fn another_file_of_the_same_digest_is_not_the_one_that_is_needed() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).unwrap();
        catalog.begin_pruning().unwrap();
        let digest = Digest::of(b"picture");
        let blob = |media_type| Blob { digest, media_type };
        assert!(!catalog.is_needed(&blob(MediaType::Png)).unwrap());
        catalog.need(digest.as_bytes()).unwrap();
        assert!(catalog.is_needed(&blob(MediaType::Jpeg)).unwrap(), "nobody knows better");
        let row = "INSERT INTO blob (digest, media, length) VALUES (?1, 'image/apng', 7)";
        catalog.connection.execute(row, [digest.as_bytes()]).unwrap();
        assert!(catalog.is_needed(&blob(MediaType::Png)).unwrap());
        assert!(!catalog.is_needed(&blob(MediaType::Jpeg)).unwrap());
    }
}
