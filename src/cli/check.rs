//! The arguments of `imgmirror check`.

use std::path::PathBuf;

use clap::Args;

use super::sync::{NetworkArgs, PolitenessArgs, ScopeArgs};
use super::{DEFAULT_OUTPUT, LockArgs, MessageArgs, values};

pub(super) const ABOUT: &str = "\
Prove that a mirror is whole, or say what is damaged.

The catalog is checked as a file, every picture is hashed, every row is compared with its picture, and every mirrored \
document is read again by another parser: nothing in it may name a picture at its server that is held, and no link may \
lead nowhere. Nothing is changed, save that the catalog notes when each picture was found whole. A check that was \
interrupted is gone on with by the same command within a week.

Damage is told from what is missing (was never held) and from what is untidy (nothing is lost by it).";

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The mirror to check [default: mirror]
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUTPUT, hide_default_value = true)]
    pub output: PathBuf,
    #[command(flatten)]
    pub lock: LockArgs,
    /// Look at presence and length of the pictures, and hash none
    #[arg(long, conflicts_with = "sample", help_heading = "Check")]
    pub quick: bool,
    /// Hash this share of the pictures, those hashed longest ago first, such as 5%
    #[arg(long, value_name = "SHARE", value_parser = values::share, help_heading = "Check")]
    pub sample: Option<f64>,
    /// Fetch again what is lost or corrupt, and write lost documents anew
    #[arg(long, help_heading = "Check")]
    pub repair: bool,
    /// Make a new catalog where it is lost or damaged, from the pictures and documents that are there
    #[arg(long, conflicts_with_all = ["quick", "sample", "repair"], help_heading = "Check")]
    pub rebuild: bool,
    #[command(flatten)]
    pub network: NetworkArgs,
    #[command(flatten)]
    pub scope: ScopeArgs,
    #[command(flatten)]
    pub politeness: PolitenessArgs,
    #[command(flatten)]
    pub messages: MessageArgs,
    /// Read settings from this file [default: ./imgmirror.toml when there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}
