//! A connection to the daemon, over TCP or a Unix socket.

use std::io;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

use crate::client::{ApiAddress, ClientError};

/// How long a connection may take: the daemon is on this host.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// A connection that takes one request.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Connects to the first of the addresses where somebody accepts.
pub(crate) async fn connect(addresses: &[ApiAddress]) -> Result<(ApiAddress, Sender), ClientError> {
    let mut tried = Vec::new();
    for address in addresses {
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
        ApiAddress::Unix(path) => Ok(speak(UnixStream::connect(path).await?).await),
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> hyper::Result<Sender> {
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    // It ends with the answer's body; what goes wrong there shows at the sender or in the body.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}
