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
//! The answering side keeps nothing: each request says what its sender knows and where to go on. A request is as long as
//! the longest answer, so nobody can use a host to multiply what he sends.

use std::net::SocketAddr;
use std::ops::Bound;
use std::time::Duration;

use crate::announce::Detail;
use crate::digest::{BUCKETS, Digest, LinkDigest, address_on, bucket_of};
use crate::event::Datagram;
use crate::frame::DATAGRAM_MAX;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::{Extension, Kind, Nonce};
use crate::node::Node;
use crate::peer::{Peer, PeerKey, State};
use crate::roster::{BucketHashes, Entry, Pull, Roster};
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
/// Most pages of one pull, whatever the peer says: a full table has less.
const PAGES_MAX: u32 = 1_000;
/// Least time for which a difference must last before it is repaired, so that what is under way arrives first.
const SETTLE: Duration = Duration::from_millis(50);
/// Spread of that, least and for each host of the network: many may see one difference at once.
const SETTLE_SPREAD: Duration = Duration::from_millis(200);
const SETTLE_SHARE: Duration = Duration::from_millis(1);
/// Shortest and longest pause between two repairs; it doubles while they bring nothing.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(64);
/// Where this host agrees with others, so many hosts after a differing one in the ring look into it.
const LOOKERS: u32 = 3;

/// What a link keeps of its pulls.
#[derive(Debug)]
pub(crate) struct Puller {
    current: Option<UnderWay>,
    /// Who differed, to be looked at when [`Timer::Repair`] fires.
    differing: Option<PeerKey>,
    /// When the last pull ended, and this host's digest then.
    ended: Option<(Instant, Digest)>,
    pause: Duration,
    /// When that was planned.
    differing_since: Instant,
    /// The newest own digest that a peer told too, and when that was.
    agreed: Option<(Instant, Digest)>,
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
    fn not_before(&self, own: Digest) -> Instant {
        let pause = |then: Digest| if then == own { self.pause } else { PAUSE_MIN };
        self.ended.map_or(Instant::ZERO, |(at, then)| at + pause(then))
    }
}

/// One pull.
#[derive(Debug)]
struct UnderWay {
    peer: PeerKey,
    to: SocketAddr,
    /// That of the page under way: a page that comes twice is taken once.
    nonce: Nonce,
    after: Option<PeerId>,
    tries: u32,
    pages: u32,
    peers_tried: u32,
    sent_at: Instant,
    round_trip: Option<Duration>,
    gained: bool,
}

impl UnderWay {
    fn timeout(&self) -> Duration {
        let once = self.round_trip.map_or(FIRST_TIMEOUT, |time| TIMEOUT_MIN.max(time * 4));
        once * (1 << (self.tries.saturating_sub(1) / 2).min(3))
    }
}

impl Node {
    /// A peer told its digest by multicast.
    pub(crate) fn compare(&mut self, arrival: Arrival, id: PeerId, digest: Digest) {
        let key = PeerKey::Identity(id);
        let Some(peer) = self.table.get_mut(&key).filter(|peer| peer.state == State::Up) else { return };
        let on_path =
            |path: &&mut crate::peer::Path| path.interface == arrival.interface && path.address == arrival.from.ip();
        if let Some(path) = peer.paths.iter_mut().find(on_path) {
            path.digest = Some(digest);
        }
        let Some(link) = self.links.get(&arrival.interface) else { return };
        if digest == link.digest.known() {
            if link.digest.unheard_rows > 0 {
                self.confirm_all(arrival.now, arrival.interface);
            }
            return self.agree(arrival.now, arrival.interface);
        }
        if digest == link.digest.live() {
            return self.agree(arrival.now, arrival.interface);
        }
        if link.puller.current.is_some() {
            return;
        }
        if link.joined || arrival.now >= link.search_start + self.config.confirm_after {
            return self.plan_repair(arrival.now, arrival.interface, key);
        }
        if let Some(link) = self.links.get_mut(&arrival.interface) {
            link.differs = true;
        }
        self.start_pull(arrival.now, arrival.interface, key, 1);
    }

    fn agree(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.puller.agreed = Some((now, link.digest.live()));
        link.puller.pause = PAUSE_MIN;
        if link.puller.current.is_none() {
            (link.joined, link.differs) = (true, false);
        }
    }

    fn plan_repair(&mut self, now: Instant, interface: u32, key: PeerKey) {
        let spread = SETTLE_SPREAD.max(SETTLE_SHARE * u32::try_from(self.hosts()).unwrap_or(u32::MAX));
        let settled = now + SETTLE + spread.mul_f64(self.random.f64());
        let Some(link) = self.links.get_mut(&interface) else { return };
        let planned = link.puller.differing.replace(key).is_some();
        if !planned {
            let own = link.digest.live();
            link.puller.differing_since = now;
            link.timers.set(Timer::Repair, settled.max(link.puller.not_before(own)));
        }
    }

    /// The time to settle is over: pulls if the peer still differs, as far as it has told.
    pub(crate) fn fire_repair(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Repair);
        let Some(key) = link.puller.differing.take() else { return };
        if link.puller.current.is_some() {
            return;
        }
        let own = [link.digest.live(), link.digest.known()];
        // Where another agrees meanwhile, it is the one that differs who lacks something and will ask for it. A few look
        // all the same, because it may know more.
        let since = link.puller.differing_since;
        let sure = link.puller.agreed.is_some_and(|(at, digest)| at > since && Some(&digest) == own.first());
        if sure && key.id().is_some_and(|id| self.rank_after(id, interface, LOOKERS) >= LOOKERS) {
            return;
        }
        let theirs =
            self.table.get(&key).filter(|peer| peer.state == State::Up).and_then(|peer| {
                peer.paths.iter().find(|path| path.interface == interface).and_then(|path| path.digest)
            });
        if theirs.is_some_and(|theirs| !own.contains(&theirs)) {
            self.start_pull(now, interface, key, 1);
        }
    }

    fn start_pull(&mut self, now: Instant, interface: u32, key: PeerKey, peers_tried: u32) {
        let port = self.config.port;
        let nonce = Nonce(self.random.u64(..));
        let Some(link) = self.links.get_mut(&interface) else { return };
        let address = self.table.get(&key).and_then(|peer| address_on(peer, &link.interface));
        let Some(address) = address else { return };
        let before = link.puller.current.take();
        link.puller.current = Some(UnderWay {
            peer: key,
            to: SocketAddr::new(address, port),
            nonce,
            after: before.as_ref().and_then(|before| before.after),
            tries: 0,
            pages: before.as_ref().map_or(0, |before| before.pages),
            peers_tried,
            sent_at: now,
            round_trip: None,
            gained: before.is_some_and(|before| before.gained),
        });
        self.ask_for_page(now, interface);
    }

    /// Sends the request for the page that is due, or waits until the bound allows it.
    fn ask_for_page(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let ready = link.unicast.ready_at();
        let hashes = BucketHashes(std::array::from_fn(|bucket| link.digest.known_hash(bucket)));
        let digest = link.digest.live();
        let Some(pull) = &mut link.puller.current else { return };
        if ready > now {
            return link.timers.set(Timer::Pull, ready);
        }
        pull.tries += 1;
        pull.sent_at = now;
        link.timers.set(Timer::Pull, now + pull.timeout());
        let detail = Detail {
            target: pull.peer.id().copied(),
            nonce: Some(pull.nonce),
            digest: Some(digest),
            pull: Some(Box::new(Pull { hashes, after: pull.after })),
            brief: true,
            ..Detail::default()
        };
        let to = pull.to;
        self.send_unicast(now, interface, to, (Kind::Search, detail), usize::MAX);
    }

    /// A page did not come in time: asks again, then another peer, then nobody.
    pub(crate) fn fire_pull(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Pull);
        let Some(pull) = &link.puller.current else { return };
        if pull.tries < TRIES {
            return self.ask_for_page(now, interface);
        }
        let (silent, tried) = (pull.peer.clone(), pull.peers_tried);
        match self.another_peer(interface, &silent).filter(|_| tried < PEERS_TRIED_MAX) {
            Some(other) => self.start_pull(now, interface, other, tried + 1),
            None => self.end_pull(now, interface, None),
        }
    }

    /// Any peer of the link that was heard itself, but not that one.
    fn another_peer(&mut self, interface: u32, silent: &PeerKey) -> Option<PeerKey> {
        let fits = |peer: &&Peer| {
            let heard = |path: &crate::peer::Path| path.interface == interface && path.digest.is_some();
            peer.key != *silent && peer.state == State::Up && peer.paths.iter().any(heard)
        };
        let count = self.table.iter().filter(fits).count();
        if count == 0 {
            return None;
        }
        let chosen = self.random.usize(..count);
        self.table.iter().filter(fits).nth(chosen).map(|peer| peer.key.clone())
    }

    /// Takes a page, if it is the one that was asked for.
    pub(crate) fn receive_page(&mut self, arrival: Arrival, extension: &Extension) {
        let (now, interface) = (arrival.now, arrival.interface);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(pull) = &mut link.puller.current else { return };
        let asked = extension.echo == Some(pull.nonce)
            && pull.peer.id() == Some(&extension.id)
            && pull.to.ip() == arrival.from.ip();
        let listed = self.table.get(&pull.peer).is_some_and(|peer| peer.state == State::Up);
        if !asked || !listed {
            return;
        }
        // A peer that does not know rosters answers as to any directed search.
        let Some(roster) = &extension.roster else { return self.end_pull(now, interface, None) };
        pull.round_trip = Some(now.since(pull.sent_at)).filter(|_| pull.tries == 1).or(pull.round_trip);
        let (after, source) = (pull.after, pull.peer.clone());
        let gained = self.take_page(now, interface, &source, roster, after);
        let nonce = Nonce(self.random.u64(..));
        let Some(pull) = self.links.get_mut(&interface).and_then(|link| link.puller.current.as_mut()) else { return };
        pull.gained |= gained;
        pull.pages += 1;
        let further = roster.next.filter(|next| after.is_none_or(|after| *next > after) && pull.pages < PAGES_MAX);
        if further.is_none() {
            return self.end_pull(now, interface, extension.digest);
        }
        (pull.after, pull.nonce, pull.tries) = (further, nonce, 0);
        self.ask_for_page(now, interface);
    }

    fn end_pull(&mut self, now: Instant, interface: u32, theirs: Option<Digest>) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Pull);
        let Some(pull) = link.puller.current.take() else { return };
        if theirs.is_some() {
            (link.joined, link.differs) = (true, false);
        }
        if theirs == Some(link.digest.live()) {
            link.puller.agreed = theirs.map(|digest| (now, digest));
        }
        let puller = &mut link.puller;
        puller.pause = if pull.gained { PAUSE_MIN } else { (puller.pause * 2).min(PAUSE_MAX) };
        puller.ended = Some((now, link.digest.live()));
    }

    /// Answers a request with one page; a request is never answered in any other way.
    pub(crate) fn answer_pull(
        &mut self,
        arrival: Arrival,
        datagram: &Datagram<'_>,
        extension: &Extension,
        pull: &Pull,
    ) {
        let Some(link) = self.links.get(&arrival.interface) else { return };
        let digest = link.digest.live();
        let longest = datagram.bytes.len().min(DATAGRAM_MAX);
        let detail = Detail { echo: extension.nonce, digest: Some(digest), brief: true, ..Detail::default() };
        // What the page is without its entries, at its longest.
        let mut roster = Roster { same: same_buckets(&link.digest, &pull.hashes), entries: Vec::new(), next: None };
        let most = Roster { next: Some(extension.id), ..roster.clone() };
        let frame = Detail { roster: Some(Box::new(most)), ..detail.clone() };
        let Some(frame) = self.length_of(arrival.now, arrival.interface, Kind::Notify, frame) else { return };
        let mut room = longest.saturating_sub(frame);
        self.fill(&mut roster, arrival.interface, (extension.id, pull.after), &mut room);
        let detail = Detail { roster: Some(Box::new(roster)), ..detail };
        let to = SocketAddr::new(arrival.from.ip(), self.config.port);
        self.send_unicast(arrival.now, arrival.interface, to, (Kind::Notify, detail), longest);
    }

    fn fill(&self, roster: &mut Roster, interface: u32, (asker, after): (PeerId, Option<PeerId>), room: &mut usize) {
        let Some(link) = self.links.get(&interface) else { return };
        let start = after.map(PeerKey::Identity);
        let from = start.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        for peer in self.table.range((from, Bound::Unbounded)) {
            let PeerKey::Identity(id) = peer.key else { break };
            let told = peer.state == State::Up
                && id != asker
                && peer.marks.iter().any(|mark| mark.interface == interface)
                && !roster.is_same(bucket_of(&id));
            let Some(entry) = told.then(|| entry_of(peer, id, &link.interface)).flatten() else { continue };
            if !roster.push(entry, room) {
                roster.next = roster.entries.last().map(|entry| entry.id);
                return;
            }
        }
    }
}

fn same_buckets(digest: &LinkDigest, hashes: &BucketHashes) -> u64 {
    let mut roster = Roster { same: 0, entries: Vec::new(), next: None };
    for (bucket, hash) in hashes.0.iter().enumerate().take(BUCKETS) {
        if digest.live_hash(bucket) == *hash {
            roster.set_same(bucket);
        }
    }
    roster.same
}

fn entry_of(peer: &Peer, id: PeerId, interface: &crate::interface::Interface) -> Option<Entry> {
    let (epoch, sequence) = peer.newest();
    Some(Entry {
        id,
        epoch: epoch.max(1),
        sequence,
        time_to_live: u32::try_from(peer.time_to_live.as_secs()).ok()?.max(1),
        address: address_on(peer, interface)?,
        http_port: peer.http_port,
        https_port: peer.https_port,
        name: peer.name.clone(),
        facts: peer.facts.clone(),
    })
}
