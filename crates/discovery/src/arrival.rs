//! What the kernel tells of a datagram: whom it is from, and what lies beside it.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

use nix::sys::socket::{CmsgIterator, ControlMessageOwned, SockaddrStorage};

/// The address in the form of the standard library.
pub(crate) fn socket_address(address: &SockaddrStorage) -> Option<SocketAddr> {
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
pub(crate) struct Arrival {
    pub(crate) interface: u32,
    pub(crate) ttl: u8,
    /// Whether it was sent to an IPv6 group.
    pub(crate) to_group: bool,
    /// How many datagrams the socket has lost for want of room.
    pub(crate) kernel_drops: Option<u32>,
}

impl Arrival {
    pub(crate) fn of(messages: nix::Result<CmsgIterator<'_>>) -> Self {
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
}
