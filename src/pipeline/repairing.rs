//! Fetches again what a check found lost or corrupt, and writes the documents anew that need it.
//!
//! Nothing is thrown away: a corrupt file is moved to trash/, and comes back when its picture cannot be had again and a
//! document goes on naming it. The rest is the work of a run: the same stages, for these assets and documents alone.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::fetching::{self, Plan};
use super::rewriting::Which;
use super::{Placement, Standing};
use crate::fetch::{self, HttpFetcher};
use crate::mirror::catalog::{Backlog, Catalog, DamagedBlob, Failed};
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
        let run = catalog.begin_run()?;
        let mut repaired = Repaired::default();
        let trash = Trash::new(self.standing.layout(), Timestamp::now().to_zoned(TimeZone::UTC).date());
        self.copy_aside_documents(&catalog, &trash, &mut repaired)?;
        self.set_aside_blobs(&catalog, &trash, &mut repaired)?;
        catalog.forget_damaged(run)?;
        let catalog = self.fetch(catalog, run, &mut repaired).await?;
        self.rewrite(&catalog, &mut repaired)?;
        self.settle_blobs(&catalog, &trash, &mut repaired)?;
        catalog.no_longer_wanted(run)?;
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

    /// Moves what lies under the names of damaged blobs out of the way.
    fn set_aside_blobs(&self, catalog: &Catalog, trash: &Trash, repaired: &mut Repaired) -> anyhow::Result<()> {
        each_damaged(catalog, |blob| {
            let file = self.standing.assets.join(&blob.name);
            if file.symlink_metadata().is_err() {
                return Ok(());
            }
            match trash.take_damaged(&file, &blob.name) {
                Ok(place) => {
                    catalog.set_aside(&blob.name, &place.to_string_lossy())?;
                    repaired.trash = Some(trash.folder());
                }
                Err(error) => {
                    self.progress.warn(&sanitize::for_terminal(&error.to_string()));
                    catalog.no_longer_damaged(&blob.name)?;
                }
            }
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

    /// Puts corrupt files back that a document still names and that could not be had again: a picture with a wrong bit
    /// is better than none. What is gone for good is taken out of the catalog.
    fn settle_blobs(&self, catalog: &Catalog, trash: &Trash, repaired: &mut Repaired) -> anyhow::Result<()> {
        catalog.list_still_named()?;
        each_damaged(catalog, |blob| {
            let file = self.standing.assets.join(&blob.name);
            if file.is_file() {
                repaired.blobs += 1;
                return Ok(());
            }
            repaired.lost += 1;
            match &blob.aside {
                Some(aside) if self.stop.is_cancelled() || catalog.is_still_named(blob.digest)? => {
                    trash.put_back(Path::new(aside), &file)?;
                }
                // Only a folder that is empty now goes.
                _ => {
                    let _ = file.parent().map(fs::remove_dir);
                }
            }
            Ok(())
        })?;
        if !self.stop.is_cancelled() {
            catalog.give_up_blobs()?;
        }
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
