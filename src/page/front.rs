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
    front.date = front.date.map(|date| day(&date).unwrap_or(date));
    covers.sort_by_key(|(rank, _)| *rank);
    front.covers = covers.into_iter().map(|(_, url)| url).collect();
    front
}

/// The day of a date in one of the forms that sites write (RFC 2822, RFC 3339, ISO 8601), as its writer counted days.
pub fn day(date: &str) -> Option<String> {
    // Sites get the day of the week wrong, which says nothing of the rest.
    let behind = date.split_once(", ").map_or(date, |(_, behind)| behind);
    let mail = || jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(behind).ok().map(|zoned| zoned.date());
    let plain =
        || date.get(..10).filter(|_| date.get(10..11).is_none_or(|next| matches!(next, "T" | " ")))?.parse().ok();
    plain().or_else(mail).map(|day: jiff::civil::Date| day.to_string())
}

/// The entries of the outermost map: scalars, the first scalar of a list, the `name`, `url` or `src` of a map.
fn yaml(text: &str, entries: &mut Vec<(String, String)>) {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut reader = Yaml { open: Vec::new(), key: None, found: None, entries };
    for event in Parser::new_from_str_with_options(text, options) {
        let Ok((event, _)) = event else { break };
        match event {
            Event::MappingStart(..) => reader.open.push(Open::Map { key: None }),
            Event::SequenceStart(..) => reader.open.push(Open::List),
            Event::MappingEnd | Event::SequenceEnd => reader.close(),
            Event::Scalar(scalar, ..) => reader.scalar(Some(&scalar)),
            Event::Alias(_) | Event::UnresolvedAlias(_) => reader.scalar(None),
            _ => {}
        }
    }
}

/// A list or a map that has begun and not ended; of a map the key whose value is awaited.
enum Open {
    List,
    Map { key: Option<String> },
}

struct Yaml<'e> {
    open: Vec<Open>,
    /// The key of the outermost map that is being read.
    key: Option<String>,
    /// What stands for its value.
    found: Option<String>,
    entries: &'e mut Vec<(String, String)>,
}

impl Yaml<'_> {
    /// A scalar, or a value that is not known.
    fn scalar(&mut self, scalar: Option<&str>) {
        let is_outermost = self.open.len() == 1;
        let value = match self.open.last_mut() {
            Some(Open::Map { key }) => match key.take() {
                None => {
                    let text = scalar.unwrap_or_default().to_owned();
                    if is_outermost {
                        (self.key, self.found) = (Some(text.clone()), None);
                    }
                    *key = Some(text);
                    return;
                }
                Some(key) => scalar.filter(|_| is_outermost || matches!(key.as_str(), "name" | "url" | "src")),
            },
            Some(Open::List) => scalar,
            None => None,
        };
        if self.found.is_none() {
            self.found = value.map(str::to_owned);
        }
        if is_outermost {
            self.end_entry();
        }
    }

    fn close(&mut self) {
        self.open.pop();
        if let Some(Open::Map { key }) = self.open.last_mut() {
            *key = None;
        }
        if self.open.len() == 1 {
            self.end_entry();
        }
    }

    fn end_entry(&mut self) {
        if let (Some(key), Some(found)) = (self.key.take(), self.found.take()) {
            self.entries.push((key, found));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_syntax_says_who_wrote_what_and_when() {
        let yaml = "title: 'A: b'\ntags: [x, y]\nauthor:\n  avatar: a.png\n  name: Ann\ndate: 2022-01-02\n\
                    nested:\n  title: no\nphotos:\n - src: p.jpg\nthumbnail: t.jpg\nheadimg: h.jpg\n";
        let toml =
            "title = 'A: b'\nauthor = { name = 'Ann' }\ndate = 2022-01-02\nheadimg = 'h.jpg'\nthumbnail = 't.jpg'\n";
        let json = r#"{"title": "A: b", "author": ["Ann"], "date": "2022-01-02", "headimg": {"url": "h.jpg"}, "thumbnail": "t.jpg"}"#;
        for (kind, text) in [(Kind::Yaml, yaml), (Kind::Toml, toml), (Kind::Json, json)] {
            let front = read(kind, text);
            assert_eq!(front.title.as_deref(), Some("A: b"), "{kind:?}");
            assert_eq!(front.author.as_deref(), Some("Ann"), "{kind:?}");
            assert_eq!(front.date.as_deref(), Some("2022-01-02"), "{kind:?}");
            assert_eq!(front.covers, ["h.jpg", "t.jpg"], "{kind:?}");
        }
    }

    #[test]
    fn a_date_is_told_by_its_day() {
        for (date, day_of) in [
            ("Wed, 30 Jun 2021 03:10:28 GMT", Some("2021-06-30")),
            ("Mon, 5 Feb 2022 23:22:00 +0800", Some("2022-02-05")),
            ("2022-01-02", Some("2022-01-02")),
            ("2022-01-02 10:00:00", Some("2022-01-02")),
            ("2022-05-06T07:08:09Z", Some("2022-05-06")),
            ("last spring", None),
            ("2022-01-021", None),
            ("2022-13-01", None),
        ] {
            assert_eq!(day(date).as_deref(), day_of, "{date}");
        }
    }

    #[test]
    fn what_is_not_valid_gives_what_stands_before_it() {
        let front = read(Kind::Yaml, "title: A\nauthor: [b\n: : c\n");
        assert_eq!(front.title.as_deref(), Some("A"));
        assert_eq!(read(Kind::Toml, "title = "), Front::default());
        assert_eq!(read(Kind::Json, "{"), Front::default());
    }
}
