//! What a host tells of others: pages for one peer that asked, for everybody, and beside an answer.
//!
//! A page to one peer is never longer than its request. Where many join at once, the pages go to the group instead: one
//! copy of the table then serves all of them, so the cost per host does not grow with their number.

use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use crate::announce::Detail;
use crate::digest::{BUCKETS, LinkDigest, address_on, bucket_of};
use crate::event::Datagram;
use crate::frame::DATAGRAM_MAX;
use crate::id::PeerId;
use crate::interface::Interface;
use crate::learn::Arrival;
use crate::message::{Extension, Kind};
use crate::node::Node;
use crate::peer::{Peer, PeerKey, State};
use crate::roster::{BucketHashes, Entry, Pull, Roster};
use crate::time::Instant;
use crate::timers::Timer;

/// Pages that go out together, and the pause after them: a receiver's buffer takes far more at once.
const PAGES_AT_ONCE: usize = 4;
const PAGES_PAUSE: Duration = Duration::from_millis(1);
/// So long after a page that went to the group more are expected.
const OTHERS_TELL: Duration = Duration::from_millis(20);
/// So many requests of different peers within that time ask for the group.
const ASKERS_WITHIN: Duration = Duration::from_millis(250);
/// So long after the beginning of a telling no other one begins.
const TELLING_PAUSE: Duration = Duration::from_millis(250);
/// A host that is so late waits before it tells all, up to so many times as long as it is late.
const LATE: Duration = Duration::from_millis(5);
const LATE_TURNS: u32 = 8;
/// Who knows more than a part of this size fewer than another host does not tell all.
const FEWER: u32 = 8;
/// How many entries a page has at least, to bound the pages of a table.
const ENTRIES_LEAST: usize = 5;

/// A table that goes to the group, page after page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    pub(crate) after: Option<PeerId>,
}

/// What a link knows of the pages that went to the group, its own and others'.
#[derive(Debug, Default)]
pub(crate) struct Pages {
    pub(crate) telling: Option<Telling>,
    /// When another host's page was heard last.
    pub(crate) heard_at: Option<Instant>,
    /// When this host or another began to tell the table.
    pub(crate) begun_at: Option<Instant>,
    /// Where the next answer goes on, so that the answers of many hosts sweep the table together.
    pub(crate) cursor: Option<PeerId>,
    /// Pages of all hosts since the time beside.
    since: Option<Instant>,
    count: usize,
    /// Who asked for a page last, and when.
    asked: Option<(PeerId, Instant)>,
}

impl Pages {
    /// Notes a page of whomever.
    pub(crate) fn note(&mut self, now: Instant, roster: &Roster) {
        self.cursor = roster.next;
        if self.since.is_none_or(|since| now.since(since) >= Duration::from_secs(1)) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
    }

    /// Whether somebody else told the group a moment ago.
    pub(crate) fn others_tell(&self, now: Instant) -> bool {
        self.heard_at.is_some_and(|at| now.since(at) < OTHERS_TELL)
    }

    /// Whether all hosts together told as much within the last second as is good for a link of `hosts` hosts: about
    /// three copies of the table.
    fn used_up(&self, now: Instant, hosts: usize) -> bool {
        let current = self.since.is_some_and(|since| now.since(since) < Duration::from_secs(1));
        current && self.count >= 20 + hosts / ENTRIES_LEAST * 2
    }
}

impl Node {
    /// Answers a request: with one page, or by telling everybody where many ask.
    pub(crate) fn answer_pull(
        &mut self,
        arrival: Arrival,
        datagram: &Datagram<'_>,
        extension: &Extension,
        pull: &Pull,
    ) {
        let (now, interface) = (arrival.now, arrival.interface);
        let Some(link) = self.links.get(&interface) else { return };
        let digest = link.digest.live();
        let longest = datagram.bytes.len().min(DATAGRAM_MAX);
        let detail = Detail { echo: extension.nonce, digest: Some(digest), brief: true, ..Detail::default() };
        let roster = Roster { same: same_buckets(&link.digest, &pull.hashes), after: pull.after, ..Roster::default() };
        let Some(room) = self.room_for(now, interface, &roster, &detail, longest) else { return };
        let roster = self.filled(interface, roster, Some(extension.id), room);
        if self.tell_everybody(now, interface, extension, roster.next.is_some()) {
            return;
        }
        let detail = Detail { roster: Some(Box::new(roster)), ..detail };
        let to = SocketAddr::new(arrival.from.ip(), self.config.port);
        self.send_unicast(now, interface, to, (Kind::Notify, detail), longest);
    }

    /// Begins to tell the group the table if several peers want it; tells whether the request is served so.
    fn tell_everybody(&mut self, now: Instant, interface: u32, request: &Extension, long: bool) -> bool {
        let hosts = self.hosts();
        let late = self.lateness.lately(now);
        let drawn = if late >= LATE { self.random.f64() } else { 0.0 };
        let Some(link) = self.links.get_mut(&interface) else { return false };
        let before = link.pages.asked.replace((request.id, now));
        let several = before.is_some_and(|(id, at)| id != request.id && now.since(at) < ASKERS_WITHIN);
        if link.pages.telling.is_some() {
            return true;
        }
        let many = link.newcomers.storm(now, hosts, STORM_ECHO) && !link.newcomers.came_before(link.pages.begun_at);
        // A late host serves who lacks no more than one page by that.
        if (!several && !many) || (late >= LATE && !long) {
            return false;
        }
        // What is asked while another tells was asked before that; who missed something of it asks again.
        let since = |at: Instant| now.since(at);
        if link.pages.others_tell(now) || link.pages.begun_at.is_some_and(|at| since(at) < OTHERS_TELL) {
            return true;
        }
        // Who came after the last telling is served alone for a while, and so is whoever asks a host that itself lacks some.
        let pause = link.newcomers.quiet(hosts).max(TELLING_PAUSE);
        let lately = link.pages.begun_at.is_some_and(|at| since(at) < pause);
        let behind = link.is_joining(now) || link.newcomers.most_told > link.digest.live().hosts / FEWER * (FEWER + 1);
        if lately || behind || link.pages.used_up(now, hosts) || link.page_bucket.ready_at() > now {
            return false;
        }
        link.pages.begun_at = Some(now);
        link.pages.telling = Some(Telling { after: None });
        if late >= LATE {
            // Others who were asked are as late and do not hear each other begin.
            link.timers.set(Timer::Page, now + (late * LATE_TURNS).mul_f64(drawn));
        } else {
            self.fire_page(now, interface);
        }
        true
    }

    /// Tells the group the next pages.
    pub(crate) fn fire_page(&mut self, now: Instant, interface: u32) {
        for _ in 0..PAGES_AT_ONCE {
            let Some(link) = self.links.get_mut(&interface) else { return };
            link.timers.clear(Timer::Page);
            let Some(telling) = link.pages.telling else { return };
            if !link.page_bucket.take(now) {
                return link.timers.set(Timer::Page, link.page_bucket.ready_at());
            }
            // Without an echo: it answers nobody in particular.
            let detail = Detail { brief: true, ..Detail::default() };
            let roster = Roster { after: telling.after, ..Roster::default() };
            let next = self.send_page(now, interface, roster, detail, None);
            let Some(link) = self.links.get_mut(&interface) else { return };
            link.pages.telling = next.map(|next| Telling { after: Some(next) });
            if link.pages.telling.is_some() {
                link.timers.set(Timer::Page, now + PAGES_PAUSE);
            }
        }
    }

    /// Sends one page to the group and tells after whom to go on. `also` is told of beside, wherever it stands.
    pub(crate) fn send_page(
        &mut self,
        now: Instant,
        interface: u32,
        roster: Roster,
        detail: Detail,
        also: Option<PeerId>,
    ) -> Option<PeerId> {
        let digest = self.links.get(&interface).map(|link| link.digest.live());
        let frame = Detail { digest, ..detail.clone() };
        let mut room = self.room_for(now, interface, &roster, &frame, DATAGRAM_MAX)?;
        let also = also.and_then(|id| self.entry_about(interface, id));
        room = room.saturating_sub(also.as_ref().map_or(0, |entry| entry.to_string().len() + 3));
        let mut roster = self.filled(interface, roster, None, room);
        let next = roster.next;
        if let Some(link) = self.links.get_mut(&interface) {
            link.pages.note(now, &roster);
        }
        roster.entries.extend(also);
        self.send_group(now, interface, Kind::Notify, Detail { roster: Some(Box::new(roster)), ..detail });
        next
    }

    /// Bytes that are left for entries beside everything else, at its longest.
    fn room_for(
        &mut self,
        now: Instant,
        interface: u32,
        roster: &Roster,
        detail: &Detail,
        longest: usize,
    ) -> Option<usize> {
        let most = Roster { next: Some(self.identity.id), ..roster.clone() };
        let frame = Detail { roster: Some(Box::new(most)), ..detail.clone() };
        let frame = self.length_of(now, interface, Kind::Notify, frame)?;
        longest.checked_sub(frame)
    }

    /// Puts as many entries into `roster` as fit, in the order of identities, without `asker`.
    fn filled(&self, interface: u32, mut roster: Roster, asker: Option<PeerId>, mut room: usize) -> Roster {
        let Some(link) = self.links.get(&interface) else { return roster };
        let start = roster.after.map(PeerKey::Identity);
        let from = start.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        for peer in self.table.range((from, Bound::Unbounded)) {
            let PeerKey::Identity(id) = peer.key else { break };
            let told = is_told(peer, interface) && Some(id) != asker && !roster.is_same(bucket_of(&id));
            let Some(entry) = told.then(|| entry_of(peer, id, &link.interface)).flatten() else { continue };
            if !roster.push(entry, &mut room) {
                roster.next = roster.entries.last().map(|entry| entry.id);
                break;
            }
        }
        roster
    }

    fn entry_about(&self, interface: u32, id: PeerId) -> Option<Entry> {
        let link = self.links.get(&interface)?;
        let peer = self.table.get(&PeerKey::Identity(id)).filter(|peer| is_told(peer, interface))?;
        entry_of(peer, id, &link.interface)
    }
}

/// Whether others are told of a row: only of those that are up there.
fn is_told(peer: &Peer, interface: u32) -> bool {
    peer.state == State::Up && peer.marks.iter().any(|mark| mark.interface == interface)
}

fn same_buckets(digest: &LinkDigest, hashes: &BucketHashes) -> u64 {
    let mut roster = Roster::default();
    for (bucket, hash) in hashes.0.iter().enumerate().take(BUCKETS) {
        if digest.live_hash(bucket) == *hash {
            roster.set_same(bucket);
        }
    }
    roster.same
}

fn entry_of(peer: &Peer, id: PeerId, interface: &Interface) -> Option<Entry> {
    Some(Entry {
        id,
        epoch: peer.newest_epoch().max(1),
        address: address_on(peer, interface)?,
        http_port: peer.http_port,
        https_port: peer.https_port,
        name: peer.name.clone(),
    })
}

/// So many newcomers within so short a time make a storm: fewer are served one by one.
pub(crate) const STORM_OF: usize = 3;
const STORM_WITHIN: Duration = Duration::from_millis(250);
/// A storm is over when nobody came for so long: least, most, for each host of the link, and so many times the mean pause
/// between the last newcomers.
const QUIET_LEAST: Duration = Duration::from_millis(25);
const QUIET_MOST: Duration = Duration::from_millis(400);
const QUIET_SHARE: Duration = Duration::from_millis(1);
const QUIET_PAUSES: f64 = 6.0;
/// Added to that over the number of pauses: of few pauses the mean says little.
const QUIET_DOUBT: f64 = 4.0;
/// How many newcomers are remembered to find the mean pause.
const REMEMBERED: usize = 9;
/// Nobody waits for longer until a storm is over.
const STORM_PATIENCE: Duration = Duration::from_secs(4);
/// So long after a storm whoever asks may be one of many.
const STORM_ECHO: Duration = Duration::from_secs(1);

/// The hosts that joined last, the latest first.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    at: [Option<Instant>; REMEMBERED],
    /// When the storm began that the newest belongs to.
    since: Option<Instant>,
    /// How many hosts anybody told of since then.
    pub(crate) most_told: u32,
}

impl Newcomers {
    fn note(&mut self, now: Instant, hosts: usize) {
        if !self.storm(now, hosts, Duration::ZERO) {
            (self.since, self.most_told) = (Some(now), 0);
        }
        self.at.rotate_right(1);
        if let Some(newest) = self.at.first_mut() {
            *newest = Some(now);
        }
    }

    /// Whether what differs now may be left to the storm that is on: the newcomers will tell of themselves.
    pub(crate) fn will_tell(&self, now: Instant, hosts: usize) -> bool {
        let patient = self.since.is_some_and(|since| now.since(since) < STORM_PATIENCE);
        patient && self.storm(now, hosts, Duration::ZERO)
    }

    /// Whether all came before that time.
    fn came_before(&self, time: Option<Instant>) -> bool {
        self.at.first().is_none_or(|newest| *newest < time)
    }

    /// How long after the newest the storm is over, on a link of `hosts` hosts.
    pub(crate) fn quiet(&self, hosts: usize) -> Duration {
        let times = || self.at.iter().flatten();
        let pauses = times().zip(times().skip(1)).map(|(later, earlier)| later.since(*earlier));
        let (count, sum) = pauses
            .take_while(|pause| *pause <= STORM_WITHIN)
            .fold((0.0, Duration::ZERO), |(count, sum), pause| (count + 1.0, sum + pause));
        let pause =
            if count < 2.0 { Duration::ZERO } else { sum.mul_f64((QUIET_PAUSES + QUIET_DOUBT / count) / count) };
        let share = QUIET_SHARE * u32::try_from(hosts).unwrap_or(u32::MAX);
        pause.max(share).clamp(QUIET_LEAST, QUIET_MOST)
    }

    /// Whether many join at once, or did within `longer`.
    pub(crate) fn storm(&self, now: Instant, hosts: usize, longer: Duration) -> bool {
        match (self.at.first(), self.at.get(STORM_OF - 1)) {
            (Some(Some(newest)), Some(Some(oldest))) => {
                newest.since(*oldest) <= STORM_WITHIN && now.since(*newest) < self.quiet(hosts) + longer
            }
            _ => false,
        }
    }
}

impl Node {
    /// Notes that a host joined. In a storm of joins whoever joins too says once more that it is there when the others
    /// have come: so all know all after two datagrams of each.
    pub(crate) fn note_newcomer(&mut self, now: Instant, interface: u32) {
        let hosts = self.hosts();
        let late = self.random.f64();
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.newcomers.note(now, hosts);
        if link.searches_sent == 1 && link.newcomers.storm(now, hosts, Duration::ZERO) {
            let quiet = now + link.newcomers.quiet(hosts).mul_f64(0.5 + 0.5 * late);
            link.timers.set(Timer::Search, quiet.min(link.search_start + STORM_PATIENCE));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(10_000 + milliseconds)
    }

    fn joined(times: &[u64]) -> Newcomers {
        let mut newcomers = Newcomers::default();
        times.iter().for_each(|time| newcomers.note(at(*time), 10));
        newcomers
    }

    #[test]
    fn three_at_once_are_a_storm_and_three_one_after_the_other_are_none() {
        let stormy = |times: &[u64], now| joined(times).storm(at(now), 10, Duration::ZERO);
        assert!(stormy(&[0, 100, 200], 210));
        assert!(!stormy(&[0, 100], 110));
        assert!(!stormy(&[0, 200, 400], 410));
        assert!(stormy(&[0, 1_000, 1_001, 1_002], 1_010));
    }

    #[test]
    fn a_storm_ends_the_later_the_slower_hosts_come_and_the_more_there_are() {
        let quiet = |times: &[u64], hosts| joined(times).quiet(hosts);
        assert_eq!(quiet(&[0, 1, 2], 3), QUIET_LEAST);
        assert_eq!(quiet(&[0, 10, 20], 3), Duration::from_millis(80));
        assert_eq!(quiet(&[0, 1, 2], 200), Duration::from_millis(200));
        assert_eq!(quiet(&[0, 120, 240], 3), QUIET_MOST);
        let newcomers = joined(&[0, 10, 20]);
        assert!(newcomers.storm(at(99), 3, Duration::ZERO) && !newcomers.storm(at(100), 3, Duration::ZERO));
    }

    #[test]
    fn nobody_waits_for_a_storm_without_end() {
        let mut newcomers = Newcomers::default();
        for time in (0..10_000).step_by(5) {
            newcomers.note(at(time), 10);
            assert_eq!(newcomers.will_tell(at(time), 10), (10..4_010).contains(&time), "{time} ms");
        }
    }

    #[test]
    fn the_pages_of_all_hosts_are_counted_for_a_second() {
        let mut pages = Pages::default();
        for _ in 0..60 {
            assert!(!pages.used_up(at(0), 100));
            pages.note(at(0), &Roster::default());
        }
        assert!(pages.used_up(at(999), 100) && !pages.used_up(at(1_000), 100) && !pages.used_up(at(999), 200));
    }
}
