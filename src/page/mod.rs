//! A document as a page that can be read anywhere, and that lets nothing out.
//!
//! A page is not the document with things taken out: it is built anew from what a document says, with elements and
//! attributes from closed lists, and with pictures that are held. See [`node`] for why nothing else can be asked for.
//!
//! Used by [`crate::bundle`] for every format, and by `serve`.

mod attributes;
mod body;
mod cards;
mod clean;
mod collection;
mod elements;
mod front;
mod lookup;
mod markdown;
mod models;
pub mod node;
mod parse;
mod pictures;
pub mod shell;
pub mod svg;

use std::path::PathBuf;

pub use collection::{Collection, Entry};
pub use node::{Bytes, Element, Links, Node, Picture, Value};

/// A document, ready to be written as a page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The document's path, as the catalog has it below documents/.
    pub path: PathBuf,
    /// Never empty: the file's name where the document has no title.
    pub title: String,
    pub author: Option<String>,
    /// The day (`2021-06-30`), else as the document writes it.
    pub date: Option<String>,
    /// A language tag (BCP 47), where the document names one or its script tells.
    pub language: Option<String>,
    /// The picture that stands for the article.
    pub cover: Option<Picture>,
    pub body: Vec<Node>,
    /// Pictures that should be on the page and are not held.
    pub missing: u64,
}

impl Page {
    /// Calls `each` for every picture of the page, as often as it is named.
    pub fn pictures(&self, each: &mut dyn FnMut(&Picture)) {
        self.cover.iter().for_each(&mut *each);
        in_nodes(&self.body, each);
    }
}

fn in_nodes(nodes: &[Node], each: &mut dyn FnMut(&Picture)) {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Element(element) => {
                element.attributes.iter().for_each(|(_, value)| value.pictures(each));
                in_nodes(&element.children, each);
            }
        }
    }
}

#[cfg(test)]
mod tests;
