//! Rules that are not built in: what the user gives with `--proxy-rule`, and what was learned.

use super::index::HostPattern;
use super::inner::{Bare, Found, level};
use super::parts::Parts;
use super::server::opaque;
use super::shape::{Tail, param_value, path_value, values};
use super::template::Template;
use super::witness::{Encoding, Learned};

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("proxy rule `{0}` is no http(s) URL with a host; write for example `https://relay.example/?`")]
    NotAUrl(String),
    #[error(
        "proxy rule `{0}` does not say where the original URL begins; end it there: `{0}/?`, `{0}/` or `{0}/get?url=`"
    )]
    NoPath(String),
    #[error("proxy rule `{0}` has a `#`, and what follows it is never sent to a proxy")]
    Fragment(String),
    #[error(
        "proxy rule `{rule}` has the wildcard `{host}`; only a whole first label may be left open, as in `https://*.relay.example/?`"
    )]
    Wildcard { rule: String, host: String },
    #[error("proxy rule `{0}` has a `${{` without its `}}`")]
    Unclosed(String),
    #[error(
        "proxy rule `{rule}` names `${{{part}}}`; the parts that can be inverted are href, protocol, host, hostname, port, origin, pathname and search, each also with _ue"
    )]
    UnknownPart { rule: String, part: String },
    #[error("proxy rule `{0}` loses the original URL: it needs `${{href}}`, or a host and `${{pathname}}`")]
    Incomplete(String),
}

/// One rule that is not built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    /// The rule as it was given.
    name: String,
    host: HostPattern,
    /// As written, when the rule names one.
    port: Option<String>,
    kind: Kind,
    learned: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// What the path and query begin with, and what a missing scheme means.
    Prefix {
        begins: String,
        bare: BareName,
    },
    /// A parameter in the query of this path.
    Param {
        path: String,
        key: String,
    },
    Template(Template),
}

/// The two defaults that a rule of this module can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BareName {
    Never,
    Https,
}

impl BareName {
    fn bare(self) -> Bare {
        match self {
            BareName::Never => Bare::Never,
            BareName::Https => Bare::Https,
        }
    }
}

impl Given {
    /// Reads a rule of the user's, as [`super::Rules::add`] describes it.
    pub(super) fn parse(rule: &str) -> Result<Self, RuleError> {
        let rule = rule.trim();
        let own = || rule.to_owned();
        let (front, template) = match rule.find("${") {
            Some(first) => (&rule[..first], Some(first)),
            None => (rule, None),
        };
        if front.contains('#') {
            return Err(RuleError::Fragment(own()));
        }
        let parts = Parts::split(front).ok_or_else(|| RuleError::NotAUrl(own()))?;
        let host = host(rule, parts.host)?;
        let port = parts.authority.get(parts.host.len() + 1..).map(str::to_owned);
        if parts.rest.is_empty() {
            return Err(RuleError::NoPath(own()));
        }
        let kind = match template {
            Some(first) => {
                let behind = &rule[first - parts.rest.len()..];
                Kind::Template(Template::parse(rule, behind)?)
            }
            None => prefix(&parts),
        };
        Ok(Given { name: own(), host, port, kind, learned: false })
    }

    /// The rule that a learned prefix stands for; `None` when the prefix is none (it may come from a catalog).
    pub(super) fn learned(learned: &Learned) -> Option<Self> {
        let parts = Parts::split(&learned.prefix)?;
        if parts.rest.is_empty() || parts.host.contains('*') || parts.fragment.is_some() {
            return None;
        }
        let bare = match learned.encoding {
            Encoding::WithoutScheme | Encoding::WithoutSchemeOnce => BareName::Https,
            Encoding::Plain | Encoding::Once | Encoding::Twice | Encoding::Base64 => BareName::Never,
        };
        Some(Given {
            name: learned.prefix.clone(),
            host: HostPattern::parse(parts.host),
            port: parts.authority.get(parts.host.len() + 1..).map(str::to_owned),
            kind: Kind::Prefix { begins: parts.rest.to_owned(), bare },
            learned: true,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn host(&self) -> &HostPattern {
        &self.host
    }

    pub(super) fn is_learned(&self) -> bool {
        self.learned
    }

    /// Reads the inner URL out of a URL whose host fits.
    pub(super) fn read(&self, outer: &Parts<'_>) -> Option<Found> {
        if self.port.is_some() && outer.authority.get(outer.host.len() + 1..) != self.port.as_deref() {
            return None;
        }
        match &self.kind {
            Kind::Prefix { begins, bare } => {
                // `https://relay.example?URL` asks for `/?URL`.
                let raw = match outer.rest.strip_prefix(begins.as_str()) {
                    Some(raw) => raw,
                    None if outer.path.is_empty() => outer.rest.strip_prefix(begins.strip_prefix('/')?)?,
                    None => return None,
                };
                prefixed(begins, raw, bare.bare(), outer)
            }
            Kind::Param { path, key } => {
                let same = outer.path == path || (outer.path.is_empty() && path == "/");
                let query = outer.query.filter(|_| same)?;
                values(query, key)
                    .find_map(|value| param_value(value, &[], Bare::Https, outer).or_else(|| opaque(value, outer)))
            }
            Kind::Template(template) => template.invert(outer),
        }
    }
}

/// What follows a prefix, read as the last byte of the prefix suggests.
fn prefixed(begins: &str, raw: &str, bare: Bare, outer: &Parts<'_>) -> Option<Found> {
    let read = if begins.ends_with('?') && level(raw) == 0 {
        // Everything behind the `?` is the original's.
        path_value(raw, Tail::Inner, bare, outer)
    } else if begins.contains('?') {
        param_value(raw, &[], bare, outer)
    } else {
        path_value(raw, Tail::Inner, bare, outer)
    };
    read.or_else(|| opaque(raw, outer))
}

/// The kind of a rule without `${…}`.
fn prefix(parts: &Parts<'_>) -> Kind {
    let key = parts.query.and_then(|query| query.strip_suffix('='));
    if let Some(key) = key.filter(|key| !key.is_empty() && !key.contains(['&', '='])) {
        let path = if parts.path.is_empty() { "/" } else { parts.path };
        return Kind::Param { path: path.to_owned(), key: key.to_owned() };
    }
    let begins = if parts.path.is_empty() { format!("/{}", parts.rest) } else { parts.rest.to_owned() };
    // A path may go on with files of the proxy's own site; a query that ends in `?` or `=` may not.
    let bare = if begins.ends_with(['?', '=']) { BareName::Https } else { BareName::Never };
    Kind::Prefix { begins, bare }
}

/// The hosts that a rule is about.
fn host(rule: &str, host: &str) -> Result<HostPattern, RuleError> {
    let fixed = host.strip_prefix("*.").unwrap_or(host);
    if fixed.contains('*') || (fixed.len() < host.len() && !fixed.contains('.')) {
        return Err(RuleError::Wildcard { rule: rule.to_owned(), host: host.to_owned() });
    }
    Ok(HostPattern::parse(host))
}
