//! What later runs do: pictures that change, documents that go and come back, hosts that asked for peace, a lock that is
//! held.

use std::fs;

use serde_json::Value;

use crate::in_place::undone;
use crate::support::{Answer, Case, Gate, Mirror, Origin, Running, assert_adds_up, pictures};

const PAGE: &str = "<img src='http://p.example/a.png'>";

/// An origin whose one picture is the newest that it was given; the entity tag is its name.
fn origin_of(picture: &'static str) -> Origin {
    let origin = Origin::of_pictures();
    serve(&origin, picture);
    origin
}

fn serve(origin: &Origin, picture: &'static str) {
    origin.answers(move |asked| {
        let tag = format!("\"{picture}\"");
        if asked.header("if-none-match") == Some(&tag) {
            return Answer::not_modified();
        }
        Answer::ok(pictures::png(picture)).header("ETag", &tag)
    });
}

fn shown(document: &[u8]) -> String {
    let text = String::from_utf8(document.to_vec()).unwrap();
    let digits = text.split(|c: char| !c.is_ascii_hexdigit()).find(|part| part.len() == 64);
    digits.unwrap_or_else(|| panic!("no link to a blob in {text}")).to_owned()
}

fn digest_of(picture: &str) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(pictures::png(picture)))
}

/// What a run says of its assets: asked for, captured, revisited, held.
fn assets(summary: &Value) -> [u64; 4] {
    assert_adds_up(summary);
    let count = |name: &str| summary["assets"][name].as_u64().unwrap();
    [summary["requests"].as_u64().unwrap(), count("captured"), count("revisited"), count("held")]
}

#[test]
fn of_a_changed_picture_both_are_kept_and_documents_stay_with_the_first() {
    let (case, origin) = (Case::new(), origin_of("old"));
    case.write("in/a.html", PAGE);
    let sync = |flags: &[&str]| {
        let run = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).args(flags);
        assets(&run.run(0).json())
    };
    assert_eq!(sync(&[]), [1, 1, 0, 0]);
    serve(&origin, "new");
    assert_eq!(sync(&["--refresh"]), [1, 1, 0, 0]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 2);
    assert_eq!(shown(&case.read("mirror/documents/a.html")), digest_of("old"));
    // What was fetched last is what the next question is about.
    assert_eq!(sync(&["--refresh"]), [1, 0, 1, 0]);
    assert_eq!(origin.take_log().last().unwrap().header("if-none-match"), Some("\"new\""));
    let said = case.imgmirror(&["sync", "in", "--refresh"]).args(origin.flags());
    serve(&origin, "newest");
    said.run(0).stdout_has("1 picture on their servers");
    assert_eq!(shown(&case.read("mirror/documents/a.html")), digest_of("old"));

    // The newest is had, and shown, once that is asked for.
    assert_eq!(sync(&["--refresh", "--on-change=follow"]), [1, 0, 1, 0]);
    assert_eq!(shown(&case.read("mirror/documents/a.html")), digest_of("newest"));
    assert_eq!(sync(&["--refresh", "--on-change=follow"]), [1, 0, 1, 0]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 3);
}

#[test]
fn documents_edited_in_place_know_where_their_pictures_came_from_and_follow_them() {
    let (case, origin) = (Case::new(), origin_of("old"));
    case.write("posts/a.html", PAGE);
    let sync = |flags: &[&str]| {
        let all = ["sync", "posts", "--in-place", "--assets=i", "--link-base=/i/", "--yes", "--json"];
        assets(&case.imgmirror(&all).args(origin.flags()).args(flags).run(0).json())
    };
    assert_eq!(sync(&[]), [1, 1, 0, 0]);
    let edited = case.text("posts/a.html");
    // The author writes on; the picture is still the one of its URL.
    case.write("posts/a.html", format!("{edited}<p>More.</p>"));
    assert_eq!(sync(&[]), [0, 0, 0, 1]);
    case.run(0, &["explain", "posts/a.html"]).stdout_has("http://p.example/a.png");
    serve(&origin, "new");
    assert_eq!(sync(&["--refresh"]), [1, 1, 0, 0]);
    assert_eq!(shown(&case.read("posts/a.html")), digest_of("old"));
    assert_eq!(sync(&["--refresh", "--on-change=follow"]), [1, 0, 1, 0]);
    assert_eq!(shown(&case.read("posts/a.html")), digest_of("new"));
    assert!(case.text("posts/a.html").ends_with("<p>More.</p>"));
    assert_eq!(sync(&[]), [0, 0, 0, 1]);
    // A blob that is lost is fetched for them like for any other.
    fs::remove_file(case.at("i").join(pictures_name("new"))).unwrap();
    assert_eq!(sync(&[]), [1, 0, 1, 0]);
    assert!(case.at("i").join(pictures_name("new")).is_file());
}

#[test]
fn a_picture_is_followed_where_it_stands_after_an_edit_in_place() {
    let (case, origin) = (Case::new(), origin_of("old"));
    let page = "<img src='https://cors.zfour.workers.dev/?http://p.example/a.png'><p>What follows stays.</p>";
    case.write("posts/a.html", page);
    let sync = |flags: &[&str]| {
        let all = ["sync", "posts", "--in-place", "--assets=i", "--link-base=/i/", "--yes", "--json"];
        assets(&case.imgmirror(&all).args(origin.flags()).args(flags).run(0).json())
    };
    let shows = |picture: &str| format!("<img src='/i/{}'><p>What follows stays.</p>", pictures_name(picture));
    sync(&[]);
    assert_eq!(case.text("posts/a.html"), shows("old"));
    // The link is shorter than what it stands for, and the document is as the program left it.
    serve(&origin, "new");
    sync(&["--refresh", "--on-change=follow"]);
    assert_eq!(case.text("posts/a.html"), shows("new"));
    assert_eq!(undone(&case, "mirror", "posts/a.html"), page.as_bytes());
}

fn pictures_name(picture: &str) -> String {
    let digest = digest_of(picture);
    format!("{}/{digest}.png", &digest[..2])
}

#[test]
fn a_failed_refresh_and_another_source_change_nothing() {
    let case = Case::new();
    let origin = origin_of("old");
    case.write("in/a.html", "<img src='https://cors.zfour.workers.dev/?http://p.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let before = case.read("mirror/documents/a.html");
    origin.answers(|asked| match asked.host.as_str() {
        "p.example" => Answer::status(500),
        _ => Answer::ok(pictures::png("smaller, from the proxy")),
    });
    let flags = ["sync", "in", "--json", "--refresh", "--on-change=follow", "--retries=0"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    assert_eq!(case.read("mirror/documents/a.html"), before);
    origin.answers(|_| Answer::status(404));
    case.imgmirror(&flags).args(origin.flags()).run(0);
    assert_eq!(case.read("mirror/documents/a.html"), before);
    assert!(case.at("mirror/assets").join(pictures_name("old")).is_file());
}

#[test]
fn a_document_that_is_gone_is_released_and_one_that_comes_back_is_taken_up() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for name in ["a", "b"] {
        case.write(format!("in/{name}.html"), format!("<img src='http://p.example/{name}.png'>"));
    }
    let sync = || case.imgmirror(&["sync", "in"]).args(origin.flags());
    let json = || case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    sync().run(0);
    let page = case.read("in/b.html");
    fs::remove_file(case.at("in/b.html")).unwrap();
    sync().run(0).stdout_has("1 document whose source is not there any more");
    let summary = json();
    assert_eq!((&summary["assets"]["total"], &summary["references"]["total"]), (&1.into(), &1.into()));
    // Nothing is lost by that.
    assert!(case.exists("mirror/documents/b.html"));
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 2);
    case.write("in/b.html", page);
    origin.take_log();
    let summary = json();
    assert_eq!((&summary["assets"]["held"], &summary["references"]["mirrored"]), (&2.into(), &2.into()));
    assert_eq!(origin.take_log().len(), 0);
}

#[test]
fn a_folder_that_is_suddenly_empty_releases_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE).write("in/sub/b.html", PAGE);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    fs::remove_dir_all(case.at("in")).unwrap();
    fs::create_dir(case.at("in")).unwrap();
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(1).stderr_has("is its disk mounted?");
    assert!(case.exists("mirror/documents/a.html") && case.exists("mirror/documents/sub/b.html"));
    case.write("in/a.html", PAGE);
    // The other one is gone for itself.
    let ran = case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    ran.stdout_has("1 document whose source").nowhere_has("mounted");
}

/// A run that holds the lock until the gate is opened.
fn held_at(gate: &Gate, case: &Case) -> (Origin, Running) {
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    case.write("in/a.html", PAGE);
    let run = case.imgmirror(&["sync", "in"]).args(origin.flags()).start();
    origin.wait_for(1);
    (origin, run)
}

#[test]
fn a_run_waits_for_another_one_when_told() {
    let (case, gate) = (Case::new(), Gate::closed());
    let (origin, first) = held_at(&gate, &case);
    let refused = case.imgmirror(&["sync", "in"]).args(origin.flags()).run_beside(4);
    refused.stderr_has(&format!("process {}", first.id())).stderr_has("--wait");
    case.imgmirror(&["sync", "in", "--wait=50ms"]).args(origin.flags()).run_beside(4);
    let second = case.imgmirror(&["sync", "in", "--wait=10m", "--json"]).args(origin.flags()).start();
    gate.open();
    assert_eq!(first.wait().code, Some(0));
    let second = second.wait();
    assert_eq!(second.code, Some(0));
    assert_eq!(assets(&second.json()), [0, 0, 0, 1]);
}

#[cfg(unix)]
#[test]
fn waiting_for_a_lock_can_be_interrupted() {
    let (case, gate) = (Case::new(), Gate::closed());
    let (origin, first) = held_at(&gate, &case);
    let mut second = case.imgmirror(&["sync", "in", "--wait=10m"]).args(origin.flags()).start();
    // It listens to signals before it looks at the lock: repeated until it has ended, whenever it got there.
    while !second.has_ended() {
        second.signal("TERM");
        std::thread::yield_now();
    }
    // Ended by the signal itself where it came before the program listened.
    let code = second.wait().code;
    assert!(matches!(code, Some(130) | None), "{code:?}");
    gate.open();
    assert_eq!(first.wait().code, Some(0));
}

#[test]
fn a_host_that_asked_for_peace_is_left_alone_by_the_next_run_unless_told() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.host.as_str() {
        "busy.example" => Answer::status(429).header("Retry-After", "3600"),
        _ => Answer::picture(asked),
    });
    case.write("in/a.html", "<img src='http://busy.example/a.png'><img src='http://p.example/a.png'>");
    let sync = |flags: &[&str], code| {
        let ran = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).args(flags).run(code);
        let summary = ran.json();
        assert_adds_up(&summary);
        (summary["requests"].as_u64().unwrap(), summary["failures"][0]["kind"].as_str().map(str::to_owned))
    };
    assert_eq!(sync(&[], 3), (2, Some("throttled".to_owned())));
    origin.answers(Answer::picture);
    assert_eq!(sync(&[], 3), (0, Some("throttled".to_owned())));
    assert_eq!(sync(&["--retry-failed"], 0), (1, None));
}

#[test]
fn a_picture_that_is_lost_under_an_edited_document_is_missing_for_every_command() {
    let (case, origin) = (Case::new(), origin_of("old"));
    case.write("posts/a.html", "<img src='http://p.example/a.png'><img src='http://q.example/b.png'>");
    origin.answers(Answer::picture);
    let flags = ["sync", "posts", "--in-place", "--assets=i", "--link-base=/i/", "--yes", "--json", "--retries=0"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    fs::remove_file(case.at("i").join(pictures::name_for_url("http://q.example/b.png"))).unwrap();
    origin.answers(|_| Answer::status(500));
    let summary = case.imgmirror(&flags).args(origin.flags()).run(3).json();
    assert_eq!((&summary["references"]["missing"], &summary["assets"]["held"]), (&1.into(), &1.into()));
    case.run(3, &["status"]).stdout_has("q.example");
    origin.answers(Answer::picture);
    case.imgmirror(&flags).args(origin.flags()).run(0);
    case.run(0, &["status"]);
}

#[test]
fn asking_again_and_again_does_not_fill_the_catalog() {
    let (case, origin) = (Case::new(), origin_of("old"));
    case.write("in/a.html", PAGE);
    let sync = || case.imgmirror(&["sync", "in", "--refresh", "--quiet"]).args(origin.flags()).run(0);
    let captures = || {
        let catalog = rusqlite::Connection::open(case.at("mirror/catalog.sqlite")).unwrap();
        let kinds = catalog
            .prepare("SELECT coalesce(revisit, 'first') FROM capture ORDER BY id")
            .unwrap()
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap()
            .collect::<Result<Vec<_>, _>>();
        kinds.unwrap()
    };
    for _ in 0..4 {
        sync();
    }
    assert_eq!(captures(), ["first", "not-modified"]);
    // What has changed is kept beside it, and so is what comes back.
    serve(&origin, "new");
    (0..3).for_each(|_| drop(sync()));
    serve(&origin, "old");
    (0..3).for_each(|_| drop(sync()));
    assert_eq!(captures(), ["first", "not-modified", "first", "not-modified", "not-modified"]);
}

#[test]
fn what_was_put_back_is_counted_once() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.html", PAGE).write("posts/b.html", "<img src='http://p.example/b.png'>");
    let flags = ["sync", "posts", "--in-place", "--assets=i", "--link-base=/i/", "--yes", "--quiet"];
    let sync = || case.imgmirror(&flags).args(origin.flags()).run(0);
    sync();
    // Collected anew, the documents name local copies and are known by them.
    for name in ["posts/a.html", "posts/b.html"] {
        let edited = case.text(name);
        case.write(name, edited + "<p>More.</p>");
    }
    sync();
    case.imgmirror(&["restore", "--merge", "--json"]).start().wait();
    for arguments in [&["status"][..], &["status", "--json"], &["report"]] {
        let ran = case.imgmirror(arguments).start().wait();
        assert!(matches!(ran.code, Some(0 | 3)), "{arguments:?}: {}", ran.stderr);
    }
    sync();
    case.run(0, &["status"]);
}
