//! `imgmirror bundle`: articles with all of their pictures, to be handed out.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::{Outcome, collecting_of, existing, print, sync, tell};
use crate::bundle::{Format, Made, Making, Order, Title, date, refuse_within, verify};
use crate::cli::{self, BundleArgs, Exit, MessageArgs, WhatArgs};
use crate::input::Input;
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, Selection};
use crate::page::Collection;
use crate::progress::{Mode, Progress, Stderr};
use crate::report::{bundled, proven};

pub(super) fn run(args: &BundleArgs) -> Outcome {
    let what = &args.what;
    let (format, to) = match (what.format, &what.to, &what.verify) {
        (_, _, Some(path)) => return verify(path, what, &args.sync.messages),
        (Some(format), Some(to), None) => (format, to),
        _ => anyhow::bail!("name what to write with --format and --to, or a bundle to prove with --verify"),
    };
    let epoch = date::of_variable(std::env::var_os(date::VARIABLE).as_deref()).map_err(super::Usage)?;
    refuse_within(to, &taken(args, format))?;
    let selection = if args.sync.inputs().is_empty() { Selection::All } else { Selection::LastRun };
    let mirrored = match selection {
        Selection::All => Exit::Complete,
        Selection::LastRun => mirror_first(args)?,
    };
    if !matches!(mirrored, Exit::Complete | Exit::SomeMissing) {
        return Ok(mirrored);
    }
    let layout = existing(&args.sync.output.mirror)?;
    let collecting = collecting_of(&args.sync.documents, args.sync.output.link_base.clone())?;
    let collection = Collection::open(&layout, collecting, selection)?;
    let catalog = collection.catalog();
    refuse_within(to, &taken_by(catalog, &layout, format)?)?;
    let order = Order {
        format,
        to: to.clone(),
        division: what.division(format, to),
        max_size: what.max_size(format),
        title: match &what.title {
            Some(title) => Title::Given(title.clone()),
            None => Title::Derived(derived_title(&catalog.inputs()?, collection.count()? == 1, to)),
        },
        date: epoch.unwrap_or(date::of_captures(catalog.newest_capture()?)),
    };
    let made = super::run_to_end(drive(&collection, &order, &args.sync.messages))?;
    let Some(made) = made else {
        tell("interrupted; no unfinished bundle is left behind");
        return Ok(Exit::Interrupted);
    };
    say(&made, &order, &args.sync.messages)?;
    Ok(if made.missing > 0 { Exit::SomeMissing } else { mirrored })
}

/// Proves a bundle that is there.
fn verify(path: &Path, what: &WhatArgs, messages: &MessageArgs) -> Outcome {
    let verdict = verify::verify(path, what.max_bundle_size.unwrap_or(verify::MAX_PAGE))?;
    match (messages.json, messages.quiet && verdict.is_proven()) {
        (true, _) => print(&format!("{}\n", proven::to_json(&verdict, path)))?,
        (false, true) => {}
        (false, false) => print(&proven::to_text(&verdict, path))?,
    }
    Ok(if verdict.is_proven() { Exit::Complete } else { Exit::Damaged })
}

/// `sync`, whose summary is part of what this command says, unless it is to say one JSON object.
fn mirror_first(args: &BundleArgs) -> Outcome {
    let MessageArgs { json, quiet } = args.sync.messages;
    sync::run_telling(&args.sync, &MessageArgs { json: false, quiet: quiet || json })
}

/// Makes the bundles, and stops in order when a signal asks for it.
async fn drive(collection: &Collection, order: &Order, messages: &MessageArgs) -> anyhow::Result<Option<Made>> {
    let progress = Progress::new(Mode::choose(messages.quiet, Stderr::of_process()));
    let stop = CancellationToken::new();
    let listening = tokio::spawn(sync::listen(stop.clone()));
    let making = Making { collection, order, progress: &progress, stop: &stop };
    let made = planned(&making, messages);
    listening.abort();
    progress.finish();
    made
}

/// Measures first where there is a limit: then nothing is written that would be refused in the middle.
fn planned(making: &Making<'_>, messages: &MessageArgs) -> anyhow::Result<Option<Made>> {
    if making.order.max_size.is_some() {
        let Some(plan) = making.plan()? else { return Ok(None) };
        plan.check(making.order)?;
        if making.order.format == Format::Html && !messages.quiet {
            making.progress.warn(&format!("imgmirror: {}", plan.told()));
        }
    }
    making.run()
}

/// The folders that a run with these arguments works with, as far as a bundle would be in its way.
fn taken(args: &BundleArgs, format: Format) -> Vec<PathBuf> {
    let inputs = args.sync.inputs().into_iter().filter(|_| format.is_read_as_documents());
    let paths = inputs.filter_map(|input| if let Input::Path(path) = input { Some(path) } else { None });
    let assets = match args.sync.placement() {
        cli::Placement::Mirror => None,
        cli::Placement::InPlace { assets } => Some(assets.clone()),
    };
    paths.chain(assets).chain([args.sync.output.mirror.clone()]).collect()
}

/// The same of earlier runs.
fn taken_by(catalog: &Catalog, layout: &Layout, format: Format) -> anyhow::Result<Vec<PathBuf>> {
    let mut folders = if format.is_read_as_documents() { catalog.inputs()? } else { Vec::new() };
    folders.extend(catalog.placement()?.map(|row| row.assets(layout)));
    Ok(folders)
}

/// The name of what was read, where that is one folder or file; else that of the bundle.
fn derived_title(inputs: &[PathBuf], only: bool, to: &Path) -> String {
    let named = match inputs {
        [folder] if folder.is_dir() => folder.file_name(),
        [file] if only => file.file_stem(),
        _ => to.file_stem(),
    };
    named.or(to.file_stem()).unwrap_or_default().to_string_lossy().into_owned()
}

fn say(made: &Made, order: &Order, messages: &MessageArgs) -> std::io::Result<()> {
    match (messages.json, messages.quiet) {
        (true, _) => print(&format!("{}\n", bundled::to_json(made, order))),
        (false, true) => Ok(()),
        (false, false) => print(&bundled::to_text(made, order)),
    }
}
