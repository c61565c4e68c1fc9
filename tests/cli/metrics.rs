//! `--metrics` and `--summary-file`: what a run tells other programs.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::{Answer, Case, Origin, assert_adds_up, names};

const PAGE: &str = "<img src='http://p.example/a.png'><img src='http://p.example/gone.png'>";

fn origin() -> Origin {
    Origin::new(|asked| match asked.path.as_str() {
        "/gone.png" => Answer::status(404),
        _ => Answer::picture(asked),
    })
}

/// Samples by their name with labels, in the text exposition format
/// (<https://prometheus.io/docs/instrumenting/exposition_formats/>), read as strictly as it is written there.
fn samples(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line has a line feed");
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let (mut samples, mut helped, mut typed) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let mut family = "";
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, told) = help.split_once(' ').unwrap();
            assert!(is_name(name) && !told.is_empty() && helped.insert(name), "{line}");
            family = name;
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(name == family && kind == "gauge" && typed.insert(name), "{line}");
        } else {
            let (name, rest) = line.split_once('{').unwrap();
            assert!(name == family && typed.contains(name), "samples follow the lines of their family: {line}");
            let (labels, value) = rest.rsplit_once("} ").unwrap();
            let mut rest = labels;
            let mut known = BTreeSet::new();
            while !rest.is_empty() {
                let (label, after) = rest.split_once("=\"").unwrap();
                assert!(is_name(label) && known.insert(label), "{line}");
                let mut escaped = false;
                let end = after.find(|c| {
                    let ends = c == '"' && !escaped;
                    assert!(!escaped || matches!(c, '\\' | '"' | 'n'), "{line}");
                    escaped = c == '\\' && !escaped;
                    ends
                });
                rest = &after[end.unwrap() + 1..];
                rest = rest.strip_prefix(',').unwrap_or_else(|| {
                    assert!(rest.is_empty(), "{line}");
                    rest
                });
            }
            assert!(known.contains("mirror"), "{line}");
            let labels: Vec<_> = labels.split(',').filter(|label| !label.starts_with("mirror=")).collect();
            let key = format!("{}{{{}}}", name.strip_prefix("imgmirror_").unwrap(), labels.join(","));
            assert!(samples.insert(key, value.parse().unwrap()).is_none(), "twice: {line}");
        }
    }
    assert_eq!(helped, typed);
    samples
}

#[test]
fn the_metrics_are_those_of_the_run() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", PAGE);
    case.write("out/run.prom", "of an earlier run");
    let summary =
        case.imgmirror(&["sync", "in", "--json", "--metrics=out/run.prom"]).args(origin.flags()).run(3).json();
    let samples = samples(&case.text("out/run.prom"));
    let sample = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name} in {samples:?}"));
    for group in ["documents", "references", "assets"] {
        for (state, value) in summary[group].as_object().unwrap() {
            if !["read", "total"].contains(&state.as_str()) {
                assert_eq!(
                    sample(&format!("{group}{{state=\"{state}\"}}")),
                    value.as_f64().unwrap(),
                    "{group} {state}"
                );
            }
        }
    }
    assert_eq!((sample("missing{kind=\"gone\"}"), sample("missing{kind=\"timeout\"}")), (1.0, 0.0));
    assert_eq!(sample("requests{}"), summary["requests"].as_f64().unwrap());
    assert_eq!(sample("received_bytes{}"), summary["bytes"]["received"].as_f64().unwrap());
    assert_eq!(sample("stored_bytes{}"), summary["bytes"]["stored"].as_f64().unwrap());
    assert_eq!((sample("last_run_success{}"), sample("last_run_exit_code{}")), (1.0, 3.0));
    assert!(sample("last_run_timestamp_seconds{}") > 1.7e9 && sample("last_run_duration_seconds{}") >= 0.0);
    let mirror = case.root().canonicalize().unwrap().join("mirror");
    assert!(case.text("out/run.prom").contains(&format!("mirror=\"{}\"", mirror.display())));
    assert_eq!(names(&case.at("out")), ["run.prom"], "nothing unfinished");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = case.at("out/run.prom").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o644, "another user collects it");
    }
}

#[test]
fn the_summary_file_is_what_json_prints_whatever_quiet_says() {
    let (case, origin) = (Case::new(), origin());
    case.write("in/a.html", PAGE);
    let run = |flags: &[&str]| case.imgmirror(&["sync", "in"]).args(origin.flags()).args(flags).run(3);
    let printed = run(&["--json", "--summary-file=summary.json"]);
    assert_eq!(case.text("summary.json"), printed.stdout);
    run(&["--quiet", "--summary-file=quiet.json"]).is_silent();
    let summary: serde_json::Value = serde_json::from_str(&case.text("quiet.json")).unwrap();
    assert_adds_up(&summary);
    assert_eq!(summary["assets"]["held"], 1);
}

#[test]
fn a_file_that_cannot_be_written_costs_the_exit_code_and_not_the_run() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'>");
    for flag in ["--metrics=nowhere/x.prom", "--summary-file=nowhere/x.json"] {
        let ran = case.imgmirror(&["sync", "in", flag]).args(origin.flags()).run(1);
        ran.stderr_has("nowhere").stderr_has("the run itself is done").stdout_has("mirror/documents");
    }
    assert!(case.text("mirror/documents/a.html").contains("../assets/"));
    // The metrics tell of it where they can.
    case.imgmirror(&["sync", "in", "--summary-file=nowhere/x.json", "--metrics=x.prom"]).args(origin.flags()).run(1);
    let samples = samples(&case.text("x.prom"));
    assert_eq!((samples["last_run_exit_code{}"], samples["last_run_success{}"]), (1.0, 0.0));
}

#[test]
fn a_run_that_could_not_begin_is_told_of_as_a_failure() {
    let case = Case::new();
    case.run(1, &["sync", "nowhere", "--metrics=x.prom", "--summary-file=x.json"]);
    let found = samples(&case.text("x.prom"));
    assert_eq!((found["last_run_success{}"], found["last_run_exit_code{}"]), (0.0, 1.0));
    assert!(!case.exists("x.json"), "there are no numbers to tell");
    case.write("in/a.html", "<p>").write("mirror", "a file where the folder should be");
    case.run(1, &["sync", "in", "--metrics=y.prom"]);
    assert_eq!(samples(&case.text("y.prom")).len(), 3, "only how it ended");
}

#[test]
fn a_dry_run_writes_neither() {
    let case = Case::new();
    case.write("in/a.html", "<p>");
    for flag in ["--metrics=x", "--summary-file=x"] {
        case.run(2, &["sync", "in", "--dry-run", flag]).stderr_has("--dry-run writes no files");
    }
    // As a habit they give way.
    case.write("imgmirror.toml", "metrics = \"x\"\nsummary-file = \"x\"\n");
    case.run(0, &["sync", "in", "--dry-run"]);
    assert_eq!(names(&case.root()), ["imgmirror.toml", "in"]);
    case.run(0, &["sync", "in"]);
    assert!(case.exists("x"));
}
