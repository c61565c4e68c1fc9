//! A web archive: WARC 1.1 in WACZ 1.1.1.
//!
//! Of every picture the archive has the responses as they were captured, under the URLs that gave them; pages are
//! resources under URLs of our own and name pictures by the URLs of their responses, so that replay finds them. What
//! no server is on record for is a resource, too: a response is never made up.

mod exchange;
mod package;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use anyhow::Context as _;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;
use url::Url;

use super::names::{self, Names};
use super::packing::{Packing, scratch, spool};
use super::warc::{Kind, Payload, Record, Writer, Written};
use super::{Bundle, Facts, cdxj, surt};
use crate::mirror::catalog::ArchivedCapture;
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::page::node::escaped;
use crate::page::shell::{POLICY, Shell, Style};
use crate::page::{Bytes, Collection, Links, Page, Picture};
use exchange::About;

/// Replay takes the policy out of a page or answers as the page's own host; by itself the page lets nothing out.
const SHELL: Shell<'_> = Shell { style: Style::Inline, policy: Some(POLICY), index: None };

/// Under this host is what was never on the web. No server can have it (RFC 6761 section 6.4).
const HOST: &str = "https://bundle.imgmirror.invalid/";

/// The file with the records, below archive/.
const WARC: &str = "data.warc.gz";

const LAYOUT: &str = "
    -- What documents show, and under which URL.
    CREATE TABLE picture (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, url TEXT NOT NULL) STRICT;
    CREATE TABLE shown (picture INTEGER, document TEXT, PRIMARY KEY (picture, document)) STRICT, WITHOUT ROWID;
    -- The records of pictures, with what is to be said of each.
    CREATE TABLE record (
        id         INTEGER PRIMARY KEY,
        picture    BLOB    NOT NULL,
        name       TEXT    NOT NULL,
        url        TEXT    NOT NULL,
        about      TEXT    NOT NULL
    ) STRICT;
    -- Which payload replay is to find under a key.
    CREATE TABLE claim (key TEXT PRIMARY KEY, digest BLOB NOT NULL) STRICT, WITHOUT ROWID;";

/// An archive that is being written.
pub struct Wacz<'c> {
    collection: &'c Collection,
    names: Names,
    packing: Packing,
    scratch: Connection,
    warc: Writer,
    /// pages.jsonl, until the records are written.
    pages: BufWriter<File>,
    main: Option<String>,
    title: String,
    date: Timestamp,
}

impl<'c> Wacz<'c> {
    /// Begins an archive in the new file `path`. `names` are those of the documents that will be in it.
    ///
    /// # Errors
    /// The folder of `path` cannot be written to.
    pub fn create(path: &Path, facts: &Facts, names: Names, collection: &'c Collection) -> anyhow::Result<Self> {
        let mut packing = Packing::create(path, facts.date)?;
        packing.stored(&format!("archive/{WARC}"), None)?;
        let mut pages = spool(path)?;
        let header = json!({ "format": "json-pages-1.0", "id": "pages", "title": "Pages" });
        writeln!(pages, "{header}")?;
        let scratch = scratch(&format!("{LAYOUT} {}", cdxj::LAYOUT))?;
        let (warc, title, date) = (Writer::default(), facts.title.clone(), facts.date);
        let mut wacz = Wacz { collection, names, packing, scratch, warc, pages, main: None, title, date };
        let info = format!(
            "software: imgmirror/{}\r\nformat: WARC File Format 1.1\r\nconformsTo: \
             http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\nisPartOf: {}\r\n",
            env!("CARGO_PKG_VERSION"),
            exchange::line(&wacz.title),
        );
        wacz.write(&Record {
            kind: Kind::Warcinfo,
            uri: None,
            date,
            content_type: "application/warc-fields",
            fields: vec![("WARC-Filename", WARC.to_owned())],
            head: b"",
            payload: Payload::Text(info.as_bytes()),
        })?;
        Ok(wacz)
    }

    fn write(&mut self, record: &Record<'_>) -> anyhow::Result<Written> {
        let doing = self.packing.doing();
        let written = self.warc.write(record, self.packing.current());
        written.with_context(|| match record.uri {
            Some(uri) => format!("{doing}: {}", exchange::line(uri)),
            None => doing,
        })
    }

    /// Puts a record into the index, if replay is to find this payload there.
    fn index(&mut self, url: &str, line: &cdxj::Line<'_>) -> anyhow::Result<()> {
        let key = key(url);
        if self.claim(&key, line.digest)? {
            cdxj::add(&self.scratch, &key, WARC, line)?;
        }
        Ok(())
    }

    /// Whether replay is to find this payload under a key. The first that asks has it: keys know no case, and a URL
    /// may have given this picture and, another time, that one; a page must show its own.
    fn claim(&self, key: &str, digest: Digest) -> anyhow::Result<bool> {
        self.scratch
            .prepare_cached("INSERT OR IGNORE INTO claim (key, digest) VALUES (?1, ?2)")?
            .execute(params![key, digest.as_bytes()])?;
        let mut claimed = self.scratch.prepare_cached("SELECT digest = ?2 FROM claim WHERE key = ?1")?;
        Ok(claimed.query_row(params![key, digest.as_bytes()], |row| row.get(0))?)
    }

    /// The URL under which replay finds a picture that a document shows. Its records are written when it is first
    /// asked for.
    fn picture(&mut self, picture: &Picture, document: &Path) -> anyhow::Result<String> {
        let digest = picture.blob.digest;
        let mut known = self.scratch.prepare_cached("SELECT id, url FROM picture WHERE digest = ?1")?;
        let found = known.query_row([digest.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        drop(known);
        let (id, url): (i64, String) = match found {
            Some(found) => found,
            None => {
                let url = self.records(picture)?;
                self.scratch
                    .prepare_cached("INSERT INTO picture (digest, url) VALUES (?1, ?2)")?
                    .execute(params![digest.as_bytes(), url])?;
                (self.scratch.last_insert_rowid(), url)
            }
        };
        self.scratch
            .prepare_cached("INSERT OR IGNORE INTO shown (picture, document) VALUES (?1, ?2)")?
            .execute(params![id, exchange::line(&document.to_string_lossy())])?;
        Ok(url)
    }

    /// Writes what is on record of a picture, and gives the URL that shows it.
    fn records(&mut self, picture: &Picture) -> anyhow::Result<String> {
        let catalog = self.collection.catalog();
        let Some(first) = catalog.first_capture(&picture.held)? else {
            return self.resource(picture, &own_url(picture), None);
        };
        if !first.has_response() {
            // What a rebuilt catalog knows: where it came from, and not what the server said.
            let free = self.claim(&key(&first.target), picture.blob.digest)?;
            let url = if free { first.target.clone() } else { own_url(picture) };
            return self.resource(picture, &url, Some(&first));
        }
        let url = first.url.clone().unwrap_or_default();
        let original = self.response(picture, &first, &url)?;
        catalog.captures_of::<anyhow::Error>(&picture.held, &mut |capture| {
            if capture.id == first.id || capture.status == 0 {
                return Ok(());
            }
            self.revisit(picture, &capture, &original)
        })?;
        match self.claim(&key(&url), picture.held)? {
            true => Ok(url),
            false => self.resource(picture, &own_url(picture), Some(&first)),
        }
    }

    fn response(&mut self, picture: &Picture, capture: &ArchivedCapture, url: &str) -> anyhow::Result<Original> {
        let held = Blob { digest: picture.held, media_type: picture.blob.media_type };
        // Of an SVG pages have a version that cannot act; what was captured is what is held.
        let file = Bytes::File(self.collection.held(held));
        let bytes = if picture.held == picture.blob.digest { &picture.bytes } else { &file };
        let length = match bytes {
            Bytes::File(path) => path.metadata().with_context(|| crate::sanitize::path(path))?.len(),
            Bytes::Inline(bytes) => bytes.len() as u64,
        };
        let head = exchange::head(capture, Some(length));
        let date = exchange::date(capture);
        let written = self.write(&Record {
            kind: Kind::Response,
            uri: Some(url),
            date,
            content_type: "application/http;msgtype=response",
            fields: Vec::new(),
            head: head.as_bytes(),
            payload: Payload::Picture(bytes, picture.held),
        })?;
        let mime = exchange::mime(capture).unwrap_or_else(|| picture.blob.media_type.essence().to_owned());
        let (status, digest) = (Some(capture.status), picture.held);
        let line =
            cdxj::Line { url, date, mime: &mime, status, digest, offset: written.offset, length: written.length };
        self.index(url, &line)?;
        self.note(picture, &written, url, &About { picture, capture: Some(capture) })?;
        Ok(Original { name: written.id, url: url.to_owned(), date })
    }

    /// Writes a capture whose payload is that of another record (WARC 1.1 section 6.7).
    fn revisit(&mut self, picture: &Picture, capture: &ArchivedCapture, original: &Original) -> anyhow::Result<()> {
        let not_modified = capture.status == 304;
        let url = match (&capture.url, not_modified) {
            (Some(url), _) => url.clone(),
            (None, true) => capture.source.clone(),
            // Nobody knows which URL answered.
            (None, false) => return Ok(()),
        };
        let profile = if not_modified { "server-not-modified" } else { "identical-payload-digest" };
        let head = exchange::head(capture, None);
        let date = exchange::date(capture);
        let mut fields = vec![
            ("WARC-Profile", format!("http://netpreserve.org/warc/1.1/revisit/{profile}")),
            ("WARC-Refers-To", original.name.clone()),
            ("WARC-Refers-To-Target-URI", original.url.clone()),
            ("WARC-Refers-To-Date", original.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ("WARC-Payload-Digest", format!("sha256:{}", picture.held)),
        ];
        if !not_modified {
            // "Shall be used for any identical-digest truncation".
            fields.push(("WARC-Truncated", "length".to_owned()));
        }
        let written = self.write(&Record {
            kind: Kind::Revisit,
            uri: Some(&url),
            date,
            content_type: "application/http;msgtype=response",
            fields,
            head: head.as_bytes(),
            payload: Payload::None,
        })?;
        // Replay would answer with the status alone.
        if !not_modified {
            let (status, digest, mime) = (Some(capture.status), picture.held, "warc/revisit");
            let line =
                cdxj::Line { url: &url, date, mime, status, digest, offset: written.offset, length: written.length };
            self.index(&url, &line)?;
        }
        self.note(picture, &written, &url, &About { picture, capture: Some(capture) })
    }

    /// Writes a picture as it is shown, without a word of any server's.
    fn resource(&mut self, picture: &Picture, url: &str, capture: Option<&ArchivedCapture>) -> anyhow::Result<String> {
        let date = capture.map_or(self.date, exchange::date);
        let (mime, digest) = (picture.blob.media_type.essence(), picture.blob.digest);
        let written = self.write(&Record {
            kind: Kind::Resource,
            uri: Some(url),
            date,
            content_type: mime,
            fields: Vec::new(),
            head: b"",
            payload: Payload::Picture(&picture.bytes, digest),
        })?;
        let line = cdxj::Line { url, date, mime, status: None, digest, offset: written.offset, length: written.length };
        self.index(url, &line)?;
        self.note(picture, &written, url, &About { picture, capture })?;
        Ok(url.to_owned())
    }

    /// Keeps what is to be said of a record.
    fn note(&self, picture: &Picture, written: &Written, url: &str, about: &About<'_>) -> anyhow::Result<()> {
        self.scratch
            .prepare_cached("INSERT INTO record (picture, name, url, about) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![picture.blob.digest.as_bytes(), written.id, url, about.to_string()])?;
        Ok(())
    }

    /// Writes where each picture came from, and which documents show it.
    fn provenance(&mut self) -> anyhow::Result<()> {
        let mut after = 0;
        loop {
            let next = "SELECT record.id, name, record.url, about, picture.id FROM record
                        JOIN picture ON picture.digest = record.picture WHERE record.id > ?1 ORDER BY record.id LIMIT 1";
            let mut statement = self.scratch.prepare_cached(next)?;
            let row = statement.query_row([after], |row| {
                let (id, name, url): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
                let (about, picture): (String, i64) = (row.get(3)?, row.get(4)?);
                Ok((id, name, url, about, picture))
            });
            let Some((id, name, url, mut about, picture)) = row.optional()? else { return Ok(()) };
            drop(statement);
            exchange::documents(&self.scratch, picture, &mut about)?;
            self.write(&Record {
                kind: Kind::Metadata,
                uri: Some(&url),
                date: self.date,
                content_type: "application/warc-fields",
                fields: vec![("WARC-Refers-To", name)],
                head: b"",
                payload: Payload::Text(about.as_bytes()),
            })?;
            after = id;
        }
    }
}

impl Bundle for Wacz<'_> {
    fn add(&mut self, page: &Page) -> anyhow::Result<()> {
        let mut pictures = Vec::new();
        let body = Page { cover: None, ..page.clone() };
        body.pictures(&mut |picture| pictures.push(picture.clone()));
        let mut urls = HashMap::new();
        for picture in &pictures {
            if let Entry::Vacant(place) = urls.entry(picture.blob.digest) {
                place.insert(self.picture(picture, &page.path)?);
            }
        }
        let (url, mut text) = (page_url(&self.names.give(&page.path)), Vec::new());
        SHELL.page(&body, &mut Urls { pictures: &urls, names: &self.names }, &mut text)?;
        let mime = "text/html";
        let written = self.write(&Record {
            kind: Kind::Resource,
            uri: Some(&url),
            date: self.date,
            content_type: "text/html; charset=utf-8",
            fields: Vec::new(),
            head: b"",
            payload: Payload::Text(&text),
        })?;
        let (date, digest, offset, length) = (self.date, Digest::of(&text), written.offset, written.length);
        self.index(&url, &cdxj::Line { url: &url, date, mime, status: None, digest, offset, length })?;
        let ts = self.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let id = &written.id.trim_matches(['<', '>'])["urn:uuid:".len()..];
        writeln!(self.pages, "{}", json!({ "id": id, "url": url, "ts": ts, "title": page.title }))?;
        self.main.get_or_insert(url);
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.provenance()?;
        let Wacz { mut packing, scratch, warc, pages, main, title, date, .. } = *self;
        let (digest, bytes) = warc.finish();
        let archive = package::Packed { path: format!("archive/{WARC}"), digest, bytes };
        let facts = package::Described { title: &title, date, main: main.as_deref() };
        package::finish(&mut packing, &scratch, pages, archive, &facts)?;
        packing.finish()
    }
}

/// The record that revisits refer to.
struct Original {
    name: String,
    url: String,
    date: Timestamp,
}

/// Names what a page refers to by the URLs of its records.
struct Urls<'u> {
    pictures: &'u HashMap<Digest, String>,
    names: &'u Names,
}

impl Links for Urls<'_> {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        let Some(url) = self.pictures.get(&picture.blob.digest) else { return Ok(()) };
        // In `srcset` a comma at either end of a URL is none of it.
        match url.strip_suffix(',') {
            Some(url) => escaped(&format!("{url}%2C"), out),
            None => escaped(url, out),
        }
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        self.names.linked(path).map(|name| page_url(&name))
    }
}

/// The URL of the page of a document with this name. Names that differ differ in more than capitals, so they have keys that
/// differ; but where a name looks percent-encoded, keys and servers of archives take that off it.
fn page_url(name: &str) -> String {
    if name.contains('%') {
        let plain = names::url(&name.replace('%', "_"));
        return format!("{HOST}{plain}?{}", Digest::of(name.as_bytes()).short());
    }
    format!("{HOST}{}", names::url(name))
}

/// The URL of a picture that no server gave.
fn own_url(picture: &Picture) -> String {
    format!("{HOST}assets/{}", picture.blob.name())
}

fn key(url: &str) -> String {
    url.parse::<Url>().map_or_else(|_| url.to_owned(), |url| surt::key(&url))
}
