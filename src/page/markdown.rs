//! What Markdown of site generators has beyond CommonMark, as far as readers would miss it.

use std::borrow::Cow;
use std::collections::HashMap;

use pulldown_cmark::{CowStr, Event, Parser, Tag, TagEnd};

use crate::collect::value::blob_name;

/// Tags of template languages: how they begin and end.
const TAGS: [(&str, &str); 3] = [("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}")];

/// Puts an image in the place of every template tag that names a local copy (`{{< figure src="…" >}}`). Other tags stay
/// as they are: what a generator makes of them is not known.
pub fn with_figures(text: &str) -> Cow<'_, str> {
    if !text.contains("{{") && !text.contains("{%") {
        return Cow::Borrowed(text);
    }
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, tag) = rest.split_at(at);
        made.push_str(before);
        let found = TAGS.iter().find_map(|(begins, ends)| {
            let inner = tag.strip_prefix(begins)?;
            // On one line, as generators want it.
            let line = inner.split('\n').next().unwrap_or_default();
            line.find(ends).map(|end| (&line[..end], begins.len() + end + ends.len()))
        });
        match found.and_then(|(inner, length)| Some((copy_in(inner)?, length))) {
            Some((url, length)) => {
                made.push_str("<img src=\"");
                made.push_str(url);
                made.push_str("\">");
                rest = &tag[length..];
            }
            None => {
                made.push('{');
                rest = &tag[1..];
            }
        }
    }
    made.push_str(rest);
    Cow::Owned(made)
}

/// The first local copy that a tag names.
fn copy_in(tag: &str) -> Option<&str> {
    tag.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=')).find(|word| blob_name(word).is_some())
}

/// Names headings by their words, as sites do, so that links within the page lead to them.
pub fn with_anchors<'t>(parser: Parser<'t>) -> Vec<Event<'t>> {
    let mut events: Vec<Event<'t>> = Vec::new();
    let mut heading: Option<(usize, String)> = None;
    let mut used: HashMap<String, usize> = HashMap::new();
    for event in parser {
        match &event {
            Event::Start(Tag::Heading { id: None, .. }) => heading = Some((events.len(), String::new())),
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, words)) = &mut heading {
                    words.push_str(text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((at, words)) = heading.take() {
                    name(&mut events[at], &words, &mut used);
                }
            }
            _ => {}
        }
        events.push(event);
    }
    events
}

fn name(start: &mut Event<'_>, words: &str, used: &mut HashMap<String, usize>) {
    let lower = words.trim().to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    let slug: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
    if slug.is_empty() {
        return;
    }
    let count = used.entry(slug.clone()).or_default();
    let unique = if *count == 0 { slug } else { format!("{slug}-{count}") };
    *count += 1;
    if let Event::Start(Tag::Heading { id, .. }) = start {
        *id = Some(CowStr::from(unique));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_with_local_copies_become_images() {
        let copy = format!("../assets/ab/{}.png", "ab".repeat(32));
        for tag in ["{{< figure src=\"COPY\" title=\"x\" >}}", "{% image COPY %}", "{{% img COPY %}}"] {
            let text = format!("a {} b", tag.replace("COPY", &copy));
            assert_eq!(with_figures(&text), format!("a <img src=\"{copy}\"> b"));
        }
        for text in ["{{ page.title }} {% raw %}", "{{< figure src=\"a.png\" >}}", "{", "{{<", "{% image\n%}"] {
            assert_eq!(with_figures(text), text);
        }
    }

    #[test]
    fn headings_have_the_names_that_links_use() {
        let mut page = String::new();
        let text = "# Two words!\n\n## Two words\n\n## 第一章\n\n## Own {#mine}\n";
        let options = pulldown_cmark::Options::ENABLE_HEADING_ATTRIBUTES;
        pulldown_cmark::html::push_html(&mut page, with_anchors(Parser::new_ext(text, options)).into_iter());
        for id in ["id=\"two-words\"", "id=\"two-words-1\"", "id=\"第一章\"", "id=\"mine\""] {
            assert!(page.contains(id), "{id} in {page}");
        }
    }
}
