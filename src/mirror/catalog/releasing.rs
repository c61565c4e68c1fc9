//! Documents whose sources are gone, and the inputs that they came from.

use std::path::{Path, PathBuf};

use super::{Catalog, Result, now, params, path_from, path_value};

impl Catalog {
    /// Notes that `run` was given this input (absolute).
    pub fn remember_input(&self, run: i64, input: &Path) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO input (path, run) VALUES (?1, ?2)", params![path_value(input), run])?;
        Ok(())
    }

    /// The documents that are not released and that `run` did not see, behind the number `after`, at most `max`: their
    /// numbers and sources.
    pub fn unseen_documents(&self, run: i64, after: i64, max: usize) -> Result<Vec<(i64, PathBuf)>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, source FROM document
             WHERE run <> ?1 AND released IS NULL AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        let rows =
            statement.query_map(params![run, after, max as i64], |row| Ok((row.get(0)?, path_from(row.get(1)?))))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Takes the references of a document away, whose source is gone. Should it come back, it is collected anew.
    pub fn release(&self, document: i64) -> Result<()> {
        self.connection.prepare_cached("DELETE FROM reference WHERE document = ?1")?.execute([document])?;
        self.connection
            .prepare_cached("UPDATE document SET released = ?2, size = NULL WHERE id = ?1")?
            .execute(params![document, now()])?;
        Ok(())
    }
}
