//! Keys under which web archives are looked up: Sort-friendly URI Reordering Transform, as `surt` of the Internet
//! Archive writes it (<https://github.com/internetarchive/surt>, `DefaultIAURLCanonicalizer`), without the scheme.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};
use url::Url;

/// What is percent-encoded in a key: everything outside of printable ASCII, and these.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'#').add(b'%');

/// The key of an `http` or `https` URL. Other URLs are their own keys.
pub fn key(url: &Url) -> String {
    let Some(host) = url.host_str() else { return url.as_str().to_owned() };
    // The brackets of an IPv6 address are no part of the key.
    let host = host.replace("..", ".").replace(['[', ']'], "");
    let mut host = host.trim_matches('.');
    if let Some(rest) = host.strip_prefix("www") {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        host = rest.strip_prefix('.').unwrap_or(host);
    }
    let mut key = host.split('.').rev().collect::<Vec<_>>().join(",");
    if let Some(port) = url.port() {
        key.push_str(&format!(":{port}"));
    }
    key.push(')');
    key.push_str(&path(url.path()));
    if let Some(query) = url.query().filter(|query| !query.is_empty()) {
        let query = query_key(query);
        if !query.is_empty() {
            key.push('?');
            key.push_str(&query);
        }
    }
    key
}

/// The URL's text with every layer of percent-encoding taken off and one put on.
fn escaped(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    loop {
        let decoded: Vec<u8> = percent_decode(&bytes).collect();
        if decoded == bytes {
            return percent_encode(&bytes, ESCAPED).to_string();
        }
        bytes = decoded;
    }
}

fn path(path: &str) -> String {
    let mut bytes = path.as_bytes().to_vec();
    loop {
        let decoded: Vec<u8> = percent_decode(&bytes).collect();
        if decoded == bytes {
            break;
        }
        bytes = decoded;
    }
    let mut kept: Vec<&[u8]> = Vec::new();
    for part in bytes.split(|byte| *byte == b'/').skip(1) {
        match part {
            b"." => {}
            b".." if !kept.is_empty() => drop(kept.pop()),
            part => kept.push(part),
        }
    }
    let last = kept.pop().unwrap_or_default();
    let mut normal = String::from("/");
    for part in kept.into_iter().filter(|part| !part.is_empty()) {
        normal.push_str(&percent_encode(part, ESCAPED).to_string());
        normal.push('/');
    }
    normal.push_str(&percent_encode(last, ESCAPED).to_string());
    normal.make_ascii_lowercase();
    let normal = without_session(normal);
    match normal.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter.to_owned(),
        _ => normal,
    }
}

/// Whether the text is 24 letters or digits in parentheses.
fn is_session(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.is_some_and(|inner| inner.len() == 24 && inner.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether the text is a list of such sessions, each behind a letter, in parentheses.
fn is_lettered_session(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) else { return false };
    !inner.is_empty()
        && inner
            .as_bytes()
            .chunks(27)
            .all(|part| part[0].is_ascii_alphabetic() && std::str::from_utf8(&part[1..]).is_ok_and(is_session))
}

/// Takes the session out of a path of ASP.NET: `/(S(…))/page.aspx`.
fn without_session(mut path: String) -> String {
    for is_one in [is_lettered_session, is_session] {
        let mut end = path.len();
        while let Some(slash) = path[..end].rfind('/') {
            let start = path[..slash].rfind('/').map_or(0, |before| before + 1);
            let page =
                path[slash + 1..].find(".aspx").is_some_and(|at| at > 0 && !path[slash + 1..][..at].contains('?'));
            if start > 0 && page && is_one(&path[start..slash]) {
                path.replace_range(start..=slash, "");
                break;
            }
            end = slash;
        }
    }
    path
}

/// A query without its session, in lower case, its arguments in order.
fn query_key(query: &str) -> String {
    let mut query = escaped(query);
    for (name, digits, letters) in
        [("jsessionid=", 32, ""), ("phpsessid=", 32, ""), ("sid=", 32, ""), ("aspsessionid", 8, "="), ("cfid=", 0, "")]
    {
        query = without_argument(&query, name, digits, letters);
    }
    query.make_ascii_lowercase();
    let mut arguments: Vec<(&str, Option<&str>)> = query
        .split('&')
        .map(|argument| argument.split_once('=').map_or((argument, None), |(name, value)| (name, Some(value))))
        .collect();
    arguments.sort_unstable();
    let written: Vec<String> = arguments
        .into_iter()
        .map(|(name, value)| value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")))
        .collect();
    written.join("&")
}

/// The query without the last argument that is a session: `name`, then so many letters or digits, then, for ASP,
/// `=` and 24 letters, or for ColdFusion whatever stands there and `cftoken`.
fn without_argument(query: &str, name: &str, count: usize, behind: &str) -> String {
    let lower = query.to_ascii_lowercase();
    let mut end = lower.len();
    while let Some(at) = lower[..end].rfind(name) {
        let rest = &query[at + name.len()..];
        let length = match (count, behind) {
            (0, _) => cold_fusion(&lower[at + name.len()..]),
            (count, "") => run(rest, count, |byte| byte.is_ascii_alphanumeric()),
            (count, behind) => run(rest, count, |byte| byte.is_ascii_alphabetic())
                .filter(|length| rest[*length..].starts_with(behind))
                .and_then(|length| {
                    let value = &rest[length + behind.len()..];
                    run(value, 24, |byte| byte.is_ascii_alphabetic()).map(|more| length + behind.len() + more)
                }),
        };
        if let Some(length) = length {
            match &rest[length..] {
                "" => return query[..at].to_owned(),
                more if more.starts_with('&') => return format!("{}{}", &query[..at], &more[1..]),
                _ => {}
            }
        }
        end = at;
    }
    query.to_owned()
}

/// `count`, if the text begins with so many bytes of a kind.
fn run(text: &str, count: usize, is_one: impl Fn(&u8) -> bool) -> Option<usize> {
    let begin = text.as_bytes().get(..count)?;
    begin.iter().all(is_one).then_some(count)
}

/// The length of `…&cftoken=…`.
fn cold_fusion(text: &str) -> Option<usize> {
    let id = text.find('&').filter(|id| *id > 0)?;
    let token = text[id..].strip_prefix("&cftoken=")?;
    let length = token.find('&').unwrap_or(token.len());
    (length > 0).then_some(id + "&cftoken=".len() + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URLs with the keys that `surt` 0.3.1 of Python has for them; tests/cli asks it itself.
    #[test]
    fn keys_are_those_of_surt() {
        for line in include_str!("surt.txt").lines() {
            let (url, expected) = line.split_once(' ').unwrap();
            assert_eq!(key(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
