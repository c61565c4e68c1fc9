//! The journal of documents that were edited in place: by it the edits are taken back, the last generation first.

use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension as _;

use super::{Catalog, Result, now, params, path_from, path_value};
use crate::rewrite::Edit;
use crate::text::Span;

/// The digests of a document around one generation of edits.
#[derive(Debug, Clone)]
pub struct Journal {
    pub before: [u8; 32],
    pub after: [u8; 32],
}

/// One generation of edits of a document.
#[derive(Debug, Clone)]
pub struct Generation {
    id: i64,
    /// From 1.
    generation: i64,
    pub journal: Journal,
}

/// A document with a journal.
#[derive(Debug, Clone)]
pub struct EditedDocument {
    pub id: i64,
    pub path: PathBuf,
    pub source: PathBuf,
    /// The oldest first.
    pub generations: Vec<Generation>,
}

/// One edit as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEdit {
    pub old: Vec<u8>,
    pub new: Vec<u8>,
}

impl Catalog {
    /// Writes the edits of a document that is about to be edited in place. Must be committed before the file changes.
    ///
    /// An entry whose edits never reached the file (the run ended in between) is replaced. With each edit stands where it
    /// begins in the bytes before.
    pub fn journal(&self, document: i64, journal: &Journal, edits: &[(usize, JournalEdit)]) -> Result<()> {
        let generation = match self.last_generation(document)? {
            Some(last) if last.journal.before == journal.before && last.journal.after != journal.before => {
                self.connection.execute("DELETE FROM rewrite WHERE id = ?1", [last.id])?;
                last.generation
            }
            Some(last) => last.generation + 1,
            None => 1,
        };
        self.connection.execute(
            "INSERT INTO rewrite (document, generation, before, after, written) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![document, generation, journal.before, journal.after, now()],
        )?;
        let rewrite = self.connection.last_insert_rowid();
        let mut insert =
            self.connection.prepare_cached("INSERT INTO edit (rewrite, start, old, new) VALUES (?1, ?2, ?3, ?4)")?;
        for (start, JournalEdit { old, new }) in edits {
            insert.execute(params![rewrite, *start as i64, old, new])?;
        }
        Ok(())
    }

    /// Takes back a journal entry whose edits did not reach the file.
    pub fn forget_journal(&self, document: i64, journal: &Journal) -> Result<()> {
        self.connection.execute(
            "DELETE FROM rewrite WHERE document = ?1 AND before = ?2 AND after = ?3
             AND generation = (SELECT max(generation) FROM rewrite WHERE document = ?1)",
            params![document, journal.before, journal.after],
        )?;
        Ok(())
    }

    fn last_generation(&self, document: i64) -> Result<Option<Generation>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, generation, before, after FROM rewrite WHERE document = ?1 ORDER BY generation DESC LIMIT 1",
        )?;
        Ok(statement.query_row([document], generation).optional()?)
    }

    /// The documents with a journal behind the path `after`, at most `max`, by path: their numbers tell only which thread
    /// was first to read one.
    pub fn edited_documents(&self, after: &Path, max: usize) -> Result<Vec<EditedDocument>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, path, source FROM document
             WHERE path > ?1 AND EXISTS (SELECT 1 FROM rewrite WHERE rewrite.document = document.id)
             ORDER BY path LIMIT ?2",
        )?;
        let rows = statement
            .query_map(params![path_value(after), max as i64], |row| {
                Ok((row.get(0)?, path_from(row.get(1)?), path_from(row.get(2)?)))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        rows.into_iter()
            .map(|(id, path, source)| Ok(EditedDocument { id, path, source, generations: self.generations(id)? }))
            .collect()
    }

    /// The generations of edits of a document, the oldest first.
    pub fn generations(&self, document: i64) -> Result<Vec<Generation>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, generation, before, after FROM rewrite WHERE document = ?1 ORDER BY generation",
        )?;
        let rows = statement.query_map([document], generation)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The edits that lead from a generation back to the one before it: where they stand in the edited bytes, and what
    /// stood there.
    pub fn undo(&self, generation: &Generation) -> Result<Vec<Edit>> {
        let mut moved = 0i64;
        let mut edits = Vec::new();
        self.journal_edits(generation, &mut |start, JournalEdit { old, new }| {
            let at = (start + moved) as usize;
            moved += new.len() as i64 - old.len() as i64;
            edits.push(Edit { span: Span::new(at, at + new.len()), text: old });
        })?;
        Ok(edits)
    }

    /// Calls `each` for every edit of a generation, in the order of where they began in the bytes before.
    pub fn journal_edits(&self, generation: &Generation, each: &mut dyn FnMut(i64, JournalEdit)) -> Result<()> {
        let mut statement =
            self.connection.prepare_cached("SELECT start, old, new FROM edit WHERE rewrite = ?1 ORDER BY start")?;
        let rows = statement
            .query_map([generation.id], |row| Ok((row.get(0)?, JournalEdit { old: row.get(1)?, new: row.get(2)? })))?;
        for row in rows {
            let (start, edit) = row?;
            each(start, edit);
        }
        Ok(())
    }

    /// Notes that edits of a document were taken back: the next run collects it anew, and edits it again.
    pub fn restored(&self, document: i64, journal: Keep) -> Result<()> {
        if journal == Keep::Nothing {
            self.connection.prepare_cached("DELETE FROM rewrite WHERE document = ?1")?.execute([document])?;
        }
        self.connection
            .prepare_cached("UPDATE document SET size = NULL, plan = NULL, reread = 1 WHERE id = ?1")?
            .execute([document])?;
        self.connection
            .prepare_cached("UPDATE reference SET held = NULL WHERE document = ?1 AND asset IS NOT NULL")?
            .execute([document])?;
        Ok(())
    }

    /// Whether `path` (absolute) is itself what a document was read from.
    pub fn is_source(&self, path: &Path) -> Result<bool> {
        let mut statement = self.connection.prepare("SELECT 1 FROM document WHERE source = ?1")?;
        Ok(statement.exists([path_value(path)])?)
    }

    /// Whether any document was read from `path` (absolute), or from below it.
    pub fn knows_source(&self, path: &Path) -> Result<bool> {
        let mut statement = self.connection.prepare("SELECT source FROM document")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if path_from(row.get(0)?).starts_with(path) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What stays in the journal of a document some of whose edits were taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// All of it: there are edits that it is still needed for.
    Journal,
}

fn generation(row: &rusqlite::Row<'_>) -> rusqlite::Result<Generation> {
    let journal = Journal { before: row.get(2)?, after: row.get(3)? };
    Ok(Generation { id: row.get(0)?, generation: row.get(1)?, journal })
}
