//! Puts the documents of in-place runs back as they were, by the journal in the catalog.
//!
//! The journal has the digests of a document around every generation of edits. A file that is what a generation made of
//! it is led back, generation by generation, and replaced in one step; only then is its journal dropped. So a restore
//! that ends anywhere is finished by the next one, and a file that a person has edited since is told from one that was
//! not.

mod merge;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::mirror::catalog::{Catalog, CatalogError, EditedDocument, Journal, Keep};
use crate::mirror::digest::Digest;
use crate::pipeline::Action;
use crate::replace::{self, Version, folder_of};
use crate::rewrite::RewritePlan;
use crate::sanitize;

/// Documents that are moved into place together.
const BATCH: usize = 128;

/// Documents that were not put back and are listed in the JSON; the first ones.
const MAX_LISTED: usize = 1_000;

/// What is done with a document that a person has edited since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edited {
    /// It is left as it is.
    Refuse,
    /// The references that still stand as they were written are put back, and everything else is kept.
    Merge,
}

/// How documents are put back.
#[derive(Debug)]
pub struct Restoring<'a> {
    pub catalog: &'a Catalog,
    /// The mirror's folder for unfinished files.
    pub tmp: &'a Path,
    /// Documents and folders of documents, absolute; empty for all.
    pub only: &'a [PathBuf],
    pub edited: Edited,
    pub action: Action,
}

/// What became of the documents: `total` is the sum of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    pub total: u64,
    /// Byte for byte as they were before the first edit.
    pub restored: u64,
    /// They were so already.
    pub unchanged: u64,
    /// Edited since, and all references that still stood there are put back.
    pub merged: u64,
    pub refused: u64,
    /// Those that were refused, and why.
    pub failures: Vec<Refused>,
}

/// A document that was not put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    pub document: String,
    pub kind: Kind,
    pub detail: String,
}

/// Why a document was not put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A person has edited it since.
    Edited,
    /// There is no such file any more.
    Gone,
    /// It cannot be read or written.
    Failed,
}

/// What a document becomes.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// What it is already.
    Unchanged,
    Original,
    Merged {
        put_back: usize,
        left: usize,
    },
}

/// A document whose new bytes are written but not in place.
struct Prepared {
    document: EditedDocument,
    destination: PathBuf,
    read: Version,
    next: Next,
    temporary: Option<NamedTempFile>,
}

impl Restoring<'_> {
    /// Puts the documents back, in batches: first the new bytes of all are durable, then they take their places, then
    /// their journals are dropped. `tell` hears of every document that is not put back, as it happens.
    ///
    /// # Errors
    /// What every other document would meet as well: a full or read-only disk, a catalog that fails.
    pub fn run(&self, tell: &mut dyn FnMut(&Refused)) -> anyhow::Result<Restored> {
        let mut restored = Restored::default();
        let mut after = PathBuf::new();
        loop {
            let documents = self.catalog.edited_documents(&after, BATCH)?;
            let Some(last) = documents.last() else { return Ok(restored) };
            after.clone_from(&last.path);
            let mut prepared = Vec::new();
            for document in documents.into_iter().filter(|document| self.is_meant(&document.source)) {
                restored.total += 1;
                let source = document.source.clone();
                match self.prepare(document) {
                    Ok(Ok(document)) => prepared.push(document),
                    Ok(Err(refused)) => restored.refuse(refused, tell),
                    Err(error) => restored.fail(&source, error, tell)?,
                }
            }
            self.put_in_place(prepared, &mut restored, tell)?;
        }
    }

    fn is_meant(&self, source: &Path) -> bool {
        self.only.is_empty() || self.only.iter().any(|path| source.starts_with(path))
    }

    /// Writes what a document was beside its place, or says why it is not put back.
    fn prepare(&self, document: EditedDocument) -> anyhow::Result<Result<Prepared, Refused>> {
        // A link that the user named stays a link: what it leads to was edited.
        let destination = document.source.canonicalize().unwrap_or_else(|_| document.source.clone());
        let (read, bytes) = match read(&destination) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let detail = "is not there any more; its journal is kept".to_owned();
                return Ok(Err(Refused::new(&document.source, Kind::Gone, detail)));
            }
            bytes => bytes.context("cannot be read")?,
        };
        let (next, new) = match self.original(&document, &bytes)? {
            Some(next) => next,
            None if self.edited == Edited::Merge => {
                let merged = merge::merge(self.catalog, &document.generations, bytes)?;
                let next = Next::Merged { put_back: merged.put_back, left: merged.left };
                (next, (merged.put_back > 0).then_some(merged.bytes))
            }
            None => {
                let detail = "was edited since, and is left as it is".to_owned();
                return Ok(Err(Refused::new(&document.source, Kind::Edited, detail)));
            }
        };
        let temporary = match new {
            Some(bytes) if self.action == Action::Act => Some(self.write(&bytes, &destination)?),
            _ => None,
        };
        Ok(Ok(Prepared { document, destination, read, next, temporary }))
    }

    /// What a document was before its first edit, if it is not so now; `None` when it is not what the journal made of it.
    fn original(&self, document: &EditedDocument, bytes: &[u8]) -> anyhow::Result<Option<(Next, Option<Vec<u8>>)>> {
        let journals: Vec<_> = document.generations.iter().map(|generation| &generation.journal).collect();
        let Some(way) = way_back(&journals, Digest::of(bytes).as_bytes()) else { return Ok(None) };
        if way.is_empty() {
            return Ok(Some((Next::Unchanged, None)));
        }
        let mut bytes = bytes.to_vec();
        for generation in way.into_iter().map(|at| &document.generations[at]) {
            let mut before = Vec::with_capacity(bytes.len());
            let undone = RewritePlan::new(self.catalog.undo(generation)?).splice(&bytes, &mut before);
            let whole = undone.is_ok() && Digest::of(&before).as_bytes() == &generation.journal.before;
            anyhow::ensure!(whole, "its journal is damaged: the edits do not lead back to what it was");
            bytes = before;
        }
        Ok(Some((Next::Original, Some(bytes))))
    }

    fn write(&self, bytes: &[u8], destination: &Path) -> anyhow::Result<NamedTempFile> {
        let mut temporary = replace::temporary(self.tmp, destination)?;
        let written = temporary.write_all(bytes).and_then(|()| temporary.as_file().sync_data());
        written.with_context(|| format!("writing {}", sanitize::path(temporary.path())))?;
        Ok(temporary)
    }

    fn put_in_place(
        &self,
        prepared: Vec<Prepared>,
        restored: &mut Restored,
        tell: &mut dyn FnMut(&Refused),
    ) -> anyhow::Result<()> {
        let mut folders = BTreeSet::new();
        let mut done = Vec::new();
        for Prepared { document, destination, read, next, temporary } in prepared {
            if let Some(temporary) = temporary {
                let put = read.still_at(&destination).and_then(|()| replace::persist(temporary, &destination));
                if let Err(error) = put {
                    restored.fail(&document.source, error, tell)?;
                    continue;
                }
                folders.insert(folder_of(&destination).to_owned());
            }
            done.push((document, next));
        }
        folders.iter().try_for_each(|folder| replace::sync_folder(folder))?;
        if self.action == Action::Act {
            self.catalog.begin()?;
            done.iter().try_for_each(|(document, next)| self.catalog.restored(document.id, next.keep()))?;
            self.catalog.commit()?;
        }
        for (document, next) in done {
            restored.count(&document.source, next, tell);
        }
        Ok(())
    }
}

/// Which generations are to be undone, one after the other, to lead a file of this digest back to what it was before the
/// first; `None` when that cannot be had whole, because a person has edited the file in between.
///
/// A run that ended between journal and file, a restore that ended between file and journal, and a person who took
/// edits back leave generations that are not in the file.
fn way_back(journals: &[&Journal], found: &[u8; 32]) -> Option<Vec<usize>> {
    let original = journals.first()?.before;
    let (mut way, mut now, mut below) = (Vec::new(), *found, journals.len());
    while now != original {
        below = journals[..below].iter().rposition(|journal| journal.after == now)?;
        now = journals[below].before;
        way.push(below);
    }
    Some(way)
}

fn read(path: &Path) -> io::Result<(Version, Vec<u8>)> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a file"));
    }
    let version = Version::of(path)?;
    Ok((version, fs::read(path)?))
}

impl Next {
    fn keep(self) -> Keep {
        match self {
            Next::Merged { left: 1.., .. } => Keep::Journal,
            _ => Keep::Nothing,
        }
    }
}

impl Restored {
    fn count(&mut self, source: &Path, next: Next, tell: &mut dyn FnMut(&Refused)) {
        match next {
            Next::Unchanged => self.unchanged += 1,
            Next::Original => self.restored += 1,
            Next::Merged { left: 0, .. } => self.merged += 1,
            Next::Merged { put_back, left } => {
                let detail = format!(
                    "was edited since: {put_back} references are put back, {left} stand there more or less often than \
                     they were written and are left as they are"
                );
                self.refuse(Refused::new(source, Kind::Edited, detail), tell);
            }
        }
    }

    /// Counts a document that could not be put back, unless no other could be either.
    fn fail(&mut self, source: &Path, error: anyhow::Error, tell: &mut dyn FnMut(&Refused)) -> anyhow::Result<()> {
        if error.is::<CatalogError>() || replace::is_of_the_disk(&error) {
            return Err(error);
        }
        self.refuse(Refused::new(source, Kind::Failed, format!("{error:#}")), tell);
        Ok(())
    }

    fn refuse(&mut self, refused: Refused, tell: &mut dyn FnMut(&Refused)) {
        self.refused += 1;
        tell(&refused);
        if self.failures.len() < MAX_LISTED {
            self.failures.push(refused);
        }
    }
}

impl Refused {
    fn new(source: &Path, kind: Kind, detail: String) -> Self {
        Refused { document: source.to_string_lossy().into_owned(), kind, detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_led_back_through_its_generations() {
        let way = |digests: &[(u8, u8)], found: u8| {
            let journal = |(before, after): &(u8, u8)| Journal { before: [*before; 32], after: [*after; 32] };
            let journals: Vec<_> = digests.iter().map(journal).collect();
            way_back(&journals.iter().collect::<Vec<_>>(), &[found; 32])
        };
        assert_eq!(way(&[(1, 2)], 2), Some(vec![0]));
        assert_eq!(way(&[(1, 2)], 1), Some(vec![]), "restored, or never edited, but the journal is still there");
        assert_eq!(way(&[(1, 2)], 9), None);
        let two = [(1, 2), (2, 3)];
        assert_eq!((way(&two, 3), way(&two, 2), way(&two, 1)), (Some(vec![1, 0]), Some(vec![0]), Some(vec![])));
        // A person edited it between the generations: what was before the first cannot be had whole ...
        let edited = [(1, 2), (5, 6)];
        assert_eq!((way(&edited, 6), way(&edited, 5)), (None, None));
        // ... unless that is taken back.
        assert_eq!((way(&edited, 2), way(&[(1, 2), (2, 3), (4, 5)], 3)), (Some(vec![0]), Some(vec![1, 0])));
        assert_eq!(way(&[(1, 2), (2, 3), (1, 4)], 4), Some(vec![2]), "the original was brought back and edited anew");
        assert_eq!(way(&[], 1), None);
    }
}
