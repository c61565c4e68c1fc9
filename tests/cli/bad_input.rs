//! Documents, folders and names that are not as they should be: said, survived, and the rest goes on.

use std::fs;

use crate::support::{Case, Origin, assert_adds_up, lines, names};

/// Mirrors `in`, in which `good.html` must come out whatever lies beside it.
fn sync_beside_a_good_one(case: &Case, code: i32) -> (crate::support::Ran, Origin) {
    let origin = Origin::of_pictures();
    case.write("in/good.html", "<img src='http://p.example/good.png'>");
    let ran = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(code);
    assert_adds_up(&ran.json());
    assert!(case.text("mirror/documents/good.html").contains("../assets/"));
    (ran, origin)
}

#[test]
fn odd_markup_is_read_as_far_as_it_goes_and_kept_as_it_is() {
    let url = "http://p.example/a.png";
    let laughs: String =
        (1..40).map(|n| format!("l{n}: &l{n} [*l{0}, *l{0}, *l{0}, *l{0}, *l{0}, *l{0}]\n", n - 1)).collect();
    let table: [(&str, String, usize); 15] = [
        ("never-closed.md", format!("---\ntitle: x\nheadimg: {url}\n\n<img src='{url}'>\n"), 1),
        ("anchors.md", format!("---\nthumbnail: &pic {url}\nheadimg: *pic\n---\n"), 1),
        ("laughs.md", format!("---\nl0: &l0 lol\n{laughs}headimg: {url}\n---\n"), 1),
        ("deep.md", format!("---\na: {}\nheadimg: {url}\n---\n<img src='{url}'>\n", "[".repeat(50_000)), 1),
        ("invalid.md", format!("---\ntitle: [x] y: z\n\tbad: {{\nheadimg: {url}\n---\n"), 1),
        ("unclosed-tag.html", format!("<img src='{url}'><img src='http://p.example/b.png"), 1),
        ("unclosed-quote.html", format!("<img src='{url}'>\n<p class=\"x><img src='{url}'>\n"), 1),
        ("no-space.html", format!("<img alt='x'src='{url}'/><img/src={url}>"), 2),
        ("twice.html", format!("<img src='{url}' src='http://p.example/ignored.png'>"), 1),
        ("nested.html", format!("{}<img src='{url}'>", "<div>".repeat(20_000)), 1),
        ("wide.html", format!("<img src='{url}' {}>", "a ".repeat(50_000)), 1),
        ("long.html", format!("<img src='{url}' alt='{}'>", "x".repeat(4 << 20)), 1),
        ("script.html", format!("<script>'<img src=\"{url}2\">'</script><img src='{url}'>"), 1),
        ("open-comment.html", format!("<img src='{url}'><!-- <img src='{url}2'>"), 1),
        ("css.css", format!("a{{b:url({url})}} c{{d:url('{url}\n}} e{{f:url(http://p.example/bad url)"), 1),
    ];
    for (name, page, least) in table {
        let case = Case::new();
        case.write(format!("in/{name}"), &page);
        let (_, origin) = sync_beside_a_good_one(&case, 0);
        assert!(origin.take_urls().contains(&url.to_owned()), "{name}");
        let copy = case.text(format!("mirror/documents/{name}"));
        let local = lines(&case, &[&format!("mirror/documents/{name}")]);
        let mirrored: Vec<_> = local.iter().filter(|line| line.skip.as_deref() == Some("mirrored")).collect();
        assert!(mirrored.len() >= least, "{name}: {local:?}");
        // With the link put back, the copy is the document.
        assert_eq!(copy.replace(&mirrored[0].raw, url), page, "{name}");
    }
}

#[test]
fn a_missing_input_cannot_be_run() {
    let case = Case::new();
    for command in ["sync", "links"] {
        let ran = case.run(1, &[command, "nowhere"]);
        ran.stderr_has("nowhere");
        assert_eq!(ran.stdout, "");
    }
    assert_eq!(names(&case.root()), Vec::<String>::new(), "nothing is made for a run that cannot be");
}

#[test]
fn an_empty_folder_is_no_failure() {
    let case = Case::new();
    fs::create_dir(case.at("in")).unwrap();
    let summary = case.run(0, &["sync", "in", "--json"]).json();
    assert_adds_up(&summary);
    assert_eq!(summary["documents"]["read"], 0);
}

#[test]
fn an_input_inside_of_the_output_is_refused() {
    let case = Case::new();
    case.write("out/documents/a.html", "<p>");
    case.run(2, &["sync", "out/documents", "-o", "out"]).stderr_has("inside the output");
    case.run(2, &["sync", "out", "-o", "out"]).stderr_has("inside the output");
    assert_eq!(names(&case.at("out")), ["documents"]);
}

#[test]
fn an_output_inside_of_the_input_is_not_read() {
    let case = Case::new();
    let origin = Origin::of_pictures();
    case.write("site/a.html", "<img src='http://p.example/a.png'>");
    for _ in 0..2 {
        let run = case.imgmirror(&["sync", "site", "-o", "site/mirror", "--json"]).args(origin.flags());
        assert_eq!(run.run(0).json()["documents"]["read"], 1);
    }
    assert_eq!(names(&case.at("site/mirror/documents")), ["a.html"]);
}

#[test]
fn two_documents_for_one_place_are_refused() {
    let case = Case::new();
    case.write("one/posts/a.html", "<p>1").write("two/posts/a.html", "<p>2");
    let ran = case.run(2, &["sync", "one/posts", "two/posts", "--json"]);
    ran.stderr_has("two/posts");
    assert!(!case.exists("mirror/documents/posts/a.html"));
}

#[test]
fn an_output_that_is_a_file_cannot_be_run() {
    let case = Case::new();
    case.write("in/a.html", "<p>").write("out", "a file");
    case.run(1, &["sync", "in", "-o", "out"]).stderr_has("out");
    assert_eq!(case.text("out"), "a file");
}

#[test]
fn a_catalog_that_is_none_cannot_be_run() {
    let case = Case::new();
    case.write("in/a.html", "<p>")
        .write("mirror/catalog.sqlite", "this is not a database, and long enough to be asked");
    case.run(1, &["sync", "in"]).stderr_has("catalog.sqlite");
    assert!(case.text("mirror/catalog.sqlite").starts_with("this is not"));
}

#[test]
fn a_document_over_the_limit_is_reported() {
    let case = Case::new();
    case.write("in/large.html", "x".repeat(2000));
    let origin = Origin::of_pictures();
    case.write("in/good.html", "<img src='http://p.example/good.png'>");
    let ran = case.imgmirror(&["sync", "in", "--json", "--max-document=1k"]).args(origin.flags()).run(3);
    assert_eq!(ran.json()["documents"]["failed"], 1);
    ran.stderr_has("large.html").stderr_has("--max-document");
    case.run(3, &["links", "in", "--max-document=1k"]).stderr_has("large.html");
}

#[test]
fn a_picture_under_a_documents_name_is_no_document() {
    let case = Case::new();
    case.write("in/picture.html", crate::support::pictures::png("x"));
    let (ran, _) = sync_beside_a_good_one(&case, 3);
    ran.stderr_has("picture.html").stderr_has("PNG");
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::process::Command;

    use super::*;

    #[test]
    fn a_file_that_may_not_be_read_is_reported_and_the_rest_goes_on() {
        let case = Case::new();
        case.write("in/locked.html", "<p>");
        fs::set_permissions(case.at("in/locked.html"), fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read(case.at("in/locked.html")).is_ok() {
            return; // Nothing is locked for root.
        }
        let (ran, _) = sync_beside_a_good_one(&case, 3);
        assert_eq!(ran.json()["documents"]["failed"], 1);
        ran.stderr_has("locked.html");
    }

    #[test]
    fn links_in_folders_are_not_followed_however_they_turn() {
        let case = Case::new();
        case.write("outside/secret.html", "<img src='http://p.example/secret.png'>");
        fs::create_dir(case.at("in")).unwrap();
        symlink("..", case.at("in/up")).unwrap();
        symlink(".", case.at("in/self")).unwrap();
        symlink("loop.html", case.at("in/loop.html")).unwrap();
        symlink("../outside/secret.html", case.at("in/secret.html")).unwrap();
        let (ran, origin) = sync_beside_a_good_one(&case, 0);
        assert_eq!(ran.json()["documents"]["read"], 1);
        assert_eq!(origin.take_urls(), ["http://p.example/good.png"]);
        assert_eq!(names(&case.at("mirror/documents")), ["good.html"]);
        ran.stderr_has("secret.html");
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let case = Case::new();
        fs::create_dir(case.at("in")).unwrap();
        assert!(Command::new("mkfifo").arg(case.at("in/pipe.html")).status().unwrap().success());
        let (ran, _) = sync_beside_a_good_one(&case, 0);
        ran.stderr_has("pipe.html");
        case.run(0, &["links", "in/pipe.html"]).stderr_has("pipe.html");
    }

    /// Names that a file system takes.
    const ODD: [&[u8]; 9] = [
        b"two\nlines.html",
        b"\xff\xfe invalid.html",
        b"-o.html",
        b"--help.html",
        b"it's \"quoted\" `too`.html",
        b"back\\slash.html",
        "photo\u{202e}gpj.html".as_bytes(),
        b"\x1b[31mred\x1b[0m.html",
        "  sp ace ä😀%20.html".as_bytes(),
    ];

    #[test]
    fn files_of_any_name_are_mirrored_under_that_name() {
        let case = Case::new();
        for name in ODD {
            case.write(std::path::Path::new("in").join(OsStr::from_bytes(name)), "<img src='http://p.example/a.png'>");
        }
        let (ran, origin) = sync_beside_a_good_one(&case, 0);
        assert_eq!(ran.json()["documents"]["written"], ODD.len() + 1);
        for name in ODD {
            let copy = case.text(std::path::Path::new("mirror/documents").join(OsStr::from_bytes(name)));
            assert!(copy.contains("../assets/"), "{copy}");
        }
        origin.take_log();
        let again = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).run(0).json();
        assert_eq!((&again["documents"]["written"], &again["requests"]), (&0.into(), &0.into()));
    }

    #[test]
    fn no_name_of_a_file_acts_on_the_terminal() {
        let case = Case::new();
        for name in ODD {
            // A document that is read as nothing and warned about: by its name.
            let path = std::path::Path::new("in").join(OsStr::from_bytes(name));
            case.write(path, crate::support::pictures::png("x"));
        }
        for arguments in [&["sync", "in"][..], &["links", "in"], &["sync", "in", "--json"]] {
            let ran = case.run(3, arguments);
            ran.nowhere_has("\u{1b}").nowhere_has("\u{202e}").nowhere_has("two\nlines");
            ran.stderr_has("two\\nlines.html").stderr_has("\\u{1b}[31mred").stderr_has("\\u{202e}gpj");
        }
    }

    #[test]
    fn a_name_with_a_dash_can_be_named() {
        let case = Case::new();
        case.write("-o.html", "<img src='http://p.example/a.png'>");
        assert_eq!(lines(&case, &["--", "-o.html"]).len(), 1);
        assert_eq!(lines(&case, &["./-o.html"]).len(), 1);
    }
}
