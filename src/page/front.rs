//! What front matter says of an article, for its readers.

use granit_parser::{Event, Parser};

use crate::collect::front_matter::Kind;

/// The largest number of nested lists and maps that is read.
const MAX_DEPTH: usize = 64;

/// What a page shows of an article's front matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Front {
    pub title: Option<String>,
    pub author: Option<String>,
    pub date: Option<String>,
    pub language: Option<String>,
    /// URLs of pictures that stand for the article, the best first.
    pub covers: Vec<String>,
}

/// Keys under which site generators name the picture of an article, the best first.
const COVERS: [&str; 16] = [
    "headimg",
    "cover",
    "cover_image",
    "coverimage",
    "featured_image",
    "featuredimage",
    "feature_image",
    "hero",
    "hero_image",
    "top_img",
    "banner",
    "image",
    "og_image",
    "thumbnail",
    "thumb",
    "images",
];

/// Reads a block of front matter. What is not valid gives what stands before it.
pub fn read(kind: Kind, text: &str) -> Front {
    let mut entries: Vec<(String, String)> = Vec::new();
    match kind {
        Kind::Yaml => yaml(text, &mut entries),
        Kind::Toml => {
            let table = text.parse::<toml::Table>().unwrap_or_default();
            entries.extend(table.into_iter().filter_map(|(key, value)| Some((key, of_toml(&value)?))));
        }
        Kind::Json => {
            let braced = if text.trim_start().starts_with('{') { text.to_owned() } else { format!("{{{text}}}") };
            if let Ok(serde_json::Value::Object(map)) = serde_json::from_str(&braced) {
                entries.extend(map.into_iter().filter_map(|(key, value)| Some((key, of_json(&value)?))));
            }
        }
    }
    front(entries)
}

fn front(entries: Vec<(String, String)>) -> Front {
    let mut front = Front::default();
    let mut covers: Vec<(usize, String)> = Vec::new();
    for (key, value) in entries {
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        let key = key.to_ascii_lowercase().replace('-', "_");
        let place = match key.as_str() {
            "title" => &mut front.title,
            "author" | "authors" => &mut front.author,
            "date" | "pubdate" | "published" => &mut front.date,
            "lang" | "language" | "locale" => &mut front.language,
            _ => {
                if let Some(rank) = COVERS.iter().position(|known| *known == key) {
                    covers.push((rank, value.to_owned()));
                }
                continue;
            }
        };
        place.get_or_insert_with(|| value.to_owned());
    }
    covers.sort_by_key(|(rank, _)| *rank);
    front.covers = covers.into_iter().map(|(_, url)| url).collect();
    front
}

/// The keys of a map that say what it stands for.
const OF_MAPS: [&str; 4] = ["name", "url", "src", "path"];

/// A list or a map that is being read; of a map, the key whose value comes next.
enum Frame {
    List,
    Map(Option<String>),
}

/// The entries of the outermost map: scalars, the first scalar of a list, the first of [`OF_MAPS`] of a map.
fn yaml(text: &str, entries: &mut Vec<(String, String)>) {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut stack: Vec<Frame> = Vec::new();
    // What was found within the value of an outermost key.
    let mut within: Option<String> = None;
    for event in Parser::new_from_str_with_options(text, options) {
        let Ok((event, _)) = event else { break };
        match event {
            Event::MappingStart(..) => stack.push(Frame::Map(None)),
            Event::SequenceStart(..) => stack.push(Frame::List),
            Event::MappingEnd | Event::SequenceEnd => {
                stack.pop();
                let outermost = stack.len() == 1;
                if let Some(Frame::Map(key)) = stack.last_mut() {
                    let key = key.take();
                    if let (true, Some(key), Some(value)) = (outermost, key, within.take_if(|_| outermost)) {
                        entries.push((key, value));
                    }
                }
            }
            Event::Scalar(scalar, ..) => {
                let outermost = stack.len() == 1;
                match stack.last_mut() {
                    Some(Frame::Map(key)) => match key.take() {
                        None => *key = Some(scalar.to_string()),
                        Some(key) if outermost => entries.push((key, scalar.to_string())),
                        Some(key) if OF_MAPS.contains(&key.as_str()) => {
                            within.get_or_insert_with(|| scalar.to_string());
                        }
                        Some(_) => {}
                    },
                    Some(Frame::List) if !outermost => {
                        within.get_or_insert_with(|| scalar.to_string());
                    }
                    _ => {}
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                if let Some(Frame::Map(key)) = stack.last_mut() {
                    *key = if key.is_some() { None } else { Some(String::new()) };
                }
            }
            _ => {}
        }
    }
}

fn of_toml(value: &toml::Value) -> Option<String> {
    use toml::Value;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Datetime(date) => Some(date.to_string()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Array(list) => list.first().and_then(of_toml),
        Value::Table(map) => OF_MAPS.iter().find_map(|key| map.get(*key)).and_then(of_toml),
        Value::Float(_) | Value::Boolean(_) => None,
    }
}

fn of_json(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => list.first().and_then(of_json),
        Value::Object(map) => OF_MAPS.iter().find_map(|key| map.get(*key)).and_then(of_json),
        Value::Null | Value::Bool(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_stands_for_its_url_and_a_list_for_its_first() {
        for (text, cover) in [
            ("cover: a.png", "a.png"),
            ("cover:\n  alt: words\n  path: a.png\n  more: {url: b.png}", "a.png"),
            ("cover: [a.png, b.png]", "a.png"),
            ("cover:\n- caption: url\n  url: a.png\n- url: b.png", "a.png"),
            ("x: {path: no.png}\ncover: {src: a.png}\ny: [no.png]", "a.png"),
        ] {
            assert_eq!(read(Kind::Yaml, text).covers, [cover], "{text}");
        }
        assert_eq!(read(Kind::Yaml, "author:\n  - name: A\n    url: u\ntitle: T").author.as_deref(), Some("A"));
        assert_eq!(read(Kind::Toml, "[cover]\nalt = \"words\"\npath = \"a.png\"").covers, ["a.png"]);
        assert_eq!(read(Kind::Json, "{\"cover\": {\"path\": \"a.png\"}}").covers, ["a.png"]);
    }
}
