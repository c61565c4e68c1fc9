//! The first stage: documents → references → targets.

use std::cell::RefCell;
use std::path::Path;

use url::Url;

use super::placement::Links;
use crate::collect::html::{may_have_base, rebase};
use crate::collect::{Collector, Page, Reference, value};
use crate::document::{Document, Format, ReadError};
use crate::media_type::MediaType;
use crate::mirror::catalog::{self, HeldReference};
use crate::mirror::digest::Digest;
use crate::proxy::{Learned, Rules, Witnesses};
use crate::rewrite::{Edit, RewritePlan, replacement};
use crate::target::{Place, Resolver, Skip, Target};
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

/// What a document says beside its references.
#[derive(Debug)]
pub struct Facts {
    /// Where the article was published, as far as it is known.
    pub base: Option<Url>,
    /// What is odd about it, for people.
    pub warnings: Vec<String>,
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
    /// Reads a document.
    pub fn open(&self, path: &Path) -> Result<Document, ReadError> {
        Document::read(path, self.max_document)
    }

    /// Reports the references of a document in ascending order, none overlapping another. A document that is odd gives
    /// what can be read.
    ///
    /// `witnesses` learns from elements that name one picture twice.
    pub fn mentions(
        &self,
        path: &Path,
        document: &Document,
        witnesses: &mut Witnesses,
        each: &mut dyn FnMut(Mention),
    ) -> Facts {
        let text = document.text();
        let names_image = |url: &str| self.names_image(url);
        let page = self.collector.open(path, &text.text, &names_image);
        let base = self.base(&page);
        let place = Place { base: base.as_ref(), encoding: document.encoding().output_encoding() };
        let hearing = RefCell::new(Hearing { rules: &self.rules, witnesses, prefix: String::new() });
        let witness = |proxied: &str, original: &str| hearing.borrow_mut().hear(proxied, original);
        let mut resolver = Resolver::new(place, &self.rules);
        let mut end = 0;
        self.collector.collect(&page, &names_image, &witness, &mut |reference| {
            if reference.span.start >= end && !value::is_inert(&reference.url) {
                end = reference.span.end;
                each(self.mention(&text, reference, &mut resolver));
            }
        });
        Facts { warnings: page.into_warnings(), base }
    }

    /// Adds to a plan what pictures that become local ask of the rest of the page: a remote base is taken out, and what
    /// was relative to it is written out in full, the `missing` pictures too, so that they can still be had later.
    pub(super) fn complete(
        &self,
        path: &Path,
        document: &Document,
        plan: RewritePlan,
        missing: impl FnOnce() -> catalog::Result<Vec<HeldReference>>,
        links: &Links,
    ) -> catalog::Result<RewritePlan> {
        if plan.edits().is_empty() || !links.depend_on_base() {
            return Ok(plan);
        }
        let text = document.text();
        // What is no element of the page leads no link astray.
        if !may_have_base(&text.text) {
            return Ok(plan);
        }
        let page = self.collector.open(path, &text.text, &|url| self.names_image(url));
        let Some(base) = self.base(&page).filter(|_| page.format() == Format::Html) else {
            return Ok(plan);
        };
        let body = page.body();
        let rebased = rebase(&text.text[body.start..], &base);
        if rebased.is_empty() {
            return Ok(plan);
        }
        // Asked for only now: few pages have such a base, and a page may miss a million pictures.
        let missing = missing()?;
        let written_out = missing.iter().filter(|reference| {
            let raw = document.slice(reference.span);
            !raw.contains(':') && !raw.starts_with("//")
        });
        let written_out = written_out.map(|reference| {
            let url = replacement(&reference.target, reference.fragment.as_deref(), reference.layers);
            Edit { span: reference.span, text: document.encode(&url) }
        });
        let led_back = rebased.into_iter().map(|edit| {
            let url = String::from_utf8_lossy(&edit.text);
            Edit { span: text.map.span(edit.span.shifted(body.start)), text: document.encode(&url) }
        });
        // Of two edits of one span the first stays: a picture's own before that of its attribute.
        let edits = written_out.chain(led_back).collect::<Vec<_>>();
        Ok(RewritePlan::new(plan.into_edits().into_iter().chain(edits).collect()))
    }

    /// The proxies that the witnesses agree on and that the rules do not peel yet.
    pub fn unknown(&self, witnesses: &Witnesses) -> Vec<Learned> {
        let mut learned = witnesses.learned();
        learned.retain(|learned| !self.rules.know(learned));
        learned
    }

    /// All of this in a form that differs when documents must be collected anew.
    pub(super) fn fingerprint(&self) -> String {
        let base_url = self.base_url.as_ref().map_or("", Url::as_str);
        let parts = [
            env!("CARGO_PKG_VERSION"),
            &self.rules.fingerprint(),
            &self.collector.fingerprint(),
            base_url,
            &format!("{:?} {:?}", self.slots, self.link_base),
        ];
        Digest::of(parts.join("\0").as_bytes()).short()
    }

    /// The base that a document names, itself resolved against `--base-url`; without one, `--base-url`.
    fn base(&self, page: &Page<'_>) -> Option<Url> {
        let own = page.base().and_then(|named| match &self.base_url {
            Some(base_url) => base_url.join(named).ok(),
            None => Url::parse(named).ok(),
        });
        own.filter(|url: &Url| matches!(url.scheme(), "http" | "https")).or_else(|| self.base_url.clone())
    }

    fn names_image(&self, url: &str) -> bool {
        use crate::collect::lazy::names_image;
        let may_be_proxied = || url.contains('?') || url.contains("//");
        names_image(url) || (may_be_proxied() && names_image(&self.rules.peel(url).url))
    }

    fn mention(&self, text: &Text<'_>, mut reference: Reference, resolver: &mut Resolver<'_>) -> Mention {
        let text_start = reference.span.start;
        reference.span = text.map.span(reference.span);
        let held = self.local_copy(&reference.url);
        let outcome = match held {
            _ if !self.slots.allows(reference.slot.as_str()) => Err(Skip::Excluded),
            Some(_) => Err(Skip::Mirrored),
            None if is_local_front_matter(&reference) => Err(Skip::Local),
            None => resolver.resolve(&reference.url),
        };
        Mention { reference, text_start, outcome, held }
    }

    /// The digest in a link to a local copy: without a host, or below `--link-base`.
    fn local_copy(&self, url: &str) -> Option<Digest> {
        let (digest, extension) = value::blob_name(url)?.split_once('.')?;
        MediaType::from_extension(extension)?;
        let path = url.split(['#', '?']).next().unwrap_or_default();
        let elsewhere = path.contains("://") || url.starts_with("//") || url.starts_with("\\\\");
        let below_base = self.link_base.as_deref().is_some_and(|base| url.starts_with(base));
        digest.parse().ok().filter(|_| below_base || !elsewhere)
    }
}

/// Tells witnesses of something new from the many that only repeat what the rules know.
struct Hearing<'a> {
    rules: &'a Rules,
    witnesses: &'a mut Witnesses,
    /// What stood before the last original that the rules found by themselves.
    prefix: String,
}

impl Hearing<'_> {
    fn hear(&mut self, proxied: &str, original: &str) {
        let Some(prefix) = proxied.strip_suffix(original) else {
            return self.witnesses.observe(proxied, original);
        };
        if prefix.is_empty() || prefix == self.prefix {
            return;
        }
        if self.rules.peel(proxied).url == original {
            prefix.clone_into(&mut self.prefix);
        } else {
            self.witnesses.observe(proxied, original);
        }
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
