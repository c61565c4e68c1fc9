//! `imgmirror restore`: documents that were edited in place become what they were.

use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Answer, Case, Gate, Origin, names, seeds, written};

const SYNC: [&str; 8] =
    ["sync", "posts", "--in-place", "--assets=i", "--link-base=/i/", "--yes", "-o=.mirror", "--retries=0"];

const RESTORE: [&str; 2] = ["restore", "-o=.mirror"];

fn sync(case: &Case, origin: &Origin, code: i32) -> Value {
    case.imgmirror(&[&SYNC[..], &["--json"]].concat()).args(origin.flags()).run(code).json()
}

fn restore(case: &Case, code: i32, flags: &[&str]) -> Value {
    case.run(code, &[&RESTORE[..], &["--json"], flags].concat()).json()
}

/// Restored, unchanged, merged, refused.
fn counts(restored: &Value) -> [u64; 4] {
    let counts = ["restored", "unchanged", "merged", "refused"].map(|name| restored[name].as_u64().unwrap());
    assert_eq!(restored["total"], counts.iter().sum::<u64>(), "{restored}");
    counts
}

fn journaled(case: &Case) -> i64 {
    let catalog = Connection::open(case.at(".mirror/catalog.sqlite")).unwrap();
    catalog.query_row("SELECT count(*) FROM edit", [], |row| row.get(0)).unwrap()
}

fn post(pictures: &[&str]) -> String {
    pictures.iter().map(|name| format!("<img src='https://wsrv.nl/?url=http://p.example/{name}'>\n")).collect()
}

#[test]
fn a_site_is_put_back_byte_for_byte_and_can_be_edited_again() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&seeds(), "posts").copy(&seeds(), "before");
    let posts = names(&case.at("posts"));
    sync(&case, &origin, 0);
    let edited: Vec<_> = posts.iter().map(|name| case.read(format!("posts/{name}"))).collect();
    let restored = restore(&case, 0, &[]);
    assert!(counts(&restored)[0] > 10, "{restored}");
    assert_eq!(counts(&restored)[1..], [0, 0, 0]);
    for name in &posts {
        assert_eq!(case.read(format!("posts/{name}")), case.read(format!("before/{name}")), "{name}");
    }
    assert_eq!(names(&case.at(".mirror/tmp")), Vec::<String>::new());
    assert_eq!(journaled(&case), 0);
    let before = written(&case.at("posts"));
    case.run(0, &RESTORE).stdout_has("nothing to put back");
    assert_eq!(written(&case.at("posts")), before);

    // The pictures are still needed and held.
    let pruned = case.run(0, &["prune", "-o=.mirror", "--json"]).json();
    assert_eq!((&pruned["removed"]["count"], &pruned["copies"]["count"]), (&0.into(), &0.into()));
    origin.take_log();
    sync(&case, &origin, 0);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
    let again: Vec<_> = posts.iter().map(|name| case.read(format!("posts/{name}"))).collect();
    assert_eq!(again, edited);
    restore(&case, 0, &[]);
    for name in &posts {
        assert_eq!(case.read(format!("posts/{name}")), case.read(format!("before/{name}")), "{name}");
    }
}

#[test]
fn every_generation_of_edits_is_taken_back() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.contains("late.png") {
        true => Answer::status(404),
        false => Answer::picture(asked),
    });
    let page = post(&["a.png", "late.png", "b.jpg"]);
    case.write("posts/a.md", &page);
    sync(&case, &origin, 3);
    let first = case.text("posts/a.md");
    origin.answers(Answer::picture);
    sync(&case, &origin, 0);
    assert_ne!(case.text("posts/a.md"), first);
    assert_eq!(counts(&restore(&case, 0, &[])), [1, 0, 0, 0]);
    assert_eq!(case.text("posts/a.md"), page);

    // A person went back by hand, to the first generation.
    sync(&case, &origin, 0);
    case.write("posts/a.md", &page);
    assert_eq!(counts(&restore(&case, 0, &[])), [0, 1, 0, 0]);
    assert_eq!((case.text("posts/a.md"), journaled(&case)), (page, 0));
}

#[test]
fn a_document_that_was_edited_since_is_left_as_it_is_and_the_others_go_on() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for name in ["a b.md", "c.md", "gone.md"] {
        case.write(format!("posts/{name}"), post(&["a.png", "b.png"]));
    }
    sync(&case, &origin, 0);
    let edited = format!("# New title\n{}", case.text("posts/a b.md"));
    case.write("posts/a b.md", &edited);
    fs::remove_file(case.at("posts/gone.md")).unwrap();
    let ran = case.run(3, &RESTORE);
    ran.stderr_has("posts/a b.md: was edited since").stderr_has("gone.md: is not there any more");
    ran.stderr_has("imgmirror restore -o .mirror --merge '")
        .stdout_has("1 put back byte for byte")
        .stdout_has("2 left");
    assert_eq!((case.text("posts/a b.md"), case.text("posts/c.md")), (edited.clone(), post(&["a.png", "b.png"])));
    assert!(!case.exists("posts/gone.md"));
    let restored = restore(&case, 3, &[]);
    assert_eq!(counts(&restored), [0, 0, 0, 2]);
    let kinds: Vec<_> = restored["failures"].as_array().unwrap().iter().map(|failure| &failure["kind"]).collect();
    assert_eq!(kinds, ["edited", "gone"]);

    // The command that was shown keeps what was edited.
    let path = case.at("posts/a b.md");
    assert_eq!(counts(&restore(&case, 0, &["--merge", path.to_str().unwrap()])), [0, 0, 1, 0]);
    assert_eq!(case.text("posts/a b.md"), format!("# New title\n{}", post(&["a.png", "b.png"])));
    sync(&case, &origin, 0);
    assert_eq!(case.text("posts/a b.md"), edited);
}

#[test]
fn an_edit_between_two_generations_is_an_edit_too() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.md", post(&["a.png"]));
    sync(&case, &origin, 0);
    case.write("posts/a.md", format!("{}{}", case.text("posts/a.md"), post(&["b.png"])));
    sync(&case, &origin, 0);
    let now = case.text("posts/a.md");
    assert!(!now.contains("http"), "{now}");
    assert_eq!(counts(&restore(&case, 3, &[])), [0, 0, 0, 1]);
    assert_eq!(case.text("posts/a.md"), now);
    assert_eq!(counts(&restore(&case, 0, &["--merge"])), [0, 0, 1, 0]);
    assert_eq!(case.text("posts/a.md"), post(&["a.png", "b.png"]));
}

#[test]
fn what_cannot_be_told_apart_stays_and_so_does_its_journal() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.md", post(&["a.png", "b.png"]));
    sync(&case, &origin, 0);
    let [first, second] = [0, 1].map(|line| case.text("posts/a.md").lines().nth(line).unwrap().to_owned());
    case.write("posts/a.md", format!("{first}\n{first}\n{second}\n"));
    let ran = case.run(3, &[&RESTORE[..], &["--merge"]].concat());
    ran.stderr_has("1 references are put back, 1 stand there more or less often");
    assert_eq!(case.text("posts/a.md"), format!("{first}\n{first}\n{}", post(&["b.png"])));
    assert_eq!(journaled(&case), 2);
    // The person takes the copy out again.
    case.write("posts/a.md", format!("{first}\n{}", post(&["b.png"])));
    assert_eq!(counts(&restore(&case, 0, &["--merge"])), [0, 0, 1, 0]);
    assert_eq!(case.text("posts/a.md"), post(&["a.png", "b.png"]));
    assert_eq!(journaled(&case), 0);
}

#[test]
fn a_dry_run_says_what_would_be_done_and_touches_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.md", post(&["a.png"])).write("posts/b.md", post(&["a.png"]));
    sync(&case, &origin, 0);
    case.write("posts/b.md", "rewritten\n");
    let before = written(&case.root());
    assert_eq!(counts(&restore(&case, 3, &["--dry-run"])), [1, 0, 0, 1]);
    case.run(0, &[&RESTORE[..], &["--dry-run", "--merge"]].concat()).stdout_has("nothing was");
    assert_eq!(written(&case.root()), before);
    assert_eq!(counts(&restore(&case, 3, &[])), [1, 0, 0, 1]);
}

#[test]
fn documents_can_be_named() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for name in ["posts/a.md", "posts/2021/b.md", "posts/2021/c.md", "posts/2022/d.md"] {
        case.write(name, post(&["a.png"]));
    }
    sync(&case, &origin, 0);
    case.run(1, &[&RESTORE[..], &["posts/a.md", "posts/nowhere.md"]].concat()).stderr_has("posts/nowhere.md");
    let is_back = |name: &str| case.text(name) == post(&["a.png"]);
    assert!(!is_back("posts/a.md"), "nothing was done");
    assert_eq!(counts(&restore(&case, 0, &["./posts/../posts/2021", "posts/a.md"])), [3, 0, 0, 0]);
    assert!(is_back("posts/a.md") && is_back("posts/2021/b.md") && is_back("posts/2021/c.md"));
    assert!(!is_back("posts/2022/d.md"));
    assert_eq!(counts(&restore(&case, 0, &["posts/a.md"])), [0, 0, 0, 0]);
    assert_eq!(counts(&restore(&case, 0, &[])), [1, 0, 0, 0]);
}

#[test]
fn a_mirror_of_copies_has_nothing_to_put_back() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.run(1, &["restore"]).stderr_has("there is no mirror");
    assert_eq!(names(&case.root()), Vec::<String>::new());
    case.write("in/a.html", post(&["a.png"]));
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let before = written(&case.at("mirror/documents"));
    case.run(0, &["restore"]).stdout_has("nothing to put back");
    assert_eq!(written(&case.at("mirror/documents")), before);
}

#[test]
fn a_run_that_holds_the_lock_is_waited_for() {
    let (case, gate) = (Case::new(), Gate::closed());
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    case.write("posts/a.md", post(&["a.png"]));
    let run = case.imgmirror(&SYNC).args(origin.flags()).start();
    origin.wait_for(1);
    case.imgmirror(&RESTORE).run_beside(4).stderr_has(&run.id().to_string());
    gate.open();
    assert_eq!(run.wait().code, Some(0));
}

#[cfg(unix)]
#[test]
fn modes_and_links_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.md", post(&["a.png"])).write("real/b.md", post(&["a.png"]));
    fs::set_permissions(case.at("posts/a.md"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(case.at("real/b.md"), case.at("b.md")).unwrap();
    sync(&case, &origin, 0);
    let flags = [&["sync", "b.md"], &SYNC[2..]].concat();
    case.imgmirror(&flags).args(origin.flags()).run(0);
    assert_ne!(case.text("real/b.md"), post(&["a.png"]));
    assert_eq!(counts(&restore(&case, 0, &[])), [2, 0, 0, 0]);
    assert_eq!((case.text("posts/a.md"), case.text("real/b.md")), (post(&["a.png"]), post(&["a.png"])));
    assert_eq!(fs::metadata(case.at("posts/a.md")).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(fs::symlink_metadata(case.at("b.md")).unwrap().is_symlink());
}

#[cfg(unix)]
#[test]
fn a_restore_that_is_killed_is_finished_by_the_next_one() {
    const POSTS: usize = 300;
    let origin = Origin::of_pictures();
    let text = |number: usize| format!("# {number}\n{}", post(&["a.png", "b.png"]));
    for back in [1, 20, 128, 140, POSTS] {
        let case = Case::new();
        for number in 0..POSTS {
            case.write(format!("posts/{number}.md"), text(number));
        }
        sync(&case, &origin, 0);
        let is_back =
            |number: usize| fs::read(case.at(format!("posts/{number}.md"))).unwrap() == text(number).as_bytes();
        let mut run = case.imgmirror(&RESTORE).start();
        // Ends with the run at the latest, which may be over before anything is seen.
        while !run.has_ended() && (0..POSTS).filter(|number| is_back(*number)).count() < back {
            std::thread::yield_now();
        }
        run.kill();
        run.wait();
        let restored = restore(&case, 0, &[]);
        assert_eq!(counts(&restored)[2..], [0, 0], "{restored}");
        assert!((0..POSTS).all(is_back), "{back}");
        assert_eq!((names(&case.at("posts")).len(), journaled(&case)), (POSTS, 0), "{back}");
        assert_eq!(names(&case.at(".mirror/tmp")), Vec::<String>::new());
    }
}
