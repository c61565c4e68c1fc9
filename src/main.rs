//! The program: reads the command line, runs the command, turns its outcome into an exit code.

use std::io::Write as _;
use std::process::ExitCode;

use imgmirror::config::Surroundings;
use imgmirror::{cli, commands, sanitize};

fn main() -> ExitCode {
    let directory = std::env::current_dir().unwrap_or_default();
    let environment = |name: &str| std::env::var_os(name);
    let surroundings = Surroundings { environment: &environment, directory: &directory };
    match cli::parse(std::env::args_os(), &surroundings) {
        Ok(parsed) => commands::run(parsed),
        Err(told) if told.use_stderr() => {
            // What was typed stands in the message: values with passwords, and values from elsewhere.
            for line in told.render().to_string().lines() {
                let _ = writeln!(std::io::stderr(), "{}", sanitize::url(line));
            }
            ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2))
        }
        Err(told) => {
            // Help that cannot be written has nobody who waits for it.
            let _ = told.print();
            ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2))
        }
    }
}
