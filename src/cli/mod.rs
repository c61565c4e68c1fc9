//! The command line: what can be typed, and what it means as plain values.
//!
//! Nothing here reads documents or the network. [`parse`] joins the four places where a setting can stand (flag,
//! environment, file, default) and hands each command its arguments, checked.

mod bundle;
mod check;
mod exit;
mod export;
mod prune;
mod report;
mod restore;
mod serve;
mod sync;
mod values;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use url::Url;

use crate::config::{self, Surroundings};
use crate::input::{Gitignore, Input};
pub use bundle::{BundleArgs, WhatArgs};
pub use check::CheckArgs;
pub use exit::Exit;
pub use export::{ExportArgs, Format};
pub use prune::PruneArgs;
pub use report::{ReportArgs, StatusArgs};
pub use restore::RestoreArgs;
pub use serve::ServeArgs;
pub use sync::{Durability, Missing, Placement, Referer, ReportFileArgs, RunArgs, SyncArgs, fetch_options};

/// Brings every picture of your saved articles home, once, and proves that nothing is missing.
#[derive(Debug, Parser)]
#[command(name = "imgmirror", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Start with: imgmirror demo, or: imgmirror sync FOLDER")]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch the pictures of documents and write copies of the documents that use them
    #[command(long_about = SYNC_ABOUT, after_long_help = Exit::help(&RUN))]
    Sync(Box<SyncArgs>),
    /// Run `sync`, and again whenever documents are saved
    #[command(after_long_help = Exit::help(&WATCH))]
    Watch(Box<WatchArgs>),
    /// Prove that every picture and every mirrored document is whole, or say what is damaged
    #[command(long_about = check::ABOUT, after_long_help = Exit::help(&CHECK))]
    Check(Box<CheckArgs>),
    /// List the pictures that documents refer to; uses no network
    #[command(after_long_help = Exit::help(&READ))]
    Links(LinksArgs),
    /// Say how a URL is peeled and by which rule, or what became of a document's references
    #[command(after_long_help = Exit::help(&READ))]
    Explain(ExplainArgs),
    /// Remove pictures that nothing needs any more, by way of a trash folder
    #[command(long_about = prune::ABOUT, after_long_help = Exit::help(&PRUNE))]
    Prune(PruneArgs),
    /// Put documents that were edited in place back as they were
    #[command(long_about = restore::ABOUT, after_long_help = Exit::help(&RUN))]
    Restore(RestoreArgs),
    /// Write the catalog as JSON Lines, CSV or SHA256SUMS
    #[command(long_about = export::ABOUT, after_long_help = Exit::help(&EXPORT))]
    Export(ExportArgs),
    /// Write articles with all of their pictures, to be read without a network
    #[command(long_about = bundle::ABOUT, after_long_help = Exit::help(&BUNDLE))]
    Bundle(Box<BundleArgs>),
    /// Say whether the mirror is whole, what is missing, and what to do next
    #[command(long_about = report::STATUS_ABOUT, after_long_help = Exit::help(&LOOK))]
    Status(StatusArgs),
    /// Write the mirror's report.html anew
    #[command(long_about = report::REPORT_ABOUT, after_long_help = Exit::help(&WRITE))]
    Report(ReportArgs),
    /// Look at a mirror or a bundle in a browser of this machine
    #[command(long_about = serve::ABOUT, after_long_help = Exit::help(&WATCH))]
    Serve(ServeArgs),
    /// Run `sync` on built-in sample articles against a built-in server; uses no network
    #[command(after_long_help = Exit::help(&RUN))]
    Demo(DemoArgs),
}

const SYNC_ABOUT: &str = "\
Fetch the pictures of documents and write copies of the documents that use them.

Documents are read, never changed (unless --in-place says so). Running the same command again is the update: what is \
held is not asked for again, and what was missing is tried again. It can be stopped at any time.

Every long flag can also stand in imgmirror.toml or in the environment as IMGMIRROR_<FLAG>; a flag wins over the \
environment, the environment over the file. Switches have an opposite, such as --no-quiet.";

/// How a command that goes through documents and writes can end.
const RUN: [Exit; 6] =
    [Exit::Complete, Exit::CouldNotRun, Exit::Usage, Exit::SomeMissing, Exit::Locked, Exit::Interrupted];

/// How a command that runs until it is stopped can end.
const WATCH: [Exit; 3] = [Exit::CouldNotRun, Exit::Usage, Exit::Interrupted];
/// How a check can end.
const CHECK: [Exit; 7] = Exit::ALL;

/// How bundling, with the run before it, and the proof of a bundle can end.
const BUNDLE: [Exit; 7] = Exit::ALL;

/// How a command that only reads can end.
const READ: [Exit; 5] = [Exit::Complete, Exit::CouldNotRun, Exit::Usage, Exit::SomeMissing, Exit::Interrupted];

/// How `prune` can end.
const PRUNE: [Exit; 5] = [Exit::Complete, Exit::CouldNotRun, Exit::Usage, Exit::Locked, Exit::Interrupted];

/// How `export` can end: what is missing is in what it writes.
const EXPORT: [Exit; 4] = [Exit::Complete, Exit::CouldNotRun, Exit::Usage, Exit::Interrupted];

#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Wait until nothing was saved for this long [default: 2s]
    #[arg(long, help_heading = "Run", value_name = "DURATION", value_parser = values::duration, default_value = "2s", hide_default_value = true)]
    pub settle: Duration,
    #[command(flatten)]
    pub sync: SyncArgs,
}
/// How a command that only looks at the mirror can end.
const LOOK: [Exit; 4] = [Exit::Complete, Exit::CouldNotRun, Exit::Usage, Exit::SomeMissing];

/// How a command that writes and needs nothing but the mirror can end.
const WRITE: [Exit; 4] = [Exit::Complete, Exit::CouldNotRun, Exit::Usage, Exit::Locked];

#[derive(Debug, Args)]
pub struct LinksArgs {
    /// Files and folders to read; - for a list of paths on standard input
    #[arg(value_name = "INPUT", required = true)]
    inputs: Vec<OsString>,
    #[command(flatten)]
    pub documents: DocumentArgs,
    /// Write one JSON object a line
    #[arg(long, help_heading = "Messages")]
    pub json: bool,
}

impl LinksArgs {
    pub fn inputs(&self) -> Vec<Input> {
        self.inputs.iter().cloned().map(Input::from).collect()
    }
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// A URL as it is written somewhere, or a document
    #[arg(value_name = "URL|DOCUMENT", required_unless_present = "rules")]
    pub subject: Option<OsString>,
    /// List the rules by which proxies are recognised
    #[arg(long)]
    pub rules: bool,
    /// The mirror to look in [default: mirror]
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUTPUT, hide_default_value = true)]
    pub output: PathBuf,
    #[command(flatten)]
    pub documents: DocumentArgs,
}

#[derive(Debug, Args)]
pub struct DemoArgs {
    /// The folder to write the mirror to [default: mirror]
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUTPUT, hide_default_value = true)]
    pub output: PathBuf,
    #[command(flatten)]
    pub messages: MessageArgs,
}

/// How documents are found and read: the same for every command that reads some.
#[derive(Debug, Args)]
#[command(next_help_heading = "Documents")]
pub struct DocumentArgs {
    /// Resolve relative references against this URL where a document names no base of its own
    #[arg(long, value_name = "URL", value_parser = values::base_url)]
    pub base_url: Option<Url>,
    /// Also take this URL prefix for a proxy's, with the original URL behind it (repeatable)
    #[arg(long, value_name = "PREFIX", value_parser = values::non_empty)]
    pub proxy_rule: Vec<String>,
    /// Also read this attribute of these elements, such as 'div.gallery@data-full' (repeatable)
    #[arg(long, value_name = "ELEMENT@ATTRIBUTE", value_parser = values::selection)]
    pub select: Vec<String>,
    /// Also read this front-matter key, at any depth (repeatable)
    #[arg(long, value_name = "NAME", value_parser = values::non_empty)]
    pub key: Vec<String>,
    /// Take only references in this slot, such as img@src; `links` shows slots (repeatable)
    #[arg(long, value_name = "SLOT", value_parser = values::non_empty)]
    pub include: Vec<String>,
    /// Leave references in this slot alone; wins over --include (repeatable)
    #[arg(long, value_name = "SLOT", value_parser = values::non_empty)]
    pub exclude: Vec<String>,
    /// Report larger documents instead of reading them [default: 256MiB]
    #[arg(long, value_name = "BYTES", value_parser = values::size, default_value = "256MiB", hide_default_value = true)]
    pub max_document: u64,
    /// Leave out what .gitignore files name
    #[arg(long)]
    respect_gitignore: bool,
    /// Read settings from this file [default: ./imgmirror.toml when there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

impl DocumentArgs {
    pub fn gitignore(&self) -> Gitignore {
        if self.respect_gitignore { Gitignore::Respected } else { Gitignore::Disregarded }
    }
}

/// The mirror that a command works on.
#[derive(Debug, Args)]
pub struct MirrorArgs {
    /// The mirror to work on [default: mirror]
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUTPUT, hide_default_value = true)]
    pub output: PathBuf,
    /// Read settings from this file [default: ./imgmirror.toml when there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// What a command does that writes to a mirror while another run does.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// Wait this long for another run to end [default: not at all]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub wait: Option<Duration>,
}

/// What is printed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct MessageArgs {
    /// Write the result as one JSON object to standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// Show no progress and no summary, only warnings and errors
    #[arg(short, long)]
    pub quiet: bool,
}

/// The output folder of every command that has one.
const DEFAULT_OUTPUT: &str = "mirror";

/// What was asked for, and where some of it was read.
#[derive(Debug)]
pub struct Parsed {
    pub command: Command,
    /// The configuration file that was read, if there was one. One that was not named is worth telling about.
    pub config_file: Option<PathBuf>,
}

/// Reads a command line, program name first, with the settings of the environment and the configuration file.
///
/// # Errors
/// Requests for help and the version (exit code 0 after [`clap::Error::print`]) and every kind of wrong usage (exit
/// code 2): unknown flags, values that cannot be read in any of the places, and combinations that contradict.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    surroundings: &Surroundings<'_>,
) -> Result<Parsed, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let plain = config::with_opposites(Cli::command());
    // What was typed is judged before any file is opened, and shows the built-in defaults when asked for help.
    let typed = plain.clone().try_get_matches_from(&arguments)?;
    let settings = config::load(&plain, &typed, surroundings)?;
    let matches = settings.apply(plain).try_get_matches_from(&arguments)?;
    let command = Cli::from_arg_matches(&matches)?.command;
    if let Some((name, typed)) = typed.subcommand() {
        let checked = match &command {
            Command::Sync(sync) => sync.check(typed),
            Command::Watch(watch) => watch.sync.check(typed),
            Command::Bundle(bundle) => bundle.check(typed),
            _ => Ok(()),
        };
        checked.map_err(|told| usage_error(name, told))?;
    }
    Ok(Parsed { command, config_file: settings.into_file() })
}

/// An error with the usage line of the command below it.
fn usage_error(command: &str, told: String) -> clap::Error {
    let mut cli = Cli::command();
    cli.build();
    match cli.find_subcommand_mut(command) {
        Some(command) => command.error(clap::error::ErrorKind::ArgumentConflict, told),
        None => cli.error(clap::error::ErrorKind::ArgumentConflict, told),
    }
}

/// Whether an argument was typed, rather than set elsewhere or left at its default.
fn is_typed(typed: &ArgMatches, id: &str) -> bool {
    typed.value_source(id) == Some(clap::parser::ValueSource::CommandLine)
}

#[cfg(test)]
mod tests;
