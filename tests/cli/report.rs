//! report.html, and the command that writes it anew.

use scraper::{Html, Selector};
use serde_json::Value;

use crate::support::{Answer, Case, Mirror, Origin};

fn origin() -> Origin {
    Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        _ => Answer::picture(asked),
    })
}

const PAGE: &str = "<img src='http://p.example/a.png'><img src='http://p.example/gone.png'>";

/// The text of the first element.
fn text(page: &str, selector: &str) -> String {
    let page = Html::parse_document(page);
    let found = page.select(&Selector::parse(selector).unwrap()).next();
    found.unwrap_or_else(|| panic!("{selector}")).text().collect()
}

fn rows(page: &str) -> Value {
    serde_json::from_str(&text(page, "#rows")).unwrap()
}

#[test]
fn a_run_writes_the_report_and_names_it() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", PAGE);
    let ran = case.imgmirror(&["sync", "in"]).args(origin.flags()).run(3);
    ran.stdout_has("Report      mirror/report.html\n");
    Mirror::at(case.at("mirror")).assert_layout();
    let page = case.text("mirror/report.html");
    assert!(text(&page, ".verdict").contains("1 of 2 pictures is missing"));
    assert!(text(&page, "[aria-labelledby=missing]").contains("p.example"));
    assert!(text(&page, "[aria-labelledby=incomplete]").contains("a.html"));
    let rows = rows(&page);
    assert_eq!((&rows["documents"][0][1], &rows["missing"][0][2]), (&"a.html".into(), &"/gone.png".into()));
    assert_eq!((rows["held"].as_array().unwrap().len(), &rows["held"][0][2]), (1, &"/a.png".into()));
}

#[test]
fn a_run_that_changed_nothing_leaves_the_report_alone() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    let sync = |flags: &[&str]| case.imgmirror(&["sync", "in"]).args(origin.flags()).args(flags).run(0);
    sync(&[]);
    let written = || case.at("mirror/report.html").metadata().unwrap().modified().unwrap();
    let (page, first) = (case.text("mirror/report.html"), written());
    sync(&[]).stdout_has("Report      mirror/report.html\n");
    assert_eq!((case.text("mirror/report.html"), written()), (page.clone(), first));
    // What happened to the report itself is mended, and what happened to the mirror is told.
    std::fs::remove_file(case.at("mirror/report.html")).unwrap();
    sync(&[]);
    assert!(case.exists("mirror/report.html"));
    case.write("in/b.html", "<img src='http://p.example/a.png'>");
    sync(&[]);
    assert_eq!(rows(&case.text("mirror/report.html"))["documents"].as_array().unwrap().len(), 2);
}

#[test]
fn the_report_can_be_written_anew_without_a_run() {
    let (case, origin) = (Case::new(), origin());
    case.run(1, &["report"]).stderr_has("there is no mirror");
    case.write("in/a.html", PAGE);
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(3);
    origin.take_log();
    let before = rows(&case.text("mirror/report.html"));
    std::fs::remove_file(case.at("mirror/report.html")).unwrap();
    let ran = case.run(0, &["report"]);
    assert_eq!(ran.stdout, "mirror/report.html\n");
    assert_eq!(rows(&case.text("mirror/report.html")), before);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
    Mirror::at(case.at("mirror")).assert_layout();
}

#[test]
fn what_documents_and_servers_say_cannot_act_in_the_report() {
    let case = Case::new();
    let origin = Origin::new(|_| Answer::ok("<title></script><script>alert(1)</script></title>"));
    let page = "<img src='http://user:secret@p.example/\u{202e}</script><script>alert(1)</script>.png'>";
    case.write("in/a<script>\u{202e}.html", page);
    case.imgmirror(&["sync", "in", "--quiet"]).args(origin.flags()).run(3);
    let page = case.text("mirror/report.html");
    assert!(!page.contains("secret") && !page.contains('\u{202e}') && !page.contains("alert(1)</script>"));
    assert_eq!(Html::parse_document(&page).select(&Selector::parse("script").unwrap()).count(), 2);
    assert!(rows(&page)["documents"][0][1].as_str().unwrap().starts_with("a<script>"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_writes_what_it_knows() {
    use crate::support::Gate;
    let case = Case::new();
    let gate = Gate::closed();
    let held = gate.clone();
    let origin = Origin::new(move |asked| match asked.path.as_str() {
        "/held.png" => Answer::picture(asked).held_at(&held),
        _ => Answer::picture(asked),
    });
    case.write("in/a.html", "<img src='http://p.example/first.png'><img src='http://p.example/held.png'>");
    let run = case.imgmirror(&["sync", "in", "--per-host=1"]).args(origin.flags()).start();
    origin.wait_for(2);
    run.signal("INT");
    let ran = run.wait();
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    ran.stdout_has("Report      mirror/report.html\n");
    let page = case.text("mirror/report.html");
    assert!(text(&page, ".verdict").contains("the last run was interrupted; 1 of 2 pictures is missing"));
    assert_eq!(rows(&page)["held"][0][2], "/first.png");
}

#[cfg(unix)]
#[test]
fn a_report_that_cannot_be_written_costs_a_warning_and_not_the_run() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>").write("mirror/report.html/file", "in the way");
    let ran = case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    ran.stderr_has("report.html").stdout_has("Every picture is here.");
    assert!(case.text("mirror/documents/a.html").contains("../assets/"));
}
