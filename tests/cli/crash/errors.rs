//! Calls that fail. A run that cannot go on says what failed, why, and what to do; nothing is torn; the next run ends as
//! if nothing had happened.

use super::scenario::{Age, Placement, Scenario};
use super::shim::{Act, Aim, CHANGES, EDQUOT, EIO, EMFILE, ENOSPC, EROFS, calls, struck, watched};
use crate::support::{Case, Gate, Origin, Ran, assert_adds_up, names};

/// The log of the catalog.
const LOG: &str = "mirror/catalog.sqlite-wal";

/// Bodies, documents and the report before they are in place.
const TMP: &str = "mirror/tmp/";

/// A call that every run makes, and what the message has to name when it fails.
const POINTS: [(Aim, &str); 16] = [
    (Aim { kinds: "create", named: ".lock" }, "the output folder mirror"),
    (Aim { kinds: "write", named: ".lock" }, "the output folder mirror"),
    // The log is opened once more by every thread that reads, which can do without writing to it.
    (Aim { kinds: "create", named: "mirror/catalog.sqlite-shm" }, "mirror/catalog.sqlite"),
    (Aim { kinds: "write", named: LOG }, "mirror/catalog.sqlite"),
    (Aim { kinds: "sync", named: LOG }, "mirror/catalog.sqlite"),
    (Aim { kinds: "create", named: TMP }, "mirror/tmp"),
    (Aim { kinds: "write", named: TMP }, "mirror/tmp/imgmirror-"),
    (Aim { kinds: "sync", named: TMP }, "mirror/tmp/imgmirror-"),
    (Aim { kinds: "mkdir", named: "mirror/assets/" }, "mirror/assets/"),
    (Aim { kinds: "rename", named: "mirror/assets/" }, "mirror/assets/"),
    (Aim { kinds: "sync", named: "mirror/assets" }, "mirror/assets"),
    (Aim { kinds: "mkdir", named: "mirror/documents" }, "mirror/documents"),
    (Aim { kinds: "rename", named: "mirror/documents/" }, "mirror/documents/"),
    (Aim { kinds: "sync", named: "mirror/documents" }, "mirror/documents"),
    (Aim { kinds: "rename", named: "work/in/" }, "in/"),
    (Aim { kinds: "mkdir", named: "work/i/" }, "i/"),
];

const ERRORS: [(i32, &str); 5] = [
    (ENOSPC, "Make room"),
    (EDQUOT, "Make room"),
    (EROFS, "that can be written to"),
    (EMFILE, "`ulimit -n`"),
    (EIO, "Check the disk"),
];

/// Lets calls fail, from the one at `at` (a part of all) on.
fn fail(placement: Placement, points: &[(Aim, &str)], errors: &[(i32, &str)], at: f64) {
    let undisturbed = Scenario::new(placement, Age::New);
    watched(&undisturbed.case, undisturbed.sync(), CHANGES).run(3);
    let (facts, all) = (undisturbed.facts(), calls(&undisturbed.case));
    for ((aim, name), (error, advice)) in points.iter().flat_map(|point| errors.iter().map(move |error| (point, error)))
    {
        let count = all.iter().filter(|call| call.is_of(*aim)).count();
        if count == 0 {
            continue;
        }
        let mut at = 1 + (at * (count - 1) as f64) as usize;
        // After the run is recorded come the report, which is not synced, a note on it, and the end of the log.
        let late = at == count && (aim.named == LOG || (aim.named == TMP && aim.kinds != "sync"));
        let (mut scenario, ran) = loop {
            let scenario = Scenario::new(placement, Age::New);
            let ran = struck(&scenario.case, scenario.sync(), *aim, at, Act::FailFromThenOn(*error)).start().wait();
            if calls(&scenario.case).len() >= at {
                break (scenario, ran);
            }
            // Pictures that come together are synced together, so there are not always as many calls.
            assert!(at > 1, "there is no call of {aim:?}");
            at -= 1;
        };
        let told = format!("error {error} at {at} of {count} {aim:?}");
        if late && ran.code == Some(3) {
            let warned = ran.stderr.contains("warning: writing mirror/report.html: ");
            assert!(warned || aim.named == LOG, "{told}\n{}", ran.stderr);
            assert_adds_up(&ran.json());
        } else {
            assert_given_up(&ran, name, advice, &told);
        }
        scenario.assert_nothing_torn();
        let summary = scenario.sync().run(3).json();
        scenario.assert_whole(&summary);
        scenario.assert_can_be_undone();
        let now = scenario.facts();
        assert!(now == facts, "{told}: {:#?}", now.symmetric_difference(&facts).take(9).collect::<Vec<_>>());
        scenario.assert_settled();
    }
}

/// Asserts that a run ended and said why: the message names `name` and gives `advice`.
fn assert_given_up(ran: &Ran, name: &str, advice: &str, told: &str) {
    assert_eq!(ran.code, Some(1), "{told}\n{}", ran.stderr);
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("imgmirror: ") && last.contains(name), "{told}: {last}");
    // SQLite does not say of every error of the system which one it was.
    let advised = match name.contains("catalog") {
        true => ERRORS.iter().any(|(_, advice)| last.contains(advice)),
        false => last.contains(advice),
    };
    assert!(advised, "{told}: {last}");
    assert_eq!(ran.stdout, "", "{told}");
}

#[test]
fn every_call_may_fail() {
    for (number, point) in POINTS.iter().enumerate() {
        fail(Placement::Mirror, &[*point], &ERRORS[number % ERRORS.len()..][..1], 0.5);
    }
}

#[test]
fn every_call_of_an_edit_in_place_may_fail() {
    for point in &POINTS[POINTS.len() - 2..] {
        fail(Placement::InPlace, &[*point], &ERRORS[..1], 0.5);
    }
}

#[test]
#[ignore = "takes minutes"]
fn every_call_may_fail_for_every_reason_at_any_time() {
    for at in [0.0, 0.5, 1.0] {
        fail(Placement::Mirror, &POINTS, &ERRORS, at);
        fail(Placement::InPlace, &POINTS, &ERRORS, at);
    }
}

#[test]
fn a_document_that_cannot_be_read_fails_alone() {
    let reads = Aim { kinds: "read", named: "in/b.md" };
    let mut failed = 0;
    for at in 1.. {
        let scenario = Scenario::new(Placement::Mirror, Age::New);
        let ran = struck(&scenario.case, scenario.sync(), reads, at, Act::Fail(EIO)).run(3);
        let summary = ran.json();
        assert_adds_up(&summary);
        if calls(&scenario.case).len() < at {
            break;
        }
        // It is collected twice, since the documents teach a proxy: one of the two may do.
        let written = scenario.case.exists("mirror/documents/b.md");
        assert!(written || summary["documents"]["failed"] == 1, "at read {at}: {summary}");
        assert!(ran.stderr.contains("in/b.md: cannot be read: Input/output error") || ran.stderr.contains("not again"));
        failed += usize::from(!written);
        scenario.assert_nothing_torn();
        let summary = scenario.sync().run(3).json();
        scenario.assert_whole(&summary);
    }
    // Before it was rewritten.
    assert!(failed > 1, "{failed}");
}

#[test]
fn a_broken_standard_error_is_no_reason_to_break_down() {
    let case = Case::new();
    case.write("in/a.html", "<p>No picture.").write("in/b.html", "<img src='relative.png'>").write("mirror", "a file");
    case.imgmirror_after("exec 2>/dev/full; exec", &["sync", "in"]).run(1);
    case.imgmirror_after("exec 2>/dev/full; exec", &["sync", "in", "-o", "kept"]).run(0);
    case.imgmirror_after("exec 2>/dev/full; exec", &["sync", "--no-such-flag"]).run(2);
    // Results that cannot be told are an error.
    case.imgmirror_after("exec >/dev/full; exec", &["sync", "in", "-o", "kept"]).run(1).stderr_has("Make room");
}

#[test]
fn a_low_limit_of_open_files_is_named_at_every_stage() {
    let (case, gate) = (Case::new(), Gate::closed());
    let origin = {
        let gate = gate.clone();
        Origin::new(move |asked| crate::support::Answer::picture(asked).held_at(&gate))
    };
    for number in 0..64 {
        case.write(format!("in/{number}.html"), format!("<img src='http://p.example/{number}.png'>"));
    }
    let flags = ["sync", "in", "--json", "--per-host=64", "--retries=0"];
    for limit in [8, 9, 10, 12, 14, 16, 20, 48] {
        let line = format!("ulimit -n {limit}; exec");
        let ran = case.imgmirror_after(&line, &flags).args(origin.flags()).run(1);
        ran.stderr_has("`ulimit -n`");
        assert!(!case.exists("mirror/documents"));
    }
    gate.open();
    let summary = case.imgmirror(&flags).args(origin.flags()).run(0).json();
    assert_eq!(summary["documents"]["written"], 64);
    assert_eq!(names(&case.at("mirror/tmp")), Vec::<String>::new());
}
