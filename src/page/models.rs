//! Puts nodes in an order that HTML allows, so that XML readers and validators take a page as it is.
//!
//! The parser of HTML has seen to most of it; what is left comes from elements that became another one and from cards
//! in the middle of a text. The rules are those of the content models in HTML 4.3 to 4.10.

use std::collections::HashSet;

use super::attributes::anchor;
use super::elements::{is_block, may_hold_blocks};
use super::node::{Element, Node, Value};
use crate::mirror::digest::Digest;

/// Puts the nodes of a page in order: `noscript` copies of what the page shows go, blocks leave lines of text, lists and
/// tables hold what they may, links within the page lead somewhere.
pub fn settle(nodes: Vec<Node>, seen: HashSet<Digest>, seen_missing: HashSet<String>) -> Vec<Node> {
    let mut ids = HashSet::new();
    let mut settling = Settling { seen, seen_missing, ids: &mut ids };
    let (mut nodes, _) = settling.nodes(nodes, "div");
    link_up(&mut nodes, &ids);
    nodes
}

/// How many placeholders stand among nodes.
pub fn missing_in(nodes: &[Node]) -> u64 {
    let mut count = 0;
    for node in nodes {
        if let Node::Element(element) = node {
            count += u64::from(is_placeholder(element)) + missing_in(&element.children);
        }
    }
    count
}

struct Settling<'a> {
    seen: HashSet<Digest>,
    seen_missing: HashSet<String>,
    ids: &'a mut HashSet<String>,
}

impl Settling<'_> {
    /// The nodes in order, and whether a block is among them.
    fn nodes(&mut self, nodes: Vec<Node>, parent: &'static str) -> (Vec<Node>, bool) {
        let mut settled = Vec::with_capacity(nodes.len());
        let mut blocks = false;
        for node in nodes {
            match node {
                Node::Text(text) => settled.push(Node::Text(text)),
                Node::Element(element) if element.name == "noscript" => {
                    let copies: Vec<Node> = element.children.into_iter().filter(|copy| self.is_new(copy)).collect();
                    settled.extend(copies);
                }
                Node::Element(element) => {
                    let element = self.element(element, parent);
                    blocks |= is_block(element.name) || holds_block(&element);
                    settled.push(element.into());
                }
            }
        }
        (settled, blocks)
    }

    /// Of the names in a drawing, too, each stands once on a page.
    fn drawing(&mut self, element: &mut Element) {
        self.unique_id(element);
        for node in &mut element.children {
            if let Node::Element(inner) = node {
                self.drawing(inner);
            }
        }
    }

    fn unique_id(&mut self, element: &mut Element) {
        element.attributes.retain(|(name, value)| match value {
            Value::Text(id) if *name == "id" => anchor(id).as_ref() == Some(id) && self.ids.insert(id.clone()),
            _ => true,
        });
    }

    /// Whether a copy in `noscript` shows what nothing else shows. From then on something does.
    fn is_new(&mut self, copy: &Node) -> bool {
        let Node::Element(element) = copy else { return false };
        if is_placeholder(element) {
            return url_of(element).is_none_or(|url| self.seen_missing.insert(url));
        }
        let mut is_new = false;
        super::in_nodes(std::slice::from_ref(copy), &mut |picture| is_new |= self.seen.insert(picture.held));
        is_new
    }

    fn element(&mut self, mut element: Element, parent: &'static str) -> Element {
        if element.name == "svg" {
            self.drawing(&mut element);
            return element;
        }
        self.unique_id(&mut element);
        element.name = match (element.name, parent) {
            ("li", parent) if !matches!(parent, "ul" | "ol") => "div",
            ("dt" | "dd", parent) if parent != "dl" => "div",
            ("rt", parent) if parent != "ruby" => "span",
            ("caption", parent) if parent != "table" => "div",
            (name, _) => name,
        };
        let (children, blocks) = self.nodes(std::mem::take(&mut element.children), element.name);
        element.children = children;
        if blocks && !may_hold_blocks(element.name) {
            element.name = "div";
            // They belong to the element that it was.
            element.attributes.retain(|(name, _)| matches!(*name, "id" | "class" | "dir" | "lang" | "title" | "role"));
        }
        match element.name {
            "ul" | "ol" => in_items(&mut element),
            "dl" if !is_description(&element) => to_divs(&mut element, &["dl", "dt", "dd"]),
            "figure" => captions(&mut element),
            "ruby" if !is_ruby(&element) => to_spans(&mut element),
            "table" => rows(&mut element),
            _ => {}
        }
        element
    }
}

/// What stands in a list and is no item becomes one.
fn in_items(list: &mut Element) {
    let mut items: Vec<Node> = Vec::new();
    let mut loose = Vec::new();
    for node in std::mem::take(&mut list.children) {
        let is_item = matches!(&node, Node::Element(element) if element.name == "li");
        if is_item {
            close(&mut loose, &mut items);
            items.push(node);
        } else {
            loose.push(node);
        }
    }
    close(&mut loose, &mut items);
    list.children = items;
}

fn close(loose: &mut Vec<Node>, items: &mut Vec<Node>) {
    let children = std::mem::take(loose);
    if children.iter().any(|node| !is_blank(node)) {
        let mut item = Element::new("li");
        item.children = children;
        items.push(item.into());
    }
}

fn is_blank(node: &Node) -> bool {
    matches!(node, Node::Text(text) if text.trim().is_empty())
}

fn holds_block(element: &Element) -> bool {
    // Of all others it is known: they would be blocks themselves.
    matches!(element.name, "a" | "del" | "ins")
        && element
            .children
            .iter()
            .any(|node| matches!(node, Node::Element(inner) if is_block(inner.name) || holds_block(inner)))
}

/// Whether a `dl` holds nothing but groups of terms with their descriptions (HTML 4.4.9).
fn is_description(list: &Element) -> bool {
    let mut before = "dd";
    let mut any = false;
    for node in &list.children {
        let name = match node {
            Node::Element(element) if matches!(element.name, "dt" | "dd") => element.name,
            node if is_blank(node) => continue,
            _ => return false,
        };
        if !any && name == "dd" {
            return false;
        }
        any = true;
        before = name;
    }
    any && before == "dd"
}

fn to_divs(element: &mut Element, names: &[&str]) {
    element.name = "div";
    for node in &mut element.children {
        if let Node::Element(inner) = node
            && names.contains(&inner.name)
        {
            inner.name = "div";
        }
    }
}

/// A caption stands first or last in its figure, and there is one of them.
fn captions(figure: &mut Element) {
    let is_caption = |node: &Node| matches!(node, Node::Element(element) if element.name == "figcaption");
    let meant = figure.children.iter().enumerate().filter(|(_, node)| !is_blank(node)).map(|(at, _)| at);
    let (first, last) = (meant.clone().next(), meant.clone().next_back());
    let count = figure.children.iter().filter(|node| is_caption(node)).count();
    for (at, node) in figure.children.iter_mut().enumerate() {
        let in_place = count == 1 && (Some(at) == first || Some(at) == last);
        if let Node::Element(element) = node
            && element.name == "figcaption"
            && !in_place
        {
            element.name = "div";
        }
    }
}

fn is_ruby(ruby: &Element) -> bool {
    let annotated = |node: &Node| matches!(node, Node::Element(element) if element.name == "rt");
    let meant: Vec<&Node> = ruby.children.iter().filter(|node| !is_blank(node)).collect();
    meant.first().is_some_and(|node| !annotated(node)) && meant.last().is_some_and(|node| annotated(node))
}

fn to_spans(ruby: &mut Element) {
    ruby.name = "span";
    for node in &mut ruby.children {
        if let Node::Element(inner) = node
            && inner.name == "rt"
        {
            inner.name = "span";
        }
    }
}

/// A table has one caption, in front, then bodies of rows. Anything else that stands in it is not shown in a table.
fn rows(table: &mut Element) {
    let mut caption = None;
    let mut bodies = Vec::new();
    for node in std::mem::take(&mut table.children) {
        let Node::Element(mut element) = node else { continue };
        match element.name {
            "caption" if caption.is_none() => caption = Some(element.into()),
            "tbody" => {
                element.children.retain(|node| matches!(node, Node::Element(row) if row.name == "tr"));
                for row in &mut element.children {
                    if let Node::Element(row) = row {
                        row.children
                            .retain(|node| matches!(node, Node::Element(cell) if matches!(cell.name, "td" | "th")));
                    }
                }
                bodies.push(element.into());
            }
            _ => {}
        }
    }
    table.children = caption.into_iter().chain(bodies).collect();
}

/// Whether an element says that a picture is missing.
pub fn is_placeholder(element: &Element) -> bool {
    element
        .attributes
        .iter()
        .any(|(name, value)| *name == "class" && matches!(value, Value::Text(class) if class == "im-missing"))
}

/// The URL that a placeholder shows.
fn url_of(element: &Element) -> Option<String> {
    let is_url = |element: &Element| {
        element.attributes.iter().any(|(_, value)| matches!(value, Value::Text(class) if class == "im-url"))
    };
    for node in &element.children {
        if let Node::Element(inner) = node {
            if is_url(inner) {
                return match inner.children.first() {
                    Some(Node::Text(url)) => Some(url.clone()),
                    _ => None,
                };
            }
            if let Some(url) = url_of(inner) {
                return Some(url);
            }
        }
    }
    None
}

/// Takes away links within the page that lead nowhere.
fn link_up(nodes: &mut [Node], ids: &HashSet<String>) {
    for node in nodes {
        let Node::Element(element) = node else { continue };
        if matches!(element.name, "a" | "use") {
            element.attributes.retain(|(name, value)| match value {
                Value::Text(href) if matches!(*name, "href" | "xlink:href") => {
                    href.strip_prefix('#').is_some_and(|id| ids.contains(id))
                }
                _ => true,
            });
        }
        link_up(&mut element.children, ids);
    }
}
