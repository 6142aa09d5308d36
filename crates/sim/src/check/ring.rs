//! What a host said and heard of those who are missed: the only grounds on which it may suspect, and declare and believe
//! dead.

use std::collections::BTreeMap;
use std::time::Duration;

use kimchi_peers_proto::{Claims, Instant, Message, Output, Peer, PeerId, PeerKey, State};

use super::Step;
use crate::world::Feed;

/// Least silence before a suspicion and before a verdict, unless a kernel said that nobody listens.
const SUSPECTED_AFTER: Duration = Duration::from_millis(1_200);
const DEAD_AFTER: Duration = Duration::from_millis(2_200);
/// The last suspicion leaves so much time to contradict it; half of that where the port was unreachable.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Least copies of a suspicion.
const COPIES: u32 = 3;
/// How long a port that was unreachable explains haste, and a verdict that was heard explains a death.
const REFUSED_FOR: Duration = Duration::from_secs(2);
const HEARD_FOR: Duration = Duration::from_secs(2);
/// Least questions to a peer whose death was told to this host alone.
const QUESTIONS: u32 = 3;
/// How long own suspicions explain an own verdict: a slow host acts up to three seconds late.
const ASKED_FOR: Duration = Duration::from_secs(5);

/// The words so far.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// Own suspicions since the last pause: how many, when the last one was sent.
    suspected: BTreeMap<PeerId, (u32, Instant)>,
    /// Verdicts of others: when the last of them was heard.
    pronounced: BTreeMap<PeerId, Instant>,
    /// Suspicions of others: when the last of them was heard.
    warned: BTreeMap<PeerId, Instant>,
    /// Verdicts that were told to this host alone: when, and how often it asked the peer itself since the first of them.
    reminded: BTreeMap<PeerId, (Instant, u32)>,
    refused: BTreeMap<std::net::IpAddr, Instant>,
}

impl Words {
    pub(super) fn note(&mut self, step: &Step<'_>) {
        if let Feed::Unreachable(_, address) = step.feed {
            self.refused.insert(*address, step.now);
        }
        self.note_verdicts(step);
        for output in step.outputs {
            let Output::Send { to, bytes, .. } = output else { continue };
            if !to.ip().is_multicast() {
                self.note_question(bytes);
                continue;
            }
            for claim in claims(bytes).iter().flat_map(|claims| &claims.suspect) {
                let (copies, at) = self.suspected.entry(claim.id).or_insert((0, step.now));
                *copies = if step.now.since(*at) > HEARD_FOR { 1 } else { *copies + 1 };
                *at = step.now;
            }
        }
    }

    /// Only the word of an extended host that is up counts.
    fn note_verdicts(&mut self, step: &Step<'_>) {
        let Feed::Packet(_, packet) = step.feed else { return };
        let Some(extension) = packet.extension() else { return };
        let judge = step.node.table().get(&PeerKey::Identity(extension.id));
        let listed = judge.is_some_and(|row| row.state == State::Up && row.addresses().contains(&packet.from.ip()));
        let to_all = packet.to.ip().is_multicast();
        for claims in extension.claims.iter().filter(|_| listed) {
            for claim in &claims.dead {
                if to_all {
                    self.pronounced.insert(claim.id, step.now);
                } else {
                    let (at, questions) = self.reminded.entry(claim.id).or_insert((step.now, 0));
                    *questions = if step.now.since(*at) > ASKED_FOR { 0 } else { *questions };
                    *at = step.now;
                }
            }
            for claim in claims.suspect.iter().filter(|_| to_all) {
                self.warned.insert(claim.id, step.now);
            }
        }
    }

    /// A search to one peer counts as a question to it.
    fn note_question(&mut self, bytes: &[u8]) {
        let target = || Message::decode(bytes).ok()?.info.extension?.target;
        if self.reminded.is_empty() {
            return;
        }
        if let Some((_, questions)) = target().and_then(|id| self.reminded.get_mut(&id)) {
            *questions += 1;
        }
    }

    fn was_refused(&self, step: &Step<'_>, peer: &Peer) -> bool {
        let lately = |at: &Instant| step.now.since(*at) < REFUSED_FOR;
        peer.addresses().iter().any(|address| self.refused.get(address).is_some_and(lately))
    }

    /// Whether a peer was silent for the time that a suspicion takes.
    pub(super) fn may_suspect(&self, step: &Step<'_>, peer: &Peer, told: Option<Instant>) -> bool {
        let silent = peer.last_heard.max(told).is_none_or(|since| step.now.since(since) >= SUSPECTED_AFTER);
        silent || self.was_refused(step, peer)
    }

    /// Whether this host asked everybody often enough, and gave them time.
    pub(super) fn may_pronounce(&self, step: &Step<'_>, peer: &Peer, told: Option<Instant>) -> bool {
        let since = peer.last_heard.max(told);
        let silent = since.is_none_or(|since| step.now.since(since) >= DEAD_AFTER) || self.was_refused(step, peer);
        let asked = peer.key.id().and_then(|id| self.suspected.get(id)).is_some_and(|(copies, at)| {
            *copies >= COPIES && step.now.since(*at) >= LAST_WORD && step.now.since(*at) < ASKED_FOR
        });
        silent && asked
    }

    /// Whether another host declared it dead, and it was not heard since.
    pub(super) fn was_pronounced(&self, step: &Step<'_>, peer: &Peer) -> bool {
        let Some(id) = peer.key.id() else { return false };
        let unheard_since = |at: &Instant| peer.last_heard.is_none_or(|heard| heard <= *at);
        let holds = |at: &Instant| step.now.since(*at) <= HEARD_FOR && unheard_since(at);
        let warned = self.warned.get(id).is_some_and(|at| step.now.since(*at) <= ASKED_FOR && unheard_since(at));
        let lately = |at: &Instant| step.now.since(*at) <= ASKED_FOR && unheard_since(at);
        // Who suspects it itself has asked often enough before.
        let suspected = self.suspected.get(id).is_some_and(|(_, at)| lately(at));
        let reminded = |(at, asked): &(Instant, u32)| lately(at) && (warned || suspected || *asked >= QUESTIONS);
        self.pronounced.get(id).is_some_and(holds) || self.reminded.get(id).is_some_and(reminded)
    }
}

fn claims(bytes: &[u8]) -> Option<Box<Claims>> {
    Message::decode(bytes).ok()?.info.extension?.claims
}
