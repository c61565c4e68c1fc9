//! New bytes in the place of a document, in one step: whatever happens, it is either as it was or as it shall be.
//!
//! The new bytes are written to a file beside the document or in the mirror's tmp/, which then takes the document's
//! name. Owner, group and mode are those of the document.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, PersistError};

use crate::document::ReadError;
use crate::mirror::store::StoreErrorKind;
use crate::mirror::{create_new, same_file_system};
use crate::sanitize;

/// Of a document that somebody else wrote to since it was read.
pub const CHANGED: &str = "changed while this run was under way; the next run takes it up";

/// What tells, without reading it again, whether a file is still the one that was read.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    length: u64,
    modified: Option<SystemTime>,
    /// Device and number.
    #[cfg(unix)]
    file: (u64, u64),
}

impl Version {
    /// The version that lies at `path` now. To be taken before the file is read.
    ///
    /// # Errors
    /// The file is gone or may not be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
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

    /// Fails when the file at `path` is another one by now.
    pub fn still_at(&self, path: &Path) -> anyhow::Result<()> {
        let now = Version::of(path).map_err(ReadError::Io)?;
        anyhow::ensure!(now == *self, CHANGED);
        Ok(())
    }
}

/// Where new bytes are written before they take a document's place: in the mirror's folder tmp/ where that is on the same
/// file system, else beside the document. Of documents of the same folder only the first one asks which.
#[derive(Debug)]
pub struct Beside {
    tmp: PathBuf,
    /// The last folder of a document that files can be moved to from `tmp`.
    within_reach: Option<PathBuf>,
}

impl Beside {
    pub fn new(tmp: PathBuf) -> Self {
        Beside { tmp, within_reach: None }
    }

    /// Whether the last document was of this folder too, which then was there.
    pub fn knows(&self, folder: &Path) -> bool {
        self.within_reach.as_deref() == Some(folder)
    }

    /// A new file for `destination`, as [`temporary`] makes it.
    ///
    /// # Errors
    /// Those of [`temporary`].
    pub fn temporary(&mut self, destination: &Path) -> anyhow::Result<NamedTempFile> {
        let folder = folder_of(destination);
        if !self.knows(folder) {
            self.within_reach = same_file_system(&self.tmp, folder).then(|| folder.to_owned());
        }
        new_file(&self.tmp, destination, self.within_reach.is_some())
    }
}

/// A new file in the mirror's folder `tmp` where that is on the same file system as `destination`, else beside it; with
/// the owner and the mode of what it will replace.
///
/// # Errors
/// The file cannot be made, or cannot be given its owner or mode. The message names it.
pub fn temporary(tmp: &Path, destination: &Path) -> anyhow::Result<NamedTempFile> {
    Beside::new(tmp.to_owned()).temporary(destination)
}

fn new_file(tmp: &Path, destination: &Path, is_within_reach: bool) -> anyhow::Result<NamedTempFile> {
    let folder = folder_of(destination);
    let mut builder = tempfile::Builder::new();
    // Named as the store names its own, so that what a killed run leaves in tmp/ is swept with them.
    builder.prefix("imgmirror-").suffix(".part");
    let name;
    let within = if is_within_reach {
        tmp
    } else {
        name = own_name(tmp, destination);
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

/// Gives a written file the name `destination`. It is durable when it was synced before and [`sync_folder`] was called
/// for its folder after.
///
/// # Errors
/// The name cannot be taken; then the file is gone, and what had the name has it still.
pub fn persist(temporary: NamedTempFile, destination: &Path) -> anyhow::Result<File> {
    replaced(temporary.persist(destination), destination)
}

/// The same, and makes the folder of `destination` once more when it is gone, as it can be since the file was begun.
///
/// # Errors
/// The folder cannot be made, or the name cannot be taken; then the file is gone.
pub fn persist_within_folder(temporary: NamedTempFile, destination: &Path) -> anyhow::Result<File> {
    match temporary.persist(destination) {
        Err(missing) if missing.error.kind() == io::ErrorKind::NotFound => {
            make_folder(folder_of(destination))?;
            persist(missing.file, destination)
        }
        done => replaced(done, destination),
    }
}

fn replaced(done: Result<File, PersistError>, destination: &Path) -> anyhow::Result<File> {
    let named = || format!("replacing {}", sanitize::path(destination));
    done.map_err(|failed| failed.error).with_context(named)
}

/// Makes a folder, with those above it, unless it is there.
///
/// # Errors
/// It cannot be made. The message names it.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating the folder {}", sanitize::path(folder)))
}

/// The folder of a file, also of one that is named without any.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a folder durable. Only Unix can, and needs to.
///
/// # Errors
/// The disk cannot be written to. The message names the folder.
pub fn sync_folder(folder: &Path) -> anyhow::Result<()> {
    if cfg!(unix) {
        let named = || format!("syncing the folder {}", sanitize::path(folder));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(named)?;
    }
    Ok(())
}

/// Whether an error is one that the next document would meet as well: a full, read-only or broken disk, or no file left
/// to open.
pub fn is_of_the_disk(error: &anyhow::Error) -> bool {
    let of_the_system = |error: &io::Error| StoreErrorKind::of(error).concerns_all();
    error.chain().filter_map(|cause| cause.downcast_ref()).any(of_the_system)
}

/// How the unfinished form of a document is called where nothing is swept: always the same for this document and
/// this mirror, whose lock keeps others away, so that the next run finds what a killed one left.
fn own_name(tmp: &Path, destination: &Path) -> String {
    let mut hash = Sha256::new();
    for path in [tmp, destination] {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update([0]);
    }
    format!("imgmirror-{}", hex::encode(&hash.finalize()[..16]))
}

/// Gives `file` the owner and the group of another, as far as this process may.
#[cfg(unix)]
fn give_to_owner_of(existing: &fs::Metadata, file: &File) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let new = file.metadata()?;
    let change = |from: u32, to: u32| (from != to).then_some(to);
    let (owner, group) = (change(new.uid(), existing.uid()), change(new.gid(), existing.gid()));
    // One by one: who may not give files away may still be of the group.
    let asked = [(owner, None), (None, group)].into_iter().filter(|asked| *asked != (None, None));
    for (owner, group) in asked {
        use io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
        match fchown(file, owner, group) {
            // Invalid is an owner that this container knows nothing of.
            Err(error) if !matches!(error.kind(), PermissionDenied | InvalidInput | Unsupported) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_takes_its_place_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (tmp, destination) = (folder.path().join("tmp"), folder.path().join("a.html"));
        fs::create_dir(&tmp).unwrap();
        fs::write(&destination, "old").unwrap();
        let read = Version::of(&destination).unwrap();
        let mut file = temporary(&tmp, &destination).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!((fs::read_to_string(&destination).unwrap(), names(&tmp).len()), ("old".to_owned(), 1));
        read.still_at(&destination).unwrap();
        persist(file, &destination).unwrap();
        assert_eq!((fs::read_to_string(&destination).unwrap(), names(&tmp).len()), ("new".to_owned(), 0));
        assert!(read.still_at(&destination).is_err());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_killed_run_left_beside_a_document_on_another_file_system_is_taken_away() {
        let Ok(elsewhere) = tempfile::Builder::new().prefix("imgmirror-test-").tempdir_in("/dev/shm") else { return };
        let folder = tempfile::tempdir().unwrap();
        let destination = elsewhere.path().join("a.html");
        if same_file_system(folder.path(), elsewhere.path()) {
            return;
        }
        let killed = temporary(folder.path(), &destination).unwrap().keep().unwrap();
        assert_eq!(names(elsewhere.path()).len(), 1);
        drop(killed);
        let mut file = temporary(folder.path(), &destination).unwrap();
        file.write_all(b"whole").unwrap();
        let names_now = names(elsewhere.path());
        assert!(names_now[0].starts_with("imgmirror-") && names_now[0].ends_with(".part"), "{names_now:?}");
        persist(file, &destination).unwrap();
        assert_eq!(names(elsewhere.path()), ["a.html"]);
    }
}
