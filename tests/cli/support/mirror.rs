//! A mirror as a visitor finds it: files, and what must be true of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{names, pictures};

/// A mirror, or any folder of blobs.
pub struct Mirror {
    root: PathBuf,
}

impl Mirror {
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Mirror { root: root.into() }
    }

    pub fn documents(&self) -> PathBuf {
        self.root.join("documents")
    }

    /// Nothing but what belongs there, and nothing unfinished.
    #[track_caller]
    pub fn assert_layout(&self) {
        let found = names(&self.root);
        let known = [
            "assets",
            "catalog.sqlite",
            "catalog.sqlite-shm",
            "catalog.sqlite-wal",
            "documents",
            "report.html",
            "tmp",
            "trash",
            ".lock",
        ];
        let odd: Vec<_> = found.iter().filter(|name| !known.contains(&name.as_str())).collect();
        assert!(odd.is_empty(), "does not belong into a mirror: {odd:?}");
        assert_eq!(names(&self.root.join("tmp")), Vec::<String>::new(), "tmp/ after a run");
    }

    /// Every blob by its name (`ab/ab….png`), after a look at each: the name is the digest, the extension that of the
    /// content.
    #[track_caller]
    pub fn blobs(&self) -> BTreeMap<String, Vec<u8>> {
        blobs(&self.root.join("assets"))
    }
}

/// The blobs of a folder.
#[track_caller]
pub fn blobs(assets: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut blobs = BTreeMap::new();
    for folder in names(assets) {
        for name in names(&assets.join(&folder)) {
            let bytes = fs::read(assets.join(&folder).join(&name)).unwrap();
            let digest = hex::encode(Sha256::digest(&bytes));
            assert_eq!(name, format!("{digest}.{}", pictures::extension_of(&bytes)));
            assert_eq!(folder, digest[..2]);
            blobs.insert(format!("{folder}/{name}"), bytes);
        }
    }
    blobs
}

/// The numbers of `sync --json` are those of the contract, and they agree.
#[track_caller]
pub fn assert_adds_up(summary: &Value) {
    let numbers = |group: &str, names: &[&str]| -> u64 {
        let group = summary[group].as_object().unwrap_or_else(|| panic!("{group} in {summary}"));
        let parts = names.iter().map(|name| group[*name].as_u64().unwrap_or_else(|| panic!("{name} in {summary}")));
        parts.sum()
    };
    let keys: Vec<_> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec!["documents", "references", "assets", "bytes", "requests", "seconds", "failures"];
    let mut found = keys.clone();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(
        numbers("references", &["mirrored", "skipped", "missing"]),
        numbers("references", &["total"]),
        "references in {summary}"
    );
    let states = ["captured", "revisited", "held", "rescued", "failed", "refused"];
    assert_eq!(numbers("assets", &states), numbers("assets", &["total"]), "assets in {summary}");
    let missing = numbers("assets", &["failed", "refused"]);
    assert_eq!(summary["failures"].as_array().unwrap().len() as u64, missing, "failures in {summary}");
    for failure in summary["failures"].as_array().unwrap() {
        assert!(failure["target"].is_string() && failure["detail"].is_string(), "{failure}");
        assert!(failure["attempts"].is_u64() && failure["documents"].is_array(), "{failure}");
        assert!(KINDS.contains(&failure["kind"].as_str().unwrap()), "{failure}");
    }
}

/// The closed list of kinds of failure.
const KINDS: [&str; 17] = [
    "gone",
    "forbidden",
    "throttled",
    "server-error",
    "timeout",
    "connection",
    "tls",
    "dns",
    "redirects",
    "truncated",
    "too-large",
    "not-an-image",
    "empty",
    "placeholder",
    "bad-url",
    "out-of-scope",
    "disk",
];

/// When every file below a folder was last written.
pub fn written(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut times = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                times.insert(entry.path(), metadata.modified().unwrap());
            }
        }
    }
    times
}
