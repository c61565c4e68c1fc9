//! Reads a web archive: its package, its index, and every record (WACZ 1.1.1, WARC 1.1, CDXJ).
//!
//! What was captured is kept as it was, drawings too; a page shows it as an image, in which nothing can act. Pages are
//! read as all others, and what they show is in the index, which names records that are there.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, BufRead, BufReader, Read as _, SeekFrom};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::Read;
use super::address::Address;
use super::files::{Body, Files};
use super::finding::Kind;
use super::page::{Language, Page, Tell};
use super::picture::Picture;
use super::policy::Demand;
use crate::media_type;
use crate::mirror::digest::Digest;

/// What the package describes, and what describes it.
const PACKAGE: &str = "datapackage.json";
const DIGEST: &str = "datapackage-digest.json";
const INDEX: &str = "indexes/index.cdx.gz";

/// The largest index, unpacked, and the largest package; bytes.
const MAX_INDEX: u64 = 512 << 20;

/// The longest line of a record's header, and of the head of a response; bytes.
const MAX_LINE: u64 = 1 << 16;
const MAX_HEAD: u64 = 1 << 20;

/// The largest block of a record; bytes.
const MAX_BLOCK: u64 = 2 << 30;

/// Reads the archive, and counts what is in it.
pub fn read(files: &mut Files, read: &mut Read, tell: &mut Tell<'_>) -> anyhow::Result<()> {
    let mut names = Vec::new();
    files.names(tell, &mut |name| names.push(name))?;
    let described = described(files, tell)?;
    for name in &names {
        let own = matches!(name.as_str(), PACKAGE | DIGEST);
        if !own && !described.contains_key(name) {
            tell(Kind::FileUnlisted, name, "not in datapackage.json");
        }
    }
    let indexed = indexed(files, tell)?;
    let mut recorded = HashSet::new();
    files.each(tell, &mut |name, length, body, tell| {
        read.files += 1;
        if let Some(told) = described.get(name) {
            let (digest, bytes) = Digest::of_reader(&mut *body)?;
            body.seek(SeekFrom::Start(0))?;
            if format!("sha256:{digest}") != told.0 || bytes != told.1 {
                tell(Kind::DigestWrong, name, &format!("sha256:{digest}, {length} bytes"));
            }
        }
        if name.starts_with("archive/") {
            let mut records = Records { name, indexed: &indexed, recorded: &mut recorded, read, tell };
            if let Err(error) = records.all(body) {
                tell(Kind::RecordBroken, name, &error.to_string());
            }
        }
        Ok(())
    })?;
    for url in indexed.iter().filter(|url| !recorded.contains(*url)) {
        tell(Kind::RecordBroken, INDEX, &format!("no record of {url}"));
    }
    Ok(())
}

/// The digest and the length of every file that the package describes.
fn described(files: &mut Files, tell: &mut Tell<'_>) -> anyhow::Result<BTreeMap<String, (String, u64)>> {
    let mut described = BTreeMap::new();
    let package = files.read(PACKAGE, MAX_INDEX)?.unwrap_or_default();
    let told = files.read(DIGEST, MAX_INDEX)?.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let digest = format!("sha256:{}", Digest::of(&package));
    if told.as_ref().and_then(|told| told["hash"].as_str()) != Some(&digest) {
        tell(Kind::DigestWrong, PACKAGE, &digest);
    }
    let Ok(package) = serde_json::from_slice::<Value>(&package) else {
        tell(Kind::RecordBroken, PACKAGE, "no JSON");
        return Ok(described);
    };
    for resource in package["resources"].as_array().into_iter().flatten() {
        let (path, hash) = (resource["path"].as_str(), resource["hash"].as_str());
        if let (Some(path), Some(hash), Some(bytes)) = (path, hash, resource["bytes"].as_u64()) {
            described.insert(path.to_owned(), (hash.to_owned(), bytes));
        } else {
            tell(Kind::RecordBroken, PACKAGE, &resource.to_string());
        }
    }
    Ok(described)
}

/// The URLs that the index holds.
fn indexed(files: &mut Files, tell: &mut Tell<'_>) -> anyhow::Result<HashSet<String>> {
    let mut urls = HashSet::new();
    let Some(packed) = files.read(INDEX, MAX_INDEX)? else {
        tell(Kind::FileMissing, INDEX, "the archive has no such file");
        return Ok(urls);
    };
    let mut index = BufReader::new(MultiGzDecoder::new(&packed[..]).take(MAX_INDEX));
    while let Some(line) = line(&mut index)? {
        let json = line.splitn(3, ' ').nth(2).and_then(|json| serde_json::from_str::<Value>(json).ok());
        match json.as_ref().and_then(|json| json["url"].as_str()) {
            Some(url) => drop(urls.insert(url.to_owned())),
            None => tell(Kind::RecordBroken, INDEX, &line),
        }
    }
    Ok(urls)
}

/// The next line without its end; `None` at the end.
fn line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.pop() != Some(b'\n') {
        return Err(broken("a line without an end"));
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).map(Some).map_err(|_| broken("a line that is no UTF-8"))
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The records of one file.
struct Records<'r, 't> {
    name: &'r str,
    indexed: &'r HashSet<String>,
    recorded: &'r mut HashSet<String>,
    read: &'r mut Read,
    tell: &'r mut Tell<'t>,
}

/// The header of a record.
struct Header {
    fields: BTreeMap<String, String>,
}

impl Header {
    fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Records<'_, '_> {
    fn all(&mut self, body: &mut dyn Body) -> io::Result<()> {
        let mut reader = BufReader::new(MultiGzDecoder::new(body));
        while let Some(version) = line(&mut reader)? {
            if version != "WARC/1.1" {
                return Err(broken("no record where one should begin"));
            }
            let header = header(&mut reader)?;
            let length: u64 = header.get("content-length").parse().map_err(|_| broken("a record without a length"))?;
            if length > MAX_BLOCK {
                return Err(broken("a record that is too large"));
            }
            let mut block = tempfile::spooled_tempfile(1 << 20);
            if io::copy(&mut reader.by_ref().take(length), &mut block)? != length {
                return Err(broken("a record that is cut off"));
            }
            self.record(&header, &mut block, length)?;
            if (line(&mut reader)?.as_deref(), line(&mut reader)?.as_deref()) != (Some(""), Some("")) {
                return Err(broken("a record that does not end where it says"));
            }
        }
        Ok(())
    }

    fn record(&mut self, header: &Header, block: &mut (impl io::Read + io::Seek), length: u64) -> io::Result<()> {
        let url = header.get("warc-target-uri").to_owned();
        let told = |kind: &str, digest: Digest| {
            let told = header.get(kind);
            !told.is_empty() && told != format!("sha256:{digest}")
        };
        block.seek(SeekFrom::Start(0))?;
        if told("warc-block-digest", Digest::of_reader(&mut *block)?.0) {
            (self.tell)(Kind::DigestWrong, self.name, &format!("the record of {url}"));
        }
        block.seek(SeekFrom::Start(0))?;
        let kind = header.get("warc-type");
        match kind {
            "warcinfo" | "metadata" => return Ok(()),
            "response" | "resource" | "revisit" => {}
            other => (self.tell)(Kind::RecordBroken, self.name, &format!("a record of type {other:?}")),
        }
        self.recorded.insert(url.clone());
        let start = match kind {
            "response" => head(block)?,
            _ => 0,
        };
        if kind == "revisit" {
            return Ok(());
        }
        let mut payload = Vec::new();
        block.seek(SeekFrom::Start(start))?;
        block.take(length).read_to_end(&mut payload)?;
        if told("warc-payload-digest", Digest::of(&payload)) {
            (self.tell)(Kind::DigestWrong, self.name, &format!("the payload of {url}"));
        }
        match (kind, header.get("content-type")) {
            ("resource", said) if said.starts_with("text/html") => self.page(&url, &payload),
            ("resource", said) => {
                self.read.pictures += 1;
                let picture = Picture { file: &url, said, depth: 0 };
                picture.read(&mut io::Cursor::new(&payload), payload.len() as u64, self.tell)?;
            }
            _ => {
                self.read.pictures += 1;
                let inspected = media_type::inspect(&mut io::Cursor::new(&payload), payload.len() as u64)?;
                if let Err(rejection) = inspected {
                    (self.tell)(Kind::WrongType, &url, &rejection.to_string());
                }
            }
        }
        Ok(())
    }

    fn page(&mut self, url: &str, text: &[u8]) {
        self.read.pages += 1;
        let holds = |address: &Address| match address {
            // At the end of a URL in `srcset` a comma is written so.
            Address::Absolute(scheme, url) if scheme == "http" || scheme == "https" => {
                let comma = url.strip_suffix("%2C").map(|url| format!("{url},"));
                self.indexed.contains(url) || comma.is_some_and(|url| self.indexed.contains(&url))
            }
            _ => false,
        };
        let language = Language::Html(Demand::Full);
        Page { file: url, language, depth: 0, holds: &holds, leads: &|_| false }.read(text, self.tell);
    }
}

/// The fields of a header, with names in small letters.
fn header(reader: &mut impl BufRead) -> io::Result<Header> {
    let mut fields = BTreeMap::new();
    loop {
        let line = line(reader)?.ok_or_else(|| broken("a header that is cut off"))?;
        if line.is_empty() {
            return Ok(Header { fields });
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a line of a header without a colon"))?;
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// How long the head of a response is.
fn head(block: &mut impl io::Read) -> io::Result<u64> {
    let mut reader = BufReader::new(block.take(MAX_HEAD));
    let mut length = 0;
    loop {
        let mut bytes = Vec::new();
        match reader.read_until(b'\n', &mut bytes)? {
            0 => return Err(broken("a response without a head")),
            count => length += count as u64,
        }
        if bytes == b"\r\n" {
            return Ok(length);
        }
    }
}
