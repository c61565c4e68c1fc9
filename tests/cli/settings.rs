//! Where settings come from, what is printed, and what the help promises.

use crate::support::{Case, Origin, names};

const PAGE: &str = "<img src='http://p.example/a.png'>";

#[test]
fn a_flag_beats_the_environment_and_that_the_file_and_that_the_default() {
    let case = Case::new();
    case.write("in/a.html", "<p>no pictures</p>");
    let written_to = |case: &Case, flags: &[&str], environment: Option<&str>| -> String {
        let before = names(&case.root());
        let mut run = case.imgmirror(&["sync", "in"]).args(flags);
        if let Some(value) = environment {
            run = run.env("IMGMIRROR_OUTPUT", value);
        }
        run.run(0);
        let new: Vec<_> = names(&case.root()).into_iter().filter(|name| !before.contains(name)).collect();
        new.concat()
    };
    assert_eq!(written_to(&case, &[], None), "mirror");
    case.write("imgmirror.toml", "output = \"by-file\"\n");
    assert_eq!(written_to(&case, &[], None), "by-file");
    assert_eq!(written_to(&case, &[], Some("by-environment")), "by-environment");
    assert_eq!(written_to(&case, &["-o", "by-flag"], Some("by-environment")), "by-flag");
    case.write("named.toml", "output = \"by-named\"\n");
    assert_eq!(written_to(&case, &["--config=named.toml"], None), "by-named");
}

#[test]
fn a_file_that_was_found_is_told_of() {
    let case = Case::new();
    case.write("in/a.html", "<p>").write("imgmirror.toml", "quiet = true\n");
    case.run(0, &["sync", "in"]).stderr_has("imgmirror.toml");
}

#[test]
fn settings_reach_the_network() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    case.write("imgmirror.toml", "user-agent = \"from the file\"\nheader = [\"X-One: 1\", \"X-Two: 2\"]\n");
    case.imgmirror(&["sync", "in"]).args(origin.flags()).env("IMGMIRROR_REFERER", "origin").run(0);
    let asked = origin.take_log().remove(0);
    assert_eq!(asked.header("user-agent"), Some("from the file"));
    assert_eq!((asked.header("x-one"), asked.header("x-two")), (Some("1"), Some("2")));
    assert_eq!(asked.header("referer"), Some("http://p.example/"));
    assert_eq!(asked.method, "GET");
}

#[test]
fn what_cannot_be_a_setting_is_wrong_usage() {
    let case = Case::new();
    case.write("in/a.html", "<p>");
    let table: [(&str, &str); 4] = [
        ("outptu = \"x\"\n", "outptu"),
        ("retries = \"many\"\n", "retries"),
        ("max-size = \"huge\"\n", "max-size"),
        ("this is no toml", "imgmirror.toml"),
    ];
    for (file, named) in table {
        case.write("imgmirror.toml", file);
        let ran = case.run(2, &["sync", "in"]);
        ran.stderr_has(named).stderr_has("imgmirror.toml");
    }
    std::fs::remove_file(case.at("imgmirror.toml")).unwrap();
    case.imgmirror(&["sync", "in"]).env("IMGMIRROR_RETRIES", "many").run(2).stderr_has("IMGMIRROR_RETRIES");
    case.imgmirror(&["sync", "in"]).env("IMGMIRROR_UNKNOWN_TO_ALL", "x").run(0);
    case.run(2, &["sync", "in", "--config=nowhere.toml"]).stderr_has("nowhere.toml");
}

#[test]
fn wrong_usage_does_nothing() {
    let case = Case::new();
    case.write("in/a.html", PAGE);
    for arguments in [
        &["sync"][..],
        &["sync", "in", "--in-place"],
        &["sync", "in", "--assets=x"],
        &["sync", "in", "--offline", "--refresh"],
        &["sync", "in", "--no-such-flag"],
        &["sync", "in", "--max-size=huge"],
        &["sync", "in", "--connect-to=nonsense"],
        &["sync", "in", "--allow=nonsense:"],
        &["sync", "in", "--link-base=a b"],
        &["sync", "in", "--proxy-rule="],
        &["links"],
        &["explain"],
        &["bundle"],
        &["bundle", "--format=zip"],
        &["bundle", "--format=dir", "--to=x", "--dry-run"],
        &["bundle", "--format=dir", "--to=x", "--refresh"],
        &["no-such-command"],
        &[],
    ] {
        let ran = case.run(2, arguments);
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{arguments:?}: {}", ran.stdout);
        assert_eq!(names(&case.root()), ["in"], "{arguments:?}");
    }
}

#[test]
fn json_is_one_object_and_quiet_is_quiet() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    let run = |flags: &[&str]| case.imgmirror(&["sync", "in"]).args(origin.flags()).args(flags).run(0);
    run(&["--quiet"]).is_silent();
    let ran = run(&["--json", "--quiet"]);
    assert_eq!(ran.json()["references"]["mirrored"], 1);
    assert_eq!(ran.stderr, "");
    run(&[]).stdout_has("every picture is held").stdout_has("mirror/documents");
    case.write("in/b.html", "<img src='http://127.0.0.1/b.png'>");
    let ran = case.run(3, &["sync", "in", "--quiet"]);
    assert_eq!(ran.stdout, "", "the exit code tells");
}

#[test]
fn a_dry_run_tells_what_would_be_done_and_writes_nothing() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE);
    let plan = |case: &Case| {
        let ran = case.imgmirror(&["sync", "in", "--dry-run", "--json"]).args(origin.flags()).start().wait();
        ran.json()
    };
    let summary = plan(&case);
    assert_eq!((&summary["documents"]["written"], &summary["assets"]["total"]), (&1.into(), &1.into()));
    assert_eq!(names(&case.root()), ["in"]);
    assert_eq!(origin.take_urls(), Vec::<String>::new());

    case.imgmirror(&["sync", "in"]).args(origin.flags()).run(0);
    origin.take_log();
    let before = crate::support::written(&case.at("mirror"));
    case.write("in/b.html", "<img src='http://p.example/b.png'>");
    let summary = plan(&case);
    assert_eq!((&summary["documents"]["written"], &summary["documents"]["unchanged"]), (&1.into(), &1.into()));
    assert_eq!((&summary["assets"]["held"], &summary["assets"]["total"]), (&1.into(), &2.into()));
    assert_eq!(crate::support::written(&case.at("mirror")), before);
    assert_eq!(origin.take_urls(), Vec::<String>::new());
}

#[test]
fn paths_can_come_from_standard_input() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", PAGE).write("in/b.html", PAGE).write("in/c\nd.html", PAGE).write("in/e.html", PAGE);
    let count = |list: &str| case.imgmirror(&["links", "-", "--json"]).stdin(list).run(0).stdout.lines().count();
    assert_eq!(count("in/a.html\nin/b.html\n"), 2);
    assert_eq!(count("in/a.html\r\n\r\nin/b.html"), 2);
    assert_eq!(count("in/a.html\0in/c\nd.html\0"), 2);
    assert_eq!(count(""), 0);
    let run =
        case.imgmirror(&["sync", "-", "--json"]).args(origin.flags()).stdin("in/a.html\nin/nowhere.html\nin/e.html\n");
    let ran = run.run(3);
    assert_eq!((&ran.json()["documents"]["written"], &ran.json()["documents"]["failed"]), (&2.into(), &1.into()));
    ran.stderr_has("in/nowhere.html");
}

#[test]
fn the_help_of_every_command_lists_its_exit_codes() {
    let case = Case::new();
    let help = case.run(0, &["--help"]);
    let listed = help.stdout.split_once("Commands:\n").unwrap().1.split_once("\n\n").unwrap().0;
    let commands: Vec<_> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    for command in commands.into_iter().filter(|command| *command != "help") {
        let ran = case.run(0, &[command, "--help"]);
        let (_, codes) = ran.stdout.split_once("Exit codes:\n").unwrap_or_else(|| panic!("{command}: {}", ran.stdout));
        // These end only when they are stopped.
        let possible: &[u8] = if ["watch", "serve"].contains(&command) { &[1, 2, 130] } else { &[0, 1, 2] };
        for code in possible {
            assert!(codes.lines().any(|line| line.trim().starts_with(&format!("{code}  "))), "{command}: {codes}");
        }
        assert_eq!(ran.stderr, "");
        case.run(0, &[command, "-h"]).stdout_has("Usage: imgmirror");
    }
    case.run(0, &["--version"]).stdout_has(concat!("imgmirror ", env!("CARGO_PKG_VERSION")));
    assert_eq!(names(&case.root()), Vec::<String>::new());
}

#[test]
fn every_setting_of_sync_is_in_the_manual_and_the_other_way_round() {
    let case = Case::new();
    let help = case.run(0, &["sync", "--help"]).stdout;
    let flags = help.lines().filter_map(|line| {
        let flag = line.strip_prefix("      ").or_else(|| line.strip_prefix("  -")?.get(3..))?.strip_prefix("--")?;
        flag.split([' ', ',']).next()
    });
    let mut flags: Vec<_> = flags.filter(|flag| !matches!(*flag, "help" | "version" | "config")).collect();
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md")).unwrap();
    let table = manual.split_once("## All settings").unwrap().1;
    let mut keys: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    flags.sort_unstable();
    keys.sort_unstable();
    assert_eq!(flags, keys);
}
