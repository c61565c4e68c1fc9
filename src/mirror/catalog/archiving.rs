//! Captures as a web archive tells of them.

use super::{Catalog, CatalogError, Result, params};
use crate::mirror::digest::Digest;

/// One capture of a blob, with what is known of the exchange that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedCapture {
    /// Its number in the catalog.
    pub id: i64,
    pub target: String,
    /// How many proxies were peeled off the references to the target, at most.
    pub proxies: u32,
    /// What was asked: the target, or another source of it.
    pub source: String,
    /// The URLs that answered with a redirect, the source first.
    pub redirects: Vec<String>,
    /// The URL that answered; `None` where redirects led to it and an older version did not write it.
    pub url: Option<String>,
    /// 0 where the picture was recovered and no response is known.
    pub status: u16,
    /// Milliseconds since 1970.
    pub fetched: i64,
    /// `not-modified`, `identical-payload`, `recovered`, or nothing for bytes that were new.
    pub revisit: Option<String>,
    pub etag: Option<String>,
    pub modified: Option<String>,
    pub cache: Option<String>,
    /// Header fields as received.
    pub headers: Vec<(String, String)>,
}

impl ArchivedCapture {
    /// Whether the catalog has a response with a body for it, and the URL that gave it.
    pub fn has_response(&self) -> bool {
        self.status != 0 && self.status != 304 && self.url.is_some()
    }
}

impl Catalog {
    /// Calls `each` for every capture of a blob, as far as an asset is shown with it, the oldest first, until it returns
    /// an error.
    pub fn captures_of<E: From<CatalogError>>(
        &self,
        digest: &Digest,
        each: &mut dyn FnMut(ArchivedCapture) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(error.into());
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT capture.id, target,
                        (SELECT coalesce(max(proxies), 0) FROM reference WHERE reference.asset = asset.id),
                        source, redirects, status, fetched, revisit, etag, modified, cache, headers, url
                 FROM asset JOIN capture ON capture.asset = asset.id AND capture.digest = asset.digest
                 WHERE asset.digest = ?1 ORDER BY capture.id",
            )
            .map_err(failed)?;
        let mut rows = statement.query(params![digest.as_bytes()]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            each(capture(row).map_err(failed)?)?;
        }
        Ok(())
    }

    /// The capture of a blob that stands for it in an archive: the oldest with a response, else the oldest.
    pub fn first_capture(&self, digest: &Digest) -> Result<Option<ArchivedCapture>> {
        let mut first: Option<ArchivedCapture> = None;
        self.captures_of::<CatalogError>(digest, &mut |capture| {
            let better = first.as_ref().is_none_or(|first| !first.has_response() && capture.has_response());
            if better {
                first = Some(capture);
            }
            Ok(())
        })?;
        Ok(first)
    }
}

fn capture(row: &rusqlite::Row<'_>) -> rusqlite::Result<ArchivedCapture> {
    // Written by this program as lists; a catalog edited by hand loses them, not the capture.
    let redirects: Vec<String> = serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default();
    let (source, url): (String, Option<String>) = (row.get(3)?, row.get(12)?);
    Ok(ArchivedCapture {
        id: row.get(0)?,
        target: row.get(1)?,
        proxies: row.get(2)?,
        url: url.or_else(|| redirects.is_empty().then(|| source.clone())),
        source,
        redirects,
        status: row.get(5)?,
        fetched: row.get(6)?,
        revisit: row.get(7)?,
        etag: row.get(8)?,
        modified: row.get(9)?,
        cache: row.get(10)?,
        headers: serde_json::from_str(&row.get::<_, String>(11)?).unwrap_or_default(),
    })
}
