//! Documents and their references.

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _};

use super::{Catalog, Result, params, path_from, path_value};
use crate::fetch::origin;
use crate::target::Target;

/// What says whether a file is still the one that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i64,
    pub digest: [u8; 32],
}

/// What the catalog knows of a document from an earlier run.
#[derive(Debug, Clone)]
pub struct Known {
    pub id: i64,
    pub source: PathBuf,
    /// `None` when its references were never completely recorded.
    pub seen: Option<Seen>,
    pub settings: String,
    pub reread: bool,
    /// Whether its copy was written by a run that this catalog knows of.
    pub is_written: bool,
    /// The last run that saw it.
    pub run: i64,
}

impl Known {
    /// Whether this is the record of another file that is still there. A file that was moved takes its record along.
    pub fn is_anothers(&self, source: &Path) -> bool {
        let same = |other: &Path| match (other.canonicalize(), source.canonicalize()) {
            (Ok(other), Ok(source)) => other == source,
            _ => true,
        };
        self.source != source && !same(&self.source)
    }
}

/// One reference, resolved.
#[derive(Debug, Clone)]
pub struct ReferenceRow {
    pub start: usize,
    pub end: usize,
    pub slot: String,
    pub layers: i64,
    /// As written, credentials hidden.
    pub raw: String,
    pub outcome: std::result::Result<TargetRow, String>,
    /// The blob that the reference names already.
    pub held: Option<[u8; 32]>,
}

/// The asset that a reference stands for.
#[derive(Debug, Clone)]
pub struct TargetRow {
    pub target: String,
    pub origin: String,
    pub fragment: Option<String>,
    /// How many were peeled off.
    pub proxies: u32,
    pub hint: Option<String>,
    /// Without the target itself, in the order to try them.
    pub sources: Vec<String>,
}

impl From<&Target> for TargetRow {
    fn from(target: &Target) -> Self {
        TargetRow {
            target: target.url.to_string(),
            origin: origin(&target.url),
            fragment: target.fragment.clone(),
            proxies: target.proxies.len() as u32,
            hint: target.hint.clone(),
            sources: target.others.clone(),
        }
    }
}

/// How the references of a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReferenceCounts {
    pub total: u64,
    pub mirrored: u64,
    pub skipped: u64,
    pub missing: u64,
    /// Those of the skipped that are relative and have no base.
    pub without_base: u64,
}

impl Catalog {
    /// What is known of the document at `path` (below documents/).
    pub fn known(&self, path: &Path) -> Result<Option<Known>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, source, size, modified, digest, settings, reread, run, plan IS NOT NULL FROM document WHERE path = ?1",
        )?;
        let known = statement.query_row([path_value(path)], |row| {
            let size: Option<u64> = row.get(2)?;
            let seen = match size {
                Some(size) => Some(Seen { size, modified: row.get(3)?, digest: row.get(4)? }),
                None => None,
            };
            Ok(Known {
                id: row.get(0)?,
                source: path_from(row.get::<_, Value>(1)?),
                seen,
                settings: row.get(5)?,
                reread: row.get(6)?,
                run: row.get(7)?,
                is_written: row.get(8)?,
            })
        });
        Ok(known.optional()?)
    }

    /// Notes that a document is unchanged in this run. `modified` may have moved without the bytes changing.
    pub fn still_there(&self, document: i64, modified: i64, run: i64) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached("UPDATE document SET run = ?2, modified = ?3 WHERE id = ?1")?;
        statement.execute(params![document, run, modified])?;
        Ok(())
    }

    /// Begins to record a document: what was known of its references is dropped. Gives its number.
    pub fn begin_document(&self, path: &Path, source: &Path, settings: &str, run: i64) -> Result<i64> {
        let (path, source) = (path_value(path), path_value(source));
        let mut find = self.connection.prepare_cached("SELECT id FROM document WHERE path = ?1")?;
        let known: Option<i64> = find.query_row([&path], |row| row.get(0)).optional()?;
        // Not one statement for both, which SQLite must be able to take back halfway.
        let Some(id) = known else {
            self.connection
                .prepare_cached(
                    "INSERT INTO document (path, source, settings, reread, run) VALUES (?1, ?2, ?3, 0, ?4)",
                )?
                .execute(params![path, source, settings, run])?;
            return Ok(self.connection.last_insert_rowid());
        };
        self.connection
            .prepare_cached(
                "UPDATE document SET source = ?2, settings = ?3, size = NULL, site = NULL, reread = 0, run = ?4,
                 released = NULL WHERE id = ?1",
            )?
            .execute(params![id, source, settings, run])?;
        let mut collected = self.connection.prepare_cached("SELECT 1 FROM reference WHERE document = ?1")?;
        if collected.exists([id])? {
            self.keep_in_mind(id)?;
            let mut clear = self.connection.prepare_cached("DELETE FROM reference WHERE document = ?1")?;
            clear.execute([id])?;
        }
        Ok(id)
    }

    /// Records some references of a document that was begun.
    pub fn add_references(&self, document: i64, rows: &[ReferenceRow]) -> Result<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO reference (document, start, end, slot, layers, raw, fragment, proxies, asset, skip, held)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        if rows.iter().any(|row| row.held.is_some()) {
            self.make_list_of_shown()?;
        }
        let mut assets = self.assets()?;
        // A document has many references and few slots.
        let mut slots: Vec<(&str, i64)> = Vec::new();
        for row in rows {
            let slot = match slots.iter().find(|(name, _)| *name == row.slot) {
                Some((_, slot)) => *slot,
                None => {
                    let slot = self.slot(&row.slot)?;
                    slots.push((&row.slot, slot));
                    slot
                }
            };
            let (mut asset, fragment, proxies, skip) = match &row.outcome {
                Ok(target) => (Some(assets.number(target)?), target.fragment.as_deref(), target.proxies, None),
                Err(skip) => (None, None, 0, Some(skip.as_str())),
            };
            // A link in the form of ours to a blob that nobody knows is not ours.
            let held = match &row.held {
                Some(digest) if self.has_blob(digest)? => Some(digest),
                _ => None,
            };
            if let (None, Some(digest)) = (asset, held) {
                asset = self.asset_shown_by(document, digest)?;
            }
            let (start, end) = (row.start as i64, row.end as i64);
            insert.execute(params![
                document, start, end, slot, row.layers, row.raw, fragment, proxies, asset, skip, held
            ])?;
        }
        Ok(())
    }

    /// Keeps in mind for which assets a document shows blobs, while its references are collected anew. A run that ended
    /// right after an edit in place left what was held, and did not come to note that it is shown.
    fn keep_in_mind(&self, document: i64) -> Result<()> {
        self.make_list_of_shown()?;
        let mut keep = self.connection.prepare_cached(
            "INSERT OR IGNORE INTO temp.shown SELECT document, coalesce(held, digest), asset.id
             FROM reference JOIN asset ON asset.id = reference.asset
             WHERE document = ?1 AND coalesce(held, digest) IS NOT NULL",
        )?;
        keep.execute([document])?;
        Ok(())
    }

    fn make_list_of_shown(&self) -> Result<()> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE IF NOT EXISTS shown (document INTEGER, digest BLOB, asset INTEGER,
                                                    PRIMARY KEY (document, digest)) WITHOUT ROWID",
        )?;
        Ok(())
    }

    /// The asset that a document shows with a blob: the one that it was last known to show, else, of those with these
    /// bytes, the first.
    fn asset_shown_by(&self, document: i64, digest: &[u8; 32]) -> Result<Option<i64>> {
        let mut find = self.connection.prepare_cached(
            "SELECT coalesce((SELECT asset FROM temp.shown WHERE document = ?1 AND digest = ?2),
                             (SELECT id FROM asset WHERE digest = ?2 ORDER BY id LIMIT 1))",
        )?;
        Ok(find.query_row(params![document, digest], |row| row.get(0))?)
    }

    /// Notes where the article of a document was published.
    pub fn set_site(&self, document: i64, site: &str) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE document SET site = ?2 WHERE id = ?1")?
            .execute(params![document, site])?;
        Ok(())
    }

    /// Marks a document as completely recorded. With `reread` it is collected anew in the next run, changed or not.
    pub fn finish_document(&self, document: i64, seen: &Seen, reread: bool) -> Result<()> {
        let mut statement = self
            .connection
            .prepare_cached("UPDATE document SET size = ?2, modified = ?3, digest = ?4, reread = ?5 WHERE id = ?1")?;
        statement.execute(params![document, seen.size as i64, seen.modified, seen.digest, reread])?;
        Ok(())
    }

    fn slot(&self, name: &str) -> Result<i64> {
        let mut find = self.connection.prepare_cached("SELECT id FROM slot WHERE name = ?1")?;
        if let Some(id) = find.query_row([name], |row| row.get(0)).optional()? {
            return Ok(id);
        }
        self.connection.execute("INSERT INTO slot (name) VALUES (?1)", [name])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The number of an asset, which is created when its target is new. Sources and hints add up over the references.
    pub fn asset(&self, row: &TargetRow) -> Result<i64> {
        self.assets()?.number(row)
    }

    fn assets<'r>(&self) -> Result<Assets<'_, 'r>> {
        let prepare = |sql| self.connection.prepare_cached(sql);
        Ok(Assets {
            connection: &self.connection,
            last: None,
            find: prepare("SELECT id FROM asset WHERE target = ?1")?,
            insert: prepare("INSERT INTO asset (target, origin, hint) VALUES (?1, ?2, ?3)")?,
            add_source: prepare("INSERT OR IGNORE INTO source (asset, rank, url) VALUES (?1, ?2, ?3)")?,
        })
    }

    /// How the references of the documents that `run` saw ended.
    pub fn reference_counts(&self, run: i64) -> Result<ReferenceCounts> {
        let mut statement = self.connection.prepare(
            "SELECT count(*),
                    count(*) FILTER (WHERE asset.digest IS NOT NULL OR (asset IS NULL AND reference.held IS NOT NULL)),
                    count(*) FILTER (WHERE skip IS NOT NULL AND reference.asset IS NULL AND reference.held IS NULL),
                    count(*) FILTER (WHERE skip = 'relative')
             FROM document JOIN reference ON reference.document = document.id
             LEFT JOIN asset ON asset.id = reference.asset
             WHERE document.run = ?1",
        )?;
        let counts = statement.query_row([run], |row| {
            let (total, mirrored, skipped): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let (missing, without_base) = (total - mirrored - skipped, row.get(3)?);
            Ok(ReferenceCounts { total, mirrored, skipped, missing, without_base })
        })?;
        Ok(counts)
    }
}

/// The statements that each reference needs, looked up once for those of a document.
struct Assets<'c, 'r> {
    connection: &'c Connection,
    /// The last one with its number: references to a picture often follow one another.
    last: Option<(&'r TargetRow, i64)>,
    find: CachedStatement<'c>,
    insert: CachedStatement<'c>,
    add_source: CachedStatement<'c>,
}

impl<'r> Assets<'_, 'r> {
    fn number(&mut self, row: &'r TargetRow) -> Result<i64> {
        let known = match self.last.filter(|(last, _)| last.target == row.target) {
            Some((last, id)) if last.sources == row.sources && last.hint == row.hint => return Ok(id),
            Some((_, id)) => Some(id),
            None => self.find.query_row([&row.target], |found| found.get(0)).optional()?,
        };
        let id = match known {
            Some(id) => {
                if row.hint.is_some() {
                    self.connection
                        .prepare_cached("UPDATE asset SET hint = ?2 WHERE id = ?1 AND hint IS NULL")?
                        .execute(params![id, row.hint])?;
                }
                id
            }
            None => {
                self.insert.execute(params![row.target, row.origin, row.hint])?;
                self.connection.last_insert_rowid()
            }
        };
        for (rank, url) in row.sources.iter().enumerate() {
            self.add_source.execute(params![id, rank as i64, url])?;
        }
        self.last = Some((row, id));
        Ok(id)
    }
}
