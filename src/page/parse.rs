//! Parsing of whole pages, for those that a parser can be asked to read.

use html5gum::{Token, Tokenizer};
use scraper::Html;

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
    let mut depth = 0usize;
    for token in Tokenizer::new(text).flatten() {
        match token {
            Token::StartTag(tag) if !tag.self_closing && !has_no_end(&tag.name) => depth += 1,
            Token::EndTag(tag) if !has_no_end(&tag.name) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return false;
        }
    }
    true
}

fn has_no_end(name: &[u8]) -> bool {
    WITHOUT_END.iter().any(|known| known.as_bytes() == name)
}
