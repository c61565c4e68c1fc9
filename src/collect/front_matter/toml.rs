//! TOML front matter, by the events of the parser, which goes on behind mistakes.

use std::borrow::Cow;

use toml_parser::decoder::{Encoding, ScalarKind};
use toml_parser::parser::{EventReceiver, RecursionGuard, parse_document};
use toml_parser::{ErrorSink, ParseError, Raw, Source, Span as TomlSpan};

use super::finder::{Finder, Scalar, shortened};
use super::{Kind, MAX_DEPTH, lines};
use crate::collect::{Layer, Layers};
use crate::text::Span;

/// Reports the pictures of a TOML block. What is not valid is read line by line from the first mistake on.
pub(super) fn read(inner: &str, finder: &mut Finder<'_, '_>) {
    let source = Source::new(inner);
    let tokens = source.lex().into_vec();
    let mut errors: Option<ParseError> = None;
    parse_document(&tokens, &mut RecursionGuard::new(&mut (), MAX_DEPTH as u32), &mut errors);
    let mistake = errors.as_ref().map(|error| {
        let at = error.unexpected().or(error.context()).map_or(inner.len(), |span| span.start());
        // A mistake in the middle of a line spoils the line.
        (inner[..at].rfind('\n').map_or(0, |newline| newline + 1), at, error.description().to_owned())
    });
    let limit = mistake.as_ref().map_or(inner.len(), |(line, ..)| *line);
    let mut reader =
        Reader { inner, finder, limit, path: Vec::new(), table: 0, frames: Vec::new(), header: false, key: false };
    let mut in_values: Option<ParseError> = None;
    parse_document(&tokens, &mut RecursionGuard::new(&mut reader, MAX_DEPTH as u32), &mut in_values);
    if let Some((line, at, what)) = mistake {
        finder.warn(at, &format!("this front matter is not valid TOML ({what}); the rest is read by lines"));
        lines::read(inner, Kind::Toml, line, finder);
    } else if let Some(error) = in_values {
        let at = error.unexpected().or(error.context()).map_or(0, |span| span.start());
        finder.warn(at, &format!("this front matter has a value that is not valid TOML ({})", error.description()));
    }
}

enum Frame {
    Array,
    InlineTable,
    /// A value is expected or being read; its keys begin at this length of the path.
    Value(usize),
}

struct Reader<'i, 'f, 'a, 's> {
    inner: &'i str,
    finder: &'f mut Finder<'a, 's>,
    /// Strings from here on are left to the reader of lines.
    limit: usize,
    path: Vec<String>,
    /// How much of the path the header of the table takes.
    table: usize,
    frames: Vec<Frame>,
    header: bool,
    key: bool,
}

impl Reader<'_, '_, '_, '_> {
    fn open_header(&mut self) {
        self.path.clear();
        self.frames.clear();
        self.table = 0;
        (self.header, self.key) = (true, false);
    }

    fn close_header(&mut self) {
        self.header = false;
        self.table = self.path.len();
    }

    fn end_value(&mut self) {
        if let Some(Frame::Value(length)) = self.frames.last() {
            self.path.truncate(*length);
            self.frames.pop();
        }
    }

    fn close(&mut self) {
        while let Some(frame) = self.frames.pop() {
            match frame {
                Frame::Value(length) => self.path.truncate(length),
                Frame::Array | Frame::InlineTable => break,
            }
        }
        self.end_value();
    }

    fn raw(&self, span: TomlSpan, encoding: Option<Encoding>) -> Option<Raw<'_>> {
        Some(Raw::new_unchecked(self.inner.get(span.start()..span.end())?, encoding, span))
    }
}

impl EventReceiver for Reader<'_, '_, '_, '_> {
    fn std_table_open(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.open_header();
    }

    fn std_table_close(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.close_header();
    }

    fn array_table_open(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.open_header();
    }

    fn array_table_close(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.close_header();
    }

    fn inline_table_open(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) -> bool {
        self.frames.push(Frame::InlineTable);
        true
    }

    fn inline_table_close(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.close();
    }

    fn array_open(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) -> bool {
        self.frames.push(Frame::Array);
        true
    }

    fn array_close(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.close();
    }

    fn simple_key(&mut self, span: TomlSpan, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut key = Cow::Borrowed("");
        if let Some(raw) = self.raw(span, encoding) {
            raw.decode_key(&mut key, error);
        }
        let key = shortened(&key);
        if !self.header && !self.key {
            self.key = true;
            if self.frames.is_empty() {
                self.path.truncate(self.table);
            }
            self.frames.push(Frame::Value(self.path.len()));
        }
        // A path that goes deeper says nothing more about its value.
        if self.path.len() < MAX_DEPTH {
            self.path.push(key);
        }
    }

    fn key_val_sep(&mut self, _: TomlSpan, _: &mut dyn ErrorSink) {
        self.key = false;
    }

    fn scalar(&mut self, span: TomlSpan, encoding: Option<Encoding>, error: &mut dyn ErrorSink) {
        let mut value = Cow::Borrowed("");
        let is_string =
            self.raw(span, encoding).is_some_and(|raw| raw.decode_scalar(&mut value, error) == ScalarKind::String);
        if is_string
            && span.start() < self.limit
            && let Some((inner, layer)) = unquoted(self.inner, span, encoding)
        {
            let value = value.into_owned();
            self.finder.value(&self.path, &Scalar { value: &value, span: inner, layers: Layers::of(layer) });
        }
        self.end_value();
    }
}

/// The inside of a string and what it is written in. `None` when its end is missing.
fn unquoted(inner: &str, span: TomlSpan, encoding: Option<Encoding>) -> Option<(Span, Layer)> {
    let (quote, layer) = match encoding? {
        Encoding::BasicString => ("\"", Layer::TomlBasic),
        Encoding::LiteralString => ("'", Layer::TomlLiteral),
        Encoding::MlBasicString => ("\"\"\"", Layer::TomlBasic),
        Encoding::MlLiteralString => ("'''", Layer::TomlLiteral),
    };
    inner.get(span.start()..span.end())?.strip_prefix(quote)?.strip_suffix(quote)?;
    Some((Span::new(span.start() + quote.len(), span.end() - quote.len()), layer))
}
