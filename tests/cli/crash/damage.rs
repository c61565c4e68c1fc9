//! What was lost or damaged between two runs: blobs, the catalog, the origin, the time.

use std::fs;

use serde_json::Value;

use super::scenario::{Age, Placement, Scenario};
use super::shim::with_clock_off;
use crate::support::{Answer, Case, Mirror, Origin, Ran, assert_adds_up, names, pictures};

const PAGE: &str = "<img src='http://p.example/a.png'><img src='http://p.example/b.png'>";

const DAY: i64 = 24 * 60 * 60;

fn sync(case: &Case, origin: &Origin, code: i32, flags: &[&str]) -> Value {
    let summary = case.imgmirror(&["sync", "in", "--json", "--retries=0"]).args(origin.flags()).args(flags);
    let summary = summary.run(code).json();
    assert_adds_up(&summary);
    summary
}

fn blob_of(url: &str) -> String {
    format!("mirror/assets/{}", pictures::name_for_url(url))
}

#[test]
fn a_blob_that_is_gone_or_short_is_fetched_again() {
    for damage in ["gone", "short", "empty"] {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        case.write("in/a.html", PAGE).write("urls", "http://p.example/c.png\n");
        sync(&case, &origin, 0, &["--urls=urls"]);
        let before = (Mirror::at(case.at("mirror")).blobs(), case.read("mirror/documents/a.html"));
        for picture in ["a", "c"] {
            let path = blob_of(&format!("http://p.example/{picture}.png"));
            let whole = case.read(&path);
            match damage {
                "gone" => fs::remove_file(case.at(&path)).unwrap(),
                "short" => fs::write(case.at(&path), &whole[..whole.len() / 2]).unwrap(),
                _ => fs::write(case.at(&path), "").unwrap(),
            }
        }
        origin.take_log();
        let summary = sync(&case, &origin, 0, &["--urls=urls"]);
        assert_eq!(origin.take_urls(), ["http://p.example/a.png", "http://p.example/c.png"], "{damage}");
        assert_eq!(summary["assets"]["held"], 1, "{damage}");
        assert_eq!((Mirror::at(case.at("mirror")).blobs(), case.read("mirror/documents/a.html")), before, "{damage}");
    }
}

#[test]
fn a_flipped_bit_is_repaired_when_the_picture_is_fetched_again() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    sync(&case, &origin, 0, &[]);
    let before = Mirror::at(case.at("mirror")).blobs();
    let path = blob_of("http://p.example/a.png");
    let mut bytes = case.read(&path);
    bytes[40] ^= 1;
    case.write(&path, bytes);
    sync(&case, &origin, 0, &["--refresh"]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs(), before);
}

#[test]
fn when_blob_and_origin_are_gone_the_document_says_where_the_picture_was() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    sync(&case, &origin, 0, &[]);
    let whole = case.read("mirror/documents/a.html");
    origin.answers(|_| Answer::status(503));
    // What is there is not touched by an origin that is not.
    let summary = sync(&case, &origin, 0, &["--refresh"]);
    assert_eq!((&summary["assets"]["held"], &summary["documents"]["written"]), (&2.into(), &0.into()));
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 2);

    fs::remove_file(case.at(blob_of("http://p.example/a.png"))).unwrap();
    let summary = sync(&case, &origin, 3, &[]);
    assert_eq!(summary["references"]["missing"], 1);
    let link = format!("../assets/{}", pictures::name_for_url("http://p.example/b.png"));
    assert_eq!(case.text("mirror/documents/a.html"), format!("<img src='http://p.example/a.png'><img src='{link}'>"));
    origin.answers(Answer::picture);
    sync(&case, &origin, 0, &["--retry-failed"]);
    assert_eq!(case.read("mirror/documents/a.html"), whole);
}

/// What may become of the catalog between two runs.
fn damage(case: &Case, how: &str) {
    let path = case.at("mirror/catalog.sqlite");
    let whole = fs::read(&path).unwrap();
    match how {
        "deleted" => fs::remove_file(&path).unwrap(),
        "empty" => fs::write(&path, "").unwrap(),
        "half" => fs::write(&path, &whole[..whole.len() / 2]).unwrap(),
        "text" => fs::write(&path, "This is no database.\n".repeat(500)).unwrap(),
        "scrambled" => {
            // A page in the middle, of which the first one does not tell.
            let mut bytes = whole;
            let page = bytes.len() / 4096 / 2 * 4096;
            bytes[page..page + 4096].fill(0xa5);
            fs::write(&path, bytes).unwrap();
        }
        _ => unreachable!(),
    }
}

#[test]
fn a_damaged_catalog_is_named_and_nothing_is_touched() {
    for how in ["half", "text"] {
        let scenario = Scenario::new(Placement::Mirror, Age::New);
        scenario.sync().run(3);
        damage(&scenario.case, how);
        let before = (scenario.case.read("mirror/catalog.sqlite"), names(&scenario.case.at("mirror")));
        let ran = scenario.sync().run(1);
        ran.stderr_has("mirror/catalog.sqlite").stderr_has("imgmirror check --rebuild");
        assert_eq!(ran.stdout, "");
        assert_eq!((scenario.case.read("mirror/catalog.sqlite"), names(&scenario.case.at("mirror"))), before, "{how}");
        scenario.assert_nothing_torn();
    }
}

#[test]
fn a_catalog_that_is_damaged_inside_ends_the_run_or_does_no_harm() {
    let scenario = Scenario::new(Placement::Mirror, Age::New);
    scenario.sync().run(3);
    damage(&scenario.case, "scrambled");
    let ran = scenario.sync().start().wait();
    assert!(matches!(ran.code, Some(1 | 3)), "{:?} {}", ran.code, ran.stderr);
    if ran.code == Some(1) {
        ran.stderr_has("mirror/catalog.sqlite").stderr_has("imgmirror check --rebuild");
    }
    scenario.assert_nothing_torn();
}

#[test]
fn without_its_catalog_a_mirror_is_found_again_by_content() {
    for how in ["deleted", "empty"] {
        let mut scenario = Scenario::new(Placement::Mirror, Age::New);
        scenario.sync().run(3);
        damage(&scenario.case, how);
        let summary = scenario.sync().run(3).json();
        assert_eq!(summary["bytes"]["stored"], 0, "{how}: {summary}");
        scenario.assert_whole(&summary);
        scenario.assert_settled();
    }
}

/// A run that is killed leaves its last commits in the write-ahead log.
#[test]
fn what_a_lost_log_took_along_is_done_again() {
    use super::shim::{Act, Aim, struck};
    for name in ["mirror/catalog.sqlite-wal", "mirror/catalog.sqlite-shm"] {
        let mut scenario = Scenario::new(Placement::Mirror, Age::New);
        let last = Aim { kinds: "rename", named: "mirror/documents/" };
        let ran = struck(&scenario.case, scenario.sync(), last, 3, Act::KillAfter).start().wait();
        assert_eq!(ran.code, None);
        fs::remove_file(scenario.case.at(name)).unwrap();
        let summary = scenario.sync().run(3).json();
        assert_eq!(summary["bytes"]["stored"], 0, "{name}: {summary}");
        scenario.assert_whole(&summary);
        scenario.assert_settled();
    }
}

#[test]
fn a_clock_that_is_wrong_loses_nothing_and_asks_nothing_twice() {
    for seconds in [-20 * 365 * DAY, -DAY, 20 * 365 * DAY] {
        let mut scenario = Scenario::new(Placement::Mirror, Age::New);
        scenario.sync().run(3);
        scenario.origin.take_log();
        let summary = with_clock_off(scenario.sync(), seconds).run(3).json();
        scenario.assert_whole(&summary);
        assert_eq!(summary["documents"]["written"], 0);
        assert!(scenario.origin.take_urls().iter().all(|url| url.contains("missing")), "clock off by {seconds}");
        scenario.assert_settled();
    }
}

#[test]
fn a_first_run_under_a_wrong_clock_is_an_ordinary_one_later() {
    for seconds in [-60 * 365 * DAY, 200 * 365 * DAY] {
        let mut scenario = Scenario::new(Placement::Mirror, Age::New);
        // Certificates are looked at with that clock too; there is none to be seen here.
        let summary = with_clock_off(scenario.sync(), seconds).run(3).json();
        scenario.assert_whole(&summary);
        scenario.assert_settled();
        // What was fetched in the future is not new for ever.
        scenario.grow();
        let aged: Ran =
            scenario.case.imgmirror(&["sync", "in", "--json", "--max-age=1h"]).args(scenario.origin.flags()).run(3);
        let asked = scenario.origin.take_urls().len() as u64;
        assert_eq!(aged.json()["requests"], asked);
        assert!(asked > 40, "clock was off by {seconds}, {asked} asked for");
        scenario.case.imgmirror(&["sync", "in", "--max-age=1h"]).args(scenario.origin.flags()).run(3);
        assert!(scenario.origin.take_urls().iter().all(|url| url.contains("missing")));
    }
}

#[test]
fn a_pause_that_a_wrong_clock_began_ends() {
    let (case, origin) = (Case::new(), Origin::new(|_| Answer::status(404)));
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let requests = |seconds: i64, flags: &[&str]| {
        let run = case.imgmirror(&["sync", "in", "--json", "--retries=0"]).args(origin.flags()).args(flags);
        with_clock_off(run, seconds).run(3).json()["requests"].as_u64().unwrap()
    };
    // A pause is at most a month long. Twenty years ahead it begins …
    let ahead = 20 * 365 * DAY;
    for _ in 0..3 {
        requests(ahead, &["--retry-failed"]);
    }
    assert_eq!(requests(ahead, &[]), 0);
    // … and is not believed by a clock that is right.
    assert_eq!(requests(0, &[]), 1);
    // From now on it is an ordinary pause.
    assert_eq!(requests(0, &[]), 0);
    assert_eq!(requests(DAY / 2, &[]), 0);
    assert_eq!(requests(31 * DAY, &[]), 1);
}
