//! The list of documents.

use maud::{Markup, html};
use url::form_urlencoded;

use super::{Frame, shown};
use crate::report::human::{count, number};
use crate::serve::shelf::Card;

/// What a search found; without one, all documents.
#[derive(Debug, Default)]
pub struct Found {
    /// Documents of the mirror.
    pub total: u64,
    pub matching: u64,
    /// Those of the page.
    pub rows: Vec<Row>,
    /// Documents whose titles could not be searched, since nobody has read them yet.
    pub unread: u64,
}

#[derive(Debug)]
pub struct Row {
    pub id: i64,
    pub name: String,
    pub card: Card,
    pub references: u64,
    pub missing: u64,
}

/// `page` counts from 1, and has `size` rows.
pub fn page(search: &str, page: usize, size: usize, found: &Found) -> Markup {
    let frame = Frame { title: "Articles", language: Some("en"), class: "sv-list", nav: html! {} };
    frame.around(&html! {
        h1 { "Articles" }
        form.sv-search action="/" method="get" role="search" {
            input type="search" name="q" value=(search) placeholder="in titles and names" aria-label="Search" spellcheck="false";
            button type="submit" { "Search" }
            @if !search.is_empty() { a href="/" { "Clear" } }
        }
        p.sv-quiet role="status" {
            @if search.is_empty() { (count(found.total, "document")) "." }
            @else { (number(found.matching)) " of " (count(found.total, "document")) "." }
            @if found.unread > 0 {
                " " (count(found.unread, "title")) " had not been read yet: search again in a moment."
            }
        }
        ul.im-index { @for row in &found.rows { (item(row)) } }
        (pager(search, page, size, found))
    })
}

fn item(row: &Row) -> Markup {
    let card = &row.card;
    let byline = [&card.author, &card.date].into_iter().flatten().map(|part| shown(part)).collect::<Vec<_>>();
    html! {
        li {
            span.im-thumbnail {
                @if let Some(cover) = &card.cover { img src=(cover) alt="" loading="lazy"; }
            }
            div {
                a href={ "/document/" (row.id) } { bdi { (shown(&card.title)) } }
                @if !byline.is_empty() { p.im-byline { bdi { (byline.join(" · ")) } } }
                p.im-byline {
                    span.im-url { bdi { (row.name) } } " · "
                    (state(row))
                }
                @if let Some(problem) = &card.problem { p.im-byline.sv-missing { (problem) } }
            }
        }
    }
}

fn state(row: &Row) -> Markup {
    html! {
        @match (row.references, row.missing) {
            (0, _) => "no pictures",
            (_, 0) => span.sv-held { "whole" },
            (_, missing) => a.sv-missing href={ "/document/" (row.id) "/references" } { (number(missing)) " missing" },
        }
    }
}

fn pager(search: &str, page: usize, size: usize, found: &Found) -> Markup {
    let pages = usize::try_from(found.matching).unwrap_or(usize::MAX).div_ceil(size).max(1);
    let link = |page: usize| {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("/?"), "/?".len());
        if !search.is_empty() {
            query.append_pair("q", search);
        }
        query.append_pair("page", &page.to_string()).finish()
    };
    html! {
        @if pages > 1 || page > 1 {
            nav.sv-pages aria-label="Pages" {
                @if page > 1 { a rel="prev" href=(link((page - 1).min(pages))) { "Previous" } }
                span { "Page " (page) " of " (pages) }
                @if page < pages { a rel="next" href=(link(page + 1)) { "Next" } }
            }
        }
    }
}
