//! The last stage: catalog → edits → documents that point at local copies.

mod batches;
mod preparing;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use batches::{BATCH, Batches};
use tokio_util::sync::CancellationToken;

use super::collecting::Collecting;
use super::placement::{Links, Placement};
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, HeldReference, RewriteRow, Settled};
use crate::mirror::store::Durability;
use crate::progress::Progress;
use crate::rewrite::{Edit, RewritePlan, replacement};

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
        Batches::new(self, catalog, progress, stop).write(which)
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
}
