//! How a mirror was last synced, for the commands that work on it afterwards.

use std::io;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::placement::normal;
use super::rewriting::Rewriting;
use super::{Collecting, Links, MissingPolicy, Placement, SlotFilter, recording};
use crate::collect::Collector;
use crate::input::{self, Gitignore, Input, Results};
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, Documents, PlacementRow, RewriteRow};
use crate::mirror::store::Durability;
use crate::progress::Progress;
use crate::proxy::Rules;

/// What the catalog remembers of the last `sync`, as the stages take it.
#[derive(Debug)]
pub struct Standing {
    layout: Layout,
    row: PlacementRow,
    pub placement: Placement,
    /// The folder of the blobs.
    pub assets: PathBuf,
    pub links: Links,
    /// What links to blobs begin with, where they are not relative.
    pub link_base: Option<String>,
    pub missing: MissingPolicy,
    collecting: Collecting,
}

impl Standing {
    /// A catalog that does not remember is taken for that of a mirror with relative links.
    pub fn of(catalog: &Catalog, layout: &Layout) -> anyhow::Result<Self> {
        let missing = catalog.missing_policy()?.as_deref().and_then(MissingPolicy::from_word);
        let row = catalog.placement()?.unwrap_or_else(|| of_a_mirror(layout));
        Ok(Self::new(row, missing.unwrap_or(MissingPolicy::Keep), layout))
    }

    /// What can be read of it from a catalog that is damaged.
    pub fn salvaged(layout: &Layout) -> Self {
        let row = Catalog::salvage_placement(&layout.catalog()).unwrap_or_else(|| of_a_mirror(layout));
        Self::new(row, MissingPolicy::Keep, layout)
    }

    fn new(row: PlacementRow, missing: MissingPolicy, layout: &Layout) -> Self {
        let assets = row.assets(layout);
        let (placement, relative) = match row.documents {
            Documents::Mirror => (Placement::Mirror, Links::WithinMirror),
            Documents::InPlace => (Placement::InPlace { assets: assets.clone() }, Links::To(normal(&assets))),
        };
        Standing {
            layout: layout.clone(),
            placement,
            assets,
            links: row.link_base.clone().map_or(relative, Links::Prefix),
            link_base: row.link_base.clone(),
            missing,
            collecting: Collecting {
                rules: Rules::builtin(),
                collector: Collector::new(&[], Vec::new()),
                base_url: None,
                slots: SlotFilter::default(),
                // What a run took in is read again, whatever its size.
                max_document: u64::MAX,
                link_base: row.link_base.clone(),
            },
            row,
        }
    }

    /// Whether a document was last written as it would be written now.
    pub fn is_up_to_date(&self, catalog: &Catalog, row: &RewriteRow) -> anyhow::Result<bool> {
        self.rewriting().is_up_to_date(catalog, row)
    }

    pub(super) fn rewriting(&self) -> Rewriting<'_> {
        Rewriting {
            collecting: &self.collecting,
            layout: &self.layout,
            placement: &self.placement,
            links: &self.links,
            missing: self.missing,
            durability: Durability::Batch,
        }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Records in a new catalog how the mirror stands, and what the mirrored documents themselves tell: which blobs they
    /// name, and what they miss. Returns how many documents were read.
    pub fn record_mirrored(
        &self,
        catalog: &Catalog,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> anyhow::Result<u64> {
        catalog.remember_placement(&self.row)?;
        let documents = self.layout.documents();
        if !documents.is_dir() {
            return Ok(0);
        }
        let options = input::Options {
            results: Results::Copies,
            max_document: u64::MAX,
            gitignore: Gitignore::Disregarded,
            outputs: Vec::new(),
            list: Box::new(io::empty()),
        };
        let found = input::discover(&[Input::Path(documents)], options)?;
        let run = catalog.begin_run()?;
        // The copies themselves are what is read here.
        let places = &recording::Places { placement: &Placement::Mirror, copies: None };
        let recorded = recording::record(&self.collecting, places, found, catalog, run, progress, stop)?;
        catalog.finish_run(run, "{}")?;
        Ok(recorded.read)
    }
}

fn of_a_mirror(layout: &Layout) -> PlacementRow {
    PlacementRow { documents: Documents::Mirror, assets: layout.assets(), link_base: None }
}
