//! Whether everything arrived, by digest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::collection::Collection;

/// A tool that keeps a file for each URL has all of them, whatever it calls them. Files whose names end with one of
/// `besides` are the tool's own.
pub fn one_for_each_url(collection: &Collection, folder: &Path, besides: &[&str]) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for path in files(folder)? {
        if !besides.iter().any(|own| path.to_string_lossy().ends_with(own)) {
            found.push(hex::encode(Sha256::digest(fs::read(path)?)));
        }
    }
    found.sort();
    let expected = collection.files();
    anyhow::ensure!(
        found == expected,
        "{} files of {} are as they should be",
        common(&found, &expected),
        expected.len()
    );
    Ok(())
}

/// A mirror has every picture once, under its digest, and its documents name no other place.
pub fn mirror(collection: &Collection, folder: &Path) -> anyhow::Result<()> {
    let mut found = BTreeSet::new();
    for path in files(&folder.join("assets"))? {
        let digest = hex::encode(Sha256::digest(fs::read(&path)?));
        anyhow::ensure!(path.file_stem().is_some_and(|stem| *stem == *digest), "{} is not whole", path.display());
        found.insert(digest);
    }
    let expected = collection.distinct();
    anyhow::ensure!(found == expected, "{} pictures of {}", found.intersection(&expected).count(), expected.len());
    let documents = files(&folder.join("documents"))?;
    anyhow::ensure!(documents.len() == collection.size.documents, "{} documents", documents.len());
    for document in documents {
        let text = fs::read_to_string(&document)?;
        anyhow::ensure!(!text.contains("http://127.0.0.1"), "{} names an origin", document.display());
    }
    Ok(())
}

fn common(found: &[String], expected: &[String]) -> usize {
    let found: BTreeSet<_> = found.iter().collect();
    expected.iter().filter(|digest| found.contains(digest)).count()
}

fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let list = if entry.file_type()?.is_dir() { &mut folders } else { &mut files };
            list.push(entry.path());
        }
    }
    Ok(files)
}
