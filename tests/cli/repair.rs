//! `check --repair` and `check --rebuild`: what is lost is had again, nothing is made worse, and nothing is thrown away.

use std::collections::BTreeMap;
use std::fs;

use crate::check::{A, B, PAGE, blob, catalog, check, counts, flip_one_bit, found, pair, whole};
use crate::support::{Answer, Case, Gate, Origin, names, pictures, written};

#[test]
fn a_corrupt_file_is_kept_in_the_trash_when_its_picture_is_had_again() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    flip_one_bit(&case, &blob(A));
    let corrupt = case.read(blob(A));
    origin.take_log();
    let report = case.imgmirror(&["check", "--repair", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!(origin.take_urls(), [A]);
    assert_eq!((&report["repaired"]["blobs"], &report["repaired"]["lost"]), (&1.into(), &0.into()));
    let days = names(&case.at("mirror/trash"));
    assert_eq!(days.len(), 1);
    let kept = format!("mirror/trash/{}/{}", days[0], pictures::name_for_url(A));
    assert_eq!(case.read(kept), corrupt);
}

#[test]
fn what_cannot_be_had_again_leaves_the_documents_as_they_were_written() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    flip_one_bit(&case, &blob(A));
    origin.answers(|_| Answer::status(404));
    let ran = case.imgmirror(&["check", "--repair", "--retries=0", "--json"]).args(origin.flags()).run(3);
    let report = ran.json();
    assert_eq!((&report["repaired"]["lost"], &report["repaired"]["documents"]), (&1.into(), &2.into()));
    assert_eq!(counts(&report), BTreeMap::from([("missing".to_owned(), 2)]));
    let expected = PAGE.replace(B, &format!("../assets/{}", pictures::name_for_url(B)));
    assert_eq!(case.text("mirror/documents/a.html"), expected);
    check(&case, 3, &[]);
    // And the next run takes it up like any other picture.
    origin.answers(Answer::picture);
    case.imgmirror(&["sync", "in", "--retry-failed"]).args(origin.flags()).run(0);
    assert_eq!(found(&check(&case, 0, &[])), []);
}

#[test]
fn a_picture_that_is_back_needs_no_document_written() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    fs::remove_file(case.at(blob(A))).unwrap();
    fs::remove_dir_all(case.at("in")).unwrap();
    let before = written(&case.at("mirror/documents"));
    let report = case.imgmirror(&["check", "--repair", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!((&report["repaired"]["documents"], &report["repaired"]["failed"]), (&0.into(), &0.into()));
    assert_eq!(written(&case.at("mirror/documents")), before);
}

#[test]
fn a_repair_that_is_stopped_or_killed_is_finished_by_the_next() {
    for (signal, code) in [("INT", Some(130)), ("KILL", None)] {
        let origin = Origin::of_pictures();
        let case = whole(&origin);
        flip_one_bit(&case, &blob(A));
        fs::remove_file(case.at(blob(B))).unwrap();
        let gate = Gate::closed();
        let held = gate.clone();
        origin.answers(move |asked| Answer::picture(asked).held_at(&held));
        origin.take_log();
        let run = case.imgmirror(&["check", "--repair"]).args(origin.flags()).start();
        origin.wait_for(2);
        run.signal(signal);
        assert_eq!(run.wait().code, code);
        gate.open();
        // What was corrupt is in its place or in the trash, and nothing pretends to be whole.
        assert!(check(&case, 5, &[])["damage"].as_u64().unwrap() >= 2, "{signal}");
        case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
        assert_eq!(found(&check(&case, 0, &[])), [], "{signal}");
        assert_eq!(case.read(blob(A)), pictures::for_url(A), "{signal}");
        assert_eq!(case.read(blob(B)), pictures::for_url(B), "{signal}");
    }
}

#[test]
fn a_corrupt_picture_stays_where_it_is_still_named_and_cannot_be_had() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    flip_one_bit(&case, &blob(A));
    let corrupt = case.read(blob(A));
    // Without its source, a document cannot be written anew.
    fs::remove_file(case.at("in/a.html")).unwrap();
    origin.answers(|_| Answer::status(404));
    let ran = case.imgmirror(&["check", "--repair", "--retries=0"]).args(origin.flags()).run(5);
    ran.stdout_has("Damage remains").stdout_has("1 picture could not be had again").stdout_has("blob-corrupt");
    assert_eq!(case.read(blob(A)), corrupt);
    let report = check(&case, 5, &[]);
    assert_eq!(counts(&report).get("link-dangling"), None, "{report}");
    // Had again after all.
    origin.answers(Answer::picture);
    case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
    assert_eq!(case.read(blob(A)), pictures::for_url(A));
}

#[test]
fn lost_and_changed_documents_are_told_and_written_anew() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    let (page, note) = (case.text("mirror/documents/a.html"), case.text("mirror/documents/b/c.md"));
    let changed = page.replace("text", "another text");
    case.write("mirror/documents/a.html", &changed);
    fs::remove_file(case.at("mirror/documents/b/c.md")).unwrap();
    let report = check(&case, 5, &[]);
    let expected = [
        pair("document-lost", "documents/b/c.md"),
        pair("document-changed", "documents/a.html"),
        pair("empty-folder", "documents/b"),
    ];
    assert_eq!(found(&report), expected);
    let report = case.imgmirror(&["check", "--repair", "--json"]).args(origin.flags()).run(0).json();
    assert_eq!((&report["repaired"]["documents"], found(&report)), (&2.into(), vec![]));
    assert_eq!((case.text("mirror/documents/a.html"), case.text("mirror/documents/b/c.md")), (page, note));
    let days = names(&case.at("mirror/trash"));
    assert_eq!(case.text(format!("mirror/trash/{}/documents/a.html", days[0])), changed);
}

#[test]
fn a_lost_catalog_is_damage_and_is_rebuilt_from_what_is_there() {
    type Harm = fn(&Case);
    let table: [(&str, &str, Harm); 4] = [
        ("deleted", "catalog-lost", |case| fs::remove_file(case.at("mirror/catalog.sqlite")).unwrap()),
        ("emptied", "catalog-damaged", |case| {
            case.write("mirror/catalog.sqlite", "");
        }),
        ("truncated", "catalog-damaged", |case| {
            let bytes = case.read("mirror/catalog.sqlite");
            case.write("mirror/catalog.sqlite", &bytes[..bytes.len() / 2]);
        }),
        ("overwritten", "catalog-damaged", |case| {
            case.write("mirror/catalog.sqlite", "no database".repeat(999));
        }),
    ];
    for (how, kind, harm) in table {
        let origin = Origin::of_pictures();
        let case = whole(&origin);
        harm(&case);
        let lost = case.exists("mirror/catalog.sqlite").then(|| case.read("mirror/catalog.sqlite"));
        let report = check(&case, 5, &[]);
        assert!(counts(&report).keys().eq([kind]), "{how}: {report}");
        case.run(5, &["check", "--repair"]).stdout_has("imgmirror check --rebuild");

        let report = case.imgmirror(&["check", "--rebuild", "--json"]).run(0).json();
        assert_eq!((&report["rebuilt"]["blobs"], &report["rebuilt"]["documents"]), (&2.into(), &2.into()), "{how}");
        assert_eq!(counts(&report), BTreeMap::from([("document-pending".to_owned(), 2)]), "{how}");
        assert_eq!(lost, lost.as_ref().map(|_| case.read("mirror/catalog.sqlite.damaged-1")), "{how}");
        case.run(2, &["check", "--rebuild"]).stderr_has("the catalog is whole");

        // The pictures are found again by their content, and the documents come out the same.
        let page = case.text("mirror/documents/a.html");
        let summary = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
        assert_eq!(summary["bytes"]["stored"], 0, "{how}");
        assert_eq!(case.text("mirror/documents/a.html"), page, "{how}");
        assert_eq!(found(&check(&case, 0, &[])), [], "{how}");
    }
}

#[test]
fn a_rebuild_says_what_is_not_whole_and_keeps_every_old_catalog() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    flip_one_bit(&case, &blob(A));
    for number in 1..=2 {
        case.write("mirror/catalog.sqlite", format!("no database {number}"));
        let report = case.imgmirror(&["check", "--rebuild", "--json"]).run(5).json();
        assert_eq!(report["rebuilt"]["blobs"], 1);
        assert!(found(&report).contains(&pair("blob-corrupt", &blob(A))), "{report}");
        assert_eq!(case.text(format!("mirror/catalog.sqlite.damaged-{number}")), format!("no database {number}"));
    }
    fs::remove_file(case.at("mirror/catalog.sqlite")).unwrap();
    let ran = case.run(5, &["check", "--rebuild"]);
    ran.stdout_has("Rebuilt").stdout_has("from 1 picture and 2 documents").stdout_has("imgmirror sync INPUT");
    assert!(!case.exists("mirror/catalog.sqlite.damaged-3"));
    assert_eq!(names(&case.at("mirror/tmp")), Vec::<String>::new());
}

#[test]
fn a_rebuild_of_a_site_reads_from_the_damaged_catalog_where_the_pictures_are() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.html", PAGE);
    let flags = ["sync", "posts", "--in-place", "--assets=i", "--yes"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    // Damaged where it does not matter for that.
    let name = pictures::name_for_url(A)[3..67].to_owned();
    let bytes = case.read("mirror/catalog.sqlite");
    catalog(&case).execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let index: i64 = catalog(&case)
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'reference_asset'", [], |row| row.get(0))
        .unwrap();
    let page: i64 = catalog(&case).query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
    let mut damaged = case.read("mirror/catalog.sqlite");
    let start = ((index - 1) * page) as usize;
    damaged[start..start + page as usize].fill(0);
    assert_eq!(damaged.len(), bytes.len());
    case.write("mirror/catalog.sqlite", damaged);
    assert!(counts(&check(&case, 5, &[])).contains_key("catalog-damaged"));
    let report = case.imgmirror(&["check", "--rebuild", "--json"]).run(0).json();
    assert_eq!(report["rebuilt"]["blobs"], 2);
    let known: i64 = catalog(&case)
        .query_row(&format!("SELECT count(*) FROM blob WHERE digest = x'{name}'"), [], |row| row.get(0))
        .unwrap();
    assert_eq!(known, 1);

    // Without any catalog nobody knows where its pictures are.
    fs::remove_file(case.at("mirror/catalog.sqlite")).unwrap();
    case.run(1, &["check", "--rebuild"]).stderr_has("nothing to rebuild the catalog from");
    assert_eq!(names(&case.at("mirror/tmp")), Vec::<String>::new());
}

#[test]
fn a_folder_of_pictures_that_is_not_mounted_is_no_reason_to_forget_them() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.html", PAGE);
    let flags = ["sync", "posts", "--in-place", "--assets=disk/i", "--yes"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    fs::rename(case.at("disk"), case.at("elsewhere")).unwrap();
    origin.take_log();
    let ran = case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(1);
    ran.stderr_has("disk/i").stderr_has("mount it");
    assert_eq!(origin.take_urls(), Vec::<String>::new());
    fs::rename(case.at("elsewhere"), case.at("disk")).unwrap();
    assert_eq!(found(&check(&case, 0, &[])), []);
}

/// A case whose documents are edited in place, with their pictures on another disk; `None` where there is no other.
#[cfg(target_os = "linux")]
fn site_on_two_disks(origin: &Origin) -> Option<(Case, tempfile::TempDir, std::path::PathBuf)> {
    use std::os::unix::fs::MetadataExt as _;
    let case = Case::new();
    let disk = tempfile::Builder::new().prefix("imgmirror-test-").tempdir_in("/dev/shm").ok()?;
    if fs::metadata(disk.path()).unwrap().dev() == fs::metadata(case.root()).unwrap().dev() {
        return None;
    }
    let assets = disk.path().join("i");
    case.write("posts/a.html", PAGE);
    let assets_flag = format!("--assets={}", assets.display());
    case.imgmirror(&["sync", "posts", "--in-place", "--yes"]).args([assets_flag]).args(origin.flags()).run(0);
    Some((case, disk, assets.join(pictures::name_for_url(A))))
}

#[cfg(target_os = "linux")]
#[test]
fn pictures_on_another_disk_are_repaired_where_they_lie_or_stay() {
    let origin = Origin::of_pictures();
    let Some((case, _disk, picture)) = site_on_two_disks(&origin) else { return };
    let mut corrupt = fs::read(&picture).unwrap();
    corrupt[9] ^= 1;
    fs::write(&picture, &corrupt).unwrap();
    origin.answers(|_| Answer::status(404));
    case.imgmirror(&["check", "--repair", "--retries=0"]).args(origin.flags()).run(5).stdout_has("Damage remains");
    assert_eq!(fs::read(&picture).unwrap(), corrupt);
    assert!(!case.exists("mirror/trash"), "what was not replaced needs no copy");
    origin.answers(Answer::picture);
    case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
    assert_eq!(fs::read(&picture).unwrap(), pictures::for_url(A));
    let day = names(&case.at("mirror/trash")).remove(0);
    assert_eq!(case.read(format!("mirror/trash/{day}/{}", pictures::name_for_url(A))), corrupt);
}

/// Kills a repair that has asked for the picture A, whose file has a wrong bit.
#[cfg(unix)]
fn kill_while_asking(case: &Case, origin: &Origin) -> Vec<u8> {
    flip_one_bit(case, &blob(A));
    let (gate, corrupt) = (Gate::closed(), case.read(blob(A)));
    let held = gate.clone();
    origin.answers(move |asked| Answer::picture(asked).held_at(&held));
    origin.take_log();
    let run = case.imgmirror(&["check", "--repair"]).args(origin.flags()).start();
    origin.wait_for(1);
    run.signal("KILL");
    assert_eq!(run.wait().code, None);
    gate.open();
    corrupt
}

#[cfg(unix)]
#[test]
fn every_link_opens_a_file_whenever_a_repair_is_killed() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    let corrupt = kill_while_asking(&case, &origin);
    assert_eq!(case.read(blob(A)), corrupt);
    let report = check(&case, 5, &[]);
    assert_eq!(counts(&report).get("link-dangling"), None, "{report}");
    assert!(found(&report).contains(&pair("blob-corrupt", &blob(A))), "{report}");
    // Not only a repair goes on from there.
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(case.read(blob(A)), pictures::for_url(A));
    assert_eq!(found(&check(&case, 0, &[])), []);
}

#[cfg(unix)]
#[test]
fn a_list_of_urls_stays_wanted_when_a_repair_is_killed() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    case.write("urls", "http://p.example/listed.png\n");
    case.imgmirror(&["sync", "--urls=urls"]).args(origin.flags()).run(0);
    kill_while_asking(&case, &origin);
    case.run(0, &["prune"]).stdout_has("all 3 pictures are needed");
    assert!(case.exists(blob("http://p.example/listed.png")));
}

#[test]
fn a_repair_hides_nothing_that_the_last_sync_could_not_do() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE).write("in/large.html", "x".repeat(2000));
    case.imgmirror(&["sync", "in", "--max-document=1000"]).args(origin.flags()).run(3);
    let before = case.run(3, &["status"]).stdout.clone();
    flip_one_bit(&case, &blob(A));
    case.imgmirror(&["check", "--repair"]).args(origin.flags()).run(0);
    assert_eq!(case.run(3, &["status"]).stdout, before);
}

#[test]
fn what_the_copy_of_a_document_without_source_names_stays() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    fs::remove_file(case.at("in/a.html")).unwrap();
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    assert_eq!(found(&check(&case, 0, &[])), [pair("document-released", "documents/a.html")]);
    case.run(0, &["check"]).stdout_has("imgmirror prune").nowhere_has("imgmirror sync");
    flip_one_bit(&case, &blob(B));
    let corrupt = case.read(blob(B));
    origin.answers(|_| Answer::status(404));
    case.imgmirror(&["check", "--repair", "--retries=0"]).args(origin.flags()).run(5);
    assert_eq!(case.read(blob(B)), corrupt);
    assert_eq!(counts(&check(&case, 5, &[])).get("link-dangling"), None);
}

#[test]
fn what_a_document_that_cannot_be_read_may_name_stays() {
    let origin = Origin::of_pictures();
    let case = whole(&origin);
    flip_one_bit(&case, &blob(B));
    let corrupt = case.read(blob(B));
    fs::remove_file(case.at("mirror/documents/b/c.md")).unwrap();
    fs::create_dir(case.at("mirror/documents/b/c.md")).unwrap();
    origin.answers(|_| Answer::status(404));
    case.imgmirror(&["check", "--repair", "--retries=0"]).args(origin.flags()).run(5);
    assert_eq!(case.read(blob(B)), corrupt);
}
