//! A neighbour in the ring is probed, and one that misses a probe is tried again and again.
//!
//! ```text
//!                missed          tries unanswered             nobody heard it
//! (probed) ───────────▶ asked ──────────────────▶ suspected ─────────────────▶ dead
//!     ▲                   │ answered                  │ heard, or vouched for
//!     └───────────────────┴───────────────────────────┘
//! ```
//!
//! From the first missed try to the verdict more than two seconds pass, so a burst of loss of that length kills nobody.
//! Where one neighbour is silent, those before it are asked too, twice as many with each step: half of all hosts may die
//! at once. What is said to others stands in `suspicion.rs` and `verdict.rs`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::announce::Detail;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::{Kind, Message, Nonce};
use crate::node::Node;
use crate::peer::{PeerKey, State};
use crate::ring::is_member;
use crate::time::Instant;
use crate::timers::Timer;

/// An answer is late after so many round trips, but never later than after a second.
const ROUND_TRIPS: u32 = 4;
const LATEST_ANSWER: Duration = Duration::from_secs(1);
/// A wake-up that is later than this begins every chain anew: this host may have missed the answers.
const LATE: Duration = Duration::from_millis(200);
/// Who woke so late may have been taken for dead and says that it is there.
const VERY_LATE: Duration = Duration::from_secs(1);
/// Most silent neighbours in a row that are asked at once.
const WIDTH_MAX: usize = 64;
/// For each further so many that are asked at once, the tries are an interval further apart.
const CHAINS_PER_STEP: usize = 16;
/// Misses after which the next ones before a silent peer are asked too.
const MISSES_BEFORE_WIDER: u32 = 2;
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

/// How far it is with a peer that missed a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is tried again.
    Asked,
    /// Everybody is asked for it.
    Suspected,
    /// Another host asks everybody for it.
    Left,
    /// It was declared dead, and that is repeated.
    Dead,
}

/// A peer that missed a probe.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub(crate) stage: Stage,
    /// When the first missed try was sent.
    pub(crate) since: Instant,
    /// When to do something again.
    pub(crate) next: Instant,
    pub(crate) suspect_at: Instant,
    pub(crate) verdict_at: Instant,
    pub(crate) nonce: Nonce,
    pub(crate) to: Option<IpAddr>,
    pub(crate) tries: u32,
    /// Suspicions or verdicts sent in this stage, and whether one more is due.
    pub(crate) copies: u32,
    pub(crate) due: bool,
    /// How often its kernel said that nobody listens, and after how many tries it did last.
    pub(crate) refusals: u32,
    pub(crate) refused_at_try: u32,
    /// Whether it was left to another host before, which then never came to a verdict.
    pub(crate) was_left: bool,
    /// Its lifetime is over: it is given up even where this host hears nobody.
    pub(crate) last_resort: bool,
    /// Nothing is said to others, since this host hears nobody.
    pub(crate) silent: bool,
    /// Epoch and number of the newest datagram that is known of it.
    pub(crate) newest: (u64, u64),
}

impl Chain {
    /// Whether it is being asked for, by this host or another one, rather than declared dead.
    pub(crate) fn is_open(&self) -> bool {
        self.stage != Stage::Dead
    }

    /// Whether this host asks for it.
    pub(crate) fn is_watched(&self) -> bool {
        matches!(self.stage, Stage::Asked | Stage::Suspected)
    }

    /// Whether something may be said of it to all now.
    pub(crate) fn speaks_now(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Asked => self.suspect_at <= now,
            Stage::Suspected => self.next <= now || self.due,
            Stage::Left | Stage::Dead => self.next <= now,
        }
    }

    /// Forgets how long it has been silent.
    pub(crate) fn begin_anew(&mut self, now: Instant) {
        let later = now.since(self.since);
        self.since = now;
        self.suspect_at += later;
        self.verdict_at += later;
        (self.stage, self.tries, self.copies, self.due, self.next) = (Stage::Asked, 0, 0, false, now);
        self.refusals = 0;
    }
}

impl Node {
    /// Looks at the ring of a link: at the neighbours, and at those who missed a probe.
    pub(crate) fn fire_watch(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let due = link.timers.at(Timer::Watch).unwrap_or(now);
        link.timers.clear(Timer::Watch);
        if now.since(due) > LATE {
            self.wake_late(now, interface, now.since(due) > VERY_LATE);
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

    fn wake_late(&mut self, now: Instant, interface: u32, very: bool) {
        self.begin_anew(now, interface);
        if let Some(link) = self.links.get_mut(&interface).filter(|_| very) {
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

    /// Begins to try a peer that missed a probe which was sent at `since`.
    pub(crate) fn miss(&mut self, now: Instant, interface: u32, id: &PeerId, since: Instant) {
        let key = PeerKey::Identity(*id);
        // Where nobody else could tell whether it is us, a start or a wake-up gets more time.
        let too_early = self.hosts() <= 2 && self.grace_until > now;
        let Some(peer) = self.table.get(&key).filter(|peer| is_member(peer, interface)) else { return };
        let newest = peer.newest();
        let (suspect_after, verdict_after) = (self.config.suspect_after, self.config.verdict_after);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let paused = link.ring.doubts.get(id).is_some_and(|doubt| doubt.until > now);
        if too_early || paused || link.ring.chains.contains_key(id) {
            return;
        }
        let stretch = link.ring.health.stretch();
        let first = u32::from(since < now);
        let chain = Chain {
            stage: Stage::Asked,
            since,
            next: now,
            suspect_at: since + suspect_after.mul_f64(stretch),
            verdict_at: since + verdict_after.mul_f64(stretch),
            nonce: link.ring.nonce,
            to: None,
            tries: first,
            copies: 0,
            due: false,
            refusals: 0,
            refused_at_try: 0,
            was_left: false,
            last_resort: false,
            silent: false,
            newest: (newest.0.max(1), newest.1),
        };
        link.ring.chains.insert(*id, chain);
    }

    /// The lifetime of a peer is over: it is asked on every link where it should be heard.
    pub(crate) fn miss_everywhere(&mut self, now: Instant, id: &PeerId) {
        let interfaces: Vec<u32> = self.links.keys().copied().collect();
        for interface in interfaces {
            self.miss(now, interface, id, now);
            let Some(link) = self.links.get_mut(&interface) else { continue };
            if let Some(chain) = link.ring.chains.get_mut(id) {
                chain.last_resort = true;
                self.plan_watch(now, interface);
            }
        }
    }

    /// Whether a peer missed a probe on any link.
    pub(crate) fn is_missed(&self, id: &PeerId) -> bool {
        self.links.values().any(|link| link.ring.chains.get(id).is_some_and(Chain::is_open))
    }

    /// Where all the nearest neighbours before this host are silent, asks as many more.
    fn widen(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get(&interface) else { return };
        let chains = &link.ring.chains;
        let silent = |id: &PeerId| chains.get(id).is_some_and(|chain| chain.tries > MISSES_BEFORE_WIDER);
        let width = self.predecessors(interface).take(WIDTH_MAX).take_while(silent).count();
        if width == 0 || width >= WIDTH_MAX {
            return;
        }
        let lately = now - self.config.watch_interval;
        let further: Vec<PeerId> = self.predecessors(interface).take(2 * width).skip(width).collect();
        for id in further {
            if self.heard_on(&id, interface).is_some_and(|heard| heard > lately) {
                return;
            }
            self.miss(now, interface, &id, now);
        }
    }

    /// Does what is due for each peer that missed a probe; what is to be said of several goes out together.
    fn advance_chains(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get(&interface) else { return };
        let due = |(id, chain): (&PeerId, &Chain)| (chain.next <= now).then_some((*id, chain.stage));
        let due: Vec<(PeerId, Stage)> = link.ring.chains.iter().filter_map(due).collect();
        for (id, stage) in due {
            match stage {
                Stage::Asked => self.try_again(now, interface, &id),
                Stage::Suspected => self.keep_suspecting(now, interface, &id),
                Stage::Left => self.take_up(now, interface, &id),
                Stage::Dead => self.repeat_verdict(interface, &id),
            }
        }
        self.say_what_is_due(now, interface);
    }

    fn try_again(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let pause = self.config.try_interval;
        let Some(link) = self.links.get_mut(&interface) else { return };
        let crowd = link.ring.chains.len() / CHAINS_PER_STEP + 1;
        let health = &link.ring.health;
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        if chain.suspect_at <= now {
            return self.start_suspecting(now, interface, id);
        }
        let pace = health.pace(chain.tries) * u32::try_from(crowd).unwrap_or(u32::MAX);
        chain.next = (now + pause * pace).min(chain.suspect_at).max(now + SOON);
        self.try_peer(now, interface, id);
    }

    /// One more directed search to a peer that missed a probe.
    pub(crate) fn try_peer(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let to = self.address_in_ring(id, interface);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        chain.tries += 1;
        chain.to = to;
        let nonce = chain.nonce;
        self.ask_in_ring(now, interface, id, nonce);
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

    fn note_round_trip(&mut self, id: &PeerId, round_trip: Duration) {
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
