//! One exchange: a request, the redirects it is sent on, and the head of the response.
//!
//! Redirects are followed here and not by the client, so that scope is asked at each hop, credentials stay with their
//! origin and circles are seen. What the response means is not judged here.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use reqwest::header::{self, HeaderMap, HeaderValue};
use tokio::time::timeout;
use url::Url;

use super::connect::{Clients, Plan};
use super::cookies::Cookies;
use super::options::{BadOption, Options};
use super::{FailureKind, Validators, one_line, shown, without_credentials};

use crate::scope::Refusal;

/// What to ask for.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// May carry credentials: they go to its own origin and nowhere else.
    pub url: Url,
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
    /// Requests that were sent before it came to this.
    pub requests: u64,
}

impl Trouble {
    pub fn new(kind: FailureKind, detail: impl AsRef<str>) -> Self {
        Trouble { kind, detail: one_line(detail.as_ref()), requests: 0 }
    }
}

/// Makes exchanges. A trait so that tests and benches can do without a network.
pub trait Fetch: Send + Sync + 'static {
    /// One exchange, redirects included. It is dropped when its time is up.
    fn exchange(&self, request: Exchange) -> impl Future<Output = Result<Response, Trouble>> + Send;
}

/// Makes exchanges over the network.
#[derive(Debug)]
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
        Ok(HttpFetcher { clients: Clients::new(options)?, cookies, options: options.clone(), common })
    }

    /// Asks hop after hop, counting the requests in `sent`.
    async fn follow(&self, request: &Exchange, sent: &mut u64) -> Result<Response, Trouble> {
        let mut url = without_credentials(&request.url);
        let mut previous = None;
        let mut redirects = Vec::new();
        let mut seen = HashSet::new();
        loop {
            let headers = self.headers(request, &url, previous.as_ref());
            let plan = self.clients.plan(&url).map_err(|trouble| at_hop(trouble, &url, &redirects))?;
            *sent += 1;
            let response = self.send(plan, &url, headers).await.map_err(|trouble| at_hop(trouble, &url, &redirects))?;
            let Some(next) = location(&response, &url)? else { return Ok(end(response, url, redirects)) };
            redirects.push(shown(&url));
            if redirects.len() > self.options.redirects {
                let detail = format!("more than {} redirects, the last to {}", self.options.redirects, shown(&next));
                return Err(Trouble::new(FailureKind::Redirects, detail));
            }
            // A site may send a visitor back to the same place with a cookie.
            let gift = response.headers().contains_key(header::SET_COOKIE);
            seen.insert(url.clone());
            if seen.contains(&next) && !gift {
                return Err(Trouble::new(
                    FailureKind::Redirects,
                    format!("redirected in a circle to {}", shown(&next)),
                ));
            }
            previous = Some(std::mem::replace(&mut url, next));
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
        let limit = self.options.connect_timeout + self.options.stall_timeout;
        let response = timeout(limit, client.get(sent).headers(headers).send())
            .await
            .map_err(|_| Trouble::new(FailureKind::Timeout, format!("no response within {limit:?}")))?
            .map_err(trouble)?;
        self.cookies.set(url, response.headers());
        Ok(response)
    }

    /// The header fields for a request to `url`, a hop of the exchange `request`.
    fn headers(&self, request: &Exchange, url: &Url, previous: Option<&Url>) -> HeaderMap {
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
        let mut set = |name, value: Option<&str>| {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        };
        // As browsers do: from https to http nothing is told.
        let told = previous.is_none_or(|previous| previous.scheme() != "https" || url.scheme() == "https");
        set(header::REFERER, request.referer.as_deref().filter(|_| told));
        if let Some(condition) = &request.condition {
            set(header::IF_NONE_MATCH, condition.etag.as_deref());
            set(header::IF_MODIFIED_SINCE, condition.last_modified.as_deref());
        }
        if let Some(resume) = &request.resume {
            set(header::RANGE, Some(&format!("bytes={}-", resume.from)));
            set(header::IF_RANGE, Some(&resume.if_range));
        }
        headers
    }
}

impl Fetch for HttpFetcher {
    async fn exchange(&self, request: Exchange) -> Result<Response, Trouble> {
        let mut requests = 0;
        self.follow(&request, &mut requests).await.map_err(|trouble| Trouble { requests, ..trouble })
    }
}

/// Says at which hop it happened.
fn at_hop(trouble: Trouble, url: &Url, redirects: &[String]) -> Trouble {
    if redirects.is_empty() {
        return trouble;
    }
    Trouble::new(trouble.kind, format!("redirected to {}: {}", shown(url), trouble.detail))
}

fn end(response: reqwest::Response, final_url: Url, redirects: Vec<String>) -> Response {
    let headers = response.headers().clone();
    let counted = headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
    let framing =
        if counted || response.version() == reqwest::Version::HTTP_2 { Framing::Known } else { Framing::UntilClose };
    Response {
        status: response.status().as_u16(),
        final_url,
        redirects,
        headers,
        framing,
        body: Box::pin(response.bytes_stream().map(|chunk| chunk.map_err(trouble))),
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
    Trouble::new(kind, causes(&error))
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

/// An error's last cause, which says most, or all of them where they are short.
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
