//! Decoded text that still knows which bytes of the file it was decoded from.
//!
//! Every collector works on plain `&str` and reports spans into it. Wherever a decoding step stands between that
//! string and the file (a GBK page, `&amp;` in an attribute, `\u002f` in JSON), an [`OffsetMap`] leads the span back,
//! so that the rewriter can splice bytes without knowing which decodings were involved.

use std::borrow::Cow;

/// A half-open range of byte offsets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end, "a span runs forward: {start}..{end}");
        Span { start, end }
    }

    /// The same range, `by` bytes further on.
    pub fn shifted(self, by: usize) -> Self {
        Span::new(self.start + by, self.end + by)
    }

    pub fn len(self) -> usize {
        self.end - self.start
    }

    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A stretch in which every character takes `raw_unit` bytes in the source and `text_unit` bytes in the text.
#[derive(Debug, Clone, Copy)]
struct Run {
    raw: usize,
    text: usize,
    raw_unit: u8,
    text_unit: u8,
}

/// Leads positions in a decoded text back to positions in its source.
///
/// Runs of characters with the same widths share one entry, so ASCII markup costs nothing and the map grows with the
/// number of *changes* of width. The default map is the identity.
#[derive(Debug, Clone, Default)]
pub struct OffsetMap {
    runs: Vec<Run>,
    raw_len: usize,
    text_len: usize,
}

impl OffsetMap {
    /// Records that the next `raw` source bytes became the next `text` bytes of text, one character.
    ///
    /// `raw` is at most 255 (the longest named character reference is 33 bytes), `text` at most 8.
    pub fn push_char(&mut self, raw: usize, text: usize) {
        self.push_run(1, raw as u8, text as u8);
    }

    /// Records `count` characters that each took `raw_unit` source bytes and `text_unit` bytes of text.
    pub fn push_run(&mut self, count: usize, raw_unit: u8, text_unit: u8) {
        if count == 0 {
            return;
        }
        let same = self.runs.last().is_some_and(|r| r.raw_unit == raw_unit && r.text_unit == text_unit);
        if !same {
            self.runs.push(Run { raw: self.raw_len, text: self.text_len, raw_unit, text_unit });
        }
        self.raw_len += count * usize::from(raw_unit);
        self.text_len += count * usize::from(text_unit);
    }

    /// Records source bytes that left no trace in the text (a byte order mark, an escaped line end).
    pub fn skip(&mut self, raw: usize) {
        self.raw_len += raw;
        // The next run must not be merged with one that began before the gap.
        self.runs.push(Run { raw: self.raw_len, text: self.text_len, raw_unit: 1, text_unit: 1 });
    }

    /// The source position of a text position. Positions inside a character are led to its first byte.
    pub fn to_raw(&self, text: usize) -> usize {
        let after = self.runs.partition_point(|run| run.text <= text);
        match after.checked_sub(1).map(|i| self.runs[i]) {
            None => text,
            Some(run) => run.raw + (text - run.text) / usize::from(run.text_unit).max(1) * usize::from(run.raw_unit),
        }
    }

    /// The source range of a text range.
    pub fn span(&self, text: Span) -> Span {
        Span::new(self.to_raw(text.start), self.to_raw(text.end))
    }
}

/// Whether a text has a control character in it (Unicode's category Cc), told without looking at each character.
pub(crate) fn has_control(text: &str) -> bool {
    let bytes = text.as_bytes();
    let second = |at: usize| bytes.get(at + 1).is_some_and(|b| matches!(b, 0x80..=0x9F));
    bytes.iter().fold(false, |found, b| found | b.is_ascii_control()) || memchr::memchr_iter(0xC2, bytes).any(second)
}

/// A decoded string together with its way back.
#[derive(Debug, Clone)]
pub struct Text<'a> {
    pub text: Cow<'a, str>,
    pub map: OffsetMap,
}

impl<'a> Text<'a> {
    /// Text that is its own source.
    pub fn plain(text: &'a str) -> Self {
        Text { text: Cow::Borrowed(text), map: OffsetMap::default() }
    }

    /// Collects characters and their source widths into a decoded text.
    pub fn builder() -> TextBuilder {
        TextBuilder::default()
    }
}

/// Builds a [`Text`] piece by piece, in source order.
#[derive(Debug, Default)]
pub struct TextBuilder {
    text: String,
    map: OffsetMap,
}

impl TextBuilder {
    /// Appends text that stands in the source as it is.
    pub fn verbatim(&mut self, text: &str) {
        self.text.push_str(text);
        self.map.push_run(text.len(), 1, 1);
    }

    /// Appends what `raw` source bytes (an escape) stand for. An empty `decoded` only skips them.
    pub fn escape(&mut self, raw: usize, decoded: &str) {
        let mut chars = decoded.chars();
        let Some(first) = chars.next() else {
            self.map.skip(raw);
            return;
        };
        self.text.push_str(decoded);
        self.map.push_char(raw, first.len_utf8());
        for more in chars {
            self.map.push_char(0, more.len_utf8());
        }
    }

    pub fn build(self) -> Text<'static> {
        Text { text: Cow::Owned(self.text), map: self.map }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn control_characters_are_found(text in "[a\u{7e}-\u{a1}图\u{102}\u{0}-\u{21}]{0,40}", odd in "\\PC{0,20}") {
            for text in [text.as_str(), odd.as_str()] {
                proptest::prop_assert_eq!(has_control(text), text.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn an_empty_map_is_the_identity() {
        let map = OffsetMap::default();
        assert_eq!(map.span(Span::new(3, 9)), Span::new(3, 9));
    }

    #[test]
    fn escapes_lead_back_to_their_first_byte() {
        // a&amp;b → a&b
        let mut builder = Text::builder();
        builder.verbatim("a");
        builder.escape(5, "&");
        builder.verbatim("b");
        let text = builder.build();
        assert_eq!(text.text, "a&b");
        let raw: Vec<_> = (0..=3).map(|i| text.map.to_raw(i)).collect();
        assert_eq!(raw, [0, 1, 6, 7]);
    }

    #[test]
    fn a_reference_that_gives_two_characters_ends_where_it_ends() {
        // &NotEqualTilde; stands for two characters (U+2242 U+0338).
        let mut builder = Text::builder();
        builder.escape(15, "\u{2242}\u{338}");
        builder.verbatim("x");
        let text = builder.build();
        assert_eq!(text.map.span(Span::new(0, 5)), Span::new(0, 15));
        assert_eq!(text.map.to_raw(6), 16);
    }

    #[test]
    fn skipped_bytes_stay_outside_of_the_spans_behind_them() {
        let mut map = OffsetMap::default();
        map.skip(3);
        map.push_run(4, 1, 1);
        assert_eq!(map.span(Span::new(0, 4)), Span::new(3, 7));
    }

    #[test]
    fn widths_of_two_to_three_map_exactly() {
        // GBK: two bytes a character, three in UTF-8, between ASCII.
        let mut map = OffsetMap::default();
        map.push_run(2, 1, 1);
        map.push_run(3, 2, 3);
        map.push_run(2, 1, 1);
        assert_eq!(map.to_raw(2), 2);
        assert_eq!(map.to_raw(5), 4);
        assert_eq!(map.to_raw(11), 8);
        assert_eq!(map.to_raw(13), 10);
    }
}
