//! What `imgmirror links --json` says, one line a reference.

use serde::Deserialize;

use super::{Case, pictures};

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

/// What a document becomes when the origin has a picture of its own for every URL: the source with each target's local
/// copy, below `prefix`, in its span, and nothing else changed.
pub fn with_local_copies(source: &[u8], lines: &[Line], prefix: &str) -> Vec<u8> {
    let (mut copy, mut from) = (Vec::new(), 0);
    for line in lines {
        let Some(target) = &line.target else { continue };
        copy.extend_from_slice(&source[from..line.start]);
        let fragment = line.raw.split_once('#').map_or(String::new(), |(_, fragment)| format!("#{fragment}"));
        let local = format!("{prefix}{}{fragment}", pictures::name_for_url(target));
        // `<https://…>` becomes a link with a text, as nothing else can be relative.
        let autolink = line.slot == "md:link" && line.raw.starts_with('<');
        copy.extend(if autolink { format!("[{local}]({local})") } else { local }.into_bytes());
        from = line.end;
    }
    copy.extend_from_slice(&source[from..]);
    copy
}
