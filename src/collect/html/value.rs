//! What stands inside an attribute value: character references, JSON, percent-encoding, interchange lists.

use std::borrow::Cow;

use jsonc_parser::ast::Value;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::collect::value::trimmed;
use crate::collect::{Layer, Layers, Reference, Sink, Slot};
use crate::text::{Span, Text};

/// An attribute value with its character references decoded (WHATWG HTML 13.2.5.72, the attribute branch).
pub fn decode_attribute(raw: &str) -> Text<'_> {
    decode(raw, |reference| htmlize::unescape_attribute(reference))
}

/// Text content with its character references decoded.
pub fn decode_text(raw: &str) -> Text<'_> {
    decode(raw, |reference| htmlize::unescape(reference))
}

/// No character reference is longer: the longest name has 32 characters behind the ampersand. Numbers may have
/// leading zeros without end; those over the limit stay as they are.
const MAX_REFERENCE: usize = 48;

fn decode(raw: &str, unescape: impl Fn(&str) -> Cow<'_, str>) -> Text<'_> {
    if memchr::memchr(b'&', raw.as_bytes()).is_none() {
        return Text::plain(raw);
    }
    let mut builder = Text::builder();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'&', rest.as_bytes()) {
        builder.verbatim(&rest[..at]);
        rest = &rest[at..];
        let (consumed, decoded) = reference(rest, &unescape);
        match decoded {
            Some(decoded) => builder.escape(consumed, &decoded),
            None => builder.verbatim(&rest[..consumed]),
        }
        rest = &rest[consumed..];
    }
    builder.verbatim(rest);
    builder.build()
}

/// The reference at the start of `text` (which starts with `&`): how many bytes it takes, and what it stands for.
/// `None` when these bytes stand for themselves.
fn reference(text: &str, unescape: &impl Fn(&str) -> Cow<'_, str>) -> (usize, Option<String>) {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '#';
    let body = text[1..].find(|c: char| !name(c)).map_or(text.len(), |end| end + 1).min(MAX_REFERENCE);
    // One character of what follows decides whether a name without `;` counts in an attribute.
    let end = body + usize::from(matches!(text.as_bytes().get(body), Some(b';' | b'=')));
    let candidate = &text[..end];
    let whole = unescape(candidate);
    if whole == candidate {
        return (end, None);
    }
    for consumed in (1..=end).rev() {
        let (head, tail) = candidate.split_at(consumed);
        let decoded = unescape(head);
        if decoded != head && whole.len() == decoded.len() + tail.len() && whole.ends_with(tail) {
            return (consumed, Some(decoded.into_owned()));
        }
    }
    (end, Some(whole.into_owned()))
}

/// Percent-decoded text (UTF-8; sequences that are not stay as written).
pub fn decode_percent(text: &str) -> Text<'static> {
    let mut builder = Text::builder();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        builder.verbatim(&rest[..at]);
        rest = &rest[at..];
        // One whole character at a time, so that every character keeps its own place.
        let decoded = (1..=4).find_map(|bytes| {
            let raw = rest.get(..3 * bytes)?;
            let decoded = percent_encoding::percent_decode_str(raw).decode_utf8().ok()?;
            (decoded.chars().count() == 1).then(|| (raw.len(), decoded.into_owned()))
        });
        let (consumed, text) = decoded.unwrap_or((1, "%".to_owned()));
        builder.escape(consumed, &text);
        rest = &rest[consumed..];
    }
    builder.verbatim(rest);
    builder.build()
}

/// Keys of JSON objects whose string is a picture even when it does not look like one.
const JSON_KEYS: &[&str] =
    &["imageurl", "image_url", "img", "image", "original", "poster", "src", "thumb", "thumbnail"];

/// Reports the pictures in a JSON text; a text that is not JSON holds none.
pub fn json(text: &str, names_image: &dyn Fn(&str) -> bool, slot: &Slot, sink: &mut Sink<'_>) {
    let Ok(parsed) = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()) else { return };
    let mut open: Vec<(Option<&str>, &Value<'_>)> = parsed.value.iter().map(|value| (None, value)).collect();
    // Depth first, in document order; the parser limits the depth.
    while let Some((key, value)) = open.pop() {
        match value {
            Value::StringLit(string) => {
                let keyed = key.is_some_and(|key| JSON_KEYS.contains(&key.to_ascii_lowercase().as_str()));
                if is_picture(&string.value, keyed, names_image) {
                    let span = Span::new(string.range.start + 1, string.range.end - 1);
                    let url = string.value.clone().into_owned();
                    sink(Reference { span, slot: slot.clone(), url, layers: Layers::of(Layer::Json) });
                }
            }
            Value::Array(array) => open.extend(array.elements.iter().rev().map(|element| (key, element))),
            Value::Object(object) => {
                open.extend(object.properties.iter().rev().map(|entry| (Some(entry.name.as_str()), &entry.value)));
            }
            _ => {}
        }
    }
}

/// Of relative URLs only those count that name an image in a folder: local copies do, and hardly any other text does.
fn is_picture(url: &str, keyed: bool, names_image: &dyn Fn(&str) -> bool) -> bool {
    let absolute = ["http://", "https://", "//"].iter().any(|start| url.starts_with(start));
    let no_scheme = url.starts_with(['/', '.']) || (url.contains('/') && !url.contains(':'));
    let path = no_scheme && !url.contains(char::is_whitespace);
    (absolute && keyed) || ((absolute || path) && names_image(url))
}

/// The parts of a `data-bgset`, which holds one `srcset` for every screen. A bar parts them where white space stands
/// in front of it, since elsewhere it may belong to a URL.
pub fn lists(text: &str) -> impl Iterator<Item = Span> + '_ {
    let bytes = text.as_bytes();
    let bars = memchr::memchr_iter(b'|', bytes).filter(|at| *at > 0 && bytes[at - 1].is_ascii_whitespace());
    let mut start = 0;
    bars.chain([text.len()]).map(move |bar| {
        let list = Span::new(start, bar);
        start = (bar + 1).min(text.len());
        list
    })
}

/// The URLs of Foundation's `[url, (media)], [url, media]`. A comma ends a URL where the query may begin behind it.
pub fn interchange(text: &str) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('[').map(|at| from + at + 1) {
        let Some(close) = text[open..].find(']').map(|at| open + at) else { break };
        let ends = |at: &usize| text[at + 1..close].starts_with(|c: char| c.is_ascii_whitespace() || c == '(');
        let comma = text[open..close].match_indices(',').map(|(at, _)| open + at).find(ends);
        spans.push(trimmed(text, Span::new(open, comma.unwrap_or(close))));
        from = close;
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn character_references_decode_as_in_attributes() {
        for (raw, want) in [
            ("a", "a"),
            ("a&amp;b", "a&b"),
            ("a&ampb", "a&ampb"),
            ("a&amp=b", "a&amp=b"),
            ("a&amp", "a&"),
            ("a&amp;&amp;b", "a&&b"),
            ("&#x2F;&#x2F;host", "//host"),
            ("&#47&#047;h", "//h"),
            ("a&#038;b", "a&b"),
            ("x?a=1&b=2&copy=3", "x?a=1&b=2&copy=3"),
            ("&notit;", "&notit;"),
            ("&NotEqualTilde;x", "\u{2242}\u{338}x"),
            ("&", "&"),
            ("&#;", "&#;"),
            ("中&amp;文", "中&文"),
        ] {
            assert_eq!(decode_attribute(raw).text, want, "{raw}");
        }
    }

    #[test]
    fn every_decoded_character_knows_where_it_came_from() {
        let raw = "中&#x2F;a&amp;b";
        let text = decode_attribute(raw);
        let at = text.text.find("a&b").unwrap();
        assert_eq!(&raw[text.map.to_raw(at)..], "a&amp;b");
        assert_eq!(text.map.to_raw(text.text.len()), raw.len());
    }

    #[test]
    fn percent_encoding_keeps_places() {
        let raw = "%7B%22a%22%3A%22%E4%B8%AD%22%7D%";
        let text = decode_percent(raw);
        assert_eq!(text.text, "{\"a\":\"中\"}%");
        let at = text.text.find('中').unwrap();
        assert!(raw[text.map.to_raw(at)..].starts_with("%E4%B8%AD"));
    }

    #[test]
    fn interchange_lists_give_their_urls() {
        let text = "[a.jpg, (default)], [ //h/b.jpg , (large)],[c.jpg],[w_1,c_fit/d.jpg,(small)],[e.jpg";
        let urls: Vec<_> = interchange(text).into_iter().map(|s| &text[s.start..s.end]).collect();
        assert_eq!(urls, ["a.jpg", "//h/b.jpg", "c.jpg", "w_1,c_fit/d.jpg"]);
    }

    #[test]
    fn json_gives_absolute_urls_and_local_copies() {
        let found = |text: &str| {
            let mut urls = Vec::new();
            json(text, &crate::collect::lazy::names_image, &Slot::new("x"), &mut |reference| urls.push(reference.url));
            urls
        };
        assert_eq!(
            found(r#"{"src":"https://h/a","big":["//h/b.jpg"],"page":"https://h/"}"#),
            ["https://h/a", "//h/b.jpg"]
        );
        assert_eq!(
            found(r#"{"src":"../assets/ab/ab.jpg","kind":"image/png","name":"a.jpg"}"#),
            ["../assets/ab/ab.jpg"]
        );
        assert_eq!(found(r#"{"src":"//h/a.jpg""#), [""; 0]);
    }
}
