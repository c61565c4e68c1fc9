//! The catalog as text: JSON Lines, CSV, SHA256SUMS. Rows come and go one by one.
//!
//! Everything is written so that it can be shown on a terminal, and without credentials. The order is always the same.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::mirror::catalog::{self, CaptureExport, Catalog, CatalogError, ExportRow, FailureExport};
use crate::mirror::store::Blob;
use crate::sanitize;

/// What ends an export before its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error("cannot write the export: {0}")]
    Write(#[from] io::Error),
}

/// A row as it is written; the names are those of the JSON and of the columns.
#[derive(Debug, Serialize)]
struct Row<'a> {
    target: Cow<'a, str>,
    state: &'static str,
    digest: Option<String>,
    /// Relative to the mirror, or absolute where pictures lie elsewhere.
    path: Option<String>,
    media_type: Option<&'static str>,
    /// Bytes.
    length: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
    source: Option<Cow<'a, str>>,
    redirects: Vec<Cow<'a, str>>,
    status: Option<u16>,
    fetched: Option<String>,
    revisit: Option<&'a str>,
    etag: Option<&'a str>,
    last_modified: Option<&'a str>,
    documents: Vec<String>,
    failure: Option<Failure<'a>>,
}

#[derive(Debug, Serialize)]
struct Failure<'a> {
    kind: &'a str,
    detail: Cow<'a, str>,
    since: String,
    attempts: u32,
    next: String,
}

const COLUMNS: [&str; 21] = [
    "target",
    "state",
    "digest",
    "path",
    "media_type",
    "length",
    "width",
    "height",
    "source",
    "redirects",
    "status",
    "fetched",
    "revisit",
    "etag",
    "last_modified",
    "documents",
    "failure_kind",
    "failure_detail",
    "failure_since",
    "failure_attempts",
    "failure_next",
];

/// Writes the rows as one JSON object a line. `assets` is what paths of blobs begin with.
///
/// # Errors
/// The catalog cannot be read, or `out` not be written to.
pub fn jsonl(catalog: &Catalog, assets: &Path, out: &mut impl Write) -> Result<(), ExportError> {
    catalog.begin_export()?;
    catalog.export(&mut |row| -> Result<(), ExportError> {
        let documents = documents(catalog, row.asset)?;
        let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Harmless(CompactFormatter));
        Row::new(&row, assets, documents).serialize(&mut serializer).map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        Ok(())
    })
}

/// Writes the rows as CSV (RFC 4180) with a header. Lists are written as JSON within their field.
///
/// # Errors
/// The catalog cannot be read, or `out` not be written to.
pub fn csv(catalog: &Catalog, assets: &Path, out: &mut impl Write) -> Result<(), ExportError> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    out.write_record(COLUMNS).map_err(io::Error::from)?;
    catalog.begin_export()?;
    catalog.export(&mut |row| -> Result<(), ExportError> {
        let documents = documents(catalog, row.asset)?;
        let fields = Row::new(&row, assets, documents).into_fields();
        out.write_record(fields.iter().map(|field| sanitize::for_terminal(field).into_owned()))
            .map_err(io::Error::from)?;
        Ok(())
    })?;
    out.flush()?;
    Ok(())
}

/// Writes the digests and paths of all blobs as `sha256sum -c` reads them.
///
/// # Errors
/// The catalog cannot be read, or `out` not be written to.
pub fn sha256sums(catalog: &Catalog, assets: &Path, out: &mut impl Write) -> Result<(), ExportError> {
    let assets = assets.as_os_str().as_encoded_bytes();
    catalog.held_blobs(&mut |blob| {
        let mut name = assets.to_vec();
        name.push(b'/');
        name.extend(blob.name().bytes());
        // A name with one of these is marked by a backslash in front of the line. The carriage return is not among
        // them: older versions of sha256sum do not know its escape, and all take it as it is within a line.
        let (mark, name) = match name.iter().any(|byte| matches!(byte, b'\\' | b'\n')) {
            true => (&b"\\"[..], escaped(&name)),
            false => (&b""[..], name),
        };
        out.write_all(mark)?;
        write!(out, "{}  ", blob.digest)?;
        out.write_all(&name)?;
        out.write_all(b"\n")?;
        Ok(())
    })
}

fn escaped(name: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(name.len() + 4);
    for &byte in name {
        match byte {
            b'\\' => escaped.extend(b"\\\\"),
            b'\n' => escaped.extend(b"\\n"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn documents(catalog: &Catalog, asset: i64) -> catalog::Result<Vec<String>> {
    let paths = catalog.documents_with(asset)?;
    Ok(paths.into_iter().map(|path| path.to_string_lossy().into_owned()).collect())
}

impl<'a> Row<'a> {
    fn new(row: &'a ExportRow, assets: &Path, documents: Vec<String>) -> Self {
        let capture = row.capture.as_ref();
        let clean = |url: &'a str| sanitize::without_credentials(url);
        Row {
            target: clean(&row.target),
            state: row.state.as_str(),
            digest: capture.map(|capture| capture.blob.digest.to_string()),
            path: capture.map(|capture| path(assets, &capture.blob)),
            media_type: capture.map(|capture| capture.blob.media_type.essence()),
            length: capture.map(|capture| capture.length),
            width: capture.and_then(|capture| capture.width),
            height: capture.and_then(|capture| capture.height),
            source: capture.map(|capture| clean(&capture.source)),
            redirects: capture
                .map(|capture| capture.redirects.iter().map(|url| clean(url)).collect())
                .unwrap_or_default(),
            status: capture.map(|capture| capture.status),
            fetched: capture.map(|capture| time(capture.fetched)),
            revisit: capture.and_then(|capture| capture.revisit.as_deref()),
            etag: capture.and_then(|capture| capture.etag.as_deref()),
            last_modified: capture.and_then(|capture: &CaptureExport| capture.last_modified.as_deref()),
            documents,
            failure: row.failure.as_ref().map(|failure: &FailureExport| Failure {
                kind: &failure.kind,
                detail: clean(&failure.detail),
                since: time(failure.since),
                attempts: failure.attempts,
                next: time(failure.next),
            }),
        }
    }

    /// In the order of [`COLUMNS`].
    fn into_fields(self) -> [String; COLUMNS.len()] {
        fn text(value: Option<impl ToString>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        // A list of texts has no way to fail.
        let list = |list: serde_json::Result<String>| sanitize::json(&list.unwrap_or_default()).into_owned();
        let failure = self.failure.as_ref();
        [
            self.target.into_owned(),
            self.state.to_owned(),
            text(self.digest),
            text(self.path),
            text(self.media_type),
            text(self.length),
            text(self.width),
            text(self.height),
            text(self.source),
            list(serde_json::to_string(&self.redirects)),
            text(self.status),
            text(self.fetched),
            text(self.revisit),
            text(self.etag),
            text(self.last_modified),
            list(serde_json::to_string(&self.documents)),
            text(failure.map(|failure| failure.kind)),
            text(failure.map(|failure| &failure.detail)),
            text(failure.map(|failure| &failure.since)),
            text(failure.map(|failure| failure.attempts)),
            text(failure.map(|failure| &failure.next)),
        ]
    }
}

fn path(assets: &Path, blob: &Blob) -> String {
    format!("{}/{}", assets.to_string_lossy(), blob.name())
}

/// RFC 3339, in UTC.
fn time(milliseconds: i64) -> String {
    jiff::Timestamp::from_millisecond(milliseconds).map(|time| time.to_string()).unwrap_or_default()
}

/// JSON in which every character that acts on a terminal is written as `\uXXXX`.
struct Harmless(CompactFormatter);

impl Formatter for Harmless {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        self.0.write_string_fragment(writer, &sanitize::json(fragment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_rfc_3339() {
        assert_eq!(time(0), "1970-01-01T00:00:00Z");
        assert_eq!(time(1_764_000_000_123), "2025-11-24T16:00:00.123Z");
        assert_eq!(time(i64::MAX), "");
    }

    #[test]
    fn json_does_nothing_to_a_terminal_and_means_the_same() {
        let given = "\u{9b}31m \u{202e} plain \u{1b} \"\\ \n";
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, Harmless(CompactFormatter));
        given.serialize(&mut serializer).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.is_ascii() && !text.contains(char::is_control), "{text}");
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), given);
    }

    #[test]
    fn names_are_escaped_as_sha256sum_does() {
        assert_eq!(escaped(b"a\\b\nc\rd"), b"a\\\\b\\nc\rd");
    }
}
