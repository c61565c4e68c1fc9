//! Finds the block of front matter in front of a text.

use jsonc_parser::Scanner;
use jsonc_parser::ScannerOptions;
use jsonc_parser::tokens::Token;

use super::keys::names_picture;
use crate::text::Span;

/// The syntax of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Between `---` and `---` or `...`
    Yaml,
    /// Between `+++`
    Toml,
    /// `{…}`, or between `;;;`
    Json,
}

/// A block of front matter, in byte offsets into the text in which it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontMatter {
    pub kind: Kind,
    /// What stands between the delimiters; of `{…}`, the braces too.
    pub inner: Span,
    /// Where the line behind the block begins.
    pub body: usize,
}

/// What stands in front of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Split {
    /// No front matter. A `---` with prose behind it is a rule, not a delimiter.
    Absent,
    /// A block begins in this line (counted from 1) and never ends; all of the text is body.
    Unclosed {
        line: usize,
    },
    Found(FrontMatter),
}

/// Finds the front matter of `text`. A byte order mark and blank lines may stand before it.
///
/// Hexo's form without a first delimiter is taken only when the text begins with a key that site generators know, or with
/// that of a picture and a URL, and holds nothing but YAML up to the `---`: it must not eat a heading. Time is linear.
pub fn split(text: &str) -> Split {
    let Some(first) = lines(text, 0).find(|line| !line.text.trim_matches(blank).is_empty()) else {
        return Split::Absent;
    };
    let start = if first.start == 0 { text.len() - text.trim_start_matches('\u{feff}').len() } else { first.start };
    let fence = text[start..first.end].trim_end();
    let is_run = |c: char| fence.len() >= 3 && fence.chars().all(|other| other == c);
    let kind = match fence.chars().next() {
        Some('-') if is_run('-') => Kind::Yaml,
        Some('+') if fence == "+++" => Kind::Toml,
        Some(';') if is_run(';') => Kind::Json,
        Some('{') => return braces(text, start),
        _ => return without_first_fence(text, start),
    };
    let inner = first.next;
    if !lines(text, inner).next().is_none_or(|line| begins_block(kind, &text[line.start..], fence)) {
        return Split::Absent;
    }
    let closes = |line: &Line<'_>| {
        let line = line.text.trim_end();
        line == fence || (kind == Kind::Yaml && line == "...")
    };
    match lines(text, inner).find(closes) {
        Some(close) => Split::Found(FrontMatter { kind, inner: Span::new(inner, close.start), body: close.next }),
        None => Split::Unclosed { line: text[..start].matches('\n').count() + 1 },
    }
}

fn blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

struct Line<'a> {
    text: &'a str,
    start: usize,
    end: usize,
    /// Where the next line begins.
    next: usize,
}

fn lines(text: &str, from: usize) -> impl Iterator<Item = Line<'_>> {
    let mut next = from;
    std::iter::from_fn(move || {
        let (start, rest) = (next, &text[next..]);
        next += memchr::memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |at| at + 1);
        (next > start).then(|| Line { text: &text[start..next], start, end: next, next })
    })
}

/// Whether a block can begin with `text`: the first line that says something must be an entry.
fn begins_block(kind: Kind, text: &str, fence: &str) -> bool {
    let said = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    said.is_none_or(|line| match kind {
        Kind::Toml => line.starts_with('[') || line.contains('=') || line == fence,
        Kind::Json => line.starts_with(['"', '\'', '{', '/']) || line == fence,
        Kind::Yaml => {
            let flow = line.starts_with('{') && !line.starts_with("{%") && !line.starts_with("{{");
            line == fence || line == "..." || flow || line.starts_with(['%', '?']) || key(line).is_some()
        }
    })
}

/// The key of a line `key: value`.
pub(super) fn key(line: &str) -> Option<&str> {
    let ends = |(at, _): &(usize, &str)| line[at + 1..].is_empty() || line[at + 1..].starts_with(char::is_whitespace);
    let (at, _) = line.match_indices(':').find(ends)?;
    let key = line[..at].trim();
    let written = !key.is_empty() && key.len() <= 128 && !key.starts_with(['-', '#', '<', '>', '*', '!', '[', '|']);
    written.then_some(key)
}

/// Hugo's form. Liquid and Hugo tags begin with a brace too.
fn braces(text: &str, start: usize) -> Split {
    if !text[start + 1..].trim_start().starts_with(['"', '}']) {
        return Split::Absent;
    }
    let mut scanner = Scanner::new(&text[start..], &ScannerOptions::default());
    let mut depth = 0usize;
    while let Ok(Some(token)) = scanner.scan() {
        match token {
            Token::OpenBrace | Token::OpenBracket => depth += 1,
            Token::CloseBrace | Token::CloseBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            let end = start + scanner.token_end();
            let rest = lines(text, end).next();
            let body = rest.as_ref().map_or(text.len(), |line| line.next);
            if rest.is_some_and(|line| !line.text.trim().is_empty()) {
                return Split::Absent;
            }
            return Split::Found(FrontMatter { kind: Kind::Json, inner: Span::new(start, end), body });
        }
    }
    Split::Unclosed { line: text[..start].matches('\n').count() + 1 }
}

/// The first key of a block without a first delimiter must be one of these, or that of a picture.
const COMMON_KEYS: &[&str] =
    &["title", "layout", "date", "updated", "author", "tags", "categories", "permalink", "comments", "description"];

fn without_first_fence(text: &str, start: usize) -> Split {
    const MAX_LINES: usize = 256;
    let line = text[start..].lines().next().unwrap_or_default();
    let begins = |key| COMMON_KEYS.contains(&key) || (names_picture(key) && line.contains("//"));
    if !key(line).is_some_and(begins) {
        return Split::Absent;
    }
    for line in lines(text, start).take(MAX_LINES) {
        let written = line.text.trim_end();
        if written == "---" {
            let inner = Span::new(start, line.start);
            return Split::Found(FrontMatter { kind: Kind::Yaml, inner, body: line.next });
        }
        let yaml = written.is_empty() || written.starts_with([' ', '\t', '#']) || written.starts_with("- ");
        if !yaml && key(written).is_none_or(|key| key.contains(char::is_whitespace)) {
            return Split::Absent;
        }
    }
    Split::Absent
}
