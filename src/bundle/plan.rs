//! How large bundles will be, before anything is written.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use bytesize::ByteSize;

use super::making::{Division, Making, Order};
use super::names::Names;
use super::one_file::{self, Neighbours};
use super::pages::Pages;
use super::tree::Measure;
use super::{Bundle as _, Format};
use crate::progress::Phase;
use crate::sanitize;

/// Bundles that a refusal names.
const MAX_NAMED: usize = 3;

/// Sizes in bytes: of html the file, of all others the folder format, which is what they pack or hold in other forms.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Plan {
    pub bundles: u64,
    pub bytes: u64,
    /// The largest bundle, by the name of its document where there are several.
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
        let mut plan = Plan::default();
        let mut together = match division {
            Division::Together => Some(Measured::new(self, Names::of(self.collection, ".html")?)),
            Division::Each => None,
        };
        self.progress.phase(Phase::Reading);
        self.progress.documents(names.documents());
        let whole = self.documents(&mut |entry, page| {
            let bytes = match (format, &mut together) {
                (Format::Html, Some(_)) => one_file::size(page, Neighbours::None)?,
                (Format::Html, None) => {
                    let own = names.give(&entry.name);
                    one_file::size(page, Neighbours::Named { names: &names, own: &own })?
                }
                (_, Some(measured)) => return measured.pages.add(page),
                (_, None) => {
                    let mut measured = Measured::new(self, Names::of_one(&entry.name));
                    measured.pages.add(page)?;
                    measured.finish()?
                }
            };
            let name = if together.is_some() { to } else { &entry.name };
            plan.add(bytes, name, *max_size);
            Ok(())
        })?;
        if let Some(measured) = together.filter(|_| *format != Format::Html) {
            plan.add(measured.finish()?, to, *max_size);
        }
        Ok(whole.then_some(plan))
    }
}

/// The folder format, measured.
struct Measured {
    measure: Measure,
    pages: Box<Pages>,
}

impl Measured {
    fn new(making: &Making<'_>, names: Names) -> Self {
        let measure = Measure::default();
        let pages = Box::new(Pages::new(Box::new(measure.clone()), &making.facts(None), names));
        Measured { measure, pages }
    }

    fn finish(self) -> anyhow::Result<u64> {
        self.pages.finish()?;
        Ok(self.measure.total())
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
        let max = ByteSize(order.max_size.unwrap_or(u64::MAX));
        let instead = match order.format {
            Format::Dir => "allow more, or bundle fewer documents",
            Format::Html | Format::Zip | Format::Epub | Format::Wacz => {
                "allow more, or use --format dir, which holds each picture once in a file of its own"
            }
        };
        let which = match self.bundles {
            1 => format!("the bundle would be larger than --max-bundle-size {max}: {named}"),
            all => format!("{} of {all} bundles would be larger than --max-bundle-size {max}: {named}", self.too_large),
        };
        ensure!(self.too_large == 0, "{which}. Nothing was written; {instead}");
        Ok(())
    }
}
