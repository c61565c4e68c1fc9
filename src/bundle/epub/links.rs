//! Links between chapters, written before it is known what they lead to.

use std::io::{self, Write};

use memchr::memmem;

/// A link in a chapter that is not settled: no URL that a page can have by itself begins so, since links out of it
/// begin with `http:`, `https:` or `mailto:`, and within it with `#`.
const OPEN: &str = " href=\"chapter:";

/// A link to a chapter.
#[derive(Debug, PartialEq, Eq)]
pub struct Link<'t> {
    pub chapter: &'t str,
    /// What stands behind the `#`, escaped as in the text.
    pub fragment: Option<&'t str>,
}

/// The URL of a link that is to be settled.
pub fn open(chapter: &str) -> String {
    format!("chapter:{chapter}")
}

/// Copies a chapter to `out`. Each of its open links becomes what `leads` gives; without it, what was a link is text.
pub fn settle(
    text: &[u8],
    leads: &mut dyn FnMut(&Link<'_>) -> rusqlite::Result<Option<String>>,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let mut rest = text;
    while let Some(at) = memmem::find(rest, OPEN.as_bytes()) {
        out.write_all(&rest[..at])?;
        rest = &rest[at + OPEN.len()..];
        let end = memchr::memchr(b'"', rest).ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let url = std::str::from_utf8(&rest[..end])?;
        rest = &rest[end + 1..];
        let link = match url.split_once('#') {
            Some((chapter, fragment)) => Link { chapter, fragment: Some(fragment) },
            None => Link { chapter: url, fragment: None },
        };
        if let Some(url) = leads(&link)? {
            write!(out, " href=\"{url}\"")?;
        }
    }
    out.write_all(rest)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_nowhere_are_none() {
        let text = "<a class=\"x\" href=\"chapter:aa#b&amp;c\">1</a><a href=\"chapter:bb\" title=\"t\">2</a>\
                    <p title=\"chapter:aa\">chapter:aa</p><a href=\"chapter:cc\">3</a>";
        let mut out = Vec::new();
        let mut seen = Vec::new();
        let mut leads = |link: &Link<'_>| {
            seen.push((link.chapter.to_owned(), link.fragment.map(str::to_owned)));
            Ok((link.chapter != "bb").then(|| format!("{}.xhtml", link.chapter)))
        };
        settle(text.as_bytes(), &mut leads, &mut out).unwrap();
        let settled = "<a class=\"x\" href=\"aa.xhtml\">1</a><a title=\"t\">2</a>\
                       <p title=\"chapter:aa\">chapter:aa</p><a href=\"cc.xhtml\">3</a>";
        assert_eq!(String::from_utf8(out).unwrap(), settled);
        assert_eq!(seen[0], ("aa".to_owned(), Some("b&amp;c".to_owned())));
    }
}
