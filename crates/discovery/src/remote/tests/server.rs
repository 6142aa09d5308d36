//! Servers on loopback that the checks meet.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A throw-away certificate and its key.
pub(super) struct Identity {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
}

impl Identity {
    pub(super) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["kvm9.example.org".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        Self { certificate: made.cert.der().clone(), key }
    }

    /// One with an RSA key, as Kimchi's installation makes it. ring cannot make such a key, so it is in a file; it protects
    /// nothing.
    pub(super) fn with_rsa() -> Self {
        let pair = rcgen::KeyPair::from_pem(include_str!("rsa-key.pem")).unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["kvm9.example.org".to_owned()]).unwrap();
        let certificate = parameters.self_signed(&pair).unwrap().der().clone();
        Self { certificate, key: PrivateKeyDer::try_from(pair.serialize_der()).unwrap() }
    }

    /// The same certificate as version 1: without the fields of version and extensions. Its own signature is wrong then,
    /// which nobody looks at.
    pub(super) fn in_version_1(self) -> Self {
        let (to_be_signed, rest) = split(content(&self.certificate));
        let mut fields = content(to_be_signed);
        let mut kept = Vec::new();
        while !fields.is_empty() {
            let (field, others) = split(fields);
            if !matches!(field[0], 0xa0 | 0xa3) {
                kept.extend_from_slice(field);
            }
            fields = others;
        }
        let body = [sequence(&kept), rest.to_vec()].concat();
        Self { certificate: sequence(&body).into(), key: self.key }
    }
}

fn head(der: &[u8]) -> (usize, usize) {
    match der[1] {
        0x82 => (4, usize::from(der[2]) << 8 | usize::from(der[3])),
        0x81 => (3, usize::from(der[2])),
        length => (2, usize::from(length)),
    }
}

fn content(der: &[u8]) -> &[u8] {
    let (start, length) = head(der);
    &der[start..start + length]
}

fn split(der: &[u8]) -> (&[u8], &[u8]) {
    let (start, length) = head(der);
    der.split_at(start + length)
}

fn sequence(body: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[0x30, 0x82, high, low], body].concat()
}

/// Shows a certificate without asking whether the key belongs to it.
#[derive(Debug)]
struct Unchecked(Arc<CertifiedKey>);

impl ResolvesServerCert for Unchecked {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// A TLS server that ends each session after the client has.
pub(super) async fn tls(identity: Identity, version: &'static SupportedProtocolVersion) -> SocketAddr {
    let key = any_supported_type(&identity.key).unwrap();
    let certified = Arc::new(CertifiedKey::new(vec![identity.certificate], key));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Unchecked(certified)));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut session = acceptor.accept(stream).await?;
            // Both are bugs of the check: a byte above TLS, and an end without the alert that announces it. The panic ends
            // this server, so the next check of it fails.
            assert_eq!(session.read(&mut [0; 1]).await.expect("a proper end of the session"), 0);
            Ok(())
        }
    })
    .await
}

/// A plain HTTP server, which answers a TLS greeting with an error page.
pub(super) async fn http() -> SocketAddr {
    serve(async |mut stream: TcpStream| {
        let _ = stream.read(&mut [0; 2048]).await?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await?;
        stream.shutdown().await
    })
    .await
}

/// A server that hangs up at once.
pub(super) async fn closing() -> SocketAddr {
    serve(async |stream: TcpStream| {
        drop(stream);
        Ok(())
    })
    .await
}

/// A server that accepts (in the kernel) and says nothing, for as long as the listener lives.
pub(super) async fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A port at which nothing listens.
pub(super) async fn closed() -> SocketAddr {
    silent().await.1
}

async fn serve<F: Future<Output = io::Result<()>> + 'static>(answer: impl Fn(TcpStream) -> F + 'static) -> SocketAddr {
    let (listener, address) = silent().await;
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = answer(stream).await;
        }
    });
    address
}
