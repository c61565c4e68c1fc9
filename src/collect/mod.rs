//! Finds every picture that a document refers to.
//!
//! A collector reports *where* a URL stands (a span), *what* it says (decoded) and *how* it is written (its slot and
//! the layers of escaping around it). It resolves nothing, fetches nothing and changes nothing: [`crate::target`] turns
//! what was written into what to ask for, [`crate::rewrite`] splices what is held into the same spans.

pub mod css;
pub mod escape;
pub mod front_matter;
pub mod html;
pub mod lazy;
pub mod markdown;
mod page;
pub mod srcset;
#[cfg(test)]
pub(crate) mod test_urls;
pub mod value;

use std::borrow::Cow;
use std::fmt;

use crate::text::{OffsetMap, Span};
pub use escape::{Layer, Layers};
pub use page::{Collector, Page};

/// The syntactic place of a reference: `img@src`, `front:headimg`, `md:image`, `css:url`.
///
/// HTML slots are `element@attribute` in lower case; a CSS value inside an attribute keeps the attribute's slot
/// (`div@style`). Front-matter slots are `front:` and the path of keys joined by dots, list positions left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Slot(Cow<'static, str>);

impl Slot {
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Slot(name.into())
    }

    pub fn attribute(element: &str, attribute: &str) -> Self {
        // Nearly all references of nearly all documents, without a copy for each.
        Slot(match (element, attribute) {
            ("img", "src") => Cow::Borrowed("img@src"),
            ("img", "srcset") => Cow::Borrowed("img@srcset"),
            ("img", "data-src") => Cow::Borrowed("img@data-src"),
            ("img", "data-original") => Cow::Borrowed("img@data-original"),
            ("a", "href") => Cow::Borrowed("a@href"),
            _ => Cow::Owned([element, "@", attribute].concat()),
        })
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One image URL as written at one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where the raw text stands: byte offsets into the text that the collector was given, and, once
    /// [`crate::document`] has led it back, into the file on disk.
    pub span: Span,
    pub slot: Slot,
    /// What is written there, decoded and trimmed of white space; not resolved, not peeled.
    pub url: String,
    /// How a replacement must be escaped.
    pub layers: Layers,
}

/// Takes references one at a time, so that a document with a million of them needs no list.
pub type Sink<'s> = dyn FnMut(Reference) + 's;

/// Hands references found in an inner text on to `sink`, led back through `map`, then moved by `offset`, with
/// `outer` added around their layers. References nested deeper than [`Layers::MAX`] are dropped.
pub fn nested<'s>(
    map: &'s OffsetMap,
    offset: usize,
    outer: Layers,
    sink: &'s mut Sink<'_>,
) -> impl FnMut(Reference) + 's {
    move |mut reference| {
        if let Some(layers) = reference.layers.inside(outer) {
            reference.layers = layers;
            reference.span = map.span(reference.span).shifted(offset);
            sink(reference);
        }
    }
}
