//! Where the destination of a link or an image stands (CommonMark 0.31, section 6.3).

use std::borrow::Cow;

use pulldown_cmark::CowStr;

use crate::collect::value::trimmed;
use crate::collect::{Layer, value};
use crate::text::Span;

/// The place of a destination that the parser has cut out of `text` without changing it.
pub(super) fn borrowed(text: &str, destination: &CowStr<'_>) -> Option<Span> {
    let CowStr::Borrowed(destination) = destination else { return None };
    let start = (destination.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    let end = start + destination.len();
    (text.get(start..end)? == *destination).then(|| trimmed(text, Span::new(start, end)))
}

/// The destination of the inline link that ends at `link_end` and whose text ends at or behind `text_end`.
pub(super) fn of_inline(text: &str, text_end: usize, link_end: usize) -> Option<Span> {
    let open = text.get(text_end..link_end)?.find("](")?;
    scan(text.get(..link_end)?, text_end + open + 2)
}

/// The destination of the definition at `definition`.
pub(super) fn of_definition(text: &str, definition: Span) -> Option<Span> {
    let inner = text.get(..definition.end)?;
    let label = inner[definition.start..].match_indices("]:").map(|(at, _)| definition.start + at);
    let end = label.into_iter().find(|at| !value::is_escaped(inner, *at))?;
    scan(inner, end + 2)
}

/// The destination at `at`, behind white space and, on a new line, the marks of block quotes.
fn scan(text: &str, at: usize) -> Option<Span> {
    let mut start = at;
    let mut new_line = false;
    for byte in text.get(at..)?.bytes() {
        new_line |= byte == b'\n';
        let skipped = byte.is_ascii_whitespace() || (new_line && byte == b'>');
        if !skipped {
            break;
        }
        start += 1;
    }
    let rest = text.get(start..)?;
    let angle = rest.starts_with('<');
    let mut escaped = false;
    let mut depth = 0usize;
    let end = rest.bytes().enumerate().skip(usize::from(angle)).find_map(|(at, byte)| {
        let over = match byte {
            _ if escaped => false,
            b'>' if angle => true,
            0..=b' ' => !angle,
            b'(' => {
                depth += 1;
                false
            }
            b')' if depth == 0 => !angle,
            b')' => {
                depth -= 1;
                false
            }
            _ => false,
        };
        escaped = byte == b'\\' && !escaped;
        over.then_some(at)
    });
    let end = start + end.unwrap_or(rest.len());
    Some(trimmed(text, Span::new(start + usize::from(angle), end)))
}

/// How the destination at `span` is written.
pub(super) fn layer(text: &str, span: Span) -> Layer {
    if text[..span.start].trim_end_matches([' ', '\t']).ends_with('<') {
        Layer::MarkdownAngle
    } else {
        Layer::MarkdownBare
    }
}

/// What a destination says: backslashes before punctuation and character references decoded.
pub(super) fn unescaped(raw: &str) -> Cow<'_, str> {
    if !raw.contains(['\\', '&']) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find(['\\', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next()).filter(char::is_ascii_punctuation);
        let taken = if let Some(punctuation) = escaped {
            out.push(punctuation);
            2
        } else if rest.starts_with('&') {
            // A reference needs its semicolon here, and none is longer.
            let name = rest.bytes().skip(1).take(33).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'#');
            let end = name.count() + 1;
            let end = if rest.as_bytes().get(end) == Some(&b';') { end + 1 } else { 1 };
            out.push_str(&htmlize::unescape(&rest[..end]));
            end
        } else {
            out.push('\\');
            1
        };
        rest = &rest[taken..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}
