//! `imgmirror export`: the catalog as text.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Answer, Case, Gate, Mirror, Origin, blobs, names, pictures, written};

fn rows(case: &Case, flags: &[&str]) -> Vec<Value> {
    let ran = case.run(0, &[&["export"], flags].concat());
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server whose `/gone.png` is gone and whose `/moved.png` is elsewhere.
fn origin() -> Origin {
    Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        "/moved.png" => Answer::redirect("http://user:secret@q.example/hop.png"),
        "/hop.png" => Answer::redirect("/there.png"),
        _ => Answer::picture(asked).header("ETag", "\"one\"").header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
    })
}

const PAGE: &str = "<img src='https://wsrv.nl/?url=http://p.example/a.png'><img src='http://p.example/moved.png'>\
                    <img src='http://p.example/gone.png'><img src='x.png'>";

#[test]
fn every_picture_is_a_line_of_json_with_all_that_is_known() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/b.html", PAGE).write("in/a.html", "<img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in", "--retries=0"]).args(origin.flags()).run(3);
    let rows = rows(&case, &[]);
    assert_eq!(rows, self::rows(&case, &["--format=jsonl"]));
    let targets: Vec<_> = rows.iter().map(|row| row["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["http://p.example/a.png", "http://p.example/gone.png", "http://p.example/moved.png"]);

    let a = &rows[0];
    let picture = pictures::for_url("http://p.example/a.png");
    let path = format!("assets/{}", pictures::name_for_url("http://p.example/a.png"));
    assert_eq!(
        (&a["state"], &a["path"], &a["media_type"]),
        (&"held".into(), &path.as_str().into(), &"image/png".into())
    );
    assert_eq!(case.read(Path::new("mirror").join(&path)), picture);
    assert_eq!(a["digest"], path[10..74]);
    assert_eq!((&a["length"], &a["width"], &a["height"]), (&picture.len().into(), &4.into(), &2.into()));
    assert_eq!((&a["source"], &a["status"], &a["redirects"]), (&a["target"], &200.into(), &serde_json::json!([])));
    assert_eq!((&a["etag"], &a["last_modified"]), (&"\"one\"".into(), &"Wed, 21 Oct 2015 07:28:00 GMT".into()));
    assert_eq!(a["documents"], serde_json::json!(["a.html", "b.html"]));
    assert!(a["failure"].is_null());
    let fetched = a["fetched"].as_str().unwrap();
    assert!(fetched.starts_with("20") && fetched.contains('T') && fetched.ends_with('Z'), "{fetched}");

    let gone = &rows[1];
    assert_eq!((&gone["state"], &gone["failure"]["kind"]), (&"missing".into(), &"gone".into()));
    assert!(gone["digest"].is_null() && gone["path"].is_null() && gone["fetched"].is_null());
    assert!(gone["failure"]["attempts"].as_u64().unwrap() >= 1 && gone["failure"]["detail"].is_string(), "{gone}");
    assert!(gone["failure"]["since"].as_str().unwrap().ends_with('Z') && gone["failure"]["next"].is_string());
    assert_eq!(gone["documents"], serde_json::json!(["b.html"]));

    let moved = &rows[2];
    assert_eq!(moved["redirects"].as_array().unwrap().len(), 2, "{moved}");
    case.run(0, &["export"]).nowhere_has("secret").stdout_has("q.example/hop.png");
}

#[test]
fn csv_says_the_same_in_columns() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/it's, \"quoted\".html", PAGE).write("in/a.html", "<img src='http://p.example/a.png?x=1,2'>");
    case.imgmirror(&["sync", "in", "--retries=0"]).args(origin.flags()).run(3);
    let ran = case.run(0, &["export", "--format=csv"]);
    assert_eq!(ran.stdout.matches("\r\n").count(), ran.stdout.matches('\n').count());
    ran.nowhere_has("secret");
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    let columns: Vec<_> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let records: Vec<_> = reader.records().map(Result::unwrap).collect();
    let rows = rows(&case, &[]);
    assert_eq!(records.len(), rows.len());
    for (record, row) in records.iter().zip(&rows) {
        for (column, field) in columns.iter().zip(record) {
            let value = match column.strip_prefix("failure_") {
                Some(column) => &row["failure"][column],
                None => &row[column],
            };
            let expected = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(field, expected, "{column} of {row}");
        }
    }
}

#[test]
fn versions_that_came_later_are_told_from_those_that_are_shown() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    case.imgmirror(&["sync", "in", "--refresh"]).args(origin.flags()).run(0);
    origin.answers(|_| Answer::ok(pictures::png("changed")));
    case.imgmirror(&["sync", "in", "--refresh"]).args(origin.flags()).run(0);
    let rows = rows(&case, &[]);
    let states: Vec<_> = rows.iter().map(|row| (row["state"].as_str().unwrap(), row["revisit"].as_str())).collect();
    assert_eq!(states, [("held", None), ("held", Some("identical-payload")), ("superseded", None)]);
    let sums = case.run(0, &["export", "--format=sha256sums"]).stdout;
    assert_eq!(sums.lines().count(), 2);
}

#[test]
fn what_others_chose_does_nothing_to_a_terminal() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/\u{1b}[2J\u{202e}.html", "<img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    for format in ["jsonl", "csv", "sha256sums"] {
        let ran = case.run(0, &["export", "--format", format]);
        assert!(
            !ran.stdout.contains(|c: char| c == '\u{202e}' || c.is_control() && !"\r\n".contains(c)),
            "{:?}",
            ran.stdout
        );
    }
    assert_eq!(rows(&case, &[])[0]["documents"][0], "\u{1b}[2J\u{202e}.html");
}

/// Has coreutils check the sums, in this folder.
#[cfg(target_os = "linux")]
fn sha256sum(folder: &Path, sums: &str) -> String {
    use std::io::Write as _;
    let mut command = Command::new("sha256sum");
    command.args(["--check", "--strict"]).current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(sums.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    told
}

#[cfg(target_os = "linux")]
#[test]
fn sha256sum_checks_a_mirror() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.copy(&crate::support::seeds(), "in");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let sums = case.run(0, &["export", "--format=sha256sums"]).stdout;
    let held = Mirror::at(case.at("mirror")).blobs();
    assert_eq!(sums.lines().count(), held.len());
    let told = sha256sum(&case.at("mirror"), &sums);
    assert_eq!(told.lines().filter(|line| line.ends_with(": OK")).count(), held.len());
    let mut sorted: Vec<_> = sums.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted, sums.lines().collect::<Vec<_>>());
}

#[cfg(target_os = "linux")]
#[test]
fn sha256sum_checks_the_pictures_of_a_site_from_anywhere() {
    for folder in ["site/i", "it's a \\ folder\nof \"pictures\""] {
        let (case, origin) = (Case::new(), Origin::of_pictures());
        case.write("posts/a.md", "<img src='http://p.example/a.png'><img src='http://p.example/b.svg'>");
        let flags = ["sync", "posts", "--in-place", "--assets", folder, "--link-base=/i/", "--yes", "-o=.mirror"];
        case.imgmirror(&flags).args(origin.flags()).run(0);
        // A post that its author wrote to is read anew: it names its pictures itself.
        case.write("posts/a.md", format!("# New\n{}", case.text("posts/a.md")));
        case.imgmirror(&flags).args(origin.flags()).run(0);
        let sums = case.run(0, &["export", "-o=.mirror", "--format=sha256sums"]).stdout;
        let told = sha256sum(Path::new("/"), &sums);
        assert_eq!(told.lines().filter(|line| line.ends_with(": OK")).count(), blobs(&case.at(folder)).len(), "{told}");
        let rows = rows(&case, &["-o=.mirror"]);
        for row in &rows {
            assert!(fs::exists(row["path"].as_str().unwrap()).unwrap(), "{row}");
            assert_eq!(row["documents"], serde_json::json!([case.at("posts/a.md").to_str().unwrap()]));
        }
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn a_file_is_whole_or_as_it_was() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.run(1, &["export", "--to=rows.jsonl"]).stderr_has("there is no mirror");
    assert_eq!(names(&case.root()), Vec::<String>::new());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    let before = written(&case.at("mirror"));
    case.write("rows.jsonl", "old");
    let ran = case.run(0, &["export", "--to=rows.jsonl"]);
    assert_eq!(ran.stdout, "");
    assert_eq!(case.text("rows.jsonl"), case.run(0, &["export"]).stdout);
    case.run(1, &["export", "--to=nowhere/rows"]).stderr_has("nowhere/rows");
    case.run(2, &["export", "--format=xml"]).stderr_has("jsonl, csv, sha256sums");
    assert_eq!(names(&case.root()), ["in", "mirror", "rows.jsonl"]);
    assert_eq!(written(&case.at("mirror")), before);
    assert_eq!(case.run(0, &["export", "--to=/dev/stdout"]).stdout, case.text("rows.jsonl"));
}

#[test]
fn reading_waits_for_no_lock() {
    let (case, gate) = (Case::new(), Gate::closed());
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let run = case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).start();
    origin.wait_for(1);
    assert!(case.imgmirror(&["export"]).run_beside(0).stdout.contains("\"state\":\"missing\""));
    gate.open();
    assert_eq!(run.wait().code, Some(0));
    assert_eq!(rows(&case, &[])[0]["state"], "held");
}
