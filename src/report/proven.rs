//! What a proof of a bundle came to: as JSON for programs, as text for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::human::{count, number, push_lines};
use crate::bundle::verify::{Finding, Read, Verdict};
use crate::sanitize;

/// Findings that a person is shown.
const MAX_SHOWN: usize = 20;

#[derive(serde::Serialize)]
struct Json<'a> {
    verdict: &'static str,
    path: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    read: Read,
    counts: BTreeMap<&'static str, u64>,
    /// The first ones.
    findings: &'a [Finding],
}

/// One line of JSON, without a line end.
pub fn to_json(verdict: &Verdict, path: &Path) -> String {
    let json = Json {
        verdict: if verdict.is_proven() { "proven" } else { "refuted" },
        path: path.to_string_lossy(),
        read: verdict.read,
        counts: verdict.findings.counts().iter().map(|(kind, count)| (kind.word(), *count)).collect(),
        findings: verdict.findings.listed(),
    };
    // Serialising numbers and text into a string has no way to fail.
    let serialised = serde_json::to_string(&json).unwrap_or_default();
    sanitize::json(&serialised).into_owned()
}

/// The same for people, ending in a line end.
pub fn to_text(verdict: &Verdict, path: &Path) -> String {
    let mut text = match verdict.is_proven() {
        true => "Proven: nothing in it asks for anything that is not in it.\n".to_owned(),
        false => format!("Not proven: {}.\n", count(verdict.findings.total(), "finding")),
    };
    let Read { bundles, files, pages, pictures } = verdict.read;
    let mut lines = vec![("Bundle", sanitize::path(path))];
    if bundles != 1 {
        lines.push(("Bundles", number(bundles)));
    }
    lines.extend([("Files", number(files)), ("Pages", number(pages)), ("Pictures", number(pictures))]);
    push_lines(&mut text, &lines);
    push_findings(&mut text, verdict);
    if !verdict.is_proven() {
        push_lines(
            &mut text,
            &[("Next", "bundle again; if this was made just now, it is a defect to report".to_owned())],
        );
    }
    text
}

/// The findings for people: each kind with its number and its meaning, and the first of all.
fn push_findings(text: &mut String, verdict: &Verdict) {
    for (kind, number_of) in verdict.findings.counts() {
        let _ = writeln!(text, "{} ({}): {}", kind.word(), number(*number_of), kind.meaning());
        let of_kind = verdict.findings.listed().iter().filter(|finding| finding.kind == *kind);
        for Finding { file, what, .. } in of_kind.clone().take(MAX_SHOWN) {
            let _ = writeln!(text, "  {file}: {what}");
        }
        let rest = number_of.saturating_sub(of_kind.take(MAX_SHOWN).count() as u64);
        if rest > 0 {
            let _ = writeln!(text, "  … and {} more", number(rest));
        }
    }
}

/// The findings in one line, for an error.
pub fn in_short(verdict: &Verdict) -> String {
    let first = verdict.findings.listed().iter().take(3);
    let named = first.map(|Finding { kind, file, what }| format!("{} in {file}: {what}", kind.word()));
    let named = named.collect::<Vec<_>>().join("; ");
    format!("{} ({named})", count(verdict.findings.total(), "finding"))
}
