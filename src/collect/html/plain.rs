//! Tags that are written as nearly all are, read without the tokenizer.
//!
//! A plain tag has names of lower-case letters, digits and a few marks, and values in quotes; one look at each byte is
//! enough for it. At the first `<` of anything else (comments, capitals, values without quotes, the end of the file within
//! a tag …) the tokenizer is asked, which knows all of WHATWG HTML 13.2.5. In front of a `<`, text is nothing but text:
//! no character reference takes one in.

use html5gum::State;

use super::walk::{AttributeSlot, MAX_ATTRIBUTES, Walker};

impl Walker<'_, '_> {
    /// Follows plain tags from the current position, which is in text. Returns in which state the tokenizer must go on
    /// from where that ends, `None` at the end of the source.
    pub(super) fn plain_tags(&mut self) -> Option<State> {
        let bytes = self.source.as_bytes();
        while !self.is_over {
            let found = memchr::memchr(b'<', bytes.get(self.position..)?)?;
            let start = self.position + found;
            let is_end = bytes.get(start + 1) == Some(&b'/');
            let end = if is_end { self.plain_end_tag(start) } else { self.plain_start_tag(start) };
            let Some(end) = end else {
                self.position = start;
                return Some(State::Data);
            };
            self.position = end;
            if is_end {
                continue;
            }
            self.is_plain = true;
            self.tag_start = start;
            if let Some(state) = self.start_tag() {
                return Some(state);
            }
        }
        None
    }

    /// Follows the end tag at `start`; returns where it ends.
    fn plain_end_tag(&mut self, start: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let end = end_of_name(bytes, start + 2);
        let is_plain = bytes.get(start + 2)?.is_ascii_lowercase() && bytes.get(end) == Some(&b'>');
        // Its name says something only where something else than HTML is open.
        if is_plain && !self.foreign.is_empty() {
            self.plain_name(start + 2)?;
            self.end_tag();
        }
        is_plain.then_some(end + 1)
    }

    /// Reads the start tag at `start`; returns where it ends.
    fn plain_start_tag(&mut self, start: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let mut at = self.plain_name(start + 1)?;
        self.slots.clear();
        self.self_closing = false;
        loop {
            let behind = at;
            at += bytes[at..].iter().take_while(|b| is_space(**b)).count();
            match *bytes.get(at)? {
                b'>' => return Some(at + 1),
                b'/' => {
                    self.self_closing = true;
                    return (bytes.get(at + 1) == Some(&b'>')).then_some(at + 2);
                }
                // Only white space parts one attribute from the next.
                _ if at == behind => return None,
                _ => at = self.plain_attribute(at)?,
            }
        }
    }

    /// Takes the name of a tag that begins at `start`; returns where it ends.
    fn plain_name(&mut self, start: usize) -> Option<usize> {
        let end = end_of_name(self.source.as_bytes(), start);
        let name = self.source.get(start..end)?;
        self.name.clear();
        self.name.push_str(name);
        name.starts_with(|c: char| c.is_ascii_lowercase()).then_some(end)
    }

    /// Takes the attribute that begins at `start`; returns where it ends.
    fn plain_attribute(&mut self, start: usize) -> Option<usize> {
        let bytes = self.source.as_bytes();
        let name_end = end_of_name(bytes, start);
        let (value, end) = match *bytes.get(name_end)? {
            _ if name_end == start => return None,
            b'=' => {
                let quote = bytes.get(name_end + 1).filter(|byte| matches!(**byte, b'"' | b'\''))?;
                let value = name_end + 2;
                (Some(value), value + memchr::memchr(*quote, &bytes[value..])? + 1)
            }
            b'>' | b'/' => (None, name_end),
            byte if is_space(byte) => {
                let next = bytes[name_end..].iter().find(|b| !is_space(**b))?;
                if *next == b'=' {
                    return None;
                }
                (None, name_end)
            }
            _ => return None,
        };
        if self.slots.len() < MAX_ATTRIBUTES {
            let value_end = value.map(|_| end - 1);
            self.slots.push(AttributeSlot { name: (start, name_end), value, value_end });
        }
        Some(end)
    }
}

/// White space within a plain tag. A carriage return is not: the tokenizer makes a line feed of it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t')
}

/// The bytes of plain names, looked up for all that stands in tags outside of values.
const NAME: [bool; 256] = {
    let mut name = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let other = matches!(byte, b'-' | b'_' | b':' | b'.' | b'@');
        name[byte as usize] = byte.is_ascii_lowercase() || byte.is_ascii_digit() || other;
        byte += 1;
    }
    name
};

fn end_of_name(bytes: &[u8], start: usize) -> usize {
    start + bytes[start.min(bytes.len())..].iter().take_while(|b| NAME[usize::from(**b)]).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::collect::html::paced;
    use crate::collect::html::walk::{Visit, Walker, walk};

    fn told(visit: &Visit<'_>) -> String {
        match visit {
            Visit::Tag(tag) => {
                let one = |a: crate::collect::html::walk::Attribute<'_>| {
                    format!("{}={} {} {:?}", a.name, a.raw, a.start, a.quote)
                };
                format!("{} {:?} {:?}", tag.name, tag.span, tag.attributes().map(one).collect::<Vec<_>>())
            }
            Visit::Style(span) => format!("style {span:?}"),
            Visit::StyleText(span) => format!("style text {span:?}"),
            Visit::NoscriptText(span) => format!("noscript {span:?}"),
        }
    }

    /// What the tokenizer tells when nothing is taken from it.
    fn tokenized(html: &str) -> Vec<String> {
        let mut all = Vec::new();
        let mut visit = |visit: Visit<'_>| {
            all.push(told(&visit));
            true
        };
        paced::tokenize_all(html, &mut Walker::new(html, &mut visit));
        all
    }

    fn walked(html: &str) -> Vec<String> {
        let mut all = Vec::new();
        walk(html, &mut |visit| all.push(told(&visit)));
        all
    }

    #[test]
    fn a_tag_that_the_file_cuts_off_is_none() {
        for html in ["<a", "<a b", "<a b=", "<a b=\"", "<a b='c'", "<a/", "<a b='c' /", "</a", "<", "a<b c=\"d\">\n<"] {
            assert_eq!(walked(html), tokenized(html), "{html}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_tokenizer_tells_the_same(parts in proptest::collection::vec(proptest::sample::select(PARTS), 0..24)) {
            let html = parts.concat();
            prop_assert_eq!(walked(&html), tokenized(&html));
        }
    }

    const PARTS: &[&str] = &[
        "<p>",
        "</p>",
        "<img src=\"a&amp;b\" alt='c'>",
        "<br/>",
        "<br />",
        "<a b>",
        "<a\nb\t=\"c\">",
        "<svg>",
        "</svg>",
        "<title>",
        "</title>",
        "<style>",
        "</style>",
        "<script>",
        "</script>",
        "<noscript>",
        "</noscript>",
        "<textarea>",
        "</textarea >",
        "<plaintext>",
        "<math>",
        "<mi>",
        "<!--",
        "-->",
        "--!>",
        "<!doctype html>",
        "<![CDATA[",
        "]]>",
        "<?x>",
        "</>",
        "<",
        ">",
        "/",
        "=",
        "\"",
        "'",
        " ",
        "\n",
        "\r",
        "\r\n",
        "\0",
        "\t",
        "\u{c}",
        "a",
        "B",
        "图",
        "&",
        "&lt;",
        "&#60;",
        "&#x3c",
        "&am",
        "<A HREF=x>",
        "<x y=z>",
        "<x y=\"z\"a=\"b\">",
        "<x y y>",
        "<x =y>",
        "<x y= 'z'>",
        "<x y:z.@a-b_c=''>",
        "<1>",
        "<image>",
        "<font color=a>",
        "<frameset",
        " src=\"",
        "<iframe>",
        "</iframe>",
    ];
}
