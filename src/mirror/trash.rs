//! mirror/trash: what `prune` removed and `check --repair` replaced, by the day on which it did, until that day is long
//! enough ago.
//!
//! ```text
//! trash/2026-11-25/ab/ab34….jpg           a blob
//! trash/2026-11-25/documents/<path>       the copy of a document that is gone
//! ```
//!
//! The age of what lies there is told by the name of its folder, not by the times of files: those are of the pictures.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::civil::Date;

use super::Layout;
use super::store::StoreError;

/// Which folders of the trash are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// Those of days that are at least this long ago.
    AtLeast(Duration),
    /// All of them.
    Any,
}

/// The trash of one mirror, as a run of one day sees it.
#[derive(Debug)]
pub struct Trash {
    root: PathBuf,
    today: Date,
}

/// The folder of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Day {
    pub date: Date,
    pub files: u64,
    pub bytes: u64,
}

impl Trash {
    /// The trash of a mirror; `today` is a date of UTC. Nothing is made until something is thrown away.
    pub fn new(layout: &Layout, today: Date) -> Self {
        Trash { root: layout.trash(), today }
    }

    /// Moves the blob at `path` into the folder of today. One that is not there any more is moved already.
    ///
    /// # Errors
    /// It cannot be moved; then it lies where it was.
    pub fn take_blob(&self, path: &Path, name: &str) -> Result<(), StoreError> {
        // The same name is the same content, so there is nothing to lose in the trash.
        self.take(path, &self.folder().join(name))
    }

    /// Moves the copy of a document at `path`, which is called `name` below documents/, into the folder of today.
    ///
    /// # Errors
    /// It cannot be moved; then it lies where it was.
    pub fn take_document(&self, path: &Path, name: &Path) -> Result<(), StoreError> {
        self.take(path, &self.free_place(&Path::new("documents").join(name)))
    }

    /// The same, but the document stays where it is, too.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn copy_document(&self, path: &Path, name: &Path) -> Result<(), StoreError> {
        let to = self.free_place(&Path::new("documents").join(name));
        let folder = to.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(StoreError::on("create the folder", folder))?;
        fs::copy(path, &to).map(drop).map_err(StoreError::on("copy to the trash", path))
    }

    /// Keeps the file at `path`, whose content is not that of its name, in the folder of today as well: it stays where
    /// it is, since documents name it. A folder, which no link opens, is moved. Returns where it lies below the trash.
    ///
    /// # Errors
    /// It cannot be kept; then it lies where it was.
    pub fn keep_damaged(&self, path: &Path, name: &str) -> Result<PathBuf, StoreError> {
        let to = self.free_place(Path::new(name));
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            self.take(path, &to)?;
        } else {
            let folder = to.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder).map_err(StoreError::on("create the folder", folder))?;
            // What takes the file's place later takes its name alone. Where nothing can be linked there is still a copy.
            if fs::hard_link(path, &to).is_err() {
                self.copy(path, &to).map_err(StoreError::on("copy to the trash", path))?;
            }
        }
        Ok(to.strip_prefix(&self.root).unwrap_or(&to).to_owned())
    }

    /// Deletes what [`Trash::keep_damaged`] kept at `place`, because the file itself stays where it is.
    ///
    /// # Errors
    /// It cannot be deleted.
    pub fn forget(&self, place: &Path) -> Result<(), StoreError> {
        let kept = self.root.join(place);
        fs::remove_file(&kept).map_err(StoreError::on("delete", &kept))?;
        // Only folders that are empty now go.
        let ours = kept.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root));
        for folder in ours {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// The folder of today.
    pub fn folder(&self) -> PathBuf {
        self.root.join(self.today.to_string())
    }

    /// A place of today that nothing lies at: another thing of this name may have been thrown away today.
    fn free_place(&self, name: &Path) -> PathBuf {
        let wanted = self.folder().join(name);
        let mut free = wanted.clone();
        for number in 1.. {
            if free.symlink_metadata().is_err() {
                break;
            }
            let mut other = wanted.clone().into_os_string();
            other.push(format!("~{number}"));
            free = other.into();
        }
        free
    }

    fn take(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        let folder = to.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(StoreError::on("create the folder", folder))?;
        match fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                // Removed there when it is whole and durable here.
                let moved = self.copy(from, to).and_then(|()| fs::remove_file(from));
                moved.map_err(StoreError::on("move to the trash", from))
            }
            moved => moved.map_err(StoreError::on("move to the trash", from)),
        }
    }

    /// Copies a file, maybe of another file system, into a folder of the trash that is there: whole and durable, or not
    /// at all. What a kill leaves unfinished there goes with the folder of its day.
    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let folder = to.parent().unwrap_or(&self.root);
        let mut temporary = tempfile::Builder::new().prefix("imgmirror-").suffix(".part").tempfile_in(folder)?;
        io::copy(&mut File::open(from)?, &mut temporary)?;
        temporary.as_file().set_permissions(fs::metadata(from)?.permissions())?;
        temporary.as_file().sync_all()?;
        temporary.persist(to).map_err(|failed| failed.error)?;
        if cfg!(unix) {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }

    /// The days whose folders are of this age, in order. Whatever else lies in the trash is none of ours.
    ///
    /// A day in the future is of no age: the clock was wrong then, or is wrong now.
    ///
    /// # Errors
    /// The trash is there and cannot be read.
    pub fn due(&self, age: Age) -> Result<Vec<Day>, StoreError> {
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(StoreError::on("read", &self.root))?,
        };
        let mut due = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::on("read", &self.root))?;
            let Some(date) = entry.file_name().to_str().and_then(date_of) else { continue };
            let is_folder = entry.file_type().map_err(StoreError::on("look at", &entry.path()))?.is_dir();
            if is_folder && self.is_due(date, age) {
                let mut day = Day { date, files: 0, bytes: 0 };
                day.measure(&entry.path())?;
                due.push(day);
            }
        }
        due.sort_by_key(|day| day.date);
        Ok(due)
    }

    fn is_due(&self, date: Date, age: Age) -> bool {
        match age {
            Age::Any => true,
            Age::AtLeast(age) => {
                let ago = self.today.duration_since(date);
                !ago.is_negative() && ago.unsigned_abs() >= age
            }
        }
    }

    /// Deletes the folder of a day, and the trash itself when it is empty then.
    ///
    /// # Errors
    /// Something in it cannot be deleted; the rest may be deleted already.
    pub fn delete(&self, day: &Day) -> Result<(), StoreError> {
        let folder = self.root.join(day.date.to_string());
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::new("delete", &folder, error));
            }
            _ => {}
        }
        // Only an empty folder is removed.
        let _ = fs::remove_dir(&self.root);
        Ok(())
    }
}

impl Day {
    fn measure(&mut self, folder: &Path) -> Result<(), StoreError> {
        for entry in fs::read_dir(folder).map_err(StoreError::on("read", folder))? {
            let entry = entry.map_err(StoreError::on("read", folder))?;
            // Of a link the link itself counts: it is what would be deleted.
            let metadata = entry.metadata().map_err(StoreError::on("look at", &entry.path()))?;
            if metadata.is_dir() {
                self.measure(&entry.path())?;
            } else {
                self.files += 1;
                self.bytes += metadata.len();
            }
        }
        Ok(())
    }
}

/// The date of a folder that is called as ours are.
fn date_of(name: &str) -> Option<Date> {
    name.parse::<Date>().ok().filter(|date| date.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn trash(folder: &tempfile::TempDir, today: &str) -> Trash {
        Trash::new(&Layout::new(folder.path()), today.parse().unwrap())
    }

    fn dates(days: Vec<Day>) -> Vec<String> {
        days.iter().map(|day| day.date.to_string()).collect()
    }

    #[test]
    fn days_are_due_by_their_names_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["2026-10-26", "2026-10-27", "2026-11-25", "2026-11-26", "2031-01-01", "mine", "2026-1-1", "2026-02-30"]
        {
            fs::create_dir_all(folder.path().join("trash").join(name)).unwrap();
        }
        fs::write(folder.path().join("trash/2020-01-01"), "a file").unwrap();
        let trash = trash(&folder, "2026-11-25");
        let due = |age| dates(trash.due(age).unwrap());
        assert_eq!(due(Age::AtLeast(30 * DAY)), ["2026-10-26"]);
        assert_eq!(due(Age::AtLeast(29 * DAY)), ["2026-10-26", "2026-10-27"]);
        assert_eq!(due(Age::AtLeast(Duration::ZERO)), ["2026-10-26", "2026-10-27", "2026-11-25"]);
        assert_eq!(due(Age::AtLeast(36_500 * DAY)), Vec::<String>::new());
        assert_eq!(due(Age::Any), ["2026-10-26", "2026-10-27", "2026-11-25", "2026-11-26", "2031-01-01"]);
    }

    #[test]
    fn what_is_thrown_away_is_there_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let trash = trash(&folder, "2026-11-25");
        assert_eq!(trash.due(Age::Any).unwrap(), []);
        let at = |name: &str| folder.path().join(name);
        let read = |name: &str| fs::read_to_string(at(name)).unwrap();
        fs::write(at("blob"), "1").unwrap();
        trash.take_blob(&at("blob"), "ab/ab.png").unwrap();
        trash.take_blob(&at("blob"), "ab/ab.png").unwrap();
        for content in ["first", "second"] {
            fs::write(at("a.html"), content).unwrap();
            trash.take_document(&at("a.html"), Path::new("2021/a.html")).unwrap();
        }
        assert!(!at("blob").exists() && !at("a.html").exists());
        assert_eq!(read("trash/2026-11-25/ab/ab.png"), "1");
        assert_eq!(read("trash/2026-11-25/documents/2021/a.html"), "first");
        assert_eq!(read("trash/2026-11-25/documents/2021/a.html~1"), "second");
        let due = trash.due(Age::Any).unwrap();
        assert_eq!((due[0].files, due[0].bytes), (3, 12));
        trash.delete(&due[0]).unwrap();
        trash.delete(&due[0]).unwrap();
        assert!(!at("trash").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_blob_of_another_file_system_is_copied_and_removed() {
        let Ok(elsewhere) = tempfile::Builder::new().prefix("imgmirror-test-").tempdir_in("/dev/shm") else { return };
        let folder = tempfile::tempdir().unwrap();
        let trash = trash(&folder, "2026-11-25");
        let blob = elsewhere.path().join("blob");
        fs::write(&blob, "content").unwrap();
        trash.take_blob(&blob, "ab/ab.png").unwrap();
        assert!(!blob.exists());
        let kept = folder.path().join("trash/2026-11-25/ab");
        assert_eq!(fs::read_to_string(kept.join("ab.png")).unwrap(), "content");
        fs::write(&blob, "damaged").unwrap();
        let place = trash.keep_damaged(&blob, "ab/ab.png").unwrap();
        assert_eq!(place, Path::new("2026-11-25/ab/ab.png~1"));
        assert_eq!(fs::read_to_string(&blob).unwrap(), "damaged");
        assert_eq!(fs::read_to_string(kept.join("ab.png~1")).unwrap(), "damaged");
        assert_eq!(fs::read_dir(kept).unwrap().count(), 2, "nothing unfinished is left");
    }

    #[test]
    fn what_is_kept_beside_a_damaged_file_outlives_it_or_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let trash = trash(&folder, "2026-11-25");
        let (blob, better) = (folder.path().join("blob"), folder.path().join("better"));
        fs::write(&blob, "damaged").unwrap();
        let place = trash.keep_damaged(&blob, "ab/ab.png").unwrap();
        fs::write(&better, "whole").unwrap();
        fs::rename(&better, &blob).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("trash").join(&place)).unwrap(), "damaged");
        trash.forget(&place).unwrap();
        assert!(!folder.path().join("trash").exists());
        assert_eq!(fs::read_to_string(&blob).unwrap(), "whole");
    }
}
