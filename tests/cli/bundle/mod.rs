//! `imgmirror bundle`: articles with all of their pictures, to be read without a network.

mod formats;
mod inputs;
#[cfg(target_os = "linux")]
mod many;
mod mutated;
mod names;
mod places;
mod same;
mod verify;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use scraper::{Html, Selector};
use sha2::{Digest as _, Sha256};

use crate::support::{Case, Origin, seeds};

/// Every format, and a place for it.
const FORMATS: [(&str, &str); 5] = [
    ("dir", "out/site"),
    ("zip", "out/site.zip"),
    ("html", "out/pages"),
    ("epub", "out/site.epub"),
    ("wacz", "out/site.wacz"),
];

/// The date of bundles that are compared.
const EPOCH: &str = "1700000000";

/// The files of a bundle, or of any folder, by path.
type Files = BTreeMap<String, Vec<u8>>;

/// The files below a folder.
fn files(folder: &Path) -> Files {
    let (mut files, mut left) = (Files::new(), vec![folder.to_owned()]);
    while let Some(path) = left.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// The files of a ZIP archive.
fn unzipped(path: &Path) -> Files {
    let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut files = Files::new();
    for at in 0..zip.len() {
        let mut entry = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.name().unwrap().into_owned(), bytes);
    }
    files
}

/// The values of an attribute wherever a selector finds it.
fn attributes(page: &[u8], selector: &str, attribute: &str) -> Vec<String> {
    let page = Html::parse_document(std::str::from_utf8(page).unwrap());
    let selector = Selector::parse(selector).unwrap();
    let found = page.select(&selector);
    found.filter_map(|element| element.value().attr(attribute)).map(str::to_owned).collect()
}

/// Where a relative URL in a file leads, by path; `None` when it leads out.
fn leads_to(from: &str, url: &str) -> Option<String> {
    let path = url.split(['#', '?']).next().unwrap();
    if path.is_empty() || url.contains(':') {
        return None;
    }
    assert!(!path.starts_with('/'), "{from}: {url} is not relative");
    let mut to = PathBuf::from(from);
    to.pop();
    for part in path.split('/') {
        match part {
            ".." => assert!(to.pop(), "{from}: {url} leads out of the bundle"),
            part => to.push(percent_decode_str(part).decode_utf8().unwrap().as_ref()),
        }
    }
    Some(to.to_str().unwrap().to_owned())
}

/// Everything that a bundle in the folder format promises of its files: digests, pictures under their names, and links
/// that lead to what is there.
#[track_caller]
fn assert_whole(files: &Files) {
    let sums: BTreeMap<&str, &str> = std::str::from_utf8(&files["SHA256SUMS"])
        .unwrap()
        .lines()
        .map(|line| line.split_once("  ").map(|(digest, path)| (path, digest)).unwrap())
        .collect();
    let listed: Vec<_> = sums.keys().copied().collect();
    let others: Vec<_> = files.keys().map(String::as_str).filter(|path| *path != "SHA256SUMS").collect();
    assert_eq!(listed, others, "SHA256SUMS lists every other file");
    let mut in_order = listed.clone();
    in_order.sort_unstable();
    let written: Vec<_> = std::str::from_utf8(&files["SHA256SUMS"]).unwrap().lines().map(|line| &line[66..]).collect();
    assert_eq!(written, in_order, "sorted");
    for (path, digest) in sums {
        let found = hex::encode(Sha256::digest(&files[path]));
        assert_eq!(found, digest, "{path}");
        if let Some(name) = path.strip_prefix("assets/") {
            assert_eq!(name.split_once('.').unwrap().0, format!("{}/{digest}", &digest[..2]), "{path}");
        }
    }
    let mut named = Vec::new();
    for (path, page) in files.iter().filter(|(path, _)| path.ends_with(".html")) {
        for (selector, attribute) in [("a", "href"), ("img", "src"), ("link", "href"), ("image", "href")] {
            named.extend(attributes(page, selector, attribute).iter().filter_map(|url| leads_to(path, url)).inspect(
                |to| {
                    assert!(files.contains_key(to), "{path} leads to {to}, which is not there");
                },
            ));
        }
        for srcset in attributes(page, "img, source", "srcset") {
            for candidate in srcset.split(", ") {
                let url = candidate.split(' ').next().unwrap();
                named.extend(leads_to(path, url).inspect(|to| assert!(files.contains_key(to), "{path}: {to}")));
            }
        }
    }
    for path in files.keys().filter(|path| path.starts_with("pages/")) {
        assert!(named.contains(path), "nothing leads to {path}");
    }
}

/// A mirror of the sample documents in `mirror`, made from the folder `in`.
fn mirrored_seeds(case: &Case, origin: &Origin) {
    case.copy(&seeds(), "in");
    sync(case, origin);
}

/// Mirrors the folder `in`.
fn sync(case: &Case, origin: &Origin) {
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(0);
}
