//! A document as readers of a bundle see it.

use std::io::{self, Write};
use std::path::Path;

use maud::{Markup, PreEscaped, html};

use super::{Frame, View, shown, views};
use crate::page::shell::byline;
use crate::page::{Collection, Entry, Links, Picture, node};
use crate::serve::library::picture_url;

pub fn page(collection: &Collection, entry: &Entry) -> anyhow::Result<Markup> {
    let page = collection.page(entry)?;
    let mut body = Vec::new();
    node::write(&page.body, &mut Served { collection, document: entry.id() }, &mut body)?;
    let totals = collection.catalog().reference_totals(entry.id())?;
    let nav = views(entry.id(), View::Article, totals);
    let frame = Frame { title: &page.title, language: page.language.as_deref(), class: "sv-article", nav };
    Ok(frame.around(&html! {
        h1 { (shown(&page.title)) }
        @if let Some(byline) = byline(&page) { p.im-byline { (shown(&byline)) } }
        // Nodes escape themselves, and can name nothing but what `Served` writes.
        (PreEscaped(String::from_utf8_lossy(&body)))
    }))
}

/// What an article refers to, as the viewer serves it.
struct Served<'c> {
    collection: &'c Collection,
    document: i64,
}

impl Links for Served<'_> {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        let url = picture_url(self.collection, self.document, picture).map_err(io::Error::other)?;
        out.write_all(url.as_bytes())
    }

    fn document(&mut self, path: &Path) -> Option<String> {
        let entry = self.collection.entry_named(path).ok().flatten()?;
        Some(format!("/document/{}", entry.id()))
    }
}
