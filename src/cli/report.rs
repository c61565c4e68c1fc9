//! The arguments of `imgmirror status` and `imgmirror report`.

use clap::Args;

use super::{LockArgs, MirrorArgs};

pub(super) const STATUS_ABOUT: &str = "\
Say whether the mirror is whole, what is missing, and what to do next.

Reads the catalog alone: no document is read, no server asked, and a run that is under way is not disturbed. The mirror \
is whole when the last run came to its end, every document of the mirror shows its pictures, and none is missing.";

pub(super) const REPORT_ABOUT: &str = "\
Write the mirror's report.html anew.

`sync` does so by itself when something has changed. Reads the catalog alone: no document is read, no server asked.";

#[derive(Debug, Args)]
pub struct StatusArgs {
    #[command(flatten)]
    pub mirror: MirrorArgs,
    /// Write the result as one JSON object to standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub mirror: MirrorArgs,
    #[command(flatten)]
    pub lock: LockArgs,
}
