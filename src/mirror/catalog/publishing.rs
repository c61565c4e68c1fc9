//! What pages for readers are made from: documents by name, and what is held for them.

use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension as _;
use rusqlite::types::Value;

use super::fetching::media_type;
use super::{Catalog, Result, params, path_from, path_value};
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;

/// Which documents of a mirror are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All whose sources are still there.
    All,
    /// Those that the last run saw.
    LastRun,
}

/// A document that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedRow {
    pub id: i64,
    /// Below documents/, or absolute where it is edited in place.
    pub path: PathBuf,
    pub source: PathBuf,
    /// Where the article was published.
    pub site: Option<String>,
}

/// A blob on record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureRow {
    pub blob: Blob,
    /// Bytes.
    pub length: u64,
    pub dimensions: Option<(u32, u32)>,
}

/// How an asset stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AssetState {
    Held(Digest),
    /// The kind of the last failure.
    Failed(String),
    NotTried,
}

impl Catalog {
    /// The documents behind `after` by path, at most `max`.
    pub fn published(&self, selection: Selection, after: Option<&Path>, max: usize) -> Result<Vec<PublishedRow>> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT id, path, source, site FROM document
             WHERE {} AND (?1 IS NULL OR path > ?1) ORDER BY path LIMIT ?2",
            selection.condition()
        ))?;
        let after = after.map_or(Value::Null, path_value);
        let rows = statement.query_map(params![after, max as i64], published_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The document with this number, if it is among them.
    pub fn published_with_id(&self, selection: Selection, id: i64) -> Result<Option<PublishedRow>> {
        let query = format!("SELECT id, path, source, site FROM document WHERE id = ?1 AND {}", selection.condition());
        Ok(self.connection.prepare_cached(&query)?.query_row([id], published_row).optional()?)
    }

    /// The document at `path`, if it is among them.
    pub fn published_at(&self, selection: Selection, path: &Path) -> Result<Option<PublishedRow>> {
        let query =
            format!("SELECT id, path, source, site FROM document WHERE path = ?1 AND {}", selection.condition());
        Ok(self.connection.prepare_cached(&query)?.query_row([path_value(path)], published_row).optional()?)
    }

    /// How many documents [`Catalog::published`] gives in all.
    pub fn published_count(&self, selection: Selection) -> Result<u64> {
        let query = format!("SELECT count(*) FROM document WHERE {}", selection.condition());
        Ok(self.connection.query_row(&query, [], |row| row.get(0))?)
    }

    /// Whether a document at `path` is among them.
    pub fn is_published(&self, selection: Selection, path: &Path) -> Result<bool> {
        let query = format!("SELECT 1 FROM document WHERE path = ?1 AND {}", selection.condition());
        Ok(self.connection.prepare_cached(&query)?.exists([path_value(path)])?)
    }

    /// The blob with these bytes.
    pub fn picture(&self, digest: &[u8; 32]) -> Result<Option<PictureRow>> {
        let mut statement =
            self.connection.prepare_cached("SELECT media, length, width, height FROM blob WHERE digest = ?1")?;
        let found = statement.query_row([digest], |row| {
            let (width, height): (Option<u32>, Option<u32>) = (row.get(2)?, row.get(3)?);
            Ok(PictureRow {
                blob: Blob { digest: Digest::from(*digest), media_type: media_type(&row.get::<_, String>(0)?)? },
                length: row.get(1)?,
                dimensions: width.zip(height),
            })
        });
        Ok(found.optional()?)
    }

    /// A target that these bytes are on record for.
    pub fn target_with(&self, digest: &[u8; 32]) -> Result<Option<String>> {
        let mut statement =
            self.connection.prepare_cached("SELECT target FROM asset WHERE digest = ?1 ORDER BY id LIMIT 1")?;
        Ok(statement.query_row([digest], |row| row.get(0)).optional()?)
    }

    /// How the asset with this target stands; `None` when the mirror does not know it.
    pub fn asset_state(&self, target: &str) -> Result<Option<AssetState>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT digest, kind FROM asset LEFT JOIN failure ON failure.asset = asset.id WHERE target = ?1",
        )?;
        let found = statement.query_row([target], |row| {
            let digest: Option<[u8; 32]> = row.get(0)?;
            let failure: Option<String> = row.get(1)?;
            Ok(match (digest, failure) {
                (Some(digest), _) => AssetState::Held(Digest::from(digest)),
                (None, Some(kind)) => AssetState::Failed(kind),
                (None, None) => AssetState::NotTried,
            })
        });
        Ok(found.optional()?)
    }

    /// When the newest capture was made, in milliseconds since 1970: the date of what is held.
    pub fn newest_capture(&self) -> Result<Option<i64>> {
        Ok(self.connection.query_row("SELECT max(fetched) FROM capture", [], |row| row.get(0))?)
    }
}

impl Selection {
    fn condition(self) -> &'static str {
        match self {
            Selection::All => "released IS NULL AND size IS NOT NULL",
            Selection::LastRun => {
                "released IS NULL AND size IS NOT NULL AND run = (SELECT max(id) FROM run WHERE kind = 'sync')"
            }
        }
    }
}

/// Reads the columns `id, path, source, site` of a document.
fn published_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<PublishedRow> {
    Ok(PublishedRow {
        id: row.get(0)?,
        path: path_from(row.get(1)?),
        source: path_from(row.get(2)?),
        site: row.get(3)?,
    })
}
