//! The program: reads the command line, runs the command, turns its outcome into an exit code.

use std::process::ExitCode;

use imgmirror::config::Surroundings;
use imgmirror::{cli, commands};

fn main() -> ExitCode {
    let directory = std::env::current_dir().unwrap_or_default();
    let environment = |name: &str| std::env::var_os(name);
    let surroundings = Surroundings { environment: &environment, directory: &directory };
    match cli::parse(std::env::args_os(), &surroundings) {
        Ok(parsed) => commands::run(parsed),
        Err(told) => {
            // Help that cannot be written has nobody who waits for it.
            let _ = told.print();
            ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(2))
        }
    }
}
