//! The arguments of `imgmirror restore`.

use std::path::PathBuf;

use clap::Args;

use super::{LockArgs, MirrorArgs};
use crate::restore::Edited;

pub(super) const ABOUT: &str = "\
Put documents that were edited in place back as they were, byte for byte.

A document that was edited by somebody else since is left as it is, unless --merge is given. The pictures stay; they \
are removed by `prune` when nothing needs them. A later `sync --in-place` edits the documents again.";

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Documents, or folders of documents, to put back [default: all that were edited]
    #[arg(value_name = "DOCUMENT")]
    pub documents: Vec<PathBuf>,
    #[command(flatten)]
    pub mirror: MirrorArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Put links that still stand as they were written back also where documents were edited since
    #[arg(long)]
    merge: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write the result as one JSON object to standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
}

impl RestoreArgs {
    pub fn edited(&self) -> Edited {
        if self.merge { Edited::Merge } else { Edited::Refuse }
    }
}
