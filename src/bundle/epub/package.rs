//! The package document and the navigation document of EPUB 3.3.

use std::io::{self, Write};

use jiff::Timestamp;
use rusqlite::Connection;

use crate::mirror::digest::Digest;
use crate::page::node::escaped;

/// What both documents are written from.
pub struct Book<'b> {
    pub scratch: &'b Connection,
    pub identifier: String,
    pub title: &'b str,
    pub language: &'b str,
    pub date: Timestamp,
    pub cover: Option<Digest>,
}

/// Writes what is to be written for a row of two columns.
type Each<'e> = &'e mut dyn FnMut([&str; 2], &mut dyn Write) -> io::Result<()>;

/// Writes an error of the database as one of writing.
fn told(error: rusqlite::Error) -> io::Error {
    io::Error::other(error)
}

impl Book<'_> {
    /// Writes the navigation document: a list of the chapters.
    pub fn navigation(&self, out: &mut dyn Write) -> io::Result<()> {
        let language = self.language;
        write!(
            out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
             <html xmlns=\"http://www.w3.org/1999/xhtml\" xmlns:epub=\"http://www.idpf.org/2007/ops\" \
             lang=\"{language}\" xml:lang=\"{language}\">\n<head>\n<title>"
        )?;
        escaped(self.title, out)?;
        out.write_all(
            b"</title>\n<link rel=\"stylesheet\" href=\"style.css\"/>\n</head>\n<body>\n<nav epub:type=\"toc\">\n<h1>",
        )?;
        escaped(self.title, out)?;
        out.write_all(b"</h1>\n<ol>\n")?;
        self.each("SELECT name, title FROM chapter ORDER BY id", out, &mut |[name, title], out| {
            write!(out, "<li><a href=\"{name}.xhtml\">")?;
            escaped(title, out)?;
            out.write_all(b"</a></li>\n")
        })?;
        out.write_all(b"</ol>\n</nav>\n</body>\n</html>\n")
    }

    /// Writes the package document.
    pub fn package(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(
            b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<package xmlns=\"http://www.idpf.org/2007/opf\" \
              version=\"3.0\" unique-identifier=\"id\">\n",
        )?;
        self.metadata(out)?;
        self.manifest(out)?;
        out.write_all(b"<spine>\n")?;
        if self.cover.is_some() {
            out.write_all(b"<itemref idref=\"cover\"/>\n")?;
        }
        self.each("SELECT name, '' FROM chapter ORDER BY id", out, &mut |[name, _], out| {
            writeln!(out, "<itemref idref=\"c-{name}\"/>")
        })?;
        out.write_all(b"</spine>\n</package>\n")
    }

    fn metadata(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n")?;
        writeln!(out, "<dc:identifier id=\"id\">{}</dc:identifier>", self.identifier)?;
        out.write_all(b"<dc:title>")?;
        escaped(self.title.trim(), out)?;
        writeln!(out, "</dc:title>\n<dc:language>{}</dc:language>", self.language)?;
        self.each("SELECT name, '' FROM creator ORDER BY id", out, &mut |[name, _], out| {
            out.write_all(b"<dc:creator>")?;
            escaped(name, out)?;
            out.write_all(b"</dc:creator>\n")
        })?;
        // Whole seconds, in UTC ("Last modified date").
        let modified = self.date.strftime("%Y-%m-%dT%H:%M:%SZ");
        writeln!(out, "<meta property=\"dcterms:modified\">{modified}</meta>\n</metadata>")
    }

    fn manifest(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(
            b"<manifest>\n\
              <item id=\"nav\" href=\"nav.xhtml\" media-type=\"application/xhtml+xml\" properties=\"nav\"/>\n\
              <item id=\"style\" href=\"style.css\" media-type=\"text/css\"/>\n",
        )?;
        if self.cover.is_some() {
            out.write_all(b"<item id=\"cover\" href=\"cover.xhtml\" media-type=\"application/xhtml+xml\"/>\n")?;
        }
        self.each("SELECT name, properties FROM chapter ORDER BY id", out, &mut |[name, properties], out| {
            write!(out, "<item id=\"c-{name}\" href=\"{name}.xhtml\" media-type=\"application/xhtml+xml\"")?;
            if !properties.is_empty() {
                write!(out, " properties=\"{properties}\"")?;
            }
            out.write_all(b"/>\n")
        })?;
        let cover = self.cover.map(|cover| cover.to_string());
        let mut foreign = false;
        self.each("SELECT name, media || ' ' || core FROM picture ORDER BY id", out, &mut |[name, media], out| {
            let (media, core) = media.split_once(' ').unwrap_or((media, "1"));
            let id = name.get(3..67).unwrap_or(name);
            write!(out, "<item id=\"p-{id}\" href=\"{name}\" media-type=\"{media}\"")?;
            if core == "0" {
                foreign = true;
                out.write_all(b" fallback=\"unsupported\"")?;
            }
            if cover.as_deref() == Some(id) {
                out.write_all(b" properties=\"cover-image\"")?;
            }
            out.write_all(b"/>\n")
        })?;
        if foreign {
            out.write_all(b"<item id=\"unsupported\" href=\"unsupported.svg\" media-type=\"image/svg+xml\"/>\n")?;
        }
        out.write_all(b"</manifest>\n")
    }

    /// Calls `each` with the two columns of every row.
    fn each(&self, query: &str, out: &mut dyn Write, each: Each<'_>) -> io::Result<()> {
        let mut statement = self.scratch.prepare(query).map_err(told)?;
        let mut rows = statement.query([]).map_err(told)?;
        while let Some(row) = rows.next().map_err(told)? {
            let (first, second): (String, String) = (row.get(0).map_err(told)?, row.get(1).map_err(told)?);
            each([&first, &second], out)?;
        }
        Ok(())
    }
}
