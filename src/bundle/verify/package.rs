//! Reads the package of a book: everything that it names is in the book (EPUB 3.3 sections 4 and 5).

use std::collections::BTreeMap;

use super::address::{self, Address};
use super::finding::Kind;
use super::markup::{self, Piece};
use super::page::Tell;
use crate::mirror::digest::Digest;

/// Reads `META-INF/container.xml` or the package document. Calls `held` for everything that it names and that is there.
pub fn read(
    file: &str,
    bytes: &[u8],
    known: &BTreeMap<String, Option<Digest>>,
    held: &mut dyn FnMut(&str),
    tell: &mut Tell<'_>,
) {
    let Ok(text) = std::str::from_utf8(bytes) else { return tell(Kind::Encoding, file, "bytes that are no UTF-8") };
    let mut first = true;
    markup::read(text, &mut |piece| {
        let begins = std::mem::replace(&mut first, false);
        match piece {
            Piece::Start(tag) => {
                for (name, value) in &tag.attributes {
                    // Paths of the container begin at the root of the book (section 4.2.6.3.1.3).
                    let from = match (tag.name.as_str(), name.as_str()) {
                        ("rootfile", "full-path") => "",
                        ("item" | "link" | "reference", "href") => file,
                        _ => continue,
                    };
                    match address::read(value, from) {
                        Address::Inside(path) if known.contains_key(&path) => held(&path),
                        Address::Inside(path) => tell(Kind::FileMissing, &path, &format!("{file} names it")),
                        _ => tell(Kind::Remote, file, &format!("<{} {name}=\"{value}\">", tag.name)),
                    }
                }
            }
            Piece::Comment(comment) if begins && comment.starts_with("?xml version=") => {}
            Piece::Comment(_) | Piece::Doctype { .. } => tell(Kind::Markup, file, "a comment or a DOCTYPE"),
            Piece::End(_) | Piece::Text(_) => {}
        }
    });
}
