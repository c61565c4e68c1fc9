//! Files with paths: a folder, or an archive that holds the same.

mod archive;
mod folder;

use std::io::{self, Write};

pub use archive::{Archive, dos};
pub use folder::Folder;

use crate::mirror::digest::{Digest, Hasher};

/// What a file holds, and so whether it is worth packing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Text,
    /// Packed by its own format already. Its length in bytes.
    Picture(u64),
}

/// Writes the bytes of a file.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// Where the files of a bundle go.
pub trait Tree {
    /// Writes a file and gives the digest of its bytes. `path` has slashes, and was not given before.
    fn file(&mut self, path: &str, content: Content, write: Fill<'_>) -> anyhow::Result<Digest>;

    /// Writes what stands at the end.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Passes bytes on and takes their digest.
struct Hashing<W> {
    inner: W,
    hasher: Hasher,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Hashing { inner, hasher: Hasher::default() }
    }

    fn finish(mut self) -> io::Result<(W, Digest)> {
        self.inner.flush()?;
        Ok((self.inner, self.hasher.digest()))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;
