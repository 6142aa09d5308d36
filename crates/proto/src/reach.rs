//! Links that work one way: a peer that is there, and is not heard or does not answer.
//!
//! Such a peer stays up. It is asked now and then, and at growing intervals it goes through the whole chain again, so it
//! neither flaps nor outlives its death.

use std::time::Duration;

use crate::event::{Cause, Change};
use crate::id::PeerId;
use crate::node::Node;
use crate::peer::{PeerKey, Reach};
use crate::time::Instant;

/// Directed searches in a row without an answer that make a link one-way. At 20 % loss each way a live peer misses so
/// many once in a thousand million times.
const UNANSWERED: u32 = 20;
/// Pauses between two chains for such a peer.
const PAUSE_MIN: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A peer that is there and does not answer on one link.
#[derive(Debug, Clone)]
pub(crate) struct Doubt {
    /// Directed searches since its last answer.
    unanswered: u32,
    /// Until when it is not doubted again, and how long it is not next time.
    pub(crate) until: Instant,
    pause: Duration,
}

impl Node {
    /// A peer was heard on a link: whether it answered, or how many questions it left unanswered.
    pub(crate) fn note_reach(&mut self, now: Instant, interface: u32, id: &PeerId, (answered, tries): (bool, u32)) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        if answered {
            link.ring.doubts.remove(id);
            return self.set_reach(id, Reach::Both);
        }
        if tries < 2 && !link.ring.doubts.contains_key(id) {
            return;
        }
        let doubt = link.ring.doubts.entry(*id).or_insert(Doubt { unanswered: 0, until: now, pause: PAUSE_MIN });
        doubt.unanswered = doubt.unanswered.saturating_add(tries);
        if doubt.unanswered >= UNANSWERED {
            self.set_reach(id, Reach::HearsUsNot);
        }
    }

    /// Others heard a peer that did not answer this host.
    pub(crate) fn believe_voucher(&mut self, now: Instant, interface: u32, id: &PeerId, tries: u32) {
        let key = PeerKey::Identity(*id);
        let heard = self.table.get(&key).and_then(|peer| peer.last_heard.map(|at| now.since(at) < peer.time_to_live));
        let told_before = self.table.get(&key).is_some_and(|peer| peer.reach == Reach::HearsUsNot);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let doubt = link.ring.doubts.entry(*id).or_insert(Doubt { unanswered: 0, until: now, pause: PAUSE_MIN });
        doubt.unanswered = doubt.unanswered.saturating_add(tries);
        doubt.until = now + doubt.pause;
        let until = doubt.until;
        doubt.pause = (doubt.pause * 2).min(PAUSE_MAX);
        // Whose heartbeats come now and then is heard, though it was not just now.
        if doubt.unanswered >= UNANSWERED && !(told_before && heard == Some(true)) {
            self.set_reach(id, Reach::NotHeard);
        } else if heard == Some(false) && self.is_watched(&key) {
            // Nobody probes it here, so nothing else would ask it again before another lifetime is over.
            self.table.schedule(&key, until);
        }
    }

    /// Until when a peer that others vouched for is not doubted.
    pub(crate) fn vouched_until(&self, id: &PeerId) -> Instant {
        let until = self.links.values().filter_map(|link| link.ring.doubts.get(id)).map(|doubt| doubt.until);
        until.max().unwrap_or(Instant::ZERO)
    }

    fn set_reach(&mut self, id: &PeerId, reach: Reach) {
        let key = PeerKey::Identity(*id);
        let Some(peer) = self.table.get_mut(&key).filter(|peer| peer.is_live() && peer.reach != reach) else { return };
        peer.reach = reach;
        let cause = match reach {
            Reach::Both => Cause::AnswersAgain,
            Reach::HearsUsNot => Cause::HearsUsNot,
            Reach::NotHeard => Cause::NotHeard,
        };
        self.emit_peer(&key, Change::Changed, cause);
    }
}
