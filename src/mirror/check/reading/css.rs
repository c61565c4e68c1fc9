//! CSS as plain text without its comments and strings: every `url(…)` that is not a font's, a style sheet's or a name
//! space's.

use super::{Each, Link, blobs_in, is_remote, starts_with};

/// Endings of what `url()` names besides pictures.
const OTHERS: [&str; 7] = [".woff", ".woff2", ".ttf", ".otf", ".eot", ".css", ".htc"];

/// Finds the pictures of a style sheet or of declarations.
pub(super) fn read(css: &str, each: &mut Each<'_>) {
    blobs_in(css, each);
    // Where the last statement or block began, and whether it is one whose addresses are no pictures'.
    let (mut statement, mut is_font) = (0, false);
    let mut at = 0;
    while let Some(c) = css[at..].chars().next() {
        let rest = &css[at..];
        at += match c {
            '/' if rest.starts_with("/*") => rest[2..].find("*/").map_or(rest.len(), |end| end + 4),
            '"' | '\'' => string(rest),
            '{' | '}' | ';' => {
                is_font = match c {
                    '{' => starts_with(css[statement..at].trim(), "@font-face"),
                    '}' => false,
                    _ => is_font,
                };
                statement = at + 1;
                1
            }
            'u' | 'U' if starts_with(rest, "url(") => {
                let url = argument(&rest["url(".len()..]);
                let is_other = is_font || OTHERS.iter().any(|ending| path(url).ends_with(ending));
                if is_remote(url) && !is_other && !is_at_rule(css[statement..at].trim()) {
                    each(Link::Remote(url));
                }
                "url(".len() + rest["url(".len()..].find(url).unwrap_or(0) + url.len() + 1
            }
            c => c.len_utf8(),
        };
        at = css.len().min(at);
        while !css.is_char_boundary(at) {
            at += 1;
        }
    }
}

/// The length of the string that a text begins with, quotes included; it ends with its line at the latest.
fn string(text: &str) -> usize {
    let quote = text.as_bytes().first().copied();
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => return at + 1,
            byte if Some(byte) == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// What stands between the parentheses, without quotes.
fn argument(rest: &str) -> &str {
    let rest = rest.trim_start();
    let argument = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest[1..].split(quote).next(),
        _ => rest.split(')').next().map(str::trim_end),
    };
    argument.unwrap_or_default()
}

fn path(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase()
}

fn is_at_rule(statement: &str) -> bool {
    ["@import", "@namespace"].iter().any(|name| starts_with(statement, name))
}
