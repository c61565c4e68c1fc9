//! `imgmirror sync`: the main job.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::outputs::Outputs;
use super::{Outcome, Usage, collecting_of, exit_of, print, tell};
use crate::cli::{self, Exit, MessageArgs, RunArgs, SyncArgs};
use crate::input::{Discovery, Gitignore, Input, Options, Results, discover};
use crate::mirror::Layout;
use crate::mirror::catalog::{Backlog, Failed, Held};
use crate::pipeline::{self, Action, Job, Links, MissingPolicy, Network, Placement};
use crate::progress::{Mode, Progress, Stderr};
use crate::proxy::Rules;
use crate::report::{Asking, Ending, Shown, Summary};
use crate::sanitize;
use crate::target::{Place, Target, resolve};

pub(super) fn run(args: &SyncArgs) -> Outcome {
    run_telling(args, &args.messages)
}

/// The same for a command that begins with it, and says other things of itself.
pub(super) fn run_telling(args: &SyncArgs, messages: &MessageArgs) -> Outcome {
    let outputs = Outputs::new(&args.reports, &args.output.mirror);
    let outcome = run_and_tell(args, messages, &outputs);
    if let Err(error) = &outcome
        && !args.run.dry_run
    {
        outputs.write_failed(exit_of(error));
    }
    outcome
}

fn run_and_tell(args: &SyncArgs, messages: &MessageArgs, outputs: &Outputs) -> Outcome {
    let job = job(args)?;
    let action = if args.run.dry_run { Action::Plan } else { Action::Act };
    if action == Action::Act && matches!(job.placement, Placement::InPlace { .. }) && !args.run.yes {
        confirm(args)?;
    }
    let inputs = Inputs::read(args, &job)?;
    inputs.check()?;
    // Inputs that cannot be are told of before anything is made.
    drop(inputs.discovery()?);
    super::run_to_end(drive(job, &inputs, action, messages, outputs))
}

/// Runs a job to its end, says what became of it, and stops in order when a signal asks for it.
pub(super) async fn drive(
    job: Job,
    inputs: &Inputs,
    action: Action,
    messages: &MessageArgs,
    outputs: &Outputs,
) -> Outcome {
    let stop = CancellationToken::new();
    let listening = tokio::spawn(listen(stop.clone()));
    let outcome = round(job, inputs, action, messages, outputs, &stop).await;
    listening.abort();
    outcome
}

/// Runs a job to its end, or until `stop`, and says what became of it.
pub(super) async fn round(
    job: Job,
    inputs: &Inputs,
    action: Action,
    messages: &MessageArgs,
    outputs: &Outputs,
    stop: &CancellationToken,
) -> Outcome {
    let progress = Progress::new(Mode::choose(messages.quiet, Stderr::of_process()));
    let layout = Layout::new(&job.output);
    let result = match &job.placement {
        Placement::Mirror if inputs.inputs.is_empty() => layout.assets(),
        Placement::Mirror => layout.documents(),
        Placement::InPlace { assets } => assets.clone(),
    };
    let asking = if job.network == Network::Offline { Asking::Nobody } else { Asking::Servers };
    let walk = || inputs.discovery();
    let summary = match action {
        Action::Act => pipeline::sync(job, walk, &progress, stop).await,
        Action::Plan => pipeline::plan(job, walk, &progress, stop),
    };
    progress.finish();
    let summary = summary?;
    let (ending, exit) = match action {
        Action::Plan if stop.is_cancelled() => (Ending::Planned, Exit::Interrupted),
        Action::Plan => (Ending::Planned, Exit::Complete),
        Action::Act if stop.is_cancelled() => (Ending::Interrupted, outputs.write(&summary, Exit::Interrupted)),
        Action::Act => (Ending::Finished, outputs.write(&summary, exit(&summary))),
    };
    let report = layout.report();
    let report = report.exists().then_some(report.as_path());
    say(&summary, &Shown { ending, asking, result: &result, report }, messages)?;
    Ok(exit)
}

fn exit(summary: &Summary) -> Exit {
    if summary.references.missing > 0 || summary.documents.failed > 0 || summary.assets.missing() > 0 {
        Exit::SomeMissing
    } else {
        Exit::Complete
    }
}

fn say(summary: &Summary, shown: &Shown<'_>, messages: &MessageArgs) -> io::Result<()> {
    if messages.json {
        if shown.ending == Ending::Planned && !messages.quiet {
            tell("a dry run: the numbers are what would be done");
        }
        return print(&format!("{}\n", summary.to_json()));
    }
    if messages.quiet { Ok(()) } else { print(&summary.to_text(shown)) }
}

/// How long a run may take to end in order. A large document may keep it longer; ending it there is as safe as a kill.
const PATIENCE: Duration = Duration::from_secs(10);

/// The first signal lets the run end in order; the second, or too long a wait, ends it at once. Both are safe at any time.
pub(super) async fn listen(stop: CancellationToken) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut signalled = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        signalled().await;
        stop.cancel();
        let _ = tokio::time::timeout(PATIENCE, signalled()).await;
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
        stop.cancel();
        let _ = tokio::time::timeout(PATIENCE, tokio::signal::ctrl_c()).await;
    }
    std::process::exit(i32::from(Exit::Interrupted.code()));
}

/// The inputs, with the list of paths from standard input kept, since they may be walked twice.
pub(super) struct Inputs {
    inputs: Vec<Input>,
    list: Vec<u8>,
    max_document: u64,
    gitignore: Gitignore,
    outputs: Vec<PathBuf>,
    results: Results,
}

impl Inputs {
    pub(super) fn read(args: &SyncArgs, job: &Job) -> io::Result<Self> {
        let inputs = args.inputs();
        let mut list = Vec::new();
        if inputs.contains(&Input::List) {
            io::stdin().lock().read_to_end(&mut list)?;
        }
        let (max_document, gitignore) = (args.documents.max_document, args.documents.gitignore());
        Ok(Inputs { inputs, list, max_document, gitignore, outputs: outputs(job), results: results(job) })
    }

    /// A folder of documents, as one input.
    pub(super) fn folder(folder: &Path, job: &Job) -> Self {
        Inputs {
            inputs: vec![Input::Path(folder.to_owned())],
            list: Vec::new(),
            max_document: job.collecting.max_document,
            gitignore: Gitignore::Disregarded,
            outputs: outputs(job),
            results: results(job),
        }
    }

    /// Walks over several inputs once before anything is done, since two documents may turn out to have one name.
    fn check(&self) -> anyhow::Result<()> {
        if self.results == Results::Copies && (self.inputs.len() > 1 || self.inputs.contains(&Input::List)) {
            for entry in self.discovery()? {
                entry?;
            }
        }
        Ok(())
    }

    fn discovery(&self) -> anyhow::Result<Discovery> {
        let options = Options {
            results: self.results,
            max_document: self.max_document,
            gitignore: self.gitignore,
            outputs: self.outputs.clone(),
            list: Box::new(io::Cursor::new(self.list.clone())),
        };
        Ok(discover(&self.inputs, options)?)
    }
}

fn results(job: &Job) -> Results {
    match job.placement {
        Placement::Mirror => Results::Copies,
        Placement::InPlace { .. } => Results::InPlace,
    }
}

/// What the run itself writes is never read.
pub(super) fn outputs(job: &Job) -> Vec<PathBuf> {
    let assets = match &job.placement {
        Placement::Mirror => None,
        Placement::InPlace { assets } => Some(assets.clone()),
    };
    [Some(job.output.clone()), assets].into_iter().flatten().collect()
}

/// Everything that was typed, as the pipeline takes it.
pub(super) fn job(args: &SyncArgs) -> anyhow::Result<Job> {
    let (output, link_base) = (args.output.mirror.clone(), args.output.link_base.clone());
    let placement = match args.placement() {
        cli::Placement::Mirror => Placement::Mirror,
        cli::Placement::InPlace { assets } => Placement::InPlace { assets: assets.clone() },
    };
    let links = match (&link_base, &placement) {
        (Some(prefix), _) => Links::prefix(prefix),
        (None, Placement::Mirror) => Links::WithinMirror,
        (None, Placement::InPlace { assets }) => Links::to_folder(assets)?,
    };
    let written_base = match &links {
        Links::Prefix(prefix) => Some(prefix.clone()),
        Links::WithinMirror | Links::To(_) => None,
    };
    let collecting = collecting_of(&args.documents, written_base)?;
    let urls = args.urls.as_deref().map(|file| urls(file, &collecting.rules)).transpose()?.unwrap_or_default();
    Ok(Job {
        output,
        collecting,
        placement,
        links,
        missing: match args.output.missing {
            cli::Missing::Keep => MissingPolicy::Keep,
            cli::Missing::Original => MissingPolicy::Original,
        },
        network: network(&args.run),
        fetch: args
            .fetch_options()
            .map_err(|(file, error)| anyhow::anyhow!("--cacert: {} cannot be read: {error}", sanitize::path(file)))?,
        durability: args.output.durability.into(),
        urls,
        roots: roots(args)?,
        patience: args.run.lock.wait.unwrap_or_default(),
    })
}

/// The inputs that are files or folders. A list of paths says what to read, not where all of it is.
fn roots(args: &SyncArgs) -> io::Result<Vec<PathBuf>> {
    let inputs = args.inputs().into_iter();
    let paths = inputs.filter_map(|input| if let Input::Path(path) = input { Some(path) } else { None });
    paths.map(|path| Ok(pipeline::normal(&std::path::absolute(path)?))).collect()
}

/// Whom a run may ask for what. `--offline` beats the others, `--refresh` beats `--max-age`.
fn network(args: &RunArgs) -> Network {
    if args.offline {
        return Network::Offline;
    }
    let held = match (args.refresh, args.max_age) {
        (true, _) => Held::All,
        (false, Some(age)) => {
            let now = jiff::Timestamp::now().as_millisecond();
            Held::Before(now.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
        }
        (false, None) => Held::Keep,
    };
    let failed = if args.retry_failed { Failed::All } else { Failed::Due };
    Network::Online(Backlog { held, failed, on_change: args.on_change })
}

/// The targets of `--urls FILE`: one URL a line; empty lines and those that begin with # are passed over.
fn urls(file: &Path, rules: &Rules) -> anyhow::Result<Vec<Target>> {
    let text = fs::read_to_string(file).with_context(|| format!("--urls: {} cannot be read", sanitize::path(file)))?;
    let place = Place { base: None, encoding: encoding_rs::UTF_8 };
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| {
            resolve(line, place, rules).map_err(|skip| {
                let shown = sanitize::url(sanitize::for_terminal_limited(line, 80));
                let told = format!("--urls: line {at} of {}: {shown}: {}", sanitize::path(file), skip.as_str());
                Usage(told).into()
            })
        })
        .collect()
}

/// Asks before documents are edited, where somebody is there to answer: `--in-place` says already what is wanted, and the
/// journal can take it back.
fn confirm(args: &SyncArgs) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() || args.inputs().contains(&Input::List) {
        return Ok(());
    }
    eprint!("Edit the documents in place? The originals are kept in the journal. [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Usage("nothing was done".to_owned()).into()),
    }
}
