//! Listeners that the service manager has opened and handed over, as `sd_listen_fds(3)` tells.
//!
//! So nobody else on the host can take the port before the daemon has started, or while it starts anew.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;
use thiserror::Error;

use crate::settings::ApiAddress;

/// An open listener that was handed over.
#[derive(Debug)]
pub(crate) enum Inherited {
    /// Listens on this address.
    Tcp(TcpListener, SocketAddr),
    /// Listens on this path.
    Unix(UnixListener, PathBuf),
}

/// What was handed over cannot be served. The socket unit is to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the socket number {0} that the service manager has handed over is neither TCP nor a Unix socket with a path")]
pub(crate) struct InvalidSocket(usize);

impl Inherited {
    /// Takes all that was handed over; a second time there is nothing.
    ///
    /// # Errors
    /// [`InvalidSocket`] for the first one that is of another kind; counted from 1, in the order of the socket unit.
    pub(crate) fn take() -> Result<Vec<Self>, InvalidSocket> {
        let mut handed_over = ListenFd::from_env();
        (0..handed_over.len()).map(|index| Self::take_one(&mut handed_over, index)).collect()
    }

    fn take_one(handed_over: &mut ListenFd, index: usize) -> Result<Self, InvalidSocket> {
        let tcp = handed_over.take_tcp_listener(index).ok().flatten();
        let of_tcp = tcp.and_then(|listener| {
            let address = listener.local_addr().ok()?;
            Some(Self::Tcp(listener, address))
        });
        let of_unix = || {
            let listener = handed_over.take_unix_listener(index).ok().flatten()?;
            let path = listener.local_addr().ok()?.as_pathname()?.to_owned();
            Some(Self::Unix(listener, path))
        };
        of_tcp.or_else(of_unix).ok_or(InvalidSocket(index + 1))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> ApiAddress {
        match self {
            Self::Tcp(_, address) => ApiAddress::Tcp(*address),
            Self::Unix(_, path) => ApiAddress::Unix(path.clone()),
        }
    }
}
