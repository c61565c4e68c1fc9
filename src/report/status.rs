//! The state of a mirror for a terminal.

use std::fmt::Write as _;
use std::path::Path;

use bytesize::ByteSize;

use super::human::{count, number, push_lines, push_parts, time};
use super::overview::{Group, Incomplete, Limits, Overview, Run};
use super::{Ending, host, when};
use crate::mirror::catalog::DocumentState;
use crate::sanitize;

/// What `imgmirror status` shows of each list; with `--json` too.
pub const LIMITS: Limits = Limits { groups: 20, documents: 20, changed: 5, runs: 1 };

/// The longest detail of a group; characters.
const MAX_DETAIL: usize = 80;

/// `overview` as text, ending in a line end. `report` is named where it has more; `now` is in milliseconds since 1970.
pub fn text(overview: &Overview, report: Option<&Path>, now: i64) -> String {
    let mut text = headline(overview);
    text.push('\n');
    push_lines(&mut text, &numbers(overview, now));
    push_missing(&mut text, overview, now);
    push_incomplete(&mut text, overview, report);
    push_changed(&mut text, overview);
    let mut places: Vec<_> = report.map(|report| ("Report", sanitize::path(report))).into_iter().collect();
    let advice = overview.next.iter().enumerate();
    places.extend(advice.map(|(i, line)| (if i == 0 { "Next" } else { "" }, line.clone())));
    push_lines(&mut text, &places);
    text
}

/// The one line that answers the question.
pub(super) fn headline(overview: &Overview) -> String {
    let (assets, documents) = (&overview.assets, &overview.documents);
    if overview.whole {
        let without = match overview.references.without_base {
            0 => String::new(),
            n => format!(", save {} without a base", count(n, "relative reference")),
        };
        return format!("Whole: every picture is here{without}.");
    }
    let mut reasons = Vec::new();
    match overview.runs.first().map(|run| run.ending) {
        None => return "Empty: nothing has been mirrored yet.".to_owned(),
        Some(None) => reasons.push("the last run has not ended".to_owned()),
        Some(Some(Ending::Interrupted)) => reasons.push("the last run was interrupted".to_owned()),
        Some(Some(_)) => {}
    }
    if assets.missing > 0 {
        let wanted_by = match documents.missing {
            0 => String::new(),
            n => format!(", in {} of {}", number(n), count(documents.total, "document")),
        };
        let verb = if assets.missing == 1 { "is" } else { "are" };
        reasons.push(format!(
            "{} of {} {verb} missing{wanted_by}",
            number(assets.missing),
            count(assets.total, "picture")
        ));
    }
    match overview.failed_documents() + documents.unread + documents.unwritten {
        0 => {}
        1 => reasons.push("1 document awaits the next run".to_owned()),
        n => reasons.push(format!("{} await the next run", count(n, "document"))),
    }
    format!("Not whole: {}.", reasons.join("; "))
}

fn numbers(overview: &Overview, now: i64) -> Vec<(&'static str, String)> {
    let (documents, references, assets) = (&overview.documents, &overview.references, &overview.assets);
    let mut lines: Vec<_> = overview.runs.first().map(|run| ("Last run", last_run(run, now))).into_iter().collect();
    let mut text = number(documents.total);
    let states = [
        (documents.whole, "whole"),
        (documents.missing, "with pictures missing"),
        (documents.unwritten, "not written yet"),
        (documents.unread, "not collected yet"),
    ];
    push_parts(&mut text, ": ", &states);
    let beside =
        [(overview.failed_documents(), "failed in the last run"), (documents.released, "more whose source is gone")];
    push_parts(&mut text, "; ", &beside);
    lines.push(("Documents", text));
    let mut text = number(references.total);
    let states = [(references.mirrored, "mirrored"), (references.skipped, "skipped"), (references.missing, "missing")];
    push_parts(&mut text, ": ", &states);
    lines.push(("References", text));
    let mut text = number(assets.total);
    let states = [(assets.held, "held"), (assets.missing, "missing"), (assets.changed, "changed on the server")];
    push_parts(&mut text, ": ", &states);
    lines.push(("Pictures", text));
    let stored = overview.stored;
    lines.push(("Disk", format!("{} in {}", ByteSize(stored.bytes), count(stored.files, "picture file"))));
    lines
}

fn last_run(run: &Run, now: i64) -> String {
    let started = run.started.unwrap_or_default();
    let ended = match run.ending {
        None => "has not ended: it is still running, or was killed".to_owned(),
        Some(Ending::Interrupted) => "was interrupted".to_owned(),
        Some(_) => format!("went through in {}", time(run.numbers.seconds)),
    };
    format!("{} ({}), {ended}", when::minute(started), when::ago(started, now))
}

fn push_missing(text: &mut String, overview: &Overview, now: i64) {
    if overview.missing.is_empty() {
        return;
    }
    text.push_str("\nMissing\n");
    let counts: Vec<_> = overview.missing.iter().map(|group| number(group.count)).collect();
    let width = counts.iter().map(String::len).max().unwrap_or(0);
    let mut table = Table::default();
    for (group, count) in overview.missing.iter().zip(counts) {
        let host = host(&group.origin);
        table.rows.push([
            format!("{count:>width$} × {}", kind(group)),
            sanitize::for_terminal_limited(&host, 40).into_owned(),
            since(group),
            next_try(group, now),
        ]);
    }
    let details = overview.missing.iter().map(|group| group.detail.as_deref().unwrap_or_default());
    for (line, detail) in table.lines().into_iter().zip(details) {
        let _ = writeln!(text, "  {line}");
        if !detail.is_empty() {
            let _ = writeln!(text, "      {}", sanitize::for_terminal_limited(detail, MAX_DETAIL));
        }
    }
    let shown: u64 = overview.missing.iter().map(|group| group.count).sum();
    if overview.assets.missing > shown {
        let _ = writeln!(text, "  and {} more", number(overview.assets.missing - shown));
    }
}

/// The kind of a group, or what stands for none.
pub(super) fn kind(group: &Group) -> &'static str {
    group.kind.map_or("not tried", |kind| kind.as_str())
}

fn since(group: &Group) -> String {
    group.since.map_or_else(String::new, |since| format!("since {}", when::day(since)))
}

/// When what does not rest is asked for again.
pub(super) const NEXT_RUN: &str = "next try with the next run";

fn next_try(group: &Group, now: i64) -> String {
    rests_until(group, now).map_or_else(|| NEXT_RUN.to_owned(), |next| format!("rests until {}", when::day(next)))
}

/// Until when no run asks for a group; `None` when the next one does.
pub(super) fn rests_until(group: &Group, now: i64) -> Option<i64> {
    group.next_try.filter(|next| *next > now)
}

fn push_incomplete(text: &mut String, overview: &Overview, report: Option<&Path>) {
    if overview.incomplete.is_empty() {
        return;
    }
    text.push_str("\nDocuments that are not whole\n");
    let states: Vec<_> = overview.incomplete.iter().map(state).collect();
    let width = states.iter().map(|state| state.chars().count()).max().unwrap_or(0);
    for (document, state) in overview.incomplete.iter().zip(&states) {
        let _ = writeln!(text, "  {state:width$}  {}", sanitize::path(&document.path));
    }
    let hidden = (overview.documents.total - overview.documents.whole).saturating_sub(states.len() as u64);
    if hidden > 0 {
        let place = report.map_or_else(String::new, |report| format!("; {} has them all", sanitize::path(report)));
        let _ = writeln!(text, "  and {} more{place}", number(hidden));
    }
}

/// What a document lacks.
pub(super) fn state(document: &Incomplete) -> String {
    match document.state {
        DocumentState::Whole => "whole".to_owned(),
        DocumentState::Missing => format!("{} of {} missing", number(document.missing), number(document.references)),
        DocumentState::Unwritten => "not written yet".to_owned(),
        DocumentState::Unread => "not collected yet".to_owned(),
    }
}

fn push_changed(text: &mut String, overview: &Overview) {
    if overview.changed.is_empty() {
        return;
    }
    text.push_str("\nChanged on the server, kept as it was\n");
    for changed in &overview.changed {
        let since = changed.since.map(when::day).unwrap_or_default();
        let _ = writeln!(text, "  {since}  {}", sanitize::url(&changed.target));
    }
    let hidden = overview.assets.changed.saturating_sub(overview.changed.len() as u64);
    if hidden > 0 {
        let _ = writeln!(text, "  and {} more", number(hidden));
    }
}

/// Lines of aligned cells.
#[derive(Default)]
struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    fn lines(&self) -> Vec<String> {
        let width = |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 4] = std::array::from_fn(width);
        let line = |row: &[String; 4]| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths).filter(|(_, width)| *width > 0) {
                let _ = write!(line, "{cell:width$}  ");
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests;
