//! What mirrored documents tell where the catalog does not know, because it was lost: which picture each of their links
//! shows. A copy equals its source outside of the links, so that the links of both can be told apart one by one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::collecting::{Collecting, Mention};
use super::placement::Links;
use crate::collect::value;
use crate::document::Document;
use crate::media_type::{MediaType, inspect};
use crate::mirror::Layout;
use crate::mirror::catalog::{self, Catalog, TargetRow};
use crate::mirror::digest::Digest;
use crate::mirror::store::{Blob, Durability, LocalStore, Store as _};
use crate::proxy::Witnesses;
use crate::rewrite::{Edit, RewritePlan};

/// The mirrored documents, and the pictures that they name.
pub(super) struct Copies {
    documents: PathBuf,
    store: LocalStore,
}

/// A mirrored document.
pub(super) struct Copy(Document);

/// What a mirrored document shows at one place.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    target: TargetRow,
    blob: Blob,
}

impl Copies {
    pub(super) fn of(layout: &Layout) -> Self {
        // Nothing is written by way of it.
        let store = LocalStore::new(layout.assets(), layout.tmp(), Durability::None);
        Copies { documents: layout.documents(), store }
    }

    /// The copy at `path`, below documents/. `None` when there is none, or none that can be read.
    pub(super) fn read(&self, path: &Path) -> Option<Copy> {
        let path = self.documents.join(path);
        let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        // Links may have made it longer than any document that is taken in.
        is_file.then(|| Document::read(&path, u64::MAX).ok()).flatten().map(Copy)
    }

    /// Records what a copy shows, as far as the pictures are there and whole.
    ///
    /// # Errors
    /// Those of the catalog.
    pub(super) fn recover(&self, catalog: &Catalog, run: i64, shown: &[Shown]) -> catalog::Result<()> {
        for Shown { target, blob } in shown {
            let Ok(metadata) = fs::metadata(self.store.path(blob)) else { continue };
            if catalog.has_blob(blob.digest.as_bytes())? || self.take_in(catalog, blob)? {
                // When a file was written is when its picture was fetched.
                let written = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
                let fetched = written.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0);
                catalog.recover(run, catalog.asset(target)?, blob.digest, fetched)?;
            }
        }
        Ok(())
    }

    /// Puts a blob on record that nobody knows, if its bytes are those of its name.
    fn take_in(&self, catalog: &Catalog, blob: &Blob) -> catalog::Result<bool> {
        let Ok(mut file) = self.store.open(blob) else { return Ok(false) };
        let Ok((found, length)) = Digest::of_reader(&mut file) else { return Ok(false) };
        if found != blob.digest {
            return Ok(false);
        }
        // Of two types that share an extension, the bytes tell which.
        let (media_type, dimensions) = match inspect(&mut file, length) {
            Ok(Ok(seen)) if seen.media_type.extension() == blob.media_type.extension() => {
                (seen.media_type, seen.dimensions)
            }
            _ => (blob.media_type, None),
        };
        catalog.add_blob(blob.digest, media_type.essence(), length, dimensions)?;
        Ok(true)
    }
}

impl Copy {
    /// What this copy of `document`, which was read from `source`, shows in the places of its `mentions`. Nothing when it
    /// is not the copy of just this document.
    pub(super) fn shown(
        &self,
        collecting: &Collecting,
        source: &Path,
        document: &Document,
        mentions: &[Mention],
    ) -> Vec<Shown> {
        let Copy(copy) = self;
        let mut links = Vec::new();
        // What a copy witnesses, its source has witnessed.
        collecting.mentions(source, copy, &mut Witnesses::default(), &mut |mention| links.push(mention));
        let slot = |mention: &Mention| mention.reference.slot.to_string();
        if mentions.len() != links.len() || !mentions.iter().map(slot).eq(links.iter().map(slot)) {
            return Vec::new();
        }
        let edits = mentions.iter().zip(&links).filter_map(|(mention, link)| {
            let span = mention.reference.span;
            let text = copy.bytes().get(link.reference.span.start..link.reference.span.end)?.to_vec();
            (document.bytes().get(span.start..span.end) != Some(&text)).then_some(Edit { span, text })
        });
        let plan = RewritePlan::new(edits.collect());
        if !makes(&plan, document, copy) {
            // A page with a base of its own was edited in more places than its links.
            let none = || Ok(Vec::new());
            let completed = collecting.complete(source, document, plan, none, &Links::WithinMirror);
            if !completed.is_ok_and(|plan| makes(&plan, document, copy)) {
                return Vec::new();
            }
        }
        mentions.iter().zip(&links).filter_map(|(mention, link)| shown(mention, link)).collect()
    }
}

/// Whether a plan leads from a document to its copy, byte for byte.
fn makes(plan: &RewritePlan, document: &Document, copy: &Document) -> bool {
    let mut made = Vec::with_capacity(copy.bytes().len());
    plan.splice(document.bytes(), &mut made).is_ok() && made == copy.bytes()
}

fn shown(mention: &Mention, link: &Mention) -> Option<Shown> {
    let (Ok(target), Some(digest)) = (&mention.outcome, link.held) else { return None };
    let (_, extension) = value::blob_name(&link.reference.url)?.split_once('.')?;
    let media_type = MediaType::from_extension(extension)?;
    Some(Shown { target: TargetRow::from(target), blob: Blob { digest, media_type } })
}
