//! Parsing of whole pages, for those that a parser can be asked to read.

use std::collections::HashMap;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use scraper::Html;

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
    let mut emitter = DefaultEmitter::default();
    // What stands in scripts and styles is text.
    emitter.naively_switch_states(true);
    let mut open: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut depth = 0usize;
    for token in Tokenizer::new_with_emitter(text, emitter).flatten() {
        let is_foreign =
            || ["svg", "math"].iter().any(|name| open.get(name.as_bytes()).is_some_and(|count| *count > 0));
        match token {
            Token::StartTag(tag) => {
                // In HTML `<div/>` begins an element, in a drawing `<g/>` is one.
                let is_whole = has_no_end(&tag.name) || (tag.self_closing && is_foreign());
                if !is_whole {
                    *open.entry(tag.name.to_vec()).or_default() += 1;
                    depth += 1;
                }
            }
            Token::EndTag(tag) => {
                if let Some(count) = open.get_mut(&*tag.name).filter(|count| **count > 0) {
                    *count -= 1;
                    depth -= 1;
                }
            }
            // In a drawing, `style` and `title` hold markup, which this reader takes for text.
            Token::String(text) if is_foreign() => depth += memchr::memchr_iter(b'<', &text).count(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
