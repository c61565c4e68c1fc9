//! `imgmirror prune`: plan, show, act.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use serde::Serialize;

use super::{Outcome, existing, print};
use crate::cli::{Exit, PruneArgs};
use crate::mirror::catalog::Catalog;
use crate::mirror::prune::{Listed, Plan, Pruning};
use crate::mirror::store::{self, Durability};
use crate::pipeline::normal;
use crate::sanitize;

/// Names of each list that are shown to people.
const MAX_SHOWN: usize = 10;

pub(super) fn run(args: &PruneArgs) -> Outcome {
    let layout = existing(&args.mirror.output)?;
    let (_lock, catalog) = if args.dry_run {
        (None, Catalog::open_existing(&layout.catalog())?)
    } else {
        let mirror = super::open(&args.mirror.output, &args.lock)?;
        store::sweep(&layout.tmp())?;
        // An older layout does not remember what was read, and none is made here.
        drop(Catalog::open_existing(&layout.catalog())?);
        (Some(mirror), Catalog::open(&layout.catalog(), Durability::Full)?)
    };
    let forget = args.forget_input.iter().map(|path| absolute(path)).collect::<io::Result<Vec<_>>>()?;
    let pruning = Pruning {
        catalog: &catalog,
        layout: &layout,
        captures: args.captures(),
        trash: args.trash_age(),
        grace: args.grace(),
        forget: &forget,
        now: jiff::Timestamp::now(),
    };
    let plan = pruning.plan()?;
    if args.json {
        let shown = Shown { dry_run: args.dry_run, plan: &plan };
        // Written when it is done: what a script reads has happened.
        let json = format!("{}\n", sanitize::json(&serde_json::to_string(&shown)?));
        act(args, &pruning, &plan)?;
        print(&json)?;
    } else {
        print(&text(&plan, args))?;
        act(args, &pruning, &plan)?;
    }
    Ok(Exit::Complete)
}

/// A path as inputs are remembered. One that is gone cannot be looked at.
fn absolute(path: &Path) -> io::Result<PathBuf> {
    Ok(normal(&std::path::absolute(path)?))
}

fn act(args: &PruneArgs, pruning: &Pruning<'_>, plan: &Plan) -> anyhow::Result<()> {
    if args.dry_run {
        return Ok(());
    }
    if plan.is_drastic() && !args.yes {
        confirm(plan)?;
    }
    pruning.act(plan)?;
    super::refresh_report(pruning.catalog, pruning.layout);
    Ok(())
}

/// Asks where somebody is there to answer, and refuses where nobody is.
fn confirm(plan: &Plan) -> anyhow::Result<()> {
    let told = format!("{} of {} pictures would be removed", plan.removed.count, plan.blobs);
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        anyhow::bail!(
            "{told}, more than half; nothing was done. Look at the plan with --dry-run, then agree with --yes"
        );
    }
    eprint!("{told}, more than half. Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => anyhow::bail!("nothing was done"),
    }
}

/// What `--json` writes.
#[derive(Serialize)]
struct Shown<'a> {
    dry_run: bool,
    #[serde(flatten)]
    plan: &'a Plan,
}

fn text(plan: &Plan, args: &PruneArgs) -> String {
    let mut text = String::new();
    if plan.is_empty() {
        let _ = writeln!(text, "There is nothing to remove: all {} pictures are needed.", plan.blobs);
    } else {
        let _ = match args.dry_run {
            true => writeln!(text, "This would be done; nothing was.\n"),
            false => Ok(()),
        };
        let bytes = ByteSize(plan.removed_bytes);
        let _ = writeln!(text, "Pictures    {} of {} to the trash, {bytes}", plan.removed.count, plan.blobs);
        push_names(&mut text, &plan.removed);
        if plan.unknown > 0 {
            let _ = writeln!(text, "            {} of them unknown to the catalog", plan.unknown);
        }
        push(&mut text, "Documents", &plan.copies, "copies of documents that are gone, to the trash");
        push(&mut text, "Journals", &plan.journals, "documents edited in place that are gone for good, forgotten");
        if plan.deleted.count > 0 {
            let _ = writeln!(text, "Trash       {} deleted", ByteSize(plan.deleted_bytes));
            push_names(&mut text, &plan.deleted);
        }
    }
    push(&mut text, "Kept", &plan.named, "pictures that only the text of a document names");
    push(&mut text, "Kept", &plan.returned, "documents that were gone and are back");
    let unclaimed = "copies that no input has claimed since the catalog was rebuilt; sync their inputs, or delete them";
    push(&mut text, "Kept", &plan.unclaimed, unclaimed);
    push(&mut text, "Left alone", &plan.others, "files among the pictures that are none");
    push(&mut text, "No inputs", &plan.no_inputs, "paths of --forget-input that nothing was read from");
    text
}

fn push(text: &mut String, label: &str, listed: &Listed, what: &str) {
    if listed.count > 0 {
        let _ = writeln!(text, "{label:11} {} {what}", listed.count);
        push_names(text, listed);
    }
}

fn push_names(text: &mut String, listed: &Listed) {
    for name in listed.names.iter().take(MAX_SHOWN) {
        let _ = writeln!(text, "              {}", sanitize::for_terminal(name));
    }
    let more = listed.count.saturating_sub(MAX_SHOWN as u64);
    if more > 0 {
        let _ = writeln!(text, "              and {more} more");
    }
}
