//! Reads one page, or one drawing, and tells everything in it that a reader would ask for by itself and that is not in
//! the bundle, and everything that is not known to ask for nothing.

use super::address::{self, Address};
use super::finding::Kind;
use super::markup::{self, Piece, Tag};
use super::picture::Picture;
use super::policy::{self, Demand};
use super::{css, elements};

/// What a page is written in, and so how much of a policy it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// With this much of a policy.
    Html(Demand),
    Xhtml(Demand),
    Svg,
}

/// A page that is to be read.
pub struct Page<'p> {
    /// Its place in the bundle.
    pub file: &'p str,
    pub language: Language,
    /// In how many drawings it stands.
    pub depth: u8,
    /// Whether the bundle has what this address names.
    pub holds: &'p dyn Fn(&Address) -> bool,
    /// Whether a person may follow a link to this address.
    pub leads: &'p dyn Fn(&Address) -> bool,
}

/// Takes a finding: its kind, the file, and what stands there.
pub type Tell<'t> = dyn FnMut(Kind, &str, &str) + 't;

impl Page<'_> {
    /// Reads the page.
    pub fn read(&self, bytes: &[u8], tell: &mut Tell<'_>) {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return tell(Kind::Encoding, self.file, "bytes that are no UTF-8");
        };
        // Byte order marks and control characters are read by some parsers, and dropped or refused by others.
        if let Some(c) =
            text.chars().find(|c| matches!(c, '\u{feff}' | '\u{0}'..='\u{8}' | '\u{b}'..='\u{c}' | '\u{e}'..='\u{1f}'))
        {
            tell(Kind::Encoding, self.file, &format!("the character {}", c.escape_unicode()));
        }
        let mut reading =
            Reading { page: self, tell, raw: None, policies: 0, charset: false, begun: false, css: String::new() };
        markup::read(text, &mut |piece| reading.piece(&piece));
        reading.end();
    }
}

struct Reading<'r, 'p, 't> {
    page: &'r Page<'p>,
    tell: &'r mut Tell<'t>,
    /// Inside of an element of this name, whose content is no markup.
    raw: Option<&'static str>,
    policies: usize,
    charset: bool,
    /// Something stood there already.
    begun: bool,
    css: String,
}

impl Reading<'_, '_, '_> {
    fn tell(&mut self, kind: Kind, what: &str) {
        (self.tell)(kind, self.page.file, what);
    }

    fn demand(&self) -> Option<Demand> {
        match self.page.language {
            Language::Html(demand) | Language::Xhtml(demand) => Some(demand),
            Language::Svg => None,
        }
    }

    fn piece(&mut self, piece: &Piece<'_>) {
        let begun = std::mem::replace(&mut self.begun, true);
        match piece {
            Piece::Start(tag) => {
                if let Some(raw) = self.raw {
                    self.tell(Kind::Markup, &format!("<{}> in <{raw}>", tag.name));
                }
                self.element(tag);
            }
            Piece::End(name) => {
                if self.raw == Some(*name) {
                    self.raw = None;
                    self.style_sheet();
                } else if let Some(raw) = self.raw {
                    self.tell(Kind::Markup, &format!("</{name}> in <{raw}>"));
                }
            }
            Piece::Text(text) if self.raw == Some("style") => self.css.push_str(text),
            Piece::Text(_) => {}
            Piece::Comment(comment) if !begun && self.is_declaration(comment) => {}
            Piece::Comment(comment) => self.tell(Kind::Markup, &format!("<!-- or <?: {comment}")),
            Piece::Doctype { name, plain } => {
                if !plain || *name != "html" || self.page.language == Language::Svg {
                    self.tell(Kind::Markup, &format!("<!DOCTYPE {name} …>"));
                }
            }
        }
    }

    /// Whether what a parser of HTML takes for a comment is the declaration of XML in UTF-8.
    fn is_declaration(&self, comment: &str) -> bool {
        let is_xml = !matches!(self.page.language, Language::Html(_));
        is_xml
            && matches!(
                comment,
                "?xml version=\"1.0\" encoding=\"UTF-8\"?" | "?xml version=\"1.0\" encoding=\"utf-8\"?"
            )
    }

    fn element(&mut self, tag: &Tag) {
        let is_svg = self.page.language == Language::Svg;
        if let Some(kind) = elements::wrong(&tag.name) {
            self.tell(kind, &format!("<{}>", tag.name));
        } else if is_svg && !elements::is_drawing(&tag.name) {
            self.tell(Kind::Element, &format!("<{}> in a drawing", tag.name));
        }
        match tag.name.as_str() {
            "meta" => self.meta(tag),
            "link" => self.link(tag),
            "style" | "title" if !tag.closes => self.raw = Some(if tag.name == "style" { "style" } else { "title" }),
            _ => {}
        }
        let full = self.demand() == Some(Demand::Full);
        if full && self.policies == 0 && !matches!(tag.name.as_str(), "html" | "head" | "meta") {
            self.policies = 1;
            self.tell(Kind::Policy, &format!("no policy in front of <{}>", tag.name));
        }
        for (name, value) in &tag.attributes {
            self.attribute(tag, name, value);
        }
    }

    fn attribute(&mut self, tag: &Tag, name: &str, value: &str) {
        let known = elements::value(&tag.name, name);
        match known {
            Err(kind) => self.tell(kind, &format!("<{} {name}=\"{value}\">", tag.name)),
            Ok(elements::Value::Said) => {}
            Ok(elements::Value::Style) => self.style(value),
            Ok(elements::Value::Address) if tag.name == "a" => self.leads(value),
            Ok(elements::Value::Address) => self.fetched(&tag.name, value),
            Ok(elements::Value::Candidates) => {
                for candidate in candidates(value) {
                    self.fetched(&tag.name, candidate);
                }
            }
            Ok(elements::Value::Namespace) => {
                if !elements::is_namespace(value) {
                    self.tell(Kind::Attribute, &format!("{name}=\"{value}\""));
                }
            }
        }
    }

    /// What a reader asks for by itself.
    fn fetched(&mut self, element: &str, value: &str) {
        let address = address::read(value, self.page.file);
        match &address {
            // A drawing refers to a part of itself.
            Address::Here if element != "image" && elements::is_drawing(element) && value.starts_with('#') => {}
            Address::Here => self.tell(Kind::Remote, &format!("<{element}> names the page itself")),
            Address::Data(data) if matches!(element, "img" | "image" | "source") => {
                Picture::inline(self.page.file, data, self.page.depth, self.tell);
            }
            address if (self.page.holds)(address) && matches!(element, "img" | "image" | "source" | "link") => {}
            Address::Inside(_) => self.tell(Kind::FileMissing, value),
            _ => self.tell(Kind::Remote, &format!("<{element}> {value}")),
        }
    }

    /// What a person may follow.
    fn leads(&mut self, value: &str) {
        let address = address::read(value, self.page.file);
        match &address {
            Address::Here => {}
            Address::Absolute(scheme, _) if matches!(scheme.as_str(), "http" | "https" | "mailto") => {}
            Address::Absolute(scheme, _) if scheme == "javascript" || scheme == "vbscript" => {
                self.tell(Kind::Script, value)
            }
            Address::Data(data) => Picture::inline(self.page.file, data, self.page.depth, self.tell),
            address if (self.page.leads)(address) => {}
            _ => self.tell(Kind::LinkDangling, value),
        }
    }

    fn meta(&mut self, tag: &Tag) {
        if let Some(said) = tag.get("http-equiv") {
            let content = tag.get("content").unwrap_or_default();
            if said.eq_ignore_ascii_case("content-security-policy") {
                self.policies += 1;
                if let Some(wrong) = policy::wrong(content, self.demand().unwrap_or(Demand::Full)) {
                    self.tell(Kind::Policy, &wrong);
                }
            } else if !(said == "x-dns-prefetch-control" && content == "off") {
                let kind = if said.eq_ignore_ascii_case("refresh") { Kind::Refresh } else { Kind::Element };
                self.tell(kind, &format!("<meta http-equiv=\"{said}\" content=\"{content}\">"));
            }
        }
        if let Some(charset) = tag.get("charset") {
            self.charset |= charset.eq_ignore_ascii_case("utf-8");
            if !charset.eq_ignore_ascii_case("utf-8") {
                self.tell(Kind::Encoding, &format!("<meta charset=\"{charset}\">"));
            }
        }
        if let Some(name) = tag.get("name").filter(|name| !matches!(*name, "viewport" | "referrer" | "generator")) {
            self.tell(Kind::Element, &format!("<meta name=\"{name}\">"));
        }
    }

    fn link(&mut self, tag: &Tag) {
        let rel = tag.get("rel").unwrap_or_default();
        if rel != "stylesheet" {
            self.tell(Kind::Preload, &format!("<link rel=\"{rel}\">"));
        }
    }

    fn style(&mut self, value: &str) {
        let (page, tell) = (self.page, &mut *self.tell);
        css::read(value, &mut |what| tell(Kind::Style, page.file, what));
    }

    fn style_sheet(&mut self) {
        let sheet = std::mem::take(&mut self.css);
        self.style(&sheet);
    }

    fn end(&mut self) {
        if self.raw.is_some() {
            self.tell(Kind::Markup, "the page ends in the middle of an element");
        }
        if matches!(self.page.language, Language::Html(_)) && !self.charset {
            self.tell(Kind::Encoding, "no <meta charset=\"utf-8\">");
        }
        if self.demand() == Some(Demand::Full) && self.policies == 0 {
            self.tell(Kind::Policy, "no policy");
        }
    }
}

/// The addresses of `srcset`. Commas may stand in them, but not where a candidate ends or begins (HTML 4.8.4.2.2); the
/// stricter reading here takes everything between spaces for an address that is no descriptor.
fn candidates(value: &str) -> impl Iterator<Item = &str> {
    let is_descriptor = |word: &&str| {
        let word = word.trim_end_matches(',');
        let number = word.strip_suffix(['x', 'w', 'h']).unwrap_or("-");
        word.is_empty() || number.parse::<f64>().is_ok()
    };
    value.split_ascii_whitespace().filter(move |word| !is_descriptor(word)).map(|word| word.trim_end_matches(','))
}
