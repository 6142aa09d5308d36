//! The world: an event heap ordered by time and sequence, a virtual clock, one seed.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::time::Duration;

use kimchi_peers_proto::{Command, Instant, Output, PeerId, Timer};

use crate::check::{Broken, Invariants, Watch};
use crate::fault::{Fault, Flood};
use crate::goal::Goal;
use crate::host::{Host, HostIndex, Life, Nic, Program, Role, Spec};
use crate::machine::Machine;
use crate::net::{Conditions, Flight, Net, SegmentIndex};
use crate::tally::Tally;
use crate::trace::Trace;
use crate::wire::Packet;

/// Hosts, the segments between them, and what happens to them in time.
#[derive(Debug)]
pub struct World {
    /// The record of the run; see [`Trace`].
    pub trace: Trace,
    pub(crate) now: Instant,
    pub(crate) random: fastrand::Rng,
    pub(crate) hosts: Vec<Host>,
    pub(crate) net: Net,
    pub(crate) watches: Vec<Watch>,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) broken: Option<Broken>,
    pub(crate) outputs: Vec<Output>,
    pub(crate) invariants: Invariants,
    /// How often it changed who can hear whom.
    pub(crate) changes: u64,
    /// Whether what the hosts say goes nowhere.
    pub(crate) muted: bool,
    /// What all hosts run on, where they have to share it.
    pub(crate) machine: Option<Machine>,
    seed: u64,
    sequence: u64,
    heap: BinaryHeap<Reverse<Entry>>,
    identities: BTreeMap<PeerId, Vec<HostIndex>>,
}

/// What goes into a host's program.
#[derive(Debug)]
pub(crate) enum Feed {
    Packet(u32, Rc<Packet>),
    /// A host answered by port unreachable.
    Unreachable(u32, std::net::IpAddr),
    Interfaces,
    Command(Command),
    Tick,
}

/// Whether more waits to go into a host's program, so that what is due there waits too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    No,
    /// It does, and has for too long.
    Urgent,
    Yes,
}

/// What is going to happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// The copies of one datagram, the next one last. All of them are one entry of the heap, whose time is that of the
    /// next one.
    Arrivals(Rc<Packet>, Vec<Flight>),
    /// The kernel of `address` answered that nobody listens.
    Refusal {
        host: HostIndex,
        nic: u32,
        address: std::net::IpAddr,
    },
    Wake(HostIndex),
    /// A host on a crowded machine does something, after so much in one turn.
    Turn(HostIndex, u32),
    /// A host on a crowded machine leaves its processor.
    Free(HostIndex),
    Fault(Box<Fault>),
    Flood(Flood),
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    sequence: u64,
    happening: Happening,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl World {
    /// An empty world.
    pub fn new(seed: u64) -> Self {
        Self {
            trace: Trace::Off,
            now: Instant::ZERO,
            random: fastrand::Rng::with_seed(seed),
            hosts: Vec::new(),
            net: Net::default(),
            watches: Vec::new(),
            tallies: Vec::new(),
            broken: None,
            outputs: Vec::new(),
            invariants: Invariants::All,
            changes: 0,
            muted: false,
            machine: None,
            seed,
            sequence: 0,
            heap: BinaryHeap::new(),
            identities: BTreeMap::new(),
        }
    }

    /// A world of one segment with `count` extended hosts, all off.
    pub fn lan(seed: u64, count: usize, conditions: Conditions) -> (Self, Vec<HostIndex>) {
        Self::lan_of(seed, count, conditions, None)
    }

    /// The same of hosts that sign, with these group keys.
    pub fn sealed_lan(
        seed: u64,
        count: usize,
        conditions: Conditions,
        keyring: kimchi_peers_proto::Keyring,
    ) -> (Self, Vec<HostIndex>) {
        Self::lan_of(seed, count, conditions, Some(keyring))
    }

    fn lan_of(
        seed: u64,
        count: usize,
        conditions: Conditions,
        keyring: Option<kimchi_peers_proto::Keyring>,
    ) -> (Self, Vec<HostIndex>) {
        let mut world = Self::new(seed);
        let segment = world.add_segment(conditions);
        let mut spec = Spec { keyring, ..Spec::new(Role::Extended, segment) };
        spec.config.peers_max = spec.config.peers_max.max(2 * count);
        let hosts = (0..count).map(|_| world.add_host(spec.clone())).collect();
        (world, hosts)
    }

    /// Adds a segment.
    pub fn add_segment(&mut self, conditions: Conditions) -> SegmentIndex {
        self.net.add(conditions)
    }

    /// Adds a segment with a network of its own choice.
    pub fn add_segment_with(&mut self, conditions: Conditions, network: kimchi_peers_proto::Network) -> SegmentIndex {
        self.net.add_with(conditions, network)
    }

    /// Adds a host, which is off.
    pub fn add_host(&mut self, spec: Spec) -> HostIndex {
        let index = HostIndex(self.hosts.len());
        let number = spec.identity.unwrap_or(index);
        let seal = spec.keyring.map(|keyring| (Host::secret_of(number), keyring));
        let id = seal.as_ref().map_or_else(|| Host::identity_of(number), |(secret, _)| secret.id());
        // A decimal number behind letters is always a host name.
        let name = spec.name.or_else(|| format!("kvm-{}", index.0).parse().ok());
        let Some(name) = name else { return index };
        let drawn = Duration::from_micros(self.random.u64(0..3 * 86_400_000_000));
        let nics = self.plug_in(index, &spec.segments);
        if spec.role == Role::Extended {
            self.identities.entry(id).or_default().push(index);
        }
        self.hosts.push(Host {
            role: spec.role,
            name,
            id,
            nics,
            life: Life::Off,
            program: Program::None,
            epoch: 0,
            life_since: Instant::ZERO,
            leaving: false,
            refuses: false,
            config: spec.config,
            seal,
            last_run: None,
            clock_ahead: spec.uptime.unwrap_or(drawn),
            slow_by: Duration::ZERO,
            wait: None,
            wakes_at: None,
            backlog: std::collections::VecDeque::new(),
            inbox: crate::machine::Inbox::default(),
        });
        self.watches.push(Watch::default());
        self.tallies.push(Tally::default());
        index
    }

    fn plug_in(&mut self, host: HostIndex, segments: &[SegmentIndex]) -> Vec<Nic> {
        let mut nics = Vec::new();
        for (index, segment) in (2..).zip(segments) {
            let Some(link) = self.net.segment(*segment) else { continue };
            let address = link.address(u32::try_from(host.0).unwrap_or(u32::MAX));
            let network = kimchi_peers_proto::Network { address, prefix: link.network.prefix };
            self.net.plug(*segment, host, index, address);
            nics.push(Nic { index, segment: *segment, network, up: true });
        }
        nics
    }

    /// Chooses how closely the hosts are looked at; all of them are unless this says otherwise. With thousands of hosts
    /// looking costs more time and memory than all that is looked at.
    pub fn invariants(&mut self, which: Invariants) {
        self.invariants = which;
    }

    /// The seed that repeats this run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Time since the world began.
    pub fn now(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }

    /// All hosts, in the order in which they were added.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// One host.
    pub fn host(&self, index: HostIndex) -> Option<&Host> {
        self.hosts.get(index.0)
    }

    /// The segments.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// What is counted of one host.
    pub fn tally(&self, index: HostIndex) -> Tally {
        self.tallies.get(index.0).cloned().unwrap_or_default()
    }

    /// What is counted of all hosts together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        self.tallies.iter().for_each(|tally| total.add(tally));
        total
    }

    /// The first host with this identity.
    pub(crate) fn host_with(&self, id: &PeerId) -> Option<HostIndex> {
        self.identities.get(id)?.first().copied()
    }

    /// Whether another host has the same identity.
    pub(crate) fn has_copies(&self, index: HostIndex) -> bool {
        self.host(index).and_then(|host| self.identities.get(&host.id)).is_some_and(|hosts| hosts.len() > 1)
    }

    pub(crate) fn told_everything(&self, index: HostIndex) -> Result<(), String> {
        let node = self.host(index).and_then(Host::node);
        match (self.watches.get(index.0), node) {
            (Some(watch), Some(node)) => watch.told_everything(node),
            _ => Ok(()),
        }
    }

    /// Lets something happen after a while.
    pub fn after(&mut self, delay: Duration, fault: Fault) {
        self.push(self.now + delay, Happening::Fault(Box::new(fault)));
    }

    pub(crate) fn push(&mut self, at: Instant, happening: Happening) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence: self.sequence, happening }));
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Lets the next thing happen; `false` if nothing is left to happen.
    ///
    /// # Errors
    /// What an invariant found broken.
    pub fn step(&mut self) -> Result<bool, Broken> {
        let Some(mut top) = self.heap.peek_mut() else { return Ok(false) };
        self.now = self.now.max(top.0.at);
        if let Happening::Arrivals(packet, flights) = &mut top.0.happening {
            let (packet, flight) = (Rc::clone(packet), flights.pop());
            match flights.last().map(|next| next.at) {
                Some(at) => {
                    top.0.at = at;
                    drop(top);
                }
                None => drop(PeekMut::pop(top)),
            }
            if let Some(flight) = flight {
                self.arrive(flight, packet);
            }
        } else {
            let Reverse(entry) = PeekMut::pop(top);
            match entry.happening {
                Happening::Arrivals(..) => {}
                Happening::Refusal { host, nic, address } => self.hear_refusal(host, nic, address),
                Happening::Wake(host) => self.wake(host),
                Happening::Turn(host, done) => self.take_turn(host, done),
                Happening::Free(host) => self.free(host),
                Happening::Fault(fault) => self.apply(*fault),
                Happening::Flood(flood) => self.flood(flood),
            }
        }
        self.broken.take().map_or(Ok(true), Err)
    }

    /// Lets time pass until `condition` holds, and tells how long that took.
    ///
    /// # Errors
    /// What an invariant found broken, or that the condition does not hold within `limit`.
    pub fn run_until(&mut self, mut condition: impl FnMut(&Self) -> bool, limit: Duration) -> Result<Duration, Broken> {
        let start = self.now;
        let end = start + limit;
        loop {
            if condition(self) {
                return Ok(self.now.since(start));
            }
            if self.next_at().is_none_or(|at| at > end) {
                self.now = end;
                return Err(self.broken_by(None, format!("not reached within {limit:?}")));
            }
            self.step()?;
        }
    }

    /// Lets time pass until everybody that `goal` is about knows what they should.
    ///
    /// # Errors
    /// As [`World::run_until`], and names a pair of hosts that still disagree.
    pub fn reach(&mut self, mut goal: Goal, limit: Duration) -> Result<Duration, Broken> {
        let reached = self.run_until(|world| goal.holds(world), limit);
        reached.map_err(|broken| match broken.host {
            None => Broken { what: format!("{}: {}", broken.what, goal.describe(self)), ..broken },
            Some(_) => broken,
        })
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// What an invariant found broken.
    pub fn run_for(&mut self, duration: Duration) -> Result<(), Broken> {
        let end = self.now + duration;
        while self.next_at().is_some_and(|at| at <= end) {
            self.step()?;
        }
        self.now = end;
        Ok(())
    }

    /// What is reported when something is wrong now.
    pub fn broken_by(&self, host: Option<HostIndex>, what: String) -> Broken {
        Broken { seed: self.seed, at: self.now, host, what }
    }

    /// A wake-up that was planned comes. The engine may wait for something later by now.
    fn wake(&mut self, index: HostIndex) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        if host.wakes_at != Some(now) {
            // Planned before an earlier one was.
            return;
        }
        host.wakes_at = None;
        if host.life == Life::Running && !self.enqueue_wake(index) {
            self.wake_now(index);
        }
    }

    /// A host's program wakes up.
    pub(crate) fn wake_now(&mut self, index: HostIndex) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(index.0).filter(|host| host.life == Life::Running) else { return };
        if host.wait.is_some_and(|(until, _)| until + host.slow_by <= host.clock(now)) {
            self.feed(index, &Feed::Tick);
        } else {
            let wait = host.wait;
            self.plan_wake(index, wait);
        }
    }

    /// Plans the wake-up that a host's engine asked for. One that is planned for an earlier time stays: it finds out itself
    /// that it is too early, and most engines are asked to wait longer with each datagram.
    pub(crate) fn plan_wake(&mut self, index: HostIndex, wait: Option<(Instant, Timer)>) {
        let now = self.now;
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        host.wait = wait;
        let Some((until, _)) = wait else { return };
        let at = (until - host.clock_ahead).max(now) + host.slow_by;
        if host.wakes_at.is_none_or(|planned| at < planned) {
            host.wakes_at = Some(at);
            self.push(at, Happening::Wake(index));
        }
    }
}
