//! A folder as it lies on a disk.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use super::{Fill, Tree, copy};
use crate::mirror::create_new;
use crate::mirror::digest::{Digest, Hashing};
use crate::page::Picture;
use crate::sanitize;

/// Files below a folder that exists, each with the same date.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    date: SystemTime,
}

impl Folder {
    pub fn new(root: &Path, date: jiff::Timestamp) -> Self {
        Folder { root: root.to_owned(), date: date.into() }
    }
}

impl Folder {
    /// A new file at `path`, and the folders above it.
    fn file(&self, path: &str) -> anyhow::Result<File> {
        let file = self.root.join(path);
        let new = match create_new(&file, 0o666) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(file.parent().unwrap_or(&self.root)).and_then(|()| create_new(&file, 0o666))
            }
            created => created,
        };
        new.with_context(|| format!("making {}", sanitize::path(&file)))
    }
}

impl Tree for Folder {
    fn text(&mut self, path: &str, write: Fill<'_>) -> anyhow::Result<Digest> {
        let mut out = Hashing::new(BufWriter::with_capacity(1 << 16, self.file(path)?));
        let written = write(&mut out).and_then(|()| out.finish()).map(|(out, digest)| {
            date(out.get_ref(), self.date);
            digest
        });
        written.with_context(|| format!("writing {}", sanitize::path(&self.root.join(path))))
    }

    fn picture(&mut self, path: &str, picture: &Picture) -> anyhow::Result<()> {
        let mut file = self.file(path)?;
        copy(picture, &mut file).with_context(|| format!("writing {}", sanitize::path(&self.root.join(path))))?;
        date(&file, self.date);
        Ok(())
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Dates a file. Some file systems keep no date before 1980; then it is theirs.
fn date(file: &File, date: SystemTime) {
    let _ = file.set_modified(date);
}
