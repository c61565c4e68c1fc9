//! Makes a new catalog where the old one is lost, from what lies beside it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{Findings, Kind, Owner, blob_name, in_parallel, relative, walk};
use crate::media_type::{MediaType, inspect};
use crate::mirror::Layout;
use crate::mirror::catalog::Catalog;
use crate::mirror::digest::Digest;
use crate::mirror::store::Durability;
use crate::progress::{Phase, Progress};
use crate::sanitize;

/// Files that are hashed together.
const BATCH: usize = 512;

/// The new catalog until it is whole. Named like other unfinished work, so that a run sweeps it too.
const UNFINISHED: &str = "imgmirror-rebuild.part";

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

/// A rebuild that is about to begin.
pub struct Rebuild<'a> {
    pub layout: &'a Layout,
    /// The folder of the blobs, and whose it is.
    pub assets: &'a Path,
    pub owner: Owner,
    pub progress: &'a Progress,
    pub stop: &'a CancellationToken,
}

impl Rebuild<'_> {
    /// Makes a new catalog of the blobs that are there; `documents` adds what else is known, and returns how many
    /// documents told it. Only when all is in it does it take the place of the old one, which is kept. `None` when it was
    /// stopped before.
    ///
    /// # Errors
    /// There is nothing to make it from, a folder cannot be read, or the mirror cannot be written to. The old catalog is
    /// where it was then.
    pub fn run(
        &self,
        documents: &dyn Fn(&Catalog) -> anyhow::Result<u64>,
    ) -> anyhow::Result<Option<(Rebuilt, Findings)>> {
        let unfinished = self.layout.tmp().join(UNFINISHED);
        self.remove_unfinished()?;
        let (mut rebuilt, mut findings) = (Rebuilt::default(), Findings::default());
        let catalog = Catalog::open(&unfinished, Durability::Batch)?;
        self.add_blobs(&catalog, &mut rebuilt, &mut findings)?;
        rebuilt.documents = documents(&catalog)?;
        catalog.forget_sources()?;
        // Closing it brings everything into the one file.
        drop(catalog);
        let is_empty = rebuilt.blobs == 0 && rebuilt.documents == 0;
        if self.stop.is_cancelled() || is_empty {
            self.remove_unfinished()?;
            anyhow::ensure!(
                !is_empty || self.stop.is_cancelled(),
                "there is nothing to rebuild the catalog from: no picture in {}, no document in {}; `imgmirror sync INPUT` \
                 begins a new one once the old one is moved away",
                sanitize::path(self.assets),
                sanitize::path(&self.layout.documents())
            );
            return Ok(None);
        }
        rebuilt.old = move_aside(&self.layout.catalog())?;
        fs::rename(&unfinished, self.layout.catalog())
            .with_context(|| format!("moving the new catalog to {}", sanitize::path(&self.layout.catalog())))?;
        Ok(Some((rebuilt, findings)))
    }

    /// Removes what a rebuild left that was stopped or killed.
    fn remove_unfinished(&self) -> anyhow::Result<()> {
        for beside in BESIDE {
            let file = self.layout.tmp().join(format!("{UNFINISHED}{beside}"));
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("removing {}", sanitize::path(&file)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_blobs(&self, catalog: &Catalog, rebuilt: &mut Rebuilt, findings: &mut Findings) -> anyhow::Result<()> {
        self.progress.phase(Phase::Hashing);
        let mut files = walk(self.assets).filter_map(|entry| match entry {
            Ok(entry) => {
                let (_, shown) = relative(entry.path(), self.assets);
                let digest = blob_name(&shown).filter(|(name, _)| *name == shown)?.1;
                Some(Ok((shown, digest)))
            }
            Err(error) => Some(Err(error)),
        });
        while !self.stop.is_cancelled() {
            let batch = files.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
            if batch.is_empty() {
                break;
            }
            let looked = in_parallel(&batch, |(name, digest)| {
                let looked = look(&self.assets.join(name), *digest);
                self.progress.asset_done(if let Looked::Whole { length, .. } = looked { length } else { 0 });
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
                    Looked::Not { kind, detail } => findings.add(kind, &self.owner.shown(self.assets, name), &detail),
                }
            }
            catalog.commit()?;
        }
        Ok(())
    }
}

/// What a file below the assets is.
enum Looked {
    Whole { media_type: MediaType, length: u64, dimensions: Option<(u32, u32)> },
    Not { kind: Kind, detail: String },
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
