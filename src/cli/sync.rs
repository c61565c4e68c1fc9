//! The arguments of `imgmirror sync`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgMatches, Args, ValueEnum};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::{DEFAULT_OUTPUT, DocumentArgs, LockArgs, MessageArgs, is_typed, values};
use crate::fetch::options::Header;
use crate::fetch::{ConnectTo, Options, Rate, RefererPolicy};
use crate::input::Input;
use crate::mirror::catalog::OnChange;
use crate::mirror::store;
use crate::scope::{Allow, Private};

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Files and folders to read; - for a list of paths on standard input
    #[arg(value_name = "INPUT")]
    inputs: Vec<OsString>,
    #[command(flatten)]
    pub documents: DocumentArgs,
    /// Also fetch the picture URLs in this file, one a line
    #[arg(long, value_name = "FILE", help_heading = "Documents")]
    pub urls: Option<PathBuf>,
    #[command(flatten)]
    pub output: OutputArgs,
    #[command(flatten)]
    pub run: RunArgs,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub scope: ScopeArgs,
    #[command(flatten)]
    pub politeness: PolitenessArgs,
    #[command(flatten)]
    pub messages: MessageArgs,
    #[command(flatten)]
    pub reports: ReportFileArgs,
}

/// What is written for other programs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Reports")]
pub struct ReportFileArgs {
    /// Write the numbers of the run to this file, for Prometheus (node_exporter's textfile collector)
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Write the JSON object of --json to this file, whatever else is printed
    #[arg(long, value_name = "FILE")]
    pub summary_file: Option<PathBuf>,
}

/// Where results go and how they are written.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The folder to write the mirror to [default: mirror]
    #[arg(short = 'o', long = "output", value_name = "DIR", default_value = DEFAULT_OUTPUT, hide_default_value = true)]
    pub mirror: PathBuf,
    /// Edit the documents themselves; the mirror keeps a journal of every edit (needs --assets)
    #[arg(long)]
    in_place: bool,
    /// With --in-place: the folder to write the pictures to
    #[arg(long, value_name = "DIR")]
    assets: Option<PathBuf>,
    /// Begin references with this path or URL [default: a relative path]
    #[arg(long, value_name = "PREFIX", value_parser = values::link_base)]
    pub link_base: Option<String>,
    /// What to write where a picture could not be had [default: keep]
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, hide_default_value = true)]
    pub missing: Missing,
    /// How hard to make sure that files survive a power cut [default: batch]
    #[arg(long, value_name = "HOW", value_enum, default_value_t, hide_default_value = true)]
    pub durability: Durability,
}

/// What a run does.
#[derive(Debug, Args)]
#[command(next_help_heading = "Run")]
pub struct RunArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask at a terminal before editing documents in place
    #[arg(short, long)]
    pub yes: bool,
    /// Use only what is held already; ask nobody
    #[arg(long, conflicts_with_all = ["refresh", "retry_failed", "max_age"])]
    pub offline: bool,
    /// Ask again for every picture that is held
    #[arg(long, conflicts_with = "max_age")]
    pub refresh: bool,
    /// Ask again for held pictures that were last asked for longer ago than this
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub max_age: Option<Duration>,
    /// Ask at once for pictures and hosts that rest: after failures, or because they asked for it
    #[arg(long)]
    pub retry_failed: bool,
    /// What documents show of a picture that has changed; both are kept [default: keep]
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, hide_default_value = true)]
    pub on_change: OnChange,
    #[command(flatten)]
    pub lock: LockArgs,
}

/// How servers are reached, and how long they may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkArgs {
    /// Give up connecting after this long [default: 15s]
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "15s", hide_default_value = true)]
    pub connect_timeout: Duration,
    /// Drop a transfer that is silent for this long [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "30s", hide_default_value = true)]
    pub stall_timeout: Duration,
    /// Drop a transfer that is not complete after this long [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = values::limit, default_value = "10m", hide_default_value = true)]
    pub deadline: Duration,
    /// Refuse larger pictures [default: 64MiB]
    #[arg(long, value_name = "BYTES", value_parser = values::size, default_value = "64MiB", hide_default_value = true)]
    pub max_size: u64,
    /// Send all requests through this http, https, socks5 or socks5h proxy
    #[arg(long, value_name = "URL", value_parser = values::proxy_url)]
    pub via_proxy: Option<Url>,
    /// For host H1 and port P1 (empty: any), connect to H2 and P2 instead, as in curl (repeatable)
    #[arg(long, value_name = "H1:P1:H2:P2")]
    pub connect_to: Vec<ConnectTo>,
    /// Also trust the certificates in this PEM file (repeatable)
    #[arg(long, value_name = "FILE")]
    pub cacert: Vec<PathBuf>,
    /// Send this header, written 'Name: value', with every request (repeatable)
    #[arg(long, value_name = "HEADER")]
    pub header: Vec<Header>,
    /// Send this User-Agent [default: imgmirror/VERSION and a word on what it does]
    #[arg(long, value_name = "TEXT", value_parser = values::user_agent)]
    pub user_agent: Option<String>,
}

/// Which addresses may be asked.
#[derive(Debug, Args)]
#[command(next_help_heading = "Scope")]
pub struct ScopeArgs {
    /// Allow this HOST:PORT, address or CIDR block although it is not public (repeatable)
    #[arg(long, value_name = "WHERE")]
    pub allow: Vec<Allow>,
    /// Allow all private, loopback and link-local addresses
    #[arg(long)]
    pub allow_private: bool,
}

/// Manners towards servers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Politeness")]
pub struct PolitenessArgs {
    /// Transfers at a time [default: 64]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), default_value = "64", hide_default_value = true)]
    pub concurrency: u16,
    /// Transfers at a time from one host [default: 6]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), default_value = "6", hide_default_value = true)]
    pub per_host: u16,
    /// Requests to one host in a time, such as 2/s or 30/m [default: no limit]
    #[arg(long, value_name = "N/s")]
    pub rate: Option<Rate>,
    /// Further tries after a failure that may pass [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=100), default_value = "3", hide_default_value = true)]
    pub retries: u32,
    /// Wait before the first further try; it doubles each time [default: 500ms]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "500ms", hide_default_value = true)]
    pub backoff: Duration,
    /// Which Referer to send [default: auto]
    #[arg(long, value_name = "WHICH", value_enum, default_value_t, hide_default_value = true)]
    pub referer: Referer,
}

/// What stands in a document where a picture could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Missing {
    /// What was written there
    #[default]
    Keep,
    /// The original URL, with all proxies peeled off
    Original,
}

/// When files are forced to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Durability {
    /// Leave it to the system; fastest
    None,
    /// Many files at once, before documents refer to them
    #[default]
    Batch,
    /// Each file by itself
    Full,
}

/// Which Referer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Referer {
    /// None at first; where that is refused, what a reader's browser might send
    #[default]
    Auto,
    /// Never one
    None,
    /// The picture's own site
    Origin,
}

impl From<Durability> for store::Durability {
    fn from(durability: Durability) -> Self {
        match durability {
            Durability::None => store::Durability::None,
            Durability::Batch => store::Durability::Batch,
            Durability::Full => store::Durability::Full,
        }
    }
}

impl From<Referer> for RefererPolicy {
    fn from(referer: Referer) -> Self {
        match referer {
            Referer::Auto => RefererPolicy::Auto,
            Referer::None => RefererPolicy::None,
            Referer::Origin => RefererPolicy::Origin,
        }
    }
}

/// Where documents and pictures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement<'a> {
    /// Copies of the documents and the pictures go into the mirror.
    Mirror,
    /// The documents are edited where they are, the pictures go to `assets`, and the mirror holds the journal.
    InPlace { assets: &'a PathBuf },
}

impl SyncArgs {
    pub fn inputs(&self) -> Vec<Input> {
        self.inputs.iter().cloned().map(Input::from).collect()
    }

    pub fn placement(&self) -> Placement<'_> {
        match &self.output.assets {
            Some(assets) if self.output.in_place => Placement::InPlace { assets },
            _ => Placement::Mirror,
        }
    }

    /// See [`fetch_options`].
    pub fn fetch_options(&self) -> Result<Options, (&Path, io::Error)> {
        fetch_options(&self.network, &self.scope, &self.politeness)
    }

    /// What the flags demand of each other, wherever they were set. `typed` tells which were typed: a file may state
    /// habits (`assets`, `max-age`) that one run has no use for, but what was typed must mean something.
    pub(super) fn check(&self, typed: &ArgMatches) -> Result<(), String> {
        let OutputArgs { in_place, assets, .. } = &self.output;
        let RunArgs { offline, refresh, .. } = self.run;
        // Where both were typed, it has been said already.
        let stronger = [
            (offline, "offline", "refresh"),
            (offline, "offline", "retry_failed"),
            (offline, "offline", "max_age"),
            (refresh, "refresh", "max_age"),
        ];
        if let Some((_, strong, weak)) = stronger.into_iter().find(|(on, _, weak)| *on && is_typed(typed, weak)) {
            let weak = weak.replace('_', "-");
            return Err(format!(
                "--{weak} cannot be used with {strong}, which the environment or the configuration file sets; \
                 --no-{strong} takes it back"
            ));
        }
        if self.inputs.is_empty() && self.urls.is_none() {
            return Err("name at least one INPUT (a file, a folder, or - for a list of paths), or --urls FILE".into());
        }
        if self.run.dry_run && (is_typed(typed, "metrics") || is_typed(typed, "summary_file")) {
            return Err("--dry-run writes no files, so it cannot be used with --metrics or --summary-file; \
                        --json prints the numbers"
                .into());
        }
        if *in_place && assets.is_none() {
            return Err("--in-place needs --assets DIR, the folder to write the pictures to".into());
        }
        if !in_place && is_typed(typed, "assets") {
            return Err(
                "--assets goes with --in-place; without it, pictures go to the assets folder of the mirror".into()
            );
        }
        Ok(())
    }
}

/// The settings of fetching.
///
/// # Errors
/// A certificate file that cannot be read or holds no certificate, with its name.
pub fn fetch_options<'a>(
    network: &'a NetworkArgs,
    scope: &ScopeArgs,
    politeness: &PolitenessArgs,
) -> Result<Options, (&'a Path, io::Error)> {
    let defaults = Options::default();
    Ok(Options {
        concurrency: politeness.concurrency.into(),
        per_host: politeness.per_host.into(),
        rate: politeness.rate,
        retries: politeness.retries,
        backoff: politeness.backoff,
        connect_timeout: network.connect_timeout,
        stall_timeout: network.stall_timeout,
        deadline: network.deadline,
        max_size: network.max_size,
        referer: politeness.referer.into(),
        user_agent: network.user_agent.clone().unwrap_or(defaults.user_agent),
        headers: network.header.clone(),
        via_proxy: network.via_proxy.clone(),
        allow: scope.allow.clone(),
        private: if scope.allow_private { Private::Allow } else { Private::Refuse },
        connect_to: network.connect_to.clone(),
        cacert: certificates(&network.cacert)?,
        ..defaults
    })
}

/// PEM files put together, which gives a PEM file. Each must hold certificates that can be trusted: a run that leaves
/// one out in silence would fail at every server that needs it.
fn certificates(files: &[PathBuf]) -> Result<Option<Vec<u8>>, (&Path, io::Error)> {
    let mut all = Vec::new();
    for file in files {
        let pem = std::fs::read(file).map_err(|error| (file.as_path(), error))?;
        check_certificates(&pem).map_err(|told| (file.as_path(), io::Error::new(io::ErrorKind::InvalidData, told)))?;
        all.extend(pem);
        all.push(b'\n');
    }
    Ok((!all.is_empty()).then_some(all))
}

fn check_certificates(pem: &[u8]) -> Result<(), &'static str> {
    let mut trusted = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "it is no PEM file")?;
        trusted.add(certificate).map_err(|_| "it holds a certificate that cannot be read")?;
    }
    if trusted.is_empty() { Err("it holds no certificate in PEM form") } else { Ok(()) }
}
