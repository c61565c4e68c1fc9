//! The rows of the page as JSON inside of a script element, streamed: memory holds the hosts and no rows.
//!
//! Rows are lists, to keep a hundred thousand of them small; script.js names their columns in the same order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use url::Url;

use super::{MAX_ROWS, Pictures};
use crate::mirror::catalog::{
    DocumentState, Ledger, LedgerChanged, LedgerDocument, LedgerDocuments, LedgerHeld, LedgerMissing,
};
use crate::mirror::store::Blob;
use crate::rewrite::path_to_url;
use crate::sanitize;

/// Pictures that are named with a document.
const MAX_PICTURES: usize = 1_000;

/// The longest text that stands in a row; characters.
const MAX_TEXT: usize = 300;

/// Writes the rows of `ledger`, with how many documents and pictures there are in all.
pub(super) fn write(
    ledger: &Ledger<'_>,
    pictures: &Pictures,
    totals: [u64; 2],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut hosts = Hosts::default();
    write!(out, "{{\"assets\":{},\"documents\":[", script_json(&pictures.0)?)?;
    let mut list = List::new(&mut *out);
    ledger.documents(LedgerDocuments::All, MAX_ROWS, |document| {
        let assets = ledger.assets_of(document.id, MAX_PICTURES)?;
        list.push(&document_row(&document, &assets))
    })?;
    write!(out, "],\n\"missing\":[")?;
    let mut list = List::new(&mut *out);
    ledger.missing(MAX_ROWS, |asset| list.push(&missing_row(&asset, &mut hosts)))?;
    write!(out, "],\n\"held\":[")?;
    let mut list = List::new(&mut *out);
    ledger.held(MAX_ROWS, |asset| list.push(&held_row(&asset, &mut hosts)))?;
    write!(out, "],\n\"changed\":[")?;
    let mut list = List::new(&mut *out);
    ledger.changed(MAX_ROWS, |asset| list.push(&changed_row(&asset)))?;
    write!(out, "],\n\"hosts\":{},\"totals\":{}}}", script_json(&hosts.list)?, script_json(&totals)?)?;
    Ok(())
}

/// Number, path, state, references, mirrored, skipped, missing, numbers of its pictures, and a link unless it is the
/// path below documents/.
fn document_row(document: &LedgerDocument, assets: &[i64]) -> impl Serialize {
    let LedgerDocument { id, path, total, mirrored, skipped, missing, .. } = document;
    let state = match document.state {
        DocumentState::Whole => 0,
        DocumentState::Missing => 1,
        DocumentState::Unwritten => 2,
        DocumentState::Unread => 3,
    };
    let name = sanitize::path(path);
    let link = (path.to_str() != Some(&*name) || path.is_absolute()).then(|| link(path));
    (*id, name, state, *total, *mirrored, *skipped, *missing, assets.to_vec(), link)
}

/// Where a document lies that is not plainly named, if that can be told in a URL.
fn link(path: &Path) -> String {
    match path.is_absolute() {
        true => Url::from_file_path(path).map(String::from).unwrap_or_default(),
        false => path.to_str().map(|path| format!("documents/{}", path_to_url(path))).unwrap_or_default(),
    }
}

/// Number, host, path; kind, detail, since when, not asked for before, runs, requests, documents.
fn missing_row(asset: &LedgerMissing, hosts: &mut Hosts) -> impl Serialize + use<> {
    let (host, path) = hosts.split(&asset.origin, &asset.target);
    let reason = asset.reason.as_ref();
    (
        asset.id,
        host,
        path,
        reason.map(|reason| shown(&reason.kind)),
        reason.map(|reason| shown(&reason.detail)),
        reason.map(|reason| (reason.since, reason.next, reason.runs, reason.attempts)),
        asset.documents,
    )
}

/// Number, host, path; file, bytes, width, height.
fn held_row(asset: &LedgerHeld, hosts: &mut Hosts) -> impl Serialize + use<> {
    let (host, path) = hosts.split(&asset.origin, &asset.target);
    (asset.id, host, path, file(&asset.blob), asset.bytes, asset.dimensions)
}

/// Number, file that the server sends now, since when.
fn changed_row(asset: &LedgerChanged) -> impl Serialize + use<> {
    (asset.id, file(&asset.now), asset.since)
}

/// A blob's name in less room: 43 characters instead of 64 for the digest.
fn file(blob: &Blob) -> String {
    [&URL_SAFE_NO_PAD.encode(blob.digest.as_bytes()), ".", blob.media_type.extension()].concat()
}

fn shown(text: &str) -> String {
    sanitize::for_terminal_limited(&sanitize::without_credentials(text), MAX_TEXT).into_owned()
}

/// Origins by number: most rows share theirs with many others.
#[derive(Default)]
struct Hosts {
    list: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Hosts {
    /// The number of a target's host, and what follows it.
    fn split(&mut self, origin: &str, target: &str) -> (usize, String) {
        let path = target.strip_prefix(origin).unwrap_or(target);
        let number = match self.numbers.get(origin) {
            Some(number) => *number,
            None => {
                self.list.push(shown(origin));
                self.numbers.insert(origin.to_owned(), self.list.len() - 1);
                self.list.len() - 1
            }
        };
        (number, shown(path))
    }
}

/// Items between commas, one a line.
struct List<W> {
    out: W,
    first: bool,
}

impl<W: Write> List<W> {
    fn new(out: W) -> Self {
        List { out, first: true }
    }

    fn push(&mut self, item: &impl Serialize) -> anyhow::Result<()> {
        let separator = if std::mem::take(&mut self.first) { "\n" } else { ",\n" };
        self.out.write_all(separator.as_bytes())?;
        self.out.write_all(script_json(item)?.as_bytes())?;
        Ok(())
    }
}

/// JSON that may stand inside of a script element: without `<`, nothing ends the element or changes how its end is
/// found (HTML 4.12.1.3).
fn script_json(value: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string(value)?;
    let safe = match sanitize::json(&json) {
        Cow::Owned(safe) => Some(safe),
        Cow::Borrowed(_) => None,
    };
    let json = safe.unwrap_or(json);
    Ok(if json.contains('<') { json.replace('<', "\\u003c") } else { json })
}
