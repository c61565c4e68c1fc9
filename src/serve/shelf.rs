//! What is shown of documents in lists, remembered while the viewer runs.
//!
//! A title stands in its document, so to list titles is to read documents. What was read is kept in a database of its
//! own, which SQLite holds in memory as far as it is small, and else in a temporary file that goes with the process:
//! memory does not grow with the mirror, and nothing is written to it.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use rusqlite::{Connection, OptionalExtension as _, params};

/// What is shown of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    pub title: String,
    pub author: Option<String>,
    pub date: Option<String>,
    /// URL of a picture, as the viewer serves it.
    pub cover: Option<String>,
    /// Why the document cannot be shown.
    pub problem: Option<String>,
}

/// When a file was written and how long it is: what says that it is still the one that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: i64,
    size: i64,
}

impl Stamp {
    /// Of a file that is not there, it is the same as of one that was never written.
    pub fn of(file: &Path) -> Self {
        let Ok(metadata) = file.metadata() else { return Stamp { modified: -1, size: -1 } };
        let since = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        Stamp { modified: since.as_nanos() as i64, size: metadata.len() as i64 }
    }
}

/// Cards by document.
pub struct Shelf(Mutex<Connection>);

impl Shelf {
    pub fn new() -> rusqlite::Result<Self> {
        // The empty name: a database that is nobody else's, and gone with its connection.
        let connection = Connection::open("")?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF;
             CREATE TABLE card (
                 document INTEGER PRIMARY KEY, modified INTEGER, size INTEGER,
                 title TEXT, author TEXT, date TEXT, cover TEXT, problem TEXT
             ) STRICT;",
        )?;
        Ok(Shelf(Mutex::new(connection)))
    }

    /// What is known of a document, if it is still as it was.
    pub fn get(&self, document: i64, stamp: Stamp) -> rusqlite::Result<Option<Card>> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT title, author, date, cover, problem FROM card WHERE document = ?1 AND modified = ?2 AND size = ?3",
        )?;
        let card = statement.query_row(params![document, stamp.modified, stamp.size], |row| {
            Ok(Card {
                title: row.get(0)?,
                author: row.get(1)?,
                date: row.get(2)?,
                cover: row.get(3)?,
                problem: row.get(4)?,
            })
        });
        card.optional()
    }

    pub fn put(&self, document: i64, stamp: Stamp, card: &Card) -> rusqlite::Result<()> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("INSERT OR REPLACE INTO card VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        let Card { title, author, date, cover, problem } = card;
        statement.execute(params![document, stamp.modified, stamp.size, title, author, date, cover, problem])?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A statement that panicked has left the database as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_that_of_the_file_that_was_read() {
        let shelf = Shelf::new().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let stamp = Stamp::of(file.path());
        let card = Card { title: "T".into(), author: None, date: None, cover: None, problem: None };
        assert_eq!(shelf.get(1, stamp), Ok(None));
        shelf.put(1, stamp, &card).unwrap();
        assert_eq!(shelf.get(1, stamp), Ok(Some(card)));
        std::fs::write(file.path(), "longer").unwrap();
        assert_eq!(shelf.get(1, Stamp::of(file.path())), Ok(None));
    }
}
