//! Every failing operation of the store says what was being done to which path, and what to do about it.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// An operation of the store that failed.
///
/// The text of the underlying error is part of the message, so there is no `source()` to repeat it.
#[derive(Debug)]
pub struct StoreError {
    doing: &'static str,
    path: PathBuf,
    error: io::Error,
}

/// The cases that differ in what a person can do about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    DiskFull,
    ReadOnly,
    NotPermitted,
    TooManyOpenFiles,
    AcrossFileSystems,
    NotFound,
    /// The system itself could not read or write.
    Broken,
    Other,
}

impl StoreError {
    pub(in crate::mirror) fn new(doing: &'static str, path: &Path, error: io::Error) -> Self {
        StoreError { doing, path: path.to_owned(), error }
    }

    /// For `map_err`.
    pub(in crate::mirror) fn on(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| StoreError::new(doing, path, error)
    }

    pub fn kind(&self) -> StoreErrorKind {
        StoreErrorKind::of(&self.error)
    }

    /// What to do next, as a sentence.
    pub fn advice(&self) -> &'static str {
        self.kind().advice()
    }
}

impl StoreErrorKind {
    /// The kind of any error of the system.
    pub fn of(error: &io::Error) -> Self {
        // The standard library has no names for these two: the process (EMFILE) or the system (ENFILE) has too many
        // files open; Windows says it with a 4.
        let too_many: &[i32] = if cfg!(windows) { &[4] } else { &[23, 24] };
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                StoreErrorKind::DiskFull
            }
            io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
            io::ErrorKind::PermissionDenied => StoreErrorKind::NotPermitted,
            io::ErrorKind::CrossesDevices => StoreErrorKind::AcrossFileSystems,
            io::ErrorKind::NotFound => StoreErrorKind::NotFound,
            _ if error.raw_os_error().is_some_and(|code| too_many.contains(&code)) => StoreErrorKind::TooManyOpenFiles,
            // Nor for EIO.
            _ if cfg!(unix) && error.raw_os_error() == Some(5) => StoreErrorKind::Broken,
            // Some libraries wrap the system's error in one that has no number.
            _ => {
                error.source().and_then(|cause| cause.downcast_ref()).map_or(StoreErrorKind::Other, StoreErrorKind::of)
            }
        }
    }

    /// Whether it is not about one file: the next one would meet it as well.
    pub fn concerns_all(self) -> bool {
        use StoreErrorKind::{Broken, DiskFull, ReadOnly, TooManyOpenFiles};
        matches!(self, DiskFull | ReadOnly | TooManyOpenFiles | Broken)
    }

    /// What to do next, as a sentence.
    pub fn advice(self) -> &'static str {
        match self {
            StoreErrorKind::DiskFull => "Make room and run the same command again; what is held stays held.",
            StoreErrorKind::ReadOnly => "Choose an output folder that can be written to.",
            StoreErrorKind::NotPermitted => "Check who owns the output folder and what its mode is.",
            StoreErrorKind::TooManyOpenFiles => "Raise the limit (`ulimit -n`) or lower --concurrency.",
            StoreErrorKind::AcrossFileSystems => {
                "The folders for assets and for unfinished downloads must be on one file system."
            }
            StoreErrorKind::NotFound => "Run `imgmirror check` to see what else is missing.",
            StoreErrorKind::Broken | StoreErrorKind::Other => "Check the disk, then run the same command again.",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}. {}", self.doing, self.path.display(), self.error, self.advice())
    }
}

impl std::error::Error for StoreError {}
