//! EPUB 3.3: one chapter per document.
//!
//! Pictures are packed when a page names them; chapters wait in a temporary file until it is known which documents are
//! in the book and which places they have, because a link that leads nowhere is an error in EPUB.

mod adapt;
mod links;
mod package;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::names::Names;
use super::packing::{Packing, scratch, spool};
use super::tree::copy;
use super::{Bundle, Facts};
use crate::mirror::digest::Digest;
use crate::page::shell::{STYLE, Shell, Style};
use crate::page::{Element, Links, Page, Picture, Value};
use adapt::{Inside, is_core};

/// What chapters allow a reading system to load for them. Scripts and styles are not spoken of: reading systems put
/// their own into chapters, and chapters have none that could ask for anything.
const POLICY: &str = "img-src 'self' data: blob: file:; media-src 'none'; object-src 'none'; frame-src 'none'; \
                      base-uri 'none'; form-action 'none'";

const SHELL: Shell<'_> = Shell { style: Style::Linked("style.css"), policy: Some(POLICY), index: None };

/// What is shown in the place of a picture that a reading system cannot show.
const UNSUPPORTED: &str = include_str!("epub/unsupported.svg");

const CONTAINER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
    <container version=\"1.0\" xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\">\n\
    <rootfiles><rootfile full-path=\"EPUB/package.opf\" media-type=\"application/oebps-package+xml\"/></rootfiles>\n\
    </container>\n";

const LAYOUT: &str = "
    CREATE TABLE chapter (
        id         INTEGER PRIMARY KEY,
        name       TEXT    NOT NULL UNIQUE,
        title      TEXT    NOT NULL,
        properties TEXT    NOT NULL,
        start      INTEGER NOT NULL,
        length     INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE place (chapter TEXT, id TEXT, PRIMARY KEY (chapter, id)) STRICT, WITHOUT ROWID;
    CREATE TABLE picture (
        id         INTEGER PRIMARY KEY,
        digest     BLOB    NOT NULL UNIQUE,
        name       TEXT    NOT NULL,
        media      TEXT    NOT NULL,
        core       INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE creator (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;";

/// A book that is being written.
pub struct Epub {
    packing: Packing,
    names: Names,
    scratch: Connection,
    /// The chapters, with links that are not settled yet.
    chapters: BufWriter<File>,
    written: u64,
    /// What the book's identifier is made from: the names and digests of what is in it.
    identity: Vec<u8>,
    title: String,
    date: jiff::Timestamp,
    language: Option<String>,
    cover: Option<Picture>,
}

impl Epub {
    /// Begins a book in the new file `path`. `names` are those of the documents that will be in it.
    ///
    /// # Errors
    /// The folder of `path` cannot be written to.
    pub fn create(path: &Path, facts: &Facts, names: Names) -> anyhow::Result<Self> {
        let mut packing = Packing::create(path, facts.date)?;
        // The first, as it is, and without extra fields (EPUB 3.3, "OCF ZIP container").
        let mimetype = b"application/epub+zip";
        packing.stored("mimetype", Some(mimetype.len() as u64))?.write_all(mimetype)?;
        packing.deflated("META-INF/container.xml")?.write_all(CONTAINER.as_bytes())?;
        Ok(Epub {
            packing,
            names,
            scratch: scratch(LAYOUT)?,
            chapters: spool(path)?,
            written: 0,
            identity: facts.title.as_bytes().to_vec(),
            title: facts.title.clone(),
            date: facts.date,
            language: None,
            cover: None,
        })
    }

    /// Packs a picture, if it is not in the book yet.
    fn picture(&mut self, picture: &Picture) -> anyhow::Result<()> {
        let blob = picture.blob;
        let core = is_core(blob.media_type);
        let name = blob.name();
        let media = match blob.media_type {
            // EPUB knows no animated PNG by a name of its own.
            crate::media_type::MediaType::Apng => "image/png",
            other => other.essence(),
        };
        let added = self
            .scratch
            .prepare_cached("INSERT OR IGNORE INTO picture (digest, name, media, core) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![blob.digest.as_bytes(), name, media, core])?;
        if added == 0 {
            return Ok(());
        }
        self.note(blob.digest);
        let doing = self.packing.doing();
        let out = self.packing.stored(&format!("EPUB/{name}"), Some(picture.length))?;
        copy(picture, out).with_context(|| format!("{doing}: picture {name}"))?;
        Ok(())
    }

    /// Keeps a chapter until the end.
    fn keep(&mut self, page: &Page, inside: &Inside) -> anyhow::Result<()> {
        let name = chapter_name(&self.names.give(&page.path));
        let mut text = Vec::new();
        SHELL.page(page, &mut Chapters(&self.names), &mut text)?;
        self.note(Digest::of(name.as_bytes()));
        self.note(Digest::of(&text));
        self.chapters.write_all(&text).with_context(|| self.packing.doing())?;
        let length = text.len() as u64;
        self.scratch
            .prepare_cached("INSERT INTO chapter (name, title, properties, start, length) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![name, page.title, inside.properties.join(" "), self.written, length])?;
        self.written += length;
        let mut place = self.scratch.prepare_cached("INSERT OR IGNORE INTO place (chapter, id) VALUES (?1, ?2)")?;
        for id in &inside.ids {
            place.execute(params![name, id])?;
        }
        Ok(())
    }

    fn note(&mut self, digest: Digest) {
        self.identity.extend_from_slice(digest.as_bytes());
        self.identity = Digest::of(&self.identity).as_bytes().to_vec();
    }

    /// Packs the chapters, with the links among them as they can be.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.chapters.flush()?;
        let mut kept = self.chapters.get_ref().try_clone()?;
        kept.seek(SeekFrom::Start(0))?;
        let mut statement = self.scratch.prepare("SELECT name, length FROM chapter ORDER BY id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (name, length): (String, u64) = (row.get(0)?, row.get(1)?);
            let mut text = Vec::new();
            (&mut kept).take(length).read_to_end(&mut text)?;
            let out = self.packing.deflated(&format!("EPUB/{name}.xhtml"))?;
            links::settle(&text, &mut |link| leads(&self.scratch, link), out)?;
        }
        Ok(())
    }

    fn cover_page(&mut self) -> anyhow::Result<()> {
        let Some(cover) = self.cover.clone() else { return Ok(()) };
        let img = Element::new("img").value("src", Value::Picture(cover, None)).with("alt", "Cover");
        let figure = Element::new("figure").child(img);
        let out = self.packing.deflated("EPUB/cover.xhtml")?;
        SHELL.plain(&self.title, &[figure.into()], &mut Chapters(&self.names), out)?;
        Ok(())
    }
}

impl Bundle for Epub {
    fn add(&mut self, page: &Page) -> anyhow::Result<()> {
        let (chapter, inside) = adapt::chapter(page);
        if self.cover.is_none()
            && let Some(cover) = page.cover.as_ref().filter(|cover| is_core(cover.blob.media_type))
        {
            self.picture(cover)?;
            self.cover = Some(cover.clone());
        }
        let mut pictures = Vec::new();
        chapter.pictures(&mut |picture| pictures.push(picture.clone()));
        for picture in &pictures {
            self.picture(picture)?;
        }
        if self.language.is_none() {
            self.language.clone_from(&chapter.language);
        }
        if let Some(author) = page.author.as_deref().map(str::trim).filter(|author| !author.is_empty()) {
            self.scratch.prepare_cached("INSERT OR IGNORE INTO creator (name) VALUES (?1)")?.execute([author])?;
        }
        self.keep(&chapter, &inside)
    }

    fn finish(mut self: Box<Self>) -> anyhow::Result<()> {
        self.settle()?;
        self.cover_page()?;
        self.packing.deflated("EPUB/style.css")?.write_all(STYLE.as_bytes())?;
        let fallback = self.scratch.prepare("SELECT 1 FROM picture WHERE NOT core")?.exists([])?;
        if fallback {
            self.packing.deflated("EPUB/unsupported.svg")?.write_all(UNSUPPORTED.as_bytes())?;
        }
        let facts = package::Book {
            scratch: &self.scratch,
            identifier: super::packing::uuid(Digest::of(&self.identity).as_bytes()),
            title: &self.title,
            language: self.language.as_deref().unwrap_or("und"),
            date: self.date,
            cover: self.cover.as_ref().map(|cover| cover.blob.digest),
        };
        facts.navigation(self.packing.deflated("EPUB/nav.xhtml")?)?;
        facts.package(self.packing.deflated("EPUB/package.opf")?)?;
        self.packing.finish()
    }
}

/// How a link to a chapter is written; `None` when the chapter is not in the book.
fn leads(scratch: &Connection, link: &links::Link<'_>) -> rusqlite::Result<Option<String>> {
    let mut chapter = scratch.prepare_cached("SELECT 1 FROM chapter WHERE name = ?1")?;
    if !chapter.exists([link.chapter])? {
        return Ok(None);
    }
    let mut place = scratch.prepare_cached("SELECT 1 FROM place WHERE chapter = ?1 AND id = ?2")?;
    let mut is_there = |id: &str| place.query_row([link.chapter, id], |_| Ok(())).optional();
    let Some(fragment) = link.fragment else { return Ok(Some(format!("{}.xhtml", link.chapter))) };
    let plain = htmlize::unescape(fragment);
    let decoded = percent_encoding::percent_decode_str(&plain).decode_utf8_lossy();
    let known = is_there(&plain)?.is_some() || is_there(&decoded)?.is_some();
    let fragment = if known { format!("#{fragment}") } else { String::new() };
    Ok(Some(format!("{}.xhtml{fragment}", link.chapter)))
}

/// The name of the chapter of a document with this name: of a length and of letters that every reading system takes.
fn chapter_name(name: &str) -> String {
    let digest = Digest::of(name.as_bytes()).to_string();
    digest[..16].to_owned()
}

/// Names what a chapter refers to.
struct Chapters<'n>(&'n Names);

impl Links for Chapters<'_> {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(picture.blob.name().as_bytes())
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        self.0.linked(path).map(|name| links::open(&chapter_name(&name)))
    }
}
