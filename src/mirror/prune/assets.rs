//! The files in a folder of blobs.

use std::fs;
use std::path::Path;

use crate::media_type::MediaType;
use crate::mirror::digest::Digest;
use crate::mirror::store::{Blob, StoreError};

/// A file as it was found.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Blob(Blob, u64),
    /// Something else, which is nobody's business here.
    Other(&'a Path),
}

/// Calls `each` for what lies in the folder `assets`, and does nothing when there is no such folder. Links are not
/// followed, and neither are names that begin with a dot.
///
/// # Errors
/// A folder cannot be read, and those of `each`.
pub(super) fn walk(assets: &Path, each: &mut dyn FnMut(Found<'_>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if !assets.exists() {
        return Ok(());
    }
    for folder in entries(assets)? {
        let is_ours = is_folder(&folder)? && is_prefix(&folder.file_name().to_string_lossy());
        if !is_ours {
            each(Found::Other(&folder.path()))?;
            continue;
        }
        for file in entries(&folder.path())? {
            let path = file.path();
            let metadata = file.metadata().map_err(StoreError::on("look at", &path))?;
            let name = format!("{}/{}", folder.file_name().to_string_lossy(), file.file_name().to_string_lossy());
            match blob(&name).filter(|_| metadata.is_file()) {
                Some(blob) => each(Found::Blob(blob, metadata.len()))?,
                None => each(Found::Other(&path))?,
            }
        }
    }
    Ok(())
}

/// What a folder holds, in the order of the names.
fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries: Vec<_> = entries.map_err(StoreError::on("read", folder))?;
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    Ok(entries)
}

fn is_folder(entry: &fs::DirEntry) -> Result<bool, StoreError> {
    Ok(entry.file_type().map_err(StoreError::on("look at", &entry.path()))?.is_dir())
}

fn is_prefix(name: &str) -> bool {
    name.len() == 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The blob that is called `ab/ab34….jpg`; `None` for every name that no blob has.
fn blob(name: &str) -> Option<Blob> {
    let (digest, extension) = name.get(3..)?.split_once('.')?;
    let blob = Blob { digest: digest.parse::<Digest>().ok()?, media_type: MediaType::from_extension(extension)? };
    (blob.name() == name).then_some(blob)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_blobs_are_names_of_blobs() {
        let digest = "ab".repeat(32);
        assert_eq!(blob(&format!("ab/{digest}.jpg")).map(|blob| blob.name()), Some(format!("ab/{digest}.jpg")));
        for name in [
            format!("cd/{digest}.jpg"),
            format!("ab/{digest}.jpeg"),
            format!("ab/{digest}.exe"),
            format!("ab/{digest}"),
            format!("ab/{}.jpg", digest.to_uppercase()),
            format!("ab/{digest}.jpg.part"),
            "ab/é".to_owned(),
            String::new(),
        ] {
            assert_eq!(blob(&name), None, "{name}");
        }
    }
}
