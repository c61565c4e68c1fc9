//! The ledger of a large mirror: how long `status` and the report take, what memory, and how large the page is.
//!
//! `cargo bench --bench report` makes a catalog of 100,000 documents and 1,000,000 references; `-- N FOLDER` makes one
//! of N documents in a folder that stays.

use std::path::{Path, PathBuf};
use std::time::Instant;

use imgmirror::mirror::catalog::Catalog;
use imgmirror::mirror::store::Durability;
use imgmirror::mirror::{Layout, Mirror};
use imgmirror::report::overview::Overview;
use imgmirror::report::page::{self, When};
use imgmirror::report::status;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

const REFERENCES: u64 = 10;
const HOSTS: u64 = 300;
/// Noon of a day.
const NOW: i64 = 1_772_366_400_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let documents: u64 = arguments.next().map_or(Ok(100_000), |n| n.parse())?;
    let temporary = tempfile::tempdir()?;
    let root = arguments.next().map_or_else(|| temporary.path().join("mirror"), PathBuf::from);
    let mirror = Mirror::open(&root)?;
    let layout = mirror.layout();
    drop(Catalog::open(&layout.catalog(), Durability::None)?);
    fill(&layout.catalog(), documents)?;
    println!(
        "{documents} documents, {} references, catalog of {} MB",
        documents * REFERENCES,
        megabytes(&layout.catalog())
    );
    measure(layout)
}

fn measure(layout: &Layout) -> anyhow::Result<()> {
    let catalog = Catalog::open_existing(&layout.catalog())?;
    let timed = |what: &str, act: &dyn Fn() -> anyhow::Result<()>| -> anyhow::Result<()> {
        let started = Instant::now();
        act()?;
        println!("{what:32} {:6.2} s, {} MB at the peak so far", started.elapsed().as_secs_f64(), peak());
        Ok(())
    };
    timed("whether a report is up to date", &|| catalog.ledger_state().map(drop).map_err(Into::into))?;
    timed("status", &|| {
        let overview = Overview::of(&catalog.ledger()?, status::LIMITS, NOW)?;
        println!("{}", status::text(&overview, None, NOW));
        Ok(())
    })?;
    timed("report", &|| page::write(&catalog, layout, When::Changed, NOW))?;
    timed("report, nothing changed", &|| page::write(&catalog, layout, When::Changed, NOW))?;
    println!("report.html has {} MB", megabytes(&layout.report()));
    Ok(())
}

/// Half as many assets as references. One in a hundred is missing, one in a thousand has changed on its server.
fn fill(path: &Path, documents: u64) -> anyhow::Result<()> {
    let mut connection = Connection::open(path)?;
    let all = connection.transaction()?;
    all.execute_batch(
        "INSERT INTO run (started, finished, tool, summary)
         VALUES (1772362800000, 1772366000000, 'bench', '{\"ending\":\"finished\",\"seconds\":3200}');
         INSERT INTO slot (id, name) VALUES (1, 'img@src');",
    )?;
    let assets = documents * REFERENCES / 2;
    for id in 1..=assets {
        let origin = format!("https://pictures{}.example", id % HOSTS);
        let target = format!("{origin}/blog/2024/wp-content/uploads/picture-{id}.jpg");
        let digest: [u8; 32] = Sha256::digest(id.to_le_bytes()).into();
        let missing = id % 100 == 0;
        if !missing {
            all.prepare_cached(
                "INSERT INTO blob (digest, media, length, width, height) VALUES (?1, 'image/jpeg', ?2, 1200, 800)",
            )?
            .execute(params![digest, id % 900_000])?;
        }
        all.prepare_cached("INSERT INTO asset (id, target, origin, digest) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![id as i64, target, origin, (!missing).then_some(digest)])?;
        if missing {
            let kind = ["gone", "forbidden", "timeout", "not-an-image"][(id / 100 % 4) as usize];
            all.prepare_cached(
                "INSERT INTO failure (asset, kind, detail, attempts, runs, first, last, next, run)
                 VALUES (?1, ?2, 'the server said so, at some length', 3, 3, ?3, ?3, ?3 + 900000000, 1)",
            )?
            .execute(params![id as i64, kind, NOW - 500_000_000])?;
        } else {
            capture(&all, id, &digest)?;
        }
        if id % 1000 == 1 {
            let other: [u8; 32] = Sha256::digest(digest).into();
            all.prepare_cached("INSERT INTO blob (digest, media, length) VALUES (?1, 'image/png', 4096)")?
                .execute([other])?;
            capture(&all, id, &other)?;
        }
    }
    for id in 1..=documents {
        let path = format!("posts/{}/文章 {id} of the collection.html", id % 97);
        let digest: [u8; 32] = Sha256::digest(&path).into();
        all.prepare_cached(
            "INSERT INTO document (id, path, source, size, modified, digest, settings, reread, plan, run)
             VALUES (?1, ?2, '/articles/' || ?2, 9000, 1, ?3, 'settings', 0, ?3, 1)",
        )?
        .execute(params![id as i64, path, digest])?;
        for reference in 0..REFERENCES {
            let asset = (id * 7 + reference * reference * 31) % assets + 1;
            all.prepare_cached(
                "INSERT INTO reference (document, start, end, slot, layers, raw, proxies, asset)
                 VALUES (?1, ?2, ?2 + 60, 1, 0, 'https://pictures.example/blog/2024/wp-content/uploads/picture.jpg', 0, ?3)",
            )?
            .execute(params![id as i64, (reference * 800) as i64, asset as i64])?;
        }
    }
    all.commit()?;
    Ok(())
}

fn capture(connection: &Connection, asset: u64, digest: &[u8; 32]) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO capture (asset, run, fetched, source, redirects, status, digest, headers)
             VALUES (?1, 1, ?2, 'https://pictures.example/', '[]', 200, ?3, ?4)",
        )?
        .execute(params![asset as i64, NOW - 100_000_000, digest, "x".repeat(500)])?;
    Ok(())
}

fn megabytes(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len() / 1_000_000)
}

/// Megabytes of memory at the highest; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib / 1000)
}
