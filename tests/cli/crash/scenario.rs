//! The collection that is mirrored while the system fails: documents of several syntaxes and encodings, enough of them to
//! be written on several threads, pictures of several sizes, proxies of both kinds, one picture that nobody has. What must
//! become of it is said here without asking the program.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::in_place::undone;
use crate::support::{Answer, Asked, Case, Mirror, Origin, Run, assert_adds_up, blobs, names, pictures, written};

/// Where the results go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    Mirror,
    InPlace,
}

/// How old the collection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Age {
    /// Nothing is held.
    New,
    /// Documents have come since, and one was written on; some pictures have changed at their origin, and are followed.
    Grown,
}

/// A document, with every reference as `⟦as written⟧` or `⟦as written→target⟧`.
struct Document {
    path: String,
    since: Age,
    encoding: &'static encoding_rs::Encoding,
    text: String,
}

const MISSING: &str = "http://p.example/missing.png";

/// Documents that are like each other: with them more than 16 are to be written in a run of either age, which takes threads.
const OTHERS: usize = 12;

fn documents() -> Vec<Document> {
    let srcset: Vec<_> = (1..=40).map(|width| format!("⟦http://p.example/wide-{width}.png⟧ {width}00w")).collect();
    let mut documents = vec![
        (
            "a.html",
            format!(
                "<!DOCTYPE html>\n<p>First &amp; foremost\n<img src='⟦http://p.example/1.png⟧' srcset='{}'>\n\
                 <img src=\"⟦https://wsrv.nl/?url=http://p.example/2.jpg→http://p.example/2.jpg⟧\">\n\
                 <img src=\"⟦{MISSING}⟧\" alt=gone>\n<img src=⟦http://p.example/large.png⟧>",
                srcset.join(", ")
            ),
        ),
        (
            "b.md",
            "---\ntitle: A title\ncover: ⟦https://wsrv.nl/?url=http://p.example/changing-1.png→http://p.example/changing-1.png⟧\n\
             ---\n\nText with ![a picture](⟦http://p.example/2.jpg⟧ \"title\") and `![none](http://p.example/code.png)`.\n\n\
             ![][1]\n\n[1]: ⟦http://p.example/twin-1.png⟧\n"
                .to_owned(),
        ),
        (
            "sub/c.html",
            "<meta charset=gbk><p>图片：<img src='⟦http://p.example/large.png⟧' data-src='⟦http://p.example/twin-2.png⟧'>。</p>"
                .to_owned(),
        ),
        (
            "sub/deeper/d.html",
            "<p>宽字符<img src=\"⟦http://p.example/1.png⟧\"><div style=\"background: url(⟦http://p.example/changing-2.png⟧)\">"
                .to_owned(),
        ),
    ];
    // A proxy that only the documents tell of.
    for (path, number) in [("e.html", 1), ("f.html", 2)] {
        let original = format!("http://q.example/learned-{number}.png");
        let text = format!("<img src='⟦https://relay.example/?{original}→{original}⟧' data-original='⟦{original}⟧'>\n");
        documents.push((path, text));
    }
    documents.push(("nothing.html", "<p>No picture at all.\n".to_owned()));
    documents.push(("one.txt", "<p><img src='⟦http://p.example/changing-1.png⟧'>\n".to_owned()));
    let others = (1..=OTHERS).map(|number| {
        let text = format!("<p>{number}: <img src='⟦http://p.example/changing-1.png⟧'>\n");
        (format!("others/{number}.html"), text)
    });
    let grown = vec![
        ("new/g.html", "<img src='⟦http://p.example/3.gif⟧'><img src='⟦http://p.example/1.png⟧'>".to_owned()),
        ("new/h.md", "![](⟦https://relay.example/?http://q.example/4.png→http://q.example/4.png⟧)\n".to_owned()),
    ];
    let named = |(path, text): (&str, String)| (path.to_owned(), text);
    let (new, grown) = (documents.into_iter().map(named).chain(others), grown.into_iter().map(named));
    let aged = |since| move |(path, text): (String, String)| Document { encoding: encoding(&path), path, since, text };
    new.map(aged(Age::New)).chain(grown.map(aged(Age::Grown))).collect()
}

fn encoding(path: &str) -> &'static encoding_rs::Encoding {
    match path {
        "sub/c.html" => encoding_rs::GBK,
        "sub/deeper/d.html" => encoding_rs::UTF_16LE,
        _ => encoding_rs::UTF_8,
    }
}

/// What the author adds to a document with age.
const ADDED: (&str, &str) = ("one.txt", "<p>Written on: <img src='⟦http://p.example/5.png⟧'>\n");

impl Document {
    /// With each reference as `shown` says of what is written and its target.
    fn with(&self, age: Age, shown: &dyn Fn(&str, &str) -> String) -> Vec<u8> {
        let mut text = self.text.clone();
        if age == Age::Grown && self.path == ADDED.0 {
            text += ADDED.1;
        }
        let mut out = String::new();
        let mut parts = text.split(['⟦', '⟧']);
        out += parts.next().unwrap_or_default();
        while let (Some(reference), Some(between)) = (parts.next(), parts.next()) {
            let (raw, target) = reference.split_once('→').unwrap_or((reference, reference));
            out += &shown(raw, target);
            out += between;
        }
        match self.encoding.name() {
            "UTF-16LE" => [b"\xff\xfe".to_vec(), out.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat(),
            _ => self.encoding.encode(&out).0.into_owned(),
        }
    }

    fn source(&self, age: Age) -> Vec<u8> {
        self.with(age, &|raw, _| raw.to_owned())
    }

    /// What the program shall make of it, `placement` being known.
    fn result(&self, age: Age, placement: Placement) -> Vec<u8> {
        let prefix = match placement {
            Placement::Mirror => format!("{}../assets/", "../".repeat(self.path.matches('/').count())),
            Placement::InPlace => "/i/".to_owned(),
        };
        self.with(age, &|raw, target| match picture(target, age) {
            Some(picture) => format!("{prefix}{}", picture.name),
            None => raw.to_owned(),
        })
    }

    fn targets(&self, age: Age) -> Vec<String> {
        let targets = std::cell::RefCell::new(Vec::new());
        self.with(age, &|_, target| {
            targets.borrow_mut().push(target.to_owned());
            String::new()
        });
        targets.into_inner()
    }
}

/// What lies at a URL, and the name under which it is kept: `ab/ab….png`.
#[derive(Clone)]
struct Picture {
    bytes: Vec<u8>,
    name: String,
}

impl Picture {
    fn of(bytes: Vec<u8>) -> Self {
        let digest = hex::encode(Sha256::digest(&bytes));
        let name = format!("{}/{digest}.{}", &digest[..2], pictures::extension_of(&bytes));
        Picture { bytes, name }
    }
}

fn picture(url: &str, age: Age) -> Option<Picture> {
    // To make it takes longer than all others together.
    static LARGE: OnceLock<Picture> = OnceLock::new();
    match url {
        _ if url.contains("missing") => None,
        _ if url.contains("large") => Some(LARGE.get_or_init(|| Picture::of(pictures::large_png())).clone()),
        _ if url.contains("twin") => Some(Picture::of(pictures::png("twins"))),
        _ if url.contains("changing") => Some(Picture::of(pictures::png(&format!("{url} {age:?}")))),
        _ => Some(Picture::of(pictures::for_url(url))),
    }
}

fn answer(asked: &Asked, age: Age) -> Answer {
    let Some(Picture { bytes, name }) = picture(&asked.url(), age) else { return Answer::status(404) };
    let tag = format!("\"{name}\"");
    match asked.header("if-none-match") == Some(&tag) {
        true => Answer::not_modified(),
        false => Answer::ok(bytes).header("ETag", &tag),
    }
}

/// A collection in a folder of its own, with its origin.
pub struct Scenario {
    pub case: Case,
    pub origin: Origin,
    pub placement: Placement,
    pub age: Age,
}

impl Scenario {
    /// The collection as it is before the run of that age; an aged one has had an undisturbed first run.
    pub fn new(placement: Placement, age: Age) -> Self {
        let origin = Origin::new(|asked| answer(asked, Age::New));
        let mut scenario = Scenario { case: Case::new(), origin, placement, age: Age::New };
        scenario.write(Age::New);
        if age == Age::Grown {
            scenario.sync().run(3);
            scenario.grow();
        }
        scenario
    }

    fn write(&self, age: Age) {
        for document in documents().iter().filter(|document| document.since == age) {
            self.case.write(self.source(document), document.source(age));
        }
    }

    /// Writes the documents once more, where they may not fit.
    pub fn write_anew(&self) -> std::io::Result<()> {
        for document in self.all() {
            let path = self.case.at(self.source(&document));
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, document.source(self.age))?;
        }
        Ok(())
    }

    /// Lets time pass.
    pub fn grow(&mut self) {
        self.age = Age::Grown;
        self.write(Age::Grown);
        self.origin.answers(|asked| answer(asked, Age::Grown));
        let path = format!("in/{}", ADDED.0);
        let mut bytes = self.case.read(&path);
        bytes.extend(ADDED.1.replace(['⟦', '⟧'], "").into_bytes());
        self.case.write(&path, bytes);
        self.origin.take_log();
    }

    fn source(&self, document: &Document) -> String {
        format!("in/{}", document.path)
    }

    /// Where the result of a document lies.
    fn destination(&self, document: &Document) -> String {
        match self.placement {
            Placement::Mirror => format!("mirror/documents/{}", document.path),
            Placement::InPlace => self.source(document),
        }
    }

    fn assets(&self) -> std::path::PathBuf {
        self.case.at(match self.placement {
            Placement::Mirror => "mirror/assets",
            Placement::InPlace => "i",
        })
    }

    /// The command, the same for every run of one age.
    pub fn sync(&self) -> Run<'_> {
        self.case.imgmirror(&self.flags()).args(self.origin.flags())
    }

    pub fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec!["sync", "in", "--json", "--retries=0"];
        if self.placement == Placement::InPlace {
            flags.extend(["--in-place", "--assets=i", "--link-base=/i/", "--yes"]);
        }
        if self.age == Age::Grown {
            flags.extend(["--refresh", "--on-change=follow"]);
        }
        flags
    }

    fn all(&self) -> Vec<Document> {
        documents().into_iter().filter(|document| document.since <= self.age).collect()
    }

    /// The names of the blobs that a collection of an age holds.
    fn held(&self, age: Age) -> BTreeSet<String> {
        let ages = [Age::New, Age::Grown].into_iter().filter(|known| *known <= age);
        let mut held = BTreeSet::new();
        for age in ages {
            for document in documents().iter().filter(|document| document.since <= age) {
                held.extend(
                    document.targets(age).iter().filter_map(|url| picture(url, age)).map(|picture| picture.name),
                );
            }
        }
        held
    }

    fn blobs(&self) -> BTreeMap<String, Vec<u8>> {
        match self.assets().is_dir() {
            true => blobs(&self.assets()),
            false => BTreeMap::new(),
        }
    }

    /// What must be true at any instant, also of a run that has just been killed.
    #[track_caller]
    pub fn assert_nothing_torn(&self) {
        // A look at each: it is whole, and what its name says.
        let blobs = self.blobs();
        let held: BTreeSet<String> = blobs.keys().cloned().collect();
        let may_be = self.held(self.age);
        assert!(held.is_subset(&may_be), "unknown blobs: {:?}", held.difference(&may_be));
        if self.age == Age::Grown {
            let before = self.held(Age::New);
            assert!(held.is_superset(&before), "lost: {:?}", before.difference(&held));
        }
        for document in self.all() {
            let path = self.destination(&document);
            if self.placement == Placement::Mirror && !self.case.exists(&path) {
                assert!(document.since == self.age, "{path} is gone");
                continue;
            }
            let now = self.case.read(&path);
            let new = document.result(self.age, self.placement);
            let mut states = vec![new.clone()];
            match (self.age, self.placement) {
                (Age::New, Placement::Mirror) => {}
                (Age::New, Placement::InPlace) => states.push(document.source(Age::New)),
                (Age::Grown, _) if document.since == Age::Grown => states.push(document.source(Age::Grown)),
                (Age::Grown, placement) => states.push(self.before_second_run(&document, placement)),
            }
            assert!(states.contains(&now), "{path} is torn:\n{}", String::from_utf8_lossy(&now));
            if now == new {
                for Picture { name, .. } in document.targets(self.age).iter().filter_map(|url| picture(url, self.age)) {
                    assert!(held.contains(&name), "{path} names {name}, which is not held");
                }
            }
        }
    }

    /// What stands at a document's destination when the second run begins.
    fn before_second_run(&self, document: &Document, placement: Placement) -> Vec<u8> {
        let mut before = document.result(Age::New, placement);
        if placement == Placement::InPlace && document.path == ADDED.0 {
            before.extend(ADDED.1.replace(['⟦', '⟧'], "").into_bytes());
        }
        before
    }

    /// What must be true at the end of a run that went through.
    #[track_caller]
    pub fn assert_whole(&self, summary: &Value) {
        assert_adds_up(summary);
        assert_eq!(summary["references"]["missing"], 1, "{summary}");
        assert_eq!(summary["documents"]["failed"], 0, "{summary}");
        for document in self.all() {
            let (path, expected) = (self.destination(&document), document.result(self.age, self.placement));
            let now = self.case.read(&path);
            assert!(now == expected, "{path} is\n{}", String::from_utf8_lossy(&now));
        }
        let held: BTreeSet<String> = self.blobs().into_keys().collect();
        assert_eq!(held, self.held(self.age));
        self.assert_no_litter();
    }

    #[track_caller]
    fn assert_no_litter(&self) {
        let mut expected: BTreeSet<String> = self.all().iter().map(|document| self.source(document)).collect();
        match self.placement {
            Placement::Mirror => {
                Mirror::at(self.case.at("mirror")).assert_layout();
                let copies = files(&self.case.at("mirror/documents"));
                let known: BTreeSet<_> = self.all().iter().map(|document| document.path.clone()).collect();
                assert_eq!(copies, known);
                assert_eq!(names(&self.case.root()), ["in", "mirror"]);
            }
            Placement::InPlace => {
                assert_eq!(names(&self.case.at("mirror/tmp")), Vec::<String>::new());
                assert_eq!(names(&self.case.root()), ["i", "in", "mirror"]);
            }
        }
        expected = expected.iter().map(|path| path.trim_start_matches("in/").to_owned()).collect();
        assert_eq!(files(&self.case.at("in")), expected);
    }

    /// Of documents edited in place: the journal leads back to what the author wrote.
    #[track_caller]
    pub fn assert_can_be_undone(&self) {
        if self.placement == Placement::InPlace {
            for document in self.all().iter().filter(|document| document.path != ADDED.0) {
                let path = self.source(document);
                assert!(undone(&self.case, "mirror", &path) == document.source(self.age), "{path} cannot be put back");
            }
        }
    }

    /// One more run finds nothing to do. It may ask once more for the one picture that nobody has.
    #[track_caller]
    pub fn assert_settled(&mut self) {
        let (before, held) = (self.times(), self.blobs());
        self.origin.take_log();
        // Who asks anew for everything is asked anew.
        let age = std::mem::replace(&mut self.age, Age::New);
        let summary = self.sync().run(3).json();
        self.age = age;
        self.assert_whole(&summary);
        assert_eq!(summary["documents"]["written"], 0, "{summary}");
        assert!(self.origin.take_urls().iter().all(|url| url == MISSING));
        assert!(self.times() == before && self.blobs() == held, "files were written");
    }

    fn times(&self) -> BTreeMap<std::path::PathBuf, std::time::SystemTime> {
        let mut times = written(&self.case.at("in"));
        times.extend(written(&self.assets()));
        if self.placement == Placement::Mirror {
            times.extend(written(&self.case.at("mirror/documents")));
        }
        times
    }

    /// What the catalog says, but for times, numbers of rows and of attempts: one line a fact.
    #[track_caller]
    pub fn facts(&self) -> BTreeSet<String> {
        let catalog = Connection::open(self.case.at("mirror/catalog.sqlite")).unwrap();
        let check: String = catalog.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        let root = self.case.root().into_os_string().into_string().unwrap();
        let mut facts = BTreeSet::new();
        let references = match self.placement {
            Placement::Mirror => REFERENCES,
            Placement::InPlace => SHOWN,
        };
        for query in FACTS.into_iter().chain([references]) {
            let mut statement = catalog.prepare(query).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let mut fact = String::new();
                for column in 0..columns {
                    fact += &match row.get_ref(column).unwrap() {
                        ValueRef::Null => "-".to_owned(),
                        ValueRef::Integer(number) => number.to_string(),
                        ValueRef::Real(number) => number.to_string(),
                        ValueRef::Text(text) => String::from_utf8_lossy(text).replace(&root, ""),
                        ValueRef::Blob(bytes) => hex::encode(bytes),
                    };
                    fact.push('|');
                }
                facts.insert(fact);
            }
        }
        facts
    }
}

/// Each begins with the name of its fact.
const FACTS: [&str; 7] = [
    "SELECT 'document', path, source, size, digest, site FROM document",
    "SELECT 'asset', target, origin, hint, digest FROM asset",
    "SELECT 'source', target, rank, url FROM source JOIN asset ON asset.id = asset",
    "SELECT 'capture', target, source, redirects, capture.digest, etag FROM capture JOIN asset ON asset.id = asset",
    "SELECT 'blob', digest, media, length, width, height FROM blob",
    "SELECT 'failure', target, kind, detail FROM failure JOIN asset ON asset.id = asset",
    "SELECT 'edit', path, generation, before, after, edit.start, old, new FROM edit
     JOIN rewrite ON rewrite.id = rewrite JOIN document ON document.id = document",
];

/// What is known of references.
const REFERENCES: &str = "SELECT 'reference', path, start, end, slot.name, raw, fragment, proxies, target, skip, plan
     FROM reference JOIN document ON document.id = document JOIN slot ON slot.id = slot
     LEFT JOIN asset ON asset.id = asset";

/// The same of documents that were edited in place: those that were read again after that have their references where
/// they are now, the others where they were. What they show is the same.
const SHOWN: &str = "SELECT 'reference', path, slot.name, target, held
     FROM reference JOIN document ON document.id = document JOIN slot ON slot.id = slot
     LEFT JOIN asset ON asset.id = asset";

/// The files below a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let relative = |path: &Path| path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
    written(folder).keys().map(|path| relative(path)).collect()
}
