//! One network without latency and loss: what one engine sends is given to the others.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use kimchi_peers_proto::{
    Cause, Change, Command, Config, Datagram, Event, Extension, Facts, GroupKey, HostSecret, Identity, Info, Input,
    Instant, Interface, Keyring, Kind, KnownPeer, Lane, Message, Mode, Network, Node, Output, PORT, Peer, PeerId,
    PeerKey, Profile, State, UNICAST_TTL,
};

/// The interface that every host of the network has.
pub(crate) const ETH0: u32 = 2;

pub(crate) fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn id(number: u8) -> PeerId {
    PeerId::from_bytes([number; 32])
}

pub(crate) fn key(number: u8) -> PeerKey {
    PeerKey::Identity(id(number))
}

pub(crate) fn address(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, number])
}

pub(crate) fn profile(number: u8) -> Profile {
    let name = format!("kvm-{number}").parse().unwrap();
    Profile { name, http_port: 8000, https_port: 8001, facts: Facts::default(), certificate: None }
}

pub(crate) fn interface(index: u32, number: u8) -> Interface {
    let networks = vec![Network { address: address(number), prefix: 24 }];
    Interface { index, name: format!("eth{index}"), networks, loopback: false }
}

/// A message of the extended peer `number`, in epoch 5.
pub(crate) fn extended(kind: Kind, number: u8, sequence: u64) -> Message {
    let extension = Extension::new(id(number), (5, sequence), 30);
    Message { kind, info: Info { extension: Some(extension), ..base(kind, number).info } }
}

/// The same with something of its extension changed.
pub(crate) fn with(mut message: Message, change: impl FnOnce(&mut Extension)) -> Message {
    change(message.info.extension.as_mut().unwrap());
    message
}

/// A message of the base peer `number`.
pub(crate) fn base(kind: Kind, number: u8) -> Message {
    let Profile { name, http_port, https_port, .. } = profile(number);
    Message { kind, info: Info { name, address: address(number), http_port, https_port, extension: None } }
}

/// What the host `number` signs with, where hosts sign.
pub(crate) fn secret(number: u8) -> HostSecret {
    HostSecret::from_bytes(&[number; 32])
}

pub(crate) fn group_key(number: u8) -> GroupKey {
    GroupKey::from_bytes([number; 32])
}

/// A keyring of the group keys of these numbers, the first one in use.
pub(crate) fn keyring(groups: &[u8]) -> Keyring {
    let mut keyring = Keyring::default();
    for number in groups {
        keyring.add(group_key(*number)).unwrap();
    }
    keyring
}

/// The row of a host that signs.
pub(crate) fn sealed_key(number: u8) -> PeerKey {
    PeerKey::Identity(secret(number).id())
}

/// A message that the host `number` signs, in epoch 5.
pub(crate) fn sealed(kind: Kind, number: u8, sequence: u64, groups: &[u8]) -> Vec<u8> {
    let message = with(extended(kind, number, sequence), |extension| {
        extension.id = secret(number).id();
        extension.group = keyring(groups).primary_id();
    });
    message.seal(&secret(number), &keyring(groups))
}

/// A datagram that an engine sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) by: usize,
    pub(crate) interface: u32,
    pub(crate) from: IpAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) message: Message,
}

impl Sent {
    pub(crate) fn kind(&self) -> Kind {
        self.message.kind
    }

    pub(crate) fn extension(&self) -> &Extension {
        self.message.info.extension.as_ref().unwrap()
    }

    pub(crate) fn is_multicast(&self) -> bool {
        self.to.ip().is_multicast()
    }
}

pub(crate) struct Host {
    pub(crate) node: Node,
    pub(crate) events: Vec<(Instant, Event)>,
    /// Nothing reaches a host that is cut off, and nothing it sends reaches others. It goes on by itself.
    pub(crate) cut_off: bool,
    /// Loses what is sent to the group.
    pub(crate) deaf: bool,
    /// A host that stopped is not even told the time.
    pub(crate) stopped: bool,
    addresses: Vec<(u32, IpAddr)>,
    wait: Option<Instant>,
}

/// The network and its clock, which starts at one second past ten.
pub(crate) struct Lan {
    pub(crate) now: Instant,
    pub(crate) hosts: Vec<Host>,
    pub(crate) sent: Vec<Sent>,
    /// Whether hosts that start watch each other. Most conversations are with strangers who never answer a probe.
    pub(crate) watch: bool,
    /// What the first host sends does not reach the second one.
    pub(crate) blocked: Vec<(usize, usize)>,
}

impl Lan {
    pub(crate) fn new() -> Self {
        Self {
            now: Instant::ZERO + secs(36_001),
            hosts: Vec::new(),
            sent: Vec::new(),
            watch: false,
            blocked: Vec::new(),
        }
    }

    /// A network of the hosts 1 to `count`, settled for a minute, with the record of what was sent wiped.
    pub(crate) fn settled(count: u8) -> Self {
        let mut lan = Self::new();
        for number in 1..=count {
            lan.start(number);
        }
        lan.run(secs(60));
        lan.forget();
        lan
    }

    /// The same of hosts that watch each other.
    pub(crate) fn watching(count: u8) -> Self {
        let mut lan = Self { watch: true, ..Self::new() };
        for number in 1..=count {
            lan.start(number);
        }
        lan.run(secs(60));
        lan.forget();
        lan
    }

    pub(crate) fn start(&mut self, number: u8) -> usize {
        self.start_with(number, Config::default(), Vec::new())
    }

    pub(crate) fn start_with(&mut self, number: u8, config: Config, known: Vec<KnownPeer>) -> usize {
        let host = self.add(number, config, known);
        self.connect(host, vec![interface(ETH0, number)]);
        host
    }

    /// A host that signs, with the group keys of these numbers.
    pub(crate) fn start_sealed(&mut self, number: u8, mode: Mode, known: Vec<KnownPeer>, groups: &[u8]) -> usize {
        let config = Config { mode, ..Config::default() };
        let host = self.add(number, config, known);
        let node = std::mem::replace(&mut self.hosts[host].node, Self::blank());
        self.hosts[host].node = node.sealed(secret(number), keyring(groups));
        self.connect(host, vec![interface(ETH0, number)]);
        host
    }

    fn blank() -> Node {
        Node::new(Identity { id: id(0), epoch: 1 }, profile(0), Config::default(), 0, Vec::new())
    }

    /// A host without an interface.
    pub(crate) fn add(&mut self, number: u8, config: Config, known: Vec<KnownPeer>) -> usize {
        let identity = Identity { id: id(number), epoch: 5 };
        let config = Config { watch: self.watch, ..config };
        let node = Node::new(identity, profile(number), config, u64::from(number), known);
        self.hosts.push(Host {
            node,
            events: Vec::new(),
            cut_off: false,
            deaf: false,
            stopped: false,
            addresses: Vec::new(),
            wait: None,
        });
        self.hosts.len() - 1
    }

    pub(crate) fn connect(&mut self, host: usize, interfaces: Vec<Interface>) {
        let address = |interface: &Interface| interface.address().map(|address| (interface.index, address));
        self.hosts[host].addresses = interfaces.iter().filter_map(address).collect();
        self.handle(host, Input::Interfaces(interfaces));
    }

    pub(crate) fn command(&mut self, host: usize, command: Command) {
        self.handle(host, Input::Command(command));
    }

    /// Gives one host a datagram from the group, made by hand.
    pub(crate) fn group(&mut self, host: usize, from: u8, message: &Message) {
        self.datagram(host, address(from), Lane::Group, 1, &message.encode());
    }

    /// The same, sent to this host alone.
    pub(crate) fn unicast(&mut self, host: usize, from: u8, message: &Message) {
        self.datagram(host, address(from), Lane::Unicast, UNICAST_TTL, &message.encode());
    }

    pub(crate) fn datagram(&mut self, host: usize, from: IpAddr, lane: Lane, ttl: u8, bytes: &[u8]) {
        let datagram = Datagram { interface: ETH0, from: SocketAddr::new(from, PORT), lane, ttl, bytes };
        self.handle(host, Input::Datagram(datagram));
    }

    /// A kernel tells one host that nobody listens at `address`.
    pub(crate) fn unreachable(&mut self, host: usize, address: IpAddr) {
        self.handle(host, Input::Unreachable { interface: ETH0, address });
    }

    /// Lets `time` pass; every host is woken when it wants to be.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let waiting = self.hosts.iter().enumerate().filter(|(_, host)| !host.stopped);
            let due = waiting.filter_map(|(index, host)| host.wait.map(|at| (at, index))).min();
            let Some((at, host)) = due.filter(|(at, _)| *at <= end) else { break };
            assert!(at > self.now, "host {host} waits for the past");
            self.now = at;
            self.tick();
        }
        self.now = end;
    }

    /// Tells every host the time.
    pub(crate) fn tick(&mut self) {
        for host in 0..self.hosts.len() {
            if !self.hosts[host].stopped {
                self.handle(host, Input::Tick);
            }
        }
    }

    /// Lets time pass until a heartbeat of the first host is over for long enough to count as no answer.
    pub(crate) fn run_past_heartbeat(&mut self) {
        self.forget();
        while self.sent_by(0, Kind::Notify).is_empty() {
            self.run(millis(100));
        }
        self.run(secs(2));
        self.forget();
    }

    pub(crate) fn forget(&mut self) {
        self.sent.clear();
        self.hosts.iter_mut().for_each(|host| host.events.clear());
    }

    fn handle(&mut self, host: usize, input: Input<'_>) {
        let start = self.sent.len();
        self.hosts[host].node.handle(self.now, input);
        self.drain(host);
        // What the others put out in turn stands behind, so this ends when nobody has anything to say.
        let mut next = start;
        while let Some(sent) = self.sent.get(next).cloned() {
            self.deliver(&sent);
            next += 1;
        }
    }

    fn deliver(&mut self, sent: &Sent) {
        if self.hosts[sent.by].cut_off {
            return;
        }
        for index in 0..self.hosts.len() {
            let host = &mut self.hosts[index];
            if self.blocked.contains(&(sent.by, index)) {
                continue;
            }
            if host.cut_off || host.stopped || (host.deaf && sent.is_multicast()) {
                continue;
            }
            let (lane, ttl) = if sent.is_multicast() { (Lane::Group, 1) } else { (Lane::Unicast, UNICAST_TTL) };
            for (interface, address) in host.addresses.clone() {
                if lane == Lane::Group || sent.to.ip() == address {
                    let from = SocketAddr::new(sent.from, PORT);
                    let datagram = Datagram { interface, from, lane, ttl, bytes: &sent.bytes };
                    self.hosts[index].node.handle(self.now, Input::Datagram(datagram));
                    self.drain(index);
                }
            }
        }
    }

    fn drain(&mut self, by: usize) {
        let host = &mut self.hosts[by];
        loop {
            match host.node.poll() {
                Output::Send { interface, from, to, bytes } => {
                    let message = Message::decode(&bytes).unwrap();
                    self.sent.push(Sent { at: self.now, by, interface, from, to, bytes, message });
                }
                Output::Event(event) => host.events.push((self.now, event)),
                Output::Wait { until, .. } => return host.wait = until,
            }
        }
    }

    /// What a host sent of a kind.
    pub(crate) fn sent_by(&self, host: usize, kind: Kind) -> Vec<&Sent> {
        self.sent.iter().filter(|sent| sent.by == host && sent.kind() == kind).collect()
    }

    /// When a host sent those, counted from `start`.
    pub(crate) fn times(&self, host: usize, kind: Kind, start: Instant) -> Vec<Duration> {
        self.sent_by(host, kind).iter().map(|sent| sent.at.since(start)).collect()
    }

    pub(crate) fn peer(&self, host: usize, key: &PeerKey) -> &Peer {
        self.hosts[host].node.table().get(key).expect("a row")
    }

    pub(crate) fn state(&self, host: usize, number: u8) -> Option<State> {
        self.hosts[host].node.table().get(&key(number)).map(|peer| peer.state)
    }

    pub(crate) fn dropped(&self, host: usize, cause: &str) -> u64 {
        self.hosts[host].node.counters().dropped[cause]
    }

    /// What was told of a row at a host, in order, with the row as it was told.
    pub(crate) fn told<'a>(&'a self, host: usize, of: &PeerKey) -> Vec<(Change, &'a Peer)> {
        let of_row = |(_, event): &'a (Instant, Event)| {
            let Event::Peer { change, peer, .. } = event else { return None };
            (peer.key == *of).then_some((*change, &**peer))
        };
        self.hosts[host].events.iter().filter_map(of_row).collect()
    }

    /// What happened to a row at a host, in order.
    pub(crate) fn changes(&self, host: usize, of: &PeerKey) -> Vec<(Instant, Change, Cause)> {
        let of_row = |(at, event): &(Instant, Event)| {
            let Event::Peer { change, cause, peer } = event else { return None };
            (peer.key == *of).then_some((*at, *change, *cause))
        };
        self.hosts[host].events.iter().filter_map(of_row).collect()
    }
}
