//! What blogs write in Markdown that CommonMark does not know.
//!
//! Sizes (`![a](u =100x20)`), destinations with spaces or templates in them, wiki embeds (`![[https://…]]`), attribute
//! lists (`{:data-echo="https://…"}`), and the tags of site generators (`{% image https://… %}`, `{{< figure src="…" >}}`).
//! Searched are stretches of text that the parser has found no image, code or HTML in.

use super::destination;
use crate::collect::lazy::{self, Attributes, Reading};
use crate::collect::value::{is_escaped, is_inert, is_local_copy};
use crate::collect::{Layer, Layers, Reference, Slot};
use crate::text::Span;

/// What a stretch of text holds.
pub(super) enum Found<'a> {
    Reference(Reference),
    /// A tag `{% name … %}` and where it stands.
    Tag(&'a str, usize),
}

/// Destinations longer than this are not looked for.
const MAX_DESTINATION: usize = 4096;

/// Tags whose argument is a picture, whatever its URL looks like.
const IMAGE_TAGS: &[&str] = &["fancybox", "figure", "image", "img", "imgur", "photo", "picture", "sinaimage"];

/// Searches `run`, a part of `text`. Spans are relative to `text`. Time is linear.
pub(super) fn scan<'a>(text: &'a str, run: Span, names_image: &dyn Fn(&str) -> bool, found: &mut dyn FnMut(Found<'a>)) {
    let mut scan = Scan { text: &text[..run.end], names_image, found, ends: [End::Unknown; 5] };
    let mut at = run.start;
    let mut image = None;
    while let Some(mark) = memchr::memchr3(b'!', b'{', b']', &scan.text.as_bytes()[at..]).map(|mark| at + mark) {
        let rest = &scan.text[mark..];
        let over = if !rest.starts_with('{') && is_escaped(scan.text, mark) {
            None
        } else if rest.starts_with("![[") {
            scan.wiki(mark)
        } else if rest.starts_with("![") {
            image = Some(mark + 2);
            None
        } else if rest.starts_with("](")
            && let Some(alt) = image.take()
            && closes_first_here(&scan.text[alt..mark])
        {
            scan.destination(mark + 2)
        } else if rest.starts_with("{%") {
            scan.tag(mark, "{%", Close::Percent)
        } else if rest.starts_with("{{<") {
            scan.tag(mark, "{{<", Close::Angle)
        } else if rest.starts_with("{{%") {
            scan.tag(mark, "{{%", Close::Percent)
        } else if rest.starts_with("{:") {
            scan.attributes(mark)
        } else {
            None
        };
        at = over.unwrap_or(mark + 1);
    }
}

/// What ends a construct.
#[derive(Clone, Copy)]
enum Close {
    Parenthesis,
    Brackets,
    Brace,
    Percent,
    Angle,
}

impl Close {
    fn text(self) -> &'static str {
        match self {
            Close::Parenthesis => ")",
            Close::Brackets => "]]",
            Close::Brace => "}",
            Close::Percent => "%}",
            Close::Angle => ">}}",
        }
    }
}

/// Where the next of its kind stands, so that no part of the text is searched twice for what is not there.
#[derive(Clone, Copy)]
enum End {
    Unknown,
    At(usize),
    Never,
}

struct Scan<'a, 'f> {
    text: &'a str,
    names_image: &'f dyn Fn(&str) -> bool,
    found: &'f mut dyn FnMut(Found<'a>),
    ends: [End; 5],
}

impl<'a> Scan<'a, '_> {
    /// The place of the next `close` from `at` on.
    fn end(&mut self, at: usize, close: Close) -> Option<usize> {
        let slot = &mut self.ends[close as usize];
        match *slot {
            End::At(end) if end >= at => return Some(end),
            End::Never => return None,
            _ => {}
        }
        let end = self.text.get(at..)?.find(close.text()).map(|found| at + found);
        *slot = end.map_or(End::Never, End::At);
        end
    }

    fn report(&mut self, slot: &'static str, start: usize, raw: &str, layer: Layer) {
        let url = if layer == Layer::MarkdownBare { destination::unescaped(raw) } else { raw.into() };
        if !is_inert(&url) {
            let span = Span::new(start, start + raw.len());
            let layers = Layers::of(layer);
            let reference = Reference { span, slot: Slot::new(slot), url: url.into_owned(), layers };
            (self.found)(Found::Reference(reference));
        }
    }

    /// `![[https://…|alt]]`. Returns where it ends.
    fn wiki(&mut self, mark: usize) -> Option<usize> {
        let start = mark + 3;
        let end = self.end(start, Close::Brackets).filter(|end| end - start <= MAX_DESTINATION)?;
        let inner = &self.text[start..end];
        let target = inner.split('|').next().unwrap_or_default();
        let url = target.trim();
        if !is_remote_or_copied(url) || url.contains(char::is_whitespace) {
            return None;
        }
        let lead = target.len() - target.trim_start().len();
        self.report("md:image", start + lead, url, Layer::Unescaped);
        Some(end + 2)
    }

    /// `(… )` of an image that CommonMark does not take for one.
    fn destination(&mut self, start: usize) -> Option<usize> {
        let mut end = start;
        // A destination may have parentheses in it.
        for _ in 0..16 {
            let close = self.end(end, Close::Parenthesis).filter(|close| close - start <= MAX_DESTINATION)?;
            let inner = &self.text[start..close];
            if inner.contains('\n') || inner.contains("![") {
                return None;
            }
            if !is_escaped(self.text, close) && unescaped_count(inner, '(') == unescaped_count(inner, ')') {
                let raw = self.readable(inner)?;
                let lead = inner.len() - inner.trim_start().len();
                self.report("md:image", start + lead, raw, Layer::MarkdownBare);
                return Some(close + 1);
            }
            end = close + 1;
        }
        None
    }

    /// The destination in what stands between the parentheses, if it is one of the forms that are known.
    fn readable(&self, inner: &'a str) -> Option<&'a str> {
        let inner = inner.trim();
        if let Some((before, size)) = inner.rsplit_once([' ', '\t'])
            && size.starts_with('=')
            && size[1..].bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'%'))
        {
            let url = untitled(before);
            return (!url.is_empty() && !url.contains(char::is_whitespace)).then_some(url);
        }
        let url = untitled(inner);
        let template = ["{{", "{%"].iter().any(|open| url.contains(open));
        (template || (is_remote_or_copied(url) && (self.names_image)(url))).then_some(url)
    }

    /// A tag and its arguments. Returns where it ends.
    fn tag(&mut self, mark: usize, open: &str, close: Close) -> Option<usize> {
        let start = mark + open.len();
        let end = self.end(start, close)?;
        let inner = &self.text[start..end];
        let mut words = words(inner);
        let (_, name) = words.next()?;
        let name = name.trim_matches(['-', '/']);
        if open == "{%" {
            (self.found)(Found::Tag(name, mark));
        }
        let mut takes_picture = IMAGE_TAGS.contains(&name);
        for (at, word) in words {
            let Some((key, lead, url)) = argument(word) else { continue };
            let own = matches!(key, "" | "src" | "url" | "image" | "img");
            if (takes_picture && own) || (self.names_image)(url) {
                self.report("md:tag", start + at + lead, url, Layer::Unescaped);
            }
            takes_picture &= !own;
        }
        Some(end + close.text().len())
    }

    /// `{: name="value" …}`. Returns where it ends.
    fn attributes(&mut self, mark: usize) -> Option<usize> {
        let mut at = mark + 2;
        let end = self.end(at, Close::Brace)?;
        while let Some(equals) = self.text[at..end].find('=').map(|found| at + found) {
            let name = self.text[at..equals].rsplit(char::is_whitespace).next().unwrap_or_default();
            let value = &self.text[equals + 1..end];
            let (lead, value) = match value.chars().next().filter(|quote| matches!(quote, '"' | '\'')) {
                Some(quote) => (1, value[1..].split(quote).next().unwrap_or_default()),
                None => (0, value.split(char::is_whitespace).next().unwrap_or_default()),
            };
            let start = equals + 1 + lead;
            let counts = match lazy::reading("img", &name.to_ascii_lowercase(), &NoOthers) {
                Some(Reading::Url) => true,
                Some(Reading::ImageUrl) => (self.names_image)(value.trim()),
                _ => false,
            };
            if counts {
                let space = value.len() - value.trim_start().len();
                self.report("md:attribute", start + space, value.trim(), Layer::Unescaped);
            }
            at = (start + value.len() + lead).min(end);
        }
        Some(end + 1)
    }
}

struct NoOthers;

impl Attributes for NoOthers {
    fn get(&self, _: &str) -> Option<&str> {
        None
    }
}

fn is_absolute(url: &str) -> bool {
    ["http://", "https://", "//"]
        .iter()
        .any(|start| url.len() > start.len() && url.get(..start.len()).is_some_and(|s| s.eq_ignore_ascii_case(start)))
}

/// A site's own paths are left alone here; links to local copies are what absolute URLs became.
fn is_remote_or_copied(url: &str) -> bool {
    is_absolute(url) || is_local_copy(url)
}

fn unescaped_count(text: &str, wanted: char) -> usize {
    text.match_indices(wanted).filter(|(at, _)| !is_escaped(text, *at)).count()
}

/// Whether a bracket that was opened before `text` is still open behind it, and no other is.
fn closes_first_here(text: &str) -> bool {
    let mut open = 0i32;
    let brackets = text.match_indices(['[', ']']).filter(|(at, _)| !is_escaped(text, *at));
    brackets.into_iter().all(|(_, bracket)| {
        open += if bracket == "[" { 1 } else { -1 };
        open >= 0
    }) && open == 0
}

/// What stands before a title.
fn untitled(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(before) = text.strip_suffix(quote)
            && let Some((url, _)) = before.rsplit_once(quote)
            && url.ends_with([' ', '\t'])
        {
            return url.trim_end();
        }
    }
    text
}

/// The words of a text and where they stand.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_ascii_whitespace().map(|word| (word.as_ptr() as usize - text.as_ptr() as usize, word))
}

/// The key of an argument, where its URL begins in it, and the URL: `https://…,`, `"https://…"`, `src="https://…"`,
/// `img:https://…`.
fn argument<'w>(word: &'w str) -> Option<(&'w str, usize, &'w str)> {
    let quotes: &[char] = &['"', '\''];
    let inner = |value: &'w str| value.split(quotes).next().unwrap_or_default().trim_end_matches(',');
    let bare = word.trim_start_matches(quotes);
    // A key has no slash in it: what has one is the path of a local copy.
    let keyed = word.split_once(['=', ':']).filter(|(key, _)| !is_absolute(bare) && !key.contains('/'));
    let (key, value) = keyed.map_or(("", bare), |(key, value)| (key, value.trim_start_matches(quotes)));
    let lead = word.len() - value.len();
    let url = inner(value);
    is_remote_or_copied(url).then_some((key, lead, url))
}
