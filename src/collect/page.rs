//! One document's text, taken apart into front matter and body, and the collectors that read each.

use std::path::Path;

use super::front_matter::{self, Keys, Split};
use super::html::{self, Select};
use super::{Sink, css, markdown};
use crate::document::Format;
use crate::text::Span;

/// What the user adds to the tables: front-matter keys, and attributes by CSS selector.
#[derive(Debug, Clone)]
pub struct Collector {
    keys: Keys,
    selects: Vec<Select>,
}

/// A document's text, taken apart.
#[derive(Debug)]
pub struct Page<'t> {
    text: &'t str,
    format: Format,
    /// Where the body begins.
    body: usize,
    front: Vec<super::Reference>,
    base: Option<String>,
    warnings: Vec<String>,
}

impl Page<'_> {
    /// Where relative URLs begin, as the document says: `<base href>`, else the front matter.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// What is wrong with the document, for people.
    pub fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// The span of the body.
    pub fn body(&self) -> Span {
        Span::new(self.body, self.text.len())
    }
}

impl Collector {
    pub fn new(keys: &[String], selects: Vec<Select>) -> Self {
        Collector { keys: Keys::with(keys), selects }
    }

    /// Takes `text` apart and reads its front matter.
    ///
    /// `names_image` says whether a URL names an image, all proxies taken off.
    pub fn open<'t>(&self, path: &Path, text: &'t str, names_image: &dyn Fn(&str) -> bool) -> Page<'t> {
        let (mut front, mut base, mut warnings, mut body) = (Vec::new(), None, Vec::new(), 0);
        match front_matter::split(text) {
            Split::Found(found) => {
                body = found.body;
                let mut keep = |reference| front.push(reference);
                let facts = front_matter::collect(&found, text, &self.keys, names_image, &mut keep);
                base = facts.base;
                warnings.extend(facts.warnings.iter().map(|w| format!("line {}: {}", w.line, w.message)));
                front.sort_by_key(|reference: &super::Reference| reference.span.start);
            }
            Split::Unclosed { line } => warnings.push(format!(
                "line {line}: the front matter that begins here is never closed; the file is read as if it had none"
            )),
            Split::Absent => {}
        }
        let format = Format::of(path, &text[body..]);
        if format == Format::Html {
            base = html::base(&text[body..]).or(base);
        }
        Page { text, format, body, front, base, warnings }
    }

    /// Reports every reference of a page in ascending order, spans relative to the whole text. `witness` is told of
    /// elements that name one picture twice.
    pub fn collect(
        &self,
        page: &Page<'_>,
        names_image: &dyn Fn(&str) -> bool,
        witness: &dyn Fn(&str, &str),
        sink: &mut Sink<'_>,
    ) {
        page.front.iter().cloned().for_each(&mut *sink);
        let html = html::Reader { names_image, selects: &self.selects, witness };
        let body = &page.text[page.body..];
        let mut outward = |mut reference: super::Reference| {
            reference.span = reference.span.shifted(page.body);
            sink(reference);
        };
        match page.format {
            Format::Html | Format::Svg => html.collect(body, &mut outward),
            Format::Css => css::collect_file(body, &mut outward),
            Format::Markdown => {
                let inner = |text: &str, sink: &mut Sink<'_>| html.collect(text, sink);
                markdown::Reader { names_image, html: &inner }.collect(body, &mut outward);
            }
        }
    }

    /// The settings in a form that differs when they do.
    pub fn fingerprint(&self) -> String {
        format!("{:?} {:?}", self.keys, self.selects)
    }
}
