//! The last stage: catalog → edits → documents that point at local copies.
//!
//! Documents go through in batches of two steps: first every changed document of the batch is written beside its place,
//! then, with the journal of in-place edits durable, all are moved into place by renaming. Whatever happens in between,
//! every document is either as it was or as it shall be.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::collecting::Collecting;
use super::placement::{Links, Placement};
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, HeldReference, Journal, RewriteRow, Seen};
use crate::mirror::store::Durability;
use crate::progress::Progress;
use crate::rewrite::{Edit, RewritePlan, replacement};
use crate::sanitize;

/// Documents that are moved into place together.
const BATCH: usize = 128;

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

/// A document whose new bytes are written but not in place.
struct Prepared {
    row: RewriteRow,
    plan: [u8; 32],
    temporary: NamedTempFile,
    destination: PathBuf,
    /// For in-place edits: what the journal has to know.
    journal: Option<(Journal, Vec<u8>, Vec<Edit>)>,
}

impl Rewriting<'_> {
    /// Writes every document of `run` whose edits are not those that were written last.
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
            for row in rows {
                let name = row.source.clone();
                match self.prepare(catalog, row) {
                    Ok(Some(document)) => prepared.push(document),
                    Ok(None) => rewritten.unchanged += 1,
                    Err(error) if is_disk(&error) => return Err(error),
                    Err(error) => {
                        rewritten.failed += 1;
                        let why = sanitize::for_terminal(&format!("{error:#}")).into_owned();
                        progress.warn(&format!("{}: {why}", sanitize::path(&name)));
                    }
                }
            }
            rewritten.written += prepared.len() as u64;
            self.put_in_place(catalog, prepared)?;
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
        let document = self.collecting.open(&row.source)?;
        anyhow::ensure!(
            <[u8; 32]>::from(Sha256::digest(document.bytes())) == row.digest,
            "changed while this run was under way; the next run takes it up"
        );
        // Links are ASCII; in a document of UTF-16 that takes other bytes.
        let encoded = |edit: Edit| Edit { text: document.encode(&String::from_utf8_lossy(&edit.text)), ..edit };
        let plan = RewritePlan::new(plan.into_edits().into_iter().map(encoded).collect());
        let plan = self.collecting.complete(&row.source, &document, plan, self.links);
        let destination = self.destination(&row);
        let temporary = self.temporary(&destination)?;
        let after = write(&plan, document.bytes(), temporary.as_file())
            .with_context(|| format!("writing {}", sanitize::path(temporary.path())))?;
        if self.durability != Durability::None {
            temporary.as_file().sync_data().with_context(|| format!("syncing {}", sanitize::path(temporary.path())))?;
        }
        let journal = match self.placement {
            Placement::Mirror => None,
            Placement::InPlace { .. } => {
                let journal = Journal { before: row.digest, after };
                Some((journal, document.into_bytes(), plan.into_edits()))
            }
        };
        Ok(Some(Prepared { row, plan: fingerprint, temporary, destination, journal }))
    }

    /// A new file in the mirror's tmp/ where that is on the same file system, else beside the destination.
    fn temporary(&self, destination: &Path) -> anyhow::Result<NamedTempFile> {
        let folder = folder_of(destination);
        if self.placement == &Placement::Mirror {
            fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", sanitize::path(folder)))?;
        }
        let within = if same_file_system(&self.layout.tmp(), folder) { self.layout.tmp() } else { folder.to_owned() };
        let mut builder = tempfile::Builder::new();
        // Named as the store names its own, so that what a killed run leaves in tmp/ is swept with them.
        builder.prefix("imgmirror-").suffix(".part");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let temporary =
            builder.tempfile_in(&within).with_context(|| format!("creating a file in {}", sanitize::path(&within)))?;
        if let Ok(existing) = fs::metadata(destination) {
            let named = || format!("setting the mode of {}", sanitize::path(temporary.path()));
            temporary.as_file().set_permissions(existing.permissions()).with_context(named)?;
        }
        Ok(temporary)
    }

    fn put_in_place(&self, catalog: &Catalog, prepared: Vec<Prepared>) -> anyhow::Result<()> {
        if prepared.is_empty() {
            return Ok(());
        }
        catalog.begin()?;
        for document in &prepared {
            if let Some((journal, source, edits)) = &document.journal {
                catalog.journal(document.row.id, journal, source, edits)?;
            }
        }
        catalog.commit()?;
        catalog.begin()?;
        let mut folders = Vec::new();
        for Prepared { row, plan, temporary, destination, journal } in prepared {
            let named = || format!("replacing {}", sanitize::path(&destination));
            let file = temporary.persist(&destination).map_err(|failed| failed.error).with_context(named)?;
            if let Some((journal, ..)) = journal {
                catalog.edited_in_place(row.id, &seen(&file, journal.after)?)?;
            }
            catalog.wrote_document(row.id, &plan)?;
            let folder = folder_of(&destination).to_owned();
            if folders.last() != Some(&folder) {
                folders.push(folder);
            }
        }
        if self.durability != Durability::None {
            folders.dedup();
            for folder in folders {
                File::open(&folder).and_then(|folder| folder.sync_all()).with_context(|| "syncing a folder")?;
            }
        }
        catalog.commit()?;
        Ok(())
    }
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

/// Whether a rename from `a` to `b` can work.
fn same_file_system(a: &Path, b: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev()).ok();
        device(a) == device(b)
    }
    #[cfg(not(unix))]
    {
        let _ = (a, b);
        true
    }
}

/// Errors that the next document would meet as well.
fn is_disk(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem))
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
