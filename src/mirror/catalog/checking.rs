//! What `check` asks of the catalog, and the little that it writes.
//!
//! What a check finds damaged is listed in temporary tables of its connection, which a repair works from: they may be
//! larger than memory.

use std::path::Path;

use rusqlite::{ErrorCode, OptionalExtension as _};

use super::{Catalog, CatalogError, Result, RewriteRow, VERSION, now, params, path_from, path_value};
use crate::mirror::check::Bytes;
use crate::mirror::digest::Digest;

/// How closely SQLite looks at its own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrutiny {
    /// Every page, but not whether indices and tables agree.
    Quick,
    Full,
}

/// A blob to look at.
#[derive(Debug, Clone)]
pub struct BlobRow {
    /// Its place in the order of this check.
    pub number: i64,
    pub digest: Digest,
    /// As the catalog has it, whether this program knows it or not.
    pub media: String,
    /// Bytes.
    pub length: u64,
    /// Whether its bytes are to be hashed.
    pub hash: bool,
}

/// A document to read again.
#[derive(Debug, Clone)]
pub struct DocumentRow {
    pub row: RewriteRow,
    /// The digest of the mirrored document as it was last written.
    pub written: Option<[u8; 32]>,
    /// Whether all of its references are recorded.
    pub is_complete: bool,
    /// Whether its source was found to be gone.
    pub is_released: bool,
}

/// What the catalog says of a URL in a document, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UrlState {
    Held,
    Missing,
    /// Not to be fetched.
    Skipped,
}

/// A row that names another one that is not there.
#[derive(Debug, Clone)]
pub struct BrokenRow {
    pub table: String,
    /// A URL, a path or a number of rows.
    pub subject: String,
}

/// How many blobs a check looks at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlobCounts {
    pub known: u64,
    pub to_hash: u64,
}

impl Catalog {
    /// What SQLite finds wrong with a catalog's file; nothing when it is whole.
    ///
    /// # Errors
    /// The file cannot be opened, or was written by a newer version of this program.
    pub fn examine(path: &Path, scrutiny: Scrutiny) -> Result<Vec<String>> {
        let problems = Self::connect(path).and_then(|catalog| catalog.problems(scrutiny));
        match problems {
            Err(CatalogError::Sql(error) | CatalogError::Open { error, .. }) if is_damage(&error) => {
                Ok(vec![error.to_string()])
            }
            problems => problems,
        }
    }

    fn problems(&self, scrutiny: Scrutiny) -> Result<Vec<String>> {
        match self.layout()? {
            // What SQLite makes of an empty file: a database without tables.
            0 => return Ok(vec!["it holds nothing".to_owned()]),
            found if found > VERSION => return Err(CatalogError::Newer { path: self.path.clone(), found }),
            _ => {}
        }
        let mut statement = self.connection.prepare(match scrutiny {
            Scrutiny::Quick => "PRAGMA quick_check(20)",
            Scrutiny::Full => "PRAGMA integrity_check(20)",
        })?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let told = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(told.into_iter().filter(|told| told != "ok").collect())
    }

    /// Calls `each` for every row that names a row that is not there.
    pub fn broken_rows(&self, each: &mut dyn FnMut(BrokenRow)) -> Result<()> {
        let mut statement = self.connection.prepare(
            "SELECT 'asset', target FROM asset
             WHERE digest IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob WHERE blob.digest = asset.digest)
             UNION ALL
             SELECT 'capture', source FROM capture
             WHERE NOT EXISTS (SELECT 1 FROM blob WHERE blob.digest = capture.digest)
             UNION ALL
             SELECT 'reference', document.path FROM reference JOIN document ON document.id = reference.document
             WHERE held IS NOT NULL AND NOT EXISTS (SELECT 1 FROM blob WHERE blob.digest = reference.held)
             UNION ALL
             SELECT \"table\", count(*) || ' rows without their ' || parent FROM pragma_foreign_key_check
             WHERE parent <> 'blob' GROUP BY \"table\", parent",
        )?;
        let rows = statement.query_map([], |row| {
            let subject = path_from(row.get(1)?).to_string_lossy().into_owned();
            Ok(BrokenRow { table: row.get(0)?, subject })
        })?;
        for row in rows {
            each(row?);
        }
        Ok(())
    }

    /// Lists the blobs in the order in which they are looked at: those never hashed first, then those that were hashed
    /// longest ago. Those hashed since `began` (milliseconds since 1970) are not hashed again. Times that lie ahead were
    /// written by another clock, and are as good as none.
    pub fn plan_check(&self, bytes: Bytes, began: i64) -> Result<BlobCounts> {
        self.connection.execute_batch(
            "DROP TABLE IF EXISTS temp.looked_at;
             CREATE TEMP TABLE looked_at
                (number INTEGER PRIMARY KEY, digest BLOB, media TEXT, length INTEGER, checked INTEGER, hash INTEGER);
             CREATE TEMP TABLE IF NOT EXISTS damaged_blob (name TEXT PRIMARY KEY, digest BLOB, aside TEXT);
             CREATE TEMP TABLE IF NOT EXISTS damaged_document (id INTEGER PRIMARY KEY, plan BLOB, forced INTEGER);
             CREATE TEMP TABLE IF NOT EXISTS forgotten (asset INTEGER, digest BLOB, PRIMARY KEY (asset, digest));",
        )?;
        self.connection.execute(
            "INSERT INTO temp.looked_at (digest, media, length, checked, hash)
             SELECT digest, media, length, iif(checked > ?1, NULL, checked) AS believed, 0
             FROM blob ORDER BY believed, digest",
            [now()],
        )?;
        let known: u64 = self.connection.query_row("SELECT count(*) FROM temp.looked_at", [], |row| row.get(0))?;
        let (to_hash, limit) = match bytes {
            Bytes::Skip => ("number <= ?1", 0),
            Bytes::Share(share) => ("number <= ?1", (known as f64 * share).ceil() as i64),
            Bytes::All => ("checked IS NULL OR checked < ?1", began),
            Bytes::Damaged => ("number = ?1 OR digest IN (SELECT digest FROM temp.damaged_blob)", 0),
        };
        let to_hash = format!("UPDATE temp.looked_at SET hash = 1 WHERE {to_hash}");
        let to_hash = self.connection.execute(&to_hash, [limit])? as u64;
        self.connection.execute_batch(
            "DELETE FROM temp.damaged_blob; DELETE FROM temp.damaged_document; DELETE FROM temp.forgotten;",
        )?;
        Ok(BlobCounts { known, to_hash })
    }

    /// The next blobs of the plan behind the number `after`, at most `max`.
    pub fn planned_blobs(&self, after: i64, max: usize) -> Result<Vec<BlobRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT number, digest, media, length, hash FROM temp.looked_at
             WHERE number > ?1 ORDER BY number LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, max as i64], |row| {
            Ok(BlobRow {
                number: row.get(0)?,
                digest: Digest::from(row.get::<_, [u8; 32]>(1)?),
                media: row.get(2)?,
                length: row.get(3)?,
                hash: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that the bytes of a blob were hashed now, and are those of its name.
    pub fn found_whole(&self, digest: Digest) -> Result<()> {
        let mut statement = self.connection.prepare_cached("UPDATE blob SET checked = ?2 WHERE digest = ?1")?;
        statement.execute(params![digest.as_bytes(), now()])?;
        Ok(())
    }

    /// Notes for a repair that the file `name` below the assets is gone or not what its name says.
    pub fn found_damaged(&self, name: &str, digest: Digest) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached("INSERT OR IGNORE INTO temp.damaged_blob (name, digest) VALUES (?1, ?2)")?;
        statement.execute(params![name, digest.as_bytes()])?;
        Ok(())
    }

    /// Notes for a repair that a mirrored document is gone, or not as it was written.
    pub fn found_damaged_document(&self, document: i64) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO temp.damaged_document (id, plan, forced) SELECT id, plan, 1 FROM document WHERE id = ?1",
        )?;
        statement.execute([document])?;
        Ok(())
    }

    /// When the check of all bytes began that was not brought to its end, if there is one no older than `since`.
    pub fn check_began(&self, since: i64) -> Result<Option<i64>> {
        Ok(self.number("check-began")?.filter(|began| *began >= since))
    }

    /// Notes when a check of all bytes began; with `None` that it was brought to its end.
    pub fn set_check_began(&self, began: Option<i64>) -> Result<()> {
        self.set("check-began", began.map(rusqlite::types::Value::Integer))
    }

    /// The length of a blob that is on record, in bytes, and its media type.
    pub fn blob_row(&self, digest: Digest) -> Result<Option<(u64, String)>> {
        let mut statement = self.connection.prepare_cached("SELECT length, media FROM blob WHERE digest = ?1")?;
        Ok(statement.query_row([digest.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// The documents behind the number `after`, at most `max`.
    pub fn documents_to_check(&self, after: i64, max: usize) -> Result<Vec<DocumentRow>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, path, source, digest, plan, written, size IS NOT NULL, released IS NOT NULL
             FROM document
             WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let rows = statement.query_map(params![after, max as i64], |row| {
            let row_of = RewriteRow {
                id: row.get(0)?,
                path: path_from(row.get(1)?),
                source: path_from(row.get(2)?),
                digest: row.get::<_, Option<[u8; 32]>>(3)?.unwrap_or_default(),
                plan: row.get(4)?,
            };
            let (written, is_complete, is_released) = (row.get(5)?, row.get(6)?, row.get(7)?);
            Ok(DocumentRow { row: row_of, written, is_complete, is_released })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many documents are on record.
    pub fn document_count(&self) -> Result<u64> {
        Ok(self.connection.query_row("SELECT count(*) FROM document", [], |row| row.get(0))?)
    }

    /// Whether a document lies at `path` (below documents/).
    pub fn has_document(&self, path: &Path) -> Result<bool> {
        let mut statement = self.connection.prepare_cached("SELECT 1 FROM document WHERE path = ?1")?;
        Ok(statement.exists([path_value(path)])?)
    }

    /// Calls `each` for every reference of a document: as written, its target, and how it stands.
    pub fn url_states(&self, document: i64, each: &mut dyn FnMut(&str, Option<&str>, UrlState)) -> Result<()> {
        let mut statement = self.connection.prepare_cached(
            "SELECT raw, asset.target, CASE WHEN coalesce(reference.held, asset.digest) IS NOT NULL THEN 0
                    WHEN skip IS NOT NULL THEN 2 ELSE 1 END
             FROM reference LEFT JOIN asset ON asset.id = reference.asset WHERE reference.document = ?1",
        )?;
        let mut rows = statement.query([document])?;
        while let Some(row) = rows.next()? {
            let state = match row.get(2)? {
                0 => UrlState::Held,
                1 => UrlState::Missing,
                _ => UrlState::Skipped,
            };
            let (raw, target) = (row.get_ref(0)?.as_str(), row.get_ref(1)?.as_str_or_null());
            each(raw.unwrap_or_default(), target.unwrap_or_default(), state);
        }
        Ok(())
    }
}

/// Errors that a whole file does not give.
fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase, SystemIoFailure};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | SystemIoFailure))
}
