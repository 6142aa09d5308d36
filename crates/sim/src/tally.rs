//! What is counted of each host.

use std::collections::BTreeMap;

use kimchi_peers_proto::Kind;

/// What is counted of one host over all its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Multicast datagrams sent, by kind.
    pub multicast: BTreeMap<Kind, u64>,
    /// Unicast datagrams sent, by kind.
    pub unicast: BTreeMap<Kind, u64>,
    /// Bytes sent.
    pub bytes: u64,
    /// Datagrams that reached the program.
    pub received: u64,
    /// Times it took a peer for dead that was there and could be heard both ways.
    pub false_downs: u64,
    /// Times it believed a goodbye that the peer did not say.
    pub false_goodbyes: u64,
    /// Times it doubted a peer.
    pub suspects: u64,
    /// Times a peer came up.
    pub ups: u64,
    /// Times a peer went down.
    pub downs: u64,
    /// Times it found another host with its own identity.
    pub clones_of_me: u64,
}

impl Tally {
    /// All multicast datagrams sent.
    pub fn multicasts(&self) -> u64 {
        self.multicast.values().sum()
    }

    /// All unicast datagrams sent.
    pub fn unicasts(&self) -> u64 {
        self.unicast.values().sum()
    }

    /// Multicast datagrams of one kind.
    pub fn multicasts_of(&self, kind: Kind) -> u64 {
        self.multicast.get(&kind).copied().unwrap_or(0)
    }

    /// Adds another host's numbers.
    pub(crate) fn add(&mut self, other: &Self) {
        for (kind, count) in &other.multicast {
            *self.multicast.entry(*kind).or_insert(0) += count;
        }
        for (kind, count) in &other.unicast {
            *self.unicast.entry(*kind).or_insert(0) += count;
        }
        self.bytes += other.bytes;
        self.received += other.received;
        self.false_downs += other.false_downs;
        self.false_goodbyes += other.false_goodbyes;
        self.suspects += other.suspects;
        self.ups += other.ups;
        self.downs += other.downs;
        self.clones_of_me += other.clones_of_me;
    }
}
