//! How fast documents are collected: from bytes in memory to resolved, peeled targets, on one core.
//!
//! `cargo bench --bench collect`. The seeds are repeated to the sizes named below; divan prints bytes per second.

// A bench has nobody to hand an error to.
#![allow(clippy::expect_used)]

use std::path::{Path, PathBuf};

use divan::{Bencher, counter::BytesCount};
use imgmirror::collect::Collector;
use imgmirror::document::Document;
use imgmirror::pipeline::{Collecting, SlotFilter};
use imgmirror::proxy::{Rules, Witnesses};

/// Bytes in one pass: as many small documents, or as one large one.
const TOTAL: usize = 100 << 20;

fn main() {
    divan::main();
}

fn collecting() -> Collecting {
    Collecting {
        rules: Rules::builtin(),
        collector: Collector::new(&[], Vec::new()),
        base_url: None,
        slots: SlotFilter::default(),
        max_document: u64::MAX,
        link_base: None,
    }
}

fn seed(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
    std::fs::read(path).expect("a seed")
}

/// Collects a document and returns how many references it has.
fn collect(collecting: &Collecting, name: &str, bytes: Vec<u8>) -> usize {
    let document = Document::from_bytes(bytes).expect("a readable document");
    let mut references = 0;
    collecting.mentions(Path::new(name), &document, &mut Witnesses::new(), &mut |mention| {
        divan::black_box(&mention);
        references += 1;
    });
    references
}

/// The seeds in the samples' markup: front matter and an HTML body.
#[divan::bench(sample_count = 5)]
fn articles(bencher: Bencher) {
    let names = ["001_stone-bridge.txt", "002_village-library.txt", "003_harbour-morning.txt", "006_tea-field.txt"];
    many(bencher, &names);
}

/// The real articles that the seeds were modelled on, where they are at hand: longer texts, fewer pictures a kilobyte.
#[divan::bench(sample_count = 5, ignore = !samples_folder().exists())]
fn samples(bencher: Bencher) {
    let entries = std::fs::read_dir(samples_folder()).expect("a folder");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let documents = paths.into_iter().map(|path| ("article.txt", std::fs::read(path).expect("a document"))).collect();
    rounds(bencher, documents);
}

fn samples_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/seeds")
}

/// A saved page with every kind of HTML reference.
#[divan::bench(sample_count = 5)]
fn saved_pages(bencher: Bencher) {
    many(bencher, &["102_saved-page.html"]);
}

#[divan::bench(sample_count = 5)]
fn markdown(bencher: Bencher) {
    many(bencher, &["101_walking-map.md"]);
}

#[divan::bench(sample_count = 5)]
fn stylesheets(bencher: Bencher) {
    many(bencher, &["106_theme.css"]);
}

#[divan::bench(sample_count = 5)]
fn gbk_pages(bencher: Bencher) {
    many(bencher, &["105_old-town.html"]);
}

/// One document of 100 MiB: the body of an article, again and again.
#[divan::bench(sample_count = 5)]
fn one_large_page(bencher: Bencher) {
    let seed = seed("001_stone-bridge.txt");
    let text = String::from_utf8(seed).expect("text");
    let body = text.split_once("<div>").expect("a body").1;
    let page = format!("<html><body><div>{}", body.repeat(TOTAL / body.len()));
    let collecting = collecting();
    bencher
        .counter(BytesCount::from(page.len()))
        .with_inputs(|| page.clone().into_bytes())
        .bench_local_values(|bytes| collect(&collecting, "page.html", bytes));
}

fn many(bencher: Bencher, names: &[&str]) {
    rounds(bencher, names.iter().map(|name| (*name, seed(name))).collect());
}

fn rounds(bencher: Bencher, documents: Vec<(&str, Vec<u8>)>) {
    let round: usize = documents.iter().map(|(_, bytes)| bytes.len()).sum();
    let rounds = TOTAL / round;
    let collecting = collecting();
    let copies = || (0..rounds).flat_map(|_| documents.clone()).collect::<Vec<_>>();
    bencher.counter(BytesCount::from(rounds * round)).with_inputs(copies).bench_local_values(|copies| {
        copies.into_iter().map(|(name, bytes)| collect(&collecting, name, bytes)).sum::<usize>()
    });
}
