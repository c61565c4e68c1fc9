//! An origin server on loopback that answers for every host of the sample documents.
//!
//! It is reached as any other server would be: over plain HTTP and over TLS, by the hosts' real names, through the same
//! `--connect-to` and `--cacert` that users have. Nothing in the main job knows that it talks to a demonstration.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::pictures;

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Origin {
    plain: SocketAddr,
    tls: SocketAddr,
    authority: String,
    tasks: [JoinHandle<()>; 2],
}

impl Origin {
    /// Starts the server on two free ports of 127.0.0.1. Its certificate names `hosts`.
    pub async fn start(hosts: Vec<String>) -> anyhow::Result<Self> {
        let (config, authority) = certificate(hosts).context("making a certificate for the demonstration")?;
        let any_port = (Ipv4Addr::LOCALHOST, 0);
        let plain = TcpListener::bind(any_port).await.context("opening a port on 127.0.0.1")?;
        let tls = TcpListener::bind(any_port).await.context("opening a port on 127.0.0.1")?;
        let (plain_address, tls_address) = (plain.local_addr()?, tls.local_addr()?);
        let tls = TlsListener { listener: tls, acceptor: TlsAcceptor::from(Arc::new(config)) };
        let router = axum::Router::new().fallback(answer);
        let tasks = [serve(plain, router.clone()), serve(tls, router)];
        Ok(Origin { plain: plain_address, tls: tls_address, authority, tasks })
    }

    /// The values of `--connect-to` that lead every host to this server.
    pub fn connect_to(&self) -> [String; 2] {
        [format!(":80:127.0.0.1:{}", self.plain.port()), format!(":443:127.0.0.1:{}", self.tls.port())]
    }

    /// The certificate to trust, as `--cacert` takes it.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn serve<L>(listener: L, router: axum::Router) -> JoinHandle<()>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    tokio::spawn(async move {
        // `serve` only ends with the task.
        let _ = axum::serve(listener, router).await;
    })
}

/// Every URL has a picture of its own, always the same one.
async fn answer(headers: HeaderMap, request: Request) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let seed = format!("{host}{path}");
    let (kind, body) = match request.uri().path().ends_with(".gif") {
        true => ("image/gif", pictures::animated_gif(&seed)),
        false => ("image/png", pictures::picture(&seed)),
    };
    (StatusCode::OK, [(header::CONTENT_TYPE, kind)], body).into_response()
}

/// A certificate for `hosts`, and the authority that signed it, both made for this one run.
fn certificate(hosts: Vec<String>) -> anyhow::Result<(ServerConfig, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(hosts)?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((config, authority.pem()))
}

struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            // A connection that fails is the client's loss; the next one may do better.
            let Ok((stream, address)) = self.listener.accept().await else { continue };
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}
