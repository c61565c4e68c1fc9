//! Parsing of whole pages, for those that a parser can be asked to read.

use std::collections::HashMap;

use html5gum::Span;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use scraper::Html;

use crate::collect::html::paced;

/// Elements nested deeper than this are not given to the parser, whose time grows with the square of it. Browsers stop
/// at 512.
const MAX_NESTING: usize = 2000;

/// Elements that have no end, or that the parser ends by what comes next.
const WITHOUT_END: &[&str] = &[
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html", "image", "img",
    "input", "keygen", "li", "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead",
    "tr", "track", "wbr",
];

/// Parses a page; `None` when its elements nest too deeply.
pub fn document(text: &str) -> Option<Html> {
    is_readable(text).then(|| Html::parse_document(text))
}

/// Parses a piece of a page; `None` when its elements nest too deeply.
pub fn fragment(text: &str) -> Option<Html> {
    is_readable(text).then(|| Html::parse_fragment(text))
}

/// Counts, in doubt too much: how deep the parser would go is known only to the parser.
fn is_readable(text: &str) -> bool {
    let mut nesting = Nesting::default();
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| {
        nesting.event(&event);
        None
    });
    // What stands in scripts and styles is text.
    emitter.naively_switch_states(true);
    paced::tokenize(text, emitter);
    nesting.deepest <= MAX_NESTING
}

#[derive(Default)]
struct Nesting {
    /// How many elements of each name are open.
    open: HashMap<Vec<u8>, usize>,
    depth: usize,
    deepest: usize,
    /// The start tag that is being read.
    tag: Vec<u8>,
}

impl Nesting {
    fn event(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => self.tag = name.to_vec(),
            CallbackEvent::CloseStartTag { self_closing } => self.begins(*self_closing),
            CallbackEvent::EndTag { name } => {
                if let Some(count) = self.open.get_mut(*name).filter(|count| **count > 0) {
                    *count -= 1;
                    self.depth = self.depth.saturating_sub(1);
                }
            }
            // In a drawing, `style` and `title` hold markup, which this reader takes for text.
            CallbackEvent::String { value } if self.is_foreign() => {
                self.depth += memchr::memchr_iter(b'<', value).count();
            }
            _ => {}
        }
        self.deepest = self.deepest.max(self.depth);
    }

    fn begins(&mut self, self_closing: bool) {
        // In HTML `<div/>` begins an element, in a drawing `<g/>` is one.
        let is_whole = has_no_end(&self.tag) || (self_closing && self.is_foreign());
        if !is_whole {
            *self.open.entry(std::mem::take(&mut self.tag)).or_default() += 1;
            self.depth += 1;
        }
    }

    fn is_foreign(&self) -> bool {
        ["svg", "math"].iter().any(|name| self.open.get(name.as_bytes()).is_some_and(|count| *count > 0))
    }
}

fn has_no_end(name: &[u8]) -> bool {
    WITHOUT_END.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_may_have_any_number_of_attributes() {
        let attributes: String = (0..5_000).map(|number| format!(" data-{number}=\"x\"")).collect();
        assert!(is_readable(&format!("<p><img{attributes}>")));
    }

    #[test]
    fn nesting_is_counted_however_it_is_written() {
        for deep in ["<div>", "<div/>", "<div></x>", "<rt>", "<svg><style><b>", "<b><p>", "<svg></svg><div/>"] {
            assert!(!is_readable(&deep.repeat(3000)), "{deep}");
        }
        for flat in
            ["<p>", "<li>a", "<div></div>", "<svg><g/></svg>", "<script>if(a<b&&c>d)e();</script>", "<br>", "a < b "]
        {
            assert!(is_readable(&flat.repeat(9000)), "{flat}");
        }
    }
}
