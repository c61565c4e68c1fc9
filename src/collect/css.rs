//! Pictures in CSS: `url()`, `src()`, and the strings of `image-set()` and `image()`.
//!
//! A walk over the tokens of CSS Syntax 3, good for stylesheets and for the declarations of a `style` attribute alike.
//! It is no parser of rules: it knows where a statement begins, so that `@import`, `@namespace`, the conditions of
//! other at-rules and everything in `@font-face` stay out, and it knows which function a token stands in. Whether a
//! property can show a picture is not asked: `cursor`, `mask`, `filter` and custom properties all can.

use cssparser::{Parser, Token};

use crate::collect::value::{is_escaped, is_inert, trimmed};
use crate::collect::{Layer, Layers, Reference, Sink, Slot};
use crate::text::Span;

/// Reports the pictures in `css`, a stylesheet or a list of declarations, in order, all under `slot`.
///
/// Spans cover the URL alone, inside of quotes and parentheses. Time is linear; nesting costs one byte a level.
pub fn collect(css: &str, slot: &Slot, sink: &mut Sink<'_>) {
    Walk::new(css).run(&mut |_, reference| sink(reference), slot);
}

/// Reports the pictures in a CSS file: slot `css:url`, or `css:image-set` for strings that are URLs by their place.
pub fn collect_file(css: &str, sink: &mut Sink<'_>) {
    let string = Slot::new("css:image-set");
    let by_form = &mut |form, mut reference: Reference| {
        if form == Form::String {
            reference.slot = string.clone();
        }
        sink(reference);
    };
    Walk::new(css).run(by_form, &Slot::new("css:url"));
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Url,
    String,
}

/// What an opened bracket makes of the tokens in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Block {
    Curly,
    /// `url(` or `src(` with nothing behind it yet: only the first token can be the URL.
    Url,
    /// `image-set(` and its like: every string is a URL.
    Images,
    Parenthesis,
    Square,
}

/// How far the walk has come in a statement (a rule, a declaration or an at-rule).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Statement {
    Start,
    /// Behind the name of a property whose URLs are programs.
    Program,
    Inside,
}

/// Where URLs are no pictures; the number is the nesting at which that ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quiet {
    No,
    /// Until the statement ends.
    Statement(usize),
    /// As above, and the block that ends it is quiet too.
    FontFace(usize),
    Block(usize),
}

/// Properties of old browsers whose URL is code.
const PROGRAM_PROPERTIES: &[&str] = &["behavior", "-ms-behavior", "-moz-binding"];

struct Walk<'a> {
    css: &'a str,
    parser: Parser<'a>,
    /// Where the parser's input begins in `css`.
    base: usize,
    open: Vec<Block>,
    statement: Statement,
    quiet: Quiet,
}

impl<'a> Walk<'a> {
    fn new(css: &'a str) -> Self {
        Walk { css, parser: Parser::new(css), base: 0, open: Vec::new(), statement: Statement::Start, quiet: Quiet::No }
    }

    /// The parser would skip what is inside of a bracket unless it is asked to recurse, which a hostile file turns into
    /// a stack overflow. A new parser behind each opening bracket makes the walk flat; it costs nothing to make.
    fn next(&mut self) -> Option<(Token<'a>, Span)> {
        let start = self.base + self.parser.position().byte_index();
        let token = self.parser.next_including_whitespace_and_comments().ok()?.clone();
        let end = self.base + self.parser.position().byte_index();
        if opens(&token).is_some() {
            self.base = end;
            self.parser = Parser::new(&self.css[end..]);
        }
        Some((token, Span::new(start, end)))
    }

    fn run(mut self, found: &mut dyn FnMut(Form, Reference), slot: &Slot) {
        while let Some((token, span)) = self.next() {
            if matches!(token, Token::WhiteSpace(_) | Token::Comment(_) | Token::CDO | Token::CDC) {
                continue;
            }
            if self.quiet == Quiet::No
                && let Some((form, value, inner, layer)) = self.url(&token, span)
                && !is_inert(value.trim())
            {
                let url = value.trim().to_owned();
                found(form, Reference { span: inner, slot: slot.clone(), url, layers: Layers::of(layer) });
            }
            self.follow(&token);
        }
    }

    fn url<'t>(&self, token: &'t Token<'a>, span: Span) -> Option<(Form, &'t str, Span, Layer)> {
        match token {
            Token::UnquotedUrl(value) => Some((Form::Url, value, self.unquoted(span), Layer::CssUnquoted)),
            Token::QuotedString(value) => {
                let form = match self.open.last()? {
                    Block::Url => Form::Url,
                    Block::Images => Form::String,
                    _ => return None,
                };
                let (inner, layer) = self.quoted(span);
                Some((form, value, inner, layer))
            }
            _ => None,
        }
    }

    /// The URL between `url(` and `)`. The last one may be missing at the end of the text.
    fn unquoted(&self, span: Span) -> Span {
        let raw = &self.css[span.start..span.end];
        let start = raw.find('(').map_or(0, |open| open + 1);
        let end = raw.len() - usize::from(raw.ends_with(')') && !is_escaped(raw, raw.len() - 1));
        trimmed(raw, Span::new(start, end)).shifted(span.start)
    }

    fn quoted(&self, span: Span) -> (Span, Layer) {
        let raw = &self.css[span.start..span.end];
        let (quote, layer) = if raw.starts_with('"') { ('"', Layer::CssDouble) } else { ('\'', Layer::CssSingle) };
        let closed = raw.len() > 1 && raw.ends_with(quote) && !is_escaped(raw, raw.len() - 1);
        let inner = Span::new(1, raw.len() - usize::from(closed));
        (trimmed(raw, inner).shifted(span.start), layer)
    }

    /// Keeps track of brackets, statements and quiet places.
    fn follow(&mut self, token: &Token<'_>) {
        if let Some(block @ Block::Url) = self.open.last_mut() {
            *block = Block::Parenthesis;
        }
        if let Some(block) = opens(token) {
            self.enter(block);
        } else if let Some(closed) = closes(token) {
            self.leave(closed);
        } else if self.open.last().is_none_or(|block| *block == Block::Curly) {
            self.statement = match (self.statement, token) {
                (_, Token::Semicolon) => {
                    self.end_statement();
                    Statement::Start
                }
                (Statement::Start, Token::AtKeyword(name)) => {
                    let depth = self.open.len();
                    if self.quiet == Quiet::No {
                        let font = name.eq_ignore_ascii_case("font-face");
                        self.quiet = if font { Quiet::FontFace(depth) } else { Quiet::Statement(depth) };
                    }
                    Statement::Inside
                }
                (Statement::Start, Token::Ident(name)) if is_one_of(name, PROGRAM_PROPERTIES) => Statement::Program,
                (Statement::Program, Token::Colon) if self.quiet == Quiet::No => {
                    self.quiet = Quiet::Statement(self.open.len());
                    Statement::Inside
                }
                _ => Statement::Inside,
            };
        }
    }

    fn enter(&mut self, block: Block) {
        let depth = self.open.len();
        self.statement = Statement::Inside;
        if block == Block::Curly {
            self.statement = Statement::Start;
            self.quiet = match self.quiet {
                Quiet::FontFace(at) if at == depth => Quiet::Block(depth),
                Quiet::Statement(at) if at == depth => Quiet::No,
                other => other,
            };
        }
        self.open.push(block);
    }

    /// A closing bracket that closes nothing is a token like any other.
    fn leave(&mut self, closed: Block) {
        let matches = self.open.last().is_some_and(|open| match open {
            Block::Curly | Block::Square => *open == closed,
            Block::Url | Block::Images | Block::Parenthesis => closed == Block::Parenthesis,
        });
        if matches {
            self.open.pop();
            if closed == Block::Curly {
                self.statement = Statement::Start;
                self.end_statement();
            }
        }
    }

    fn end_statement(&mut self) {
        if let Quiet::Statement(at) | Quiet::FontFace(at) | Quiet::Block(at) = self.quiet
            && self.open.len() <= at
        {
            self.quiet = Quiet::No;
        }
    }
}

fn opens(token: &Token<'_>) -> Option<Block> {
    Some(match token {
        Token::CurlyBracketBlock => Block::Curly,
        Token::SquareBracketBlock => Block::Square,
        Token::ParenthesisBlock => Block::Parenthesis,
        Token::Function(name) if is_one_of(name, &["url", "src"]) => Block::Url,
        Token::Function(name) if is_one_of(name, &["image-set", "-webkit-image-set", "image"]) => Block::Images,
        Token::Function(_) => Block::Parenthesis,
        _ => return None,
    })
}

fn closes(token: &Token<'_>) -> Option<Block> {
    Some(match token {
        Token::CloseCurlyBracket => Block::Curly,
        Token::CloseSquareBracket => Block::Square,
        Token::CloseParenthesis => Block::Parenthesis,
        _ => return None,
    })
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|one| name.eq_ignore_ascii_case(one))
}

#[cfg(test)]
mod tests;
