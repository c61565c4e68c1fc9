//! What `bundle` says at its end: as JSON for programs, as text for people.

use std::path::Path;

use bytesize::ByteSize;

use super::human::{count, number, push_lines};
use crate::bundle::{Division, Format, Made, Order};
use crate::sanitize;

#[derive(serde::Serialize)]
struct Json<'a> {
    format: &'static str,
    to: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    made: &'a Made,
}

/// One line of JSON, without a line end.
pub fn to_json(made: &Made, order: &Order) -> String {
    let json = Json { format: order.format.as_str(), to: order.to.to_string_lossy(), made };
    // Serialising numbers and text into a string has no way to fail.
    let serialised = serde_json::to_string(&json).unwrap_or_default();
    sanitize::json(&serialised).into_owned()
}

/// The same for people, ending in a line end.
pub fn to_text(made: &Made, order: &Order) -> String {
    let mut text = match made.missing {
        0 => "Every picture is in it.\n".to_owned(),
        missing => format!("{} missing: placeholders show which, and why.\n", are(missing)),
    };
    let files = match (made.files, made.bundles) {
        (1, _) => String::new(),
        (files, 1) => format!(" in {}", count(files, "file")),
        (files, bundles) if files == bundles => format!(" in {}", count(files, "file")),
        (files, bundles) => format!(" in {} of {}", count(files, "file"), count(bundles, "bundle")),
    };
    let mut lines = vec![
        ("Documents", number(made.documents)),
        ("Pictures", number(made.pictures)),
        ("Size", format!("{}{files}", ByteSize(made.bytes))),
        ("Proof", "read again: nothing in it asks for anything that is not in it".to_owned()),
        ("Result", sanitize::path(&order.to)),
    ];
    if made.missing > 0 {
        lines.push(("Next", "imgmirror check says what is missing; after another sync, bundle again".to_owned()));
    } else if let Some(open) = open(&order.to, order) {
        lines.push(("Next", format!("open {open} in a browser")));
    }
    push_lines(&mut text, &lines);
    text
}

fn are(missing: u64) -> String {
    match missing {
        1 => "1 picture is".to_owned(),
        many => format!("{} pictures are", number(many)),
    }
}

/// What a browser opens.
fn open(to: &Path, order: &Order) -> Option<String> {
    match (order.format, order.division) {
        (Format::Dir, Division::Together) => Some(sanitize::path(&to.join("index.html"))),
        (Format::Html, Division::Together) => Some(sanitize::path(to)),
        _ => None,
    }
}
