//! What a check says at its end: as JSON for programs, as text for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use bytesize::ByteSize;

use super::human::{count, number, push_lines};
use super::in_milliseconds;
use crate::mirror::check::{Blobs, Checked, Class, Documents, Findings, Kind, Rebuilt, Remedy};
use crate::pipeline::Repaired;
use crate::sanitize;

/// Findings of one kind that people are shown.
const MAX_SHOWN: usize = 5;

/// The longest line about a finding; characters.
const MAX_LINE: usize = 240;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Whole,
    /// Nothing is damaged, and some pictures were never held.
    SomeMissing,
    Damaged,
    /// Stopped before its end, whatever it found until then.
    Interrupted,
}

/// Everything that a check did and found.
#[derive(Debug)]
pub struct CheckReport {
    pub checked: Checked,
    pub rebuilt: Option<Rebuilt>,
    pub repaired: Option<Repaired>,
    pub interrupted: bool,
    pub seconds: f64,
}

#[derive(serde::Serialize)]
struct Json<'a> {
    verdict: &'static str,
    blobs: &'a Blobs,
    documents: &'a Documents,
    damage: u64,
    missing: u64,
    untidy: u64,
    /// By the word of the kind; all that were found, also those that are not listed.
    counts: BTreeMap<&'static str, u64>,
    findings: Vec<Row<'a>>,
    rebuilt: &'a Option<Rebuilt>,
    repaired: &'a Option<Repaired>,
    #[serde(serialize_with = "in_milliseconds")]
    seconds: f64,
}

#[derive(serde::Serialize)]
struct Row<'a> {
    kind: &'static str,
    class: Class,
    subject: &'a str,
    detail: &'a str,
    next: String,
}

impl CheckReport {
    pub fn verdict(&self) -> Verdict {
        let findings = &self.checked.findings;
        match () {
            () if self.interrupted => Verdict::Interrupted,
            () if findings.count(Class::Damage) > 0 => Verdict::Damaged,
            () if findings.count(Class::Missing) > 0 => Verdict::SomeMissing,
            () => Verdict::Whole,
        }
    }

    /// One line of JSON, without a line end. `mirror` is the folder as it was named, for what to type next.
    pub fn to_json(&self, mirror: &Path) -> String {
        let Checked { blobs, documents, findings } = &self.checked;
        let rows = findings.iter().flat_map(|(kind, listed)| {
            listed.first.iter().map(move |finding| Row {
                kind: kind.word(),
                class: kind.class(),
                subject: &finding.subject,
                detail: &finding.detail,
                next: next(kind.remedy(), mirror),
            })
        });
        let json = Json {
            verdict: match self.verdict() {
                Verdict::Whole => "whole",
                Verdict::SomeMissing => "missing",
                Verdict::Damaged => "damaged",
                Verdict::Interrupted => "interrupted",
            },
            blobs,
            documents,
            damage: findings.count(Class::Damage),
            missing: findings.count(Class::Missing),
            untidy: findings.count(Class::Untidy),
            counts: findings.iter().map(|(kind, listed)| (kind.word(), listed.count)).collect(),
            findings: rows.collect(),
            rebuilt: &self.rebuilt,
            repaired: &self.repaired,
            seconds: self.seconds,
        };
        // Serialising numbers and text into a string has no way to fail.
        let serialised = serde_json::to_string(&json).unwrap_or_default();
        sanitize::json(&serialised).into_owned()
    }

    /// The report for people, ending in a line end.
    pub fn to_text(&self, mirror: &Path) -> String {
        let mut text = self.headline();
        text.push('\n');
        push_lines(&mut text, &self.numbers());
        for class in [Class::Damage, Class::Missing, Class::Untidy] {
            push_findings(&mut text, &self.checked.findings, class);
        }
        let advice = self.advice(mirror).into_iter().enumerate();
        push_lines(&mut text, &advice.map(|(i, line)| (if i == 0 { "Next" } else { "" }, line)).collect::<Vec<_>>());
        text
    }

    /// What a run that is to be quiet has to tell: nothing but damage.
    pub fn damage_text(&self) -> Option<String> {
        (self.verdict() == Verdict::Damaged).then(|| {
            let mut text = self.headline();
            text.push('\n');
            push_findings(&mut text, &self.checked.findings, Class::Damage);
            text
        })
    }

    fn headline(&self) -> String {
        let findings = &self.checked.findings;
        let found = |class| number(findings.count(class));
        match self.verdict() {
            Verdict::Interrupted => "Interrupted; the same command goes on from here.".to_owned(),
            Verdict::Damaged if self.repaired.is_some() => {
                format!(
                    "Damage remains: {} that could not be repaired.",
                    count(findings.count(Class::Damage), "finding")
                )
            }
            Verdict::Damaged => format!("Damage: {}.", count(findings.count(Class::Damage), "finding")),
            Verdict::SomeMissing => format!("Nothing is damaged; {} missing.", found(Class::Missing)),
            Verdict::Whole if self.repaired.is_some() => "Everything is whole again.".to_owned(),
            Verdict::Whole if self.checked.findings.count(Class::Untidy) > 0 => {
                format!("Everything is whole; {} untidy.", found(Class::Untidy))
            }
            Verdict::Whole => "Everything is whole.".to_owned(),
        }
    }

    fn numbers(&self) -> Vec<(&'static str, String)> {
        let Checked { blobs, documents, .. } = &self.checked;
        let mut lines = Vec::new();
        if let Some(rebuilt) = &self.rebuilt {
            let (blobs, documents) = (count(rebuilt.blobs, "picture"), count(rebuilt.documents, "document"));
            lines.push(("Rebuilt", format!("the catalog, from {blobs} and {documents}")));
            if let Some(old) = &rebuilt.old {
                lines.push(("", format!("the old one is {} now", sanitize::path(old))));
            }
            lines.push((
                "Not rebuilt",
                "where pictures came from and when, what failed and why, and the journal of".into(),
            ));
            lines.push(("", "edits in place: `imgmirror sync INPUT` finds the pictures again by their content".into()));
        }
        let before = match blobs.hashed_before {
            0 => String::new(),
            before => format!(", {} before the interruption", number(before)),
        };
        let hashed = format!("{} hashed ({}){before}", number(blobs.hashed), ByteSize(blobs.bytes));
        lines.push(("Pictures", format!("{} on record, {hashed}", number(blobs.known))));
        let links = format!("{} to pictures", count(documents.links, "link"));
        let read = format!("{} read again", number(documents.read));
        lines.push(("Documents", format!("{} on record, {read}, {links}", number(documents.known))));
        if let Some(repaired) = &self.repaired {
            let (blobs, documents) = (count(repaired.blobs, "picture"), count(repaired.documents, "document"));
            lines.push(("Repaired", format!("{blobs} fetched again, {documents} written anew")));
            if repaired.lost > 0 {
                lines.push(("Lost", format!("{} could not be had again", count(repaired.lost, "picture"))));
            }
            if let Some(trash) = &repaired.trash {
                lines.push(("Kept", format!("what was replaced, in {}", sanitize::path(trash))));
            }
        }
        lines
    }

    /// What to type next, each remedy once, for the worst first.
    fn advice(&self, mirror: &Path) -> Vec<String> {
        let mut remedies: Vec<Remedy> = Vec::new();
        for remedy in self.checked.findings.iter().map(|(kind, _)| kind.remedy()) {
            // What a repair could not do it will not do the next time.
            let remedy = if self.repaired.is_some() && remedy == Remedy::Repair { Remedy::Sync } else { remedy };
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
        remedies.into_iter().map(|remedy| next(remedy, mirror)).collect()
    }
}

fn push_findings(text: &mut String, findings: &Findings, class: Class) {
    let mut kinds = findings.iter().filter(|(kind, _)| kind.class() == class).peekable();
    if kinds.peek().is_none() {
        return;
    }
    text.push_str(match class {
        Class::Damage => "\nDamage\n",
        Class::Missing => "\nMissing\n",
        Class::Untidy => "\nUntidy\n",
    });
    for (kind, listed) in kinds {
        let _ = writeln!(text, "  {} × {}: {}", number(listed.count), kind.word(), kind.meaning());
        for finding in listed.first.iter().take(MAX_SHOWN) {
            let subject = sanitize::url(&finding.subject);
            let detail = if finding.detail.is_empty() { String::new() } else { format!("  ({})", finding.detail) };
            let line = format!("{subject}{}", sanitize::url(detail));
            let _ = writeln!(text, "      {}", sanitize::for_terminal_limited(&line, MAX_LINE));
        }
        let hidden = listed.count.saturating_sub(listed.first.len().min(MAX_SHOWN) as u64);
        if hidden > 0 {
            let _ = writeln!(text, "      and {} more; --json lists them", number(hidden));
        }
    }
}

/// What to type, or to do, as a clause.
fn next(remedy: Remedy, mirror: &Path) -> String {
    let output = match mirror.to_str() {
        Some("mirror") => String::new(),
        _ => format!(" -o {}", sanitize::path(mirror)),
    };
    match remedy {
        Remedy::Rebuild => format!("imgmirror check --rebuild{output} makes a new catalog from what is there"),
        Remedy::Repair => {
            format!("imgmirror check --repair{output} fetches again what is lost and writes documents anew")
        }
        Remedy::LookAtDisk => "look at the disk and at who may read these files, then check again".to_owned(),
        Remedy::Sync => {
            format!("imgmirror sync INPUT{output} tries again what is missing and brings documents up to date")
        }
        Remedy::Select => {
            format!("imgmirror sync INPUT{output} --select 'ELEMENT@ATTRIBUTE' (or --key) takes up what it did not see")
        }
        Remedy::Prune => format!("imgmirror prune{output} tidies up; nothing is lost by leaving it"),
    }
}

/// The report of a mirror whose catalog cannot be used, so that nothing else could be looked at.
pub fn without_catalog(problems: &[(Kind, String)], catalog: &str) -> Checked {
    let mut checked = Checked::default();
    for (kind, detail) in problems {
        checked.findings.add(*kind, catalog, detail);
    }
    checked
}
