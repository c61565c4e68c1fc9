//! What is answered, and the headers that every answer has.

use std::io::{self, BufWriter, Write};

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use maud::Markup;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes that are read ahead of a client are a few of these.
const CHUNK: usize = 64 << 10;

/// What a page may load and do (<https://www.w3.org/TR/CSP3/>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Pages of this viewer: pictures and styles from here.
    Viewer,
    /// The same, with styles of drawings that stand in the page.
    Article,
    /// Pages that were made to be read from a disk: what they bring along, too.
    Bundle,
    /// Drawings, and whatever is no page: opened by themselves, they are nobody's origin and load nothing.
    Inert,
}

impl Policy {
    fn text(self) -> &'static str {
        match self {
            Policy::Viewer => {
                "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                 base-uri 'none'"
            }
            Policy::Article => {
                "default-src 'none'; img-src 'self'; style-src 'self' 'unsafe-inline'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'"
            }
            // Who made the bundle is not known: in a sandbox without scripts, a page does nothing by itself, such as lead
            // somewhere else after a second (HTML 7.1.5). Its origin it keeps, or it could not load its own pictures.
            Policy::Bundle => {
                "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'; sandbox allow-same-origin allow-forms allow-popups \
                 allow-popups-to-escape-sandbox allow-downloads"
            }
            Policy::Inert => {
                "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; \
                 frame-ancestors 'none'; base-uri 'none'; sandbox"
            }
        }
    }
}

/// How long an answer may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    No,
    /// What stands under this URL never changes.
    Forever,
}

/// An answer.
pub struct Reply {
    pub status: StatusCode,
    pub policy: Policy,
    pub keep: Keep,
    /// Content-Type and all that only some answers have.
    pub headers: Vec<(HeaderName, String)>,
    pub content: Content,
}

/// What writes a body, on a thread that may wait.
type Writing = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

pub enum Content {
    Bytes(Vec<u8>),
    /// Exactly so many bytes; one that breaks off ends the connection.
    Stream(u64, Writing),
    /// A 304 has neither body nor length.
    None,
}

impl Reply {
    pub fn new(status: StatusCode, policy: Policy, content_type: &str, content: Content) -> Self {
        Reply {
            status,
            policy,
            keep: Keep::No,
            headers: vec![(header::CONTENT_TYPE, content_type.to_owned())],
            content,
        }
    }

    /// A page of this viewer.
    pub fn page(status: StatusCode, markup: Markup) -> Self {
        let bytes = markup.into_string().into_bytes();
        Reply::new(status, Policy::Viewer, HTML, Content::Bytes(bytes))
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer as it is sent. Bodies are written by threads for work that waits.
    pub fn into_response(self, only_head: bool) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in EVERY_ANSWER {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.policy.text()));
        headers.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static(match self.keep {
                Keep::No => "no-store",
                Keep::Forever => "private, max-age=31536000, immutable",
            }),
        );
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        match self.content {
            Content::None => {}
            Content::Bytes(bytes) => {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                if !only_head {
                    *response.body_mut() = Body::from(bytes);
                }
            }
            Content::Stream(length, write) => {
                headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
                if !only_head {
                    *response.body_mut() = stream(write);
                }
            }
        }
        response
    }
}

pub const HTML: &str = "text/html; charset=utf-8";

const EVERY_ANSWER: [(&str, &str); 5] = [
    ("x-dns-prefetch-control", "off"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
];

fn stream(write: Writing) -> Body {
    let (sender, receiver) = channel(2);
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(CHUNK, Pipe(sender));
        if let Err(error) = write(&mut out).and_then(|()| out.flush()) {
            // Nobody is there to be told, or the connection ends with it.
            let _ = out.get_ref().0.blocking_send(Err(error));
        }
    });
    let next = async |mut receiver: Receiver<io::Result<Bytes>>| receiver.recv().await.map(|chunk| (chunk, receiver));
    Body::from_stream(futures::stream::unfold(receiver, next))
}

/// The end of a body that is written to. It fails when the client is gone.
struct Pipe(Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = &bytes[..bytes.len().min(CHUNK)];
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(chunk)));
        sent.map(|()| chunk.len()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
