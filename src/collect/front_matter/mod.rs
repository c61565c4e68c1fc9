//! Pictures in front matter: YAML, TOML or JSON in front of a text.
//!
//! [`split`] finds the block, [`collect`] reports the pictures in it. Each syntax has a reader that goes through its
//! text once and keeps nothing but the path of keys; which keys hold pictures is data ([`Keys`]). Real blocks are often
//! not valid, so YAML and TOML have a second reader that goes by lines. No reader builds a tree of values: aliases are
//! not followed, so nothing can expand.

mod finder;
mod json;
mod keys;
mod lines;
mod plain;
mod split;
mod toml;
mod yaml;

pub use keys::Keys;
pub use split::{FrontMatter, Kind, Split, split};

use crate::collect::Sink;
use finder::Finder;

/// Lists and maps deeper than this are not read.
const MAX_DEPTH: usize = 64;

/// Blocks longer than this many bytes are read by lines, so that no reader's tables grow with a hostile file.
const MAX_PARSED: usize = 4 << 20;

/// What the front matter says beside its pictures.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Where the text was first published: what its relative URLs are relative to.
    pub base: Option<String>,
    /// What could not be read. Messages hold no control characters.
    pub warnings: Vec<Warning>,
}

/// Something that a person should know about a line of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Counted from 1, in the text that was given to the collector.
    pub line: usize,
    pub message: String,
}

/// Reports the pictures in `front`, the block that [`split`] found in `text`, in order, with spans relative to `text`.
///
/// A value counts when its key says picture ([`Keys`]) and it is written like a URL or a path: switches, colours, icons'
/// names and empty strings do not. `names_image` says whether a URL names an image; it decides for doubtful keys.
pub fn collect(
    front: &FrontMatter,
    text: &str,
    keys: &Keys,
    names_image: &dyn Fn(&str) -> bool,
    sink: &mut Sink<'_>,
) -> Facts {
    let mut finder = Finder::new(text, front.inner.start, keys, names_image, sink);
    let inner = &text[front.inner.start..front.inner.end];
    match front.kind {
        Kind::Json => json::read(inner, &mut finder),
        Kind::Yaml | Kind::Toml if inner.len() > MAX_PARSED => {
            finder.warn(0, "the front matter is very long; it is read line by line");
            lines::read(inner, front.kind, 0, &mut finder);
        }
        Kind::Yaml => yaml::read(inner, &mut finder),
        Kind::Toml => toml::read(inner, &mut finder),
    }
    finder.into_facts()
}

#[cfg(test)]
mod tests;
