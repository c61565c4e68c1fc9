//! From a parsed document to nodes of a page: an element is kept, opened, dropped, or has a rule of its own.

use std::collections::HashSet;

use scraper::{ElementRef, Html, Node as Parsed};
use url::Url;

use super::attributes::{anchor, attributes, img, plain_img, source};
use super::cards::{self, Around, Kind};
use super::elements::{Fate, fate};
use super::lookup::{Found, Lookup};
use super::node::{Element, Node, Picture, Value};
use super::pictures::{self, Choice};
use super::svg;
use super::{models, parse};
use crate::collect::lazy::{self, Reading};
use crate::collect::value::blob_name;
use crate::collect::{Slot, css};
use crate::mirror::digest::Digest;

/// Elements deeper than this lose their tags. Browsers stop at 512.
const MAX_DEPTH: usize = 160;

/// Makes nodes of a document, and notes which pictures it has met.
pub struct Cleaner<'a> {
    lookup: &'a Lookup<'a>,
    /// Digests of pictures that the document names where a page shows them or one that takes their place.
    pub seen: HashSet<Digest>,
    /// The same for URLs of pictures that are not held.
    pub seen_missing: HashSet<String>,
}

/// Where a node stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    depth: usize,
    around: Around,
}

impl<'a> Cleaner<'a> {
    pub fn new(lookup: &'a Lookup<'a>) -> Self {
        Cleaner { lookup, seen: HashSet::new(), seen_missing: HashSet::new() }
    }

    /// The nodes of a parsed page or fragment. `noscript` elements stand among them until [`super::models::settle`].
    pub fn document(&mut self, page: &Html) -> anyhow::Result<Vec<Node>> {
        let root = page.root_element();
        self.children(root, Place { depth: 0, around: Around::Text })
    }

    fn children(&mut self, parent: ElementRef<'_>, place: Place) -> anyhow::Result<Vec<Node>> {
        let mut nodes = Vec::new();
        if place.depth > MAX_DEPTH {
            self.flattened(parent, place, &mut nodes)?;
            return Ok(nodes);
        }
        for child in parent.children() {
            match child.value() {
                Parsed::Text(text) => nodes.push(Node::Text(text.to_string())),
                Parsed::Element(_) => {
                    if let Some(element) = ElementRef::wrap(child) {
                        self.element(element, place, &mut nodes)?;
                    }
                }
                _ => {}
            }
        }
        Ok(nodes)
    }

    /// Text and pictures of what is nested too deep.
    fn flattened(&mut self, parent: ElementRef<'_>, place: Place, nodes: &mut Vec<Node>) -> anyhow::Result<()> {
        for node in parent.descendants() {
            let above = node.parent().and_then(ElementRef::wrap);
            let is_no_text = |name: &str| fate(name) == Fate::Dropped || matches!(name, "noscript" | "iframe");
            if above.is_some_and(|above| is_no_text(above.value().name())) {
                continue;
            }
            if let Parsed::Text(text) = node.value() {
                nodes.push(Node::Text(text.to_string()));
            } else if let Some(element) = ElementRef::wrap(node).filter(|element| element.value().name() == "img") {
                self.image("img", element, place, nodes)?;
            }
        }
        Ok(())
    }

    fn element(&mut self, element: ElementRef<'_>, place: Place, nodes: &mut Vec<Node>) -> anyhow::Result<()> {
        let name = element.value().name();
        if is_hidden(element) {
            return Ok(());
        }
        let mut behind = Vec::new();
        // Between rows there is no place for a picture: those of tables and rows stand at the end of the page.
        if !matches!(name, "img" | "image" | "table" | "tr" | "tbody" | "thead" | "tfoot" | "caption") {
            self.backgrounds(element, &mut behind, place)?;
        }
        if !matches!(name, "td" | "th") {
            nodes.append(&mut behind);
        }
        match fate(name) {
            Fate::Dropped => {}
            Fate::Opened => nodes.extend(self.children(element, deeper(place))?),
            Fate::Special => self.special(name, element, place, nodes)?,
            Fate::Kept("a") => self.link(element, place, nodes)?,
            Fate::Kept(kept) => {
                let mut made = Element::new(kept);
                attributes(kept, element, &mut made);
                made.children = behind;
                made.children.extend(self.children(element, deeper(place))?);
                nodes.push(made.into());
            }
        }
        Ok(())
    }

    fn special(
        &mut self,
        name: &str,
        element: ElementRef<'_>,
        place: Place,
        nodes: &mut Vec<Node>,
    ) -> anyhow::Result<()> {
        match name {
            "img" | "image" | "amp-img" | "amp-anim" => self.image(name, element, place, nodes)?,
            "input" if attr(element, "type").eq_ignore_ascii_case("image") => {
                self.image(name, element, place, nodes)?;
            }
            "input" if attr(element, "type").eq_ignore_ascii_case("checkbox") => {
                nodes.push(if element.value().attr("checked").is_some() { "☑ " } else { "☐ " }.into());
            }
            "picture" => self.picture(element, place, nodes)?,
            "svg" => nodes.extend(svg::inline(element, self)?),
            "noscript" => {
                // With scripts, which the parser takes for granted, what stands in it is text.
                let inner = parse::fragment(&element.text().collect::<String>());
                let mut copies = Vec::new();
                if let Some(inner) = inner.filter(|_| place.depth < MAX_DEPTH) {
                    // What is met in it is not met for good: it is shown only where nothing else shows it.
                    let seen = (std::mem::take(&mut self.seen), std::mem::take(&mut self.seen_missing));
                    copies = self.children(inner.root_element(), within(place))?;
                    copies = pictures_in(copies);
                    (self.seen, self.seen_missing) = seen;
                }
                let mut marker = Element::new("noscript");
                marker.children = copies;
                nodes.push(marker.into());
            }
            "iframe" => self.frame(element, place, nodes)?,
            "video" | "audio" => self.player(name, element, place, nodes)?,
            "object" | "embed" => self.embedded(name, element, place, nodes)?,
            _ => {}
        }
        Ok(())
    }

    fn image(
        &mut self,
        name: &str,
        element: ElementRef<'_>,
        place: Place,
        nodes: &mut Vec<Node>,
    ) -> anyhow::Result<()> {
        let choice = pictures::choose(name, element.value(), self.lookup)?;
        self.note(&choice.seen);
        self.shown(choice, element, place, nodes);
        Ok(())
    }

    /// Adds what an image element shows.
    fn shown(&mut self, choice: Choice, element: ElementRef<'_>, place: Place, nodes: &mut Vec<Node>) {
        let alt = attr(element, "alt");
        match (choice.shown, choice.missing) {
            (Some(picture), _) if pictures::is_shown(&picture) => {
                nodes.push(img(picture, choice.candidates, element).into());
            }
            (Some(picture), _) => nodes.push(cards::unshown(picture, alt, place.around)),
            (None, Some((url, reason))) => {
                nodes.push(cards::placeholder(alt, &url, &reason, place.around));
            }
            // As browsers do.
            (None, None) => nodes.extend((!alt.trim().is_empty()).then(|| Node::Text(alt.to_owned()))),
        }
    }

    /// `picture`: its sources as far as they are held, and an image.
    fn picture(&mut self, element: ElementRef<'_>, place: Place, nodes: &mut Vec<Node>) -> anyhow::Result<()> {
        let mut sources = Vec::new();
        let mut fallback = None;
        let mut images = Vec::new();
        for inner in element.descendants().filter_map(ElementRef::wrap) {
            match inner.value().name() {
                "source" => {
                    let choice = pictures::choose("source", inner.value(), self.lookup)?;
                    self.note(&choice.seen);
                    let held = choice.candidates.first().map(|(picture, _)| picture.clone()).or(choice.shown);
                    if let Some(picture) = held.filter(pictures::is_shown) {
                        fallback.get_or_insert(picture.clone());
                        sources.push(source(picture, choice.candidates, inner));
                    }
                }
                "img" => images.push(inner),
                _ => {}
            }
        }
        let Some(image) = images.first() else {
            nodes.extend(fallback.map(|picture| Node::from(plain_img(picture))));
            return Ok(());
        };
        let mut choice = pictures::choose("img", image.value(), self.lookup)?;
        self.note(&choice.seen);
        if choice.shown.is_none() {
            choice.shown = fallback;
        }
        let is_shown = choice.shown.as_ref().is_some_and(pictures::is_shown);
        let mut inner = Vec::new();
        self.shown(choice, *image, place, &mut inner);
        if sources.is_empty() || !is_shown {
            nodes.append(&mut inner);
            return Ok(());
        }
        let mut made = Element::new("picture");
        made.children = sources.into_iter().chain(inner).collect();
        nodes.push(made.into());
        Ok(())
    }

    /// A link: to a picture, to another document, within the page, or out of it.
    fn link(&mut self, element: ElementRef<'_>, place: Place, nodes: &mut Vec<Node>) -> anyhow::Result<()> {
        let href = attr(element, "href").trim();
        let value = if place.around == Around::Link { None } else { self.destination(href)? };
        let Some(value) = value else {
            let mut made = Element::new("span");
            attributes("span", element, &mut made);
            made.children = self.children(element, deeper(place))?;
            nodes.push(made.into());
            return Ok(());
        };
        let is_outward = matches!(value, Value::Outward(_));
        let linked = if let Value::Picture(picture, _) = &value { Some(picture.held) } else { None };
        let mut made = Element::new("a").value("href", value);
        if is_outward {
            made = made.with("rel", "noreferrer noopener");
        }
        attributes("a", element, &mut made);
        made.children = self.children(element, Place { around: Around::Link, ..deeper(place) })?;
        // Around a picture it leads to a larger one; around words it is all that there is of it.
        let mut shows = false;
        super::in_nodes(&made.children, &mut |_| shows = true);
        self.seen.extend(linked.filter(|_| shows));
        nodes.push(made.into());
        Ok(())
    }

    fn destination(&mut self, href: &str) -> anyhow::Result<Option<Value>> {
        if let Some(fragment) = href.strip_prefix('#') {
            return Ok(anchor(fragment).map(|id| Value::Text(format!("#{id}"))));
        }
        let names_picture = blob_name(href).is_some() || lazy::names_image(href);
        if names_picture && let Found::Held(picture) = self.lookup.find(href)? {
            return Ok(Some(Value::Picture(picture, None)));
        }
        if let Some((document, fragment)) = self.lookup.document(href) {
            return Ok(Some(Value::Document(document, fragment.as_deref().and_then(anchor))));
        }
        Ok(self.lookup.outward(href).map(Value::Outward))
    }

    fn frame(&mut self, element: ElementRef<'_>, place: Place, nodes: &mut Vec<Node>) -> anyhow::Result<()> {
        if let Some(inner) = element.value().attr("srcdoc") {
            if let Some(page) = parse::document(inner).filter(|_| place.depth < MAX_DEPTH) {
                let mut made = Element::new("div");
                made.children = self.children(page.root_element(), within(place))?;
                nodes.push(made.into());
            }
            return Ok(());
        }
        let url = ["src", "data-src", "data-lazy-src"].iter().find_map(|name| self.lookup.outward(attr(element, name)));
        let Some(url) = url else { return Ok(()) };
        let kind = Url::parse(&url).map_or(Kind::Frame, |url| Kind::of_frame(&url));
        let poster = self.poster(element)?;
        nodes.push(cards::card(kind, attr(element, "title"), Some(&url), poster, place.around));
        Ok(())
    }

    fn player(
        &mut self,
        name: &str,
        element: ElementRef<'_>,
        place: Place,
        nodes: &mut Vec<Node>,
    ) -> anyhow::Result<()> {
        let kind = if name == "audio" { Kind::Audio } else { Kind::Video };
        let inner = element.descendants().filter_map(ElementRef::wrap);
        let urls = inner.filter(|inner| matches!(inner.value().name(), "video" | "audio" | "source"));
        let url = urls.flat_map(|inner| [attr(inner, "src"), attr(inner, "data-src")]);
        let url = url.into_iter().find_map(|url| self.lookup.outward(url));
        let poster = self.poster(element)?;
        let title = [attr(element, "title"), attr(element, "aria-label")].into_iter().find(|title| !title.is_empty());
        nodes.push(cards::card(kind, title.unwrap_or_default(), url.as_deref(), poster, place.around));
        Ok(())
    }

    fn embedded(
        &mut self,
        name: &str,
        element: ElementRef<'_>,
        place: Place,
        nodes: &mut Vec<Node>,
    ) -> anyhow::Result<()> {
        let choice = pictures::choose(name, element.value(), self.lookup)?;
        let attribute = if name == "object" { "data" } else { "src" };
        let url = attr(element, attribute);
        if choice.shown.is_some() || choice.missing.is_some() && pictures::is_picture(url) {
            self.note(&choice.seen);
            self.shown(choice, element, place, nodes);
            return Ok(());
        }
        if name == "object" && place.depth < MAX_DEPTH {
            let fallback = self.children(element, deeper(place))?;
            if fallback.iter().any(|node| matches!(node, Node::Element(_))) {
                nodes.extend(fallback);
                return Ok(());
            }
        }
        if let Some(url) = self.lookup.outward(url) {
            nodes.push(cards::card(Kind::Frame, attr(element, "title"), Some(&url), None, place.around));
        }
        Ok(())
    }

    fn poster(&mut self, element: ElementRef<'_>) -> anyhow::Result<Option<Picture>> {
        for name in ["poster", "data-poster", "data-lazy-poster", "data-cover", "data-thumb"] {
            let Some(url) = element.value().attr(name) else { continue };
            if let Found::Held(picture) = self.find(url)?
                && pictures::is_shown(&picture)
            {
                return Ok(Some(picture));
            }
        }
        Ok(None)
    }

    /// Pictures behind an element: they become images in front of what stands in it, since a page has none of the
    /// document's styles that would give them room.
    fn backgrounds(&mut self, element: ElementRef<'_>, nodes: &mut Vec<Node>, place: Place) -> anyhow::Result<()> {
        for (attribute, value) in element.value().attrs() {
            let is_style = attribute == "style" || attribute.starts_with("data-");
            if !is_style || !value.contains("url(") && !attribute.contains("bg") && !attribute.contains("background") {
                continue;
            }
            let mut urls = Vec::new();
            let name = element.value().name();
            let reading = lazy::reading(name, attribute, element.value())
                .and_then(|reading| lazy::by_value(reading, attribute, value));
            match reading {
                Some(Reading::Css) => {
                    css::collect(value, &Slot::new("style"), &mut |reference| urls.push(reference.url));
                }
                Some(Reading::Url | Reading::ImageUrl) if pictures::is_picture(value) => urls.push(value.to_owned()),
                _ => {}
            }
            let found: Vec<Found> = urls.iter().map(|url| self.lookup.find(url)).collect::<anyhow::Result<_>>()?;
            let shown = found.iter().find(|found| matches!(found, Found::Held(picture) if pictures::is_shown(picture)));
            let Some(shown) = shown.or_else(|| found.iter().find(|found| matches!(found, Found::Missing { .. })))
            else {
                continue;
            };
            // Others behind it are for the end of the page.
            self.note(std::slice::from_ref(shown));
            match shown {
                Found::Held(picture) => nodes.push(plain_img(picture.clone()).into()),
                Found::Missing { url, reason } => nodes.push(cards::placeholder("", url, reason, place.around)),
                Found::Nothing => {}
            }
        }
        Ok(())
    }

    /// What a URL stands for, noted as met.
    pub fn find(&mut self, url: &str) -> anyhow::Result<Found> {
        let found = self.lookup.find(url)?;
        self.note(std::slice::from_ref(&found));
        Ok(found)
    }

    fn note(&mut self, seen: &[Found]) {
        for found in seen {
            match found {
                Found::Held(picture) => {
                    self.seen.insert(picture.held);
                }
                Found::Missing { url, .. } => {
                    self.seen_missing.insert(url.clone());
                }
                Found::Nothing => {}
            }
        }
    }
}

/// Whether a browser shows nothing of an element, and there is no picture in it that a script could bring to light.
fn is_hidden(element: ElementRef<'_>) -> bool {
    let style = || attr(element, "style").to_ascii_lowercase().replace(' ', "");
    let hides = element.value().attr("hidden").is_some() || style().contains("display:none");
    let shows = |inner: ElementRef<'_>| {
        matches!(inner.value().name(), "img" | "picture" | "svg" | "video" | "noscript" | "image")
    };
    hides && !element.descendants().filter_map(ElementRef::wrap).any(shows)
}

fn deeper(place: Place) -> Place {
    Place { depth: place.depth + 1, ..place }
}

/// In a page that stands in a page: few of those may stand in each other.
fn within(place: Place) -> Place {
    Place { depth: place.depth + MAX_DEPTH / 4, ..place }
}

pub(super) fn attr<'e>(element: ElementRef<'e>, name: &str) -> &'e str {
    element.value().attr(name).unwrap_or_default()
}

/// The images and cards among nodes, without what stands around them.
fn pictures_in(nodes: Vec<Node>) -> Vec<Node> {
    let mut found = Vec::new();
    for node in nodes {
        if let Node::Element(element) = node {
            if matches!(element.name, "img" | "picture") || models::is_placeholder(&element) {
                found.push(element.into());
            } else {
                found.extend(pictures_in(element.children));
            }
        }
    }
    found
}
