//! A page as a chapter: the same, without what EPUB does not take.

use std::collections::{HashMap, HashSet};

use crate::media_type::MediaType;
use crate::mirror::digest::Digest;
use crate::page::{Element, Node, Page, Picture, Value};

/// Whether every reading system shows pictures of this type (EPUB 3.3, "Core media types").
pub fn is_core(media_type: MediaType) -> bool {
    use MediaType::{Apng, Avif, Bmp, Gif, Heic, Ico, Jpeg, Jxl, Png, Svg, Tiff, WebP};
    match media_type {
        Jpeg | Png | Apng | Gif | WebP | Svg => true,
        Avif | Heic | Jxl | Ico | Bmp | Tiff => false,
    }
}

/// What a chapter has inside that its item in the package document has to tell.
#[derive(Debug, Default)]
pub struct Inside {
    /// The `id`s of its elements.
    pub ids: HashSet<String>,
    /// Values of `properties` (EPUB 3.3, "Manifest properties vocabulary"), in the order of the alphabet.
    pub properties: Vec<&'static str>,
}

/// Makes a chapter of a page.
pub fn chapter(page: &Page) -> (Page, Inside) {
    let mut page = page.clone();
    page.cover = None;
    page.language = page.language.as_deref().and_then(language);
    page.title = title(&page);
    let mut inside = Inside::default();
    nodes(&mut page.body, &mut inside);
    show_linked(&mut page.body, &mut inside.ids);
    links(&mut page.body, &inside.ids);
    inside.properties.sort_unstable();
    inside.properties.dedup();
    (page, inside)
}

/// A title that is not blank: `title` must not be empty, nor must a link of the navigation document.
fn title(page: &Page) -> String {
    let title = page.title.trim();
    if title.chars().any(|c| !c.is_whitespace() && !c.is_control()) {
        return title.to_owned();
    }
    let name = page.path.file_name().map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "Untitled".to_owned())
}

/// The language tag in a text, well-formed (RFC 5646 section 2.1): language, script and region; `None` when there is
/// none.
pub fn language(text: &str) -> Option<String> {
    let alphabetic = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let text = text.trim().replace('_', "-");
    let mut parts = text.split('-').peekable();
    let mut tag = parts.next().filter(|part| (2..=3).contains(&part.len()) && alphabetic(part))?.to_ascii_lowercase();
    if let Some(script) = parts.next_if(|part| part.len() == 4 && alphabetic(part)) {
        tag.push('-');
        tag.push_str(script);
    }
    let region = |part: &&str| {
        (part.len() == 2 && alphabetic(part)) || (part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if let Some(region) = parts.next_if(region) {
        tag.push('-');
        tag.push_str(&region.to_ascii_uppercase());
    }
    Some(tag)
}

fn nodes(list: &mut Vec<Node>, inside: &mut Inside) {
    list.retain_mut(|node| {
        let Node::Element(element) = node else { return true };
        match element.name {
            "picture" => picture(element),
            "svg" => inside.properties.push("svg"),
            "math" => inside.properties.push("mathml"),
            _ => {}
        }
        if element.name != "source" {
            candidates(element, |picture| is_core(picture.blob.media_type));
        }
        // XML knows an id once.
        element.attributes.retain(|(name, value)| match (*name, value) {
            ("id", Value::Text(id)) => {
                !id.is_empty() && !id.contains(char::is_whitespace) && inside.ids.insert(id.clone())
            }
            _ => true,
        });
        nodes(&mut element.children, inside);
        true
    });
}

/// Of `srcset` what `wanted` takes; without any, without the attribute.
fn candidates(element: &mut Element, wanted: impl Fn(&Picture) -> bool) {
    element.attributes.retain_mut(|(_, value)| match value {
        Value::Candidates(candidates) => {
            candidates.retain(|(picture, _)| wanted(picture));
            !candidates.is_empty()
        }
        _ => true,
    });
    if !element.attributes.iter().any(|(name, _)| *name == "srcset") {
        element.attributes.retain(|(name, _)| *name != "sizes");
    }
}

/// In `picture` no fallback of the package document counts (EPUB 3.3, "HTML picture fallbacks"): its sources are of core media types, and
/// where its `img` is not, the first that is stands for it.
fn picture(element: &mut Element) {
    element.children.retain_mut(|child| match child {
        Node::Element(source) if source.name == "source" => {
            candidates(source, |picture| is_core(picture.blob.media_type));
            source.attributes.iter().any(|(name, _)| *name == "srcset")
        }
        _ => true,
    });
    let first = element.children.iter().find_map(|child| match child {
        Node::Element(source) if source.name == "source" => {
            source.attributes.iter().find_map(|(_, value)| match value {
                Value::Candidates(candidates) => candidates.first().map(|(picture, _)| picture.clone()),
                _ => None,
            })
        }
        _ => None,
    });
    let Some(first) = first else {
        // Nothing to choose from: the `img` alone, for which a fallback counts.
        element.name = "span";
        element.attributes.retain(|(name, _)| matches!(*name, "id" | "class"));
        return;
    };
    for child in &mut element.children {
        let Node::Element(img) = child else { continue };
        for (name, value) in &mut img.attributes {
            if let ("src", Value::Picture(picture, _)) = (*name, &mut *value)
                && !is_core(picture.blob.media_type)
            {
                *value = Value::Picture(first.clone(), None);
            }
        }
    }
}

/// A picture is no chapter, and links must lead to chapters (EPUB 3.3, "The spine element"): what a chapter only links to,
/// such as the large version of a small picture, it shows at its end, where the link leads then. Not what few reading systems
/// can show: a placeholder is no better than no link.
fn show_linked(body: &mut Vec<Node>, ids: &mut HashSet<String>) {
    let mut shown = HashSet::new();
    each(body, &mut |element| {
        if element.name != "a" {
            let mut show = |picture: &Picture| shown.extend([picture.held]);
            element.attributes.iter().for_each(|(_, value)| value.pictures(&mut show));
        }
    });
    let (mut places, mut figures) = (HashMap::<Digest, String>::new(), Vec::new());
    let mut names = (1_u32..).map(|number| format!("linked-{number}"));
    each(body, &mut |element| {
        if element.name != "a" {
            return;
        }
        for (name, value) in &mut element.attributes {
            let ("href", Value::Picture(picture, _)) = (*name, &*value) else { continue };
            if shown.contains(&picture.held) || !is_core(picture.blob.media_type) {
                continue;
            }
            let place = places.entry(picture.held).or_insert_with(|| {
                let id = names.by_ref().find(|id| ids.insert(id.clone()));
                let id = id.unwrap_or_default();
                figures.push(figure(picture.clone(), id.clone()));
                id
            });
            *value = Value::Text(format!("#{place}"));
        }
    });
    body.extend(figures);
}

fn figure(picture: Picture, id: String) -> Node {
    let attributes = vec![("src", Value::Picture(picture, None)), ("alt", Value::Text(String::new()))];
    let img = Element { name: "img", attributes, children: Vec::new() };
    let attributes = vec![("id", Value::Text(id))];
    Node::Element(Element { name: "figure", attributes, children: vec![Node::Element(img)] })
}

fn each(list: &mut [Node], visit: &mut dyn FnMut(&mut Element)) {
    for node in list {
        let Node::Element(element) = node else { continue };
        visit(element);
        each(&mut element.children, visit);
    }
}

/// Takes links away that lead to places of the page that are not there, and those to pictures that are left.
fn links(list: &mut [Node], ids: &HashSet<String>) {
    each(list, &mut |element| {
        element.attributes.retain(|(name, value)| match (*name, value) {
            ("href", Value::Picture(..)) => element.name != "a",
            ("href", Value::Text(link)) => link.strip_prefix('#').is_some_and(|fragment| known(fragment, ids)),
            _ => true,
        });
    });
}

/// Whether a link with this fragment leads somewhere.
pub fn known(fragment: &str, ids: &HashSet<String>) -> bool {
    ids.contains(fragment)
        || percent_encoding::percent_decode_str(fragment).decode_utf8().is_ok_and(|decoded| ids.contains(&*decoded))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::mirror::store::Blob;
    use crate::page::Bytes;

    #[test]
    fn what_a_chapter_only_links_to_it_shows_at_its_end() {
        let picture = |name: u8| Picture {
            blob: Blob { digest: Digest::of(&[name]), media_type: MediaType::Png },
            held: Digest::of(&[name]),
            length: 1,
            dimensions: None,
            bytes: Bytes::Inline(Arc::new([name])),
        };
        let element = |name, attribute, value, children| {
            Node::Element(Element { name, attributes: vec![(attribute, value)], children })
        };
        let shown = |name| element("img", "src", Value::Picture(picture(name), None), Vec::new());
        let link = |to, inside| element("a", "href", to, inside);
        let to = |name| Value::Picture(picture(name), None);
        let mut body = vec![link(to(1), vec![shown(2)]), link(to(1), Vec::new()), link(to(2), Vec::new())];
        let mut ids = HashSet::from(["linked-1".to_owned()]);
        show_linked(&mut body, &mut ids);
        links(&mut body, &ids);
        let at = || Value::Text("#linked-2".to_owned());
        let bare = Node::Element(Element { name: "a", attributes: Vec::new(), children: Vec::new() });
        let end = figure(picture(1), "linked-2".to_owned());
        assert_eq!(body, [link(at(), vec![shown(2)]), link(at(), Vec::new()), bare, end]);
    }

    #[test]
    fn languages_are_well_formed_tags_or_none() {
        let cases = [
            ("zh_CN", Some("zh-CN")),
            ("ZH-hans-cn", Some("zh-hans-CN")),
            ("en", Some("en")),
            ("es-419", Some("es-419")),
            ("de-1996-x", Some("de")),
            ("english", None),
            ("中文", None),
            ("", None),
            ("x-private", None),
            ("en-\"><script>", Some("en")),
        ];
        for (text, tag) in cases {
            assert_eq!(language(text).as_deref(), tag, "{text}");
        }
    }
}
