//! What each stage costs alone: `cargo bench --bench stages`. Collecting has a bench of its own.
//!
//! The fetch loop runs against an origin that is no server, and into a store that keeps nothing, so that what is left is
//! the loop itself.

// A bench has nobody to hand an error to.
#![allow(clippy::expect_used)]

#[path = "compare/pictures.rs"]
mod pictures;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Cursor;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use futures::StreamExt as _;

use imgmirror::fetch::http::Framing;
use imgmirror::fetch::memory::Memory;
use imgmirror::fetch::polite::Manners;
use imgmirror::fetch::{Answer, Asset, Exchange, Fetch, Options, Outcome, Response, Trouble, Validators, fetch_all};
use imgmirror::frontier::{Frontier, Pending, PendingError};
use imgmirror::media_type::{MediaType, inspect};
use imgmirror::mirror::catalog::{CaptureRow, Catalog, OnChange, TargetRow};
use imgmirror::mirror::digest::Digest;
use imgmirror::mirror::store::{Blob, Committed, Durability, Incoming, LocalStore, Received, Store, StoreError};
use imgmirror::proxy::Rules;
use imgmirror::rewrite::{Edit, RewritePlan};
use imgmirror::text::Span;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Pictures in one pass.
const PICTURES: usize = 1_000;
const SIZE: usize = 60 << 10;

fn main() {
    divan::main();
}

fn picture(seed: u64) -> Vec<u8> {
    pictures::jpeg(&mut fastrand::Rng::with_seed(seed), SIZE)
}

#[divan::bench]
fn peel(bencher: Bencher) {
    let rules = Rules::builtin();
    let url = "https://cors.zfour.workers.dev/?http://zkres1.myzaker.com/202106/60dc59358e9f094792430bd3_1024.jpg";
    bencher.counter(ItemsCount::from(1_usize)).bench_local(|| rules.peel(divan::black_box(url)));
}

#[divan::bench]
fn hash(bencher: Bencher) {
    let picture = picture(1);
    bencher.counter(BytesCount::from(picture.len())).bench_local(|| Digest::of(divan::black_box(&picture)));
}

#[divan::bench]
fn look_into(bencher: Bencher) {
    let picture = picture(1);
    let len = picture.len() as u64;
    let look = || inspect(&mut Cursor::new(divan::black_box(&picture)), len).expect("memory can be read");
    bencher.counter(BytesCount::from(picture.len())).bench_local(look);
}

/// A thousand pictures into the store, and what it takes to have them durable.
#[divan::bench(args = ["none", "batch", "full"], sample_count = 5, sample_size = 1)]
fn store(bencher: Bencher, durability: &str) {
    let durability = match durability {
        "none" => Durability::None,
        "batch" => Durability::Batch,
        _ => Durability::Full,
    };
    let runtime = Runtime::new().expect("a runtime");
    let pictures: Vec<Bytes> = (0..PICTURES as u64).map(|seed| picture(seed).into()).collect();
    bencher
        .counter(ItemsCount::from(PICTURES))
        .with_inputs(|| tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder"))
        .bench_local_refs(|folder| {
            let store = LocalStore::new(folder.path().join("assets"), folder.path().join("tmp"), durability);
            for picture in &pictures {
                let received = runtime.block_on(async {
                    let mut incoming = store.receive();
                    incoming.write(picture.clone()).await.expect("memory takes it");
                    incoming.finish().await.expect("it is whole")
                });
                store.commit(received, MediaType::Jpeg).expect("a blob");
            }
            store.make_durable().expect("a disk");
        });
}

/// A thousand captures into the catalog, in one transaction.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn record(bencher: Bencher) {
    let fresh = || {
        let folder = tempfile::tempdir().expect("a folder");
        let catalog = Catalog::open(&folder.path().join("catalog.sqlite"), Durability::None).expect("a catalog");
        (folder, catalog)
    };
    bencher.counter(ItemsCount::from(PICTURES)).with_inputs(fresh).bench_local_refs(|(_, catalog)| {
        let run = catalog.begin_run().expect("a run");
        catalog.begin().expect("a transaction");
        for number in 0..PICTURES {
            let url = format!("http://pictures.example/{number}.jpg");
            let asset = catalog.asset(&target(&url)).expect("an asset");
            catalog.record_capture(run, asset, &capture(url), OnChange::default()).expect("a capture");
        }
        catalog.commit().expect("a commit");
    });
}

fn target(url: &str) -> TargetRow {
    let origin = "http://pictures.example".to_owned();
    TargetRow { target: url.to_owned(), origin, fragment: None, proxies: 0, hint: None, sources: Vec::new() }
}

fn capture(url: String) -> CaptureRow {
    CaptureRow {
        url: url.clone(),
        blob: Blob { digest: Digest::of(url.as_bytes()), media_type: MediaType::Jpeg },
        length: SIZE as u64,
        dimensions: Some((256, 256)),
        source: url,
        redirects: Vec::new(),
        status: 200,
        validators: Validators { etag: Some("\"6565-ab\"".to_owned()), last_modified: None },
        cache_control: None,
        headers: vec![("content-type".to_owned(), "image/jpeg".to_owned())],
        fetched_at: SystemTime::UNIX_EPOCH,
    }
}

/// An article of 4 KB with ten links.
#[divan::bench]
fn splice(bencher: Bencher) {
    let source = vec![b'x'; 4_000];
    let link = b"../assets/ab/abababababababababababababababababababababababababababababababab.jpg".to_vec();
    let edit = |number: usize| Edit { span: Span { start: number * 400, end: number * 400 + 90 }, text: link.clone() };
    let plan = RewritePlan::new((0..10).map(edit).collect());
    bencher.counter(BytesCount::from(source.len())).bench_local(|| {
        let mut out = Vec::with_capacity(source.len());
        plan.splice(&source, &mut out).expect("memory takes it");
        out
    });
}

/// The loop, its tasks and the frontier, for a thousand pictures.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn fetch_loop(bencher: Bencher) {
    let runtime = Runtime::new().expect("a runtime");
    let options = Options { concurrency: 64, per_host: 64, ..Options::default() };
    let body = Bytes::from(picture(1));
    bencher.counter(ItemsCount::from(PICTURES)).bench_local(|| {
        let frontier = Frontier::new(Listed::new(), Manners::new(&options)).expect("a list");
        let mut memory = Memory::default();
        let (to_us, mut outcomes) = mpsc::channel(PICTURES);
        let (origin, store) = (Arc::new(NullOrigin(body.clone())), Arc::new(NullStore::new()));
        let never = std::future::pending();
        let all = fetch_all(origin, store, frontier, Arc::new(options.clone()), &mut memory, to_us, never);
        runtime.block_on(all).expect("a list cannot fail");
        let captured = std::iter::from_fn(|| outcomes.try_recv().ok());
        assert_eq!(captured.filter(|(_, outcome)| matches!(outcome, Outcome::Captured(_))).count(), PICTURES);
    });
}

/// Answers at once, from memory.
struct NullOrigin(Bytes);

impl Fetch for NullOrigin {
    async fn exchange(&self, request: Exchange, sent: &mut u64) -> Result<Answer, Trouble> {
        *sent += 1;
        let mut headers = HeaderMap::new();
        headers.insert("content-length", HeaderValue::from(self.0.len()));
        let body = futures::stream::iter([Ok(self.0.clone())]).boxed();
        let (status, redirects, framing) = (200, Vec::new(), Framing::Known);
        Ok(Answer::Response(Response { status, final_url: request.url, redirects, headers, framing, body }))
    }
}

/// Takes everything and keeps nothing.
struct NullStore(LocalStore);

impl NullStore {
    fn new() -> Self {
        // Nothing is written there: bodies of this size stay in memory.
        NullStore(LocalStore::new("assets", "tmp", Durability::None))
    }
}

impl Store for NullStore {
    fn receive(&self) -> Incoming {
        self.0.receive()
    }

    fn commit(&self, received: Received, media_type: MediaType) -> Result<Committed, StoreError> {
        Ok(Committed::Stored(Blob { digest: received.digest(), media_type }))
    }

    fn has(&self, _: &Blob) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn open(&self, blob: &Blob) -> Result<File, StoreError> {
        self.0.open(blob)
    }

    fn remove(&self, _: &Blob) -> Result<(), StoreError> {
        Ok(())
    }

    fn make_durable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Assets of one origin.
struct Listed(BTreeMap<i64, Asset>);

impl Listed {
    fn new() -> Self {
        let asset = |id: i64| {
            let target: url::Url = format!("http://pictures.example/{id}.jpg").parse().expect("a URL");
            let sources = vec![target.clone()];
            (id, Asset { id, target, sources, site: None, referer_hint: None, validators: None })
        };
        Listed((0..PICTURES as i64).map(asset).collect())
    }
}

impl Pending for Listed {
    fn origins(&mut self) -> Result<Vec<(String, u64)>, PendingError> {
        Ok(vec![("http://pictures.example".to_owned(), self.0.len() as u64)])
    }

    fn take(&mut self, _: &str, after: i64, max: usize) -> Result<Vec<Asset>, PendingError> {
        let rest = self.0.range(after.saturating_add(1)..);
        Ok(rest.take(max).map(|(_, asset)| asset.clone()).collect())
    }
}
