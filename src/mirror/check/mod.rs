//! Whether a mirror is what it claims to be: every blob, every row, every mirrored document.
//!
//! A check only looks. It reports [`Findings`], told apart as damage, what is missing, and what is merely untidy; for a
//! repair it lists what is damaged in temporary tables of the catalog's connection. Of everything that may be large only
//! so much is in memory as is worked on at the time.

mod blobs;
mod documents;
mod finding;
mod litter;
mod reading;
mod rebuild;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio_util::sync::CancellationToken;

use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, RewriteRow};
use crate::progress::Progress;
pub use finding::{Class, Finding, Findings, Kind, Listed, Remedy};
pub use rebuild::{Rebuild, Rebuilt};

/// Which blobs are hashed. All are looked at for presence and length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bytes {
    Skip,
    /// This part of them, from 0 to 1, beginning with those that were hashed longest ago.
    Share(f64),
    All,
    /// Those that the last check of this connection found damaged.
    Damaged,
}

/// Whether the catalog takes a document for written as it would write it now.
pub type Believes<'a> = dyn Fn(&Catalog, &RewriteRow) -> anyhow::Result<bool> + Sync + 'a;

/// Everything that a check is told.
pub struct Check<'a> {
    pub layout: &'a Layout,
    /// The folder of the blobs.
    pub assets: &'a Path,
    /// Whose folder that is.
    pub owner: Owner,
    /// What links to blobs begin with, where they are not relative.
    pub link_base: Option<&'a str>,
    pub bytes: Bytes,
    pub believes: &'a Believes<'a>,
    pub progress: &'a Progress,
    pub stop: &'a CancellationToken,
}

/// Whose the folder of the blobs is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    Mirror,
    /// A site's, which may keep other files there.
    Site,
}

/// What a check looked at, and what it found.
#[derive(Debug, Default)]
pub struct Checked {
    pub blobs: Blobs,
    pub documents: Documents,
    pub findings: Findings,
}

/// Blobs that a check looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Blobs {
    /// On record.
    pub known: u64,
    pub hashed: u64,
    /// Hashed by the check that this one goes on with.
    pub hashed_before: u64,
    /// Bytes hashed.
    pub bytes: u64,
}

/// Documents that a check read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Documents {
    /// On record.
    pub known: u64,
    pub read: u64,
    /// Links to blobs in them.
    pub links: u64,
}

impl Check<'_> {
    /// Checks a mirror whose catalog is whole as a file. Ends early, with what was found so far, when it is stopped.
    ///
    /// # Errors
    /// The catalog cannot be read or written, or a folder cannot be listed.
    pub fn run(&self, catalog: &Catalog) -> anyhow::Result<Checked> {
        let mut checked = Checked::default();
        catalog.broken_rows(&mut |broken| {
            checked.findings.add(Kind::RowBroken, &broken.subject, &format!("a row of the table {}", broken.table));
        })?;
        self.look_at_blobs(catalog, &mut checked)?;
        self.read_documents(catalog, &mut checked)?;
        self.look_for_litter(catalog, &mut checked)?;
        Ok(checked)
    }

    /// The file of a blob as a person finds it.
    fn shown(&self, name: &str) -> String {
        self.owner.shown(self.assets, name)
    }
}

impl Owner {
    fn shown(self, assets: &Path, name: &str) -> String {
        match self {
            Owner::Mirror => format!("assets/{name}"),
            Owner::Site => assets.join(name).to_string_lossy().into_owned(),
        }
    }
}

/// The most threads that hash or read.
const MAX_THREADS: usize = 8;

/// Works on all items with several threads; the results are in the order of the items.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(2, usize::from).min(MAX_THREADS).min(items.len());
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return done };
            done.push((at, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take)).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The digest that a path names, if it ends like that of a blob: `ab/ab34….jpg`.
fn blob_name(path: &str) -> Option<(&str, crate::mirror::digest::Digest)> {
    let (above, file) = path.rsplit_once('/')?;
    let folder_start = above.rfind('/').map_or(0, |slash| slash + 1);
    let (digits, extension) = file.split_once('.')?;
    let is_extension = !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_lowercase());
    let digest = digits.parse().ok().filter(|_| is_extension && above[folder_start..] == digits[..2])?;
    Some((&path[folder_start..], digest))
}

/// Every entry below a folder, folders before what they hold; links are not followed. None when there is no folder.
fn walk(folder: &Path) -> impl Iterator<Item = Result<ignore::DirEntry, ignore::Error>> {
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).follow_links(false).build();
    let is_there = folder.is_dir();
    walk.skip(1).take_while(move |_| is_there)
}

/// A path below a folder, with `/` between the names.
fn relative(path: &Path, folder: &Path) -> (PathBuf, String) {
    let below = path.strip_prefix(folder).unwrap_or(path).to_owned();
    let names: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let shown = names.join("/");
    (below, shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_all_worked_on_and_stay_in_order() {
        let items: Vec<u32> = (0..1000).collect();
        let doubled: Vec<u32> = items.iter().map(|item| item * 2).collect();
        assert_eq!(in_parallel(&items, |item| item * 2), doubled);
        assert_eq!(in_parallel(&[], |item: &u32| *item), Vec::<u32>::new());
    }

    #[test]
    fn a_check_that_is_stopped_leaves_word_of_where_it_began() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path());
        let catalog = Catalog::open(&layout.catalog(), crate::mirror::store::Durability::None).unwrap();
        catalog.add_blob(crate::mirror::digest::Digest::of(b"x"), "image/png", 1, None).unwrap();
        let stop = CancellationToken::new();
        let check = Check {
            layout: &layout,
            assets: &layout.assets(),
            owner: Owner::Mirror,
            link_base: None,
            bytes: Bytes::All,
            believes: &|_, _| Ok(true),
            progress: &Progress::muted(),
            stop: &stop,
        };
        stop.cancel();
        let checked = check.run(&catalog).unwrap();
        assert_eq!((checked.blobs.known, checked.blobs.hashed), (1, 0));
        assert_eq!(checked.findings.count(Class::Damage), 0, "what was not looked at is not lost");
        assert!(catalog.check_began(0).unwrap().is_some());
    }

    #[test]
    fn names_of_blobs_are_told_from_others() {
        let digits = "ab".repeat(32);
        let name = format!("ab/{digits}.jpg");
        for path in [name.clone(), format!("../assets/{name}"), format!("/i/{name}"), format!("https://h/{name}")] {
            assert_eq!(blob_name(&path), Some((name.as_str(), digits.parse().unwrap())), "{path}");
        }
        let upper = digits.to_uppercase();
        for path in [
            format!("cd/{digits}.jpg"),
            format!("ab/{digits}"),
            format!("ab/{upper}.jpg"),
            format!("ab/{digits}.jpg/x"),
        ] {
            assert_eq!(blob_name(&path), None, "{path}");
        }
    }
}
