//! A folder as it lies on a disk.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;

use super::{Content, Fill, Hashing, Tree};
use crate::mirror::create_new;
use crate::mirror::digest::Digest;
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

impl Tree for Folder {
    fn file(&mut self, path: &str, _: Content, write: Fill<'_>) -> anyhow::Result<Digest> {
        let file = self.root.join(path);
        let named = || format!("writing {}", sanitize::path(&file));
        let new = match create_new(&file, 0o666) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(file.parent().unwrap_or(&self.root)).with_context(named)?;
                create_new(&file, 0o666)
            }
            created => created,
        };
        fill(new.with_context(named)?, self.date, write).with_context(named)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        Ok(())
    }
}

/// Writes a file that was just made, and dates it.
fn fill(file: File, date: SystemTime, write: Fill<'_>) -> io::Result<Digest> {
    let mut out = Hashing::new(BufWriter::with_capacity(1 << 16, file));
    write(&mut out)?;
    let (out, digest) = out.finish()?;
    // Some file systems keep no date before 1980; then it is theirs.
    let _ = out.into_inner().map_err(|failed| failed.into_error())?.set_modified(date);
    Ok(digest)
}
