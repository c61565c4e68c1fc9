//! Files that nobody knows.

use std::fs::{self, File};
use std::path::Path;

use super::{Bytes, Check, Checked, Kind, Owner, blob_name, relative, walk};
use crate::media_type::MediaType;
use crate::mirror::catalog::Catalog;
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;

impl Check<'_> {
    /// Looks through the folders of the mirror for what the catalog does not know.
    pub(super) fn look_for_litter(&self, catalog: &Catalog, checked: &mut Checked) -> anyhow::Result<()> {
        self.look_through_assets(catalog, checked)?;
        self.look_through_documents(catalog, checked)?;
        let tmp = self.layout.tmp();
        for entry in walk(&tmp) {
            let (_, shown) = relative(entry?.path(), &tmp);
            checked.findings.add(Kind::Litter, &format!("tmp/{shown}"), "");
        }
        Ok(())
    }

    fn look_through_assets(&self, catalog: &Catalog, checked: &mut Checked) -> anyhow::Result<()> {
        for entry in walk(self.assets) {
            let entry = entry?;
            if self.stop.is_cancelled() {
                break;
            }
            let (below, shown) = relative(entry.path(), self.assets);
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            let named = blob_name(&shown).filter(|(name, _)| is_file && *name == shown);
            match named {
                Some((_, digest)) => self.look_at_blob_file(catalog, &shown, digest, checked)?,
                // What else a site keeps in the folder of its pictures is its own affair.
                None if self.owner == Owner::Site => {}
                None if entry.file_type().is_some_and(|kind| kind.is_dir()) => {
                    if is_empty(&self.assets.join(below)) {
                        checked.findings.add(Kind::EmptyFolder, &self.shown(&shown), "");
                    }
                }
                None => checked.findings.add(Kind::FileUnknown, &self.shown(&shown), "its name is no digest"),
            }
        }
        Ok(())
    }

    fn look_at_blob_file(
        &self,
        catalog: &Catalog,
        name: &str,
        digest: Digest,
        checked: &mut Checked,
    ) -> anyhow::Result<()> {
        let row = catalog.blob_row(digest)?;
        let known = row.as_ref().and_then(|(_, media)| MediaType::from_essence(media));
        if known.is_some_and(|media_type| Blob { digest, media_type }.name() == name) {
            return Ok(());
        }
        if matches!(self.bytes, Bytes::Skip) {
            checked.findings.add(Kind::BlobUnreferenced, &self.shown(name), "its bytes were not hashed");
            return Ok(());
        }
        match File::open(self.assets.join(name)).and_then(Digest::of_reader) {
            Ok((found, _)) if found == digest => checked.findings.add(Kind::BlobUnreferenced, &self.shown(name), ""),
            Ok(_) if row.is_some() => {
                let told =
                    "its bytes are not those of its name; the picture of that name is kept under another extension";
                checked.findings.add(Kind::FileUnknown, &self.shown(name), told);
            }
            // Whether it is on record or not, a file under such a name must be whole: documents may name it.
            Ok((found, _)) => {
                checked.findings.add(Kind::BlobCorrupt, &self.shown(name), &format!("they are those of {found}"));
                catalog.found_damaged(name, digest)?;
            }
            Err(error) => checked.findings.add(Kind::BlobUnreadable, &self.shown(name), &error.to_string()),
        }
        Ok(())
    }

    fn look_through_documents(&self, catalog: &Catalog, checked: &mut Checked) -> anyhow::Result<()> {
        let folder = self.layout.documents();
        for entry in walk(&folder) {
            let entry = entry?;
            if self.stop.is_cancelled() {
                break;
            }
            let (below, shown) = relative(entry.path(), &folder);
            let shown = format!("documents/{shown}");
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                if is_empty(entry.path()) {
                    checked.findings.add(Kind::EmptyFolder, &shown, "");
                }
            } else if !catalog.has_document(&below)? {
                checked.findings.add(Kind::DocumentUnknown, &shown, "");
            }
        }
        Ok(())
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
