//! Reads a web archive: its package, its index, and every record (WACZ 1.1.1, WARC 1.1, CDXJ).
//!
//! What was captured is kept as it was, drawings too; a page shows it as an image, in which nothing can act. Pages are
//! read as all others, and what they show is in the index, each line of which leads to the record that it speaks of.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, BufRead, BufReader, SeekFrom};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::Read;
use super::files::Files;
use super::finding::Kind;
use super::lines::line;
use super::page::Tell;
use super::records::Records;
use crate::mirror::digest::Digest;

/// What the package describes, and what describes it.
const PACKAGE: &str = "datapackage.json";
const DIGEST: &str = "datapackage-digest.json";
const INDEX: &str = "indexes/index.cdx.gz";
const PAGES: &str = "pages/pages.jsonl";

/// What is in an archive besides.
const OTHERS: [&str; 5] = [PACKAGE, DIGEST, INDEX, "indexes/index.idx", PAGES];

/// The folder of the files with records.
const RECORDS: &str = "archive/";

/// The largest package; bytes. Few files are in it, however much is in them.
const MAX_PACKAGE: u64 = 16 << 20;

/// What the index says.
#[derive(Default)]
pub struct Index {
    /// The digest of every URL.
    urls: HashSet<Digest>,
    /// By file, by offset: what the record there is to be.
    pub records: BTreeMap<String, HashMap<u64, Told>>,
}

/// What a line of the index says of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The digest of its URL.
    pub url: Digest,
    pub payload: Digest,
    /// Packed, in bytes.
    pub length: u64,
}

impl Index {
    /// Whether replay finds something under this URL.
    pub fn has(&self, url: &str) -> bool {
        self.urls.contains(&Digest::of(url.as_bytes()))
    }

    /// Notes a line. `None` where it says too little, or speaks of a record of which another does.
    fn add(&mut self, line: &str) -> Option<()> {
        let json: Value = serde_json::from_str(line.splitn(3, ' ').nth(2)?).ok()?;
        let number = |name: &str| json[name].as_str()?.parse().ok();
        let url = Digest::of(json["url"].as_str()?.as_bytes());
        let payload = json["digest"].as_str()?.strip_prefix("sha256:")?.parse().ok()?;
        let told = Told { url, payload, length: number("length")? };
        self.urls.insert(url);
        let file = format!("{RECORDS}{}", json["filename"].as_str()?);
        let twice = self.records.entry(file).or_default().insert(number("offset")?, told);
        twice.is_none().then_some(())
    }
}

/// Reads the archive, and counts what is in it. Pages have at most `max_page` bytes.
pub fn read(files: &mut Files, max_page: u64, read: &mut Read, tell: &mut Tell<'_>) -> anyhow::Result<()> {
    let described = described(files, tell)?;
    let mut missing: HashSet<&str> = described.keys().map(String::as_str).chain(OTHERS).collect();
    files.names(tell, &mut |name| {
        missing.remove(name.as_str());
    })?;
    for name in missing {
        tell(Kind::FileMissing, name, "the archive has no such file");
    }
    let mut index = indexed(files, tell)?;
    pages(files, &index, tell)?;
    let mut payloads = HashSet::new();
    files.each(tell, &mut |name, length, body, tell| {
        read.files += 1;
        match described.get(name) {
            Some(told) => {
                let (digest, bytes) = Digest::of_reader(&mut *body)?;
                body.seek(SeekFrom::Start(0))?;
                if format!("sha256:{digest}") != told.0 || bytes != told.1 {
                    tell(Kind::DigestWrong, name, &format!("sha256:{digest}, {length} bytes"));
                }
            }
            None if matches!(name, PACKAGE | DIGEST) => {}
            None => tell(Kind::FileUnlisted, name, "not in datapackage.json"),
        }
        if name.starts_with(RECORDS) {
            let told = index.records.remove(name).unwrap_or_default();
            let mut records = Records { name, max_page, index: &index, told, payloads: &mut payloads, read, tell };
            return records.all(body);
        }
        if !OTHERS.contains(&name) {
            tell(Kind::FileUnknown, name, "not part of a web archive");
        }
        Ok(())
    })?;
    for name in index.records.keys() {
        tell(Kind::RecordBroken, INDEX, &format!("it speaks of {name}, and there is no such file"));
    }
    Ok(())
}

/// The digest and the length of every file that the package describes.
fn described(files: &mut Files, tell: &mut Tell<'_>) -> anyhow::Result<BTreeMap<String, (String, u64)>> {
    let mut described = BTreeMap::new();
    let package = files.read(PACKAGE, MAX_PACKAGE, tell)?.unwrap_or_default();
    let told = files.read(DIGEST, MAX_PACKAGE, tell)?.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
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

/// Calls `each` for every line of a file. What is no text, or is not packed as it should be, is told.
fn lines(
    reader: &mut dyn BufRead,
    name: &str,
    tell: &mut Tell<'_>,
    each: &mut dyn FnMut(&str, &mut Tell<'_>),
) -> io::Result<()> {
    let mut reader = reader;
    loop {
        match line(&mut reader) {
            Ok(Some(line)) => each(&line, tell),
            Ok(None) => return Ok(()),
            Err(error) if is_of_content(&error) => {
                tell(Kind::RecordBroken, name, &error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether an error speaks of what was read, not of reading.
pub fn is_of_content(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof)
}

/// What the index says.
fn indexed(files: &mut Files, tell: &mut Tell<'_>) -> anyhow::Result<Index> {
    let mut index = Index::default();
    files.one(INDEX, tell, &mut |name, _, body, tell| {
        lines(&mut BufReader::new(MultiGzDecoder::new(body)), name, tell, &mut |line, tell| {
            if index.add(line).is_none() {
                tell(Kind::RecordBroken, INDEX, &format!("a line that leads nowhere of its own: {line}"));
            }
        })
    })?;
    Ok(index)
}

/// Looks for the pages that a person can choose among.
fn pages(files: &mut Files, index: &Index, tell: &mut Tell<'_>) -> anyhow::Result<()> {
    let mut first = true;
    files.one(PAGES, tell, &mut |name, _, body, tell| {
        lines(&mut BufReader::new(body), name, tell, &mut |line, tell| {
            let json = serde_json::from_str::<Value>(line).ok();
            let url = json.as_ref().and_then(|json| json["url"].as_str());
            // The first line says what the file is.
            if !std::mem::take(&mut first) && !url.is_some_and(|url| index.has(url)) {
                tell(Kind::RecordBroken, PAGES, &format!("a page that is not in the index: {line}"));
            }
        })
    })?;
    Ok(())
}
