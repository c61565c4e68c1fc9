//! Pictures in Markdown, with the exact place of every destination.
//!
//! CommonMark with tables, footnotes and strikethrough, as pulldown-cmark reads it, and on top of that what blogs add
//! to it (`prose`): sizes behind a destination, wiki embeds, attribute lists, tags of site generators. Nothing is
//! reported from code. HTML is handed on to the caller, joined where block quotes and lists break it up.
//!
//! Mathematics is not recognised: prices in dollars would hide pictures, and formulas hold none.

mod chunks;
mod definitions;
mod destination;
mod prose;
mod regions;
mod walk;

use std::collections::HashSet;

use crate::collect::{Reference, Sink};
use crate::text::Span;
use chunks::Piece;
use definitions::Definitions;
use regions::Regions;
use walk::Walk;

/// What a document gathers while it is read.
struct Gathered {
    found: Vec<Reference>,
    regions: Regions,
    /// The definitions that were used, by their place, and whether an image used them: what a definition says is
    /// looked at once, however often and however long it is.
    used: HashSet<(Span, bool)>,
}

/// What the Markdown collector has to know beside the text.
pub struct Reader<'a> {
    /// Says whether a URL names an image, all proxies taken off: such links count.
    pub names_image: &'a dyn Fn(&str) -> bool,
    /// Reports the pictures in a piece of HTML, with spans relative to it.
    pub html: &'a dyn Fn(&str, &mut Sink<'_>),
}

impl Reader<'_> {
    /// Reports the pictures in `text`, a body without front matter, in the order in which they stand.
    ///
    /// Slots: `md:image`; `md:definition`, reported once however many images use it; `md:link`; `md:attribute` and
    /// `md:tag`; and those of the HTML.
    ///
    /// The parser takes up to 64 bytes of memory a byte, so long documents are read in pieces of about a megabyte, cut
    /// where no construct can span the cut.
    pub fn collect(&self, text: &str, sink: &mut Sink<'_>) {
        let definitions = if chunks::is_long(text) { definitions::gather(text) } else { Definitions::default() };
        let mut gathered = Gathered { found: Vec::new(), regions: Regions::default(), used: HashSet::new() };
        chunks::each(text, &mut |piece| match piece {
            Piece::Markdown(span) => Walk::new(text, span, self, &definitions, &mut gathered).run(),
            Piece::Html(span) => {
                let found = &mut gathered.found;
                (self.html)(&text[span.start..span.end], &mut |mut reference| {
                    reference.span = reference.span.shifted(span.start);
                    found.push(reference);
                });
                None
            }
        });
        let Gathered { mut found, regions, .. } = gathered;
        found.sort_by_key(|reference| reference.span);
        found.dedup_by_key(|reference| reference.span);
        found.into_iter().filter(|reference| regions.shows(reference)).for_each(sink);
    }
}

#[cfg(test)]
mod tests;
