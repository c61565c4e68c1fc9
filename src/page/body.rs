//! From a document's text to its page.

use pulldown_cmark::{Options, Parser, html};
use scraper::{ElementRef, Html, Selector};

use super::attributes::{is_language, plain_img};
use super::cards::{self, Around};
use super::clean::Cleaner;
use super::collection::Entry;
use super::front::{Front, day};
use super::lookup::{Found, Lookup};
use super::node::{Element, Node, Picture, Value};
use super::{Page, markdown, models, parse, pictures};
use crate::document::Format;

/// What stands for a document that nobody could lay out.
const TOO_DEEP: &str = "<p>The elements of this document are nested too deeply to be shown. Its pictures follow.</p>";

/// Makes the page of a document whose body is `body`.
///
/// All pictures that are held for the document are on it: those that nothing in the body shows stand at its end.
pub fn page(entry: &Entry, mut front: Front, format: Format, body: &str, lookup: &Lookup<'_>) -> anyhow::Result<Page> {
    let parsed = match format {
        Format::Markdown => parse::document(&rendered(&markdown::with_figures(body))),
        Format::Html | Format::Svg => parse::document(body),
        // It has pictures and no text for readers.
        Format::Css => parse::document(""),
    };
    let parsed = parsed.unwrap_or_else(|| Html::parse_document(TOO_DEEP));
    complete(&mut front, &parsed);
    let mut cleaner = Cleaner::new(lookup);
    let mut nodes = cleaner.document(&parsed)?;
    let stem = || entry.name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let title = front.title.clone().unwrap_or_else(stem);
    without_title(&mut nodes, &title);
    let cover = cover(&front, lookup)?;
    let mut top = Vec::new();
    if let Some(picture) = &cover
        && cleaner.seen.insert(picture.held)
    {
        top.push(figure(plain_img(picture.clone()).into()));
    }
    let rest = rest(&mut cleaner, lookup)?;
    let nodes = top.into_iter().chain(nodes).chain(rest).collect();
    let body = models::settle(nodes, cleaner.seen, cleaner.seen_missing);
    let language =
        front.language.filter(|tag| is_language(tag)).or_else(|| script_of(&title, &body).map(str::to_owned));
    Ok(Page {
        path: entry.name.clone(),
        title,
        author: front.author,
        date: front.date,
        language,
        cover: cover.or_else(|| first_picture(&body)),
        missing: models::missing_in(&body),
        body,
    })
}

fn rendered(text: &str) -> String {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut page = String::with_capacity(text.len() + text.len() / 4);
    html::push_html(&mut page, markdown::with_anchors(Parser::new_ext(text, options)).into_iter());
    page
}

/// Adds what the head of a page says and the front matter does not.
fn complete(front: &mut Front, page: &Html) {
    let select = |selector: &str| Selector::parse(selector).ok().and_then(|selector| page.select(&selector).next());
    let text = |element: ElementRef<'_>| {
        let text = element.text().collect::<String>();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!words.is_empty()).then_some(words)
    };
    let content = |selector: &str| {
        select(selector).and_then(|meta| meta.value().attr("content")).map(str::trim).filter(|text| !text.is_empty())
    };
    if front.title.is_none() {
        let (title, heading) = (select("head > title").and_then(text), select("h1").and_then(text));
        // Sites put their own name behind that of the article.
        let is_longer = |title: &String| heading.as_ref().is_some_and(|heading| title.starts_with(heading.as_str()));
        front.title = title.filter(|title| !is_longer(title)).or(heading);
    }
    if front.author.is_none() {
        front.author = content("meta[name=author]").map(str::to_owned);
    }
    if front.date.is_none() {
        let date = content("meta[property='article:published_time'], meta[name=date]");
        front.date = date.map(|date| day(date).unwrap_or_else(|| date.to_owned()));
    }
    if front.language.is_none() {
        front.language = page.root_element().value().attr("lang").map(str::to_owned);
    }
    front.covers.extend(content("meta[property='og:image'], meta[name='twitter:image']").map(str::to_owned));
}

/// The picture that stands for an article.
fn cover(front: &Front, lookup: &Lookup<'_>) -> anyhow::Result<Option<Picture>> {
    for url in &front.covers {
        if let Found::Held(picture) = lookup.find(url)?
            && pictures::is_shown(&picture)
        {
            return Ok(Some(picture));
        }
    }
    Ok(None)
}

/// The pictures that the catalog has for the document and that the body shows nowhere: of front matter, of styles, of
/// data in attributes.
fn rest(cleaner: &mut Cleaner<'_>, lookup: &Lookup<'_>) -> anyhow::Result<Vec<Node>> {
    let mut more = Vec::new();
    lookup.references(&mut |slot, found| {
        // Icons stand for a site, not for an article.
        if slot.starts_with("link@") || slot == "meta@content" {
            return;
        }
        match found {
            Found::Held(picture) if cleaner.seen.insert(picture.held) => more.push(if pictures::is_shown(&picture) {
                figure(plain_img(picture).into())
            } else {
                cards::unshown(picture, "", Around::Text)
            }),
            Found::Missing { url, reason } if cleaner.seen_missing.insert(url.clone()) => {
                more.push(cards::placeholder("", &url, &reason, Around::Text));
            }
            _ => {}
        }
    })?;
    if more.is_empty() {
        return Ok(more);
    }
    let mut section = Element::new("section").with("class", "im-more").child(Element::new("h2").child("More pictures"));
    section.children.extend(more);
    Ok(vec![section.into()])
}

fn figure(node: Node) -> Node {
    Element::new("figure").child(node).into()
}

/// Takes away a heading in front that says the title once more.
fn without_title(nodes: &mut Vec<Node>, title: &str) {
    let first = nodes.iter().position(|node| !matches!(node, Node::Text(text) if text.trim().is_empty()));
    let Some(at) = first else { return };
    match &mut nodes[at] {
        Node::Element(element) if element.name == "h1" => {
            let says = text_of(&element.children, usize::MAX);
            let same = says.split_whitespace().eq(title.split_whitespace());
            let plain = element.children.iter().all(|node| matches!(node, Node::Text(_)));
            if same && plain {
                nodes.remove(at);
            }
        }
        Node::Element(element) if matches!(element.name, "div" | "section") => {
            without_title(&mut element.children, title)
        }
        _ => {}
    }
}

fn first_picture(nodes: &[Node]) -> Option<Picture> {
    nodes.iter().find_map(|node| match node {
        Node::Element(element) if element.name == "img" => {
            element.attributes.iter().find_map(|(_, value)| match value {
                Value::Picture(picture, _) => Some(picture.clone()),
                _ => None,
            })
        }
        Node::Element(element) => first_picture(&element.children),
        Node::Text(_) => None,
    })
}

/// The first bytes of text among nodes, about `max` of them.
fn text_of(nodes: &[Node], max: usize) -> String {
    let mut text = String::new();
    for node in nodes {
        if text.len() >= max {
            break;
        }
        match node {
            Node::Text(own) => text.push_str(own),
            Node::Element(element) => text.push_str(&text_of(&element.children, max - text.len())),
        }
    }
    text
}

/// The language that a text's script tells, for readers that choose letter forms by it.
fn script_of(title: &str, body: &[Node]) -> Option<&'static str> {
    const SAMPLE: usize = 4000;
    let sample = text_of(body, SAMPLE);
    let (mut han, mut kana, mut hangul, mut letters) = (0, 0, 0, 0);
    for c in title.chars().chain(sample.chars()).filter(|c| c.is_alphabetic()) {
        letters += 1;
        match c {
            '\u{3040}'..='\u{30ff}' => kana += 1,
            '\u{ac00}'..='\u{d7a3}' => hangul += 1,
            '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => han += 1,
            _ => {}
        }
    }
    match letters {
        0 => None,
        _ if kana * 10 > letters => Some("ja"),
        _ if hangul * 4 > letters => Some("ko"),
        _ if han * 4 > letters => Some("zh"),
        _ => None,
    }
}
