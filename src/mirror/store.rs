//! The bytes at rest: blobs, named by the digest of their content.
//!
//! A store knows nothing of URLs, documents or the catalog. It promises three things: what stands under a blob's name
//! is whole; it got there in one step; and after [`Store::make_durable`] it is still there when the power comes back.

mod error;
mod incoming;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tempfile::NamedTempFile;

pub use error::{StoreError, StoreErrorKind};
pub use incoming::{Incoming, Received, View};

use super::digest::Digest;
use super::{create_folder, same_file_system};
use crate::media_type::MediaType;
use incoming::Body;

/// One stored payload. Of the media type only the extension matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Blob {
    pub digest: Digest,
    pub media_type: MediaType,
}

impl Blob {
    /// Where the blob lies below the assets, in the form that documents embed: `ab/ab34….jpg`.
    ///
    /// This scheme is forever. Two digits make 256 folders, few enough to list and enough for millions of blobs.
    pub fn name(&self) -> String {
        let digits = self.digest.digits();
        let digits = std::str::from_utf8(&digits).unwrap_or_default();
        [digits.get(..2).unwrap_or_default(), "/", digits, ".", self.media_type.extension()].concat()
    }
}

/// What became of a received body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It was written, or it took the place of a damaged file.
    Stored(Blob),
    /// The same bytes were there already; nothing was written.
    AlreadyHeld(Blob),
}

impl Committed {
    pub fn blob(self) -> Blob {
        match self {
            Committed::Stored(blob) | Committed::AlreadyHeld(blob) => blob,
        }
    }
}

/// What a power cut may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Everything that the system has not written by itself. The fastest, for mirrors that can be made again.
    None,
    /// What came after the last [`Store::make_durable`].
    #[default]
    Batch,
    /// Nothing: every commit waits for the disk.
    Full,
}

/// Where blobs are kept: a folder now, an object store when that is outgrown.
///
/// All methods but those of [`Incoming`] block; asynchronous callers wrap them in `spawn_blocking`.
pub trait Store: Send + Sync + 'static {
    /// A place for one body to arrive in. Nothing exists on disk until it has to.
    fn receive(&self) -> Incoming;

    /// Puts a whole body under its final name, in one step.
    ///
    /// # Errors
    /// The body is gone then, and nothing stands under the name that did not stand there before.
    fn commit(&self, received: Received, media_type: MediaType) -> Result<Committed, StoreError>;

    /// The length of a blob in bytes, or `None` if it is not held.
    fn has(&self, blob: &Blob) -> Result<Option<u64>, StoreError>;

    /// Opens a blob for reading.
    fn open(&self, blob: &Blob) -> Result<File, StoreError>;

    /// Removes a blob; one that is not held is removed already.
    fn remove(&self, blob: &Blob) -> Result<(), StoreError>;

    /// Returns when every commit so far will survive a power cut, as far as the [`Durability`] asks for it.
    ///
    /// # Errors
    /// The run should stop: a system that failed to write once may not report it again. What could not be written
    /// stays on the list of the next call.
    fn make_durable(&self) -> Result<(), StoreError>;
}

/// The folder for unfinished bodies inside of assets that lie on another file system than the mirror.
const OWN_TMP: &str = ".imgmirror-tmp";

/// Blobs in a folder: `assets/<2 hex>/<64 hex>.<ext>`.
#[derive(Debug)]
pub struct LocalStore {
    assets: PathBuf,
    tmp: Arc<Path>,
    durability: Durability,
    /// Blobs that were committed since the last [`Store::make_durable`].
    unsynced: Mutex<BTreeSet<PathBuf>>,
}

impl LocalStore {
    /// A store in the folder `assets`, with unfinished bodies in `tmp`. Both are made when they are needed, and both
    /// must be on one file system, because blobs move between them by rename.
    pub fn new(assets: impl Into<PathBuf>, tmp: impl AsRef<Path>, durability: Durability) -> Self {
        LocalStore {
            assets: assets.into(),
            tmp: tmp.as_ref().into(),
            durability,
            unsynced: Mutex::new(BTreeSet::new()),
        }
    }

    /// A store in the folder `assets`, with unfinished bodies in `tmp` where blobs can be moved from there, else in a
    /// folder of their own inside of `assets`, which is gone when the store is.
    pub fn with_tmp_within_reach(assets: impl Into<PathBuf>, tmp: &Path, durability: Durability) -> Self {
        let assets = assets.into();
        match same_file_system(&assets, tmp) {
            true => LocalStore::new(assets, tmp, durability),
            false => {
                let own = assets.join(OWN_TMP);
                LocalStore::new(assets, own, durability)
            }
        }
    }

    /// Where the blob lies, or would lie.
    pub fn path(&self, blob: &Blob) -> PathBuf {
        self.assets.join(blob.name())
    }

    /// Removes what a killed run left in `tmp`, and returns how many files that were.
    ///
    /// Only for the holder of the mirror's lock: it cannot tell the leftovers of a dead run from the work of a live
    /// one. Files that are not ours stay.
    ///
    /// # Errors
    /// The folder cannot be read, or a leftover cannot be removed.
    pub fn sweep_tmp(&self) -> Result<usize, StoreError> {
        sweep(&self.tmp)
    }

    fn unsynced(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        // A set of paths is whole after every single operation, whoever panicked behind it.
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes sure, or remembers to make sure, that the file at `path` is on the disk.
    fn settle(&self, path: PathBuf) -> Result<(), StoreError> {
        match self.durability {
            Durability::None => {}
            Durability::Batch => {
                self.unsynced().insert(path);
            }
            Durability::Full => self.sync(&BTreeSet::from([path]))?,
        }
        Ok(())
    }

    /// Moves a whole file to its final name. Its folder is made when it turns out to be missing, which is seldom.
    fn put(&self, file: NamedTempFile, path: &Path) -> Result<(), StoreError> {
        let failed = |error| StoreError::new("move a finished download to", path, error);
        let file = match file.persist(path) {
            Err(missing) if missing.error.kind() == io::ErrorKind::NotFound => missing.file,
            done => return done.map(drop).map_err(|other| failed(other.error)),
        };
        let folder = path.parent().unwrap_or(&self.assets);
        if self.durability != Durability::None {
            create_folder(&self.assets).map_err(StoreError::on("create the folder", &self.assets))?;
        }
        fs::create_dir_all(folder).map_err(StoreError::on("create the folder", folder))?;
        file.persist(path).map(drop).map_err(|other| failed(other.error))
    }

    /// Files first, then the folders that name them, upwards.
    fn sync(&self, files: &BTreeSet<PathBuf>) -> Result<(), StoreError> {
        if files.is_empty() {
            return Ok(());
        }
        sync_files(&files.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        let folders: BTreeSet<&Path> = files.iter().filter_map(|file| file.parent()).collect();
        folders.into_iter().chain([&*self.assets]).try_for_each(sync_folder)
    }
}

impl Drop for LocalStore {
    fn drop(&mut self) {
        if self.tmp.ends_with(OWN_TMP) {
            // Only an empty folder is removed. One that is not is swept by the next run.
            let _ = fs::remove_dir(&self.tmp);
        }
    }
}

impl Store for LocalStore {
    fn receive(&self) -> Incoming {
        Incoming::new(Arc::clone(&self.tmp))
    }

    fn commit(&self, received: Received, media_type: MediaType) -> Result<Committed, StoreError> {
        let blob = Blob { digest: received.digest(), media_type };
        let path = self.path(&blob);
        // What a disk damaged or a power cut left half written is found here, and repaired: a good copy is at hand.
        if length_at(&path)? == Some(received.len()) && is_held(&path, blob.digest, &received) {
            self.settle(path)?;
            return Ok(Committed::AlreadyHeld(blob));
        }
        let file = match received.into_body() {
            Body::Spilled(file, _) => file,
            Body::Memory(content) => {
                let mut file = incoming::temporary(&self.tmp)?;
                file.as_file_mut().write_all(&content).map_err(StoreError::on("write", file.path()))?;
                file
            }
        };
        if self.durability == Durability::Full {
            file.as_file().sync_all().map_err(StoreError::on("write", file.path()))?;
        }
        self.put(file, &path)?;
        self.settle(path)?;
        Ok(Committed::Stored(blob))
    }

    fn has(&self, blob: &Blob) -> Result<Option<u64>, StoreError> {
        length_at(&self.path(blob))
    }

    fn open(&self, blob: &Blob) -> Result<File, StoreError> {
        let path = self.path(blob);
        File::open(&path).map_err(StoreError::on("open", &path))
    }

    fn remove(&self, blob: &Blob) -> Result<(), StoreError> {
        remove_file(&self.path(blob))
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        let files = std::mem::take(&mut *self.unsynced());
        let synced = self.sync(&files);
        if synced.is_err() {
            self.unsynced().extend(files);
        }
        synced
    }
}

/// Removes what a killed run left in the folder `tmp`, like [`LocalStore::sweep_tmp`], and with the same condition.
///
/// # Errors
/// The folder cannot be read, or a leftover cannot be removed.
pub fn sweep(tmp: &Path) -> Result<usize, StoreError> {
    let entries = match fs::read_dir(tmp) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(StoreError::on("read", tmp))?,
    };
    let mut removed = 0;
    for entry in entries {
        let entry = entry.map_err(StoreError::on("read", tmp))?;
        if incoming::is_temporary(&entry.file_name()) {
            remove_file(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Whether a file has the content of `received`, whose digest is known. Bytes are compared where they are at hand: that
/// takes a tenth of what hashing the file does.
fn is_held(path: &Path, digest: Digest, received: &Received) -> bool {
    match received.in_memory() {
        Some(content) => File::open(path).and_then(|file| yields(file, content)).unwrap_or(false),
        None => is_whole(path, digest),
    }
}

/// Whether `reader` yields `content` and ends.
fn yields(mut reader: impl Read, mut content: &[u8]) -> io::Result<bool> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(content.is_empty()),
            Ok(count) => match content.strip_prefix(&buffer[..count]) {
                Some(rest) => content = rest,
                None => return Ok(false),
            },
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Whether a file has the content that its name says. One that cannot be read has not.
pub fn is_whole(path: &Path, digest: Digest) -> bool {
    File::open(path).and_then(Digest::of_reader).is_ok_and(|(found, _)| found == digest)
}

/// The length in bytes of the file at `path`, or `None` if there is none.
fn length_at(path: &Path) -> Result<Option<u64>, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.is_file().then_some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::new("look at", path, error)),
    }
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::new("remove", path, error)),
        _ => Ok(()),
    }
}

/// How many files are synced at once. Disks and journals group what waits together, so a few at a time take hardly
/// longer than one.
const SYNC_THREADS: usize = 8;

fn sync_files(files: &[&Path]) -> Result<(), StoreError> {
    at_once(files, |file| sync_file(file)).into_iter().collect()
}

/// Does with each of `items` what waits for the disk, `SYNC_THREADS` at a time, and gives what came of each in their
/// order.
pub fn at_once<T: Sync, R: Send>(items: &[T], wait: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let share = items.len().div_ceil(SYNC_THREADS).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> =
            items.chunks(share).map(|share| scope.spawn(|| share.iter().map(&wait).collect::<Vec<_>>())).collect();
        let joined = |thread: thread::ScopedJoinHandle<'_, Vec<R>>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(joined).collect()
    })
}

fn sync_file(path: &Path) -> Result<(), StoreError> {
    // Windows syncs only what is open for writing.
    match OpenOptions::new().read(true).write(cfg!(windows)).open(path) {
        // Removed since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => file.and_then(|file| file.sync_all()).map_err(StoreError::on("write to the disk", path)),
    }
}

/// On Unix a name is durable when its folder is. Elsewhere folders cannot be synced, and need not be.
fn sync_folder(path: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(StoreError::on("write to the disk", path))?;
    }
    Ok(())
}
