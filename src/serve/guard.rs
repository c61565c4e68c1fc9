//! Who may ask, and for what.

use std::net::SocketAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use percent_encoding::percent_decode_str;

/// A request that may be answered.
#[derive(Debug)]
pub struct Asked {
    /// The path, decoded: none is empty, `.` or `..`, none holds a slash of either kind or a control character.
    pub segments: Vec<String>,
    /// Whether the path ends in a slash.
    pub is_folder: bool,
    /// Behind the `?`, as it was sent.
    pub query: String,
    pub headers: HeaderMap,
}

/// A request that is not answered: why, in a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub told: &'static str,
}

const fn refusal(status: StatusCode, told: &'static str) -> Refusal {
    Refusal { status, told }
}

const FOREIGN: Refusal = refusal(
    StatusCode::MISDIRECTED_REQUEST,
    "This server answers to the address that it printed when it was started, and to no other name.",
);
const METHOD: Refusal = refusal(StatusCode::METHOD_NOT_ALLOWED, "Here is nothing to be changed: only GET and HEAD.");
const PATH: Refusal = refusal(StatusCode::BAD_REQUEST, "There are no such paths here.");
const CROSS_SITE: Refusal = refusal(StatusCode::FORBIDDEN, "Pages of other sites may not load anything from here.");

/// The request, if it may be answered by a server at `at`.
pub fn check(parts: &Parts, at: SocketAddr) -> Result<Asked, Refusal> {
    if !is_own_host(&parts.headers, at) {
        return Err(FOREIGN);
    }
    if parts.method != Method::GET && parts.method != Method::HEAD {
        return Err(METHOD);
    }
    // The absolute form is for proxies (RFC 9112 section 3.2.2).
    if parts.uri.authority().is_some() || parts.uri.scheme().is_some() {
        return Err(PATH);
    }
    if !is_from_here(&parts.headers) {
        return Err(CROSS_SITE);
    }
    let path = parts.uri.path();
    let segments = segments(path).ok_or(PATH)?;
    let is_folder = path.ends_with('/');
    let query = parts.uri.query().unwrap_or_default().to_owned();
    Ok(Asked { segments, is_folder, query, headers: parts.headers.clone() })
}

/// A page of another site can have its own name resolved to this machine (DNS rebinding), and then counts as of one
/// origin with this server. Its requests still name its own host.
fn is_own_host(headers: &HeaderMap, at: SocketAddr) -> bool {
    let Some(host) = only(headers, &header::HOST) else { return false };
    let names = [at.to_string(), format!("127.0.0.1:{}", at.port()), format!("[::1]:{}", at.port())];
    let is_local = |host: &str| {
        names.iter().any(|name| name == host) || host.eq_ignore_ascii_case(&format!("localhost:{}", at.port()))
    };
    // Of the port that http means anyway, browsers say nothing.
    is_local(host) || at.port() == 80 && is_local(&format!("{host}:80"))
}

/// Whether a page of this server asks, or a person (W3C Fetch Metadata). A browser that says nothing of it is no reason
/// to refuse: nothing that is served can be read by other pages, by its headers.
fn is_from_here(headers: &HeaderMap) -> bool {
    let said = |name: &'static str| match headers.contains_key(name) {
        true => Some(only(headers, &HeaderName::from_static(name)).unwrap_or("?")),
        false => None,
    };
    match said("sec-fetch-site") {
        None | Some("same-origin" | "none") => true,
        // Other ports of this machine are of the same site, and strangers all the same.
        Some(_) => said("sec-fetch-mode") == Some("navigate") && said("sec-fetch-dest") == Some("document"),
    }
}

/// The value of a header that is there once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok()).flatten()
}

/// The parts of a path, decoded once; `None` where it is no plain path from the root.
fn segments(path: &str) -> Option<Vec<String>> {
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some(Vec::new());
    }
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').map(segment).collect()
}

fn segment(encoded: &str) -> Option<String> {
    let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
    // A colon names drives and streams on Windows; names that begin with a dot are nobody's business.
    let unfit = |c: char| c.is_control() || matches!(c, '/' | '\\') || cfg!(windows) && c == ':';
    (!decoded.is_empty() && !decoded.starts_with('.') && !decoded.contains(unfit)).then(|| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_plain_segments_from_the_root() {
        let table: [(&str, Option<&[&str]>); 22] = [
            ("/", Some(&[])),
            ("/a", Some(&["a"])),
            ("/a/b.html", Some(&["a", "b.html"])),
            ("/a/", Some(&["a"])),
            ("/%E6%97%A5%20x", Some(&["日 x"])),
            ("/a..b", Some(&["a..b"])),
            // Decoded once, it is a name like any other.
            ("/%252e%252e", Some(&["%2e%2e"])),
            ("", None),
            ("a", None),
            ("//", None),
            ("//a", None),
            ("/a//b", None),
            ("/a//", None),
            ("/..", None),
            ("/a/../b", None),
            ("/%2e%2E/b", None),
            ("/a%2fb", None),
            ("/a%5Cb", None),
            ("/a\\b", None),
            ("/a%00", None),
            ("/.git", None),
            ("/%ff", None),
        ];
        for (path, expected) in table {
            let expected = expected.map(|parts| parts.iter().map(|part| (*part).to_owned()).collect());
            assert_eq!(segments(path), expected, "{path}");
        }
    }
}
