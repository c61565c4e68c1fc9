//! Parsing of whole pages, for those that a parser can be asked to read.

use html5gum::Span;
use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use scraper::Html;

use crate::collect::html::paced;

/// Elements nested deeper than this are not given to the parser, whose time grows with the square of it. Browsers stop
/// at 512.
const MAX_NESTING: usize = 2000;

/// Elements that have no end, or whose end follows from what comes next.
const WITHOUT_END: &[&str] = &[
    "area", "base", "body", "br", "col", "colgroup", "dd", "dt", "embed", "head", "hr", "html", "image", "img",
    "input", "keygen", "li", "link", "meta", "optgroup", "option", "p", "param", "rp", "rt", "source", "tbody", "td",
    "tfoot", "th", "thead", "tr", "track", "wbr",
];

/// Parses a page; `None` when its elements nest too deeply.
pub fn document(text: &str) -> Option<Html> {
    is_readable(text).then(|| Html::parse_document(text))
}

/// Parses a piece of a page; `None` when its elements nest too deeply.
pub fn fragment(text: &str) -> Option<Html> {
    is_readable(text).then(|| Html::parse_fragment(text))
}

fn is_readable(text: &str) -> bool {
    let (mut depth, mut deepest, mut opens) = (0usize, 0usize, false);
    let count = |event: CallbackEvent<'_>, _: Span<()>| {
        match event {
            CallbackEvent::OpenStartTag { name } => opens = !has_no_end(name),
            CallbackEvent::CloseStartTag { self_closing } if opens && !self_closing => depth += 1,
            CallbackEvent::EndTag { name } if !has_no_end(name) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
        None
    };
    paced::tokenize(text, CallbackEmitter::new(count));
    deepest <= MAX_NESTING
}

fn has_no_end(name: &[u8]) -> bool {
    WITHOUT_END.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_however_many_attributes_a_tag_has_but_not_however_deep() {
        let attributes: String = (0..5_000).map(|number| format!(" data-{number}=\"x\"")).collect();
        assert!(is_readable(&format!("<p><img{attributes}>")));
        assert!(is_readable(&["<div>".repeat(MAX_NESTING), "<br><p>".repeat(9)].concat()));
        assert!(is_readable(&"<div></div><svg/>".repeat(2 * MAX_NESTING)));
        assert!(!is_readable(&"<div>".repeat(MAX_NESTING + 1)));
    }
}
