//! Where a bundle will be: it is written beside that, and takes its name when it is whole.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::packing::COMMENT;
use super::pages::SUMS;
use crate::mirror::create_folder;
use crate::mirror::digest::Digest;
use crate::page::shell::GENERATOR;
use crate::pipeline::real;
use crate::sanitize;

/// What will be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    File,
    Folder,
}

/// A place that this run writes a bundle for. What is unfinished goes when it is dropped; what a killed run left is
/// taken away by the next one for the same place.
#[derive(Debug)]
pub struct Place {
    destination: PathBuf,
    /// Holds the new bundle, and for a moment the old one.
    workshop: PathBuf,
    /// The system's: it ends with the process.
    _lock: Option<File>,
}

impl Place {
    /// Gets ready to write a bundle that will be at `destination`.
    ///
    /// # Errors
    /// What is there is not to be replaced, another run writes for the same place, or the disk does not allow it.
    pub fn take(destination: &Path, shape: Shape) -> anyhow::Result<Self> {
        let destination = std::path::absolute(destination)?;
        let named = || format!("writing to {}", sanitize::path(&destination));
        let (Some(above), Some(_)) = (destination.parent(), destination.file_name()) else {
            bail!("{} cannot be a bundle; name a file or folder in it", sanitize::path(&destination));
        };
        create_folder(above).with_context(named)?;
        let key = Digest::of(destination.as_os_str().as_encoded_bytes());
        let workshop = above.join(format!(".imgmirror-{}", key.short()));
        clear(&workshop, &destination).with_context(named)?;
        may_be_replaced(&destination, shape)?;
        fs::create_dir(&workshop).with_context(named)?;
        let place = Place { _lock: lock(&workshop)?, destination, workshop };
        if shape == Shape::Folder {
            fs::create_dir(place.path()).with_context(|| format!("making {}", sanitize::path(&place.path())))?;
        }
        Ok(place)
    }

    /// Where to write it. A folder is there already, a file is not.
    pub fn path(&self) -> PathBuf {
        self.workshop.join(self.destination.file_name().unwrap_or_default())
    }

    /// Gives the bundle its place. A file takes it in one step; of two folders the old one is moved away first, and is
    /// put back by the next run if this one ends in between.
    pub fn settle(self) -> anyhow::Result<()> {
        let told = format!("replacing {}", sanitize::path(&self.destination));
        let old = old(&self.workshop);
        if self.destination.is_dir() {
            fs::rename(&self.destination, &old).with_context(|| told.clone())?;
        }
        let moved = fs::rename(self.path(), &self.destination);
        if moved.is_err() && old.exists() && fs::rename(&old, &self.destination).is_err() {
            // The next run puts it back.
            std::mem::forget(self);
        }
        moved.context(told)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.workshop);
    }
}

/// Where an old bundle is while the new one takes its place. No file name of a bundle is as long.
fn old(workshop: &Path) -> PathBuf {
    workshop.join(format!("{}-old", "imgmirror".repeat(20)))
}

/// Takes away what a killed run left.
fn clear(workshop: &Path, destination: &Path) -> anyhow::Result<()> {
    if workshop.symlink_metadata().is_err() {
        return Ok(());
    }
    // Held until it is gone, or until it is known that another run works there.
    let _lock = lock(workshop)?;
    if !destination.exists() && old(workshop).exists() {
        fs::rename(old(workshop), destination)?;
    }
    Ok(fs::remove_dir_all(workshop)?)
}

/// Only Unix can lock a folder. Elsewhere two runs for one place meet when they make their files.
fn lock(workshop: &Path) -> anyhow::Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let folder = File::open(workshop).with_context(|| format!("opening {}", sanitize::path(workshop)))?;
    match folder.try_lock() {
        Err(fs::TryLockError::WouldBlock) => bail!("another run is writing a bundle to the same place; wait for it"),
        // A file system without locks is one that nobody shares.
        _ => Ok(Some(folder)),
    }
}

/// Refuses a destination that lies in a folder of the mirror or among the documents: the next run would take it for
/// what it reads, or for litter.
///
/// # Errors
/// It does; the message names both. Or the current folder is not to be had.
pub fn refuse_within(destination: &Path, folders: &[PathBuf]) -> anyhow::Result<()> {
    let to = real(destination)?;
    for folder in folders {
        ensure!(
            !to.starts_with(real(folder)?),
            "--to {} lies in {}, which `imgmirror sync` works with; name a place outside of it",
            sanitize::path(destination),
            sanitize::path(folder)
        );
    }
    Ok(())
}

/// Whether a bundle may take the place of what is there: nothing, a file for a file, an empty folder or a bundle for a
/// folder.
fn may_be_replaced(destination: &Path, shape: Shape) -> anyhow::Result<()> {
    let named = || sanitize::path(destination);
    let Ok(metadata) = destination.symlink_metadata() else { return Ok(()) };
    match shape {
        Shape::File => {
            ensure!(
                !metadata.is_dir(),
                "{} is a folder, and the bundle is a file; name another place with --to",
                named()
            );
            let is_own = metadata.is_file() && is_bundle(destination).with_context(named)?;
            ensure!(
                is_own,
                "{} is not replaced: it is no bundle of this program. Name another place with --to, or remove it yourself",
                named()
            );
            Ok(())
        }
        Shape::Folder => {
            ensure!(
                metadata.is_dir(),
                "{} is a file, and the bundle is a folder; name another place with --to",
                named()
            );
            let is_empty = fs::read_dir(destination).with_context(named)?.next().is_none();
            if is_empty {
                return Ok(());
            }
            let stranger = stranger(destination).with_context(|| format!("looking into {}", named()))?;
            if let Some(stranger) = stranger {
                bail!(
                    "{} is not replaced: {stranger}. Name another place with --to, or remove the folder yourself",
                    named()
                );
            }
            Ok(())
        }
    }
}

/// Whether a file is a bundle of ours, or empty.
fn is_bundle(path: &Path) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(COMMENT.len() as u64)))?;
    file.read_to_end(&mut tail)?;
    Ok(length == 0 || tail == COMMENT.as_bytes() || is_page(path)?)
}

/// Whether a file is a page of ours.
fn is_page(path: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(1024).read_to_end(&mut head)?;
    Ok(memchr::memmem::find(&head, GENERATOR.as_bytes()).is_some())
}

/// What tells that a folder is no bundle of ours, or not only.
fn stranger(folder: &Path) -> io::Result<Option<String>> {
    let no_bundle = || Ok(Some("it is neither empty nor a bundle of this program".to_owned()));
    if !is_page(&folder.join("index.html")).unwrap_or(false) {
        return no_bundle();
    }
    let Ok(sums) = File::open(folder.join(SUMS)) else { return no_bundle() };
    let mut own: HashSet<PathBuf> = HashSet::from([folder.join(SUMS)]);
    for line in BufReader::new(sums).lines() {
        let line = line?;
        let Some((_, path)) = line.split_once("  ") else { return no_bundle() };
        own.insert(folder.join(path));
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if !own.contains(&entry.path()) {
                return Ok(Some(format!("{} in it is not of the bundle", sanitize::path(&entry.path()))));
            }
        }
    }
    Ok(None)
}

/// How many files are at `path`, and how many bytes they have.
pub fn measure(path: &Path) -> io::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = path.symlink_metadata()?;
        if metadata.is_dir() {
            for entry in fs::read_dir(path)? {
                left.push(entry?.path());
            }
        } else {
            files += 1;
            bytes += metadata.len();
        }
    }
    Ok((files, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn bundle(place: &Place, content: &str) {
        fs::write(place.path().join("index.html"), format!("{GENERATOR}{content}")).unwrap();
        fs::write(place.path().join(SUMS), "0  index.html\n").unwrap();
    }

    #[test]
    fn a_file_takes_its_place_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("sub/a.zip");
        let place = Place::take(&to, Shape::File).unwrap();
        fs::write(place.path(), "unfinished").unwrap();
        assert_eq!(place.path().file_name(), to.file_name());
        drop(place);
        assert_eq!(names(&folder.path().join("sub")), Vec::<String>::new());
        for content in ["first", "second"].map(|content| format!("{content} {COMMENT}")) {
            let place = Place::take(&to, Shape::File).unwrap();
            fs::write(place.path(), &content).unwrap();
            place.settle().unwrap();
            let there = names(to.parent().unwrap());
            assert_eq!((fs::read_to_string(&to).unwrap(), there), (content, vec!["a.zip".to_owned()]));
        }
    }

    #[test]
    fn a_file_that_is_no_bundle_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("mine.txt");
        fs::write(&own, "mine").unwrap();
        let link = folder.path().join("link");
        #[cfg(unix)]
        std::os::unix::fs::symlink(&own, &link).unwrap();
        for path in [&own, &link] {
            let told = Place::take(path, Shape::File).unwrap_err().to_string();
            assert!(told.contains("no bundle of this program"), "{told}");
        }
        assert_eq!(fs::read_to_string(&own).unwrap(), "mine");
    }

    #[test]
    fn a_folder_replaces_a_bundle_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("site");
        for content in ["first", "second"] {
            let place = Place::take(&to, Shape::Folder).unwrap();
            bundle(&place, content);
            place.settle().unwrap();
            assert!(fs::read_to_string(to.join("index.html")).unwrap().ends_with(content));
        }
        fs::write(to.join("notes.txt"), "mine").unwrap();
        let error = Place::take(&to, Shape::Folder).unwrap_err().to_string();
        assert!(error.contains("notes.txt in it is not of the bundle"), "{error}");
        fs::write(to.join("index.html"), "another site").unwrap();
        let error = Place::take(&to, Shape::Folder).unwrap_err().to_string();
        assert!(error.contains("neither empty nor a bundle"), "{error}");
        assert!(Place::take(&to, Shape::File).is_err());
        assert!(Place::take(&to.join("notes.txt"), Shape::Folder).is_err());
        assert_eq!(names(folder.path()), ["site"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_place_is_written_for_by_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("a.zip");
        let place = Place::take(&to, Shape::File).unwrap();
        let error = format!("{:#}", Place::take(&to, Shape::File).unwrap_err());
        assert!(error.contains("another run"), "{error}");
        drop(place);
        assert!(Place::take(&to, Shape::File).is_ok());
    }

    #[test]
    fn what_a_killed_run_left_is_put_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("site");
        let place = Place::take(&to, Shape::Folder).unwrap();
        bundle(&place, "old");
        place.settle().unwrap();
        let killed = Place::take(&to, Shape::Folder).unwrap();
        bundle(&killed, "new");
        fs::rename(&to, old(&killed.workshop)).unwrap();
        let Place { _lock: lock, .. } = &killed;
        if let Some(lock) = lock {
            lock.unlock().unwrap();
        }
        std::mem::forget(killed);
        // The next run ends early as well, and the old bundle is there.
        drop(Place::take(&to, Shape::Folder).unwrap());
        assert!(fs::read_to_string(to.join("index.html")).unwrap().ends_with("old"));
        assert_eq!(names(folder.path()), ["site"]);
    }
}
