//! The ring of one link: all extended peers that are there and this host, in the order of their identities.
//!
//! Every host probes the one before it. It is probed by the one behind it in the same way, so it hears both neighbours
//! once a second for two packets, and each host is watched from two sides whatever the size of the network.
//!
//! ```text
//!      ... ◀── a ◀── b ◀── this host ◀── c ◀── d ◀── ...       ◀── probes, and is answered
//! ```

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Bound;

use crate::chain::Chain;
use crate::health::Health;
use crate::id::PeerId;
use crate::limit::{Rate, TokenBucket};
use crate::message::Nonce;
use crate::monitor::Asked;
use crate::node::Node;
use crate::peer::{Peer, PeerKey, Reason, State};
use crate::reach::Doubt;
use crate::reminder::Burials;
use crate::suspicion::Accusation;
use crate::time::Instant;
use crate::timers::Timer;

/// Bound on a host's contradictions on one link: it has to survive the loss of some, and a liar must not make it shout.
const REFUTATIONS: Rate = Rate { per_second: 2, burst: 6 };
/// How many hosts behind a suspected one in the ring ask it themselves, beside the one before it. The first of them is
/// mostly the one that suspects.
const WITNESSES_BEHIND: usize = 3;

/// What a link keeps of the ring.
#[derive(Debug)]
pub(crate) struct Ring {
    /// When the neighbour is probed next; `None` before this host takes part.
    pub(crate) probe_at: Option<Instant>,
    /// How often that was done.
    pub(crate) rounds: u64,
    /// That of the newest round.
    pub(crate) nonce: Nonce,
    /// The probe under way.
    pub(crate) asked: Option<Asked>,
    /// When others were last asked because a peer is missed.
    pub(crate) asked_others: Option<Instant>,
    /// When that is to be done next, while a peer is missed.
    pub(crate) listen_at: Option<Instant>,
    /// Who missed a probe.
    pub(crate) chains: BTreeMap<PeerId, Chain>,
    /// Who is missed by others.
    pub(crate) accused: BTreeMap<PeerId, Accusation>,
    /// When the first verdict that is held back may be believed, or earlier where that one was refuted meanwhile. With
    /// half of a large network dead at once it is too much to look for it at each datagram.
    pub(crate) hold_until: Option<Instant>,
    /// When the accused were last looked through for those that are forgotten.
    pub(crate) accused_sorted_out: Instant,
    /// Who is there and does not answer.
    pub(crate) doubts: BTreeMap<PeerId, Doubt>,
    /// Who was declared dead lately.
    pub(crate) burials: Burials,
    pub(crate) health: Health,
    pub(crate) refutations: TokenBucket,
    /// How many lost peers came back lately, and since when.
    pub(crate) returns: (Instant, u32),
    /// When this host last announced itself because a lost peer is back.
    pub(crate) told_of_return: Option<Instant>,
    /// When it did because it was woken very late.
    pub(crate) told_of_lateness: Option<Instant>,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            probe_at: None,
            rounds: 0,
            nonce: Nonce(0),
            asked: None,
            asked_others: None,
            listen_at: None,
            chains: BTreeMap::new(),
            accused: BTreeMap::new(),
            hold_until: None,
            accused_sorted_out: Instant::ZERO,
            doubts: BTreeMap::new(),
            burials: Burials::default(),
            health: Health::default(),
            refutations: TokenBucket::new(REFUTATIONS),
            returns: (Instant::ZERO, 0),
            told_of_return: None,
            told_of_lateness: None,
        }
    }
}

/// Whether a row is in the ring of a link.
pub(crate) fn is_member(peer: &Peer, interface: u32) -> bool {
    peer.is_live() && peer.marks.iter().any(|mark| mark.interface == interface)
}

impl Node {
    /// Whether this host watches others.
    pub(crate) fn takes_part(&self) -> bool {
        self.config.watch && !self.config.observer
    }

    /// Begins to probe on links that are new, each at a time of its own.
    pub(crate) fn join_rings(&mut self, now: Instant) {
        if !self.takes_part() {
            return;
        }
        for link in self.links.values_mut().filter(|link| link.ring.probe_at.is_none()) {
            let interval = self.config.watch_interval;
            let at = now + interval + interval.mul_f64(self.random.f64());
            link.ring.probe_at = Some(at);
            link.timers.set_earlier(Timer::Watch, at);
        }
    }

    /// All rows with an identity, going down from `id` and round.
    pub(crate) fn rows_before<'a>(&'a self, id: &PeerId) -> impl Iterator<Item = (PeerId, &'a Peer)> + use<'a> {
        let (first, last) = (PeerKey::Identity(*id), PeerKey::Identity(PeerId::from_bytes([u8::MAX; 32])));
        let before = self.table.range((Bound::Unbounded, Bound::Excluded(&first))).rev();
        let round = self.table.range((Bound::Excluded(&first), Bound::Included(&last))).rev();
        before.chain(round).filter_map(|peer| peer.key.id().map(|id| (*id, peer)))
    }

    /// The members of a link's ring behind `id`, going up and round.
    fn members_behind<'a>(&'a self, id: &PeerId, interface: u32) -> impl Iterator<Item = PeerId> + use<'a> {
        let (first, last) = (PeerKey::Identity(*id), PeerKey::Identity(PeerId::from_bytes([u8::MAX; 32])));
        let behind = self.table.range((Bound::Excluded(&first), Bound::Included(&last)));
        let round = self.table.range((Bound::Unbounded, Bound::Excluded(&first)));
        let member = move |peer: &Peer| is_member(peer, interface).then(|| peer.key.id().copied()).flatten();
        behind.chain(round).filter_map(member)
    }

    /// The members before this host, the nearest first.
    pub(crate) fn predecessors(&self, interface: u32) -> impl Iterator<Item = PeerId> {
        let rows = self.rows_before(&self.identity.id);
        rows.filter(move |(_, peer)| is_member(peer, interface)).map(|(id, _)| id)
    }

    /// The member behind this host: the one that probes it.
    pub(crate) fn successor(&self, interface: u32) -> Option<PeerId> {
        self.members_behind(&self.identity.id, interface).next()
    }

    /// Whether this host is one of those next to `id`, who ask it themselves when another one misses it.
    pub(crate) fn is_witness_of(&self, id: &PeerId, interface: u32) -> bool {
        let own = self.identity.id;
        let behind = self.between(id, &own, interface, WITNESSES_BEHIND) < WITNESSES_BEHIND;
        behind || self.between(&own, id, interface, 1) == 0
    }

    /// How many members stand between two hosts, going up from the first one; counted up to `most`.
    fn between(&self, first: &PeerId, last: &PeerId, interface: u32, most: usize) -> usize {
        // Going up from the first one, the last one is reached before whatever has gone further round than it.
        let before_last = |member: &PeerId| ahead(first, member) < ahead(first, last);
        self.members_behind(first, interface).take_while(before_last).take(most).count()
    }

    /// The lost rows next before this host in the ring of a link, which it would watch were they there.
    pub(crate) fn lost_before(&self, now: Instant, interface: u32) -> Vec<PeerId> {
        let since = now - self.config.lost_search_for;
        let here = self.rows_before(&self.identity.id).take_while(|(_, peer)| !is_member(peer, interface));
        // Who was not there when this host came is not searched for: it tells of itself when it starts.
        let lost =
            |peer: &Peer| peer.reason == Some(Reason::Lost) && peer.state_since > since && peer.last_heard.is_some();
        here.filter(|(_, peer)| lost(peer)).map(|(id, _)| id).collect()
    }

    /// The address where a peer is asked on a link: where it was heard last, else where it is said to be.
    pub(crate) fn address_in_ring(&self, id: &PeerId, interface: u32) -> Option<IpAddr> {
        let link = self.links.get(&interface)?;
        let peer = self.table.get(&PeerKey::Identity(*id))?;
        let there = peer.paths.iter().filter(|path| path.interface == interface);
        let heard = there.filter(|path| link.interface.is_on_link(path.address)).max_by_key(|path| path.last_heard);
        heard.map(|path| path.address).or_else(|| crate::digest::address_on(peer, &link.interface))
    }

    /// When a peer was heard on a link last.
    pub(crate) fn heard_on(&self, id: &PeerId, interface: u32) -> Option<Instant> {
        let peer = self.table.get(&PeerKey::Identity(*id))?;
        peer.paths.iter().filter(|path| path.interface == interface).filter_map(|path| path.last_heard).max()
    }

    /// Whether a peer is up or suspect.
    pub(crate) fn is_live(&self, id: &PeerId) -> bool {
        self.table.get(&PeerKey::Identity(*id)).is_some_and(Peer::is_live)
    }

    /// Whether a row is watched by the ring of any link, so that its lifetime is the last resort only.
    pub(crate) fn is_watched(&self, key: &PeerKey) -> bool {
        let marked = |peer: &Peer| peer.marks.iter().any(|mark| self.links.contains_key(&mark.interface));
        self.takes_part() && self.table.get(key).is_some_and(|peer| peer.state != State::Unknown && marked(peer))
    }

    /// A number from 0 to 1 that this host and a peer have between them, so that hosts do the same at different times.
    pub(crate) fn share_of(&self, id: &PeerId) -> f64 {
        let bytes = self.identity.id.as_bytes().iter().zip(id.as_bytes());
        let mixed = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, (own, other)| {
            (hash ^ u64::from(*own) ^ (u64::from(*other) << 8)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        (mixed >> 40) as f64 / f64::from(1_u32 << 24)
    }
}

/// Where `id` stands going up from `first` and round.
fn ahead<'a>(first: &PeerId, id: &'a PeerId) -> (bool, &'a [u8; 32]) {
    (id < first, id.as_bytes())
}
