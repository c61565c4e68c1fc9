//! New bytes beside the documents that they will replace, written by as many threads as there are cores.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::thread;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::{Placement, Rewriting};
use crate::mirror::catalog::{self, Catalog, Journal, JournalEdit, RewriteRow};
use crate::mirror::digest::Hashing;
use crate::pipeline::threads;
use crate::replace::{Beside, CHANGED, Version, folder_of, make_folder};
use crate::rewrite::{Edit, RewritePlan};
use crate::sanitize;

/// How far a thread may be ahead of the one that takes what it has prepared.
struct Pace {
    /// Documents that it hands on together.
    together: usize,
    /// How often it does so before it waits for those to be taken.
    ahead: usize,
}

impl Pace {
    fn of(placement: &Placement) -> Self {
        match placement {
            // To be handed something wakes a thread, which takes as long as a small document.
            Placement::Mirror => Pace { together: 4, ahead: 4 },
            // Their edits, which are handed on with them, can be as large as the documents.
            Placement::InPlace { .. } => Pace { together: 1, ahead: 1 },
        }
    }
}

/// A document whose new bytes are written but not in place. What it holds is small, however large the document is.
pub(super) struct Prepared {
    pub(super) row: RewriteRow,
    pub(super) plan: [u8; 32],
    /// The digest of the new bytes.
    pub(super) after: [u8; 32],
    pub(super) temporary: NamedTempFile,
    pub(super) destination: PathBuf,
    pub(super) in_place: Option<InPlace>,
}

/// What an edit in place has to know.
pub(super) struct InPlace {
    /// As it stands in the catalog.
    pub(super) journal: Journal,
    /// The file that was read.
    pub(super) read: Version,
}

/// The edits of a document with where they begin in the bytes before; none unless they belong into the journal.
type Edits = Vec<(usize, JournalEdit)>;

/// What comes of preparing a document; `None` when the new bytes are there already.
pub(super) type Preparation = anyhow::Result<Option<(Prepared, Edits)>>;

/// What a thread needs for itself.
pub(super) struct Preparer {
    catalog: Catalog,
    beside: Beside,
}

impl Rewriting<'_> {
    /// What threads need that prepare documents, for as many as there are cores.
    pub(super) fn threads(&self, catalog: &Catalog) -> catalog::Result<Vec<Preparer>> {
        let preparer = |_| Ok(Preparer { catalog: catalog.reader()?, beside: Beside::new(self.layout.tmp()) });
        (0..threads()).map(preparer).collect()
    }

    /// Prepares the documents of `rows` and gives `take` what comes of them, in their order: without `threads` one after
    /// the other as it takes them, else while the threads go on. It ends early when the run is to stop. Memory holds of
    /// each thread what its [`Pace`] lets it hand on ahead, and what it is at.
    ///
    /// # Errors
    /// Those of `take`, and that a thread broke down; then `take` has met the end before that.
    pub(super) fn prepare_all(
        &self,
        catalog: &Catalog,
        threads: &mut [Preparer],
        rows: &[RewriteRow],
        stop: &CancellationToken,
        take: impl FnOnce(&mut dyn Iterator<Item = (&RewriteRow, Preparation)>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if threads.is_empty() {
            let mut beside = Beside::new(self.layout.tmp());
            let rows = rows.iter().take_while(|_| !stop.is_cancelled());
            return take(&mut rows.map(|row| (row, self.prepare_one(catalog, &mut beside, row))));
        }
        let (count, Pace { together, ahead }) = (threads.len(), Pace::of(self.placement));
        thread::scope(|scope| {
            let (mut running, mut shares) = (Vec::with_capacity(count), Vec::with_capacity(count));
            for (number, Preparer { catalog, beside }) in threads.iter_mut().enumerate() {
                let (to_taker, share) = sync_channel(ahead);
                shares.push(share);
                running.push(scope.spawn(move || {
                    for rows in rows.chunks(together).skip(number).step_by(count) {
                        let rows = rows.iter().take_while(|_| !stop.is_cancelled());
                        let prepared: Vec<_> = rows.map(|row| self.prepare_one(catalog, beside, row)).collect();
                        if to_taker.send(prepared).is_err() {
                            break;
                        }
                    }
                }));
            }
            // Of a thread that broke down nothing comes any more.
            let received = rows.chunks(together).zip(shares.iter().cycle());
            let received = received.map_while(|(rows, share)| Some(rows.iter().zip(share.recv().ok()?)));
            let taken = take(&mut received.flatten());
            // Who waits for something to be taken ends.
            drop(shares);
            // All of them are asked: the scope breaks down with one that is not.
            let broken = running.into_iter().filter_map(|thread| thread.join().err()).count();
            taken?;
            anyhow::ensure!(broken == 0, "a thread that prepared documents broke down");
            Ok(())
        })
    }

    /// Writes the new bytes of a document beside its place.
    fn prepare_one(&self, catalog: &Catalog, beside: &mut Beside, row: &RewriteRow) -> Preparation {
        let plan = self.plan(catalog, row)?;
        let fingerprint = plan.fingerprint(&row.digest);
        if self.is_written(row, &plan, &fingerprint) {
            return Ok(None);
        }
        let read = match self.placement {
            Placement::Mirror => None,
            Placement::InPlace { .. } => Some(Version::of(&row.source).context("cannot be read")?),
        };
        let document = self.collecting.open(&row.source)?;
        anyhow::ensure!(<[u8; 32]>::from(Sha256::digest(document.bytes())) == row.digest, CHANGED);
        // Links are ASCII; in a document of UTF-16 that takes other bytes.
        let encoded = |edit: Edit| Edit { text: document.encode(&String::from_utf8_lossy(&edit.text)), ..edit };
        let plan = RewritePlan::new(plan.into_edits().into_iter().map(encoded).collect());
        let missing = || {
            let mut missing = Vec::new();
            catalog
                .references(row.id, &mut |reference| missing.extend(reference.blob.is_none().then_some(reference)))?;
            Ok(missing)
        };
        let plan = self.collecting.complete(&row.source, &document, plan, missing, self.links)?;
        let destination = self.destination(row);
        let folder = folder_of(&destination);
        if read.is_none() && !beside.knows(folder) {
            make_folder(folder)?;
        }
        let temporary = beside.temporary(&destination)?;
        let after = write(&plan, document.bytes(), temporary.as_file())
            .with_context(|| format!("writing {}", sanitize::path(temporary.path())))?;
        let edits = if read.is_some() { journaled(&plan, document.bytes()) } else { Vec::new() };
        let in_place = read.map(|read| InPlace { journal: Journal { before: row.digest, after }, read });
        let row = row.clone();
        Ok(Some((Prepared { row, plan: fingerprint, after, temporary, destination, in_place }, edits)))
    }
}

fn journaled(plan: &RewritePlan, source: &[u8]) -> Edits {
    let journaled = |edit: &Edit| {
        let old = source.get(edit.span.start..edit.span.end).unwrap_or_default().to_vec();
        (edit.span.start, JournalEdit { old, new: edit.text.clone() })
    };
    plan.edits().iter().map(journaled).collect()
}

/// Splices into `file` and gives the digest of what was written.
fn write(plan: &RewritePlan, source: &[u8], file: &File) -> io::Result<[u8; 32]> {
    let most = source.len() + plan.edits().iter().map(|edit| edit.text.len()).sum::<usize>();
    let mut out = BufWriter::with_capacity(most.saturating_add(1).min(1 << 16), Hashing::new(file));
    plan.splice(source, &mut out)?;
    let (_, digest) = out.into_inner()?.finish()?;
    Ok(*digest.as_bytes())
}
