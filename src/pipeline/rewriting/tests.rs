use std::fs;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::collect::Collector;
use crate::mirror::catalog::{ReferenceRow, TargetRow};
use crate::pipeline::SlotFilter;
use crate::proxy::Rules;

const BEFORE: &str = "<img src='http://proxy.example/http://h.example/a.png'>\n";
const AFTER: &str = "<img src='http://h.example/a.png'>\n";

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

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn collect(&self, name: &str) {
        let (path, catalog) = (self.at(name), &self.catalog);
        let text = self.read(name);
        let start = text.find("http://proxy").unwrap();
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
            end: start + text[start..].find('\'').unwrap(),
            slot: "img@src".to_owned(),
            layers: 0,
            raw: String::new(),
            outcome: Ok(target),
            held: None,
        };
        let id = catalog.begin_document(&path, &path, "", self.run).unwrap();
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
        let (rewriting, mut rewritten) = (self.rewriting(), Rewritten::default());
        let (progress, stop) = (Progress::muted(), CancellationToken::new());
        let mut threads = rewriting.threads(&self.catalog).unwrap();
        let to_write = (&self.catalog, &mut threads[..]);
        let prepared = rewriting.prepare(to_write, &rows, Vec::new(), &mut rewritten, &progress, &stop).unwrap();
        self.catalog.commit().unwrap();
        assert_eq!(rewritten, Rewritten::default());
        prepared
    }

    fn put_in_place(&self, prepared: Vec<Prepared>) -> Rewritten {
        let mut rewritten = Rewritten::default();
        self.rewriting().put_in_place(&self.catalog, prepared, &mut rewritten, &Progress::muted()).unwrap();
        rewritten
    }
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
    let rewritten =
        site.rewriting().rewrite(&site.catalog, Which::OfRun(site.run), &Progress::muted(), &CancellationToken::new());
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
