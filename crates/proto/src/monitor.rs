//! The neighbours in the ring are probed, and heard.
//!
//! Who misses a probe is tried again and again: that stands in `chain.rs`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::announce::Detail;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::{Kind, Message, Nonce};
use crate::node::Node;
use crate::peer::{PeerKey, State};
use crate::time::Instant;
use crate::timers::Timer;

/// An answer is late after so many round trips, but never later than after a second.
const ROUND_TRIPS: u32 = 4;
const LATEST_ANSWER: Duration = Duration::from_secs(1);
/// A wake-up that is later than this begins every chain anew: this host may have missed the answers.
const LATE: Duration = Duration::from_millis(200);
/// Who was stopped says that it is there, but not sooner than so long after the last time.
const LATENESS_PAUSE: Duration = Duration::from_secs(10);
/// Most silent neighbours in a row that are asked at once.
pub(crate) const WIDTH_MAX: usize = 64;
/// Most lost peers that are searched for in one round.
const LOST_PER_ROUND: usize = 16;
/// How far what is due together lies apart at most.
pub(crate) const SOON: Duration = Duration::from_millis(1);

/// A probe of the neighbour under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) id: PeerId,
    pub(crate) to: IpAddr,
    pub(crate) sent_at: Instant,
    /// When it counts as missed.
    pub(crate) until: Instant,
}

impl Node {
    /// Looks at the ring of a link: at the neighbours, and at those who missed a probe.
    pub(crate) fn fire_watch(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let due = link.timers.at(Timer::Watch).unwrap_or(now);
        link.timers.clear(Timer::Watch);
        link.ring.health.note_wake_up(now, now.since(due));
        if now.since(due) > LATE {
            self.wake_late(now, interface, self.lateness.was_stopped(due));
        }
        self.end_holds(now, interface);
        if self.takes_part() {
            self.miss_neighbours(now, interface);
            self.widen(now, interface);
            self.keep_listening(now, interface);
            self.advance_chains(now, interface);
            self.probe_round(now, interface);
        }
        self.plan_watch(now, interface);
    }

    /// Sets the timer to whatever comes first.
    pub(crate) fn plan_watch(&mut self, now: Instant, interface: u32) {
        let successor_due = self.successor_due(interface);
        let Some(link) = self.links.get_mut(&interface) else { return };
        if link.timers.at(Timer::Watch).is_some_and(|at| at <= now) {
            // It is due, and how late it is says something.
            return;
        }
        let ring = &link.ring;
        let asked = ring.asked.map(|asked| asked.until);
        let chains = ring.chains.values().map(|chain| chain.next).chain(ring.listen_at);
        let first =
            ring.probe_at.into_iter().chain(asked).chain(successor_due).chain(chains).chain(ring.hold_until).min();
        match first {
            Some(at) => link.timers.set(Timer::Watch, at.max(now + SOON)),
            None => link.timers.clear(Timer::Watch),
        }
    }

    fn wake_late(&mut self, now: Instant, interface: u32, stopped: bool) {
        // What came in meanwhile is not read yet.
        self.begin_anew(now, interface, now + self.config.try_interval);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let told_lately = link.ring.told_of_lateness.is_some_and(|at| now.since(at) < LATENESS_PAUSE);
        if stopped && !told_lately {
            link.ring.told_of_lateness = Some(now);
            link.start_announcing(now);
        }
    }

    /// Who did not answer in time, and whether the neighbour behind is silent.
    fn miss_neighbours(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        if let Some(asked) = link.ring.asked.filter(|asked| asked.until <= now) {
            link.ring.asked = None;
            self.miss(now, interface, &asked.id, asked.sent_at);
        }
        if self.successor_due(interface).is_some_and(|at| at <= now)
            && let Some(successor) = self.successor(interface)
        {
            self.miss(now, interface, &successor, now);
        }
    }

    /// When the neighbour behind has been silent for too long; `None` while it is asked or not to be asked.
    fn successor_due(&self, interface: u32) -> Option<Instant> {
        let ring = &self.links.get(&interface)?.ring;
        ring.probe_at?;
        let id = self.successor(interface)?;
        let asked = ring.chains.contains_key(&id) || ring.asked.is_some_and(|asked| asked.id == id);
        let since = self.heard_on(&id, interface);
        let peer = self.table.get(&PeerKey::Identity(id))?;
        let due = since.unwrap_or(peer.state_since) + self.config.watch_silence;
        let paused = ring.doubts.get(&id).map_or(Instant::ZERO, |doubt| doubt.until);
        (!asked).then_some(due.max(paused))
    }

    /// Sends a directed search by one link.
    pub(crate) fn ask_in_ring(&mut self, now: Instant, interface: u32, id: &PeerId, nonce: Nonce) {
        let Some(address) = self.address_in_ring(id, interface) else { return };
        // Neighbours compare their tables with each probe, so that what one of them missed is soon noticed.
        let digest = self.links.get(&interface).map(|link| link.digest.live());
        let detail = Detail { target: Some(*id), nonce: Some(nonce), digest, ..Detail::default() };
        let to = SocketAddr::new(address, self.config.port);
        self.send_unicast(now, interface, to, (Kind::Search, detail), usize::MAX);
    }

    /// Probes the neighbour before this host: the next one that is not silent already, so that somebody is heard.
    fn probe_round(&mut self, now: Instant, interface: u32) {
        let interval = self.config.watch_interval;
        let nonce = Nonce(self.random.u64(..));
        let Some(link) = self.links.get_mut(&interface) else { return };
        if link.ring.probe_at.is_none_or(|at| at > now) {
            return;
        }
        link.ring.probe_at = Some(now + interval);
        link.ring.rounds += 1;
        link.ring.nonce = nonce;
        let Some(link) = self.links.get(&interface) else { return };
        let paused = |id: &PeerId| link.ring.doubts.get(id).is_some_and(|doubt| doubt.until > now);
        let answers = |id: &PeerId| !link.ring.chains.contains_key(id) && !paused(id);
        let neighbour = self.predecessors(interface).take(2 * WIDTH_MAX).find(answers);
        if let Some(id) = neighbour {
            self.probe_neighbour(now, interface, id);
        }
        self.search_for_lost(now, interface);
    }

    fn probe_neighbour(&mut self, now: Instant, interface: u32, id: PeerId) {
        let Some(to) = self.address_in_ring(&id, interface) else { return };
        let round_trip = self.table.get(&PeerKey::Identity(id)).and_then(|peer| peer.round_trip).unwrap_or_default();
        let patience = self.config.try_interval.max((round_trip * ROUND_TRIPS).min(LATEST_ANSWER));
        let Some(link) = self.links.get_mut(&interface) else { return };
        let patience = (patience * link.ring.health.slowdown()).min(patience.max(LATEST_ANSWER));
        let nonce = link.ring.nonce;
        link.ring.asked = Some(Asked { id, to, sent_at: now, until: now + patience });
        self.ask_in_ring(now, interface, &id, nonce);
    }

    /// Probes those that were lost here, and those that do not answer: each once in several rounds.
    fn search_for_lost(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get(&interface) else { return };
        let (rounds, nonce) = (link.ring.rounds, link.ring.nonce);
        let turns = (self.config.lost_search.as_micros() / self.config.watch_interval.as_micros().max(1)).max(1);
        let doubted: Vec<PeerId> = link.ring.doubts.keys().copied().collect();
        let lost = self.lost_before(now, interface);
        // Where there are more than a round takes, each has its turn later.
        let groups = turns.max((lost.len() + doubted.len()).div_ceil(LOST_PER_ROUND) as u128);
        for id in lost.iter().chain(&doubted) {
            // By the identity, so that nobody loses its turn when others come back.
            let turn = id.as_bytes().last().map_or(0, |byte| u128::from(*byte));
            if (u128::from(rounds) + turn) % groups == 0 {
                self.ask_in_ring(now, interface, id, nonce);
            }
        }
    }

    /// A peer was heard on a link: whatever was thought of it there is over.
    pub(crate) fn hear_in_ring(&mut self, arrival: Arrival, message: &Message) {
        let Some(extension) = &message.info.extension else { return };
        let (now, interface, id) = (arrival.now, arrival.interface, extension.id);
        self.note_heard(now, interface);
        self.note_measured(arrival, extension);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let ring = &mut link.ring;
        let asked = ring.asked.filter(|asked| asked.id == id);
        let concerned = asked.is_some()
            || ring.chains.contains_key(&id)
            || ring.doubts.contains_key(&id)
            || ring.accused.contains_key(&id);
        let to_me = extension.target == Some(self.identity.id);
        if concerned {
            let chain = ring.chains.remove(&id);
            let echo = |nonce: Nonce| extension.echo == Some(nonce);
            let answered = echo(ring.nonce) || chain.as_ref().is_some_and(|chain| echo(chain.nonce));
            if let Some(asked) = asked {
                ring.asked = None;
                if answered {
                    ring.health.measure(true);
                    self.note_round_trip(&id, now.since(asked.sent_at));
                }
            } else if chain.is_some()
                && let Some(link) = self.links.get_mut(&interface)
            {
                // It lives, so its first answer was lost.
                link.ring.health.measure(false);
            }
            let unanswered = chain.as_ref().map_or(0, |chain| chain.tries) + u32::from(asked.is_some());
            self.note_reach(now, interface, &id, (answered, unanswered));
            self.clear_accusation(now, interface, &id);
            self.restore_suspect(now, &id, message.kind);
        }
        if concerned || (to_me && self.successor(interface) == Some(id)) {
            self.plan_watch(now, interface);
        }
    }

    pub(crate) fn note_round_trip(&mut self, id: &PeerId, round_trip: Duration) {
        if let Some(peer) = self.table.get_mut(&PeerKey::Identity(*id)) {
            peer.round_trip = Some(round_trip);
        }
    }

    /// A datagram that proves a path alone brings back who was suspected on that path.
    fn restore_suspect(&mut self, now: Instant, id: &PeerId, kind: Kind) {
        let key = PeerKey::Identity(*id);
        let suspect = self.table.get(&key).is_some_and(|peer| peer.state == State::Suspect);
        if suspect && !self.is_missed(id) {
            self.mark_up(now, &key, crate::event::Cause::Heard(kind));
        }
    }
}
