//! Servers that take their time. A slow one that moves is kept, one that stalls is dropped, and nothing lasts for ever.
//!
//! The pauses are those of the servers. What is to be kept pauses for a small part of what is allowed.

use std::time::Duration;

use super::{Fault, always, assert_faults, bare, drawn, failed, fault, gaps, ok, stored};
use crate::support::{Asked, Reply};

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The head of a 200 for a picture.
fn head(picture: &[u8]) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", picture.len())
}

#[test]
fn a_slow_one_that_moves_is_kept_and_one_that_stalls_is_dropped() {
    let (dripped, slow_head) = (drawn::png("dripped"), drawn::png("slow head"));
    let stalled = Reply::raw(head(&dripped)).say(&dripped[..30]);
    let log = assert_faults(
        &["--connect-timeout=1s", "--stall-timeout=1s", "--retries=1", "--backoff=1ms"],
        vec![
            // Longer than the longest silence in all, and never silent for that long.
            fault("drip", always(Reply::raw(head(&dripped)).drip(&dripped, 12, ms(100))), stored(dripped), 1),
            fault(
                "slow-head",
                always(Reply::raw("").drip(head(&slow_head).as_bytes(), 5, ms(100)).say(slow_head.clone())),
                stored(slow_head),
                1,
            ),
            fault("stalls", always(stalled.silence()), failed("timeout", "no data for 1s"), 2),
            fault(
                "stalls-after-head",
                always(Reply::head("200 OK", "Content-Length: 9\r\n").silence()),
                failed("timeout", "no data"),
                2,
            ),
            fault("says-nothing", always(Reply::raw("").silence()), failed("timeout", "no response"), 2),
            fault(
                "half-a-head",
                always(Reply::raw("HTTP/1.1 200 OK\r\nContent-").silence()),
                failed("timeout", "no response"),
                2,
            ),
            // Every byte of a head comes in time, but its end never does.
            fault(
                "endless-head",
                always(Reply::raw("HTTP/1.1 200 OK\r\nX: ").forever("x", ms(50))),
                failed("timeout", "no response"),
                2,
            ),
        ],
    );
    assert!(gaps(&log["stalls"])[0] >= ms(1000), "{log:?}");
    // Connecting and the first silence together.
    assert!(gaps(&log["says-nothing"])[0] >= ms(1000), "{log:?}");
}

#[test]
fn what_moves_for_ever_ends_at_the_deadline() {
    let slow = |head: &str| always(Reply::raw(head).forever("x", ms(20)));
    let log = assert_faults(
        &["--deadline=1500ms", "--retries=1", "--backoff=1ms"],
        vec![
            fault("drips-for-ever", slow("HTTP/1.1 200 OK\r\n\r\n"), failed("timeout", "deadline"), 2),
            fault("endless-head", slow("HTTP/1.1 200 OK\r\nX: "), failed("timeout", "1.5s"), 2),
            fault("others-are-served", always(ok(&drawn::png("other"))), stored(drawn::png("other")), 1),
        ],
    );
    assert!(log["drips-for-ever"][1].at >= ms(1500), "{log:?}");
}

#[test]
fn the_deadline_is_one_for_all_redirects_of_a_try_and_they_all_count_as_requests() {
    let chain = |asked: &Asked| match asked.path.as_str() {
        "/picture" => bare("302 Found", "Location: /second\r\n"),
        "/second" => bare("302 Found", "Location: /third\r\n"),
        _ => Reply::raw("").silence(),
    };
    let row = fault("chain", chain, failed("timeout", "1.5s"), 3);
    assert_faults(&["--deadline=1500ms", "--retries=0"], vec![Fault { attempts: 1, ..row }]);
}
