//! `imgmirror watch`: the main job, and again whenever something happens among the inputs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::outputs::Outputs;
use super::{Outcome, Usage, exit_of, sync, tell};
use crate::cli::{Exit, Placement, WatchArgs};
use crate::input::Input;
use crate::pipeline::{Action, real};
use crate::sanitize;

/// How many times the pause that is waited for nothing to happen in, at most, whatever happens.
const PATIENCE: u32 = 10;

pub(super) fn run(args: &WatchArgs) -> Outcome {
    let inputs = args.sync.inputs();
    if args.sync.run.dry_run || inputs.is_empty() || inputs.contains(&Input::List) {
        return Err(Usage("watch takes files and folders, and neither --dry-run nor a list of paths".to_owned()).into());
    }
    if matches!(args.sync.placement(), Placement::InPlace { .. }) && !args.sync.run.yes {
        return Err(Usage("watch does not ask before each edit: --in-place needs --yes here".to_owned()).into());
    }
    super::run_to_end(watch(args))
}

async fn watch(args: &WatchArgs) -> Outcome {
    let stop = CancellationToken::new();
    let listening = tokio::spawn(sync::listen(stop.clone()));
    // Watched before the first run, so that nothing is missed between the two.
    let mut changes = Changes::of(args)?;
    if !args.sync.messages.quiet {
        tell("watching for documents that are saved; Ctrl-C ends it");
    }
    match round(args, &stop).await {
        // What else keeps the first run from its work will hardly pass by itself; later it may be a full disk.
        Err(error) if exit_of(&error) != Exit::Locked => return Err(error),
        Err(error) => tell(&sanitize::for_terminal(&super::told(&error))),
        Ok(_) => {}
    }
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => break,
            seen = changes.settled(args.settle) => seen?,
        }
        if let Err(error) = round(args, &stop).await {
            tell(&sanitize::for_terminal(&super::told(&error)));
            // A folder that was replaced is another one, and one that is gone ends the watch.
            changes = Changes::of(args)?;
        }
    }
    listening.abort();
    Ok(Exit::Interrupted)
}

async fn round(args: &WatchArgs, stop: &CancellationToken) -> Outcome {
    let outputs = Outputs::new(&args.sync.reports, &args.sync.output.mirror);
    let outcome = async {
        let job = sync::job(&args.sync)?;
        let inputs = sync::Inputs::read(&args.sync, &job)?;
        sync::round(job, &inputs, Action::Act, &args.sync.messages, &outputs, stop).await
    };
    let outcome = outcome.await;
    if let Err(error) = &outcome {
        outputs.write_failed(exit_of(error));
    }
    outcome
}

/// What happens among the inputs, save what the program does there itself.
struct Changes {
    happened: Receiver<Result<(), notify::Error>>,
    /// Watches until it is dropped.
    _watcher: RecommendedWatcher,
}

impl Changes {
    fn of(args: &WatchArgs) -> anyhow::Result<Self> {
        let (tell, happened) = mpsc::channel(1);
        let reports = &args.sync.reports;
        let files = [&reports.metrics, &reports.summary_file].into_iter().flatten().cloned();
        let outputs = sync::outputs(&sync::job(&args.sync)?).into_iter().chain(files);
        let outputs: Vec<PathBuf> = outputs.map(|path| real(&path)).collect::<std::io::Result<_>>()?;
        let mut watcher = notify::recommended_watcher(move |event| pass_on(event, &outputs, &tell))
            .context("watching files is not possible here")?;
        for input in args.sync.inputs() {
            let Input::Path(path) = &input else { continue };
            // A file that is replaced is another one: its folder knows.
            let (folder, mode) = match path.is_dir() {
                true => (path.as_path(), RecursiveMode::Recursive),
                false => (parent(path), RecursiveMode::NonRecursive),
            };
            let told = || {
                format!(
                    "{} cannot be watched; on Linux, fs.inotify.max_user_watches says how many folders can be",
                    sanitize::path(folder)
                )
            };
            watcher.watch(&real(folder)?, mode).with_context(told)?;
        }
        Ok(Changes { happened, _watcher: watcher })
    }

    /// Returns when something has happened and then nothing for `settle`, or when it goes on and on.
    async fn settled(&mut self, settle: Duration) -> anyhow::Result<()> {
        let mut next = self.happened.recv().await;
        let latest = Instant::now() + PATIENCE * settle;
        while let Some(event) = next {
            event.context("watching files")?;
            match timeout_at(latest.min(Instant::now() + settle), self.happened.recv()).await {
                Ok(more) => next = more,
                Err(_) => return Ok(()),
            }
        }
        anyhow::bail!("watching files has ended by itself")
    }
}

/// Tells of an event that may concern a document. One that waits to be taken note of stands for all that follow.
fn pass_on(event: notify::Result<notify::Event>, outputs: &[PathBuf], tell: &Sender<Result<(), notify::Error>>) {
    let event = event.map(|event| {
        let temporary =
            |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".imgmirror-"));
        let own = |path: &PathBuf| temporary(path) || outputs.iter().any(|output| path.starts_with(output));
        // An event without a path says that events were lost.
        let matters = !event.kind.is_access() && (event.paths.is_empty() || !event.paths.iter().all(own));
        matters.then_some(())
    });
    if let Some(told) = event.transpose() {
        let _ = tell.try_send(told);
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
