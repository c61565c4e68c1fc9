//! What became of every reference of a document.

use maud::{Markup, html};

use super::{Frame, View, moment, shown, views};
use crate::mirror::catalog::ViewedReference;
use crate::page::{Collection, Entry};
use crate::sanitize;
use crate::serve::library::blob_url;

/// Rows of a page.
const MAX_ROWS: usize = 500;

/// The references that begin behind the byte `after`.
pub fn page(collection: &Collection, entry: &Entry, after: i64) -> anyhow::Result<Markup> {
    let catalog = collection.catalog();
    let totals = catalog.reference_totals(entry.id())?;
    let rows = catalog.viewed_references(entry.id(), after, MAX_ROWS)?;
    let next = rows.last().filter(|_| rows.len() == MAX_ROWS).map(|row| row.span.start);
    let name = entry.name.to_string_lossy();
    let nav = views(entry.id(), View::References, totals);
    let frame = Frame { title: &name, language: Some("en"), class: "sv-wide", nav };
    Ok(frame.around(&html! {
        h1 { bdi { (sanitize::path(&entry.name)) } }
        @if rows.is_empty() { p { "No references to pictures." } }
        @else {
            table.sv-rows {
                thead { tr {
                    th scope="col" { "Picture" }
                    th scope="col" { "Slot" }
                    th scope="col" { "As written, and what it stands for" }
                    th scope="col" { "State" }
                    th scope="col" { "Since" }
                } }
                tbody { @for row in &rows { (line(row)) } }
            }
        }
        @if let Some(next) = next {
            nav.sv-pages { a rel="next" href={ "/document/" (entry.id()) "/references?after=" (next) } { "Further references" } }
        }
    }))
}

fn line(row: &ViewedReference) -> Markup {
    let (class, told) = state(row);
    html! {
        tr {
            td.sv-picture {
                @if let Some(blob) = &row.blob {
                    @match &row.asset {
                        Some((id, _)) => a href={ "/asset/" (id) } { img src=(blob_url(blob)) alt="" loading="lazy"; },
                        None => a href=(blob_url(blob)) { img src=(blob_url(blob)) alt="" loading="lazy"; },
                    }
                }
            }
            td { code { (shown(&row.slot)) } br; span.sv-quiet { "byte " (row.span.start) } }
            td {
                span.im-url { bdi { (shown(&row.raw)) } }
                @if let Some((id, target)) = &row.asset {
                    br; a.im-url href={ "/asset/" (id) } { bdi { (shown(target)) } }
                }
            }
            td class=(class) { (told) }
            td { @if let Some(since) = row.since { (moment(since)) } }
        }
    }
}

/// The class of a reference's state, and the state in words.
pub(super) fn state(row: &ViewedReference) -> (&'static str, String) {
    match (&row.blob, &row.skip, &row.failure) {
        (Some(_), ..) => ("sv-held", "mirrored".to_owned()),
        (None, Some(skip), _) => ("sv-skipped", format!("skipped: {}", shown(skip))),
        (None, None, Some((kind, detail))) => ("sv-missing", format!("missing: {} ({})", shown(kind), shown(detail))),
        (None, None, None) => ("sv-missing", "missing: not asked for yet".to_owned()),
    }
}
