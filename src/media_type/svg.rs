//! SVG: text whose root element is `svg` and is closed. Nothing is rendered, resolved or followed.
//!
//! Only the beginning and the end are read: the prolog and the root's start tag within [`HEAD`] bytes, the root's end
//! tag within the last [`TAIL`] bytes. What stands between them is as its author left it. (So a cut that falls exactly
//! behind the end tag of a nested `svg` goes unnoticed.)

use std::borrow::Cow;
use std::io::{Read, Seek};

use memchr::{memchr, memmem};

use super::window::{Halt, Walk, Window};

/// Room for the comments, entity declarations and metadata that drawing programs write first.
const HEAD: u64 = 256 * 1024;
const TAIL: u64 = 64 * 1024;

/// What kind of markup a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    Svg { dimensions: Option<(u32, u32)> },
    Html,
    Xml,
    None,
}

/// Reads the body as markup.
pub(super) fn svg<R: Read + Seek>(window: &mut Window<'_, R>) -> Walk<Markup> {
    let coding = Coding::of(window.upto(0, 3)?);
    // Not worth a quarter of a megabyte when the first character decides.
    if !looks_like_markup(&coding.decode(window.upto(0, 512)?)) {
        return Ok(Markup::None);
    }
    let head_end = window.len().min(HEAD);
    let head = read(window, 0, head_end)?;
    let head = coding.decode(&head);
    match root(&head) {
        Root::Element { name, tag } if local_name(name) == b"svg" => {
            let Some(tag) = tag else { return Err(Halt::ends_inside("the root element of the SVG file")) };
            if !tag.ends_with(b"/") {
                let tail = read(window, window.len().saturating_sub(TAIL) & !1, window.len())?;
                if !closes(&coding.decode(&tail), name) {
                    return Err(Halt::ends_inside("the SVG drawing"));
                }
            }
            Ok(Markup::Svg { dimensions: dimensions(tag) })
        }
        Root::Element { name, .. } if HTML.iter().any(|html| name.eq_ignore_ascii_case(html)) => Ok(Markup::Html),
        Root::Doctype(name) if name.eq_ignore_ascii_case(b"html") => Ok(Markup::Html),
        Root::Doctype(name) if local_name(name) == b"svg" => {
            Err(Halt::ends_inside("the document type of the SVG file"))
        }
        _ => Ok(Markup::Xml),
    }
}

/// Elements that only a web page, or a piece of one, begins with.
const HTML: [&[u8]; 20] = [
    b"html", b"head", b"body", b"title", b"meta", b"link", b"script", b"style", b"div", b"p", b"h1", b"center", b"a",
    b"iframe", b"br", b"b", b"table", b"span", b"img", b"form",
];

fn read<R: Read + Seek>(window: &mut Window<'_, R>, from: u64, to: u64) -> Walk<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut at = from;
    while at < to {
        let more = window.upto(at, usize::try_from(to - at).unwrap_or(usize::MAX))?;
        if more.is_empty() {
            break;
        }
        bytes.extend_from_slice(more);
        at = from + bytes.len() as u64;
    }
    Ok(bytes)
}

/// All encodings of XML but one family agree about ASCII; markup is ASCII.
#[derive(Debug, Clone, Copy)]
enum Coding {
    Ascii,
    Utf16(&'static encoding_rs::Encoding),
}

impl Coding {
    fn of(start: &[u8]) -> Self {
        match encoding_rs::Encoding::for_bom(start) {
            Some((encoding, 2)) => Coding::Utf16(encoding),
            _ => Coding::Ascii,
        }
    }

    fn decode(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Coding::Ascii => Cow::Borrowed(bytes),
            Coding::Utf16(encoding) => Cow::Owned(encoding.decode_with_bom_removal(bytes).0.into_owned().into_bytes()),
        }
    }
}

fn looks_like_markup(start: &[u8]) -> bool {
    matches!(blank(start), [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'?' | b'_', ..])
}

/// What follows byte order mark and white space.
fn blank(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text).trim_ascii_start()
}

enum Root<'t> {
    /// The first element: its name, and its start tag behind the name, if that is closed.
    Element {
        name: &'t [u8],
        tag: Option<&'t [u8]>,
    },
    /// The text ends within a document type of this name.
    Doctype(&'t [u8]),
    Nothing,
}

/// Steps over everything that may stand before the root element (XML 1.0, 2.8).
fn root(text: &[u8]) -> Root<'_> {
    let mut rest = blank(text);
    loop {
        let skipped = if rest.starts_with(b"<!--") {
            behind(&rest[4..], b"-->")
        } else if rest.starts_with(b"<?") {
            behind(rest, b"?>")
        } else if rest.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype")) {
            let name = name(rest[9..].trim_ascii_start());
            match doctype_end(rest) {
                // HTML needs no look at its root.
                Some(_) if name.eq_ignore_ascii_case(b"html") => return Root::Doctype(name),
                None => return Root::Doctype(name),
                after => after,
            }
        } else {
            break;
        };
        match skipped {
            Some(after) => rest = after.trim_ascii_start(),
            None => return Root::Nothing,
        }
    }
    match rest.strip_prefix(b"<") {
        Some(tag) if !name(tag).is_empty() => {
            let name = name(tag);
            let tag = &tag[name.len()..];
            Root::Element { name, tag: tag_end(tag).map(|end| &tag[..end]) }
        }
        _ => Root::Nothing,
    }
}

fn behind<'t>(text: &'t [u8], end: &[u8]) -> Option<&'t [u8]> {
    memmem::find(text, end).map(|at| &text[at + end.len()..])
}

/// What follows a document type, whose internal subset may hold quoted `>` and `]`.
fn doctype_end(text: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    let mut subset = false;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' | b'\'' => at += 1 + memchr(byte, &text[at + 1..])?,
            b'<' if text[at..].starts_with(b"<!--") => at += memmem::find(&text[at..], b"-->")?,
            b'[' => subset = true,
            b']' => subset = false,
            b'>' if !subset => return Some(&text[at + 1..]),
            _ => {}
        }
        at += 1;
    }
    None
}

fn name(text: &[u8]) -> &[u8] {
    let len = text
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-' | b'.' | 0x80..)));
    &text[..len.unwrap_or(text.len())]
}

fn local_name(name: &[u8]) -> &[u8] {
    memchr(b':', name).map_or(name, |colon| &name[colon + 1..])
}

/// The position of the `>` that ends a start tag.
fn tag_end(tag: &[u8]) -> Option<usize> {
    let mut quote = None;
    tag.iter().position(|&byte| {
        match (quote, byte) {
            (None, b'>') => return true,
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            _ => {}
        }
        false
    })
}

/// Whether the text ends with the end tag of `name`, but for what may stand behind a root element.
fn closes(tail: &[u8], name: &[u8]) -> bool {
    let end_tag = [b"</", name].concat();
    let Some(at) = memmem::rfind(tail, &end_tag) else { return false };
    let Some(mut rest) = tail[at + end_tag.len()..].trim_ascii_start().strip_prefix(b">") else { return false };
    loop {
        // Some servers pad with zeros.
        rest = rest.trim_ascii_start();
        let skipped = match rest {
            [] => return true,
            [0, after @ ..] => Some(after),
            [b'<', b'!', b'-', b'-', after @ ..] => behind(after, b"-->"),
            [b'<', b'?', after @ ..] => behind(after, b"?>"),
            _ => return false,
        };
        match skipped {
            Some(after) => rest = after,
            None => return false,
        }
    }
}

/// The size of the drawing in user units (SVG 2, 8.2): `width` and `height`, completed or replaced by the `viewBox`.
fn dimensions(tag: &[u8]) -> Option<(u32, u32)> {
    let width = attribute(tag, b"width").and_then(length);
    let height = attribute(tag, b"height").and_then(length);
    let view_box = attribute(tag, b"viewBox").and_then(view_box);
    let (width, height) = match (width, height, view_box) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some((w, h))) => (width, width * h / w),
        (None, Some(height), Some((w, h))) => (height * w / h, height),
        (_, _, size) => size?,
    };
    let pixels = |side: f64| (side.is_finite() && side <= f64::from(u32::MAX)).then_some(side.round().max(1.0) as u32);
    Some((pixels(width)?, pixels(height)?))
}

fn attribute<'t>(mut tag: &'t [u8], wanted: &[u8]) -> Option<&'t str> {
    loop {
        tag = &tag[tag.iter().position(|byte| !byte.is_ascii_whitespace())?..];
        let key = name(tag);
        let rest = tag[key.len()..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
        let quote = *rest.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        let end = 1 + memchr(quote, &rest[1..])?;
        if key == wanted {
            return std::str::from_utf8(&rest[1..end]).ok();
        }
        tag = &rest[end + 1..];
    }
}

/// A positive length in CSS pixels (CSS Values 3, 5.2). Percentages and font-relative units say nothing by themselves.
fn length(value: &str) -> Option<f64> {
    let value = value.trim();
    let number_len = value.find(|c: char| c.is_ascii_alphabetic() && !matches!(c, 'e' | 'E') || c == '%');
    let (number, unit) = value.split_at(number_len.unwrap_or(value.len()));
    let scale = match unit.trim() {
        "" | "px" => 1.0,
        "in" => 96.0,
        "cm" => 96.0 / 2.54,
        "mm" => 96.0 / 25.4,
        "Q" => 96.0 / 101.6,
        "pt" => 96.0 / 72.0,
        "pc" => 16.0,
        _ => return None,
    };
    number.trim().parse::<f64>().ok().map(|number| number * scale).filter(|pixels| *pixels > 0.0)
}

fn view_box(value: &str) -> Option<(f64, f64)> {
    let separator = |c: char| c == ',' || c.is_ascii_whitespace();
    let mut numbers = value.split(separator).filter(|part| !part.is_empty()).map(str::parse::<f64>);
    let (width, height) = (numbers.nth(2)?.ok()?, numbers.next()?.ok()?);
    (width > 0.0 && height > 0.0).then_some((width, height))
}
