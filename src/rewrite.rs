//! The edits that point a document at local copies, and how they are spliced in.
//!
//! A plan is pure data: spans of the source and the bytes that take their place. Splicing copies everything between the
//! spans as it is, so a document without edits comes out byte for byte.

use std::borrow::Cow;
use std::io::{self, Write};

use sha2::{Digest as _, Sha256};

use crate::collect::Layers;
use crate::text::Span;

/// One span replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// In the bytes of the source.
    pub span: Span,
    pub text: Vec<u8>,
}

/// Edits of one document, in ascending order, without overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RewritePlan {
    edits: Vec<Edit>,
}

impl RewritePlan {
    /// Takes edits in any order. Of two that overlap the first one (by position) stays: a span is edited once.
    pub fn new(mut edits: Vec<Edit>) -> Self {
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        let mut end = 0;
        edits.retain(|edit| {
            let free = edit.span.start >= end;
            end = if free { edit.span.end } else { end };
            free
        });
        RewritePlan { edits }
    }

    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    pub fn into_edits(self) -> Vec<Edit> {
        self.edits
    }

    /// What this plan would do to a source of this digest, in 32 bytes: equal fingerprints write equal documents.
    pub fn fingerprint(&self, source: &[u8; 32]) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(source);
        for edit in &self.edits {
            hash.update((edit.span.start as u64).to_le_bytes());
            hash.update((edit.span.end as u64).to_le_bytes());
            hash.update((edit.text.len() as u64).to_le_bytes());
            hash.update(&edit.text);
        }
        hash.finalize().into()
    }

    /// Writes `source` with the edits in place.
    ///
    /// Fails with `InvalidInput` when a span lies outside of `source`, which then is not the file that was planned for.
    pub fn splice(&self, source: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut from = 0;
        for edit in &self.edits {
            let Some(before) = source.get(from..edit.span.start) else { return Err(outside()) };
            if edit.span.end > source.len() {
                return Err(outside());
            }
            out.write_all(before)?;
            out.write_all(&edit.text)?;
            from = edit.span.end;
        }
        out.write_all(&source[from..])
    }
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "an edit lies outside of the document")
}

/// How a local copy, or any other URL, is written at a place: safe characters only, then the place's own escapes.
pub fn replacement(url: &str, fragment: Option<&str>, layers: Layers) -> String {
    let mut whole = url_safe(url);
    if let Some(fragment) = fragment {
        whole.push('#');
        whole.push_str(&url_safe(fragment));
    }
    layers.encode(&whole)
}

/// Percent-encodes what may not stand in a URL reference at all (RFC 3986, 2): controls, white space, quotes, brackets
/// of all kinds, backslash, and everything outside of ASCII. An existing `%` stays: the text is already a URL.
pub fn url_safe(text: &str) -> String {
    use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
    const UNSAFE: &AsciiSet = &CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'\'')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'^')
        .add(b'`')
        .add(b'{')
        .add(b'|')
        .add(b'}');
    Cow::from(utf8_percent_encode(text, UNSAFE)).into_owned()
}

/// A file system path as a relative URL: separators become `/`, and every character that means something in a URL is
/// percent-encoded, `%`, `?`, `#` and `:` included.
pub fn path_to_url(path: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEEP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    utf8_percent_encode(path, KEEP).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Layer;
    use proptest::prelude::*;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit { span: Span::new(start, end), text: text.into() }
    }

    fn spliced(source: &str, edits: Vec<Edit>) -> String {
        let mut out = Vec::new();
        RewritePlan::new(edits).splice(source.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn edits_are_spliced_and_nothing_else_changes() {
        assert_eq!(spliced("0123456789", vec![edit(6, 8, "x"), edit(2, 4, "long text")]), "01long text45x89");
        assert_eq!(spliced("0123", vec![edit(0, 4, "")]), "");
        assert_eq!(spliced("", vec![]), "");
    }

    #[test]
    fn a_span_is_edited_once() {
        assert_eq!(spliced("0123456789", vec![edit(2, 6, "a"), edit(4, 8, "b")]), "01a6789");
    }

    #[test]
    fn an_edit_outside_of_the_document_is_an_error() {
        let plan = RewritePlan::new(vec![edit(2, 6, "a")]);
        assert!(plan.splice(b"0123", &mut Vec::new()).is_err());
        assert!(plan.splice(b"0", &mut Vec::new()).is_err());
    }

    #[test]
    fn equal_plans_of_equal_sources_have_equal_fingerprints() {
        let plan = RewritePlan::new(vec![edit(2, 6, "a")]);
        assert_eq!(plan.fingerprint(&[1; 32]), plan.clone().fingerprint(&[1; 32]));
        assert_ne!(plan.fingerprint(&[1; 32]), plan.fingerprint(&[2; 32]));
        assert_ne!(plan.fingerprint(&[1; 32]), RewritePlan::new(vec![edit(2, 6, "b")]).fingerprint(&[1; 32]));
    }

    #[test]
    fn paths_with_spaces_and_quotes_survive_everywhere() {
        let url = path_to_url("../my \"pictures\"/it's 100%/ab.jpg");
        assert_eq!(url, "../my%20%22pictures%22/it%27s%20100%25/ab.jpg");
        for layer in [Layer::HtmlDouble, Layer::HtmlUnquoted, Layer::CssUnquoted, Layer::YamlPlain, Layer::TomlLiteral]
        {
            assert_eq!(replacement(&url, None, Layers::of(layer)), url, "{layer:?}");
        }
    }

    proptest! {
        #[test]
        fn everything_outside_of_the_edits_is_identical(
            source in proptest::collection::vec(any::<u8>(), 0..200),
            cuts in proptest::collection::vec((0usize..200, 0usize..20, proptest::collection::vec(any::<u8>(), 0..9)), 0..12),
        ) {
            let edits = cuts.into_iter().filter_map(|(start, length, text)| {
                (start + length <= source.len()).then(|| Edit { span: Span::new(start, start + length), text })
            });
            let plan = RewritePlan::new(edits.collect());
            let mut out = Vec::new();
            plan.splice(&source, &mut out).unwrap();
            let (mut from, mut at) = (0, 0);
            for edit in plan.edits() {
                let kept = edit.span.start - from;
                prop_assert_eq!(&out[at..at + kept], &source[from..edit.span.start]);
                prop_assert_eq!(&out[at + kept..at + kept + edit.text.len()], &edit.text[..]);
                from = edit.span.end;
                at += kept + edit.text.len();
            }
            prop_assert_eq!(&out[at..], &source[from..]);
        }

        #[test]
        fn url_safe_text_is_ascii_and_stable(text in "\\PC{0,40}") {
            let once = url_safe(&text);
            prop_assert!(once.is_ascii());
            prop_assert_eq!(url_safe(&once), once);
        }
    }
}
