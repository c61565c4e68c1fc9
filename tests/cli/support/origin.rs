//! An origin server for every host there is, plain and over TLS, that writes down what it is asked.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::{Answer, Certificate, Identity, Reply, Wire};

/// One request as it arrived: a line of the server's log.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// Since the server was started.
    pub at: Duration,
    /// Which of the server's connections it came by, from 0.
    pub connection: usize,
    /// How many requests for the same URL the log had before.
    pub before: usize,
    pub scheme: &'static str,
    pub method: String,
    /// The Host header.
    pub host: String,
    /// With the query.
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.path)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

type Script = Box<dyn Fn(&Asked) -> Reply + Send>;

/// A running server; it ends with the test.
pub struct Origin {
    plain: SocketAddr,
    tls: SocketAddr,
    identity: Identity,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    started: Instant,
    script: Mutex<Script>,
    log: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    arrived: Condvar,
}

impl Origin {
    /// Answers every request as `script` says, be it an [`Answer`] or any other [`Reply`].
    pub fn new<R: Into<Reply>>(script: impl Fn(&Asked) -> R + Send + 'static) -> Self {
        Origin::with_certificate(Certificate::Good, script)
    }

    /// The same, and shows this certificate over TLS.
    pub fn with_certificate<R: Into<Reply>>(
        certificate: Certificate,
        script: impl Fn(&Asked) -> R + Send + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let shared = Arc::new(Shared {
            started: Instant::now(),
            script: Mutex::new(Box::new(move |asked| script(asked).into())),
            log: Mutex::new(Vec::new()),
            connections: AtomicUsize::new(0),
            arrived: Condvar::new(),
        });
        let identity = Identity::new(certificate, &["http/1.1"]);
        let bind = || runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let (plain, tls) = (bind(), bind());
        let addresses = (plain.local_addr().unwrap(), tls.local_addr().unwrap());
        runtime.spawn(accept(plain, None, shared.clone()));
        runtime.spawn(accept(tls, Some(identity.acceptor.clone()), shared.clone()));
        Origin { plain: addresses.0, tls: addresses.1, identity, shared, _runtime: runtime }
    }

    /// Has a picture of its own for every URL.
    pub fn of_pictures() -> Self {
        Origin::new(Answer::picture)
    }

    /// Answers as `script` says from now on.
    pub fn answers<R: Into<Reply>>(&self, script: impl Fn(&Asked) -> R + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(move |asked| script(asked).into());
    }

    /// The address of the plain server.
    pub fn plain(&self) -> SocketAddr {
        self.plain
    }

    /// The address of the server over TLS.
    pub fn tls(&self) -> SocketAddr {
        self.tls
    }

    /// How many connections were opened so far, to either server.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// What leads the program here whatever host it asks for.
    pub fn flags(&self) -> Vec<String> {
        let connect = |port, to: SocketAddr| format!("--connect-to=:{port}:{}:{}", to.ip(), to.port());
        let authority = self.certificate().into_os_string().into_string().unwrap();
        vec![connect(80, self.plain), connect(443, self.tls), format!("--cacert={authority}")]
    }

    /// The file with the certificate to trust.
    pub fn certificate(&self) -> PathBuf {
        self.identity.authority()
    }

    /// Everything that was asked so far, in order; the log then begins anew.
    pub fn take_log(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }

    /// The URLs of [`Origin::take_log`], sorted.
    pub fn take_urls(&self) -> Vec<String> {
        let mut urls: Vec<_> = self.take_log().iter().map(Asked::url).collect();
        urls.sort();
        urls
    }

    /// Waits until this many requests have arrived.
    #[track_caller]
    pub fn wait_for(&self, requests: usize) {
        // The limit is there to fail instead of hanging; nothing is measured by it.
        let (log, limit) = (self.shared.log.lock().unwrap(), Duration::from_secs(120));
        let waited = self.shared.arrived.wait_timeout_while(log, limit, |log| log.len() < requests).unwrap();
        assert!(!waited.1.timed_out(), "{requests} requests never arrived");
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, shared) = (acceptor.clone(), shared.clone());
        let connection = shared.connections.fetch_add(1, Ordering::Relaxed);
        // A connection that breaks is the client's affair.
        tokio::spawn(async move {
            let _ = match acceptor {
                None => serve(stream, "http", connection, &shared).await,
                Some(acceptor) => match acceptor.accept(stream).await {
                    Ok(stream) => serve(stream, "https", connection, &shared).await,
                    Err(error) => Err(error),
                },
            };
        });
    }
}

async fn serve(stream: impl Wire, scheme: &'static str, connection: usize, shared: &Shared) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    // A TLS handshake where none is expected is answered as servers do: in plain text.
    if scheme == "http" && stream.fill_buf().await?.first() == Some(&0x16) {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    }
    while let Some(mut asked) = request(&mut stream, scheme).await? {
        (asked.at, asked.connection) = (shared.started.elapsed(), connection);
        {
            let mut log = shared.log.lock().unwrap();
            asked.before = log.iter().filter(|earlier| earlier.url() == asked.url()).count();
            log.push(asked.clone());
        }
        let reply = (shared.script.lock().unwrap())(&asked);
        shared.arrived.notify_all();
        reply.write(&mut stream).await?;
    }
    Ok(())
}

/// Reads one request, which has no body. `None` at the end of the connection.
async fn request(stream: &mut (impl AsyncBufRead + Unpin), scheme: &'static str) -> io::Result<Option<Asked>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let (first, headers) = lines.split_first().ok_or(io::ErrorKind::InvalidData)?;
    let mut parts = first.split(' ').map(str::to_owned);
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let mut asked = Asked {
        at: Duration::ZERO,
        connection: 0,
        before: 0,
        scheme,
        method: parts.next().unwrap_or_default(),
        host: String::new(),
        path: parts.next().unwrap_or_default(),
        headers,
    };
    asked.host = asked.header("host").unwrap_or_default().to_owned();
    Ok(Some(asked))
}
