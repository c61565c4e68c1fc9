//! The first stage: documents → references → targets.

use std::cell::RefCell;
use std::path::Path;

use url::Url;

use crate::collect::{Collector, Facts, Reference};
use crate::document::{Document, ReadError};
use crate::mirror::digest::Digest;
use crate::proxy::{Rules, Witnesses};
use crate::target::{self, Place, Skip, Target};
use crate::text::Text;

/// What decides which references a document has, and what they stand for.
#[derive(Debug, Clone)]
pub struct Collecting {
    pub rules: Rules,
    pub collector: Collector,
    /// `--base-url`: for documents that say of no base themselves.
    pub base_url: Option<Url>,
    pub slots: SlotFilter,
    /// Bytes of the largest document that is read.
    pub max_document: u64,
    /// `--link-base`: links that begin so may be local copies already.
    pub link_base: Option<String>,
}

/// `--include` and `--exclude`: patterns of slots, `*` standing for anything.
#[derive(Debug, Clone, Default)]
pub struct SlotFilter {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

/// A reference with what it stands for.
#[derive(Debug, Clone)]
pub struct Mention {
    /// Its span lies in the bytes of the file.
    pub reference: Reference,
    /// Where it begins in the decoded text.
    pub text_start: usize,
    pub outcome: Result<Target, Skip>,
    /// The blob that it names, when it is a local copy already.
    pub held: Option<Digest>,
}

impl Collecting {
    /// Reads a document and reports its references in ascending order, none overlapping another.
    ///
    /// `witnesses` learns from elements that name one picture twice. A document that cannot be read is an error; one
    /// that is only odd gives what can be read and says so in the facts.
    pub fn read(
        &self,
        path: &Path,
        witnesses: &mut Witnesses,
        each: &mut dyn FnMut(Mention),
    ) -> Result<(Document, Facts), ReadError> {
        let document = Document::read(path, self.max_document)?;
        let facts = self.mentions(path, &document, witnesses, each);
        Ok((document, facts))
    }

    fn mentions(
        &self,
        path: &Path,
        document: &Document,
        witnesses: &mut Witnesses,
        each: &mut dyn FnMut(Mention),
    ) -> Facts {
        let text = document.text();
        let page = self.collector.open(path, &text.text);
        let base = self.base(page.base.as_deref());
        let place = Place { base: base.as_ref(), encoding: document.encoding().output_encoding() };
        let witnesses = RefCell::new(witnesses);
        let witness = |proxied: &str, original: &str| {
            if proxied.len() > original.len() && self.rules.peel(proxied).steps.is_empty() {
                witnesses.borrow_mut().observe(proxied, original);
            }
        };
        let names_image = |url: &str| self.names_image(url);
        let mut end = 0;
        self.collector.collect(&page, &names_image, &witness, &mut |reference| {
            if reference.span.start >= end && !reference.span.is_empty() {
                end = reference.span.end;
                each(self.mention(&text, reference, place));
            }
        })
    }

    /// The base that a document names, itself resolved against `--base-url`; without one, `--base-url`.
    fn base(&self, named: Option<&str>) -> Option<Url> {
        let own = named.and_then(|named| match &self.base_url {
            Some(base_url) => base_url.join(named).ok(),
            None => Url::parse(named).ok(),
        });
        own.filter(|url| matches!(url.scheme(), "http" | "https")).or_else(|| self.base_url.clone())
    }

    fn names_image(&self, url: &str) -> bool {
        use crate::collect::lazy::names_image;
        if !url.contains('?') && !url.contains("//") {
            return names_image(url);
        }
        names_image(url) || names_image(&self.rules.peel(url).url)
    }

    fn mention(&self, text: &Text<'_>, mut reference: Reference, place: Place<'_>) -> Mention {
        let text_start = reference.span.start;
        reference.span = text.map.span(reference.span);
        let held = self.local_copy(&reference.url);
        let outcome = match held {
            _ if !self.slots.allows(reference.slot.as_str()) => Err(Skip::Excluded),
            Some(_) => Err(Skip::Mirrored),
            None if is_local_front_matter(&reference) => Err(Skip::Local),
            None => target::resolve(&reference.url, place, &self.rules),
        };
        Mention { reference, text_start, outcome, held }
    }

    /// The digest in a link to a local copy: `…/ab/ab….jpg`, relative or below `--link-base`.
    fn local_copy(&self, url: &str) -> Option<Digest> {
        let below_link_base = self.link_base.as_deref().is_some_and(|base| url.starts_with(base));
        if url.contains("://") && !below_link_base {
            return None;
        }
        let path = url.split(['#', '?']).next()?;
        let mut segments = path.rsplit('/');
        let (name, extension) = segments.next()?.split_once('.')?;
        let known = crate::media_type::MediaType::from_extension(extension).is_some();
        (known && name.get(..2) == segments.next()).then(|| name.parse().ok()).flatten()
    }
}

/// A site's own pictures in front matter are its own affair, whatever base the document has.
fn is_local_front_matter(reference: &Reference) -> bool {
    let url = reference.url.as_str();
    reference.slot.as_str().starts_with("front:") && !url.contains(':') && !url.starts_with("//")
}

impl SlotFilter {
    fn allows(&self, slot: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, slot));
        (self.include.is_empty() || any(&self.include)) && !any(&self.exclude)
    }
}

/// Whether `pattern`, in which `*` stands for any text, is `slot` as a whole.
fn matches(pattern: &str, slot: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == slot };
    let Some(mut left) = slot.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_filtered_by_patterns() {
        let filter = SlotFilter { include: vec!["img@*".into(), "front:*".into()], exclude: vec!["*@data-*".into()] };
        assert!(filter.allows("img@src"));
        assert!(filter.allows("front:headimg"));
        assert!(!filter.allows("img@data-original"));
        assert!(!filter.allows("meta@content"));
        assert!(SlotFilter::default().allows("anything"));
        assert!(matches("*", "") && matches("a*c", "abc") && !matches("a*c", "abd") && matches("a*b*c", "aXbYc"));
    }
}
