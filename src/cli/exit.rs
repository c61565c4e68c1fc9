//! Exit codes: what a script learns from a run.

use std::fmt::Write as _;
use std::process::ExitCode;

/// How a command ended. The numbers are part of the interface and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything that was asked for is done; nothing is missing.
    Complete,
    /// The command could not do its work: an input or the output cannot be used.
    CouldNotRun,
    /// The command line, the environment or the configuration file is wrong. Nothing was done.
    Usage,
    /// The run went through, and some pictures or documents are missing.
    SomeMissing,
    /// Another run holds the lock of the mirror.
    Locked,
    /// `check` found damage.
    Damaged,
    /// Stopped by a signal. What was done is saved, and the same command goes on from there.
    Interrupted,
}

impl Exit {
    pub const ALL: [Exit; 7] = [
        Exit::Complete,
        Exit::CouldNotRun,
        Exit::Usage,
        Exit::SomeMissing,
        Exit::Locked,
        Exit::Damaged,
        Exit::Interrupted,
    ];

    pub fn code(self) -> u8 {
        match self {
            Exit::Complete => 0,
            Exit::CouldNotRun => 1,
            Exit::Usage => 2,
            Exit::SomeMissing => 3,
            Exit::Locked => 4,
            Exit::Damaged => 5,
            Exit::Interrupted => 130,
        }
    }

    /// The line of the help text.
    fn meaning(self) -> &'static str {
        match self {
            Exit::Complete => "everything is done, nothing is missing",
            Exit::CouldNotRun => "could not run (an input, the output, the disk or the catalog)",
            Exit::Usage => "wrong usage; nothing was done",
            Exit::SomeMissing => "ran, and something is missing",
            Exit::Locked => "another run holds the lock",
            Exit::Damaged => "damage was found",
            Exit::Interrupted => "interrupted; run it again to go on",
        }
    }

    /// The part of a command's help that lists how it can end.
    pub(super) fn help(possible: &[Exit]) -> String {
        let mut text = String::from("Exit codes:");
        for exit in possible {
            let _ = write!(text, "\n  {:>3}  {}", exit.code(), exit.meaning());
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_those_of_the_contract() {
        assert_eq!(Exit::ALL.map(Exit::code), [0, 1, 2, 3, 4, 5, 130]);
    }

    #[test]
    fn help_lists_code_and_meaning() {
        assert_eq!(
            Exit::help(&[Exit::Complete, Exit::Interrupted]),
            "Exit codes:\n    0  everything is done, nothing is missing\n  130  interrupted; run it again to go on"
        );
    }
}
