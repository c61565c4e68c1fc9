//! One exchange: a request, the redirects it is sent on within its origin, and the head of the response.
//!
//! Redirects are followed here and not by the client, so that scope is asked at each hop, credentials stay with their
//! origin and circles are seen. One that leads to another origin ends the exchange: the other origin has a queue and
//! limits of its own, and the asset waits there for its turn. What the response means is not judged here.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::time::timeout;
use url::Url;

use super::connect::{Clients, Lookup, Plan, system_lookup};
use super::cookies::Cookies;
use super::options::{BadOption, Options};
use super::{FailureKind, Validators, one_line, shown, without_credentials};
use crate::mirror::store::StoreErrorKind;
use crate::scope::Refusal;

/// Bytes of a URL that a redirect leads to. RFC 9110 section 4.1 asks for 8000; the URLs of a trail wait in memory.
const LOCATION_MAX: usize = 8 << 10;
/// Bytes of a body that nobody wants which are read to keep its connection, and the time that this may take.
const DRAIN_MAX: usize = 64 << 10;
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The source. May carry credentials: they go to its own origin and nowhere else.
    pub url: Url,
    /// Where redirects have led from there.
    pub trail: Trail,
    pub referer: Option<String>,
    /// Ask only for what has changed since.
    pub condition: Option<Validators>,
    /// Ask only for what is missing.
    pub resume: Option<Resume>,
}

/// The part of a body that is missing, and the validator of the part that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    pub from: u64,
    /// For If-Range: a strong entity tag, or a date that is as good as one.
    pub if_range: String,
}

/// The redirects of one source so far. An empty trail stands at the source itself.
#[derive(Debug, Clone, Default)]
pub struct Trail {
    /// The URLs that answered with a redirect, in order, without credentials.
    passed: Vec<Url>,
    /// Where the last of them leads.
    next: Option<Url>,
}

impl Trail {
    /// The URL to ask next, when redirects have led away from the source.
    pub fn next(&self) -> Option<&Url> {
        self.next.as_ref()
    }

    /// The URLs that answered with a redirect, printable.
    pub fn shown(&self) -> Vec<String> {
        self.passed.iter().map(shown).collect()
    }

    /// Goes from `url` to `next`. `gift` says that the redirect came with a cookie: a site may send a visitor back to
    /// the same place with one.
    fn turn(&mut self, url: &Url, next: Url, limit: usize, gift: bool) -> Result<(), Trouble> {
        self.passed.push(url.clone());
        if self.passed.len() > limit {
            let detail = format!("more than {limit} redirects, the last to {}", shown(&next));
            return Err(Trouble::new(FailureKind::Redirects, detail));
        }
        if self.passed.contains(&next) && !gift {
            let detail = format!("redirected in a circle to {}", shown(&next));
            return Err(Trouble::new(FailureKind::Redirects, detail));
        }
        self.next = Some(next);
        Ok(())
    }
}

/// How an exchange ended that did not come to nothing.
pub enum Answer {
    Response(Response),
    /// Redirected to another origin, whose turn it is.
    Moved(Trail),
}

/// A body as it comes off the wire: not decoded, its framing checked by whoever makes the stream.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, Trouble>> + Send>>;

/// The response that ended an exchange.
pub struct Response {
    pub status: u16,
    /// Without credentials.
    pub final_url: Url,
    /// The URLs that answered with a redirect, printable.
    pub redirects: Vec<String>,
    pub headers: HeaderMap,
    pub framing: Framing,
    pub body: Body,
}

/// Whether the end of a body can be told from the end of its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A length, a last chunk or a last frame: the stream fails when it is missing.
    Known,
    /// The body ends where the connection does: only the picture itself can tell whether it is whole.
    UntilClose,
}

/// An exchange that came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Trouble {
    pub kind: FailureKind,
    /// One line, without secrets.
    pub detail: String,
}

impl Trouble {
    pub fn new(kind: FailureKind, detail: impl AsRef<str>) -> Self {
        Trouble { kind, detail: one_line(detail.as_ref()) }
    }
}

/// Makes exchanges. A trait so that tests and benches can do without a network.
pub trait Fetch: Send + Sync + 'static {
    /// One exchange with one origin. `sent` is raised by every request, also when the exchange fails or is dropped
    /// because its time is up.
    fn exchange(&self, request: Exchange, sent: &mut u64) -> impl Future<Output = Result<Answer, Trouble>> + Send;
}

/// Makes exchanges over the network.
pub struct HttpFetcher {
    clients: Clients,
    cookies: Arc<Cookies>,
    options: Options,
    /// What is sent with every request.
    common: HeaderMap,
}

impl HttpFetcher {
    /// Fails when an option cannot be used: see the text of the error.
    pub fn new(options: &Options) -> Result<Self, BadOption> {
        Self::with_lookup(options, system_lookup())
    }

    /// The same with names resolved by `lookup`.
    pub(super) fn with_lookup(options: &Options, lookup: Lookup) -> Result<Self, BadOption> {
        let mut common = HeaderMap::new();
        let agent = HeaderValue::from_str(&options.user_agent)
            .map_err(|_| BadOption("the user agent holds characters that cannot be sent".to_owned()))?;
        common.insert(header::USER_AGENT, agent);
        let accept = "image/avif,image/webp,image/apng,image/svg+xml,image/*;q=0.9,*/*;q=0.5";
        common.insert(header::ACCEPT, HeaderValue::from_static(accept));
        // Pictures are compressed already, and ranges of a coded body are of no use.
        common.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for own in &options.headers {
            common.remove(&own.name);
        }
        for own in &options.headers {
            common.append(own.name.clone(), own.value.clone());
        }
        let cookies = Arc::default();
        Ok(HttpFetcher { clients: Clients::new(options, lookup)?, cookies, options: options.clone(), common })
    }

    /// Asks hop after hop while they stay at one origin.
    async fn follow(&self, request: Exchange, sent: &mut u64) -> Result<Answer, Trouble> {
        let mut trail = request.trail.clone();
        let mut url = trail.next.clone().unwrap_or_else(|| without_credentials(&request.url));
        loop {
            let headers = self.headers(&request, &url, &trail.passed);
            let plan = self.clients.plan(&url).map_err(|trouble| at_hop(trouble, &url, &trail))?;
            *sent += 1;
            let response = self.send(plan, &url, headers).await.map_err(|trouble| at_hop(trouble, &url, &trail))?;
            let Some(next) = location(&response, &url)? else { return Ok(Answer::Response(end(response, url, trail))) };
            let gift = response.headers().contains_key(header::SET_COOKIE);
            drain(body(response)).await;
            // Where requests are spaced, each waits for its own turn.
            let moved = next.origin() != url.origin() || self.options.rate.is_some();
            trail.turn(&url, next.clone(), self.options.redirects, gift)?;
            if moved {
                return Ok(Answer::Moved(trail));
            }
            url = next;
        }
    }

    async fn send(&self, plan: Plan, url: &Url, mut headers: HeaderMap) -> Result<reqwest::Response, Trouble> {
        let Plan { client, url: sent, host } = plan;
        if let Some(host) = host {
            headers.insert(header::HOST, host);
        }
        if !headers.contains_key(header::COOKIE)
            && let Some(cookies) = self.cookies.get(url)
        {
            headers.insert(header::COOKIE, cookies);
        }
        // Also the end of a flood of interim (1xx) responses, which the client passes over one by one.
        let limit = self.options.connect_timeout + self.options.stall_timeout;
        let response = timeout(limit, client.get(sent).headers(headers).send())
            .await
            .map_err(|_| Trouble::new(FailureKind::Timeout, format!("no response within {limit:?}")))?
            .map_err(trouble)?;
        self.cookies.set(url, response.headers());
        Ok(response)
    }

    /// The header fields for a request to `url`, to which the URLs in `passed` have led.
    fn headers(&self, request: &Exchange, url: &Url, passed: &[Url]) -> HeaderMap {
        let mut headers = self.common.clone();
        let at_home = url.origin() == request.url.origin();
        if at_home {
            if let Some(basic) = basic(&request.url) {
                headers.insert(header::AUTHORIZATION, basic);
            }
        } else {
            headers.remove(header::AUTHORIZATION);
            headers.remove(header::COOKIE);
        }
        let set = |headers: &mut HeaderMap, name, value: Option<&str>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        };
        // As browsers do: once a redirect has led from https to http, nothing is told.
        let hops = passed.iter().zip(passed.iter().skip(1).chain([url]));
        if hops.into_iter().any(|(from, to)| from.scheme() == "https" && to.scheme() == "http") {
            headers.remove(header::REFERER);
        } else {
            set(&mut headers, header::REFERER, request.referer.as_deref());
        }
        if let Some(condition) = &request.condition {
            set(&mut headers, header::IF_NONE_MATCH, condition.etag.as_deref());
            set(&mut headers, header::IF_MODIFIED_SINCE, condition.last_modified.as_deref());
        }
        if let Some(resume) = &request.resume {
            set(&mut headers, header::RANGE, Some(&format!("bytes={}-", resume.from)));
            set(&mut headers, header::IF_RANGE, Some(&resume.if_range));
        }
        headers
    }
}

impl Fetch for HttpFetcher {
    async fn exchange(&self, request: Exchange, sent: &mut u64) -> Result<Answer, Trouble> {
        self.follow(request, sent).await
    }
}

/// Says at which hop it happened.
fn at_hop(trouble: Trouble, url: &Url, trail: &Trail) -> Trouble {
    if trail.passed.is_empty() {
        return trouble;
    }
    Trouble::new(trouble.kind, format!("redirected to {}: {}", shown(url), trouble.detail))
}

/// Reads a body that nobody wants to its end, if that is near: only then can its connection be used again (RFC 9112
/// section 9.3).
pub(super) async fn drain(mut body: Body) {
    let to_its_end = async {
        let mut read = 0;
        while let Some(Ok(chunk)) = body.next().await {
            read += chunk.len();
            if read > DRAIN_MAX {
                break;
            }
        }
    };
    // What does not come at once costs more than a new connection.
    let _ = timeout(DRAIN_TIME, to_its_end).await;
    // Whoever holds the connection gives it back now.
    tokio::task::yield_now().await;
}

fn body(response: reqwest::Response) -> Body {
    Box::pin(response.bytes_stream().map(|chunk| chunk.map_err(trouble)))
}

fn end(response: reqwest::Response, final_url: Url, trail: Trail) -> Response {
    let headers = response.headers().clone();
    let counted = headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
    let framing =
        if counted || response.version() == reqwest::Version::HTTP_2 { Framing::Known } else { Framing::UntilClose };
    Response {
        status: response.status().as_u16(),
        final_url,
        redirects: trail.shown(),
        headers,
        framing,
        body: body(response),
    }
}

/// Where a redirect leads; `None` when the response is none.
fn location(response: &reqwest::Response, url: &Url) -> Result<Option<Url>, Trouble> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let bad = |what: &str| Trouble::new(FailureKind::Redirects, format!("{} {what}", response.status()));
    let location = response.headers().get(header::LOCATION).ok_or_else(|| bad("without a Location"))?;
    // Not a few servers send the raw bytes of UTF-8.
    let text = String::from_utf8_lossy(location.as_bytes());
    let next = url.join(text.trim()).map_err(|_| bad("to something that is no URL"))?;
    if next.as_str().len() > LOCATION_MAX {
        return Err(bad("to a URL that is too long"));
    }
    Ok(Some(without_credentials(&next)))
}

/// The credentials of a URL as an Authorization header (RFC 7617).
fn basic(url: &Url) -> Option<HeaderValue> {
    use base64::Engine as _;
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    let coded = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::from_str(&format!("Basic {coded}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What an error of the client is called here.
fn trouble(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    if let Some(refusal) = cause::<Refusal>(&error) {
        return Trouble::new(FailureKind::OutOfScope, refusal.to_string());
    }
    if let Some(error) = cause::<std::io::Error>(&error)
        && StoreErrorKind::of(error) == StoreErrorKind::TooManyOpenFiles
    {
        // Says nothing of the host, and the next one would meet it as well.
        let told = format!("cannot connect: {error}. {}", StoreErrorKind::TooManyOpenFiles.advice());
        return Trouble::new(FailureKind::Disk, told);
    }
    let kind = if cause::<rustls::Error>(&error).is_some() {
        FailureKind::Tls
    } else if error.is_dns() {
        FailureKind::Dns
    } else if error.is_timeout() {
        FailureKind::Timeout
    } else if error.is_builder() {
        FailureKind::BadUrl
    } else if error.is_body() || error.is_decode() {
        FailureKind::Truncated
    } else {
        FailureKind::Connection
    };
    // What stands around the resolver's own words says nothing more, and leaves no room for them in a summary.
    let detail = if kind == FailureKind::Dns { last_cause(&error).to_string() } else { causes(&error) };
    Trouble::new(kind, detail)
}

fn last_cause<'e>(error: &'e (dyn std::error::Error + 'static)) -> &'e (dyn std::error::Error + 'static) {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error)
}

/// The first cause of type `T`, also inside of I/O errors.
fn cause<'e, T: std::error::Error + 'static>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| cause::<T>(inner)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error and its causes in one line.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = cause.source();
    }
    text
}
