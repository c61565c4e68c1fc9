//! YAML front matter, by the events of the parser: no tree, so aliases cost nothing and anchored text counts once.

use granit_parser::{Event, Parser, ScalarStyle};

use super::finder::{Finder, Scalar};
use super::{Kind, MAX_DEPTH, lines, plain};
use crate::collect::{Layer, Layers};
use crate::text::Span;

/// Reports the pictures of a YAML block.
pub(super) fn read(inner: &str, finder: &mut Finder<'_, '_>) {
    if !plain::read(inner, finder) {
        parse(inner, finder);
    }
}

/// Reports the pictures of any YAML block. What is not valid is read line by line from where the parser gave up.
pub(super) fn parse(inner: &str, finder: &mut Finder<'_, '_>) {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut understood = 0;
    for event in Parser::new_from_str_with_options(inner, options) {
        match event {
            Ok((event, span)) => {
                let span = span.byte_range().map_or(Span::new(0, 0), |range| Span::new(range.start, range.end));
                understood = understood.max(span.end);
                node(inner, &event, span, finder);
            }
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(understood);
                let what = error.info();
                finder.warn(at, &format!("this front matter is not valid YAML ({what}); the rest is read by lines"));
                lines::read(inner, Kind::Yaml, understood, finder);
                return;
            }
        }
    }
}

fn node(inner: &str, event: &Event<'_>, span: Span, finder: &mut Finder<'_, '_>) {
    match event {
        Event::Scalar(value, style, ..) => match style {
            ScalarStyle::Plain => text(value, span, Layer::YamlPlain, finder),
            ScalarStyle::SingleQuoted => text(value, unquoted(inner, span, '\''), Layer::YamlSingle, finder),
            ScalarStyle::DoubleQuoted => text(value, unquoted(inner, span, '"'), Layer::YamlDouble, finder),
            ScalarStyle::Literal | ScalarStyle::Folded => block(inner, value, span, finder),
        },
        Event::Alias(_) | Event::UnresolvedAlias(_) => finder.done(),
        Event::SequenceStart(..) => {
            finder.open(false);
        }
        Event::MappingStart(..) => {
            finder.open(true);
        }
        Event::SequenceEnd | Event::MappingEnd => finder.close(),
        _ => {}
    }
}

fn text(value: &str, span: Span, layer: Layer, finder: &mut Finder<'_, '_>) {
    finder.scalar(&Scalar { value, span, layers: Layers::of(layer) });
}

/// The inside of a quoted scalar, or nothing of it when the span is not what it should be.
fn unquoted(inner: &str, span: Span, quote: char) -> Span {
    let raw = inner.get(span.start..span.end).unwrap_or_default();
    match raw.strip_prefix(quote).and_then(|raw| raw.strip_suffix(quote)) {
        Some(_) => Span::new(span.start + 1, span.end - 1),
        None => Span::new(span.start, span.start),
    }
}

/// A block scalar has no escapes and often holds one URL a line.
fn block(inner: &str, value: &str, span: Span, finder: &mut Finder<'_, '_>) {
    if finder.at_key() {
        return text(value, span, Layer::YamlPlain, finder);
    }
    let raw = inner.get(span.start..span.end).unwrap_or_default();
    let mut start = span.start;
    for line in raw.split_inclusive('\n') {
        let span = Span::new(start, start + line.len());
        start = span.end;
        finder.part(&Scalar { value: line, span, layers: Layers::default() });
    }
    finder.done();
}
