//! Reads the files of a folder or an archive, each by what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufReader, SeekFrom};

use super::address::Address;
use super::files::{Body, Files};
use super::finding::Kind;
use super::lines::line;
use super::page::{Language, Page, Tell};
use super::picture::{self, Picture};
use super::policy::Demand;
use super::{Read, css};
use crate::mirror::digest::Digest;

/// Where the digests of a bundle stand.
pub const SUMS: &str = "SHA256SUMS";

/// What a book has besides what its package lists.
const MIMETYPE: &str = "mimetype";
const CONTAINER: &str = "META-INF/container.xml";
const PACKAGE: &str = "EPUB/package.opf";

/// What a bundle of files is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Pages, pictures, a stylesheet and their digests.
    Pages,
    /// EPUB.
    Book,
    /// WACZ, which [`super::archive`] reads.
    Archive,
}

/// The files of a bundle, by name, with the digest that is told of each.
type Known = BTreeMap<String, Option<Digest>>;

/// Reads all files, and counts them. Pages have at most `max_page` bytes.
pub fn read(
    files: &mut Files,
    shape: Shape,
    max_page: u64,
    read: &mut Read,
    tell: &mut Tell<'_>,
) -> anyhow::Result<()> {
    let mut known = Known::new();
    files.names(tell, &mut |name| {
        known.insert(name, None);
    })?;
    match shape {
        Shape::Pages => sums(files, &mut known, tell)?,
        Shape::Book => listed(files, max_page, &known, tell)?,
        Shape::Archive => {}
    }
    files.each(tell, &mut |name, length, body, tell| {
        read.files += 1;
        let told = known.get(name).copied().flatten();
        let one = One { name, length, max_page, shape, told, known: &known };
        one.read(body, read, tell)
    })?;
    let lacking: &[&str] = match shape {
        Shape::Pages => &["index.html"],
        Shape::Archive => &[],
        Shape::Book => &[MIMETYPE, CONTAINER, PACKAGE],
    };
    for name in lacking.iter().filter(|name| !known.contains_key(**name)) {
        tell(Kind::FileMissing, name, "the bundle has no such file");
    }
    Ok(())
}

/// Tells what the package of a book names and is not there, and what is there and is not named (EPUB 3.3, "The manifest
/// element": every publication resource is listed).
fn listed(files: &mut Files, max_page: u64, known: &Known, tell: &mut Tell<'_>) -> anyhow::Result<()> {
    let mut unlisted: BTreeSet<&str> = known.keys().map(String::as_str).collect();
    for own in [MIMETYPE, CONTAINER] {
        unlisted.remove(own);
    }
    for name in [CONTAINER, PACKAGE] {
        if let Some(bytes) = files.read(name, max_page, tell)? {
            let mut held = |held: &str| {
                unlisted.remove(held);
            };
            super::package::read(name, &bytes, known, &mut held, tell);
        }
    }
    for name in unlisted {
        tell(Kind::FileUnlisted, name, "not in the manifest");
    }
    Ok(())
}

/// Notes the digests of SHA256SUMS, in the form of coreutils: `<hex>  <name>`.
fn sums(files: &mut Files, known: &mut Known, tell: &mut Tell<'_>) -> anyhow::Result<()> {
    let found = files.one(SUMS, tell, &mut |_, _, body, tell| {
        let mut lines = BufReader::new(body);
        loop {
            match line(&mut lines) {
                Ok(Some(line)) => sum(&line, known, tell),
                Ok(None) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    tell(Kind::DigestWrong, SUMS, &error.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
    })?;
    if !found {
        tell(Kind::FileMissing, SUMS, "the bundle has no such file");
    }
    Ok(())
}

fn sum(line: &str, known: &mut Known, tell: &mut Tell<'_>) {
    let parsed = line.split_once("  ").and_then(|(digest, name)| Some((digest.parse::<Digest>().ok()?, name)));
    match parsed {
        None => tell(Kind::DigestWrong, SUMS, &format!("not a digest and a name: {line}")),
        Some((digest, name)) => match known.get_mut(name) {
            Some(told @ None) => *told = Some(digest),
            Some(Some(_)) => tell(Kind::DigestWrong, name, "told twice"),
            None => tell(Kind::FileMissing, name, "SHA256SUMS speaks of it, and it is not there"),
        },
    }
}

/// One file.
struct One<'o> {
    name: &'o str,
    length: u64,
    max_page: u64,
    shape: Shape,
    told: Option<Digest>,
    known: &'o Known,
}

impl One<'_> {
    fn read(&self, body: &mut dyn Body, read: &mut Read, tell: &mut Tell<'_>) -> io::Result<()> {
        match self.shape {
            Shape::Pages if self.name != SUMS => match self.told {
                Some(told) => {
                    // A list can be written anew; pictures are also called by their digests.
                    if self.stem().parse::<Digest>().is_ok_and(|named| named != told) {
                        tell(Kind::DigestWrong, self.name, "its name is not that of its bytes");
                    }
                    self.digest(told, body, tell)?
                }
                None => tell(Kind::FileUnlisted, self.name, "not in SHA256SUMS"),
            },
            // Books have no list of digests; pictures are called by theirs.
            Shape::Book => {
                if let Ok(told) = self.stem().parse() {
                    self.digest(told, body, tell)?;
                }
            }
            Shape::Pages | Shape::Archive => {}
        }
        let extension = self.name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match (self.shape, extension) {
            (Shape::Pages, "html") => self.page(Language::Html(Demand::Full), body, read, tell),
            (Shape::Book, "xhtml") => self.page(Language::Xhtml(Demand::Partial), body, read, tell),
            (Shape::Pages | Shape::Book, "css") => self.text(body, tell, &mut |css, tell| {
                let text = String::from_utf8_lossy(css);
                css::read(&text, &mut |what| tell(Kind::Style, self.name, what));
            }),
            (Shape::Pages | Shape::Book, _) if picture::said_by(self.name).is_some() => {
                read.pictures += 1;
                let said = picture::said_by(self.name).unwrap_or_default();
                let picture = Picture { file: self.name, said, depth: 0 };
                picture.read(&mut BufReader::new(body), self.length, tell)
            }
            (Shape::Pages, _) if self.name == SUMS => Ok(()),
            (Shape::Book, _) => self.of_book(body, tell),
            _ => {
                tell(Kind::FileUnknown, self.name, "neither a page nor a picture");
                Ok(())
            }
        }
    }

    /// The last part of the name, without its extension.
    fn stem(&self) -> &str {
        let own = self.name.rsplit('/').next().unwrap_or_default();
        own.split('.').next().unwrap_or_default()
    }

    fn digest(&self, told: Digest, body: &mut dyn Body, tell: &mut Tell<'_>) -> io::Result<()> {
        let (digest, _) = Digest::of_reader(&mut *body)?;
        if digest != told {
            tell(Kind::DigestWrong, self.name, &format!("{digest}"));
        }
        body.seek(SeekFrom::Start(0)).map(drop)
    }

    fn page(&self, language: Language, body: &mut dyn Body, read: &mut Read, tell: &mut Tell<'_>) -> io::Result<()> {
        read.pages += 1;
        let holds = |address: &Address| matches!(address, Address::Inside(path) if self.known.contains_key(path));
        let page = Page { file: self.name, language, depth: 0, holds: &holds, leads: &holds };
        self.text(body, tell, &mut |text, tell| page.read(text, tell))
    }

    /// Reads a file as a whole, where it is not too large.
    fn text(
        &self,
        body: &mut dyn Body,
        tell: &mut Tell<'_>,
        each: &mut dyn FnMut(&[u8], &mut Tell<'_>),
    ) -> io::Result<()> {
        if self.length > self.max_page {
            tell(Kind::TooLarge, self.name, &format!("{} bytes", self.length));
            return Ok(());
        }
        let mut text = Vec::new();
        body.read_to_end(&mut text)?;
        each(&text, tell);
        Ok(())
    }

    /// What a book has besides chapters and pictures.
    fn of_book(&self, body: &mut dyn Body, tell: &mut Tell<'_>) -> io::Result<()> {
        match self.name {
            MIMETYPE => self.text(body, tell, &mut |text, tell| {
                if text != b"application/epub+zip" {
                    tell(Kind::WrongType, self.name, &String::from_utf8_lossy(text));
                }
            }),
            // They were read first.
            CONTAINER | PACKAGE => Ok(()),
            _ => {
                tell(Kind::FileUnknown, self.name, "not part of a book");
                Ok(())
            }
        }
    }
}
