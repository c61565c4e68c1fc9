//! CSS as plain text: every `url(…)` that is not a font's, a style sheet's or a name space's.

use super::{Each, Link, blobs_in, is_remote};

/// Endings of what `url()` names besides pictures.
const OTHERS: [&str; 6] = [".woff", ".woff2", ".ttf", ".otf", ".eot", ".css"];

/// Finds the pictures of a style sheet or of declarations.
pub(super) fn read(css: &str, each: &mut Each<'_>) {
    blobs_in(css, each);
    let lower = css.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find("url(").map(|at| from + at) {
        let start = at + "url(".len();
        let Some(url) = argument(&css[start..]) else { break };
        from = start;
        let is_other = OTHERS.iter().any(|ending| path(url).ends_with(ending));
        if is_remote(url) && !is_other && !is_in_other_rule(&lower[..at]) {
            each(Link::Remote(url));
        }
    }
}

/// What stands between the parentheses, without quotes.
fn argument(rest: &str) -> Option<&str> {
    let rest = rest.trim_start();
    match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next(),
        _ => rest.split(')').next().map(str::trim_end),
    }
}

fn path(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase()
}

/// Whether what stands before a `url(` makes it that of a font or of another style sheet.
fn is_in_other_rule(before: &str) -> bool {
    let statement = before.rsplit([';', '{', '}']).next().unwrap_or_default();
    let is_statement = ["@import", "@namespace"].iter().any(|name| statement.trim_start().starts_with(name));
    let block = before.rfind('{').filter(|open| before.rfind('}').is_none_or(|close| close < *open));
    is_statement || block.is_some_and(|open| before[..open].trim_end().ends_with("@font-face"))
}
