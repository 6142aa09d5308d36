//! Who missed every copy of a verdict is told it by a host that compares tables with it.
//!
//! Neighbours in the ring compare their tables with each probe. Where the other counts more hosts than this one, and this
//! one took somebody off lately, that is the likely reason. What is told so is a verdict like one to all; but the peer it is
//! about cannot hear it and contradict, so whoever is reminded asks that peer first.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::announce::Detail;
use crate::claim::{CLAIMS_MAX, Claim, Claims};
use crate::digest::Digest;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::{Extension, Kind};
use crate::node::Node;
use crate::peer::{Peer, PeerKey, Reason, State};
use crate::time::Instant;

/// For so long a verdict is told to those who missed it, and so many of them are remembered.
const TOLD_FOR: Duration = Duration::from_secs(15);
const REMEMBERED: usize = 64;
/// Shortest time between two reminders on one link.
const PAUSE: Duration = Duration::from_millis(50);
/// Shortest time between two questions, and the silence after which somebody may be dead.
const ASKING_PAUSE: Duration = Duration::from_millis(200);
const HEARD_JUST_NOW: Duration = Duration::from_millis(1_400);
/// Time that a peer has to answer whoever is reminded of its death: seven tries. At 20 % loss each way a living one misses
/// all of them once in a thousand times.
const TIME_TO_ANSWER: Duration = Duration::from_millis(650);

/// A verdict that was believed here.
#[derive(Debug, Clone, Copy)]
struct Burial {
    at: Instant,
    claim: Claim,
    /// What the peer added to the digest.
    value: u64,
}

/// The verdicts of a link that were believed lately, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Burials {
    lately: VecDeque<Burial>,
    reminded_at: Option<Instant>,
    /// When this host last asked another why it counts one host less.
    asked_at: Option<Instant>,
}

impl Node {
    /// Notes a verdict that this host is about to believe.
    pub(crate) fn note_burial(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(peer) = self.table.get(&PeerKey::Identity(*id)) else { return };
        let (epoch, sequence) = peer.newest();
        let claim = Claim { id: *id, epoch: epoch.max(1), sequence };
        let mark = peer.marks.iter().find(|mark| mark.interface == interface).copied();
        let (Some(link), Some(mark)) = (self.links.get_mut(&interface), mark) else { return };
        let lately = &mut link.ring.burials.lately;
        lately.retain(|burial| burial.claim.id != *id && now.since(burial.at) < TOLD_FOR);
        if lately.len() >= REMEMBERED {
            lately.pop_front();
        }
        lately.push_back(Burial { at: now, claim, value: mark.value });
    }

    /// A peer told this host alone its digest: if it counts more hosts, it may have missed a verdict.
    pub(crate) fn remind(&mut self, arrival: Arrival, extension: &Extension, theirs: Digest) {
        let (now, interface) = (arrival.now, arrival.interface);
        let Some(link) = self.links.get(&interface) else { return };
        let (own, burials) = (link.digest.live(), &link.ring.burials);
        let paused = burials.reminded_at.is_some_and(|at| now.since(at) < PAUSE);
        let trusted = self.table.get(&PeerKey::Identity(extension.id)).is_some_and(|peer| peer.state == State::Up);
        if theirs.hosts <= own.hosts || paused || !trusted || !self.takes_part() {
            return;
        }
        let gone = |id: &PeerId| {
            let peer = self.table.get(&PeerKey::Identity(*id));
            peer.is_some_and(|peer| peer.state == State::Down && peer.reason == Some(Reason::Lost))
        };
        let current =
            || burials.lately.iter().rev().filter(|burial| now.since(burial.at) < TOLD_FOR && gone(&burial.claim.id));
        // Mostly it is exactly one.
        let missing = theirs.sum.wrapping_sub(own.sum);
        let exact = current().find(|burial| burial.value == missing).map(|burial| vec![burial.claim]);
        let dead = exact.unwrap_or_else(|| current().take(CLAIMS_MAX).map(|burial| burial.claim).collect());
        if dead.is_empty() {
            return;
        }
        if let Some(link) = self.links.get_mut(&interface) {
            link.ring.burials.reminded_at = Some(now);
        }
        let claims = Some(Box::new(Claims { dead, ..Claims::default() }));
        let to = SocketAddr::new(arrival.from.ip(), self.config.port);
        let detail = Detail { claims, brief: true, ..Detail::default() };
        self.send_unicast(now, interface, to, (Kind::Notify, detail), usize::MAX);
    }

    /// A peer counts all that this host does but one, which was not heard for a while: if that one is dead, the peer tells it
    /// to who asks.
    pub(crate) fn ask_why_fewer(&mut self, arrival: Arrival, key: &PeerKey, theirs: Digest) {
        let (now, interface) = (arrival.now, arrival.interface);
        let Some(link) = self.links.get(&interface) else { return };
        let (own, nonce) = (link.digest.live(), link.ring.nonce);
        let paused = link.ring.burials.asked_at.is_some_and(|at| now.since(at) < ASKING_PAUSE);
        if theirs.hosts.saturating_add(1) != own.hosts || paused || !self.takes_part() || !link.joined {
            return;
        }
        let missing = own.sum.wrapping_sub(theirs.sum);
        let is_it = |peer: &&Peer| peer.marks.iter().any(|mark| mark.interface == interface && mark.value == missing);
        let silent = |peer: &Peer| now.since(peer.last_heard.unwrap_or(peer.state_since)) > HEARD_JUST_NOW;
        let (Some(id), Some(true)) = (key.id().copied(), self.table.iter().find(is_it).map(silent)) else { return };
        if let Some(link) = self.links.get_mut(&interface) {
            link.ring.burials.asked_at = Some(now);
        }
        self.ask_in_ring(now, interface, &id, nonce);
    }

    /// This host is said to have missed a verdict: it asks the peer, and believes it if there is no answer.
    pub(crate) fn hear_reminder(&mut self, arrival: Arrival, claim: &Claim) {
        let (now, interface, id) = (arrival.now, arrival.interface, claim.id);
        if id == self.identity.id {
            return self.contradict_claim(arrival, claim);
        }
        let peer = self.table.get(&PeerKey::Identity(id)).filter(|peer| peer.is_live());
        let restarted = peer.is_none_or(|peer| peer.newest_epoch() > claim.epoch);
        if restarted || !self.takes_part() || self.vouched_until(&id) > now {
            return;
        }
        let warned = self.links.get(&interface).and_then(|link| link.ring.accused.get(&id));
        match warned {
            Some(accusation) if accusation.hold.is_some() => {}
            Some(accusation) if accusation.heard.is_none() && accusation.until > now => {
                self.believe_verdict(now, interface, &id);
            }
            _ => {
                let slowdown = self.links.get(&interface).map_or(1, |link| link.ring.health.slowdown());
                self.hold_verdict(arrival, &id, TIME_TO_ANSWER * slowdown);
                self.miss(now, interface, &id, now);
            }
        }
    }
}
