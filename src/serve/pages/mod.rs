//! The viewer's own pages. Everything from documents and servers goes through maud's escaping.

pub mod article;
pub mod asset;
pub mod before;
pub mod index;
pub mod references;

use axum::http::StatusCode;
use maud::{DOCTYPE, Markup, html};

use super::reply::{Content, Policy, Reply};
use crate::page::shell::STYLE;
use crate::report::when;
use crate::rewrite::path_to_url;
use crate::sanitize;

/// The longest text that is shown of a URL, a reason, a title; characters.
const MAX_SHOWN: usize = 500;

/// What differs between the viewer's pages.
struct Frame<'a> {
    title: &'a str,
    language: Option<&'a str>,
    /// Tables need more room than lines of text.
    class: &'static str,
    nav: Markup,
}

impl Frame<'_> {
    fn around(&self, main: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang=[self.language] {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (shown(self.title)) }
                    link rel="stylesheet" href="/style.css";
                }
                body class=(self.class) {
                    (self.nav)
                    main { (main) }
                }
            }
        }
    }
}

/// The stylesheet of all pages: that of articles, and what the viewer adds.
pub fn style() -> Reply {
    let text = [STYLE, include_str!("../serve.css")].concat();
    Reply::new(StatusCode::OK, Policy::Inert, "text/css; charset=utf-8", Content::Bytes(text.into_bytes()))
}

/// A page that says one thing. `told` is shown as it is, but escaped.
pub fn message(status: StatusCode, told: &str) -> Reply {
    let title = status.canonical_reason().unwrap_or("Error");
    let nav = html! { nav { a href="/" { "All articles" } } };
    let frame = Frame { title, language: Some("en"), class: "sv-plain", nav };
    Reply::page(status, frame.around(&html! { h1 { (title) } p { (told) } }))
}

pub fn not_found() -> Reply {
    message(StatusCode::NOT_FOUND, "There is nothing here: it was never there, or a run has taken it away since.")
}

/// The pages of a bundle without an index, by their names.
pub fn listing(names: &[String]) -> Reply {
    let frame = Frame { title: "Articles", language: Some("en"), class: "sv-list", nav: html! {} };
    Reply::page(StatusCode::OK, frame.around(&html! {
        h1 { "Articles" }
        @if names.is_empty() { p { "This folder has no pages." } }
        ul { @for name in names { li { a href={ "/" (path_to_url(name)) } { bdi { (sanitize::for_terminal(name)) } } } } }
    }))
}

/// A view of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    Article,
    Before,
    References,
}

/// Links to the views of a document, of which this one is open.
fn views(document: i64, open: View, (references, missing): (u64, u64)) -> Markup {
    let views = [
        (View::Article, "Article", String::new()),
        (View::Before, "Before", "/before".to_owned()),
        (View::References, "References", "/references".to_owned()),
    ];
    html! {
        nav.sv-views {
            a href="/" { "All articles" }
            @for (view, name, path) in views {
                a href={ "/document/" (document) (path) } aria-current=[(view == open).then_some("page")] {
                    (name)
                    @if view == View::References {
                        " (" (references) @if missing > 0 { ", " b.sv-missing { (missing) " missing" } } ")"
                    }
                }
            }
        }
    }
}

/// Text from outside, on one line. Maud escapes what means something to HTML; this, what acts on the reader.
fn shown(text: &str) -> String {
    sanitize::for_terminal_limited(&sanitize::without_credentials(text), MAX_SHOWN).into_owned()
}

fn moment(millis: i64) -> Markup {
    let shown = when::minute(millis);
    html! { time datetime=(shown.replacen(' ', "T", 1).replace(" UTC", "Z")) { (shown) } }
}
