//! Removes what nothing needs any more: blobs that no document shows, and copies of documents that are gone.
//!
//! [`Pruning::plan`] finds out what would be removed and changes nothing; [`Pruning::act`] removes that, and nothing
//! else. In this order, so that a run that ends anywhere is finished by the next one, and leaves no document that
//! names a picture which is not there:
//!
//! 1. the copies of documents that are gone are moved to the trash;
//! 2. the catalog forgets the blobs that nothing needs, in one durable step;
//! 3. their files are moved to the trash;
//! 4. what has been in the trash for long enough is deleted;
//! 5. the catalog forgets the documents.

mod assets;
pub(crate) mod mentions;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;

use super::Layout;
use super::catalog::{self, Catalog, CatalogError, Documents, DoomedCounts, Fate, SourceRow};
use super::store::StoreError;
use super::trash::{Age, Day, Trash};
use crate::sanitize;
use assets::Found;
use mentions::Window;

/// Names that are kept of each list of a plan; the first ones.
const MAX_LISTED: usize = 1_000;

/// Which versions are kept of a picture that changed on its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captures {
    All,
    /// Those that documents show.
    Current,
}

/// What is asked for.
#[derive(Debug)]
pub struct Pruning<'a> {
    pub catalog: &'a Catalog,
    pub layout: &'a Layout,
    pub captures: Captures,
    pub trash: Age,
    /// How long the journal of a document that was edited in place is kept when the document is gone.
    pub grace: Duration,
    /// Inputs that are gone for good, absolute.
    pub forget: &'a [PathBuf],
    pub now: jiff::Timestamp,
}

/// A reason to remove nothing at all.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error(
        "the catalog of {} knows of no document, and there are pictures: it may not be the one that they were fetched with; nothing was removed. \
         Run `imgmirror sync` with all of your documents first", sanitize::path(.0)
    )]
    EmptyCatalog(PathBuf),
    #[error(
        "the input {} {why}; nothing was removed. If it is on a disk, mount it; if it is gone for good: imgmirror prune --forget-input {}",
        sanitize::path(.path), sanitize::path(.path)
    )]
    Input { path: PathBuf, why: String },
    #[error(
        "the folder {} of a document that was edited in place is not there; nothing was removed. If it is on a disk, mount it; \
         if it is gone for good, run `imgmirror sync` on what is left of the documents first", sanitize::path(.0)
    )]
    SourceFolder(PathBuf),
    #[error(
        "a run ended while it read {}, so that it is not known what is needed; nothing was removed. Run `imgmirror sync` again first",
        sanitize::path(.0)
    )]
    Unfinished(PathBuf),
    #[error(
        "the folder of the pictures, {}, is not there; nothing was removed. If it is on a disk, mount it; else run `imgmirror sync` first",
        sanitize::path(.0)
    )]
    Assets(PathBuf),
}

/// Some things of a kind: how many, and the names of the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    pub count: u64,
    pub names: Vec<String>,
}

impl Listed {
    fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.names.len() < MAX_LISTED {
            self.names.push(name());
        }
    }
}

/// What would be removed, and what would not although one might expect it.
#[derive(Debug, Default, Serialize)]
pub struct Plan {
    /// Files of pictures that are there.
    pub blobs: u64,
    /// Files of pictures that go to the trash.
    pub removed: Listed,
    /// Bytes of `removed`.
    pub removed_bytes: u64,
    /// Of `removed`, those that the catalog does not know.
    pub unknown: u64,
    /// Copies of documents that go to the trash.
    pub copies: Listed,
    /// Documents edited in place that have been gone for so long that their journals go.
    pub journals: Listed,
    /// Days whose trash is deleted, as it is now.
    pub deleted: Listed,
    pub deleted_bytes: u64,
    /// Digests that only the text of a document names; their pictures stay.
    pub named: Listed,
    /// Documents that were gone and are back; nothing of theirs is removed.
    pub returned: Listed,
    /// Copies whose sources are not known since the catalog was rebuilt; they stay, with their pictures.
    pub unclaimed: Listed,
    /// Files among the pictures that are none; they stay.
    pub others: Listed,
    /// `--forget-input` that are no inputs.
    pub no_inputs: Listed,
    /// Where pictures lie.
    #[serde(skip)]
    folders: Vec<PathBuf>,
    #[serde(skip)]
    forgotten: Vec<PathBuf>,
}

impl Plan {
    /// Whether more than half of all pictures would go.
    pub fn is_drastic(&self) -> bool {
        self.removed.count * 2 > self.blobs
    }

    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        [&self.removed, &self.copies, &self.journals, &self.deleted].iter().all(|listed| listed.count == 0)
            && self.forgotten.is_empty()
    }
}

impl Pruning<'_> {
    /// Finds out what nothing needs. The lists of what to do stay in the catalog's connection until [`Pruning::act`].
    ///
    /// # Errors
    /// A [`Refusal`]; a damaged catalog; a file or folder that cannot be read, since it may name what would be removed.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        self.catalog.check_whole()?;
        let mut plan = Plan { folders: self.folders()?, ..Plan::default() };
        self.catalog.begin_pruning()?;
        self.find_gone(&mut plan)?;
        self.catalog.need_shown(self.captures == Captures::All)?;
        self.catalog
            .journaled_texts(&mut |text| Window::default().read(text, &mut |digest| self.catalog.need(&digest)))?;
        self.find_doomed(&mut plan)?;
        if self.catalog.doomed_counts()?.files > 0 {
            self.spare_named(&mut plan)?;
        }
        let DoomedCounts { bytes, unknown, .. } = self.catalog.doomed_counts()?;
        (plan.removed_bytes, plan.unknown) = (bytes, unknown);
        self.catalog.doomed(&mut |doomed| {
            plan.removed.add(|| doomed.name);
            Ok::<_, CatalogError>(())
        })?;
        for day in self.trash().due(self.trash)? {
            plan.deleted.add(|| day.date.to_string());
            plan.deleted_bytes += day.bytes;
        }
        self.catalog.commit()?;
        Ok(plan)
    }

    /// Removes what was planned.
    ///
    /// # Errors
    /// A file that cannot be moved or deleted, a catalog that fails. What is done is done; the next run goes on.
    pub fn act(&self, plan: &Plan) -> anyhow::Result<()> {
        let (trash, documents) = (self.trash(), self.layout.documents());
        self.catalog.dropped_copies(&mut |path| -> anyhow::Result<()> {
            let copy = documents.join(&path);
            trash.take_document(&copy, &path)?;
            remove_empty(copy.parent(), &documents);
            Ok(())
        })?;
        self.catalog.forget_doomed()?;
        self.catalog.doomed(&mut |doomed| -> anyhow::Result<()> {
            let folder = plan.folders.get(doomed.folder).context("a folder of pictures that was not planned for")?;
            let file = folder.join(&doomed.name);
            trash.take_blob(&file, &doomed.name)?;
            remove_empty(file.parent(), folder);
            Ok(())
        })?;
        trash.due(self.trash)?.iter().try_for_each(|day: &Day| trash.delete(day))?;
        self.catalog.forget_gone(&plan.forgotten)?;
        Ok(())
    }

    fn trash(&self) -> Trash {
        Trash::new(self.layout, self.now.to_zoned(jiff::tz::TimeZone::UTC).date())
    }

    /// The folders in which pictures lie: the one that the last run wrote to, and the mirror's own.
    fn folders(&self) -> anyhow::Result<Vec<PathBuf>> {
        let own = self.layout.assets();
        let placement = self.catalog.placement()?;
        let last = placement.as_ref().map_or_else(|| own.clone(), |row| row.assets(self.layout));
        let holdings = self.catalog.holdings()?;
        if !last.is_dir() && holdings.blobs > 0 {
            return Err(Refusal::Assets(last).into());
        }
        let mut folders = vec![last];
        if placement.is_some_and(|row| row.documents == Documents::InPlace) {
            folders.push(own);
        }
        if holdings.documents == 0 && holdings.wanted == 0 {
            let mut any = holdings.blobs > 0;
            for folder in &folders {
                assets::walk(folder, &mut |found| {
                    any |= matches!(found, Found::Blob(..));
                    Ok(())
                })?;
            }
            if any {
                return Err(Refusal::EmptyCatalog(self.layout.catalog()).into());
            }
        }
        Ok(folders)
    }

    /// Finds the documents that are gone, and refuses where it may be the disk that is gone.
    fn find_gone(&self, plan: &mut Plan) -> anyhow::Result<()> {
        let (mut forgotten, others): (Vec<_>, Vec<_>) =
            self.catalog.inputs()?.into_iter().partition(|input| self.forget.contains(input));
        for path in self.forget.iter().filter(|path| !forgotten.contains(path)) {
            plan.no_inputs.add(|| path.to_string_lossy().into_owned());
        }
        let mut inputs = Vec::new();
        for input in others {
            let list = if self.is_deleted_file(&input)? { &mut forgotten } else { &mut inputs };
            list.push(input);
        }
        let mut lost = None;
        self.catalog.document_sources(&mut |document| {
            let is_below = |inputs: &[PathBuf]| inputs.iter().any(|input| document.source.starts_with(input));
            let is_forgotten = is_below(&forgotten) && !is_below(&inputs);
            match self.fate(&document, is_forgotten, plan) {
                Ok(Some(fate)) => self.catalog.is_gone(document.id, fate)?,
                Ok(None) => {}
                Err(refusal) => lost = lost.take().or(Some(refusal)),
            }
            Ok(())
        })?;
        for input in &inputs {
            if let Some(why) = why_unfit(input, self.catalog)? {
                return Err(Refusal::Input { path: input.clone(), why }.into());
            }
        }
        plan.forgotten = forgotten;
        lost.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// Whether an input was a file that was deleted: it is not there, and what is around it is.
    fn is_deleted_file(&self, input: &Path) -> anyhow::Result<bool> {
        let is_gone = input.symlink_metadata().is_err_and(|error| is_absence(&error));
        Ok(is_gone && has_entries(input.parent()) && self.catalog.is_source(input)?)
    }

    /// What becomes of a document; `None` when it stays as it is.
    fn fate(&self, document: &SourceRow, is_forgotten: bool, plan: &mut Plan) -> Result<Option<Fate>, Refusal> {
        let name = || document.path.to_string_lossy().into_owned();
        let has_copy = || self.layout.documents().join(&document.path).symlink_metadata().is_ok();
        if document.is_unclaimed() {
            // Nobody can tell whether its source is gone, or lies in an input that was not given since.
            if !has_copy() {
                return Ok(Some(Fate::Dropped));
            }
            plan.unclaimed.add(name);
            return Ok(None);
        }
        if document.is_unfinished && !is_forgotten {
            return Err(Refusal::Unfinished(document.source.clone()));
        }
        // What cannot be looked at may be there.
        let is_there = || !document.source.symlink_metadata().is_err_and(|error| is_absence(&error));
        if document.is_in_place() {
            return match (document.released, is_there()) {
                // It has its links, whoever asks for it to be forgotten.
                (None, true) => Ok(None),
                (Some(_), true) => {
                    plan.returned.add(name);
                    Ok(None)
                }
                (None, false) if !is_forgotten => match document.source.parent() {
                    Some(folder) if !folder.is_dir() => Err(Refusal::SourceFolder(folder.to_owned())),
                    _ => Ok(None),
                },
                (_, false) if !document.has_journal => Ok(Some(Fate::Dropped)),
                (Some(released), false) if self.is_long_ago(released) => {
                    plan.journals.add(name);
                    Ok(Some(Fate::Dropped))
                }
                (_, false) => Ok(Some(Fate::Journaled)),
            };
        }
        match (document.released, is_forgotten) {
            (_, true) => {}
            (Some(_), false) if is_there() => {
                plan.returned.add(name);
                return Ok(None);
            }
            (Some(_), false) => {}
            (None, false) => return Ok(None),
        }
        if has_copy() {
            plan.copies.add(name);
        }
        Ok(Some(Fate::Dropped))
    }

    fn is_long_ago(&self, released: i64) -> bool {
        let ago = self.now.as_millisecond().saturating_sub(released);
        u64::try_from(ago).is_ok_and(|ago| Duration::from_millis(ago) >= self.grace)
    }

    fn find_doomed(&self, plan: &mut Plan) -> anyhow::Result<()> {
        for (number, folder) in plan.folders.clone().iter().enumerate() {
            assets::walk(folder, &mut |found| {
                match found {
                    Found::Other(path) => plan.others.add(|| path.to_string_lossy().into_owned()),
                    Found::Blob(blob, length) => {
                        plan.blobs += 1;
                        if !self.catalog.is_needed(&blob)? {
                            self.catalog.doom(number, &blob, length)?;
                        }
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Takes off the plan what any document names, whatever the catalog believes: all files below documents/, and the
    /// documents that are edited in place.
    fn spare_named(&self, plan: &mut Plan) -> anyhow::Result<()> {
        let documents = self.layout.documents();
        let mut folders = vec![documents.clone()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(StoreError::on("read", &folder))?,
            };
            for entry in entries {
                let path = entry.map_err(StoreError::on("read", &folder))?.path();
                let is_folder = path.symlink_metadata().map_err(StoreError::on("look at", &path))?.is_dir();
                if is_folder {
                    folders.push(path);
                } else if !self.catalog.is_dropped(path.strip_prefix(&documents).unwrap_or(&path))? {
                    self.spare_named_in(&path, plan)?;
                }
            }
        }
        let mut in_place = Ok(());
        self.catalog.document_sources(&mut |document| {
            if in_place.is_ok() && document.is_in_place() && !self.catalog.is_dropped(&document.path)? {
                in_place = self.spare_named_in(&document.source, plan);
            }
            Ok(())
        })?;
        in_place
    }

    fn spare_named_in(&self, path: &Path, plan: &mut Plan) -> anyhow::Result<()> {
        let named = || format!("the document {} cannot be read, and it may name pictures", sanitize::path(path));
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Err(error) if !is_absence(&error) => return Err(error).with_context(named),
            // A link that leads nowhere, or something that is no document.
            _ => return Ok(()),
        }
        let mut spare = |digest| -> catalog::Result<()> {
            if self.catalog.spare(&digest)? {
                plan.named.add(|| hex::encode(digest));
            }
            Ok(())
        };
        // What the catalog has to say is not about the document.
        mentions::in_file(path, &mut spare)
            .map_err(|error| if error.is::<io::Error>() { error.context(named()) } else { error })
    }
}

/// Whether an error says that there is no such file.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Why an input is a reason to remove nothing; `None` when it is not.
fn why_unfit(input: &Path, catalog: &Catalog) -> anyhow::Result<Option<String>> {
    let metadata = match fs::metadata(input) {
        Ok(metadata) => metadata,
        Err(error) if is_absence(&error) => return Ok(Some("is not there".to_owned())),
        Err(error) => return Ok(Some(format!("cannot be looked at ({error})"))),
    };
    if !metadata.is_dir() {
        return Ok(None);
    }
    // Where a disk is not mounted, its folder is there and empty.
    let is_empty = match fs::read_dir(input) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => return Ok(Some(format!("cannot be read ({error})"))),
    };
    let is_unfit = is_empty && catalog.knows_source(input)?;
    Ok(is_unfit.then(|| "is empty, and documents were read from it".to_owned()))
}

/// Whether a folder is there and holds anything. Where a disk is not mounted it does not.
fn has_entries(folder: Option<&Path>) -> bool {
    folder.is_some_and(|folder| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()))
}

/// Removes the folders that are empty now, from `folder` up to `root`, which stays.
fn remove_empty(folder: Option<&Path>, root: &Path) {
    let ours =
        folder.into_iter().flat_map(Path::ancestors).take_while(|folder| *folder != root && folder.starts_with(root));
    for folder in ours {
        // Only an empty folder is removed.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
}
