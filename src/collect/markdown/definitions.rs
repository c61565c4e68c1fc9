//! Link reference definitions (`[label]: destination`).

use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{CowStr, Parser};

use super::chunks::{self, Piece};
use super::{destination, walk};
use crate::collect::Layer;
use crate::text::Span;

/// More definitions than this are not followed across a long document.
const MAX_DEFINITIONS: usize = 100_000;

/// A destination and how it is written. The span is relative to the whole text.
pub(super) struct Definition {
    pub(super) span: Span,
    pub(super) url: String,
    pub(super) layer: Layer,
}

impl Definition {
    /// The definition of `destination` at `range` in `chunk`, which begins `base` bytes from the start of the text.
    pub(super) fn locate(chunk: &str, base: usize, destination: &CowStr<'_>, range: &Range<usize>) -> Option<Self> {
        let span = destination::borrowed(chunk, destination)
            .or_else(|| destination::of_definition(chunk, Span::new(range.start, range.end)))?;
        let layer = destination::layer(chunk, span);
        Some(Definition { span: span.shifted(base), url: destination.to_string(), layer })
    }
}

/// The definitions of a long document, for the chunks that do not hold them themselves.
#[derive(Default)]
pub(super) struct Definitions {
    by_label: HashMap<String, Definition>,
}

impl Definitions {
    pub(super) fn is_empty(&self) -> bool {
        self.by_label.is_empty()
    }

    pub(super) fn get(&self, label: &str) -> Option<&Definition> {
        self.by_label.get(&comparable(label))
    }
}

/// Labels match without regard to case and to the amount of white space (CommonMark 0.31, section 4.7).
fn comparable(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Collects the definitions of `text`. The first one of a label counts.
pub(super) fn gather(text: &str) -> Definitions {
    let mut definitions = Definitions::default();
    chunks::each(text, &mut |piece| {
        let Piece::Markdown(span) = piece else { return None };
        let chunk = &text[span.start..span.end];
        let parser = Parser::new_ext(chunk, walk::OPTIONS);
        let mut here: Vec<_> = parser.reference_definitions().iter().collect();
        here.sort_by_key(|(_, definition)| definition.span.start);
        for (label, definition) in here {
            if definitions.by_label.len() < MAX_DEFINITIONS
                && let Some(definition) = Definition::locate(chunk, span.start, &definition.dest, &definition.span)
            {
                definitions.by_label.entry(comparable(label)).or_insert(definition);
            }
        }
        parser
            .into_offset_iter()
            .find_map(|(event, range)| walk::unfinished(text, span, &event, Span::new(range.start, range.end)))
    });
    definitions
}
