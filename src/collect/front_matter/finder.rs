//! Decides, scalar by scalar, what of a front matter is a picture.

use super::keys::{Keys, Verdict};
use super::{Facts, MAX_DEPTH, Warning};
use crate::collect::value::{is_inert, trimmed};
use crate::collect::{Layers, Reference, Sink, Slot};
use crate::text::{Span, has_control};

/// Longer keys are cut: the slot of a reference is a name, not a text.
const MAX_KEY: usize = 64;

/// More would only repeat themselves.
const MAX_WARNINGS: usize = 16;

/// Keys whose absolute URL says where the text was published; the first of them that is there counts.
const BASE_KEYS: &[&str] = &["permalink", "url", "source", "original_url", "link", "canonical_url"];

/// Follows the nesting of a block and reports its pictures.
pub(super) struct Finder<'a, 's> {
    text: &'a str,
    /// Where the block begins in `text`: readers count from there.
    start: usize,
    keys: &'a Keys,
    names_image: &'a dyn Fn(&str) -> bool,
    sink: &'a mut Sink<'s>,
    facts: Facts,
    /// The rank of the key that gave the base.
    base_rank: usize,
    frames: Vec<Frame>,
    path: Vec<String>,
}

struct Frame {
    is_map: bool,
    /// In a map: a key comes next.
    key_next: bool,
    /// Inside of a key that is itself a list or a map.
    in_key: bool,
}

/// A string where it stands.
pub(super) struct Scalar<'v> {
    pub(super) value: &'v str,
    /// Of its text, quotes excluded, in the block.
    pub(super) span: Span,
    pub(super) layers: Layers,
}

impl<'a, 's> Finder<'a, 's> {
    pub(super) fn new(
        text: &'a str,
        start: usize,
        keys: &'a Keys,
        names_image: &'a dyn Fn(&str) -> bool,
        sink: &'a mut Sink<'s>,
    ) -> Self {
        let (facts, frames, path) = (Facts::default(), Vec::new(), Vec::new());
        Finder { text, start, keys, names_image, sink, facts, base_rank: BASE_KEYS.len(), frames, path }
    }

    pub(super) fn into_facts(self) -> Facts {
        self.facts
    }

    /// Notes something about the line in which the byte `at` of the block stands.
    pub(super) fn warn(&mut self, at: usize, message: &str) {
        if self.facts.warnings.len() < MAX_WARNINGS {
            let before = &self.text.as_bytes()[..(self.start + at).min(self.text.len())];
            let line = memchr::memchr_iter(b'\n', before).count() + 1;
            let message = message.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            self.facts.warnings.push(Warning { line, message });
        }
    }

    /// Enters a list or a map. `false` when it is too deep to be read; it must be closed all the same.
    pub(super) fn open(&mut self, is_map: bool) -> bool {
        let in_key = self.at_key() || self.frames.last().is_some_and(|frame| frame.in_key);
        self.done();
        self.frames.push(Frame { is_map, key_next: is_map, in_key });
        if is_map {
            self.path.push(String::new());
        }
        self.frames.len() <= MAX_DEPTH
    }

    pub(super) fn close(&mut self) {
        if self.frames.pop().is_some_and(|frame| frame.is_map) {
            self.path.pop();
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// Whether the next node is a key.
    pub(super) fn at_key(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.key_next)
    }

    /// Says that the next node of a map is a key, whatever came before.
    pub(super) fn next_entry(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.key_next = frame.is_map;
        }
    }

    /// A node is over that is of no interest, or is about to be entered.
    pub(super) fn done(&mut self) {
        if let Some(frame) = self.frames.last_mut()
            && frame.is_map
        {
            if frame.key_next
                && let Some(key) = self.path.last_mut()
            {
                key.clear();
            }
            frame.key_next = !frame.key_next;
        }
    }

    /// A string as a node: a key or a value.
    pub(super) fn scalar(&mut self, scalar: &Scalar<'_>) {
        let is_key = self.at_key();
        if !is_key {
            self.part(scalar);
        }
        self.done();
        if is_key && let Some(key) = self.path.last_mut() {
            *key = shortened(scalar.value);
        }
    }

    /// One of several strings that make one value, which is over when [`Finder::done`] says so.
    pub(super) fn part(&mut self, scalar: &Scalar<'_>) {
        if !self.frames.last().is_some_and(|frame| frame.in_key) {
            let path = std::mem::take(&mut self.path);
            self.value(&path, scalar);
            self.path = path;
        }
    }

    /// A string under a path of keys that the reader has kept itself.
    pub(super) fn value(&mut self, path: &[String], scalar: &Scalar<'_>) {
        let url = scalar.value.trim();
        self.note_base(path, url);
        if !is_written_like_a_url(url, self.names_image) {
            return;
        }
        let counts = match self.keys.judge(path) {
            Verdict::Picture => true,
            Verdict::Doubtful => (self.names_image)(url),
            Verdict::Other => false,
        };
        if counts {
            let raw = &self.text[self.start..];
            let span = trimmed(raw, scalar.span).shifted(self.start);
            let mut slot = String::from("front:");
            for (at, key) in path.iter().filter(|key| !key.is_empty()).enumerate() {
                slot.extend((at > 0).then_some("."));
                slot.push_str(key);
            }
            let slot = Slot::new(slot);
            (self.sink)(Reference { span, slot, url: url.to_owned(), layers: scalar.layers });
        }
    }

    fn note_base(&mut self, path: &[String], url: &str) {
        if let [key] = path
            && is_absolute(url)
            && let Some(rank) = BASE_KEYS.iter().position(|base| is_base_key(key, base))
            && rank < self.base_rank
        {
            self.base_rank = rank;
            self.facts.base = Some(url.to_owned());
        }
    }
}

/// Whether a key is `base`, in any case of letters and with either dash.
fn is_base_key(key: &str, base: &str) -> bool {
    let same = |(key, base): (u8, u8)| key.eq_ignore_ascii_case(&base) || (key == b'-' && base == b'_');
    key.len() == base.len() && key.bytes().zip(base.bytes()).all(same)
}

pub(super) fn shortened(key: &str) -> String {
    if key.len() <= MAX_KEY && !has_control(key) {
        return key.to_owned();
    }
    let end = key.char_indices().map(|(at, _)| at).take_while(|at| *at <= MAX_KEY).last().unwrap_or(0);
    let end = if key.len() <= MAX_KEY { key.len() } else { end };
    key[..end].replace(|c: char| c.is_control(), "\u{fffd}")
}

fn is_absolute(url: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && url.len() > scheme.len()
    })
}

/// Tells URLs and paths from the other strings that stand under the keys of pictures.
fn is_written_like_a_url(value: &str, names_image: &dyn Fn(&str) -> bool) -> bool {
    if is_inert(value) || has_control(value) {
        return false;
    }
    if value.contains('{') && ["{{", "{%"].iter().any(|open| value.contains(open)) && value.contains('/') {
        return true;
    }
    let path = || ["/", "./", "../"].iter().any(|start| value.starts_with(start));
    let absolute = is_absolute(value);
    // What most values are: neither.
    if !absolute && !path() && !names_image(value) {
        return false;
    }
    if value.contains(char::is_whitespace) {
        // A URL with a space in it, but not two URLs and not a sentence.
        return absolute && names_image(value) && !value.split_whitespace().skip(1).any(is_absolute);
    }
    absolute || value.contains(|c| !matches!(c, '.' | '/'))
}
