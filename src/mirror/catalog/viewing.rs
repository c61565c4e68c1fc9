//! What a person looks at: one document or one asset, with everything that is known of it.

use rusqlite::OptionalExtension as _;

use super::exporting::{CaptureExport, FailureExport, ROWS, export_row};
use super::rewriting::blob_from;
use super::{Catalog, PictureRow, Result, params};
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::text::Span;

/// One reference of a document. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct ViewedReference {
    /// In the bytes that were collected.
    pub span: Span,
    pub slot: String,
    /// As written, credentials hidden.
    pub raw: String,
    /// Number and target.
    pub asset: Option<(i64, String)>,
    pub blob: Option<Blob>,
    pub skip: Option<String>,
    /// Kind and detail.
    pub failure: Option<(String, String)>,
    /// When its picture was first captured; of a missing one, the first of its failures in a row.
    pub since: Option<i64>,
}

/// One asset.
#[derive(Debug, Clone)]
pub struct ViewedAsset {
    pub target: String,
    /// A Referer that a proxy URL carried.
    pub hint: Option<String>,
    /// What documents show.
    pub picture: Option<PictureRow>,
    /// Other ways to the picture, in the order to try them.
    pub sources: Vec<String>,
    /// The references behind proxies, each as it is written somewhere.
    pub written: Vec<String>,
    /// The newest first.
    pub captures: Vec<CaptureExport>,
    pub failure: Option<FailureExport>,
    /// The numbers of documents that refer to it.
    pub documents: Vec<i64>,
}

impl Catalog {
    /// The references of a document that begin behind `after`, at most `max`, in order of position.
    pub fn viewed_references(&self, document: i64, after: i64, max: usize) -> Result<Vec<ViewedReference>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT start, end, slot.name, raw, asset.id, asset.target, blob.digest, blob.media, skip,
                    failure.kind, failure.detail,
                    iif(blob.digest IS NULL, failure.first, (
                        SELECT min(fetched) FROM capture
                        WHERE capture.asset = asset.id AND capture.digest = blob.digest))
             FROM reference
             JOIN slot ON slot.id = reference.slot
             LEFT JOIN asset ON asset.id = reference.asset
             LEFT JOIN blob ON blob.digest = coalesce(reference.held, asset.digest)
             LEFT JOIN failure ON failure.asset = asset.id
             WHERE reference.document = ?1 AND start > ?2 ORDER BY start LIMIT ?3",
        )?;
        let rows = statement.query_map(params![document, after, max as i64], |row| {
            let (start, end): (i64, i64) = (row.get(0)?, row.get(1)?);
            let (asset, target): (Option<i64>, Option<String>) = (row.get(4)?, row.get(5)?);
            let (kind, detail): (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
            Ok(ViewedReference {
                span: Span::new(start as usize, end as usize),
                slot: row.get(2)?,
                raw: row.get(3)?,
                asset: asset.zip(target),
                blob: blob_from(row.get(6)?, row.get(7)?)?,
                skip: row.get(8)?,
                failure: kind.zip(detail),
                since: row.get(11)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// How many references a document has, and how many of their pictures are missing.
    pub fn reference_totals(&self, document: i64) -> Result<(u64, u64)> {
        let mut statement = self.connection.prepare_cached(
            "SELECT count(*), count(*) FILTER (
                 WHERE asset.digest IS NULL AND (reference.asset IS NOT NULL OR (held IS NULL AND skip IS NULL)))
             FROM reference LEFT JOIN asset ON asset.id = reference.asset WHERE document = ?1",
        )?;
        Ok(statement.query_row([document], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// The digest of a document's source as it was when its references were recorded.
    pub fn source_digest(&self, document: i64) -> Result<Option<[u8; 32]>> {
        let mut statement = self.connection.prepare_cached("SELECT digest FROM document WHERE id = ?1")?;
        Ok(statement.query_row([document], |row| row.get(0)).optional()?.flatten())
    }

    /// The first asset whose picture this is.
    pub fn asset_with(&self, digest: &Digest) -> Result<Option<i64>> {
        let mut statement =
            self.connection.prepare_cached("SELECT id FROM asset WHERE digest = ?1 ORDER BY id LIMIT 1")?;
        Ok(statement.query_row([digest.as_bytes()], |row| row.get(0)).optional()?)
    }

    /// An asset, with at most `max` of each of its lists.
    pub fn viewed_asset(&self, id: i64, max: usize) -> Result<Option<ViewedAsset>> {
        let mut statement = self.connection.prepare_cached("SELECT target, hint, digest FROM asset WHERE id = ?1")?;
        let found = statement.query_row([id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<[u8; 32]>>(2)?))
        });
        let Some((target, hint, digest)) = found.optional()? else { return Ok(None) };
        let picture = match digest {
            Some(digest) => self.picture(&digest)?,
            None => None,
        };
        let sources = self.texts("SELECT url FROM source WHERE asset = ?1 ORDER BY rank LIMIT ?2", id, max)?;
        let written = self.texts(
            "SELECT DISTINCT raw FROM reference WHERE asset = ?1 AND proxies > 0 ORDER BY raw LIMIT ?2",
            id,
            max,
        )?;
        let mut rows = self
            .connection
            .prepare_cached(&format!("{ROWS} WHERE asset.id = ?1 ORDER BY capture.id DESC LIMIT ?2"))?
            .query_map(params![id, max as i64], export_row)?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let failure = rows.first_mut().and_then(|row| row.failure.take());
        let captures = rows.into_iter().filter_map(|row| row.capture).collect();
        let documents = self.showing(id, digest, max)?;
        Ok(Some(ViewedAsset { target, hint, picture, sources, written, captures, failure, documents }))
    }

    fn texts(&self, query: &str, asset: i64, max: usize) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare_cached(query)?;
        let rows = statement.query_map(params![asset, max as i64], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The documents that refer to an asset. Where none does, those that name its blob and were not found by way of any.
    fn showing(&self, asset: i64, digest: Option<[u8; 32]>, max: usize) -> Result<Vec<i64>> {
        let numbers = |query: &str, values: &[&dyn rusqlite::ToSql]| -> Result<Vec<i64>> {
            let mut statement = self.connection.prepare_cached(query)?;
            let rows = statement.query_map(values, |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        };
        let max = max as i64;
        let query = "SELECT DISTINCT document FROM reference WHERE asset = ?1 ORDER BY document LIMIT ?2";
        let documents = numbers(query, &[&asset, &max])?;
        match digest {
            // It goes through all references, so it is kept for those of which nothing else is known.
            Some(digest) if documents.is_empty() => numbers(
                "SELECT DISTINCT document FROM reference WHERE asset IS NULL AND held = ?1 ORDER BY document LIMIT ?2",
                &[&digest, &max],
            ),
            _ => Ok(documents),
        }
    }
}
