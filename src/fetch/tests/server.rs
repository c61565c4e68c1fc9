//! A server that says exactly the bytes it is told, once for each connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use async_compression::tokio::bufread::{BrotliEncoder, DeflateEncoder, GzipEncoder, ZlibEncoder, ZstdEncoder};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(super) struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    open: usize,
    most: usize,
}

pub(super) trait Reply: Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static {}

impl<F: Fn(&str, usize) -> Vec<u8> + Send + Sync + 'static> Reply for F {}

#[derive(Clone, Copy)]
enum After {
    Close,
    Hold,
}

impl Server {
    /// Answers with what `reply` makes of the request's head and of how many came before, then closes.
    pub(super) async fn start(reply: impl Reply) -> Server {
        Server::run(reply, After::Close, None).await
    }

    /// The same, but the connection is left open.
    pub(super) async fn start_and_hold(reply: impl Reply) -> Server {
        Server::run(reply, After::Hold, None).await
    }

    /// The same over TLS, with a certificate of its own for `name`, which comes back as PEM.
    pub(super) async fn start_tls(name: &str, reply: impl Reply) -> (Server, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let server = Server::run(reply, After::Close, Some(Arc::new(config).into())).await;
        (server, made.cert.pem().into_bytes())
    }

    async fn run(reply: impl Reply, after: After, tls: Option<TlsAcceptor>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (tell, count) = watch::channel(0);
        let (shared, reply) = (Arc::clone(&seen), Arc::new(reply));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (seen, reply, tell, tls) = (Arc::clone(&shared), Arc::clone(&reply), tell.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*reply, after, &seen, &tell).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &*reply, after, &seen, &tell).await;
                            }
                        }
                    }
                });
            }
        });
        Server { address, seen, count, task }
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of all requests so far.
    pub(super) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// The most requests that were being answered at the same time.
    pub(super) fn most_at_once(&self) -> usize {
        self.seen.lock().unwrap().most
    }

    /// Ends when `count` requests have come.
    pub(super) fn asked(&self, count: usize) -> impl Future<Output = ()> + use<> {
        let mut seen = self.count.clone();
        async move {
            seen.wait_for(|seen| *seen >= count).await.unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    reply: &impl Reply,
    after: After,
    seen: &Mutex<Seen>,
    tell: &watch::Sender<usize>,
) {
    let request = read_head(&mut stream).await;
    let before = {
        let mut seen = seen.lock().unwrap();
        seen.requests.push(request.clone());
        seen.open += 1;
        seen.most = seen.most.max(seen.open);
        seen.requests.len() - 1
    };
    tell.send_modify(|count| *count += 1);
    // Lets others in, so that limits that do not hold are seen.
    tokio::task::yield_now().await;
    let reply = reply(&request, before);
    seen.lock().unwrap().open -= 1;
    let _ = stream.write_all(&reply).await;
    if let After::Hold = after {
        std::future::pending::<()>().await;
    }
    let _ = stream.shutdown().await;
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A 200 with a length.
pub(super) fn ok(body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body.to_vec()].concat()
}

/// A response without a body.
pub(super) fn head(status: &str, fields: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{fields}Content-Length: 0\r\n\r\n").into_bytes()
}

/// A reply that declares the whole picture and sends `sent` bytes of it.
pub(super) fn cut(sent: usize, fields: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", picture().len());
    [head.into_bytes(), picture()[..sent].to_vec()].concat()
}

/// A PNG of 16 by 16 pixels that do not compress.
pub(super) fn picture() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 16, 16);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut rng = fastrand::Rng::with_seed(7);
    let pixels: Vec<u8> = (0..256).map(|_| rng.u8(..)).collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

/// `body` under a content coding.
pub(super) async fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match coding {
        "gzip" => GzipEncoder::new(body).read_to_end(&mut out).await,
        "deflate" => ZlibEncoder::new(body).read_to_end(&mut out).await,
        "raw deflate" => DeflateEncoder::new(body).read_to_end(&mut out).await,
        "br" => BrotliEncoder::new(body).read_to_end(&mut out).await,
        "zstd" => ZstdEncoder::new(body).read_to_end(&mut out).await,
        "gzip, br" => {
            let mut inner = Vec::new();
            GzipEncoder::new(body).read_to_end(&mut inner).await.unwrap();
            BrotliEncoder::new(inner.as_slice()).read_to_end(&mut out).await
        }
        other => panic!("{other}"),
    }
    .unwrap();
    out
}
