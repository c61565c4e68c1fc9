//! What became of documents that a run was to see and did not: their sources are gone.
//!
//! Such a document gives its references up, so that nothing is fetched or asked for any more for its sake. Its copy and
//! its pictures stay until `imgmirror prune`. A folder that is there and has lost all of its documents at once is more
//! likely a disk that is not mounted, and nothing is concluded from it.

use std::path::{Path, PathBuf};

use crate::mirror::catalog::Catalog;
use crate::progress::Progress;
use crate::sanitize;

/// Documents that are looked at together.
const BATCH: usize = 1_000;

/// Releases the documents below `inputs` (absolute) that `run` did not see because they are gone; returns how many.
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
            let told = format!(
                "warning: none of the {} documents that were in {} is there; is its disk mounted? Nothing is released.",
                gone.len(),
                sanitize::path(input)
            );
            progress.warn(&told);
            continue;
        }
        for document in &gone {
            catalog.release(*document)?;
        }
        released += gone.len() as u64;
    }
    catalog.commit()?;
    Ok(released)
}

/// The documents below `input` that `run` did not see and that are not there.
fn gone(catalog: &Catalog, run: i64, input: &Path) -> anyhow::Result<Vec<i64>> {
    let (mut gone, mut after) = (Vec::new(), 0);
    loop {
        let rows = catalog.unseen_documents(run, after, BATCH)?;
        let Some((last, _)) = rows.last() else { return Ok(gone) };
        after = *last;
        // Others may be left out by a limit or a setting, and are no business of this run.
        let fitting = rows.iter().filter(|(_, source)| source.starts_with(input) && is_gone(source));
        gone.extend(fitting.map(|(id, _)| *id));
    }
}

fn is_gone(source: &Path) -> bool {
    matches!(source.symlink_metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
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
