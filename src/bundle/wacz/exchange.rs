//! What is told of the exchange that brought a picture.

use std::fmt;

use jiff::Timestamp;
use reqwest::StatusCode;
use rusqlite::{Connection, params};

use crate::mirror::catalog::ArchivedCapture;
use crate::page::Picture;

/// Documents that are named in one record, at most.
const DOCUMENTS: usize = 1000;

/// The head of an HTTP response, as the catalog has it. `length` is that of the payload, where there is one.
///
/// Payloads are kept decoded and whole, so that fields that speak of the body on its way are set right: the length is
/// the payload's, what coding it had is told in `X-Archive-Orig-Content-Encoding`, and of its framing nothing is said.
pub fn head(capture: &ArchivedCapture, length: Option<u64>) -> String {
    let status = capture.status;
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n");
    let mut field = |name: &str, value: &str| head.push_str(&format!("{name}: {}\r\n", line(value)));
    for (name, value) in &capture.headers {
        if !is_token(name) {
            continue;
        }
        match name.to_ascii_lowercase().as_str() {
            "transfer-encoding" | "trailer" => {}
            "content-length" if length.is_some() => {}
            "content-encoding" => field("X-Archive-Orig-Content-Encoding", value),
            _ => field(name, value),
        }
    }
    // Of a response without a body no more is on record than these.
    if capture.headers.is_empty() {
        let kept = [("etag", &capture.etag), ("last-modified", &capture.modified), ("cache-control", &capture.cache)];
        kept.into_iter().for_each(|(name, value)| value.iter().for_each(|value| field(name, value)));
    }
    if let Some(length) = length {
        field("content-length", &length.to_string());
    }
    head.push_str("\r\n");
    head
}

/// Whether the text can be the name of a field (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The media type that the server said, without parameters.
pub fn mime(capture: &ArchivedCapture) -> Option<String> {
    let (_, value) = capture.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    let mime = value.split(';').next().unwrap_or_default().trim();
    (!mime.is_empty()).then(|| mime.to_owned())
}

/// When a capture was made.
pub fn date(capture: &ArchivedCapture) -> Timestamp {
    Timestamp::from_millisecond(capture.fetched).unwrap_or_default()
}

/// Text on one line.
pub fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Where a picture came from, as fields of a metadata record.
pub struct About<'a> {
    pub picture: &'a Picture,
    pub capture: Option<&'a ArchivedCapture>,
}

impl fmt::Display for About<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut field = |name: &str, value: &str| write!(f, "{name}: {}\r\n", line(value));
        field("payload", &format!("sha256:{}", self.picture.held))?;
        field("media-type", self.picture.blob.media_type.essence())?;
        let Some(capture) = self.capture else {
            return field("origin", "no server: a file beside the document, or part of it");
        };
        field("target", &capture.target)?;
        field("source", &capture.source)?;
        capture.redirects.iter().try_for_each(|url| field("redirect", url))?;
        if let Some(url) = &capture.url {
            field("answered", url)?;
        }
        field("proxies-peeled", &capture.proxies.to_string())?;
        field("captured", &date(capture).to_string())?;
        match &capture.revisit {
            Some(revisit) => field("revisit", revisit),
            None => Ok(()),
        }
    }
}

/// Adds the documents that show a picture.
pub fn documents(scratch: &Connection, picture: i64, about: &mut String) -> rusqlite::Result<()> {
    let mut statement =
        scratch.prepare_cached("SELECT document FROM shown WHERE picture = ?1 ORDER BY document LIMIT ?2")?;
    let rows = statement.query_map(params![picture, DOCUMENTS as i64], |row| row.get::<_, String>(0))?;
    for document in rows {
        about.push_str(&format!("document: {}\r\n", document?));
    }
    let mut count = scratch.prepare_cached("SELECT count(*) FROM shown WHERE picture = ?1")?;
    let count: i64 = count.query_row([picture], |row| row.get(0))?;
    about.push_str(&format!("documents: {count}\r\n"));
    Ok(())
}
