//! `--select 'div.gallery@data-full'`: attributes that the user names by CSS selector.
//!
//! Selectors need a tree, and trees know no positions. So every start tag of a copy of the page is numbered before
//! scraper parses it; the numbers of the elements that match lead back to the tags of the page itself.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::str::FromStr;

use scraper::{Html, Selector};

use super::walk::{Visit, walk};

/// A CSS selector and the attribute of the matching elements that holds a picture.
#[derive(Debug, Clone)]
pub struct Select {
    selector: Selector,
    attribute: String,
}

impl FromStr for Select {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (selector, attribute) = text
            .rsplit_once('@')
            .filter(|(selector, attribute)| !selector.trim().is_empty() && !attribute.trim().is_empty())
            .ok_or_else(|| {
                format!("{text:?} names no attribute; write SELECTOR@ATTRIBUTE, like div.gallery@data-full")
            })?;
        let selector =
            Selector::parse(selector.trim()).map_err(|error| format!("{selector:?} is no CSS selector: {error}"))?;
        Ok(Select { selector, attribute: attribute.trim().to_ascii_lowercase() })
    }
}

/// By the number of the start tag, the attributes that were named.
pub(super) type Selected = HashMap<usize, Vec<String>>;

const NUMBER: &str = "data-imgmirror-tag";

/// Finds the elements that `selects` name. Costs a second parse, so nothing is done without selectors.
pub(super) fn matches(html: &str, selects: &[Select]) -> Selected {
    let mut selected = Selected::new();
    if selects.is_empty() {
        return selected;
    }
    let page = Html::parse_document(&numbered(html));
    for select in selects {
        for element in page.select(&select.selector) {
            if let Some(number) = element.value().attr(NUMBER).and_then(|number| number.parse().ok()) {
                selected.entry(number).or_default().push(select.attribute.clone());
            }
        }
    }
    selected
}

fn numbered(html: &str) -> String {
    let mut copy = String::with_capacity(html.len() + html.len() / 4);
    let (mut from, mut index) = (0, 0usize);
    walk(html, &mut |visit| {
        if let Visit::Tag(tag) = visit {
            let rest = &html[tag.span.start + 1..];
            let name = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>')).unwrap_or(rest.len());
            let behind = tag.span.start + 1 + name;
            copy.push_str(&html[from..behind]);
            let _ = write!(copy, " {NUMBER}=\"{index}\"");
            from = behind;
            index += 1;
        }
    });
    copy.push_str(&html[from..]);
    copy
}
