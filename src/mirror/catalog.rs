//! The embedded database: documents, references, assets, captures, failures, edits; hosts, inputs, runs, settings.
//!
//! One connection writes, in large transactions, from one thread; readers open connections of their own and see what
//! is committed. Nothing here knows of the network or of documents' syntax: the catalog takes and gives plain rows.

mod archiving;
mod checking;
mod exporting;
mod fetching;
mod holding;
mod journal;
mod ledger;
mod pruning;
mod publishing;
mod releasing;
mod repairing;
mod rewriting;
mod rows;
mod settings;
mod settling;
#[cfg(test)]
mod tests;
mod viewing;

use std::cmp::Ordering;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, params};

use crate::fetch::ladder::Rung;
use crate::fetch::memory::{Host, Rest};
use crate::mirror::store::{Durability, StoreError};
pub use archiving::ArchivedCapture;
pub use checking::{BlobCounts, BlobRow, BrokenRow, DocumentRow, Scrutiny, UrlState};
pub use exporting::{CaptureExport, ExportRow, FailureExport, State};
pub use fetching::{AssetCounts, Backlog, CaptureRow, Failed, Held, MissingAsset, OnChange, Recorded};
pub use journal::{EditedDocument, Generation, Journal, JournalEdit, Keep};
pub use ledger::{
    AssetTotals, BlobTotals, DocumentState, DocumentTotals, Documents as LedgerDocuments, Ledger, LedgerChanged,
    LedgerDocument, LedgerHeld, LedgerMissing, LedgerRun, MissingGroup, Reason, ReferenceTotals, Totals,
};
pub use pruning::{Doomed, DoomedCounts, Fate, Holdings, SourceRow};
pub use publishing::{AssetState, PictureRow, PublishedRow, Selection};
pub use repairing::DamagedBlob;
pub use rewriting::{HeldReference, ReferenceState, RewriteRow};
pub use rows::{Known, ReferenceCounts, ReferenceRow, Seen, TargetRow};
pub use settings::{Documents, PlacementRow};
pub use settling::Settled;
pub use viewing::{ViewedAsset, ViewedReference};

/// What leads from each layout to the next. A catalog of an older layout is brought up to date when it is opened for
/// writing; one of a newer layout is refused. Once released, a layout never changes.
const LAYOUTS: [&str; 3] =
    [include_str!("catalog/layout/1.sql"), include_str!("catalog/layout/2.sql"), include_str!("catalog/layout/3.sql")];

/// The layout that this program reads and writes.
const VERSION: i64 = LAYOUTS.len() as i64;

#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the catalog {path} cannot be used: {error}. {advice}", path = .path.display(), advice = advice(.error))]
    Open { path: PathBuf, error: rusqlite::Error },
    #[error("the catalog {path} cannot be used: {source}", path = .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the catalog {path} was written by a newer version of this program (layout {found}, this one knows {VERSION}); update imgmirror", path = .path.display())]
    Newer { path: PathBuf, found: i64 },
    #[error("the catalog {path} was written by an older version of this program (layout {found}); the next `imgmirror sync` brings it up to date", path = .path.display())]
    Older { path: PathBuf, found: i64 },
    #[error("the catalog {path} is damaged ({told}); `imgmirror check --rebuild` makes a new one from what is held", path = .path.display())]
    Damaged { path: PathBuf, told: String },
    #[error("the catalog cannot be read or written: {0}. {advice}", advice = advice(.0))]
    Sql(rusqlite::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub type Result<T> = std::result::Result<T, CatalogError>;

// Not its source, which would be told a second time.
impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        CatalogError::Sql(error)
    }
}

impl CatalogError {
    /// The same of the catalog at `path`. SQLite says of many errors no more than that there was one: then the system is
    /// asked once more.
    pub fn at(self, path: &Path) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, SystemIoFailure};
        let (CatalogError::Sql(error) | CatalogError::Open { error, .. }) = self else { return self };
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(CannotOpen | SystemIoFailure) => match write_beside(&path) {
                Err(source) => CatalogError::File { path, source },
                Ok(()) => CatalogError::Open { path, error },
            },
            _ => CatalogError::Open { path, error },
        }
    }
}

/// Whether a file can be opened, and one beside it written, that is gone afterwards.
fn write_beside(path: &Path) -> io::Result<()> {
    OpenOptions::new().read(true).write(true).open(path)?;
    let mut file = tempfile::tempfile_in(path.parent().unwrap_or(Path::new(".")))?;
    // As much as SQLite wants at once.
    file.write_all(&[0; 1 << 16])?;
    file.sync_all()
}

/// A connection to the catalog of one mirror.
#[derive(Debug)]
pub struct Catalog {
    connection: Connection,
    path: PathBuf,
}

impl Catalog {
    /// Opens the catalog at `path`, or creates it, for writing.
    pub fn open(path: &Path, durability: Durability) -> Result<Self> {
        let open = || -> rusqlite::Result<(Connection, i64)> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "foreign_keys", true)?;
            connection.pragma_update(None, "wal_autocheckpoint", 20_000)?;
            // Commits are few and large, so each may wait for the disk.
            let synchronous = match durability {
                Durability::None => "off",
                Durability::Batch | Durability::Full => "full",
            };
            connection.pragma_update(None, "synchronous", synchronous)?;
            connection.set_prepared_statement_cache_capacity(64);
            keep_plans(&connection)?;
            let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, version))
        };
        let named = |error| CatalogError::Sql(error).at(path);
        let (mut connection, version) = open().map_err(named)?;
        let done = usize::try_from(version).unwrap_or(usize::MAX);
        let Some(to_do) = LAYOUTS.get(done..) else {
            return Err(CatalogError::Newer { path: path.to_owned(), found: version });
        };
        if !to_do.is_empty() {
            let transaction = connection.transaction().map_err(named)?;
            for step in to_do {
                transaction.execute_batch(step).map_err(named)?;
            }
            transaction.pragma_update(None, "user_version", VERSION).map_err(named)?;
            transaction.commit().map_err(named)?;
        }
        Ok(Catalog { connection, path: path.to_owned() })
    }

    /// A copy of the catalog at `from`, or a new one when there is none, at `to`.
    pub fn copy(from: &Path, to: &Path) -> Result<Self> {
        if from.exists() {
            let source = Self::connect(from)?;
            // Part of SQLite: a consistent copy, whatever else reads or writes at the time.
            let target = to.to_string_lossy();
            source.connection.execute("VACUUM INTO ?1", [target.as_ref()])?;
        }
        Self::open(to, Durability::None)
    }

    /// One more connection to the same catalog, for a thread that only reads.
    pub fn reader(&self) -> Result<Self> {
        Self::open_existing(&self.path)
    }

    /// Opens a catalog for reading; an error when there is none, or when it is of another layout.
    pub fn open_existing(path: &Path) -> Result<Self> {
        let mut catalog = Self::connect(path)?;
        let found = match catalog.layout() {
            Ok(found) => found,
            Err(error) => {
                catalog = Self::connect_unchanging(path).ok_or(error)?;
                catalog.layout()?
            }
        };
        let path = path.to_owned();
        match found.cmp(&VERSION) {
            Ordering::Equal => Ok(catalog),
            Ordering::Greater => Err(CatalogError::Newer { path, found }),
            Ordering::Less => Err(CatalogError::Older { path, found }),
        }
    }

    fn connect(path: &Path) -> Result<Self> {
        let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<Connection> {
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(Duration::from_secs(10))?;
            connection.set_prepared_statement_cache_capacity(32);
            keep_plans(&connection)?;
            Ok(connection)
        };
        let connection = open().map_err(|error| CatalogError::Sql(error).at(path))?;
        Ok(Catalog { connection, path: path.to_owned() })
    }

    /// Opens a catalog that cannot be opened in the usual way since its folder cannot be written to: SQLite wants shared
    /// memory beside it, unless it is told that nobody writes. `None` where something was written that is only in the
    /// log beside it, and where that was not the reason.
    fn connect_unchanging(path: &Path) -> Option<Self> {
        let log = path.with_file_name(format!("{}-wal", path.file_name()?.to_str()?));
        if log.metadata().is_ok_and(|log| log.len() > 0) || tempfile::tempfile_in(path.parent()?).is_ok() {
            return None;
        }
        let mut uri = url::Url::from_file_path(std::path::absolute(path).ok()?).ok()?;
        uri.set_query(Some("immutable=1"));
        use rusqlite::OpenFlags;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(uri.as_str(), flags).ok()?;
        connection.set_prepared_statement_cache_capacity(32);
        Some(Catalog { connection, path: path.to_owned() })
    }

    fn layout(&self) -> Result<i64> {
        let version = self.connection.pragma_query_value(None, "user_version", |row| row.get(0));
        version.map_err(|error| CatalogError::Sql(error).at(&self.path))
    }

    /// Everything until [`Catalog::commit`] becomes one transaction. Does nothing inside of one.
    pub fn begin(&self) -> Result<()> {
        if self.connection.is_autocommit() {
            self.connection.execute_batch("BEGIN IMMEDIATE")?;
        }
        Ok(())
    }

    /// Ends the transaction, if one is open; what was written is then as durable as the catalog was opened for.
    pub fn commit(&self) -> Result<()> {
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("COMMIT")?;
        }
        Ok(())
    }

    /// Starts a run and gives its number.
    pub fn begin_run(&self) -> Result<i64> {
        self.connection
            .execute("INSERT INTO run (started, tool) VALUES (?1, ?2)", params![now(), env!("CARGO_PKG_VERSION")])?;
        Ok(self.connection.last_insert_rowid())
    }

    /// The same for a repair, which is no run of the ledger: what the last `sync` could not do still stands.
    pub fn begin_repair(&self) -> Result<i64> {
        let values = params![now(), env!("CARGO_PKG_VERSION")];
        self.connection.execute("INSERT INTO run (started, tool, kind) VALUES (?1, ?2, 'repair')", values)?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Ends a run, with its summary as JSON.
    pub fn finish_run(&self, run: i64, summary: &str) -> Result<()> {
        self.connection
            .execute("UPDATE run SET finished = ?2, summary = ?3 WHERE id = ?1", params![run, now(), summary])?;
        Ok(())
    }

    /// The learned proxies, as [`crate::proxy::Learned`] writes itself.
    pub fn learned_proxies(&self) -> Result<Vec<String>> {
        let mut statement = self.connection.prepare("SELECT rule FROM proxy ORDER BY prefix")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    pub fn learn_proxy(&self, prefix: &str, rule: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO proxy (prefix, rule) VALUES (?1, ?2)", params![prefix, rule])?;
        Ok(())
    }

    /// What earlier runs have left to know of hosts, by origin.
    pub fn remembered_hosts(&self, each: &mut dyn FnMut(&str, Host)) -> Result<()> {
        let mut statement = self.connection.prepare("SELECT origin, referer, failing, until FROM host")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (origin, referer): (String, String) = (row.get(0)?, row.get(1)?);
            let (failing, until): (bool, Option<i64>) = (row.get(2)?, row.get(3)?);
            let until = until.and_then(|until| u64::try_from(until).ok());
            let rest = match until {
                Some(until) => Some(Rest::Until(UNIX_EPOCH + Duration::from_millis(until))),
                None => failing.then_some(Rest::Failing),
            };
            each(&origin, Host { rung: Rung::from_word(&referer), rest });
        }
        Ok(())
    }

    /// Remembers these hosts and no others.
    pub fn remember_hosts<'h>(&self, hosts: impl Iterator<Item = (&'h str, Host)>) -> Result<()> {
        self.begin()?;
        self.connection.execute("DELETE FROM host", [])?;
        let mut insert = self
            .connection
            .prepare_cached("INSERT INTO host (origin, referer, failing, until) VALUES (?1, ?2, ?3, ?4)")?;
        for (origin, Host { rung, rest }) in hosts {
            let until = match rest {
                Some(Rest::Until(until)) => Some(millis(until)),
                _ => None,
            };
            let failing = rest == Some(Rest::Failing);
            insert.execute(params![origin, rung.unwrap_or(Rung::None).as_str(), failing, until])?;
        }
        self.commit()
    }
}

/// Lets a prepared statement keep its plan. Where a table has partial indexes, SQLite otherwise looks whether the values
/// that are bound allow another plan, and prepares the statement anew for every row.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// What to do about an error of the database, as a sentence.
fn advice(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseCorrupt, DiskFull, NotADatabase, ReadOnly, SystemIoFailure};
    match error.sqlite_error_code() {
        Some(DiskFull) => "Make room and run the same command again; what is held stays held.",
        Some(ReadOnly) => "Check who owns the output folder, and whether it can be written to.",
        Some(DatabaseCorrupt | NotADatabase) => "Run `imgmirror check --rebuild` to make a new one from what is held.",
        Some(SystemIoFailure) => "Check the disk, then run the same command again.",
        Some(CannotOpen) => {
            "Check the disk and the limit of open files (`ulimit -n`), then run the same command again."
        }
        _ => "Run the same command again; should it persist, `imgmirror check` says what is wrong.",
    }
}

/// Milliseconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

fn millis(time: std::time::SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A path as the catalog keeps it: text where it is UTF-8, bytes where it is not.
fn path_value(path: &Path) -> rusqlite::types::Value {
    match path.to_str() {
        Some(text) => rusqlite::types::Value::Text(text.to_owned()),
        None => rusqlite::types::Value::Blob(path.as_os_str().as_encoded_bytes().to_vec()),
    }
}

fn path_from(value: rusqlite::types::Value) -> PathBuf {
    use rusqlite::types::Value;
    match value {
        Value::Text(text) => text.into(),
        #[cfg(unix)]
        Value::Blob(bytes) => {
            use std::os::unix::ffi::OsStringExt as _;
            std::ffi::OsString::from_vec(bytes).into()
        }
        other => format!("{other:?}").into(),
    }
}
