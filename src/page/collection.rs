//! The documents of a mirror, in the order of their names, each as a page.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use encoding_rs::Encoding;
use url::Url;

use super::lookup::Lookup;
use super::{Page, body, front};
use crate::collect::front_matter::{Split, split};
use crate::document::Format;
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, Documents, PublishedRow, Selection};
use crate::mirror::store::Blob;
use crate::pipeline::{Collecting, normal};
use crate::proxy::Rules;
use crate::sanitize;

/// A mirror, seen as articles.
#[derive(Debug)]
pub struct Collection {
    pub(super) catalog: Catalog,
    layout: Layout,
    pub(super) collecting: Collecting,
    selection: Selection,
    documents: Documents,
    /// Where the blobs are.
    assets: PathBuf,
    /// What runs were given to read, absolute.
    inputs: Vec<PathBuf>,
}

/// A document of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    row: PublishedRow,
    /// Its name in the collection: a relative path without `..`.
    pub name: PathBuf,
}

impl Collection {
    /// Opens the mirror for reading. It takes no lock, and needs none: documents and blobs appear by rename.
    ///
    /// `collecting` says how what documents refer to is led back to what is held.
    pub fn open(layout: &Layout, mut collecting: Collecting, selection: Selection) -> anyhow::Result<Self> {
        let catalog = Catalog::open_existing(&layout.catalog())?;
        for rule in catalog.learned_proxies()? {
            if let Ok(learned) = serde_json::from_str(&rule) {
                collecting.rules.learn(&learned);
            }
        }
        let placement = catalog.placement()?;
        let documents = placement.as_ref().map_or(Documents::Mirror, |row| row.documents);
        let assets = placement.map_or_else(|| layout.assets(), |row| row.assets(layout));
        let inputs = catalog.inputs()?;
        Ok(Collection { catalog, layout: layout.clone(), collecting, selection, documents, assets, inputs })
    }

    /// The documents behind `after`, at most `max`, in the order of their paths.
    pub fn entries(&self, after: Option<&Entry>, max: usize) -> anyhow::Result<Vec<Entry>> {
        let after = after.map(|entry| entry.row.path.as_path());
        let rows = self.catalog.published(self.selection, after, max)?;
        Ok(rows.into_iter().map(|row| Entry { name: self.name(&row.path), row }).collect())
    }

    /// The document with this number in the catalog.
    pub fn entry(&self, id: i64) -> anyhow::Result<Option<Entry>> {
        let row = self.catalog.published_with_id(self.selection, id)?;
        Ok(row.map(|row| Entry { name: self.name(&row.path), row }))
    }

    /// The document that has this name in the collection.
    pub fn entry_named(&self, name: &Path) -> anyhow::Result<Option<Entry>> {
        let below =
            self.inputs.iter().flat_map(|input| [Some(input.join(name)), input.parent().map(|above| above.join(name))]);
        for path in std::iter::once(name.to_owned()).chain(below.flatten()) {
            match self.catalog.published_at(self.selection, &path)? {
                Some(row) if self.name(&row.path) == name => return Ok(Some(Entry { name: name.to_owned(), row })),
                _ => {}
            }
        }
        Ok(None)
    }

    /// How many documents there are.
    pub fn count(&self) -> anyhow::Result<u64> {
        Ok(self.catalog.published_count(self.selection)?)
    }

    /// The catalog behind the pages.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// Where the bytes of a blob are, as they are held.
    pub fn held(&self, blob: Blob) -> PathBuf {
        self.assets.join(blob.name())
    }

    /// Reads a document of the collection and makes a page of it.
    pub fn page(&self, entry: &Entry) -> anyhow::Result<Page> {
        let file = self.file(entry);
        let document = self.collecting.open(&file).with_context(|| {
            // One that is collected and not yet written: a run has ended in between.
            let advice = if file.exists() { "check` tells what is wrong" } else { "sync` of the same input writes it" };
            format!("{}; `imgmirror {advice}", sanitize::path(&file))
        })?;
        let text = document.text();
        let (front, body) = match split(&text.text) {
            Split::Found(found) => {
                (front::read(found.kind, &text.text[found.inner.start..found.inner.end]), &text.text[found.body..])
            }
            Split::Absent | Split::Unclosed { .. } => (front::Front::default(), &*text.text),
        };
        let lookup = self.lookup(entry, document.encoding().output_encoding());
        let format = Format::of(&entry.row.path, body);
        body::page(entry, front, format, body, &lookup)
    }

    fn lookup<'c>(&'c self, entry: &'c Entry, encoding: &'static Encoding) -> Lookup<'c> {
        let site = entry.row.site.as_deref().and_then(|site| Url::parse(site).ok());
        let base = site.or_else(|| self.collecting.base_url.clone());
        Lookup { collection: self, entry, base, encoding, drawings: RefCell::default() }
    }

    /// The file that a page is made from: the copy that names what is held.
    pub fn file(&self, entry: &Entry) -> PathBuf {
        match self.documents {
            Documents::Mirror => self.layout.documents().join(&entry.row.path),
            Documents::InPlace => entry.row.source.clone(),
        }
    }

    /// Whether documents are edited where they are.
    pub fn is_in_place(&self) -> bool {
        self.documents == Documents::InPlace
    }

    /// The folder of the blobs.
    pub fn assets(&self) -> &Path {
        &self.assets
    }

    /// How URLs are led back to what was asked for.
    pub fn rules(&self) -> &Rules {
        &self.collecting.rules
    }

    /// The name of a document that the catalog has at `path`.
    fn name(&self, path: &Path) -> PathBuf {
        let below = |input: &&PathBuf| path.starts_with(input) && path != input.as_path();
        let input = self.inputs.iter().filter(below).max_by_key(|input| input.as_os_str().len());
        match (path.is_absolute(), input) {
            (false, _) => path.to_owned(),
            (true, Some(input)) if self.inputs.len() == 1 => path.strip_prefix(input).unwrap_or(path).to_owned(),
            (true, Some(input)) => path.strip_prefix(input.parent().unwrap_or(input)).unwrap_or(path).to_owned(),
            (true, None) => path.file_name().unwrap_or_default().into(),
        }
    }

    /// The name of the document that a link in `from` leads to, when it is one of the collection.
    pub(super) fn linked(&self, from: &Entry, link: &str) -> Option<PathBuf> {
        let to = normal(&from.row.path.parent()?.join(link));
        let found = self.catalog.is_published(self.selection, &to).unwrap_or(false);
        (found && !to.starts_with("..")).then(|| self.name(&to))
    }

    /// The folder of the document's source, and the input that it lies in: local pictures are looked for in the first,
    /// and never outside of the second.
    pub(super) fn local(&self, entry: &Entry) -> Option<(PathBuf, PathBuf)> {
        let folder = entry.row.source.parent()?.to_owned();
        let within = |input: &&PathBuf| entry.row.source.starts_with(input);
        let input = self.inputs.iter().filter(within).max_by_key(|input| input.as_os_str().len())?;
        let root = if input.is_dir() { input.clone() } else { folder.clone() };
        Some((folder, root))
    }
}

impl Entry {
    /// The document's number in the catalog.
    pub fn id(&self) -> i64 {
        self.row.id
    }

    /// The file that the document was read from.
    pub fn source(&self) -> &Path {
        &self.row.source
    }
}
