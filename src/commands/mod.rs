//! One file per command: from what was typed to the exit code.

mod bundle;
mod check;
mod demo;
mod explain;
mod export;
mod links;
mod outputs;
mod prune;
mod report;
mod restore;
mod serve;
mod status;
mod sync;
mod watch;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use crate::cli::{Command, DocumentArgs, Exit, LockArgs, Parsed};
use crate::collect::Collector;
use crate::mirror::catalog::Catalog;
use crate::mirror::store::StoreErrorKind;
use crate::mirror::{Layout, Mirror};
use crate::pipeline::{Collecting, SlotFilter};
use crate::proxy::Rules;
use crate::report::page::{self, When};
use crate::sanitize;

/// How a command ended, or the error that kept it from running.
type Outcome = anyhow::Result<Exit>;

/// Runs a command that was read from the command line.
pub fn run(parsed: Parsed) -> ExitCode {
    // Whatever it says: a file that asks for quiet would hide itself.
    if let Some(file) = &parsed.config_file {
        tell(&format!("settings from {}", sanitize::path(file)));
    }
    let outcome = match &parsed.command {
        Command::Sync(args) => sync::run(args),
        Command::Bundle(args) => bundle::run(args),
        Command::Check(args) => check::run(args),
        Command::Links(args) => links::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Watch(args) => watch::run(args),
        Command::Prune(args) => prune::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Export(args) => export::run(args),
        Command::Status(args) => status::run(args),
        Command::Report(args) => report::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
    };
    let exit = outcome.unwrap_or_else(|error| {
        tell(&sanitize::for_terminal(&told(&error)));
        exit_of(&error)
    });
    ExitCode::from(exit.code())
}

/// An error and its causes in one line. Many errors name their cause themselves: what was said is not said again.
fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    let of_the_system = error.chain().filter_map(|cause| cause.downcast_ref()).map(StoreErrorKind::of);
    for advice in of_the_system.filter(|kind| kind.concerns_all()).map(StoreErrorKind::advice) {
        if !text.contains(advice) {
            let _ = write!(text, ". {advice}");
        }
    }
    text
}

/// Prints a line for a person. Who cannot be told, because standard error is closed or on a full disk, has lost
/// nothing else.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "imgmirror: {text}");
}

/// Which exit code an error stands for.
fn exit_of(error: &anyhow::Error) -> Exit {
    use crate::input::InputError;
    use crate::mirror::MirrorError;
    use crate::pipeline::AnotherPlace;
    for cause in error.chain() {
        if cause.downcast_ref::<InputError>().is_some_and(InputError::is_usage)
            || cause.is::<Usage>()
            || cause.is::<AnotherPlace>()
        {
            return Exit::Usage;
        }
        match cause.downcast_ref() {
            Some(MirrorError::Locked { .. }) => return Exit::Locked,
            Some(MirrorError::Interrupted { .. }) => return Exit::Interrupted,
            _ => {}
        }
    }
    Exit::CouldNotRun
}

/// A value of the command line that only its owner could judge.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Turns what a value's owner says of it into a usage error that names the flag.
fn usage<E: std::fmt::Display>(flag: &str) -> impl FnOnce(E) -> anyhow::Error {
    move |error| Usage(format!("{flag}: {error}")).into()
}

fn collecting_of(args: &DocumentArgs, link_base: Option<String>) -> anyhow::Result<Collecting> {
    let mut rules = Rules::builtin();
    for rule in &args.proxy_rule {
        rules.add(rule).map_err(usage("--proxy-rule"))?;
    }
    for pattern in args.include.iter().chain(&args.exclude) {
        // Nobody writes `img` and means nothing by it.
        if !pattern.contains(['@', ':', '*']) && pattern != "style" {
            let told = format!("{pattern:?} is no slot; slots look like img@src, front:cover, md:image or css:url");
            return Err(Usage(format!("--include, --exclude: {told}")).into());
        }
    }
    let selects = args.select.iter().map(|text| text.parse().map_err(usage::<String>("--select")));
    Ok(Collecting {
        rules,
        collector: Collector::new(&args.key, selects.collect::<Result<_, _>>()?),
        base_url: args.base_url.clone(),
        slots: SlotFilter { include: args.include.clone(), exclude: args.exclude.clone() },
        max_document: args.max_document,
        link_base,
    })
}

/// The layout of the mirror at `root`.
///
/// # Errors
/// There is no mirror, which is told of before anything is made there.
fn existing(root: &Path) -> anyhow::Result<Layout> {
    let layout = Layout::new(root);
    anyhow::ensure!(
        layout.catalog().exists(),
        "there is no mirror: {} does not exist; name the mirror's folder with -o",
        sanitize::path(&layout.catalog())
    );
    Ok(layout)
}

/// Opens the mirror at `root` to write to it, after waiting for another run as long as was asked for.
fn open(root: &Path, lock: &LockArgs) -> anyhow::Result<Mirror> {
    // Until it is open there is nothing that a signal would have to end in order.
    let stop = CancellationToken::new();
    run_to_end(async { Ok(Mirror::open_within(root, lock.wait.unwrap_or_default(), &stop).await?) })
}

/// Writes to standard output. Whoever reads it may have seen enough before its end.
fn print(text: &str) -> io::Result<()> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Brings a report that is there up to date. Only for the holder of the mirror's lock. The command itself is done: that
/// the report is not is worth a warning.
fn refresh_report(catalog: &Catalog, layout: &Layout) {
    if layout.report().exists()
        && let Err(error) = page::write(catalog, layout, When::Changed, jiff::Timestamp::now().as_millisecond())
    {
        tell(&format!("warning: {}", sanitize::for_terminal(&format!("{error:#}"))));
    }
}

/// Runs a command that works asynchronously.
fn run_to_end<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // The other half of the cores hashes, writes and records; each thread that receives holds memory of its own.
    let receiving = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(receiving).enable_all().build();
    let runtime = runtime.context("starting the asynchronous runtime")?;
    let outcome = runtime.block_on(work);
    // Long enough for unfinished downloads to be taken away, too short to wait for a name server that does not answer.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

/// Says something about a file that does not stop the run.
fn warn(path: &Path, text: &str) {
    tell(&format!("{}: {}", sanitize::path(path), sanitize::for_terminal(text)));
}
