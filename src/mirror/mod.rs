//! The output folder as a whole: its layout, its lock, and what lives in it.
//!
//! ```text
//! mirror/
//!   documents/        the rewritten documents
//!   assets/           blobs, named by their SHA-256
//!   catalog.sqlite    what is known of documents, assets, captures and failures
//!   trash/            what `prune` removed and `check --repair` replaced, by day, until it is old enough
//!   report.html       what was kept, what is missing and why
//!   tmp/              unfinished work; empty after a clean run
//!   .lock             held while a run writes
//! ```

pub mod catalog;
pub mod check;
pub mod digest;
pub mod prune;
pub mod store;
pub mod trash;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::sanitize;

/// How often to look whether a lock is free.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("the output folder {} cannot be used ({doing}): {source}", sanitize::path(.path))]
    Folder { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("another run ({owner}) is writing to {}; wait for it to end (--wait 10m), or use another output with -o", sanitize::path(.path))]
    Locked { path: PathBuf, owner: String },
    #[error("interrupted while waiting for another run ({owner}); nothing was done")]
    Interrupted { owner: String },
}

/// A mirror that this process may write to, until it is dropped.
#[derive(Debug)]
pub struct Mirror {
    layout: Layout,
    /// The lock is the system's: it ends with the process, however that ends, so the file may stay.
    _lock: File,
}

/// Where everything lies in a mirror, whether it is there or not.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Mirror {
    /// The same, after waiting at most for `patience` while another run holds the lock, or until `stop`.
    pub async fn open_within(root: &Path, patience: Duration, stop: &CancellationToken) -> Result<Self, MirrorError> {
        let until = Instant::now() + patience;
        loop {
            match Self::open(root) {
                Err(MirrorError::Locked { owner, .. }) if stop.is_cancelled() => {
                    return Err(MirrorError::Interrupted { owner });
                }
                Err(MirrorError::Locked { .. }) if Instant::now() < until => {}
                opened => return opened,
            }
            // The system offers no wait with an end.
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + LOCK_PAUSE)) => {}
            }
        }
    }

    /// Opens or creates the mirror at `root` and takes its lock.
    ///
    /// # Errors
    /// [`MirrorError::Locked`] when another run holds it; the message names that run.
    pub fn open(root: &Path) -> Result<Self, MirrorError> {
        let failed = |doing| move |source| MirrorError::Folder { path: root.to_owned(), doing, source };
        create_folder(root).map_err(failed("creating it"))?;
        let path = root.join(".lock");
        let mut lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(failed("opening its lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(MirrorError::Locked { path: root.to_owned(), owner: owner(&mut lock) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("locking it")(source)),
        }
        let mut note = || -> io::Result<()> {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        note().map_err(failed("writing its lock"))?;
        let layout = Layout::new(root);
        fs::create_dir_all(layout.tmp()).map_err(failed("creating tmp"))?;
        Ok(Mirror { layout, _lock: lock })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Layout { root: root.to_owned() }
    }

    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    pub fn assets(&self) -> PathBuf {
        self.root.join("assets")
    }

    pub fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }

    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    pub fn catalog(&self) -> PathBuf {
        self.root.join("catalog.sqlite")
    }

    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }
}

/// Makes a folder and those above it, if they are missing. What was made survives a power cut.
pub fn create_folder(path: &Path) -> io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let made: Vec<&Path> = path.ancestors().take_while(missing).collect();
    fs::create_dir_all(path)?;
    for folder in made.into_iter().filter(|_| cfg!(unix)) {
        // A name is durable when the folder that has it is.
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Makes a file that did not exist, for writing and reading, with these permission bits as far as the umask allows.
///
/// # Errors
/// Those of the system, as they are: what the run does next depends on their numbers, and the wrappers of `tempfile`
/// hide those.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(path)
}

/// Whether files can be moved between two folders by renaming. Of a folder that is not there yet the nearest one above
/// counts, in which it will be made.
pub fn same_file_system(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let device = |path: &Path| {
            path.ancestors().find_map(|folder| {
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                fs::metadata(folder).map(|metadata| metadata.dev()).ok()
            })
        };
        device(a) == device(b)
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        true
    }
}

/// Who wrote the lock, as far as it tells.
fn owner(lock: &mut File) -> String {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.take(32).read_to_string(&mut text));
    match (read, text.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("process {pid}"),
        _ => "an unknown process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_written_by_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("new/mirror");
        let first = Mirror::open(&root).unwrap();
        let second = Mirror::open(&root);
        let pid = std::process::id().to_string();
        assert!(matches!(second, Err(MirrorError::Locked { owner, .. }) if owner.contains(&pid)));
        drop(first);
        assert!(Mirror::open(&root).is_ok());
    }
}
