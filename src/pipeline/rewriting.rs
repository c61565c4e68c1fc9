//! The last stage: catalog → edits → documents that point at local copies.
//!
//! Documents go through in batches of two steps: first every changed document of the batch is written beside its place,
//! then, with the journal of in-place edits durable, all are moved into place by renaming, while the next batch is written.
//! Whatever happens in between, every document is either as it was or as it shall be.

mod preparing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use preparing::{InPlace, Prepared, Preparer};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::collecting::Collecting;
use super::placement::{Links, Placement};
use crate::document::ReadError;
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, CatalogError, HeldReference, RewriteRow, Seen, Settled};
use crate::mirror::store::{self, Durability, StoreErrorKind};
use crate::progress::Progress;
use crate::replace::{self, folder_of};
use crate::rewrite::{Edit, RewritePlan, replacement};
use crate::sanitize;

/// Documents that are moved into place together.
const BATCH: usize = 128;

/// Documents that are written sooner than threads could begin.
const FEW: usize = 16;

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
        // The threads see what is committed.
        catalog.commit()?;
        let (mut threads, mut prepared) = (Vec::new(), Vec::new());
        let mut after = 0;
        while !stop.is_cancelled() {
            let rows = match which {
                Which::OfRun(run) | Which::TouchedBy(run) => catalog.documents(run, after, BATCH)?,
                Which::Damaged => catalog.damaged_documents(after, BATCH)?,
            };
            let Some(last) = rows.last() else { break };
            after = last.id;
            let mut to_prepare = Vec::with_capacity(rows.len());
            for row in rows {
                match which {
                    Which::TouchedBy(_) if self.stands(catalog, &row)? => rewritten.unchanged += 1,
                    _ => to_prepare.push(row),
                }
            }
            if to_prepare.is_empty() {
                continue;
            }
            if threads.is_empty() && to_prepare.len() > FEW {
                threads = self.threads(catalog)?;
            }
            let new = self.prepare((catalog, &mut threads), &to_prepare, prepared, &mut rewritten, progress, stop)?;
            prepared = self.sync(catalog, new, &mut rewritten, progress)?;
            // The journal of the whole batch is durable before the first of its files changes.
            catalog.commit()?;
        }
        self.put_in_place(catalog, prepared, &mut rewritten, progress)?;
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
                match self.is_written(&row, &plan, &plan.fingerprint(&row.digest)) {
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
        let plan = self.plan(catalog, row)?;
        Ok(self.is_written(row, &plan, &plan.fingerprint(&row.digest)))
    }

    fn is_written(&self, row: &RewriteRow, plan: &RewritePlan, fingerprint: &[u8; 32]) -> bool {
        match self.placement {
            Placement::InPlace { .. } => plan.edits().is_empty(),
            Placement::Mirror => {
                row.plan.as_ref() == Some(fingerprint) && self.destination(row).symlink_metadata().is_ok()
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

    /// Writes the new bytes of documents beside their places, and the journal of those that are edited in place; meanwhile
    /// moves those of the batch before into place. Leaves a transaction open.
    fn prepare(
        &self,
        (catalog, threads): (&Catalog, &mut [Preparer]),
        rows: &[RewriteRow],
        before: Vec<Prepared>,
        rewritten: &mut Rewritten,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> anyhow::Result<Vec<Prepared>> {
        let mut all = Vec::with_capacity(rows.len());
        self.prepare_all((catalog, threads), rows, stop, |outcomes| {
            self.put_in_place(catalog, before, rewritten, progress)?;
            catalog.begin()?;
            for (row, outcome) in outcomes {
                match outcome {
                    Ok(Some((prepared, edits))) => {
                        if let Some(InPlace { journal, .. }) = &prepared.in_place {
                            catalog.journal(row.id, journal, &edits)?;
                        }
                        all.push(prepared);
                    }
                    Ok(None) => rewritten.unchanged += 1,
                    Err(error) => rewritten.fail(&row.source, error, progress)?,
                }
            }
            Ok(())
        })?;
        Ok(all)
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
        if prepared.is_empty() {
            return Ok(());
        }
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
