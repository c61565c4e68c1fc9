//! `check`: a mirror is proven whole, and miniature mirrors that are broken, each in one way, are diagnosed by name.

use std::collections::BTreeMap;
use std::fs;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Answer, Case, Gate, Mirror, Origin, names, pictures, seeds, shared_seeds, written};

pub const A: &str = "http://p.example/a.png";
pub const B: &str = "http://p.example/b.jpg";
pub const PAGE: &str = "<p>text</p>\n<img src='http://p.example/a.png'>\n<img src='http://p.example/b.jpg'>\n";

/// A mirror of two documents and two pictures, whole.
pub fn whole(origin: &Origin) -> Case {
    let case = Case::new();
    case.write("in/a.html", PAGE).write("in/b/c.md", "---\ncover: http://p.example/a.png\n---\n\ntext\n");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    case
}

/// Where the picture of a URL lies.
pub fn blob(url: &str) -> String {
    format!("mirror/assets/{}", pictures::name_for_url(url))
}

pub fn flip_one_bit(case: &Case, path: &str) {
    let mut bytes = case.read(path);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    case.write(path, bytes);
}

#[track_caller]
pub fn check(case: &Case, code: i32, flags: &[&str]) -> Value {
    let report = case.imgmirror(&["check", "--json"]).args(flags).run(code).json();
    let classes = ["damage", "missing", "untidy"].map(|class| report[class].as_u64().unwrap());
    let counts = counts(&report);
    assert_eq!(counts.values().sum::<u64>(), classes.iter().sum::<u64>(), "{report}");
    assert_eq!(report["findings"].as_array().unwrap().len() as u64, classes.iter().sum::<u64>(), "{report}");
    let verdict = match code {
        5 => "damaged",
        3 => "missing",
        _ => "whole",
    };
    assert_eq!(report["verdict"], verdict, "{report}");
    report
}

pub fn counts(report: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(report["counts"].clone()).unwrap()
}

/// The kinds that were found, with the file or URL of each finding.
pub fn found(report: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    report["findings"].as_array().unwrap().iter().map(|row| (text(row, "kind"), text(row, "subject"))).collect()
}

pub fn pair(kind: &str, subject: &str) -> (String, String) {
    (kind.to_owned(), subject.trim_start_matches("mirror/").to_owned())
}

pub fn catalog(case: &Case) -> Connection {
    Connection::open(case.at("mirror/catalog.sqlite")).unwrap()
}

#[test]
fn a_whole_mirror_is_whole_and_stays_untouched() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    origin.take_log();
    let mut before = written(&case.at("mirror"));
    let report = check(&case, 0, &[]);
    assert_eq!(
        (found(&report), &report["blobs"]["hashed"], &report["documents"]["read"]),
        (vec![], &2.into(), &2.into())
    );
    assert_eq!(report["documents"]["links"], 3);
    let mut after = written(&case.at("mirror"));
    for times in [&mut before, &mut after] {
        times.retain(|path, _| {
            path.starts_with(case.at("mirror/assets")) || path.starts_with(case.at("mirror/documents"))
        });
    }
    assert_eq!((before, origin.take_urls()), (after, vec![]));
    Mirror::at(case.at("mirror")).assert_layout();
    case.run(0, &["check"]).stdout_has("Everything is whole.").stdout_has("2 hashed").nowhere_has("Next");
    case.run(0, &["check", "--quiet", "--quick"]).is_silent();
    // And it changes nothing for the next run.
    let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!((&summary["requests"], &summary["documents"]["written"]), (&0.into(), &0.into()));
}

#[test]
fn the_seeds_are_whole_to_another_reader() {
    for folder in [Some(seeds()), shared_seeds()].into_iter().flatten() {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        case.copy(&folder, "in");
        case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
        let report = check(&case, 0, &[]);
        assert_eq!(found(&report), []);
        assert!(report["documents"]["links"].as_u64().unwrap() > 100, "{report}");
    }
}

#[test]
fn damaged_blobs_are_told_by_what_happened_to_them() {
    type Harm = fn(&Case, &str);
    let table: [(&str, Harm, bool); 5] = [
        ("blob-corrupt", |case, path| flip_one_bit(case, path), false),
        (
            "blob-length",
            |case, path| {
                let bytes = case.read(path);
                case.write(path, &bytes[..bytes.len() - 1]);
            },
            true,
        ),
        (
            "blob-length",
            |case, path| {
                case.write(path, "");
            },
            true,
        ),
        ("blob-lost", |case, path| fs::remove_file(case.at(path)).unwrap(), true),
        (
            "blob-lost",
            |case, path| {
                fs::remove_file(case.at(path)).unwrap();
                fs::create_dir(case.at(path)).unwrap();
            },
            true,
        ),
    ];
    for (kind, harm, is_quickly_seen) in table {
        let origin = Origin::of_pictures();
        let case = whole(&origin);
        harm(&case, &blob(A));
        let report = check(&case, 5, &[]);
        assert!(found(&report).contains(&pair(kind, &blob(A))), "{kind}: {report}");
        // Two documents name it, one link each; a corrupt file is there all the same.
        let dangling = if kind == "blob-lost" { 2 } else { 0 };
        assert_eq!(counts(&report).get("link-dangling").copied().unwrap_or(0), dangling, "{kind}: {report}");
        assert_eq!(report["damage"].as_u64().unwrap(), 1 + dangling, "{kind}: {report}");
        let ran = case.run(5, &["check"]);
        ran.stdout_has("Damage").stdout_has(kind).stdout_has("imgmirror check --repair");
        check(&case, if is_quickly_seen { 5 } else { 0 }, &["--quick"]);

        let ran = case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
        ran.stdout_has("Everything is whole again.").stdout_has("1 picture fetched again");
        assert_eq!(case.read(blob(A)), pictures::for_url(A), "{kind}");
        assert_eq!(found(&check(&case, 0, &[])), [], "{kind}");
        // What was there is kept.
        assert!(kind == "blob-lost" || names(&case.at("mirror")).contains(&"trash".to_owned()), "{kind}");
    }
}

#[cfg(unix)]
#[test]
fn what_a_document_should_not_say_is_told_by_its_kind() {
    let name = pictures::name_for_url(A);
    let wrong = format!("../assets/{}/{}.png", "00", "0".repeat(64));
    let local = format!("../assets/{name}");
    let table = [
        ("link-dangling", local.clone(), wrong),
        ("link-dangling", local.clone(), format!("assets/{name}")),
        ("remote-though-held", local.clone(), A.to_owned()),
        ("remote-though-held", local.clone(), "https://p.example/a.png".to_owned()),
        ("overlooked", local, "http://p.example/never-seen.png".to_owned()),
    ];
    for (kind, old, new) in table {
        let origin = Origin::of_pictures();
        let case = whole(&origin);
        let page = case.text("mirror/documents/a.html");
        assert!(page.contains(&old), "{page}");
        case.write("mirror/documents/a.html", page.replace(&old, &new));
        let report = check(&case, 5, &[]);
        assert_eq!(found(&report).iter().filter(|(found, _)| found == kind).count(), 1, "{kind} by {new}: {report}");
        assert_eq!(counts(&report)["document-changed"], 1);
    }
}

#[test]
fn pictures_that_could_not_be_had_are_no_damage() {
    let (case, origin) = (
        Case::new(),
        Origin::new(|asked| match asked.path.as_str() {
            "/gone.png" => Answer::status(404),
            _ => Answer::picture(asked),
        }),
    );
    case.write("in/a.html", "<img src='http://p.example/gone.png'><img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(3);
    let report = check(&case, 3, &[]);
    assert_eq!(found(&report), [pair("missing", "http://p.example/gone.png")]);
    case.run(3, &["check"]).stdout_has("Nothing is damaged; 1 missing.").stdout_has("imgmirror sync INPUT");
}

#[test]
fn what_was_to_be_left_alone_is_neither_damage_nor_missing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write(
        "in/a.html",
        format!("{PAGE}<video poster='http://p.example/poster.png'></video><img src='relative.png'>"),
    );
    case.imgmirror(&["sync", "in", "--exclude=video@poster"]).args(origin.flags()).run(0);
    assert_eq!(found(&check(&case, 0, &[])), []);
}

#[test]
fn rows_that_name_what_is_not_on_record_are_found_and_set_right() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    catalog(&case).execute_batch("PRAGMA foreign_keys = 0; DELETE FROM blob WHERE media = 'image/png'").unwrap();
    let report = check(&case, 5, &[]);
    assert!(found(&report).contains(&pair("row-broken", A)), "{report}");
    assert!(found(&report).contains(&pair("blob-unreferenced", &blob(A))), "{report}");
    case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
    assert_eq!(found(&check(&case, 0, &[])), []);
}

#[test]
fn what_is_untidy_is_no_damage() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    let stray = format!("mirror/assets/{}", pictures::name_for_url("http://p.example/stray.png"));
    case.write(&stray, pictures::for_url("http://p.example/stray.png"));
    case.write("mirror/assets/notes.txt", "mine").write("mirror/documents/notes.md", "mine");
    case.write("mirror/tmp/imgmirror-1234.part", "half a picture");
    fs::create_dir(case.at("mirror/documents/empty")).unwrap();
    let report = check(&case, 0, &[]);
    let expected = [
        pair("blob-unreferenced", &stray),
        pair("file-unknown", "assets/notes.txt"),
        pair("document-unknown", "documents/notes.md"),
        pair("litter", "tmp/imgmirror-1234.part"),
        pair("empty-folder", "documents/empty"),
    ];
    assert_eq!(found(&report), expected);
    case.run(0, &["check"]).stdout_has("Everything is whole; 5 untidy.").stdout_has("imgmirror prune");
    // A file under a digest's name that is not whole is damage, whoever knows it: documents could name it.
    flip_one_bit(&case, &stray);
    assert!(found(&check(&case, 5, &[])).contains(&pair("blob-corrupt", &stray)));
}

#[test]
fn a_document_that_waits_for_the_next_run_is_not_damaged() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    // As a run leaves it that was stopped between fetching and rewriting.
    let source = PAGE.replace("a.png", "new.png");
    case.write("in/a.html", &source);
    let gone = Origin::new(|_| Answer::status(404));
    case.imgmirror(&["sync", "in", "--retries=0"]).args(gone.flags()).run(3);
    let name = pictures::name_for_url("http://p.example/new.png");
    let bytes = pictures::for_url("http://p.example/new.png");
    case.write(format!("mirror/assets/{name}"), &bytes);
    let digest = name[3..67].to_owned();
    catalog(&case)
        .execute_batch(&format!(
            "INSERT INTO blob (digest, media, length) VALUES (x'{digest}', 'image/png', {});
             UPDATE asset SET digest = x'{digest}' WHERE target = 'http://p.example/new.png';",
            bytes.len()
        ))
        .unwrap();
    assert_eq!(found(&check(&case, 0, &[])), [pair("document-pending", "documents/a.html")]);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(found(&check(&case, 0, &[])), []);
}

#[test]
fn what_was_hashed_under_a_clock_that_ran_ahead_is_hashed_again() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    check(&case, 0, &[]);
    let digest = pictures::name_for_url(A)[3..67].to_owned();
    let ahead = format!("UPDATE blob SET checked = 4102444800000 WHERE digest = x'{digest}'");
    catalog(&case).execute_batch(&ahead).unwrap();
    assert_eq!(check(&case, 0, &[])["blobs"]["hashed"], 2);
    catalog(&case).execute_batch(&ahead).unwrap();
    flip_one_bit(&case, &blob(A));
    // Before those whose time can be believed.
    assert_eq!(found(&check(&case, 5, &["--sample=50%"]))[0], pair("blob-corrupt", &blob(A)));
}

#[test]
fn damage_is_told_also_when_a_check_is_to_be_quiet() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    flip_one_bit(&case, &blob(A));
    let ran = case.run(5, &["check", "--quiet"]);
    assert_eq!(ran.stdout, "");
    let name = pictures::name_for_url(A);
    ran.stderr_has("imgmirror: Damage: 1 finding.").stderr_has("blob-corrupt").stderr_has(&name).nowhere_has("Next");
    assert_eq!(ran.stderr.lines().count(), 5, "{}", ran.stderr);
}

#[test]
fn every_command_that_writes_waits_for_a_run_when_told() {
    let gate = Gate::closed();
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    let case = Case::new();
    case.write("in/a.html", PAGE);
    let run = case.imgmirror(&["sync", "in"]).args(origin.flags()).start();
    origin.wait_for(1);
    let commands = ["check", "prune", "report", "restore"];
    for command in commands {
        case.imgmirror(&[command, "--wait=50ms"]).run_beside(4).stderr_has("another run");
    }
    let waiting = commands.map(|command| case.imgmirror(&[command, "--wait=10m"]).start());
    gate.open();
    assert_eq!(run.wait().code, Some(0));
    for waited in waiting {
        assert_eq!(waited.wait().code, Some(0));
    }
}

#[test]
fn samples_go_round_and_an_interrupted_check_goes_on() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page: String = (0..10).map(|number| format!("<img src='http://p.example/{number}.png'>")).collect();
    case.write("in/a.html", page);
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    for _ in 0..5 {
        assert_eq!(check(&case, 0, &["--sample=20%"])["blobs"]["hashed"], 2);
    }
    let never: i64 =
        catalog(&case).query_row("SELECT count(*) FROM blob WHERE checked IS NULL", [], |row| row.get(0)).unwrap();
    assert_eq!(never, 0);
    assert_eq!(check(&case, 0, &["--quick"])["blobs"]["hashed"], 0);
    // As a check of all bytes leaves it that was stopped after four of them.
    catalog(&case)
        .execute_batch(
            "INSERT INTO setting SELECT 'check-began', max(checked) FROM blob;
             UPDATE blob SET checked = checked - 1 WHERE digest IN (SELECT digest FROM blob LIMIT 6);
             UPDATE blob SET checked = (SELECT value FROM setting WHERE name = 'check-began')
                WHERE digest NOT IN (SELECT digest FROM blob LIMIT 6);",
        )
        .unwrap();
    let report = check(&case, 0, &[]);
    assert_eq!((&report["blobs"]["hashed"], &report["blobs"]["hashed_before"]), (&6.into(), &4.into()));
    let report = check(&case, 0, &[]);
    assert_eq!((&report["blobs"]["hashed"], &report["blobs"]["hashed_before"]), (&10.into(), &0.into()));
}

#[test]
fn a_site_that_was_edited_in_place_is_checked_where_it_lies() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.html", PAGE).write("static/i/logo.txt", "the site's own");
    let flags = ["sync", "posts", "--in-place", "--assets=static/i", "--link-base=/i/", "--yes"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    let report = check(&case, 0, &[]);
    assert_eq!(
        (found(&report), &report["documents"]["links"], &report["blobs"]["hashed"]),
        (vec![], &2.into(), &2.into())
    );

    // Its owner goes on writing: that is no damage.
    let post = case.text("posts/a.html");
    case.write("posts/a.html", format!("{post}<p>more</p><img src='http://p.example/new.png'>"));
    let expected = case.at("posts/a.html").into_os_string().into_string().unwrap();
    assert_eq!(found(&check(&case, 0, &[])), [pair("document-pending", &expected)]);
    case.write("posts/a.html", post);

    let picture = case.at("static/i").join(pictures::name_for_url(A));
    fs::remove_file(&picture).unwrap();
    let report = check(&case, 5, &[]);
    assert_eq!(found(&report)[0], pair("blob-lost", picture.to_str().unwrap()));
    assert_eq!(counts(&report)["link-dangling"], 1);
    // Where it cannot be had again, the journal knows what the post said; nothing touches the post here.
    let gone = Origin::new(|_| Answer::status(404));
    let before = case.text("posts/a.html");
    case.imgmirror(&["check", "--repair", "--retries=0"]).args(gone.flags()).run(5);
    assert_eq!(case.text("posts/a.html"), before);
    case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
    assert_eq!(fs::read(&picture).unwrap(), pictures::for_url(A));
}

#[test]
fn a_check_waits_for_nobody_and_needs_a_mirror() {
    let case = Case::new();
    case.run(1, &["check"]).stderr_has("there is no mirror at mirror");
    assert!(!case.exists("mirror"));

    let gate = Gate::closed();
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    case.write("in/a.html", PAGE);
    let run = case.imgmirror(&["sync", "in"]).args(origin.flags()).start();
    origin.wait_for(1);
    case.imgmirror(&["check"]).run_beside(4).stderr_has("another run");
    gate.open();
    assert_eq!(run.wait().code, Some(0));
    case.run(0, &["check"]);
}

#[test]
fn names_from_elsewhere_do_nothing_to_the_terminal() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    case.write("mirror/assets/\u{1b}[2Jx", "");
    case.run(0, &["check"]).stdout_has("\\u{1b}[2Jx").nowhere_has("\u{1b}");
    let ran = case.run(0, &["check", "--json"]);
    ran.nowhere_has("\u{1b}");
    assert_eq!(ran.json()["findings"][0]["subject"], json!("assets/\u{1b}[2Jx"));
}

#[test]
fn links_that_begin_with_a_prefix_lead_to_the_pictures_all_the_same() {
    for prefix in ["/images/", "https://cdn.example/a,b/"] {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        case.write("in/a.html", PAGE).write("in/b.md", "---\ncover: http://p.example/a.png\n---\n\ntext\n");
        case.imgmirror(&["sync", "in", "--link-base", prefix]).args(origin.flags()).run(0);
        let report = check(&case, 0, &[]);
        assert_eq!((found(&report), &report["documents"]["links"]), (vec![], &3.into()), "{prefix}");
        fs::remove_file(case.at(blob(A))).unwrap();
        assert_eq!(counts(&check(&case, 5, &[]))["link-dangling"], 2, "{prefix}");
    }
}
