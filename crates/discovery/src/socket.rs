//! The UDP sockets: where datagrams come in and go out.
//!
//! IPv4 has two. The *group* socket is bound to the group's address, so the kernel gives it nothing else. The *unicast*
//! socket joins nothing and takes what is sent to this host alone; it also sends, so that answers come back through
//! the same firewall hole. IPv6 has one for both, because Linux ties a socket bound to a link-local group to a single
//! interface; there the destination address in the packet information tells the two apart.
//!
//! `SO_REUSEADDR` lets several programs of one host hear the group. `SO_REUSEPORT` would give each datagram to only one
//! of them, and `SO_BINDTODEVICE` would lose what is looped back.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use kimchi_peers_proto::{DATAGRAM_MAX, Datagram, Instant, Lane, UNICAST_TTL};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrStorage, recvmmsg, sendmsg, setsockopt,
    sockopt,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, Ready};

use crate::arrival::{Arrival, socket_address};
use crate::backlog::Backlog;
use crate::error_queue::{self, Unreachable};
use crate::readiness;

/// Datagrams taken with one system call, while few come in and while many do.
const BATCH_MIN: usize = 2;
const BATCH_MAX: usize = 64;
/// Errors taken at one go.
const ERRORS_MAX: usize = 64;
/// One byte more than the longest datagram tells that one was longer.
const BUFFER: usize = DATAGRAM_MAX + 1;
/// Receive buffer asked of the kernel, in bytes: about 10,000 datagrams, 0.2 s of the worst flood, as long as a virtual
/// machine is kept from running every now and then. Without the capability `CAP_NET_ADMIN` the kernel grants no more than
/// `net.core.rmem_max`, usually 208 KiB: 250 datagrams.
const RECEIVE_BUFFER: usize = 8 << 20;

/// Which part of the traffic a socket serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    GroupV4,
    UnicastV4,
    V6,
}

impl Role {
    fn lane(self, arrival: &Arrival) -> Lane {
        match self {
            Self::GroupV4 => Lane::Group,
            Self::UnicastV4 => Lane::Unicast,
            Self::V6 if arrival.to_group => Lane::Group,
            Self::V6 => Lane::Unicast,
        }
    }
}

/// One socket.
pub(crate) struct DiscoverySocket {
    role: Role,
    socket: AsyncFd<Socket>,
    /// Its number among the sockets of this host.
    inode: u64,
    kernel_drops: u32,
    backlog: Backlog,
    /// How many datagrams the next batch has room for.
    batch: usize,
}

/// Where batches are received into, by whichever socket has one.
pub(crate) struct Buffers(Vec<[u8; BUFFER]>);

impl Buffers {
    /// Room for small batches; it grows with the first large one.
    pub(crate) fn new() -> Self {
        Self(vec![[0; BUFFER]; BATCH_MIN])
    }
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
        match role {
            // It sends nothing, so no error can be about it.
            Role::GroupV4 => {}
            Role::UnicastV4 => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
            Role::V6 => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
        }
        let inode = File::from(OwnedFd::from(socket.try_clone()?)).metadata()?.ino();
        Ok(Self {
            role,
            inode,
            socket: readiness::watch(socket)?,
            kernel_drops: 0,
            backlog: Backlog::default(),
            batch: BATCH_MIN,
        })
    }

    /// Hears the group on an interface.
    pub(crate) fn join(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        let socket = self.socket.get_ref();
        match group {
            IpAddr::V4(group) => socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface)),
            IpAddr::V6(group) => socket.join_multicast_v6(&group, interface),
        }
    }

    /// Hears the group on an interface no more.
    pub(crate) fn leave(&self, group: IpAddr, interface: u32) -> io::Result<()> {
        let socket = self.socket.get_ref();
        match group {
            IpAddr::V4(group) => socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface)),
            IpAddr::V6(group) => socket.leave_multicast_v6(&group, interface),
        }
    }

    /// Its number among the sockets of this host, as `/proc/net/udp` tells it.
    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    /// Datagrams that the kernel dropped for want of room, since the socket was opened.
    pub(crate) fn kernel_drops(&self) -> u32 {
        self.kernel_drops
    }

    /// Datagrams to the group that were skipped because this host could not keep up, since the socket was opened.
    pub(crate) fn skipped(&self) -> u64 {
        self.backlog.skipped()
    }

    /// Waits until there is a datagram or an error to take. Cancelling loses nothing.
    pub(crate) async fn ready(&self) -> io::Result<Ready> {
        Ok(self.socket.ready(Interest::READABLE | Interest::ERROR).await?.ready())
    }

    /// Gives one batch of waiting datagrams to `take`, one by one, and tells whether more may be waiting.
    ///
    /// Where the queue has stood too long, what was sent to the group is skipped. What is for this host alone never is:
    /// whether neighbours take each other for dead hangs on it, and it is little.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        buffers: &mut Buffers,
        mut take: impl FnMut(Datagram<'_>),
    ) -> io::Result<bool> {
        let Self { role, socket, kernel_drops, backlog, batch, .. } = self;
        let (size, old) = (*batch, backlog.is_old(now));
        let outcome = socket.try_io(Interest::READABLE, |socket| {
            let received = receive_batch(socket, size, buffers, |from, arrival, bytes| {
                if let Some(dropped) = arrival.kernel_drops {
                    *kernel_drops = dropped;
                }
                let lane = role.lane(arrival);
                if old && lane == Lane::Group {
                    return backlog.skip();
                }
                take(Datagram { interface: arrival.interface, from, lane, ttl: arrival.ttl, bytes });
            })?;
            let emptied = received < size;
            if !emptied {
                backlog.note(now, false);
            }
            *batch = if emptied { (size / 2).max(BATCH_MIN) } else { (size * 2).min(BATCH_MAX) };
            // A short batch emptied the queue: saying so saves the call that would find nothing.
            if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
        });
        match outcome {
            // The queue is empty, too, where a full batch had taken all of it.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.backlog.note(now, true);
                Ok(false)
            }
            other => other.map(|()| true),
        }
    }

    /// Takes the errors that wait, about datagrams sent by this socket, and gives those to `take` that tell of a program
    /// that is not there.
    pub(crate) fn take_errors(&self, mut take: impl FnMut(Unreachable)) {
        let descriptor = self.socket.as_raw_fd();
        let outcome = self.socket.try_io(Interest::ERROR, |_| {
            for _ in 0..ERRORS_MAX {
                error_queue::take(descriptor)?.into_iter().for_each(&mut take);
            }
            // There may be more: the socket stays ready.
            Ok(())
        });
        if let Err(error) = outcome
            && error.kind() != io::ErrorKind::WouldBlock
        {
            tracing::debug!(%error, "the errors of a socket cannot be read");
        }
    }

    /// Sends one datagram by `interface` with the source address `from`. Never waits: a full send buffer is an error.
    pub(crate) fn send(&self, interface: u32, from: IpAddr, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let payload = [IoSlice::new(bytes)];
        // Not through the runtime's readiness: that is learned with a delay, and the very first search must go at once.
        let descriptor = self.socket.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let sent = without_stray_error(|| match (from, to) {
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
            (IpAddr::V4(_), SocketAddr::V6(_)) | (IpAddr::V6(_), SocketAddr::V4(_)) => Err(Errno::EINVAL),
        });
        Ok(sent.map(drop)?)
    }
}

/// Receives up to `size` datagrams with one system call; tells how many.
fn receive_batch(
    socket: &Socket,
    size: usize,
    buffers: &mut Buffers,
    mut take: impl FnMut(SocketAddr, &Arrival, &[u8]),
) -> io::Result<usize> {
    if buffers.0.len() < size {
        buffers.0.resize(size, [0; BUFFER]);
    }
    let descriptor = socket.as_raw_fd();
    without_stray_error(|| {
        // New ones for each batch: the kernel shortens the room in them to what it used, and would cut off what follows.
        let space = cmsg_space!(nix::libc::in6_pktinfo, nix::libc::c_int, u32);
        let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(size, Some(space));
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            buffers.0.iter_mut().take(size).map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let batch = recvmmsg(descriptor, &mut headers, &mut slices, MsgFlags::MSG_DONTWAIT, None)?;
        let mut received = 0;
        for message in batch {
            received += 1;
            let arrival = Arrival::of(message.cmsgs());
            let Some(from) = message.address.as_ref().and_then(socket_address) else { continue };
            take(from, &arrival, message.iovs().next().unwrap_or_default());
        }
        Ok(received)
    })
    .map_err(io::Error::from)
}

/// Does `operation` once more where it failed: the kernel gives an error that an ICMP message brought to whatever is done
/// next on the socket, whichever datagram it was about. One that is about this operation comes back.
fn without_stray_error<T>(mut operation: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    match operation() {
        Err(error) if error != Errno::EAGAIN => operation(),
        other => other,
    }
}

fn new_socket(domain: Domain) -> io::Result<Socket> {
    let socket = Socket::new(domain, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    // Less than asked for is no reason not to start; what is lost is counted.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The loopback interface, which has this number in every network namespace.
    const LO: u32 = 1;
    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 132);

    fn at(milliseconds: u64) -> Instant {
        Instant::from_micros(milliseconds * 1_000)
    }

    fn port_of(socket: &DiscoverySocket) -> u16 {
        socket.socket.get_ref().local_addr().unwrap().as_socket_ipv4().unwrap().port()
    }

    /// Reads at these times, and tells what was taken.
    async fn read(socket: &mut DiscoverySocket, times: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
        let (mut buffers, mut taken) = (Buffers::new(), Vec::new());
        for time in times {
            socket.ready().await.unwrap();
            socket.receive(at(time), &mut buffers, |datagram| taken.push(datagram.bytes.to_vec())).unwrap();
        }
        taken
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_waited_too_long_in_the_group_is_skipped_and_what_is_for_this_host_alone_never() {
        let mut unicast = DiscoverySocket::unicast_v4(Ipv4Addr::LOCALHOST, 0).unwrap();
        let mut group = DiscoverySocket::group_v4(GROUP, 0).unwrap();
        group.join(GROUP.into(), LO).unwrap();
        let to_group = SocketAddr::from((GROUP, port_of(&group)));
        let to_host = SocketAddr::from((Ipv4Addr::LOCALHOST, port_of(&unicast)));
        let send = |number: u8, to| unicast.send(LO, Ipv4Addr::LOCALHOST.into(), to, &[number]).unwrap();
        (0..20).for_each(|number| [to_group, to_host].into_iter().for_each(|to| send(number, to)));
        // Batches of 2, 4 and 8, and the rest.
        let times = [5_000, 5_500, 6_000, 6_100];
        let numbers = |range: std::ops::Range<u8>| range.map(|number| vec![number]).collect::<Vec<_>>();
        assert_eq!(read(&mut group, times).await, numbers(0..6));
        assert_eq!(group.skipped(), 14);
        send(20, to_group);
        assert_eq!(read(&mut group, [9_000]).await, numbers(20..21), "the queue was empty before");
        [21, 22].into_iter().for_each(|number| send(number, to_group));
        assert_eq!(read(&mut group, [9_100]).await, numbers(21..23), "a full batch that leaves nothing");
        group.receive(at(9_101), &mut Buffers::new(), |_| unreachable!()).unwrap();
        send(23, to_group);
        assert_eq!(read(&mut group, [19_000]).await, numbers(23..24));
        assert_eq!(read(&mut unicast, times).await, numbers(0..20));
        assert_eq!(unicast.skipped(), 0);
    }
}
