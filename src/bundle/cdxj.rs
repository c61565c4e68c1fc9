//! The index of a web archive: lines of a key, a date and what is there as JSON (CDXJ 1.0), sorted, in gzip members of
//! many lines each, with an index of their own ("ZipNum": `index.cdx.gz` and `index.idx`).
//!
//! Lines are sorted by the database, on disk.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde_json::json;

use crate::mirror::digest::Digest;

/// What the index needs of a database.
pub const LAYOUT: &str = "CREATE TABLE line (key TEXT NOT NULL, date TEXT NOT NULL, json TEXT NOT NULL) STRICT;";

/// Lines in one gzip member.
const LINES: usize = 1024;

/// A record as the index has it.
#[derive(Debug)]
pub struct Line<'l> {
    pub url: &'l str,
    pub date: Timestamp,
    pub mime: &'l str,
    /// Of what has no HTTP response there is none.
    pub status: Option<u16>,
    /// Of the payload.
    pub digest: Digest,
    pub offset: u64,
    pub length: u64,
}

/// Adds a line under `key`.
pub fn add(scratch: &Connection, key: &str, file: &str, line: &Line<'_>) -> rusqlite::Result<()> {
    let status = line.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let json = json!({
        "url": line.url,
        "mime": line.mime,
        "status": status,
        "digest": format!("sha256:{}", line.digest),
        "length": line.length.to_string(),
        "offset": line.offset.to_string(),
        "filename": file,
    });
    let date = line.date.strftime("%Y%m%d%H%M%S").to_string();
    scratch.prepare_cached("INSERT INTO line (key, date, json) VALUES (?1, ?2, ?3)")?.execute(params![
        key,
        date,
        json.to_string()
    ])?;
    Ok(())
}

/// Writes all lines to `out`, in order, and returns the index of them: `name` is the file that `out` will be.
pub fn write(scratch: &Connection, name: &str, out: &mut dyn Write) -> anyhow::Result<String> {
    let mut index = format!("!meta 0 {}\n", json!({ "format": "cdxj-gzip-1.0", "filename": name }));
    let (mut offset, mut block, mut lines, mut first) = (0, Vec::new(), 0, String::new());
    let mut flush = |block: &mut Vec<u8>, first: &str| -> io::Result<()> {
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        member.write_all(block)?;
        let member = member.finish()?;
        let digest = format!("sha256:{}", Digest::of(&member));
        let entry = json!({ "offset": offset, "length": member.len(), "digest": digest });
        index.push_str(&format!("{first} {entry}\n"));
        offset += member.len();
        block.clear();
        out.write_all(&member)
    };
    let mut statement = scratch.prepare("SELECT key, date, json FROM line ORDER BY key, date, json")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (key, date, json): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if lines == 0 {
            first = format!("{key} {date}");
        }
        writeln!(block, "{key} {date} {json}")?;
        lines += 1;
        if lines == LINES {
            flush(&mut block, &first)?;
            lines = 0;
        }
    }
    if lines > 0 {
        flush(&mut block, &first)?;
    }
    Ok(index)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn lines_are_sorted_and_found_by_their_block() {
        let scratch = super::super::packing::scratch(LAYOUT).unwrap();
        for n in (0..2000).rev() {
            let url = format!("https://p.example/{n:04}");
            let date = Timestamp::UNIX_EPOCH;
            let (mime, status, digest) = ("image/png", Some(200), Digest::of(b""));
            let line = Line { url: &url, date, mime, status, digest, offset: n, length: 1 };
            add(&scratch, &format!("example,p)/{n:04}"), "data.warc.gz", &line).unwrap();
        }
        let mut out = Vec::new();
        let index = write(&scratch, "index.cdx.gz", &mut out).unwrap();
        let lines: Vec<&str> = index.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("!meta 0 {"));
        assert!(lines[2].starts_with("example,p)/1024 19700101000000 {"), "{}", lines[2]);
        let block: serde_json::Value = serde_json::from_str(lines[2].splitn(3, ' ').nth(2).unwrap()).unwrap();
        let start = usize::try_from(block["offset"].as_u64().unwrap()).unwrap();
        let mut text = String::new();
        GzDecoder::new(&out[start..]).read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 2000 - 1024);
        assert!(text.lines().is_sorted());
        let expected = "example,p)/1024 19700101000000 {\"digest\":\"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b\
                        934ca495991b7852b855\",\"filename\":\"data.warc.gz\",\"length\":\"1\",\"mime\":\"image/png\",\
                        \"offset\":\"1024\",\"status\":\"200\",\"url\":\"https://p.example/1024\"}";
        assert_eq!(text.lines().next().unwrap(), expected);
    }
}
