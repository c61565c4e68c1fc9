//! The catalog row by row, for those who read it without this program.

use std::path::PathBuf;

use super::fetching::media_type;
use super::{Catalog, CatalogError, Result, params, path_from};
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;

/// One capture of an asset, or an asset of which there is none.
#[derive(Debug, Clone)]
pub struct ExportRow {
    pub asset: i64,
    pub target: String,
    pub state: State,
    pub capture: Option<CaptureExport>,
    pub failure: Option<FailureExport>,
}

/// What [`export_row`] reads.
pub(super) const ROWS: &str = "
    SELECT asset.id, target, asset.digest,
           blob.digest, blob.media, blob.length, blob.width, blob.height,
           capture.source, capture.redirects, capture.status, capture.fetched, capture.revisit,
           capture.etag, capture.modified,
           failure.kind, failure.detail, failure.first, failure.attempts, failure.next
    FROM asset
    LEFT JOIN capture ON capture.asset = asset.id
    LEFT JOIN blob ON blob.digest = capture.digest
    LEFT JOIN failure ON failure.asset = asset.id";

/// What is held of the bytes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// They are what documents show.
    Held,
    /// They are held, and documents show others, which came first.
    Superseded,
    Missing,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Held => "held",
            State::Superseded => "superseded",
            State::Missing => "missing",
        }
    }
}

/// Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct CaptureExport {
    pub blob: Blob,
    /// Bytes.
    pub length: u64,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub source: String,
    pub redirects: Vec<String>,
    pub status: u16,
    pub fetched: i64,
    pub revisit: Option<String>,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub struct FailureExport {
    pub kind: String,
    pub detail: String,
    /// The first of the failures in a row.
    pub since: i64,
    /// Requests, over all runs.
    pub attempts: u32,
    /// Not asked for again before.
    pub next: i64,
}

impl Catalog {
    /// Begins to read: until this connection ends it sees the catalog as it is now, whatever a run writes meanwhile.
    pub fn begin_export(&self) -> Result<()> {
        self.connection.execute_batch(
            "CREATE TEMP TABLE named (digest BLOB, document INTEGER, PRIMARY KEY (digest, document)) WITHOUT ROWID;
             BEGIN;
             INSERT OR IGNORE INTO temp.named SELECT held, document FROM reference WHERE asset IS NULL AND held IS NOT NULL;",
        )?;
        Ok(())
    }

    /// Calls `each` for every capture, and for every asset without one, by target and then by age, until it returns an
    /// error.
    pub fn export<E: From<CatalogError>>(
        &self,
        each: &mut dyn FnMut(ExportRow) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(error.into());
        // The order is that of the index on targets, so that nothing is sorted and the first row comes at once.
        let query = format!("{ROWS} ORDER BY target, capture.id");
        let mut statement = self.connection.prepare(&query).map_err(failed)?;
        let rows = statement.query_map([], export_row).map_err(failed)?;
        for row in rows {
            each(row.map_err(failed)?)?;
        }
        Ok(())
    }

    /// The documents that refer to an asset, by name: below documents/, or absolute where they are edited in place.
    pub fn documents_with(&self, asset: i64) -> Result<Vec<PathBuf>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT path FROM document WHERE id IN (
                SELECT document FROM reference WHERE asset = ?1
                UNION SELECT document FROM temp.named WHERE digest = (SELECT digest FROM asset WHERE id = ?1))
             ORDER BY path",
        )?;
        let rows = statement.query_map(params![asset], |row| row.get(0))?;
        rows.map(|value| Ok(path_from(value?))).collect()
    }

    /// Calls `each` for every blob that is held, by digest, until it returns an error.
    pub fn held_blobs<E: From<CatalogError>>(
        &self,
        each: &mut dyn FnMut(Blob) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let failed = |error: rusqlite::Error| E::from(error.into());
        // Of an asset whose blob was lost nothing is held, whatever was captured once.
        let mut statement = self
            .connection
            .prepare(
                "SELECT digest, media FROM blob WHERE digest IN (
                    SELECT digest FROM asset WHERE digest IS NOT NULL
                    UNION SELECT held FROM reference WHERE held IS NOT NULL
                    UNION SELECT capture.digest FROM capture JOIN asset ON asset.id = capture.asset
                    WHERE asset.digest IS NOT NULL)
                 ORDER BY digest",
            )
            .map_err(failed)?;
        let rows = statement
            .query_map([], |row| {
                let digest: [u8; 32] = row.get(0)?;
                Ok(Blob { digest: Digest::from(digest), media_type: media_type(&row.get::<_, String>(1)?)? })
            })
            .map_err(failed)?;
        for row in rows {
            each(row.map_err(failed)?)?;
        }
        Ok(())
    }
}

pub(super) fn export_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<ExportRow> {
    let (current, captured): (Option<[u8; 32]>, Option<[u8; 32]>) = (row.get(2)?, row.get(3)?);
    let capture = match captured {
        None => None,
        Some(digest) => Some(CaptureExport {
            blob: Blob { digest: Digest::from(digest), media_type: media_type(&row.get::<_, String>(4)?)? },
            length: row.get(5)?,
            width: row.get(6)?,
            height: row.get(7)?,
            source: row.get(8)?,
            // Written by this program as a list of texts; a catalog edited by hand loses the list, not the row.
            redirects: serde_json::from_str(&row.get::<_, String>(9)?).unwrap_or_default(),
            status: row.get(10)?,
            fetched: row.get(11)?,
            revisit: row.get(12)?,
            etag: row.get(13)?,
            last_modified: row.get(14)?,
        }),
    };
    let failure = match row.get(15)? {
        None => None,
        Some(kind) => Some(FailureExport {
            kind,
            detail: row.get(16)?,
            since: row.get(17)?,
            attempts: row.get(18)?,
            next: row.get(19)?,
        }),
    };
    let state = match (current, captured) {
        (None, _) => State::Missing,
        (Some(current), Some(captured)) if current != captured => State::Superseded,
        (Some(_), _) => State::Held,
    };
    Ok(ExportRow { asset: row.get(0)?, target: row.get(1)?, state, capture, failure })
}
