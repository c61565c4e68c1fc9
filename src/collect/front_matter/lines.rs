//! Front matter that is not valid, read line by line.
//!
//! It understands `key: value`, `- value`, `- key: value`, `key = value`, `[table]` and lists on one line, and tells
//! from the indentation what belongs to what. That is how people who write such blocks mean them.

use super::finder::{Finder, Scalar, shortened};
use super::split::key;
use super::{Kind, MAX_DEPTH};
use crate::collect::{Layer, Layers};
use crate::text::Span;

/// Reports the pictures of a block whose text begins at or behind `from`; what stands before is only read for its keys.
pub(super) fn read(inner: &str, kind: Kind, from: usize, finder: &mut Finder<'_, '_>) {
    let mut reader = Reader { kind, from, finder, levels: Vec::new() };
    let mut start = 0;
    for line in inner.split_inclusive('\n') {
        reader.line(Piece { text: line, start });
        start += line.len();
    }
}

/// A part of the block and where it stands.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    start: usize,
}

impl<'a> Piece<'a> {
    fn from(self, at: usize) -> Self {
        Piece { text: self.text.get(at..).unwrap_or_default(), start: self.start + at }
    }

    fn trimmed(self) -> Self {
        let lead = self.text.len() - self.text.trim_start().len();
        Piece { text: self.text.trim(), start: self.start + lead }
    }
}

struct Reader<'a, 'f, 's> {
    kind: Kind,
    from: usize,
    finder: &'f mut Finder<'a, 's>,
    /// Open keys and how far in they stand. A key takes twice its column, a dash one more than twice, so that a list
    /// may stand as far out as the key that it belongs to.
    levels: Vec<(usize, String)>,
}

impl Reader<'_, '_, '_> {
    fn line(&mut self, line: Piece<'_>) {
        let mut rest = line.trimmed();
        if rest.text.is_empty() || rest.text.starts_with('#') {
            return;
        }
        if self.kind == Kind::Toml {
            return self.toml_line(rest);
        }
        let mut is_item = false;
        while let Some(item) = rest.text.strip_prefix('-').filter(|item| item.starts_with([' ', '\t'])) {
            is_item = true;
            self.close(2 * (rest.start - line.start) + 1);
            rest = rest.from(rest.text.len() - item.len()).trimmed();
        }
        if let Some(name) = key(rest.text) {
            let level = 2 * (rest.start - line.start);
            self.close(level);
            self.open(level, name.trim_matches(['"', '\'']));
            let colon = rest.text.find(name).map_or(0, |at| at + name.len());
            let value = rest.text[colon..].find(':').map_or(rest.text.len(), |at| colon + at + 1);
            self.value(rest.from(value).trimmed());
        } else if is_item {
            self.value(rest);
        }
    }

    fn toml_line(&mut self, line: Piece<'_>) {
        let header = line.text.trim_end_matches(|c: char| c != ']').trim_start_matches('[').trim_end_matches(']');
        if line.text.starts_with('[') && !line.text.contains('=') && !header.is_empty() {
            self.levels.clear();
            for name in header.split('.') {
                self.open(0, name.trim().trim_matches(['"', '\'']));
            }
        } else if let Some((names, value)) = line.text.split_once('=') {
            self.close(1);
            for name in names.split('.') {
                self.open(1, name.trim().trim_matches(['"', '\'']));
            }
            self.value(line.from(line.text.len() - value.len()).trimmed());
        }
    }

    fn close(&mut self, level: usize) {
        while self.levels.last().is_some_and(|(open, _)| *open >= level) {
            self.levels.pop();
        }
    }

    fn open(&mut self, level: usize, key: &str) {
        if self.levels.len() < MAX_DEPTH {
            self.levels.push((level, shortened(key)));
        }
    }

    fn value(&mut self, mut value: Piece<'_>) {
        // Anchors and tags stand in front of what they belong to; no plain scalar begins like one (YAML 1.2.2, 6.9).
        while self.kind != Kind::Toml && value.text.starts_with(['&', '!']) {
            let Some(end) = value.text.find([' ', '\t']) else { return };
            value = value.from(end).trimmed();
        }
        if !value.text.starts_with('[') {
            return self.scalar(value);
        }
        let Some(list) = value.text[1..].strip_suffix(']') else { return };
        let mut at = 1;
        for item in list.split(',') {
            self.scalar(Piece { text: item, start: value.start + at }.trimmed());
            at += item.len() + 1;
        }
    }

    fn scalar(&mut self, value: Piece<'_>) {
        let Some((text, layer)) = self.unquoted(value) else { return };
        if text.start >= self.from {
            let path: Vec<_> = self.levels.iter().map(|(_, key)| key.clone()).collect();
            let value = if layer == Layer::YamlSingle { text.text.replace("''", "'") } else { text.text.to_owned() };
            let span = Span::new(text.start, text.start + text.text.len());
            self.finder.value(&path, &Scalar { value: &value, span, layers: Layers::of(layer) });
        }
    }

    /// The text of a scalar. `None` for what cannot be read safely: escapes, and a quote that is never closed.
    fn unquoted<'p>(&self, value: Piece<'p>) -> Option<(Piece<'p>, Layer)> {
        let toml = self.kind == Kind::Toml;
        let quote = value.text.chars().next().filter(|c| matches!(c, '"' | '\''));
        let Some(quote) = quote else {
            let end = value.text.find(" #").unwrap_or(value.text.len());
            let text = value.text[..end].trim_end();
            return (!toml).then_some((Piece { text, ..value }, Layer::YamlPlain));
        };
        let inside = value.from(1);
        let mut end = inside.text.find(quote)?;
        while quote == '\'' && !toml && inside.text[end + 1..].starts_with('\'') {
            end = inside.text[end + 2..].find(quote).map(|next| end + 2 + next)?;
        }
        let behind = inside.text[end + 1..].trim_start();
        let text = &inside.text[..end];
        let layer = match (quote, toml) {
            ('"', false) => Layer::YamlDouble,
            ('"', true) => Layer::TomlBasic,
            (_, false) => Layer::YamlSingle,
            (_, true) => Layer::TomlLiteral,
        };
        let escaped = quote == '"' && text.contains('\\');
        let whole = behind.is_empty() || behind.starts_with('#');
        (whole && !escaped).then_some((Piece { text, ..inside }, layer))
    }
}
