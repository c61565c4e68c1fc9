//! Books and web archives that were changed in one way each, with all digests put right where that can be done: the
//! proof names what is wrong.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::verify::mirror;
use super::{Files, unzipped};
use crate::support::{Case, pictures};

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn zipped(path: &Path, files: &Files) {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in files {
        zip.start_file(name.as_str(), stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// The proof of these files finds this kind, in a file of which the name ends so.
#[track_caller]
fn assert_found(case: &Case, files: &Files, what: &str, kind: &str, file: &str) {
    zipped(&case.at("changed"), files);
    let proof = case.run(5, &["bundle", "--verify", "changed", "--json"]).json();
    let is_it =
        |finding: &&Value| finding["kind"] == kind && finding["file"].as_str().is_some_and(|name| name.ends_with(file));
    let findings = proof["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| is_it(&finding)), "{what}: no {kind} in {file}: {proof:#}");
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.contains(from), "{from} in {text}");
    text.replacen(from, to, 1).into_bytes()
}

/// The name of the one file that has this in it, or in its name.
fn named(files: &Files, extension: &str, inside: &str) -> String {
    let has = |name: &str, bytes: &[u8]| name.contains(inside) || String::from_utf8_lossy(bytes).contains(inside);
    let found = files.iter().find(|(name, bytes)| name.ends_with(extension) && has(name, bytes));
    found.unwrap_or_else(|| panic!("no {extension} with {inside}")).0.clone()
}

fn edit(files: &mut Files, name: &str, from: &str, to: &str) {
    let bytes = replaced(&files[name], from, to);
    files.insert(name.to_owned(), bytes);
}

/// A change of a book: what is wrong with it, the finding, the end of the file's name, and how it is made. The name of a
/// chapter, of a drawing and of a picture are at hand.
type OfBook = (&'static str, &'static str, &'static str, fn(&mut Files, &[String; 3]));

const OF_BOOKS: &[OfBook] = &[
    ("a remote picture", "remote", ".xhtml", |files, [chapter, ..]| {
        edit(files, chapter, "</body>", "<img alt=\"\" src=\"http://out.example/\"/></body>");
    }),
    ("a script", "script", ".xhtml", |files, [chapter, ..]| {
        edit(files, chapter, "</body>", "<script>a()</script></body>");
    }),
    ("a policy that lets out", "policy", ".xhtml", |files, [chapter, ..]| {
        edit(files, chapter, "img-src 'self'", "img-src https: 'self'");
    }),
    ("an entity", "markup", ".xhtml", |files, [chapter, ..]| {
        edit(files, chapter, "<!DOCTYPE html>", "<!DOCTYPE html [<!ENTITY e SYSTEM \"http://out.example/\">]>");
    }),
    ("a link to nowhere", "link-dangling", ".xhtml", |files, [chapter, ..]| {
        edit(files, chapter, "</body>", "<a href=\"none.xhtml\">x</a></body>");
    }),
    ("a lost chapter", "file-missing", ".xhtml", |files, [chapter, ..]| drop(files.remove(chapter))),
    ("a lost picture", "file-missing", ".png", |files, [_, _, picture]| drop(files.remove(picture))),
    ("a lost package", "file-missing", "EPUB/package.opf", |files, _| drop(files.remove("EPUB/package.opf"))),
    ("another picture", "digest-wrong", ".png", |files, [_, _, picture]| {
        files.insert(picture.clone(), pictures::png("another"));
    }),
    ("a page for a picture", "wrong-type", ".png", |files, [_, _, picture]| {
        files.insert(picture.clone(), b"<!DOCTYPE html><p>x".to_vec());
    }),
    ("a drawing that acts", "script", ".svg", |files, [_, drawing, _]| {
        edit(files, drawing, "</svg>", "<script>a()</script></svg>");
    }),
    ("a style that asks", "style", "EPUB/style.css", |files, _| {
        files.get_mut("EPUB/style.css").unwrap().extend(b"p { background: url(//out.example/) }");
    }),
    ("an extra chapter", "file-unlisted", "EPUB/extra.xhtml", |files, [chapter, ..]| {
        files.insert("EPUB/extra.xhtml".to_owned(), files[chapter].clone());
    }),
    ("an extra program", "file-unknown", "META-INF/a.exe", |files, _| {
        files.insert("META-INF/a.exe".to_owned(), b"MZ".to_vec());
    }),
    ("a remote resource", "remote", "EPUB/package.opf", |files, _| {
        let item = "<item id=\"x\" href=\"http://out.example/\" media-type=\"image/png\"/></manifest>";
        edit(files, "EPUB/package.opf", "</manifest>", item);
    }),
    ("a container that leads nowhere", "file-missing", "EPUB/other.opf", |files, _| {
        edit(files, "META-INF/container.xml", "EPUB/package.opf", "EPUB/other.opf");
    }),
    ("another type", "wrong-type", "mimetype", |files, _| {
        files.insert("mimetype".to_owned(), b"application/zip".to_vec());
    }),
    ("a path out of the book", "entry-name", "../a.xhtml", |files, _| {
        files.insert("EPUB/../../a.xhtml".to_owned(), b"x".to_vec());
    }),
];

#[test]
fn whatever_is_changed_in_a_book_is_found() {
    let (case, _origin) = mirror();
    case.run(0, &["bundle", "--quiet", "--format=epub", "--to=whole.epub"]);
    let whole = unzipped(&case.at("whole.epub"));
    zipped(&case.at("changed"), &whole);
    case.run(0, &["bundle", "--verify", "changed", "--quiet"]).is_silent();
    let names = [named(&whole, ".xhtml", "text <a"), named(&whole, ".svg", "circle"), named(&whole, ".png", ".png")];
    for (what, kind, file, change) in OF_BOOKS {
        let mut files = whole.clone();
        change(&mut files, &names);
        assert_found(&case, &files, what, kind, file);
    }
    // A bit of a picture, and nothing of the directory.
    zipped(&case.at("changed"), &whole);
    let mut bytes = case.read("changed");
    let at = bytes.windows(8).position(|window| window == b"\x89PNG\r\n\x1a\n").unwrap();
    bytes[at + 40] ^= 1;
    case.write("changed", bytes);
    let proof = case.run(5, &["bundle", "--verify", "changed", "--json"]).json();
    assert_eq!(proof["counts"], json!({"archive-broken": 1}), "{proof:#}");
}

/// A record, unpacked.
#[derive(Clone)]
struct Record {
    fields: Vec<(String, String)>,
    block: Vec<u8>,
    /// The digests stay what they were.
    stale: bool,
    /// Where it was when it was read; lines of the index find it by that.
    offset: u64,
}

impl Record {
    fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    fn set(&mut self, name: &str, value: String) {
        let stale = self.stale && name != "Content-Length";
        if let Some(field) = self.fields.iter_mut().find(|(known, _)| known == name && !stale) {
            field.1 = value;
        }
    }

    /// Where the payload begins.
    fn start(&self) -> usize {
        let is_response = self.get("WARC-Type") == "response";
        let head = self.block.windows(4).position(|window| window == b"\r\n\r\n" && is_response);
        head.map_or(0, |at| at + 4)
    }

    fn digest(&self) -> String {
        format!("sha256:{}", sha256(&self.block[self.start()..]))
    }
}

/// A web archive, taken apart.
#[derive(Clone)]
struct Parts {
    records: Vec<Record>,
    lines: Vec<(String, Value)>,
    files: Files,
}

const WARC: &str = "archive/data.warc.gz";
const INDEX: &str = "indexes/index.cdx.gz";

impl Parts {
    fn of(files: Files) -> Parts {
        let mut records = Vec::new();
        let mut left = &files[WARC][..];
        while !left.is_empty() {
            let offset = (files[WARC].len() - left.len()) as u64;
            let mut bytes = Vec::new();
            GzDecoder::new(&mut left).read_to_end(&mut bytes).unwrap();
            let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            let header = std::str::from_utf8(&bytes[..head]).unwrap();
            let fields = header.lines().skip(1).map(|line| line.split_once(": ").unwrap());
            let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            records.push(Record { fields, block: bytes[head + 4..bytes.len() - 4].to_vec(), stale: false, offset });
        }
        let mut text = String::new();
        flate2::bufread::MultiGzDecoder::new(&files[INDEX][..]).read_to_string(&mut text).unwrap();
        let lines = text.lines().map(|line| {
            let at = line.find('{').unwrap();
            (line[..at].to_owned(), serde_json::from_str(&line[at..]).unwrap())
        });
        Parts { records, lines: lines.collect(), files }
    }

    /// Puts it together, with all lengths, digests and places as they then are.
    fn whole(mut self) -> Files {
        let (mut warc, mut places) = (Vec::new(), BTreeMap::new());
        for record in &mut self.records {
            let (block, payload) = (format!("sha256:{}", sha256(&record.block)), record.digest());
            record.set("WARC-Block-Digest", block);
            if record.get("WARC-Type") != "revisit" {
                record.set("WARC-Payload-Digest", payload);
            }
            record.set("Content-Length", record.block.len().to_string());
            let mut member = GzEncoder::new(Vec::new(), Compression::fast());
            write!(member, "WARC/1.1\r\n").unwrap();
            for (name, value) in &record.fields {
                write!(member, "{name}: {value}\r\n").unwrap();
            }
            member.write_all(&[b"\r\n", &record.block[..], b"\r\n\r\n"].concat()).unwrap();
            let member = member.finish().unwrap();
            let digest = record.get("WARC-Payload-Digest").to_owned();
            places.insert(record.offset.to_string(), (warc.len(), member.len(), digest));
            warc.extend(member);
        }
        let mut index = GzEncoder::new(Vec::new(), Compression::fast());
        for (key, line) in &mut self.lines {
            if let Some((offset, length, digest)) = places.get(line["offset"].as_str().unwrap()) {
                line["offset"] = offset.to_string().into();
                line["length"] = length.to_string().into();
                line["digest"] = digest.as_str().into();
            }
            writeln!(index, "{key}{line}").unwrap();
        }
        self.files.insert(WARC.to_owned(), warc);
        self.files.insert(INDEX.to_owned(), index.finish().unwrap());
        described(&mut self.files);
        self.files
    }

    fn record(&mut self, kind: &str, inside: &str) -> &mut Record {
        let has = |record: &Record| {
            record.get("WARC-Target-URI").contains(inside) || String::from_utf8_lossy(&record.block).contains(inside)
        };
        let found = self.records.iter_mut().find(|record| record.get("WARC-Type") == kind && has(record));
        found.unwrap_or_else(|| panic!("no {kind} with {inside}"))
    }

    fn edit_page(&mut self, from: &str, to: &str) {
        let page = self.record("resource", "text <a");
        page.block = replaced(&page.block, from, to);
    }

    fn line(&mut self, inside: &str) -> usize {
        let found = self.lines.iter().position(|(_, line)| line["url"].as_str().unwrap().contains(inside));
        found.unwrap_or_else(|| panic!("no line with {inside}"))
    }
}

/// Writes down the digests of all files.
fn described(files: &mut Files) {
    let mut package: Value = serde_json::from_slice(&files["datapackage.json"]).unwrap();
    for resource in package["resources"].as_array_mut().unwrap() {
        if let Some(bytes) = files.get(resource["path"].as_str().unwrap()) {
            resource["hash"] = format!("sha256:{}", sha256(bytes)).into();
            resource["bytes"] = bytes.len().into();
        }
    }
    let package = package.to_string().into_bytes();
    let digest = json!({"path": "datapackage.json", "hash": format!("sha256:{}", sha256(&package))});
    files.insert("datapackage-digest.json".to_owned(), digest.to_string().into_bytes());
    files.insert("datapackage.json".to_owned(), package);
}

/// A change of a web archive before it is put together.
type OfParts = (&'static str, &'static str, &'static str, fn(&mut Parts));

const OF_PARTS: &[OfParts] = &[
    ("a picture that is not archived", "remote", "one.html", |parts| {
        parts.edit_page("</body>", "<img src=\"http://p.example/none.png\"></body>");
    }),
    ("a script", "script", "one.html", |parts| parts.edit_page("</body>", "<script>a()</script></body>")),
    ("no policy", "policy", "one.html", |parts| parts.edit_page("Content-Security-Policy", "x-policy")),
    ("another picture", "digest-wrong", "data.warc.gz", |parts| {
        let record = parts.record("response", "b.jpg");
        let last = record.block.len() - 3;
        (record.stale, record.block[last]) = (true, record.block[last] ^ 1);
    }),
    ("a page for a picture", "wrong-type", "b.jpg", |parts| {
        let record = parts.record("response", "b.jpg");
        record.block.truncate(record.start());
        record.block.extend(b"<!DOCTYPE html><p>x");
    }),
    ("a drawing that acts", "script", ".svg", |parts| {
        let record = parts.record("resource", "<circle");
        record.block = replaced(&record.block, "</svg>", "<script>a()</script></svg>");
    }),
    ("lines that lead to each other's records", "record-broken", "data.warc.gz", |parts| {
        let (a, b) = (parts.line("b.jpg"), parts.line("one.html"));
        let offset = parts.lines[a].1["offset"].clone();
        parts.lines[a].1["offset"] = std::mem::replace(&mut parts.lines[b].1["offset"], offset);
    }),
    ("a line with another URL", "record-broken", "data.warc.gz", |parts| {
        let at = parts.line("b.jpg");
        parts.lines[at].1["url"] = "http://p.example/c.jpg".into();
    }),
    ("a line that leads nowhere", "record-broken", "data.warc.gz", |parts| {
        let at = parts.line("b.jpg");
        parts.lines[at].1["offset"] = "1".into();
    }),
    ("two lines that lead to one record", "record-broken", "index.cdx.gz", |parts| {
        let at = parts.line("b.jpg");
        parts.lines.push(parts.lines[at].clone());
    }),
    ("a line of another file", "record-broken", "index.cdx.gz", |parts| {
        let at = parts.line("b.jpg");
        parts.lines[at].1["filename"] = "other.warc.gz".into();
    }),
    ("a picture without a line", "remote", "two.html", |parts| {
        let at = parts.line("b.jpg");
        parts.lines.remove(at);
    }),
    ("a page without a line", "record-broken", "pages.jsonl", |parts| {
        let at = parts.line("one.html");
        parts.lines.remove(at);
    }),
    ("a lost record", "record-broken", ".gz", |parts| {
        let offset = parts.record("response", "b.jpg").offset;
        parts.records.retain(|record| record.offset != offset);
    }),
    ("a revisit of what is not there", "record-broken", "data.warc.gz", |parts| {
        let record = parts.records.iter_mut().find(|record| record.get("WARC-Type") == "revisit").unwrap();
        record.set("WARC-Payload-Digest", format!("sha256:{}", sha256(b"none")));
    }),
    ("a record of an unknown type", "record-broken", "data.warc.gz", |parts| {
        parts.record("response", "b.jpg").set("WARC-Type", "request".to_owned());
    }),
];

/// A change of the files of a web archive.
type OfFiles = (&'static str, &'static str, &'static str, fn(&mut Files));

const OF_FILES: &[OfFiles] = &[
    ("a wrong digest", "digest-wrong", "indexes/index.idx", |files| {
        files.get_mut("indexes/index.idx").unwrap().push(b'\n');
    }),
    ("another package", "digest-wrong", "datapackage.json", |files| {
        files.get_mut("datapackage.json").unwrap().push(b'\n');
    }),
    ("an extra file", "file-unlisted", "pages/more.jsonl", |files| {
        files.insert("pages/more.jsonl".to_owned(), b"{}".to_vec());
    }),
    ("an unknown file", "file-unknown", "pages/a.html", |files| {
        edit(files, "datapackage.json", "\"resources\":[", "\"resources\":[{\"path\":\"pages/a.html\"},");
        files.insert("pages/a.html".to_owned(), b"<script>".to_vec());
        described(files);
    }),
    ("a path out of the archive", "entry-name", "../a.warc.gz", |files| {
        files.insert("archive/../../a.warc.gz".to_owned(), b"x".to_vec());
    }),
    ("no index", "file-missing", "index.cdx.gz", |files| drop(files.remove(INDEX))),
    ("records that are cut off", "record-broken", "data.warc.gz", |files| {
        let warc = files.get_mut(WARC).unwrap();
        warc.truncate(warc.len() - 9);
        described(files);
    }),
    ("an index that is not packed", "record-broken", "index.cdx.gz", |files| {
        files.insert(INDEX.to_owned(), b"com,example)/ 2024 {}\n".to_vec());
        described(files);
    }),
];

#[test]
fn whatever_is_changed_in_a_web_archive_is_found() {
    let (case, _origin) = mirror();
    case.run(0, &["bundle", "--quiet", "--format=wacz", "--to=whole.wacz"]);
    let parts = Parts::of(unzipped(&case.at("whole.wacz")));
    let whole = parts.clone().whole();
    zipped(&case.at("changed"), &whole);
    case.run(0, &["bundle", "--verify", "changed", "--quiet"]).is_silent();
    for (what, kind, file, change) in OF_PARTS {
        let mut parts = parts.clone();
        change(&mut parts);
        assert_found(&case, &parts.whole(), what, kind, file);
    }
    for (what, kind, file, change) in OF_FILES {
        let mut files = whole.clone();
        change(&mut files);
        assert_found(&case, &files, what, kind, file);
    }
}
