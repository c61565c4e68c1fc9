//! The last stage: catalog → edits → documents that point at local copies.
//!
//! Documents go through in batches of two steps: first every changed document of the batch is written beside its place,
//! then, with the journal of in-place edits durable, all are moved into place by renaming. Whatever happens in between,
//! every document is either as it was or as it shall be.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::collecting::Collecting;
use super::placement::{Links, Placement};
use crate::document::ReadError;
use crate::mirror::catalog::{Catalog, CatalogError, HeldReference, Journal, RewriteRow, Seen};
use crate::mirror::store::{Durability, StoreErrorKind};
use crate::mirror::{Layout, create_new, same_file_system};
use crate::progress::Progress;
use crate::rewrite::{Edit, RewritePlan, replacement};
use crate::sanitize;

/// Documents that are moved into place together.
const BATCH: usize = 128;

/// Of a document that somebody else wrote to since it was collected.
const CHANGED: &str = "changed while this run was under way; the next run takes it up";

/// What is written where a picture could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingPolicy {
    /// What was there, to the byte.
    Keep,
    /// The target, without the proxies that stood around it.
    Original,
}

/// How documents are rewritten.
#[derive(Debug, Clone)]
pub(super) struct Rewriting<'a> {
    pub(super) collecting: &'a Collecting,
    pub(super) layout: &'a Layout,
    pub(super) placement: &'a Placement,
    pub(super) links: &'a Links,
    pub(super) missing: MissingPolicy,
    pub(super) durability: Durability,
}

/// What became of the documents of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) written: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
}

/// A document whose new bytes are written but not in place. What it holds is small, however large the document is.
struct Prepared {
    row: RewriteRow,
    plan: [u8; 32],
    temporary: NamedTempFile,
    destination: PathBuf,
    in_place: Option<InPlace>,
}

/// What an edit in place has to know.
struct InPlace {
    /// As it stands in the catalog.
    journal: Journal,
    /// The file that was read.
    read: Version,
}

/// What tells, without reading it again, whether a file is still the one that was read.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    length: u64,
    modified: Option<SystemTime>,
    /// Device and number.
    #[cfg(unix)]
    file: (u64, u64),
}

impl Rewriting<'_> {
    /// Writes every document of `run` whose edits are not those that were written last.
    ///
    /// A document that cannot be written is warned of and counted, and the others go on.
    ///
    /// # Errors
    /// What every other document would meet as well: a full or read-only disk, a catalog that fails.
    pub(super) fn rewrite(
        &self,
        catalog: &Catalog,
        run: i64,
        progress: &Progress,
        stop: &CancellationToken,
    ) -> anyhow::Result<Rewritten> {
        let mut rewritten = Rewritten::default();
        let mut after = 0;
        while !stop.is_cancelled() {
            let rows = catalog.documents(run, after, BATCH)?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            let mut prepared = Vec::new();
            // The journal of the whole batch is durable before the first of its files changes.
            catalog.begin()?;
            for row in rows {
                if stop.is_cancelled() {
                    break;
                }
                let name = row.source.clone();
                match self.prepare(catalog, row) {
                    Ok(Some(document)) => prepared.push(document),
                    Ok(None) => rewritten.unchanged += 1,
                    Err(error) => rewritten.fail(&name, error, progress)?,
                }
            }
            catalog.commit()?;
            self.put_in_place(catalog, prepared, &mut rewritten, progress)?;
        }
        Ok(rewritten)
    }

    /// How many documents would be written, without writing any.
    pub(super) fn would_write(&self, catalog: &Catalog, run: i64) -> anyhow::Result<Rewritten> {
        let mut rewritten = Rewritten::default();
        let mut after = 0;
        loop {
            let rows = catalog.documents(run, after, BATCH)?;
            let Some(last) = rows.last() else { return Ok(rewritten) };
            after = last.id;
            for row in rows {
                let plan = self.plan(catalog, &row)?;
                match self.is_written(&row, &plan) {
                    true => rewritten.unchanged += 1,
                    false => rewritten.written += 1,
                }
            }
        }
    }

    fn plan(&self, catalog: &Catalog, row: &RewriteRow) -> anyhow::Result<RewritePlan> {
        let mut edits = Vec::new();
        catalog.references(row.id, &mut |reference| edits.extend(self.edit(row, &reference)))?;
        Ok(RewritePlan::new(edits))
    }

    fn edit(&self, row: &RewriteRow, reference: &HeldReference) -> Option<Edit> {
        let url = match &reference.blob {
            Some(blob) => self.links.to(&row.path, &row.source, blob),
            None if self.missing == MissingPolicy::Original && reference.peeled => reference.target.clone(),
            None => return None,
        };
        let text = replacement(&url, reference.fragment.as_deref(), reference.layers);
        Some(Edit { span: reference.span, text: text.into_bytes() })
    }

    fn is_written(&self, row: &RewriteRow, plan: &RewritePlan) -> bool {
        match self.placement {
            Placement::InPlace { .. } => plan.edits().is_empty(),
            Placement::Mirror => {
                row.plan == Some(plan.fingerprint(&row.digest)) && self.destination(row).symlink_metadata().is_ok()
            }
        }
    }

    fn destination(&self, row: &RewriteRow) -> PathBuf {
        match self.placement {
            // A link that the user named stays a link: what it leads to is edited.
            Placement::InPlace { .. } => row.source.canonicalize().unwrap_or_else(|_| row.source.clone()),
            Placement::Mirror => self.layout.documents().join(&row.path),
        }
    }

    /// Writes the new bytes of a document beside its place; `None` when they are there already.
    fn prepare(&self, catalog: &Catalog, row: RewriteRow) -> anyhow::Result<Option<Prepared>> {
        let plan = self.plan(catalog, &row)?;
        if self.is_written(&row, &plan) {
            return Ok(None);
        }
        let fingerprint = plan.fingerprint(&row.digest);
        let read = Version::of(&row.source)?;
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
        let destination = self.destination(&row);
        let temporary = self.temporary(&destination)?;
        let after = write(&plan, document.bytes(), temporary.as_file())
            .with_context(|| format!("writing {}", sanitize::path(temporary.path())))?;
        if self.durability != Durability::None {
            temporary.as_file().sync_data().with_context(|| format!("syncing {}", sanitize::path(temporary.path())))?;
        }
        let in_place = match self.placement {
            Placement::Mirror => None,
            Placement::InPlace { .. } => {
                let journal = Journal { before: row.digest, after };
                catalog.journal(row.id, &journal, document.bytes(), plan.edits())?;
                Some(InPlace { journal, read })
            }
        };
        Ok(Some(Prepared { row, plan: fingerprint, temporary, destination, in_place }))
    }

    /// A new file in the mirror's tmp/ where that is on the same file system, else beside the destination; with the
    /// owner and the mode of what it will replace.
    fn temporary(&self, destination: &Path) -> anyhow::Result<NamedTempFile> {
        let folder = folder_of(destination);
        if self.placement == &Placement::Mirror {
            fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", sanitize::path(folder)))?;
        }
        let mut builder = tempfile::Builder::new();
        // Named as the store names its own, so that what a killed run leaves in tmp/ is swept with them.
        builder.prefix("imgmirror-").suffix(".part");
        let (name, tmp) = (self.own_name(destination), self.layout.tmp());
        let within = if same_file_system(&tmp, folder) {
            tmp.as_path()
        } else {
            builder.prefix(&name).rand_bytes(0);
            // What a killed run left of this document.
            let _ = fs::remove_file(folder.join(format!("{name}.part")));
            folder
        };
        let temporary = builder
            .make_in(within, |path| create_new(path, 0o666))
            .with_context(|| format!("creating a file in {}", sanitize::path(within)))?;
        if let Ok(existing) = fs::metadata(destination) {
            let named = || format!("setting owner and mode of {}", sanitize::path(temporary.path()));
            // In this order: a change of the owner takes bits of the mode away.
            #[cfg(unix)]
            give_to_owner_of(&existing, temporary.as_file()).with_context(named)?;
            temporary.as_file().set_permissions(existing.permissions()).with_context(named)?;
        }
        Ok(temporary)
    }

    /// How the unfinished form of a document is called where nothing is swept: always the same for this document and
    /// this mirror, whose lock keeps others away, so that the next run finds what a killed one left.
    fn own_name(&self, destination: &Path) -> String {
        let mut hash = Sha256::new();
        for path in [&self.layout.tmp(), destination] {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            hash.update(path.as_os_str().as_encoded_bytes());
            hash.update([0]);
        }
        format!("imgmirror-{}", hex::encode(&hash.finalize()[..16]))
    }

    /// Moves the documents of a batch, whose journal is durable, into place.
    fn put_in_place(
        &self,
        catalog: &Catalog,
        prepared: Vec<Prepared>,
        rewritten: &mut Rewritten,
        progress: &Progress,
    ) -> anyhow::Result<()> {
        catalog.begin()?;
        let mut folders = BTreeSet::new();
        for Prepared { row, plan, temporary, destination, in_place } in prepared {
            let file = match replace(temporary, &row.source, &destination, in_place.as_ref()) {
                Ok(file) => file,
                Err(error) => {
                    if let Some(InPlace { journal, .. }) = &in_place {
                        catalog.forget_journal(row.id, journal)?;
                    }
                    rewritten.fail(&row.source, error, progress)?;
                    continue;
                }
            };
            if let Some(InPlace { journal, .. }) = in_place {
                catalog.edited_in_place(row.id, &seen(&file, journal.after)?)?;
            }
            catalog.wrote_document(row.id, &plan)?;
            rewritten.written += 1;
            folders.insert(folder_of(&destination).to_owned());
        }
        if self.durability != Durability::None && cfg!(unix) {
            for folder in folders {
                let named = || format!("syncing the folder {}", sanitize::path(&folder));
                File::open(&folder).and_then(|folder| folder.sync_all()).with_context(named)?;
            }
        }
        catalog.commit()?;
        Ok(())
    }
}

impl Rewritten {
    /// Counts a document that could not be written, unless no other could be either.
    fn fail(&mut self, source: &Path, error: anyhow::Error, progress: &Progress) -> anyhow::Result<()> {
        if concerns_all(&error) {
            return Err(error);
        }
        self.failed += 1;
        let why = sanitize::for_terminal(&format!("{error:#}")).into_owned();
        progress.warn(&format!("{}: {why}", sanitize::path(source)));
        Ok(())
    }
}

impl Version {
    fn of(path: &Path) -> anyhow::Result<Self> {
        let metadata = fs::metadata(path).map_err(ReadError::Io)?;
        Ok(Version {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            file: {
                use std::os::unix::fs::MetadataExt as _;
                (metadata.dev(), metadata.ino())
            },
        })
    }
}

/// Gives a written document its name, if what is edited is still what was read. Between this look and the renaming lies
/// next to no time; nothing that file systems offer makes it none.
fn replace(
    temporary: NamedTempFile,
    source: &Path,
    destination: &Path,
    in_place: Option<&InPlace>,
) -> anyhow::Result<File> {
    if let Some(InPlace { read, .. }) = in_place {
        anyhow::ensure!(Version::of(source)? == *read, CHANGED);
    }
    let named = || format!("replacing {}", sanitize::path(destination));
    temporary.persist(destination).map_err(|failed| failed.error).with_context(named)
}

/// Gives `file` the owner and the group of another, as far as this process may.
#[cfg(unix)]
fn give_to_owner_of(existing: &fs::Metadata, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let new = file.metadata()?;
    let change = |from: u32, to: u32| (from != to).then_some(to);
    let (owner, group) = (change(new.uid(), existing.uid()), change(new.gid(), existing.gid()));
    // One by one: who may not give files away may still be of the group.
    for (owner, group) in [(owner, None), (None, group)] {
        use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
        match fchown(file, owner, group) {
            // Invalid is an owner that this container knows nothing of.
            Err(error) if !matches!(error.kind(), PermissionDenied | InvalidInput | Unsupported) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Splices into `file` and gives the digest of what was written.
fn write(plan: &RewritePlan, source: &[u8], file: &File) -> io::Result<[u8; 32]> {
    let mut out = HashingWriter { out: BufWriter::with_capacity(1 << 16, file), hash: Sha256::new() };
    plan.splice(source, &mut out)?;
    out.flush()?;
    Ok(out.hash.finalize().into())
}

fn seen(file: &File, digest: [u8; 32]) -> io::Result<Seen> {
    let metadata = file.metadata()?;
    let since = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let modified = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
    Ok(Seen { size: metadata.len(), modified, digest })
}

/// The folder of a file, also of one that is named without any.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Errors that the next document would meet as well.
fn concerns_all(error: &anyhow::Error) -> bool {
    // A source that cannot be read is broken by itself.
    if let Some(ReadError::Io(error)) = error.downcast_ref() {
        return StoreErrorKind::of(error) == StoreErrorKind::TooManyOpenFiles;
    }
    let of_the_system = |error: &io::Error| StoreErrorKind::of(error).concerns_all();
    error.is::<CatalogError>() || error.chain().filter_map(|cause| cause.downcast_ref()).any(of_the_system)
}

struct HashingWriter<W> {
    out: W,
    hash: Sha256,
}

impl<W: io::Write> io::Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
