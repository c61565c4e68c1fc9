//! What a power cut may cost, by the order of calls: a kill cannot show it, since the system lives on and writes what it
//! was given.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::scenario::{Age, Placement, Scenario};
use super::shim::{CHANGES, Call, calls, watched};

/// What would not be there after a power cut.
#[derive(Default)]
struct Pending {
    /// Files whose content is not on the disk.
    content: BTreeSet<PathBuf>,
    /// Files and folders whose name is not in its folder on the disk.
    names: BTreeSet<PathBuf>,
}

impl Pending {
    fn take(&mut self, call: &Call) {
        let path = PathBuf::from(&call.path);
        match call.kind.as_str() {
            "write" | "truncate" => {
                self.content.insert(path);
            }
            "mkdir" => {
                self.names.insert(path);
            }
            "rename" => {
                let to = PathBuf::from(&call.to);
                if self.content.remove(&path) {
                    self.content.insert(to.clone());
                }
                self.names.remove(&path);
                self.names.insert(to);
            }
            "sync" => {
                self.content.remove(&path);
                self.names.retain(|name| name.parent() != Some(&path));
            }
            _ => {}
        }
    }

    /// Whether a file, whole and under its name, might be lost.
    fn may_lose(&self, file: &Path) -> bool {
        self.content.contains(file) || file.ancestors().any(|part| self.names.contains(part))
    }
}

/// Goes through the calls of a run, and looks at every document at the moment when it takes its place. Returns how many.
fn look(calls: &[Call], assets: &Path, catalog: &Path, documents: &Path) -> usize {
    let (mut pending, mut blobs, mut replaced) = (Pending::default(), BTreeSet::<PathBuf>::new(), 0);
    let log = PathBuf::from(format!("{}-wal", catalog.display()));
    for call in calls.iter().filter(|call| call.end == "done") {
        let to = Path::new(&call.to);
        if call.kind == "rename" && to.starts_with(documents) {
            replaced += 1;
            assert!(!pending.content.contains(Path::new(&call.path)), "{} takes its place unwritten", to.display());
            assert!(!pending.may_lose(catalog) && !pending.content.contains(&log), "{} before its row", to.display());
        }
        // Rows go to the log when their transaction ends.
        if call.kind == "write" && Path::new(&call.path) == log {
            let lost = blobs.iter().find(|blob| pending.may_lose(blob));
            assert!(lost.is_none(), "{lost:?} is recorded before it is durable");
        }
        pending.take(call);
        if call.kind == "rename" && to.starts_with(assets) {
            blobs.insert(to.to_owned());
        }
    }
    assert!(blobs.iter().all(|blob| !pending.may_lose(blob)));
    replaced
}

#[test]
fn a_document_is_replaced_when_all_that_it_names_is_on_the_disk() {
    for (placement, assets, documents) in
        [(Placement::Mirror, "mirror/assets", "mirror/documents"), (Placement::InPlace, "i", "in")]
    {
        for age in [Age::New, Age::Grown] {
            let scenario = Scenario::new(placement, age);
            watched(&scenario.case, scenario.sync(), CHANGES).run(3);
            let at = |path: &str| scenario.case.at(path);
            let calls = calls(&scenario.case);
            let replaced = look(&calls, &at(assets), &at("mirror/catalog.sqlite"), &at(documents));
            assert!(replaced > 3, "{placement:?} {age:?}: {replaced}");
        }
    }
}

#[test]
#[should_panic(expected = "before it is durable")]
fn the_look_finds_what_a_run_without_durability_risks() {
    let scenario = Scenario::new(Placement::Mirror, Age::New);
    watched(&scenario.case, scenario.sync().args(["--durability=none"]), CHANGES).run(3);
    let at = |path: &str| scenario.case.at(path);
    look(&calls(&scenario.case), &at("mirror/assets"), &at("mirror/catalog.sqlite"), &at("mirror/documents"));
}
