//! What the page of a document is called in a bundle.
//!
//! A name is the document's without its extension, where that is a name on every system, and not another's as well.
//! Else it has more of the document's name in it, and then a digest of that. It depends on the names of the documents
//! alone, so it is the same in every bundle of the same documents.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::mirror::digest::Digest;
use crate::page::Collection;
use crate::sanitize;

/// Everything but what RFC 3986 section 2.3 calls unreserved, and the slashes between segments.
const SEGMENTS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The longest segment of a name before its extension, in bytes. File systems take 255 with what is put behind it.
const MAX_SEGMENT: usize = 160;

/// Documents that are read from the catalog at a time.
const BATCH: usize = 500;

/// Half of a digest: names that share it are given longer names, which is harmless.
type Key = [u8; 16];

/// The names of the documents of a bundle. About 200 bytes a document, however long its name is.
#[derive(Debug)]
pub struct Names {
    /// What is put behind each name: `.html`.
    extension: &'static str,
    /// How many documents have exactly this name, and how many of these were given theirs.
    known: HashMap<Key, Twins>,
    /// How many documents would have this name.
    stems: HashMap<Key, u32>,
    full: HashMap<Key, u32>,
    folders: HashSet<Key>,
}

#[derive(Debug, Default)]
struct Twins {
    all: u32,
    given: u32,
}

impl Names {
    /// No names yet; `extension` begins with a dot or is empty.
    pub fn new(extension: &'static str) -> Self {
        Names { extension, known: HashMap::new(), stems: HashMap::new(), full: HashMap::new(), folders: HashSet::new() }
    }

    /// Those of all documents of a collection.
    pub fn of(collection: &Collection, extension: &'static str) -> anyhow::Result<Self> {
        let mut names = Names::new(extension);
        let mut entries = collection.entries(None, BATCH)?;
        while let Some(last) = entries.last() {
            entries.iter().for_each(|entry| names.note(&entry.name));
            entries = collection.entries(Some(last), BATCH)?;
        }
        Ok(names)
    }

    /// That of one document, which is alone in its bundle.
    pub fn of_one(document: &Path) -> Self {
        let mut names = Names::new(".html");
        names.note(document);
        names
    }

    /// Takes note of a document. All have to be known before the first is asked for.
    pub fn note(&mut self, document: &Path) {
        self.known.entry(exact(document)).or_default().all += 1;
        let (stem, full) = (stem(document), full(document));
        *self.stems.entry(folded(&stem)).or_default() += 1;
        for (at, _) in full.match_indices('/') {
            self.folders.insert(folded(&full[..at]));
        }
        *self.full.entry(folded(&full)).or_default() += 1;
    }

    /// How many documents there are.
    pub fn documents(&self) -> u64 {
        self.known.values().map(|twins| u64::from(twins.all)).sum()
    }

    /// The name of a document that is about to be written. To be asked once for each.
    pub fn give(&mut self, document: &Path) -> String {
        let name = self.name(document);
        match self.known.get_mut(&exact(document)) {
            Some(twins) if twins.all > 1 => {
                twins.given += 1;
                format!("{name}-{}{}", twins.given, self.extension)
            }
            _ => name + self.extension,
        }
    }

    /// The name of a document that another one leads to; `None` when it is not in the bundle, or which is meant is not
    /// to be told.
    pub fn linked(&self, document: &Path) -> Option<String> {
        let twins = self.known.get(&exact(document))?;
        (twins.all == 1).then(|| self.name(document) + self.extension)
    }

    fn name(&self, document: &Path) -> String {
        let (stem, full) = (stem(document), full(document));
        let free = |name: &str| !self.folders.contains(&folded(&format!("{name}{}", self.extension)));
        let key = folded(&stem);
        let others = if full == stem { 1 } else { 0 };
        if self.stems.get(&key) <= Some(&1) && self.full.get(&key).copied().unwrap_or(0) <= others && free(&stem) {
            return stem;
        }
        if self.full.get(&folded(&full)) <= Some(&1) && free(&full) {
            return full;
        }
        format!("{full}-{}", Digest::of(document.as_os_str().as_encoded_bytes()).short())
    }
}

/// A path below the bundle as a URL, without what leads there.
pub fn url(path: &str) -> String {
    utf8_percent_encode(path, SEGMENTS).to_string()
}

/// What leads from a file of the bundle up to its root: `../../` for `pages/a/b.html`.
pub fn upwards(path: &str) -> String {
    "../".repeat(path.matches('/').count())
}

fn exact(document: &Path) -> Key {
    half(document.as_os_str().as_encoded_bytes())
}

/// Systems that do not tell capitals from small letters see one name.
fn folded(name: &str) -> Key {
    half(name.to_lowercase().as_bytes())
}

fn half(bytes: &[u8]) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&Digest::of(bytes).as_bytes()[..16]);
    key
}

fn stem(document: &Path) -> String {
    portable(&document.with_extension(""))
}

fn full(document: &Path) -> String {
    portable(document)
}

/// A path as every system can store it, with slashes.
fn portable(path: &Path) -> String {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(segment(name)),
        _ => None,
    });
    parts.collect::<Vec<_>>().join("/")
}

/// One segment. Where it is not the name itself, it ends in a digest of that.
fn segment(name: &OsStr) -> String {
    let text = name.to_string_lossy();
    let mut kept: String = sanitize::for_terminal(&text).chars().map(|c| if stored(c) { c } else { '_' }).collect();
    if kept.len() > MAX_SEGMENT {
        kept.truncate((0..=MAX_SEGMENT).rev().find(|at| kept.is_char_boundary(*at)).unwrap_or(0));
    }
    let trimmed = kept.trim_matches(' ').trim_end_matches(['.', ' ']);
    if trimmed == text && !text.is_empty() && !reserved(trimmed) {
        return kept;
    }
    let digest = Digest::of(name.as_encoded_bytes()).short();
    if trimmed.is_empty() { digest } else { format!("{trimmed}-{digest}") }
}

/// What Windows cannot store, and what stands for bytes that are no text.
fn stored(c: char) -> bool {
    !matches!(c, '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' | '\u{fffd}')
}

/// Names of devices on Windows, with any extension.
fn reserved(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let numbered = |rest: &str| matches!(rest.as_bytes(), [b'0'..=b'9']);
    matches!(first.as_str(), "con" | "prn" | "aux" | "nul")
        || first.strip_prefix("com").is_some_and(numbered)
        || first.strip_prefix("lpt").is_some_and(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(documents: &[&str]) -> Vec<String> {
        given_with(".html", documents)
    }

    fn given_with(extension: &'static str, documents: &[&str]) -> Vec<String> {
        let mut names = Names::new(extension);
        documents.iter().for_each(|document| names.note(Path::new(document)));
        documents.iter().map(|document| names.give(Path::new(document))).collect()
    }

    #[test]
    fn a_page_has_the_name_of_its_document() {
        let documents = ["a.md", "b c.html", "sub/a.md", "日本.txt", "no-extension", "v1.2.md", ".hidden.md"];
        let pages = ["a.html", "b c.html", "sub/a.html", "日本.html", "no-extension.html", "v1.2.html", ".hidden.html"];
        assert_eq!(given(&documents), pages);
    }

    #[test]
    fn documents_that_differ_by_their_extension_keep_it() {
        assert_eq!(given(&["a.html", "a.md", "b.md"]), ["a.html.html", "a.md.html", "b.html"]);
        // What one would be called otherwise is the name of another.
        assert_eq!(given(&["a.md", "a.html", "a.md.html"]), ["a.md.html", "a.html.html", "a.md.html.html"]);
        assert_eq!(given(&["a", "a.md"]), ["a.html", "a.md.html"]);
    }

    #[test]
    fn no_two_pages_have_one_name_on_any_system() {
        let families: [&[&str]; 7] = [
            &["a.md", "A.md", "a.html", "A.HTML"],
            &["a.md", "a.html/b.md", "a.md.html/c.md"],
            &["a", "a.md", "a.html", "a.md.html", "a.html.md", "a.html.html"],
            &["a:b.md", "a?b.md", "a_b.md"],
            &["con.md", "CON.txt", "con"],
            &["x .md", "x.md", "x..md", "x. .md"],
            &["a\u{202e}b.md", "a\\u{202e}b.md"],
        ];
        for documents in families {
            for extension in [".html", ".zip", ""] {
                let names = given_with(extension, documents);
                let mut folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
                for name in &names {
                    let above: Vec<_> = name.match_indices('/').map(|(at, _)| name[..at].to_lowercase()).collect();
                    assert!(above.iter().all(|folder| !folded.contains(folder)), "{documents:?}: {names:?}");
                }
                folded.sort();
                folded.dedup();
                assert_eq!(folded.len(), documents.len(), "{documents:?}: {names:?}");
            }
        }
    }

    #[test]
    fn documents_of_one_name_are_counted_and_not_led_to() {
        let mut names = Names::new(".html");
        ["a.md", "a.md", "b.md"].iter().for_each(|name| names.note(Path::new(name)));
        let (first, second) = (names.give(Path::new("a.md")), names.give(Path::new("a.md")));
        assert!(first != second && first.ends_with("-1.html") && second.ends_with("-2.html"), "{first} {second}");
        assert_eq!(names.linked(Path::new("a.md")), None);
        assert_eq!(names.linked(Path::new("b.md")), Some("b.html".to_owned()));
        assert_eq!(names.linked(Path::new("c.md")), None);
    }

    #[test]
    fn what_a_system_cannot_store_is_replaced() {
        let long = "x".repeat(300);
        for document in ["a<b>|c*.md", "a\nb.md", "nul.md", "com1.tar.md", "end .md", "..md", &long, "a\\b.md"] {
            let name = given(&[document]).remove(0);
            assert!(!name.contains(['<', '>', ':', '"', '\\', '|', '?', '*', '\n']), "{name}");
            assert!(name.len() < 200 && !name.is_empty(), "{name}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt as _;
            let mut names = Names::new(".html");
            let both = [&b"a\xff.md"[..], b"a\xfe.md"].map(|name| Path::new(OsStr::from_bytes(name)));
            both.iter().for_each(|name| names.note(name));
            let given = both.map(|name| names.give(name));
            assert!(given[0] != given[1] && given[0].starts_with("a_-"), "{given:?}");
        }
    }

    #[test]
    fn urls_name_what_is_there() {
        assert_eq!(url("pages/a b/日#1?%.html"), "pages/a%20b/%E6%97%A5%231%3F%25.html");
        assert_eq!((upwards("index.html"), upwards("pages/a/b.html")), (String::new(), "../../".to_owned()));
    }
}
