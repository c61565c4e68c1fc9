//! The arguments of `imgmirror prune`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{LockArgs, MirrorArgs, values};
use crate::mirror::prune::Captures;
use crate::mirror::trash::Age;

pub(super) const ABOUT: &str = "\
Remove what nothing needs any more: pictures that no document refers to, and copies of documents that are gone.

What is removed goes to mirror/trash first, in a folder of the day, and is deleted when that is 30 days old. Nothing is \
removed that a document shows, that the journal of a document edited in place names, or that the last run with --urls \
asked for. Nothing at all is done when a folder that documents were read from is not there.";

#[derive(Debug, Args)]
pub struct PruneArgs {
    #[command(flatten)]
    pub mirror: MirrorArgs,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Delete what has been in the trash for this long [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = values::duration, default_value = "30d", hide_default_value = true)]
    trash_age: Duration,
    /// Delete everything in the trash, and what this run removes with it
    #[arg(long, conflicts_with = "trash_age")]
    empty_trash: bool,
    /// Which versions to keep of pictures that changed on their servers [default: all]
    #[arg(long, value_name = "WHICH", value_enum, default_value_t, hide_default_value = true)]
    captures: KeptCaptures,
    /// This input is gone for good: remove the copies of its documents too (repeatable)
    #[arg(long, value_name = "PATH")]
    pub forget_input: Vec<PathBuf>,
    /// Do not ask before more than half of all pictures are removed
    #[arg(short, long)]
    pub yes: bool,
    /// Write the result as one JSON object to standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum KeptCaptures {
    /// Every version
    #[default]
    All,
    /// Those that documents show
    Current,
}

impl PruneArgs {
    pub fn captures(&self) -> Captures {
        match self.captures {
            KeptCaptures::All => Captures::All,
            KeptCaptures::Current => Captures::Current,
        }
    }

    /// How long documents that are gone keep their journals.
    pub fn grace(&self) -> Duration {
        self.trash_age
    }

    pub fn trash_age(&self) -> Age {
        if self.empty_trash { Age::Any } else { Age::AtLeast(self.trash_age) }
    }
}
