//! A bundle, as the viewer answers for it: the files that it consists of, as they are.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{StatusCode, header};
use zip::ZipArchive;

use super::guard::Asked;
use super::pages;
use super::picture::{copy_exactly, within};
use super::reply::{Content, HTML, Policy, Reply};
use crate::sanitize;

/// Pages that are listed of a folder without an index.
const MAX_LISTED: usize = 10_000;

/// Why a file is not served.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("{} is read by e-book readers (Calibre, Apple Books, Thorium); serve shows folders, .zip and .html", sanitize::path(.0))]
    Book(PathBuf),
    #[error("{} is replayed by ReplayWeb.page or by `wb-manager` and `wayback` of pywb; serve shows folders, .zip and .html", sanitize::path(.0))]
    WebArchive(PathBuf),
    #[error("{} is no bundle that serve can show: name a mirror, a bundle's folder, or a bundle that ends in .zip or .html", sanitize::path(.0))]
    Other(PathBuf),
    #[error("{} cannot be read as a ZIP archive: {told}; make the bundle anew", sanitize::path(.path))]
    Archive { path: PathBuf, told: String },
    #[error("{} cannot be read: {source}", sanitize::path(.path))]
    Unreadable { path: PathBuf, source: io::Error },
}

impl Unfit {
    /// Whether another file should have been named.
    pub fn is_usage(&self) -> bool {
        matches!(self, Unfit::Book(_) | Unfit::WebArchive(_) | Unfit::Other(_))
    }
}

pub enum Bundle {
    Folder(PathBuf),
    Archive(ZipArchive<Shared>),
    /// One page that has everything in it.
    Page(PathBuf),
}

impl Bundle {
    pub fn open(path: &Path) -> Result<Self, Unfit> {
        let unreadable = |source| Unfit::Unreadable { path: path.to_owned(), source };
        let metadata = path.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Ok(Bundle::Folder(path.to_owned()));
        }
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match extension.as_str() {
            _ if !metadata.is_file() => Err(Unfit::Other(path.to_owned())),
            "zip" => {
                let shared = Shared::new(File::open(path).map_err(unreadable)?);
                let told = |error: zip::result::ZipError| sanitize::for_terminal(&error.to_string()).into_owned();
                let archive = ZipArchive::new(shared);
                archive
                    .map(Bundle::Archive)
                    .map_err(|error| Unfit::Archive { path: path.to_owned(), told: told(error) })
            }
            "html" | "htm" => Ok(Bundle::Page(path.to_owned())),
            "epub" => Err(Unfit::Book(path.to_owned())),
            "wacz" => Err(Unfit::WebArchive(path.to_owned())),
            _ => Err(Unfit::Other(path.to_owned())),
        }
    }

    pub fn answer(&self, asked: &Asked) -> anyhow::Result<Reply> {
        // The path is plain (see `guard`), so joined it can only lead down.
        let mut name = asked.segments.join("/");
        if asked.is_folder {
            name = format!("{name}/index.html").trim_start_matches('/').to_owned();
        }
        Ok(match self {
            Bundle::Folder(folder) => match within(&folder.join(&name), folder) {
                Some(file) => of_file(&file, &name)?,
                None if asked.segments.is_empty() => pages::listing(&pages_in(folder)?),
                None => pages::not_found(),
            },
            Bundle::Page(file) if asked.segments.is_empty() => of_file(file, "index.html")?,
            Bundle::Page(_) => pages::not_found(),
            Bundle::Archive(archive) => of_entry(archive.clone(), &name)?,
        })
    }
}

/// The pages of a folder that has no index: self-contained ones, one a document.
fn pages_in(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in folder.read_dir()? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if name.ends_with(".html") && !name.starts_with('.') && names.len() < MAX_LISTED {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn of_file(path: &Path, name: &str) -> io::Result<Reply> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(of(name, Content::Stream(length, Box::new(move |out| copy_exactly(&mut file.take(length), length, out)))))
}

fn of_entry(mut archive: ZipArchive<Shared>, name: &str) -> anyhow::Result<Reply> {
    let Some(at) = archive.index_for_name(name) else { return Ok(pages::not_found()) };
    let entry = archive.by_index(at)?;
    if !entry.is_file() {
        return Ok(pages::not_found());
    }
    let length = entry.size();
    drop(entry);
    let write = move |out: &mut dyn io::Write| {
        let entry = archive.by_index(at).map_err(io::Error::other)?;
        copy_exactly(&mut entry.take(length), length, out)
    };
    Ok(of(name, Content::Stream(length, Box::new(write))))
}

/// What a file is sent as follows from its name, by a closed list: what is not on it is handed out to be saved.
fn of(name: &str, content: Content) -> Reply {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let (policy, content_type) = match extension.as_str() {
        "html" | "htm" => (Policy::Bundle, HTML),
        "css" => (Policy::Inert, "text/css; charset=utf-8"),
        "txt" | "" => (Policy::Inert, "text/plain; charset=utf-8"),
        extension => match crate::media_type::MediaType::from_extension(extension) {
            Some(media_type) => (Policy::Inert, media_type.essence()),
            None => {
                return Reply::new(StatusCode::OK, Policy::Inert, "application/octet-stream", content)
                    .with(header::CONTENT_DISPOSITION, "attachment");
            }
        },
    };
    Reply::new(StatusCode::OK, policy, content_type, content)
}

/// A file that many readers share, each with a position of its own.
#[derive(Debug, Clone)]
pub struct Shared {
    file: Arc<Mutex<File>>,
    at: u64,
}

impl Shared {
    fn new(file: File) -> Self {
        Shared { file: Arc::new(Mutex::new(file)), at: 0 }
    }
}

impl Read for Shared {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(self.at))?;
        let count = file.read(buffer)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Shared {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |base: u64, by: i64| base.checked_add_signed(by).ok_or(io::ErrorKind::InvalidInput);
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => from(self.at, by)?,
            SeekFrom::End(by) => {
                let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
                from(file.metadata()?.len(), by)?
            }
        };
        Ok(self.at)
    }
}
