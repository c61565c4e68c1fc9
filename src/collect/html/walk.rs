//! Start tags and style sheets of a page, with positions.

use html5gum::State;
use memchr::memmem;

use super::paced;
use crate::collect::Layer;
use crate::text::Span;

/// What [`walk`] comes across.
pub enum Visit<'a> {
    Tag(StartTag<'a>),
    /// The content of a `style` element, where nothing is escaped.
    Style(Span),
    /// A stretch of a `style` element in foreign content, where character references count as in any other text.
    StyleText(Span),
    /// The content of a `noscript` element that holds no tag but escaped ones.
    NoscriptText(Span),
}

/// A complete start tag. One that the end of the file cuts off is no element and is not reported.
pub struct StartTag<'a> {
    /// In lower case.
    pub name: &'a str,
    /// Where the `<` stands, and one behind the `>`.
    pub span: Span,
    source: &'a str,
    names: &'a str,
    slots: &'a [AttributeSlot],
}

/// One attribute with a value.
pub struct Attribute<'a> {
    /// In lower case.
    pub name: &'a str,
    /// As written, without its quotes.
    pub raw: &'a str,
    /// Where `raw` begins.
    pub start: usize,
    /// How it is quoted.
    pub quote: Layer,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct AttributeSlot {
    /// Where its name stands among the names of the tag.
    pub(super) name: (usize, usize),
    pub(super) value: Option<usize>,
    /// Where the value ends, as far as that is known before anybody asks for it.
    pub(super) value_end: Option<usize>,
}

/// Of duplicate attributes browsers take the first. Telling duplicates apart is quadratic, so it ends here.
pub(super) const MAX_ATTRIBUTES: usize = 256;

impl<'a> StartTag<'a> {
    /// The value of the first attribute of this name.
    pub fn value_of(&self, name: &str) -> Option<&'a str> {
        let slot = first_of_name(self.slots, self.names.as_bytes(), name)?;
        raw_value(self.source, slot).map(|(raw, _)| raw)
    }

    /// The attributes that have a value, without later duplicates, in their order. At most 256.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.attributes_named(|_| true)
    }

    /// Those of [`StartTag::attributes`] whose name is `wanted`: nothing is done for the others.
    pub fn attributes_named<W: Fn(&str) -> bool>(&self, wanted: W) -> impl Iterator<Item = Attribute<'a>> + use<'a, W> {
        let (source, names, slots) = (self.source, self.names, self.slots);
        slots.iter().enumerate().filter_map(move |(at, slot)| {
            let start = slot.value?;
            let name = &names[slot.name.0..slot.name.1];
            if !wanted(name) || first_of_name(&slots[..at], names.as_bytes(), name).is_some() {
                return None;
            }
            let (raw, quote) = raw_value(source, slot)?;
            Some(Attribute { name, raw, start, quote })
        })
    }
}

fn first_of_name<'a>(slots: &'a [AttributeSlot], names: &[u8], name: &str) -> Option<&'a AttributeSlot> {
    // Most names differ in their length already.
    let is_named = |(start, end): (usize, usize)| end - start == name.len() && names[start..end] == *name.as_bytes();
    slots.iter().find(|slot| is_named(slot.name))
}

/// The value of an attribute that has one, cut by the rules of WHATWG HTML 13.2.5.36 to 13.2.5.38.
fn raw_value<'a>(source: &'a str, slot: &AttributeSlot) -> Option<(&'a str, Layer)> {
    let start = slot.value?;
    let rest = source.get(start..)?;
    let known = slot.value_end.map(|end| end - start);
    let find = |quote: u8| known.or_else(|| memchr::memchr(quote, rest.as_bytes()));
    let (end, quote) = match source.as_bytes().get(start.checked_sub(1)?)? {
        b'"' => (find(b'"')?, Layer::HtmlDouble),
        b'\'' => (find(b'\'')?, Layer::HtmlSingle),
        _ => (rest.find(|c: char| c.is_ascii_whitespace() || c == '>')?, Layer::HtmlUnquoted),
    };
    Some((&rest[..end], quote))
}

/// Calls `visit` for every start tag and every style sheet in `html`, in order.
pub fn walk(html: &str, visit: &mut dyn FnMut(Visit<'_>)) {
    walk_while(html, &mut |visited| {
        visit(visited);
        true
    });
}

/// As [`walk`], up to the first start tag for which `visit` says `false`.
pub fn walk_while(html: &str, visit: &mut dyn FnMut(Visit<'_>) -> bool) {
    let mut walker = Walker::new(html, visit);
    // Nearly all tags are plain. Whatever is not is the tokenizer's, which hands back behind the tag.
    while let Some(state) = walker.plain_tags() {
        let Some(rest) = html.get(walker.position..) else { return };
        if !paced::tokenize_tag(rest, state, &mut walker) {
            return;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    None,
    Start,
    End,
}

/// Whose rules the tokenizer follows inside an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Namespace {
    Html,
    Svg,
    MathMl,
}

pub(super) struct Walker<'a, 'v> {
    pub(super) source: &'a str,
    visit: &'v mut dyn FnMut(Visit<'_>) -> bool,
    /// Whether enough was visited.
    pub(super) is_over: bool,
    pub(super) position: usize,
    pub(super) tag_start: usize,
    pub(super) kind: Tag,
    pub(super) name: String,
    pub(super) last_start_name: String,
    /// The names of the attributes, one behind the other. Those of a plain tag are read where they stand.
    pub(super) names: Vec<u8>,
    pub(super) slots: Vec<AttributeSlot>,
    pub(super) is_plain: bool,
    /// Whether the current attribute is among the first [`MAX_ATTRIBUTES`].
    pub(super) recording: bool,
    pub(super) self_closing: bool,
    /// Whether a tag has just ended behind which text goes on: there the tokenizer hands back.
    pub(super) is_tag_over: bool,
    /// Up to where style sheets were reported: what stands in one is reported once.
    reported: usize,
    /// The end of raw text once searched for, by name: many openings share one search.
    known_end: [(&'static str, usize); 2],
    /// Open elements that changed the namespace: the name that closes each, and what holds inside.
    pub(super) foreign: Vec<(&'static str, Namespace)>,
}

/// Deeper nesting of foreign content is not followed, so that a hostile page costs no memory.
const MAX_FOREIGN: usize = 64;

/// Elements that end foreign content (WHATWG HTML 13.2.6.5).
const BREAKOUT: &[&str] = &[
    "b",
    "big",
    "blockquote",
    "body",
    "br",
    "center",
    "code",
    "dd",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "hr",
    "i",
    "img",
    "li",
    "listing",
    "menu",
    "meta",
    "nobr",
    "ol",
    "p",
    "pre",
    "ruby",
    "s",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "sup",
    "table",
    "tt",
    "u",
    "ul",
    "var",
];

impl<'a, 'v> Walker<'a, 'v> {
    pub(super) fn new(source: &'a str, visit: &'v mut dyn FnMut(Visit<'_>) -> bool) -> Self {
        Walker {
            source,
            visit,
            is_over: false,
            position: 0,
            tag_start: 0,
            kind: Tag::None,
            name: String::with_capacity(16),
            last_start_name: String::with_capacity(16),
            names: Vec::with_capacity(256),
            slots: Vec::with_capacity(16),
            is_plain: false,
            recording: false,
            self_closing: false,
            is_tag_over: false,
            reported: 0,
            known_end: [("style", 0), ("noscript", 0)],
            foreign: Vec::new(),
        }
    }

    pub(super) fn namespace(&self) -> Namespace {
        self.foreign.last().map_or(Namespace::Html, |(_, namespace)| *namespace)
    }

    pub(super) fn start_tag(&mut self) -> Option<State> {
        let styled_font = || ["color", "face", "size"].iter().any(|name| self.attribute(name).is_some());
        let breaks_out =
            || BREAKOUT.binary_search(&self.name.as_str()).is_ok() || (self.name == "font" && styled_font());
        if self.namespace() != Namespace::Html && breaks_out() {
            self.leave_foreign();
        }
        // What every parser makes of it (WHATWG HTML 13.2.6.4.7, "a start tag whose tag name is image").
        if self.name == "image" && self.namespace() == Namespace::Html {
            self.name.replace_range(.., "img");
        }
        // Looked at once a tag. The source is text, and no name is cut within a character.
        let names = if self.is_plain { Ok(self.source) } else { std::str::from_utf8(&self.names) };
        if let Ok(names) = names {
            let span = Span::new(self.tag_start, self.position);
            self.is_over = !(self.visit)(Visit::Tag(StartTag {
                name: &self.name,
                span,
                source: self.source,
                names,
                slots: &self.slots,
            }));
            if self.is_over {
                return None;
            }
        }
        std::mem::swap(&mut self.last_start_name, &mut self.name);
        self.content_model()
    }

    fn leave_foreign(&mut self) {
        while self.namespace() != Namespace::Html {
            self.foreign.pop();
        }
    }

    /// Whether `annotation-xml` is an HTML integration point.
    fn holds_html(&self) -> bool {
        let encoding = self.attribute("encoding").and_then(|slot| raw_value(self.source, slot));
        encoding.is_some_and(|(encoding, _)| {
            ["text/html", "application/xhtml+xml"].iter().any(|html| encoding.eq_ignore_ascii_case(html))
        })
    }

    fn attribute(&self, name: &str) -> Option<&AttributeSlot> {
        let names = if self.is_plain { self.source.as_bytes() } else { &self.names };
        first_of_name(&self.slots, names, name)
    }

    /// Which state the tokenizer takes behind the start tag (WHATWG HTML 13.2.6.2 and 13.2.6.4.7).
    fn content_model(&mut self) -> Option<State> {
        let namespace = self.namespace();
        let name = self.last_start_name.as_str();
        let (enters, closes) = match (namespace, name) {
            (_, "svg") => (Namespace::Svg, "svg"),
            (_, "math") => (Namespace::MathMl, "math"),
            (Namespace::Svg, "foreignobject") => (Namespace::Html, "foreignobject"),
            (Namespace::Svg, "desc") => (Namespace::Html, "desc"),
            (Namespace::Svg, "title") => (Namespace::Html, "title"),
            (Namespace::MathMl, "annotation-xml") if self.holds_html() => (Namespace::Html, "annotation-xml"),
            (Namespace::MathMl, "mi") => (Namespace::Html, "mi"),
            (Namespace::MathMl, "mn") => (Namespace::Html, "mn"),
            (Namespace::MathMl, "mo") => (Namespace::Html, "mo"),
            (Namespace::MathMl, "ms") => (Namespace::Html, "ms"),
            (Namespace::MathMl, "mtext") => (Namespace::Html, "mtext"),
            (Namespace::Svg | Namespace::MathMl, "style") => {
                self.foreign_style();
                return None;
            }
            (Namespace::Svg | Namespace::MathMl, _) => return None,
            (Namespace::Html, "style") => {
                self.style();
                return Some(State::RawText);
            }
            (Namespace::Html, "noscript") => {
                self.noscript();
                return None;
            }
            (Namespace::Html, "textarea" | "title") => return Some(State::RcData),
            (Namespace::Html, "plaintext") => return Some(State::PlainText),
            (Namespace::Html, "script") => return Some(State::ScriptData),
            (Namespace::Html, "iframe" | "xmp" | "noembed" | "noframes") => return Some(State::RawText),
            (Namespace::Html, _) => return None,
        };
        if !self.self_closing && self.foreign.len() < MAX_FOREIGN {
            self.foreign.push((closes, enters));
        }
        None
    }

    fn style(&mut self) {
        let end = self.end_of("style");
        if self.position >= self.reported {
            self.reported = end;
            (self.visit)(Visit::Style(Span::new(self.position, end)));
        }
    }

    /// In foreign content a style sheet is text up to the next tag or comment, and CDATA sections within.
    fn foreign_style(&mut self) {
        let bytes = self.source.as_bytes();
        let mut at = self.position;
        if at < self.reported {
            return;
        }
        loop {
            let end = memchr::memchr(b'<', &bytes[at..]).map_or(bytes.len(), |found| at + found);
            (self.visit)(Visit::StyleText(Span::new(at, end)));
            self.reported = end;
            let Some(section) = self.source[end..].strip_prefix("<![CDATA[") else { return };
            let start = bytes.len() - section.len();
            let length = section.find("]]>").unwrap_or(section.len());
            (self.visit)(Visit::Style(Span::new(start, start + length)));
            at = bytes.len().min(start + length + "]]>".len());
        }
    }

    /// Some lazy loaders write the real picture into `noscript` as text.
    fn noscript(&mut self) {
        let end = self.end_of("noscript");
        let content = &self.source.as_bytes()[self.position..end];
        if memchr::memchr(b'<', content).is_none() && memmem::find(content, b"&lt;").is_some() {
            (self.visit)(Visit::NoscriptText(Span::new(self.position, end)));
        }
    }

    /// Where the raw text behind the current position ends: at the first `</name` that is a whole name.
    fn end_of(&mut self, name: &'static str) -> usize {
        let from = self.position;
        for (known, end) in &mut self.known_end {
            if *known == name {
                if *end < from {
                    *end = raw_text_end(self.source.as_bytes(), from, name);
                }
                return *end;
            }
        }
        raw_text_end(self.source.as_bytes(), from, name)
    }

    pub(super) fn end_tag(&mut self) {
        if matches!(self.name.as_str(), "br" | "p") {
            self.leave_foreign();
        }
        if let Some(open) = self.foreign.iter().rposition(|(closes, _)| *closes == self.name) {
            self.foreign.truncate(open);
        }
    }
}

fn raw_text_end(bytes: &[u8], from: usize, name: &str) -> usize {
    let closes = |at: &usize| {
        let after = &bytes[at + 2..];
        after.len() > name.len()
            && after[..name.len()].eq_ignore_ascii_case(name.as_bytes())
            && matches!(after[name.len()], b' ' | b'\t' | b'\n' | b'\r' | b'\x0C' | b'/' | b'>')
    };
    memmem::find_iter(&bytes[from..], b"</").map(|at| from + at).find(closes).unwrap_or(bytes.len())
}
