//! `<base href>`: where a page's relative URLs begin, and what has to happen to it when pictures become local.
//!
//! A local copy is named relative to the document. While `<base href="https://…">` stands, browsers would look for it
//! on the remote server; so the base is emptied, and every other relative link is written out in full, which keeps the
//! page's links where they led.

use url::Url;

use super::value::decode_attribute;
use super::walk::{Visit, walk, walk_while};
use crate::collect::Layers;
use crate::collect::value::stripped;
use crate::rewrite::{Edit, replacement};
use crate::target::is_template;
use crate::text::Span;

/// Whether something in `html` begins like a `base` element. It takes no tokenizer to tell.
pub fn may_have_base(html: &str) -> bool {
    let candidate =
        |at: usize| html.as_bytes().get(at + 1..at + 5).is_some_and(|name| name.eq_ignore_ascii_case(b"base"));
    ["<b", "<B"].iter().any(|start| memchr::memmem::find_iter(html.as_bytes(), start).any(candidate))
}

/// The `href` of the first `base` that has one, decoded and trimmed.
pub fn base(html: &str) -> Option<String> {
    if !may_have_base(html) {
        return None;
    }
    let mut found = None;
    walk_while(html, &mut |visit| {
        if let Visit::Tag(tag) = visit
            && tag.name == "base"
        {
            let href = tag.attributes().find(|attribute| attribute.name == "href");
            found = href.map(|attribute| decode_attribute(attribute.raw).text.trim().to_owned());
        }
        found.is_none()
    });
    found.filter(|href| !href.is_empty())
}

/// Attributes that name another resource and would change their meaning with the base. Pictures are not here: they
/// have edits of their own, and those that could not be had are caught by the first entry that fits their element.
const LINKS: &[&str] = &["action", "cite", "data", "formaction", "href", "poster", "src", "xlink:href"];

/// The edits that empty the base and write out the relative links of `html`, spans relative to `html`; none when the
/// page has no base element.
pub fn rebase(html: &str, base: &Url) -> Vec<Edit> {
    if self::base(html).is_none() {
        return Vec::new();
    }
    let mut edits = Vec::new();
    walk(html, &mut |visit| {
        let Visit::Tag(tag) = visit else { return };
        for attribute in tag.attributes().filter(|attribute| LINKS.contains(&attribute.name)) {
            if tag.name == "base" {
                let span = Span::new(attribute.start, attribute.start + attribute.raw.len());
                edits.push(Edit { span, text: Vec::new() });
                continue;
            }
            let value = decode_attribute(attribute.raw);
            // The same span as a picture's own edit has, if there is one: of the two, that one stays.
            let inner = stripped(&value.text);
            let span = value.map.span(inner).shifted(attribute.start);
            let value = &value.text[inner.start..inner.end];
            let relative =
                !value.is_empty() && !value.starts_with('#') && !is_template(value) && Url::parse(value).is_err();
            if let (true, Ok(absolute)) = (relative, base.join(value)) {
                let text = replacement(absolute.as_str(), None, Layers::of(attribute.quote)).into_bytes();
                edits.push(Edit { span, text });
            }
        }
    });
    edits
}
