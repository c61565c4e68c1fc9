//! The shapes in which proxies write an inner URL, and how each is read.
//!
//! A shape says where in the proxied URL the inner one stands and where it ends; [`super::inner`] says how it is
//! encoded. Shapes of servers with a URL grammar of their own (imgproxy, thumbor, camo …) are in [`super::server`].

use std::borrow::Cow;

use super::inner::{self, Bare, Found, begins_with_scheme, decode, level, read, read_stated};
use super::parts::{Parts, strip_ci};
use super::server;

/// Where the inner URL stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// `?URL`: everything behind the first `?`, with its own `?` and `&`. Only when a URL begins there.
    BareQuery,
    /// `?key=URL&…`
    Param(Param),
    /// `?key=BASE64&…`
    Base64Param(Param),
    /// `/image?url=URL&referer=PAGE`, both of them.
    Gateway,
    /// `/under/skipped/URL`
    Path(Path),
    /// `/BASE64`: the whole path.
    Base64Path,
    /// `#URL`
    Fragment,
    /// `/image_search/src=URL&refer=PAGE&…`: parameters inside the path.
    PathParams,
    /// `/host/path?ssl=1&w=…`
    Photon,
    /// `/i/s/host/path`, `/ii/w820/s/host/path`; without `s` it is http.
    Amp,
    /// `/external/SIGNATURE/%3Fquery/https/host/path`
    SchemeSegment,
    /// `/img/host/f=auto,w=600/path`
    HostThenOptions,
    /// `/http.3A.2F.2Fhost…/…`: a dot for the percent sign.
    DottedPercent,
    /// `/…/api/res/1.2/…/URL.cf.jpg`
    Yahoo,
    Camo,
    CamoParam,
    Miniflux,
    Imgproxy,
    Thumbor,
    Willnorris,
    /// `/20200102030405im_/URL` on any host.
    Timestamped,
}

/// A query parameter that holds the inner URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Param {
    /// Accepted paths, a leading `*` for "ends with", a trailing slash ignored; empty for every path.
    pub(super) paths: &'static [&'static str],
    /// Names of the parameter, the best first.
    pub(super) keys: &'static [&'static str],
    /// The proxy's own parameters: where an inner URL that was not encoded ends.
    pub(super) options: &'static [&'static str],
}

/// A path that ends in the inner URL.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    /// What the path begins with (behind the marker segment, for forms on any host: the marker and what follows it).
    /// A leading `*` allows anything before.
    pub(super) under: &'static str,
    pub(super) skip: Skip,
    pub(super) tail: Tail,
}

/// What stands between the fixed path and the inner URL.
#[derive(Debug, Clone, Copy)]
pub(super) enum Skip {
    Nothing,
    /// One segment, whatever it says.
    One,
    /// One segment of `k=v,k=v`.
    KeyValues,
    /// One segment of sizes: `w144_h80_q70`.
    Sizes,
    /// One segment of up to 14 digits and perhaps a modifier: `2020im_`.
    Timestamp,
    /// Every segment before the one that begins with a scheme.
    ToScheme,
    /// As `ToScheme`; where no scheme is written, the first segment with a dot that has a path behind it.
    ToHost,
}

/// Whose query it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tail {
    /// The inner URL's.
    Inner,
    /// The proxy's.
    Own,
    /// The proxy's parameters are these; the others are the inner URL's.
    Options(&'static [&'static str]),
}

/// The query options of Photon; all others go on to the origin.
const PHOTON: &[&str] = &[
    "w",
    "h",
    "fit",
    "resize",
    "crop",
    "zoom",
    "quality",
    "strip",
    "ssl",
    "lb",
    "ulb",
    "filter",
    "brightness",
    "contrast",
    "colorize",
    "smooth",
    "unfilter",
    "cover",
];

impl Shape {
    /// Reads the inner URL out of `outer`. `at` is where the marker segment begins in the path of a form that may
    /// stand on any host, and 1 for a known host.
    pub(super) fn read(&self, outer: &Parts<'_>, at: usize, bare: Bare) -> Option<Found> {
        match self {
            Shape::BareQuery => outer.query.filter(|q| begins_with_scheme(q)).and_then(|q| read(q, bare, outer)),
            Shape::Param(param) => param.read(outer, |value| param_value(value, param.options, bare, outer)),
            Shape::Base64Param(param) => param.read(outer, |value| inner::read_base64(until(value, &['&']), outer)),
            Shape::Gateway => gateway(outer, bare),
            Shape::Path(path) => path.read(outer, at, bare),
            Shape::Base64Path => inner::read_base64(outer.path.get(1..)?, outer),
            Shape::Fragment => outer.fragment.and_then(|url| read(url, bare, outer)),
            Shape::PathParams => path_params(outer, bare),
            Shape::Photon => photon(outer),
            Shape::Amp => amp(outer),
            Shape::SchemeSegment => scheme_segment(outer),
            Shape::HostThenOptions => host_then_options(outer, bare),
            Shape::DottedPercent => dotted_percent(outer, at),
            Shape::Yahoo => yahoo(outer, bare),
            Shape::Camo => server::camo(outer, at),
            Shape::CamoParam => server::camo_param(outer, at),
            Shape::Miniflux => server::miniflux(outer, at),
            Shape::Imgproxy => server::imgproxy(outer, at),
            Shape::Thumbor => server::thumbor(outer),
            Shape::Willnorris => server::willnorris(outer, at),
            Shape::Timestamped => server::timestamped(outer, at),
        }
    }
}

impl Param {
    /// Offers what follows `key=`, up to the end of the query, until one is a URL.
    fn read(&self, outer: &Parts<'_>, mut url: impl FnMut(&str) -> Option<Found>) -> Option<Found> {
        if !self.paths.is_empty() && !self.paths.iter().any(|path| path_is(path, outer.path)) {
            return None;
        }
        let query = outer.query?;
        self.keys.iter().find_map(|key| values(query, key).find_map(&mut url))
    }
}

/// What stands behind each `key=` of a query, each to the end of the query. At most four: a query that repeats a
/// parameter without end must not cost its square.
pub(super) fn values<'q>(query: &'q str, key: &str) -> impl Iterator<Item = &'q str> {
    let mut at = 0;
    query
        .split('&')
        .filter_map(move |piece| {
            let start = at;
            at += piece.len() + 1;
            // `&amp;` that was never decoded leaves its name at the front of the next key.
            let bare = piece.strip_prefix("amp;").unwrap_or(piece);
            let value = bare.strip_prefix(key)?.strip_prefix('=')?;
            query.get(start + piece.len() - value.len()..)
        })
        .take(4)
}

/// Whether a parameter `key=…` (or a bare `key`) is one of `options`.
fn is_option(piece: &str, options: &[&str]) -> bool {
    let piece = piece.strip_prefix("amp;").unwrap_or(piece);
    let key = piece.split_once('=').map_or(piece, |(key, _)| key);
    options.contains(&key)
}

/// Reads the value of a parameter. An encoded URL ends at the next `&`. For one that is written plainly, every
/// extent is offered: up to the proxy's next own option, whole, and up to the first `&`.
pub(super) fn param_value(rest: &str, options: &[&str], bare: Bare, outer: &Parts<'_>) -> Option<Found> {
    // Naver quotes its URLs; the closing quote goes when the URL is read.
    let rest = rest.strip_prefix("%22").unwrap_or(rest);
    if level(rest) > 0 {
        // Whoever encoded the URL would have encoded its `?` too: what follows a plain one is not part of it.
        return read(until(rest, &['&', '?']), bare, outer);
    }
    let Some(first) = rest.find('&') else { return read(rest, bare, outer) };
    let cut = if rest[..first].contains('?') {
        let mut at = first;
        rest[first..]
            .split('&')
            .skip(1)
            .find_map(|piece| {
                let here = at;
                at += piece.len() + 1;
                is_option(piece, options).then_some(here)
            })
            .unwrap_or(rest.len())
    } else {
        // An inner URL without a query has no `&`.
        first
    };
    let mut found = read(&rest[..cut], bare, outer)?;
    for other in [rest.len(), first] {
        if other != cut {
            found = found.or(read(&rest[..other], bare, outer));
        }
    }
    Some(found)
}

impl Path {
    fn read(&self, outer: &Parts<'_>, at: usize, bare: Bare) -> Option<Found> {
        let start = match self.under.strip_prefix('*') {
            Some(under) => outer.path.find(under)? + under.len(),
            None if outer.path.get(at..)?.starts_with(self.under) => at + self.under.len(),
            None => return None,
        };
        let behind = outer.rest.get(start..)?;
        let skipped = self.skip.len(behind)?;
        let raw = behind.get(skipped..)?;
        // A path on the proxy's own site may be written without its first slash, which is then the separator.
        let begun = raw.is_empty() || raw.starts_with('/') || strip_ci(raw, "%2F").is_some() || begins_with_scheme(raw);
        let missing_slash = bare == Bare::Site && !begun;
        let raw = if missing_slash { outer.rest.get(start + skipped - 1..)? } else { raw };
        path_value(raw, self.tail, bare, outer)
    }
}

impl Skip {
    /// How many bytes to skip at the front of `text`; `None` when what stands there does not fit.
    fn len(self, text: &str) -> Option<usize> {
        let fits: fn(&str) -> bool = match self {
            Skip::Nothing => return Some(0),
            Skip::ToScheme => return to_scheme(text),
            Skip::ToHost => return to_scheme(text).or_else(|| to_host(text)),
            Skip::One => |segment| !segment.is_empty(),
            Skip::KeyValues => {
                |segment| segment.split(',').all(|option| option.split_once('=').is_some_and(|(key, _)| is_word(key)))
            }
            Skip::Sizes => {
                |segment| segment.starts_with('w') && segment.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
            }
            Skip::Timestamp => |segment| server::timestamp(segment).is_some(),
        };
        let (segment, _) = text.split_once('/')?;
        fits(segment).then_some(segment.len() + 1)
    }
}

/// Where the first segment of the path begins that starts with a scheme.
fn to_scheme(text: &str) -> Option<usize> {
    find_segment(text, begins_with_scheme)
}

/// Where the first segment begins that could be a host.
fn to_host(text: &str) -> Option<usize> {
    find_segment(text, |rest| rest.split_once('/').is_some_and(|(segment, _)| segment.contains('.')))
}

/// Where the first segment of the path begins whose remaining text fits.
fn find_segment(text: &str, fits: impl Fn(&str) -> bool) -> Option<usize> {
    let mut at = 0;
    until(text, &['?']).split('/').find_map(|segment| {
        let start = at;
        at += segment.len() + 1;
        text.get(start..).is_some_and(&fits).then_some(start)
    })
}

/// Reads a URL that runs to the end of the path, and perhaps through the query.
pub(super) fn path_value(raw: &str, tail: Tail, bare: Bare, outer: &Parts<'_>) -> Option<Found> {
    let (path, query) = match raw.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (raw, None),
    };
    if level(path) > 0 {
        let found = read(path, bare, outer)?;
        return Some(match (tail, query) {
            (Tail::Inner, Some(query)) => {
                let whole = format!("{}?{query}", decode(path, level(path)));
                found.or(read(&whole, bare, outer))
            }
            _ => found,
        });
    }
    match (tail, query) {
        (Tail::Inner, _) | (_, None) => read(raw, bare, outer),
        (Tail::Own, Some(_)) => read(path, bare, outer),
        (Tail::Options(options), Some(query)) => {
            let kept = without(query, options);
            let found = read(&join(path, &kept), bare, outer)?;
            Some(if kept.is_empty() { found } else { found.or(read(path, bare, outer)) })
        }
    }
}

/// The parameters of a query that are not among `options`.
fn without(query: &str, options: &[&str]) -> String {
    query.split('&').filter(|piece| !piece.is_empty() && !is_option(piece, options)).collect::<Vec<_>>().join("&")
}

fn join<'a>(path: &'a str, query: &str) -> Cow<'a, str> {
    if query.is_empty() { Cow::Borrowed(path) } else { Cow::Owned(format!("{path}?{query}")) }
}

fn gateway(outer: &Parts<'_>, bare: Bare) -> Option<Found> {
    /// Both parameters are the gateway's own.
    const OPTIONS: &[&str] = &["referer", "url"];
    let query = outer.query?;
    if !path_is("*/image", outer.path) {
        return None;
    }
    let page = values(query, "referer").find_map(|v| param_value(v, OPTIONS, Bare::Never, outer))?;
    let mut found = values(query, "url").find_map(|v| param_value(v, OPTIONS, bare, outer))?;
    found.referer = Some(page.url);
    Some(found)
}

fn path_params(outer: &Parts<'_>, bare: Bare) -> Option<Found> {
    let params = outer.rest.strip_prefix("/image_search/")?;
    let options = &["refer", "app", "size", "q", "n", "g", "fmt"];
    let mut found = values(params, "src").find_map(|v| param_value(v, options, bare, outer))?;
    found.referer =
        values(params, "refer").find_map(|v| param_value(v, options, Bare::Never, outer)).map(|page| page.url);
    Some(found)
}

fn photon(outer: &Parts<'_>) -> Option<Found> {
    let query = outer.query.unwrap_or("");
    let path = outer.path.get(1..)?;
    if !values(query, "ssl").any(|value| until(value, &['&']) == "1") {
        return path_value(outer.rest.get(1..)?, Tail::Options(PHOTON), Bare::Http, outer);
    }
    let kept = without(query, PHOTON);
    let found = read_stated(true, &join(path, &kept), outer)?;
    Some(if kept.is_empty() { found } else { found.or(read_stated(true, path, outer)) })
}

fn amp(outer: &Parts<'_>) -> Option<Found> {
    let path = outer.rest.strip_prefix('/')?;
    let (kind, mut path) = path.split_once('/')?;
    match kind {
        "i" => {}
        "ii" => path = path.strip_prefix('w')?.split_once('/')?.1,
        _ => return None,
    }
    let secure = path.strip_prefix("s/");
    read_stated(secure.is_some(), secure.unwrap_or(path), outer)
}

fn scheme_segment(outer: &Parts<'_>) -> Option<Found> {
    let (_signature, behind) = outer.path.strip_prefix("/external/")?.split_once('/')?;
    let (first, rest) = behind.split_once('/')?;
    let (query, scheme, rest) = if matches!(first, "http" | "https") {
        (String::new(), first, rest)
    } else {
        let query = decode(first, 1);
        let (scheme, rest) = rest.split_once('/')?;
        (query.strip_prefix('?')?.to_owned(), scheme, rest)
    };
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let literal = format!("{scheme}://{}", join(rest, &query));
    let decoded = format!("{scheme}://{}", join(&decode(rest, 1), &query));
    let found = read(&decoded, Bare::Never, outer);
    if literal == decoded { found } else { found.map(|f| f.or(read(&literal, Bare::Never, outer))) }
}

fn host_then_options(outer: &Parts<'_>, bare: Bare) -> Option<Found> {
    /// The options of statically, as path segment and as query.
    const OPTIONS: &[&str] = &["f", "format", "w", "width", "h", "height", "q", "quality"];
    let rest = outer.rest.strip_prefix("/img/")?;
    let (host, path) = rest.split_once('/')?;
    let path = match path.split_once('/') {
        Some((segment, behind)) if segment.split(',').all(|o| o.contains('=') && is_option(o, OPTIONS)) => behind,
        _ => path,
    };
    path_value(&format!("{host}/{path}"), Tail::Options(OPTIONS), bare, outer)
}

fn dotted_percent(outer: &Parts<'_>, at: usize) -> Option<Found> {
    let segment = until(outer.path.get(at..)?, &['/']);
    let rest = segment.strip_prefix("http")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    // Every reserved character is escaped, dots included, so each dot is followed by two digits.
    let strict = rest.starts_with(".3A.2F.2F")
        && rest
            .split('.')
            .skip(1)
            .all(|piece| piece.get(..2).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())));
    strict.then(|| read(&decode(&segment.replace('.', "%"), 1), Bare::Never, outer)).flatten()
}

fn yahoo(outer: &Parts<'_>, bare: Bare) -> Option<Found> {
    const UNDER: &str = "/api/res/1.2/";
    let start = outer.path.find(UNDER)? + UNDER.len();
    let behind = outer.rest.get(start..)?;
    let raw = behind.get(to_scheme(behind)?..)?;
    // The format that Yahoo converts to is written behind the name.
    let raw = [".cf.jpg", ".cf.png", ".cf.webp"].iter().find_map(|ending| raw.strip_suffix(ending)).unwrap_or(raw);
    path_value(raw, Tail::Inner, bare, outer)
}

/// `text` up to the first of `ends`.
pub(super) fn until<'a>(text: &'a str, ends: &[char]) -> &'a str {
    text.find(ends).map_or(text, |end| &text[..end])
}

/// Whether a path is the one named: exactly, or at its end when the pattern begins with `*`; a last slash is ignored.
fn path_is(pattern: &str, path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    match pattern.strip_prefix('*') {
        Some(end) => path.ends_with(end),
        None => path == pattern,
    }
}

/// Whether a text is a plain word, as the names of options are.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
