//! The summary for people: short, aligned, and ending with what to do next.

use std::fmt::Write as _;
use std::path::Path;

use bytesize::ByteSize;

use super::{Failures, Summary};
use crate::sanitize;

/// Groups of failures that are shown.
const MAX_GROUPS_SHOWN: usize = 10;

/// Pieces of advice that are given at a time.
const MAX_ADVICE: usize = 3;

/// The longest line about a group of failures; characters.
const MAX_EXAMPLE: usize = 100;

/// How the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    Finished,
    /// Stopped by a signal; what was done is saved.
    Interrupted,
    /// A dry run: the numbers are what would be done.
    Planned,
}

/// Whom a run could ask for pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    Servers,
    /// An offline run.
    Nobody,
}

/// What the summary has to know besides the numbers.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    pub ending: Ending,
    pub asking: Asking,
    /// Where the documents are now; of a run without documents, the pictures.
    pub result: &'a Path,
    /// The HTML report, if one was written.
    pub report: Option<&'a Path>,
}

pub(super) fn text(summary: &Summary, shown: &Shown<'_>) -> String {
    let mut text = headline(summary, shown.ending);
    text.push('\n');
    let mut places = Vec::new();
    if summary.documents.read + summary.assets.total > 0 {
        push_lines(&mut text, &numbers(summary, shown.ending));
        push_missing(&mut text, summary, shown);
        if shown.ending != Ending::Planned {
            places.push(("Result", sanitize::path(shown.result)));
            places.extend(shown.report.map(|report| ("Report", sanitize::path(report))));
        }
    }
    let advice = advice(summary, shown).into_iter().take(MAX_ADVICE);
    places.extend(advice.enumerate().map(|(i, line)| (if i == 0 { "Next" } else { "" }, line)));
    push_lines(&mut text, &places);
    text
}

/// The one line that most people read.
fn headline(summary: &Summary, ending: Ending) -> String {
    let (assets, documents) = (&summary.assets, &summary.documents);
    let missing = match assets.missing() {
        0 => String::new(),
        n => format!(" {} of {} missing.", number(n), count(assets.total, "picture")),
    };
    match ending {
        Ending::Interrupted => format!("Interrupted; what was done is saved.{missing}"),
        Ending::Planned => "A dry run: nothing was asked for, nothing was written.".to_owned(),
        Ending::Finished if documents.failed > 0 => {
            format!("{} could not be mirrored.{missing}", count(documents.failed, "document"))
        }
        Ending::Finished if documents.read + assets.total == 0 => "No documents were found.".to_owned(),
        Ending::Finished if assets.missing() > 0 => missing.trim_start().to_owned(),
        Ending::Finished if summary.without_base > 0 => {
            format!("Every picture is here, save {} without a base.", count(summary.without_base, "relative reference"))
        }
        Ending::Finished if assets.total == 0 => "No pictures to fetch were found.".to_owned(),
        Ending::Finished if documents.read == 0 && assets.held == assets.total => {
            "Nothing has changed: every picture is held.".to_owned()
        }
        Ending::Finished if documents.written == 0 && assets.held == assets.total => {
            "Nothing has changed: every picture is held and every document is up to date.".to_owned()
        }
        Ending::Finished => "Every picture is here.".to_owned(),
    }
}

fn numbers(summary: &Summary, ending: Ending) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if summary.documents.read > 0 {
        lines.extend([("Documents", documents(summary, ending)), ("References", references(summary))]);
    }
    lines.push(("Pictures", pictures(summary, ending)));
    let notices = [
        (summary.changed, "Changed", "on their servers; what documents show is for --on-change to say", "picture"),
        (summary.released, "Gone", "whose source is not there any more; `imgmirror prune` clears up", "document"),
    ];
    for (n, name, what, noun) in notices.into_iter().filter(|(n, ..)| *n > 0) {
        lines.push((name, format!("{} {what}", count(n, noun))));
    }
    if summary.requests > 0 {
        let (received, stored) = (ByteSize(summary.bytes.received), ByteSize(summary.bytes.stored));
        let requests = count(summary.requests, "request");
        lines.push(("Received", format!("{received} in {requests} and {}; {stored} new", time(summary.seconds))));
    }
    lines
}

fn documents(summary: &Summary, ending: Ending) -> String {
    let documents = &summary.documents;
    let mut text = format!("{} read", number(documents.read));
    let written = if ending == Ending::Planned { "to write" } else { "written" };
    push_parts(
        &mut text,
        ", ",
        &[(documents.written, written), (documents.unchanged, "unchanged"), (documents.failed, "failed")],
    );
    text
}

fn references(summary: &Summary) -> String {
    let references = &summary.references;
    let mut text = format!("{} found", number(references.total));
    push_parts(
        &mut text,
        ", ",
        &[(references.mirrored, "mirrored"), (references.skipped, "skipped"), (references.missing, "missing")],
    );
    text
}

fn pictures(summary: &Summary, ending: Ending) -> String {
    let assets = &summary.assets;
    if ending == Ending::Planned {
        let mut text = format!("{} needed", number(assets.total));
        push_parts(&mut text, ", ", &[(assets.held, "held"), (assets.refused, "out of scope")]);
        return text;
    }
    if assets.total == 0 {
        return "none to fetch".to_owned();
    }
    let mut text = format!("{} of {} kept", number(assets.kept()), number(assets.total));
    push_parts(
        &mut text,
        ": ",
        &[
            (assets.captured, "new"),
            (assets.held, "held"),
            (assets.revisited, "identical"),
            (assets.rescued, "rescued from another source"),
            (assets.total.saturating_sub(assets.kept() + assets.missing()), "not reached yet"),
        ],
    );
    text
}

fn push_missing(text: &mut String, summary: &Summary, shown: &Shown<'_>) {
    let Failures { groups, beyond, .. } = &summary.failures;
    let mut rows: Vec<_> = groups.iter().collect();
    if rows.is_empty() {
        return;
    }
    rows.sort_by_key(|(key, group)| (std::cmp::Reverse(group.count), *key));
    let hidden: u64 = rows.iter().skip(MAX_GROUPS_SHOWN).map(|(_, group)| group.count).sum::<u64>() + beyond;
    rows.truncate(MAX_GROUPS_SHOWN);
    let hosts: Vec<String> =
        rows.iter().map(|((host, _), _)| sanitize::for_terminal_limited(host, 40).into_owned()).collect();
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let counts = widest(&mut rows.iter().map(|(_, group)| number(group.count).len()));
    let kinds = widest(&mut rows.iter().map(|((_, kind), _)| kind.len()));
    let names = widest(&mut hosts.iter().map(|host| host.chars().count()));
    text.push_str("\nMissing\n");
    for (((_, kind), group), host) in rows.iter().zip(&hosts) {
        let detail = sanitize::url(&group.example.1);
        let example = sanitize::for_terminal_limited(&detail, MAX_EXAMPLE);
        let line = format!("  {:>counts$} × {kind:kinds$}  {host:names$}  {example}", number(group.count));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    if hidden > 0 {
        let place =
            shown.report.map_or("--json lists them".to_owned(), |report| format!("see {}", sanitize::path(report)));
        let _ = writeln!(text, "  and {} more; {place}", number(hidden));
    }
}

/// What to type next, worked out from the numbers; the most useful first.
fn advice(summary: &Summary, shown: &Shown<'_>) -> Vec<String> {
    let ending = shown.ending;
    let failures = &summary.failures;
    let mut advice = Vec::new();
    let mut say = |when: bool, what: &str| {
        if when {
            advice.push(what.to_owned());
        }
    };
    let any = |kinds: &[&str]| failures.of_kinds(kinds) > 0;
    say(ending == Ending::Interrupted, "run the same command again to go on");
    say(ending == Ending::Planned, "run the same command without --dry-run");
    say(
        summary.documents.read + summary.documents.failed + summary.assets.total == 0,
        "name a document; folders are searched for .html, .md, .txt, .css, .svg and the like",
    );
    say(any(&["disk"]), "make room on the disk and run the same command again");
    say(summary.without_base > 0, "--base-url URL, for relative references in documents that name no base");
    say(
        summary.documents.read > 0 && summary.references.total == 0,
        "`imgmirror links` shows what is found; --select and --key name further places to look",
    );
    say(any(&["out-of-scope"]), "--allow HOST:PORT or --allow-private, if you trust these documents with your network");
    say(any(&["tls"]), "--cacert FILE, to trust a server's own certificate");
    say(any(&["too-large"]), "--max-size BYTES --retry-failed, to take larger pictures");
    let passing = ["throttled", "server-error", "timeout", "connection", "dns", "truncated"];
    let offline = shown.asking == Asking::Nobody;
    say(
        ending == Ending::Finished && offline && summary.assets.missing() > 0,
        "run the same command without --offline, to ask for what is missing",
    );
    say(
        ending == Ending::Finished && !offline && any(&passing),
        "run the same command again later: some of these failures may pass",
    );
    say(
        any(&["forbidden"]),
        "--referer origin, --user-agent or --via-proxy, with --retry-failed, where pictures are refused to strangers",
    );
    advice
}

pub(super) fn push_lines(text: &mut String, lines: &[(&str, String)]) {
    if !lines.is_empty() {
        text.push('\n');
    }
    for (name, line) in lines {
        let _ = writeln!(text, "{name:10}  {line}");
    }
}

/// Adds the parts that are not zero.
pub(super) fn push_parts(text: &mut String, first: &str, parts: &[(u64, &str)]) {
    let mut before = first;
    for (n, name) in parts.iter().filter(|(n, _)| *n > 0) {
        let _ = write!(text, "{before}{} {name}", number(*n));
        before = ", ";
    }
}

/// `1 picture`, `2 pictures`.
pub(crate) fn count(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}

/// `12,345`.
pub(crate) fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `0.4 s`, `42 s`, `3 min 20 s`, `2 h 5 min`.
pub(super) fn time(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", number(whole / 3600), whole % 3600 / 60),
    }
}
