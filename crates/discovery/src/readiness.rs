//! Waiting until a descriptor can be read, and for nothing else.
//!
//! The runtime's own sockets wait for room to send as well. The kernel tells of that each time that it has let go of a
//! datagram that was sent, so a host would be woken once more for each of them: nearly twice as often as it has reason to.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Registers a non-blocking descriptor with the running runtime for what can be read, errors included.
///
/// # Errors
/// The operating system refuses to watch it.
#[expect(
    deprecated,
    reason = "what comes instead is unsafe, as a type's AsRawFd could lie; one that is AsFd too does not"
)]
pub(crate) fn watch<T: AsFd + AsRawFd>(descriptor: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(descriptor, Interest::READABLE | Interest::ERROR)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_sent_wakes_nobody_and_what_comes_in_does() {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        let other = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
        let watched = watch(socket).unwrap();
        let ready = || tokio::time::timeout(Duration::from_millis(50), watched.ready(Interest::READABLE));
        watched.get_ref().send_to(b"question", other.local_addr().unwrap()).unwrap();
        other.recv(&mut [0; 16]).unwrap();
        assert!(ready().await.is_err());
        other.send_to(b"answer", watched.get_ref().local_addr().unwrap()).unwrap();
        assert!(ready().await.is_ok());
    }
}
