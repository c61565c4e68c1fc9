use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::media_type::MediaType;
use crate::mirror::store::Blob;

const DATE: i64 = 1_700_000_001;

fn date(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}

fn picture(bytes: &[u8]) -> Picture {
    let blob = Blob { digest: Digest::of(bytes), media_type: MediaType::Png };
    let length = bytes.len() as u64;
    Picture { blob, held: blob.digest, length, dimensions: None, bytes: Bytes::Inline(Arc::from(bytes)) }
}

/// Writes two files; gives their digests.
fn fill(mut tree: Box<dyn Tree>) -> Vec<Digest> {
    let picture = picture(b"picture");
    tree.picture("a/b/picture.png", &picture).unwrap();
    let text = tree.text("page.html", &mut |out| out.write_all(b"text, text, text, text")).unwrap();
    tree.finish().unwrap();
    vec![picture.blob.digest, text]
}

fn archive(path: &Path, date: jiff::Timestamp) -> Vec<Digest> {
    fill(Box::new(Archive::create(path, date).unwrap()))
}

#[test]
fn a_folder_and_an_archive_hold_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (tree, zip) = (folder.path().join("tree"), folder.path().join("a.zip"));
    fs::create_dir(&tree).unwrap();
    let digests = fill(Box::new(Folder::new(&tree, date(DATE))));
    assert_eq!(archive(&zip, date(DATE)), digests);
    let mut zip = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    assert_eq!(zip.len(), 2);
    for (at, digest) in digests.iter().enumerate() {
        let mut entry = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        assert_eq!(fs::read(tree.join(&*entry.name().unwrap())).unwrap(), bytes);
        assert_eq!(Digest::of(&bytes), *digest);
        let packed = if at == 0 { zip::CompressionMethod::Stored } else { zip::CompressionMethod::Deflated };
        assert_eq!((entry.compression(), entry.unix_mode()), (packed, Some(0o100_644)));
        assert_eq!(entry.last_modified().unwrap().to_string(), "2023-11-14 22:13:20");
    }
    let written = tree.join("a/b/picture.png").metadata().unwrap().modified().unwrap();
    assert_eq!(jiff::Timestamp::try_from(written).unwrap(), date(DATE));
}

#[test]
fn a_date_that_zip_does_not_know_is_the_nearest_that_it_does() {
    let folder = tempfile::tempdir().unwrap();
    for (name, seconds, told) in [("past", 0, "1980-01-01 00:00:00"), ("future", 5_000_000_000, "2107-12-31 23:59:58")]
    {
        let path = folder.path().join(name);
        archive(&path, date(seconds));
        let mut zip = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
        assert_eq!(zip.by_index(0).unwrap().last_modified().unwrap().to_string(), told);
    }
}

#[test]
fn a_path_is_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let archive = Archive::create(&path, date(DATE)).unwrap();
    let trees: [Box<dyn Tree>; 2] = [Box::new(Folder::new(folder.path(), date(DATE))), Box::new(archive)];
    for mut tree in trees {
        tree.text("a.html", &mut |_| Ok(())).unwrap();
        let error = tree.text("a.html", &mut |_| Ok(())).unwrap_err();
        assert!(format!("{error:#}").contains("a.html"), "{error:#}");
    }
}

#[test]
fn a_picture_that_is_not_what_it_is_called_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let other = Picture { bytes: Bytes::Inline(Arc::from(&b"other"[..])), ..picture(b"picture") };
    let error = Folder::new(folder.path(), date(DATE)).picture("a.png", &other).unwrap_err();
    assert!(format!("{error:#}").contains("imgmirror check --repair"), "{error:#}");
}

#[test]
fn what_is_counted_is_what_would_be_written() {
    let measure = Measure::default();
    fill(Box::new(measure.clone()));
    assert_eq!(measure.total(), 7 + 22);
}
