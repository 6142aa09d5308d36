//! The sockets together: opened when an interface needs them, kept in step with the interfaces, retried when taken.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use kimchi_peers_proto::{Datagram, Instant, Interface};
use tokio::io::Ready;

use crate::error_queue::Unreachable;
use crate::rivals::Bound;
use crate::socket::{Buffers, DiscoverySocket};

/// Where to listen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listening {
    pub(crate) group_v4: Ipv4Addr,
    pub(crate) group_v6: Ipv6Addr,
    pub(crate) port: u16,
    /// The address of the unicast socket: all of this host's, or one where several hosts share a machine.
    pub(crate) unicast: Ipv4Addr,
}

/// All sockets of one host.
pub(crate) struct Sockets {
    listening: Listening,
    pub(crate) group_v4: Option<DiscoverySocket>,
    pub(crate) unicast_v4: Option<DiscoverySocket>,
    pub(crate) v6: Option<DiscoverySocket>,
    joined: BTreeSet<(IpAddr, u32)>,
    buffers: Buffers,
}

/// Which socket has something to take.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    GroupV4,
    UnicastV4,
    V6,
}

impl Sockets {
    pub(crate) fn new(listening: Listening) -> Self {
        Self { listening, group_v4: None, unicast_v4: None, v6: None, joined: BTreeSet::new(), buffers: Buffers::new() }
    }

    /// The port of discovery.
    pub(crate) fn port(&self) -> u16 {
        self.listening.port
    }

    /// The sockets that take what is sent to this host alone.
    pub(crate) fn bound(&self) -> Vec<Bound> {
        let v4 = self.unicast_v4.iter().map(|socket| (IpAddr::V4(self.listening.unicast), socket));
        let v6 = self.v6.iter().map(|socket| (IpAddr::V6(Ipv6Addr::UNSPECIFIED), socket));
        v4.chain(v6).map(|(address, socket)| Bound { address, inode: socket.inode() }).collect()
    }

    /// Opens what `interfaces` need and joins the group there. Tells what did not work; the rest works all the same.
    pub(crate) fn follow(&mut self, interfaces: &[Interface]) -> Vec<Trouble> {
        let mut troubles = Vec::new();
        let wanted: BTreeSet<(IpAddr, u32)> = interfaces
            .iter()
            .filter_map(|interface| Some((self.group_of(interface.address()?), interface.index)))
            .collect();
        if let Err(error) = self.open(&wanted) {
            troubles.push(Trouble::Open { port: self.listening.port, error });
        }
        let gone: Vec<_> = self.joined.difference(&wanted).copied().collect();
        for (group, interface) in gone {
            self.joined.remove(&(group, interface));
            // The kernel has left already where the interface itself is gone.
            if let Some(socket) = self.group_socket(group) {
                let _ = socket.leave(group, interface);
            }
        }
        let new: Vec<_> = wanted.difference(&self.joined).copied().collect();
        for (group, interface) in new {
            match self.group_socket(group).map(|socket| socket.join(group, interface)) {
                Some(Ok(())) => {
                    self.joined.insert((group, interface));
                }
                Some(Err(error)) => troubles.push(Trouble::Join { interface, error }),
                None => {}
            }
        }
        troubles
    }

    /// Whether the group is joined on an interface.
    pub(crate) fn is_joined(&self, interface: u32) -> bool {
        self.joined.iter().any(|(_, index)| *index == interface)
    }

    /// Leaves the group on an interface and joins it again, so that a switch hears of it anew. Where joining fails, the next
    /// [`Self::follow`] tries again.
    pub(crate) fn rejoin(&mut self, interface: u32) {
        let there: Vec<_> = self.joined.iter().filter(|(_, index)| *index == interface).copied().collect();
        for (group, interface) in there {
            let Some(socket) = self.group_socket(group) else { continue };
            // Whoever is no member cannot leave, and that is what was wanted.
            let _ = socket.leave(group, interface);
            if socket.join(group, interface).is_err() {
                self.joined.remove(&(group, interface));
            }
        }
    }

    fn open(&mut self, wanted: &BTreeSet<(IpAddr, u32)>) -> io::Result<()> {
        let Listening { group_v4, port, unicast, .. } = self.listening;
        if wanted.iter().any(|(group, _)| group.is_ipv4()) {
            if self.group_v4.is_none() {
                self.group_v4 = Some(DiscoverySocket::group_v4(group_v4, port)?);
            }
            if self.unicast_v4.is_none() {
                self.unicast_v4 = Some(DiscoverySocket::unicast_v4(unicast, port)?);
            }
        }
        if wanted.iter().any(|(group, _)| group.is_ipv6()) && self.v6.is_none() {
            self.v6 = Some(DiscoverySocket::v6(port)?);
        }
        Ok(())
    }

    fn group_of(&self, address: IpAddr) -> IpAddr {
        if address.is_ipv4() { self.listening.group_v4.into() } else { self.listening.group_v6.into() }
    }

    fn group_socket(&self, group: IpAddr) -> Option<&DiscoverySocket> {
        if group.is_ipv4() { self.group_v4.as_ref() } else { self.v6.as_ref() }
    }

    /// Waits until one of the sockets has a datagram or an error to take. Cancelling loses nothing.
    pub(crate) async fn ready(&self) -> io::Result<(Which, Ready)> {
        tokio::select! {
            ready = ready(self.group_v4.as_ref()) => ready.map(|ready| (Which::GroupV4, ready)),
            ready = ready(self.unicast_v4.as_ref()) => ready.map(|ready| (Which::UnicastV4, ready)),
            ready = ready(self.v6.as_ref()) => ready.map(|ready| (Which::V6, ready)),
        }
    }

    /// Gives one batch of waiting datagrams to `take`, and tells whether more may be waiting.
    pub(crate) fn receive(&mut self, now: Instant, which: Which, take: impl FnMut(Datagram<'_>)) -> io::Result<bool> {
        let socket = match which {
            Which::GroupV4 => &mut self.group_v4,
            Which::UnicastV4 => &mut self.unicast_v4,
            Which::V6 => &mut self.v6,
        };
        socket.as_mut().map_or(Ok(false), |socket| socket.receive(now, &mut self.buffers, take))
    }

    /// Gives to `take` who answered a datagram by "port unreachable".
    pub(crate) fn take_errors(&self, which: Which, take: impl FnMut(Unreachable)) {
        let socket = match which {
            Which::GroupV4 => &self.group_v4,
            Which::UnicastV4 => &self.unicast_v4,
            Which::V6 => &self.v6,
        };
        if let Some(socket) = socket {
            socket.take_errors(take);
        }
    }

    /// Sends one datagram.
    pub(crate) fn send(&self, interface: u32, from: IpAddr, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let socket = if to.is_ipv4() { &self.unicast_v4 } else { &self.v6 };
        let socket = socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        socket.send(interface, from, to, bytes)
    }

    /// Datagrams that the kernel dropped for want of room.
    pub(crate) fn kernel_drops(&self) -> u64 {
        self.all().map(|socket| u64::from(socket.kernel_drops())).sum()
    }

    /// Datagrams that were skipped because this host could not keep up.
    pub(crate) fn skipped(&self) -> u64 {
        self.all().map(DiscoverySocket::skipped).sum()
    }

    fn all(&self) -> impl Iterator<Item = &DiscoverySocket> {
        [&self.group_v4, &self.unicast_v4, &self.v6].into_iter().flatten()
    }
}

async fn ready(socket: Option<&DiscoverySocket>) -> io::Result<Ready> {
    match socket {
        Some(socket) => socket.ready().await,
        None => std::future::pending().await,
    }
}

/// What keeps a socket from working, for the operator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The port could not be opened.
    #[error("cannot listen on UDP port {port}: {error}; see which program holds it with: ss -ulpn 'sport = :{port}'")]
    Open { port: u16, error: io::Error },
    /// An interface would not join the group.
    #[error(
        "cannot join the group on interface number {interface}: {error}; with many interfaces raise net.ipv4.igmp_max_memberships"
    )]
    Join { interface: u32, error: io::Error },
}

impl Trouble {
    /// Why the port is not open, if that is the trouble.
    pub(crate) fn port_error(&self) -> Option<String> {
        match self {
            Self::Open { error, .. } => Some(error.to_string()),
            Self::Join { .. } => None,
        }
    }
}
