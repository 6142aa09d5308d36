//! The load: heartbeats of made-up peers, each from its own loopback address.

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use kimchi_peers_proto::{
    Config, Datagram, Digest, Extension, FactSet, GROUP_V4, Identity, Info, Input, Instant as EngineInstant, Interface,
    Kind, Lane, Message, Network, Node, Output, PORT, PeerId, Profile,
};
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
    peers: u32,
    sequence: u64,
    /// The digest of a table that holds the daemon and all peers: what each of them tells.
    digest: Option<Digest>,
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
        Self { sender: Sender::new(), peers, sequence: 0, digest: None }
    }

    /// Makes all peers known, slowly, and finds the digest of the network out: by an engine of its own that hears the same.
    pub(crate) fn introduce(&mut self, daemon: &[u8]) {
        let mut observer = Observer::new();
        observer.hear(IpAddr::from(Ipv4Addr::LOCALHOST), daemon);
        self.sequence += 1;
        for number in 0..self.peers {
            let bytes = self.heartbeat(number);
            observer.hear(address(number).into(), &bytes);
            self.sender.send(address(number), &bytes);
            std::thread::sleep(SLICE);
        }
        self.digest = observer.node.digest(LOOPBACK);
    }

    /// Sends at this rate for this time.
    pub(crate) fn send(&mut self, rate: u32, time: Duration) -> Sent {
        let start = Instant::now();
        let mut count = 0_u64;
        let mut number = 0;
        while start.elapsed() < time {
            let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
            while count < due {
                if number == 0 {
                    self.sequence += 1;
                }
                let bytes = self.heartbeat(number);
                self.sender.send(address(number), &bytes);
                number = (number + 1) % self.peers;
                count += 1;
            }
            std::thread::sleep(SLICE / 2);
        }
        Sent { count, time: start.elapsed() }
    }

    fn heartbeat(&self, number: u32) -> Vec<u8> {
        let Profile { name, http_port, https_port, facts, .. } = profile(number);
        let extension =
            Extension { digest: self.digest, facts, ..Extension::new(id(number), (1, self.sequence), 3_000) };
        let info = Info { name, address: address(number).into(), http_port, https_port, extension: Some(extension) };
        Message { kind: Kind::Notify, info }.encode()
    }
}

/// An engine that only listens.
struct Observer {
    node: Node,
}

impl Observer {
    fn new() -> Self {
        let config = Config { observer: true, ..Config::default() };
        let identity = Identity { id: PeerId::from_bytes([255; 32]), epoch: 1 };
        let mut observer = Self { node: Node::new(identity, profile(u32::MAX), config, 1, Vec::new()) };
        let networks = vec![Network { address: IpAddr::from([127, 255, 0, 1]), prefix: 8 }];
        let interface = Interface { index: LOOPBACK, name: "lo".to_owned(), networks, loopback: true };
        observer.give(Input::Interfaces(vec![interface]));
        observer
    }

    fn hear(&mut self, from: IpAddr, bytes: &[u8]) {
        let from = SocketAddr::new(from, PORT);
        self.give(Input::Datagram(Datagram { interface: LOOPBACK, from, lane: Lane::Group, ttl: 1, bytes }));
    }

    fn give(&mut self, input: Input<'_>) {
        self.node.handle(EngineInstant::from_micros(1_000_000), input);
        while !matches!(self.node.poll(), Output::Wait { .. }) {}
    }
}

fn id(number: u32) -> PeerId {
    let mut bytes = [0; 32];
    // Spread over the ring.
    bytes[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    PeerId::from_bytes(bytes)
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number)
}

fn profile(number: u32) -> Profile {
    let facts = FactSet {
        version: Some("0.1.0".parse().expect("a fact")),
        server_root: None,
        architecture: Some("x86_64".parse().expect("a fact")),
        hypervisor: Some("kvm".parse().expect("a fact")),
    }
    .into();
    Profile {
        name: format!("kvm-{number}.example").parse().expect("a name"),
        http_port: 8000,
        https_port: 8001,
        facts,
        certificate: None,
    }
}
