//! The load: announcements of made-up base peers, each from its own loopback address.

use std::io::IoSlice;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use kimchi_peers_proto::{GROUP_V4, Info, Kind, Message, PORT};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};
use socket2::{Domain, Protocol, Socket, Type};

/// How often the sender looks at the clock.
const SLICE: Duration = Duration::from_millis(1);
/// The loopback's index in a new namespace.
const LOOPBACK: u32 = 1;

/// Sends to the group from any address of the loopback.
pub(crate) struct Sender {
    socket: Socket,
}

pub(crate) struct Load {
    sender: Sender,
    /// Who speaks, and what it says each time: a base peer's words never change.
    peers: Vec<(Ipv4Addr, Vec<u8>)>,
}

/// What was sent.
pub(crate) struct Sent {
    pub(crate) count: u64,
    pub(crate) time: Duration,
}

impl Sent {
    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.time.as_secs_f64()
    }
}

impl Sender {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
        socket.set_multicast_ttl_v4(1).expect("IP_MULTICAST_TTL");
        Self { socket }
    }

    /// Sends what `datagram` gives for each number, at this rate for this time.
    pub(crate) fn send_each(
        &self,
        rate: u32,
        time: Duration,
        mut datagram: impl FnMut(u64) -> (Ipv4Addr, Vec<u8>),
    ) -> Sent {
        let start = Instant::now();
        let mut count = 0_u64;
        while start.elapsed() < time {
            let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            while count < due {
                let (from, bytes) = datagram(count);
                self.send(from, &bytes);
                count += 1;
            }
            std::thread::sleep(SLICE / 2);
        }
        Sent { count, time: start.elapsed() }
    }

    fn send(&self, from: Ipv4Addr, bytes: &[u8]) {
        let information = nix::libc::in_pktinfo {
            ipi_ifindex: LOOPBACK as i32,
            ipi_spec_dst: nix::libc::in_addr { s_addr: u32::from_ne_bytes(from.octets()) },
            ipi_addr: nix::libc::in_addr { s_addr: 0 },
        };
        let to = SockaddrIn::from(SocketAddrV4::new(GROUP_V4, PORT));
        let control = [ControlMessage::Ipv4PacketInfo(&information)];
        let slices = [IoSlice::new(bytes)];
        sendmsg(self.socket.as_raw_fd(), &slices, &control, MsgFlags::empty(), Some(&to)).expect("it sends");
    }
}

impl Load {
    pub(crate) fn new(peers: u32) -> Self {
        Self { sender: Sender::new(), peers: (0..peers).map(|number| (address(number), notify(number))).collect() }
    }

    /// Makes all peers known, slowly.
    pub(crate) fn introduce(&self) {
        for (from, bytes) in &self.peers {
            self.sender.send(*from, bytes);
            std::thread::sleep(SLICE);
        }
    }

    /// Sends at this rate for this time, one peer after the other.
    pub(crate) fn send(&self, rate: u32, time: Duration) -> Sent {
        let mut turns = self.peers.iter().cycle();
        self.sender.send_each(rate, time, |_| turns.next().cloned().expect("there are peers"))
    }
}

/// What a base peer says of itself, as often as it likes.
fn notify(number: u32) -> Vec<u8> {
    let name = format!("kvm-{number}.example").parse().expect("a name");
    let info = Info { name, address: address(number).into(), http_port: 8000, https_port: 8001, extension: None };
    Message { kind: Kind::Notify, info }.encode()
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number)
}
