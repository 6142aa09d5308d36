//! Round trips to all who are there, measured while somebody looks at them.
//!
//! The ring gives those of the neighbours alone. On [`Command::Measure`](crate::Command::Measure) every other host of each link
//! is asked once, one after the other. Nobody is doubted because such a question was not answered: that is for the ring.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use crate::announce::Detail;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::{Extension, Kind, Nonce};
use crate::node::Node;
use crate::peer::{PeerKey, State};
use crate::ring::is_member;
use crate::time::Instant;
use crate::timers::Timer;

/// Time between two questions: at most 50 a second, an eighth of what a host may send to single hosts.
const PACE: Duration = Duration::from_millis(20);
/// An answer that takes longer is not waited for; that is a hundred round trips of a local network.
const PATIENCE: Duration = Duration::from_millis(200);
/// Shortest time from the beginning of one measurement of a link to that of the next: whoever may read the list may ask for
/// one, and no more of them may follow from that however often he asks.
const AGAIN: Duration = Duration::from_secs(8);

/// The measurement of one link.
#[derive(Debug, Default)]
pub(crate) struct Measurement {
    /// Who is still to be asked.
    queue: VecDeque<PeerId>,
    asked: Option<Question>,
    /// When it last began.
    begun: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Question {
    id: PeerId,
    nonce: Nonce,
    sent_at: Instant,
}

impl Measurement {
    fn is_due(&self, now: Instant) -> bool {
        let rested = self.begun.is_none_or(|begun| now.since(begun) >= AGAIN);
        rested && self.queue.is_empty() && self.asked.is_none()
    }
}

impl Node {
    /// Begins to measure on every link where that was not done just now.
    pub(crate) fn start_measuring(&mut self, now: Instant) {
        if self.config.observer {
            return;
        }
        for (interface, link) in &mut self.links {
            if !link.measurement.is_due(now) {
                continue;
            }
            let there = self.table.iter().filter(|peer| is_member(peer, *interface));
            link.measurement.queue = there.filter_map(|peer| peer.key.id().copied()).collect();
            if !link.measurement.queue.is_empty() {
                link.measurement.begun = Some(now);
                link.timers.set(Timer::Measure, now);
            }
        }
    }

    /// Asks the next one.
    pub(crate) fn fire_measure(&mut self, now: Instant, interface: u32) {
        let nonce = Nonce(self.random.u64(..));
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Measure);
        link.measurement.asked = None;
        let (id, address) = loop {
            let Some(link) = self.links.get_mut(&interface) else { return };
            let Some(id) = link.measurement.queue.pop_front() else { return };
            // Who went meanwhile, or was only told of and has no address here, is left out.
            let there = self.table.get(&PeerKey::Identity(id)).is_some_and(|peer| peer.state == State::Up);
            if let Some(address) = self.address_in_ring(&id, interface).filter(|_| there) {
                break (id, address);
            }
        };
        if let Some(link) = self.links.get_mut(&interface) {
            link.measurement.asked = Some(Question { id, nonce, sent_at: now });
            link.timers.set(Timer::Measure, now + PATIENCE);
        }
        let detail = Detail { target: Some(id), nonce: Some(nonce), ..Detail::default() };
        let to = SocketAddr::new(address, self.config.port);
        self.send_unicast(now, interface, to, (Kind::Search, detail), usize::MAX);
    }

    /// Takes the time where a datagram is the answer that is waited for.
    pub(crate) fn note_measured(&mut self, arrival: Arrival, extension: &Extension) {
        let Some(link) = self.links.get_mut(&arrival.interface) else { return };
        let awaited = |asked: &Question| asked.id == extension.id && extension.echo == Some(asked.nonce);
        let Some(asked) = link.measurement.asked.filter(awaited) else { return };
        link.measurement.asked = None;
        if link.measurement.queue.is_empty() {
            link.timers.clear(Timer::Measure);
        } else {
            link.timers.set(Timer::Measure, arrival.now.max(asked.sent_at + PACE));
        }
        self.note_round_trip(&asked.id, arrival.now.since(asked.sent_at));
    }
}
