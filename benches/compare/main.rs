//! imgmirror beside the tools that a user would pick instead, on the same work, in one run.
//!
//! `cargo bench --bench compare` makes a collection, serves it with nginx on loopback and writes a Markdown table;
//! `-- --help` lists what can be chosen. It needs Linux and `nginx` (Debian: `nginx-light`). Tools that are not installed are
//! named as not run. See docs/performance.md.
//!
//! Every tool gets the same work: the URLs of all pictures at four origins, which are four ports of one address. The
//! others get them as a list; imgmirror gets the articles, and finds, peels, hashes, checks and rewrites as well. Rounds
//! go over all tools, so that what else the machine does falls on all of them.

mod collection;
mod job;
mod measure;
mod origin;
mod pictures;
mod table;
mod tools;
mod verify;

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

use collection::{Collection, Size};
use job::Job;
use origin::{Delay, Origin};
use table::Table;

/// Compares imgmirror with other tools.
#[derive(Debug, Parser)]
struct Arguments {
    /// Rounds; the table has their medians.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    #[arg(long, default_value_t = 2_000)]
    documents: usize,
    #[arg(long, default_value_t = 8_000)]
    pictures: usize,
    /// Requests at the same time, over all origins.
    #[arg(long, default_value_t = 64)]
    concurrency: usize,
    /// Only these tools: imgmirror, wget2, wget, curl, aria2c, img2dataset.
    #[arg(long, value_delimiter = ',')]
    tools: Vec<String>,
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Profile::Memory, Profile::Disk, Profile::Latency])]
    profiles: Vec<Profile>,
    /// The program to measure instead of the one that was built for the bench; several are compared with each other.
    #[arg(long, value_name = "PATH")]
    imgmirror: Vec<PathBuf>,
    /// A folder on a tmpfs.
    #[arg(long, default_value = "/dev/shm")]
    memory: PathBuf,
    /// A folder on a disk.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    disk: PathBuf,
    /// Where the table goes too, besides the standard output.
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
    /// Only make and serve the collection as the first profile has it, for a profiler, until standard input ends.
    #[arg(long)]
    serve: bool,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What stands between a tool and its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// No latency, files on a tmpfs.
    Memory,
    /// No latency, files on a disk.
    Disk,
    /// 80 ms a response, files on a tmpfs.
    Latency,
}

impl Profile {
    fn title(self) -> &'static str {
        match self {
            Profile::Memory => "No latency, files on a tmpfs",
            Profile::Disk => "No latency, files on a disk",
            Profile::Latency => "80 ms a response, files on a tmpfs",
        }
    }

    fn delay(self) -> Delay {
        match self {
            Profile::Memory | Profile::Disk => Delay::None,
            Profile::Latency => Delay::Milliseconds(80),
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let size = Size { documents: arguments.documents, pictures: arguments.pictures };
    let source = tempfile::tempdir_in(&arguments.memory).context("no folder for the origin")?;
    eprintln!("making {} pictures", size.pictures);
    let collection = Collection::make(size, source.path())?;
    if arguments.serve {
        let delay = arguments.profiles.first().map_or(Delay::None, |profile| profile.delay());
        return serve(&collection, source.path(), delay);
    }
    let tools = tools::choose(&arguments.tools, &arguments.imgmirror)?;
    let mut table = Table::new(&collection, &arguments);
    for &profile in &arguments.profiles {
        let origin = Origin::start(source.path(), profile.delay())?;
        let below = if profile == Profile::Disk { &arguments.disk } else { &arguments.memory };
        let work = tempfile::tempdir_in(below).with_context(|| format!("no folder in {}", below.display()))?;
        let job = Job::prepare(&collection, &origin, work.path(), arguments.concurrency)?;
        for round in 1..=arguments.runs {
            for tool in tools.iter().filter(|tool| tool.applies(profile)) {
                eprintln!("{}, round {round} of {}: {}", profile.title(), arguments.runs, tool.name);
                let measured = job.measure(tool, &origin).with_context(|| format!("running {}", tool.name))?;
                table.add(profile, tool, measured);
            }
        }
    }
    let text = table.to_markdown(&tools);
    print!("{text}");
    if let Some(path) = &arguments.table {
        std::fs::write(path, &text).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Serves the collection and says where.
fn serve(collection: &Collection, source: &std::path::Path, delay: Delay) -> anyhow::Result<()> {
    let origin = Origin::start(source, delay)?;
    let work = tempfile::tempdir()?;
    let job = Job::prepare(collection, &origin, work.path(), 64)?;
    println!("articles {}\nlist {}", job.articles().display(), job.list().display());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}
