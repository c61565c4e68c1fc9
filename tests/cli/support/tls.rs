//! Certificates of the tests' own authority: good ones, and every kind of bad one.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

/// What a server has to show to a client that asks for some host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// For that host, in force, signed by the authority that [`Identity::authority`] names.
    Good,
    Expired,
    NotYetValid,
    SelfSigned,
    ForAnotherName,
    /// By an authority of the same name and another key.
    OfAnotherAuthority,
}

/// A server's side of TLS.
pub struct Identity {
    pub acceptor: TlsAcceptor,
    folder: TempDir,
}

impl Identity {
    /// Shows `certificate` and speaks the first of `protocols` (ALPN) that the client speaks too.
    pub fn new(certificate: Certificate, protocols: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let known = authority();
        std::fs::write(folder.path().join("authority.pem"), known.pem()).unwrap();
        let authority = if certificate == Certificate::OfAnotherAuthority { authority() } else { known };
        let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Signer { authority, certificate }));
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Identity { acceptor: TlsAcceptor::from(Arc::new(config)), folder }
    }

    /// The file with the certificate to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Makes a certificate for whatever host a client asks for.
struct Signer {
    authority: CertifiedIssuer<'static, KeyPair>,
    certificate: Certificate,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl ResolvesServerCert for Signer {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = match self.certificate {
            Certificate::ForAnotherName => "another.example",
            _ => hello.server_name().unwrap_or("127.0.0.1"),
        };
        let mut params = CertificateParams::new(vec![host.to_owned()]).ok()?;
        match self.certificate {
            Certificate::Expired => params.not_after = date_time_ymd(2001, 1, 1),
            Certificate::NotYetValid => params.not_before = date_time_ymd(3001, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate().ok()?;
        let made = match self.certificate {
            Certificate::SelfSigned => params.self_signed(&key),
            _ => params.signed_by(&key, &self.authority),
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(vec![made.ok()?.der().clone()], key, &provider).ok().map(Arc::new)
    }
}
