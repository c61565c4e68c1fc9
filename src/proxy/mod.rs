//! Peels proxies off image URLs: `https://relay.example/?https://host.example/a.jpg` is a picture of `host.example`.
//!
//! [`Rules`] knows the proxies: the built-in table ([`Rules::families`]), what the user adds with `--proxy-rule`, and
//! what was learned from the user's own documents ([`Witnesses`]). [`Rules::peel`] takes proxies off, outermost
//! first, until no rule fits. Nothing is fetched and nothing is decided about the proxied URL: it stays the asset's
//! second source, and [`Peeled::alternatives`] are readings to try when the best one fails.
//!
//! A wrong peel costs a picture, a missed one only a detour. So a rule asks for a known host or for a path in an
//! exact form, and what it finds must be a plausible absolute URL. Hosts that merely have a URL in their query are
//! left alone: fallback pictures, trackers, badges, share links and watermarks look like that.

mod given;
mod index;
mod inner;
mod parts;
mod server;
mod shape;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod witness;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::recent::Recent;
use given::Given;
pub use given::RuleError;
use index::{Index, Rule};
use inner::Found;
use parts::Parts;
use table::TABLE;
pub use witness::{Encoding, Learned, Witnesses};

/// Proxies around one URL. A URL with more is left alone: no honest document is written like that.
const MAX_STEPS: usize = 8;

/// The most alternatives that are reported.
const MAX_ALTERNATIVES: usize = 8;

/// The rules by which proxies are recognised. Cheap to clone; clones share the rules until one of them is changed.
#[derive(Debug, Clone)]
pub struct Rules {
    index: Arc<Index>,
}

/// What [`Rules::peel`] found in a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peeled {
    /// The innermost URL; the URL as it was given when there was nothing to peel.
    pub url: String,
    /// The proxies taken off, the outermost first.
    pub steps: Vec<Step>,
    /// Other readings of the innermost URL, best first: the other scheme, parameters cut off or kept, another
    /// decoding. At most eight, without repetition.
    pub alternatives: Vec<String>,
    /// The page that a proxy names as the Referer to send.
    pub referer: Option<String>,
}

/// One proxy taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The family of the proxy as in [`Rules::families`], or the rule as the user gave it, or the learned prefix.
    pub rule: Cow<'static, str>,
    pub proxied: String,
    pub inner: String,
}

impl Rules {
    /// The built-in table.
    pub fn builtin() -> Rules {
        Rules { index: Arc::new(Index::builtin()) }
    }

    /// Adds a rule of the user's, which goes before the built-in ones for its host. It is one of:
    /// - a prefix that ends where the original URL begins: `https://relay.example/?`, `https://relay.example/img/`.
    ///   How the URL is encoded (percent, base64, hexadecimal) is seen by looking; behind `?` and `=` it may lack its
    ///   scheme;
    /// - a parameter: `https://relay.example/get?url=`, found wherever it stands in the query;
    /// - a template as RSSHub has them, with `${href}`, `${href_ue}`, `${protocol}`, `${host}`, `${hostname}`,
    ///   `${port}`, `${origin}`, `${pathname}`, `${search}` (`_ue`: percent-encoded), which is inverted.
    ///
    /// The host may begin with `*.`. The scheme of the rule does not matter.
    ///
    /// # Errors
    /// [`RuleError`] says what is wrong with the rule and shows one that would do.
    pub fn add(&mut self, rule: &str) -> Result<(), RuleError> {
        let given = Given::parse(rule)?;
        Arc::make_mut(&mut self.index).add(given);
        Ok(())
    }

    /// Adds a learned prefix, unless it is known.
    pub fn learn(&mut self, learned: &Learned) {
        if let (false, Some(given)) = (self.know(learned), Given::learned(learned)) {
            Arc::make_mut(&mut self.index).add(given);
        }
    }

    /// Whether what was learned adds nothing: it is peeled already, or it is none of what can be a rule.
    pub fn know(&self, learned: &Learned) -> bool {
        const SAMPLE: &str = "https://host.example/a.jpg";
        let proxied = Given::learned(learned).and_then(|_| learned.wrap(SAMPLE));
        proxied.is_none_or(|proxied| self.peel(&proxied).steps.first().is_some_and(|step| step.inner == SAMPLE))
    }

    /// Takes the proxies off a URL, outermost first.
    ///
    /// `url` is absolute (http or https) or protocol-relative (`//host/…`, read as https), as it was written after
    /// the decoding of entities and escapes; it is not re-serialised. Never fails: what is no proxied URL comes back
    /// as it is. Time is linear in the length of `url`.
    pub fn peel(&self, url: &str) -> Peeled {
        self.peel_until(url, |_| false).unwrap_or_else(|| Peeled { url: url.to_owned(), ..Peeled::default() })
    }

    /// Peels until nothing is left to peel; `is_plain` says of which URLs that is known. `None` when there are more
    /// proxies than is allowed.
    fn peel_until(&self, url: &str, is_plain: impl Fn(&str) -> bool) -> Option<Peeled> {
        let mut steps: Vec<Step> = Vec::new();
        let mut others: Vec<Vec<String>> = Vec::new();
        let mut referer = None;
        let mut current = Cow::Borrowed(url);
        while !is_plain(&current)
            && let Some((rule, found)) = self.once(&current)
        {
            if steps.len() == MAX_STEPS {
                return None;
            }
            referer = referer.or(found.referer);
            steps.push(Step { rule: rule.name(), proxied: current.into_owned(), inner: found.url.clone() });
            if !found.others.is_empty() {
                others.push(found.others);
            }
            current = Cow::Owned(found.url);
        }
        let url = current.into_owned();
        let alternatives = if others.is_empty() { Vec::new() } else { self.alternatives(&url, others) };
        Some(Peeled { url, steps, alternatives, referer })
    }

    /// A text that changes whenever the set of rules does: what was collected under another one is collected anew.
    pub fn fingerprint(&self) -> String {
        let mut text = format!("{}\n", table::VERSION);
        for row in TABLE {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{row:?}");
        }
        for given in self.index.given() {
            let _ = writeln!(text, "{given:?}");
        }
        hex::encode(&Sha256::digest(text.as_bytes())[..16])
    }

    /// The built-in families, each form with an example, in the order of the table.
    pub fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
        TABLE.iter().map(|row| (row.family, row.example))
    }

    /// Takes one proxy off.
    fn once(&self, url: &str) -> Option<(Rule, Found)> {
        let outer = Parts::split(url)?;
        let (rule, mut found) = self.index.find(&outer)?;
        found.others.retain(|other| other != url);
        (found.url != url).then_some((rule, found))
    }

    /// Peels the other readings of every step to the end; those of the last step come first.
    fn alternatives(&self, url: &str, others: Vec<Vec<String>>) -> Vec<String> {
        let mut alternatives: Vec<String> = Vec::new();
        for other in others.into_iter().rev().flatten() {
            if alternatives.len() == MAX_ALTERNATIVES {
                break;
            }
            let Some(inner) = self.innermost(other) else { continue };
            if inner != url && !alternatives.contains(&inner) {
                alternatives.push(inner);
            }
        }
        alternatives
    }

    /// The innermost URL of another reading, if it has no more proxies than is allowed.
    fn innermost(&self, url: String) -> Option<String> {
        let mut url = url;
        for _ in 0..=MAX_STEPS {
            match self.once(&url) {
                Some((_, found)) => url = found.url,
                None => return Some(url),
            }
        }
        None
    }
}

/// Peels the URLs of one document. A picture stands there by itself and behind its proxy, one next to the other: what was
/// plain a moment ago is not looked at again.
#[derive(Debug)]
pub struct Peeler<'r> {
    rules: &'r Rules,
    /// The last URLs without a proxy.
    plain: Recent<(), 2>,
}

impl<'r> Peeler<'r> {
    pub fn new(rules: &'r Rules) -> Self {
        Peeler { rules, plain: Recent::default() }
    }

    /// What [`Rules::peel`] says, whatever was peeled before.
    pub fn peel(&mut self, url: &str) -> Peeled {
        let is_plain = |url: &str| self.plain.get(url).is_some();
        let Some(peeled) = self.rules.peel_until(url, is_plain) else {
            return Peeled { url: url.to_owned(), ..Peeled::default() };
        };
        if !is_plain(&peeled.url) {
            self.plain.keep(&peeled.url, ());
        }
        peeled
    }
}
