//! What to do about what is missing.

use super::overview::Overview;
use crate::fetch::FailureKind;
use crate::report::Ending;

/// Pieces of advice about a mirror.
const MAX: usize = 4;

/// What helps against a kind of failure; `None` stands for pictures that were never asked for.
pub(super) fn step(kind: Option<FailureKind>) -> &'static str {
    use FailureKind::*;
    let Some(kind) = kind else { return "run `imgmirror sync`, to ask for them" };
    match kind {
        Gone => "the server has it no more; `sync --retry-failed` asks again at once, should it be back",
        Forbidden => "try `sync --referer origin`, --user-agent or --via-proxy: some servers refuse strangers",
        Throttled => "run the same sync later, slower with --rate: the server asked for a pause",
        ServerError | Timeout | Connection | Dns | Truncated => {
            "run the same sync again later: this may pass by itself"
        }
        Tls => "`sync --cacert FILE` trusts a server's own certificate",
        Redirects => "the address leads nowhere: look at it in a browser, and mend it in the document",
        TooLarge => "`sync --max-size BYTES` takes larger pictures",
        NotAnImage => "the server sends something else, often a page that asks to log in: look at it in a browser",
        Empty => "the server sends nothing; `sync --retry-failed` asks again at once",
        Placeholder => "the server sends a stand-in for the picture: look for another copy",
        BadUrl => "no usable address: mend it in the document",
        OutOfScope => "`sync --allow HOST:PORT` or --allow-private, if you trust these documents with your network",
        Disk => "make room on the disk and run the same sync again",
    }
}

/// What to do about a mirror, the most useful first.
pub(super) fn of_mirror(overview: &Overview, now: i64) -> Vec<String> {
    let mut advice = Vec::new();
    match overview.runs.first().map(|run| run.ending) {
        None => advice.push("`imgmirror sync INPUT`: no run has been made yet".to_owned()),
        Some(None) => advice.push(
            "if no run is under way, the last one was killed: run the same `imgmirror sync` again to go on".to_owned(),
        ),
        Some(Some(Ending::Interrupted)) => {
            advice.push("run the same `imgmirror sync` again to go on where it was interrupted".to_owned());
        }
        Some(Some(_)) => {}
    }
    let documents = &overview.documents;
    if overview.failed_documents() + documents.unread + documents.unwritten > 0 && advice.is_empty() {
        advice.push("run the same `imgmirror sync` again: it takes up what waits, or says why it cannot".to_owned());
    }
    let resting = |next: Option<i64>| next.is_some_and(|next| next > now);
    for group in &overview.missing {
        let step = step(group.kind);
        if !advice.iter().any(|known| known.ends_with(step)) {
            advice.push(match group.kind {
                Some(kind) => format!("{kind}: {step}"),
                None => step.to_owned(),
            });
        }
    }
    if overview.missing.iter().any(|group| resting(group.next_try)) && advice.len() < MAX {
        advice.push(
            "pictures that rest are asked for by themselves later; `sync --retry-failed` does not wait".to_owned(),
        );
    }
    if overview.references.without_base > 0 {
        advice.push("`sync --base-url URL`, for relative references in documents that name no base".to_owned());
    }
    advice.truncate(MAX);
    advice
}
