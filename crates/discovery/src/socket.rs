//! The UDP sockets: where datagrams come in and go out.
//!
//! IPv4 has two. The *group* socket is bound to the group's address, so the kernel gives it nothing else. The *unicast*
//! socket joins nothing and takes what is sent to this host alone; it also sends, so that answers come back through
//! the same firewall hole. IPv6 has one for both, because Linux ties a socket bound to a link-local group to a single
//! interface; there the destination address in the packet information tells the two apart.
//!
//! `SO_REUSEADDR` lets several programs of one host hear the group. `SO_REUSEPORT` would give each datagram to only one
//! of them, and `SO_BINDTODEVICE` would lose what is looped back.

use std::cell::RefCell;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;

use kimchi_peers_proto::{DATAGRAM_MAX, Datagram, Lane, UNICAST_TTL};
use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmmsg,
    sendmsg, setsockopt, sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// Datagrams taken with one system call.
const BATCH: usize = 32;
/// One byte more than the longest datagram tells that one was longer.
const BUFFER: usize = DATAGRAM_MAX + 1;
/// Receive buffer asked of the kernel, in bytes: about 10,000 datagrams. The kernel may grant less
/// (`net.core.rmem_max`).
const RECEIVE_BUFFER: usize = 4 << 20;

/// Which part of the traffic a socket serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    GroupV4,
    UnicastV4,
    V6,
}

/// One socket.
pub(crate) struct DiscoverySocket {
    role: Role,
    socket: UdpSocket,
    kernel_drops: u32,
}

/// Where one batch is received into.
struct Scratch {
    headers: MultiHeaders<SockaddrStorage>,
    buffers: Box<[[u8; BUFFER]; BATCH]>,
}

thread_local! {
    /// One for all sockets of a thread: the headers hold pointers and may not move to another thread, as a task may.
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        headers: MultiHeaders::preallocate(BATCH, Some(cmsg_space!(nix::libc::in6_pktinfo, nix::libc::c_int, u32))),
        buffers: Box::new([[0; BUFFER]; BATCH]),
    });
}

impl DiscoverySocket {
    /// The socket that hears the IPv4 group.
    pub(crate) fn group_v4(group: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = new_socket(Domain::IPV4)?;
        socket.set_multicast_all_v4(false)?;
        socket.bind(&SocketAddr::from((group, port)).into())?;
        Self::finish(socket, Role::GroupV4)
    }

    /// The IPv4 socket that sends, and that hears what is sent to `bind` alone.
    pub(crate) fn unicast_v4(bind: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = new_socket(Domain::IPV4)?;
        socket.set_multicast_all_v4(false)?;
        socket.set_multicast_ttl_v4(1)?;
        socket.set_ttl_v4(u32::from(UNICAST_TTL))?;
        socket.bind(&SocketAddr::from((bind, port)).into())?;
        Self::finish(socket, Role::UnicastV4)
    }

    /// The IPv6 socket for everything.
    pub(crate) fn v6(port: u16) -> io::Result<Self> {
        let socket = new_socket(Domain::IPV6)?;
        socket.set_only_v6(true)?;
        socket.set_multicast_all_v6(false)?;
        socket.set_multicast_hops_v6(1)?;
        socket.set_unicast_hops_v6(u32::from(UNICAST_TTL))?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        Self::finish(socket, Role::V6)
    }

    fn finish(socket: Socket, role: Role) -> io::Result<Self> {
        match role {
            Role::GroupV4 | Role::UnicastV4 => {
                setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
                setsockopt(&socket, sockopt::Ipv4RecvTtl, &true)?;
            }
            Role::V6 => {
                setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
                setsockopt(&socket, sockopt::Ipv6RecvHopLimit, &true)?;
            }
        }
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        Ok(Self { role, socket: UdpSocket::from_std(socket.into())?, kernel_drops: 0 })
    }

    /// Hears the group on an interface.
    pub(crate) fn join(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        let socket = socket2::SockRef::from(&self.socket);
        match group {
            IpAddr::V4(group) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface)),
            IpAddr::V6(group) => socket.join_multicast_v6(&group, interface),
        }
    }

    /// Hears the group on an interface no more.
    pub(crate) fn leave(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        let socket = socket2::SockRef::from(&self.socket);
        match group {
            IpAddr::V4(group) => socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface)),
            IpAddr::V6(group) => socket.leave_multicast_v6(&group, interface),
        }
    }

    /// Datagrams that the kernel dropped for want of room, since the socket was opened.
    pub(crate) fn kernel_drops(&self) -> u32 {
        self.kernel_drops
    }

    /// Waits until there is something to receive. Cancelling loses nothing.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await
    }

    /// Gives one batch of waiting datagrams to `take`, one by one.
    pub(crate) fn receive(&mut self, take: impl FnMut(Datagram<'_>)) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| self.receive_into(scratch, take))
    }

    fn receive_into(&mut self, scratch: &mut Scratch, mut take: impl FnMut(Datagram<'_>)) -> io::Result<()> {
        let Self { role, socket, kernel_drops } = self;
        let Scratch { headers, buffers } = scratch;
        let outcome = socket.try_io(Interest::READABLE, || {
            let mut slices: Vec<[IoSliceMut<'_>; 1]> =
                buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
            let batch = recvmmsg(socket.as_raw_fd(), headers, &mut slices, MsgFlags::MSG_DONTWAIT, None)?;
            let mut received = 0;
            for message in batch {
                received += 1;
                let arrival = Arrival::of(message.cmsgs());
                if let Some(dropped) = arrival.kernel_drops {
                    *kernel_drops = dropped;
                }
                let Some(from) = message.address.as_ref().and_then(socket_address) else { continue };
                let bytes: &[u8] = message.iovs().next().unwrap_or_default();
                let lane = arrival.lane(*role);
                take(Datagram { interface: arrival.interface, from, lane, ttl: arrival.ttl, bytes });
            }
            // A short batch emptied the queue: saying so saves the call that would find nothing.
            if received < BATCH { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    /// Sends one datagram by `interface` with the source address `from`. Never waits: a full send buffer is an error.
    pub(crate) fn send(&self, interface: u32, from: IpAddr, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let payload = [IoSlice::new(bytes)];
        // Not through the runtime's readiness: that is learned with a delay, and the very first search must go at once.
        let descriptor = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = match (from, to) {
            (IpAddr::V4(from), SocketAddr::V4(to)) => {
                let information = nix::libc::in_pktinfo {
                    ipi_ifindex: i32::try_from(interface).unwrap_or(0),
                    ipi_spec_dst: nix::libc::in_addr { s_addr: u32::from_ne_bytes(from.octets()) },
                    ipi_addr: nix::libc::in_addr { s_addr: 0 },
                };
                let control = [ControlMessage::Ipv4PacketInfo(&information)];
                sendmsg(descriptor, &payload, &control, flags, Some(&SockaddrIn::from(to)))
            }
            (IpAddr::V6(from), SocketAddr::V6(to)) => {
                let information = nix::libc::in6_pktinfo {
                    ipi6_addr: nix::libc::in6_addr { s6_addr: from.octets() },
                    ipi6_ifindex: interface,
                };
                let scoped = SocketAddrV6::new(*to.ip(), to.port(), 0, interface);
                let control = [ControlMessage::Ipv6PacketInfo(&information)];
                sendmsg(descriptor, &payload, &control, flags, Some(&SockaddrIn6::from(scoped)))
            }
            (IpAddr::V4(_), SocketAddr::V6(_)) | (IpAddr::V6(_), SocketAddr::V4(_)) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        };
        Ok(sent.map(drop)?)
    }
}

fn new_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    // Less than asked for is no reason not to start; what is lost is counted.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}

fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|address| SocketAddr::V4(SocketAddrV4::new(address.ip(), address.port())));
    let v6 = || {
        address.as_sockaddr_in6().map(|address| {
            SocketAddr::V6(SocketAddrV6::new(address.ip(), address.port(), address.flowinfo(), address.scope_id()))
        })
    };
    v4.or_else(v6)
}

/// What the kernel tells beside a datagram.
#[derive(Default)]
struct Arrival {
    interface: u32,
    ttl: u8,
    to_group: bool,
    kernel_drops: Option<u32>,
}

impl Arrival {
    fn of(messages: nix::Result<nix::sys::socket::CmsgIterator<'_>>) -> Self {
        let mut arrival = Self::default();
        for message in messages.into_iter().flatten() {
            #[allow(
                clippy::wildcard_enum_match_arm,
                reason = "the kernel's list grows; what is not asked for is not sent"
            )]
            match message {
                ControlMessageOwned::Ipv4PacketInfo(information) => {
                    arrival.interface = u32::try_from(information.ipi_ifindex).unwrap_or(0);
                }
                ControlMessageOwned::Ipv6PacketInfo(information) => {
                    arrival.interface = information.ipi6_ifindex;
                    arrival.to_group = information.ipi6_addr.s6_addr.first() == Some(&0xff);
                }
                ControlMessageOwned::Ipv4Ttl(ttl) | ControlMessageOwned::Ipv6HopLimit(ttl) => {
                    arrival.ttl = u8::try_from(ttl).unwrap_or(0);
                }
                ControlMessageOwned::RxqOvfl(dropped) => arrival.kernel_drops = Some(dropped),
                _ => {}
            }
        }
        arrival
    }

    fn lane(&self, role: Role) -> Lane {
        match role {
            Role::GroupV4 => Lane::Group,
            Role::UnicastV4 => Lane::Unicast,
            Role::V6 if self.to_group => Lane::Group,
            Role::V6 => Lane::Unicast,
        }
    }
}
