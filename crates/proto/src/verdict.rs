//! Nobody heard a peer: one host says so to all, and all take it off together.
//!
//! A host that heard the peer itself since it was suspected, or just now, waits: what the peer says next proves the
//! verdict wrong. So a forged verdict is believed only where the peer's own contradiction is lost.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use crate::chain::Stage;
use crate::claim::Claim;
use crate::digest::bucket_of;
use crate::event::{Cause, Change};
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::Info;
use crate::node::Node;
use crate::peer::{Peer, PeerKey, Reason, State};
use crate::ring::is_member;
use crate::roster::Roster;
use crate::time::Instant;
use crate::timers::Timer;

/// All copies of a verdict go out within this time.
const COPIES_WITHIN: Duration = Duration::from_millis(300);
/// Who was heard within this time is not missed because another host does not list it: that one may be slower to learn.
const HEARD_JUST_NOW: Duration = Duration::from_secs(3);
/// Who missed every suspicion gives the peer so much time to contradict the verdict.
const UNWARNED: Duration = Duration::from_millis(400);
/// Nobody believes a verdict over a peer that it is just asking itself before so many tries.
const TRIES_LEAST: u32 = 4;
/// Who misses more than so many rows of this host did not hear of them yet; fewer may be dead.
const MISSING_MAX: usize = 3;
/// So many lost peers that come back at once, and were not restarted, mean that the network fell apart.
const RETURNS: u32 = 3;
/// Shortest time between two announcements because lost peers are back, and the spread of each.
const RETURN_INTERVAL: Duration = Duration::from_secs(2);
const RETURN_SPREAD: Duration = Duration::from_millis(50);

impl Node {
    /// Declares a peer dead on one link, and believes it.
    pub(crate) fn pronounce_dead(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        let silent = chain.silent;
        (chain.stage, chain.copies, chain.due, chain.next) = (Stage::Dead, 0, true, now);
        if silent {
            link.ring.chains.remove(id);
        }
        link.ring.accused.remove(id);
        link.ring.doubts.remove(id);
        self.take_off(now, interface, id, Cause::NoAnswer);
    }

    /// One more copy of a verdict, or the end of it.
    pub(crate) fn repeat_verdict(&mut self, interface: u32, id: &PeerId) {
        let hosts = self.hosts();
        let Some(link) = self.links.get_mut(&interface) else { return };
        let copies = link.ring.health.verdicts(hosts);
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        if chain.copies < copies {
            chain.due = true;
        } else {
            link.ring.chains.remove(id);
        }
    }

    pub(crate) fn plan_next_verdict(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let hosts = self.hosts();
        let Some(link) = self.links.get_mut(&interface) else { return };
        let copies = link.ring.health.verdicts(hosts);
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        chain.next = now + COPIES_WITHIN / (copies - 1).max(1);
        if chain.copies >= copies {
            link.ring.chains.remove(id);
        }
    }

    /// Takes a verdict of another host.
    pub(crate) fn hear_verdict(&mut self, arrival: Arrival, claim: &Claim) {
        let (now, interface, id) = (arrival.now, arrival.interface, claim.id);
        if id == self.identity.id {
            return self.contradict_claim(arrival, claim);
        }
        let Some(peer) = self.table.get(&PeerKey::Identity(id)).filter(|peer| peer.is_live()) else { return };
        if peer.epoch > claim.epoch {
            // It was restarted meanwhile, and that was heard.
            return;
        }
        let warned = self.links.get(&interface).and_then(|link| link.ring.accused.get(&id)).cloned();
        match warned {
            Some(accusation) if accusation.hold.is_some() => {}
            Some(accusation) if accusation.heard.is_none() => self.believe_verdict(now, interface, &id),
            _ => {
                self.hold_verdict(arrival, &id, UNWARNED);
                if self.is_witness_of(&id, interface) {
                    self.question_verdict(now, interface, &id);
                }
            }
        }
    }

    /// A verdict is believed after `least`, and not while the peer was heard just now.
    pub(crate) fn hold_verdict(&mut self, arrival: Arrival, id: &PeerId, least: Duration) {
        let (now, interface, doubt) = (arrival.now, arrival.interface, self.config.verdict_doubt);
        let heard = self.heard_on(id, interface);
        let believed_at = heard.map_or(now, |heard| heard + doubt).max(now + least);
        self.accuse(arrival, id);
        if let Some(link) = self.links.get_mut(&interface)
            && let Some(accusation) = link.ring.accused.get_mut(id)
        {
            accusation.hold = Some(believed_at);
            link.ring.hold_until = Some(link.ring.hold_until.map_or(believed_at, |at| at.min(believed_at)));
        }
    }

    /// One who stands next to a peer that it heard asks it, and so finds out who is right.
    fn question_verdict(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get(&interface) else { return };
        let heard = link.ring.accused.get(id).and_then(|accusation| accusation.heard);
        let nonce = link.ring.nonce;
        if heard.is_some() {
            self.vouch(now, interface, id);
        }
        if !self.config.observer {
            self.ask_in_ring(now, interface, id, nonce);
        }
    }

    /// Believes the verdicts that nothing spoke against.
    pub(crate) fn end_holds(&mut self, now: Instant, interface: u32) {
        let pause = self.config.try_interval;
        let Some(link) = self.links.get_mut(&interface) else { return };
        if link.ring.hold_until.is_none_or(|until| until > now) {
            return;
        }
        // Who was woken late has not asked yet, or asks less often.
        let later = now + pause * link.ring.health.slowdown();
        for (id, accusation) in &mut link.ring.accused {
            let chain = link.ring.chains.get(id);
            let asking = chain.is_some_and(|chain| chain.stage == Stage::Asked && chain.tries < TRIES_LEAST);
            accusation.hold = accusation.hold.map(|until| if asking { until.max(later) } else { until });
        }
        let held = || link.ring.accused.iter().filter_map(|(id, accusation)| Some((*id, accusation.hold?)));
        let over: Vec<PeerId> = held().filter(|(_, until)| *until <= now).map(|(id, _)| id).collect();
        link.ring.hold_until = held().map(|(_, until)| until).filter(|until| *until > now).min();
        for id in over {
            self.believe_verdict(now, interface, &id);
        }
    }

    /// Another host does not list a peer that is up here: a verdict may have been missed, so this host asks itself.
    pub(crate) fn judge_unlisted(
        &mut self,
        now: Instant,
        interface: u32,
        (roster, source): (&Roster, &PeerKey),
        range: (Bound<&PeerKey>, Bound<&PeerKey>),
    ) {
        if !self.takes_part() {
            return;
        }
        let told: BTreeSet<PeerId> = roster.entries.iter().map(|entry| entry.id).collect();
        let heard = |peer: &Peer| peer.last_heard.unwrap_or(peer.state_since);
        let missing = |peer: &&Peer| {
            let unlisted = peer.key.id().is_some_and(|id| !told.contains(id) && !roster.is_same(bucket_of(id)));
            unlisted && peer.key != *source && is_member(peer, interface) && now.since(heard(peer)) > HEARD_JUST_NOW
        };
        let missing: Vec<PeerId> =
            self.table.range(range).filter(missing).filter_map(|peer| peer.key.id().copied()).collect();
        let few = missing.len() <= MISSING_MAX;
        for id in missing.into_iter().filter(|_| few) {
            self.miss(now, interface, &id, now);
        }
        self.plan_watch(now, interface);
    }

    pub(crate) fn believe_verdict(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.ring.accused.remove(id);
        link.ring.doubts.remove(id);
        link.ring.chains.remove(id);
        if link.ring.asked.is_some_and(|asked| asked.id == *id) {
            link.ring.asked = None;
        }
        self.take_off(now, interface, id, Cause::Verdict);
    }

    /// A verdict counts for the link that it was given on: a peer that is known on another one stays up there.
    fn take_off(&mut self, now: Instant, interface: u32, id: &PeerId, cause: Cause) {
        let key = PeerKey::Identity(*id);
        if !self.is_live(id) {
            return;
        }
        self.note_burial(now, interface, id);
        if !self.is_on_other_link(&key, interface) {
            return self.mark_down(now, &key, Reason::Lost, cause);
        }
        if let Some(peer) = self.table.get_mut(&key) {
            peer.paths.retain(|path| path.interface != interface);
            self.refresh_digest(now, &key);
            self.emit_peer(&key, Change::Changed, Cause::AddressGone);
        }
    }

    /// Whether a peer has an address on another link of this host.
    pub(crate) fn is_on_other_link(&self, key: &PeerKey, interface: u32) -> bool {
        let other = |path: &crate::peer::Path| path.interface != interface && self.links.contains_key(&path.interface);
        self.table.get(key).is_some_and(|peer| peer.paths.iter().any(other))
    }

    /// Whether the sender of a message is a peer that was lost.
    pub(crate) fn is_lost(&self, info: &Info) -> bool {
        let Some(extension) = &info.extension else { return false };
        let peer = self.table.get(&PeerKey::Identity(extension.id));
        peer.is_some_and(|peer| peer.reason == Some(Reason::Lost))
    }

    /// A lost peer is heard again. Where several come back that were not restarted, the network was cut: those on the other
    /// side have lost this host as well, and one that was told of them by others may never be searched for.
    pub(crate) fn count_return(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        let restarted = peer.epoch_since == now;
        let interfaces: Vec<u32> = peer.marks.iter().map(|mark| mark.interface).collect();
        if restarted || self.config.observer {
            return;
        }
        let pause = self.config.answer_jitter(self.hosts()).max(RETURN_SPREAD).mul_f64(self.random.f64());
        for interface in interfaces {
            let Some(link) = self.links.get_mut(&interface) else { continue };
            let (since, count) = link.ring.returns;
            let fresh = now.since(since) < RETURN_INTERVAL;
            link.ring.returns = if fresh { (since, count + 1) } else { (now, 1) };
            let told = link.ring.told_of_return.is_some_and(|at| now.since(at) < RETURN_INTERVAL);
            if link.ring.returns.1 >= RETURNS && !told {
                link.ring.told_of_return = Some(now);
                link.timers.set_earlier(Timer::Announce, now + pause);
            }
        }
    }

    /// A lost peer spoke to this host alone, so the network that fell apart is one again: this host announces itself, for
    /// those over there who have lost it too. Each of them is found by one over here and does the same.
    pub(crate) fn tell_of_return(&mut self, arrival: Arrival, info: &Info) {
        let Some(extension) = &info.extension else { return };
        let back = self.table.get(&PeerKey::Identity(extension.id)).is_some_and(|peer| peer.state == State::Up);
        let pause = RETURN_SPREAD.mul_f64(self.random.f64());
        if !back || self.config.observer {
            return;
        }
        let Some(link) = self.links.get_mut(&arrival.interface) else { return };
        if link.ring.told_of_return.is_none_or(|at| arrival.now.since(at) >= RETURN_INTERVAL) {
            link.ring.told_of_return = Some(arrival.now);
            link.timers.set_earlier(Timer::Announce, arrival.now + pause);
        }
    }
}
