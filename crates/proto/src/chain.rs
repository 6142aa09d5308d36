//! A peer that missed a probe is tried again and again.
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

use std::net::IpAddr;

use crate::id::PeerId;
use crate::message::Nonce;
use crate::monitor::{SOON, WIDTH_MAX};
use crate::node::Node;
use crate::peer::PeerKey;
use crate::ring::is_member;
use crate::time::Instant;

/// For each further so many that are asked at once, the tries are an interval further apart.
const CHAINS_PER_STEP: usize = 16;
/// Misses after which the next ones before a silent peer are asked too.
const MISSES_BEFORE_WIDER: u32 = 2;

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

    /// Forgets how long it has been silent, and goes on at `next`.
    pub(crate) fn begin_anew(&mut self, now: Instant, next: Instant) {
        let later = now.since(self.since);
        self.since = now;
        self.suspect_at += later;
        self.verdict_at += later;
        (self.stage, self.tries, self.copies, self.due, self.next) = (Stage::Asked, 0, 0, false, next);
        self.refusals = 0;
    }
}

impl Node {
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

    /// A peer is asked on every link where it should be heard. `is_over`: its lifetime is, so this is the last resort.
    pub(crate) fn miss_everywhere(&mut self, now: Instant, id: &PeerId, is_over: bool) {
        let interfaces: Vec<u32> = self.links.keys().copied().collect();
        for interface in interfaces {
            self.miss(now, interface, id, now);
            let Some(link) = self.links.get_mut(&interface) else { continue };
            if let Some(chain) = link.ring.chains.get_mut(id) {
                chain.last_resort |= is_over;
                self.plan_watch(now, interface);
            }
        }
    }

    /// Whether a peer missed a probe on any link.
    pub(crate) fn is_missed(&self, id: &PeerId) -> bool {
        self.links.values().any(|link| link.ring.chains.get(id).is_some_and(Chain::is_open))
    }

    /// Where all the nearest neighbours before this host are silent, asks as many more.
    pub(crate) fn widen(&mut self, now: Instant, interface: u32) {
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
    pub(crate) fn advance_chains(&mut self, now: Instant, interface: u32) {
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
        let crowd = u32::try_from(crowd).unwrap_or(u32::MAX);
        let pace = (health.pace(chain.tries) * health.slowdown()).saturating_mul(crowd);
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
}
