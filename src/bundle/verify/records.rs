//! Reads the records of a web archive, one gzip member each (WARC 1.1, "Compression
//! recommendations"). Each is read once, in pieces.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};

use flate2::bufread::GzDecoder;
use tempfile::SpooledTempFile;

use super::Read;
use super::address::Address;
use super::archive::{Index, Told, is_of_content};
use super::files::{Body, IN_MEMORY};
use super::finding::Kind;
use super::lines::{broken, line};
use super::page::{Language, Page, Tell};
use super::picture::Picture;
use super::policy::Demand;
use crate::media_type;
use crate::mirror::digest::{Digest, Hasher};

/// The longest header of a record, and the longest head of a response; bytes.
const MAX_HEAD: u64 = 1 << 20;

/// The records of one file.
pub struct Records<'r, 't> {
    pub name: &'r str,
    /// The largest page; bytes.
    pub max_page: u64,
    pub index: &'r Index,
    /// What the index says of the records of this file, by their offsets. Those that were read are taken out.
    pub told: HashMap<u64, Told>,
    /// The payloads that are there so far.
    pub payloads: &'r mut HashSet<Digest>,
    pub read: &'r mut Read,
    pub tell: &'r mut Tell<'t>,
}

/// The fields of a header, by their names in small letters.
struct Header(BTreeMap<String, String>);

impl Header {
    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    fn digest(&self, name: &str) -> Option<Digest> {
        self.get(name).strip_prefix("sha256:")?.parse().ok()
    }
}

/// The content of a record.
struct Content {
    /// What stands behind the head of a response; else everything.
    payload: SpooledTempFile,
    length: u64,
    block_digest: Digest,
    payload_digest: Digest,
}

/// Counts what is taken out of it.
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: BufRead> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.count += count as u64;
    }
}

impl Records<'_, '_> {
    /// Reads all of them.
    pub fn all(&mut self, body: &mut dyn Body) -> io::Result<()> {
        let mut packed = Counted { inner: BufReader::new(body), count: 0 };
        while !packed.fill_buf()?.is_empty() {
            let offset = packed.count;
            let mut member = BufReader::new(GzDecoder::new(&mut packed));
            let read = self.record(&mut member);
            let found = match read.and_then(|found| member.fill_buf().map(|rest| (found, rest.is_empty()))) {
                Ok((found, true)) => found,
                Ok((_, false)) => {
                    self.broken(offset, "it goes on behind its end");
                    return Ok(());
                }
                Err(error) if is_of_content(&error) => {
                    self.broken(offset, &error.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            drop(member);
            let told = self.told.remove(&offset);
            if told.is_some_and(|told| Some((told.url, told.payload)) != found || told.length != packed.count - offset)
            {
                self.broken(offset, "it is not the one that the index speaks of");
            }
        }
        for offset in std::mem::take(&mut self.told).into_keys() {
            self.broken(offset, "the index speaks of it, and there is none");
        }
        Ok(())
    }

    fn broken(&mut self, offset: u64, what: &str) {
        (self.tell)(Kind::RecordBroken, self.name, &format!("the record at {offset}: {what}"));
    }

    /// Reads a record; gives the digests of its URL and of its payload where it can be in an index.
    fn record(&mut self, member: &mut impl BufRead) -> io::Result<Option<(Digest, Digest)>> {
        let header = header(&mut member.by_ref().take(MAX_HEAD))?;
        let kind = header.get("warc-type");
        let length: u64 = header.get("content-length").parse().map_err(|_| broken("no length"))?;
        let mut content = content(&mut member.by_ref().take(length), kind)?;
        if (line(member)?.as_deref(), line(member)?.as_deref()) != (Some(""), Some("")) {
            return Err(broken("it does not end where it says"));
        }
        let url = header.get("warc-target-uri").to_owned();
        if header.digest("warc-block-digest") != Some(content.block_digest) {
            (self.tell)(Kind::DigestWrong, self.name, &format!("the record of {url}"));
        }
        let said = header.digest("warc-payload-digest");
        match kind {
            "warcinfo" | "metadata" => return Ok(None),
            "revisit" => {
                let payload = said.filter(|payload| self.payloads.contains(payload));
                let payload = payload.ok_or_else(|| broken("it revisits what is not in the archive"))?;
                return Ok(Some((Digest::of(url.as_bytes()), payload)));
            }
            "response" | "resource" => {}
            other => return Err(broken(&format!("its type is {other:?}"))),
        }
        if said != Some(content.payload_digest) {
            (self.tell)(Kind::DigestWrong, self.name, &format!("the payload of {url}"));
        }
        self.payloads.insert(content.payload_digest);
        content.payload.seek(SeekFrom::Start(0))?;
        match (kind, header.get("content-type")) {
            ("resource", said) if said.starts_with("text/html") => self.page(&url, &mut content)?,
            ("resource", said) => {
                self.read.pictures += 1;
                Picture { file: &url, said, depth: 0 }.read(&mut content.payload, content.length, self.tell)?;
            }
            _ => {
                self.read.pictures += 1;
                if let Err(rejection) = media_type::inspect(&mut content.payload, content.length)? {
                    (self.tell)(Kind::WrongType, &url, &rejection.to_string());
                }
            }
        }
        Ok(Some((Digest::of(url.as_bytes()), content.payload_digest)))
    }

    fn page(&mut self, url: &str, content: &mut Content) -> io::Result<()> {
        self.read.pages += 1;
        if content.length > self.max_page {
            (self.tell)(Kind::TooLarge, url, &format!("{} bytes", content.length));
            return Ok(());
        }
        let mut text = Vec::new();
        content.payload.read_to_end(&mut text)?;
        let holds = |address: &Address| match address {
            // At the end of a URL in `srcset` a comma is written so.
            Address::Absolute(scheme, url) if scheme == "http" || scheme == "https" => {
                let comma = url.strip_suffix("%2C").map(|url| format!("{url},"));
                self.index.has(url) || comma.is_some_and(|url| self.index.has(&url))
            }
            _ => false,
        };
        let language = Language::Html(Demand::Full);
        Page { file: url, language, depth: 0, holds: &holds, leads: &|_| false }.read(&text, self.tell);
        Ok(())
    }
}

/// Reads the version and the fields of a record.
fn header(reader: &mut impl BufRead) -> io::Result<Header> {
    if line(reader)?.as_deref() != Some("WARC/1.1") {
        return Err(broken("it does not begin as a record"));
    }
    let mut fields = BTreeMap::new();
    loop {
        let line = line(reader)?.ok_or_else(|| broken("its header is cut off"))?;
        if line.is_empty() {
            return Ok(Header(fields));
        }
        let (name, value) = line.split_once(':').ok_or_else(|| broken("a line of its header has no colon"))?;
        fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// Reads the content of a record to the end of `reader`.
fn content<R: BufRead>(reader: &mut io::Take<R>, kind: &str) -> io::Result<Content> {
    let (mut block, mut whole) = (Hasher::default(), Hasher::default());
    if kind == "response" {
        head(reader, &mut block)?;
    }
    let (mut payload, mut length) = (tempfile::spooled_tempfile(IN_MEMORY), 0);
    loop {
        let piece = reader.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        block.update(piece);
        whole.update(piece);
        payload.write_all(piece)?;
        let count = piece.len();
        reader.consume(count);
        length += count as u64;
    }
    if reader.limit() > 0 {
        return Err(broken("it is cut off"));
    }
    Ok(Content { payload, length, block_digest: block.digest(), payload_digest: whole.digest() })
}

/// Reads the head of a response.
fn head(reader: &mut impl BufRead, block: &mut Hasher) -> io::Result<()> {
    let mut reader = reader.by_ref().take(MAX_HEAD);
    loop {
        let mut bytes = Vec::new();
        if reader.read_until(b'\n', &mut bytes)? == 0 {
            return Err(broken("its response has no end of its head"));
        }
        block.update(&bytes);
        if bytes == b"\r\n" {
            return Ok(());
        }
    }
}
