//! What stands around the records: index, list of pages, and the description of the package (WACZ 1.1.1).

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;

use crate::bundle::cdxj;
use crate::bundle::packing::Packing;
use crate::mirror::digest::{Digest, Hasher};

/// An entry of the package.
pub struct Packed {
    pub path: String,
    pub digest: Digest,
    pub bytes: u64,
}

/// What is said of the package as a whole.
pub struct Described<'d> {
    pub title: &'d str,
    pub date: Timestamp,
    /// The URL of the page that is shown first.
    pub main: Option<&'d str>,
}

/// Writes everything that comes behind the records.
pub fn finish(
    packing: &mut Packing,
    scratch: &Connection,
    pages: BufWriter<File>,
    archive: Packed,
    facts: &Described<'_>,
) -> anyhow::Result<()> {
    // Members of gzip are found by their place in the entry, so that it is stored as it is.
    let mut out = Hashed::new(packing.stored("indexes/index.cdx.gz", None)?);
    let idx = cdxj::write(scratch, "index.cdx.gz", &mut out)?;
    let index = out.packed("indexes/index.cdx.gz");
    let idx = text(packing, "indexes/index.idx", idx.as_bytes())?;
    let mut pages = pages.into_inner().map_err(io::IntoInnerError::into_error)?;
    pages.seek(SeekFrom::Start(0))?;
    let mut out = Hashed::new(packing.deflated("pages/pages.jsonl")?);
    io::copy(&mut pages, &mut out)?;
    let pages = out.packed("pages/pages.jsonl");
    let resources: Vec<_> = [archive, index, idx, pages]
        .iter()
        .map(|packed| {
            let name = packed.path.rsplit('/').next().unwrap_or_default();
            json!({
                "name": name,
                "path": packed.path,
                "hash": format!("sha256:{}", packed.digest),
                "bytes": packed.bytes,
            })
        })
        .collect();
    let date = facts.date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut package = json!({
        "profile": "data-package",
        "wacz_version": "1.1.1",
        "software": concat!("imgmirror ", env!("CARGO_PKG_VERSION")),
        "title": facts.title,
        "created": date,
        "resources": resources,
    });
    if let Some(main) = facts.main {
        package["mainPageUrl"] = main.into();
        package["mainPageDate"] = date.into();
    }
    let package = text(packing, "datapackage.json", format!("{package:#}\n").as_bytes())?;
    let digest = json!({ "path": "datapackage.json", "hash": format!("sha256:{}", package.digest) });
    text(packing, "datapackage-digest.json", format!("{digest:#}\n").as_bytes())?;
    Ok(())
}

fn text(packing: &mut Packing, path: &str, text: &[u8]) -> anyhow::Result<Packed> {
    let mut out = Hashed::new(packing.deflated(path)?);
    out.write_all(text)?;
    Ok(out.packed(path))
}

/// Hashes what is written.
struct Hashed<'o> {
    out: &'o mut dyn Write,
    hasher: Hasher,
    bytes: u64,
}

impl<'o> Hashed<'o> {
    fn new(out: &'o mut dyn Write) -> Self {
        Hashed { out, hasher: Hasher::default(), bytes: 0 }
    }

    fn packed(self, path: &str) -> Packed {
        let digest = self.hasher.digest();
        Packed { path: path.to_owned(), digest, bytes: self.bytes }
    }
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
