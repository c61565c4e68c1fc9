//! A bundle as a site: its files, and a server that knows nothing but files.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::support::{Answer, Asked, Origin};

/// A static server.
pub struct Site {
    origin: Origin,
    folder: Arc<Mutex<PathBuf>>,
}

impl Site {
    pub fn new() -> Self {
        let folder = Arc::new(Mutex::new(PathBuf::new()));
        let served = folder.clone();
        let origin = Origin::new(move |asked: &Asked| {
            let path = percent_encoding::percent_decode_str(&asked.path).decode_utf8_lossy().into_owned();
            // A browser asks every server for it, whatever a page says.
            if path == "/favicon.ico" {
                return Answer::picture(asked);
            }
            match fs::read(served.lock().unwrap().join(path.trim_start_matches('/'))) {
                Ok(bytes) => Answer::ok(bytes).header("Content-Type", media_type(&path)),
                Err(_) => Answer::status(404),
            }
        });
        Site { origin, folder }
    }

    /// Serves this folder from now on.
    pub fn serve(&self, folder: &Path) {
        *self.folder.lock().unwrap() = folder.to_owned();
    }

    pub fn address(&self) -> SocketAddr {
        self.origin.plain()
    }

    pub fn root(&self) -> String {
        format!("http://{}/", self.address())
    }
}

/// As servers are set up.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html",
        Some("xhtml") => "application/xhtml+xml",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg") => "image/jpeg",
        Some("gif") => "image/gif",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("ico") => "image/x-icon",
        Some("bmp") => "image/bmp",
        _ => "application/octet-stream",
    }
}

/// All files below a folder, by their path with slashes.
pub fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned(), path);
            }
        }
    }
    files
}

/// The URLs of the pages and drawings below a folder, relative to it.
pub fn pages(folder: &Path) -> Vec<String> {
    let is_page = |path: &str| path.ends_with(".html") || path.ends_with(".xhtml");
    let encoded = |path: String| {
        let segments: Vec<String> = path
            .split('/')
            .map(|part| percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC).to_string())
            .collect();
        segments.join("/").replace("%2E", ".").replace("%2D", "-").replace("%5F", "_")
    };
    files(folder).into_keys().filter(|path| is_page(path)).map(encoded).collect()
}

pub fn unpack(archive: &Path, to: &Path) {
    let mut archive = zip::ZipArchive::new(fs::File::open(archive).unwrap()).unwrap();
    archive.extract(to).unwrap();
}

/// Two folders hold the same files.
#[track_caller]
pub fn assert_same(one: &Path, other: &Path) {
    let read = |folder: &Path| {
        let files = files(folder).into_iter();
        files.map(|(name, path)| (name, fs::read(path).unwrap())).collect::<BTreeMap<_, _>>()
    };
    let (one, other) = (read(one), read(other));
    assert!(one.keys().eq(other.keys()), "{:?}\n{:?}", one.keys(), other.keys());
    for (name, bytes) in &one {
        assert!(other[name] == *bytes, "{name} differs");
    }
}
