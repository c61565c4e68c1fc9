//! An absolute URL cut into its parts as it is written: nothing is decoded, lowered or normalised, nothing is copied.
//!
//! The `url` crate is not used for this: it re-serialises, and a proxied URL must be read exactly as it stands.

use std::borrow::Cow;

/// The longest host name that can exist (RFC 1035, section 2.3.4, as text).
const MAX_HOST: usize = 253;

/// The parts of an absolute `http(s)` URL or of a protocol-relative one (`//host/…`, read as https).
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) https: bool,
    /// Host and port, without user information.
    pub(super) authority: &'a str,
    pub(super) host: &'a str,
    /// Begins with `/`, or is empty.
    pub(super) path: &'a str,
    /// Without the `?`.
    pub(super) query: Option<&'a str>,
    /// Path and query: the whole URL behind the authority, up to the fragment.
    pub(super) rest: &'a str,
    /// Without the `#`.
    pub(super) fragment: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Cuts `url`; `None` when it is not http(s) or has no host of a possible length.
    pub(super) fn split(url: &'a str) -> Option<Self> {
        let (https, behind) = scheme(url)?;
        let (authority, host, tail) = authority(behind);
        if host.is_empty() || host.len() > MAX_HOST || tail.starts_with('\\') {
            return None;
        }
        // Both marks in one look: hardly any URL has more than one of them.
        let (mut rest, mut fragment) = (tail, None);
        let mut question = None;
        for at in memchr::memchr2_iter(b'?', b'#', tail.as_bytes()) {
            if tail.as_bytes()[at] == b'#' {
                (rest, fragment) = (&tail[..at], Some(&tail[at + 1..]));
                break;
            }
            question = question.or(Some(at));
        }
        let (path, query) = question.map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
        Some(Parts { https, authority, host, path, query, rest, fragment })
    }

    /// The host in lower case; copied only when it was not.
    pub(super) fn lower_host(&self) -> Cow<'a, str> {
        if self.host.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(self.host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(self.host)
        }
    }

    pub(super) fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// `scheme://host:port`, for paths on the proxy's own site.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority)
    }
}

/// Takes `http://`, `https://` or `//` off the front, in any case; tells whether it was https.
fn scheme(url: &str) -> Option<(bool, &str)> {
    if let Some(behind) = url.strip_prefix("http://") {
        return Some((false, behind));
    }
    if let Some(behind) = url.strip_prefix("//") {
        return Some((true, behind));
    }
    if let Some(behind) = strip_ci(url, "https://") {
        return Some((true, behind));
    }
    strip_ci(url, "http://").map(|behind| (false, behind))
}

/// `strip_prefix` without regard to ASCII case.
pub(super) fn strip_ci<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// Cuts what stands behind the slashes: the authority without user information, its host, and what follows. The colons
/// inside `[…]` belong to an IPv6 address.
fn authority(behind: &str) -> (&str, &str, &str) {
    let (mut start, mut end, mut colon) = (0, behind.len(), None);
    for (at, byte) in behind.bytes().enumerate() {
        match byte {
            b'/' | b'?' | b'#' | b'\\' => {
                end = at;
                break;
            }
            b'@' => (start, colon) = (at + 1, None),
            b':' => colon = Some(at),
            _ => {}
        }
    }
    let colon = colon.filter(|colon| !behind[*colon..end].contains(']'));
    (&behind[start..end], &behind[start..colon.unwrap_or(end)], &behind[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_cut_as_it_is_written() {
        let parts = Parts::split("HTTPS://user:pw@Relay.Example:8080/a/b?c?d#e#f").expect("a URL");
        assert!(parts.https);
        assert_eq!(parts.authority, "Relay.Example:8080");
        assert_eq!(parts.host, "Relay.Example");
        assert_eq!(parts.lower_host(), "relay.example");
        assert_eq!((parts.path, parts.query, parts.fragment), ("/a/b", Some("c?d"), Some("e#f")));
        assert_eq!(parts.rest, "/a/b?c?d");
        assert_eq!(parts.origin(), "https://Relay.Example:8080");
    }

    #[test]
    fn a_host_may_stand_alone_or_without_a_scheme() {
        let parts = Parts::split("//relay.example?x").expect("a URL");
        assert_eq!((parts.https, parts.path, parts.query, parts.rest), (true, "", Some("x"), "?x"));
        assert_eq!(Parts::split("http://[2001:db8::1]:81/").map(|p| p.host), Some("[2001:db8::1]"));
        assert_eq!(Parts::split("http://[2001:db8::1]/").map(|p| p.host), Some("[2001:db8::1]"));
    }

    #[test]
    fn other_things_are_no_url() {
        for text in ["", "/a", "a/b", "http:/a", "http://", "http:///a", "ftp://a/b", "data:,x", "http://a\\b/c", "é"]
        {
            assert!(Parts::split(text).is_none(), "{text}");
        }
        assert!(Parts::split(&format!("http://{}/", "a".repeat(254))).is_none());
    }
}
