//! A body on its way in: in memory while it is small, in a temporary file when it is not. Never hashed or written on the
//! threads that receive it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;
use tokio::task::spawn_blocking;

use super::StoreError;
use crate::mirror::create_new;
use crate::mirror::digest::{Digest, Hasher};

/// Most pictures are smaller than this and never touch the disk before they are known to be pictures. Larger ones are
/// hashed and written in batches of this size, off the asynchronous threads.
const IN_MEMORY: usize = 256 * 1024;

const PREFIX: &str = "imgmirror-";
const SUFFIX: &str = ".part";

/// A new temporary file in `folder`, which is made if it is missing. Its name is random, and it did not exist before.
pub(super) fn temporary(folder: &Path) -> Result<NamedTempFile, StoreError> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX).rand_bytes(16);
    // Blobs are ordinary files, not secrets: they may be served by another user. The umask still has its say.
    let make = || builder.make_in(folder, |path| create_new(path, 0o644));
    match make() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(folder).map_err(StoreError::on("create the folder", folder))?;
            make()
        }
        file => file,
    }
    .map_err(StoreError::on("create a temporary file in", folder))
}

/// Whether a file of this name was made by [`temporary`], or is a catalog that was never finished.
pub(super) fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let ends =
        |beside: &str| name.strip_suffix(beside.as_bytes()).is_some_and(|name| name.ends_with(SUFFIX.as_bytes()));
    name.starts_with(PREFIX.as_bytes()) && ["", "-wal", "-shm"].into_iter().any(ends)
}

/// A body that arrives in chunks. Dropping it removes what was written of it.
#[derive(Debug)]
pub struct Incoming {
    tmp: Arc<Path>,
    spill: Spill,
    /// What has arrived and is not in the file.
    batch: Vec<u8>,
    len: u64,
}

/// The part of a body that did not stay in memory.
#[derive(Debug)]
enum Spill {
    None,
    Some(Box<(NamedTempFile, Hasher)>),
    /// A write was abandoned or failed, and took the file with it.
    Lost,
}

impl Incoming {
    pub(super) fn new(tmp: Arc<Path>) -> Self {
        Incoming { tmp, spill: Spill::None, batch: Vec::new(), len: 0 }
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// The disk; the body is lost then, and only [`reset`](Self::reset) helps. The same holds when the returned
    /// future is dropped before it is ready.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), StoreError> {
        self.batch.extend_from_slice(&chunk);
        self.len += chunk.len() as u64;
        if self.batch.len() > IN_MEMORY {
            self.flush().await?;
        }
        Ok(())
    }

    /// Makes room for a body of `len` bytes, as far as it will stay in memory.
    pub fn expect(&mut self, len: u64) {
        if let Some(len) = usize::try_from(len).ok().filter(|len| *len <= IN_MEMORY) {
            self.batch.reserve_exact(len);
        }
    }

    /// How many bytes have arrived.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets everything that has arrived: the body starts over.
    pub fn reset(&mut self) {
        self.spill = Spill::None;
        self.batch.clear();
        self.len = 0;
    }

    /// The end of the body.
    ///
    /// # Errors
    /// Those of [`write`](Self::write).
    pub async fn finish(mut self) -> Result<Received, StoreError> {
        if let Spill::None = self.spill {
            return Ok(Received { len: self.len, body: Body::Memory(self.batch) });
        }
        self.flush().await?;
        match self.spill {
            Spill::Some(spilled) => {
                let (file, hasher) = *spilled;
                Ok(Received { len: self.len, body: Body::Spilled(file, hasher.digest()) })
            }
            Spill::None | Spill::Lost => Err(self.lost()),
        }
    }

    /// Hashes the batch and writes it to the file.
    async fn flush(&mut self) -> Result<(), StoreError> {
        let spilled = match std::mem::replace(&mut self.spill, Spill::Lost) {
            Spill::None => None,
            Spill::Some(spilled) => Some(spilled),
            Spill::Lost => return Err(self.lost()),
        };
        let tmp = Arc::clone(&self.tmp);
        let mut batch = std::mem::take(&mut self.batch);
        let write = spawn_blocking(move || {
            let mut spilled = match spilled {
                Some(spilled) => spilled,
                None => Box::new((temporary(&tmp)?, Hasher::default())),
            };
            let (file, hasher) = &mut *spilled;
            hasher.update(&batch);
            file.as_file_mut().write_all(&batch).map_err(StoreError::on("write", file.path()))?;
            batch.clear();
            Ok((spilled, batch))
        });
        let written = write.await.map_err(|stopped| StoreError::new("write", &self.tmp, io::Error::other(stopped)))?;
        let (spilled, batch) = written?;
        self.spill = Spill::Some(spilled);
        self.batch = batch;
        Ok(())
    }

    fn lost(&self) -> StoreError {
        StoreError::new("go on writing in", &self.tmp, io::Error::other("an earlier write was not completed"))
    }
}

/// A body that has arrived as a whole. Dropping it removes its temporary file.
#[derive(Debug)]
pub struct Received {
    len: u64,
    body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    Memory(Vec<u8>),
    /// Hashed on its way to the file.
    Spilled(NamedTempFile, Digest),
}

impl Received {
    /// The name that the body will have. A body in memory is hashed for it, each time that somebody asks: the one that
    /// puts it into the store does, on a thread that may take its time.
    pub fn digest(&self) -> Digest {
        match &self.body {
            Body::Memory(content) => Digest::of(content),
            Body::Spilled(_, digest) => *digest,
        }
    }

    /// The body, if it is in memory.
    pub(super) fn in_memory(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Memory(content) => Some(content),
            Body::Spilled(..) => None,
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The body, to be read from its beginning. Reading blocks where the body is in a file.
    ///
    /// # Errors
    /// The file cannot be rewound.
    pub fn view(&mut self) -> Result<View<'_>, StoreError> {
        match &mut self.body {
            Body::Memory(content) => Ok(View::Memory(Cursor::new(content))),
            Body::Spilled(file, _) => {
                file.as_file_mut().rewind().map_err(StoreError::on("read", file.path()))?;
                Ok(View::File(file.as_file_mut()))
            }
        }
    }

    pub(super) fn into_body(self) -> Body {
        self.body
    }
}

/// Reads a received body.
#[derive(Debug)]
pub enum View<'r> {
    Memory(Cursor<&'r [u8]>),
    File(&'r mut File),
}

impl Read for View<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            View::Memory(content) => content.read(buffer),
            View::File(file) => file.read(buffer),
        }
    }
}

impl Seek for View<'_> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match self {
            View::Memory(content) => content.seek(position),
            View::File(file) => file.seek(position),
        }
    }
}
