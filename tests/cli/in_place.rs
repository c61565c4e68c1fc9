//! `sync --in-place`: a site's own documents are edited where they are, and the journal can take it all back.

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{
    Answer, Case, Origin, assert_adds_up, blobs, lines, names, pictures, seeds, with_local_copies, written,
};

/// The layout of a Hexo site: posts, and pictures that are served from /images/.
const HEXO: [&str; 9] = [
    "sync",
    "source/_posts",
    "--in-place",
    "--assets=source/images/mirror",
    "--link-base=/images/mirror/",
    "--yes",
    "-o=.mirror",
    "--json",
    "--retries=0",
];

fn hexo(case: &Case, origin: &Origin, code: i32) -> Value {
    let summary = case.imgmirror(&HEXO).args(origin.flags()).run(code).json();
    assert_adds_up(&summary);
    summary
}

/// What the journal makes of a document's bytes when its edits are taken back, the last generation first.
///
/// Reads the tables by itself: whoever keeps the catalog must be able to do this without the program.
pub fn undone(case: &Case, mirror: &str, source: &str) -> Vec<u8> {
    let catalog = Connection::open(case.at(mirror).join("catalog.sqlite")).unwrap();
    let mut bytes = case.read(source);
    let mut generations = catalog
        .prepare(
            "SELECT rewrite.id, before, after FROM rewrite JOIN document ON document.id = rewrite.document
             WHERE document.source = ?1 ORDER BY generation DESC",
        )
        .unwrap();
    let kept = case.at(source).into_os_string().into_string().unwrap();
    let rows = generations.query_map([kept], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    for row in rows {
        let (id, before, after): (i64, Vec<u8>, Vec<u8>) = row.unwrap();
        assert_eq!(Sha256::digest(&bytes)[..], after, "{source} is what the journal says it became");
        bytes = without_edits(&catalog, id, &bytes);
        assert_eq!(Sha256::digest(&bytes)[..], before, "{source} is what the journal says it was");
    }
    bytes
}

fn without_edits(catalog: &Connection, rewrite: i64, after: &[u8]) -> Vec<u8> {
    let mut edits = catalog.prepare("SELECT start, old, new FROM edit WHERE rewrite = ?1 ORDER BY start").unwrap();
    let rows = edits.query_map([rewrite], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    let (mut before, mut rest) = (Vec::new(), after);
    for row in rows {
        let (start, old, new): (usize, Vec<u8>, Vec<u8>) = row.unwrap();
        let (same, from) = rest.split_at(start - before.len());
        before.extend_from_slice(same);
        rest = from.strip_prefix(&new[..]).expect("what was written stands where the journal says");
        before.extend(old);
    }
    before.extend_from_slice(rest);
    before
}

#[test]
fn a_site_is_edited_in_place_and_can_be_put_back() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let from = seeds();
    case.copy(&from, "source/_posts").copy(&from, "before");
    let posts = names(&case.at("source/_posts"));
    let before = lines(&case, &["source/_posts"]);
    let summary = hexo(&case, &origin, 0);
    assert_eq!(summary["documents"]["written"], posts.len());
    assert_eq!(names(&case.root()), [".mirror", "before", "source"]);
    assert!(!case.exists(".mirror/documents") && !case.exists(".mirror/assets"));
    let held = blobs(&case.at("source/images/mirror"));
    assert_eq!(summary["assets"]["captured"], held.len());

    let after = lines(&case, &["source/_posts"]);
    for line in after.iter().filter(|line| line.skip.as_deref() == Some("mirrored")) {
        let name = line.raw.strip_prefix("/images/mirror/").unwrap_or_else(|| panic!("{line:?}"));
        assert!(held.contains_key(name.split('#').next().unwrap()), "{line:?}");
    }
    assert!(after.iter().all(|line| line.target.is_none()), "nothing remote is left");
    for name in &posts {
        let path = format!("source/_posts/{name}");
        assert_eq!(undone(&case, ".mirror", &path), case.read(format!("before/{name}")), "{name}");
        let source = case.read(format!("before/{name}"));
        if !source.windows(6).any(|window| window == b"<base ") {
            let found: Vec<_> = before.iter().filter(|line| line.document == path).cloned().collect();
            assert_eq!(case.read(&path), with_local_copies(&source, &found, "/images/mirror/"), "{name}");
        }
    }
}

#[test]
fn a_second_run_changes_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&seeds(), "source/_posts");
    hexo(&case, &origin, 0);
    origin.take_log();
    let before = written(&case.at("source"));
    let summary = hexo(&case, &origin, 0);
    assert_eq!((&summary["documents"]["written"], &summary["requests"]), (&0.into(), &0.into()));
    assert_eq!(summary["references"]["missing"], 0);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
    assert_eq!(written(&case.at("source")), before);
}

#[cfg(unix)]
#[test]
fn modes_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let (case, origin) = (Case::new(), Origin::of_pictures());
    for (name, mode) in [("a.md", 0o600), ("b.md", 0o644), ("c.md", 0o755)] {
        let path = format!("source/_posts/{name}");
        case.write(&path, "<img src='http://pictures.example/a.png'>");
        fs::set_permissions(case.at(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    hexo(&case, &origin, 0);
    for (name, mode) in [("a.md", 0o600), ("b.md", 0o644), ("c.md", 0o755)] {
        let now = fs::metadata(case.at(format!("source/_posts/{name}"))).unwrap().permissions().mode();
        assert_eq!(now & 0o7777, mode, "{name}");
    }
}

#[test]
fn where_nobody_can_answer_nobody_is_asked() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("source/_posts/a.md", "<img src='http://pictures.example/a.png'>");
    let flags: Vec<_> = HEXO.into_iter().filter(|flag| *flag != "--yes").collect();
    // What stands on standard input is no terminal's answer.
    case.imgmirror(&flags).args(origin.flags()).stdin("n\n").run(0).nowhere_has("[y/N]");
    assert!(case.text("source/_posts/a.md").contains("/images/mirror/"));
}

#[test]
fn a_document_that_is_named_without_a_folder() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("a.html", "<img src='http://pictures.example/a.png'>");
    let sync = || {
        let flags = ["sync", "a.html", "--in-place", "--assets=pics", "--yes", "--json", "-o=kept"];
        case.imgmirror(&flags).args(origin.flags()).run(0).json()
    };
    assert_eq!(sync()["documents"]["written"], 1);
    let found = lines(&case, &["a.html"]);
    assert!(found[0].raw.starts_with("./pics/") && case.exists(&found[0].raw), "{found:?}");
    assert_eq!(sync()["documents"]["written"], 0);
}

#[test]
fn without_a_prefix_links_lead_from_the_document_to_the_pictures() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("posts/a.html", "<img src='http://pictures.example/a.png'>");
    case.write("posts/2021/06/b.html", "<img src='http://pictures.example/a.png'>");
    let flags = ["sync", "posts", "--in-place", "--assets=public/images", "--yes"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    for (document, prefix) in
        [("posts/a.html", "../public/images/"), ("posts/2021/06/b.html", "../../../public/images/")]
    {
        let found = lines(&case, &[document]);
        assert!(found[0].raw.starts_with(prefix), "{found:?}");
        assert!(case.exists(Path::new(document).parent().unwrap().join(&found[0].raw)), "{found:?}");
    }
}

#[test]
fn pictures_that_come_late_are_a_second_generation_of_edits() {
    let case = Case::new();
    let origin = Origin::new(|asked| match asked.path.as_str() {
        "/good.png" => Answer::picture(asked),
        _ => Answer::status(404),
    });
    let page = "---\ncover: http://pictures.example/late.png\n---\n<p>\n<img src=http://pictures.example/good.png \
                data-src='https://wsrv.nl/?url=pictures.example/late.png'>\n</p>\n<img src=\"http://pictures.example/never.png\">";
    case.write("source/_posts/a.md", page);
    let summary = hexo(&case, &origin, 3);
    assert_eq!((&summary["references"]["mirrored"], &summary["references"]["missing"]), (&1.into(), &3.into()));
    let first = case.text("source/_posts/a.md");
    assert!(first.contains("cover: http://pictures.example/late.png\n"), "{first}");
    assert_eq!(undone(&case, ".mirror", "source/_posts/a.md"), page.as_bytes());

    origin.answers(|asked| match asked.path.as_str() {
        "/never.png" => Answer::status(404),
        _ => Answer::picture(asked),
    });
    let again = [&HEXO[..], &["--retry-failed"]].concat();
    let summary = case.imgmirror(&again).args(origin.flags()).run(3).json();
    assert_adds_up(&summary);
    assert_eq!(summary["documents"]["written"], 1);
    let second = case.text("source/_posts/a.md");
    assert!(!second.contains("late.png") && second.contains("never.png"), "{second}");
    assert_eq!(undone(&case, ".mirror", "source/_posts/a.md"), page.as_bytes());

    let summary = hexo(&case, &origin, 3);
    assert_eq!(summary["documents"]["written"], 0);
    assert_eq!(case.text("source/_posts/a.md"), second);
}

#[test]
fn two_folders_with_one_journal_can_both_be_put_back() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let folders = ["source/_posts", "source/_drafts"];
    let page = |folder: &str| format!("<h1>{folder}</h1><img src='http://pictures.example/a.png'>");
    for folder in folders {
        case.write(format!("{folder}/a.md"), page(folder));
        let flags =
            ["sync", folder, "--in-place", "--assets=source/images", "--link-base=/images/", "--yes", "-o=.mirror"];
        case.imgmirror(&flags).args(origin.flags()).run(0);
    }
    for folder in folders {
        let document = format!("{folder}/a.md");
        assert!(case.text(&document).contains("/images/"));
        assert_eq!(undone(&case, ".mirror", &document), page(folder).as_bytes(), "{document}");
    }
}

#[test]
fn an_edit_of_the_author_is_taken_up() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("source/_posts/a.md", "<img src='http://pictures.example/a.png'>\n");
    hexo(&case, &origin, 0);
    let edited =
        format!("# New title\n\n{}\n<img src='http://pictures.example/b.png'>\n", case.text("source/_posts/a.md"));
    case.write("source/_posts/a.md", &edited);
    origin.take_log();
    let summary = hexo(&case, &origin, 0);
    assert_eq!(origin.take_urls(), ["http://pictures.example/b.png"]);
    assert_eq!(summary["documents"]["written"], 1);
    let now = case.text("source/_posts/a.md");
    assert!(now.starts_with("# New title\n\n") && !now.contains("http://"), "{now}");
}

#[test]
fn a_page_with_a_remote_base_is_put_back_too() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let page = "<base href='http://site.example/2021/'><a href='next.html'>next</a><img src='a.png'><script src=x.js></script>";
    case.write("source/_posts/a.html", page);
    hexo(&case, &origin, 0);
    assert_eq!(origin.take_urls(), ["http://site.example/2021/a.png"]);
    let now = case.text("source/_posts/a.html");
    assert!(
        now.contains("'http://site.example/2021/next.html'") && now.contains("src=http://site.example/2021/x.js"),
        "{now}"
    );
    assert_eq!(undone(&case, ".mirror", "source/_posts/a.html"), page.as_bytes());
    let summary = hexo(&case, &origin, 0);
    assert_eq!(summary["documents"]["written"], 0);
}

#[cfg(unix)]
#[test]
fn a_link_that_was_named_stays_a_link() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("real/a.html", "<img src='http://pictures.example/a.png'>");
    std::os::unix::fs::symlink("real/a.html", case.at("link.html")).unwrap();
    let flags = ["sync", "link.html", "--in-place", "--assets=pics", "--link-base=/pics/", "--yes"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    assert!(fs::symlink_metadata(case.at("link.html")).unwrap().is_symlink());
    assert!(case.text("real/a.html").contains("/pics/"), "{}", case.text("real/a.html"));
}

#[test]
fn a_dry_run_asks_nothing_and_touches_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("source/_posts/a.md", "<img src='http://pictures.example/a.png'>");
    let flags: Vec<_> = HEXO.into_iter().filter(|flag| *flag != "--yes").collect();
    let summary = case.imgmirror(&flags).args(["--dry-run"]).args(origin.flags()).start().wait().json();
    assert_eq!(summary["references"]["total"], 1);
    assert_eq!(case.text("source/_posts/a.md"), "<img src='http://pictures.example/a.png'>");
    assert_eq!(names(&case.root()), ["source"]);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

/// A folder on another file system than that of the tests, where there is one.
#[cfg(target_os = "linux")]
fn on_another_device(case: &Case) -> Option<tempfile::TempDir> {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::Builder::new().prefix("imgmirror-test-").tempdir_in("/dev/shm").ok()?;
    let other = fs::metadata(folder.path()).unwrap().dev() != fs::metadata(case.root()).unwrap().dev();
    other.then_some(folder)
}

#[cfg(target_os = "linux")]
#[test]
fn pictures_may_lie_on_another_file_system_than_the_journal() {
    let (case, origin) = (Case::new(), Origin::new(|_| Answer::ok(pictures::large_png())));
    let Some(elsewhere) = on_another_device(&case) else { return };
    let assets = elsewhere.path().join("site/pictures");
    // What a killed run left there.
    fs::create_dir_all(assets.join(".imgmirror-tmp")).unwrap();
    fs::write(assets.join(".imgmirror-tmp/imgmirror-1234.part"), "half a picture").unwrap();
    case.write("a.md", "<img src='http://pictures.example/a.png'>");
    let assets_flag = format!("--assets={}", assets.display());
    let flags = ["sync", "a.md", "--in-place", &assets_flag, "--link-base=/i/", "--yes", "-o=kept"];
    case.imgmirror(&flags).args(origin.flags()).run(0);
    assert!(case.text("a.md").contains("'/i/"), "{}", case.text("a.md"));
    // A look at every name: the folder of unfinished pictures is gone.
    assert_eq!(blobs(&assets).len(), 1);
    assert_eq!(names(&case.at("kept/tmp")), Vec::<String>::new());
}
