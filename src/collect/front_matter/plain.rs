//! The plainest YAML, which is what nearly all front matter is: a key and a value a line, and lists with a value a line.
//!
//! The parser of all of YAML takes several times as long, and most of that for what stands here in no line. Whatever is
//! not as plain as this is left to it, the whole block.

use super::finder::{Finder, Scalar};
use crate::collect::{Layer, Layers};
use crate::text::Span;

/// Longer keys are left to the parser, which takes the very long ones for a mistake.
const MAX_KEY: usize = 128;

/// Bytes of a block. Longer ones are left to the parser, which keeps no list of lines.
const MAX_BLOCK: usize = 64 << 10;

/// A line that says something.
enum Line {
    /// `key: value`
    Entry(Span, Written),
    /// `key:`, with a list behind it.
    List(Span),
    /// `- value`, and where the dash stands.
    Item(usize, Written),
}

/// A value without its quotes.
struct Written {
    span: Span,
    layer: Layer,
}

/// Reports the pictures of a block that is plain in every line. `false` when it is not: then nothing was reported.
pub(super) fn read(inner: &str, finder: &mut Finder<'_, '_>) -> bool {
    let Some(lines) = lines(inner) else { return false };
    let report = |finder: &mut Finder<'_, '_>, span: Span, layer| {
        finder.scalar(&Scalar { value: &inner[span.start..span.end], span, layers: Layers::of(layer) });
    };
    let mut in_list = false;
    finder.open(true);
    for line in lines {
        if in_list && !matches!(line, Line::Item(..)) {
            finder.close();
            in_list = false;
        }
        match line {
            Line::Entry(key, value) => {
                report(finder, key, Layer::YamlPlain);
                report(finder, value.span, value.layer);
            }
            Line::List(key) => {
                report(finder, key, Layer::YamlPlain);
                finder.open(false);
                in_list = true;
            }
            Line::Item(_, value) => report(finder, value.span, value.layer),
        }
    }
    if in_list {
        finder.close();
    }
    finder.close();
    true
}

/// The lines of a block, if all of them are plain and there are any.
fn lines(inner: &str) -> Option<Vec<Line>> {
    if inner.len() > MAX_BLOCK {
        return None;
    }
    // Some of these end a line or are refused; no plain block has them.
    let bytes = inner.as_bytes();
    let controls = bytes.iter().fold(false, |found, b| found | (b.is_ascii_control() && *b != b'\n'));
    let odd = |at: usize| {
        inner[at..].starts_with(|c| {
            matches!(c, '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        })
    };
    if controls || memchr::memchr3_iter(0xC2, 0xE2, 0xEF, bytes).any(odd) {
        return None;
    }
    let mut lines: Vec<Line> = Vec::with_capacity(16);
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', bytes).chain([inner.len()]) {
        let text = &inner[start..end];
        let content = text.trim_matches(' ');
        let indent = text.len() - text.trim_start_matches(' ').len();
        if !content.is_empty() {
            let next = line(content, start + indent, indent)?;
            let follows = match (lines.last(), &next) {
                (Some(Line::List(_)), Line::Item(..)) => true,
                (Some(Line::Item(above, _)), Line::Item(at, _)) => above == at,
                (None | Some(Line::Entry(..)), Line::Item(..)) | (Some(Line::List(_)), _) => false,
                _ => true,
            };
            if !follows {
                return None;
            }
            lines.push(next);
        }
        start = end + 1;
    }
    (!matches!(lines.last(), None | Some(Line::List(_)))).then_some(lines)
}

/// Reads one line, which begins at `start` in the block.
fn line(content: &str, start: usize, indent: usize) -> Option<Line> {
    if let Some(value) = content.strip_prefix("- ") {
        return Some(Line::Item(indent, written(value, start + 2)?));
    }
    let colon = memchr::memchr(b':', content.as_bytes())?;
    let key = &content[..colon];
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let named = key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.bytes().all(word) && colon <= MAX_KEY;
    if indent > 0 || !named {
        return None;
    }
    let key = Span::new(start, start + colon);
    match &content[colon + 1..] {
        "" => Some(Line::List(key)),
        value => Some(Line::Entry(key, written(value.strip_prefix(' ')?, start + colon + 2)?)),
    }
}

/// A value that stands in one line, quoted without escapes or plain without anything that could be more than text.
fn written(value: &str, start: usize) -> Option<Written> {
    let text = value.trim_start_matches(' ');
    let start = start + value.len() - text.len();
    let first = text.chars().next()?;
    if let '\'' | '"' = first {
        let inside = text.get(1..text.len() - 1)?;
        let whole = text.len() > 1 && text.ends_with(first) && !inside.contains(first);
        let escaped = first == '"' && inside.contains('\\');
        let layer = if first == '"' { Layer::YamlDouble } else { Layer::YamlSingle };
        let span = Span::new(start + 1, start + 1 + inside.len());
        return (whole && !escaped).then_some(Written { span, layer });
    }
    let bytes = text.as_bytes();
    let ends_key = |at: usize| matches!(bytes.get(at + 1), None | Some(b' '));
    let plain = (first.is_alphanumeric() || matches!(first, '/' | '.' | '_'))
        && !memchr::memchr_iter(b':', bytes).any(ends_key)
        && !memchr::memchr_iter(b'#', bytes).any(|at| bytes[at - 1] == b' ');
    plain.then_some(Written { span: Span::new(start, start + text.len()), layer: Layer::YamlPlain })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::collect::Reference;
    use crate::collect::front_matter::{Facts, Keys, yaml};
    use crate::collect::lazy::names_image;

    /// What a reader finds, and whether it read the block.
    fn found(inner: &str, read: impl Fn(&mut Finder<'_, '_>) -> bool) -> (Vec<Reference>, Facts, bool) {
        let mut references = Vec::new();
        let mut sink = |reference| references.push(reference);
        let keys = Keys::with(&["list".to_owned()]);
        let mut finder = Finder::new(inner, 0, &keys, &names_image, &mut sink);
        let is_read = read(&mut finder);
        let facts = finder.into_facts();
        (references, facts, is_read)
    }

    /// Whether a block is plain; if it is, the parser finds the same.
    fn is_plain(inner: &str) -> bool {
        let plain = found(inner, |finder| read(inner, finder));
        if plain.2 {
            let parsed = found(inner, |finder| {
                yaml::parse(inner, finder);
                true
            });
            assert_eq!(plain, parsed, "{inner:?}");
        }
        plain.2
    }

    #[test]
    fn plain_blocks_are_told_from_all_others() {
        for yes in [
            "title: 'a b'\nlist: \n - /a.jpg\n - 'b.jpg'\nheadimg: 'https://h.example/?http://h.example/a.jpg'\n",
            "cover: a.jpg\n\ndate: Wed, 30 Jun 2021 03:10:28 GMT\nlist:\n- \"/a.jpg\"\n- /图.jpg",
            "url: https://h.example/\ncover:   /a.jpg  \ntitle: 标题",
        ] {
            assert!(is_plain(yes), "{yes:?}");
        }
        for no in [
            "",
            "\n",
            "a",
            "- a",
            "a:",
            "a:b",
            "a: b\n c",
            "a: b\n- c",
            "a:\n - b\n  - c",
            "a: 'b''c'",
            "a: \"b\\n\"",
            "a: b # c",
            "a: #b",
            "a: b: c",
            "a: [b]",
            "a: &b c",
            "a: |\n b",
            "a:\n b: c",
            "a:\n - b: c",
            "a:\t- b",
            "a: b\r\n",
            "# a\nb: c",
            "a: '",
            "图: a",
        ] {
            assert!(!is_plain(no), "{no:?}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_finds_the_same(parts in proptest::collection::vec(part(), 0..12)) {
            is_plain(&parts.concat());
        }

        #[test]
        fn the_parser_finds_the_same_in_lines(lines in proptest::collection::vec(line_of_a_block(), 0..8)) {
            is_plain(&lines.concat());
        }
    }

    fn part() -> impl Strategy<Value = String> {
        let parts = [
            "cover",
            "list",
            "url",
            ":",
            ": ",
            " ",
            "  ",
            "\n",
            "\n",
            "- ",
            " - ",
            "-",
            "'",
            "\"",
            "/a.jpg",
            "http://h/a.jpg",
            "a",
            "b c",
            "#",
            " #",
            "\\",
            "[",
            "]",
            "{",
            "}",
            ",",
            "&",
            "*",
            "!",
            "|",
            ">",
            "%",
            "@",
            "`",
            "?",
            "? ",
            "---",
            "...",
            "~",
            "null",
            "1",
            "图",
            "\u{3000}",
            "\t",
            "\r",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "\0",
            "<<",
        ];
        proptest::sample::select(parts.to_vec()).prop_map(str::to_owned)
    }

    fn line_of_a_block() -> impl Strategy<Value = String> {
        let value = prop_oneof![
            "[ -~]{0,12}",
            "'[ -&(-~]{0,8}'",
            "\"[ -!#-~]{0,8}\"",
            "/[a-z:#, '\"]{0,8}\\.jpg",
            "https?://h[.:]example/[a-z:#%?&]{0,6}",
        ];
        let start = proptest::sample::select(vec![
            "cover: ",
            "list:\n - ",
            "list: \n- ",
            " - ",
            "- ",
            "",
            "title:",
            "a-b_1:  ",
        ]);
        (start, value, proptest::sample::select(vec!["\n", "\n\n", " \n", ""]))
            .prop_map(|(a, b, c)| format!("{a}{b}{c}"))
    }
}
