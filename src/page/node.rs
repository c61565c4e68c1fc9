//! What a safe page is made of. Nothing in it can be fetched but pictures that are held: there is no way to write
//! another URL that a reader would ask for, so a page is safe by its type.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use crate::mirror::catalog::PictureRow;
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Text(String),
    Element(Element),
}

/// An element from the closed list of `clean`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub name: &'static str,
    pub attributes: Vec<(&'static str, Value)>,
    pub children: Vec<Node>,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Says something and asks for nothing.
    Text(String),
    /// The URL of a picture, and what stands behind its `#`.
    Picture(Picture, Option<String>),
    /// `srcset`: pictures, each with its descriptor (`2x`, `640w`, or none).
    Candidates(Vec<(Picture, String)>),
    /// A link to another document of the collection, by its path there, and what stands behind its `#`.
    Document(PathBuf, Option<String>),
    /// A link out of the page that a person may follow: `http`, `https` or `mailto`.
    Outward(String),
}

impl Value {
    /// Calls `each` for every picture that is named.
    pub fn pictures(&self, each: &mut dyn FnMut(&Picture)) {
        match self {
            Value::Picture(picture, _) => each(picture),
            Value::Candidates(candidates) => candidates.iter().for_each(|(picture, _)| each(picture)),
            Value::Text(_) | Value::Document(..) | Value::Outward(_) => {}
        }
    }
}

/// A picture that is held, as it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Digest and type of `bytes`.
    pub blob: Blob,
    /// The digest of the bytes as they are held: another one for an SVG, which is shown without what could act.
    pub held: Digest,
    /// Bytes.
    pub length: u64,
    /// Width and height in pixels, where they are known.
    pub dimensions: Option<(u32, u32)>,
    pub bytes: Bytes,
}

/// Where the bytes of a picture are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    File(PathBuf),
    /// Of a `data:` URL, or made anew.
    Inline(Arc<[u8]>),
}

impl Picture {
    /// The blob that the catalog tells of, in this file, as it is held.
    pub fn of_blob(row: &PictureRow, file: PathBuf) -> Self {
        let PictureRow { blob, length, dimensions } = *row;
        Picture { blob, held: blob.digest, length, dimensions, bytes: Bytes::File(file) }
    }
}

impl Bytes {
    /// Copies the bytes to `out`; gives how many there were.
    pub fn copy_to(&self, out: &mut (impl Write + ?Sized)) -> io::Result<u64> {
        match self {
            Bytes::File(path) => io::copy(&mut File::open(path)?, out),
            Bytes::Inline(bytes) => out.write_all(bytes).map(|()| bytes.len() as u64),
        }
    }
}

/// How a page names what it refers to. Each kind of bundle has its own way.
pub trait Links {
    /// Writes the URL of a picture. What is written is put between double quotes as it is.
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()>;

    /// The URL of another document's page; `None` when it is not there to be read.
    fn document(&mut self, path: &std::path::Path) -> Option<String>;
}

impl Element {
    pub fn new(name: &'static str) -> Self {
        Element { name, attributes: Vec::new(), children: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, attribute: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((attribute, Value::Text(value.into())));
        self
    }

    #[must_use]
    pub fn value(mut self, attribute: &'static str, value: Value) -> Self {
        self.attributes.push((attribute, value));
        self
    }

    #[must_use]
    pub fn child(mut self, node: impl Into<Node>) -> Self {
        self.children.push(node.into());
        self
    }
}

impl From<Element> for Node {
    fn from(element: Element) -> Self {
        Node::Element(element)
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Node::Text(text.to_owned())
    }
}

/// Elements without content.
const VOID: [&str; 6] = ["br", "hr", "img", "source", "wbr", "col"];

/// Writes nodes so that a reader of HTML and one of XML read the same (the W3C's "Polyglot Markup").
pub fn write(nodes: &[Node], links: &mut dyn Links, out: &mut dyn Write) -> io::Result<()> {
    for node in nodes {
        match node {
            Node::Text(text) => escaped(text, out)?,
            Node::Element(element) => {
                write!(out, "<{}", element.name)?;
                for (name, value) in &element.attributes {
                    attribute(name, value, links, out)?;
                }
                if VOID.contains(&element.name) {
                    out.write_all(b"/>")?;
                    continue;
                }
                out.write_all(b">")?;
                // The parser of HTML drops a line end that a `pre` begins with.
                if element.name == "pre"
                    && matches!(element.children.first(), Some(Node::Text(text)) if text.starts_with('\n'))
                {
                    out.write_all(b"\n")?;
                }
                write(&element.children, links, out)?;
                write!(out, "</{}>", element.name)?;
            }
        }
    }
    Ok(())
}

fn attribute(name: &str, value: &Value, links: &mut dyn Links, out: &mut dyn Write) -> io::Result<()> {
    let document = match value {
        Value::Document(path, fragment) => match links.document(path) {
            Some(url) => Some((url, fragment)),
            None => return Ok(()),
        },
        _ => None,
    };
    write!(out, " {name}=\"")?;
    match value {
        Value::Text(text) | Value::Outward(text) => escaped(text, out)?,
        Value::Document(..) => {
            if let Some((url, fragment)) = document {
                escaped(&url, out)?;
                after_hash(fragment.as_deref(), out)?;
            }
        }
        Value::Picture(picture, fragment) => {
            links.picture(picture, out)?;
            after_hash(fragment.as_deref(), out)?;
        }
        Value::Candidates(candidates) => {
            for (nth, (picture, descriptor)) in candidates.iter().enumerate() {
                if nth > 0 {
                    out.write_all(b", ")?;
                }
                links.picture(picture, out)?;
                if !descriptor.is_empty() {
                    out.write_all(b" ")?;
                    escaped(descriptor, out)?;
                }
            }
        }
    }
    out.write_all(b"\"")
}

fn after_hash(fragment: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    match fragment {
        Some(fragment) => {
            out.write_all(b"#")?;
            escaped(fragment, out)
        }
        None => Ok(()),
    }
}

/// Writes text so that neither HTML nor XML takes any of it for markup. What XML 1.0 does not allow at all is U+FFFD.
pub fn escaped(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut written = 0;
    for (at, c) in text.char_indices() {
        let replacement = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            // A byte order mark in the middle of a text shows nothing, and readers differ on what it is.
            '\u{feff}' => "",
            // A parser would read a line end.
            '\r' => "&#13;",
            '\u{0}'..='\u{8}'
            | '\u{b}'
            | '\u{c}'
            | '\u{e}'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{fffe}'
            | '\u{ffff}' => "\u{fffd}",
            _ => continue,
        };
        out.write_all(&text.as_bytes()[written..at])?;
        out.write_all(replacement.as_bytes())?;
        written = at + c.len_utf8();
    }
    out.write_all(&text.as_bytes()[written..])
}
