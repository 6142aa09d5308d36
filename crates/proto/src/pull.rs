//! Two tables are brought together: one host asks another for what it does not know, page by page.
//!
//! ```text
//!            digest differs: joining                      page: go on after it
//! (at rest) ────────────────────────▶ pulling ◀──────────────────────────────┐
//!    │  ▲                             │  │  └────────────────────────────────┘
//!    │  │  last page, or nobody       │  └── silence: ask again, then another
//!    │  └─────────────────────────────┘
//!    └─ digest differs: settle, look again, and pull from whoever still differs
//! ```
//!
//! A long pull goes on in several lanes at once, each asking another peer for its part of the identities. The answering
//! side keeps nothing (`page.rs`): each request says what its sender knows and where to go on. A request is as long as the
//! longest answer, so nobody can use a host to multiply what he sends.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::time::Duration;

use crate::announce::Detail;
use crate::digest::{Digest, address_on};
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::link::Link;
use crate::message::{Extension, Kind, Nonce};
use crate::node::Node;
use crate::peer::{Peer, PeerKey, State};
use crate::roster::{BucketHashes, Pull, Roster};
use crate::time::Instant;
use crate::timers::Timer;

/// Time that a page has before it is asked for again, while no round trip was measured yet.
const FIRST_TIMEOUT: Duration = Duration::from_millis(40);
/// Least time for that afterwards.
const TIMEOUT_MIN: Duration = Duration::from_millis(10);
/// How often a page is asked for. At 20 % loss either way all of eight are lost once in 3,500 times.
const TRIES: u32 = 8;
/// How many peers are asked in turn where the first ones are silent.
const PEERS_TRIED_MAX: u32 = 3;
/// So many rows are drawn for another peer before all rows are looked at.
const ROWS_DRAWN: usize = 8;
/// Most pages of one pull, whatever the peers say: a full table has less.
const PAGES_MAX: u32 = 1_000;
/// Most lanes of one pull, and the least number of pages that makes another one worth while.
const LANES_MAX: usize = 8;
const PAGES_A_LANE: f64 = 2.0;
/// Shortest and longest pause between two repairs; it doubles while they bring nothing.
pub(crate) const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(64);
/// What a link keeps of its pulls.
#[derive(Debug)]
pub(crate) struct Puller {
    pub(crate) current: Option<UnderWay>,
    /// Who differed, to be looked at when [`Timer::Repair`] fires.
    pub(crate) differing: Option<(PeerKey, Digest)>,
    /// When the last pull ended, and this host's digest then.
    ended: Option<(Instant, Digest)>,
    pub(crate) pause: Duration,
    /// When that was planned.
    pub(crate) differing_since: Instant,
    /// The newest own digest that a peer told too, and when that was.
    pub(crate) agreed: Option<(Instant, Digest)>,
}

impl Default for Puller {
    fn default() -> Self {
        Self {
            current: None,
            differing: None,
            differing_since: Instant::ZERO,
            ended: None,
            pause: PAUSE_MIN,
            agreed: None,
        }
    }
}

impl Puller {
    /// When the next repair may begin: the pause grows while pulls bring nothing and nothing else changes.
    pub(crate) fn not_before(&self, own: Digest) -> Instant {
        let pause = |then: Digest| if then == own { self.pause } else { PAUSE_MIN };
        self.ended.map_or(Instant::ZERO, |(at, then)| at + pause(then))
    }
}

/// One pull.
#[derive(Debug)]
pub(crate) struct UnderWay {
    /// Who was found to differ; the lanes may ask others.
    peer: PeerKey,
    lanes: Vec<Lane>,
    pages: u32,
    peers_tried: u32,
    round_trip: Option<Duration>,
    gained: bool,
    /// The digest that the newest page told.
    theirs: Option<Digest>,
}

/// One part of the identities, asked for page by page.
#[derive(Debug)]
struct Lane {
    peer: PeerKey,
    to: SocketAddr,
    /// That of the page under way: a page that comes twice is taken once.
    nonce: Nonce,
    after: Option<PeerId>,
    /// Where the next lane begins.
    until: Option<PeerId>,
    tries: u32,
    sent_at: Instant,
    due: Instant,
}

impl UnderWay {
    fn timeout(round_trip: Option<Duration>, tries: u32) -> Duration {
        let once = round_trip.map_or(FIRST_TIMEOUT, |time| TIMEOUT_MIN.max(time * 4));
        once * (1 << (tries.saturating_sub(1) / 2).min(3))
    }
}

impl Link {
    fn plan_pull(&mut self) {
        let lanes = self.puller.current.iter().flat_map(|pull| &pull.lanes);
        match lanes.map(|lane| lane.due).min() {
            Some(at) => self.timers.set(Timer::Pull, at),
            None => self.timers.clear(Timer::Pull),
        }
    }
}

impl Node {
    /// A page that went to the group: it tells this host too if it lacks something.
    pub(crate) fn hear_page(&mut self, arrival: Arrival, extension: &Extension, digest: Digest, roster: &Roster) {
        let (now, interface) = (arrival.now, arrival.interface);
        let source = PeerKey::Identity(extension.id);
        if self.table.get(&source).is_none_or(|peer| peer.state != State::Up) {
            return;
        }
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.pages.note(now, roster);
        let to_all = extension.echo.is_none();
        if to_all {
            link.pages.heard_at = Some(now);
            if roster.after.is_none() {
                link.pages.begun_at = Some(now);
            }
            // Where several began to tell at one moment, the one who knows most goes on, and of equals the smallest identity.
            let others = (digest.hosts, Reverse(extension.id));
            let goes_on = others <= (link.digest.live().hosts, Reverse(self.identity.id));
            let begun = link.pages.telling.is_some_and(|telling| telling.after.is_some());
            if !(goes_on && begun) && link.pages.telling.take().is_some() {
                link.timers.clear(Timer::Page);
            }
        }
        if let Some(pull) = &mut link.puller.current
            && to_all
        {
            // What is under way to all need not be asked for.
            for lane in &mut pull.lanes {
                lane.due = lane.due.max(now + FIRST_TIMEOUT);
            }
            link.plan_pull();
        }
        if digest == link.digest.live() || digest == link.digest.known() {
            return;
        }
        let gained = self.take_entries(now, interface, &source, roster);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let complete = digest == link.digest.live();
        if let Some(pull) = &mut link.puller.current {
            pull.gained |= gained;
            pull.theirs = Some(digest);
            if complete {
                self.end_pull(now, interface);
            }
        }
    }

    pub(crate) fn start_pull(&mut self, now: Instant, interface: u32, key: PeerKey, peers_tried: u32) {
        let Some(lane) = self.new_lane(now, interface, key.clone(), (None, None)) else { return };
        let Some(link) = self.links.get_mut(&interface) else { return };
        let gained = link.puller.current.take().is_some_and(|before| before.gained);
        link.puller.current = Some(UnderWay {
            peer: key,
            lanes: vec![lane],
            pages: 0,
            peers_tried,
            round_trip: None,
            gained,
            theirs: None,
        });
        self.fire_pull(now, interface);
    }

    fn new_lane(
        &mut self,
        now: Instant,
        interface: u32,
        peer: PeerKey,
        (after, until): (Option<PeerId>, Option<PeerId>),
    ) -> Option<Lane> {
        let nonce = Nonce(self.random.u64(..));
        let link = self.links.get(&interface)?;
        let address = self.table.get(&peer).and_then(|peer| address_on(peer, &link.interface))?;
        let to = SocketAddr::new(address, self.config.port);
        Some(Lane { peer, to, nonce, after, until, tries: 0, sent_at: now, due: now })
    }

    /// Sends what is due: the requests for new pages, and again those for pages that did not come in time. Who stays
    /// silent is left for another peer.
    pub(crate) fn fire_pull(&mut self, now: Instant, interface: u32) {
        loop {
            let Some(link) = self.links.get_mut(&interface) else { return };
            link.plan_pull();
            let ready = link.unicast.ready_at();
            let Some(pull) = &mut link.puller.current else { return };
            let Some(index) = pull.lanes.iter().position(|lane| lane.due <= now) else { return };
            let Some(lane) = pull.lanes.get_mut(index) else { return };
            if ready > now {
                // The bound on unicast: the timer comes back when it allows the next.
                return link.timers.set(Timer::Pull, ready);
            }
            if lane.tries < TRIES {
                lane.tries += 1;
                lane.sent_at = now;
                lane.due = now + UnderWay::timeout(pull.round_trip, lane.tries);
                let request = (lane.to, lane.peer.id().copied(), lane.nonce, lane.after);
                self.send_request(now, interface, request);
                continue;
            }
            let (silent, range, tried) = (lane.peer.clone(), (lane.after, lane.until), pull.peers_tried);
            pull.peers_tried += 1;
            let other = self.another_peer(interface, &silent).filter(|_| tried < PEERS_TRIED_MAX);
            let lane = other.and_then(|other| self.new_lane(now, interface, other, range));
            let slot = self.links.get_mut(&interface).and_then(|link| link.puller.current.as_mut());
            match (lane, slot.and_then(|pull| pull.lanes.get_mut(index))) {
                (Some(lane), Some(slot)) => *slot = lane,
                (Some(_) | None, Some(_) | None) => return self.end_pull(now, interface),
            }
        }
    }

    fn send_request(
        &mut self,
        now: Instant,
        interface: u32,
        (to, target, nonce, after): (SocketAddr, Option<PeerId>, Nonce, Option<PeerId>),
    ) {
        let Some(link) = self.links.get(&interface) else { return };
        let hashes = BucketHashes(std::array::from_fn(|bucket| link.digest.known_hash(bucket)));
        let detail = Detail {
            target,
            nonce: Some(nonce),
            digest: Some(link.digest.live()),
            pull: Some(Box::new(Pull { hashes, after })),
            brief: true,
            ..Detail::default()
        };
        self.send_unicast(now, interface, to, (Kind::Search, detail), usize::MAX);
    }

    /// Any peer that is up on the link, but not that one.
    fn another_peer(&mut self, interface: u32, silent: &PeerKey) -> Option<PeerKey> {
        let fits = |peer: &&Peer| {
            let there = peer.marks.iter().any(|mark| mark.interface == interface);
            peer.key != *silent && peer.state == State::Up && there
        };
        // Nearly every row fits, and a walk over all of them costs more than the pull itself.
        let drawn = (0..ROWS_DRAWN).find_map(|_| self.table.draw(&mut self.random).filter(fits));
        if let Some(peer) = drawn {
            return Some(peer.key.clone());
        }
        let count = self.table.iter().filter(fits).count();
        let chosen = if count == 0 { return None } else { self.random.usize(..count) };
        self.table.iter().filter(fits).nth(chosen).map(|peer| peer.key.clone())
    }

    /// Takes a page, if it is one that was asked for.
    pub(crate) fn receive_page(&mut self, arrival: Arrival, extension: &Extension) {
        let (now, interface) = (arrival.now, arrival.interface);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(pull) = &mut link.puller.current else { return };
        let asked = |lane: &&Lane| {
            extension.echo == Some(lane.nonce)
                && lane.peer.id() == Some(&extension.id)
                && lane.to.ip() == arrival.from.ip()
        };
        let Some(index) = pull.lanes.iter().position(|lane| asked(&lane)) else { return };
        let Some(lane) = pull.lanes.get(index) else { return };
        let source = lane.peer.clone();
        if self.table.get(&source).is_none_or(|peer| peer.state != State::Up) {
            return;
        }
        let Some(roster) = &extension.roster else {
            // A peer that does not know rosters answers as to any directed search.
            return self.end_pull(now, interface);
        };
        if roster.after != lane.after {
            return;
        }
        pull.round_trip = Some(now.since(lane.sent_at)).filter(|_| lane.tries == 1).or(pull.round_trip);
        pull.theirs = extension.digest;
        pull.pages += 1;
        let gained = self.take_entries(now, interface, &source, roster);
        self.judge_covered(now, interface, (roster, &source));
        self.go_on(now, interface, index, (roster, gained));
    }

    /// Asks for the page after that one, or ends the lane.
    fn go_on(&mut self, now: Instant, interface: u32, index: usize, (roster, gained): (&Roster, bool)) {
        let nonce = Nonce(self.random.u64(..));
        let Some(pull) = self.links.get_mut(&interface).and_then(|link| link.puller.current.as_mut()) else { return };
        pull.gained |= gained;
        let in_time = pull.pages < PAGES_MAX;
        let Some(lane) = pull.lanes.get_mut(index) else { return };
        let onward = |next: &PeerId| {
            lane.after.is_none_or(|after| *next > after) && lane.until.is_none_or(|until| *next < until) && in_time
        };
        let Some(next) = roster.next.filter(onward) else {
            pull.lanes.swap_remove(index);
            if pull.lanes.is_empty() {
                return self.end_pull(now, interface);
            }
            return self.fire_pull(now, interface);
        };
        (lane.after, lane.nonce, lane.tries, lane.due) = (Some(next), nonce, 0, now);
        if pull.pages == 1 {
            self.open_lanes(now, interface, next);
        }
        self.fire_pull(now, interface);
    }

    /// Splits what the first page left into lanes: the identities are spread evenly, so how far a page got tells how many
    /// there will be.
    fn open_lanes(&mut self, now: Instant, interface: u32, next: PeerId) {
        let start = next.prefix();
        let share = (start as f64 / u64::MAX as f64).max(0.001);
        let lanes = ((1.0 - share) / share / PAGES_A_LANE).min(LANES_MAX as f64) as usize;
        let width = (u64::MAX - start) / lanes.max(1) as u64;
        let bounds: Vec<PeerId> = (1..lanes as u64).map(|lane| bound_at(start + lane * width)).collect();
        let mut before: Option<PeerId> = None;
        for (bound, until) in bounds.iter().zip(bounds.iter().skip(1).map(Some).chain([None])) {
            let Some(pull) = self.links.get(&interface).and_then(|link| link.puller.current.as_ref()) else { return };
            let first = pull.peer.clone();
            let peer = self.another_peer(interface, &first).unwrap_or(first);
            let lane = self.new_lane(now, interface, peer, (Some(*bound), until.copied()));
            let Some(pull) = self.links.get_mut(&interface).and_then(|link| link.puller.current.as_mut()) else {
                return;
            };
            if let (None, Some(first)) = (before, pull.lanes.first_mut()) {
                first.until = Some(*bound);
            }
            before = Some(*bound);
            pull.lanes.extend(lane);
        }
    }

    fn end_pull(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Pull);
        let Some(pull) = link.puller.current.take() else { return };
        if pull.theirs.is_some() {
            (link.joined, link.differs) = (true, false);
        }
        if pull.theirs == Some(link.digest.live()) {
            link.puller.agreed = pull.theirs.map(|digest| (now, digest));
        }
        let puller = &mut link.puller;
        puller.pause = if pull.gained { PAUSE_MIN } else { (puller.pause * 2).min(PAUSE_MAX) };
        puller.ended = Some((now, link.digest.live()));
        let Some(theirs) = pull.theirs.filter(|theirs| *theirs != link.digest.live()) else { return };
        // Something changed meanwhile, or a page did not tell all: the next look decides.
        let path = |peer: &mut Peer| {
            peer.paths.iter_mut().find(|path| path.interface == interface).map(|path| path.said.set_digest(theirs))
        };
        if self.table.get_mut(&pull.peer).and_then(path).is_some() {
            self.plan_repair(now, interface, (pull.peer, theirs));
        }
    }
}

/// The greatest identity that begins with that number.
fn bound_at(prefix: u64) -> PeerId {
    let mut bytes = [u8::MAX; 32];
    for (slot, byte) in bytes.iter_mut().zip(prefix.to_be_bytes()) {
        *slot = byte;
    }
    PeerId::from_bytes(bytes)
}
