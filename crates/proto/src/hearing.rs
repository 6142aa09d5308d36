//! A host that was deaf blames nobody for what it did not hear.
//!
//! A peer that is missed may be dead, or deaf for two seconds, and this host may have been deaf just before or after that:
//! the two together are longer than the chain from the first missed try to the verdict. So while a peer is missed this
//! host asks others as well, who do answer. Where it heard nobody for a second, every chain begins anew, and nobody is
//! declared dead unless somebody else was heard after the last suspicion.

use std::time::Duration;

use crate::id::PeerId;
use crate::node::Node;
use crate::time::Instant;

/// Neighbours are heard every 870 ms: who heard nobody for so long may have been deaf. Longer on a bad link.
const DEAF_FROM: Duration = Duration::from_secs(1);
/// While a peer is missed, others are asked where nobody was heard for so long.
const ASK_AFTER: Duration = Duration::from_millis(200);
/// So long after a word to all they are asked.
const AFTER_A_WORD: Duration = Duration::from_millis(20);
/// How many others are asked at once: at 20 % loss either way, both miss it once in eight times.
const OTHERS: usize = 2;
/// Among so many of the nearest neighbours they are sought.
const SOUGHT_AMONG: usize = 128;

impl Node {
    /// An extended peer was heard on a link. After a silence that every chain may owe to this host, all of them begin anew.
    pub(crate) fn note_heard(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let health = &mut link.ring.health;
        let deaf_from = DEAF_FROM.mul_f64(health.stretch());
        let before = health.heard.replace(now);
        health.isolated = false;
        if before.is_some_and(|before| now.since(before) >= deaf_from) && !link.ring.chains.is_empty() {
            self.begin_anew(now, interface, now);
            self.plan_watch(now, interface);
        }
    }

    /// Forgets how long anybody has been silent, since this host may have missed the answers, and goes on at `next`.
    pub(crate) fn begin_anew(&mut self, now: Instant, interface: u32, next: Instant) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.ring.asked = None;
        for chain in link.ring.chains.values_mut().filter(|chain| chain.is_open()) {
            chain.begin_anew(now, next);
        }
    }

    /// While a peer is missed and nobody is heard, asks others: never together with a suspicion, which the question might
    /// overtake, so that the one who is asked takes the suspicion for old.
    pub(crate) fn keep_listening(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let ring = &mut link.ring;
        let missed = ring.chains.values().filter(|chain| chain.is_watched()).map(|chain| chain.since).min();
        let due = missed.map(|since| since.max(ring.health.heard.max(ring.asked_others).unwrap_or(since)) + ASK_AFTER);
        ring.listen_at = due;
        if due.is_none_or(|due| due > now) {
            return;
        }
        if ring.chains.values().any(|chain| chain.speaks_now(now)) {
            ring.listen_at = Some(now + AFTER_A_WORD);
            return;
        }
        ring.listen_at = Some(now + ASK_AFTER);
        self.ask_others(now, interface);
    }

    /// Asks neighbours that are not missed, to find out whether this host hears.
    pub(crate) fn ask_others(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.ring.asked_others = Some(now);
        let nonce = link.ring.nonce;
        let Some(ring) = self.links.get(&interface).map(|link| &link.ring) else { return };
        let answers = |id: &PeerId| !ring.chains.contains_key(id) && !ring.doubts.contains_key(id);
        let others: Vec<PeerId> =
            self.predecessors(interface).take(SOUGHT_AMONG).filter(answers).take(OTHERS).collect();
        for id in others {
            self.ask_in_ring(now, interface, &id, nonce);
        }
    }

    /// Whether anybody was heard since others were asked last.
    pub(crate) fn hears_others(&self, interface: u32) -> bool {
        let ring = self.links.get(&interface).map(|link| &link.ring);
        ring.is_some_and(|ring| ring.asked_others.is_none_or(|asked| ring.health.heard.is_some_and(|at| at >= asked)))
    }
}
