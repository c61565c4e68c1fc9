//! Reads a mirrored document in another way than the collector does, to disagree with it where it is wrong.
//!
//! HTML goes through scraper, a parser of whole pages; Markdown becomes HTML by pulldown-cmark's own writer and goes the
//! same way. CSS and front matter are searched as plain text. Nothing here knows the collector's code or its tables.
//!
//! It is simpler than the collector, and sees less: lazy attributes count when they are common or name an image, front
//! matter under common keys. What it sees must be explained; what it does not see was the collector's alone to find.

mod css;
mod front_matter;
mod markup;

use std::path::Path;

use super::blob_name;
use crate::document::Format;

/// A URL in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link<'a> {
    /// That a reader's browser, or the site, would ask a server for to show a picture.
    Remote(&'a str),
    /// That has the form of a local copy's.
    Blob(&'a str),
}

/// Takes every link to a picture.
pub(super) type Each<'e> = dyn FnMut(Link<'_>) + 'e;

/// Finds the links to pictures in the text of a document. One that stands in several places may be reported for each.
pub(super) fn read(path: &Path, text: &str, each: &mut Each<'_>) {
    let (front, body) = front_matter::split(text);
    front_matter::read(front, each);
    match Format::of(path, body) {
        Format::Css => css::read(body, each),
        Format::Markdown => markup::read(&rendered(body), each),
        Format::Html | Format::Svg => markup::read(body, each),
    }
}

fn rendered(markdown: &str) -> String {
    use pulldown_cmark::{Options, Parser, html};
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut page = String::with_capacity(markdown.len() + markdown.len() / 4);
    html::push_html(&mut page, Parser::new_ext(markdown, options));
    page
}

/// Whether a URL names a server.
fn is_remote(url: &str) -> bool {
    ["http://", "https://", "//", "\\\\"].iter().any(|start| starts_with(url, start))
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

/// Whether the path of a URL ends like the name of a picture.
fn names_picture(url: &str) -> bool {
    const ENDINGS: [&str; 10] = [".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg", ".bmp", ".ico", ".jxl"];
    let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| path.ends_with(ending))
}

/// Reports the words of a text that have the form of a local copy's link, whatever the text is.
fn blobs_in(text: &str, each: &mut Each<'_>) {
    // Most texts are short and name none.
    if text.len() < 64 {
        return;
    }
    let text = text.replace("\\/", "/");
    let ends_word = |c: char| c.is_whitespace() || "\"'`()<>[]{},;|\\".contains(c);
    for word in text.split(ends_word).filter(|word| word.len() >= 64) {
        if blob_name(word.split(['?', '#']).next().unwrap_or_default()).is_some() {
            each(Link::Blob(word));
        }
    }
}

#[cfg(test)]
mod tests;
