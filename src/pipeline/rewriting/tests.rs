use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::{fs, io};

use sha2::{Digest as _, Sha256};

use super::preparing::Prepared;
use super::*;
use crate::collect::Collector;
use crate::mirror::catalog::{CatalogError, ReferenceRow, Seen, TargetRow};
use crate::pipeline::SlotFilter;
use crate::proxy::Rules;
use crate::replace::CHANGED;

const PROXY: &str = "http://proxy.example/";
const BEFORE: &str = "<img src='http://proxy.example/http://h.example/a.png'>\n";
const AFTER: &str = "<img src='http://h.example/a.png'>\n";

/// Two batches and a few documents.
const MANY: usize = 2 * BATCH + 5;

/// A folder with documents that were collected, to be edited in place: off with their proxies.
struct Site {
    folder: tempfile::TempDir,
    catalog: Catalog,
    run: i64,
    layout: Layout,
    collecting: Collecting,
    placement: Placement,
    links: Links,
}

impl Site {
    fn of(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(&folder.path().join("mirror"));
        fs::create_dir_all(layout.tmp()).unwrap();
        let catalog = Catalog::open(&layout.catalog(), Durability::None).unwrap();
        let run = catalog.begin_run().unwrap();
        let collecting = Collecting {
            rules: Rules::builtin(),
            collector: Collector::new(&[], Vec::new()),
            base_url: None,
            slots: SlotFilter::default(),
            max_document: u64::MAX,
            link_base: None,
        };
        let placement = Placement::InPlace { assets: folder.path().join("assets") };
        let links = Links::prefix("/i/");
        let site = Site { folder, catalog, run, layout, collecting, placement, links };
        for name in names {
            fs::write(site.at(name), BEFORE).unwrap();
            site.collect(name);
        }
        site
    }

    fn of_many(count: usize) -> Self {
        let site = Site::of(&[]);
        site.add_many(count);
        site
    }

    /// Adds so many documents, of which each is another one.
    fn add_many(&self, count: usize) {
        self.catalog.begin().unwrap();
        for number in 0..count {
            fs::write(self.at(&name(number)), before(number)).unwrap();
            self.collect(&name(number));
        }
        self.catalog.commit().unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn collect(&self, name: &str) {
        let text = self.read(name);
        let start = text.find(PROXY).unwrap();
        self.record(name, start, start + text[start..].find('\'').unwrap());
    }

    /// Says of a document that it has one reference, which stands there.
    fn record(&self, name: &str, start: usize, end: usize) {
        let (source, catalog) = (self.at(name), &self.catalog);
        let text = self.read(name);
        let target = TargetRow {
            target: "http://h.example/a.png".to_owned(),
            origin: "http://h.example".to_owned(),
            fragment: None,
            proxies: 1,
            hint: None,
            sources: Vec::new(),
        };
        let reference = ReferenceRow {
            start,
            end,
            slot: "img@src".to_owned(),
            layers: 0,
            raw: String::new(),
            outcome: Ok(target),
            held: None,
        };
        let path = match self.placement {
            Placement::InPlace { .. } => &source,
            Placement::Mirror => Path::new(name),
        };
        let id = catalog.begin_document(path, &source, "", self.run).unwrap();
        catalog.add_references(id, &[reference]).unwrap();
        let digest = Sha256::digest(&text).into();
        catalog.finish_document(id, &Seen { size: text.len() as u64, modified: 0, digest }, false).unwrap();
    }

    fn rewriting(&self) -> Rewriting<'_> {
        Rewriting {
            collecting: &self.collecting,
            layout: &self.layout,
            placement: &self.placement,
            links: &self.links,
            missing: MissingPolicy::Original,
            durability: Durability::Batch,
        }
    }

    fn prepare(&self) -> Vec<Prepared> {
        let rows = self.catalog.documents(self.run, 0, BATCH).unwrap();
        let (rewriting, progress, stop) = (self.rewriting(), Progress::muted(), CancellationToken::new());
        let mut batches = Batches::new(&rewriting, &self.catalog, &progress, &stop);
        let mut threads = rewriting.threads(&self.catalog).unwrap();
        let prepared = batches.prepare(&mut threads, &rows).unwrap();
        self.catalog.commit().unwrap();
        assert_eq!(batches.rewritten, Rewritten::default());
        prepared
    }

    fn put_in_place(&self, prepared: Vec<Prepared>) -> Rewritten {
        let (rewriting, progress, stop) = (self.rewriting(), Progress::muted(), CancellationToken::new());
        let mut batches = Batches::new(&rewriting, &self.catalog, &progress, &stop);
        batches.ready = prepared;
        batches.put_in_place().unwrap();
        batches.rewritten
    }

    fn rewrite(&self, progress: &Progress, stop: &CancellationToken) -> anyhow::Result<Rewritten> {
        self.rewriting().rewrite(&self.catalog, Which::OfRun(self.run), progress, stop)
    }

    /// Whether a document of [`Site::of_many`] that was `before` was written. It is either as it was, without a journal,
    /// or as its journal says, as far as others can see that.
    fn is_written(&self, number: usize, before: &str) -> bool {
        let (catalog, now) = (self.catalog.reader().unwrap(), self.read(&name(number)));
        let Some(last) = catalog.generations(number as i64 + 1).unwrap().pop() else {
            assert_eq!(now, before, "{number}");
            return false;
        };
        assert_eq!(now, before.replace(PROXY, ""), "{number}");
        assert_eq!(last.journal.after, <[u8; 32]>::from(Sha256::digest(&now)));
        let mut undone = Vec::new();
        RewritePlan::new(catalog.undo(&last).unwrap()).splice(now.as_bytes(), &mut undone).unwrap();
        assert_eq!(undone, before.as_bytes(), "{number}");
        true
    }
}

fn name(number: usize) -> String {
    format!("{number:03}.html")
}

fn before(number: usize) -> String {
    format!("<h1>{number}</h1>{BEFORE}")
}

/// What an author has made of a document since it was collected.
fn changed(number: usize) -> String {
    format!("<p>Changed.</p>{}", before(number))
}

/// Does something with each warning, before the run goes on.
struct OnWarning<F>(F);

impl<F: FnMut(&str)> io::Write for OnWarning<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).unwrap().trim();
        if !text.is_empty() {
            (self.0)(text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn on_warning(act: impl FnMut(&str) + Send + 'static) -> Progress {
    Progress::warning_to(Box::new(OnWarning(act)))
}

/// Progress with what it is warned of.
fn heard() -> (Progress, Receiver<String>) {
    let (tell, told) = channel();
    (on_warning(move |text| tell.send(text.to_owned()).unwrap()), told)
}

#[test]
fn documents_of_several_batches_are_written_as_their_journal_says() {
    let site = Site::of_many(MANY);
    let rewritten = site.rewrite(&Progress::muted(), &CancellationToken::new()).unwrap();
    assert_eq!(rewritten, Rewritten { written: MANY as u64, ..Rewritten::default() });
    assert!((0..MANY).all(|number| site.is_written(number, &before(number))));
    assert_eq!(fs::read_dir(site.layout.tmp()).unwrap().count(), 0);
}

#[test]
fn a_document_that_has_changed_does_not_hold_up_the_batches() {
    let site = Site::of_many(MANY);
    fs::write(site.at(&name(3)), changed(3)).unwrap();
    let (progress, told) = heard();
    let rewritten = site.rewrite(&progress, &CancellationToken::new()).unwrap();
    assert_eq!(rewritten, Rewritten { written: MANY as u64 - 1, unchanged: 0, failed: 1 });
    drop(progress);
    let told: Vec<_> = told.iter().collect();
    assert!(told.len() == 1 && told[0].contains(&name(3)) && told[0].contains(CHANGED), "{told:?}");
    assert!(!site.is_written(3, &changed(3)));
    assert!((0..MANY).filter(|number| *number != 3).all(|number| site.is_written(number, &before(number))));
}

#[test]
fn a_run_that_is_stopped_in_a_batch_leaves_each_document_as_it_was_or_as_its_journal_says() {
    let count = 3 * BATCH;
    let mut site = Site::of_many(count);
    fs::write(site.at(&name(BATCH)), changed(BATCH)).unwrap();
    let text = |number| if number == BATCH { changed(number) } else { before(number) };
    let stop = CancellationToken::new();
    let progress = {
        let stop = stop.clone();
        on_warning(move |_| stop.cancel())
    };
    let rewritten = site.rewrite(&progress, &stop).unwrap();
    let written: Vec<_> = (0..count).map(|number| site.is_written(number, &text(number))).collect();
    assert_eq!(rewritten.written as usize, written.iter().filter(|written| **written).count());
    assert_eq!((rewritten.unchanged, rewritten.failed), (0, 1));
    // The first batch as a whole, of the second one what was under way, of the third one nothing.
    assert!(written[..BATCH].iter().all(|written| *written));
    assert!(written[2 * BATCH - 8..].iter().all(|written| !written));
    assert_eq!(fs::read_dir(site.layout.tmp()).unwrap().count(), 0);

    site.run = site.catalog.begin_run().unwrap();
    let left: Vec<_> = (0..count).filter(|number| !written[*number]).collect();
    left.iter().for_each(|number| site.collect(&name(*number)));
    let rewritten = site.rewrite(&Progress::muted(), &CancellationToken::new()).unwrap();
    assert_eq!(rewritten, Rewritten { written: left.len() as u64, ..Rewritten::default() });
    assert!((0..count).all(|number| site.is_written(number, &text(number))));
}

#[test]
fn a_destination_that_cannot_be_replaced_does_not_hold_up_the_batches() {
    let mut site = Site::of(&[]);
    site.placement = Placement::Mirror;
    site.add_many(MANY);
    let documents = site.layout.documents();
    let taken = documents.join(name(BATCH + 1));
    fs::create_dir_all(taken.join("folder")).unwrap();
    let (progress, told) = heard();
    let rewrite = || site.rewrite(&progress, &CancellationToken::new()).unwrap();
    assert_eq!(rewrite(), Rewritten { written: MANY as u64 - 1, unchanged: 0, failed: 1 });
    assert_eq!(rewrite(), Rewritten { written: 0, unchanged: MANY as u64 - 1, failed: 1 });
    let told: Vec<_> = told.try_iter().collect();
    assert!(told.len() == 2 && told.iter().all(|text| text.contains(&name(BATCH + 1))), "{told:?}");
    fs::remove_dir_all(taken).unwrap();
    assert_eq!(rewrite(), Rewritten { written: 1, unchanged: MANY as u64 - 1, failed: 0 });
    for number in 0..MANY {
        let (copy, source) = (fs::read_to_string(documents.join(name(number))).unwrap(), site.read(&name(number)));
        assert_eq!((copy, source), (before(number).replace(PROXY, ""), before(number)));
    }
    assert_eq!(fs::read_dir(site.layout.tmp()).unwrap().count(), 0);
}

/// The last document of a batch turns out to have changed when all others are prepared; then one in the middle of them
/// changes, which is found when those before it have been replaced. That is the time to look.
#[test]
fn others_see_the_journal_of_a_batch_before_the_first_of_its_files_changes() {
    let site = Site::of_many(MANY);
    let (middle, last) = (BATCH / 2, BATCH - 1);
    fs::write(site.at(&name(last)), changed(last)).unwrap();
    let (folder, catalog) = (site.folder.path().to_owned(), site.layout.catalog());
    let (tell, told) = channel();
    let progress = on_warning(move |text| {
        if text.contains(&name(last)) {
            fs::write(folder.join(name(middle)), changed(middle)).unwrap();
        } else {
            let catalog = Catalog::open_existing(&catalog).unwrap();
            let is_replaced =
                |number: &usize| fs::read_to_string(folder.join(name(*number))).unwrap() != before(*number);
            for number in (0..last).filter(|number| *number != middle).filter(is_replaced) {
                tell.send((number, catalog.generations(number as i64 + 1).unwrap().len())).unwrap();
            }
        }
    });
    let rewritten = site.rewrite(&progress, &CancellationToken::new()).unwrap();
    assert_eq!((rewritten.written, rewritten.failed), (MANY as u64 - 2, 2));
    drop(progress);
    assert!(told.iter().eq((0..middle).map(|number| (number, 1))));
    assert!(!site.is_written(middle, &changed(middle)) && !site.is_written(last, &changed(last)));
}

#[test]
fn what_is_ready_is_put_in_place_before_an_error_is_told() {
    let site = Site::of(&["a.html", "b.html"]);
    let (rewriting, progress, stop) = (site.rewriting(), Progress::muted(), CancellationToken::new());
    let mut batches = Batches::new(&rewriting, &site.catalog, &progress, &stop);
    batches.ready = site.prepare();
    // Nothing was begun that could be touched.
    let error = batches.write(Which::TouchedBy(site.run)).unwrap_err();
    assert!(error.is::<CatalogError>(), "{error:#}");
    assert_eq!((site.read("a.html"), site.read("b.html")), (AFTER.into(), AFTER.into()));
    let reader = site.catalog.reader().unwrap();
    assert_eq!([1, 2].map(|id| reader.generations(id).unwrap().len()), [1, 1]);
}

/// A reference that runs backwards is a mistake that debug builds break down of.
#[cfg(debug_assertions)]
#[test]
fn a_thread_that_breaks_down_is_told_of() {
    let site = Site::of_many(MANY);
    site.record(&name(BATCH + 7), 9, 3);
    let error = site.rewrite(&Progress::muted(), &CancellationToken::new()).unwrap_err();
    assert_eq!(error.to_string(), "a thread that prepared documents broke down");
    assert!((0..MANY).all(|number| site.is_written(number, &before(number)) == (number < BATCH)));
    assert_eq!(fs::read_dir(site.layout.tmp()).unwrap().count(), 0);
}

#[test]
fn a_folder_of_documents_that_vanishes_meanwhile_is_made_once_more() {
    let mut site = Site::of(&[]);
    site.placement = Placement::Mirror;
    fs::create_dir(site.at("sub")).unwrap();
    for name in ["sub/a.html", "sub/b.html"] {
        fs::write(site.at(name), BEFORE).unwrap();
        site.collect(name);
    }
    let prepared = site.prepare();
    let folder = site.layout.documents().join("sub");
    fs::remove_dir(&folder).unwrap();
    assert_eq!(site.put_in_place(prepared).written, 2);
    assert_eq!(["a.html", "b.html"].map(|name| fs::read_to_string(folder.join(name)).unwrap()), [AFTER, AFTER]);
}

#[test]
fn what_an_author_saves_while_a_batch_is_written_is_not_lost() {
    let mut site = Site::of(&["a.html", "b.html", "c.html"]);
    let saved = format!("<h1>New</h1>{BEFORE}");
    let prepared = site.prepare();
    fs::write(site.at("a.html"), &saved).unwrap();
    // As editors do it: another file under the same name.
    fs::write(site.at("c.new"), BEFORE).unwrap();
    fs::rename(site.at("c.new"), site.at("c.html")).unwrap();
    let rewritten = site.put_in_place(prepared);
    assert_eq!((rewritten.written, rewritten.failed), (1, 2));
    assert_eq!((site.read("a.html"), site.read("b.html"), site.read("c.html")), (saved, AFTER.into(), BEFORE.into()));
    assert_eq!(fs::read_dir(site.layout.tmp()).unwrap().count(), 0);

    // The journal tells of the one that was edited, and of the others once they are.
    let journaled = |site: &Site| [1, 2, 3].map(|id| !site.catalog.generations(id).unwrap().is_empty());
    assert_eq!(journaled(&site), [false, true, false]);
    site.run = site.catalog.begin_run().unwrap();
    site.collect("a.html");
    site.collect("c.html");
    let rewritten = site.rewrite(&Progress::muted(), &CancellationToken::new());
    assert_eq!(rewritten.unwrap().written, 2);
    assert_eq!((site.read("a.html"), site.read("c.html")), (format!("<h1>New</h1>{AFTER}"), AFTER.into()));
    assert_eq!(journaled(&site), [true, true, true]);
    let last = site.catalog.generations(1).unwrap().pop().unwrap();
    assert_eq!(<[u8; 32]>::from(Sha256::digest(site.read("a.html"))), last.journal.after);
    let mut undone = Vec::new();
    RewritePlan::new(site.catalog.undo(&last).unwrap()).splice(site.read("a.html").as_bytes(), &mut undone).unwrap();
    assert_eq!(String::from_utf8(undone).unwrap(), format!("<h1>New</h1>{BEFORE}"));
}

#[test]
fn a_document_that_cannot_be_replaced_does_not_hold_up_the_others() {
    let site = Site::of(&["a.html", "b.html"]);
    let prepared = site.prepare();
    let mut first = true;
    let prepared = prepared.into_iter().map(|document| {
        let destination = if std::mem::take(&mut first) { site.folder.path().to_owned() } else { document.destination };
        Prepared { destination, ..document }
    });
    let rewritten = site.put_in_place(prepared.collect());
    assert_eq!((rewritten.written, rewritten.failed), (1, 1));
    assert_eq!((site.read("a.html"), site.read("b.html")), (BEFORE.into(), AFTER.into()));
}

#[test]
fn what_every_document_would_meet_ends_the_run() {
    for (kind, all) in [
        (io::ErrorKind::StorageFull, true),
        (io::ErrorKind::ReadOnlyFilesystem, true),
        (io::ErrorKind::IsADirectory, false),
        (io::ErrorKind::PermissionDenied, false),
    ] {
        let error = anyhow::Error::from(io::Error::from(kind)).context("replacing a.html");
        let mut rewritten = Rewritten::default();
        let ended = rewritten.fail(Path::new("a.html"), error, &Progress::muted());
        assert_eq!((ended.is_err(), rewritten.failed), (all, u64::from(!all)), "{kind}");
    }
    let error = anyhow::Error::from(CatalogError::Newer { path: PathBuf::new(), found: 2 });
    assert!(Rewritten::default().fail(Path::new("a.html"), error, &Progress::muted()).is_err());
}

/// Only the superuser may give files away; for everybody else a file keeps its only possible owner.
#[cfg(unix)]
#[test]
fn owner_and_group_are_kept() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let site = Site::of(&["a.html"]);
    let _ = chown(site.at("a.html"), Some(1234), Some(5678));
    let owner = |name| fs::metadata(site.at(name)).map(|file| (file.uid(), file.gid(), file.mode())).unwrap();
    let before = owner("a.html");
    assert_eq!(site.put_in_place(site.prepare()).written, 1);
    assert_eq!((site.read("a.html"), owner("a.html")), (AFTER.into(), before));
}
