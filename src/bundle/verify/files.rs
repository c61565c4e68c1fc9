//! The files of a bundle: in a folder, or in a ZIP archive.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use zip::{CompressionMethod, ZipArchive};

use super::finding::Kind;
use super::page::Tell;
use crate::sanitize;

/// Bytes that are kept in memory while they are read again; more wait in a temporary file.
pub const IN_MEMORY: usize = 1 << 20;

/// The largest packed entry of an archive, unpacked; bytes. What unpacks to more is a bomb, or no page of an article.
/// What is stored as it is has no such limit: it is read where it lies.
const MAX_UNPACKED: u64 = 2 << 30;

/// All files of an archive together; bytes.
const MAX_ALL: u64 = 1 << 40;

/// How much smaller packing can make a file (zlib's "maximum expansion factor", of deflate).
const MAX_RATIO: u64 = 1032;

/// What can be read and searched.
pub trait Body: Read + Seek {}
impl<B: Read + Seek> Body for B {}

/// Takes a file by its name and length.
pub type Each<'e> = dyn FnMut(&str, u64, &mut dyn Body, &mut Tell<'_>) -> io::Result<()> + 'e;

/// A bundle's files.
pub enum Files {
    Folder(PathBuf),
    Archive(Box<ZipArchive<BufReader<File>>>),
}

impl Files {
    /// The files of an archive.
    ///
    /// # Errors
    /// The file is no ZIP archive, or cannot be read.
    pub fn archive(path: &Path) -> anyhow::Result<Self> {
        let named = || format!("reading {} as an archive", sanitize::path(path));
        let file = File::open(path).with_context(named)?;
        Ok(Files::Archive(Box::new(ZipArchive::new(BufReader::new(file)).with_context(named)?)))
    }

    /// Calls `name` for the name of every file, with slashes. Names that are not safe are told, and not given.
    pub fn names(&mut self, tell: &mut Tell<'_>, name: &mut dyn FnMut(String)) -> anyhow::Result<()> {
        match self {
            Files::Folder(root) => walk(root, "", tell, &mut |path, _| {
                name(path.to_owned());
                Ok(())
            }),
            Files::Archive(archive) => {
                if let Err(error) = archive.validate_header_consistency() {
                    tell(Kind::ArchiveBroken, "", &error.to_string());
                }
                for at in 0..archive.len() {
                    let entry = archive.by_index_raw(at)?;
                    let raw = entry.name_raw().to_vec();
                    match safe(&raw) {
                        Some(safe) if !entry.is_symlink() => name(safe.to_owned()),
                        _ => tell(Kind::EntryName, &String::from_utf8_lossy(&raw), "not safe to unpack"),
                    }
                }
                Ok(())
            }
        }
    }

    /// Calls `each` for every file.
    pub fn each(&mut self, tell: &mut Tell<'_>, each: &mut Each<'_>) -> anyhow::Result<()> {
        match self {
            Files::Folder(root) => walk(root, "", tell, &mut |name, tell| {
                let mut file = File::open(root.join(name))?;
                let length = file.metadata()?.len();
                each(name, length, &mut file, tell)
            }),
            Files::Archive(archive) => {
                let mut all = 0_u64;
                for at in 0..archive.len() {
                    all = all.saturating_add(archive.by_index_raw(at)?.size());
                    if all > MAX_ALL {
                        tell(Kind::TooLarge, "", &format!("more than {MAX_ALL} bytes, unpacked"));
                        break;
                    }
                    entry(archive, at, tell, each)?;
                }
                Ok(())
            }
        }
    }

    /// Calls `each` for the file of this name. False where there is none.
    pub fn one(&mut self, name: &str, tell: &mut Tell<'_>, each: &mut Each<'_>) -> anyhow::Result<bool> {
        match self {
            Files::Folder(root) => {
                let path = root.join(name);
                // A symbolic link is no file of the bundle.
                if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
                    return Ok(false);
                }
                let named = || format!("reading {}", sanitize::path(&path));
                let mut file = File::open(&path).with_context(named)?;
                let length = file.metadata().with_context(named)?.len();
                each(name, length, &mut file, tell).with_context(named)?;
                Ok(true)
            }
            Files::Archive(archive) => match archive.index_for_name(name) {
                Some(at) => entry(archive, at, tell, each).map(|()| true),
                None => Ok(false),
            },
        }
    }

    /// The bytes of the file of this name, where there are at most `max`; larger ones are told.
    pub fn read(&mut self, name: &str, max: u64, tell: &mut Tell<'_>) -> anyhow::Result<Option<Vec<u8>>> {
        let mut bytes = None;
        self.one(name, tell, &mut |name, length, body, tell| {
            if length > max {
                tell(Kind::TooLarge, name, &format!("{length} bytes"));
                return Ok(());
            }
            body.read_to_end(bytes.insert(Vec::new())).map(drop)
        })?;
        Ok(bytes)
    }
}

/// Calls `each` for one entry of an archive. What is there counts, not what the directory says: length and checksum are
/// tried first.
fn entry(
    archive: &mut ZipArchive<BufReader<File>>,
    at: usize,
    tell: &mut Tell<'_>,
    each: &mut Each<'_>,
) -> anyhow::Result<()> {
    let mut entry = match archive.by_index(at) {
        Ok(entry) => entry,
        Err(error) => {
            tell(Kind::ArchiveBroken, "", &error.to_string());
            return Ok(());
        }
    };
    let raw = entry.name_raw().to_vec();
    let Some(name) = safe(&raw) else { return Ok(()) };
    let (packed, length) = (entry.compressed_size(), entry.size());
    let stored = entry.compression() == CompressionMethod::Stored;
    let unpackable = length <= MAX_UNPACKED && length <= packed.saturating_mul(MAX_RATIO).saturating_add(1 << 20);
    if !stored && !unpackable {
        tell(Kind::TooLarge, name, &format!("{length} bytes, packed into {packed}"));
        return Ok(());
    }
    let mut unpacked = tempfile::spooled_tempfile(IN_MEMORY);
    let copied = match stored {
        true => io::copy(&mut entry, &mut io::sink()),
        false => io::copy(&mut entry.by_ref().take(length.saturating_add(1)), &mut unpacked),
    };
    drop(entry);
    match copied {
        Ok(copied) if copied == length => {}
        Ok(_) => {
            tell(Kind::ArchiveBroken, name, "its length is not what the archive says");
            return Ok(());
        }
        Err(error) => {
            tell(Kind::ArchiveBroken, name, &error.to_string());
            return Ok(());
        }
    }
    if stored {
        each(name, length, &mut archive.by_index_seek(at)?, tell)?;
    } else {
        unpacked.seek(SeekFrom::Start(0))?;
        each(name, length, &mut unpacked, tell)?;
    }
    Ok(())
}

/// The name of an entry, where it is safe to unpack on every system: UTF-8, relative, with slashes, without `.` and
/// `..`, without characters that systems take for something else.
fn safe(raw: &[u8]) -> Option<&str> {
    let name = std::str::from_utf8(raw).ok()?;
    let good = |part: &str| {
        !matches!(part, "" | "." | "..")
            && !part.contains(|c: char| c.is_control() || matches!(c, '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*'))
    };
    name.split('/').all(good).then_some(name)
}

/// Goes through a folder in the order of names. Symbolic links are told, and not followed.
fn walk(
    root: &Path,
    below: &str,
    tell: &mut Tell<'_>,
    each: &mut dyn FnMut(&str, &mut Tell<'_>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let folder = root.join(below);
    let named = || format!("reading {}", sanitize::path(&folder));
    let mut entries: Vec<fs::DirEntry> =
        fs::read_dir(&folder).with_context(named)?.collect::<Result<_, _>>().with_context(named)?;
    entries.sort_unstable_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let own = entry.file_name();
        let joined = |own: &str| if below.is_empty() { own.to_owned() } else { format!("{below}/{own}") };
        let kind = entry.file_type().with_context(named)?;
        let Some(own) = own.to_str().filter(|_| kind.is_dir() || kind.is_file()) else {
            tell(
                Kind::EntryName,
                &joined(&own.to_string_lossy()),
                "neither a file nor a folder, or its name is no text",
            );
            continue;
        };
        let path = joined(own);
        if kind.is_dir() {
            walk(root, &path, tell, each)?;
        } else {
            each(&path, tell).with_context(|| format!("reading {}", sanitize::path(&root.join(&path))))?;
        }
    }
    Ok(())
}
