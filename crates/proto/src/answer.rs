//! Who answers a search.
//!
//! A search of a base peer is answered by everybody. A search of an extended peer with a nonce is answered by one host:
//! the next one in the ring of identities at once, each further one only if it heard nobody before its turn. So an answer
//! costs one datagram at any size of the network, and no host has to be alive for it.
//!
//! ```text
//!    searcher ──▶ rank 0: at once     rank 1: 3 ms     rank 2: 6 ms     ...
//!                    │ answer             ▲ heard: silent, if it tells the same digest
//!                    └────────────────────┘ a settled host whose digest differs gives a second opinion
//! ```

use std::ops::Bound;
use std::time::Duration;

use crate::announce::Detail;
use crate::digest::Digest;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::limit::Rate;
use crate::message::Nonce;
use crate::node::Node;
use crate::peer::{Peer, PeerKey, State};
use crate::roster::Roster;
use crate::time::Instant;
use crate::timers::Timer;

/// Bound on a host's answers to extended searches on one link: in a mass boot the gap before a host in the ring may be
/// eight times the average, and a storm of searches must not cost more than one packet a second.
pub(crate) const ANSWERS: Rate = Rate { per_second: 1, burst: 8 };
/// How long each host waits for those before it, unless it is later than that itself: longer than a round trip in a local
/// network.
const TURN: Duration = Duration::from_millis(3);
/// No host counts further than this.
const RANK_MAX: u32 = 64;
/// Who expects more than so many hosts, and so many times those that matter, before itself does not count them. Of evenly
/// spread identities fewer than that matter are there less than once in 10^12 times.
const FAR: u32 = 32;
const FAR_TIMES: u32 = 4;
/// A host that is still finding out who is there waits so long, and up to as long again, before it answers: for each host
/// that it has heard, and at most.
const JOINING_SHARE: Duration = Duration::from_millis(3);
const JOINING_DELAY: Duration = Duration::from_millis(60);
/// In a storm of joins answers wait so long for more that ask.
const STORM_DELAY: Duration = Duration::from_millis(20);
const STORM_TURNS: u32 = 10;
/// Where datagrams are lost an answer is said again, so many times less than everybody needs to hear of the searcher: its
/// search, the answer and its second word are copies too.
const OTHER_WORDS: u32 = 3;
/// Most repetitions, and the pause before each.
const REPEATS_MAX: u32 = 3;
const REPEAT_PAUSE: Duration = Duration::from_millis(50);
/// A table that did not change for so long is settled: if it differs from another's, that is worth a packet.
const SETTLED_AFTER: Duration = Duration::from_secs(1);
/// Most searches that wait for their answer at once on one link.
const ELECTIONS_MAX: usize = 32;

/// A search that this host may have to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Election {
    searcher: PeerId,
    nonce: Nonce,
    at: Instant,
    /// Whether this host gives a second opinion where the one who answered knows others than it does.
    settled: bool,
    /// How often it was answered by this host: more than once only where datagrams are lost.
    answered: u32,
}

impl Election {
    /// Whether what another host said to all leaves this host nothing to answer.
    fn is_served(&self, theirs: Digest, own: Digest) -> bool {
        // Who knows more than the one who answered answers too, unless both have only begun to find out.
        self.answered == 0 && !(theirs != own && (self.settled || theirs.hosts < own.hosts))
    }
}

impl Node {
    /// Whether the table of a link has not changed for a while.
    pub(crate) fn is_settled(&self, now: Instant, interface: u32) -> bool {
        self.links.get(&interface).is_some_and(|link| now.since(link.digest_changed) >= SETTLED_AFTER)
    }

    /// Stands for the answer to a search of an extended peer; `settled` tells of the time before the search was heard.
    pub(crate) fn stand_for_answer(&mut self, arrival: Arrival, searcher: PeerId, nonce: Nonce, settled: bool) {
        let now = arrival.now;
        let late = self.random.f64();
        let hosts = u32::try_from(self.hosts()).unwrap_or(u32::MAX);
        let spread = self.config.answer_jitter(self.hosts());
        // Others are likely to be as late as this host.
        let turn = TURN.max(self.lateness.lately(now));
        let Some(link) = self.links.get(&arrival.interface) else { return };
        let delay = if link.is_joining(now) {
            // Who knows few counts few before itself, so counting says nothing yet. Who was not answered itself, or was
            // told of more hosts than it knows, leaves it to those who have been there for longer.
            let behind = link.digest.live().hosts < link.newcomers.most_told;
            let delay = if behind { JOINING_DELAY } else { JOINING_DELAY.min(JOINING_SHARE * hosts) };
            let unanswered = (link.search_start + STORM_DELAY + TURN * STORM_TURNS).since(now);
            delay.max(if link.answered_by_extended { Duration::ZERO } else { unanswered })
                + delay.max(spread).mul_f64(late)
        } else if link.newcomers.storm(now, hosts as usize, Duration::ZERO) {
            // One answer serves all that ask meanwhile. Those who know less than another leave it to that one.
            let behind = link.digest.live().hosts < link.newcomers.most_told;
            let rank = self.rank_after(&searcher, arrival.interface, STORM_TURNS);
            STORM_DELAY.max(turn) * if behind { 5 } else { 1 } + turn * rank
        } else {
            match self.rank_after(&searcher, arrival.interface, RANK_MAX) {
                RANK_MAX.. => turn * RANK_MAX + spread.mul_f64(late),
                rank => turn * rank,
            }
        };
        let Some(link) = self.links.get_mut(&arrival.interface) else { return };
        if link.elections.len() < ELECTIONS_MAX && !link.elections.iter().any(|election| election.nonce == nonce) {
            link.elections.push(Election { searcher, nonce, at: now + delay, settled, answered: 0 });
            link.plan_elected();
        }
    }

    /// How many hosts that are up on the link stand between `first` and this host in the ring of identities, counted up
    /// to `most`.
    pub(crate) fn rank_after(&self, first: &PeerId, interface: u32, most: u32) -> u32 {
        let (start, end) = (PeerKey::Identity(*first), PeerKey::Identity(self.identity.id));
        let there = |peer: &&Peer| {
            peer.state == State::Up
                && matches!(peer.key, PeerKey::Identity(_))
                && peer.marks.iter().any(|mark| mark.interface == interface)
        };
        let after = (Bound::Excluded(&start), Bound::Unbounded);
        if self.is_far_behind(first, interface, most) {
            return most;
        }
        let most = most as usize;
        let count = if start < end {
            self.table.range((Bound::Excluded(&start), Bound::Excluded(&end))).filter(there).take(most).count()
        } else {
            let before = (Bound::Unbounded, Bound::Excluded(&end));
            self.table.range(after).chain(self.table.range(before)).filter(there).take(most).count()
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Whether far more than `most` hosts stand between `first` and this host in any likelihood: identities are spread
    /// evenly. So in a large network nearly all of those who hear a search need not count. Where somebody chose his
    /// identities so that this is wrong, a few answer later than they would.
    fn is_far_behind(&self, first: &PeerId, interface: u32, most: u32) -> bool {
        let hosts = self.links.get(&interface).map_or(0, |link| link.digest.live().hosts);
        let distance = self.identity.id.prefix().wrapping_sub(first.prefix());
        let expected = (u128::from(distance) * u128::from(hosts)) >> u64::BITS;
        expected > u128::from(FAR + FAR_TIMES * most)
    }

    /// Somebody else spoke to the group: whoever searched has heard that, so this host need not answer too, unless it is
    /// certain to know others.
    pub(crate) fn hear_answer(&mut self, interface: u32, digest: Digest) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let own = link.digest.live();
        link.newcomers.most_told = link.newcomers.most_told.max(digest.hosts);
        if !link.elections.is_empty() {
            link.elections.retain(|election| !election.is_served(digest, own));
            link.plan_elected();
        }
    }

    /// Answers the search whose turn it is; the others that wait are answered by the same datagram.
    pub(crate) fn fire_elected(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Elected);
        let due = link.elections.iter().min_by_key(|election| election.at).copied();
        link.elections.clear();
        if let Some(election) = due
            && link.answers.take(now)
            && link.multicast.take(now)
        {
            link.last_notify = Some(now);
            link.announced = true;
            let detail = Detail { echo: Some(election.nonce), brief: true, ..Detail::default() };
            let roster = Roster { after: link.pages.cursor, ..Roster::default() };
            // Who missed the search learns of the searcher here.
            self.send_page(now, interface, roster, detail, Some(election.searcher));
            self.plan_heartbeat(now, interface);
            self.plan_to_repeat(now, interface, election);
        }
    }

    /// Where datagrams are lost, some hosts missed the search and its answer, and the searcher may have missed the answer.
    fn plan_to_repeat(&mut self, now: Instant, interface: u32, election: Election) {
        let hosts = self.hosts();
        let Some(link) = self.links.get_mut(&interface) else { return };
        let repeats = link.ring.health.words(hosts).saturating_sub(OTHER_WORDS).min(REPEATS_MAX);
        if election.answered < repeats && !link.newcomers.storm(now, hosts, Duration::ZERO) {
            let answered = election.answered + 1;
            link.elections.push(Election { at: now + REPEAT_PAUSE, answered, ..election });
            link.plan_elected();
        }
    }
}

impl crate::link::Link {
    /// This host spoke to all: what it was to answer is answered, but for what is to be said more often.
    pub(crate) fn close_elections(&mut self) {
        self.elections.retain(|election| election.answered > 0);
        self.plan_elected();
    }

    /// Sets the timer to the election whose turn comes first.
    pub(crate) fn plan_elected(&mut self) {
        match self.elections.iter().map(|election| election.at).min() {
            Some(at) => self.timers.set(Timer::Elected, at),
            None => self.timers.clear(Timer::Elected),
        }
    }
}
