//! Files with paths: a folder, or an archive that holds the same.

mod archive;
mod folder;
mod measure;

use std::io::{self, Write};

pub use archive::Archive;
pub use folder::Folder;
pub use measure::{Counter, Measure};

use crate::mirror::digest::{Digest, Hashing};
use crate::page::{Bytes, Picture};
use crate::sanitize;

/// Writes the bytes of a file.
pub type Fill<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// Where the files of a bundle go. Paths have slashes, and each is given once.
pub trait Tree {
    /// Writes a file of text, and gives the digest of its bytes.
    fn text(&mut self, path: &str, write: Fill<'_>) -> anyhow::Result<Digest>;

    /// Writes a picture, whose format is packed already.
    ///
    /// # Errors
    /// Its bytes are not those of its digest.
    fn picture(&mut self, path: &str, picture: &Picture) -> anyhow::Result<()>;

    /// Writes what stands at the end.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Writes the bytes of a picture after a look at each.
///
/// # Errors
/// They cannot be read or written, or are not those of its digest. The message names the picture.
pub fn copy(picture: &Picture, out: impl Write) -> io::Result<()> {
    let mut out = Hashing::new(out);
    let copied = picture.bytes.copy_to(&mut out).and_then(|_| out.finish());
    let (_, digest) = copied.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", named(picture))))?;
    if digest != picture.blob.digest {
        return Err(io::Error::other(format!("{}: {DAMAGED}", named(picture))));
    }
    Ok(())
}

/// Of a picture whose bytes are not those that the mirror has on record.
const DAMAGED: &str = "its bytes are not those that are on record; `imgmirror check --repair` puts that right";

/// A picture for a person: its file, or its digest.
fn named(picture: &Picture) -> String {
    match &picture.bytes {
        Bytes::File(path) => sanitize::path(path),
        Bytes::Inline(_) => format!("the picture {}", picture.blob.digest.short()),
    }
}

#[cfg(test)]
mod tests;
