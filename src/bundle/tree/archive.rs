//! The folder as a ZIP archive.

use std::path::Path;

use anyhow::Context as _;

use super::{Fill, Tree, copy};
use crate::bundle::packing::Packing;
use crate::mirror::digest::{Digest, Hashing};
use crate::page::Picture;

/// An archive that is being written, entry by entry. Its directory, some 600 bytes a file, is kept until the end.
pub struct Archive {
    packing: Packing,
}

impl Archive {
    /// Begins an archive in the new file `path`.
    pub fn create(path: &Path, date: jiff::Timestamp) -> anyhow::Result<Self> {
        Ok(Archive { packing: Packing::create(path, date)? })
    }

    fn doing(&self, path: &str) -> String {
        format!("{}: {path}", self.packing.doing())
    }
}

impl Tree for Archive {
    fn text(&mut self, path: &str, write: Fill<'_>) -> anyhow::Result<Digest> {
        let doing = self.doing(path);
        let mut out = Hashing::new(self.packing.deflated(path).with_context(|| doing.clone())?);
        let written = write(&mut out).and_then(|()| out.finish()).map(|(_, digest)| digest);
        written.context(doing)
    }

    fn picture(&mut self, path: &str, picture: &Picture) -> anyhow::Result<()> {
        let doing = self.doing(path);
        let out = self.packing.stored(path, Some(picture.length)).with_context(|| doing.clone())?;
        copy(picture, out).context(doing)
    }

    fn finish(self: Box<Self>) -> anyhow::Result<()> {
        self.packing.finish()
    }
}
