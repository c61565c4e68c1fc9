//! Many documents: memory does not grow with what they hold.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use super::FORMATS;
use crate::support::{Case, Origin, Run};

const DOCUMENTS: usize = 10_000;
const PICTURES: usize = 50_000;

/// Runs in which they are mirrored.
const BATCHES: usize = 20;

/// The most memory that a bundle may take; KiB.
const MOST: u64 = 200 << 10;

/// Runs to the end; gives the most memory that was in use, in KiB.
fn measured(name: &str, run: Run<'_>) -> u64 {
    let started = Instant::now();
    let mut run = run.start();
    let status = format!("/proc/{}/status", run.id());
    let mut peak = 0;
    while !run.has_ended() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0));
        // Now and then: who looks all the time takes a core from what is measured.
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let ran = run.wait();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    println!("{name}: {:.1} s, {peak} KiB, {}", started.elapsed().as_secs_f64(), ran.stdout.trim());
    peak
}

#[test]
#[ignore = "takes minutes; prints what it measures"]
fn ten_thousand_documents_with_fifty_thousand_pictures_take_little_memory() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for number in 0..DOCUMENTS {
        let mut page = format!("<title>Article {number}</title>\n");
        for picture in number * PICTURES / DOCUMENTS..(number + 1) * PICTURES / DOCUMENTS {
            let _ = writeln!(page, "<p>Text.</p><img src='http://{}.example/{picture}.png' alt=''>", number % 40);
        }
        case.write(format!("in/{}/{number}.html", number % BATCHES), page);
    }
    for batch in 0..BATCHES {
        let input = format!("in/{batch}");
        let sync = case.imgmirror(&["sync", &input, "--quiet", "--per-host=32", "--durability=none"]);
        measured(&input, sync.args(origin.flags()));
        // The origin looks through its log for every request.
        origin.take_log();
    }
    for (format, to) in FORMATS {
        let run = case.imgmirror(&["bundle", "--quiet", "--json", "--format", format, "--to", to]);
        let peak = measured(format, run);
        assert!(peak > 0 && peak < MOST, "{format}: {peak} KiB");
    }
    let pages = fs::read_to_string(case.at("out/site/SHA256SUMS")).unwrap();
    let count = |folder: &str| pages.lines().filter(|line| line[66..].starts_with(folder)).count();
    assert_eq!((count("pages/"), count("assets/"), count("index")), (DOCUMENTS, PICTURES, DOCUMENTS / 200));
}
