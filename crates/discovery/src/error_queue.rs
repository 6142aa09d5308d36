//! The errors that the kernel keeps for a socket: what became of datagrams that were sent.
//!
//! With `IP_RECVERR` each ICMP error about a datagram of ours waits in a queue beside the received ones. A host whose
//! kernel lives and whose program does not answers a unicast datagram by "port unreachable" within a round trip, long
//! before silence would tell.

use std::io::{self, IoSliceMut};
use std::net::IpAddr;
use std::os::fd::RawFd;

use nix::cmsg_space;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg};

use crate::arrival::socket_address;

/// ICMP "destination unreachable", "port unreachable" (RFC 792).
const PORT_UNREACHABLE_V4: (u8, u8) = (3, 3);
/// ICMPv6 "destination unreachable", "port unreachable" (RFC 4443 section 3.1).
const PORT_UNREACHABLE_V6: (u8, u8) = (1, 4);

/// A host that has no program at the port of a datagram of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreachable {
    /// Index of the interface that its answer came in by.
    pub(crate) interface: u32,
    /// The address that the datagram was sent to, and that answered.
    pub(crate) address: IpAddr,
}

/// What one entry of the queue says.
#[derive(Debug, Default)]
struct Report {
    interface: u32,
    port_unreachable: bool,
    offender: Option<IpAddr>,
}

/// Takes one error out of the queue and tells if it is one that the engine wants to know; every other one (no route, no
/// neighbour, too long) shows in its consequences.
///
/// # Errors
/// `WouldBlock` when the queue is empty.
pub(crate) fn take(descriptor: RawFd) -> io::Result<Option<Unreachable>> {
    // The beginning of our own datagram comes back as the payload; nobody needs it.
    let mut payload = [0_u8; 1];
    let mut slices = [IoSliceMut::new(&mut payload)];
    let mut space = cmsg_space!((libc::sock_extended_err, libc::sockaddr_in6), libc::in6_pktinfo, libc::c_int, u32);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<SockaddrStorage>(descriptor, &mut slices, Some(&mut space), flags)?;
    let sent_to = message.address.as_ref().and_then(socket_address).map(|address| address.ip());
    let mut report = Report::default();
    message.cmsgs().into_iter().flatten().for_each(|control| report.read(&control));
    // A router or a liar may say it of another host; only the host itself knows.
    let himself = report.port_unreachable && sent_to.is_some() && report.offender == sent_to;
    Ok(sent_to.filter(|_| himself).map(|address| Unreachable { interface: report.interface, address }))
}

impl Report {
    fn read(&mut self, control: &ControlMessageOwned) {
        #[allow(clippy::wildcard_enum_match_arm, reason = "the kernel's list grows; what is not asked for is not sent")]
        match control {
            ControlMessageOwned::Ipv4RecvErr(error, offender) => {
                self.port_unreachable =
                    error.ee_origin == libc::SO_EE_ORIGIN_ICMP && (error.ee_type, error.ee_code) == PORT_UNREACHABLE_V4;
                self.offender = offender.map(|address| IpAddr::from(address.sin_addr.s_addr.to_ne_bytes()));
            }
            ControlMessageOwned::Ipv6RecvErr(error, offender) => {
                self.port_unreachable = error.ee_origin == libc::SO_EE_ORIGIN_ICMP6
                    && (error.ee_type, error.ee_code) == PORT_UNREACHABLE_V6;
                self.offender = offender.map(|address| IpAddr::from(address.sin6_addr.s6_addr));
            }
            ControlMessageOwned::Ipv4PacketInfo(information) => {
                self.interface = u32::try_from(information.ipi_ifindex).unwrap_or(0);
            }
            ControlMessageOwned::Ipv6PacketInfo(information) => self.interface = information.ipi6_ifindex,
            _ => {}
        }
    }
}
