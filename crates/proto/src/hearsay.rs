//! A peer is told of by another one.
//!
//! What is told makes a row and no more: the first datagram of the peer itself is believed whatever was told, and a row
//! that nobody hears is doubted like any other. So a host that lies can add rows for a while, and can neither change nor
//! remove what was heard.

use std::ops::Bound;
use std::time::Duration;

use crate::digest::bucket_of;
use crate::event::{Cause, Change};
use crate::id::PeerId;
use crate::message::Nonce;
use crate::node::Node;
use crate::peer::{PATHS_MAX, Path, Peer, PeerKey, Probe, Reach, Reason, State};
use crate::roster::{Entry, Roster};
use crate::time::Instant;

/// Rows of the last run that a page does not confirm are asked within this time, so that many are not asked at once.
const DOUBT_WITHIN: Duration = Duration::from_millis(250);

impl Node {
    /// Takes the entries of a page that begins after `after`, and judges the rows of the last run that it covers. Tells
    /// whether anything was new.
    pub(crate) fn take_page(
        &mut self,
        now: Instant,
        interface: u32,
        source: &PeerKey,
        roster: &Roster,
        after: Option<PeerId>,
    ) -> bool {
        let mut gained = false;
        let mut last = after;
        for entry in &roster.entries {
            // In order, so that no entry counts twice.
            if last.is_some_and(|last| entry.id <= last) {
                break;
            }
            last = Some(entry.id);
            if source.id() != Some(&entry.id) {
                gained |= self.hear_of(now, interface, entry);
            }
        }
        if self.links.get(&interface).is_some_and(|link| link.digest.unheard_rows > 0) {
            self.judge_unheard(now, interface, roster, after);
        }
        if let Some((first, last)) = covered(roster, after) {
            let range = (
                first.as_ref().map_or(Bound::Unbounded, Bound::Excluded),
                last.as_ref().map_or(Bound::Unbounded, Bound::Included),
            );
            self.judge_unlisted(now, interface, (roster, source), range);
        }
        gained
    }

    /// Rows of the last run in the part of the table that a page covers: confirmed where the peer's bucket is the same,
    /// else doubted now, since the peer would have told of them.
    fn judge_unheard(&mut self, now: Instant, interface: u32, roster: &Roster, after: Option<PeerId>) {
        let Some((first, last)) = covered(roster, after) else { return };
        let range = (
            first.as_ref().map_or(Bound::Unbounded, Bound::Excluded),
            last.as_ref().map_or(Bound::Unbounded, Bound::Included),
        );
        for key in self.unheard_on(interface, range) {
            if key.id().is_some_and(|id| roster.is_same(bucket_of(id))) {
                self.confirm(now, interface, &key);
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
        for key in self.unheard_on(interface, (Bound::Unbounded, Bound::Unbounded)) {
            self.confirm(now, interface, &key);
        }
    }

    fn confirm(&mut self, now: Instant, interface: u32, key: &PeerKey) {
        // The lifetime of the last run is not stored; this host's own is what the others have too.
        let lifetime = self.lifetime();
        let Some(link) = self.links.get(&interface) else { return };
        let Some(peer) = self.table.get_mut(key) else { return };
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

    /// Takes one entry and tells whether anything of it was new.
    fn hear_of(&mut self, now: Instant, interface: u32, entry: &Entry) -> bool {
        let Some(link) = self.links.get(&interface) else { return false };
        let possible = link.interface.is_on_link(entry.address) && link.interface.can_be_host(entry.address);
        if entry.id == self.identity.id || !possible || self.carries(entry.address) {
            return false;
        }
        let key = PeerKey::Identity(entry.id);
        match self.table.get(&key) {
            None => self.add_told(now, interface, &key, entry),
            Some(peer) if peer.state == State::Down => self.bring_back(now, interface, &key, entry),
            Some(peer) if peer.state == State::Unknown => {
                self.rewrite(now, interface, &key, entry);
                self.mark_up(now, &key, Cause::Told);
                self.review_name(&entry.name);
                true
            }
            Some(peer) if peer.told.is_some_and(|told| (entry.epoch, entry.sequence) > told) => {
                let changed = self.rewrite(now, interface, &key, entry);
                if changed && self.table.get(&key).is_some_and(|peer| peer.state == State::Up) {
                    self.emit_peer(&key, Change::Changed, Cause::Told);
                }
                self.review_name(&entry.name);
                changed
            }
            Some(_) => self.add_told_path(now, interface, &key, entry),
        }
    }

    fn add_told(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry) -> bool {
        // It was heard to speak the request's protocol alone: only its own word makes it an extended peer.
        let base = PeerKey::Base(entry.name.clone(), entry.address);
        let is_base = self.table.get(&base).is_some_and(Peer::is_live);
        if is_base || !self.make_room(now, false) {
            return false;
        }
        self.table.insert(Peer {
            key: key.clone(),
            name: entry.name.clone(),
            http_port: entry.http_port,
            https_port: entry.https_port,
            // Nothing was heard of it, so whatever it says itself is newer.
            epoch: 0,
            sequence: 0,
            time_to_live: Duration::from_secs(u64::from(entry.time_to_live)),
            facts: entry.facts.clone(),
            paths: Vec::new(),
            state: State::Unknown,
            reason: None,
            state_since: now,
            last_heard: None,
            round_trip: None,
            reach: Reach::Both,
            conflict: None,
            epoch_since: now,
            probe: None,
            rival: None,
            goodbye: None,
            told: None,
            marks: Vec::new(),
            check_at: None,
        });
        self.rewrite(now, interface, key, entry);
        self.mark_up(now, key, Cause::Told);
        self.review_name(&entry.name);
        true
    }

    /// A peer that is down is said to be there: only by something newer than its end, and where it was lost only by its
    /// own answer: another host may be slower to notice, or hear what this one cannot.
    fn bring_back(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry) -> bool {
        let Some(peer) = self.table.get(key) else { return false };
        let newest = peer.newest().max((peer.epoch, peer.sequence)).max(peer.goodbye.unwrap_or_default());
        if (entry.epoch, entry.sequence) <= newest {
            return false;
        }
        if peer.reason == Some(Reason::Lost) {
            self.plan_question(now, key);
            return false;
        }
        self.rewrite(now, interface, key, entry);
        self.mark_up(now, key, Cause::Told);
        self.review_name(&entry.name);
        true
    }

    /// Asks a lost peer itself, soon: not at once, because one page may tell of many.
    fn plan_question(&mut self, now: Instant, key: &PeerKey) {
        let pause = DOUBT_WITHIN.mul_f64(self.random.f64());
        let Some(peer) = self.table.get_mut(key) else { return };
        if peer.probe.is_none_or(|probe| now.since(probe.sent_at) >= DOUBT_WITHIN) {
            peer.probe = Some(Probe { nonce: Nonce(0), tries: 0, sent_at: now });
            self.table.schedule(key, now + Duration::from_millis(1) + pause);
        }
    }

    /// Puts what was told into a row that nothing was heard of; tells whether that changed what people see.
    fn rewrite(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry) -> bool {
        let renamed = self.table.get(key).is_some_and(|peer| peer.name != entry.name);
        if renamed && let Some(before) = self.table.rename(key, &entry.name) {
            self.review_name(&before);
        }
        let Some(peer) = self.table.get_mut(key) else { return false };
        let before = (peer.http_port, peer.https_port, peer.facts.clone(), peer.addresses());
        peer.told = Some((entry.epoch, entry.sequence));
        (peer.http_port, peer.https_port) = (entry.http_port, entry.https_port);
        peer.time_to_live = Duration::from_secs(u64::from(entry.time_to_live));
        peer.facts = entry.facts.clone();
        peer.probe = None;
        peer.paths.retain(|path| path.interface != interface && path.interface != 0);
        if peer.paths.len() < PATHS_MAX {
            peer.paths.push(told_path(interface, entry));
        }
        let changed = renamed || before != (peer.http_port, peer.https_port, peer.facts.clone(), peer.addresses());
        self.refresh_digest(now, key);
        changed
    }

    /// A peer that was heard on another link is on this one too.
    fn add_told_path(&mut self, now: Instant, interface: u32, key: &PeerKey, entry: &Entry) -> bool {
        let Some(peer) = self.table.get_mut(key) else { return false };
        let known = peer.paths.iter().any(|path| path.interface == interface);
        if known || peer.paths.len() >= PATHS_MAX || peer.state != State::Up {
            return false;
        }
        peer.paths.push(told_path(interface, entry));
        self.refresh_digest(now, key);
        self.emit_peer(key, Change::Changed, Cause::Told);
        true
    }
}

/// The part of the table that a page after `after` covers; `None` where it covers nothing.
fn covered(roster: &Roster, after: Option<PeerId>) -> Option<(Option<PeerKey>, Option<PeerKey>)> {
    let (first, last) = (after.map(PeerKey::Identity), roster.next.map(PeerKey::Identity));
    let nothing = first.is_some() && last.is_some() && first >= last;
    (!nothing).then_some((first, last))
}

fn told_path(interface: u32, entry: &Entry) -> Path {
    Path { interface, address: entry.address, last_heard: None, newest: (0, 0), digest: None }
}
