//! Bundles: articles with every picture, for readers without a network.
//!
//! A bundle is written from [`Page`]s, one after another in the order of their names, so that memory holds one page
//! and not the collection. Nothing in it depends on when or where it was made: the same mirror gives the same bytes.

mod cdxj;
pub mod date;
mod epub;
mod index;
mod making;
mod names;
mod one_file;
mod packing;
mod pages;
mod place;
mod plan;
mod surt;
mod tree;
pub mod verify;
mod wacz;
mod warc;

pub use making::{Division, Made, Making, Order, Title};
pub use place::refuse_within;
pub use plan::Plan;

use crate::page::Page;

/// What a bundle is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A folder of pages and pictures with an index.
    Dir,
    /// One self-contained page per document.
    Html,
    /// The folder as a ZIP archive.
    Zip,
    /// EPUB 3, one chapter per document.
    Epub,
    /// Web archive: WARC 1.1 in WACZ 1.1.1.
    Wacz,
}

/// What is said of a bundle as a whole.
#[derive(Debug, Clone)]
pub struct Facts {
    pub title: String,
    /// What stands as the date of everything in it: SOURCE_DATE_EPOCH, else when the newest capture was made.
    pub date: jiff::Timestamp,
}

/// A bundle that is being written.
pub trait Bundle {
    /// Adds a document.
    fn add(&mut self, page: &Page) -> anyhow::Result<()>;

    /// Writes what stands at the end. Without it nothing is at the place that the bundle was to have.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}
