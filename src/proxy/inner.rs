//! Reading the URL that stands inside a proxy's URL.
//!
//! How often it was percent-encoded is decided by looking at its beginning: `http://` not at all, `http%3A` once,
//! `http%253A` twice. Lost slashes (`https:/host`) are put back, a missing scheme takes the default of the proxy's
//! family. What comes out is a plausible absolute URL or nothing: a wrong peel would lose a picture that the proxied
//! URL still has.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;

use super::parts::{Parts, strip_ci};
use crate::text::has_control;

/// What an inner URL without a scheme means to a family of proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// Nothing: the scheme is always written.
    Never,
    /// `host/path`, fetched over http.
    Http,
    /// `host/path`, fetched over https.
    Https,
    /// `host/path`, fetched over the scheme of the proxy's own URL.
    Same,
    /// A path on the proxy's own site.
    Site,
}

/// What taking off one proxy yields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) url: String,
    /// Other readings of the same text, best first.
    pub(super) others: Vec<String>,
    /// The page that the proxy names as the Referer.
    pub(super) referer: Option<String>,
}

impl Found {
    fn new(url: String) -> Self {
        Found { url, others: Vec::new(), referer: None }
    }

    /// Adds another reading behind this one.
    pub(super) fn or(mut self, other: Option<Found>) -> Self {
        if let Some(other) = other {
            self.others.push(other.url);
            self.others.extend(other.others);
        }
        self
    }
}

/// Reads an inner URL whose extent is known: `raw` holds it and nothing else.
///
/// A URL that is written plainly but has `%3F` where its query should begin was encoded only in part, and is decoded
/// once; otherwise a plain URL is taken literally and its decoded form is the alternative.
pub(super) fn read(raw: &str, bare: Bare, outer: &Parts<'_>) -> Option<Found> {
    let level = level(raw);
    if level > 0 {
        let found = absolute(&decode(raw, level), bare, outer)?;
        // Form encoding writes a space as `+`; so does nobody who uses encodeURIComponent. Literal first.
        let spaced = raw.contains('+').then(|| absolute(&decode(&raw.replace('+', "%20"), level), bare, outer));
        return Some(found.or(spaced.flatten()));
    }
    let written = absolute(raw, bare, outer)?;
    // An encoded URL inside of this one owns the `%3F`.
    if memchr::memchr(b'%', raw.as_bytes()).is_none() {
        return Some(written);
    }
    if !raw.contains('?') && contains_ci(raw, "%3F") && !contains_ci(raw, "%3A%2F") {
        return Some(match absolute(&decode(raw, 1), bare, outer) {
            Some(decoded) => decoded.or(Some(written)),
            None => written,
        });
    }
    let decoded = raw.contains("%25").then(|| absolute(&decode(raw, 1), bare, outer));
    Some(written.or(decoded.flatten()))
}

/// Reads an inner URL written as base64, standard or URL-safe alphabet, padded or not.
pub(super) fn read_base64(raw: &str, outer: &Parts<'_>) -> Option<Found> {
    /// `http` in base64, whatever follows.
    const HTTP: &str = "aHR0c";
    const ENGINE: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    if !raw.starts_with(HTTP) {
        return None;
    }
    let text = decode(raw, u8::from(raw.contains('%')));
    let standard: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| {
            if c == '-' {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    let url = String::from_utf8(ENGINE.decode(standard).ok()?).ok()?;
    absolute(&decode(&url, level(&url)), Bare::Never, outer)
}

/// Reads an inner URL written as hexadecimal bytes.
pub(super) fn read_hex(raw: &str, outer: &Parts<'_>) -> Option<Found> {
    /// `http` in hexadecimal.
    const HTTP: &str = "68747470";
    if !raw.starts_with(HTTP) {
        return None;
    }
    let url = String::from_utf8(hex::decode(raw).ok()?).ok()?;
    absolute(&decode(&url, level(&url)), Bare::Never, outer)
}

/// Reads `host/path` whose scheme is stated elsewhere in the proxied URL; a scheme that is written all the same counts.
pub(super) fn read_stated(https: bool, raw: &str, outer: &Parts<'_>) -> Option<Found> {
    if begins_with_scheme(raw) {
        return read(raw, Bare::Never, outer);
    }
    bare_port(raw)?;
    let scheme = if https { "https" } else { "http" };
    read(&format!("{scheme}://{raw}"), Bare::Never, outer)
}

/// How many times the beginning of `raw` was percent-encoded: 0, 1 or 2.
///
/// The first colon or slash that ends the scheme or the host decides.
pub(super) fn level(raw: &str) -> u8 {
    let bytes = raw.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'/' | b'?' | b'#' => return 0,
            b'%' => {
                let encoded = |text: &str| raw.get(at + 1..).is_some_and(|rest| strip_ci(rest, text).is_some());
                return if encoded("3A") || encoded("2F") {
                    1
                } else if encoded("253A") || encoded("252F") {
                    2
                } else {
                    0
                };
            }
            _ => at += 1,
        }
    }
    0
}

/// Percent-decodes `times` times. Bytes that are not UTF-8 stay encoded: they are a path in an older charset.
pub(super) fn decode(raw: &str, times: u8) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(raw);
    for _ in 0..times {
        if text.contains('%') {
            text = Cow::Owned(decode_once(&text));
        }
    }
    text
}

fn decode_once(raw: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(raw).collect();
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(percent_encoding::percent_encode_byte(*byte));
        }
    }
    text
}

/// Whether `raw` begins with a written scheme, in any of the encodings that [`read`] undoes.
pub(super) fn begins_with_scheme(raw: &str) -> bool {
    // Asked of every segment of every path, so the first byte is looked at before anything else.
    if !raw.starts_with(['h', 'H']) {
        return false;
    }
    let Some(rest) = strip_ci(raw, "http") else { return false };
    let rest = rest.strip_prefix(['s', 'S']).unwrap_or(rest);
    rest.starts_with(":/") || [":%2F", "%3A", "%253A"].iter().any(|colon| strip_ci(rest, colon).is_some())
}

/// Makes a decoded inner URL absolute, if it is one at all.
fn absolute(text: &str, bare: Bare, outer: &Parts<'_>) -> Option<Found> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '"');
    for scheme in ["http", "https"] {
        if let Some(rest) = strip_ci(text, scheme).and_then(|rest| rest.strip_prefix(":/")) {
            return plausible([scheme, "://", rest.trim_start_matches('/')].concat());
        }
    }
    if let Some(rest) = text.strip_prefix("//") {
        let scheme = if bare == Bare::Http { "https" } else { outer.scheme() };
        return plausible(format!("{scheme}://{rest}"));
    }
    let default = match bare {
        Bare::Never => return None,
        Bare::Site if text.starts_with('/') && text.len() > 1 => return plausible(format!("{}{text}", outer.origin())),
        Bare::Site => return None,
        Bare::Http => "http",
        Bare::Https => "https",
        Bare::Same => outer.scheme(),
    };
    // weserv's own spelling of https.
    if let Some(rest) = strip_ci(text, "ssl:") {
        return plausible(format!("https://{}", rest.trim_start_matches('/')));
    }
    match bare_port(text)? {
        Some("443") => plausible(format!("https://{text}")),
        _ => {
            let other = if default == "http" { "https" } else { "http" };
            Some(plausible(format!("{default}://{text}"))?.or(plausible(format!("{other}://{text}"))))
        }
    }
}

/// Whether a text without a scheme reads as `host/path`; gives the port, if any.
///
/// Strict, because a file name (`favicon.ico`) looks much like a host.
fn bare_port(text: &str) -> Option<Option<&str>> {
    /// Last labels that end file names, not hosts.
    const FILE_ENDINGS: [&str; 20] = [
        "png", "jpg", "jpeg", "gif", "webp", "avif", "svg", "ico", "bmp", "css", "js", "json", "xml", "html", "htm",
        "php", "txt", "woff", "woff2", "pdf",
    ];
    let (authority, path) = text.split_once('/')?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let (front, last) = host.rsplit_once('.')?;
    let labels = front
        .split('.')
        .all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_')));
    let top = last.chars().count() >= 2
        && (last.chars().all(char::is_alphabetic) || last.starts_with("xn--"))
        && !FILE_ENDINGS.iter().any(|ending| last.eq_ignore_ascii_case(ending));
    let address = host.parse::<std::net::Ipv4Addr>().is_ok();
    let digits = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    (!path.is_empty() && digits && (address || (labels && top))).then_some(port)
}

/// The last check: an absolute URL with a real host, without control characters, that is one URL and not a list.
fn plausible(url: String) -> Option<Found> {
    if has_control(&url) {
        return None;
    }
    let url = if memchr::memchr(b' ', url.as_bytes()).is_some() { url.replace(' ', "%20") } else { url };
    let parts = Parts::split(&url)?;
    let host = parts.host;
    let named = host.trim_matches('.').contains('.') || host.eq_ignore_ascii_case("localhost");
    if !(named || host.starts_with('[')) || is_pasted_srcset(parts.rest) {
        return None;
    }
    // All that a parser may still refuse is the port.
    (is_plain_name(host) || url::Host::parse(host).is_ok()).then(|| Found::new(url))
}

/// Whether a host is one that every parser takes as it is: letters, digits and hyphens, no two of them together, which
/// could be Punycode, and no number at the end, which would be an address. Nearly all are.
fn is_plain_name(host: &str) -> bool {
    let (mut previous, mut top) = (b'.', b'.');
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' => {}
            b'-' if previous != b'-' => {}
            _ => return false,
        }
        if previous == b'.' {
            top = byte;
        }
        previous = byte;
    }
    top.is_ascii_lowercase() && previous != b'.'
}

/// Whether a URL carries on with the descriptor of a srcset candidate: `…jpg%20320w,%20http://…`.
fn is_pasted_srcset(rest: &str) -> bool {
    memchr::memchr_iter(b',', rest.as_bytes()).any(|comma| {
        // Descriptors are short; the bound keeps a run of digits and commas linear.
        let before = &rest.as_bytes()[comma.saturating_sub(12)..comma];
        let Some(space) = before.windows(3).rposition(|window| window == b"%20") else { return false };
        matches!(&before[space + 3..], [digits @ .., b'w' | b'x']
            if !digits.is_empty() && digits.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
    })
}

/// `contains` without regard to ASCII case, for short ASCII needles.
fn contains_ci(text: &str, needle: &str) -> bool {
    text.as_bytes().windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outer() -> Parts<'static> {
        Parts::split("http://relay.example/").expect("a URL")
    }

    fn url(raw: &str, bare: Bare) -> Option<String> {
        read(raw, bare, &outer()).map(|found| found.url)
    }

    proptest::proptest! {
        #[test]
        fn every_parser_takes_a_plain_name(host in "(xn--|[a-z0-9.-]|[A-Zéß_%]){1,12}") {
            proptest::prop_assert!(!is_plain_name(&host) || url::Host::parse(&host).is_ok());
        }
    }

    #[test]
    fn encodings_are_decided_by_looking() {
        for (raw, level_of, inner) in [
            ("http://a.example/b%20c?d=e", 0, "http://a.example/b%20c?d=e"),
            ("HTTPS://a.example/b", 0, "https://a.example/b"),
            ("http%3A%2F%2Fa.example%2Fb%2520c%3Fd%3De", 1, "http://a.example/b%20c?d=e"),
            ("http%3a//a.example/b", 1, "http://a.example/b"),
            ("https:%2F%2Fa.example%2Fb", 1, "https://a.example/b"),
            ("http%253A%252F%252Fa.example%252Fb", 2, "http://a.example/b"),
            ("https:/a.example/b", 0, "https://a.example/b"),
            ("https%3A%2Fa.example%2Fb", 1, "https://a.example/b"),
            ("http%3A%2F%2Fa.example%2F%E4%B8%AD.jpg", 1, "http://a.example/中.jpg"),
            ("http%3A%2F%2Fa.example%2F%D6%D0.jpg", 1, "http://a.example/%D6%D0.jpg"),
            ("http%3A%2F%2Fa.example%2Fmy%20picture.jpg", 1, "http://a.example/my%20picture.jpg"),
            ("https://a.example/b.jpg%3Fx%3D1%26y%3D2", 0, "https://a.example/b.jpg?x=1&y=2"),
        ] {
            assert_eq!(level(raw), level_of, "{raw}");
            assert_eq!(url(raw, Bare::Never).as_deref(), Some(inner), "{raw}");
        }
    }

    #[test]
    fn missing_schemes_take_the_default_of_the_family() {
        for (raw, bare, inner) in [
            ("a.example/b", Bare::Http, Some("http://a.example/b")),
            ("a.example%2Fb", Bare::Https, Some("https://a.example/b")),
            ("a.example/b", Bare::Same, Some("http://a.example/b")),
            ("a.example/b", Bare::Never, None),
            ("a.example:443/b", Bare::Http, Some("https://a.example:443/b")),
            ("ssl:a.example/b", Bare::Http, Some("https://a.example/b")),
            ("//a.example/b", Bare::Http, Some("https://a.example/b")),
            ("%2F%2Fa.example%2Fb", Bare::Never, Some("http://a.example/b")),
            ("%2Fa%2Fb.png", Bare::Site, Some("http://relay.example/a/b.png")),
            ("a/b.png", Bare::Site, None),
            ("favicon.ico", Bare::Http, None),
            ("picture.png/x", Bare::Http, None),
            ("images/a.example/b", Bare::Http, None),
            ("1.2.3.4/b", Bare::Http, Some("http://1.2.3.4/b")),
        ] {
            assert_eq!(url(raw, bare).as_deref(), inner, "{raw}");
        }
        let found = read("a.example/b", Bare::Http, &outer()).expect("found");
        assert_eq!(found.others, ["https://a.example/b"]);
    }

    #[test]
    fn what_is_no_plausible_url_is_not_read() {
        for raw in [
            "http://nohost/a",
            "http:///",
            "http://",
            "http%3A%2F%2Fa.example%2Fb%0Ac",
            "http%3A%2F%2Fa.example%2Fb%00",
            "http://a.example/b%20320w,%20http://a.example/c%20640w",
            "http://a.example/b%201.5x,http://a.example/c",
            "http://999.999.999.999.9/a",
            "http://a..example%zz/a",
            "data:image/svg+xml,http://a.example/b",
            "ftp://a.example/b",
            "",
        ] {
            assert_eq!(url(raw, Bare::Never), None, "{raw}");
        }
    }

    #[test]
    fn base64_and_hexadecimal_are_read_in_every_spelling() {
        let inner = "https://a.example/b?c>d";
        for raw in [
            "aHR0cHM6Ly9hLmV4YW1wbGUvYj9jPmQ",
            "aHR0cHM6Ly9hLmV4YW1wbGUvYj9jPmQ=",
            "aHR0cHM6Ly9hLmV4YW1wbGUvYj9jPmQ%3D",
        ] {
            assert_eq!(read_base64(raw, &outer()).map(|f| f.url).as_deref(), Some(inner), "{raw}");
        }
        assert_eq!(read_base64("aHR0c!!", &outer()), None);
        let hexed = hex::encode(inner);
        assert_eq!(read_hex(&hexed, &outer()).map(|f| f.url).as_deref(), Some(inner));
        assert_eq!(read_hex(&hexed[..hexed.len() - 1], &outer()), None);
    }
}
