use super::*;
use clap::error::ErrorKind;
use std::path::Path;
use std::time::Duration;

use crate::mirror::prune::Captures;
use crate::mirror::trash::Age;
use crate::restore::Edited;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Parses with an empty environment and no file.
fn parse_line(line: &[&str]) -> Result<Parsed, clap::Error> {
    let surroundings = Surroundings { environment: &|_| None, directory: Path::new("/nonexistent") };
    parse(std::iter::once("imgmirror").chain(line.iter().copied()).map(OsString::from), &surroundings)
}

fn sync(line: &[&str]) -> Box<SyncArgs> {
    match parse_line(&[&["sync"], line].concat()).unwrap().command {
        Command::Sync(sync) => sync,
        other => panic!("{other:?}"),
    }
}

fn error_of(line: &[&str]) -> (ErrorKind, String) {
    let error = parse_line(line).unwrap_err();
    (error.kind(), error.to_string())
}

#[test]
fn the_definition_is_sound() {
    config::with_opposites(Cli::command()).debug_assert();
}

#[test]
fn defaults_are_those_that_the_help_states() {
    let args = sync(&["in"]);
    assert_eq!(args.inputs(), [Input::Path("in".into())]);
    assert_eq!(args.output.mirror, Path::new("mirror"));
    assert_eq!(args.placement(), Placement::Mirror);
    assert_eq!((args.output.missing, args.output.durability), (Missing::Keep, Durability::Batch));
    assert_eq!((args.politeness.concurrency, args.politeness.per_host, args.politeness.retries), (64, 6, 3));
    assert_eq!((args.politeness.referer, args.politeness.backoff), (Referer::Auto, Duration::from_millis(500)));
    assert_eq!((args.network.max_size, args.documents.max_document), (64 << 20, 256 << 20));
    assert_eq!(args.network.deadline, Duration::from_secs(600));
    assert_eq!(args.documents.gitignore(), Gitignore::Disregarded);
    assert!(!(args.run.dry_run || args.run.yes || args.run.offline || args.run.refresh || args.run.retry_failed));
}

#[test]
fn every_flag_of_the_contract_is_taken() {
    let line = "in - --link-base /i --base-url https://b.example/ --concurrency 2 --per-host 1 --rate 2/s --retries 0 \
        --backoff 10ms --connect-timeout 1s --stall-timeout 2s --deadline 1m --max-size 20MiB --referer origin \
        --user-agent me --via-proxy http://p.example:1 --allow h:1 --allow 10.0.0.0/8 --allow-private \
        --connect-to ::127.0.0.1:8080 --cacert a.pem --cacert b.pem --proxy-rule https://p.example/? --include img@src \
        --exclude link@href --max-age 30d --retry-failed --missing original --durability full --urls urls.txt --dry-run \
        --yes --json --quiet --select img@data-x --key cover --max-document 1k --respect-gitignore -o out";
    let mut line: Vec<&str> = line.split_whitespace().collect();
    line.extend(["--header", "X-Key: a, b", "--in-place", "--assets", "pictures"]);
    let files = sync(&["in", "--metrics", "m.prom", "--summary-file", "s.json"]).reports;
    assert_eq!((files.metrics, files.summary_file), (Some("m.prom".into()), Some("s.json".into())));
    let args = sync(&line);
    assert_eq!(args.inputs(), [Input::Path("in".into()), Input::List]);
    assert_eq!(args.output.link_base.as_deref(), Some("/i/"));
    assert_eq!(args.network.header, ["X-Key: a, b".parse().unwrap()]);
    assert_eq!(args.network.cacert.len(), 2);
    assert_eq!(args.scope.allow, ["h:1", "10.0.0.0/8"].map(|allow| allow.parse().unwrap()));
    assert_eq!(args.run.max_age, Some(Duration::from_secs(30 * 86_400)));
    assert_eq!(args.placement(), Placement::InPlace { assets: &"pictures".into() });
    assert_eq!(args.documents.gitignore(), Gitignore::Respected);
    assert!(sync(&["in", "--offline"]).run.offline);
    assert!(sync(&["in", "--refresh"]).run.refresh);
}

#[test]
fn the_defaults_of_fetching_are_stated_once() {
    let (given, own) = (sync(&["in"]).fetch_options().unwrap(), crate::fetch::Options::default());
    assert_eq!(format!("{given:?}"), format!("{own:?}"));
}

#[test]
fn flags_reach_the_fetcher() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.pem"), folder.path().join("2.pem"));
    let certificates = [(); 2].map(|()| rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem());
    std::fs::write(&one, &certificates[0]).unwrap();
    std::fs::write(&two, &certificates[1]).unwrap();
    let pems = [one.to_str().unwrap(), two.to_str().unwrap()];
    let args = sync(&[
        "in",
        "--concurrency",
        "2",
        "--rate",
        "2/s",
        "--max-size",
        "9",
        "--referer",
        "none",
        "--allow-private",
        "--user-agent",
        "me",
        "--cacert",
        pems[0],
        "--cacert",
        pems[1],
    ]);
    let options = args.fetch_options().unwrap();
    assert_eq!((options.concurrency, options.max_size, options.user_agent.as_str()), (2, 9, "me"));
    assert_eq!(options.rate.unwrap().interval(), Duration::from_millis(500));
    assert_eq!(options.referer, crate::fetch::RefererPolicy::None);
    assert_eq!(options.private, crate::scope::Private::Allow);
    assert_eq!(options.cacert.unwrap(), certificates.map(|pem| pem + "\n").concat().into_bytes());
    let args = sync(&["in", "--cacert", "/nonexistent.pem"]);
    assert_eq!(args.fetch_options().unwrap_err().0, Path::new("/nonexistent.pem"));
}

#[test]
fn the_other_commands_take_theirs() {
    let parsed =
        parse_line(&["links", "a", "-", "--json", "--base-url", "https://b.example/", "--key", "cover"]).unwrap();
    let Command::Links(links) = parsed.command else { panic!() };
    assert_eq!((links.inputs().len(), links.json), (2, true));
    let Command::Explain(explain) = parse_line(&["explain", "https://x.example/a.png", "-o", "m"]).unwrap().command
    else {
        panic!()
    };
    assert_eq!((explain.output.as_path(), explain.rules), (Path::new("m"), false));
    assert!(parse_line(&["explain", "--rules"]).is_ok());
    let line =
        ["prune", "-o", "m", "--trash-age", "1d", "--captures", "current", "--forget-input", "in", "--yes", "--json"];
    let Command::Prune(prune) = parse_line(&line).unwrap().command else { panic!() };
    assert_eq!((prune.mirror.output.as_path(), prune.yes, prune.dry_run), (Path::new("m"), true, false));
    assert_eq!(prune.trash_age(), Age::AtLeast(Duration::from_secs(86_400)));
    assert_eq!((prune.captures(), prune.forget_input), (Captures::Current, vec!["in".into()]));
    let Command::Prune(prune) = parse_line(&["prune", "--empty-trash"]).unwrap().command else { panic!() };
    assert_eq!((prune.trash_age(), prune.grace(), prune.captures()), (Age::Any, 30 * DAY, Captures::All));
    let line = ["restore", "a.md", "posts", "--merge", "--dry-run"];
    let Command::Restore(restore) = parse_line(&line).unwrap().command else { panic!() };
    assert_eq!((restore.documents.len(), restore.edited(), restore.dry_run), (2, Edited::Merge, true));
    let line = ["export", "--format", "sha256sums", "--to", "sums"];
    let Command::Export(export) = parse_line(&line).unwrap().command else { panic!() };
    assert_eq!((export.format, export.to.as_deref()), (Format::Sha256sums, Some(Path::new("sums"))));
    let line = ["check", "-o", "m", "--sample", "5%", "--repair", "--allow-private", "--retries", "0", "--json"];
    let Command::Check(check) = parse_line(&line).unwrap().command else { panic!() };
    assert_eq!((check.output.as_path(), check.sample, check.repair), (Path::new("m"), Some(0.05), true));
    assert_eq!((check.politeness.retries, check.scope.allow_private, check.messages.json), (0, true, true));
    let Command::Status(status) = parse_line(&["status", "-o", "m", "--json"]).unwrap().command else { panic!() };
    assert_eq!((status.mirror.output.as_path(), status.json), (Path::new("m"), true));
    let Command::Report(report) = parse_line(&["report"]).unwrap().command else { panic!() };
    assert_eq!(report.mirror.output, Path::new("mirror"));
    let Command::Serve(serve) = parse_line(&["serve", "-o", "m", "--port", "8080", "--host", "::1"]).unwrap().command
    else {
        panic!()
    };
    assert_eq!((serve.output.as_path(), serve.port, serve.bundle), (Path::new("m"), 8080, None));
    assert_eq!(serve.host, std::net::Ipv6Addr::LOCALHOST);
    let Command::Demo(demo) = parse_line(&["demo", "--quiet"]).unwrap().command else { panic!() };
    assert_eq!((demo.output.as_path(), demo.messages.quiet), (Path::new("mirror"), true));
}

fn bundle(line: &[&str]) -> Result<Box<BundleArgs>, String> {
    match parse_line(&[&["bundle"], line].concat()).map_err(|error| error.to_string())?.command {
        Command::Bundle(bundle) => Ok(bundle),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bundle_takes_what_sync_takes_where_there_is_an_input() {
    use crate::bundle::{Division, Format};
    let args = bundle(&["in", "--format", "zip", "--to", "a.zip", "--refresh", "-o", "m", "--title", "T"]).unwrap();
    assert_eq!((args.what.format, args.sync.inputs().len(), args.sync.run.refresh), (Some(Format::Zip), 1, true));
    let divided = |line: &[&str]| {
        let what = bundle(line).unwrap().what;
        let (format, to) = (what.format.unwrap(), what.to.clone().unwrap());
        (what.division(format, &to), what.max_size(format))
    };
    let html = ["--format", "html", "--to"];
    assert_eq!(divided(&[&html[..], &["x"]].concat()), (Division::Each, Some(64 << 20)));
    assert_eq!(
        divided(&[&html[..], &["x.html", "--max-bundle-size", "1k"]].concat()),
        (Division::Together, Some(1000))
    );
    assert_eq!(divided(&[&html[..], &["x.html", "--per-document"]].concat()).0, Division::Each);
    assert_eq!(divided(&["--format", "dir", "--to", "x.html"]), (Division::Together, None));
    assert_eq!(divided(&["--format", "epub", "--to", "x", "--per-document"]), (Division::Each, None));
    assert_eq!(bundle(&["--verify", "a.zip", "--json"]).unwrap().what.verify, Some("a.zip".into()));
    let to = ["--format", "dir", "--to", "x"];
    let table: [(&[&str], &str); 9] = [
        (&["in"], "required arguments were not provided"),
        (&["--format", "dir"], "required arguments were not provided"),
        (&["--format", "tar", "--to", "x"], "possible values: dir, html, zip, epub, wacz"),
        (&[&to[..], &["--refresh"]].concat(), "--refresh is about mirroring, and needs an INPUT"),
        (&[&to[..], &["--urls", "list"]].concat(), "--urls is about mirroring, and needs an INPUT"),
        (&[&to[..], &["in", "--in-place"]].concat(), "--in-place needs --assets DIR"),
        (&[&to[..], &["in", "--dry-run"]].concat(), "bundle has no --dry-run"),
        (&["--verify", "x", "--to", "y"], "cannot be used with"),
        (&["--verify", "x", "-o", "m"], "--output cannot be used with --verify"),
    ];
    for (line, told) in table {
        let error = bundle(line).unwrap_err();
        assert!(error.contains(told), "{line:?}: {error}");
    }
}

#[test]
fn flags_that_contradict_or_lack_each_other_are_usage_errors() {
    let table: [(&[&str], &str); 25] = [
        (&["sync"], "name at least one INPUT"),
        (&["sync", "in", "--in-place"], "--in-place needs --assets DIR"),
        (&["sync", "in", "--assets", "x"], "--assets goes with --in-place"),
        (&["sync", "in", "--offline", "--refresh"], "cannot be used with"),
        (&["sync", "in", "--offline", "--retry-failed"], "cannot be used with"),
        (&["sync", "in", "--offline", "--max-age", "1d"], "cannot be used with"),
        (&["sync", "in", "--refresh", "--max-age", "1d"], "cannot be used with"),
        (&["sync", "in", "--concurrency", "0"], "0 is not in 1..=1024"),
        (&["sync", "in", "--max-size", "lots"], "sizes are written like"),
        (&["sync", "in", "--deadline", "30"], "durations are written with a unit"),
        (&["sync", "in", "--referer", "all"], "possible values: auto, none, origin"),
        (&["sync", "in", "--rate", "fast"], "'fast' is not a rate such as 2/s"),
        (&["sync", "in", "--allow", "x"], "'x' is not HOST:PORT"),
        (&["sync", "in", "--connect-to", "x"], "'x' is not HOST1:PORT1:HOST2:PORT2"),
        (&["sync", "in", "--header", "Host: x"], "the header host cannot be set"),
        (&["sync", "in", "--no-such"], "unexpected argument"),
        (&["check", "--quick", "--sample", "5%"], "cannot be used with"),
        (&["check", "--rebuild", "--repair"], "cannot be used with"),
        (&["check", "--sample", "5"], "shares are written in percent"),
        (&["serve", "--host", "0.0.0.0"], "to this machine alone"),
        (&["serve", "--port", "70000"], "70000 is not in"),
        (&["serve", "x.zip", "-o", "m"], "cannot be used with"),
        (&["links"], "required arguments were not provided"),
        (&["explain"], "required arguments were not provided"),
        (&["no-such-command"], "unrecognized subcommand"),
    ];
    for (line, told) in table {
        let error = parse_line(line).unwrap_err();
        assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()), "{line:?}");
        assert!(error.to_string().contains(told), "{line:?}: {error}");
    }
}

#[test]
fn urls_alone_are_input_enough() {
    assert_eq!(sync(&["--urls", "list.txt"]).inputs(), []);
}

#[test]
fn the_last_of_a_switch_and_its_opposite_wins() {
    assert!(!sync(&["in", "--quiet", "--no-quiet"]).messages.quiet);
    assert!(sync(&["in", "--no-quiet", "--quiet"]).messages.quiet);
    assert!(!sync(&["in", "--no-quiet"]).messages.quiet);
}

#[test]
fn an_opposite_takes_back_what_would_contradict() {
    assert!(sync(&["in", "--offline", "--refresh", "--no-offline"]).run.refresh);
}

#[test]
fn help_goes_to_standard_output_with_code_0_and_lists_the_exit_codes() {
    for command in [
        "sync", "watch", "check", "links", "explain", "status", "report", "prune", "restore", "export", "bundle",
        "serve", "demo",
    ] {
        let error = parse_line(&[command, "--help"]).unwrap_err();
        assert_eq!((error.kind(), error.exit_code()), (ErrorKind::DisplayHelp, 0));
        let help = error.to_string();
        // These end only when they are stopped.
        let first =
            if ["watch", "serve"].contains(&command) { "    1  could not run" } else { "    0  everything is done" };
        assert!(help.contains(&format!("Exit codes:\n{first}")), "{help}");
        assert!(!help.contains("  --no-"), "opposites are not listed: {help}");
    }
    assert_eq!(error_of(&["--version"]).0, ErrorKind::DisplayVersion);
}

#[test]
fn every_flag_has_a_one_line_help() {
    let mut cli = Cli::command();
    cli.build();
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        for arg in command.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let name = format!("{} {}", command.get_name(), arg.get_id());
            assert!(!help.is_empty() && help.len() <= 95 && !help.contains('\n'), "{name}: {help:?}");
        }
    }
}
