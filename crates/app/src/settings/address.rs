//! Where the API listens.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Longest path of a Unix socket in bytes: `sun_path` with its final NUL has 108.
const SOCKET_PATH_MAX: usize = 107;

/// Where the API listens or is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiAddress {
    /// A TCP port, never 0.
    Tcp(SocketAddr),
    /// A Unix socket, 1 to 107 bytes.
    Unix(PathBuf),
}

/// Why a text is no API address. The text's owner is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an API address: use 127.0.0.1:8132, [::1]:8132, localhost:8132 or unix:/path")]
pub(crate) struct InvalidApiAddress;

impl FromStr for ApiAddress {
    type Err = InvalidApiAddress;

    fn from_str(text: &str) -> Result<Self, InvalidApiAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let fits = (1..=SOCKET_PATH_MAX).contains(&path.len()) && !path.contains('\0');
            return if fits { Ok(Self::Unix(path.into())) } else { Err(InvalidApiAddress) };
        }
        // Not resolved: what `localhost` is must not depend on a name service.
        let address = match text.strip_prefix("localhost:") {
            Some(port) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
            None => text.parse().ok(),
        };
        address.filter(|address| address.port() != 0).map(Self::Tcp).ok_or(InvalidApiAddress)
    }
}

impl fmt::Display for ApiAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(out),
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

impl ApiAddress {
    /// The address, if hosts of the network could reach it.
    pub(crate) fn exposed(&self) -> Option<SocketAddr> {
        match self {
            // An IPv4 address may hide in an IPv6 one.
            Self::Tcp(address) => Some(*address).filter(|address| !address.ip().to_canonical().is_loopback()),
            Self::Unix(_) => None,
        }
    }
}
