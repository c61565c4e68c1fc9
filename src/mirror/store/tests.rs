use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;

use super::*;
use crate::media_type::{self, samples};

/// What every store must do, whatever it is made of. The store is empty.
pub(crate) async fn contract(store: &dyn Store) {
    unknown_blobs_are_absent(store);
    for len in [0, 1, 1000, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_000_000] {
        what_goes_in_comes_out(store, len).await;
    }
    a_reset_starts_over(store).await;
    types_with_one_digest_are_different_blobs(store).await;
    a_removed_blob_can_come_back(store).await;
    store.make_durable().unwrap();
    store.make_durable().unwrap();
}

fn content(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn blob(content: &[u8], media_type: MediaType) -> Blob {
    Blob { digest: Digest::of(content), media_type }
}

async fn receive(store: &dyn Store, content: &[u8]) -> Received {
    let mut incoming = store.receive();
    // Chunks of all sizes: a length that nothing else is a multiple of, growing.
    let mut rest = content;
    let mut size = 1;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(size));
        incoming.write(Bytes::copy_from_slice(chunk)).await.unwrap();
        (rest, size) = (after, size * 3 + 1);
    }
    assert_eq!(incoming.len(), content.len() as u64);
    incoming.finish().await.unwrap()
}

fn read(store: &dyn Store, blob: &Blob) -> Vec<u8> {
    let mut content = Vec::new();
    store.open(blob).unwrap().read_to_end(&mut content).unwrap();
    content
}

fn unknown_blobs_are_absent(store: &dyn Store) {
    let unknown = blob(b"never stored", MediaType::Jpeg);
    assert_eq!(store.has(&unknown).unwrap(), None);
    assert_eq!(store.open(&unknown).unwrap_err().kind(), StoreErrorKind::NotFound);
    store.remove(&unknown).unwrap();
}

async fn what_goes_in_comes_out(store: &dyn Store, len: usize) {
    let content = content(len);
    let expected = blob(&content, MediaType::Gif);
    let mut received = receive(store, &content).await;
    assert_eq!((received.digest(), received.len()), (expected.digest, len as u64));
    for _ in 0..2 {
        let mut seen = Vec::new();
        received.view().unwrap().read_to_end(&mut seen).unwrap();
        assert!(seen == content, "the view of {len} bytes shows something else");
    }
    received.view().unwrap().seek(SeekFrom::End(0)).unwrap();
    assert_eq!(store.has(&expected).unwrap(), None, "nothing is stored before commit");

    assert_eq!(store.commit(received, MediaType::Gif).unwrap(), Committed::Stored(expected));
    assert_eq!(store.has(&expected).unwrap(), Some(len as u64));
    assert!(read(store, &expected) == content, "{len} bytes came out as something else");

    let again = receive(store, &content).await;
    assert_eq!(store.commit(again, MediaType::Gif).unwrap(), Committed::AlreadyHeld(expected));
}

async fn a_reset_starts_over(store: &dyn Store) {
    for discarded in [10, 600_000] {
        let mut incoming = store.receive();
        incoming.write(content(discarded).into()).await.unwrap();
        incoming.reset();
        assert!(incoming.is_empty());
        incoming.write(Bytes::from_static(b"second attempt")).await.unwrap();
        let received = incoming.finish().await.unwrap();
        assert_eq!((received.digest(), received.len()), (Digest::of(b"second attempt"), 14));
    }
}

async fn types_with_one_digest_are_different_blobs(store: &dyn Store) {
    let received = receive(store, b"one content").await;
    store.commit(received, MediaType::Png).unwrap();
    assert_eq!(store.has(&blob(b"one content", MediaType::Jpeg)).unwrap(), None);
    assert_eq!(store.has(&blob(b"one content", MediaType::Apng)).unwrap(), Some(11), "one extension, one blob");
}

async fn a_removed_blob_can_come_back(store: &dyn Store) {
    for _ in 0..2 {
        let received = receive(store, b"here and gone").await;
        let committed = store.commit(received, MediaType::Bmp).unwrap();
        assert_eq!(committed, Committed::Stored(blob(b"here and gone", MediaType::Bmp)));
        store.remove(&committed.blob()).unwrap();
        assert_eq!(store.has(&committed.blob()).unwrap(), None);
    }
}

/// A local store in a folder of its own.
struct Place {
    folder: tempfile::TempDir,
    store: LocalStore,
}

fn place(durability: Durability) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path().join("assets"), folder.path().join("tmp"), durability);
    Place { folder, store }
}

impl Place {
    /// Everything that lies in the folder, as relative paths, without the folders.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => files.push(entry.path().strip_prefix(self.folder.path()).unwrap().display().to_string()),
                }
            }
        }
        files.sort();
        files
    }

    async fn put(&self, content: &[u8]) -> Committed {
        let received = receive(&self.store, content).await;
        self.store.commit(received, MediaType::Jpeg).unwrap()
    }
}

#[tokio::test]
async fn a_local_store_keeps_the_contract() {
    for durability in [Durability::None, Durability::Batch, Durability::Full] {
        let place = place(durability);
        contract(&place.store).await;
        assert!(place.files().iter().all(|file| file.starts_with("assets/")), "{:?}", place.files());
    }
}

#[tokio::test]
async fn a_blob_lies_under_its_digest() {
    let place = place(Durability::Batch);
    place.put(b"abc").await;
    let expected = "assets/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.jpg";
    assert_eq!(place.files(), [expected]);
}

#[tokio::test]
async fn nothing_exists_before_it_has_to() {
    let place = place(Durability::Batch);
    let mut small = place.store.receive();
    small.write(content(256 * 1024).into()).await.unwrap();
    let received = small.finish().await.unwrap();
    place.store.make_durable().unwrap();
    assert_eq!(place.store.sweep_tmp().unwrap(), 0);
    assert_eq!(fs::read_dir(place.folder.path()).unwrap().count(), 0);
    drop(received);
}

#[tokio::test]
async fn what_is_dropped_leaves_nothing_behind() {
    let place = place(Durability::Batch);
    let mut incoming = place.store.receive();
    incoming.write(content(300_000).into()).await.unwrap();
    assert_eq!(place.files().len(), 1);
    drop(incoming);
    assert!(place.files().is_empty());

    let received = receive(&place.store, &content(300_000)).await;
    assert_eq!(place.files().len(), 1);
    drop(received);
    assert!(place.files().is_empty());
}

#[tokio::test]
async fn a_blob_of_another_length_is_replaced() {
    let place = place(Durability::Batch);
    let blob = place.put(b"the whole picture").await.blob();
    fs::write(place.store.path(&blob), b"the who").unwrap();
    assert_eq!(place.put(b"the whole picture").await, Committed::Stored(blob));
    assert_eq!(read(&place.store, &blob), b"the whole picture");
}

#[tokio::test]
async fn a_held_blob_is_not_written_again() {
    let place = place(Durability::Batch);
    let blob = place.put(b"original").await.blob();
    // A second write would take the place of the file.
    let other = place.store.path(&blob).with_extension("same");
    fs::hard_link(place.store.path(&blob), &other).unwrap();
    assert_eq!(place.put(b"original").await, Committed::AlreadyHeld(blob));
    let mut file = OpenOptions::new().append(true).open(other).unwrap();
    file.write_all(b" still").unwrap();
    assert_eq!(read(&place.store, &blob), b"original still");
}

#[tokio::test]
async fn a_damaged_blob_of_the_same_length_is_replaced() {
    // Of one read, of two, and of one that is not kept in memory.
    for length in [8, 65_537, 300_000] {
        let place = place(Durability::Batch);
        let original = content(length);
        let blob = place.put(&original).await.blob();
        assert_eq!(place.put(&original).await, Committed::AlreadyHeld(blob), "{length}");
        for at in [0, length - 1] {
            let mut damaged = original.clone();
            damaged[at] ^= 1;
            fs::write(place.store.path(&blob), damaged).unwrap();
            assert_eq!(place.put(&original).await, Committed::Stored(blob), "{length}, {at}");
            assert_eq!(read(&place.store, &blob), original);
        }
    }
}

#[tokio::test]
async fn an_abandoned_write_is_not_taken_for_a_whole_body() {
    let place = place(Durability::Batch);
    let mut incoming = place.store.receive();
    {
        let mut write = pin!(incoming.write(content(300_000).into()));
        let pending = write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(pending, "a batch is written on another thread");
    }
    incoming.write(Bytes::from_static(b"more")).await.unwrap();
    assert!(incoming.write(content(300_000).into()).await.is_err());
    incoming.reset();
    incoming.write(Bytes::from_static(b"whole")).await.unwrap();
    assert_eq!(incoming.finish().await.unwrap().digest(), Digest::of(b"whole"));
}

#[tokio::test]
async fn many_commits_of_one_blob_agree() {
    let place = place(Durability::Full);
    let content = content(300_000);
    let mut received = Vec::new();
    for _ in 0..8 {
        received.push(receive(&place.store, &content).await);
    }
    let store = &place.store;
    thread::scope(|scope| {
        for received in received {
            scope.spawn(move || store.commit(received, MediaType::Jpeg).unwrap());
        }
    });
    assert_eq!(place.files().len(), 1);
    assert!(read(store, &blob(&content, MediaType::Jpeg)) == content);
}

#[tokio::test]
async fn a_received_body_can_be_inspected() {
    let place = place(Durability::Batch);
    let small = samples::png(&[]);
    let large = [&samples::jpeg(0xC0)[..], &content(300_000)].concat();
    for (bytes, expected) in [(small, MediaType::Png), (large, MediaType::Jpeg)] {
        let mut received = receive(&place.store, &bytes).await;
        let len = received.len();
        let inspected = media_type::inspect(&mut received.view().unwrap(), len).unwrap().unwrap();
        assert_eq!(inspected.media_type, expected);
        let committed = place.store.commit(received, inspected.media_type).unwrap();
        assert!(read(&place.store, &committed.blob()) == bytes);
    }
}

#[test]
fn sweeping_removes_our_leftovers_and_nothing_else() {
    let place = place(Durability::Batch);
    let tmp = place.folder.path().join("tmp");
    let leftover = temporary_name(&tmp);
    fs::write(&leftover, b"half a picture").unwrap();
    fs::write(tmp.join("thesis.txt"), b"years of work").unwrap();
    fs::create_dir(tmp.join("imgmirror-folder")).unwrap();
    assert_eq!(place.store.sweep_tmp().unwrap(), 1);
    assert_eq!(place.files(), ["tmp/thesis.txt"]);
}

fn temporary_name(tmp: &Path) -> PathBuf {
    incoming::temporary(tmp).unwrap().path().to_owned()
}

#[cfg(unix)]
#[tokio::test]
async fn blobs_are_ordinary_files_under_the_umask() {
    use std::os::unix::fs::PermissionsExt;
    let place = place(Durability::Batch);
    // What the umask leaves of 0644 in a file that is made in the usual way.
    let plain = place.folder.path().join("plain");
    File::create(&plain).unwrap();
    let expected = fs::metadata(&plain).unwrap().permissions().mode() & 0o644;
    for len in [10, 300_000] {
        let blob = place.put(&content(len)).await.blob();
        let mode = fs::metadata(place.store.path(&blob)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, expected, "{len} bytes");
    }
}

#[tokio::test]
async fn an_error_says_what_was_done_to_which_path_and_what_to_do() {
    let place = place(Durability::Batch);
    fs::write(place.folder.path().join("assets"), b"a file where the folder should be").unwrap();
    let received = receive(&place.store, b"abc").await;
    let message = place.store.commit(received, MediaType::Jpeg).unwrap_err().to_string();
    assert!(message.starts_with("cannot look at ") && message.contains("/assets/ba/ba7816bf"), "{message}");
    assert!(message.ends_with("then run the same command again."), "{message}");
}

#[tokio::test]
async fn a_body_that_cannot_be_spilled_is_an_error() {
    let place = place(Durability::Batch);
    fs::write(place.folder.path().join("tmp"), b"a file where the folder should be").unwrap();
    let mut incoming = place.store.receive();
    let error = incoming.write(content(300_000).into()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot create"), "{error}");
}

#[tokio::test]
async fn what_could_not_be_synced_stays_on_the_list() {
    let place = place(Durability::Batch);
    let blob = place.put(b"abc").await.blob();
    // A removed blob is no reason to fail; a folder that vanished with it is.
    fs::remove_dir_all(place.folder.path().join("assets")).unwrap();
    assert!(place.store.make_durable().is_err());
    fs::create_dir_all(place.store.path(&blob).parent().unwrap()).unwrap();
    assert_eq!(place.store.unsynced().len(), 1);
    place.store.make_durable().unwrap();
    assert!(place.store.unsynced().is_empty());
}

#[cfg(unix)]
#[test]
fn errors_are_classified_by_what_helps() {
    use StoreErrorKind::*;
    // ENOSPC, EFBIG, EROFS, EACCES, EPERM, EMFILE, ENFILE, EXDEV, ENOENT, EIO: the same on Linux and macOS.
    let cases = [
        (28, DiskFull),
        (27, DiskFull),
        (30, ReadOnly),
        (13, NotPermitted),
        (1, NotPermitted),
        (24, TooManyOpenFiles),
        (23, TooManyOpenFiles),
        (18, AcrossFileSystems),
        (2, NotFound),
        (5, Broken),
    ];
    for (code, kind) in cases {
        let error = StoreError::new("write", Path::new("x"), io::Error::from_raw_os_error(code));
        assert_eq!(error.kind(), kind, "{code}");
        assert!(error.to_string().ends_with(error.advice()));
    }
}
