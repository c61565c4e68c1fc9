//! What a proof can find: a closed list.

use std::collections::BTreeMap;

use crate::sanitize;

/// Findings that are kept; all are counted.
const MAX_LISTED: usize = 1_000;

/// The longest text of a finding that is kept; characters.
const MAX_TEXT: usize = 300;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Remote,
    Script,
    Frame,
    Form,
    Base,
    Refresh,
    Preload,
    Element,
    Attribute,
    Style,
    Policy,
    Markup,
    Encoding,
    FileMissing,
    LinkDangling,
    WrongType,
    DigestWrong,
    FileUnlisted,
    FileUnknown,
    EntryName,
    ArchiveBroken,
    TooLarge,
    RecordBroken,
}

impl Kind {
    pub const ALL: [Kind; 23] = [
        Kind::Remote,
        Kind::Script,
        Kind::Frame,
        Kind::Form,
        Kind::Base,
        Kind::Refresh,
        Kind::Preload,
        Kind::Element,
        Kind::Attribute,
        Kind::Style,
        Kind::Policy,
        Kind::Markup,
        Kind::Encoding,
        Kind::FileMissing,
        Kind::LinkDangling,
        Kind::WrongType,
        Kind::DigestWrong,
        Kind::FileUnlisted,
        Kind::FileUnknown,
        Kind::EntryName,
        Kind::ArchiveBroken,
        Kind::TooLarge,
        Kind::RecordBroken,
    ];

    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Remote => "remote",
            Kind::Script => "script",
            Kind::Frame => "frame",
            Kind::Form => "form",
            Kind::Base => "base",
            Kind::Refresh => "refresh",
            Kind::Preload => "preload",
            Kind::Element => "element",
            Kind::Attribute => "attribute",
            Kind::Style => "style",
            Kind::Policy => "policy",
            Kind::Markup => "markup",
            Kind::Encoding => "encoding",
            Kind::FileMissing => "file-missing",
            Kind::LinkDangling => "link-dangling",
            Kind::WrongType => "wrong-type",
            Kind::DigestWrong => "digest-wrong",
            Kind::FileUnlisted => "file-unlisted",
            Kind::FileUnknown => "file-unknown",
            Kind::EntryName => "entry-name",
            Kind::ArchiveBroken => "archive-broken",
            Kind::TooLarge => "too-large",
            Kind::RecordBroken => "record-broken",
        }
    }

    /// What it means, as a clause.
    pub fn meaning(self) -> &'static str {
        match self {
            Kind::Remote => "a reader would ask for something that is not in the bundle",
            Kind::Script => "something would run",
            Kind::Frame => "another page or program would be loaded into the page",
            Kind::Form => "something could be sent",
            Kind::Base => "relative addresses would lead elsewhere",
            Kind::Refresh => "the page would be left by itself",
            Kind::Preload => "something would be fetched or looked up in advance",
            Kind::Element => "an element that is not known to be harmless",
            Kind::Attribute => "an attribute that is not known to be harmless",
            Kind::Style => "a style could load something, or is not known to be harmless",
            Kind::Policy => "the Content-Security-Policy is missing or lets something out",
            Kind::Markup => "markup that parsers do not agree on",
            Kind::Encoding => "the text is not plainly UTF-8",
            Kind::FileMissing => "the bundle speaks of a file that is not in it",
            Kind::LinkDangling => "a link leads to nothing that a person could follow",
            Kind::WrongType => "the bytes are not what the name or the page says",
            Kind::DigestWrong => "the bytes are not those that the bundle tells of",
            Kind::FileUnlisted => "the bundle has it, and does not speak of it",
            Kind::FileUnknown => "a file that belongs to no bundle",
            Kind::EntryName => "an archive names an entry in a way that is not safe to unpack",
            Kind::ArchiveBroken => "the archive contradicts itself",
            Kind::TooLarge => "too large to be read",
            Kind::RecordBroken => "a record or an index of the web archive is wrong",
        }
    }
}

/// One finding, fit to be shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    pub kind: Kind,
    /// The file of the bundle, with slashes.
    pub file: String,
    /// What stands there.
    pub what: String,
}

/// Findings, counted, of which the first are kept.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Findings {
    counts: BTreeMap<Kind, u64>,
    listed: Vec<Finding>,
}

impl Findings {
    pub fn add(&mut self, kind: Kind, file: &str, what: &str) {
        *self.counts.entry(kind).or_default() += 1;
        if self.listed.len() < MAX_LISTED {
            let file = sanitize::for_terminal_limited(file, MAX_TEXT).into_owned();
            // Cut first: what stands there may be as long as a page.
            let what = sanitize::for_terminal_limited(what, MAX_TEXT);
            let what = sanitize::url(&what);
            self.listed.push(Finding { kind, file, what });
        }
    }

    /// How many there are of each kind that there is.
    pub fn counts(&self) -> &BTreeMap<Kind, u64> {
        &self.counts
    }

    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The first ones.
    pub fn listed(&self) -> &[Finding] {
        &self.listed
    }
}
