//! How large bundles will be, before anything is written.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::ensure;
use bytesize::ByteSize;

use super::Format;
use super::making::{Division, Making, Order};
use super::names::Names;
use super::one_file::{self, Neighbours};
use crate::mirror::digest::Digest;
use crate::page::shell::{POLICY, Shell, Style};
use crate::page::{Links, Page, Picture};
use crate::progress::Phase;
use crate::sanitize;

/// Bundles that a refusal names.
const MAX_NAMED: usize = 3;

/// Sizes in bytes. That of a page in one file is exact; else it is that of all pages and of each picture once, before
/// anything is packed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Plan {
    pub bundles: u64,
    pub bytes: u64,
    /// The largest bundle, by the name of its document.
    pub largest: (u64, PathBuf),
    /// How many are larger than is wanted.
    pub too_large: u64,
    /// The first of these.
    named: Vec<(u64, PathBuf)>,
}

impl Making<'_> {
    /// Finds out how large the bundles will be, without reading a picture. `None` when it was stopped.
    pub fn plan(&self) -> anyhow::Result<Option<Plan>> {
        let Order { format, division, max_size, to, .. } = self.order;
        let mut names = Names::of(self.collection, format.extension())?;
        let (mut plan, mut together, mut seen) = (Plan::default(), 0, HashSet::new());
        self.progress.phase(Phase::Reading);
        self.progress.documents(names.documents());
        let whole = self.documents(&mut |entry, page| {
            if *division == Division::Each {
                seen.clear();
            }
            let bytes = match (format, division) {
                (Format::Html, Division::Together) => one_file::size(page, Neighbours::None)?,
                (Format::Html, Division::Each) => {
                    let own = names.give(&entry.name);
                    one_file::size(page, Neighbours::Named { names: &names, own: &own })?
                }
                _ => size(page, &mut seen)?,
            };
            match division {
                Division::Together => together += bytes,
                Division::Each => plan.add(bytes, &entry.name, *max_size),
            }
            Ok(())
        })?;
        if *division == Division::Together {
            plan.add(together, to, *max_size);
        }
        Ok(whole.then_some(plan))
    }
}

impl Plan {
    fn add(&mut self, bytes: u64, name: &Path, max: Option<u64>) {
        self.bundles += 1;
        self.bytes += bytes;
        if bytes > self.largest.0 {
            self.largest = (bytes, name.to_owned());
        }
        if max.is_some_and(|max| bytes > max) {
            self.too_large += 1;
            if self.named.len() < MAX_NAMED {
                self.named.push((bytes, name.to_owned()));
            }
        }
    }

    /// The plan for a person.
    pub fn told(&self) -> String {
        let (bytes, name) = &self.largest;
        match self.bundles {
            1 => format!("{} will have {}", sanitize::path(name), ByteSize(*bytes)),
            many => format!(
                "{many} bundles will have {}; the largest, of {}, {}",
                ByteSize(self.bytes),
                sanitize::path(name),
                ByteSize(*bytes)
            ),
        }
    }

    /// Fails when a bundle would be larger than is wanted.
    pub fn check(&self, order: &Order) -> anyhow::Result<()> {
        let named = self.named.iter().map(|(bytes, name)| format!("{} ({})", sanitize::path(name), ByteSize(*bytes)));
        let mut named = named.collect::<Vec<_>>().join(", ");
        if self.too_large > self.named.len() as u64 {
            named.push_str(" …");
        }
        let instead = match order.format {
            Format::Dir => "allow more, or bundle fewer documents",
            Format::Html | Format::Zip | Format::Epub | Format::Wacz => {
                "allow more, or use --format dir, which holds each picture once in a file of its own"
            }
        };
        ensure!(
            self.too_large == 0,
            "{} of {} would be larger than --max-bundle-size {}: {named}. Nothing was written; {instead}",
            self.too_large,
            if self.bundles == 1 { "1 bundle".to_owned() } else { format!("{} bundles", self.bundles) },
            ByteSize(order.max_size.unwrap_or(u64::MAX)),
        );
        Ok(())
    }
}

/// The bytes of a page and of its pictures that were not seen before.
fn size(page: &Page, seen: &mut HashSet<Digest>) -> io::Result<u64> {
    let mut bytes = 0;
    page.pictures(&mut |picture| {
        if seen.insert(picture.blob.digest) {
            bytes += picture.length;
        }
    });
    let shell = Shell { style: Style::Linked("style.css"), policy: Some(POLICY), index: None };
    let mut text = one_file::Counter(0);
    shell.page(page, &mut Short, &mut text)?;
    Ok(bytes + text.0)
}

/// URLs as long as they are in most pages.
struct Short;

impl Links for Short {
    fn picture(&mut self, picture: &Picture, out: &mut dyn Write) -> io::Result<()> {
        write!(out, "../assets/{}", picture.blob.name())
    }

    fn document(&mut self, _: &Path) -> Option<String> {
        None
    }
}
