//! Everybody is asked for a peer that does not answer one host.
//!
//! The suspect itself contradicts at once. The hosts next to it in the ring ask it too (the indirect probe of SWIM), and
//! vouch for it where they hear it after they heard the suspicion: what they heard before may be from before its death.

use std::net::SocketAddr;
use std::time::Duration;

use crate::announce::Detail;
use crate::chain::{Chain, Stage};
use crate::claim::{CLAIMS_MAX, Claim, Claims};
use crate::event::{Cause, Change, Lane};
use crate::frame::DATAGRAM_MAX;
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::message::{Kind, Message, Nonce};
use crate::node::Node;
use crate::peer::{PeerKey, Reach, State};
use crate::receive::GOODBYE_LEAP_MAX;
use crate::time::Instant;

/// The last suspicion goes out so long before the verdict: time to contradict.
const LAST_WORD: Duration = Duration::from_millis(200);
/// The same where the suspect's kernel said that nobody listens.
const LAST_WORD_REFUSED: Duration = Duration::from_millis(100);
const COPIES_REFUSED: u32 = 3;
/// Where nobody else answers before a verdict, it waits so long for that.
const LISTEN_AGAIN: Duration = Duration::from_millis(100);
/// What is due within this time is said together.
const TOGETHER: Duration = Duration::from_millis(100);
/// For so long one host leaves a suspect to another that was faster.
const LEFT_FOR: Duration = Duration::from_millis(2_500);
/// Who was heard so long ago is a suspect anew: it may have died meanwhile.
const HEARD_LATELY: Duration = Duration::from_millis(900);
/// How long a suspicion is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(5);

/// A peer that another host suspects.
#[derive(Debug, Clone)]
pub(crate) struct Accusation {
    /// Until when it is remembered.
    pub(crate) until: Instant,
    /// Who suspects, and where to vouch.
    to: SocketAddr,
    /// When the peer was heard after that.
    pub(crate) heard: Option<Instant>,
    /// Until when a verdict over it is not believed yet.
    pub(crate) hold: Option<Instant>,
    /// Whether this host has yet to vouch, once for each copy of the suspicion.
    owed: bool,
}

/// Shortest time between two looks for the accused that may be forgotten.
const SORT_OUT: Duration = Duration::from_millis(100);

impl Node {
    /// Whether the sender of `message` was up, heard from this very address, before it: only such a peer may accuse.
    pub(crate) fn is_listed(&self, arrival: Arrival, message: &Message) -> bool {
        let Some(extension) = &message.info.extension else { return false };
        if extension.claims.is_none() {
            return false;
        }
        let peer = self.table.get(&PeerKey::Identity(extension.id));
        peer.is_some_and(|peer| {
            let here = |path: &crate::peer::Path| {
                path.interface == arrival.interface && path.address == arrival.from.ip() && path.last_heard.is_some()
            };
            peer.state == State::Up && peer.paths.iter().any(here)
        })
    }

    /// Takes what a listed peer says of others.
    pub(crate) fn hear_claims(&mut self, arrival: Arrival, lane: Lane, by: PeerId, claims: &Claims) {
        match lane {
            Lane::Group => {
                for claim in &claims.suspect {
                    if self.may_accuse(&by, &claim.id) {
                        self.hear_suspicion(arrival, &by, claim);
                    }
                }
                for claim in &claims.dead {
                    if self.may_accuse(&by, &claim.id) {
                        self.hear_verdict(arrival, claim);
                    }
                }
            }
            Lane::Unicast => {
                for claim in &claims.heard {
                    self.hear_voucher(arrival, claim);
                }
                for claim in &claims.dead {
                    self.hear_reminder(arrival, claim);
                }
            }
        }
        self.plan_watch(arrival.now, arrival.interface);
    }

    /// Whether one peer proved no less than the other that it accuses. This host contradicts whomever.
    fn may_accuse(&self, by: &PeerId, id: &PeerId) -> bool {
        let class = |id: &PeerId| self.table.get(&PeerKey::Identity(*id)).map(|peer| peer.trust);
        *id == self.identity.id || class(id) <= class(by)
    }

    fn hear_suspicion(&mut self, arrival: Arrival, by: &PeerId, claim: &Claim) {
        let (now, interface) = (arrival.now, arrival.interface);
        if claim.id == self.identity.id {
            return self.contradict_claim(arrival, claim);
        }
        if claim.id == *by || !self.is_live(&claim.id) || self.config.observer {
            return;
        }
        self.leave_to_other(now, interface, &claim.id);
        self.accuse(arrival, &claim.id);
        if !self.is_witness_of(&claim.id, interface) {
            return;
        }
        let heard = self.accusation(interface, &claim.id).and_then(|accusation| accusation.heard);
        if heard.is_some_and(|heard| now.since(heard) < HEARD_LATELY) {
            return self.vouch(now, interface, &claim.id);
        }
        let nonce = Nonce(self.random.u64(..));
        self.ask_in_ring(now, interface, &claim.id, nonce);
    }

    /// Notes that a peer is accused.
    pub(crate) fn accuse(&mut self, arrival: Arrival, id: &PeerId) {
        let (now, most) = (arrival.now, self.config.peers_max);
        let to = SocketAddr::new(arrival.from.ip(), self.config.port);
        let Some(link) = self.links.get_mut(&arrival.interface) else { return };
        let accused = &mut link.ring.accused;
        if now.since(link.ring.accused_sorted_out) >= SORT_OUT || accused.len() >= most {
            link.ring.accused_sorted_out = now;
            accused.retain(|_, accusation| accusation.until > now || accusation.hold.is_some());
        }
        if accused.len() >= most {
            return;
        }
        let new = Accusation { until: now + REMEMBERED_FOR, to, heard: None, hold: None, owed: true };
        let accusation = accused.entry(*id).or_insert_with(|| new.clone());
        let over = accusation.until <= now || accusation.heard.is_some_and(|heard| now.since(heard) >= HEARD_LATELY);
        if over {
            *accusation = new;
        }
        (accusation.until, accusation.to, accusation.owed) = (now + REMEMBERED_FOR, to, true);
    }

    fn accusation(&self, interface: u32, id: &PeerId) -> Option<&Accusation> {
        self.links.get(&interface)?.ring.accused.get(id)
    }

    /// An accused peer was heard: a verdict over it is not believed, and those next to it vouch.
    pub(crate) fn clear_accusation(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(accusation) = link.ring.accused.get_mut(id) else { return };
        if accusation.until <= now && accusation.hold.is_none() {
            link.ring.accused.remove(id);
            return;
        }
        accusation.heard = Some(now);
        accusation.hold = None;
        if self.takes_part() && self.is_witness_of(id, interface) {
            self.vouch(now, interface, id);
        }
    }

    /// Tells the host that suspects a peer that this one heard it.
    pub(crate) fn vouch(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(peer) = self.table.get(&PeerKey::Identity(*id)) else { return };
        let (epoch, sequence) = peer.newest();
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(accusation) = link.ring.accused.get_mut(id) else { return };
        if !std::mem::take(&mut accusation.owed) {
            return;
        }
        let to = accusation.to;
        let heard = vec![Claim { id: *id, epoch: epoch.max(1), sequence }];
        let claims = Some(Box::new(Claims { heard, ..Claims::default() }));
        let detail = Detail { claims, brief: true, ..Detail::default() };
        self.send_unicast(now, interface, to, (Kind::Notify, detail), usize::MAX);
    }

    /// Somebody heard a peer that this host misses.
    fn hear_voucher(&mut self, arrival: Arrival, claim: &Claim) {
        let (now, interface, key) = (arrival.now, arrival.interface, PeerKey::Identity(claim.id));
        let Some(link) = self.links.get_mut(&interface) else { return };
        let newer = |chain: &&mut Chain| claim.newest() > chain.newest;
        let Some(chain) = link.ring.chains.get_mut(&claim.id).filter(newer) else { return };
        let (stage, tries) = (chain.stage, chain.tries);
        if stage == Stage::Dead {
            // Too late: its own answer brings it back.
            let nonce = chain.nonce;
            return self.ask_in_ring(now, interface, &claim.id, nonce);
        }
        link.ring.chains.remove(&claim.id);
        if self.table.get(&key).is_some_and(|peer| peer.state == State::Suspect) && !self.is_missed(&claim.id) {
            self.mark_up(now, &key, Cause::Told);
        }
        self.believe_voucher(now, interface, &claim.id, tries);
    }

    /// Contradicts what is said of this host: to all, and to the one who says it. Its next number is greater than the
    /// one that was told, where that is believable.
    pub(crate) fn contradict_claim(&mut self, arrival: Arrival, claim: &Claim) {
        let (now, interface) = (arrival.now, arrival.interface);
        if self.config.observer {
            return;
        }
        if claim.epoch == self.identity.epoch && claim.sequence < self.sequence + GOODBYE_LEAP_MAX {
            self.sequence = self.sequence.max(claim.sequence);
        }
        let Some(link) = self.links.get_mut(&interface) else { return };
        if !link.ring.refutations.take(now) {
            return;
        }
        link.start_announcing(now);
        let to = SocketAddr::new(arrival.from.ip(), self.config.port);
        let detail = Detail { brief: true, echo: Some(Nonce(0)), ..Detail::default() };
        self.send_unicast(now, interface, to, (Kind::Notify, detail), usize::MAX);
    }

    /// Another host was faster: it asks everybody, so this one waits for its verdict, but only once.
    fn leave_to_other(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        if !chain.was_left && matches!(chain.stage, Stage::Asked) {
            (chain.stage, chain.was_left) = (Stage::Left, true);
            chain.next = now + LEFT_FOR;
        }
    }

    /// The other host said no more: this one asks everybody itself.
    pub(crate) fn take_up(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        let time_left = chain.verdict_at.since(chain.suspect_at);
        (chain.suspect_at, chain.verdict_at) = (now, now + time_left);
        self.start_suspecting(now, interface, id);
    }

    /// All tries were missed. Who hears nobody else is cut off itself, and says and believes nothing.
    pub(crate) fn start_suspecting(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let key = PeerKey::Identity(*id);
        let others = self.hosts() > 2;
        let on_other_link = self.is_on_other_link(&key, interface);
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        if others && !link.ring.health.hears(chain.since, now) {
            link.ring.health.isolated = true;
            if !chain.last_resort {
                link.ring.chains.remove(id);
                return self.take_back_suspicion(now, &key);
            }
            chain.silent = true;
        }
        (chain.stage, chain.copies, chain.due, chain.next) = (Stage::Suspected, 0, !chain.silent, now);
        if chain.silent {
            chain.next = chain.verdict_at;
        }
        // Where one way is known not to work, this is how often it is tried again, and no news before the verdict.
        let up = self.table.get(&key).is_some_and(|peer| peer.state == State::Up && peer.reach == Reach::Both);
        if up && !on_other_link {
            self.table.set_state(&key, State::Suspect, None, now);
            self.emit_peer(&key, Change::Suspect, Cause::Silence);
        }
    }

    /// This host cannot hear: whom it suspected is up as before.
    pub(crate) fn take_back_suspicion(&mut self, now: Instant, key: &PeerKey) {
        let suspect = self.table.get(key).is_some_and(|peer| peer.state == State::Suspect);
        if suspect && key.id().is_some_and(|id| !self.is_missed(id)) {
            self.table.schedule(key, now + self.config.watch_interval);
        }
    }

    /// The next copy of a suspicion, or the verdict when all were sent.
    pub(crate) fn keep_suspecting(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let others = self.hosts() > 2;
        let Some(link) = self.links.get_mut(&interface) else { return };
        let all = link.ring.health.copies();
        let deaf = others && !link.ring.health.hears(Instant::ZERO, now);
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        let all = if chain.refusals > 2 { COPIES_REFUSED } else { all };
        if chain.copies < all && !chain.silent {
            chain.due = true;
            return;
        }
        if !chain.silent && now < chain.verdict_at {
            chain.next = chain.verdict_at;
            if others {
                self.ask_others(now, interface);
            }
            return;
        }
        if deaf && !chain.silent {
            // Contradictions may have been lost too.
            link.ring.health.isolated = true;
            link.ring.chains.remove(id);
            return self.take_back_suspicion(now, &PeerKey::Identity(*id));
        }
        if others && !chain.silent && !self.hears_others(interface) {
            if let Some(chain) = self.links.get_mut(&interface).and_then(|link| link.ring.chains.get_mut(id)) {
                chain.next = now + LISTEN_AGAIN;
            }
            return self.ask_others(now, interface);
        }
        self.pronounce_dead(now, interface, id);
    }

    /// Says all that is due of those who missed a probe, and what is due soon: as few datagrams as hold it.
    pub(crate) fn say_what_is_due(&mut self, now: Instant, interface: u32) {
        for _ in 0..CLAIMS_MAX {
            let Some(link) = self.links.get_mut(&interface) else { return };
            if !link.ring.chains.values().any(|chain| chain.due) {
                return;
            }
            if !link.multicast.take(now) {
                let ready = link.multicast.ready_at();
                link.ring.chains.values_mut().filter(|chain| chain.due).for_each(|chain| chain.next = ready);
                return;
            }
            let said = self.say_once(now, interface);
            for id in &said {
                self.plan_next_word(now, interface, id);
            }
        }
    }

    fn say_once(&mut self, now: Instant, interface: u32) -> Vec<PeerId> {
        let Some(link) = self.links.get(&interface) else { return Vec::new() };
        let wanted = |chain: &Chain| chain.due || chain.rides_along(now);
        let mut chains: Vec<(PeerId, bool, bool)> = Vec::new();
        for (id, chain) in link.ring.chains.iter().filter(|(_, chain)| wanted(chain)) {
            chains.push((*id, chain.due, chain.stage == Stage::Dead));
        }
        chains.sort_by_key(|(_, due, _)| !due);
        let frame = Detail { claims: Some(Box::default()), brief: true, ..Detail::default() };
        let digest = Some(link.digest.live());
        let frame = self.length_of(now, interface, Kind::Notify, Detail { digest, ..frame });
        // The names and brackets of two lists.
        let mut room = DATAGRAM_MAX.saturating_sub(frame.unwrap_or(DATAGRAM_MAX) + 24);
        let (mut claims, mut said) = (Claims::default(), Vec::new());
        for (id, _, dead) in chains.into_iter().take(CLAIMS_MAX) {
            let Some(claim) = self.claim_of(interface, &id) else { continue };
            let length = claim.to_string().len() + 3;
            if length > room {
                break;
            }
            room -= length;
            said.push(id);
            if dead { claims.dead.push(claim) } else { claims.suspect.push(claim) }
        }
        if claims.count() > 0 {
            let detail = Detail { claims: Some(Box::new(claims)), brief: true, ..Detail::default() };
            self.send_group(now, interface, Kind::Notify, detail);
        }
        said
    }

    fn claim_of(&self, interface: u32, id: &PeerId) -> Option<Claim> {
        let (epoch, sequence) = self.links.get(&interface)?.ring.chains.get(id)?.newest;
        Some(Claim { id: *id, epoch, sequence })
    }

    /// After a word was said of a peer: when the next one is due. Each suspicion goes with one more try.
    fn plan_next_word(&mut self, now: Instant, interface: u32, id: &PeerId) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        let copies = link.ring.health.copies();
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        chain.due = false;
        chain.copies += 1;
        if chain.stage == Stage::Dead {
            return self.plan_next_verdict(now, interface, id);
        }
        let (all, last_word) =
            if chain.refusals > 2 { (COPIES_REFUSED, LAST_WORD_REFUSED) } else { (copies, LAST_WORD) };
        chain.next = if chain.copies >= all {
            // Half of the time is left to hear others, too.
            chain.verdict_at = chain.verdict_at.max(now + last_word);
            chain.verdict_at - last_word / 2
        } else {
            let span = (chain.verdict_at - last_word).since(chain.suspect_at);
            (chain.suspect_at + span * chain.copies / (all - 1).max(1)).max(now + Duration::from_millis(10))
        };
        self.try_peer(now, interface, id);
    }
}

impl Chain {
    /// Whether the next word of it may be said a little earlier, together with others. The last suspicion may not: it
    /// has to come after the longest burst of loss.
    fn rides_along(&self, now: Instant) -> bool {
        let early = match self.stage {
            Stage::Suspected => self.copies > 0 && self.copies < 2 && !self.silent,
            Stage::Dead => self.copies > 0,
            Stage::Asked | Stage::Left => false,
        };
        early && self.next <= now + TOGETHER
    }
}
