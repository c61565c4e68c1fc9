//! Documents go through in batches of two steps: first every changed document of the batch is written beside its place,
//! then, with the journal of in-place edits durable, all are moved into place by renaming, while the next batch is written.
//! Whatever happens in between, every document is either as it was or as it shall be.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::Context as _;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::preparing::{InPlace, Prepared, Preparer};
use super::{Rewriting, Rewritten, Which};
use crate::document::ReadError;
use crate::mirror::catalog::{Catalog, CatalogError, RewriteRow, Seen};
use crate::mirror::store::{self, Durability, StoreErrorKind};
use crate::progress::Progress;
use crate::replace::{self, folder_of};
use crate::sanitize;

/// Documents that are moved into place together. The new files of two batches are open at once.
pub(super) const BATCH: usize = 64;

/// Documents that are written sooner than threads could begin.
const FEW: usize = 16;

/// Documents on their way into place.
pub(super) struct Batches<'a> {
    rewriting: &'a Rewriting<'a>,
    catalog: &'a Catalog,
    progress: &'a Progress,
    stop: &'a CancellationToken,
    pub(super) rewritten: Rewritten,
    /// The last batch, until it is in place. Its new bytes are durable, and its journal is committed.
    pub(super) ready: Vec<Prepared>,
}

impl<'a> Batches<'a> {
    pub(super) fn new(
        rewriting: &'a Rewriting<'a>,
        catalog: &'a Catalog,
        progress: &'a Progress,
        stop: &'a CancellationToken,
    ) -> Self {
        Batches { rewriting, catalog, progress, stop, rewritten: Rewritten::default(), ready: Vec::new() }
    }

    /// Writes documents, as [`Rewriting::rewrite`] says.
    pub(super) fn write(mut self, which: Which) -> anyhow::Result<Rewritten> {
        let prepared = self.prepare_batches(which);
        // Also before an error is told: what the journal has been made to say of the last batch is made true.
        let put = self.put_in_place();
        prepared.and(put)?;
        Ok(self.rewritten)
    }

    /// Leaves the last batch ready.
    fn prepare_batches(&mut self, which: Which) -> anyhow::Result<()> {
        if matches!(which, Which::TouchedBy(_)) {
            self.catalog.touch_documents()?;
        }
        // The threads see what is committed.
        self.catalog.commit()?;
        let (mut threads, mut after) = (Vec::new(), 0);
        while !self.stop.is_cancelled() {
            let rows = match which {
                Which::OfRun(run) | Which::TouchedBy(run) => self.catalog.documents(run, after, BATCH)?,
                Which::Damaged => self.catalog.damaged_documents(after, BATCH)?,
            };
            let Some(last) = rows.last() else { break };
            after = last.id;
            let mut to_prepare = Vec::with_capacity(rows.len());
            for row in rows {
                match which {
                    Which::TouchedBy(_) if self.rewriting.stands(self.catalog, &row)? => self.rewritten.unchanged += 1,
                    _ => to_prepare.push(row),
                }
            }
            if to_prepare.is_empty() {
                continue;
            }
            if threads.is_empty() && to_prepare.len() > FEW {
                threads = self.rewriting.threads(self.catalog)?;
            }
            let prepared = self.prepare(&mut threads, &to_prepare)?;
            let durable = self.sync(prepared)?;
            // The journal of the whole batch is durable before the first of its files changes.
            self.catalog.commit()?;
            self.ready = durable;
        }
        Ok(())
    }

    /// Writes the new bytes of documents beside their places, and the journal of those that are edited in place; meanwhile
    /// moves those that are ready into place. Leaves a transaction open.
    pub(super) fn prepare(&mut self, threads: &mut [Preparer], rows: &[RewriteRow]) -> anyhow::Result<Vec<Prepared>> {
        let Batches { rewriting, catalog, progress, stop, .. } = *self;
        let mut all = Vec::with_capacity(rows.len());
        rewriting.prepare_all(catalog, threads, rows, stop, |preparations| {
            self.put_in_place()?;
            catalog.begin()?;
            for (row, preparation) in preparations {
                match preparation {
                    Ok(Some((prepared, edits))) => {
                        if let Some(InPlace { journal, .. }) = &prepared.in_place {
                            catalog.journal(row.id, journal, &edits)?;
                        }
                        all.push(prepared);
                    }
                    Ok(None) => self.rewritten.unchanged += 1,
                    Err(error) => self.rewritten.fail(&row.source, error, progress)?,
                }
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// Makes the new bytes of a batch durable, and hands on the documents with which that went well.
    fn sync(&mut self, prepared: Vec<Prepared>) -> anyhow::Result<Vec<Prepared>> {
        if self.rewriting.durability == Durability::None {
            return Ok(prepared);
        }
        let files: Vec<_> = prepared.iter().map(|document| document.temporary.as_file()).collect();
        let synced = store::at_once(&files, |file| file.sync_data());
        let mut durable = Vec::with_capacity(prepared.len());
        for (document, synced) in prepared.into_iter().zip(synced) {
            let named = || format!("syncing {}", sanitize::path(document.temporary.path()));
            match synced.with_context(named) {
                Ok(()) => durable.push(document),
                Err(error) => self.give_up(&document.row, document.in_place.as_ref(), error)?,
            }
        }
        Ok(durable)
    }

    /// Moves the documents that are ready into place.
    pub(super) fn put_in_place(&mut self) -> anyhow::Result<()> {
        let ready = std::mem::take(&mut self.ready);
        if ready.is_empty() {
            return Ok(());
        }
        self.catalog.begin()?;
        let mut folders = BTreeSet::new();
        for Prepared { row, plan, after, temporary, destination, in_place } in ready {
            let file = match put(temporary, &row.source, &destination, in_place.as_ref()) {
                Ok(file) => file,
                Err(error) => {
                    self.give_up(&row, in_place.as_ref(), error)?;
                    continue;
                }
            };
            if let Some(InPlace { journal, .. }) = in_place {
                self.catalog.edited_in_place(row.id, &seen(&file, journal.after)?)?;
            }
            self.catalog.wrote_document(row.id, &plan, &after)?;
            self.rewritten.written += 1;
            folders.insert(folder_of(&destination).to_owned());
        }
        if self.rewriting.durability != Durability::None {
            folders.iter().try_for_each(|folder| replace::sync_folder(folder))?;
        }
        self.catalog.commit()?;
        Ok(())
    }

    /// Counts a document whose new bytes do not get into its place, and takes its journal back.
    fn give_up(&mut self, row: &RewriteRow, in_place: Option<&InPlace>, error: anyhow::Error) -> anyhow::Result<()> {
        if let Some(InPlace { journal, .. }) = in_place {
            self.catalog.forget_journal(row.id, journal)?;
        }
        self.rewritten.fail(&row.source, error, self.progress)
    }
}

impl Rewritten {
    /// Counts a document that could not be written, unless no other could be either.
    pub(super) fn fail(&mut self, source: &Path, error: anyhow::Error, progress: &Progress) -> anyhow::Result<()> {
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
    match in_place {
        Some(InPlace { read, .. }) => {
            read.still_at(source)?;
            replace::persist(temporary, destination)
        }
        None => replace::persist_within_folder(temporary, destination),
    }
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
