use super::*;
use crate::cli::{self, Durability, Parsed, SyncArgs};
use std::time::Duration;

/// A run of the parser in a folder and an environment of its own.
#[derive(Default)]
struct World {
    file: Option<&'static str>,
    environment: Vec<(&'static str, &'static str)>,
}

impl World {
    fn parse(&self, line: &[&str]) -> Result<Parsed, String> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = self.file {
            std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        }
        let environment =
            |name: &str| self.environment.iter().find(|(own, _)| *own == name).map(|(_, value)| OsString::from(value));
        let surroundings = Surroundings { environment: &environment, directory: folder.path() };
        let arguments = std::iter::once("imgmirror").chain(line.iter().copied()).map(OsString::from);
        cli::parse(arguments, &surroundings).map_err(|error| {
            assert_eq!(error.exit_code(), 2);
            error.to_string().replace(&format!("{}/", folder.path().display()), "")
        })
    }

    fn sync(&self, line: &[&str]) -> Box<SyncArgs> {
        match self.parse(&[&["sync", "in"], line].concat()).unwrap().command {
            cli::Command::Sync(sync) => sync,
            other => panic!("{other:?}"),
        }
    }
}

fn with_file(file: &'static str) -> World {
    World { file: Some(file), ..World::default() }
}

#[test]
fn a_scalar_is_taken_from_flag_environment_file_and_default_in_this_order() {
    let mut world = World::default();
    let size = |world: &World, line: &[&str]| world.sync(line).network.max_size;
    assert_eq!(size(&world, &[]), 64 << 20);
    world.file = Some("max-size = '3MiB'");
    assert_eq!(size(&world, &[]), 3 << 20);
    world.environment.push(("IMGMIRROR_MAX_SIZE", "2MiB"));
    assert_eq!(size(&world, &[]), 2 << 20);
    assert_eq!(size(&world, &["--max-size", "1MiB"]), 1 << 20);
}

#[test]
fn a_switch_is_taken_from_flag_environment_file_and_default_in_this_order() {
    let mut world = World::default();
    let quiet = |world: &World, line: &[&str]| world.sync(line).messages.quiet;
    assert!(!quiet(&world, &[]));
    assert!(quiet(&world, &["--quiet"]));
    world.file = Some("quiet = true");
    assert!(quiet(&world, &[]));
    assert!(!quiet(&world, &["--no-quiet"]));
    world.environment.push(("IMGMIRROR_QUIET", "0"));
    assert!(!quiet(&world, &[]));
    assert!(quiet(&world, &["--quiet"]));
    world.file = Some("quiet = false");
    world.environment[0].1 = "yes";
    assert!(quiet(&world, &[]));
    assert!(!quiet(&world, &["--no-quiet"]));
}

#[test]
fn a_list_replaces_those_of_the_weaker_places() {
    let mut world = World::default();
    let keys = |world: &World, line: &[&str]| world.sync(line).documents.key;
    assert_eq!(keys(&world, &[]), [""; 0]);
    world.file = Some("key = ['A: 1, 2', 'B: 3']");
    assert_eq!(keys(&world, &[]), ["A: 1, 2", "B: 3"]);
    world.environment.push(("IMGMIRROR_KEY", "C: 4, 5\n\nD: 6\r\n"));
    assert_eq!(keys(&world, &[]), ["C: 4, 5", "D: 6"]);
    assert_eq!(keys(&world, &["--key", "E: 7", "--key", "F: 8"]), ["E: 7", "F: 8"]);
    world = with_file("key = []");
    assert_eq!(keys(&world, &[]), [""; 0]);
}

#[test]
fn all_kinds_of_values_can_stand_in_a_file() {
    let args = with_file(
        "output = 'kept'\nconcurrency = 8\nmax-size = 1_048_576\ndeadline = '2m'\ndurability = 'full'\n\
         base-url = 'https://b.example/'\nallow = ['h:1']\nin-place = true\nassets = 'img' # a comment\nmax-age = '1d'\n",
    )
    .sync(&[]);
    assert_eq!((args.output.mirror.as_path(), args.politeness.concurrency), (Path::new("kept"), 8));
    assert_eq!((args.network.max_size, args.network.deadline), (1 << 20, Duration::from_secs(120)));
    assert_eq!((args.output.durability, args.scope.allow.len()), (Durability::Full, 1));
    assert!(matches!(args.placement(), cli::Placement::InPlace { .. }));
}

#[test]
fn an_empty_variable_is_not_set() {
    let world = World { environment: vec![("IMGMIRROR_RETRIES", "")], file: Some("retries = 1") };
    assert_eq!(world.sync(&[]).politeness.retries, 1);
}

#[test]
fn what_a_file_states_as_a_habit_contradicts_no_flag() {
    let world = with_file("max-age = '30d'\nassets = 'img'\nrefresh = true");
    assert!(world.sync(&["--offline"]).run.offline);
    assert!(with_file("max-age = '30d'").sync(&["--refresh"]).run.refresh);
    assert!(world.parse(&["sync", "in", "--assets", "x"]).unwrap_err().contains("--assets goes with --in-place"));
}

#[test]
fn a_typed_flag_that_a_setting_makes_void_is_refused() {
    let table = [
        ("offline = true", "--refresh", "--refresh cannot be used with offline, which"),
        ("offline = true", "--retry-failed", "--no-offline takes it back"),
        ("offline = true", "--max-age=1d", "--max-age cannot be used with offline"),
        ("refresh = true", "--max-age=1d", "--no-refresh takes it back"),
    ];
    for (file, flag, told) in table {
        let error = with_file(file).parse(&["sync", "in", flag]).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
    assert!(with_file("offline = true").sync(&["--refresh", "--no-offline"]).run.refresh);
}

#[test]
fn what_flags_need_may_stand_in_the_file() {
    assert!(matches!(with_file("assets = 'img'").sync(&["--in-place"]).placement(), cli::Placement::InPlace { .. }));
    let told = with_file("in-place = true").parse(&["sync", "in"]).unwrap_err();
    assert!(told.contains("--in-place needs --assets"), "{told}");
}

#[test]
fn each_command_takes_the_settings_that_it_has() {
    let world = with_file("json = true\nrate = '1/s'\nmax-document = '1k'\noutput = 'kept'");
    let cli::Command::Links(links) = world.parse(&["links", "in"]).unwrap().command else { panic!() };
    assert_eq!((links.json, links.documents.max_document), (true, 1000));
    let cli::Command::Explain(explain) = world.parse(&["explain", "x"]).unwrap().command else { panic!() };
    assert_eq!(explain.output, Path::new("kept"));
    // The demo belongs to nobody's settings, and must not write into the mirror that they name.
    let cli::Command::Demo(demo) = world.parse(&["demo"]).unwrap().command else { panic!() };
    assert_eq!((demo.output.as_path(), demo.messages.json), (Path::new("mirror"), false));
}

#[test]
fn faults_of_a_file_are_told_with_line_and_key() {
    let table = [
        ("\nmax-sise = 1", "imgmirror.toml:2: unknown key `max-sise`; did you mean `max-size`?"),
        ("max_size = 1", "imgmirror.toml:1: unknown key `max_size`; did you mean `max-size`?"),
        ("qqqqqqq = 1", "imgmirror.toml:1: unknown key `qqqqqqq`; `imgmirror sync --help` lists the settings"),
        ("config = 'x'", "imgmirror.toml:1: unknown key `config`"),
        ("help = true", "imgmirror.toml:1: unknown key `help`"),
        ("no-quiet = true", "imgmirror.toml:1: unknown key `no-quiet`"),
        ("rules = true", "imgmirror.toml:1: unknown key `rules`"),
        ("[sync]\nquiet = true", "imgmirror.toml:1: unknown table `sync`: all settings stand at the top level"),
        ("# one\n# two\nquiet = 'yes'", "imgmirror.toml:3: `quiet`: expected true or false, found a string"),
        ("retries = true", "imgmirror.toml:1: `retries`: expected a string or a whole number, found a boolean"),
        ("retries = [1]", "imgmirror.toml:1: `retries`: expected a string or a whole number, found an array"),
        ("retries = 1.5", "imgmirror.toml:1: `retries`: expected a string or a whole number, found a float"),
        ("header = 'A: 1'", "imgmirror.toml:1: `header`: expected a list of strings, such as [\"…\"], found a string"),
        ("allow = [true]", "imgmirror.toml:1: `allow`: expected a string or a whole number, found a boolean"),
        ("retries = 1000", "imgmirror.toml:1: `retries`: 1000 is not in 0..=100"),
        ("max-size = 'big'", "imgmirror.toml:1: `max-size`: sizes are written like 20MiB, 500k or 1048576"),
        ("header = ['Secret hunter2']", "imgmirror.toml:1: `header`: a header is written 'Name: value'"),
        ("deadline = 30", "imgmirror.toml:1: `deadline`: durations are written with a unit"),
        ("missing = 'x\u{202e}'", "imgmirror.toml:1: `missing`: 'x\\u{202e}' is none of: keep, original"),
        ("quiet = true\nquiet = true", "imgmirror.toml:2: duplicate key"),
        ("quiet = \n", "imgmirror.toml:1: "),
    ];
    for (file, told) in table {
        let error = with_file(file).parse(&["sync", "in"]).unwrap_err();
        assert!(error.starts_with(&format!("error: {told}")), "{file:?}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
}

#[test]
fn faults_of_the_environment_are_told_with_the_variable() {
    let table = [
        ("IMGMIRROR_MAX_SIZE", "big", "the environment variable IMGMIRROR_MAX_SIZE: sizes are written like"),
        ("IMGMIRROR_QUIET", "perhaps", "the environment variable IMGMIRROR_QUIET: 'perhaps' is neither true nor false"),
        ("IMGMIRROR_MISSING", "x", "the environment variable IMGMIRROR_MISSING: 'x' is none of: keep, original"),
    ];
    for (name, value, told) in table {
        let error = World { file: None, environment: vec![(name, value)] }.parse(&["sync", "in"]).unwrap_err();
        assert!(error.starts_with(&format!("error: {told}")), "{error}");
    }
}

#[test]
fn a_file_that_is_named_must_be_there() {
    let world = World::default();
    let told = world.parse(&["sync", "in", "--config", "/nonexistent.toml"]).unwrap_err();
    assert!(told.starts_with("error: the configuration file /nonexistent.toml cannot be read: No such file"), "{told}");
    let told = world.parse(&["sync", "in", "--config", "/"]).unwrap_err();
    assert!(told.contains("not a file"), "{told}");
    let world = World { environment: vec![("IMGMIRROR_CONFIG", "/nonexistent.toml")], ..World::default() };
    assert!(world.parse(&["sync", "in"]).is_err());
    assert_eq!(World::default().parse(&["sync", "in"]).unwrap().config_file, None);
}

#[test]
fn a_named_file_is_read_instead_of_the_usual_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.toml");
    std::fs::write(&path, "retries = 7").unwrap();
    let world = with_file("retries = 1");
    assert_eq!(world.sync(&["--config", path.to_str().unwrap()]).politeness.retries, 7);
    let parsed = world.parse(&["sync", "in"]).unwrap();
    assert!(parsed.config_file.unwrap().ends_with(FILE_NAME));
}

#[test]
fn help_does_not_depend_on_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(FILE_NAME), "this is no TOML").unwrap();
    let surroundings = Surroundings { environment: &|_| None, directory: folder.path() };
    let line = ["imgmirror", "sync", "--help"].map(OsString::from);
    assert_eq!(cli::parse(line, &surroundings).unwrap_err().kind(), ErrorKind::DisplayHelp);
}

#[test]
fn the_manual_lists_every_setting_and_no_other() {
    use clap::CommandFactory;
    let manual = include_str!("../../docs/configuration.md");
    let (_, table) = manual.split_once("## All settings").unwrap();
    let listed: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let command = cli::Cli::command();
    let sync = command.find_subcommand(REFERENCE).unwrap();
    let mut known: Vec<&str> = sync.get_arguments().filter(|arg| is_setting(arg)).filter_map(Arg::get_long).collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    known.sort_unstable();
    assert_eq!(sorted, known);
    // What the table calls a default is the default.
    for arg in sync.get_arguments().filter(|arg| is_setting(arg)) {
        let row = table.lines().find(|line| line.starts_with(&format!("| `{}` |", arg.get_long().unwrap()))).unwrap();
        for default in arg.get_default_values().iter().filter(|_| !is_switch(arg)) {
            assert!(row.contains(&format!("| `{}` |", default.to_str().unwrap())), "{row}");
        }
    }
}

#[test]
fn the_example_of_the_manual_works() {
    let (_, example) = include_str!("../../docs/configuration.md").split_once("```toml\n").unwrap();
    let args = with_file(example.split("```").next().unwrap()).sync(&[]);
    assert_eq!((args.documents.key.len(), args.messages.quiet), (2, true));
}

#[test]
fn the_keys_and_recipes_of_the_page_on_manners_work() {
    use clap::CommandFactory;
    let page = include_str!("../../docs/manners.md");
    let command = cli::Cli::command();
    let known: Vec<&str> =
        command.find_subcommand(REFERENCE).unwrap().get_arguments().filter_map(Arg::get_long).collect();
    let (_, table) = page.split_once("| what | default | key | why |").unwrap();
    let keys = table.lines().skip(2).take_while(|row| row.starts_with('|')).map(|row| row.split('|').nth(3).unwrap());
    let named: Vec<&str> = keys.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 15 && named.iter().all(|key| known.contains(key)), "{named:?}");

    let gentle = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(with_file(gentle).sync(&[]).politeness.per_host, 1);
    let lines: Vec<&str> = page.split("```sh\n").nth(1).unwrap().split("```").next().unwrap().lines().collect();
    assert_eq!(lines.len(), 3);
    for line in lines {
        World::default().parse(&line.split(' ').skip(1).collect::<Vec<_>>()).unwrap();
    }
}
