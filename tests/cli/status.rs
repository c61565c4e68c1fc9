//! `imgmirror status`: is the mirror whole?

use serde_json::Value;

use crate::support::{Answer, Case, Origin, names, pictures, written};

fn origin() -> Origin {
    Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        "/busy.png" => Answer::status(503),
        _ => Answer::picture(asked),
    })
}

fn sync(case: &Case, origin: &Origin, code: i32, flags: &[&str]) {
    case.imgmirror(&["sync", "in", "--retries=0", "--quiet"]).args(origin.flags()).args(flags).run(code);
}

fn status(case: &Case, code: i32) -> Value {
    case.run(code, &["status", "--json"]).json()
}

#[test]
fn without_a_mirror_there_is_nothing_to_tell() {
    let case = Case::new();
    case.run(1, &["status"]).stderr_has("there is no mirror").stderr_has("-o");
    case.run(1, &["status", "-o", "elsewhere", "--json"]).stderr_has("elsewhere");
    assert_eq!(names(&case.root()), Vec::<String>::new());
}

#[test]
fn a_whole_mirror_is_said_to_be_whole() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    sync(&case, &origin, 0, &[]);
    let before = written(&case.at("mirror"));
    let ran = case.run(0, &["status"]);
    assert!(ran.stdout.starts_with("Whole: every picture is here.\n"), "{}", ran.stdout);
    ran.stdout_has("Documents   1: 1 whole\n").stdout_has("Pictures    1: 1 held\n").stdout_has("mirror/report.html");
    let value = status(&case, 0);
    assert_eq!((&value["whole"], &value["documents"]["whole"]), (&true.into(), &1.into()));
    assert_eq!(value["runs"][0]["ending"], "finished");
    let after = written(&case.at("mirror"));
    let files = |times: &std::collections::BTreeMap<std::path::PathBuf, _>| -> Vec<_> {
        let own = |path: &&std::path::PathBuf| !path.to_string_lossy().contains("catalog.sqlite-");
        times.keys().filter(own).cloned().collect()
    };
    assert_eq!(files(&before), files(&after), "nothing was written");
}

#[test]
fn what_is_missing_is_told_by_host_and_kind_with_when_and_what_next() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/whole.html", "<img src='http://p.example/a.png'>");
    case.write("in/lacking.html", "<img src='http://p.example/gone.png'><img src='http://q.example/busy.png'>");
    sync(&case, &origin, 3, &[]);
    sync(&case, &origin, 3, &[]);
    let ran = case.run(3, &["status"]);
    ran.stdout_has("Not whole: 2 of 3 pictures are missing, in 1 of 2 documents.\n");
    ran.stdout_has("1 × gone          p.example  since 20").stdout_has("  rests until 20");
    ran.stdout_has("1 × server-error  q.example  since 20").stdout_has("  next try with the next run\n");
    ran.stdout_has("2 of 2 missing  lacking.html\n").stdout_has("--retry-failed");
    let value = status(&case, 3);
    let missing = value["missing"].as_array().unwrap();
    let group = |at: usize| (missing[at]["origin"].as_str().unwrap(), missing[at]["kind"].as_str().unwrap());
    assert_eq!((group(0), group(1)), (("http://p.example", "gone"), ("http://q.example", "server-error")));
    assert_eq!(missing[0]["count"], 1);
    for time in ["since", "next_try"] {
        assert!(missing[0][time].as_str().unwrap().ends_with('Z'), "{value}");
    }
    assert_eq!(value["incomplete"][0]["path"], "lacking.html");
    assert_eq!(value["incomplete"][0]["state"], "missing");
    assert!(!value["next"].as_array().unwrap().is_empty());
    origin.answers(Answer::picture);
    sync(&case, &origin, 0, &["--retry-failed"]);
    assert_eq!(status(&case, 0)["assets"], serde_json::json!({"total": 3, "held": 3, "missing": 0, "changed": 0}));
}

#[test]
fn documents_of_earlier_runs_count_as_well() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", "<img src='http://p.example/gone.png'>").write("other/b.html", "<p>no picture</p>");
    sync(&case, &origin, 3, &[]);
    case.run(0, &["sync", "other", "--quiet"]);
    let value = status(&case, 3);
    assert_eq!((&value["documents"]["total"], &value["documents"]["missing"]), (&2.into(), &1.into()));
}

#[test]
fn what_changed_on_its_server_is_told_and_leaves_the_mirror_whole() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    sync(&case, &origin, 0, &[]);
    origin.answers(|_| Answer::ok(pictures::png("another")));
    sync(&case, &origin, 0, &["--refresh"]);
    let ran = case.run(0, &["status"]);
    ran.stdout_has("Changed on the server, kept as it was\n").stdout_has("  http://p.example/a.png\n");
    let value = status(&case, 0);
    assert_eq!(value["assets"]["changed"], 1);
    let [shown, now] = ["shown", "now"].map(|name| value["changed"][0][name].as_str().unwrap().to_owned());
    assert!(case.text("mirror/documents/a.html").contains(&shown) && case.exists(format!("mirror/assets/{now}")));
}

#[test]
fn pictures_of_a_list_count_though_no_document_shows_them() {
    let (case, origin) = (Case::new(), origin());
    case.write("urls.txt", "http://p.example/a.png\nhttp://p.example/gone.png\n");
    let ran = case.imgmirror(&["sync", "--urls=urls.txt"]).args(origin.flags()).run(3);
    ran.stdout_has("1 of 2 pictures missing.\n").stdout_has("Result      mirror/assets\n");
    ran.nowhere_has("No documents were found").nowhere_has("name a document");
    assert_eq!(status(&case, 3)["assets"]["missing"], 1);
    case.write("urls.txt", "http://p.example/a.png\n");
    let ran = case.imgmirror(&["sync", "--urls=urls.txt"]).args(origin.flags()).run(0);
    ran.stdout_has("Nothing has changed: every picture is held.\n");
    assert_eq!(status(&case, 0)["assets"]["total"], 1);
}

#[test]
fn a_run_that_is_under_way_or_was_killed_is_told_of_and_not_disturbed() {
    use crate::support::Gate;
    let case = Case::new();
    let gate = Gate::closed();
    let held = gate.clone();
    let origin = Origin::new(move |asked| Answer::picture(asked).held_at(&held));
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let mut run = case.imgmirror(&["sync", "in", "--json"]).args(origin.flags()).start();
    origin.wait_for(1);
    let ran = case.imgmirror(&["status"]).run_beside(3);
    ran.stdout_has("Not whole: the last run has not ended").stdout_has("still running, or was killed");
    case.imgmirror(&["report"]).run_beside(4).stderr_has(&run.id().to_string());
    run.kill();
    run.wait();
    case.imgmirror(&["status"]).run_beside(3).stdout_has("again to go on");
    gate.open();
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run_beside(0);
    case.imgmirror(&["status"]).run_beside(0);
}

#[test]
fn an_offline_run_is_not_told_to_come_back_later() {
    let case = Case::new();
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let ran = case.run(3, &["sync", "in", "--offline"]);
    ran.stdout_has("without --offline").nowhere_has("again later");
    case.run(3, &["status"]).stdout_has("not tried").stdout_has("to ask for them");
}

#[test]
fn a_dry_run_says_so_beside_its_json() {
    let case = Case::new();
    case.write("in/a.html", "<p>");
    case.run(0, &["sync", "in", "--dry-run", "--json"]).stderr_has("a dry run");
    case.run(0, &["sync", "in", "--dry-run", "--json", "--quiet"]).nowhere_has("a dry run");
}
