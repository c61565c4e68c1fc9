//! The last stage: catalog → edits → documents that point at local copies.
//!
//! Documents go through in batches of two steps: first every changed document of the batch is written beside its place,
//! then, with the journal of in-place edits durable, all are moved into place by renaming. Whatever happens in between,
//! every document is either as it was or as it shall be.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::collecting::Collecting;
use super::placement::{Links, Placement};
use crate::document::ReadError;
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, CatalogError, HeldReference, Journal, RewriteRow, Seen, Settled};
use crate::mirror::store::{self, Durability, StoreErrorKind};
use crate::progress::Progress;
use crate::replace::{self, CHANGED, Version, folder_of};
use crate::rewrite::{Edit, RewritePlan, replacement};
use crate::sanitize;

/// Documents that are moved into place together.
const BATCH: usize = 128;

/// What is written where a picture could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingPolicy {
    /// What was there, to the byte.
    Keep,
    /// The target, without the proxies that stood around it.
    Original,
}

impl MissingPolicy {
    /// The word by which the catalog remembers it.
    pub(super) fn word(self) -> &'static str {
        match self {
            MissingPolicy::Keep => "keep",
            MissingPolicy::Original => "original",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [MissingPolicy::Keep, MissingPolicy::Original].into_iter().find(|policy| policy.word() == word)
    }
}

/// Which documents are rewritten, if their edits are not those that were written last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    OfRun(i64),
    /// Those of a run that the catalog lists as touched by it, and those that were not written before or are gone.
    TouchedBy(i64),
    /// Those that a check found damaged, in any case, and those that name a blob that it did.
    Damaged,
}

/// How documents are rewritten.
#[derive(Debug, Clone)]
pub(super) struct Rewriting<'a> {
    pub(super) collecting: &'a Collecting,
    pub(super) layout: &'a Layout,
    pub(super) placement: &'a Placement,
    pub(super) links: &'a Links,
    pub(super) missing: MissingPolicy,
    pub(super) durability: Durability,
}

/// What became of the documents of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) written: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
}

/// A document whose new bytes are written but not in place. What it holds is small, however large the document is.
struct Prepared {
    row: RewriteRow,
    plan: [u8; 32],
    /// The digest of the new bytes.
    after: [u8; 32],
    temporary: NamedTempFile,
    destination: PathBuf,
    in_place: Option<InPlace>,
}

/// What an edit in place has to know.
struct InPlace {
    /// As it stands in the catalog.
    journal: Journal,
    /// The file that was read.
    read: Version,
}

impl Rewriting<'_> {
    /// What the run before `run` has left, as far as it wrote documents in the same manner.
    pub(super) fn left(&self, catalog: &Catalog, run: i64) -> anyhow::Result<Settled> {
        Ok(match self.manner() {
            Some(manner) => catalog.begin_settled(run, &manner)?,
            None => Settled::Unknown,
        })
    }

    /// Writes the documents of `run`, to which another one had `left` them, and notes when all of them are written.
    ///
    /// # Errors
    /// Those of [`Rewriting::rewrite`].
    pub(super) fn rewrite_and_settle(
        &self,
        catalog: &Catalog,
        run: i64,
        left: Settled,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> anyhow::Result<Rewritten> {
        let which = match left {
            Settled::Unknown => Which::OfRun(run),
            Settled::AsWritten => Which::TouchedBy(run),
        };
        let rewritten = self.rewrite(catalog, which, progress, stop)?;
        if rewritten.failed == 0
            && !stop.is_cancelled()
            && let Some(manner) = self.manner()
        {
            catalog.settle(run, left, &manner)?;
        }
        Ok(rewritten)
    }

    /// Writes documents.
    ///
    /// A document that cannot be written is warned of and counted, and the others go on.
    ///
    /// # Errors
    /// What every other document would meet as well: a full or read-only disk, a catalog that fails.
    pub(super) fn rewrite(
        &self,
        catalog: &Catalog,
        which: Which,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> anyhow::Result<Rewritten> {
        let mut rewritten = Rewritten::default();
        if matches!(which, Which::TouchedBy(_)) {
            catalog.touch_documents()?;
        }
        let mut after = 0;
        while !stop.is_cancelled() {
            let rows = match which {
                Which::OfRun(run) | Which::TouchedBy(run) => catalog.documents(run, after, BATCH)?,
                Which::Damaged => catalog.damaged_documents(after, BATCH)?,
            };
            let Some(last) = rows.last() else { break };
            after = last.id;
            let mut prepared = Vec::new();
            // The journal of the whole batch is durable before the first of its files changes.
            catalog.begin()?;
            for row in rows {
                if stop.is_cancelled() {
                    break;
                }
                if matches!(which, Which::TouchedBy(_)) && self.stands(catalog, &row)? {
                    rewritten.unchanged += 1;
                    continue;
                }
                let name = row.source.clone();
                match self.prepare(catalog, row) {
                    Ok(Some(document)) => prepared.push(document),
                    Ok(None) => rewritten.unchanged += 1,
                    Err(error) => rewritten.fail(&name, error, progress)?,
                }
            }
            let prepared = self.sync(catalog, prepared, &mut rewritten, progress)?;
            catalog.commit()?;
            self.put_in_place(catalog, prepared, &mut rewritten, progress)?;
        }
        Ok(rewritten)
    }

    /// How many documents would be written, without writing any.
    pub(super) fn would_write(&self, catalog: &Catalog, run: i64) -> anyhow::Result<Rewritten> {
        let mut rewritten = Rewritten::default();
        let mut after = 0;
        loop {
            let rows = catalog.documents(run, after, BATCH)?;
            let Some(last) = rows.last() else { return Ok(rewritten) };
            after = last.id;
            for row in rows {
                let plan = self.plan(catalog, &row)?;
                match self.is_written(&row, &plan) {
                    true => rewritten.unchanged += 1,
                    false => rewritten.written += 1,
                }
            }
        }
    }

    fn plan(&self, catalog: &Catalog, row: &RewriteRow) -> anyhow::Result<RewritePlan> {
        let mut edits = Vec::new();
        catalog.references(row.id, &mut |reference| edits.extend(self.edit(row, &reference)))?;
        Ok(RewritePlan::new(edits))
    }

    fn edit(&self, row: &RewriteRow, reference: &HeldReference) -> Option<Edit> {
        let url = match &reference.blob {
            Some(blob) => self.links.to(&row.path, &row.source, blob),
            None if self.missing == MissingPolicy::Original && reference.peeled => reference.target.clone(),
            None => return None,
        };
        let text = replacement(&url, reference.fragment.as_deref(), reference.layers);
        Some(Edit { span: reference.span, text: text.into_bytes() })
    }

    /// Whether a document was last written as it would be written now.
    pub(super) fn is_up_to_date(&self, catalog: &Catalog, row: &RewriteRow) -> anyhow::Result<bool> {
        Ok(self.is_written(row, &self.plan(catalog, row)?))
    }

    fn is_written(&self, row: &RewriteRow, plan: &RewritePlan) -> bool {
        match self.placement {
            Placement::InPlace { .. } => plan.edits().is_empty(),
            Placement::Mirror => {
                row.plan == Some(plan.fingerprint(&row.digest)) && self.destination(row).symlink_metadata().is_ok()
            }
        }
    }

    /// Whether a document that was as its plan said when the run began is so still, without looking at its references.
    fn stands(&self, catalog: &Catalog, row: &RewriteRow) -> anyhow::Result<bool> {
        let is_there = || self.destination(row).symlink_metadata().is_ok();
        Ok(self.placement == &Placement::Mirror && row.plan.is_some() && !catalog.is_touched(row.id)? && is_there())
    }

    /// Everything beside the catalog that decides how documents are written, in a form that differs when they must be
    /// planned anew. `None` where what was written is not what was planned: in documents that are edited in place.
    fn manner(&self) -> Option<String> {
        let Rewriting { links, missing, .. } = self;
        let manner = format!("{} {links:?} {}", env!("CARGO_PKG_VERSION"), missing.word());
        (self.placement == &Placement::Mirror).then_some(manner)
    }

    fn destination(&self, row: &RewriteRow) -> PathBuf {
        match self.placement {
            // A link that the user named stays a link: what it leads to is edited.
            Placement::InPlace { .. } => row.source.canonicalize().unwrap_or_else(|_| row.source.clone()),
            Placement::Mirror => self.layout.documents().join(&row.path),
        }
    }

    /// Writes the new bytes of a document beside its place; `None` when they are there already.
    fn prepare(&self, catalog: &Catalog, row: RewriteRow) -> anyhow::Result<Option<Prepared>> {
        let plan = self.plan(catalog, &row)?;
        if self.is_written(&row, &plan) {
            return Ok(None);
        }
        let fingerprint = plan.fingerprint(&row.digest);
        let read = Version::of(&row.source).context("cannot be read")?;
        let document = self.collecting.open(&row.source)?;
        anyhow::ensure!(<[u8; 32]>::from(Sha256::digest(document.bytes())) == row.digest, CHANGED);
        // Links are ASCII; in a document of UTF-16 that takes other bytes.
        let encoded = |edit: Edit| Edit { text: document.encode(&String::from_utf8_lossy(&edit.text)), ..edit };
        let plan = RewritePlan::new(plan.into_edits().into_iter().map(encoded).collect());
        let missing = || {
            let mut missing = Vec::new();
            catalog
                .references(row.id, &mut |reference| missing.extend(reference.blob.is_none().then_some(reference)))?;
            Ok(missing)
        };
        let plan = self.collecting.complete(&row.source, &document, plan, missing, self.links)?;
        let destination = self.destination(&row);
        if self.placement == &Placement::Mirror {
            let folder = folder_of(&destination);
            fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", sanitize::path(folder)))?;
        }
        let temporary = replace::temporary(&self.layout.tmp(), &destination)?;
        let after = write(&plan, document.bytes(), temporary.as_file())
            .with_context(|| format!("writing {}", sanitize::path(temporary.path())))?;
        let in_place = match self.placement {
            Placement::Mirror => None,
            Placement::InPlace { .. } => {
                let journal = Journal { before: row.digest, after };
                catalog.journal(row.id, &journal, document.bytes(), plan.edits())?;
                Some(InPlace { journal, read })
            }
        };
        Ok(Some(Prepared { row, plan: fingerprint, after, temporary, destination, in_place }))
    }

    /// Makes the new bytes of a batch durable, and hands on the documents with which that went well.
    fn sync(
        &self,
        catalog: &Catalog,
        prepared: Vec<Prepared>,
        rewritten: &mut Rewritten,
        progress: &Progress,
    ) -> anyhow::Result<Vec<Prepared>> {
        if self.durability == Durability::None {
            return Ok(prepared);
        }
        let files: Vec<_> = prepared.iter().map(|document| document.temporary.as_file()).collect();
        let synced = store::at_once(&files, |file| file.sync_data());
        let mut durable = Vec::with_capacity(prepared.len());
        for (document, synced) in prepared.into_iter().zip(synced) {
            let named = || format!("syncing {}", sanitize::path(document.temporary.path()));
            match synced.with_context(named) {
                Ok(()) => durable.push(document),
                Err(error) => {
                    if let Some(InPlace { journal, .. }) = &document.in_place {
                        catalog.forget_journal(document.row.id, journal)?;
                    }
                    rewritten.fail(&document.row.source, error, progress)?;
                }
            }
        }
        Ok(durable)
    }

    /// Moves the documents of a batch, whose journal is durable, into place.
    fn put_in_place(
        &self,
        catalog: &Catalog,
        prepared: Vec<Prepared>,
        rewritten: &mut Rewritten,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        catalog.begin()?;
        let mut folders = BTreeSet::new();
        for Prepared { row, plan, after, temporary, destination, in_place } in prepared {
            let file = match put(temporary, &row.source, &destination, in_place.as_ref()) {
                Ok(file) => file,
                Err(error) => {
                    if let Some(InPlace { journal, .. }) = &in_place {
                        catalog.forget_journal(row.id, journal)?;
                    }
                    rewritten.fail(&row.source, error, progress)?;
                    continue;
                }
            };
            if let Some(InPlace { journal, .. }) = in_place {
                catalog.edited_in_place(row.id, &seen(&file, journal.after)?)?;
            }
            catalog.wrote_document(row.id, &plan, &after)?;
            rewritten.written += 1;
            folders.insert(folder_of(&destination).to_owned());
        }
        if self.durability != Durability::None {
            folders.iter().try_for_each(|folder| replace::sync_folder(folder))?;
        }
        catalog.commit()?;
        Ok(())
    }
}

impl Rewritten {
    /// Counts a document that could not be written, unless no other could be either.
    fn fail(&mut self, source: &Path, error: anyhow::Error, progress: &Progress) -> anyhow::Result<()> {
        if concerns_all(&error) {
            return Err(error);
        }
        self.failed += 1;
        let why = sanitize::for_terminal(&format!("{error:#}")).into_owned();
        progress.warn(&format!("{}: {why}", sanitize::path(source)));
        Ok(())
    }
}

/// Gives a written document its name, if what is edited is still what was read. Between this look and the renaming lies
/// next to no time; nothing that file systems offer makes it none.
fn put(
    temporary: NamedTempFile,
    source: &Path,
    destination: &Path,
    in_place: Option<&InPlace>,
) -> anyhow::Result<File> {
    if let Some(InPlace { read, .. }) = in_place {
        read.still_at(source)?;
    }
    replace::persist(temporary, destination)
}

/// Splices into `file` and gives the digest of what was written.
fn write(plan: &RewritePlan, source: &[u8], file: &File) -> io::Result<[u8; 32]> {
    let mut out = HashingWriter { out: BufWriter::with_capacity(1 << 16, file), hash: Sha256::new() };
    plan.splice(source, &mut out)?;
    out.flush()?;
    Ok(out.hash.finalize().into())
}

fn seen(file: &File, digest: [u8; 32]) -> io::Result<Seen> {
    let metadata = file.metadata()?;
    let since = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let modified = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Ok(Seen { size: metadata.len(), modified, digest })
}

/// Errors that the next document would meet as well.
fn concerns_all(error: &anyhow::Error) -> bool {
    // A source that cannot be read is broken by itself.
    if let Some(ReadError::Io(error)) = error.downcast_ref() {
        return StoreErrorKind::of(error) == StoreErrorKind::TooManyOpenFiles;
    }
    error.is::<CatalogError>() || replace::is_of_the_disk(error)
}

struct HashingWriter<W> {
    out: W,
    hash: Sha256,
}

impl<W: io::Write> io::Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
