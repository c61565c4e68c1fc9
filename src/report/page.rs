//! report.html: what was kept, what is missing and why, in one file that works offline.
//!
//! Everything that matters stands in the page as HTML. Below it lies a block of JSON with a row for each document and
//! picture, through which a small script pages and filters. The page asks nobody for anything: its policy allows its
//! own style and script by digest, and pictures from this disk.

mod html;
mod rows;

use std::fs::File;
use std::io::{BufWriter, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::overview::{Limits, Overview};
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, Documents, PlacementRow};
use crate::rewrite::path_to_url;
use crate::sanitize;

/// What is shown without the script.
const LIMITS: Limits = Limits { groups: 100, documents: 100, changed: 50, runs: 10 };

/// Rows of each kind that the script pages through; those that matter most.
const MAX_ROWS: usize = 100_000;

const STYLE: &str = include_str!("page/style.css");
const SCRIPT: &str = include_str!("page/script.js");

/// The name of the element that says what a report was written from.
const MARK: &str = "imgmirror-state";

/// The mark stands within so many bytes of the beginning.
const MARK_WITHIN: u64 = 512;

/// Whether [`write()`] is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Always,
    /// Only if the report that is there tells of another state.
    Changed,
}

/// Writes the report of the mirror at `layout`, in one step. `now` is in milliseconds since 1970.
///
/// Only for the holder of the mirror's lock, since it works in tmp/.
///
/// # Errors
/// The catalog cannot be read, or the file not be written.
pub fn write(catalog: &Catalog, layout: &Layout, when: When, now: i64) -> anyhow::Result<()> {
    let pictures = Pictures::of(catalog.placement()?.as_ref(), layout);
    let mark = mark(catalog, &pictures)?;
    let path = layout.report();
    if when == When::Changed && marked(&path).as_ref() == Some(&mark) {
        return Ok(());
    }
    let doing = || format!("writing {}", sanitize::path(&path));
    let mut builder = tempfile::Builder::new();
    // Named as the store names its own, so that what a killed run leaves in tmp/ is swept with them.
    builder.prefix("imgmirror-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let file = builder.tempfile_in(layout.tmp()).with_context(doing)?;
    print(catalog, file.as_file(), &pictures, &mark, now).with_context(doing)?;
    file.persist(&path).with_context(doing)?;
    Ok(())
}

fn print(catalog: &Catalog, file: &File, pictures: &Pictures, mark: &str, now: i64) -> anyhow::Result<()> {
    let ledger = catalog.ledger()?;
    let overview = Overview::of(&ledger, LIMITS, now)?;
    let mut out = BufWriter::new(file);
    out.write_all(html::before_rows(&overview, mark, now).into_string().as_bytes())?;
    rows::write(&ledger, pictures, [overview.documents.total, overview.assets.total], &mut out)?;
    out.write_all(html::after_rows().into_string().as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Where the page finds the pictures: a URL that ends in a slash.
struct Pictures(String);

impl Pictures {
    fn of(placement: Option<&PlacementRow>, layout: &Layout) -> Self {
        let elsewhere = match placement {
            Some(row) if row.documents == Documents::InPlace => row.assets(layout),
            _ => return Pictures("assets/".to_owned()),
        };
        let root = layout.report().parent().and_then(|root| std::path::absolute(root).ok()).unwrap_or_default();
        let inside = elsewhere.strip_prefix(&root).ok().and_then(Path::to_str);
        Pictures(match inside {
            Some(inside) => format!("{}/", path_to_url(inside)),
            None => Url::from_directory_path(&elsewhere).map(String::from).unwrap_or_default(),
        })
    }
}

/// What a report of this state, by this version, begins with.
fn mark(catalog: &Catalog, pictures: &Pictures) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    hash.update(catalog.ledger_state()?);
    for part in [env!("CARGO_PKG_VERSION"), STYLE, SCRIPT, &pictures.0] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(hex::encode(hash.finalize()))
}

/// The mark of the report at `path`, if there is one.
fn marked(path: &Path) -> Option<String> {
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(MARK_WITHIN).read_to_end(&mut start)).ok()?;
    let start = String::from_utf8_lossy(&start);
    let (_, mark) = start.split_once(&format!("name=\"{MARK}\" content=\""))?;
    Some(mark.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests;
