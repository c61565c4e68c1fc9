//! What an element of a page keeps of what its document says of it.

use scraper::ElementRef;

use super::clean::attr;
use super::node::{Element, Node, Picture, Value};

/// An image without anything that would keep it from being shown: no laziness, no Referer policy, no integrity.
pub fn img(picture: Picture, candidates: Vec<(Picture, String)>, element: ElementRef<'_>) -> Element {
    let mut made =
        Element::new("img").value("src", Value::Picture(picture, None)).with("alt", attr(element, "alt").trim());
    if !candidates.is_empty() {
        let widths = candidates.iter().any(|(_, descriptor)| descriptor.ends_with('w'));
        made = made.value("srcset", Value::Candidates(candidates));
        if widths {
            made = made.with("sizes", "100vw");
        }
    }
    for name in ["width", "height"] {
        if let Some(pixels) = pixels(attr(element, name)) {
            made = made.with(if name == "width" { "width" } else { "height" }, pixels);
        }
    }
    let title = attr(element, "title").trim();
    if title.is_empty() { made } else { made.with("title", title) }
}

/// An image that nothing is said of.
pub fn plain_img(picture: Picture) -> Element {
    Element::new("img").value("src", Value::Picture(picture, None)).with("alt", "")
}

pub fn source(picture: Picture, candidates: Vec<(Picture, String)>, element: ElementRef<'_>) -> Node {
    let essence = picture.blob.media_type.essence();
    let one_type = candidates.iter().all(|(other, _)| other.blob.media_type == picture.blob.media_type);
    let set = if candidates.is_empty() { vec![(picture, String::new())] } else { candidates };
    let widths = set.iter().any(|(_, descriptor)| descriptor.ends_with('w'));
    let mut made = Element::new("source").value("srcset", Value::Candidates(set));
    if one_type {
        made = made.with("type", essence);
    }
    if widths {
        made = made.with("sizes", "100vw");
    }
    let media = attr(element, "media").trim();
    let harmless = |c: char| c.is_ascii_alphanumeric() || " ():.,-<>=/".contains(c);
    if !media.is_empty() && media.chars().all(harmless) {
        made = made.with("media", media);
    }
    made.into()
}

/// A length in whole pixels, as the attributes of `img` have it (HTML, "rules for parsing dimension values").
fn pixels(value: &str) -> Option<String> {
    let value = value.trim();
    let digits = value.trim_end_matches("px").split('.').next()?;
    let number: u32 = digits.parse().ok()?;
    (number > 0 && !value.ends_with('%')).then(|| number.to_string())
}

/// Copies the attributes that say something to a reader.
pub fn attributes(kept: &str, element: ElementRef<'_>, made: &mut Element) {
    let source = element.value();
    if let Some(id) = source.attr("id").or_else(|| source.attr("name").filter(|_| source.name() == "a")) {
        made.attributes.extend(anchor(id).map(|id| ("id", Value::Text(id))));
    }
    for (name, is_good) in [("dir", is_direction as fn(&str) -> bool), ("lang", is_language)] {
        if let Some(value) = source.attr(name).filter(|value| is_good(value)) {
            made.attributes.push((name, Value::Text(value.to_ascii_lowercase())));
        }
    }
    if let Some(title) = source.attr("title").filter(|title| !title.trim().is_empty()) {
        made.attributes.push(("title", Value::Text(title.to_owned())));
    }
    let numbers: &[&'static str] = match kept {
        "td" | "th" => &["colspan", "rowspan"],
        "ol" => &["start"],
        "li" => &["value"],
        _ => &[],
    };
    for name in numbers {
        let number = source.attr(name).and_then(|value| value.trim().parse::<u16>().ok());
        if let Some(number) = number.filter(|number| (1..=1000).contains(number)) {
            made.attributes.push((name, Value::Text(number.to_string())));
        }
    }
    if let Some(align) = alignment(source) {
        made.attributes.push(("class", Value::Text(format!("im-{align}"))));
    }
}

/// The name of a place in a page, as `id` and behind `#` alike: percent-decoded, and a name that XML allows as well.
pub fn anchor(id: &str) -> Option<String> {
    let id = percent_encoding::percent_decode_str(id.trim()).decode_utf8().ok()?;
    let begins = id.chars().next().is_some_and(|first| is_letter(first) || first == '_');
    let name = if begins { id.into_owned() } else { format!("id-{id}") };
    let goes_on = |c: char| is_letter(c) || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
    (!name.is_empty() && name.len() <= 200 && name.chars().all(goes_on)).then_some(name)
}

/// Letters that names in XML may begin with (XML 1.0, NameStartChar), as far as texts have them.
fn is_letter(c: char) -> bool {
    matches!(c, 'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{3041}'..='\u{d7ff}')
}

fn alignment(source: &scraper::node::Element) -> Option<&'static str> {
    let style = source.attr("style").unwrap_or_default().to_ascii_lowercase();
    let styled = style.split(';').filter_map(|declaration| declaration.split_once(':'));
    let styled = styled.filter(|(property, _)| property.trim() == "text-align").map(|(_, value)| value).next_back();
    let value = styled.or_else(|| source.attr("align")).or((source.name() == "center").then_some("center"))?;
    let value = value.trim().trim_end_matches("!important").trim();
    ["center", "right", "justify"].into_iter().find(|known| value.eq_ignore_ascii_case(known))
}

fn is_direction(value: &str) -> bool {
    ["ltr", "rtl", "auto"].iter().any(|known| value.eq_ignore_ascii_case(known))
}

/// Whether a text has the form of a language tag (RFC 5646), closely enough.
pub fn is_language(value: &str) -> bool {
    let mut parts = value.split('-');
    let first = parts
        .next()
        .is_some_and(|first| (2..=3).contains(&first.len()) && first.bytes().all(|b| b.is_ascii_alphabetic()));
    first && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}
