//! Pictures in HTML, with the exact place of every attribute value.
//!
//! The tokenizer is html5gum, driven by an emitter of our own that keeps nothing but positions: values are cut from
//! the source and decoded only where an attribute may hold a picture. Tags that are written as nearly all are do not need
//! it (`plain`). `noscript` and `template` are read like the rest of the page, since their pictures are the real ones of
//! many lazy-loading pages; comments, scripts and the text of `textarea`, `title`, `iframe` and the like are not (WHATWG
//! HTML 13.2.5).
//!
//! What it is not: a tree builder. Elements are seen one start tag at a time, and foreign content (SVG, MathML) is
//! followed only as far as the tokenizer needs it.

mod base;
mod emitter;
pub(crate) mod paced;
mod plain;
mod select;
mod value;
mod walk;

pub use base::{base, may_have_base, rebase};
pub use select::Select;
pub use value::decode_attribute;

use crate::collect::lazy::{self, Attributes, Reading};
use crate::collect::value::stripped;
use crate::collect::{Layer, Layers, Reference, Sink, Slot, css, escape, srcset};
use crate::text::{Span, Text};
use select::Selected;
use walk::{StartTag, Visit, walk};

/// What the HTML collector has to know beside the text.
pub struct Reader<'a> {
    /// Says whether a URL names an image, all proxies taken off. It is not asked of values without any mark of a URL, see
    /// `lazy::by_value`.
    pub names_image: &'a dyn Fn(&str) -> bool,
    /// Attributes that the user named by CSS selector.
    pub selects: &'a [Select],
    /// Told of every `src` that stands beside a lazy attribute of the same element: (`src`, the other). Two URLs of
    /// one picture witness how a proxy writes the original.
    pub witness: &'a dyn Fn(&str, &str),
}

/// How deep documents inside of documents (`srcdoc`, escaped `noscript`) are followed.
const MAX_DEPTH: usize = 4;

impl Reader<'_> {
    /// Reports every picture in `html`, in document order, spans relative to `html`.
    pub fn collect(&self, html: &str, sink: &mut Sink<'_>) {
        let selected = select::matches(html, self.selects);
        self.collect_at(html, 0, &selected, sink);
    }

    fn collect_at(&self, html: &str, depth: usize, selected: &Selected, sink: &mut Sink<'_>) {
        let mut index = 0;
        walk(html, &mut |visit| match visit {
            Visit::Tag(tag) => {
                let named = selected.get(&index).map_or(&[][..], Vec::as_slice);
                self.element(&tag, depth, named, sink);
                index += 1;
            }
            Visit::Style(span) => {
                let css = Text::plain(&html[span.start..span.end]);
                let mut inner = super::nested(&css.map, span.start, Layers::default(), sink);
                css::collect(&css.text, &Slot::new("style"), &mut inner);
            }
            Visit::StyleText(span) => {
                let css = value::decode_text(&html[span.start..span.end]);
                let mut inner = super::nested(&css.map, span.start, Layers::of(Layer::HtmlText), sink);
                css::collect(&css.text, &Slot::new("style"), &mut inner);
            }
            Visit::NoscriptText(span) if depth < MAX_DEPTH => {
                let text = value::decode_text(&html[span.start..span.end]);
                let mut inner = super::nested(&text.map, span.start, Layers::of(Layer::HtmlText), sink);
                self.collect_at(&text.text, depth + 1, &Selected::new(), &mut inner);
            }
            Visit::NoscriptText(_) => {}
        });
    }

    fn element(&self, tag: &StartTag<'_>, depth: usize, named: &[String], sink: &mut Sink<'_>) {
        let is_named = |attribute: &str| named.iter().any(|name| name == attribute);
        for attribute in tag.attributes_named(|name| !lazy::is_never_picture(name) || is_named(name)) {
            let by_name = if is_named(attribute.name) {
                Some(lazy::named(attribute.name))
            } else {
                lazy::reading(tag.name, attribute.name, tag)
            };
            let by_value = |reading| lazy::by_value(reading, attribute.name, attribute.raw);
            let Some(reading) = by_name.and_then(by_value) else { continue };
            if attribute.raw.trim_start().is_empty() {
                continue;
            }
            let slot = Slot::attribute(tag.name, attribute.name);
            let text = decode_attribute(attribute.raw);
            if reading == Reading::Url
                && attribute.name != "src"
                && let Some(src) = tag.get("src")
            {
                (self.witness)(decode_attribute(src).text.trim(), text.text.trim());
            }
            let mut outward = super::nested(&text.map, attribute.start, Layers::of(attribute.quote), sink);
            self.value(&text, reading, &slot, depth, &mut outward);
        }
    }

    fn value(&self, text: &Text<'_>, reading: Reading, slot: &Slot, depth: usize, sink: &mut Sink<'_>) {
        let text = text.text.as_ref();
        match reading {
            Reading::Url => self.plain_or_json(text, slot, sink),
            Reading::ImageUrl | Reading::AbsoluteImageUrl => {
                if (self.names_image)(text.trim()) {
                    report(text, stripped(text), slot, Layers::default(), sink);
                } else if text.trim_start().starts_with(['{', '[']) {
                    value::json(text, self.names_image, slot, sink);
                }
            }
            Reading::Srcset => {
                for span in srcset::candidates(text) {
                    report(text, span, slot, Layers::of(Layer::Srcset), sink);
                }
            }
            Reading::ImageSrcset => {
                for list in value::lists(text) {
                    let urls = srcset::candidates(&text[list.start..list.end]).map(|span| span.shifted(list.start));
                    for span in urls.filter(|span| (self.names_image)(&text[span.start..span.end])) {
                        report(text, span, slot, Layers::of(Layer::Srcset), sink);
                    }
                }
            }
            Reading::Css => css::collect(text, slot, sink),
            Reading::Json => value::json(text, self.names_image, slot, sink),
            Reading::PercentJson => {
                let inner = value::decode_percent(text);
                let mut outward = super::nested(&inner.map, 0, Layers::of(Layer::Percent), sink);
                value::json(&inner.text, self.names_image, slot, &mut outward);
            }
            Reading::Interchange => {
                for span in value::interchange(text) {
                    report(text, span, slot, Layers::of(Layer::Unescaped), sink);
                }
            }
            Reading::Html if depth < MAX_DEPTH => self.collect_at(text, depth + 1, &Selected::new(), sink),
            Reading::Html => {}
        }
    }

    /// A URL, unless the value turns out to be JSON (`data-src='{"src":"…"}'` exists).
    fn plain_or_json(&self, text: &str, slot: &Slot, sink: &mut Sink<'_>) {
        if text.trim_start().starts_with("{\"") || text.trim_start().starts_with("[{") {
            value::json(text, self.names_image, slot, sink);
        } else {
            report(text, stripped(text), slot, Layers::default(), sink);
        }
    }
}

impl Attributes for StartTag<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        self.value_of(name)
    }
}

fn report(text: &str, span: Span, slot: &Slot, layers: escape::Layers, sink: &mut Sink<'_>) {
    if !span.is_empty() {
        sink(Reference { span, slot: slot.clone(), url: text[span.start..span.end].to_owned(), layers });
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
