//! One machine: its interfaces, what runs on it, and its life.
//!
//! ```text
//!         boot                 suspend, stop
//! (off) ───────▶ running ◀───────────────────▶ asleep
//!   ▲               │          resume
//!   └───────────────┘ crash, quit
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use kimchi_peers_proto::{
    Config, FactSet, HostName, HostSecret, Identity, Instant, Interface, Keyring, KnownPeer, Network, Node, PeerId,
    Profile, Timer,
};

use crate::base::BasePeer;
use crate::machine::Inbox;
use crate::naive::NaivePeer;
use crate::net::SegmentIndex;
use crate::wire::Packet;

/// Which host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostIndex(pub usize);

impl fmt::Display for HostIndex {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "host-{}", self.0)
    }
}

/// What a host is in the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It runs the engine.
    Extended,
    /// It speaks only the request's protocol.
    Base,
    /// It runs a rival of the engine, with or without a heartbeat.
    Naive {
        /// Whether it has one.
        heartbeat: bool,
    },
    /// It says what a fault tells it to say and hears nothing.
    Attacker,
}

/// What a host is made of.
#[derive(Debug, Clone)]
pub struct Spec {
    /// What it is in the network.
    pub role: Role,
    /// The segments that it is plugged into.
    pub segments: Vec<SegmentIndex>,
    /// Its name; made from its number where there is none.
    pub name: Option<HostName>,
    /// Whose identity it carries: its own, or that of the host it is a copy of.
    pub identity: Option<HostIndex>,
    /// The engine's configuration.
    pub config: Config,
    /// The group keys of a host that signs; one without neither signs nor verifies.
    pub keyring: Option<Keyring>,
    /// For how long the machine has been running when the world begins; drawn at random where it is `None`.
    pub uptime: Option<Duration>,
}

impl Spec {
    /// A host of this role on one segment.
    pub fn new(role: Role, segment: SegmentIndex) -> Self {
        Self {
            role,
            segments: vec![segment],
            name: None,
            identity: None,
            config: Config::default(),
            keyring: None,
            uptime: None,
        }
    }
}

/// One network interface.
#[derive(Debug, Clone)]
pub struct Nic {
    /// The kernel's index of it.
    pub index: u32,
    /// Where it is plugged in.
    pub segment: SegmentIndex,
    /// Its address and network.
    pub network: Network,
    /// Whether it is up.
    pub up: bool,
}

/// What a starting host remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Nothing.
    Cold,
    /// The table it had when it stopped.
    Warm,
}

/// Whether a host is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// It does not run.
    Off,
    /// It runs.
    Running,
    /// The whole machine sleeps; what is sent to it is lost.
    Suspended,
    /// The program is stopped while its kernel goes on; what is sent to it waits in the socket.
    Stopped,
}

/// What runs on a host.
#[derive(Debug)]
pub enum Program {
    /// Nothing.
    None,
    /// The engine.
    Extended(Box<Node>),
    /// The request's protocol and no more.
    Base(BasePeer),
    /// A rival of the engine.
    Naive(NaivePeer),
}

/// One machine.
#[derive(Debug)]
pub struct Host {
    /// What it is in the network.
    pub role: Role,
    /// Its name.
    pub name: HostName,
    /// Its identity.
    pub id: PeerId,
    /// Its interfaces.
    pub nics: Vec<Nic>,
    /// Whether it is there.
    pub life: Life,
    /// What runs on it.
    pub program: Program,
    /// The stored incarnation: that of the present or the last run.
    pub epoch: u64,
    /// Since when it is in its present life.
    pub life_since: Instant,
    /// Whether it is saying goodbye.
    pub leaving: bool,
    /// Whether its kernel lives without its program and answers unicast by port unreachable.
    pub refuses: bool,
    pub(crate) config: Config,
    /// What it signs with, and the group keys it has.
    pub(crate) seal: Option<(HostSecret, Keyring)>,
    /// The engine of the last run: its table is what a store keeps. It is read when the next run begins, because thousands
    /// of hosts may be gone at once and never come back.
    pub(crate) last_run: Option<Box<Node>>,
    /// How far its clock, which counts from its own start, is ahead of the world's.
    pub(crate) clock_ahead: Duration,
    /// How late it handles everything.
    pub(crate) slow_by: Duration,
    /// When and why the engine wants to be woken, by the world's clock.
    pub(crate) wait: Option<(Instant, Timer)>,
    /// When the first of its wake-ups that are planned comes, by the world's own clock.
    pub(crate) wakes_at: Option<Instant>,
    pub(crate) backlog: VecDeque<(u32, Rc<Packet>)>,
    /// What waits for a processor.
    pub(crate) inbox: Inbox,
}

impl Host {
    /// The engine, if one runs here.
    pub fn node(&self) -> Option<&Node> {
        match &self.program {
            Program::Extended(node) => Some(node),
            Program::None | Program::Base(_) | Program::Naive(_) => None,
        }
    }

    /// Whether it is there, awake or not.
    pub fn is_on(&self) -> bool {
        self.life != Life::Off
    }

    /// What time it is for this host when it is `now` in the world.
    pub fn clock(&self, now: Instant) -> Instant {
        now + self.clock_ahead
    }

    /// The interface `index`.
    pub fn nic(&self, index: u32) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.index == index)
    }

    pub(crate) fn nic_mut(&mut self, index: u32) -> Option<&mut Nic> {
        self.nics.iter_mut().find(|nic| nic.index == index)
    }

    /// Its addresses, those of interfaces that are down included.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.nics.iter().map(|nic| nic.network.address)
    }

    /// What the engine is told of the interfaces.
    pub(crate) fn interfaces(&self) -> Vec<Interface> {
        let of_nic = |nic: &Nic| Interface {
            index: nic.index,
            name: format!("eth{}", nic.index),
            networks: vec![nic.network],
            loopback: false,
        };
        self.nics.iter().filter(|nic| nic.up).map(of_nic).collect()
    }

    pub(crate) fn profile(&self) -> Profile {
        let facts = FactSet {
            version: "0.1.0".parse().ok(),
            server_root: None,
            architecture: "x86_64".parse().ok(),
            hypervisor: "kvm".parse().ok(),
        };
        Profile { name: self.name.clone(), http_port: 8000, https_port: 8001, facts: facts.into(), certificate: None }
    }

    /// What its next run knows from the last one.
    pub(crate) fn remembers(&self, memory: Memory) -> Vec<KnownPeer> {
        let last_run = self.last_run.as_deref().filter(|_| memory == Memory::Warm);
        last_run.map(|node| node.table().iter().map(KnownPeer::from).collect()).unwrap_or_default()
    }

    /// Makes the engine of the next run. The new epoch is stored before anything can be sent.
    pub(crate) fn start_engine(&mut self, seed: u64, known: Vec<KnownPeer>) {
        self.epoch += 1;
        self.last_run = None;
        let identity = Identity { id: self.id, epoch: self.epoch };
        let node = Node::new(identity, self.profile(), self.config.clone(), seed, known);
        let node = match &self.seal {
            Some((secret, keyring)) => node.sealed(secret.clone(), keyring.clone()),
            None => node,
        };
        self.program = Program::Extended(Box::new(node));
    }

    /// The identity of the `number`th host: any 32 bytes will do, spread over the space.
    pub(crate) fn identity_of(number: HostIndex) -> PeerId {
        let mut random = fastrand::Rng::with_seed(number.0 as u64 ^ 0x6b69_6d63_6869);
        PeerId::from_bytes(std::array::from_fn(|_| random.u8(..)))
    }

    /// What the `number`th host signs with, where hosts sign.
    pub(crate) fn secret_of(number: HostIndex) -> HostSecret {
        HostSecret::from_bytes(Self::identity_of(number).as_bytes())
    }
}
