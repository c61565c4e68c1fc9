//! Memory is bounded by the settings, whatever servers send.

use std::fs;
use std::time::Duration;

use super::codings::{Framing, endless};
use crate::support::{Bomb, Case, Gate, Origin, Reply, Running, coded};

/// The most memory that the program ever had, in bytes, read until it ends.
fn peak_memory(run: &mut Running) -> u64 {
    let mut peak = 0;
    while !run.has_ended() {
        let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        // A process that has ended, and whose end was not taken note of yet, has no such line.
        if let Some(kib) = line.and_then(|line| line.trim().strip_suffix(" kB")) {
            peak = kib.trim().parse::<u64>().unwrap() << 10;
        }
        std::thread::yield_now();
    }
    peak
}

const TRANSFERS: usize = 64;

/// What a program may have that holds a few bodies in flight, however many bytes are sent to it.
const ALLOWED: u64 = 150_000_000;

/// Replies that wait at the gate until all transfers are under way.
type Replies = fn(gate: &Gate) -> Vec<Reply>;

/// The peak of a run that has 64 transfers under way at once, with these replies in turn. All of them are too large.
#[track_caller]
fn peak_of(max_size: &str, replies: Replies) -> u64 {
    let (case, gate) = (Case::new(), Gate::closed());
    let replies = replies(&gate);
    let origin = Origin::new(move |asked| {
        let number: usize = asked.path.trim_start_matches('/').parse().unwrap();
        replies[number % replies.len()].clone()
    });
    let page = (0..TRANSFERS).map(|number| format!("<img src='http://bombs-{number}.example/{number}'>"));
    case.write("in/a.html", page.collect::<String>());
    let flags = ["sync", "in", "--json", "--retries=0", "--concurrency=64", "--max-size", max_size];
    let mut run = case.imgmirror(&flags).args(origin.flags()).start();
    origin.wait_for(TRANSFERS);
    gate.open();
    let peak = peak_memory(&mut run);
    let ran = run.wait();
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let summary = ran.json();
    let failures = summary["failures"].as_array().unwrap();
    assert_eq!(failures.len(), TRANSFERS);
    assert!(failures.iter().all(|failure| failure["kind"] == "too-large"), "{summary}");
    println!("{} MB at the peak", peak / 1_000_000);
    peak
}

/// A body with these fields, which waits at the gate and never ends: closed by nobody, and chunked.
fn both_ways(gate: &Gate, fields: &str, bomb: &Bomb) -> [Reply; 2] {
    [Framing::UntilClose, Framing::Chunked].map(|framing| {
        let head = Reply::head("200 OK", &format!("{fields}{}", framing.field())).wait_at(gate);
        endless(head, bomb, framing)
    })
}

/// Bombs in one coding of `inner`, and in that one within each of `outer`: whole messages, and endless ones.
fn bombs(gate: &Gate, inner: &[&str], outer: &[&str]) -> Vec<Reply> {
    let whole = |fields: &str, body: Vec<u8>| {
        Reply::head("200 OK", &format!("{fields}Content-Length: {}\r\n", body.len())).wait_at(gate).say(body)
    };
    let mut replies = Vec::new();
    for inner in inner {
        let bomb = Bomb::new(inner);
        let fields = format!("Content-Encoding: {inner}\r\n");
        replies.push(whole(&fields, bomb.cut(20)));
        replies.extend(both_ways(gate, &fields, &bomb));
        for outer in outer {
            let (fields, nested) = (format!("Content-Encoding: {inner}, {outer}\r\n"), coded(outer, &bomb.cut(20)));
            replies.push(whole(&fields, nested.clone()));
            let nested = Bomb { beginning: nested, part: b"\0".to_vec() };
            replies.extend(both_ways(gate, &fields, &nested));
        }
    }
    replies
}

#[test]
fn memory_is_bounded_whatever_never_ends() {
    // Were they all held in memory up to the limit, that would be 256 MiB.
    let peak = peak_of("4MiB", |gate| {
        let noise = Bomb { beginning: Vec::new(), part: vec![b'x'; 16 << 10] };
        let lengthy = Reply::head("200 OK", "Content-Length: 99999999999\r\n").wait_at(gate);
        let mut replies = bombs(gate, &["gzip", "deflate"], &["gzip", "deflate"]);
        replies.push(lengthy.forever(noise.part.clone(), Duration::ZERO));
        replies.extend(both_ways(gate, "", &noise));
        replies
    });
    assert!(peak < ALLOWED, "{} MB at the peak", peak / 1_000_000);
}

#[test]
fn memory_is_bounded_whatever_windows_the_codings_ask_for() {
    // 16 MiB in brotli and 8 MiB in zstd, each for itself and within the other.
    let peak = peak_of("4MiB", |gate| bombs(gate, &["br", "zstd"], &["br", "zstd"]));
    assert!(peak < ALLOWED, "{} MB at the peak", peak / 1_000_000);
}
