//! Many documents: what a second run over them costs when nothing has changed.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::shim::{CHANGES, calls, watched};
use crate::support::{Case, Origin, Run, assert_adds_up, written};

const DOCUMENTS: usize = 10_000;
/// Pictures that several documents show.
const SHARED: usize = 7_500;

/// 16 references: one to a picture of its own, behind a proxy.
fn page(number: usize) -> String {
    let mut page = format!(
        "<h1>{number}</h1>\n<img src='https://wsrv.nl/?url=http://{}.example/own-{number}.png'>\n",
        number % 40
    );
    for reference in 0..15 {
        let shared = (number * 7 + reference * 501) % SHARED;
        let _ = writeln!(page, "<p>Text.</p><img src='http://{}.example/shared-{shared}.png' alt=''>", shared % 40);
    }
    page
}

/// Runs to the end; gives the summary and the most memory that was in use, in KiB.
fn measured(run: Run<'_>) -> (Value, u64) {
    let mut run = run.start();
    let status = format!("/proc/{}/status", run.id());
    let mut peak = 0;
    while !run.has_ended() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(now.unwrap_or(0));
        // Now and then: who looks all the time takes a core from what is measured.
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let ran = run.wait();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_adds_up(&ran.json());
    (ran.json(), peak)
}

#[test]
#[ignore = "takes a minute; prints what it measures"]
fn a_second_run_over_ten_thousand_documents_asks_and_writes_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for number in 0..DOCUMENTS {
        case.write(format!("in/{}/{number}.html", number % 100), page(number));
    }
    let sync = || case.imgmirror(&["sync", "in", "--json", "--quiet", "--per-host=32"]).args(origin.flags());
    let (first, memory) = measured(sync());
    println!("first run:  {} s, {memory} KiB, {} requests", first["seconds"], first["requests"]);
    assert_eq!(first["documents"]["written"], DOCUMENTS);
    assert_eq!(first["references"]["mirrored"], 16 * DOCUMENTS);
    assert_eq!(origin.take_log().len(), DOCUMENTS + SHARED);

    let before = (written(&case.at("mirror/documents")), written(&case.at("mirror/assets")));
    let (second, memory) = measured(sync());
    println!("second run: {} s, {memory} KiB, {} requests", second["seconds"], second["requests"]);
    assert_eq!((&second["requests"], &second["documents"]["written"]), (&0.into(), &0.into()));
    assert_eq!(second["references"]["mirrored"], 16 * DOCUMENTS);
    assert!((written(&case.at("mirror/documents")), written(&case.at("mirror/assets"))) == before);

    // Nor is anything touched for a moment.
    watched(&case, sync(), CHANGES).run(0);
    let calls = calls(&case);
    let touched = |folder: &str| calls.iter().filter(|call| call.path.contains(folder)).count();
    println!("second run: {} calls that change the disk, all for the catalog and the lock", calls.len());
    assert_eq!(["mirror/documents", "mirror/assets", "mirror/tmp/", "work/in/"].map(touched), [0; 4]);
    assert_eq!(origin.take_log().len(), 0);
}
