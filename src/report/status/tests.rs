use insta::assert_snapshot;

use super::*;
use crate::fetch::FailureKind;
use crate::mirror::catalog::{AssetTotals, BlobTotals, DocumentTotals, ReferenceTotals};
use crate::report::overview::{Changed, Numbers};
use crate::report::{Documents, advice};

/// 2026-03-01 14:05 UTC.
const NOW: i64 = 1_772_373_900_000;
const DAY: i64 = 86_400_000;

fn run(ending: Option<Ending>) -> Run {
    let started = NOW - 3 * 60 * 60 * 1000;
    let numbers = Numbers { seconds: 8.12, ..Numbers::default() };
    Run { started: Some(started), finished: ending.map(|_| started + 8_120), ending, numbers }
}

fn whole() -> Overview {
    Overview {
        whole: true,
        documents: DocumentTotals { total: 5, whole: 5, ..DocumentTotals::default() },
        references: ReferenceTotals { total: 1120, mirrored: 1115, skipped: 5, ..ReferenceTotals::default() },
        assets: AssetTotals { total: 46, held: 46, ..AssetTotals::default() },
        stored: BlobTotals { files: 46, bytes: 12_700_000 },
        missing: Vec::new(),
        incomplete: Vec::new(),
        changed: Vec::new(),
        runs: vec![run(Some(Ending::Finished))],
        next: Vec::new(),
    }
}

fn group(origin: &str, kind: Option<FailureKind>, count: u64, detail: &str) -> Group {
    let since = kind.map(|_| NOW - 20 * DAY);
    let next_try = kind.map(|kind| if kind.may_pass() { NOW - DAY } else { NOW + 3 * DAY });
    let detail = (!detail.is_empty()).then(|| detail.to_owned());
    Group { origin: origin.to_owned(), kind, count, since, next_try, detail }
}

fn shown(mut overview: Overview) -> String {
    overview.next = advice::of_mirror(&overview, NOW);
    text(&overview, Some(Path::new("mirror/report.html")), NOW)
}

#[test]
fn a_whole_mirror() {
    assert_snapshot!(shown(whole()), @"
    Whole: every picture is here.

    Last run    2026-03-01 11:05 UTC (3 hours ago), went through in 8.1 s
    Documents   5: 5 whole
    References  1,120: 1,115 mirrored, 5 skipped
    Pictures    46: 46 held
    Disk        12.1 MiB in 46 picture files

    Report      mirror/report.html
    ");
}

#[test]
fn a_mirror_with_pictures_missing() {
    let incomplete =
        |path: &str, missing| Incomplete { path: path.into(), state: DocumentState::Missing, references: 20, missing };
    let overview = Overview {
        whole: false,
        documents: DocumentTotals { total: 25, whole: 2, missing: 22, unread: 1, released: 3, ..whole().documents },
        assets: AssetTotals { total: 46, held: 30, missing: 16, changed: 2 },
        missing: vec![
            group("https://i.example", Some(FailureKind::Gone), 11, "the server said 404"),
            group("https://slow.example:8443", Some(FailureKind::Timeout), 3, "no byte for 30 s"),
            group("http://new.example", None, 1, ""),
        ],
        incomplete: vec![
            incomplete("posts/a.html", 12),
            incomplete("文章/b.md", 1),
            Incomplete { state: DocumentState::Unread, ..incomplete("c.html", 0) },
        ],
        changed: vec![Changed {
            target: "https://i.example/logo.png".to_owned(),
            since: Some(NOW - 9 * DAY),
            shown: String::new(),
            now: String::new(),
        }],
        ..whole()
    };
    assert_snapshot!(shown(overview), @"
    Not whole: 16 of 46 pictures are missing, in 22 of 25 documents; 1 document awaits the next run.

    Last run    2026-03-01 11:05 UTC (3 hours ago), went through in 8.1 s
    Documents   25: 2 whole, 22 with pictures missing, 1 not collected yet; 3 more whose source is gone
    References  1,120: 1,115 mirrored, 5 skipped
    Pictures    46: 30 held, 16 missing, 2 changed on the server
    Disk        12.1 MiB in 46 picture files

    Missing
      11 × gone       i.example          since 2026-02-09  rests until 2026-03-04
          the server said 404
       3 × timeout    slow.example:8443  since 2026-02-09  next try with the next run
          no byte for 30 s
       1 × not tried  new.example                          next try with the next run
      and 1 more

    Documents that are not whole
      12 of 20 missing   posts/a.html
      1 of 20 missing    文章/b.md
      not collected yet  c.html
      and 20 more; mirror/report.html has them all

    Changed on the server, kept as it was
      2026-02-20  https://i.example/logo.png
      and 1 more

    Report      mirror/report.html
    Next        run the same `imgmirror sync` again: it takes up what waits, or says why it cannot
                gone: the server has it no more; `sync --retry-failed` asks again at once, should it be back
                timeout: run the same sync again later: this may pass by itself
                run `imgmirror sync`, to ask for them
    ");
}

#[test]
fn a_mirror_whose_last_run_did_not_end_well() {
    let headline_of = |ending, failed| {
        let mut overview = Overview { whole: false, runs: vec![run(ending)], ..whole() };
        overview.runs[0].numbers.documents = Documents { failed, ..Documents::default() };
        overview.next = advice::of_mirror(&overview, NOW);
        format!("{} {}", headline(&overview), overview.next.join("; "))
    };
    assert_snapshot!(headline_of(None, 0), @"Not whole: the last run has not ended. if no run is under way, the last one was killed: run the same `imgmirror sync` again to go on");
    assert_snapshot!(headline_of(Some(Ending::Interrupted), 0), @"Not whole: the last run was interrupted. run the same `imgmirror sync` again to go on where it was interrupted");
    assert_snapshot!(headline_of(Some(Ending::Finished), 2), @"Not whole: 2 documents await the next run. run the same `imgmirror sync` again: it takes up what waits, or says why it cannot");
}

#[test]
fn a_mirror_without_runs() {
    let overview = Overview {
        whole: false,
        documents: DocumentTotals::default(),
        references: ReferenceTotals::default(),
        assets: AssetTotals::default(),
        stored: BlobTotals::default(),
        runs: Vec::new(),
        ..whole()
    };
    assert_snapshot!(shown(overview), @"
    Empty: nothing has been mirrored yet.

    Documents   0
    References  0
    Pictures    0
    Disk        0 B in 0 picture files

    Report      mirror/report.html
    Next        `imgmirror sync INPUT`: no run has been made yet
    ");
}

#[test]
fn references_without_a_base_are_told_of_a_whole_mirror() {
    let references = ReferenceTotals { without_base: 1, ..whole().references };
    let text = shown(Overview { references, ..whole() });
    assert!(text.starts_with("Whole: every picture is here, save 1 relative reference without a base.\n"), "{text}");
    assert!(text.contains("--base-url"), "{text}");
}

#[test]
fn what_documents_and_servers_say_does_nothing_to_a_terminal() {
    let hostile = "https://user:secret@i.example/\u{1b}[2J\u{202e}\nx";
    let overview = Overview {
        whole: false,
        missing: vec![group(hostile, Some(FailureKind::Gone), 1, hostile)],
        incomplete: vec![Incomplete { path: hostile.into(), state: DocumentState::Missing, references: 1, missing: 1 }],
        changed: vec![Changed {
            target: hostile.to_owned(),
            since: Some(NOW),
            shown: String::new(),
            now: String::new(),
        }],
        ..whole()
    };
    let text = shown(overview);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n' || c == '\u{202e}'), "{text:?}");
    assert!(!text.contains("\nx"), "{text}");
}

#[test]
fn every_kind_of_failure_has_a_next_step_of_its_own_line() {
    for kind in FailureKind::ALL.map(Some).into_iter().chain([None]) {
        let step = advice::step(kind);
        assert!(
            step.len() > 10 && !step.contains('\n') && step.matches('`').count().is_multiple_of(2),
            "{kind:?}: {step}"
        );
    }
}
