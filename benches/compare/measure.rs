//! What running a command costs.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use wait4::Wait4 as _;

/// What a process cost, together with those that it waited for.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
    /// Bytes of the largest of the processes, not of all together: so the system counts.
    pub memory: u64,
}

/// Runs `command`, whose words go to a log below `folder`, and says what it cost.
pub fn measure(mut command: Command, folder: &Path, fine: &[i32]) -> anyhow::Result<Cost> {
    // What others have left to write is written before, not meanwhile.
    Command::new("sync").status()?;
    let log = folder.join("log.txt");
    command.stdin(Stdio::null()).stdout(File::create(folder.join("output.txt"))?).stderr(File::create(&log)?);
    let started = Instant::now();
    let ended = command.spawn()?.wait4()?;
    let wall = started.elapsed();
    if !ended.status.code().is_some_and(|code| code == 0 || fine.contains(&code)) {
        let told = std::fs::read_to_string(&log).unwrap_or_default();
        let from = told.char_indices().rev().nth(600).map_or(0, |(at, _)| at);
        anyhow::bail!("{:?} ended with {}: {}", command.get_program(), ended.status, &told[from..]);
    }
    let used = ended.rusage;
    Ok(Cost { wall, cpu: used.utime + used.stime, memory: used.maxrss })
}

/// What the command wrote to its standard output.
pub fn output(folder: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(folder.join("output.txt")).context("the output of a command")
}
