//! The tools and how each is asked for the same work.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Profile;
use super::collection::ORIGINS;
use super::job::Job;

/// Which program, and so which arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Imgmirror,
    Wget2,
    /// As many processes at a time as others have transfers.
    Wget,
    Curl,
    Aria2c,
    Img2dataset,
}

/// When the disk is waited for, where a tool lets one choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    None,
    Batch,
    Full,
}

#[derive(Debug, Clone)]
pub struct Tool {
    /// As the table has it.
    pub name: String,
    pub kind: Kind,
    program: PathBuf,
    durability: Durability,
    /// What it says of its version; `None` when it is not installed.
    pub version: Option<String>,
}

/// The tools with these names, or all; `ours` are the builds of imgmirror to compare.
pub fn choose(names: &[String], ours: &[PathBuf]) -> anyhow::Result<Vec<Tool>> {
    let built = [PathBuf::from(env!("CARGO_BIN_EXE_imgmirror"))];
    let ours = if ours.is_empty() { &built } else { ours };
    let mut tools = Vec::new();
    for (index, program) in ours.iter().enumerate() {
        let name = if index == 0 { "imgmirror".to_owned() } else { format!("imgmirror ({})", program.display()) };
        tools.push(Tool::new(&name, Kind::Imgmirror, program, Durability::Batch));
    }
    for (word, durability) in [("none", Durability::None), ("full", Durability::Full)] {
        tools.push(Tool::new(&format!("imgmirror --durability {word}"), Kind::Imgmirror, &ours[0], durability));
    }
    for (name, kind) in [
        ("wget2", Kind::Wget2),
        ("wget", Kind::Wget),
        ("curl", Kind::Curl),
        ("aria2c", Kind::Aria2c),
        ("img2dataset", Kind::Img2dataset),
    ] {
        tools.push(Tool::new(name, kind, Path::new(name), Durability::None));
    }
    let wanted = |tool: &Tool| names.is_empty() || names.iter().any(|name| tool.name.split(' ').next() == Some(name));
    tools.retain(wanted);
    anyhow::ensure!(!tools.is_empty(), "no tool has such a name");
    Ok(tools)
}

impl Tool {
    fn new(name: &str, kind: Kind, program: &Path, durability: Durability) -> Self {
        let mut tool = Tool { name: name.to_owned(), kind, program: program.to_owned(), durability, version: None };
        tool.version = tool.ask_version();
        tool
    }

    fn ask_version(&self) -> Option<String> {
        let mut command = Command::new(&self.program);
        // Tells no version; its help says that it is there.
        command.arg(if self.kind == Kind::Img2dataset { "--help" } else { "--version" });
        let told = command.stdin(Stdio::null()).output().ok()?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned();
        match self.kind {
            Kind::Img2dataset => Some("img2dataset".to_owned()),
            _ => text.lines().next().map(|line| line.split(" (").next().unwrap_or(line).to_owned()),
        }
    }

    /// Whether there is something to measure. How durable files are matters on a disk alone.
    pub fn applies(&self, profile: Profile) -> bool {
        let plain = self.kind != Kind::Imgmirror || self.durability == Durability::Batch;
        self.version.is_some() && (plain || profile == Profile::Disk)
    }

    /// The command that gets everything.
    pub fn first(&self, job: &Job<'_>) -> Command {
        self.command(job, false)
    }

    /// The command that a user would give to bring it up to date.
    pub fn second(&self, job: &Job<'_>) -> Command {
        self.command(job, true)
    }

    /// Exit codes besides 0 that are no failure of a second run: aria2's 13 says that a file was there already.
    pub fn fine_when_nothing_changed(&self) -> &'static [i32] {
        match self.kind {
            Kind::Aria2c => &[13],
            _ => &[],
        }
    }

    fn command(&self, job: &Job<'_>, again: bool) -> Command {
        let (out, limit) = (job.out(), job.concurrency.to_string());
        let mut command = Command::new(&self.program);
        match self.kind {
            Kind::Imgmirror => {
                let per_host = job.concurrency.div_ceil(ORIGINS).to_string();
                let durability = match self.durability {
                    Durability::None => "none",
                    Durability::Batch => "batch",
                    Durability::Full => "full",
                };
                command.arg("sync").arg(job.articles()).arg("-o").arg(out);
                command.args(["--allow-private", "--json", "--concurrency", &limit, "--per-host", &per_host]);
                command.args(["--durability", durability]);
            }
            Kind::Wget2 => {
                command.args(["--quiet", "--force-directories", "--no-host-directories", "--timestamping"]);
                command.arg(format!("--max-threads={limit}")).arg("-P").arg(out).arg("-i").arg(job.list());
            }
            Kind::Wget => {
                // Shares of the list that keep all processes busy to the end.
                command = Command::new("xargs");
                command.arg("-a").arg(job.list()).args(["-P", &limit, "-n", "25"]).arg(&self.program);
                command.args(["--quiet", "--force-directories", "--no-host-directories"]);
                command.arg(if again { "--no-clobber" } else { "--timestamping" }).arg("-P").arg(out);
            }
            Kind::Curl => {
                command.args(["--parallel", "--parallel-max", &limit, "--silent", "--remote-time", "--create-dirs"]);
                command.arg("--config").arg(if again { job.curl_again_list() } else { job.curl_list() });
            }
            Kind::Aria2c => {
                command.args(["--quiet", "--max-connection-per-server=1", "--file-allocation=none", "--no-conf"]);
                command.args(["--conditional-get=true", "--allow-overwrite=true", "--auto-file-renaming=false"]);
                command.args(["--remote-time=true", "-j", &limit]).arg("-d").arg(out).arg("-i").arg(job.aria2_list());
            }
            Kind::Img2dataset => {
                command.args(["--resize_mode", "no", "--disable_all_reencoding", "True", "--output_format", "files"]);
                command.args(["--processes_count", "2", "--thread_count"]).arg((job.concurrency / 2).to_string());
                command.args(["--number_sample_per_shard", "1000", "--incremental_mode", "incremental"]);
                command.arg("--url_list").arg(job.list()).arg("--output_folder").arg(out);
            }
        }
        command
    }
}
