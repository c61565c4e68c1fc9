//! `imgmirror demo`: the main job on the built-in sample documents, with their pictures from a built-in server.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use url::Url;

use super::outputs::Outputs;
use super::{Outcome, sync};
use crate::cli::DemoArgs;
use crate::collect::Collector;
use crate::demo::{Origin, SAMPLES, write_samples};
use crate::fetch;
use crate::mirror::catalog::Backlog;
use crate::mirror::store::Durability;
use crate::pipeline::{Action, Collecting, Job, Links, MissingPolicy, Network, Placement, SlotFilter};
use crate::proxy::{Rules, Witnesses};
use crate::sanitize;

pub(super) fn run(args: &DemoArgs) -> Outcome {
    let samples =
        tempfile::Builder::new().prefix("imgmirror-demo-").tempdir().context("making a folder for samples")?;
    write_samples(samples.path()).context("writing the sample documents")?;
    super::run_to_end(async {
        let mut job = job(args);
        let origin = Origin::start(hosts(&job.collecting, samples.path())).await?;
        job.fetch.cacert = Some(origin.authority().as_bytes().to_vec());
        for rule in origin.connect_to() {
            job.fetch.connect_to.push(rule.parse()?);
        }
        if !args.messages.quiet && !args.messages.json {
            announce(args, &origin);
        }
        let inputs = sync::Inputs::folder(samples.path(), &job);
        sync::drive(job, &inputs, Action::Act, &args.messages, &Outputs::default()).await
    })
}

fn announce(args: &DemoArgs, origin: &Origin) {
    let [plain, tls] = origin.connect_to();
    eprintln!("{} sample articles, their pictures from a server on this machine, as if you had typed:", SAMPLES.len());
    eprintln!();
    eprintln!("    imgmirror sync SAMPLES -o {} \\", sanitize::path(&args.output));
    eprintln!("        --connect-to {plain} --connect-to {tls} --cacert demo.pem");
    if io::stderr().is_terminal() {
        eprintln!();
    }
}

fn job(args: &DemoArgs) -> Job {
    Job {
        output: args.output.clone(),
        collecting: Collecting {
            rules: Rules::builtin(),
            collector: Collector::new(&[], Vec::new()),
            base_url: None,
            slots: SlotFilter::default(),
            max_document: 1 << 20,
            link_base: None,
        },
        placement: Placement::Mirror,
        links: Links::WithinMirror,
        missing: MissingPolicy::Keep,
        network: Network::Online(Backlog::default()),
        fetch: fetch::Options::default(),
        durability: Durability::Batch,
        urls: Vec::new(),
        roots: Vec::new(),
        patience: Duration::ZERO,
    }
}

/// Every host that the samples' pictures are on: the server's certificate has to name them.
fn hosts(collecting: &Collecting, samples: &Path) -> Vec<String> {
    let mut hosts = BTreeSet::new();
    for (name, _) in SAMPLES {
        let path = samples.join(name);
        if let Ok(document) = collecting.open(&path) {
            collecting.mentions(&path, &document, &mut Witnesses::default(), &mut |mention| {
                for source in mention.outcome.iter().flat_map(|target| target.sources()) {
                    hosts.extend(Url::parse(source).ok().and_then(|url| url.domain().map(str::to_owned)));
                }
            });
        }
    }
    hosts.into_iter().collect()
}
