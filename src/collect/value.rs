//! What every syntax asks of the text between its quotes.

use crate::text::Span;

/// Schemes whose URLs carry their own content or name something inside the running page.
const INERT_SCHEMES: &[&str] = &["about", "blob", "cid", "data", "javascript", "mailto", "tel", "vbscript"];

/// True for the empty string, a fragment of the same document (`#a`), and URLs that no server answers (`data:`,
/// `javascript:` …). `url` is trimmed.
pub fn is_inert(url: &str) -> bool {
    url.is_empty()
        || url.starts_with('#')
        || memchr::memchr(b':', url.as_bytes())
            .is_some_and(|colon| INERT_SCHEMES.iter().any(|inert| url[..colon].eq_ignore_ascii_case(inert)))
}

/// The name of the blob in a link to a local copy (`…/ab/ab34….jpg`), extension and all: what the rewriter writes, and
/// nothing else that is ever met.
pub fn blob_name(url: &str) -> Option<&str> {
    let end = memchr::memchr2(b'#', b'?', url.as_bytes()).unwrap_or(url.len());
    let path = url.get(..end)?;
    let slash = memchr::memrchr(b'/', path.as_bytes())?;
    let (folders, name) = (&path[..slash], &path[slash + 1..]);
    // Hardly any name is as long as a digest.
    let (digest, extension) = name.split_at_checked(64)?;
    let extension = extension.strip_prefix('.')?;
    let hex = digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let known = extension.len() <= 4 && extension.bytes().all(|b| b.is_ascii_lowercase());
    (hex && known && digest.get(..2) == folders.rsplit('/').next()).then_some(name)
}

/// Whether `url` is such a link. Where relative URLs are not taken for pictures, these are.
pub(crate) fn is_local_copy(url: &str) -> bool {
    blob_name(url).is_some()
}

/// The range of `text` without white space at either end (WHATWG "strip leading and trailing ASCII whitespace").
pub(crate) fn stripped(text: &str) -> Span {
    let white = |c: char| c.is_ascii_whitespace();
    let start = text.len() - text.trim_start_matches(white).len();
    let end = text.trim_end_matches(white).len();
    Span::new(start.min(end), end)
}

/// [`stripped`] for `span` in `raw`, where a backslash escapes: white space behind one stays, because what is left of
/// it would change its meaning.
pub(crate) fn trimmed(raw: &str, span: Span) -> Span {
    let inner = stripped(&raw[span.start..span.end]).shifted(span.start);
    let cuts_an_escape = !inner.is_empty() && is_escaped(raw, inner.end);
    Span::new(inner.start, if cuts_an_escape { span.end } else { inner.end })
}

/// Whether the byte at `at` stands behind an odd number of backslashes.
pub(crate) fn is_escaped(raw: &str, at: usize) -> bool {
    raw.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_local_copies_are_told_from_all_others() {
        let digest = "ab".repeat(32);
        let name = format!("{digest}.jpg");
        assert_eq!(blob_name(&format!("../assets/ab/{name}")), Some(name.as_str()));
        assert_eq!(blob_name(&format!("/images/mirror/ab/{name}#icon")), Some(name.as_str()));
        assert_eq!(blob_name(&format!("../assets/cd/{name}")), None);
        assert_eq!(blob_name(&format!("../assets/ab/{digest}")), None);
        assert_eq!(blob_name("../assets/ab/abc.jpg"), None);
    }

    #[test]
    fn white_space_is_trimmed_unless_it_is_escaped() {
        for (raw, want) in
            [(" a ", "a"), ("", ""), (" \n", ""), ("a\\ ", "a\\ "), ("a\\\\ ", "a\\\\"), ("\u{3000}a", "\u{3000}a")]
        {
            let span = trimmed(raw, Span::new(0, raw.len()));
            assert_eq!(&raw[span.start..span.end], want, "{raw:?}");
        }
    }

    #[test]
    fn local_copies_are_known_by_their_names() {
        let digest = "ab".repeat(32);
        for yes in
            [format!("../assets/ab/{digest}.jpg"), format!("/x/ab/{digest}.svg#icon"), format!("ab/{digest}.png")]
        {
            assert!(is_local_copy(&yes), "{yes}");
        }
        for no in
            [format!("../assets/cd/{digest}.jpg"), format!("{digest}.jpg"), format!("ab/{digest}"), "ab/a.jpg".into()]
        {
            assert!(!is_local_copy(&no), "{no}");
        }
    }

    #[test]
    fn only_what_no_server_answers_is_inert() {
        for inert in ["", "#a", "data:,", "DATA:image/png;base64,AA", "blob:x", "about:blank", "javascript:void(0)"] {
            assert!(is_inert(inert), "{inert}");
        }
        for fetched in ["a", "/a", "//h/a", "https://h/?u=data:x", "data/a.png", "a#b", "x:y"] {
            assert!(!is_inert(fetched), "{fetched}");
        }
    }
}
