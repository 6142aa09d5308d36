//! The rivals of the engine in a comparison: the request as written, and the same with the obvious heartbeat.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use kimchi_peers_proto::{HostName, Instant, Kind, Message};

use crate::wire::base_message;

/// Time between two heartbeats of the rival that has them.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Heartbeats that may be missed before a peer is taken for dead.
const MISSED: u32 = 3;

/// A program that searches once when it starts and answers each search at once by a multicast `notify`. Without a
/// heartbeat it never finds out that a peer is gone.
#[derive(Debug)]
pub struct NaivePeer {
    name: HostName,
    /// When the next heartbeat is due; `None` where there is none.
    next_heartbeat: Option<Instant>,
    heard: BTreeMap<IpAddr, Instant>,
    beaten: u64,
}

impl NaivePeer {
    pub(crate) fn new(name: HostName, heartbeat: bool, now: Instant) -> Self {
        Self { name, next_heartbeat: heartbeat.then(|| now + HEARTBEAT), heard: BTreeMap::new(), beaten: 0 }
    }

    /// What it says by an interface with this address.
    pub(crate) fn say(&self, kind: Kind, address: IpAddr) -> Vec<u8> {
        base_message(kind, &self.name, address)
    }

    /// Takes one message on the interface with `own` and tells what it answers.
    pub(crate) fn receive(&mut self, now: Instant, own: IpAddr, message: &Message) -> Option<Vec<u8>> {
        if message.info.address == own {
            return None;
        }
        self.heard.insert(message.info.address, now);
        (message.kind == Kind::Search).then(|| self.say(Kind::Notify, own))
    }

    /// When it wants to be woken.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.next_heartbeat
    }

    /// How many heartbeats it has sent.
    pub(crate) fn beaten(&self) -> u64 {
        self.beaten
    }

    /// Whether a heartbeat is due, and plans the next one.
    pub(crate) fn beats(&mut self, now: Instant) -> bool {
        let due = self.next_heartbeat.is_some_and(|at| at <= now);
        if due {
            self.next_heartbeat = Some(now + HEARTBEAT);
            self.beaten += 1;
        }
        due
    }

    /// How many peers it lists.
    pub fn listed(&self, now: Instant) -> usize {
        self.heard.values().filter(|at| self.is_fresh(now, **at)).count()
    }

    /// Whether it lists the peer with this address.
    pub fn lists(&self, now: Instant, address: IpAddr) -> bool {
        self.heard.get(&address).is_some_and(|at| self.is_fresh(now, *at))
    }

    fn is_fresh(&self, now: Instant, heard: Instant) -> bool {
        self.next_heartbeat.is_none() || now.since(heard) < HEARTBEAT * MISSED
    }
}
