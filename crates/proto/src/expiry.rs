//! A peer falls silent: doubt, directed searches, the verdict, and at last forgetting.
//!
//! Each live row has one time at which it is looked at. Hearing a peer does not touch that time, so the busy path costs
//! nothing: the look finds that the peer was heard meanwhile and goes back to sleep.
//!
//! This is the detector of one host for itself: the last resort behind that of the ring (`monitor.rs`).

use std::net::SocketAddr;
use std::time::Duration;

use crate::announce::Detail;
use crate::event::{Cause, Change};
use crate::id::PeerId;
use crate::message::{Kind, Nonce};
use crate::node::Node;
use crate::peer::{Path, Peer, PeerKey, Probe, Reach, Reason, State};
use crate::time::Instant;

/// Directed searches that an extended peer known from the last run may leave unanswered: it was searched for by multicast
/// twice before, and tells of itself when it starts.
const UNKNOWN_TRIES: u8 = 3;
/// So many hosts behind such a peer in the ring ask it.
const UNKNOWN_ASKERS: u32 = 3;
/// Base searches that a base peer known from the last run may leave unanswered.
const BASE_CONFIRM_TRIES: u8 = 3;
/// Time between those.
const BASE_CONFIRM_INTERVAL: Duration = Duration::from_secs(2);
/// One base search serves all base peers of a link for this long.
const BASE_SEARCH_SHARED_FOR: Duration = Duration::from_secs(2);
/// Longest time between two searches for a base peer that was lost.
const LOST_BASE_SEARCH_MAX: Duration = Duration::from_secs(600);
/// No extended peer waits longer than this many steps for those before it.
const BASE_RANK_MAX: u32 = 6;

impl Node {
    /// When a row that was just heard is to be looked at first.
    pub(crate) fn first_check(&self, key: &PeerKey, now: Instant) -> Instant {
        let Some(peer) = self.table.get(key) else { return now };
        if key.is_base() { now + self.base_search_delay(peer) } else { now + peer.time_to_live }
    }

    /// Plans anew, now that there is a link: to confirm what the last run knew, to doubt whom nobody could hear, to
    /// forget whom the last run saw go. The clock of the last run means nothing here.
    pub(crate) fn plan_all(&mut self, now: Instant) {
        let rows: Vec<(PeerKey, State, Option<Reason>, bool)> = self
            .table
            .iter()
            .map(|peer| (peer.key.clone(), peer.state, peer.reason, peer.check_at.is_some()))
            .collect();
        for (key, state, reason, planned) in rows {
            match state {
                State::Unknown => self.table.schedule(&key, now + self.config.confirm_after),
                State::Up | State::Suspect => self.table.schedule(&key, self.grace_until),
                State::Down if planned => {}
                State::Down => {
                    self.table.set_state(&key, State::Down, reason, now);
                    self.plan_down(now, &key);
                }
            }
        }
    }

    /// Looks at one row whose time has come.
    pub(crate) fn check(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        if self.links.is_empty() && peer.state != State::Down {
            // Without a link nobody can be heard: it is us. The first link schedules everything anew.
            let pause = now + peer.time_to_live.max(self.config.heartbeat);
            return self.table.schedule(key, pause);
        }
        match (peer.state, key.is_base()) {
            (State::Down, _) => self.check_down(now, key),
            (State::Up | State::Suspect, false) if self.is_watched(key) => self.check_watched(now, key),
            (State::Up, false) => self.check_up(now, key),
            (State::Unknown | State::Suspect, false) => self.check_doubted(now, key),
            (State::Unknown, true) => self.confirm_base(now, key),
            (State::Up | State::Suspect, true) => self.check_base(now, key),
        }
    }

    fn check_down(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        if peer.state_since + self.remembered_for(peer) <= now {
            return self.remove_peer(now, key, Cause::Expired);
        }
        if is_lost_base(peer) {
            self.ask_base(now, key);
        } else if peer.probe.is_some_and(|probe| probe.tries == 0) {
            // Another host says that it is there: its own answer would prove it.
            if let Some(peer) = self.table.get_mut(key) {
                peer.probe = None;
            }
            self.probe(now, key, 1);
        }
        self.plan_down(now, key);
    }

    /// How long a dead row is kept. Who was never proven leaves nothing behind.
    fn remembered_for(&self, peer: &Peer) -> Duration {
        if peer.is_proven() { self.config.forget_after } else { self.config.proven_after }
    }

    /// When a dead row is looked at again. A lost base peer says nothing by itself, so it is asked for now and then,
    /// the more rarely the longer it has been gone.
    pub(crate) fn plan_down(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        let forgotten_at = peer.state_since + self.remembered_for(peer);
        let next = if is_lost_base(peer) {
            now + now.since(peer.state_since).max(self.base_search_delay(peer)).min(LOST_BASE_SEARCH_MAX)
        } else {
            forgotten_at
        };
        self.table.schedule(key, next.min(forgotten_at));
    }

    /// After an extended peer came back: base peers that were lost with it may be back too and do not know it.
    pub(crate) fn look_for_lost_base_peers(&mut self, now: Instant) {
        if self.table.base() == 0 {
            return;
        }
        let lost: Vec<PeerKey> =
            self.table.iter().filter(|peer| is_lost_base(peer)).map(|peer| peer.key.clone()).collect();
        for key in lost {
            let Some(peer) = self.table.get(&key) else { continue };
            // The same order among those who ask as ever, only faster.
            let waited = self.base_search_delay(peer).saturating_sub(self.config.base_search_after);
            self.table.schedule(&key, now + BASE_SEARCH_SHARED_FOR / 2 + waited / 10);
        }
    }

    /// A row whose lifetime is over although the ring found nothing: this host asks, and asks the others.
    ///
    /// All hosts heard the peer at the same moment last, so each waits for another part of a heartbeat interval: the
    /// first one's suspicion serves all.
    fn check_watched(&mut self, now: Instant, key: &PeerKey) {
        self.drop_silent_paths(now, key);
        let Some((peer, id)) = self.table.get(key).zip(key.id().copied()) else { return };
        let heard = peer.last_heard.unwrap_or(peer.state_since);
        let spread = self.config.heartbeat_interval(self.hosts()).mul_f64(self.share_of(&id));
        let doubted_at = (heard + peer.time_to_live + spread).max(self.grace_until).max(self.vouched_until(&id));
        let (suspect, asked) = (peer.state == State::Suspect, self.is_missed(&id));
        if asked {
            return self.table.schedule(key, now + self.config.watch_interval);
        }
        if doubted_at > now && !suspect {
            return self.table.schedule(key, doubted_at);
        }
        // Whom another host vouched for since is asked again, but not given up by a host that hears nobody itself.
        let is_over = heard.max(peer.state_since) + peer.time_to_live <= now;
        self.table.schedule(key, now + self.config.watch_interval);
        self.miss_everywhere(now, &id, is_over);
    }

    fn check_up(&mut self, now: Instant, key: &PeerKey) {
        self.drop_silent_paths(now, key);
        let Some(peer) = self.table.get(key) else { return };
        let doubted_at = peer.last_heard.unwrap_or(peer.state_since) + peer.time_to_live;
        if doubted_at.max(self.grace_until) > now {
            return self.table.schedule(key, doubted_at.max(self.grace_until));
        }
        self.table.set_state(key, State::Suspect, None, now);
        self.emit_peer(key, Change::Suspect, Cause::Silence);
        self.check_doubted(now, key);
    }

    /// Sends the next directed search, or gives the peer up.
    fn check_doubted(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        let tries = peer.probe.map_or(0, |probe| probe.tries);
        let unknown = peer.state == State::Unknown;
        let most = if unknown { self.unknown_tries(key) } else { self.config.probe_tries };
        if tries < most {
            self.probe(now, key, tries + 1);
            return self.table.schedule(key, now + self.config.probe_interval);
        }
        if self.grace_until > now {
            // This host could not hear well itself: the peer gets another series.
            if let Some(peer) = self.table.get_mut(key)
                && !unknown
            {
                peer.probe = None;
            }
            return self.table.schedule(key, self.grace_until);
        }
        let cause = if unknown { Cause::NotHeardSinceStart } else { Cause::NoAnswer };
        self.mark_down(now, key, Reason::Lost, cause);
    }

    /// How often a peer of the last run is asked. Where hosts start one after the other, each of them remembers all that
    /// are still to come: if each asked each of those, it would cost the square of their number. So of those who agree on
    /// who is there only the next ones in the ring ask, and once: another that was alive would be in the digest of some.
    fn unknown_tries(&self, key: &PeerKey) -> u8 {
        let agrees = self.links.values().any(|link| link.joined) && self.table.live_extended() > 0;
        let next =
            |id: &PeerId| self.links.keys().any(|link| self.rank_after(id, *link, UNKNOWN_ASKERS) < UNKNOWN_ASKERS);
        match (agrees, key.id().is_some_and(next)) {
            (false, _) => self.config.probe_tries.min(UNKNOWN_TRIES),
            (true, asks) => self.config.probe_tries.min(u8::from(asks)),
        }
    }

    pub(crate) fn probe(&mut self, now: Instant, key: &PeerKey, tries: u8) {
        let fresh = Nonce(self.random.u64(..));
        let Some(peer) = self.table.get_mut(key) else { return };
        // One nonce per series: a late answer to an earlier copy is an answer too.
        let nonce = peer.probe.map_or(fresh, |probe| probe.nonce);
        peer.probe = Some(Probe { nonce, tries, sent_at: now });
        let targets: Vec<(u32, SocketAddr)> = peer
            .paths
            .iter()
            .filter_map(|path| {
                let interface =
                    self.links.values().find(|link| link.interface.is_on_link(path.address))?.interface.index;
                let index = if self.links.contains_key(&path.interface) { path.interface } else { interface };
                Some((index, SocketAddr::new(path.address, self.config.port)))
            })
            .collect();
        let detail = Detail { target: key.id().copied(), nonce: Some(nonce), ..Detail::default() };
        for (interface, to) in targets {
            self.send_unicast(now, interface, to, (Kind::Search, detail.clone()), usize::MAX);
        }
    }

    /// Addresses that were silent for a lifetime while the peer was heard elsewhere are no longer its own.
    fn drop_silent_paths(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get_mut(key) else { return };
        let before = peer.paths.len();
        let newest = peer.paths.iter().filter_map(|path| path.last_heard).max();
        let lifetime = peer.time_to_live;
        peer.paths.retain(|path| {
            path.last_heard == newest || path.last_heard.is_some_and(|heard| now.since(heard) <= lifetime)
        });
        if peer.paths.len() != before {
            self.refresh_digest(now, key);
            self.emit_peer(key, Change::Changed, Cause::AddressGone);
        }
    }

    /// Drops what was heard by an interface that is gone, but never a row's last address.
    pub(crate) fn drop_paths_of(&mut self, interface: u32) {
        let affected = |peer: &&Peer| peer.paths.len() > 1 && peer.paths.iter().any(|path| path.interface == interface);
        let keys: Vec<PeerKey> = self.table.iter().filter(affected).map(|peer| peer.key.clone()).collect();
        for key in keys {
            let Some(peer) = self.table.get_mut(&key) else { continue };
            let before = peer.addresses();
            let kept = |path: &Path| path.interface != interface;
            if peer.paths.iter().any(kept) {
                peer.paths.retain(kept);
            } else {
                peer.paths = peer.paths.iter().take(1).cloned().collect();
            }
            if peer.addresses() != before {
                self.emit_peer(&key, Change::Changed, Cause::AddressGone);
            }
        }
    }

    /// How long a base peer may be silent before this host asks: the extended peer with the smallest identity asks
    /// first, and each next one only if those before it did not.
    fn base_search_delay(&self, base: &Peer) -> Duration {
        let interface = base.paths.first().map_or(0, |path| path.interface);
        let before_me = |peer: &&Peer| {
            let smaller = peer.key.id().is_some_and(|id| *id < self.identity.id);
            smaller && peer.state == State::Up && peer.paths.iter().any(|path| path.interface == interface)
        };
        let rank = self.table.iter().filter(before_me).take(BASE_RANK_MAX as usize).count() as u32;
        self.config.base_search_after + self.config.base_search_stagger * rank
    }

    fn check_base(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        let heard = peer.last_heard.unwrap_or(peer.state_since);
        let lost_at = (heard + self.config.base_lifetime).max(self.grace_until);
        let ask_at = heard + self.base_search_delay(peer);
        if lost_at <= now {
            return self.mark_down(now, key, Reason::Lost, Cause::NoAnswer);
        }
        if ask_at > now {
            return self.table.schedule(key, ask_at.min(lost_at));
        }
        self.ask_base(now, key);
        self.table.schedule(key, (now + self.config.base_search_after).min(lost_at));
    }

    fn confirm_base(&mut self, now: Instant, key: &PeerKey) {
        let tries = self.table.get(key).and_then(|peer| peer.probe).map_or(0, |probe| probe.tries);
        if tries >= BASE_CONFIRM_TRIES && self.grace_until <= now {
            return self.mark_down(now, key, Reason::Lost, Cause::NotHeardSinceStart);
        }
        self.ask_base(now, key);
        if let Some(peer) = self.table.get_mut(key) {
            peer.probe = Some(Probe { nonce: Nonce(0), tries: tries.saturating_add(1), sent_at: now });
        }
        self.table.schedule(key, now + BASE_CONFIRM_INTERVAL);
    }

    fn ask_base(&mut self, now: Instant, key: &PeerKey) {
        let Some(address) = self.table.get(key).and_then(|peer| peer.paths.first()).map(|path| path.address) else {
            return;
        };
        let link = self.links.values().find(|link| link.interface.is_on_link(address));
        let asked_already = |at: Instant| now.since(at) < BASE_SEARCH_SHARED_FOR;
        if let Some(link) = link
            && !link.last_base_search.is_some_and(asked_already)
        {
            let interface = link.interface.index;
            self.search_base_peers(now, interface);
        }
    }

    /// Takes a peer off the list of those that are there.
    pub(crate) fn mark_down(&mut self, now: Instant, key: &PeerKey, reason: Reason, cause: Cause) {
        let Some(peer) = self.table.get_mut(key) else { return };
        if peer.state == State::Down {
            return;
        }
        peer.probe = None;
        peer.conflict = None;
        peer.reach = Reach::Both;
        let name = peer.name.clone();
        self.table.set_state(key, State::Down, Some(reason), now);
        self.refresh_digest(now, key);
        self.plan_down(now, key);
        self.emit_peer(key, Change::Down, cause);
        self.review_name(&name);
        self.review_clones(now, key);
    }
}

fn is_lost_base(peer: &Peer) -> bool {
    peer.key.is_base() && peer.reason == Some(Reason::Lost)
}
