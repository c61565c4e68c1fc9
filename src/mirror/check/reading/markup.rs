//! HTML and SVG, as scraper reads them.

use scraper::node::Element;
use scraper::{ElementRef, Html, Node};

use super::{Each, Link, blobs_in, css, is_remote, names_picture};

/// How deep pages in pages (`noscript`, `srcdoc`) are followed.
const MAX_DEPTH: usize = 4;

/// Elements that show a picture, besides those that need a second look.
const PICTURES: [&str; 5] = ["img", "image", "feimage", "amp-img", "amp-anim"];

/// Attributes in which scripts keep the URL of a picture, on elements that show one.
const LAZY: [&str; 6] =
    ["data-src", "data-original", "data-lazy-src", "data-actualsrc", "data-original-src", "data-lazyload"];

/// Names by which `meta` elements name a picture.
const META: [&str; 7] = [
    "og:image",
    "og:image:url",
    "og:image:secure_url",
    "twitter:image",
    "twitter:image:src",
    "msapplication-tileimage",
    "thumbnailurl",
];

/// Finds the pictures of a page.
pub(super) fn read(page: &str, each: &mut Each<'_>) {
    nodes(&Html::parse_document(page), MAX_DEPTH, each);
}

fn nodes(page: &Html, depth: usize, each: &mut Each<'_>) {
    for node in page.tree.root().descendants() {
        let Some(element) = ElementRef::wrap(node) else { continue };
        let value = element.value();
        let name = value.name().to_ascii_lowercase();
        attributes(&name, value, || is_in_picture(&element), each);
        match name.as_str() {
            "style" => css::read(&text(&element), each),
            // With scripts, which scraper takes for granted, what stands in it is text.
            "noscript" if depth > 0 => nodes(&Html::parse_fragment(&text(&element)), depth - 1, each),
            "iframe" if depth > 0 => {
                if let Some(inner) = value.attr("srcdoc") {
                    nodes(&Html::parse_document(inner), depth - 1, each);
                }
            }
            _ => {}
        }
    }
}

fn text(element: &ElementRef<'_>) -> String {
    let own = element.children().filter_map(|child| match child.value() {
        Node::Text(text) => Some(&*text.text),
        _ => None,
    });
    own.collect()
}

fn is_in_picture(element: &ElementRef<'_>) -> bool {
    let above = element.parent().and_then(|parent| parent.value().as_element());
    above.is_some_and(|above| above.name().eq_ignore_ascii_case("picture"))
}

fn attributes(name: &str, element: &Element, is_in_picture: impl Fn() -> bool, each: &mut Each<'_>) {
    let shows_picture = PICTURES.contains(&name)
        || (name == "input" && is(element, "type", "image"))
        || (name == "source" && is_in_picture());
    for (attribute, value) in element.attrs() {
        blobs_in(value, each);
        let value = value.trim();
        match attribute {
            "style" => css::read(value, each),
            "src" | "href" if shows_picture => remote(value, each),
            "srcset" if shows_picture => candidates(value, each),
            "poster" if name == "video" => remote(value, each),
            "background" if matches!(name, "body" | "table" | "tr" | "td" | "th") => remote(value, each),
            "content" if name == "meta" && is_picture_of_page(element) => remote(value, each),
            "href" if name == "link" && is_icon(element) => remote(value, each),
            "imagesrcset" if name == "link" && is(element, "as", "image") => candidates(value, each),
            _ if shows_picture && LAZY.contains(&attribute) => lazy(value, each),
            _ if shows_picture && attribute.starts_with("data-") => {
                if attribute.ends_with("srcset") {
                    candidates(value, each);
                } else if names_picture(value) && !value.contains(char::is_whitespace) {
                    lazy(value, each);
                }
            }
            _ => {}
        }
    }
}

fn remote(url: &str, each: &mut Each<'_>) {
    if is_remote(url) {
        each(Link::Remote(url));
    }
}

/// Scripts keep other things beside URLs: only what is written out in full counts.
fn lazy(url: &str, each: &mut Each<'_>) {
    if !url.starts_with("\\\\") {
        remote(url, each);
    }
}

/// The URLs of a `srcset`: a comma ends one only where a space follows or precedes it, or at the end of the URL.
fn candidates(list: &str, each: &mut Each<'_>) {
    let mut words = list.split_ascii_whitespace();
    let mut is_url = true;
    for word in words.by_ref() {
        let ends = word.ends_with(',');
        if is_url {
            remote(word.trim_matches(','), each);
        } else if let Some((_, next)) = word.split_once(',').filter(|(_, next)| is_remote(next)) {
            // `a.jpg 1x,https://…`: nothing but the comma parts them.
            remote(next.trim_end_matches(','), each);
            is_url = next.ends_with(',');
            continue;
        }
        is_url = ends;
    }
}

fn is(element: &Element, attribute: &str, wanted: &str) -> bool {
    element.attr(attribute).is_some_and(|value| value.trim().eq_ignore_ascii_case(wanted))
}

fn is_picture_of_page(meta: &Element) -> bool {
    let named = |attribute| meta.attr(attribute).unwrap_or_default().trim().to_ascii_lowercase();
    let is_item = || named("itemprop") == "image";
    META.contains(&named("property").as_str()) || META.contains(&named("name").as_str()) || is_item()
}

fn is_icon(link: &Element) -> bool {
    const ICONS: [&str; 4] = ["icon", "apple-touch-icon", "apple-touch-icon-precomposed", "image_src"];
    let rel = link.attr("rel").unwrap_or_default().to_ascii_lowercase();
    let is_preload = || rel.split_ascii_whitespace().any(|word| word == "preload") && is(link, "as", "image");
    rel.split_ascii_whitespace().any(|word| ICONS.contains(&word)) || is_preload()
}
