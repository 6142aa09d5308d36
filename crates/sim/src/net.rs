//! Segments (links, LANs) and what they do to a datagram: fan-out, latency, loss, copies, disorder, one-way cuts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kimchi_peers_proto::{Instant, Network};

use crate::host::HostIndex;

/// Which segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentIndex(pub usize);

/// How long a host takes to hear its own multicast: the kernel loops it back without the wire.
const LOOP_BACK: Duration = Duration::from_micros(10);
/// Hosts per 256 addresses, so that no address ends in 0 or 255.
const ADDRESSES_PER_BYTE: u32 = 250;

/// What a segment does to the datagrams that cross it. Every receiver has its own luck.
#[derive(Debug, Clone)]
pub struct Conditions {
    /// Least time from sender to receiver.
    pub latency: Duration,
    /// Greatest addition to that.
    pub jitter: Duration,
    /// Chance of each datagram to be lost on its way to one receiver, whatever happened to others.
    pub loss: f64,
    /// Losses that come together.
    pub burst: Option<Burst>,
    /// Datagrams that arrive more than once.
    pub duplication: Option<Duplication>,
    /// Datagrams that are overtaken by later ones.
    pub reordering: Option<Reordering>,
}

/// Bursty loss after Gilbert and Elliott: a receiver is deaf for a while, then hears for a while.
#[derive(Debug, Clone, Copy)]
pub struct Burst {
    /// Mean time between two bursts.
    pub every: Duration,
    /// Mean length of a burst.
    pub lasting: Duration,
    /// Whether every burst is exactly that long. Otherwise their lengths are exponential, so that one in twenty lasts
    /// three times the mean: no detector survives every one of those.
    pub fixed: bool,
    /// Chance of loss within a burst.
    pub loss: f64,
}

/// Datagrams that arrive more than once.
#[derive(Debug, Clone, Copy)]
pub struct Duplication {
    /// Chance of a datagram to be multiplied.
    pub chance: f64,
    /// How often it arrives then.
    pub copies: u32,
}

/// Datagrams that are held back.
#[derive(Debug, Clone, Copy)]
pub struct Reordering {
    /// Chance of a datagram to be held back.
    pub chance: f64,
    /// Greatest time for which it is.
    pub delay: Duration,
}

impl Default for Conditions {
    /// A quiet switched LAN: 0.1 to 0.15 ms one way, nothing lost.
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(100),
            jitter: Duration::from_micros(50),
            loss: 0.0,
            burst: None,
            duplication: None,
            reordering: None,
        }
    }
}

impl Conditions {
    /// A LAN that loses this share of all datagrams.
    pub fn lossy(loss: f64) -> Self {
        Self { loss, ..Self::default() }
    }
}

/// One interface plugged into a segment.
#[derive(Debug)]
struct Plug {
    host: HostIndex,
    nic: u32,
    address: IpAddr,
    deaf: bool,
    turns_at: Instant,
}

/// One copy of a datagram on its way to a receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    /// When it arrives.
    pub(crate) at: Instant,
    pub(crate) host: HostIndex,
    pub(crate) nic: u32,
}

/// One link.
#[derive(Debug)]
pub struct Segment {
    /// What it does to datagrams.
    pub conditions: Conditions,
    /// The network that its hosts share.
    pub network: Network,
    plugs: Vec<Plug>,
    /// Which plugs have an address, so that a unicast datagram need not ask each of them.
    addresses: BTreeMap<IpAddr, Vec<usize>>,
    islands: BTreeMap<HostIndex, u32>,
    blocked: BTreeSet<(HostIndex, HostIndex)>,
}

impl Segment {
    /// Whether anything sent by `from` can reach `to` here.
    pub fn carries(&self, from: HostIndex, to: HostIndex) -> bool {
        self.islands.get(&from) == self.islands.get(&to) && !self.blocked.contains(&(from, to))
    }

    /// On which side of a cut a host is.
    pub(crate) fn island_of(&self, host: HostIndex) -> u32 {
        self.islands.get(&host).copied().unwrap_or(0)
    }

    /// Whether any host hears another that does not hear it.
    pub(crate) fn has_one_way_cuts(&self) -> bool {
        !self.blocked.is_empty()
    }

    /// Cuts the segment in two: `island` and the rest.
    pub fn partition(&mut self, island: &[HostIndex]) {
        self.islands = island.iter().map(|host| (*host, 1)).collect();
    }

    /// Takes back every cut.
    pub fn heal(&mut self) {
        self.islands.clear();
        self.blocked.clear();
    }

    /// Cuts one direction between two hosts.
    pub fn block(&mut self, from: HostIndex, to: HostIndex) {
        self.blocked.insert((from, to));
    }

    /// Whether that direction alone is cut.
    pub fn is_blocked(&self, from: HostIndex, to: HostIndex) -> bool {
        self.blocked.contains(&(from, to))
    }

    /// The address of the `number`th host of this segment.
    pub fn address(&self, number: u32) -> IpAddr {
        match self.network.address {
            IpAddr::V4(base) => {
                let host = (number / ADDRESSES_PER_BYTE) << 8 | (number % ADDRESSES_PER_BYTE + 1);
                IpAddr::V4(Ipv4Addr::from_bits(base.to_bits() | host))
            }
            IpAddr::V6(base) => IpAddr::V6((base.to_bits() | u128::from(number + 1)).into()),
        }
    }

    /// Adds the copies of a datagram that reach one plug.
    fn reach(
        &mut self,
        random: &mut fastrand::Rng,
        now: Instant,
        (from, index): (HostIndex, usize),
        flights: &mut Vec<Flight>,
    ) {
        let conditions = &self.conditions;
        let carried = self.plugs.get(index).is_some_and(|plug| self.carries(from, plug.host));
        let Some(plug) = self.plugs.get_mut(index) else { return };
        let (host, nic) = (plug.host, plug.nic);
        if host == from {
            return flights.push(Flight { at: now + LOOP_BACK, host, nic });
        }
        let lost = conditions.burst.is_some_and(|burst| plug.is_deaf(random, now, burst))
            || (conditions.loss > 0.0 && random.f64() < conditions.loss);
        if lost || !carried {
            return;
        }
        let multiplied = conditions.duplication.filter(|duplication| random.f64() < duplication.chance);
        let copies = multiplied.map_or(1, |duplication| duplication.copies);
        flights.extend((0..copies).map(|_| Flight { at: now + conditions.delay(random), host, nic }));
    }
}

impl Plug {
    /// Whether a burst swallows what arrives now.
    fn is_deaf(&mut self, random: &mut fastrand::Rng, now: Instant, burst: Burst) -> bool {
        while self.turns_at <= now {
            self.deaf = self.turns_at != Instant::ZERO && !self.deaf;
            let mean = if self.deaf { burst.lasting } else { burst.every };
            // Exponential: the end does not depend on how long it has lasted.
            let drawn = mean.mul_f64(-(1.0 - random.f64()).ln()).max(Duration::from_micros(1));
            let length = if self.deaf && burst.fixed { mean.max(Duration::from_micros(1)) } else { drawn };
            self.turns_at = self.turns_at.max(Instant::from_micros(1)) + length;
        }
        self.deaf && random.f64() < burst.loss
    }
}

impl Conditions {
    fn delay(&self, random: &mut fastrand::Rng) -> Duration {
        let held = self.reordering.filter(|reordering| random.f64() < reordering.chance);
        let held = held.map_or(Duration::ZERO, |reordering| reordering.delay.mul_f64(random.f64()));
        let jitter = u64::try_from(self.jitter.as_micros()).unwrap_or(u64::MAX);
        self.latency + Duration::from_micros(random.u64(0..=jitter)) + held
    }
}

/// All segments.
#[derive(Debug, Default)]
pub struct Net {
    segments: Vec<Segment>,
}

impl Net {
    /// Adds a segment of its own IPv4 network, 10.77.0.0/16, 10.78.0.0/16, ...
    pub(crate) fn add(&mut self, conditions: Conditions) -> SegmentIndex {
        let second = u8::try_from(77 + self.segments.len()).unwrap_or(u8::MAX);
        self.add_with(conditions, Network { address: Ipv4Addr::new(10, second, 0, 0).into(), prefix: 16 })
    }

    /// Adds a segment with this network.
    pub(crate) fn add_with(&mut self, conditions: Conditions, network: Network) -> SegmentIndex {
        self.segments.push(Segment {
            conditions,
            network,
            plugs: Vec::new(),
            addresses: BTreeMap::new(),
            islands: BTreeMap::new(),
            blocked: BTreeSet::new(),
        });
        SegmentIndex(self.segments.len() - 1)
    }

    /// The segment `index`.
    pub fn segment(&self, index: SegmentIndex) -> Option<&Segment> {
        self.segments.get(index.0)
    }

    /// The segment `index`, to change its conditions or to cut it.
    pub fn segment_mut(&mut self, index: SegmentIndex) -> Option<&mut Segment> {
        self.segments.get_mut(index.0)
    }

    pub(crate) fn plug(&mut self, index: SegmentIndex, host: HostIndex, nic: u32, address: IpAddr) {
        if let Some(segment) = self.segment_mut(index) {
            segment.addresses.entry(address).or_default().push(segment.plugs.len());
            segment.plugs.push(Plug { host, nic, address, deaf: false, turns_at: Instant::ZERO });
        }
    }

    pub(crate) fn renumber(&mut self, index: SegmentIndex, host: HostIndex, address: IpAddr) {
        let Some(segment) = self.segment_mut(index) else { return };
        segment.addresses.clear();
        for (number, plug) in segment.plugs.iter_mut().enumerate() {
            if plug.host == host {
                plug.address = address;
            }
            segment.addresses.entry(plug.address).or_default().push(number);
        }
    }

    /// Where the copies of one datagram arrive: everywhere for a group address, else where `to` is.
    pub(crate) fn flights(
        &mut self,
        random: &mut fastrand::Rng,
        now: Instant,
        (index, from): (SegmentIndex, HostIndex),
        to: IpAddr,
    ) -> Vec<Flight> {
        let Some(segment) = self.segment_mut(index) else { return Vec::new() };
        let mut flights = Vec::new();
        if to.is_multicast() {
            flights.reserve(segment.plugs.len());
            (0..segment.plugs.len()).for_each(|plug| segment.reach(random, now, (from, plug), &mut flights));
        } else {
            // Mostly one.
            let mut number = 0;
            while let Some(plug) = segment.addresses.get(&to).and_then(|plugs| plugs.get(number)).copied() {
                segment.reach(random, now, (from, plug), &mut flights);
                number += 1;
            }
        }
        flights
    }
}
