//! `imgmirror check`: is the mirror what it claims to be?

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::{Outcome, Usage, sync};
use crate::cli::{self, CheckArgs, Exit, MessageArgs};
use crate::fetch;
use crate::mirror::Layout;
use crate::mirror::catalog::{Catalog, Scrutiny};
use crate::mirror::check::{self, Bytes, Check, Checked, Class, Kind, Owner, Rebuilt};
use crate::mirror::store::Durability;
use crate::pipeline::{Placement, Repairing, Standing};
use crate::progress::{Mode, Progress, Stderr};
use crate::report::{CheckReport, Verdict, without_catalog};
use crate::sanitize;

pub(super) fn run(args: &CheckArgs) -> Outcome {
    anyhow::ensure!(is_mirror(&args.output), "there is no mirror at {}", sanitize::path(&args.output));
    let fetch = cli::fetch_options(&args.network, &args.scope, &args.politeness)
        .map_err(|(file, error)| anyhow::anyhow!("--cacert: {} cannot be read: {error}", sanitize::path(file)))?;
    let mirror = super::open(&args.output, &args.lock)?;
    let exit = super::run_to_end(drive(args, &fetch, mirror.layout()))?;
    if (args.repair || args.rebuild)
        && let Ok(catalog) = Catalog::open_existing(&mirror.layout().catalog())
    {
        super::refresh_report(&catalog, mirror.layout());
    }
    Ok(exit)
}

/// Whether a run has ever written here.
fn is_mirror(folder: &Path) -> bool {
    let layout = Layout::new(folder);
    [layout.catalog(), layout.assets(), layout.documents(), layout.tmp()].iter().any(|part| part.exists())
}

/// Checks, says what was found, and stops in order when a signal asks for it.
async fn drive(args: &CheckArgs, fetch: &fetch::Options, layout: &Layout) -> Outcome {
    let started = Instant::now();
    let progress = Progress::new(Mode::choose(args.messages.quiet, Stderr::of_process()));
    let stop = CancellationToken::new();
    let listening = tokio::spawn(sync::listen(stop.clone()));
    let work = Work { args, fetch, layout, progress: &progress, stop: &stop };
    let report = work.report().await;
    listening.abort();
    progress.finish();
    let report = CheckReport { interrupted: stop.is_cancelled(), seconds: started.elapsed().as_secs_f64(), ..report? };
    say(&report, &args.output, &args.messages)?;
    Ok(match report.verdict() {
        Verdict::Whole => Exit::Complete,
        Verdict::SomeMissing => Exit::SomeMissing,
        Verdict::Damaged => Exit::Damaged,
        Verdict::Interrupted => Exit::Interrupted,
    })
}

struct Work<'a> {
    args: &'a CheckArgs,
    fetch: &'a fetch::Options,
    layout: &'a Layout,
    progress: &'a Progress,
    stop: &'a CancellationToken,
}

impl Work<'_> {
    /// The flow of the command: the catalog as a file, a new one if that is wanted, everything else, the repair, and
    /// everything once more.
    async fn report(&self) -> anyhow::Result<CheckReport> {
        let mut report = CheckReport {
            checked: Checked::default(),
            rebuilt: None,
            repaired: None,
            interrupted: false,
            seconds: 0.0,
        };
        let problems = self.problems()?;
        let mut bytes = self.bytes();
        if self.args.rebuild {
            if problems.is_empty() {
                return Err(Usage("--rebuild: the catalog is whole; there is nothing to rebuild".to_owned()).into());
            }
            let Some((rebuilt, findings)) = self.rebuild()? else { return Ok(report) };
            (report.rebuilt, report.checked.findings) = (Some(rebuilt), findings);
            // Everything was hashed on the way into the new catalog.
            bytes = Bytes::Skip;
        } else if !problems.is_empty() {
            report.checked = without_catalog(&problems, "catalog.sqlite");
            return Ok(report);
        }
        let catalog = Catalog::open(&self.layout.catalog(), Durability::Batch)?;
        let standing = Standing::of(&catalog, self.layout)?;
        let rebuilding = std::mem::take(&mut report.checked.findings);
        report.checked = self.check(&catalog, &standing, bytes)?;
        report.checked.findings.merge(rebuilding);
        if self.args.repair && report.checked.findings.count(Class::Damage) > 0 && !self.stop.is_cancelled() {
            let (progress, stop) = (self.progress, self.stop);
            let repairing = Repairing { standing: &standing, fetch: self.fetch, progress, stop };
            let (catalog, repaired) = repairing.repair(catalog).await?;
            report.repaired = Some(repaired);
            report.checked.findings = self.check(&catalog, &standing, Bytes::Damaged)?.findings;
        }
        Ok(report)
    }

    fn bytes(&self) -> Bytes {
        match (self.args.quick, self.args.sample) {
            (true, _) => Bytes::Skip,
            (false, Some(share)) => Bytes::Share(share),
            (false, None) => Bytes::All,
        }
    }

    /// What is wrong with the catalog as a file.
    fn problems(&self) -> anyhow::Result<Vec<(Kind, String)>> {
        let path = self.layout.catalog();
        if !path.exists() {
            return Ok(vec![(Kind::CatalogLost, String::new())]);
        }
        let scrutiny = if self.args.quick { Scrutiny::Quick } else { Scrutiny::Full };
        let problems = Catalog::examine(&path, scrutiny)?;
        Ok(problems.into_iter().map(|told| (Kind::CatalogDamaged, told)).collect())
    }

    fn rebuild(&self) -> anyhow::Result<Option<(Rebuilt, check::Findings)>> {
        let standing = Standing::salvaged(self.layout);
        let (progress, stop) = (self.progress, self.stop);
        let rebuild =
            check::Rebuild { layout: self.layout, assets: &standing.assets, owner: owner(&standing), progress, stop };
        rebuild.run(&|catalog| standing.record_mirrored(catalog, progress, stop))
    }

    fn check(&self, catalog: &Catalog, standing: &Standing, bytes: Bytes) -> anyhow::Result<Checked> {
        let check = Check {
            layout: self.layout,
            assets: &standing.assets,
            owner: owner(standing),
            link_base: standing.link_base.as_deref(),
            bytes,
            believes: &|catalog, row| standing.is_up_to_date(catalog, row),
            progress: self.progress,
            stop: self.stop,
        };
        check.run(catalog)
    }
}

/// Whose the folder of the pictures is.
fn owner(standing: &Standing) -> Owner {
    match standing.placement {
        Placement::Mirror => Owner::Mirror,
        Placement::InPlace { .. } => Owner::Site,
    }
}

fn say(report: &CheckReport, mirror: &Path, messages: &MessageArgs) -> io::Result<()> {
    let text = match (messages.json, messages.quiet) {
        (true, _) => report.to_json(mirror) + "\n",
        (false, true) => {
            return match report.damage_text() {
                Some(damage) => io::stderr().lock().write_all(format!("imgmirror: {damage}").as_bytes()),
                None => Ok(()),
            };
        }
        (false, false) => report.to_text(mirror),
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
