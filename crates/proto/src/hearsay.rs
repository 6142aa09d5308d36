//! A peer is told of by another one.
//!
//! What is told makes a row and no more: the first datagram of the peer itself is believed whatever was told, and a row
//! that nobody hears is doubted like any other. So a host that lies can add rows for a while, and can neither change nor
//! remove what was heard.

use std::ops::Bound;
use std::time::Duration;

use crate::announce::Detail;
use crate::digest::bucket_of;
use crate::event::{Cause, Change};
use crate::message::{Kind, Nonce};
use crate::node::Node;
use crate::peer::{PATHS_MAX, Path, Peer, PeerKey, Probe, Reason, State};
use crate::roster::{Entry, Roster};
use crate::said::Said;
use crate::time::Instant;
use crate::trust::Trust;

/// So many lost peers that another host hears are a part of the network that is back.
const ROLL_CALL_FROM: usize = 4;
/// For so long after everybody was asked the answers are under way.
const ROLL_CALL_SERVES: Duration = Duration::from_secs(1);
/// Shortest time between two questions to everybody, by whichever host.
const ROLL_CALL_PAUSE: Duration = Duration::from_secs(5);
/// Rows of the last run that a page does not confirm are asked within this time, so that many are not asked at once.
const DOUBT_WITHIN: Duration = Duration::from_millis(250);

/// What one entry brought.
enum Told {
    Nothing,
    News,
    /// Only the peer itself can tell.
    Ask,
}

impl Node {
    /// Takes the entries of a page and tells whether anything was new.
    pub(crate) fn take_entries(&mut self, now: Instant, interface: u32, source: &PeerKey, roster: &Roster) -> bool {
        let (mut gained, mut returned) = (false, Vec::new());
        // A stranger tells of no more hosts than could be strangers themselves.
        let member = self.table.get(source).is_some_and(|peer| peer.trust == Trust::Verified);
        let most = if self.is_sealed() && !member { self.config.unproven_max } else { usize::MAX };
        for entry in &roster.entries {
            if source.id() == Some(&entry.id) {
                continue;
            }
            match self.hear_of(now, interface, entry, most) {
                Told::Nothing => {}
                Told::News => gained = true,
                Told::Ask => returned.push(PeerKey::Identity(entry.id)),
            }
        }
        // Where many are back at once, a part of the network is: one question to all costs less than one to each.
        if returned.len() < ROLL_CALL_FROM || !self.call_the_roll(now, interface) {
            for key in returned {
                self.plan_question(now, &key);
            }
        }
        gained
    }

    /// Judges the rows that a page covers although it does not list them: those of the last run are confirmed where the
    /// peer's bucket is the same, else doubted now, since the peer would have told of them.
    pub(crate) fn judge_covered(&mut self, now: Instant, interface: u32, (roster, source): (&Roster, &PeerKey)) {
        let Some((first, last)) = covered(roster) else { return };
        let range = (
            first.as_ref().map_or(Bound::Unbounded, Bound::Excluded),
            last.as_ref().map_or(Bound::Unbounded, Bound::Included),
        );
        self.judge_unlisted(now, interface, (roster, source), range);
        if self.links.get(&interface).is_none_or(|link| link.digest.unheard_rows == 0) {
            return;
        }
        let lifetime = self.lifetime_with_unknown();
        for key in self.unheard_on(interface, range) {
            if key.id().is_some_and(|id| roster.is_same(bucket_of(id))) {
                self.confirm(now, interface, &key, lifetime);
            } else {
                let pause = DOUBT_WITHIN.mul_f64(self.random.f64());
                self.table.schedule(&key, now + Duration::from_millis(1) + pause);
            }
        }
    }

    fn unheard_on(&self, interface: u32, range: (Bound<&PeerKey>, Bound<&PeerKey>)) -> Vec<PeerKey> {
        let unheard =
            |peer: &&Peer| peer.state == State::Unknown && peer.marks.iter().any(|mark| mark.interface == interface);
        self.table.range(range).filter(unheard).map(|peer| peer.key.clone()).collect()
    }

    /// Another host knows exactly whom this one knew in its last run.
    pub(crate) fn confirm_all(&mut self, now: Instant, interface: u32) {
        let lifetime = self.lifetime_with_unknown();
        for key in self.unheard_on(interface, (Bound::Unbounded, Bound::Unbounded)) {
            self.confirm(now, interface, &key, lifetime);
        }
    }

    /// The lifetime of the last run is not stored; this host's own is what the others have too, once all are confirmed.
    fn lifetime_with_unknown(&self) -> Duration {
        self.config.heartbeat_interval(self.hosts() + self.table.unknown()) * self.config.missed_heartbeats
    }

    fn confirm(&mut self, now: Instant, interface: u32, key: &PeerKey, lifetime: Duration) {
        let Some(link) = self.links.get(&interface) else { return };
        let (sealed, mode) = (self.is_sealed(), self.config.mode);
        let Some(peer) = self.table.get_mut(key).filter(|peer| !sealed || mode.admits(peer.trust)) else { return };
        peer.time_to_live = peer.time_to_live.max(lifetime);
        peer.probe = None;
        for path in &mut peer.paths {
            if path.interface == 0 && link.interface.is_on_link(path.address) {
                path.interface = interface;
            }
        }
        let name = peer.name.clone();
        self.mark_up(now, key, Cause::Told);
        self.review_name(&name);
    }

    /// Takes one entry; a row that is new makes no more than `most` that are not proven.
    fn hear_of(&mut self, now: Instant, interface: u32, entry: &Entry, most: usize) -> Told {
        let Some(link) = self.links.get(&interface) else { return Told::Nothing };
        let possible = link.interface.is_on_link(entry.address) && link.interface.can_be_host(entry.address);
        if entry.id == self.identity.id || !possible || self.carries(entry.address) {
            return Told::Nothing;
        }
        let key = PeerKey::Identity(entry.id);
        let Some(peer) = self.table.get(&key) else { return self.add_told(now, interface, &key, entry, most) };
        let same =
            || (peer.http_port, peer.https_port) == (entry.http_port, entry.https_port) && peer.name == entry.name;
        match (peer.state, peer.told) {
            (State::Down, _) => self.bring_back(now, interface, &key, entry),
            (State::Unknown, _) if self.is_sealed() && !self.config.mode.admits(peer.trust) => Told::Nothing,
            (State::Unknown, _) => {
                self.rewrite(interface, &key, entry);
                self.mark_up(now, &key, Cause::Told);
                self.review_name(&entry.name);
                Told::News
            }
            (State::Up | State::Suspect, Some(told)) if entry.epoch > told => {
                let changed = self.rewrite(interface, &key, entry);
                self.refresh_digest(now, &key);
                if changed && self.table.get(&key).is_some_and(|peer| peer.state == State::Up) {
                    self.emit_peer(&key, Change::Changed, Cause::Told);
                }
                self.review_name(&entry.name);
                if changed { Told::News } else { Told::Nothing }
            }
            // Only its own word changes what was heard of it, and what two others tell differently.
            (State::Up, _) if entry.epoch >= peer.newest_epoch() && !same() => Told::Ask,
            (State::Up | State::Suspect, _) => self.add_told_path(now, interface, &key, entry),
        }
    }

    fn add_told(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry, most: usize) -> Told {
        // It was heard to speak the request's protocol alone: only its own word makes it an extended peer.
        let base = PeerKey::Base(entry.name.clone(), entry.address);
        let is_base = self.table.get(&base).is_some_and(Peer::is_live);
        if is_base || self.table.unproven_count(false) >= most || !self.make_room(now, false) {
            return Told::Nothing;
        }
        let row = Peer::new(key.clone(), entry.name.clone(), (entry.http_port, entry.https_port), now);
        let unproven_since = self.is_sealed().then(|| Box::new(now));
        self.table.insert(Peer { unproven_since, ..row });
        self.rewrite(interface, key, entry);
        if self.is_sealed() && !self.config.mode.admits(Trust::Unsigned) {
            // Another's word is no proof, so the peer is asked itself and not listed as there before it answers.
            self.refresh_digest(now, key);
            self.plan_question(now, key);
            return Told::Nothing;
        }
        self.mark_up(now, key, Cause::Told);
        self.review_name(&entry.name);
        Told::News
    }

    /// A peer that is down is said to be there. Only a later incarnation of one that said goodbye is believed; else the
    /// peer is asked itself: the other host may have missed its end, or hear what this one cannot.
    fn bring_back(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry) -> Told {
        let Some(peer) = self.table.get(key) else { return Told::Nothing };
        let newest = peer.newest_epoch().max(peer.goodbye.as_ref().map_or(0, |goodbye| goodbye.0));
        match peer.reason {
            Some(Reason::Left) if entry.epoch > newest => {
                self.rewrite(interface, key, entry);
                self.mark_up(now, key, Cause::Told);
                self.review_name(&entry.name);
                Told::News
            }
            // A goodbye may be forged, but it is refuted; who missed it is told by its verdict soon.
            Some(Reason::Left) | None => Told::Nothing,
            Some(Reason::Lost) if entry.epoch >= newest => Told::Ask,
            Some(Reason::Lost) => Told::Nothing,
        }
    }

    /// Asks a peer itself, soon: not at once, because one page may tell of many.
    pub(crate) fn plan_question(&mut self, now: Instant, key: &PeerKey) {
        let pause = DOUBT_WITHIN.mul_f64(self.random.f64());
        let nonce = Nonce(self.random.u64(..));
        let Some(peer) = self.table.get_mut(key) else { return };
        if peer.probe.is_some_and(|probe| now.since(probe.sent_at) < DOUBT_WITHIN) {
            return;
        }
        if peer.state == State::Up {
            return self.probe(now, key, 1);
        }
        peer.probe = Some(Probe { nonce, tries: 0, sent_at: now });
        self.table.schedule(key, now + Duration::from_millis(1) + pause);
    }

    /// Asks everybody on the link to say that it is there, as a base peer's search does; tells whether that was done, by
    /// this host or another, a moment ago.
    fn call_the_roll(&mut self, now: Instant, interface: u32) -> bool {
        let Some(link) = self.links.get_mut(&interface) else { return false };
        let recently = |at: Instant, pause: Duration| now.since(at) < pause;
        match link.roll_called {
            Some(at) if recently(at, ROLL_CALL_SERVES) => return true,
            Some(at) if recently(at, ROLL_CALL_PAUSE) => return false,
            Some(_) | None => {}
        }
        if !link.multicast.take(now) {
            return false;
        }
        link.roll_called = Some(now);
        self.send_group(now, interface, Kind::Search, Detail::default());
        true
    }

    /// Puts what was told into a row that nothing was heard of; tells whether that changed what people see. The digests
    /// follow when the caller marks the row as up, or refreshes them.
    fn rewrite(&mut self, interface: u32, key: &PeerKey, entry: &Entry) -> bool {
        let renamed = self.table.get(key).is_some_and(|peer| peer.name != entry.name);
        if renamed && let Some(before) = self.table.rename(key, &entry.name) {
            self.review_name(&before);
        }
        let lifetime = self.lifetime();
        let Some(peer) = self.table.get_mut(key) else { return false };
        let before = (peer.http_port, peer.https_port, peer.addresses());
        peer.told = Some(entry.epoch);
        (peer.http_port, peer.https_port) = (entry.http_port, entry.https_port);
        // What others tell of lifetimes is not believed: a host's own is what the others have too.
        peer.time_to_live = lifetime;
        peer.probe = None;
        peer.paths.retain(|path| path.interface != interface && path.interface != 0);
        if peer.paths.len() < PATHS_MAX {
            peer.paths.push(told_path(interface, entry));
        }
        renamed || before != (peer.http_port, peer.https_port, peer.addresses())
    }

    /// A peer that was heard on another link is on this one too.
    fn add_told_path(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry) -> Told {
        let Some(peer) = self.table.get_mut(key) else { return Told::Nothing };
        let known = peer.paths.iter().any(|path| path.interface == interface);
        if known || peer.paths.len() >= PATHS_MAX || peer.state != State::Up {
            return Told::Nothing;
        }
        peer.paths.push(told_path(interface, entry));
        self.refresh_digest(now, key);
        self.emit_peer(key, Change::Changed, Cause::Told);
        Told::News
    }
}

/// The part of the table that a page covers; `None` where it covers nothing.
fn covered(roster: &Roster) -> Option<(Option<PeerKey>, Option<PeerKey>)> {
    let (first, last) = (roster.after.map(PeerKey::Identity), roster.next.map(PeerKey::Identity));
    let nothing = first.is_some() && last.is_some() && first >= last;
    (!nothing).then_some((first, last))
}

fn told_path(interface: u32, entry: &Entry) -> Path {
    Path { interface, address: entry.address, last_heard: None, newest: (0, 0), seen: 0, said: Said::default() }
}
