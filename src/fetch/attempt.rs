//! One try of one source: the exchange, what its status means, the body, and whether the body is a picture.

use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use reqwest::header;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::body::{Limits, Partial, receive, too_large};
use super::coding::{Coding, Decoders, declared};
use super::http::{Answer, Exchange, Fetch, Framing, Response, Resume, Trouble, drain};
use super::job::{Job, Miss, Then};
use super::ladder::Rung;
use super::options::Options;
use super::polite::Verdict;
use super::status::{self, ContentRange, content_length, content_range, if_range, kept, retry_after};
use super::{Capture, FailureKind, Outcome, Revisit, Validators, shown};
use crate::media_type::{Inspected, Rejection, inspect};
use crate::mirror::store::{Incoming, Received, Store};

/// Bodies up to this size are inspected where they are received; larger ones may lie on a disk.
const INSPECT_INLINE: u64 = 1 << 20;

/// What the attempts of a run share.
#[derive(Debug)]
pub(super) struct Means<'a, S> {
    pub(super) store: &'a S,
    pub(super) options: &'a Options,
    pub(super) decoders: &'a Decoders,
    /// The places for beginnings of bodies that wait for their rest.
    pub(super) partials: &'a Arc<Semaphore>,
}

impl<S> Clone for Means<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Means<'_, S> {}

/// How one attempt ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) result: Tried,
    pub(super) verdict: Verdict,
    pub(super) requests: u64,
    pub(super) bytes_received: u64,
}

/// What one attempt came to.
#[derive(Debug)]
pub(super) enum Tried {
    Done {
        outcome: Outcome,
        /// The rung that the attempt stood on after others had failed, and the origin that wanted it: worth
        /// remembering.
        climbed_to: Option<(String, Rung)>,
    },
    /// Redirected to another origin, in whose queue the job stands now.
    Moved(Job),
    Missed(Job, Miss),
}

/// What an attempt found out, besides its result.
struct Notes {
    verdict: Verdict,
    requests: u64,
    bytes: u64,
}

/// Tries the current source of `job` once.
pub(super) async fn attempt<F: Fetch, S: Store>(fetcher: &F, means: Means<'_, S>, mut job: Job) -> Ended {
    let mut notes = Notes { verdict: Verdict::Unknown, requests: 0, bytes: 0 };
    let tried = exchange_and_receive(fetcher, means, &mut job, &mut notes).await;
    job.bytes_received += notes.bytes;
    let result = match tried {
        Ok(Some(mut outcome)) => {
            if let Outcome::Captured(capture) = &mut outcome {
                capture.bytes_received = job.bytes_received;
            }
            Tried::Done { outcome, climbed_to: job.climbed_to() }
        }
        Ok(None) => Tried::Moved(job),
        Err(miss) => Tried::Missed(job, miss),
    };
    Ended { result, verdict: notes.verdict, requests: notes.requests, bytes_received: notes.bytes }
}

/// `None` when the job is to go on at another origin.
async fn exchange_and_receive<F: Fetch, S: Store>(
    fetcher: &F,
    means: Means<'_, S>,
    job: &mut Job,
    notes: &mut Notes,
) -> Result<Option<Outcome>, Miss> {
    let options = means.options;
    let began = Instant::now();
    let deadline = began + options.deadline.saturating_sub(job.spent());
    let partial = job.partial.take();
    let request = request(job, partial.as_ref());
    let condition = request.condition.clone();
    let exchange = fetcher.exchange(request, &mut notes.requests);
    let exchanged = timeout_at(deadline, exchange).await.unwrap_or_else(|_| {
        let detail = format!("no response within {:?}", options.deadline);
        Err(Trouble::new(FailureKind::Timeout, detail))
    });
    let response = match exchanged {
        Ok(Answer::Response(response)) => response,
        Ok(Answer::Moved(trail)) => {
            notes.verdict = Verdict::Alive;
            job.partial = partial;
            job.go_on(trail, began.elapsed());
            return Ok(None);
        }
        Err(trouble) => {
            // What is held stays good for the next try.
            job.partial = partial;
            return Err(in_trouble(trouble, notes));
        }
    };
    notes.verdict = judge(&response);
    match (response.status, condition) {
        (304, Some(condition)) => return Ok(Some(Outcome::NotModified(revisit(job, &response, condition)))),
        (206, _) => {}
        (200..=299, _) if !matches!(response.status, 204 | 205) => {}
        (416, _) if partial.is_some() => {
            // Nothing of the held part is to be had here: the next try starts over.
            return Err(missed(FailureKind::Truncated, "HTTP 416 to a request for the rest", Some(416)));
        }
        (status, _) => {
            job.partial = partial;
            drain(response.body).await;
            return Err(status::miss(status));
        }
    }
    let (range, incoming) = match (response.status, partial) {
        (206, partial) => join(partial, &response).map(|(range, incoming)| (Some(range), incoming))?,
        _ => (None, None),
    };
    let limits = Limits { max_size: options.max_size, stall: options.stall_timeout, deadline };
    let incoming = incoming.unwrap_or_else(|| means.store.receive());
    let expected = range.map(|range| range.last + 1 - range.first).or_else(|| content_length(&response.headers));
    take_in(means, job, (response, expected), incoming, limits, notes).await.map(Some)
}

/// The request for the current source; with a `partial`, for its rest.
fn request(job: &Job, partial: Option<&Partial>) -> Exchange {
    let resume = partial.map(|partial| Resume { from: partial.incoming.len(), if_range: partial.if_range.clone() });
    let condition = if job.at_target() && resume.is_none() { job.asset.validators.clone() } else { None };
    let condition = condition.filter(|held| held.etag.is_some() || held.last_modified.is_some());
    let (url, trail) = (job.source().clone(), job.trail().clone());
    Exchange { url, trail, referer: job.referer().map(str::to_owned), condition, resume }
}

fn in_trouble(trouble: Trouble, notes: &mut Notes) -> Miss {
    use FailureKind::*;
    let Trouble { kind, detail } = trouble;
    notes.verdict = match kind {
        OutOfScope | BadUrl | Disk => Verdict::Unknown,
        Redirects => Verdict::Alive,
        kind => Verdict::Troubled { kind, detail: detail.clone(), retry_after: None },
    };
    missed(kind, detail, None)
}

/// What a response says about its host.
fn judge(response: &Response) -> Verdict {
    match response.status {
        408 | 425 | 429 | 500..=599 if !matches!(response.status, 501 | 505) => {
            let Miss { kind, detail, .. } = status::miss(response.status);
            Verdict::Troubled { kind, detail, retry_after: retry_after(&response.headers, SystemTime::now()) }
        }
        _ => Verdict::Alive,
    }
}

fn missed(kind: FailureKind, detail: impl Into<String>, status: Option<u16>) -> Miss {
    let then = match kind {
        FailureKind::Disk => Then::Nothing,
        kind if kind.may_pass() => Then::Wait,
        _ => Then::OtherSource,
    };
    Miss { kind, detail: detail.into(), status, then }
}

/// The part that a 206 brings, and what it continues: the held part when the range begins where it ends, reaches the end
/// and is of the same entity; nothing when the range is the whole. Otherwise the parts do not belong together and both
/// are dropped.
fn join(partial: Option<Partial>, response: &Response) -> Result<(ContentRange, Option<Incoming>), Miss> {
    let odd = |what: &str| missed(FailureKind::Truncated, format!("HTTP 206 {what}"), Some(206));
    let range = content_range(&response.headers).ok_or_else(|| odd("without a usable Content-Range"))?;
    if range.last + 1 != range.total {
        return Err(odd("for less than was asked"));
    }
    let Some(partial) = partial else {
        return if range.first == 0 { Ok((range, None)) } else { Err(odd("to a request for the whole")) };
    };
    let same_place = range.first == partial.incoming.len() && partial.total.is_none_or(|total| total == range.total);
    // RFC 9110 section 15.3.7: the part has the entity tag of the whole, and its date where it has one.
    let said = status::validators(&response.headers);
    let same_entity = match partial.if_range.starts_with('"') {
        true => said.etag.as_ref() == Some(&partial.if_range),
        false => said.last_modified.is_none_or(|date| date == partial.if_range),
    };
    let coded = response.headers.contains_key(header::CONTENT_ENCODING);
    if same_place && same_entity && !coded && partial.url == response.final_url {
        return Ok((range, Some(partial.incoming)));
    }
    Err(odd("that does not continue what is held"))
}

/// Receives the body and makes a capture of it, or a miss with, at best, a beginning to continue. With the response
/// comes how many bytes are expected of it, where that is told.
async fn take_in<S: Store>(
    means: Means<'_, S>,
    job: &mut Job,
    (response, expected): (Response, Option<u64>),
    mut incoming: Incoming,
    limits: Limits,
    notes: &mut Notes,
) -> Result<Outcome, Miss> {
    let Response { status, final_url, redirects, headers, framing, body } = response;
    let fail = |kind, detail: String| missed(kind, detail, Some(status));
    let codings =
        declared(&headers).map_err(|count| fail(FailureKind::NotAnImage, format!("{count} content codings")))?;
    let held = incoming.len();
    if expected.is_some_and(|expected| expected.saturating_add(held) > limits.max_size) {
        return Err(fail(FailureKind::TooLarge, too_large(limits.max_size)));
    }
    incoming.expect(expected.unwrap_or(0));
    let before = notes.bytes;
    let mut received = receive(body, limits, &mut notes.bytes, &mut incoming).await;
    let arrived = notes.bytes - before;
    if let (Ok(()), Some(expected)) = (&received, expected)
        && arrived != expected
    {
        received = Err(Trouble::new(FailureKind::Truncated, format!("{arrived} of {expected} bytes")));
    }
    if let Err(trouble) = received {
        if trouble.kind.may_pass() {
            // Of the host it says that connections break; what an asset of it lacks is no kind for the others.
            let cut = trouble.kind == FailureKind::Truncated;
            let kind = if cut { FailureKind::Connection } else { trouble.kind };
            notes.verdict = Verdict::Troubled { kind, detail: trouble.detail.clone(), retry_after: None };
            let total = expected.map(|expected| expected + held);
            let reached = Reached { codings: &codings, url: final_url, headers: &headers, total };
            // More than was announced is nothing to go on from.
            let sound = expected.is_none_or(|expected| arrived <= expected);
            job.partial = if sound { reached.keep(incoming, means.partials) } else { None };
        }
        return Err(fail(trouble.kind, trouble.detail));
    }
    let mut received = incoming.finish().await.map_err(|error| fail(FailureKind::Disk, error.to_string()))?;
    if !codings.is_empty() {
        let decoded = means.decoders.decode(received, codings, limits, means.store.receive()).await;
        received = decoded.map_err(|trouble| fail(trouble.kind, trouble.detail))?;
    }
    let (received, inspected) = look(received).await.map_err(|error| fail(FailureKind::Disk, error.to_string()))?;
    let Inspected { media_type, dimensions, .. } =
        inspected.map_err(|rejection| rejected(&rejection, framing, status))?;
    Ok(Outcome::Captured(Box::new(Capture {
        source: shown(job.source()),
        final_url: final_url.into(),
        redirects,
        status,
        media_type,
        dimensions,
        received,
        validators: status::validators(&headers),
        cache_control: status::text(&headers, &header::CACHE_CONTROL),
        headers: kept(&headers),
        attempts: job.attempts,
        bytes_received: 0,
        fetched_at: SystemTime::now(),
    })))
}

/// Where a body was cut off.
struct Reached<'a> {
    codings: &'a [Coding],
    url: url::Url,
    headers: &'a header::HeaderMap,
    total: Option<u64>,
}

impl Reached<'_> {
    /// The beginning, if a rest could be asked for: bytes as they stand in the entity, and a validator for it. Also
    /// `None` when the run holds enough of such already.
    fn keep(self, incoming: Incoming, partials: &Arc<Semaphore>) -> Option<Partial> {
        let refused = status::text(self.headers, &header::ACCEPT_RANGES).is_some_and(|units| units == "none");
        if incoming.is_empty() || !self.codings.is_empty() || refused {
            return None;
        }
        let if_range = if_range(self.headers, SystemTime::now())?;
        let place = Arc::clone(partials).try_acquire_owned().ok()?;
        Some(Partial { incoming, if_range, url: self.url, total: self.total, _place: place })
    }
}

/// Looks what a body is.
async fn look(mut received: Received) -> io::Result<(Received, Result<Inspected, Rejection>)> {
    let large = received.len() > INSPECT_INLINE;
    let inspect = move || {
        let len = received.len();
        let inspected = inspect(&mut received.view().map_err(io::Error::other)?, len)?;
        Ok((received, inspected))
    };
    if large { tokio::task::spawn_blocking(inspect).await? } else { inspect() }
}

fn rejected(rejection: &Rejection, framing: Framing, status: u16) -> Miss {
    let kind = match rejection {
        Rejection::Empty => FailureKind::Empty,
        Rejection::NotAnImage { .. } => FailureKind::NotAnImage,
        Rejection::Truncated { .. } => FailureKind::Truncated,
    };
    let miss = missed(kind, rejection.to_string(), Some(status));
    // A message that was whole will be the same again; one that ended with its connection may have been cut.
    let again = kind == FailureKind::Truncated && framing == Framing::UntilClose;
    Miss { then: if again { Then::Wait } else { Then::OtherSource }, ..miss }
}

fn revisit(job: &Job, response: &Response, asked: Validators) -> Revisit {
    let said = status::validators(&response.headers);
    Revisit {
        source: shown(job.source()),
        final_url: response.final_url.clone().into(),
        validators: Validators {
            etag: said.etag.or(asked.etag),
            last_modified: said.last_modified.or(asked.last_modified),
        },
        cache_control: status::text(&response.headers, &header::CACHE_CONTROL),
        attempts: job.attempts,
        fetched_at: SystemTime::now(),
    }
}
