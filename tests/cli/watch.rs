//! `watch`: the main job again whenever documents are saved.

#![cfg(unix)]

use crate::support::{Answer, Case, Mirror, Origin};

fn page(name: &str) -> String {
    format!("<img src='http://p.example/{name}.png'>")
}

#[test]
fn documents_are_taken_up_as_they_are_saved() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page("a"));
    let run = case.imgmirror(&["watch", "in", "--settle=10ms"]).args(origin.flags()).start();
    origin.wait_for(1);
    case.write("in/b.html", page("b"));
    origin.wait_for(2);
    // A new folder is watched too, and what was saved in it before that is found by the run that it sets off.
    case.write("in/new/c.html", page("c"));
    origin.wait_for(3);
    // As editors do: written beside it, and moved into place.
    case.write("aside", page("d"));
    std::fs::rename(case.at("aside"), case.at("in/a.html")).unwrap();
    origin.wait_for(4);
    run.signal("TERM");
    let ran = run.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    ran.stdout_has("1 new");
    // What was in flight has arrived; had it been too late, the next run would have it.
    case.imgmirror(&["sync", "in", "--offline"]).args(origin.flags()).run(0);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 4);
}

#[test]
fn its_own_edits_set_off_no_endless_rounds() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("site/posts/a.html", page("a"));
    let flags = [
        "watch",
        "site",
        "--in-place",
        "--assets=site/i",
        "--link-base=/i/",
        "-o=site/.mirror",
        "--yes",
        "--settle=10ms",
    ];
    let run = case.imgmirror(&flags).args(origin.flags()).start();
    origin.wait_for(1);
    case.write("site/posts/b.html", page("b"));
    origin.wait_for(2);
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    // One round for each thing that happened, and for each edit of its own at the most one more.
    let rounds = ran.stdout.matches("Documents").count();
    assert!(rounds <= 5, "{rounds} rounds\n{}", ran.stdout);
}

#[test]
fn reports_among_the_documents_set_off_no_round() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page("a"));
    let flags = ["watch", "in", "--settle=10ms", "--summary-file=in/s.json", "--metrics=in/m.prom", "-o=in/.mirror"];
    let run = case.imgmirror(&flags).args(origin.flags()).start();
    origin.wait_for(1);
    case.write("in/b.html", page("b"));
    origin.wait_for(2);
    run.signal("TERM");
    let ran = run.wait();
    let rounds = ran.stdout.matches("Documents").count();
    assert!(rounds <= 3, "{rounds} rounds\n{}", ran.stdout);
    // Never seen half written, whenever it was stopped.
    if case.exists("in/s.json") {
        assert!(case.text("in/s.json").ends_with("}\n"));
    }
}

#[test]
fn a_round_that_fails_is_told_of_and_the_watch_goes_on() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        _ => Answer::picture(asked),
    });
    case.write("in/a.html", page("gone"));
    let run = case.imgmirror(&["watch", "in", "--settle=10ms"]).args(origin.flags()).start();
    origin.wait_for(1);
    case.write("in/b.html", page("b"));
    origin.wait_for(2);
    run.signal("TERM");
    let ran = run.wait();
    assert_eq!(ran.code, Some(130));
    ran.stdout_has("gone");
}

#[test]
fn what_cannot_be_watched_is_said_at_once() {
    let case = Case::new();
    case.run(1, &["watch", "nowhere"]).stderr_has("nowhere");
    case.write("in/a.html", "");
    case.run(2, &["watch", "in", "--dry-run"]).stderr_has("--dry-run");
    case.run(2, &["watch", "-"]).stderr_has("list");
    case.run(2, &["watch", "in", "--in-place", "--assets=i"]).stderr_has("--yes");
}
