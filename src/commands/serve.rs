//! `imgmirror serve`: a mirror or a bundle in a browser.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{Outcome, Usage, collecting_of, existing, sync, tell};
use crate::cli::{Exit, ServeArgs};
use crate::mirror::Layout;
use crate::serve::{self, Site};

pub(super) fn run(args: &ServeArgs) -> Outcome {
    let site = site(args)?;
    super::run_to_end(async {
        let address = SocketAddr::new(args.host, args.port);
        let listener = serve::bind(args.host, args.port).await.with_context(|| match args.port {
            0 => format!("no port of {} can be opened", args.host),
            _ => format!("{address} cannot be opened; choose another --port, or none for one that is free"),
        })?;
        let stop = CancellationToken::new();
        let listening = tokio::spawn(sync::listen(stop.clone()));
        let address = listener.local_addr()?;
        // Alone on standard output, at once: programs wait for it.
        super::print(&format!("http://{address}/\n"))?;
        tell("open this address in a browser; Ctrl-C ends it");
        serve::serve(listener, site, &stop).await?;
        listening.abort();
        Ok(Exit::Interrupted)
    })
}

fn site(args: &ServeArgs) -> anyhow::Result<Site> {
    let collecting = collecting_of(&args.documents, None)?;
    match &args.bundle {
        Some(path) if !is_mirror(path) => Site::of_bundle(path).map_err(|unfit| match unfit.is_usage() {
            true => Usage(unfit.to_string()).into(),
            false => unfit.into(),
        }),
        mirror => Site::of_mirror(existing(mirror.as_deref().unwrap_or(&args.output))?, collecting),
    }
}

fn is_mirror(path: &Path) -> bool {
    Layout::new(path).catalog().is_file()
}
