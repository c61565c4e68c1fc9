//! Proof of offline: a bundle read again, by parsers that had no part in writing it.
//!
//! Pages are written from html5ever's tree by a serialiser of our own. Here they are read by another tokenizer
//! (html5gum), styles by cssparser, pictures by their bytes. The reading knows nothing of how a page was made. Its lists
//! are closed: what is not known to ask for nothing is a finding.

mod address;
mod archive;
mod css;
mod elements;
mod files;
mod finding;
mod lines;
mod markup;
mod package;
mod page;
mod picture;
mod policy;
mod records;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::sanitize;
use address::Address;
use files::Files;
pub use finding::{Finding, Findings, Kind};
use page::{Language, Page};
use policy::Demand;
use tree::Shape;

/// Folders in folders deeper than this are not looked into for bundles.
const MAX_DEPTH: usize = 64;

/// What was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Read {
    pub bundles: u64,
    pub files: u64,
    pub pages: u64,
    pub pictures: u64,
}

/// What a proof came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub read: Read,
    pub findings: Findings,
}

impl Verdict {
    /// Whether nothing that a reader would ask for is outside of the bundle, and everything in it is what it says.
    pub fn is_proven(&self) -> bool {
        self.findings.total() == 0
    }
}

/// Pages up to this size are read where nothing else is asked for; bytes.
pub const MAX_PAGE: u64 = 64 << 20;

/// Reads the bundle at `path`, or the folder of bundles.
///
/// Pages with more than `max_page` bytes are told, and not read. Memory holds one page, and beside it what its longest
/// attribute says, three times over and decoded; a drawing counts as a page, of 64 MiB at most. Of every file its name
/// and 32 bytes are kept, of every record of a web archive 150 bytes, and the first findings. Pictures and records are
/// read in pieces, and what has to be unpacked to be read twice waits in a temporary file.
///
/// # Errors
/// It is no bundle, or it cannot be read.
pub fn verify(path: &Path, max_page: u64) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::default();
    let metadata = fs::metadata(path).with_context(|| format!("opening {}", sanitize::path(path)))?;
    if metadata.is_dir() {
        folder(path, "", 0, max_page, &mut verdict)?;
    } else if !file(path, Beside::Unknown, &own_name(path), max_page, &mut verdict)? {
        bail!("{} is no bundle: it is neither HTML nor a ZIP archive of a known kind", sanitize::path(path));
    }
    if verdict.read.bundles == 0 {
        bail!("{} is no bundle, and there is none in it", sanitize::path(path));
    }
    Ok(verdict)
}

/// Reads a folder: a bundle where it has digests or an index, else a folder of bundles.
fn folder(root: &Path, below: &str, depth: usize, max_page: u64, verdict: &mut Verdict) -> anyhow::Result<()> {
    let path = root.join(below);
    let named = || format!("reading {}", sanitize::path(&path));
    if path.join(tree::SUMS).exists() || path.join("index.html").exists() && path.join("pages").is_dir() {
        return bundle(&mut Files::Folder(path), Shape::Pages, below, max_page, verdict);
    }
    if depth > MAX_DEPTH {
        bail!("{}: folders are nested too deep", sanitize::path(&path));
    }
    let mut entries = fs::read_dir(&path).with_context(named)?.collect::<Result<Vec<_>, _>>().with_context(named)?;
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if below.is_empty() { name } else { format!("{below}/{name}") };
        let kind = entry.file_type().with_context(named)?;
        let read = match kind {
            kind if kind.is_dir() => folder(root, &name, depth + 1, max_page, verdict).map(|()| true)?,
            kind if kind.is_file() => file(&entry.path(), Beside::Folder(root), &name, max_page, verdict)?,
            _ => false,
        };
        if !read {
            verdict.findings.add(Kind::FileUnknown, &name, "no bundle");
        }
    }
    Ok(())
}

/// What lies beside a page that has everything in it.
#[derive(Debug, Clone, Copy)]
pub enum Beside<'b> {
    /// Nobody knows: links to pages beside it are for a person to try.
    Unknown,
    /// The files of this folder.
    Folder(&'b Path),
}

/// Reads a file, if it is a bundle.
fn file(path: &Path, beside: Beside<'_>, name: &str, max_page: u64, verdict: &mut Verdict) -> anyhow::Result<bool> {
    let mut head = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head));
    opened.with_context(|| format!("reading {}", sanitize::path(path)))?;
    if !head.starts_with(b"PK") {
        if path.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("html")) {
            return Ok(false);
        }
        one_page(path, beside, name, max_page, verdict)?;
        return Ok(true);
    }
    let mut files = Files::archive(path)?;
    let mut names = HashSet::new();
    files.names(&mut |_, _, _| {}, &mut |name| {
        if matches!(name.as_str(), "mimetype" | "datapackage.json") {
            names.insert(name);
        }
    })?;
    let shape = match (names.contains("mimetype"), names.contains("datapackage.json")) {
        (true, _) => Shape::Book,
        (_, true) => Shape::Archive,
        _ => Shape::Pages,
    };
    bundle(&mut files, shape, name, max_page, verdict)?;
    Ok(true)
}

fn bundle(files: &mut Files, shape: Shape, below: &str, max_page: u64, verdict: &mut Verdict) -> anyhow::Result<()> {
    let Verdict { read, findings } = verdict;
    read.bundles += 1;
    let mut tell = |kind: Kind, file: &str, what: &str| match (below, file) {
        ("", file) => findings.add(kind, file, what),
        (below, "") => findings.add(kind, below, what),
        (below, file) => findings.add(kind, &format!("{below}/{file}"), what),
    };
    match shape {
        Shape::Archive => archive::read(files, max_page, read, &mut tell),
        Shape::Pages | Shape::Book => tree::read(files, shape, max_page, read, &mut tell),
    }
}

/// Reads a page that has everything in it.
fn one_page(path: &Path, beside: Beside<'_>, name: &str, max_page: u64, verdict: &mut Verdict) -> anyhow::Result<()> {
    let Verdict { read, findings } = verdict;
    read.bundles += 1;
    read.files += 1;
    read.pages += 1;
    let mut text = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(max_page.saturating_add(1)).read_to_end(&mut text));
    opened.with_context(|| format!("reading {}", sanitize::path(path)))?;
    if text.len() as u64 > max_page {
        findings.add(Kind::TooLarge, name, &format!("more than {max_page} bytes"));
        return Ok(());
    }
    read_page(&text, beside, name, findings);
    Ok(())
}

/// Reads the text of a page that has everything in it. `name` is its path in the folder beside it.
pub fn read_page(text: &[u8], beside: Beside<'_>, name: &str, findings: &mut Findings) {
    let leads = |address: &Address| match (beside, address) {
        (Beside::Unknown, Address::Inside(_) | Address::Above) => true,
        (Beside::Folder(root), Address::Inside(path)) => root.join(path).is_file(),
        _ => false,
    };
    let page = Page { file: name, language: Language::Html(Demand::Full), depth: 0, holds: &|_| false, leads: &leads };
    page.read(text, &mut |kind, file, what| findings.add(kind, file, what));
}

fn own_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
