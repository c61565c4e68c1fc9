//! An origin server that speaks HTTP/2 and nothing else, well or badly.

use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::http::Response;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::{Certificate, Identity, pictures};

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum H2Answer {
    /// A picture of the URL's own, always the same one.
    Picture,
    Status(u16),
    /// This body, which the head says to be so many bytes long.
    Declared(usize, Vec<u8>),
    /// A picture below so many bytes of header fields.
    Fields(usize),
    /// The stream is reset.
    Reset(ResetAt, Reason),
    /// A body that never ends.
    Endless,
    /// A picture, and the connection takes no more requests: a GOAWAY that lets what is under way end.
    LastPicture,
    /// The connection ends at once, with a GOAWAY that says why.
    Abort(Reason),
}

#[derive(Debug, Clone, Copy)]
pub enum ResetAt {
    /// Before the head.
    Start,
    /// In the middle of a picture of unsaid length, the beginning of which has been read.
    Body,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct H2Asked {
    /// Which of the server's connections it came by, from 0.
    pub connection: usize,
    /// Of the pseudo-header fields.
    pub url: String,
    /// How many requests for the same URL the log had before.
    pub before: usize,
}

type Script = Box<dyn Fn(&H2Asked) -> H2Answer + Send + Sync>;

/// A running server; it ends with the test.
pub struct H2Origin {
    address: SocketAddr,
    identity: Identity,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    script: Script,
    log: Mutex<Vec<H2Asked>>,
}

impl H2Origin {
    /// Answers every request as `script` says.
    pub fn new(script: impl Fn(&H2Asked) -> H2Answer + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared { script: Box::new(script), log: Mutex::default() });
        let identity = Identity::new(Certificate::Good, &["h2"]);
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(accept(listener, identity.acceptor.clone(), shared.clone()));
        H2Origin { address, identity, shared, _runtime: runtime }
    }

    /// What leads the program here whatever host it asks for.
    pub fn flags(&self) -> Vec<String> {
        vec![format!("--connect-to=::{}", self.address), format!("--cacert={}", self.identity.authority().display())]
    }

    /// Everything that was asked so far, in order; the log then begins anew.
    pub fn take_log(&self) -> Vec<H2Asked> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, acceptor: tokio_rustls::TlsAcceptor, shared: Arc<Shared>) {
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { continue };
        // A connection that breaks is the client's affair.
        tokio::spawn(serve(stream, acceptor.clone(), connection, shared.clone()));
    }
}

async fn serve(stream: TcpStream, acceptor: tokio_rustls::TlsAcceptor, connection: usize, shared: Arc<Shared>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let Ok(mut streams) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = streams.accept().await {
        let (asked, answer) = shared.take(connection, &request);
        match answer {
            H2Answer::LastPicture => streams.graceful_shutdown(),
            H2Answer::Abort(reason) => {
                streams.abrupt_shutdown(reason);
                continue;
            }
            _ => {}
        }
        tokio::spawn(send(respond, answer, asked.url));
    }
}

impl Shared {
    fn take(&self, connection: usize, request: &axum::http::Request<RecvStream>) -> (H2Asked, H2Answer) {
        let url = request.uri().to_string();
        let mut log = self.log.lock().unwrap();
        let before = log.iter().filter(|earlier| earlier.url == url).count();
        let asked = H2Asked { connection, url, before };
        log.push(asked.clone());
        let answer = (self.script)(&asked);
        (asked, answer)
    }
}

/// Whoever resets the stream or goes away ends it.
async fn send(mut respond: SendResponse<Bytes>, answer: H2Answer, url: String) -> Result<(), h2::Error> {
    let picture = pictures::for_url(&url);
    let head = |status: u16, length: usize| Response::builder().status(status).header("content-length", length);
    let (head, body) = match answer {
        H2Answer::Reset(ResetAt::Start, reason) => {
            respond.send_reset(reason);
            return Ok(());
        }
        H2Answer::Reset(ResetAt::Body, reason) => {
            let mut stream = respond.send_response(Response::new(()), false)?;
            stream.send_data(endless_picture().into(), false)?;
            more(&mut stream, WINDOW).await?;
            stream.send_reset(reason);
            return Ok(());
        }
        H2Answer::Endless => {
            let mut stream = respond.send_response(Response::new(()), false)?;
            more(&mut stream, usize::MAX).await?;
            return Ok(());
        }
        H2Answer::Status(status) => (head(status, 0), Vec::new()),
        H2Answer::Declared(length, body) => (head(200, length), body),
        H2Answer::Fields(bytes) => {
            let fields = (0..bytes / 1000).map(|n| (format!("x-field-{n}"), "x".repeat(1000)));
            (fields.fold(head(200, picture.len()), |head, (name, value)| head.header(name, value)), picture)
        }
        H2Answer::Picture | H2Answer::LastPicture | H2Answer::Abort(_) => (head(200, picture.len()), picture),
    };
    respond.send_response(head.body(()).unwrap(), false)?.send_data(body.into(), true)
}

/// More than a client takes in before it has read the beginning.
const WINDOW: usize = 8 << 20;

/// Sends at least so many zeros, as fast as they are taken in.
async fn more(stream: &mut SendStream<Bytes>, least: usize) -> Result<(), h2::Error> {
    let mut sent = 0;
    while sent < least {
        stream.reserve_capacity(1 << 14);
        let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else { break };
        stream.send_data(vec![0; room].into(), false)?;
        sent += room;
    }
    Ok(())
}

/// The beginning of a PNG, up to the text of a chunk that is said to be very long.
fn endless_picture() -> Vec<u8> {
    let mut bytes = pictures::png("endless")[..33].to_vec();
    bytes.extend(0x7fff_ffff_u32.to_be_bytes());
    bytes.extend(b"tEXt");
    bytes
}
