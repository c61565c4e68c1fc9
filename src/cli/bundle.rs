//! The arguments of `imgmirror bundle`.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args};

use super::{SyncArgs, is_typed, values};
use crate::bundle::{Division, Format};

pub(super) const ABOUT: &str = "\
Write articles with all of their pictures into a folder or a file that can be handed out and read without a network.

Without INPUT, all documents of the mirror are bundled. With INPUT, `sync` runs first, with all of its flags, and what \
it read is bundled. Nothing in a bundle can be fetched from elsewhere; a picture that is not held is a placeholder that \
says so. The same mirror gives the same bytes; SOURCE_DATE_EPOCH sets the date of everything in it.";

/// Flags of `sync` that mean something without INPUT, by their names in clap.
const WITHOUT_INPUT: [&str; 12] = [
    "base_url",
    "proxy_rule",
    "select",
    "key",
    "include",
    "exclude",
    "max_document",
    "config",
    "mirror",
    "link_base",
    "json",
    "quiet",
];

/// Flags of `sync` that mean something with `--verify`.
const WITH_VERIFY: [&str; 3] = ["config", "json", "quiet"];

#[derive(Debug, Args)]
pub struct BundleArgs {
    #[command(flatten)]
    pub what: WhatArgs,
    #[command(flatten)]
    pub sync: SyncArgs,
}

/// What is bundled, and as what.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bundle")]
pub struct WhatArgs {
    /// What to write
    #[arg(long, value_name = "FORMAT", value_enum, required_unless_present = "verify")]
    pub format: Option<Format>,
    /// Where to write it: a folder for dir and html, a file for the others
    #[arg(long, value_name = "PATH", required_unless_present = "verify")]
    pub to: Option<PathBuf>,
    /// Write one bundle for each document into the folder --to, as html always does
    #[arg(long)]
    pub per_document: bool,
    /// Refuse to write larger bundles, and to verify larger pages [default: 64MiB for html]
    #[arg(long, value_name = "BYTES", value_parser = values::size)]
    pub max_bundle_size: Option<u64>,
    /// What the bundle is called [default: the name of the folder that was read, or of --to]
    #[arg(long, value_name = "TEXT", value_parser = values::non_empty)]
    pub title: Option<String>,
    /// Prove that this bundle is whole and asks for nothing from elsewhere
    #[arg(long, value_name = "PATH", conflicts_with_all = ["format", "to", "per_document", "title", "inputs"])]
    pub verify: Option<PathBuf>,
}

impl WhatArgs {
    /// One bundle or many. A file that ends in `.html` can only be one.
    pub fn division(&self, format: Format, to: &Path) -> Division {
        let html = |to: &Path| to.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
        match format {
            Format::Html if html(to) && !self.per_document => Division::Together,
            Format::Html => Division::Each,
            _ if self.per_document => Division::Each,
            _ => Division::Together,
        }
    }

    /// The largest bundle; bytes.
    pub fn max_size(&self, format: Format) -> Option<u64> {
        self.max_bundle_size.or(match format {
            Format::Html => Some(64 << 20),
            Format::Dir | Format::Zip | Format::Epub | Format::Wacz => None,
        })
    }
}

impl BundleArgs {
    /// What the flags demand of each other; see [`SyncArgs::check`].
    pub(super) fn check(&self, typed: &ArgMatches) -> Result<(), String> {
        if self.sync.run.dry_run {
            return Err("bundle has no --dry-run; `imgmirror sync INPUT --dry-run` says what would be mirrored".into());
        }
        let (without, lacking) = match (&self.what.verify, self.sync.inputs().is_empty()) {
            (Some(_), _) => (&WITH_VERIFY[..], "cannot be used with --verify"),
            (None, true) => (&WITHOUT_INPUT[..], "is about mirroring, and needs an INPUT to mirror"),
            (None, false) => return self.sync.check(typed),
        };
        let of_sync = SyncArgs::augment_args(clap::Command::new("sync"));
        let senseless = of_sync.get_arguments().find(|arg| {
            let id = arg.get_id().as_str();
            !without.contains(&id) && is_typed(typed, id)
        });
        match senseless.and_then(|arg| arg.get_long()) {
            Some(flag) => Err(format!("--{flag} {lacking}")),
            None => Ok(()),
        }
    }
}
