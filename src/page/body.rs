//! From a document's text to the body of its page.

use super::collection::Entry;
use super::front::Front;
use super::lookup::Lookup;
use super::{Element, Node, Page};
use crate::document::Format;

/// Makes the page of a document.
pub fn page(entry: &Entry, front: Front, _format: Format, body: &str, _lookup: &Lookup<'_>) -> anyhow::Result<Page> {
    let stem = entry.name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Page {
        path: entry.name.clone(),
        title: front.title.unwrap_or(stem),
        author: front.author,
        date: front.date,
        language: front.language,
        site: entry.site().map(str::to_owned),
        cover: None,
        body: vec![Node::Element(Element::new("p").child(body))],
        missing: 0,
    })
}
