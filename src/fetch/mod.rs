//! From "here is an asset with its sources" to "here is its outcome".
//!
//! | file | what it knows |
//! | --- | --- |
//! | [`options`], [`connect_to`] | the settings of a run |
//! | `outgoing`, `connect` | which client, proxy and socket address a URL leads to |
//! | [`http`] | one exchange: a request, its redirects, the head of the response |
//! | `body` | a body under its budgets |
//! | `coding` | the same without its content codings |
//! | `attempt` | one try of one source: exchange, body, picture |
//! | [`ladder`] | which Referer to send |
//! | [`job`] | what is left to try for an asset |
//! | `status` | what the head of a response means |
//! | `cookies` | the cookies of a run |
//! | [`polite`] | the manners towards one origin |
//! | [`memory`] | what the next run should know of hosts |
//! | `run` | the loop that joins them to the frontier |
//!
//! Nothing here names files or knows documents: bodies go to [`crate::mirror::store`], outcomes to the caller.

mod attempt;
mod body;
mod coding;
mod connect;
pub mod connect_to;
mod cookies;
pub mod http;
pub mod job;
pub mod ladder;
pub mod memory;
pub mod options;
mod outgoing;
pub mod polite;
mod run;
mod status;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::SystemTime;

use url::{Position, Url};

use crate::media_type::MediaType;
use crate::mirror::store::Received;

pub use connect_to::ConnectTo;
pub use http::{Answer, Body, Exchange, Fetch, HttpFetcher, Response, Trail, Trouble};
pub use options::{Options, Rate, RefererPolicy};
pub use run::{Totals, fetch_all};

/// One target with every way to obtain it: the unit of work.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Grows with the order in which assets are taken from the catalog.
    pub id: i64,
    pub target: Url,
    /// The target first, then alternatives, then the proxied URLs as written.
    pub sources: Vec<Url>,
    /// The site of an article that refers to the asset, for the Referer ladder.
    pub site: Option<Url>,
    /// A referring URL that a proxy's URL carried.
    pub referer_hint: Option<String>,
    /// Those of the capture that is held; given, the request is conditional and a revisit is possible.
    pub validators: Option<Validators>,
}

/// What lets a server say "not modified" (RFC 9110 section 8.8), as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// How the work on an asset ended.
#[derive(Debug)]
pub enum Outcome {
    Captured(Box<Capture>),
    /// What is held is still what the server would send.
    NotModified(Revisit),
    Failed(Failure),
}

/// One successful retrieval. URLs are without credentials and fragments.
#[derive(Debug)]
pub struct Capture {
    pub source: String,
    pub final_url: String,
    /// Every URL that answered with a redirect, in order, the source first.
    pub redirects: Vec<String>,
    pub status: u16,
    /// From the bytes, never from the header.
    pub media_type: MediaType,
    /// Width and height in pixels, where the bytes tell.
    pub dimensions: Option<(u32, u32)>,
    /// The whole body, decoded and hashed, to commit to the store.
    pub received: Received,
    pub validators: Validators,
    pub cache_control: Option<String>,
    /// The response's header fields, bounded, without cookies.
    pub headers: Vec<(String, String)>,
    /// Requests for this asset, over all sources, redirects not counted.
    pub attempts: u32,
    /// Bytes of body on the wire, over all attempts.
    pub bytes_received: u64,
    pub fetched_at: SystemTime,
}

/// A capture whose bytes are already held.
#[derive(Debug, Clone)]
pub struct Revisit {
    pub source: String,
    pub final_url: String,
    /// What the 304 said, and for what it left out, what was asked with.
    pub validators: Validators,
    pub cache_control: Option<String>,
    pub attempts: u32,
    pub fetched_at: SystemTime,
}

/// An asset of which nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// That of the target; what became of the other sources is in `detail`.
    pub kind: FailureKind,
    /// For people: one line, no secrets, no control characters, at most [`DETAIL_MAX`] characters.
    pub detail: String,
    pub attempts: u32,
    pub status: Option<u16>,
    /// The source that `kind` is about, without credentials.
    pub source: String,
    pub bytes_received: u64,
}

/// What is said of an answer that this program could not cope with. It must not end a run, every night anew.
const DEFECT: &str = "a defect of this program showed at what the server sent; please report this URL";

/// The longest [`Failure::detail`], in characters.
pub const DETAIL_MAX: usize = 400;

/// The kinds of failure: a closed list, part of what the program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// 404, 410.
    Gone,
    /// 401, 403, 451, and every other answer that says no to this client.
    Forbidden,
    /// 429, or a wait longer than a run may last.
    Throttled,
    /// 5xx.
    ServerError,
    /// Connecting, waiting, stalling, or the total deadline.
    Timeout,
    /// Refused, reset, or not HTTP.
    Connection,
    Tls,
    Dns,
    /// Too many, in a circle, or leading nowhere.
    Redirects,
    /// The body ended before its end.
    Truncated,
    TooLarge,
    NotAnImage,
    Empty,
    /// A picture that stands for another, known as such.
    Placeholder,
    BadUrl,
    OutOfScope,
    /// Ours: the store could not keep it.
    Disk,
}

impl FailureKind {
    pub const ALL: [FailureKind; 17] = {
        use FailureKind::*;
        [
            Gone,
            Forbidden,
            Throttled,
            ServerError,
            Timeout,
            Connection,
            Tls,
            Dns,
            Redirects,
            Truncated,
            TooLarge,
            NotAnImage,
            Empty,
            Placeholder,
            BadUrl,
            OutOfScope,
            Disk,
        ]
    };

    /// The word that is printed and stored.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Gone => "gone",
            FailureKind::Forbidden => "forbidden",
            FailureKind::Throttled => "throttled",
            FailureKind::ServerError => "server-error",
            FailureKind::Timeout => "timeout",
            FailureKind::Connection => "connection",
            FailureKind::Tls => "tls",
            FailureKind::Dns => "dns",
            FailureKind::Redirects => "redirects",
            FailureKind::Truncated => "truncated",
            FailureKind::TooLarge => "too-large",
            FailureKind::NotAnImage => "not-an-image",
            FailureKind::Empty => "empty",
            FailureKind::Placeholder => "placeholder",
            FailureKind::BadUrl => "bad-url",
            FailureKind::OutOfScope => "out-of-scope",
            FailureKind::Disk => "disk",
        }
    }

    /// The kind that [`FailureKind::as_str`] wrote.
    pub fn from_word(word: &str) -> Option<FailureKind> {
        FailureKind::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether the same request may fare better later.
    pub fn may_pass(self) -> bool {
        use FailureKind::*;
        matches!(self, Throttled | ServerError | Timeout | Connection | Dns | Truncated)
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The origin of `url` as queues, limits and what is remembered of a host are keyed: `https://example.test:8443`.
pub fn origin(url: &Url) -> String {
    // Of a web URL without credentials it is the beginning, as it stands.
    let bare = url.username().is_empty() && url.password().is_none();
    match url.scheme() {
        "http" | "https" if bare => url[..Position::BeforePath].to_owned(),
        _ => url.origin().ascii_serialization(),
    }
}

/// `url` as it may be stored and printed: without credentials and fragment.
pub fn shown(url: &Url) -> String {
    without_credentials(url).into()
}

/// `url` without credentials and fragment.
pub(crate) fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Neither can fail where there is something to remove: a URL with credentials has a host.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    url
}

/// Text from outside as one line: no control or direction characters, bounded.
pub(crate) fn one_line(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.len() <= DETAIL_MAX && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return text.to_owned();
    }
    text.chars().map(|c| if hidden(c) { ' ' } else { c }).take(DETAIL_MAX).collect()
}
