//! From a mirror to bundles: the one place where documents, pages, formats and places are joined.

use std::collections::HashSet;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use tokio_util::sync::CancellationToken;

use super::epub::Epub;
use super::names::Names;
use super::one_file::{Neighbours, OneFile};
use super::pages::Pages;
use super::place::{Place, Shape, measure};
use super::tree::{Archive, Folder};
use super::verify::{MAX_PAGE, verify};
use super::wacz::Wacz;
use super::{Bundle, Facts, Format};
use crate::mirror::digest::Digest;
use crate::page::{Collection, Entry, Page};
use crate::progress::{Phase, Progress};
use crate::report::proven;

/// Documents that are read from the catalog at a time.
const BATCH: usize = 500;

/// How documents are divided among bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Division {
    /// All in one.
    Together,
    /// Each in one of its own, in a folder.
    Each,
}

/// What bundles are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Title {
    /// Each this.
    Given(String),
    /// One of many documents this, one of a single document as that is.
    Derived(String),
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Order {
    pub format: Format,
    pub to: PathBuf,
    pub division: Division,
    /// The largest bundle; bytes.
    pub max_size: Option<u64>,
    pub title: Title,
    /// See [`Facts::date`].
    pub date: jiff::Timestamp,
}

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Made {
    pub documents: u64,
    /// Different ones.
    pub pictures: u64,
    /// Pictures that are not held, each time that one should be seen.
    pub missing: u64,
    pub bundles: u64,
    pub files: u64,
    pub bytes: u64,
}

/// A collection, about to be bundled. Memory holds one page, and of all documents and pictures what their bundle keeps
/// of each (`Names`, `Pages`) and 32 bytes a picture to count them.
pub struct Making<'a> {
    pub collection: &'a Collection,
    pub order: &'a Order,
    pub progress: &'a Progress,
    /// Ends the work between two documents.
    pub stop: &'a CancellationToken,
}

impl Making<'_> {
    /// Makes the bundles. `None` when it was stopped: then the one that was being written is not there.
    ///
    /// # Errors
    /// A document cannot be read, a picture is not what the mirror has on record, a place cannot be written to. What was
    /// finished before is there.
    pub fn run(&self) -> anyhow::Result<Option<Made>> {
        let documents = self.collection.count()?;
        ensure!(documents > 0, "there is no document to bundle; `imgmirror sync FOLDER` mirrors some");
        self.progress.phase(Phase::Bundling);
        self.progress.documents(documents);
        match self.order.division {
            Division::Together if self.order.format == Format::Html && documents > 1 => {
                bail!("an html bundle holds one document, and there are {documents}: name a folder with --to")
            }
            Division::Together => self.together(),
            Division::Each => self.each(),
        }
    }

    fn together(&self) -> anyhow::Result<Option<Made>> {
        let Order { format, to, .. } = self.order;
        let (mut made, mut seen) = (Made::default(), HashSet::new());
        let place = Place::take(to, format.shape())?;
        let names = Names::of(self.collection, ".html")?;
        let mut bundle = self.open(&place, &self.facts(None), names, Neighbours::None)?;
        let whole = self.documents(&mut |_, page| {
            made.count(page, &mut seen);
            bundle.add(page)
        })?;
        if !whole {
            return Ok(None);
        }
        made.end(bundle, place, self.order.max_page())?;
        Ok(Some(made))
    }

    fn each(&self) -> anyhow::Result<Option<Made>> {
        let Order { format, to, .. } = self.order;
        let mut names = Names::of(self.collection, format.extension())?;
        let (mut made, mut seen) = (Made::default(), HashSet::new());
        let whole = self.documents(&mut |entry, page| {
            made.count(page, &mut seen);
            let own = names.give(&entry.name);
            let place = Place::take(&to.join(&own), format.shape())?;
            let neighbours = Neighbours::Named { names: &names, own: &own };
            let within = Names::of_one(&entry.name);
            let mut bundle = self.open(&place, &self.facts(Some(page)), within, neighbours)?;
            bundle.add(page)?;
            made.end(bundle, place, self.order.max_page())
        })?;
        Ok(whole.then_some(made))
    }

    /// Calls `each` for every document, in the order of their names. False when it was stopped.
    pub(super) fn documents(&self, each: &mut dyn FnMut(&Entry, &Page) -> anyhow::Result<()>) -> anyhow::Result<bool> {
        let mut entries = self.collection.entries(None, BATCH)?;
        while let Some(last) = entries.last() {
            for entry in &entries {
                if self.stop.is_cancelled() {
                    return Ok(false);
                }
                each(entry, &self.collection.page(entry)?)?;
                self.progress.document_done();
            }
            entries = self.collection.entries(Some(last), BATCH)?;
        }
        Ok(true)
    }

    pub(super) fn facts(&self, only: Option<&Page>) -> Facts {
        let title = match (&self.order.title, only) {
            (Title::Derived(_), Some(page)) => &page.title,
            (Title::Given(title) | Title::Derived(title), _) => title,
        };
        Facts { title: title.clone(), date: self.order.date }
    }

    /// A bundle that is written to the place. `names` are those within it.
    fn open<'n>(
        &'n self,
        place: &Place,
        facts: &Facts,
        names: Names,
        neighbours: Neighbours<'n>,
    ) -> anyhow::Result<Box<dyn Bundle + 'n>> {
        let path = place.path();
        Ok(match self.order.format {
            Format::Dir => Box::new(Pages::new(Box::new(Folder::new(&path, facts.date)), facts, names)),
            Format::Zip => Box::new(Pages::new(Box::new(Archive::create(&path, facts.date)?), facts, names)),
            Format::Html => Box::new(OneFile::create(&path, neighbours)?),
            Format::Epub => Box::new(Epub::create(&path, facts, names)?),
            Format::Wacz => Box::new(Wacz::create(&path, facts, names, self.collection)?),
        })
    }
}

impl Order {
    /// The largest page that is read to prove a bundle; bytes. Pages of other formats are no larger than what was held
    /// to write them.
    fn max_page(&self) -> u64 {
        match self.format {
            Format::Html => self.max_size.unwrap_or(MAX_PAGE),
            Format::Dir | Format::Zip | Format::Epub | Format::Wacz => u64::MAX,
        }
    }
}

impl Made {
    fn count(&mut self, page: &Page, seen: &mut HashSet<Digest>) {
        page.pictures(&mut |picture| self.pictures += u64::from(seen.insert(picture.held)));
        self.documents += 1;
        self.missing += page.missing;
    }

    /// Ends a bundle, proves it, and gives it its place.
    fn end(&mut self, bundle: Box<dyn Bundle + '_>, place: Place, max_page: u64) -> anyhow::Result<()> {
        bundle.finish()?;
        let verdict = verify(&place.path(), max_page)?;
        ensure!(
            verdict.is_proven(),
            "the bundle did not pass its proof, and was not written: {}. This is a defect of imgmirror",
            proven::in_short(&verdict)
        );
        let (files, bytes) = measure(&place.path())?;
        place.settle()?;
        self.bundles += 1;
        self.files += files;
        self.bytes += bytes;
        Ok(())
    }
}

impl Format {
    fn shape(self) -> Shape {
        match self {
            Format::Dir => Shape::Folder,
            Format::Html | Format::Zip | Format::Epub | Format::Wacz => Shape::File,
        }
    }

    /// Whether a run that reads the folder where such a bundle lies would take it for documents.
    pub fn is_read_as_documents(self) -> bool {
        matches!(self, Format::Dir | Format::Html)
    }

    /// As it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Dir => "dir",
            Format::Html => "html",
            Format::Zip => "zip",
            Format::Epub => "epub",
            Format::Wacz => "wacz",
        }
    }

    /// What a bundle's name ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Dir => "",
            Format::Html => ".html",
            Format::Zip => ".zip",
            Format::Epub => ".epub",
            Format::Wacz => ".wacz",
        }
    }
}
