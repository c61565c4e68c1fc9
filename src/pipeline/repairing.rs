//! Fetches again what a check found lost or corrupt, and writes the documents anew that need it.
//!
//! Nothing is thrown away, and nothing that is named is missing for a moment: a corrupt file is kept in trash/ and stays
//! where it is, until better bytes take its place or no document names it any more. The rest is the work of a run: the same
//! stages, for these assets and documents alone.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::fetching::{self, Plan};
use super::rewriting::Which;
use super::{Placement, Standing};
use crate::fetch::{self, HttpFetcher};
use crate::mirror::catalog::{Backlog, Catalog, DamagedBlob, Failed};
use crate::mirror::prune::mentions;
use crate::mirror::store::{self, Durability, LocalStore};
use crate::mirror::trash::Trash;
use crate::progress::{Phase, Progress};
use crate::sanitize;

/// Rows that are worked on together.
const BATCH: usize = 512;

/// A repair that is about to begin.
pub struct Repairing<'a> {
    pub standing: &'a Standing,
    pub fetch: &'a fetch::Options,
    pub progress: &'a Progress,
    pub stop: &'a CancellationToken,
}

/// What a repair did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Repaired {
    /// Damaged pictures whose bytes are back.
    pub blobs: u64,
    /// Damaged pictures whose bytes could not be had again.
    pub lost: u64,
    /// Documents that were written anew.
    pub documents: u64,
    /// Documents that could not be.
    pub failed: u64,
    pub requests: u64,
    /// Where files are that were moved out of the way, if there are any.
    pub trash: Option<PathBuf>,
}

impl Repairing<'_> {
    /// Repairs what the last check of this connection listed as damaged.
    ///
    /// # Errors
    /// The folder of the pictures is not there at all; what would keep a run from going on.
    pub async fn repair(self, catalog: Catalog) -> anyhow::Result<(Catalog, Repaired)> {
        let assets = &self.standing.assets;
        anyhow::ensure!(
            assets.is_dir() || catalog.damaged_blobs("", 1)?.is_empty(),
            "the folder of the pictures, {}, is not there; if it lies on a disk that is not mounted, mount it; if it is lost for \
             good, make an empty one and run this again",
            sanitize::path(assets)
        );
        let run = catalog.begin_repair()?;
        let mut repaired = Repaired::default();
        let trash = Trash::new(self.standing.layout(), Timestamp::now().to_zoned(TimeZone::UTC).date());
        self.copy_aside_documents(&catalog, &trash, &mut repaired)?;
        self.copy_aside_blobs(&catalog, &trash)?;
        catalog.forget_damaged(run)?;
        let catalog = self.fetch(catalog, run, &mut repaired).await?;
        self.rewrite(&catalog, &mut repaired)?;
        self.settle_blobs(&catalog, &trash, &mut repaired)?;
        catalog.no_longer_wanted()?;
        catalog.finish_run(run, &serde_json::to_string(&repaired)?)?;
        Ok((catalog, repaired))
    }

    /// Keeps a copy of every document that somebody changed, since it will be written anew.
    fn copy_aside_documents(&self, catalog: &Catalog, trash: &Trash, repaired: &mut Repaired) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let rows = catalog.damaged_documents(after, BATCH)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            for row in rows.iter().filter(|row| row.path.is_relative()) {
                let file = self.standing.layout().documents().join(&row.path);
                if file.is_file() {
                    trash.copy_document(&file, &row.path)?;
                    repaired.trash = Some(trash.folder());
                }
            }
        }
    }

    /// Keeps a copy of what lies under the names of damaged blobs. It is left there as well: a picture with a wrong bit is
    /// better than none, for as long as there is no better one.
    fn copy_aside_blobs(&self, catalog: &Catalog, trash: &Trash) -> anyhow::Result<()> {
        each_damaged(catalog, |blob| {
            let file = self.standing.assets.join(&blob.name);
            if file.symlink_metadata().is_err() {
                return Ok(());
            }
            let place = trash.keep_damaged(&file, &blob.name)?;
            catalog.set_aside(&blob.name, &place.to_string_lossy())?;
            Ok(())
        })
    }

    async fn fetch(&self, catalog: Catalog, run: i64, repaired: &mut Repaired) -> anyhow::Result<Catalog> {
        let tmp = self.standing.layout().tmp();
        store::sweep(&tmp)?;
        let store = LocalStore::with_tmp_within_reach(&self.standing.assets, &tmp, Durability::Batch);
        store.sweep_tmp()?;
        self.progress.phase(Phase::Fetching);
        let plan = Plan {
            run,
            backlog: Backlog { failed: Failed::All, ..Backlog::default() },
            options: self.fetch.clone(),
            credentials: HashMap::new(),
            progress: self.progress,
            stop: self.stop.clone(),
        };
        let fetcher = Arc::new(HttpFetcher::new(self.fetch)?);
        let (catalog, fetched) = fetching::fetch(fetcher, Arc::new(store), catalog, plan).await?;
        repaired.requests = fetched.requests;
        Ok(catalog)
    }

    /// Writes the damaged documents anew. Documents that were edited in place are their owner's: they stay.
    fn rewrite(&self, catalog: &Catalog, repaired: &mut Repaired) -> anyhow::Result<()> {
        if self.standing.placement != Placement::Mirror {
            return Ok(());
        }
        self.progress.phase(Phase::Rewriting);
        let rewritten = self.standing.rewriting().rewrite(catalog, Which::Damaged, self.progress, self.stop)?;
        (repaired.documents, repaired.failed) = (rewritten.written, rewritten.failed);
        Ok(())
    }

    /// Removes the corrupt files that could not be had again and that no document names any more. What is gone for good
    /// is taken out of the catalog.
    fn settle_blobs(&self, catalog: &Catalog, trash: &Trash, repaired: &mut Repaired) -> anyhow::Result<()> {
        catalog.list_still_named()?;
        self.find_still_named(catalog)?;
        each_damaged(catalog, |blob| {
            let file = self.standing.assets.join(&blob.name);
            let is_back = store::is_whole(&file, blob.digest);
            repaired.blobs += u64::from(is_back);
            repaired.lost += u64::from(!is_back);
            let is_there = file.symlink_metadata().is_ok();
            if !is_back && is_there && (self.stop.is_cancelled() || catalog.is_still_named(blob.digest)?) {
                // It is not replaced.
                return Ok(blob.aside.as_deref().map_or(Ok(()), |aside| trash.forget(Path::new(aside)))?);
            }
            if blob.aside.is_some() {
                repaired.trash = Some(trash.folder());
                if !is_back && is_there {
                    fs::remove_file(&file).with_context(|| format!("removing {}", sanitize::path(&file)))?;
                }
            }
            // Only a folder that is empty now goes.
            let _ = file.parent().map(fs::remove_dir);
            Ok(())
        })?;
        if !self.stop.is_cancelled() {
            catalog.give_up_blobs()?;
        }
        Ok(())
    }

    /// Reads every document for the damaged blobs that its text names, whatever the catalog knows of it: its source may be
    /// gone, or somebody may have edited it.
    fn find_still_named(&self, catalog: &Catalog) -> anyhow::Result<()> {
        if self.stop.is_cancelled() || catalog.damaged_blobs("", 1)?.is_empty() {
            return Ok(());
        }
        catalog.document_sources(&mut |document| {
            let mirrored = || self.standing.layout().documents().join(&document.path);
            let file = if document.is_in_place() { document.source.clone() } else { mirrored() };
            match mentions::in_file(&file, &mut |digest| catalog.is_named(&digest.into())) {
                Ok(()) => Ok(()),
                // What cannot be read may name any of them. The check after the repair tells of it.
                Err(_) => catalog.are_all_named(),
            }
        })?;
        Ok(())
    }
}

/// Calls `each` for every damaged blob, and writes down what it says of them.
fn each_damaged(catalog: &Catalog, mut each: impl FnMut(&DamagedBlob) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let blobs = catalog.damaged_blobs(&after, BATCH)?;
        let Some(last) = blobs.last() else { return Ok(()) };
        after.clone_from(&last.name);
        catalog.begin()?;
        blobs.iter().try_for_each(&mut each)?;
        catalog.commit()?;
    }
}
