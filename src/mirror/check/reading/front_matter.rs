//! Front matter as lines of text: what stands behind a few well-known keys.

use super::{Each, Link, blobs_in, is_remote};

/// Keys under which sites of all kinds name a picture.
const KEYS: [&str; 16] = [
    "banner",
    "cover",
    "featured_image",
    "featuredimage",
    "gallery",
    "headimg",
    "hero",
    "hero_image",
    "image",
    "images",
    "og_image",
    "photos",
    "thumb",
    "thumbnail",
    "thumbnails",
    "top_img",
];

/// The front matter of a text and what stands behind it. Either may be empty.
pub(super) fn split(text: &str) -> (&str, &str) {
    let start = text.len() - text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace()).len();
    let rest = &text[start..];
    let first = rest.lines().next().unwrap_or_default().trim_end();
    if !matches!(first, "---" | "+++" | ";;;") {
        return if first == "{" { json(text, start) } else { ("", text) };
    }
    let mut at = start;
    for (number, line) in rest.split_inclusive('\n').enumerate() {
        at += line.len();
        if number > 0 && line.trim_end() == first {
            return text.split_at(at);
        }
    }
    ("", text)
}

/// A JSON object that stands in front, to the brace that closes it at the beginning of a line.
fn json(text: &str, start: usize) -> (&str, &str) {
    match text[start..].find("\n}") {
        Some(end) => text.split_at(start + end + "\n}".len()),
        None => ("", text),
    }
}

pub(super) fn read(front: &str, each: &mut Each<'_>) {
    blobs_in(front, each);
    let mut is_picture = false;
    for line in front.lines() {
        let value = match key(line) {
            Some((name, value)) => {
                is_picture = KEYS.contains(&name.to_ascii_lowercase().as_str());
                value
            }
            None => line,
        };
        let ends_word = |c: char| c.is_whitespace() || "\"',[]{}".contains(c);
        for word in value.split(ends_word).filter(|word| is_picture && is_remote(word)) {
            each(Link::Remote(word));
        }
    }
}

/// A line's key and what stands behind it.
fn key(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(|c: char| c.is_whitespace() || c == '-' || c == '{');
    let end = line.find([':', '='])?;
    let name = line[..end].trim().trim_matches(['"', '\'']);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    // `https://…` in a list is no key.
    (is_name && !line[end..].starts_with("://")).then_some((name, &line[end + 1..]))
}
