//! Finds the documents that the user named: files, folders, and lists of paths.
//!
//! This is the walk alone: it opens no document and judges no content, it only says which files are there to be read
//! and where each one goes below `documents/`. The walk streams and is deterministic: inputs in the order in which
//! they were given, the entries of a folder by name.

mod list;

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{self, FileType, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use list::List;

/// What makes a file in a folder a document. A file that is named itself is always taken.
const DOCUMENT_EXTENSIONS: [&str; 11] =
    ["html", "htm", "xhtml", "shtml", "md", "markdown", "mdown", "mkd", "txt", "css", "svg"];

/// One INPUT of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file or a folder.
    Path(PathBuf),
    /// `-`: a list of paths on standard input, one a line, or separated by NUL when it contains one.
    List,
}

impl From<OsString> for Input {
    fn from(given: OsString) -> Self {
        if given == "-" { Input::List } else { Input::Path(given.into()) }
    }
}

/// Whether `.gitignore` files decide what belongs to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gitignore {
    Respected,
    Disregarded,
}

/// What becomes of the documents, and with it when two of them are in each other's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// Each gets a copy below `documents/`: two may not have the same name there.
    Copies,
    /// Each stays where it is.
    InPlace,
}

/// How to walk.
pub struct Options {
    pub results: Results,
    /// Larger files are reported and skipped; bytes.
    pub max_document: u64,
    pub gitignore: Gitignore,
    /// Folders that hold what the program writes (the mirror, the assets): never read. They need not exist yet.
    pub outputs: Vec<PathBuf>,
    /// Where [`Input::List`] is read from, normally standard input.
    pub list: Box<dyn io::Read + Send>,
}

/// A file that is to be read as a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The path to open: the input as it was given, and the way below it.
    pub path: PathBuf,
    /// Where the document goes below `documents/`: plain names only, never empty, absolute or leading upward.
    pub relative: PathBuf,
    /// Bytes, when it was found.
    pub len: u64,
    /// `None` where the file system keeps no such time.
    pub mtime: Option<SystemTime>,
}

/// A file or folder that was named or met, and is not read.
#[derive(Debug)]
pub struct Skipped {
    pub path: PathBuf,
    pub reason: Reason,
}

/// Why something was not read.
#[derive(Debug)]
pub enum Reason {
    /// A symbolic link below an input folder.
    Symlink,
    /// Neither a file nor a folder; the text names what it is.
    Special(&'static str),
    TooLarge {
        len: u64,
        limit: u64,
    },
    /// A path from a list that lies inside the output.
    Output,
    Unreadable(io::Error),
}

impl Reason {
    /// Whether the run has missed something that it was asked to read. A link or a socket is only worth a word.
    pub fn is_failure(&self) -> bool {
        matches!(self, Reason::TooLarge { .. } | Reason::Unreadable(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Symlink => f.write_str("a symbolic link, not followed; name its target as an input to read it"),
            Reason::Special(what) => write!(f, "a {what}, not a document"),
            Reason::TooLarge { len, limit } => {
                write!(f, "{len} bytes, more than --max-document allows ({limit}); raise it to read this file")
            }
            Reason::Output => f.write_str("lies inside the output folder"),
            Reason::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

/// What one step of the walk came upon.
#[derive(Debug)]
pub enum Entry {
    Found(Found),
    Skipped(Skipped),
}

/// Why the walk cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error("the input {} cannot be read: {source}", crate::sanitize::path(.path))]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the list of paths on standard input cannot be read: {0}")]
    List(io::Error),
    #[error(
        "the input {} lies inside the output folder {}; name the documents themselves, or another output with -o",
        crate::sanitize::path(.path), crate::sanitize::path(.output)
    )]
    InsideOutput { path: PathBuf, output: PathBuf },
    #[error(
        "{} and an earlier input would both become documents/{}; give the folder above both as the one input, \
         or mirror them into two folders with -o",
        crate::sanitize::path(.path), crate::sanitize::path(.relative)
    )]
    Collision { path: PathBuf, relative: PathBuf },
}

impl InputError {
    /// Whether the command line is at fault (exit code 2), rather than the machine (exit code 1).
    pub fn is_usage(&self) -> bool {
        matches!(self, InputError::InsideOutput { .. } | InputError::Collision { .. })
    }
}

/// Walks over `inputs`. Inputs given twice are walked once.
///
/// With one input folder, documents keep their path relative to it; with several inputs, the base name of each stands
/// in front. Every path of a list counts as an input.
///
/// # Errors
/// An input of the command line that does not exist, cannot be read or lies inside an output, and an unreadable list.
/// Paths of a list that cannot be read are reported as skipped during the walk.
pub fn discover(inputs: &[Input], options: Options) -> Result<Discovery, InputError> {
    let outputs: Vec<PathBuf> = options.outputs.iter().map(|output| resolve(output)).collect();
    let mut roots: Vec<Root> = Vec::new();
    for input in inputs {
        let Input::Path(path) = input else { continue };
        let root = Root::open(path).map_err(|source| InputError::Unreadable { path: path.clone(), source })?;
        if let Some(output) = outputs.iter().find(|output| root.canonical.starts_with(output)) {
            return Err(InputError::InsideOutput { path: path.clone(), output: output.clone() });
        }
        if !roots.iter().any(|known| known.canonical == root.canonical && known.name == root.name) {
            roots.push(root);
        }
    }
    let list = match inputs.contains(&Input::List) {
        true => Some(List::open(options.list).map_err(InputError::List)?),
        false => None,
    };
    let count = roots.len() + list.as_ref().map_or(0, List::at_least);
    Ok(Discovery {
        naming: if count > 1 { Naming::BaseNameInFront } else { Naming::Relative },
        roots: roots.into_iter(),
        list,
        walk: None,
        claims: Claims::default(),
        results: options.results,
        max_document: options.max_document,
        gitignore: options.gitignore,
        outputs,
    })
}

/// The walk; made by [`discover`]. It ends after its first error.
pub struct Discovery {
    naming: Naming,
    roots: std::vec::IntoIter<Root>,
    list: Option<List>,
    walk: Option<Walk>,
    claims: Claims,
    results: Results,
    max_document: u64,
    gitignore: Gitignore,
    outputs: Vec<PathBuf>,
}

/// What stands in front of the path below an input folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Relative,
    BaseNameInFront,
}

/// A folder being walked.
struct Walk {
    root: Root,
    entries: ignore::Walk,
}

impl Iterator for Discovery {
    type Item = Result<Entry, InputError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(mut walk) = self.walk.take()
                && let Some(entry) = walk.entries.next()
            {
                let step = self.visit(&walk.root, entry);
                self.walk = Some(walk);
                match step.and_then(|step| self.claimed(step)) {
                    Some(step) => return Some(step),
                    None => continue,
                }
            }
            let root = match self.roots.next() {
                Some(root) => root,
                None => match self.next_listed()? {
                    Ok(root) => root,
                    Err(step) => return Some(step),
                },
            };
            if root.metadata.is_dir() {
                self.walk = Some(self.walk_into(root));
            } else {
                let entry = self.named_file(&root);
                if let Some(step) = self.claimed((entry, root.canonical)) {
                    return Some(step);
                }
            }
        }
    }
}

impl Discovery {
    /// The next path of the list, opened, or what there is to say about it.
    fn next_listed(&mut self) -> Option<Result<Root, Result<Entry, InputError>>> {
        let path = match self.list.as_mut()?.next()? {
            Ok(path) => path,
            Err(error) => {
                self.list = None;
                return Some(Err(Err(InputError::List(error))));
            }
        };
        let skipped = |reason| Some(Err(Ok(Entry::Skipped(Skipped { path: path.clone(), reason }))));
        match Root::open(&path) {
            Err(error) => skipped(Reason::Unreadable(error)),
            Ok(root) if self.outputs.iter().any(|output| root.canonical.starts_with(output)) => skipped(Reason::Output),
            Ok(root) => Some(Ok(root)),
        }
    }

    fn walk_into(&self, root: Root) -> Walk {
        let mut builder = ignore::WalkBuilder::new(&root.open);
        builder.standard_filters(false).hidden(true).follow_links(false).sort_by_file_name(OsStr::cmp);
        if self.gitignore == Gitignore::Respected {
            builder.git_ignore(true).git_exclude(true).parents(true).require_git(false);
        }
        // Nothing below the root is reached through a link, so the outputs can be found by their canonical way down.
        let outputs: Vec<PathBuf> = (self.outputs.iter())
            .filter_map(|output| output.strip_prefix(&root.canonical).ok())
            .map(|below| root.open.join(below))
            .collect();
        builder.filter_entry(move |entry| !outputs.iter().any(|output| output == entry.path()));
        Walk { entries: builder.build(), root }
    }

    /// One entry of a folder, with its identity on disk. `None`: nothing to say about it.
    fn visit(&self, root: &Root, entry: Result<ignore::DirEntry, ignore::Error>) -> Option<(Entry, PathBuf)> {
        let skipped =
            |path: &Path, reason| Some((Entry::Skipped(Skipped { path: path.to_owned(), reason }), PathBuf::new()));
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error_path(&error).unwrap_or(&root.open).to_owned();
                let error = error.into_io_error().unwrap_or_else(|| io::Error::other("the folder could not be walked"));
                return skipped(&path, Reason::Unreadable(error));
            }
        };
        let path = entry.path();
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) => {
                let error = error.into_io_error().unwrap_or_else(|| io::Error::other("no metadata"));
                return skipped(path, Reason::Unreadable(error));
            }
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            return None;
        }
        if kind.is_symlink() {
            // A link to a picture is nobody's loss; one that hides documents is told.
            let hides = is_document_name(path) || fs::metadata(path).is_ok_and(|target| target.is_dir());
            return if hides { skipped(path, Reason::Symlink) } else { None };
        }
        if kind.is_file() && !is_document_name(path) {
            return None;
        }
        let below = path.strip_prefix(&root.open).ok()?;
        let relative = match self.naming {
            Naming::Relative => below.to_owned(),
            Naming::BaseNameInFront => Path::new(&root.name).join(below),
        };
        Some((self.entry(path.to_owned(), relative, &metadata), root.canonical.join(below)))
    }

    fn named_file(&self, root: &Root) -> Entry {
        self.entry(root.given.clone(), PathBuf::from(&root.name), &root.metadata)
    }

    fn entry(&self, path: PathBuf, relative: PathBuf, metadata: &Metadata) -> Entry {
        let (len, limit) = (metadata.len(), self.max_document);
        if !metadata.is_file() {
            return Entry::Skipped(Skipped { path, reason: Reason::Special(special(metadata.file_type())) });
        }
        if len > limit {
            return Entry::Skipped(Skipped { path, reason: Reason::TooLarge { len, limit } });
        }
        debug_assert!(relative.components().all(|part| matches!(part, Component::Normal(_))));
        Entry::Found(Found { path, relative, len, mtime: metadata.modified().ok() })
    }

    /// Makes sure that a document has its place to itself; `None` when it was found before. A single input cannot
    /// collide with itself and costs nothing.
    fn claimed(&mut self, (entry, source): (Entry, PathBuf)) -> Option<Result<Entry, InputError>> {
        let Entry::Found(found) = entry else { return Some(Ok(entry)) };
        if self.naming == Naming::Relative {
            return Some(Ok(Entry::Found(found)));
        }
        let name = match self.results {
            Results::Copies => &found.relative,
            Results::InPlace => &source,
        };
        match self.claims.claim(name, &source) {
            Claim::Granted => Some(Ok(Entry::Found(found))),
            Claim::Repeated => None,
            Claim::Refused => {
                self.roots = Vec::new().into_iter();
                (self.list, self.walk) = (None, None);
                Some(Err(InputError::Collision { path: found.path, relative: found.relative }))
            }
        }
    }
}

/// An input as it was given, and what it turned out to be.
struct Root {
    given: PathBuf,
    /// The path to walk: as given, unless that is a link.
    open: PathBuf,
    canonical: PathBuf,
    /// The base name; that of the real folder for `.` and `..`; empty for `/`.
    name: OsString,
    metadata: Metadata,
}

impl Root {
    fn open(given: &Path) -> io::Result<Root> {
        let metadata = fs::metadata(given)?;
        let canonical = given.canonicalize()?;
        if metadata.is_dir() {
            fs::read_dir(given)?;
        }
        let is_link = fs::symlink_metadata(given).is_ok_and(|own| own.file_type().is_symlink());
        let open = if is_link { canonical.clone() } else { given.to_owned() };
        let name = given.file_name().or(canonical.file_name()).unwrap_or_default().to_owned();
        Ok(Root { given: given.to_owned(), open, canonical, name, metadata })
    }
}

/// Which document goes where, as hashes: a few dozen bytes for each, whatever the length of the paths.
#[derive(Default)]
struct Claims {
    /// Place below `documents/` → the document that goes there; 0 for a folder.
    places: HashMap<u64, u64>,
    hasher: RandomState,
    last_folder: PathBuf,
}

/// What comes of asking for a place.
enum Claim {
    Granted,
    /// The same document has it.
    Repeated,
    /// Another document has it, or it is another's folder.
    Refused,
}

impl Claims {
    fn claim(&mut self, relative: &Path, source: &Path) -> Claim {
        let folder = relative.parent().unwrap_or(Path::new(""));
        if folder != self.last_folder {
            for above in folder.ancestors().filter(|above| !above.as_os_str().is_empty()) {
                if *self.places.entry(self.hasher.hash_one(above)).or_insert(0) != 0 {
                    return Claim::Refused;
                }
            }
            folder.clone_into(&mut self.last_folder);
        }
        let source = self.hasher.hash_one(source).max(1);
        match self.places.insert(self.hasher.hash_one(relative), source) {
            None => Claim::Granted,
            Some(owner) if owner == source => Claim::Repeated,
            Some(_) => Claim::Refused,
        }
    }
}

fn is_document_name(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str);
    extension.is_some_and(|own| DOCUMENT_EXTENSIONS.iter().any(|known| own.eq_ignore_ascii_case(known)))
}

#[cfg(unix)]
fn special(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match () {
        () if kind.is_fifo() => "named pipe",
        () if kind.is_socket() => "socket",
        () if kind.is_block_device() || kind.is_char_device() => "device",
        () => "special file",
    }
}

#[cfg(not(unix))]
fn special(_: FileType) -> &'static str {
    "special file"
}

/// The canonical form of a path of which the last parts may not exist yet.
fn resolve(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for above in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (above.canonicalize(), absolute.strip_prefix(above)) {
            return rest.components().fold(real, |mut path, part| {
                if part == Component::ParentDir {
                    path.pop();
                } else {
                    path.push(part);
                }
                path
            });
        }
    }
    absolute
}

fn error_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => error_path(err),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
