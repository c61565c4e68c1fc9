//! Brings the documents of a run into the catalog: found, read, collected, resolved, written down.
//!
//! A few threads read documents, each of which walks the inputs on to the next one, and the calling thread writes to the
//! catalog. The channel is short, so memory holds a handful of documents and a few thousand references, however large the
//! collection is.

use std::collections::HashMap;
use std::io;
use std::iter::Zip;
use std::ops::RangeFrom;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::collecting::{Collecting, Mention};
use super::placement::{Placement, normal};
use super::recovering::{Copies, Shown};
use crate::document::{Document, ReadError};
use crate::input::{Discovery, Entry, Found, Reason, Skipped};
use crate::mirror::catalog::{Catalog, Known, ReferenceRow, Seen, TargetRow};
use crate::mirror::store::StoreErrorKind;
use crate::progress::Progress;
use crate::proxy::{Learned, Witnesses};
use crate::report::warning;
use crate::sanitize;

/// How many references travel in one message.
const CHUNK: usize = 1_000;
/// How many rows lie in one transaction.
const TRANSACTION: usize = 50_000;

/// What came of the documents of a run.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) read: u64,
    pub(super) unchanged: u64,
    pub(super) failed: u64,
    /// Their sources are gone.
    pub(super) released: u64,
    /// Proxies that the documents witness and that the rules do not know.
    pub(super) learned: Vec<Learned>,
    /// `user:password` by origin, for this run only.
    pub(super) credentials: HashMap<String, String>,
}

/// A document that is to be read.
struct Work {
    number: u64,
    found: Found,
    place: Place,
    known: Option<Known>,
}

/// What a document is called in the catalog.
#[derive(Debug, Clone)]
struct Place {
    /// Below documents/; of a document that is edited in place, its source, since there is no other.
    path: PathBuf,
    /// Absolute, so that it means the same to a run from another folder.
    source: PathBuf,
}

impl Place {
    fn of(found: &Found, placement: &Placement) -> io::Result<Self> {
        let source = normal(&std::path::absolute(&found.path)?);
        let path = match placement {
            Placement::Mirror => found.relative.clone(),
            Placement::InPlace { .. } => source.clone(),
        };
        Ok(Place { path, source })
    }
}

/// Where documents go, and the copies of them that are there.
pub(super) struct Places<'a> {
    pub(super) placement: &'a Placement,
    /// What a document of which the catalog knows no copy may be compared with.
    pub(super) copies: Option<Copies>,
}

/// What the other threads tell the one that writes.
enum Record {
    Unchanged {
        id: i64,
        modified: i64,
    },
    References {
        number: u64,
        place: Place,
        rows: Vec<ReferenceRow>,
    },
    Done {
        number: u64,
        place: Place,
        /// The last references.
        rows: Vec<ReferenceRow>,
        /// What the copy of the document shows.
        shown: Vec<Shown>,
        seen: Seen,
        site: Option<String>,
        reread: bool,
    },
    Failed {
        path: PathBuf,
        why: String,
    },
    /// Not about this document: the next one would meet it as well.
    Broken {
        path: PathBuf,
        error: io::Error,
    },
    Warning {
        path: PathBuf,
        text: String,
    },
    Credentials {
        origin: String,
        credentials: String,
    },
}

/// Records all documents of `inputs` as seen by `run`. Documents that have not changed since they were last recorded
/// with the same settings are not read.
pub(super) fn record(
    collecting: &Collecting,
    places: &Places<'_>,
    inputs: Discovery,
    catalog: &Catalog,
    run: i64,
    progress: &Progress,
    stop: &CancellationToken,
) -> anyhow::Result<Recorded> {
    let readers = super::threads();
    let unlearned = catalog.collecting_since()?.unwrap_or(i64::MAX);
    let stage = &Stage { collecting, places, settings: collecting.fingerprint(), unlearned, stop };
    let walk = &Mutex::new(Walk { inputs: Some((0..).zip(inputs)), catalog: catalog.reader()? });
    std::thread::scope(|scope| {
        let (to_catalog, records) = sync_channel::<Record>(4 * readers);
        let mut threads = Vec::new();
        for _ in 0..readers {
            let to_catalog = to_catalog.clone();
            threads.push(scope.spawn(move || stage.read_all(walk, &to_catalog)));
        }
        drop(to_catalog);
        let copies = places.copies.as_ref();
        let writer =
            Writer { catalog, run, settings: &stage.settings, copies, progress, open: HashMap::new(), rows: 0 };
        let mut recorded = writer.write_all(records)?;
        let mut witnesses = Witnesses::default();
        for thread in threads {
            witnesses.merge(thread.join().map_err(|_| anyhow::anyhow!("a thread that read documents broke down"))??);
        }
        recorded.learned = collecting.unknown(&witnesses);
        Ok(recorded)
    })
}

/// The way over the inputs.
struct Walk {
    /// `None` at its end.
    inputs: Option<Zip<RangeFrom<u64>, Discovery>>,
    catalog: Catalog,
}

/// What the threads of this stage share.
struct Stage<'a> {
    collecting: &'a Collecting,
    places: &'a Places<'a>,
    settings: String,
    /// What was read in this run or later is to bear witness (again): its run ended before it had learned.
    unlearned: i64,
    stop: &'a CancellationToken,
}

impl Stage<'_> {
    /// The next document that must be read. What is on the way to it is sent to the catalog. `None` at the end, when the
    /// run is to stop, and when nobody takes the records any more.
    fn next(&self, walk: &mut Walk, to_catalog: &SyncSender<Record>) -> anyhow::Result<Option<Work>> {
        let Walk { inputs: Some(inputs), catalog } = walk else { return Ok(None) };
        for (number, entry) in inputs {
            if self.stop.is_cancelled() {
                break;
            }
            let record = match entry? {
                Entry::Skipped(Skipped { path, reason: Reason::Unreadable(error) }) if out_of_files(&error) => {
                    Record::Broken { path, error }
                }
                Entry::Skipped(skipped) if skipped.reason.is_failure() => {
                    Record::Failed { path: skipped.path, why: skipped.reason.to_string() }
                }
                Entry::Skipped(skipped) => Record::Warning { path: skipped.path, text: skipped.reason.to_string() },
                Entry::Found(found) => {
                    let place = Place::of(&found, self.places.placement)?;
                    match catalog.known(&place.path)? {
                        Some(known) if known.is_anothers(&place.source) => {
                            Record::Failed { path: found.path, why: taken(&place, &known) }
                        }
                        Some(known) if self.unchanged(&known, &found, &place) => {
                            Record::Unchanged { id: known.id, modified: modified(&found) }
                        }
                        known => return Ok(Some(Work { number, found, place, known })),
                    }
                }
            };
            if to_catalog.send(record).is_err() {
                break;
            }
        }
        Ok(None)
    }

    /// Whether a file is by its size and time the one that was recorded, and would be read in the same way.
    fn unchanged(&self, known: &Known, found: &Found, place: &Place) -> bool {
        self.collected_alike(known, place)
            && known.seen.as_ref().is_some_and(|seen| seen.size == found.len && seen.modified == modified(found))
    }

    fn collected_alike(&self, known: &Known, place: &Place) -> bool {
        !known.reread && known.run < self.unlearned && known.settings == self.settings && known.source == place.source
    }

    fn read_all(&self, walk: &Mutex<Walk>, to_catalog: &SyncSender<Record>) -> anyhow::Result<Witnesses> {
        let mut witnesses = Witnesses::default();
        loop {
            let next = {
                let mut walk = walk.lock().unwrap_or_else(PoisonError::into_inner);
                let next = self.next(&mut walk, to_catalog);
                if !matches!(next, Ok(Some(_))) {
                    walk.inputs = None;
                }
                next?
            };
            let Some(next) = next else { break };
            if self.read(next, &mut witnesses, to_catalog).is_none() {
                break;
            }
        }
        Ok(witnesses)
    }

    /// Reads one document. `None` when nobody takes the records any more.
    fn read(&self, work: Work, witnesses: &mut Witnesses, to_catalog: &SyncSender<Record>) -> Option<()> {
        let Work { number, found, place, known } = work;
        let send = |record| to_catalog.send(record).ok();
        let failed = |why: String| Record::Failed { path: found.path.clone(), why };
        let document = match self.collecting.open(&found.path) {
            Ok(document) => document,
            Err(ReadError::Io(error)) if out_of_files(&error) => {
                return send(Record::Broken { path: found.path, error });
            }
            Err(error) => return send(failed(error.to_string())),
        };
        let seen = Seen {
            size: document.bytes().len() as u64,
            modified: modified(&found),
            digest: Sha256::digest(document.bytes()).into(),
        };
        let copy = match &known {
            Some(known) if known.is_written => None,
            _ => self.places.copies.as_ref().and_then(|copies| copies.read(&place.path)),
        };
        if let Some(known) = known.filter(|known| self.collected_alike(known, &place))
            && known.seen.is_some_and(|before| before.digest == seen.digest)
        {
            return send(Record::Unchanged { id: known.id, modified: seen.modified });
        }
        let (mut rows, mut mentions) = (Vec::new(), Vec::new());
        let mut gone = false;
        let mut secret = false;
        let facts = self.collecting.mentions(&found.path, &document, witnesses, &mut |mention| {
            if let Ok(target) = &mention.outcome
                && let Some(credentials) = target.credentials.clone()
            {
                secret = true;
                let origin = target.url.origin().ascii_serialization();
                gone |= to_catalog.send(Record::Credentials { origin, credentials }).is_err();
            }
            rows.push(row(&mention, &document));
            if copy.is_some() {
                mentions.push(mention);
            }
            if rows.len() == CHUNK {
                let rows = std::mem::take(&mut rows);
                gone |= to_catalog.send(Record::References { number, place: place.clone(), rows }).is_err();
            }
        });
        for text in facts.warnings {
            send(Record::Warning { path: found.path.clone(), text })?;
        }
        let shown = copy.map(|copy| copy.shown(self.collecting, &found.path, &document, &mentions)).unwrap_or_default();
        send(Record::Done { number, place, rows, shown, seen, site: facts.base.map(String::from), reread: secret })?;
        (!gone).then_some(())
    }
}

fn out_of_files(error: &io::Error) -> bool {
    StoreErrorKind::of(error) == StoreErrorKind::TooManyOpenFiles
}

/// What is said of a document whose place belongs to another one.
fn taken(place: &Place, known: &Known) -> String {
    format!(
        "documents/{} is the copy of {} already; use another output with -o, or give the folder above both as the input",
        sanitize::path(&place.path),
        sanitize::path(&known.source)
    )
}

fn row(mention: &Mention, document: &Document) -> ReferenceRow {
    let span = mention.reference.span;
    let raw = document.slice(span);
    let outcome = match &mention.outcome {
        Ok(target) => Ok(TargetRow::from(target)),
        Err(skip) => Err(skip.as_str().to_owned()),
    };
    ReferenceRow {
        start: span.start,
        end: span.end,
        slot: mention.reference.slot.to_string(),
        layers: mention.reference.layers.to_bits(),
        raw: sanitize::without_credentials(&raw).into_owned(),
        outcome,
        held: mention.held.map(|digest| *digest.as_bytes()),
    }
}

/// Nanoseconds since 1970; 0 where the file system keeps no time.
pub(super) fn modified(found: &Found) -> i64 {
    let since = found.mtime.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// The one that writes.
struct Writer<'a> {
    catalog: &'a Catalog,
    run: i64,
    settings: &'a str,
    copies: Option<&'a Copies>,
    progress: &'a Progress,
    /// Documents whose references are still coming.
    open: HashMap<u64, i64>,
    rows: usize,
}

impl Writer<'_> {
    fn write_all(mut self, records: Receiver<Record>) -> anyhow::Result<Recorded> {
        let mut recorded = Recorded::default();
        self.catalog.begin()?;
        for record in records {
            self.write(record, &mut recorded)?;
            if self.rows >= TRANSACTION {
                self.rows = 0;
                self.catalog.commit()?;
                self.catalog.begin()?;
            }
        }
        self.catalog.commit()?;
        Ok(recorded)
    }

    fn write(&mut self, record: Record, recorded: &mut Recorded) -> anyhow::Result<()> {
        self.rows += 1;
        match record {
            Record::Unchanged { id, modified } => {
                self.catalog.still_there(id, modified, self.run)?;
                recorded.unchanged += 1;
                self.progress.document_done();
            }
            Record::References { number, place, rows } => {
                let id = self.add_references(number, &place, &rows)?;
                self.open.insert(number, id);
            }
            Record::Done { number, place, rows, shown, seen, site, reread } => {
                let id = self.add_references(number, &place, &rows)?;
                self.open.remove(&number);
                if let Some(copies) = self.copies.filter(|_| !shown.is_empty()) {
                    copies.recover(self.catalog, self.run, &shown)?;
                }
                if let Some(site) = site {
                    self.catalog.set_site(id, &sanitize::without_credentials(&site))?;
                }
                self.catalog.finish_document(id, &seen, reread)?;
                recorded.read += 1;
                self.progress.document_done();
            }
            Record::Failed { path, why } => {
                recorded.failed += 1;
                self.progress.warn(&warning(&path, &why));
            }
            Record::Broken { path, error } => {
                return Err(error).with_context(|| format!("{} cannot be read", sanitize::path(&path)));
            }
            Record::Warning { path, text } => {
                self.progress.warn(&warning(&path, &text));
            }
            Record::Credentials { origin, credentials } => {
                recorded.credentials.insert(origin, credentials);
            }
        }
        Ok(())
    }

    /// Records references of a document, which is begun with the first of them.
    fn add_references(&mut self, number: u64, place: &Place, rows: &[ReferenceRow]) -> anyhow::Result<i64> {
        let id = match self.open.get(&number) {
            Some(id) => *id,
            None => self.catalog.begin_document(&place.path, &place.source, self.settings, self.run)?,
        };
        self.rows += rows.len();
        self.catalog.add_references(id, rows)?;
        Ok(id)
    }
}
