//! A server that misbehaves, one fault a row: what is stored, which kind of failure it is, how many requests it takes
//! and how far apart they are.
//!
//! Every row has a host of its own, so that the trouble of one is no other's, and all rows of a table are fetched by
//! one run. What a table does not say is checked for every row: documents name what is stored and nothing else, every
//! number of the summary agrees with the server's log, and nothing unfinished is left.
//!
//! Elsewhere: addresses in all their spellings ([`crate::scope`]), secrets and control characters ([`crate::hostile`]),
//! changed bytes under one URL and proxies that rescue ([`crate::missing`]), the same bytes under two URLs
//! ([`crate::sync`]).

mod bodies;
mod chunks;
mod codings;
mod heads;
#[cfg(target_os = "linux")]
mod memory;
mod names;
mod pictures;
mod redirects;
mod resumed;
mod slow;
mod statuses;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::support::{Asked, Case, Mirror, Origin, Reply, assert_adds_up, pictures as drawn};

/// A row.
struct Fault {
    /// The first label of its host; a reply may lead to hosts below it.
    name: &'static str,
    scheme: &'static str,
    reply: Box<dyn Fn(&Asked) -> Reply + Send + Sync>,
    expected: Expected,
    requests: usize,
    /// Redirects are requests and no attempts.
    attempts: usize,
}

enum Expected {
    Stored(Vec<u8>),
    /// The kind, and what the detail tells.
    Failed(&'static str, &'static str),
}

/// A row over http whose requests are all attempts.
fn fault(
    name: &'static str,
    reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    expected: Expected,
    requests: usize,
) -> Fault {
    Fault { name, scheme: "http", reply: Box::new(reply), expected, requests, attempts: requests }
}

fn stored(picture: impl Into<Vec<u8>>) -> Expected {
    Expected::Stored(picture.into())
}

fn failed(kind: &'static str, detail: &'static str) -> Expected {
    Expected::Failed(kind, detail)
}

/// The name of a row that is one of many.
fn named(parts: &[&str]) -> &'static str {
    parts.join("-").leak()
}

/// The same reply whatever is asked.
fn always(reply: Reply) -> impl Fn(&Asked) -> Reply {
    move |_| reply.clone()
}

/// Replies in their order, the last one for good.
fn in_turn<const N: usize>(replies: [Reply; N]) -> impl Fn(&Asked) -> Reply {
    move |asked| replies[asked.before.min(N - 1)].clone()
}

/// A 200 with a length.
fn ok(body: &[u8]) -> Reply {
    with_fields("", body)
}

/// A 200 with a length and these header lines.
fn with_fields(fields: &str, body: &[u8]) -> Reply {
    Reply::head("200 OK", &format!("{fields}Content-Length: {}\r\n", body.len())).say(body)
}

/// A response without a body.
fn bare(status: &str, fields: &str) -> Reply {
    Reply::head(status, &format!("{fields}Content-Length: 0\r\n"))
}

impl Fault {
    fn url(&self) -> String {
        format!("{}://{}.example/picture", self.scheme, self.name)
    }

    /// What is wrong with what came of the row.
    fn complaints(&self, summary: &Value, log: &[&Asked]) -> Vec<String> {
        let mut complaints = Vec::new();
        if log.len() != self.requests {
            complaints.push(format!("{} requests instead of {}", log.len(), self.requests));
        }
        let failures = summary["failures"].as_array().unwrap();
        let failure = failures.iter().find(|failure| failure["target"] == self.url());
        match (&self.expected, failure) {
            (Expected::Stored(_), None) => {}
            (Expected::Stored(_), Some(failure)) => complaints.push(format!("not stored: {failure}")),
            (Expected::Failed(kind, _), None) => complaints.push(format!("stored instead of {kind}")),
            (Expected::Failed(kind, detail), Some(failure)) => {
                let told = failure["detail"].as_str().unwrap();
                if failure["kind"] != *kind || !told.contains(detail) || failure["attempts"] != self.attempts {
                    complaints.push(format!("not {kind} with {detail:?} after {} attempts: {failure}", self.attempts));
                }
            }
        }
        complaints
    }
}

/// Runs `sync` with these flags over a page that names a picture of every row, and compares. Returns the server's log by
/// row.
#[track_caller]
fn assert_faults(flags: &[&str], faults: Vec<Fault>) -> BTreeMap<&'static str, Vec<Asked>> {
    let (case, faults) = (Case::new(), Arc::new(faults));
    let rows = faults.clone();
    let origin = Origin::new(move |asked| match rows.iter().find(|row| Some(row.name) == row_of(asked)) {
        Some(row) => (row.reply)(asked),
        None => bare("404 No such row", ""),
    });
    let page = |reference: &dyn Fn(&Fault) -> String| -> String {
        faults.iter().map(|row| format!("<p>{}: <img src=\"{}\">\n", row.name, reference(row))).collect()
    };
    case.write("in/a.html", page(&Fault::url));
    let any_failed = faults.iter().any(|row| matches!(row.expected, Expected::Failed(..)));
    let run = case.imgmirror(&["sync", "in", "--json"]).args(flags).args(origin.flags());
    let summary = run.run(if any_failed { 3 } else { 0 }).json();
    let log = origin.take_log();

    let mut complaints = String::new();
    let mut by_row = BTreeMap::new();
    for row in faults.iter() {
        let asked: Vec<_> = log.iter().filter(|asked| row_of(asked) == Some(row.name)).collect();
        for complaint in row.complaints(&summary, &asked) {
            complaints += &format!("{}: {complaint}\n", row.name);
            complaints.extend(asked.iter().map(|asked| format!("    {}\n", serde_json::to_string(asked).unwrap())));
        }
        by_row.insert(row.name, asked.into_iter().cloned().collect());
    }
    assert!(complaints.is_empty(), "\n{complaints}");
    assert_eq!(summary["requests"], log.len(), "{summary}");
    assert_adds_up(&summary);
    assert_is_stored(&case, &faults);
    let mirrored = page(&|row| match &row.expected {
        Expected::Stored(picture) => format!("../assets/{}", drawn::name_of(picture)),
        Expected::Failed(..) => row.url(),
    });
    assert_eq!(case.text("mirror/documents/a.html"), mirrored);
    by_row
}

/// The mirror has the pictures of these rows and nothing else.
#[track_caller]
fn assert_is_stored(case: &Case, faults: &[Fault]) {
    let mirror = Mirror::at(case.at("mirror"));
    mirror.assert_layout();
    let expected = faults.iter().filter_map(|row| match &row.expected {
        Expected::Stored(picture) => Some((drawn::name_of(picture), picture.clone())),
        Expected::Failed(..) => None,
    });
    let held = if case.exists("mirror/assets") { mirror.blobs() } else { BTreeMap::new() };
    assert_eq!(held, expected.collect());
}

/// The row that a request belongs to, by its host.
fn row_of(asked: &Asked) -> Option<&str> {
    asked.host.strip_suffix(".example")?.rsplit('.').next()
}

/// The times between requests that follow on each other.
fn gaps(log: &[Asked]) -> Vec<Duration> {
    log.windows(2).map(|pair| pair[1].at - pair[0].at).collect()
}
