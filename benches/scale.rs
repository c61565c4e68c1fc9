//! How time, memory and the catalog grow with the collection, without a network.
//!
//! `cargo bench --bench scale` makes 10,000, 30,000 and 100,000 documents with ten references each, half of them to
//! pictures of their own; `-- N …` takes other numbers. Each collection is synced three times: for the first time,
//! unchanged, and with one document in a hundred new. Nobody is asked (`--offline`), so every picture is missing and every
//! document is copied.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context as _;
use wait4::Wait4 as _;

const REFERENCES: usize = 10;
/// Documents in one folder.
const FOLDER: usize = 1_000;

fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(|n| n.parse())
        .collect::<Result<_, _>>()?;
    let numbers = if numbers.is_empty() { vec![10_000, 30_000, 100_000] } else { numbers };
    println!("| documents | run | wall | CPU a document | peak memory | catalog a reference |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for documents in numbers {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        write(folder.path(), 0..documents)?;
        sync(folder.path(), documents, "first")?;
        sync(folder.path(), documents, "unchanged")?;
        let more = documents + documents.div_ceil(100);
        write(folder.path(), documents..more)?;
        sync(folder.path(), more, "1 % new")?;
    }
    Ok(())
}

fn write(folder: &Path, numbers: std::ops::Range<usize>) -> anyhow::Result<()> {
    for number in numbers {
        let folder = folder.join("in").join((number / FOLDER).to_string());
        fs::create_dir_all(&folder)?;
        let mut text = format!("---\ntitle: '{number}'\n---\n<div>\n");
        for place in 0..REFERENCES / 2 {
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "<img class=\"lazy\" data-original=\"http://host{}.example/{number:06}/{place}_1024.jpg\" \
                 src=\"https://cors.zfour.workers.dev/?http://host{}.example/{number:06}/{place}_1024.jpg\">\
                 <p>桥有三个孔，长不过四十步。</p>",
                number % 300,
                number % 300
            );
        }
        fs::write(folder.join(format!("{number}.txt")), text)?;
    }
    Ok(())
}

/// Runs the program and prints a row.
fn sync(folder: &Path, documents: usize, what: &str) -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_imgmirror"));
    command.arg("sync").arg(folder.join("in")).arg("-o").arg(folder.join("mirror")).args(["--offline", "--quiet"]);
    let started = Instant::now();
    let ended = command.stdout(Stdio::null()).spawn()?.wait4()?;
    let wall = started.elapsed().as_secs_f64();
    // 3: some pictures are missing; here all are.
    anyhow::ensure!(ended.status.code() == Some(3), "imgmirror ended with {}", ended.status);
    let cpu = (ended.rusage.utime + ended.rusage.stime).as_secs_f64();
    let catalog = fs::metadata(folder.join("mirror/catalog.sqlite")).context("the catalog")?.len();
    println!(
        "| {documents} | {what} | {wall:.2} s | {:.3} ms | {:.0} MB | {} bytes |",
        cpu * 1e3 / documents as f64,
        ended.rusage.maxrss as f64 / 1e6,
        catalog / (documents * REFERENCES) as u64
    );
    Ok(())
}
