//! A document as it was before: its text, with every reference marked. Nothing in it is loaded.

use maud::{Markup, PreEscaped, html};

use super::{Frame, View, views};
use crate::collect::value::blob_name;
use crate::document::Document;
use crate::mirror::catalog::{Catalog, ViewedReference};
use crate::mirror::digest::Digest;
use crate::page::{Collection, Entry, node};
use crate::rewrite::RewritePlan;
use crate::sanitize;
use crate::text::Span;

/// The longest text that is shown; bytes.
const MAX_TEXT: usize = 2 << 20;

/// The largest document that is read for it; bytes.
const MAX_DOCUMENT: u64 = 64 << 20;

/// References that are marked.
const MAX_MARKS: usize = 20_000;

pub fn page(collection: &Collection, entry: &Entry) -> anyhow::Result<Markup> {
    let name = entry.name.to_string_lossy();
    let nav = views(entry.id(), View::Before, collection.catalog().reference_totals(entry.id())?);
    let frame = Frame { title: &name, language: None, class: "sv-source", nav };
    Ok(frame.around(&html! {
        h1 { bdi { (sanitize::path(&entry.name)) } }
        (match Before::of(collection, entry)? {
            Ok(before) => before.markup(),
            Err(told) => html! { p { (told) } },
        })
    }))
}

/// A text with marks, in order and without overlaps.
struct Before {
    document: Document,
    marks: Vec<Mark>,
    note: String,
}

struct Mark {
    span: Span,
    class: &'static str,
    asset: Option<i64>,
    /// What the mark stands for, in words.
    told: String,
}

const CHANGED: &str = "The document has changed since its references were collected, so they are not marked. The next \
                       `imgmirror sync` collects them anew.";

impl Before {
    /// The text, or why there is none.
    fn of(collection: &Collection, entry: &Entry) -> anyhow::Result<Result<Self, String>> {
        let catalog = collection.catalog();
        let source = entry.source();
        let document = match Document::read(source, MAX_DOCUMENT) {
            Ok(document) => document,
            Err(error) => return copy(collection, entry, &format!("{} {error}.", sanitize::path(source))),
        };
        let digest = *Digest::of(document.bytes()).as_bytes();
        if collection.is_in_place()
            && let Some(before) = undone(catalog, entry.id(), &document, digest)?
        {
            return Ok(Ok(before));
        }
        let is_same = catalog.source_digest(entry.id())? == Some(digest);
        let marks = match is_same {
            true => catalog.viewed_references(entry.id(), -1, MAX_MARKS)?.into_iter().map(Mark::of).collect(),
            false => Vec::new(),
        };
        let note = if is_same { "" } else { CHANGED };
        Ok(Ok(Before { document, marks: in_order(marks), note: note.to_owned() }))
    }

    fn markup(&self) -> Markup {
        let length = self.document.bytes().len().min(MAX_TEXT);
        let mut from = 0;
        html! {
            @if !self.note.is_empty() { p.sv-quiet { (self.note) } }
            p.sv-key {
                mark.sv-held { "mirrored" } " " mark.sv-missing { "missing" } " " mark.sv-skipped { "skipped" }
            }
            pre.sv-text {
                @for mark in self.marks.iter().take_while(|mark| mark.span.end <= length) {
                    (self.text(std::mem::replace(&mut from, mark.span.end), mark.span.start))
                    mark class=(mark.class) title=(mark.told) {
                        @match mark.asset {
                            Some(asset) => a href={ "/asset/" (asset) } { (self.text(mark.span.start, mark.span.end)) },
                            None => (self.text(mark.span.start, mark.span.end)),
                        }
                    }
                }
                (self.text(from, length))
            }
            @if length < self.document.bytes().len() { p.sv-quiet { "The document goes on; what is behind is not shown." } }
        }
    }

    fn text(&self, start: usize, end: usize) -> Markup {
        let mut escaped = Vec::new();
        // Writing to memory does not fail.
        let _ = node::escaped(&self.document.slice(Span::new(start, end.max(start))), &mut escaped);
        PreEscaped(String::from_utf8_lossy(&escaped).into_owned())
    }
}

impl Mark {
    fn of(reference: ViewedReference) -> Self {
        let (class, told) = super::references::state(&reference);
        Mark { span: reference.span, class, told, asset: reference.asset.map(|(id, _)| id) }
    }
}

/// The mirror's copy of a document, where the document itself cannot be read: only what was edited in it differs.
fn copy(collection: &Collection, entry: &Entry, told: &str) -> anyhow::Result<Result<Before, String>> {
    let document = match Document::read(&collection.file(entry), MAX_DOCUMENT) {
        Ok(document) if !collection.is_in_place() => document,
        _ => return Ok(Err(told.to_owned())),
    };
    let bytes = document.bytes();
    let mut marks = Vec::new();
    for slash in memchr::memchr_iter(b'/', bytes) {
        let (start, digits) = (slash.saturating_sub(2), slash + 1);
        let end =
            digits + bytes[digits..].iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'.').count();
        // So long is a name with the shortest extensions; all others cost no look.
        if end - start > 2 + 1 + 64 && marks.len() < MAX_MARKS {
            let link = document.slice(Span::new(start, end)).into_owned();
            if blob_name(&link).is_some() {
                marks.push(Mark { span: Span::new(start, end), ..edited(collection.catalog(), &link)? });
            }
        }
    }
    let note = format!("{told} This is the mirror's copy of it. What was edited is marked.");
    Ok(Ok(Before { document, marks: in_order(marks), note }))
}

/// A document that was edited in place, with its edits taken back by the journal; `None` where it is not as it was left.
fn undone(catalog: &Catalog, id: i64, document: &Document, digest: [u8; 32]) -> anyhow::Result<Option<Before>> {
    let generations = catalog.generations(id)?;
    let mut bytes = document.bytes().to_vec();
    match generations.last() {
        Some(last) if last.journal.after == digest => {}
        _ => return Ok(None),
    }
    for generation in generations.iter().rev() {
        let mut original = Vec::with_capacity(bytes.len());
        RewritePlan::new(catalog.undo(generation)?).splice(&bytes, &mut original)?;
        if Digest::of(&original).as_bytes() != &generation.journal.before {
            return Ok(None);
        }
        bytes = original;
    }
    let mut marks = Vec::new();
    if let Some(first) = generations.first() {
        catalog.journal_edits(first, &mut |start, edit| {
            let new = String::from_utf8_lossy(&edit.new).into_owned();
            marks.push((Span::new(start as usize, start as usize + edit.old.len()), new));
        })?;
    }
    let marks = marks.into_iter().take(MAX_MARKS).map(|(span, new)| Ok(Mark { span, ..edited(catalog, &new)? }));
    let marks = in_order(marks.collect::<anyhow::Result<_>>()?);
    let note = "As it was before it was edited in place, by the journal. What was edited is marked.";
    Ok(Document::from_bytes(bytes).ok().map(|document| Before { document, marks, note: note.to_owned() }))
}

/// The mark for what became `new`.
fn edited(catalog: &Catalog, new: &str) -> anyhow::Result<Mark> {
    let digest = blob_name(new).and_then(|name| name.split_once('.')).and_then(|(hex, _)| hex.parse::<Digest>().ok());
    let asset = digest.map(|digest| catalog.asset_with(&digest)).transpose()?.flatten();
    Ok(Mark { span: Span::new(0, 0), class: "sv-held", asset, told: format!("now {}", super::shown(new)) })
}

/// Marks within marks are left out: the table of references has them.
fn in_order(mut marks: Vec<Mark>) -> Vec<Mark> {
    marks.sort_by_key(|mark| mark.span.start);
    let mut end = 0;
    marks.retain(|mark| {
        let fits = mark.span.start >= end && mark.span.end > mark.span.start;
        if fits {
            end = mark.span.end;
        }
        fits
    });
    marks
}
