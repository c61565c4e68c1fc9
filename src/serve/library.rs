//! A mirror, as the viewer answers for it.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use url::form_urlencoded;

use super::guard::Asked;
use super::pages::{self, article, asset, before, index, references};
use super::picture;
use super::reply::{Policy, Reply};
use super::shelf::{Card, Shelf, Stamp};
use crate::mirror::Layout;
use crate::mirror::catalog::Selection;
use crate::mirror::digest::Digest;
use crate::page::{Collection, Entry, Picture};
use crate::pipeline::Collecting;
use crate::sanitize;

/// Documents of a page of the index.
const PAGE: usize = 100;

/// Names that are read from the catalog at a time.
const BATCH: usize = 500;

/// Documents whose titles a search reads itself. What is more is read in the background.
const READ_AT_ONCE: usize = 200;

/// The longest search; characters.
const MAX_SEARCH: usize = 200;

pub struct Library(Arc<Inner>);

struct Inner {
    layout: Layout,
    collecting: Collecting,
    shelf: Shelf,
    /// Whether titles are being read in the background.
    reading: AtomicBool,
}

impl Library {
    pub fn open(layout: Layout, collecting: Collecting) -> anyhow::Result<Self> {
        let inner = Inner { layout, collecting, shelf: Shelf::new()?, reading: AtomicBool::new(false) };
        inner.collection()?;
        Ok(Library(Arc::new(inner)))
    }

    pub fn answer(&self, asked: &Asked) -> anyhow::Result<Reply> {
        let segments: Vec<&str> = asked.segments.iter().map(String::as_str).collect();
        if asked.is_folder && !segments.is_empty() {
            return Ok(pages::not_found());
        }
        match segments[..] {
            [] => self.index(&asked.query),
            ["style.css"] => Ok(pages::style()),
            ["picture", name] => self.0.picture(name, asked),
            ["document", id] => self.0.of_document(id, |collection, entry| Inner::article(collection, &entry)),
            ["document", id, "before"] => self.0.of_document(id, |collection, entry| {
                Ok(Reply::page(StatusCode::OK, before::page(collection, &entry)?))
            }),
            ["document", id, "references"] => {
                let after = number(&asked.query, "after").unwrap_or(-1);
                self.0.of_document(id, |collection, entry| {
                    Ok(Reply::page(StatusCode::OK, references::page(collection, &entry, after)?))
                })
            }
            ["document", id, "picture", hex] => {
                self.0.of_document(id, |collection, entry| Inner::picture_of(collection, &entry, hex))
            }
            ["asset", id] => self.0.asset(id),
            _ => Ok(pages::not_found()),
        }
    }

    fn index(&self, query: &str) -> anyhow::Result<Reply> {
        let value = |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v);
        let search: String = value("q").unwrap_or_default().trim().chars().take(MAX_SEARCH).collect();
        let page = value("page").and_then(|page| page.parse::<usize>().ok()).unwrap_or(1).clamp(1, 1_000_000);
        let collection = self.0.collection()?;
        let found = self.0.find(&collection, &search, page - 1)?;
        if found.unread > 0 {
            self.read_on();
        }
        Ok(Reply::page(StatusCode::OK, index::page(&search, page, PAGE, &found)))
    }

    /// Reads the titles that nobody has read yet, in the background, unless that is being done.
    fn read_on(&self) {
        if self.0.reading.swap(true, Ordering::AcqRel) {
            return;
        }
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || {
            // What cannot be read will be told of when it is asked for.
            let _ = inner.read_all();
            inner.reading.store(false, Ordering::Release);
        });
    }
}

impl Inner {
    /// The mirror as it is now: a run may write to it at any time.
    fn collection(&self) -> anyhow::Result<Collection> {
        Collection::open(&self.layout, self.collecting.clone(), Selection::All)
    }

    /// Answers about the document with the number `id`, if there is one.
    fn of_document(
        &self,
        id: &str,
        answer: impl FnOnce(&Collection, Entry) -> anyhow::Result<Reply>,
    ) -> anyhow::Result<Reply> {
        let collection = self.collection()?;
        match id.parse().ok().map(|id| collection.entry(id)).transpose()?.flatten() {
            Some(entry) => answer(&collection, entry),
            None => Ok(pages::not_found()),
        }
    }

    fn article(collection: &Collection, entry: &Entry) -> anyhow::Result<Reply> {
        let markup = article::page(collection, entry)?;
        Ok(Reply { policy: Policy::Article, ..Reply::page(StatusCode::OK, markup) })
    }

    /// A picture that is no blob of the mirror, from the page that shows it.
    fn picture_of(collection: &Collection, entry: &Entry, hex: &str) -> anyhow::Result<Reply> {
        let Ok(digest) = Digest::from_str(hex) else { return Ok(pages::not_found()) };
        let mut found: Option<Picture> = None;
        collection.page(entry)?.pictures(&mut |picture| {
            if picture.held == digest {
                found = Some(picture.clone());
            }
        });
        Ok(found.map_or_else(pages::not_found, picture::of_page))
    }

    fn picture(&self, name: &str, asked: &Asked) -> anyhow::Result<Reply> {
        let digest = name.split_once('.').and_then(|(hex, _)| Digest::from_str(hex).ok());
        let Some(digest) = digest else { return Ok(pages::not_found()) };
        let collection = self.collection()?;
        let Some(row) = collection.catalog().picture(digest.as_bytes())?.filter(|row| row.blob.name().ends_with(name))
        else {
            return Ok(pages::not_found());
        };
        let told = "The file of this picture is gone from the mirror. `imgmirror check --repair` fetches it again.";
        let reply = picture::of_blob(&row, collection.assets(), &asked.headers)?;
        Ok(reply.unwrap_or_else(|| pages::message(StatusCode::NOT_FOUND, told)))
    }

    fn asset(&self, id: &str) -> anyhow::Result<Reply> {
        let collection = self.collection()?;
        let Ok(id) = id.parse::<i64>() else { return Ok(pages::not_found()) };
        Ok(match collection.catalog().viewed_asset(id, asset::MAX_ROWS)? {
            Some(viewed) => Reply::page(StatusCode::OK, asset::page(&collection, &viewed)?),
            None => pages::not_found(),
        })
    }

    /// The documents whose names or titles hold all words of a search, `page` pages from the first.
    fn find(&self, collection: &Collection, search: &str, page: usize) -> anyhow::Result<index::Found> {
        let words: Vec<String> = search.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let skip = page.saturating_mul(PAGE);
        // Nothing is read twice at a time.
        let mut may_read = if self.reading.load(Ordering::Acquire) { 0 } else { READ_AT_ONCE };
        let mut found = index::Found { total: collection.count()?, ..index::Found::default() };
        self.each(collection, &mut |entry| {
            let name = entry.name.to_string_lossy().to_lowercase();
            let mut matches = words.iter().all(|word| name.contains(word));
            if !matches {
                let stamp = Stamp::of(&collection.file(&entry));
                let card = match self.shelf.get(entry.id(), stamp)? {
                    None if may_read > 0 => {
                        may_read -= 1;
                        Some(self.read(collection, &entry, stamp)?)
                    }
                    known => known,
                };
                found.unread += u64::from(card.is_none());
                let title = card.map(|card| card.title.to_lowercase()).unwrap_or_default();
                matches = words.iter().all(|word| name.contains(word) || title.contains(word));
            }
            if matches {
                if found.matching >= skip as u64 && found.rows.len() < PAGE {
                    found.rows.push(self.row(collection, entry)?);
                }
                found.matching += 1;
            }
            // Without a search, nothing behind the page needs a look.
            Ok(!words.is_empty() || found.rows.len() < PAGE)
        })?;
        if words.is_empty() {
            found.matching = found.total;
        }
        Ok(found)
    }

    fn row(&self, collection: &Collection, entry: Entry) -> anyhow::Result<index::Row> {
        let stamp = Stamp::of(&collection.file(&entry));
        let card = match self.shelf.get(entry.id(), stamp)? {
            Some(card) => card,
            None => self.read(collection, &entry, stamp)?,
        };
        let (references, missing) = collection.catalog().reference_totals(entry.id())?;
        Ok(index::Row { id: entry.id(), name: sanitize::path(&entry.name), card, references, missing })
    }

    /// Calls `each` for the documents in the order of their paths until it says that this was enough.
    fn each(&self, collection: &Collection, each: &mut dyn FnMut(Entry) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let mut last: Option<Entry> = None;
        loop {
            let entries = collection.entries(last.as_ref(), BATCH)?;
            let Some(end) = entries.last() else { return Ok(()) };
            last = Some(end.clone());
            for entry in entries {
                if !each(entry)? {
                    return Ok(());
                }
            }
        }
    }

    fn read_all(&self) -> anyhow::Result<()> {
        let collection = self.collection()?;
        self.each(&collection, &mut |entry| {
            let stamp = Stamp::of(&collection.file(&entry));
            if self.shelf.get(entry.id(), stamp)?.is_none() {
                self.read(&collection, &entry, stamp)?;
            }
            Ok(true)
        })
    }

    /// Reads what is shown of a document in lists, and keeps it.
    fn read(&self, collection: &Collection, entry: &Entry, stamp: Stamp) -> anyhow::Result<Card> {
        let stem = || entry.name.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let card = match collection.page(entry) {
            Ok(page) => {
                let cover =
                    page.cover.as_ref().map(|picture| picture_url(collection, entry.id(), picture)).transpose()?;
                Card { title: page.title, author: page.author, date: page.date, cover, problem: None }
            }
            Err(error) => {
                let problem = Some(sanitize::for_terminal_limited(&format!("{error:#}"), 300).into_owned());
                Card { title: stem(), author: None, date: None, cover: None, problem }
            }
        };
        self.shelf.put(entry.id(), stamp, &card)?;
        Ok(card)
    }
}

/// Where a picture of a document's page is served: a blob for all documents at once, anything else with its document.
pub(super) fn picture_url(collection: &Collection, document: i64, picture: &Picture) -> anyhow::Result<String> {
    Ok(match collection.catalog().picture(picture.held.as_bytes())? {
        Some(row) => blob_url(&row.blob),
        None => format!("/document/{document}/picture/{}", picture.held),
    })
}

/// Where a blob is served.
pub(super) fn blob_url(blob: &crate::mirror::store::Blob) -> String {
    let name = blob.name();
    format!("/picture/{}", name.rsplit('/').next().unwrap_or_default())
}

fn number(query: &str, name: &str) -> Option<i64> {
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name)?.1.parse().ok()
}
