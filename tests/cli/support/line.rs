//! What `imgmirror links --json` says, one line a reference.

use serde::Deserialize;

use super::Case;

/// One reference.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub document: String,
    pub line: usize,
    pub column: usize,
    pub start: usize,
    pub end: usize,
    pub slot: String,
    pub raw: String,
    pub target: Option<String>,
    pub proxies: Vec<String>,
    pub sources: Vec<String>,
    pub skip: Option<String>,
}

/// The references of documents, in the order in which they are listed.
#[track_caller]
pub fn lines(case: &Case, arguments: &[&str]) -> Vec<Line> {
    let ran = case.imgmirror(&["links", "--json"]).args(arguments).run(0);
    ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Between and around the spans of their references, two documents are the same bytes. Both have as many references, in
/// the same slots.
#[track_caller]
pub fn assert_only_spans_differ(name: &str, before: (&[u8], &[Line]), after: (&[u8], &[Line])) {
    let slots = |lines: &[Line]| lines.iter().map(|line| line.slot.clone()).collect::<Vec<_>>();
    assert_eq!(slots(before.1), slots(after.1), "{name}: slots before and after");
    let (between, now) = (outside(before.0, before.1), outside(after.0, after.1));
    for (number, (before, after)) in between.iter().zip(&now).enumerate() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(before == after, "{name}: before reference {number}\n{:?}\n{:?}", text(before), text(after));
    }
}

/// The bytes between spans: one piece more than there are spans.
fn outside<'a>(bytes: &'a [u8], lines: &[Line]) -> Vec<&'a [u8]> {
    let starts = std::iter::once(0).chain(lines.iter().map(|line| line.end));
    let ends = lines.iter().map(|line| line.start).chain([bytes.len()]);
    starts.zip(ends).map(|(start, end)| &bytes[start..end]).collect()
}
