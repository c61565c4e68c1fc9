//! What stands around the body of a page.

use std::io::{self, Write};

use super::Page;
use super::node::{Element, Links, Node, Value, escaped, write};

/// The stylesheet of every page.
pub const STYLE: &str = include_str!("style.css");

/// What a page allows a reader to load: pictures and styles that came with it, and nothing else. `file:` is for pages
/// that are opened from a disk, where browsers do not agree on what `'self'` means.
pub const POLICY: &str = "default-src 'none'; img-src 'self' data: file:; style-src 'self' 'unsafe-inline' file:; \
                          base-uri 'none'; form-action 'none'";

/// The same for a page that has everything in it.
pub const POLICY_OF_ONE_FILE: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// What every page of this program says of where it comes from.
pub const GENERATOR: &str = "<meta name=\"generator\" content=\"imgmirror\"/>";

/// Where the stylesheet of a page is.
#[derive(Debug, Clone, Copy)]
pub enum Style<'a> {
    /// In the page.
    Inline,
    /// In a file: its URL as the page names it.
    Linked(&'a str),
}

/// What differs between pages of one kind of bundle and another.
#[derive(Debug, Clone, Copy)]
pub struct Shell<'a> {
    pub style: Style<'a>,
    /// A Content-Security-Policy, where the page has none from elsewhere.
    pub policy: Option<&'a str>,
    /// URL of the index, where there is one.
    pub index: Option<&'a str>,
}

impl Shell<'_> {
    /// Writes a document's page: HTML that is well-formed XML too.
    pub fn page(&self, page: &Page, links: &mut dyn Links, out: &mut dyn Write) -> io::Result<()> {
        self.begin(&page.title, page.language.as_deref(), out)?;
        if let Some(index) = self.index {
            let link = Element::new("a").value("href", Value::Text(index.to_owned())).child("All articles");
            write(&[Element::new("nav").child(link).into()], links, out)?;
        }
        out.write_all(b"<main>\n")?;
        write(&[Element::new("h1").child(page.title.as_str()).into()], links, out)?;
        if let Some(byline) = byline(page) {
            write(&[Element::new("p").with("class", "im-byline").child(byline.as_str()).into()], links, out)?;
        }
        write(&page.body, links, out)?;
        out.write_all(b"\n</main>\n</body>\n</html>\n")
    }

    /// Writes a page of our own.
    pub fn plain(&self, title: &str, body: &[Node], links: &mut dyn Links, out: &mut dyn Write) -> io::Result<()> {
        self.begin(title, None, out)?;
        write(body, links, out)?;
        out.write_all(b"\n</body>\n</html>\n")
    }

    fn begin(&self, title: &str, language: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\"")?;
        if let Some(language) = language {
            for attribute in ["lang", "xml:lang"] {
                write!(out, " {attribute}=\"")?;
                escaped(language, out)?;
                out.write_all(b"\"")?;
            }
        }
        out.write_all(b">\n<head>\n<meta charset=\"utf-8\"/>\n")?;
        if let Some(policy) = self.policy {
            writeln!(out, "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"/>")?;
            if policy.starts_with("default-src 'none'") {
                // No policy speaks of names: browsers look up those of links before anybody follows them.
                writeln!(out, "<meta http-equiv=\"x-dns-prefetch-control\" content=\"off\"/>")?;
            }
        }
        writeln!(out, "{GENERATOR}")?;
        out.write_all(
            b"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
              <meta name=\"referrer\" content=\"no-referrer\"/>\n<title>",
        )?;
        escaped(title, out)?;
        out.write_all(b"</title>\n")?;
        match self.style {
            Style::Inline => write!(out, "<style>\n{STYLE}</style>\n")?,
            Style::Linked(url) => {
                out.write_all(b"<link rel=\"stylesheet\" href=\"")?;
                escaped(url, out)?;
                out.write_all(b"\"/>\n")?;
            }
        }
        out.write_all(b"</head>\n<body>\n")
    }
}

/// Author and date in one line.
pub fn byline(page: &Page) -> Option<String> {
    let parts: Vec<&str> = [&page.author, &page.date].into_iter().flatten().map(String::as_str).collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}
