//! The arguments of `imgmirror serve`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::{DEFAULT_OUTPUT, DocumentArgs, values};

pub(super) const ABOUT: &str = "\
Look at a mirror or a bundle in a browser of this machine.

Prints the address and answers until it is stopped. Shows documents as a bundle has them and as they were, the state of \
every reference, and every picture with where it came from. Nothing is fetched and nothing is written; a run may be \
under way. Only programs of this machine can reach it, and pages of other sites cannot read it.";

#[derive(Debug, Args)]
pub struct ServeArgs {
    /// A bundle to look at instead: a folder, a .zip or a .html
    #[arg(value_name = "BUNDLE", conflicts_with = "output")]
    pub bundle: Option<PathBuf>,
    /// The mirror to look at [default: mirror]
    #[arg(short, long, value_name = "DIR", default_value = DEFAULT_OUTPUT, hide_default_value = true)]
    pub output: PathBuf,
    /// The port to answer on; 0 for any that is free [default: 0]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub port: u16,
    /// The loopback address to answer on: 127.0.0.1, ::1 or localhost [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS", value_parser = values::loopback, default_value = "127.0.0.1", hide_default_value = true)]
    pub host: IpAddr,
    #[command(flatten)]
    pub documents: DocumentArgs,
}
