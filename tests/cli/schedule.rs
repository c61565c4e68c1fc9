//! The examples of docs/schedule do what they say.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Case, Mirror, Origin};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schedule")
}

fn example(name: &str) -> String {
    std::fs::read_to_string(examples().join(name)).unwrap()
}

/// systemd's own reading of the units, with the program where it was built.
#[cfg(target_os = "linux")]
#[test]
fn the_units_are_good_units() {
    let case = Case::new();
    let built = env!("CARGO_BIN_EXE_imgmirror");
    let mut units = Vec::new();
    for name in crate::support::names(&examples()) {
        if name.ends_with(".service") || name.ends_with(".timer") {
            case.write(format!("units/{name}"), example(&name).replace("%h/.cargo/bin/imgmirror", built));
            units.push(case.at(format!("units/{name}")));
        }
    }
    assert_eq!(units.len(), 4);
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&units).output();
    let verified = verified.expect("systemd-analyze is missing: apt-get install systemd");
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.trim().is_empty(), "{said}");
}

#[cfg(unix)]
#[test]
fn the_lines_of_the_crontab_run() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("articles/a.html", "<img src='http://p.example/a.png'>");
    // Where cargo installs it, which is not where cron looks.
    std::fs::create_dir_all(case.at(".cargo/bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_imgmirror"), case.at(".cargo/bin/imgmirror")).unwrap();
    let crontab = example("crontab");
    let lines: Vec<&str> = crontab.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 2);
    let run = |line: &str| {
        // Five fields of time, then the command; cron takes the backslash off a percent sign.
        let command = line.split_whitespace().skip(5).collect::<Vec<_>>().join(" ").replace("\\%", "%");
        let command = command.replace(" --quiet", &format!(" --quiet {}", flags_for(&command, &origin)));
        let mut shell = Command::new("sh");
        shell.args(["-c", &command]).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", case.root());
        shell.current_dir(case.root()).output().unwrap()
    };
    for line in &lines {
        let ran = run(line);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.is_empty() && ran.stdout.is_empty(), "{line}: {said}");
    }
    assert_eq!(Mirror::at(case.at("mirror")).blobs().len(), 1);

    // cron mails what is printed: damage must be.
    crate::check::flip_one_bit(&case, &crate::check::blob("http://p.example/a.png"));
    let ran = run(lines.iter().find(|line| line.contains(" check ")).unwrap());
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(5), "{said}");
    assert!(said.contains("Damage: 1 finding.") && said.contains("blob-corrupt"), "{said}");
}

#[cfg(unix)]
fn flags_for(command: &str, origin: &Origin) -> String {
    if command.contains(" sync ") { origin.flags().join(" ") } else { String::new() }
}

#[test]
fn what_goes_to_a_log_has_a_line_for_each_thing_and_no_colours() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    case.write("in/a.html", "<img src='http://p.example/a.png'><img src='http://10.0.0.1/b.png'>");
    let flags = [vec!["--retries=0".to_owned()], origin.flags()].concat();
    let flags = flags.into_iter().map(|flag| flag.replace("=:", "=p.example:"));
    let ran = case.imgmirror(&["sync", "in"]).args(flags).run(3);
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(['\u{1b}', '\r', '\u{8}']), "{text:?}");
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    }
}
