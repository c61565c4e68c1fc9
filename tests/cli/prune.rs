//! `imgmirror prune`: what nothing needs goes to the trash, and nothing else does.

mod in_place;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;

use crate::support::{Answer, Case, Gate, Mirror, Origin, names, pictures, written};

/// A page with these pictures, named by their paths.
fn page(pictures: &[&str]) -> String {
    pictures.iter().map(|name| format!("<img src='http://p.example/{name}'>\n")).collect()
}

fn name(picture: &str) -> String {
    pictures::name_for_url(&format!("http://p.example/{picture}"))
}

fn catalog(case: &Case, mirror: &str) -> Connection {
    Connection::open(case.at(mirror).join("catalog.sqlite")).unwrap()
}

fn sync(case: &Case, origin: &Origin, flags: &[&str]) {
    case.imgmirror(&[&["sync", "in", "--quiet"], flags].concat()).args(origin.flags()).run(0);
}

fn prune(case: &Case, flags: &[&str]) -> Value {
    case.run(0, &[&["prune", "--json"], flags].concat()).json()
}

/// The names of the blobs in the trash.
fn trashed(case: &Case) -> Vec<String> {
    let mut found = Vec::new();
    for day in names(&case.at("mirror/trash")) {
        for folder in names(&case.at("mirror/trash").join(&day)).iter().filter(|name| *name != "documents") {
            found.extend(
                names(&case.at("mirror/trash").join(&day).join(folder)).iter().map(|name| format!("{folder}/{name}")),
            );
        }
    }
    found.sort();
    found
}

fn held(case: &Case) -> Vec<String> {
    Mirror::at(case.at("mirror")).blobs().into_keys().collect()
}

/// Sorted names of blobs.
fn of(pictures: &[&str]) -> Vec<String> {
    let mut of: Vec<_> = pictures.iter().map(|picture| name(picture)).collect();
    of.sort();
    of
}

/// Everything below a folder: what it holds, and when it was written.
fn state(folder: &Path) -> (BTreeMap<std::path::PathBuf, std::time::SystemTime>, Vec<Vec<u8>>) {
    let written = written(folder);
    let contents = written.keys().map(|path| fs::read(path).unwrap()).collect();
    (written, contents)
}

#[test]
fn a_picture_that_no_document_shows_any_more_goes_to_the_trash() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "shared.jpg"])).write("in/b.html", page(&["b.gif", "shared.jpg"]));
    sync(&case, &origin, &[]);
    let plan = prune(&case, &[]);
    assert_eq!((&plan["blobs"], &plan["removed"]["count"]), (&3.into(), &0.into()));
    case.run(0, &["prune"]).stdout_has("all 3 pictures are needed");

    case.write("in/b.html", page(&["shared.jpg"]));
    sync(&case, &origin, &[]);
    let plan = prune(&case, &[]);
    assert_eq!((&plan["removed"]["count"], &plan["removed"]["names"][0]), (&1.into(), &name("b.gif").into()));
    assert_eq!(plan["removed_bytes"], pictures::for_url("http://p.example/b.gif").len());
    assert_eq!((held(&case), trashed(&case)), (of(&["a.png", "shared.jpg"]), of(&["b.gif"])));
    Mirror::at(case.at("mirror")).assert_layout();
    assert_eq!(prune(&case, &[])["removed"]["count"], 0);

    // What is in the trash is not held: it is had anew when it is wanted again.
    case.write("in/b.html", page(&["b.gif"]));
    origin.take_log();
    sync(&case, &origin, &[]);
    assert_eq!(origin.take_urls(), ["http://p.example/b.gif"]);
    assert_eq!(held(&case), of(&["a.png", "b.gif", "shared.jpg"]));
}

#[test]
fn a_dry_run_says_what_would_go_and_writes_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "c.png"])).write("in/b.html", page(&["b.png"]));
    sync(&case, &origin, &[]);
    fs::remove_file(case.at("in/b.html")).unwrap();
    sync(&case, &origin, &[]);
    let before = state(&case.root());
    let plan = prune(&case, &["--dry-run"]);
    assert_eq!(
        (&plan["dry_run"], &plan["removed"]["count"], &plan["copies"]["count"]),
        (&true.into(), &1.into(), &1.into())
    );
    case.run(0, &["prune", "--dry-run"]).stdout_has(&name("b.png")).stdout_has("b.html").stdout_has("nothing was");
    assert_eq!(state(&case.root()), before);
    // Afterwards it is done.
    assert_eq!(prune(&case, &[])["removed"], plan["removed"]);
    assert_eq!(held(&case), of(&["a.png", "c.png"]));
}

#[test]
fn the_copy_of_a_document_that_is_gone_goes_with_its_pictures() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "shared.png"])).write("in/2021/b.html", page(&["b.png", "shared.png"]));
    sync(&case, &origin, &[]);
    let copy = case.read("mirror/documents/2021/b.html");
    fs::remove_dir_all(case.at("in/2021")).unwrap();
    // Until a run has seen that it is gone, it may be on its way back.
    assert_eq!(prune(&case, &[])["copies"]["count"], 0);
    sync(&case, &origin, &[]);
    let plan = prune(&case, &[]);
    assert_eq!((&plan["copies"]["names"][0], &plan["removed"]["count"]), (&"2021/b.html".into(), &1.into()));
    assert_eq!(names(&case.at("mirror/documents")), ["a.html"]);
    let day = names(&case.at("mirror/trash")).remove(0);
    assert_eq!(case.read(format!("mirror/trash/{day}/documents/2021/b.html")), copy);
    assert_eq!((held(&case), trashed(&case)), (of(&["a.png", "shared.png"]), of(&["b.png"])));
    let documents: i64 =
        catalog(&case, "mirror").query_row("SELECT count(*) FROM document", [], |row| row.get(0)).unwrap();
    assert_eq!(documents, 1);

    // It comes back with everything.
    case.write("in/2021/b.html", page(&["b.png", "shared.png"]));
    sync(&case, &origin, &[]);
    assert_eq!(case.read("mirror/documents/2021/b.html"), copy);
    assert_eq!(held(&case), of(&["a.png", "b.png", "shared.png"]));
}

#[test]
fn a_document_that_is_back_keeps_what_it_had() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png"])).write("in/b.html", page(&["b.png"]));
    sync(&case, &origin, &[]);
    fs::remove_file(case.at("in/b.html")).unwrap();
    sync(&case, &origin, &[]);
    case.write("in/b.html", page(&["b.png"]));
    let plan = prune(&case, &[]);
    assert_eq!((&plan["returned"]["names"][0], &plan["removed"]["count"]), (&"b.html".into(), &0.into()));
    assert!(case.exists("mirror/documents/b.html"));
}

#[test]
fn an_input_that_is_not_there_empties_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png"]))
        .write("disk/b.html", page(&["b.png"]))
        .write("disk/c.html", page(&["a.png"]));
    case.imgmirror(&["sync", "in", "disk", "--quiet"]).args(origin.flags()).run(0);
    fs::rename(case.at("disk"), case.at("elsewhere")).unwrap();
    let before = state(&case.at("mirror/assets"));
    let refused = |told: &str| {
        let ran = case.run(1, &["prune", "--yes"]);
        ran.stderr_has("disk").stderr_has(told).stderr_has("nothing was removed").stderr_has("--forget-input");
        assert_eq!(state(&case.at("mirror/assets")), before);
        assert!(case.exists("mirror/documents/disk/b.html") && !case.exists("mirror/trash"));
    };
    refused("is not there");
    // As it is where a disk is not mounted: the folder is there, and empty.
    fs::create_dir(case.at("disk")).unwrap();
    refused("is empty");
    // Mounted again.
    fs::remove_dir(case.at("disk")).unwrap();
    fs::rename(case.at("elsewhere"), case.at("disk")).unwrap();
    assert_eq!(prune(&case, &[])["removed"]["count"], 0);

    // Gone for good.
    fs::remove_dir_all(case.at("disk")).unwrap();
    let plan = prune(&case, &["--forget-input=disk"]);
    assert_eq!((&plan["copies"]["count"], &plan["removed"]["count"]), (&2.into(), &1.into()));
    assert_eq!(held(&case), of(&["a.png"]));
    assert_eq!(names(&case.at("mirror/documents")), ["in"]);
    assert_eq!(prune(&case, &[])["copies"]["count"], 0);
    let told = prune(&case, &["--forget-input=disk"]);
    assert_eq!(told["no_inputs"]["names"][0], case.at("disk").to_str().unwrap());
}

#[test]
fn an_input_that_is_still_there_can_be_forgotten() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "c.png"])).write("in/old/b.html", page(&["b.png"]));
    sync(&case, &origin, &[]);
    catalog(&case, "mirror")
        .execute("INSERT INTO input VALUES (?1, 1)", [case.at("in/old").to_str().unwrap()])
        .unwrap();
    // It lies in another input, which has its documents all the same.
    assert_eq!(prune(&case, &["--forget-input=in/old"])["copies"]["count"], 0);
    let plan = prune(&case, &["--forget-input=in", "--yes"]);
    assert_eq!((&plan["copies"]["count"], &plan["removed"]["count"]), (&2.into(), &3.into()));
    assert!(case.exists("in/a.html") && !case.exists("mirror/documents/a.html"));
    assert_eq!(prune(&case, &[])["blobs"], 0);
}

#[test]
fn without_a_sound_catalog_nothing_is_removed() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.run(1, &["prune"]).stderr_has("there is no mirror").stderr_has("mirror/catalog.sqlite");
    assert_eq!(names(&case.root()), Vec::<String>::new());

    case.write("in/a.html", page(&["a.png"])).write("none/b.html", "<p>no pictures</p>");
    sync(&case, &origin, &[]);
    let pictures = held(&case);
    let kept = case.read("mirror/catalog.sqlite");
    // Another catalog, which has never seen these pictures.
    fs::remove_file(case.at("mirror/catalog.sqlite")).unwrap();
    fs::create_dir(case.at("nothing")).unwrap();
    case.run(0, &["sync", "nothing"]);
    for flags in [&["prune", "--yes"][..], &["prune", "--dry-run"]] {
        case.run(1, flags).stderr_has("knows of no document").stderr_has("nothing was removed");
    }
    for damaged in [&b""[..], b"no database at all, but text", &kept[..kept.len() / 2]] {
        for name in names(&case.at("mirror")).iter().filter(|name| name.starts_with("catalog")) {
            fs::remove_file(case.at("mirror").join(name)).unwrap();
        }
        case.write("mirror/catalog.sqlite", damaged);
        for flags in [&["prune", "--yes"][..], &["prune", "--dry-run"]] {
            case.run(1, flags).stderr_has("catalog");
        }
        assert_eq!(case.read("mirror/catalog.sqlite"), damaged);
    }
    assert_eq!(held(&case), pictures);
    assert!(!case.exists("mirror/trash") && case.exists("mirror/documents/a.html"));
}

#[test]
fn a_picture_that_changed_keeps_all_its_versions_until_told_otherwise() {
    let case = Case::new();
    let origin = Origin::of_pictures();
    case.write("in/a.html", page(&["a.png", "b.png"]));
    sync(&case, &origin, &[]);
    origin.answers(|_| Answer::ok(pictures::png("changed")));
    sync(&case, &origin, &["--refresh"]);
    let versions = held(&case);
    assert_eq!(versions.len(), 3);
    assert_eq!(prune(&case, &[])["removed"]["count"], 0);
    assert_eq!(prune(&case, &["--captures=all"])["removed"]["count"], 0);
    assert_eq!(held(&case), versions);
    let plan = prune(&case, &["--captures=current"]);
    assert_eq!(plan["removed"]["count"], 1);
    // What documents show is what came first.
    assert_eq!(held(&case), of(&["a.png", "b.png"]));
    assert_eq!(
        fs::read(case.at("mirror/trash").join(names(&case.at("mirror/trash")).remove(0)).join(&trashed(&case)[0]))
            .unwrap(),
        pictures::png("changed")
    );
}

#[test]
fn pictures_of_a_list_are_needed_by_the_last_list() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png"])).write("urls", "http://p.example/b.png\nhttp://p.example/c.png\n");
    sync(&case, &origin, &["--urls=urls"]);
    // A run without a list says nothing about it.
    sync(&case, &origin, &[]);
    assert_eq!(prune(&case, &[])["removed"]["count"], 0);
    case.write("urls", "http://p.example/c.png\n");
    sync(&case, &origin, &["--urls=urls"]);
    assert_eq!(prune(&case, &[])["removed"]["names"][0], name("b.png"));
    assert_eq!(held(&case), of(&["a.png", "c.png"]));
}

#[test]
fn what_is_no_blob_is_left_alone_and_a_blob_that_nobody_knows_is_not() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "b.png"]));
    sync(&case, &origin, &[]);
    let stray = pictures::name_for_url("http://elsewhere.example/x.gif");
    case.write(format!("mirror/assets/{stray}"), pictures::for_url("http://elsewhere.example/x.gif"));
    let digest = "ab".repeat(32);
    let others = [
        "assets/mine.png".to_owned(),
        "assets/holidays/1.jpg".to_owned(),
        format!("assets/ab/{digest}.exe"),
        format!("assets/ab/{digest}"),
        format!("assets/cd/{digest}.png"),
        "assets/ab/\u{1b}[2J.png".to_owned(),
    ];
    for other in &others {
        case.write(format!("mirror/{other}"), "mine");
    }
    let ran = case.run(0, &["prune"]);
    ran.stdout_has("1 of 3").stdout_has("1 of them unknown").stdout_has("mine.png").nowhere_has("\u{1b}");
    assert_eq!(trashed(&case), [stray]);
    for other in &others {
        assert_eq!(case.text(format!("mirror/{other}")), "mine");
    }
    assert_eq!(prune(&case, &[])["others"]["count"], 6);
}

#[cfg(unix)]
#[test]
fn links_among_the_pictures_lead_nowhere() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png"]));
    sync(&case, &origin, &[]);
    let stray = pictures::name_for_url("http://elsewhere.example/x.gif");
    case.write(format!("outside/{}", &stray[3..]), "not in the mirror");
    let (folder, file) = stray.split_once('/').unwrap();
    std::os::unix::fs::symlink(case.at("outside"), case.at("mirror/assets").join(folder)).unwrap();
    let of_a = name("a.png");
    let beside = format!("mirror/assets/{}/{}{}", &of_a[..2], &of_a[..2], &file[2..]);
    std::os::unix::fs::symlink(case.at("outside").join(file), case.at(&beside)).unwrap();
    let plan = prune(&case, &["--yes"]);
    assert_eq!((&plan["removed"]["count"], &plan["others"]["count"]), (&0.into(), &2.into()));
    assert_eq!(case.text(format!("outside/{file}")), "not in the mirror");
}

#[test]
fn what_a_document_names_stays_whatever_the_catalog_believes() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let wide: Vec<u8> =
        "\u{feff}".encode_utf16().chain(page(&["b.png"]).encode_utf16()).flat_map(u16::to_le_bytes).collect();
    case.write("in/a.html", page(&["a.png"])).write("in/wide.html", wide).write("in/c.html", page(&["c.png", "d.png"]));
    sync(&case, &origin, &[]);
    case.write("in/c.html", page(&["d.png"]));
    sync(&case, &origin, &[]);
    catalog(&case, "mirror").execute("DELETE FROM reference", []).unwrap();
    let plan = prune(&case, &["--yes"]);
    assert_eq!((&plan["named"]["count"], &plan["removed"]["names"][0]), (&3.into(), &name("c.png").into()));
    assert_eq!(held(&case), of(&["a.png", "b.png", "d.png"]));
    case.run(0, &["prune"]).stdout_has("only the text of a document names");
}

#[test]
fn a_document_that_was_not_read_to_its_end_may_need_anything() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "b.png"])).write("in/c.html", page(&["c.png"]));
    sync(&case, &origin, &[]);
    // As it is when a run is killed between two transactions.
    let unfinished = "UPDATE document SET size = NULL WHERE path = 'a.html'";
    catalog(&case, "mirror").execute(unfinished, []).unwrap();
    catalog(&case, "mirror").execute("DELETE FROM reference WHERE start > 60", []).unwrap();
    case.run(1, &["prune", "--yes"]).stderr_has("in/a.html").stderr_has("nothing was removed").stderr_has("sync");
    sync(&case, &origin, &[]);
    assert_eq!(prune(&case, &[])["removed"]["count"], 0);
    assert_eq!(held(&case).len(), 3);
}

#[test]
fn more_than_half_is_removed_only_by_those_who_agree() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "b.png", "c.png"]));
    sync(&case, &origin, &[]);
    case.write("in/a.html", page(&["a.png"]));
    sync(&case, &origin, &[]);
    for environment in [("IMGMIRROR_YES", "true"), ("IMGMIRROR_QUIET", "true")] {
        // To agree to what `sync` edits is not to agree to this.
        let run = case.imgmirror(&["prune"]).env(environment.0, environment.1);
        run.run(1).stderr_has("2 of 3 pictures").stderr_has("--yes");
        assert_eq!(held(&case).len(), 3);
    }
    assert_eq!(prune(&case, &["--yes"])["removed"]["count"], 2);
    assert_eq!(held(&case), of(&["a.png"]));
}

#[test]
fn the_trash_is_emptied_by_the_age_of_its_folders() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png", "c.png"])).write("in/b.html", page(&["b.png"]));
    sync(&case, &origin, &[]);
    case.write("in/b.html", "<p>");
    sync(&case, &origin, &[]);
    prune(&case, &[]);
    let today = names(&case.at("mirror/trash")).remove(0);
    for name in ["2020-01-01", "9999-01-01", "notes"] {
        case.write(format!("mirror/trash/{name}/ab/x"), "12345");
    }
    let left = |flags: &[&str]| {
        prune(&case, flags);
        names(&case.at("mirror/trash"))
    };
    assert_eq!(prune(&case, &["--dry-run"])["deleted"]["names"], serde_json::json!(["2020-01-01"]));
    assert_eq!(prune(&case, &["--dry-run"])["deleted_bytes"], 5);
    assert_eq!(left(&["--trash-age=10y"]), ["2020-01-01", &today, "9999-01-01", "notes"]);
    assert_eq!(left(&[]), [&today, "9999-01-01", "notes"]);
    assert_eq!(left(&["--trash-age=0"]), ["9999-01-01", "notes"]);
    assert_eq!(left(&["--empty-trash"]), ["notes"]);
    case.run(2, &["prune", "--empty-trash", "--trash-age=1d"]);
    // What this run removes goes with the rest.
    case.write("in/a.html", page(&["a.png"]));
    sync(&case, &origin, &[]);
    assert_eq!(left(&["--empty-trash"]), ["notes"]);
    assert_eq!(held(&case), of(&["a.png"]));
}

#[test]
fn the_settings_name_the_mirror() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", page(&["a.png"])).write("imgmirror.toml", "output = 'kept'\n");
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(0);
    case.run(0, &["prune"]).stdout_has("all 1 pictures are needed");
    case.run(1, &["prune", "-o", "nowhere"]).stderr_has("nowhere");
}

#[test]
fn a_run_that_holds_the_lock_is_waited_for() {
    let (case, gate) = (Case::new(), Gate::closed());
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    case.write("in/a.html", page(&["a.png"]));
    let run = case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).start();
    origin.wait_for(1);
    case.imgmirror(&["prune"]).run_beside(4).stderr_has(&run.id().to_string());
    gate.open();
    assert_eq!(run.wait().code, Some(0));
}

/// Pictures that nothing needs, enough for a kill to fall between two of them.
const UNNEEDED: usize = 200;

#[cfg(unix)]
#[test]
fn a_prune_that_is_killed_is_finished_by_the_next_one() {
    let origin = Origin::of_pictures();
    let pictures: Vec<_> = (0..UNNEEDED).map(|number| format!("{number}.png")).collect();
    let pictures: Vec<_> = pictures.iter().map(String::as_str).collect();
    let case = Case::new();
    case.write("in/a.html", page(&["kept.png"]))
        .write("in/b.html", page(&pictures))
        .write("in/c.html", page(&["kept.png"]));
    sync(&case, &origin, &[]);
    for name in ["b.html", "c.html"] {
        fs::remove_file(case.at("in").join(name)).unwrap();
    }
    sync(&case, &origin, &[]);
    let whole = copied(&case);
    for files in [1, 3, 50, UNNEEDED] {
        let case = copied(&whole);
        let mut run = case.imgmirror(&["prune", "--yes"]).start();
        // Ends with the run at the latest, which may be over before anything is seen.
        while !run.has_ended() && written_or_none(&case.at("mirror/trash")) < files {
            std::thread::yield_now();
        }
        run.kill();
        run.wait();
        // Whatever a document names is there, at any time.
        for document in names(&case.at("mirror/documents")) {
            for line in crate::support::lines(&case, &[&format!("mirror/documents/{document}")]) {
                assert!(case.exists(Path::new("mirror/documents").join(&line.raw)), "{files}: {line:?}");
            }
        }
        case.run(0, &["prune", "--yes"]);
        assert_eq!((held(&case), names(&case.at("mirror/documents"))), (of(&["kept.png"]), vec!["a.html".to_owned()]));
        assert_eq!(trashed(&case), of(&pictures), "{files}");
        Mirror::at(case.at("mirror")).assert_layout();
        let left: (i64, i64) = catalog(&case, "mirror")
            .query_row("SELECT (SELECT count(*) FROM blob), (SELECT count(*) FROM document)", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(left, (1, 1));
        assert_eq!(prune(&case, &[])["removed"]["count"], 0);
    }
}

/// How many files are below a folder that may not be there, and that changes.
#[cfg(unix)]
fn written_or_none(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let count = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => written_or_none(&entry.path()),
        _ => 1,
    };
    entries.flatten().map(count).sum()
}

/// Another case with the same files. Its catalog is told where they are now.
#[cfg(unix)]
fn copied(case: &Case) -> Case {
    let copy = Case::new();
    for path in written(&case.root()).keys() {
        copy.write(path.strip_prefix(case.root()).unwrap(), fs::read(path).unwrap());
    }
    let (from, to) = (case.root().to_str().unwrap().to_owned(), copy.root().to_str().unwrap().to_owned());
    let catalog = catalog(&copy, "mirror");
    catalog.execute("UPDATE document SET source = replace(source, ?1, ?2)", [&from, &to]).unwrap();
    catalog.execute("UPDATE input SET path = replace(path, ?1, ?2)", [&from, &to]).unwrap();
    drop(catalog);
    copy
}
