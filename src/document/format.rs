//! Which syntax a document's body is written in.
//!
//! Saved articles are kept as HTML in `.md` and `.txt` files, and Markdown holds HTML. The two readings differ in what
//! they lose: Markdown takes an indented tag behind a blank line for code, HTML knows no Markdown picture. So what
//! decides is whether the text shows any Markdown where a Markdown reader would look for it.

use std::path::Path;

/// The syntax of a document's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Html,
    Markdown,
    Css,
    Svg,
}

impl Format {
    /// The format of a body: by its content first, then by the file's extension.
    ///
    /// `body` is the text behind the front matter, if there is any. One that begins like a whole page is HTML. One that
    /// begins with a block tag is, unless it goes on in Markdown; text files are also when they begin with any tag or
    /// hold a block tag somewhere.
    pub fn of(path: &Path, body: &str) -> Format {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        match extension.as_str() {
            "css" => return Format::Css,
            "svg" => return Format::Svg,
            "html" | "htm" | "xhtml" | "shtml" | "xht" => return Format::Html,
            _ => {}
        }
        let body = body.trim();
        if starts_like_svg(body) {
            return Format::Svg;
        }
        let is_text = matches!(extension.as_str(), "txt" | "text");
        if is_html(body, is_text) { Format::Html } else { Format::Markdown }
    }
}

fn is_html(body: &str, is_text: bool) -> bool {
    let first = tag_name(behind_comments(body));
    if first.is_some_and(|name| is_one_of(name, PAGE_TAGS)) {
        return true;
    }
    let tolerated = if first.is_some_and(|name| is_one_of(name, BLOCK_TAGS)) && ends_with_tag(body) {
        Markdown::Syntax
    } else if is_text && (first.is_some() || holds_block_tag(body)) {
        Markdown::Hints
    } else if first.is_some_and(|name| is_one_of(name, BLOCK_TAGS)) {
        Markdown::None
    } else {
        return false;
    };
    // Most articles end here, before any of their lines is looked at.
    (tolerated == Markdown::Syntax && !may_show_pictures(body)) || markdown_in(body) <= tolerated
}

/// Whether a text has anything in it that [`markdown_of_line`] could take for [`Markdown::Pictures`].
fn may_show_pictures(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr2_iter(b'!', b'{', bytes).any(|at| matches!(bytes[at..], [b'!', b'[', ..] | [b'{', b'%' | b'{', ..]))
}

/// How much Markdown a text shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Markdown {
    None,
    /// Lists, quotations, emphasis: plain text has them too.
    Hints,
    /// Headings, links, code.
    Syntax,
    /// What only a Markdown reader takes for a picture.
    Pictures,
}

/// Elements whose content is not looked at, with what ends them.
const OPAQUE: &[(&str, &str)] = &[
    ("<!--", "-->"),
    ("<script", "</script"),
    ("<style", "</style"),
    ("<pre", "</pre"),
    ("<code", "</code"),
    ("<textarea", "</textarea"),
];

/// The most that is seen outside of HTML blocks (CommonMark 0.31, section 4.6: they begin with a tag and end with a
/// blank line) and of [`OPAQUE`] elements.
fn markdown_in(text: &str) -> Markdown {
    let mut most = Markdown::None;
    let (mut in_block, mut behind_blank) = (false, true);
    let mut closer = None;
    for line in text.lines() {
        let content = line.trim();
        if let Some(end) = closer {
            if find(content.as_bytes(), end).is_some() {
                closer = None;
            }
            continue;
        }
        closer = left_open(content);
        if content.is_empty() {
            (in_block, behind_blank) = (false, true);
            continue;
        }
        in_block |= content.starts_with("</") || content.starts_with("<!") || tag_name(content).is_some();
        let is_code = behind_blank && line.len() - line.trim_start().len() >= 4;
        if !in_block && !is_code {
            most = most.max(markdown_of_line(content));
        }
        behind_blank = false;
    }
    most
}

/// What ends the opaque element that a line leaves open, if it does.
fn left_open(line: &str) -> Option<&'static str> {
    let mut rest = line.as_bytes();
    while let Some(at) = memchr::memchr(b'<', rest) {
        rest = &rest[at..];
        let opens =
            |open: &str| rest.get(..open.len()).is_some_and(|start| start.eq_ignore_ascii_case(open.as_bytes()));
        rest = match OPAQUE.iter().find(|(open, _)| opens(open)) {
            None => &rest[1..],
            Some((open, close)) => {
                let inside = &rest[open.len()..];
                match find(inside, close) {
                    None => return Some(close),
                    Some(end) => &inside[end + close.len()..],
                }
            }
        };
    }
    None
}

/// Where `end`, one of the ends of [`OPAQUE`], stands in `text`, in any case of letters.
fn find(text: &[u8], end: &str) -> Option<usize> {
    let (first, end) = (end.as_bytes()[0], end.as_bytes());
    memchr::memchr_iter(first, text)
        .find(|at| text.get(*at..at + end.len()).is_some_and(|found| found.eq_ignore_ascii_case(end)))
}

fn markdown_of_line(line: &str) -> Markdown {
    let destination = line.contains("](") || line.contains("][");
    let site_tag = ["{% img ", "{% asset_img ", "{{< ", "{{% "].iter().any(|tag| line.contains(tag));
    if site_tag || line.contains("![[") || (destination && line.contains("![")) {
        return Markdown::Pictures;
    }
    let heading = line.trim_start_matches('#');
    let is_heading = (1..=6).contains(&(line.len() - heading.len())) && heading.starts_with([' ', '\t']);
    let is_definition = line.starts_with('[') && line.contains("]: ");
    if is_heading || destination || is_definition || line.contains('`') || line.starts_with("~~~") || has_autolink(line)
    {
        return Markdown::Syntax;
    }
    let number = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_item = ["- ", "* ", "+ ", "> "].iter().any(|mark| line.starts_with(mark))
        || (number.len() < line.len() && number.starts_with(". "));
    let is_rule = ["---", "===", "***"].iter().any(|rule| line.starts_with(rule));
    if is_item || is_rule || line.contains("**") || line.contains("__") { Markdown::Hints } else { Markdown::None }
}

fn has_autolink(line: &str) -> bool {
    line.contains("<http://") || line.contains("<https://")
}

fn starts_like_svg(text: &str) -> bool {
    let rest = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map_or(text, |(_, rest)| rest);
    rest.trim_start().strip_prefix("<svg").is_some_and(|rest| rest.starts_with(|c: char| !c.is_alphanumeric()))
}

/// Tags with which a whole page begins.
const PAGE_TAGS: &[&str] = &["!doctype", "html", "head", "body", "frameset"];

/// Tags with which an HTML body begins. A paragraph of Markdown may begin with an inline tag, so those are not here.
const BLOCK_TAGS: &[&str] = &[
    "article",
    "aside",
    "blockquote",
    "center",
    "dir",
    "div",
    "dl",
    "fieldset",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "iframe",
    "link",
    "main",
    "menu",
    "meta",
    "nav",
    "noscript",
    "ol",
    "p",
    "picture",
    "pre",
    "script",
    "section",
    "style",
    "table",
    "title",
    "ul",
];

fn is_one_of(name: &str, tags: &[&str]) -> bool {
    tags.iter().any(|tag| name.eq_ignore_ascii_case(tag))
}

fn behind_comments(text: &str) -> &str {
    let mut rest = text;
    while let Some(comment) = rest.strip_prefix("<!--") {
        rest = comment.split_once("-->").map_or("", |(_, after)| after).trim_start();
    }
    rest
}

/// The name of the tag that `text` begins with. What goes on behind the name like a URL or an address is none.
fn tag_name(text: &str) -> Option<&str> {
    let rest = text.strip_prefix('<')?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '!' | '-'))).unwrap_or(rest.len());
    let whole = rest[end..].starts_with(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
    (whole && rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '!')).then_some(&rest[..end])
}

fn holds_block_tag(text: &str) -> bool {
    let tags = memchr::memchr_iter(b'<', text.as_bytes());
    tags.filter_map(|at| tag_name(&text[at..])).any(|name| is_one_of(name, BLOCK_TAGS) || is_one_of(name, PAGE_TAGS))
}

fn ends_with_tag(text: &str) -> bool {
    text.ends_with('>') && text.rfind('<').is_some_and(|at| text[at..].len() > 2 && !has_autolink(&text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_before_the_extension() {
        let cases = [
            ("a.html", "anything", Format::Html),
            ("a.css", "a{}", Format::Css),
            ("a.svg", "<svg/>", Format::Svg),
            ("a.txt", "<div>   \n<p>x</p>\n</div>\n      ", Format::Html),
            ("a.md", "<div>x</div>", Format::Html),
            ("a.md", "<!-- c -->\n<!DOCTYPE html>\n<html></html>", Format::Html),
            ("a.md", "<!DOCTYPE html>\n<body>\n\n![](a.jpg)", Format::Html),
            ("a.md", "<img src=a> and text", Format::Markdown),
            ("a.md", "<div>x</div>\n\n![](a.jpg)", Format::Markdown),
            ("a.md", "# Title\n<div>x</div>", Format::Markdown),
            ("a.txt", "<?xml version=\"1.0\"?>\n<svg xmlns=\"x\"></svg>", Format::Svg),
            ("a", "", Format::Markdown),
        ];
        for (path, body, want) in cases {
            assert_eq!(Format::of(Path::new(path), body), want, "{path} {body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_without_their_marks_shows_pictures(text in "([a-c# \n]|\\[|\\]|\\(|!|\\{|%|<|>|img |asset_img |<pre>|</pre>){0,24}") {
            proptest::prop_assert!(may_show_pictures(&text) || markdown_in(&text) < Markdown::Pictures);
        }
    }

    #[test]
    fn html_stays_html_where_it_does_not_look_tidy() {
        for (path, body) in [
            ("a.txt", "<img src=1><br>\n\n    <img src=2>"),
            ("a.txt", "<span>x</span>\n\n    <img src=2>\ntail"),
            ("a.txt", "Some text <b>x</b>\n<p>\n\n     <img src=1>"),
            ("a.txt", "Some text\n- one\n<P class=a>\n\n     <img src=1>"),
            ("a.txt", "<p>x\n\n- one **two**\n\n    <img src=1>\n\nthe end"),
            ("a.md", "<article><p>\n\n     <p><img src=1></p></article>\ntail text"),
            ("a.md", "<article>\n\n<pre>\n# install\n\n![](a.jpg)\n</pre>\n\n    <img src=1></article>\ntail"),
            ("a.md", "<div>\n\n<script>\n\na[0](b); ![c](d)\n</script>\n\n    <img src=1></div>"),
            ("a.md", "<div>\n![](a.jpg)\n</div>"),
            ("a.md", "<p>one</p>\n\n# two `x` [y](z)\n\n<p>three</p>"),
        ] {
            assert_eq!(Format::of(Path::new(path), body), Format::Html, "{path} {body}");
        }
    }

    #[test]
    fn markdown_stays_markdown_around_blocks_of_html() {
        for (path, body) in [
            ("a.md", "<p align=center><img src=1></p>\n\n# Title\n\ntext"),
            ("a.md", "<div>x</div>\n\nSome **bold** words."),
            ("a.md", "<div>x</div>\n\n- one\n- two"),
            ("a.md", "<div>x</div>\n\nsee <https://h/a.jpg>"),
            ("a.md", "<div>x</div>\n\n```html\n<img src=a>\n```"),
            ("a.md", "<div>x</div>\n\n![](a.jpg)\n\n<div>y</div>"),
            ("a.md", "<div>x</div>\n\n![a][b]\n\n<div>y</div>"),
            ("a.md", "<div>x</div>\n\n{{< figure src=\"a.jpg\" >}}\n\n<div>y</div>"),
            ("a.md", "<span>x</span>\n\n    <img src=code>"),
            ("a.md", "text\n\n<div>x</div>\n\n    <img src=code>"),
            ("a.txt", "<p>x</p>\n\n![](a.jpg)"),
            ("a.txt", "text with <p> and `code`"),
            ("a.txt", "# Title\n\n<div>x</div>"),
            ("a.txt", "<https://h/a.jpg>\n\ntext"),
            ("a.txt", "<me@h.example> wrote\n\n    <img src=quoted>"),
            ("a.txt", "only text"),
        ] {
            assert_eq!(Format::of(Path::new(path), body), Format::Markdown, "{path} {body}");
        }
    }
}
