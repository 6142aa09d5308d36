//! Listening: TCP on the loopback and a Unix socket, with bounds on what a connection may cost.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::api::guard::Way;
use crate::settings::ApiAddress;

/// Connections at a time of one listener. Each has its own, so that whoever may open the Unix socket is served whatever
/// others do to the port.
const CONNECTIONS_MAX: usize = 64;
/// How long a connection may take to send its request's head, and may be idle between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request in bytes; the library's smallest.
const HEAD_MAX: usize = 8 * 1024;
/// After an accept that failed for want of descriptors there is no sense in trying at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An open listener.
pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Where it listens, in the form that `--api` takes.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => {
                listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
            }
            Self::Unix(_, path) => format!("unix:{}", path.display()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // The next start would replace it anyway.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Opens one listener. `group` may use the Unix socket beside its owner.
pub(crate) async fn open(address: &ApiAddress, group: Option<&str>) -> io::Result<Listener> {
    match address {
        ApiAddress::Tcp(address) => Ok(Listener::Tcp(TcpListener::bind(address).await?)),
        ApiAddress::Unix(path) => {
            remove_stale(path).await?;
            if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
                std::fs::create_dir(parent)?;
            }
            let listener = UnixListener::bind(path)?;
            if let Some(group) = group {
                give_to_group(path, group)?;
            }
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
            Ok(Listener::Unix(listener, path.clone()))
        }
    }
}

/// Takes away a socket that a daemon left behind when it was killed, but not one that somebody still answers on.
async fn remove_stale(path: &Path) -> io::Result<()> {
    // A connection to any other kind of file is refused in the same way.
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    if !is_socket {
        return Ok(());
    }
    match UnixStream::connect(path).await {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another program answers on this socket")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

fn give_to_group(path: &Path, group: &str) -> io::Result<()> {
    let found = nix::unistd::Group::from_name(group)?
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group {group}")))?;
    Ok(nix::unistd::chown(path, None, Some(found.gid))?)
}

/// Serves `router` on all listeners for ever.
pub(crate) async fn serve(listeners: Vec<Listener>, router: Router) {
    let mut tasks = tokio::task::JoinSet::new();
    for listener in listeners {
        tasks.spawn(accept(listener, router.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

async fn accept(listener: Listener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = match &listener {
            Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                // Small answers, wanted at once.
                let _ = stream.set_nodelay(true);
                spawn(stream, Way::Tcp, router.clone(), place);
            }),
            Listener::Unix(listener, _) => {
                listener.accept().await.map(|(stream, _)| spawn(stream, Way::Unix, router.clone(), place))
            }
        };
        if let Err(error) = accepted {
            tracing::debug!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

fn spawn(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    way: Way,
    router: Router,
    place: tokio::sync::OwnedSemaphorePermit,
) {
    tokio::spawn(async move {
        let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(way);
            let mut router = router.clone();
            async move { tower_service::Service::call(&mut router, request).await }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection ended early");
        }
        drop(place);
    });
}
