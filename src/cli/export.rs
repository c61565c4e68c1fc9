//! The arguments of `imgmirror export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::MirrorArgs;

pub(super) const ABOUT: &str = "\
Write the catalog as text: what came from where, when, and what is missing.

jsonl and csv have one row for every capture of a picture, and one for every picture of which there is none. sha256sums \
lists what is held; check it with `cd mirror && imgmirror export --format sha256sums -o . | sha256sum -c`. Paths are \
relative to the mirror, or absolute where pictures lie in a folder of a site.";

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub mirror: MirrorArgs,
    /// How to write it [default: jsonl]
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t, hide_default_value = true)]
    pub format: Format,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// One JSON object a line
    #[default]
    Jsonl,
    /// RFC 4180, with a header
    Csv,
    /// For `sha256sum -c`
    Sha256sums,
}
