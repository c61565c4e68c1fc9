//! A local viewer: a mirror or a bundle in a browser of this machine.
//!
//! ```text
//! server ─ connections ─▶ guard ─ an Asked that may be answered ─▶ Site (library or bundle) ─ Reply ─▶ server
//! ```
//!
//! What is served is hostile, and so are the pages that other sites show in the same browser. So every answer has a
//! policy that lets it load nothing but pictures and styles from here and run nothing at all (`reply`); only who asks
//! for this server by a name of this machine gets an answer (`guard`); and nothing is ever written.

mod bundle;
mod guard;
mod library;
mod pages;
mod picture;
mod reply;
mod server;
mod shelf;

use std::path::Path;

use crate::mirror::Layout;
use crate::pipeline::Collecting;
use bundle::Bundle;
pub use bundle::Unfit;
use guard::Asked;
use library::Library;
use reply::Reply;
pub use server::{bind, serve};

/// What is looked at.
pub struct Site(Content);

enum Content {
    Mirror(Library),
    Bundle(Bundle),
}

impl Site {
    /// The mirror at `layout`. `collecting` says how what its documents refer to is led back to what is held.
    ///
    /// # Errors
    /// Its catalog cannot be read.
    pub fn of_mirror(layout: Layout, collecting: Collecting) -> anyhow::Result<Self> {
        Library::open(layout, collecting).map(|library| Site(Content::Mirror(library)))
    }

    /// A bundle as `imgmirror bundle` writes them: a folder, an archive of one, or a page.
    ///
    /// # Errors
    /// [`Unfit`] says what else opens it.
    pub fn of_bundle(path: &Path) -> Result<Self, Unfit> {
        Bundle::open(path).map(|bundle| Site(Content::Bundle(bundle)))
    }

    /// Blocks while files are read.
    fn answer(&self, asked: &Asked) -> anyhow::Result<Reply> {
        match &self.0 {
            Content::Mirror(library) => library.answer(asked),
            Content::Bundle(bundle) => bundle.answer(asked),
        }
    }
}
