//! Opening listeners: TCP on the loopback, TCP with TLS anywhere, and a Unix socket; or taking over open ones.

use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{Gid, Group, Uid, User};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::unix::UCred;
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::api::inherited::Inherited;
use crate::api::places::Guest;
use crate::api::tls::Tls;
use crate::settings::ApiAddress;

/// Connections that may wait to be accepted; the kernel's own limit is usually higher.
const BACKLOG: i32 = 1024;
/// The mode bit that lets everybody write, which for a socket is to connect.
const OTHERS_WRITE: u32 = 0o002;

/// An open listener.
pub(crate) enum Listener {
    Loopback(TcpListener),
    Tls(TcpListener, Arc<Tls>),
    Unix(UnixListener, SocketFile),
}

/// The path of a Unix socket; removed with the listener if it was made for it.
pub(crate) struct SocketFile {
    pub(crate) path: PathBuf,
    made_here: bool,
}

impl Listener {
    /// Where it listens, in the form that a client's `--api` takes.
    pub(crate) fn address(&self) -> String {
        let tcp = |listener: &TcpListener| {
            listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
        };
        match self {
            Self::Loopback(listener) => tcp(listener),
            Self::Tls(listener, _) => format!("https://{}", tcp(listener)),
            Self::Unix(_, file) => format!("unix:{}", file.path.display()),
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.made_here {
            // The next start would replace it anyway.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Takes over a listener that the service manager has opened; what other hosts can reach is served with `tls`.
pub(crate) fn adopt(inherited: Inherited, tls: Option<&Arc<Tls>>) -> io::Result<Listener> {
    let address = inherited.address();
    match inherited {
        Inherited::Tcp(listener, _) => {
            listener.set_nonblocking(true)?;
            tcp(TcpListener::from_std(listener)?, &address, tls)
        }
        Inherited::Unix(listener, path) => {
            listener.set_nonblocking(true)?;
            Ok(Listener::Unix(UnixListener::from_std(listener)?, SocketFile { path, made_here: false }))
        }
    }
}

fn tcp(listener: TcpListener, address: &ApiAddress, tls: Option<&Arc<Tls>>) -> io::Result<Listener> {
    match (address.exposed(), tls) {
        (None, _) => Ok(Listener::Loopback(listener)),
        (Some(_), Some(tls)) => Ok(Listener::Tls(listener, Arc::clone(tls))),
        (Some(_), None) => Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no certificate for it")),
    }
}

/// Opens one listener. `group` may use the Unix socket beside its owner; what other hosts can reach is served with `tls`.
pub(crate) async fn open(address: &ApiAddress, group: Option<&str>, tls: Option<&Arc<Tls>>) -> io::Result<Listener> {
    let path = match address {
        ApiAddress::Tcp(socket) => return tcp(TcpListener::bind(socket).await?, address, tls),
        ApiAddress::Unix(path) => path,
    };
    remove_stale(path).await?;
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
        std::fs::create_dir(parent)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    if let Some(group) = group {
        give_to_group(path, group)?;
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    // Only now, so that nobody was let in by rights that the socket had before.
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = UnixListener::from_std(std::os::unix::net::UnixListener::from(std::os::fd::OwnedFd::from(socket)))?;
    Ok(Listener::Unix(listener, SocketFile { path: path.clone(), made_here: true }))
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
    let found = Group::from_name(group)?
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no group {group}")))?;
    Ok(nix::unistd::chown(path, None, Some(found.gid))?)
}

/// Who is at the other end of a Unix socket.
pub(crate) fn guest(credentials: &UCred) -> Guest {
    let uid = Uid::from_raw(credentials.uid());
    Guest::User { uid: uid.as_raw(), is_administrator: uid.is_root() || uid == Uid::effective() }
}

/// Whether that user may change something: root, the daemon's own user and members of the socket's group.
///
/// The kernel lets only those open the socket as it is made. Who opens it to everybody lets everybody read, no more.
pub(crate) fn may_change(path: &Path, credentials: &UCred) -> bool {
    let uid = Uid::from_raw(credentials.uid());
    if uid.is_root() || uid == Uid::effective() {
        return true;
    }
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    metadata.mode() & OTHERS_WRITE == 0
        || credentials.gid() == metadata.gid()
        || is_member(uid, Gid::from_raw(metadata.gid()))
}

fn is_member(uid: Uid, gid: Gid) -> bool {
    let (Ok(Some(user)), Ok(Some(group))) = (User::from_uid(uid), Group::from_gid(gid)) else { return false };
    group.mem.contains(&user.name)
}

/// The address at which a connection came in; `None` if the kernel cannot say.
pub(crate) fn local_address(stream: &tokio::net::TcpStream) -> Option<IpAddr> {
    stream.local_addr().ok().map(|address| address.ip().to_canonical())
}
