//! A plain HTTP client that sends exactly what a test wants, right or wrong.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// After this long without a byte a connection hangs.
const READ_LIMIT: Duration = Duration::from_secs(40);

/// Where the API is.
#[derive(Clone)]
pub(crate) enum Target {
    Tcp(String),
    Unix(PathBuf),
    /// An address, and the file with the one certificate that is trusted.
    Tls(String, PathBuf),
}

/// A connection of either kind.
pub(crate) trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

impl Target {
    pub(crate) fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(READ_LIMIT))?;
                Box::new(stream)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(READ_LIMIT))?;
                Box::new(stream)
            }
            Self::Tls(address, certificate) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(READ_LIMIT))?;
                let (host, _) = address.rsplit_once(':').unwrap();
                let name = ServerName::try_from(host.to_owned()).unwrap();
                let connection = ClientConnection::new(trusting(certificate), name).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(connection, stream))
            }
        })
    }

    fn host(&self) -> String {
        match self {
            Self::Tcp(address) | Self::Tls(address, _) => address.clone(),
            Self::Unix(_) => "localhost".to_owned(),
        }
    }
}

/// A client that trusts the certificates of this file.
pub(crate) fn trusting(certificate: &PathBuf) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

/// A request that is being put together.
#[derive(Clone)]
pub(crate) struct Request {
    target: Target,
    line: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(target: Target, method: &str, path: &str) -> Self {
        let headers = vec![("Host".to_owned(), target.host()), ("Connection".to_owned(), "close".to_owned())];
        Self { target, line: format!("{method} {path} HTTP/1.1"), headers, body: Vec::new() }
    }

    /// Sets a header, in the place of one of this name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("Content-Length", &body.len().to_string())
    }

    pub(crate) fn json_body(self, body: &str) -> Self {
        self.body(body.as_bytes()).header("Content-Type", "application/json")
    }

    /// What goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let mut bytes = format!("{}\r\n{headers}\r\n", self.line).into_bytes();
        bytes.extend(&self.body);
        bytes
    }

    /// Opens a connection and sends the request; the answer is the reader's.
    pub(crate) fn begin(&self) -> Box<dyn Stream> {
        let mut stream = self.target.connect().unwrap();
        // A server that has seen enough may answer and close before it has read everything.
        let _ = stream.write_all(&self.bytes());
        stream
    }

    /// Sends it and reads the answer to its end.
    pub(crate) fn send(&self) -> Answer {
        let mut bytes = Vec::new();
        let mut stream = self.begin();
        let mut part = [0; 16 * 1024];
        loop {
            match stream.read(&mut part) {
                Ok(0) => break,
                Ok(count) => bytes.extend(part.iter().take(count)),
                // Reset by a server that has not read everything; what it had answered is here.
                Err(_) if !bytes.is_empty() => break,
                Err(error) => panic!("{}: {error}", self.line),
            }
        }
        Answer::read(&bytes).unwrap_or_else(|| panic!("{}: {:?}", self.line, String::from_utf8_lossy(&bytes)))
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, rest) = bytes.split_at(end);
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Self { status, headers: lines.filter_map(header).collect(), body: rest.get(4..)?.to_vec() })
    }

    /// The value of a header, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.text()))
    }

    /// Panics unless it is an error of this status and code, in JSON, with a sentence.
    pub(crate) fn assert_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/json");
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        let reason = body["reason"].as_str().unwrap();
        assert!(reason.contains(' '), "no sentence: {reason:?}");
        assert!(self.body.iter().all(|byte| !byte.is_ascii_control()), "{}", self.text());
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
    }
}
