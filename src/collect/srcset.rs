//! The candidates of a `srcset` attribute.
//!
//! WHATWG HTML, "parse a srcset attribute", as far as it decides where a URL begins and ends. Which candidate a browser
//! would take is no question here: one with descriptors that mean nothing is refused by browsers but still names a
//! picture, so it is reported like the others. Descriptors and `sizes` are never part of a span.

use crate::text::Span;

/// The ranges of the URLs in `value`, a decoded attribute value, in order; never empty, never overlapping.
pub fn candidates(value: &str) -> impl Iterator<Item = Span> + '_ {
    let bytes = value.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        at = skip(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b',');
        if at == bytes.len() {
            return None;
        }
        let start = at;
        at = skip(bytes, at, |byte| !byte.is_ascii_whitespace());
        let commas = bytes[start..at].iter().rev().take_while(|byte| **byte == b',').count();
        let url = Span::new(start, at - commas);
        if commas == 0 {
            at = behind_descriptors(bytes, at);
        }
        Some(url)
    })
}

/// Whether `value` can be nothing but a `srcset`, wherever it stands: a URL, white space, a width or a density, and then
/// a comma or the end.
pub fn is_list(value: &str) -> bool {
    // Every list has white space in it, and hardly any URL.
    if !value.bytes().fold(false, |found, byte| found | byte.is_ascii_whitespace()) {
        return false;
    }
    let bytes = value.trim_ascii().as_bytes();
    let url = skip(bytes, 0, |byte| !byte.is_ascii_whitespace());
    let from = skip(bytes, url, |byte| byte.is_ascii_whitespace());
    let to = skip(bytes, from, |byte| byte.is_ascii_digit() || byte == b'.');
    let behind = skip(bytes, to + usize::from(to < bytes.len()), |byte| byte.is_ascii_whitespace());
    url > 0 && to > from && matches!(bytes.get(to), Some(b'w' | b'x')) && matches!(bytes.get(behind), None | Some(b','))
}

fn skip(bytes: &[u8], from: usize, skipped: impl Fn(u8) -> bool) -> usize {
    bytes[from..].iter().position(|byte| !skipped(*byte)).map_or(bytes.len(), |found| from + found)
}

/// The position behind the comma that ends the descriptors at `from`. A comma inside of parentheses does not; a second
/// opening parenthesis has no meaning, and one that is never closed swallows the rest.
fn behind_descriptors(bytes: &[u8], from: usize) -> usize {
    let mut in_parentheses = false;
    for (at, byte) in bytes.iter().enumerate().skip(from) {
        match byte {
            b'(' => in_parentheses = true,
            b')' => in_parentheses = false,
            b',' if !in_parentheses => return at + 1,
            _ => {}
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{Layer, Layers, test_urls::url};
    use proptest::prelude::*;

    fn urls(value: &str) -> Vec<&str> {
        candidates(value).map(|span| &value[span.start..span.end]).collect()
    }

    #[test]
    fn candidates_are_split_as_browsers_split_them() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" \t\n\u{c}\r ", &[]),
            (",", &[]),
            (",,, ,\t,", &[]),
            ("a", &["a"]),
            ("  a  ", &["a"]),
            ("a,", &["a"]),
            ("a,,", &["a"]),
            ("a, b", &["a", "b"]),
            // A comma without white space behind it is part of the URL.
            ("a,b", &["a,b"]),
            ("a,b,", &["a,b"]),
            (",a", &["a"]),
            ("a ,b", &["a", "b"]),
            ("a 1x, b 2x", &["a", "b"]),
            ("a 1x,b 2x", &["a", "b"]),
            ("a 1x,,b 2x", &["a", "b"]),
            ("a 1x , b 2x", &["a", "b"]),
            ("a 100w, b 200w 50h, c", &["a", "b", "c"]),
            ("a\n 1x,\n\tb\u{c}2x\r\n", &["a", "b"]),
            ("data:,a", &["data:,a"]),
            ("data:image/png;base64,AA== 1x, b 2x", &["data:image/png;base64,AA==", "b"]),
            ("https://h/w_1,c_limit/a.png 1x, b 2x", &["https://h/w_1,c_limit/a.png", "b"]),
            // Parentheses in descriptors hide commas; they do not nest.
            ("a (1,2), b", &["a", "b"]),
            ("a ((1,2),3), b", &["a", "3)", "b"]),
            ("a (1, b", &["a"]),
            ("a 1x(, b", &["a"]),
            ("a) 1x, b", &["a)", "b"]),
            ("a(b,c) 1x, d", &["a(b,c)", "d"]),
            // Descriptors that mean nothing.
            ("a 1q, b -1x, c 1x 2x, d 0w", &["a", "b", "c", "d"]),
            ("a 1x b 2x", &["a"]),
            // White space is ASCII white space only.
            ("a\u{a0}b 1x", &["a\u{a0}b"]),
            ("a\u{b}b 1x", &["a\u{b}b"]),
            ("图.png 1x, 片.png", &["图.png", "片.png"]),
        ];
        for (value, want) in cases {
            assert_eq!(urls(value), *want, "{value:?}");
        }
    }

    #[test]
    fn lists_are_told_from_urls() {
        for yes in ["a.jpg 320w, b.jpg 640w", " a 2x ", "a 1.5x ,b", "//h/a\n10w"] {
            assert!(is_list(yes), "{yes:?}");
        }
        for no in ["", "a", "a.jpg, b.jpg", "a 2.jpg", "a 2xy", "a x", "a 3", "a%20320w, b", "my photo 2x3.jpg"] {
            assert!(!is_list(no), "{no:?}");
        }
    }

    #[test]
    fn a_hostile_value_takes_linear_time() {
        let value = "a (".repeat(300_000);
        assert_eq!(candidates(&value).count(), 1);
        assert_eq!(candidates(&", ".repeat(300_000)).count(), 0);
        assert_eq!(candidates(&"a,, ".repeat(300_000)).count(), 300_000);
    }

    proptest! {
        #[test]
        fn an_encoded_url_comes_back(first in url(), second in url()) {
            let encode = |url: &str| Layers::of(Layer::Srcset).encode(url);
            // Commas at either end cannot be written in a srcset; a percent sign says the same to a server.
            let want = |url: &str| encode(url);
            let value = format!(" {} 1x, {} 100w", encode(&first), encode(&second));
            prop_assert_eq!(urls(&value), [want(&first), want(&second)]);
        }

        #[test]
        fn no_text_breaks_it(value in "[a(), \t\n,]{0,40}") {
            let mut end = 0;
            for span in candidates(&value) {
                prop_assert!(span.start >= end && !span.is_empty());
                prop_assert!(!value[span.start..span.end].contains(|c: char| c.is_ascii_whitespace()));
                end = span.end;
            }
        }
    }
}
