//! Makes a new catalog where the old one is lost, from what lies beside it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{Findings, Kind, blob_name, in_parallel, relative, walk};
use crate::media_type::{MediaType, inspect};
use crate::mirror::Layout;
use crate::mirror::catalog::Catalog;
use crate::mirror::digest::Digest;
use crate::mirror::store::Durability;
use crate::progress::{Phase, Progress};
use crate::sanitize;

/// Files that are hashed together.
const BATCH: usize = 512;

/// What SQLite calls the files beside a database.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

/// What a rebuild found.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct Rebuilt {
    /// Whole blobs that are on record now.
    pub blobs: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Documents whose links are on record now.
    pub documents: u64,
    /// Where the old catalog lies now, if there was one.
    pub old: Option<PathBuf>,
}

/// Makes a new catalog of the blobs below `assets`; `documents` adds what the documents tell and returns their number.
/// Only when it is whole does it take the place of the old one, which is kept.
///
/// # Errors
/// A folder cannot be read, or the mirror cannot be written to. The old catalog is where it was then.
pub fn rebuild(
    layout: &Layout,
    assets: &Path,
    documents: &dyn Fn(&Catalog) -> anyhow::Result<u64>,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<Option<(Rebuilt, Findings)>> {
    let unfinished = layout.tmp().join("imgmirror-rebuild.part");
    remove_unfinished(layout)?;
    let (mut rebuilt, mut findings) = (Rebuilt::default(), Findings::default());
    let catalog = Catalog::open(&unfinished, Durability::Batch)?;
    progress.phase(Phase::Hashing);
    add_blobs(&catalog, assets, &mut rebuilt, &mut findings, progress, stop)?;
    rebuilt.documents = documents(&catalog)?;
    catalog.forget_sources()?;
    // Closing it brings everything into the one file.
    drop(catalog);
    if stop.is_cancelled() {
        remove_unfinished(layout)?;
        return Ok(None);
    }
    rebuilt.old = move_aside(&layout.catalog())?;
    fs::rename(&unfinished, layout.catalog())
        .with_context(|| format!("moving the new catalog to {}", sanitize::path(&layout.catalog())))?;
    Ok(Some((rebuilt, findings)))
}

/// Removes what a rebuild that was killed left.
///
/// # Errors
/// A file cannot be removed.
pub fn remove_unfinished(layout: &Layout) -> io::Result<()> {
    for beside in BESIDE {
        match fs::remove_file(layout.tmp().join(format!("imgmirror-rebuild.part{beside}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// What a file below the assets is.
enum Looked {
    Whole { media_type: MediaType, length: u64, dimensions: Option<(u32, u32)> },
    Not { kind: Kind, detail: String },
}

fn add_blobs(
    catalog: &Catalog,
    assets: &Path,
    rebuilt: &mut Rebuilt,
    findings: &mut Findings,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let mut files = walk(assets).filter_map(|entry| match entry {
        Ok(entry) => {
            let (_, shown) = relative(entry.path(), assets);
            let (name, digest) = blob_name(&shown)?;
            (name == shown).then(|| Ok((shown.clone(), digest)))
        }
        Err(error) => Some(Err(error)),
    });
    while !stop.is_cancelled() {
        let batch = files.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
        if batch.is_empty() {
            break;
        }
        let looked = in_parallel(&batch, |(name, digest)| {
            let looked = look(&assets.join(name), *digest);
            progress.asset_done(if let Looked::Whole { length, .. } = looked { length } else { 0 });
            looked
        });
        catalog.begin()?;
        for ((name, digest), looked) in batch.iter().zip(looked) {
            match looked {
                Looked::Whole { media_type, length, dimensions } => {
                    catalog.add_blob(*digest, media_type.essence(), length, dimensions)?;
                    rebuilt.blobs += 1;
                    rebuilt.bytes += length;
                }
                Looked::Not { kind, detail } => findings.add(kind, &format!("assets/{name}"), &detail),
            }
        }
        catalog.commit()?;
    }
    Ok(())
}

/// Hashes a file, and reads from it what the catalog knew.
fn look(path: &Path, digest: Digest) -> Looked {
    let not = |kind, detail: String| Looked::Not { kind, detail };
    let hashed = File::open(path).and_then(|mut file| Digest::of_reader(&mut file).map(|hashed| (hashed, file)));
    let ((found, length), mut file) = match hashed {
        Ok(hashed) => hashed,
        Err(error) => return not(Kind::BlobUnreadable, error.to_string()),
    };
    if found != digest {
        return not(Kind::BlobCorrupt, format!("they are those of {found}"));
    }
    let named = path.extension().and_then(|extension| MediaType::from_extension(extension.to_str()?));
    // The extension is what documents embed; of two types that share one, the bytes tell which.
    match (inspect(&mut file, length), named) {
        (Ok(Ok(inspected)), Some(named)) if inspected.media_type.extension() == named.extension() => {
            Looked::Whole { media_type: inspected.media_type, length, dimensions: inspected.dimensions }
        }
        (_, Some(media_type)) => Looked::Whole { media_type, length, dimensions: None },
        (_, None) => not(Kind::FileUnknown, "its extension is none of a picture".to_owned()),
    }
}

/// Gives the old catalog a name under which it is no longer used; `None` when there is none.
fn move_aside(catalog: &Path) -> anyhow::Result<Option<PathBuf>> {
    let with = |suffix: &str| {
        let mut path = catalog.as_os_str().to_owned();
        path.push(suffix);
        PathBuf::from(path)
    };
    let mut free = (1..u32::MAX).map(|number| format!(".damaged-{number}"));
    let taken = |name: &String| BESIDE.iter().any(|beside| with(&format!("{name}{beside}")).symlink_metadata().is_ok());
    let Some(name) = free.find(|name| !taken(name)) else { return Ok(None) };
    let mut old = None;
    for beside in BESIDE {
        let (from, to) = (with(beside), with(&format!("{name}{beside}")));
        match fs::rename(&from, &to) {
            Ok(()) if beside.is_empty() => old = Some(to),
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("moving {} aside", sanitize::path(&from))),
        }
    }
    Ok(old)
}
