//! What the head of a response means: its status, Retry-After, validators, ranges.

use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderName};

use super::job::{Miss, Then};
use super::{FailureKind, Validators, one_line};
use crate::sanitize::without_credentials;

/// Header fields of a capture that are kept, the bytes of one value, and the bytes of all.
const KEPT_FIELDS: usize = 64;
const KEPT_VALUE: usize = 1024;
const KEPT_BYTES: usize = 16 << 10;

/// The miss that a status which brings no picture stands for.
pub(super) fn miss(status: u16) -> Miss {
    let (kind, then) = match status {
        404 | 410 => (FailureKind::Gone, Then::OtherSource),
        401 | 403 => (FailureKind::Forbidden, Then::OtherReferer),
        // The word of an outgoing proxy, not of the host: as when it refuses a tunnel.
        407 => (FailureKind::Connection, Then::OtherSource),
        408 => (FailureKind::Timeout, Then::Wait),
        425 | 429 => (FailureKind::Throttled, Then::Wait),
        204 | 205 => (FailureKind::Empty, Then::OtherSource),
        300..=399 => (FailureKind::Redirects, Then::OtherSource),
        // The server knows no such request and will not learn it during a run.
        501 | 505 => (FailureKind::ServerError, Then::OtherSource),
        500..=599 => (FailureKind::ServerError, Then::Wait),
        _ => (FailureKind::Forbidden, Then::OtherSource),
    };
    let reason = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let detail = reason.map_or_else(|| format!("HTTP {status}"), |reason| format!("HTTP {status} {reason}"));
    Miss { kind, detail, status: Some(status), then }
}

/// The wait that a response asks for: seconds or an HTTP date (RFC 9110 section 10.2.3). A date that has passed asks
/// for none.
pub(super) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = text(headers, &header::RETRY_AFTER)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        // More digits than a number holds is a long time all the same.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let until = httpdate::parse_http_date(&text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

pub(super) fn validators(headers: &HeaderMap) -> Validators {
    Validators { etag: text(headers, &header::ETAG), last_modified: text(headers, &header::LAST_MODIFIED) }
}

/// A validator strong enough for If-Range (RFC 9110 section 13.1.5): a strong entity tag, or else a Last-Modified
/// that is at least a minute older than the response (section 8.8.2.2). `received` stands in for a missing Date.
pub(super) fn if_range(headers: &HeaderMap, received: SystemTime) -> Option<String> {
    let Validators { etag, last_modified } = validators(headers);
    if let Some(etag) = etag {
        let strong = etag.len() >= 2 && etag.starts_with('"') && etag.ends_with('"');
        return strong.then_some(etag);
    }
    let modified = last_modified?;
    let date = text(headers, &header::DATE).map_or(Some(received), |date| httpdate::parse_http_date(&date).ok())?;
    let age = date.duration_since(httpdate::parse_http_date(&modified).ok()?).ok()?;
    (age >= Duration::from_secs(60)).then_some(modified)
}

/// A Content-Range of bytes with a known whole: first byte, last byte, length of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContentRange {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) total: u64,
}

pub(super) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = text(headers, &header::CONTENT_RANGE)?;
    let (unit, rest) = text.split_once(' ')?;
    let (range, total) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = ContentRange { first: number(first)?, last: number(last)?, total: number(total)? };
    (unit.eq_ignore_ascii_case("bytes") && range.first <= range.last && range.last < range.total).then_some(range)
}

/// The bytes of the body, where they are told. A transfer coding overrides a length (RFC 9112 section 6.3).
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    text(headers, &header::CONTENT_LENGTH)?.parse().ok()
}

/// The header fields that a capture keeps: no cookies, bounded, one line each.
pub(super) fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let secret = [header::SET_COOKIE, HeaderName::from_static("set-cookie2")];
    let mut room = KEPT_BYTES;
    let mut kept = Vec::new();
    for (name, value) in headers.iter().filter(|(name, _)| !secret.contains(name)).take(KEPT_FIELDS) {
        let raw = value.as_bytes();
        let value = one_line(&without_credentials(&String::from_utf8_lossy(raw.get(..KEPT_VALUE).unwrap_or(raw))));
        let size = name.as_str().len() + value.len();
        if size > room {
            break;
        }
        room -= size;
        kept.push((name.as_str().to_owned(), value));
    }
    kept
}

/// A field's value, where it is text of a sane length.
pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (value.len() <= KEPT_VALUE).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        let cases = [
            ("120", Some(120)),
            ("0", Some(0)),
            (" 7 ", Some(7)),
            ("Wed, 21 Oct 2015 07:30:00 GMT", Some(120)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Some(0)),
            ("Wednesday, 21-Oct-15 07:29:00 GMT", Some(60)),
            ("99999999999999999999999", Some(u64::from(u32::MAX))),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            let found = retry_after(&headers(&[("retry-after", text)]), now);
            assert_eq!(found, seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn each_status_has_its_kind() {
        use FailureKind::*;
        let cases = [
            (404, Gone, Then::OtherSource),
            (410, Gone, Then::OtherSource),
            (401, Forbidden, Then::OtherReferer),
            (403, Forbidden, Then::OtherReferer),
            (407, Connection, Then::OtherSource),
            (451, Forbidden, Then::OtherSource),
            (418, Forbidden, Then::OtherSource),
            (429, Throttled, Then::Wait),
            (408, Timeout, Then::Wait),
            (500, ServerError, Then::Wait),
            (503, ServerError, Then::Wait),
            (501, ServerError, Then::OtherSource),
            (304, Redirects, Then::OtherSource),
            (204, Empty, Then::OtherSource),
        ];
        for (status, kind, then) in cases {
            let miss = miss(status);
            assert_eq!((miss.kind, miss.then, miss.status), (kind, then, Some(status)));
        }
    }

    #[test]
    fn only_strong_validators_are_good_for_if_range() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        let (old, new) = ("Wed, 21 Oct 2015 07:00:00 GMT", "Wed, 21 Oct 2015 07:27:30 GMT");
        type Fields<'f> = &'f [(&'static str, &'f str)];
        let cases: [(Fields<'_>, Option<&str>); 7] = [
            (&[("etag", "\"a\"")], Some("\"a\"")),
            (&[("etag", "W/\"a\""), ("last-modified", old)], None),
            (&[("etag", "a")], None),
            (&[("last-modified", old)], Some(old)),
            (&[("last-modified", new)], None),
            (&[("last-modified", old), ("date", old)], None),
            (&[], None),
        ];
        for (fields, expected) in cases {
            assert_eq!(if_range(&headers(fields), now).as_deref(), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_length_beside_a_transfer_coding_says_nothing() {
        assert_eq!(content_length(&headers(&[("content-length", "7")])), Some(7));
        assert_eq!(content_length(&headers(&[("content-length", "7"), ("transfer-encoding", "chunked")])), None);
        assert_eq!(content_length(&headers(&[("content-length", "-7")])), None);
    }

    #[test]
    fn a_content_range_is_exact_or_none() {
        let read = |text: &str| content_range(&headers(&[("content-range", text)]));
        assert_eq!(read("bytes 5-9/10"), Some(ContentRange { first: 5, last: 9, total: 10 }));
        for text in
            ["bytes 5-9/*", "bytes */10", "bytes 9-5/10", "bytes 5-10/10", "items 5-9/10", "5-9/10", "bytes 5-/10"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn kept_fields_are_bounded_and_without_cookies() {
        let mut fields = headers(&[("set-cookie", "secret"), ("etag", "\"a\"")]);
        for n in 0..100 {
            fields.insert(HeaderName::try_from(format!("x-{n}")).unwrap(), "v".repeat(2000).parse().unwrap());
        }
        let kept = kept(&fields);
        assert!(kept.contains(&("etag".to_owned(), "\"a\"".to_owned())));
        assert!(kept.iter().all(|(name, _)| name != "set-cookie"));
        assert!(kept.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= KEPT_BYTES);
        assert!(kept.len() <= KEPT_FIELDS);
    }
}
