//! Hotlink templates as RSSHub has them (`https://relay.example/${host}${pathname}`), turned around: the parts of the
//! original URL are read out of the proxied one.

use super::given::RuleError;
use super::inner::{Bare, Found, decode, read};
use super::parts::{Parts, strip_ci};

/// A part of the original URL, named as in the DOM's `URL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Href,
    Protocol,
    /// With the port, as is `hostname` where no `port` follows.
    Host,
    Port,
    Origin,
    Pathname,
    Search,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Part { property: Property, encoded: bool },
}

/// A template without its scheme and host, which the index looks up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

/// The parts that were read out of a proxied URL.
#[derive(Debug, Default)]
struct Original {
    parts: Vec<(Property, String)>,
}

impl Original {
    fn get(&self, property: Property) -> Option<&str> {
        self.parts.iter().find(|(known, _)| *known == property).map(|(_, value)| value.as_str())
    }

    /// Keeps a part; a part that stands twice must say the same twice.
    fn keep(&mut self, property: Property, value: String) -> Option<()> {
        match self.get(property) {
            Some(known) => (known == value).then_some(()),
            None => {
                self.parts.push((property, value));
                Some(())
            }
        }
    }
}

impl Template {
    /// Reads the template that follows the host in `rule`.
    pub(super) fn parse(rule: &str, behind: &str) -> Result<Self, RuleError> {
        let mut pieces = Vec::new();
        let mut rest = behind;
        while let Some((literal, part)) = rest.split_once("${") {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal.to_owned()));
            }
            let (name, tail) = part.split_once('}').ok_or_else(|| RuleError::Unclosed(rule.to_owned()))?;
            pieces.push(
                piece(name).ok_or_else(|| RuleError::UnknownPart { rule: rule.to_owned(), part: name.to_owned() })?,
            );
            rest = tail;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Literal(rest.to_owned()));
        }
        let has = |wanted: Property| {
            pieces.iter().any(|piece| matches!(piece, Piece::Part { property, .. } if *property == wanted))
        };
        let whole = has(Property::Href);
        let in_parts = (has(Property::Host) || has(Property::Origin)) && has(Property::Pathname);
        if whole || in_parts { Ok(Template { pieces }) } else { Err(RuleError::Incomplete(rule.to_owned())) }
    }

    /// Reads the original URL out of `outer`, if that was made from this template.
    pub(super) fn invert(&self, outer: &Parts<'_>) -> Option<Found> {
        let mut original = Original::default();
        let mut rest = outer.rest;
        for (at, piece) in self.pieces.iter().enumerate() {
            match piece {
                Piece::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Piece::Part { property, encoded } => {
                    let next = match self.pieces.get(at + 1) {
                        Some(Piece::Literal(literal)) => Some(literal.as_str()),
                        _ => None,
                    };
                    let (value, tail) = rest.split_at_checked(extent(*property, *encoded, rest, next)?)?;
                    original.keep(*property, decode(value, u8::from(*encoded)).into_owned())?;
                    rest = tail;
                }
            }
        }
        if !rest.is_empty() {
            return None;
        }
        if let Some(href) = original.get(Property::Href) {
            return read(href, Bare::Never, outer);
        }
        let path = original.get(Property::Pathname)?;
        let search = original.get(Property::Search).unwrap_or("");
        if let Some(origin) = original.get(Property::Origin) {
            return read(&format!("{origin}{path}{search}"), Bare::Never, outer);
        }
        let host = original.get(Property::Host)?;
        let port = original.get(Property::Port).filter(|port| !port.is_empty());
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        match original.get(Property::Protocol) {
            Some(protocol) => read(&format!("{protocol}//{host}{port}{path}{search}"), Bare::Never, outer),
            None => read(&format!("{host}{port}{path}{search}"), Bare::Https, outer),
        }
    }
}

fn piece(name: &str) -> Option<Piece> {
    let (name, encoded) = name.strip_suffix("_ue").map_or((name, false), |name| (name, true));
    let property = match name {
        "href" => Property::Href,
        "protocol" => Property::Protocol,
        "host" | "hostname" => Property::Host,
        "port" => Property::Port,
        "origin" => Property::Origin,
        "pathname" => Property::Pathname,
        "search" => Property::Search,
        _ => return None,
    };
    Some(Piece::Part { property, encoded })
}

/// How much of `rest` a part takes; `next` is the literal behind it, if there is one.
fn extent(property: Property, encoded: bool, rest: &str, next: Option<&str>) -> Option<usize> {
    let limit = match next {
        // The original as it is may contain the literal too, and then the last one is the template's.
        Some(next) if property == Property::Href && !encoded => rest.rfind(next)?,
        Some(next) => rest.find(next)?,
        None => rest.len(),
    };
    let rest = &rest[..limit];
    let stop = |ends: &[char]| rest.find(ends).unwrap_or(limit);
    if encoded {
        // `encodeURIComponent` leaves none of these.
        return Some(stop(&['/', '?', '&', '#', '=']));
    }
    let scheme = |ending: &str| {
        ["https", "http"].iter().find_map(|scheme| {
            let behind = strip_ci(rest, scheme)?;
            behind.starts_with(ending).then_some(scheme.len() + ending.len())
        })
    };
    match property {
        Property::Href => Some(limit),
        Property::Protocol => scheme(":"),
        Property::Origin => {
            let begins = scheme("://")?;
            Some(rest[begins..].find(['/', '?']).map_or(limit, |end| begins + end))
        }
        Property::Host => Some(stop(&['/', '?', '&'])),
        Property::Port => Some(stop(&['/', '?', '&', ':'])),
        Property::Pathname => rest.starts_with('/').then(|| stop(&['?'])),
        Property::Search => Some(if rest.starts_with('?') { limit } else { 0 }),
    }
}
