//! What became of documents that a run was to see and did not: their sources are gone.
//!
//! Such a document gives its references up, so that nothing is fetched or asked for any more for its sake. Its copy and
//! its pictures stay until `imgmirror prune`. A folder that is there and has lost all of its documents at once is more
//! likely a disk that is not mounted, and nothing is concluded from it; nor from one within an input that is empty.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::mirror::catalog::Catalog;
use crate::progress::Progress;
use crate::sanitize;

/// Documents that are looked at together.
const BATCH: usize = 1_000;

/// Releases the documents below `inputs` (absolute) that `run` did not see because they are gone; returns how many.
///
/// # Errors
/// An input has lost all of its documents, or the catalog cannot be written.
pub(super) fn release(catalog: &Catalog, run: i64, inputs: &[PathBuf], progress: &Progress) -> anyhow::Result<u64> {
    let mut released = 0;
    catalog.begin()?;
    for input in inputs {
        catalog.remember_input(run, input)?;
        if catalog.unseen_documents(run, 0, 1)?.is_empty() {
            continue;
        }
        let gone = gone(catalog, run, input)?;
        if !gone.is_empty() && !saw_any(catalog, run, input)? {
            anyhow::bail!(
                "none of the {} documents that were in {} is there; is its disk mounted? If they are gone for good, \
                 `imgmirror prune --forget-input` with this folder lets go of them",
                gone.len(),
                sanitize::path(input)
            );
        }
        let mut empty = BTreeSet::new();
        for (document, source) in &gone {
            match empty_folder(source, input) {
                Some(folder) => {
                    empty.insert(folder);
                }
                None => {
                    catalog.release(*document)?;
                    released += 1;
                }
            }
        }
        for folder in empty {
            progress.warn(&format!(
                "warning: {} is empty, and documents were read from it; is its disk mounted? They are not released; once \
                 the folder is removed, they are.",
                sanitize::path(folder)
            ));
        }
    }
    catalog.commit()?;
    Ok(released)
}

/// The documents below `input` that `run` did not see and that are not there.
fn gone(catalog: &Catalog, run: i64, input: &Path) -> anyhow::Result<Vec<(i64, PathBuf)>> {
    let (mut gone, mut after) = (Vec::new(), 0);
    loop {
        let rows = catalog.unseen_documents(run, after, BATCH)?;
        let Some((last, _)) = rows.last() else { return Ok(gone) };
        after = *last;
        // Others may be left out by a limit or a setting, and are no business of this run.
        gone.extend(rows.into_iter().filter(|(_, source)| source.starts_with(input) && is_gone(source)));
    }
}

fn is_gone(source: &Path) -> bool {
    matches!(source.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

/// The folder between an input and a document that is there and empty, as that of a disk is that is not mounted.
fn empty_folder<'a>(source: &'a Path, input: &Path) -> Option<&'a Path> {
    let above = source.ancestors().skip(1).take_while(|folder| *folder != input && folder.starts_with(input));
    // Those above the lowest one that is there have at least that one in them.
    let lowest = above.into_iter().find(|folder| folder.is_dir())?;
    lowest.read_dir().is_ok_and(|mut entries| entries.next().is_none()).then_some(lowest)
}

fn saw_any(catalog: &Catalog, run: i64, input: &Path) -> anyhow::Result<bool> {
    let mut after = 0;
    loop {
        let rows = catalog.documents(run, after, BATCH)?;
        let Some(last) = rows.last() else { return Ok(false) };
        if rows.iter().any(|row| row.source.starts_with(input)) {
            return Ok(true);
        }
        after = last.id;
    }
}
