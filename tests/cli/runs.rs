//! Runs that meet, stop or die.

#![cfg(unix)]

use std::path::Path;

use crate::in_place::undone;
use crate::support::{Answer, Case, Gate, Mirror, Origin, Run, assert_adds_up, blobs, lines, names, pictures, written};

/// Answers `/held.png` only when the gate opens, everything else at once.
fn origin_with_a_gate() -> (Origin, Gate) {
    let gate = Gate::closed();
    let held = gate.clone();
    let origin = Origin::new(move |asked| match asked.path.as_str() {
        "/held.png" => Answer::picture(asked).held_at(&held),
        _ => Answer::picture(asked),
    });
    (origin, gate)
}

/// One picture after the other, so that the second is asked for when the first is here.
const SYNC: [&str; 5] = ["sync", "in", "--json", "--per-host=1", "--retries=0"];

fn write_input(case: &Case) {
    case.write("in/a.html", "<img src='http://p.example/first.png'><img src='http://p.example/held.png'>");
}

#[test]
fn a_second_run_is_told_who_holds_the_lock() {
    let (case, (origin, gate)) = (Case::new(), origin_with_a_gate());
    write_input(&case);
    let first = case.imgmirror(&SYNC).args(origin.flags()).start();
    origin.wait_for(2);
    let second = case.imgmirror(&SYNC).args(origin.flags()).run_beside(4);
    second.stderr_has(&first.id().to_string());
    assert_eq!(second.stdout, "");
    // Reading is free.
    assert_eq!(case.imgmirror(&["links", "in"]).run_beside(0).stdout.lines().count(), 2);
    gate.open();
    let ran = first.wait();
    assert_eq!(ran.code, Some(0));
    assert_adds_up(&ran.json());
    assert_eq!(origin.take_log().len(), 2);
}

#[test]
fn an_interrupted_run_says_so_and_the_next_one_goes_on() {
    for signal in ["INT", "TERM"] {
        let (case, (origin, gate)) = (Case::new(), origin_with_a_gate());
        write_input(&case);
        let run = case.imgmirror(&SYNC).args(origin.flags()).start();
        origin.wait_for(2);
        run.signal(signal);
        let ran = run.wait();
        assert_eq!(ran.code, Some(130), "{}", ran.stderr);
        assert_adds_up(&ran.json());
        assert_eq!(ran.json()["assets"]["captured"], 1);
        Mirror::at(case.at("mirror")).assert_layout();
        origin.take_log();
        gate.open();
        let summary = case.imgmirror(&SYNC).args(origin.flags()).run(0).json();
        assert_eq!(origin.take_urls(), ["http://p.example/held.png"]);
        assert_eq!((&summary["assets"]["held"], &summary["assets"]["captured"]), (&1.into(), &1.into()));
        assert!(lines(&case, &["mirror/documents"]).iter().all(|line| line.skip.as_deref() == Some("mirrored")));
    }
}

#[test]
fn a_killed_run_leaves_nothing_to_repair() {
    let (case, (origin, gate)) = (Case::new(), origin_with_a_gate());
    write_input(&case);
    let run = case.imgmirror(&SYNC).args(origin.flags()).start();
    origin.wait_for(2);
    run.signal("KILL");
    assert_eq!(run.wait().code, None);
    gate.open();
    let summary = case.imgmirror(&SYNC).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    assert_eq!(summary["references"]["mirrored"], 2);
    let mirror = Mirror::at(case.at("mirror"));
    mirror.assert_layout();
    assert_eq!(mirror.blobs().len(), 2);

    // The same end as if nothing had happened.
    case.imgmirror(&["sync", "in", "-o", "undisturbed"]).args(origin.flags()).run(0);
    assert_eq!(mirror.blobs(), Mirror::at(case.at("undisturbed")).blobs());
    assert_eq!(case.read("mirror/documents/a.html"), case.read("undisturbed/documents/a.html"));
}

#[test]
fn litter_of_an_earlier_run_is_swept() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    case.write("mirror/tmp/imgmirror-1234.part", "half a picture");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(names(&case.at("mirror/tmp")), Vec::<String>::new());
}

#[test]
fn a_blob_that_lies_there_already_is_found_by_its_content() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    // The catalog is lost; the pictures are not.
    for name in names(&case.at("mirror")).iter().filter(|name| name.starts_with("catalog")) {
        std::fs::remove_file(case.at("mirror").join(name)).unwrap();
    }
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!(summary["bytes"]["stored"], 0);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 1);
}

#[test]
fn what_is_held_is_asked_again_when_told_and_only_if_it_changed() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.header("if-none-match") {
        Some("\"one\"") => Answer::not_modified(),
        _ => Answer::ok(pictures::png("x")).header("ETag", "\"one\""),
    });
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let run = |flags: &[&str]| {
        let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).args(flags).run(0).json();
        assert_adds_up(&summary);
        (summary["requests"].as_u64().unwrap(), summary["assets"]["revisited"].as_u64().unwrap())
    };
    assert_eq!(run(&[]), (1, 0));
    assert_eq!(run(&[]), (0, 0));
    assert_eq!(run(&["--refresh"]), (1, 1));
    assert_eq!(run(&["--max-age=1d"]), (0, 0));
    assert_eq!(run(&["--max-age=0s"]), (1, 1));
    assert!(origin.take_log()[1..].iter().all(|asked| asked.header("if-none-match").is_some()));
}

#[test]
fn a_list_of_urls_is_kept_without_a_document() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write(
        "urls",
        "# mine\n\nhttp://p.example/a.png\nhttps://wsrv.nl/?url=http://p.example/b.png\nhttp://p.example/a.png\n",
    );
    let summary = case.imgmirror(&["sync", "--urls=urls", "--json"]).args(origin.flags()).run(0).json();
    assert_adds_up(&summary);
    assert_eq!(origin.take_urls(), ["http://p.example/a.png", "http://p.example/b.png"]);
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 2);
    case.write("urls", "http://p.example/a.png\nno url at all\n");
    case.run(2, &["sync", "--urls=urls"]).stderr_has("line 2");
    case.run(1, &["sync", "--urls=nowhere"]).stderr_has("nowhere");
}

#[test]
fn a_document_whose_name_is_taken_is_named_and_the_rest_goes_on() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for name in ["a.html", "d.html", "z.html"] {
        case.write(format!("in/{name}"), "<img src='http://p.example/a.png'>");
    }
    case.write("mirror/documents/d.html/mine", "a folder where the document should be");
    let ran = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(3);
    ran.stderr_has("d.html");
    assert_adds_up(&ran.json());
    assert_eq!((&ran.json()["documents"]["written"], &ran.json()["documents"]["failed"]), (&2.into(), &1.into()));
    assert_eq!(names(&case.at("mirror/tmp")), Vec::<String>::new());
    std::fs::remove_dir_all(case.at("mirror/documents/d.html")).unwrap();
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!((&summary["documents"]["written"], &summary["documents"]["failed"]), (&1.into(), &0.into()));
}

/// Pages of two pictures each, one of them of the page's own.
const PAGES: usize = 30;

fn page(number: usize) -> String {
    format!(
        "<p>Page {number}</p>\n<img src='http://p.example/{number}.png'>\n<img src='https://wsrv.nl/?url=http://q.example/shared.jpg'>\n"
    )
}

/// Where a run is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// When so many requests have arrived.
    Asked(usize),
    /// When so many files are unfinished, which are documents that await their place, or as soon after as it is seen.
    Unfinished(usize),
    /// When so many documents are rewritten, or as soon after as it is seen.
    Rewritten(usize),
}

const MOMENTS: [Moment; 6] = [
    Moment::Asked(1),
    Moment::Asked(11),
    Moment::Asked(PAGES + 1),
    Moment::Unfinished(2),
    Moment::Unfinished(PAGES - 1),
    Moment::Rewritten(1),
];

/// Starts a run over the pages and kills it. Unfinished files are in `tmp`; what was rewritten is told by `is_rewritten`
/// of a page's number.
fn kill_at(moment: Moment, run: Run<'_>, origin: &Origin, tmp: &Path, is_rewritten: impl Fn(usize) -> bool) {
    let mut run = run.start();
    // Ends with the run at the latest, which may be over before anything is seen.
    let mut watch = |reached: &dyn Fn() -> bool| {
        while !run.has_ended() && !reached() {
            std::thread::yield_now();
        }
    };
    match moment {
        Moment::Asked(requests) => origin.wait_for(requests),
        Moment::Unfinished(files) => watch(&|| std::fs::read_dir(tmp).is_ok_and(|entries| entries.count() >= files)),
        Moment::Rewritten(pages) => watch(&|| (0..PAGES).filter(|number| is_rewritten(*number)).count() >= pages),
    }
    run.kill();
    run.wait();
    origin.take_log();
}

#[test]
fn a_mirror_is_whole_after_a_kill_at_any_moment_and_another_run() {
    let origin = Origin::of_pictures();
    for moment in MOMENTS {
        let case = Case::new();
        for number in 0..PAGES {
            case.write(format!("in/{number}.html"), page(number));
        }
        let sync = || case.imgmirror(&["sync", "in", "--json"]).args(origin.flags());
        let is_rewritten = |number| case.exists(format!("mirror/documents/{number}.html"));
        kill_at(moment, sync(), &origin, &case.at("mirror/tmp"), is_rewritten);
        let summary = sync().run(0).json();
        assert_adds_up(&summary);
        assert_eq!(summary["references"]["mirrored"], 2 * PAGES, "{moment:?}");
        let mirror = Mirror::at(case.at("mirror"));
        mirror.assert_layout();
        let held = mirror.blobs();
        assert_eq!(held.len(), PAGES + 1, "{moment:?}");
        for number in 0..PAGES {
            let link = |url: &str| format!("../assets/{}", pictures::name_for_url(url));
            let expected = page(number)
                .replace(&format!("http://p.example/{number}.png"), &link(&format!("http://p.example/{number}.png")))
                .replace("https://wsrv.nl/?url=http://q.example/shared.jpg", &link("http://q.example/shared.jpg"));
            assert_eq!(case.text(format!("mirror/documents/{number}.html")), expected, "{moment:?}");
        }
        let before = written(&mirror.documents());
        origin.take_log();
        let summary = sync().run(0).json();
        assert_eq!((&summary["documents"]["written"], &summary["requests"]), (&0.into(), &0.into()), "{moment:?}");
        assert_eq!((written(&mirror.documents()), mirror.blobs()), (before, held), "{moment:?}");
    }
}

#[test]
fn documents_edited_in_place_are_whole_after_a_kill_at_any_moment_and_another_run() {
    let origin = Origin::of_pictures();
    for moment in MOMENTS {
        let case = Case::new();
        for number in 0..PAGES {
            case.write(format!("posts/{number}.html"), page(number));
        }
        let flags = ["sync", "posts", "--in-place", "--assets=i", "--link-base=/i/", "--yes", "--json", "-o=.mirror"];
        let sync = || case.imgmirror(&flags).args(origin.flags());
        let is_rewritten = |number| case.text(format!("posts/{number}.html")) != page(number);
        kill_at(moment, sync(), &origin, &case.at(".mirror/tmp"), is_rewritten);
        let summary = sync().run(0).json();
        assert_adds_up(&summary);
        assert_eq!(summary["references"]["missing"], 0, "{moment:?}");
        let held = blobs(&case.at("i"));
        assert_eq!(held.len(), PAGES + 1, "{moment:?}");
        let mut expected: Vec<_> = (0..PAGES).map(|number| format!("{number}.html")).collect();
        expected.sort();
        assert_eq!(names(&case.at("posts")), expected, "{moment:?}");
        assert_eq!(names(&case.at(".mirror/tmp")), Vec::<String>::new(), "{moment:?}");
        for line in lines(&case, &["posts"]) {
            let name = line.raw.strip_prefix("/i/").unwrap_or_else(|| panic!("{moment:?}: {line:?}"));
            assert!(held.contains_key(name), "{moment:?}: {line:?}");
        }
        for number in 0..PAGES {
            let post = format!("posts/{number}.html");
            assert_eq!(undone(&case, ".mirror", &post), page(number).as_bytes(), "{moment:?}");
        }
        let before = written(&case.at("posts"));
        origin.take_log();
        let summary = sync().run(0).json();
        assert_eq!((&summary["documents"]["written"], &summary["requests"]), (&0.into(), &0.into()), "{moment:?}");
        assert_eq!(written(&case.at("posts")), before, "{moment:?}");
    }
}
