//! JSON front matter, token by token.

use jsonc_parser::tokens::Token;
use jsonc_parser::{Scanner, ScannerOptions};

use super::finder::{Finder, Scalar};
use crate::collect::{Layer, Layers};
use crate::text::Span;

/// Reports the pictures of a JSON block. Comments, trailing commas, single quotes and bare words are let pass; between
/// `;;;` the outermost braces may be missing. Behind a mistake nothing more is read.
pub(super) fn read(inner: &str, finder: &mut Finder<'_, '_>) {
    let mut scanner = Scanner::new(inner, &ScannerOptions::default());
    if !inner.trim_start().starts_with(['{', '[']) {
        finder.open(true);
    }
    loop {
        match scanner.scan() {
            Ok(None) => return,
            Ok(Some(token)) => {
                let span = Span::new(scanner.token_start(), scanner.token_end());
                if !follow(&token, span, finder) {
                    finder.warn(span.start, "this front matter is nested too deeply; the rest is not read");
                    return;
                }
            }
            Err(error) => {
                let message = format!("this front matter is not valid JSON ({}); the rest is not read", error.kind());
                finder.warn(error.range().start, &message);
                return;
            }
        }
    }
}

fn follow(token: &Token<'_>, span: Span, finder: &mut Finder<'_, '_>) -> bool {
    match token {
        Token::OpenBrace => return finder.open(true),
        Token::OpenBracket => return finder.open(false),
        Token::CloseBrace | Token::CloseBracket if finder.depth() > 0 => finder.close(),
        Token::Comma => finder.next_entry(),
        Token::String(value) if span.len() >= 2 => {
            let span = Span::new(span.start + 1, span.end - 1);
            finder.scalar(&Scalar { value, span, layers: Layers::of(Layer::Json) });
        }
        Token::Word(key) if finder.at_key() => {
            finder.scalar(&Scalar { value: key, span, layers: Layers::of(Layer::Json) });
        }
        Token::Word(_) | Token::Number(_) | Token::Boolean(_) | Token::Null => finder.done(),
        _ => {}
    }
    true
}
