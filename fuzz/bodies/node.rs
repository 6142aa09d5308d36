//! Any sequence of inputs into the engine, and what must hold after each. Used by the fuzz target and by the replay of
//! the corpus.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::Duration;

use kimchi_peers_proto::{
    CertificateHash, Claim, Claims, Command, Config, DATAGRAM_MAX, Datagram, Event, Extension, FactSet, Facts,
    GroupKey, HostSecret, Identity, Info, Input, Instant, Interface, Keyring, Kind, KnownPeer, Lane, Message, Mode,
    Network, Node, Nonce, Output, PORT, PeerId, PeerKey, Profile, Reason, State, Trust,
};

/// Caps that a short input can reach.
const PEERS_MAX: usize = 6;
const BASE_PEERS_MAX: usize = 3;
const UNPROVEN_MAX: usize = 2;
/// More than any one step has reason to put out: each row's event and directed searches, each link's datagrams.
const OUTPUTS_MAX: usize = 400;
/// Steps of one input; what is left of it is not read.
const STEPS_MAX: usize = 400;

/// Runs the engine by the instructions that `data` stands for.
pub(crate) fn run(data: &[u8]) {
    let mut script = Script(data);
    let mut world = World::new(&mut script);
    for _ in 0..STEPS_MAX {
        let Some(instruction) = script.next() else { break };
        world.step(instruction, &mut script);
        world.drain();
        world.check_table();
    }
}

/// The instructions: bytes taken one by one; zeros when they have run out.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(length.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}

struct World {
    node: Node,
    now: Instant,
    wait: Option<Instant>,
    interfaces: Vec<Interface>,
    /// What the engine sent last, for echoes and replays.
    sent: Vec<Vec<u8>>,
    probe: Option<(PeerId, Nonce)>,
    /// How many group datagrams the engine's bounds allow until now.
    allowance: f64,
    /// What was passed so far, and whether the last one left what is due to the next.
    steps: u32,
    more: bool,
    multicasts: f64,
    /// Whether all hosts sign, and of which group this one is.
    sealed: bool,
    keyring: Keyring,
    quitting: bool,
    left: bool,
}

impl World {
    fn new(script: &mut Script<'_>) -> Self {
        let flags = script.byte();
        let config = Config {
            observer: flags & 1 != 0,
            peers_max: PEERS_MAX,
            base_peers_max: BASE_PEERS_MAX,
            unproven_max: UNPROVEN_MAX,
            nursery_max: UNPROVEN_MAX,
            nursery_share: 1,
            forget_after: Duration::from_secs(600),
            ..Config::default()
        };
        let identity = Identity { id: id(0), epoch: 5 };
        let known = (0..flags >> 4).map(known).collect();
        let node = Node::new(identity, profile(0), config, u64::from(flags), known);
        let sealed = flags & 2 != 0;
        let keyring = keyring(flags >> 2 & 1);
        let node = if sealed { node.sealed(secret(0), keyring.clone()) } else { node };
        Self {
            node,
            now: Instant::from_micros(u64::from(script.byte()) * 1_000_000),
            wait: None,
            interfaces: Vec::new(),
            sent: Vec::new(),
            probe: None,
            allowance: 0.0,
            steps: 0,
            more: false,
            multicasts: 0.0,
            sealed,
            keyring,
            quitting: false,
            left: false,
        }
    }

    fn step(&mut self, instruction: u8, script: &mut Script<'_>) {
        if instruction >= 252 {
            let address = address(script.byte() & 15);
            return self.pass(Duration::ZERO, Input::Unreachable { interface: u32::from(instruction & 3), address });
        }
        match instruction % 12 {
            0 => self.pass(Duration::from_millis(u64::from(script.byte())), Input::Tick),
            1 => self.pass(Duration::from_secs(u64::from(script.byte())), Input::Tick),
            2 => {
                let wait = self.wait.unwrap_or(self.now).since(self.now);
                self.pass(wait, Input::Tick);
            }
            3 => self.change_interfaces(script.byte()),
            4 => self.command(script),
            5 => {
                let length = usize::from(script.byte()) * 5;
                let bytes = script.bytes(length);
                self.deliver(script.byte(), &bytes);
            }
            6..=8 => {
                let message = message(script, true, self.probe);
                let bytes = self.written(message);
                self.deliver(script.byte(), &bytes);
            }
            9 => {
                let bytes = message(script, false, None).encode();
                self.deliver(script.byte(), &bytes);
            }
            10 => {
                let index = usize::from(script.byte());
                let bytes = self.sent.iter().rev().nth(index).cloned().unwrap_or_default();
                self.deliver(script.byte(), &bytes);
            }
            _ => self.answer_probe(script.byte()),
        }
    }

    fn pass(&mut self, time: Duration, input: Input<'_>) {
        self.now += time;
        // The burst, and the rate on each link.
        self.allowance += time.as_secs_f64() * 8.0 * self.interfaces.len() as f64;
        // Every fifth time more is waiting, and what is due is not done but what is urgent now and then.
        self.steps = self.steps.wrapping_add(1);
        self.more = self.steps.is_multiple_of(5) && matches!(input, Input::Datagram(_));
        if self.more {
            self.node.take_in(self.now, input);
            if self.steps.is_multiple_of(10) {
                self.node.do_urgent(self.now);
            }
        } else {
            self.node.handle(self.now, input);
        }
    }

    fn change_interfaces(&mut self, mask: u8) {
        let chosen = |bit: usize| mask & (1 << bit) != 0;
        self.interfaces = (0..6).filter(|bit| chosen(*bit)).filter_map(interface).collect();
        // A new link has a full bucket.
        self.allowance += 21.0 * self.interfaces.len() as f64;
        let interfaces = self.interfaces.clone();
        self.pass(Duration::ZERO, Input::Interfaces(interfaces));
    }

    fn command(&mut self, script: &mut Script<'_>) {
        let what = script.byte();
        let command = match what % 8 {
            0 if what >= 128 => {
                self.quitting = true;
                self.allowance += 3.0 * self.interfaces.len() as f64;
                Command::Quit
            }
            0 | 1 => Command::Search,
            2 => Command::Measure,
            3 | 4 => Command::Profile(profile(script.byte())),
            7 if self.sealed && what >= 128 => {
                self.keyring = keyring(script.byte() & 1);
                Command::Keyring(self.keyring.clone())
            }
            7 if self.sealed => Command::Mode(Mode::ALL[usize::from(script.byte()) % 3]),
            _ => {
                let index = usize::from(script.byte());
                let Some(key) = self.node.table().iter().nth(index).map(|peer| peer.key.clone()) else { return };
                if what % 8 == 6 { Command::Trust(key) } else { Command::Forget(key) }
            }
        };
        self.pass(Duration::ZERO, Input::Command(command));
    }

    /// The datagram of a message: signed where hosts sign, one in eight by somebody else, one in two of the group.
    fn written(&self, mut message: Message) -> Vec<u8> {
        let Some(extension) = message.info.extension.as_mut().filter(|_| self.sealed) else { return message.encode() };
        let sequence = extension.sequence;
        let number = IDS.iter().position(|id| *id == extension.id).unwrap_or(0) as u8;
        let keyring = if sequence % 2 == 0 { keyring(1) } else { Keyring::default() };
        extension.group = keyring.primary_id();
        message.seal(&secret(if sequence % 8 == 7 { number ^ 1 } else { number }), &keyring)
    }

    /// One byte decides where a datagram comes from, how and by which interface.
    fn deliver(&mut self, way: u8, bytes: &[u8]) {
        let from = match Message::decode(bytes) {
            Ok(message) if way & 3 != 3 => message.info.address,
            Ok(_) | Err(_) => address(way >> 2),
        };
        let lane = if way & 64 == 0 { Lane::Group } else { Lane::Unicast };
        let ttl = if way & 128 == 0 { 255 } else { 1 };
        let on_link = |interface: &&Interface| interface.is_on_link(from);
        let interface = self.interfaces.iter().find(on_link).map_or(9, |interface| interface.index);
        let datagram = Datagram { interface, from: SocketAddr::new(from, PORT), lane, ttl, bytes };
        self.pass(Duration::ZERO, Input::Datagram(datagram));
    }

    /// Answers the last directed search as the peer that it was for.
    fn answer_probe(&mut self, number: u8) {
        let Some((target, nonce)) = self.probe else { return };
        let Some(peer) = self.node.table().get(&PeerKey::Identity(target)) else { return };
        let Some(path) = peer.paths.first() else { return };
        let extension = Extension {
            echo: Some(nonce),
            nonce: None,
            target: None,
            sequence: peer.sequence + u64::from(number % 4),
            ..extension(target, peer.epoch)
        };
        let info = Info {
            name: peer.name.clone(),
            address: path.address,
            http_port: 8000,
            https_port: 8001,
            extension: Some(extension),
        };
        let bytes = self.written(Message { kind: Kind::Notify, info });
        self.deliver(64, &bytes);
    }

    /// Takes all outputs and judges each.
    fn drain(&mut self) {
        for count in 0.. {
            assert!(count < OUTPUTS_MAX, "one step put out {count} things");
            match self.node.poll() {
                Output::Send { interface, from, to, bytes } => self.check_sent(interface, from, to, bytes),
                Output::Event(Event::Left) => {
                    assert!(self.quitting && !self.left, "left unbidden or twice");
                    self.left = true;
                }
                Output::Event(_) => {}
                Output::Wait { until, why } => {
                    assert_eq!(until.is_some(), why.is_some());
                    assert!(self.more || until.is_none_or(|until| until > self.now), "it waits for the past: {why:?}");
                    self.wait = until;
                    return;
                }
            }
        }
    }

    fn check_sent(&mut self, interface: u32, from: IpAddr, to: SocketAddr, bytes: Vec<u8>) {
        assert!(!self.left, "something was sent after the end");
        assert!(bytes.len() <= DATAGRAM_MAX, "{} bytes were sent", bytes.len());
        let message = Message::decode(&bytes).expect("what is sent can be read");
        let canonical = if self.sealed { message.seal(&secret(0), &self.keyring) } else { message.encode() };
        assert_eq!(canonical, bytes, "what is sent is canonical");
        assert!(!self.quitting || message.kind == Kind::Quit, "{:?} after the goodbye", message.kind);
        let extension = message.info.extension.expect("what is sent is extended");
        assert_eq!(extension.id, id(0));
        assert_eq!(from, message.info.address);
        assert_eq!(to.port(), PORT);
        if to.ip().is_multicast() {
            self.multicasts += 1.0;
            assert!(self.multicasts <= self.allowance, "more was sent to the group than the bound allows");
        } else {
            let on_link = |link: &&Interface| link.index == interface && link.is_on_link(to.ip());
            assert!(self.quitting || self.interfaces.iter().any(|link| on_link(&link)), "sent off the link");
            if let (Some(target), Some(nonce)) = (extension.target, extension.nonce) {
                self.probe = Some((target, nonce));
            }
        }
        self.sent.push(bytes);
        if self.sent.len() > 16 {
            self.sent.remove(0);
        }
    }

    fn check_table(&self) {
        assert!(self.node.digests_are_consistent(), "a digest drifted from its rows");
        let table = self.node.table();
        assert!(table.base() <= BASE_PEERS_MAX, "too many base peers");
        assert!(table.len() - table.base() <= PEERS_MAX, "too many extended peers");
        assert_eq!(table.iter().count(), table.len());
        assert!(table.unproven_count(true) <= UNPROVEN_MAX, "too many in the nursery");
        assert_eq!(table.iter().filter(|peer| peer.key.is_base()).count(), table.base());
        let live = table.iter().filter(|peer| peer.is_live() && !peer.key.is_base()).count();
        assert_eq!((live, live + 1), (table.live_extended(), self.node.hosts()));
        for peer in table.iter() {
            assert_ne!(peer.key.id(), Some(&id(0)), "this host is its own peer");
            if self.sealed && peer.last_heard.is_some() {
                assert_eq!(peer.key.is_base(), peer.trust == Trust::Unsigned, "heard without a proof");
            }
            assert!(self.node.table().named(&peer.name).filter(|peer| peer.holds_name).count() <= 1, "a name of two");
            assert!(peer.paths.len() <= 8, "{} paths", peer.paths.len());
            assert_eq!(peer.reason.is_some(), peer.state == State::Down);
            assert!(peer.state != State::Up || !peer.paths.is_empty(), "up without an address");
            assert!(table.named(&peer.name).any(|named| named.key == peer.key), "lost from the names");
        }
    }
}

/// What the hosts sign with; made once, for making one takes as long as signing.
static SECRETS: LazyLock<[HostSecret; 16]> =
    LazyLock::new(|| std::array::from_fn(|number| HostSecret::from_bytes(&[number as u8; 32])));

/// The identities of the hosts: what each of them signs with says which.
static IDS: LazyLock<[PeerId; 16]> = LazyLock::new(|| std::array::from_fn(|number| SECRETS[number].id()));

fn secret(number: u8) -> HostSecret {
    SECRETS[usize::from(number % 16)].clone()
}

fn id(number: u8) -> PeerId {
    IDS[usize::from(number % 16)]
}

fn keyring(keys: u8) -> Keyring {
    let mut keyring = Keyring::default();
    for number in 0..keys {
        keyring.add(GroupKey::from_bytes([number; 32])).expect("there is room");
    }
    keyring
}

fn address(number: u8) -> IpAddr {
    match number % 16 {
        12 => IpAddr::from([127, 0, 0, 1]),
        13 => IpAddr::from([203, 0, 113, 9]),
        14 | 15 => IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, u16::from(number % 16)]),
        low => IpAddr::from([10, 0, 0, low]),
    }
}

fn interface(number: usize) -> Option<Interface> {
    let (index, name, networks) = match number {
        0 => (2, "eth0", vec![("10.0.0.1", 24)]),
        1 => (2, "eth0", vec![("10.0.0.2", 24)]),
        2 => (3, "eth1", vec![("10.0.0.3", 24), ("192.168.5.1", 24)]),
        3 => (4, "eth2", vec![("fe80::1", 64)]),
        4 => (1, "lo", vec![("127.0.0.1", 8)]),
        _ => (5, "eth3", Vec::new()),
    };
    let network = |(text, prefix): (&str, u8)| Some(Network { address: text.parse().ok()?, prefix });
    let networks = networks.into_iter().map(network).collect::<Option<_>>()?;
    Some(Interface { index, name: name.into(), networks, loopback: index == 1 })
}

fn profile(number: u8) -> Profile {
    let name = ["me", "host1", "host2", "ME.example"][usize::from(number % 4)];
    let set = FactSet { version: (number & 8 != 0).then(|| "1.0".parse().expect("a fact")), ..FactSet::default() };
    let name = name.parse().expect("a name");
    Profile {
        name,
        http_port: 8000,
        https_port: 8001 + u16::from(number % 2),
        facts: set.into(),
        certificate: certificate(number),
    }
}

/// What the console of a host proves itself by: one in four has none.
fn certificate(number: u8) -> Option<CertificateHash> {
    (number & 48 != 0).then(|| CertificateHash::from_bytes([number; 32]))
}

fn known(number: u8) -> KnownPeer {
    let name = format!("host{number}").parse().expect("a name");
    let key = match number % 3 {
        0 => PeerKey::Identity(id(number)),
        1 => PeerKey::Base(name, address(number)),
        _ => PeerKey::Clone(id(number), address(number)),
    };
    KnownPeer {
        trust: Trust::Unsigned,
        holds_name: false,
        key,
        name: format!("host{number}").parse().expect("a name"),
        http_port: 8000,
        https_port: 8001,
        epoch: 1,
        sequence: 1,
        facts: Facts::default(),
        certificate: None,
        addresses: vec![address(number)],
        down: (number % 4 == 3).then_some(Reason::Lost),
    }
}

fn extension(id: PeerId, epoch: u64) -> Extension {
    Extension::new(id, (epoch.max(1), 0), 30)
}

/// The same sender, who says something of two hosts instead.
fn about_others(extension: Extension, who: u8) -> Extension {
    let claim = |number: u8| Claim { id: id(number % 10), epoch: extension.epoch, sequence: extension.sequence };
    let mut claims = Claims { suspect: vec![claim(who)], ..Claims::default() };
    match who % 3 {
        0 => claims.dead.push(claim(who >> 2)),
        1 => claims.heard.push(claim(who >> 3)),
        _ => claims.suspect.push(claim(who >> 4)),
    }
    let (target, nonce, echo, previous_address, certificate) = (None, None, None, None, None);
    Extension {
        target,
        nonce,
        echo,
        previous_address,
        certificate,
        facts: Facts::default(),
        claims: Some(Box::new(claims)),
        ..extension
    }
}

/// A message that five bytes describe.
fn message(script: &mut Script<'_>, extended: bool, probe: Option<(PeerId, Nonce)>) -> Message {
    let (who, numbers, sequence, lifetime, more) =
        (script.byte(), script.byte(), script.byte(), script.byte(), script.byte());
    let chosen = |bit: u8| more & (1 << bit) != 0;
    let extension = extended.then(|| Extension {
        sequence: u64::from(sequence) << (numbers >> 6),
        time_to_live: match lifetime % 4 {
            0 => 0,
            1 => 86_400,
            _ => u32::from(lifetime),
        },
        target: chosen(0).then(|| id(more >> 6)),
        nonce: chosen(1).then_some(Nonce(u64::from(sequence))),
        echo: chosen(2).then(|| probe.map_or(Nonce(1), |(_, nonce)| nonce)),
        previous_address: chosen(3).then(|| address(who >> 4)),
        certificate: certificate(more),
        ..extension(id(who % 10), u64::from(numbers >> 4 & 3) + 4)
    });
    let extension = extension.map(|extension| if chosen(5) { about_others(extension, who) } else { extension });
    let info = Info {
        name: ["me", "host1", "host2", "host3"][usize::from(numbers & 3)].parse().expect("a name"),
        address: address(who >> 4),
        http_port: 8000,
        https_port: 8001 + u16::from(chosen(4)),
        extension,
    };
    Message { kind: Kind::ALL[usize::from(numbers >> 2 & 3) % 3], info }
}
