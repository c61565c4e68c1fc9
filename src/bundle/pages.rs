//! The folder format: pages, pictures, a stylesheet, an index, and the digests of all of them.
//!
//! ```text
//! index.html, index-2.html …   the documents by name
//! pages/<name>.html            a document
//! assets/ab/<digest>.<ext>     its pictures, each once
//! style.css
//! SHA256SUMS
//! ```
//!
//! All links are relative, so it can be read from a disk and served from anywhere.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

use super::index::{self, Index, Line};
use super::names::{Names, upwards, url};
use super::tree::{Fill, Tree};
use super::{Bundle, Facts};
use crate::mirror::digest::Digest;
use crate::mirror::store::Blob;
use crate::page::shell::{POLICY, STYLE, Shell, Style, byline};
use crate::page::{Links, Page, Picture};

/// Where the digests of a bundle stand, in the form of coreutils.
pub const SUMS: &str = "SHA256SUMS";

/// The folder format, being written. It keeps 40 bytes of every picture, and the name and the digest of every page.
pub struct Pages {
    tree: Box<dyn Tree>,
    facts: Facts,
    names: Names,
    index: Index,
    assets: HashSet<Blob>,
    sums: BTreeMap<String, Digest>,
}

impl Pages {
    /// `names` knows every document that will be added.
    pub fn new(tree: Box<dyn Tree>, facts: &Facts, names: Names) -> Self {
        let index = Index::new(names.documents());
        Pages { tree, facts: facts.clone(), names, index, assets: HashSet::new(), sums: BTreeMap::new() }
    }

    fn file(&mut self, path: &str, write: Fill<'_>) -> anyhow::Result<()> {
        let digest = self.tree.text(path, write)?;
        self.sums.insert(path.to_owned(), digest);
        Ok(())
    }

    /// Writes a page of the index.
    fn list(&mut self, page: &index::Page) -> anyhow::Result<()> {
        let shell = shell("style.css", None);
        let (title, body) = (self.facts.title.clone(), page.body(&self.facts.title));
        // The index leads nowhere but to pages, by their URL.
        let mut links = Relative { up: "", names: &Names::new(".html") };
        self.file(&page.path(), &mut |out| shell.plain(&title, &body, &mut links, out))
    }
}

impl Bundle for Pages {
    fn add(&mut self, page: &Page) -> anyhow::Result<()> {
        let mut new = Vec::new();
        page.pictures(&mut |picture| {
            if self.assets.insert(picture.blob) {
                new.push(picture.clone());
            }
        });
        new.iter().try_for_each(|picture| self.tree.picture(&asset(picture.blob), picture))?;
        let path = format!("pages/{}", self.names.give(&page.path));
        let up = upwards(&path);
        let (style, back) = (format!("{up}style.css"), format!("{up}{}", self.index.next_path()));
        let mut links = Relative { up: &up, names: &self.names };
        let mut write = |out: &mut dyn Write| shell(&style, Some(&back)).page(page, &mut links, out);
        let digest = self.tree.text(&path, &mut write)?;
        let line = Line { url: url(&path), title: page.title.clone(), byline: byline(page), cover: page.cover.clone() };
        self.sums.insert(path, digest);
        match self.index.add(line) {
            Some(full) => self.list(&full),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        if let Some(last) = self.index.rest() {
            self.list(&last)?;
        }
        self.file("style.css", &mut |out| out.write_all(STYLE.as_bytes()))?;
        let mut blobs: Vec<Blob> = self.assets.drain().collect();
        blobs.sort_unstable_by_key(|blob| (blob.digest, blob.media_type.extension()));
        let sums = std::mem::take(&mut self.sums);
        // `assets/` stands before all other names.
        self.tree.text(SUMS, &mut |out| {
            for blob in &blobs {
                writeln!(out, "{}  {}", blob.digest, asset(*blob))?;
            }
            sums.iter().try_for_each(|(path, digest)| writeln!(out, "{digest}  {path}"))
        })?;
        self.tree.finish()
    }
}

fn shell<'a>(style: &'a str, index: Option<&'a str>) -> Shell<'a> {
    Shell { style: Style::Linked(style), policy: Some(POLICY), index }
}

fn asset(blob: Blob) -> String {
    format!("assets/{}", blob.name())
}

/// Links from a page that lies this far below the root.
struct Relative<'a> {
    up: &'a str,
    names: &'a Names,
}

impl Links for Relative<'_> {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "{}{}", self.up, asset(picture.blob))
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        Some(format!("{}{}", self.up, url(&format!("pages/{}", self.names.linked(path)?))))
    }
}
