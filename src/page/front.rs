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

/// The entries of the outermost map: scalars, the first scalar of a list, the first `name`, `url` or `src` of a map.
fn yaml(text: &str, entries: &mut Vec<(String, String)>) {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut depth = 0usize;
    let mut key: Option<String> = None;
    let mut value: Option<String> = None;
    for event in Parser::new_from_str_with_options(text, options) {
        let Ok((event, _)) = event else { break };
        match event {
            Event::MappingStart(..) | Event::SequenceStart(..) => depth += 1,
            Event::MappingEnd | Event::SequenceEnd => {
                depth = depth.saturating_sub(1);
                if depth == 1
                    && let (Some(key), Some(value)) = (key.take(), value.take())
                {
                    entries.push((key, value));
                }
            }
            Event::Scalar(scalar, ..) if depth == 1 => match key.take() {
                None => (key, value) = (Some(scalar.to_string()), None),
                Some(key) => entries.push((key, scalar.to_string())),
            },
            Event::Scalar(scalar, ..) if depth > 1 => {
                let named = matches!(&*scalar, "name" | "url" | "src");
                if value.is_none() && !named {
                    value = Some(scalar.to_string());
                }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) if depth == 1 => key = None,
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
        Value::Table(map) => ["name", "url", "src"].iter().find_map(|key| map.get(*key)).and_then(of_toml),
        Value::Float(_) | Value::Boolean(_) => None,
    }
}

fn of_json(value: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(list) => list.first().and_then(of_json),
        Value::Object(map) => ["name", "url", "src"].iter().find_map(|key| map.get(*key)).and_then(of_json),
        Value::Null | Value::Bool(_) => None,
    }
}
