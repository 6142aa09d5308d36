//! A connection to the daemon, over TCP, TLS or a Unix socket.

use std::io;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::client::{ApiAddress, Belief, ClientError};

/// How long a connection may take: the daemon is on this host.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// How long a connection to another host may take, its handshake included.
const FAR_CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// A connection that takes one request.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Connects to the first of the addresses where somebody accepts.
pub(crate) async fn connect(addresses: &[ApiAddress], belief: &Belief) -> Result<(ApiAddress, Sender), ClientError> {
    let mut tried = Vec::new();
    for address in addresses {
        if let ApiAddress::Https { host, port } = address {
            return Ok((address.clone(), open_tls(address, host, *port, belief).await?));
        }
        match tokio::time::timeout(CONNECT_LIMIT, open(address)).await {
            Ok(Ok(Ok(sender))) => return Ok((address.clone(), sender)),
            Ok(Ok(Err(error))) => return Err(ClientError::Broken(address.clone(), error)),
            Ok(Err(error)) => tried.push((address.clone(), error.kind())),
            Err(_) => tried.push((address.clone(), io::ErrorKind::TimedOut)),
        }
    }
    Err(ClientError::Unreachable(tried))
}

async fn open(address: &ApiAddress) -> io::Result<hyper::Result<Sender>> {
    match address {
        ApiAddress::Tcp(address) => Ok(speak(TcpStream::connect(address).await?).await),
        ApiAddress::Https { .. } => Err(io::ErrorKind::Unsupported.into()),
        ApiAddress::Unix(path) => Ok(speak(UnixStream::connect(path).await?).await),
    }
}

/// Connects to another host. Nothing is sent to it before its certificate is known to be the right one.
async fn open_tls(address: &ApiAddress, host: &str, port: u16, belief: &Belief) -> Result<Sender, ClientError> {
    let config = belief.client_config()?;
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ClientError::Address(address.to_string()))?;
    let connected = async {
        let stream = TcpStream::connect((host, port)).await?;
        TlsConnector::from(config).connect(name, stream).await
    };
    let stream = match tokio::time::timeout(FAR_CONNECT_LIMIT, connected).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            return Err(match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                // Our own verdict, which needs no words of the library around it.
                Some(rustls::Error::Other(verdict)) => ClientError::Distrusted(address.clone(), verdict.to_string()),
                Some(error) => ClientError::Distrusted(address.clone(), error.to_string()),
                None => ClientError::Unreachable(vec![(address.clone(), error.kind())]),
            });
        }
        Err(_) => return Err(ClientError::Unreachable(vec![(address.clone(), io::ErrorKind::TimedOut)])),
    };
    speak(stream).await.map_err(|error| ClientError::Broken(address.clone(), error))
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> hyper::Result<Sender> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with the answer's body; what goes wrong there shows at the sender or in the body.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}
