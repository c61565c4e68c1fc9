//! SVG that only draws: no script, no event, no link, nothing from elsewhere.
//!
//! Drawings are built anew from closed lists (`lists`) like pages are.

mod lists;

use std::io::{self, Cursor, Write};
use std::path::Path;

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use scraper::{ElementRef, Node as Parsed};

pub use lists::FUNCTIONS;
use lists::{ATTRIBUTES, ELEMENTS};

use super::attributes::plain_img;
use super::clean::Cleaner;
use super::lookup::{Found, inline as data};
use super::node::{Bytes, Element, Links, Node, Picture, Value, write};
use super::parse;
use crate::document::Document;
use crate::media_type::{self, MediaType};
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;

/// Elements deeper than this are left out.
const MAX_DEPTH: usize = 120;

/// The largest drawing that is made anew, in bytes.
const MAX_BYTES: usize = 32 << 20;

/// A drawing as it may be shown: the bytes of an SVG file without anything that could act, or `None` where no drawing
/// could be read.
pub fn inert(bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let document = Document::from_bytes(bytes).ok()?;
    let text = document.text();
    let page = parse::fragment(&text.text)?;
    let drawing = page
        .root_element()
        .descendants()
        .filter_map(ElementRef::wrap)
        .find(|element| element.value().name() == "svg")?;
    let mut images = |url: &str| {
        Ok(url.trim().strip_prefix("data:").and_then(data).filter(|picture| picture.blob.media_type != MediaType::Svg))
    };
    let made = element(drawing, 0, Standing::Alone, &mut images).ok()??;
    let mut out = Vec::new();
    write(&[made.into()], &mut AsData, &mut out).ok()?;
    Some(out)
}

/// A drawing in a page. One with styles of its own becomes a picture, since on the page they would meet others.
pub fn inline(drawing: ElementRef<'_>, cleaner: &mut Cleaner<'_>) -> anyhow::Result<Option<Node>> {
    let is_styled = drawing.descendants().filter_map(ElementRef::wrap).any(|inner| inner.value().name() == "style");
    let standing = if is_styled { Standing::Alone } else { Standing::InPage };
    let mut images = |url: &str| {
        Ok(match cleaner.find(url)? {
            Found::Held(picture) => Some(picture),
            Found::Missing { .. } | Found::Nothing => None,
        })
    };
    let Some(made) = element(drawing, 0, standing, &mut images)? else { return Ok(None) };
    if standing == Standing::InPage {
        return Ok(Some(made.into()));
    }
    let mut bytes = Vec::new();
    write(&[made.into()], &mut AsData, &mut bytes)?;
    Ok(data_of(bytes).map(|picture| plain_img(picture).into()))
}

/// The picture that a file with these bytes would be.
pub fn data_of(bytes: Vec<u8>) -> Option<Picture> {
    let length = bytes.len() as u64;
    let inspected = media_type::inspect(&mut Cursor::new(&bytes), length).ok()?.ok()?;
    let (digest, _) = Digest::of_reader(&bytes[..]).ok()?;
    let blob = Blob { digest, media_type: inspected.media_type };
    Some(Picture { blob, held: digest, length, dimensions: inspected.dimensions, bytes: Bytes::Inline(bytes.into()) })
}

/// Where a drawing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// In a file of its own, with styles of its own.
    Alone,
    /// In a page, where its styles and names would meet others.
    InPage,
}

/// Finds the picture for a URL.
type Images<'i> = dyn FnMut(&str) -> anyhow::Result<Option<Picture>> + 'i;

fn element(
    source: ElementRef<'_>,
    depth: usize,
    standing: Standing,
    images: &mut Images<'_>,
) -> anyhow::Result<Option<Element>> {
    let found = source.value().name();
    // A link is opened: what stands in it is drawn.
    let name = if found == "a" { "g" } else { found };
    let Ok(at) = ELEMENTS.binary_search(&name) else { return Ok(None) };
    if depth > MAX_DEPTH {
        return Ok(None);
    }
    let mut made = Element::new(ELEMENTS[at]);
    if depth == 0 {
        made = made.with("xmlns", "http://www.w3.org/2000/svg").with("xmlns:xlink", "http://www.w3.org/1999/xlink");
    }
    if name == "style" {
        let css: String = source.text().collect();
        let keeps = standing == Standing::Alone && is_harmless(&css) && !css.contains(['<', '&', '@']);
        made.children.push(Node::Text(css));
        return Ok(keeps.then_some(made));
    }
    for (attribute, value) in source.value().attrs() {
        let Ok(at) = ATTRIBUTES.binary_search(&attribute) else { continue };
        // `xlink:type` is a `type`, too, as far as this parser tells.
        let is_new = made.attributes.iter().all(|(known, _)| *known != ATTRIBUTES[at]);
        if is_new && is_harmless(value) && !(attribute == "style" && value.contains("position")) {
            made.attributes.push((ATTRIBUTES[at], Value::Text(value.to_owned())));
        }
    }
    match reference(name, source, images)? {
        Reference::None => {}
        Reference::To(value) => made.attributes.push(("xlink:href", value)),
        Reference::Outside => return Ok(None),
    }
    if matches!(name, "title" | "desc") {
        // HTML reads these as markup and XML readers as text: of both it is the words that matter.
        made.children.push(Node::Text(source.text().collect()));
        return Ok(Some(made));
    }
    for child in source.children() {
        match child.value() {
            Parsed::Text(text) => made.children.push(Node::Text(text.to_string())),
            Parsed::Element(_) => {
                if let Some(child) = ElementRef::wrap(child)
                    && let Some(child) = element(child, depth + 1, standing, images)?
                {
                    made.children.push(child.into());
                }
            }
            _ => {}
        }
    }
    Ok(Some(made))
}

/// What an element refers to.
enum Reference {
    None,
    To(Value),
    /// Something that is not there.
    Outside,
}

fn reference(name: &str, source: ElementRef<'_>, images: &mut Images<'_>) -> anyhow::Result<Reference> {
    let href = source.value().attrs().find(|(attribute, _)| matches!(*attribute, "href" | "xlink:href"));
    let Some((_, href)) = href else {
        return Ok(if matches!(name, "image" | "use") { Reference::Outside } else { Reference::None });
    };
    if name == "image" {
        let picture = images(href)?;
        return Ok(picture.map_or(Reference::Outside, |picture| Reference::To(Value::Picture(picture, None))));
    }
    let takes_one = matches!(name, "use" | "linearGradient" | "radialGradient" | "pattern" | "filter" | "textPath");
    Ok(match href.trim().strip_prefix('#') {
        Some(id) if takes_one => Reference::To(Value::Text(format!("#{id}"))),
        _ if name == "use" => Reference::Outside,
        _ => Reference::None,
    })
}

/// Whether a value names nothing outside of the drawing: it calls known functions alone, every `url()` in it is a
/// fragment, and no escape hides one.
fn is_harmless(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let fragments = lower.match_indices("url(").all(|(at, _)| {
        let inside = lower[at + 4..].trim_start().trim_start_matches(['"', '\'']);
        inside.starts_with('#')
    });
    let calls = lower.match_indices('(').all(|(at, _)| {
        let ends_name = |c: char| !c.is_alphanumeric() && c != '-' && c != '_';
        let name = lower[..at].rsplit(ends_name).next().unwrap_or_default();
        // A number is no function.
        name.is_empty() || name.bytes().all(|byte| byte.is_ascii_digit()) || FUNCTIONS.binary_search(&name).is_ok()
    });
    let hidden = ["\\", "javascript:", "@import", "-moz-binding", "behavior:"];
    fragments && calls && hidden.iter().all(|word| !lower.contains(word))
}

/// Names pictures by their content.
struct AsData;

impl Links for AsData {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        as_data(picture, out)
    }

    fn document(&mut self, _: &Path) -> Option<String> {
        None
    }
}

/// Writes a picture as a `data:` URL (RFC 2397).
pub fn as_data(picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "data:{};base64,", picture.blob.media_type)?;
    let mut encoder = EncoderWriter::new(out, &STANDARD);
    picture.bytes.copy_to(&mut encoder)?;
    encoder.finish().map(|_| ())
}

/// A picture as it may be shown: a drawing loses what could act. `None` where it cannot be read.
pub fn harmless(picture: Picture) -> Option<Picture> {
    if picture.blob.media_type != MediaType::Svg {
        return Some(picture);
    }
    let mut bytes = Vec::new();
    picture.bytes.copy_to(&mut bytes).ok()?;
    let bytes = inert(bytes)?;
    let (digest, length) = Digest::of_reader(&bytes[..]).ok()?;
    let blob = Blob { digest, ..picture.blob };
    Some(Picture { blob, length, bytes: Bytes::Inline(bytes.into()), ..picture })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_keeps_its_shapes_and_loses_what_acts() {
        let source = br##"<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" onload="a()">
            <script>alert(1)</script><style>.a{fill:url(#g)}</style><linearGradient id="g"/>
            <a href="javascript:b()"><rect class="a" width="9" height="9" fill="url(http://h.example/x)"/></a>
            <image href="http://h.example/x.png"/><use href="http://h.example/s.svg#a"/><foreignObject><iframe src="x"/></foreignObject>
            <animate attributeName="href" to="javascript:c()"/></svg>"##;
        let made = String::from_utf8(inert(source.to_vec()).unwrap()).unwrap();
        for kept in [
            "viewBox=\"0 0 9 9\"",
            ".a{fill:url(#g)}",
            "<rect class=\"a\" height=\"9\" width=\"9\">",
            "linearGradient id=\"g\"",
        ] {
            assert!(made.contains(kept), "{kept} in {made}");
        }
        for gone in ["script", "onload", "h.example", "iframe", "animate", "foreignObject"] {
            assert!(!made.contains(gone), "{gone} in {made}");
        }
    }

    #[test]
    fn values_call_known_functions_alone() {
        for harmless in
            ["fill:color(display-p3 1 0 0)", "translate3d(0,0,0)", "M0 0(1)", "url(#a)", ".a:not(.b){}", "a"]
        {
            assert!(is_harmless(harmless), "{harmless}");
        }
        for other in
            ["url(x)", "image-set('x')", "fill:src(x)", "a: URL( 'x')", "cross-fade(url(#a))", "u\\72l(x)", "é-x(a)"]
        {
            assert!(!is_harmless(other), "{other}");
        }
    }

    #[test]
    fn no_attribute_stands_twice() {
        let made = inert(b"<svg><linearGradient type='a' xlink:type='b'/></svg>".to_vec()).unwrap();
        assert_eq!(String::from_utf8(made).unwrap().matches("type=").count(), 1);
    }

    #[test]
    fn what_is_no_drawing_is_none() {
        assert_eq!(inert(b"<p>no drawing</p>".to_vec()), None);
    }
}
