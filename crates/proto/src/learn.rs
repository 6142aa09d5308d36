//! A peer is heard: whether what it says is new, and what of its row changes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::counters::{Drop, Evicted};
use crate::event::{Cause, Change};
use crate::facts::Facts;
use crate::id::PeerId;
use crate::message::{Extension, Message};
use crate::node::Node;
use crate::peer::{PATHS_MAX, Path, Peer, PeerKey, Reason, Rival, State};
use crate::prove::Proof;
use crate::said::Said;
use crate::time::Instant;

/// Two datagrams of one host that arrive within this time may have changed places on the way.
const REORDER_WINDOW: Duration = Duration::from_secs(2);

/// So many times the time that proves a peer one that was never proven has its place.
const UNPROVEN_PATIENCE: u32 = 6;

/// For so long a datagram from before a goodbye may be under way.
const LATE_AFTER_GOODBYE: Duration = Duration::from_secs(5);

/// Where and when a message came in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) interface: u32,
    pub(crate) from: SocketAddr,
    pub(crate) now: Instant,
    /// What the datagram proved of its sender.
    pub(crate) proof: Proof,
}

/// How a datagram of an extended peer fits what is known of that peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Newer than all that was heard.
    Fresh,
    /// The newest one again, or overtaken by it, on another path: it proves the path and nothing else.
    PathOnly,
    /// Known already, or older.
    Stale,
    /// It can only come from a second host with the same identity.
    Rival,
}

impl Node {
    /// The row that a message with `id` from `address` belongs to.
    pub(crate) fn key_of(&self, id: PeerId, address: IpAddr) -> PeerKey {
        let clone = PeerKey::Clone(id, address);
        if self.table.get(&clone).is_some() { clone } else { PeerKey::Identity(id) }
    }

    /// Takes what `message` says of its sender into the table. Tells whether it is a proof that an extended peer lives:
    /// what was known already is none.
    pub(crate) fn learn(&mut self, arrival: Arrival, message: &Message) -> bool {
        match &message.info.extension {
            // A lifetime of zero only asks.
            Some(extension) if extension.time_to_live == 0 => false,
            Some(extension) => self.learn_extended(arrival, message, extension),
            None => {
                self.learn_base(arrival, message);
                false
            }
        }
    }

    /// Whether a datagram was heard from there before, or is too old to be told from one that was. One that was overtaken
    /// is neither: what it says of others is news.
    pub(crate) fn is_replayed(&self, key: &PeerKey, arrival: Arrival, extension: &Extension) -> bool {
        let Some(peer) = self.table.get(key) else { return false };
        let here = |path: &&Path| path.address == arrival.from.ip() && path.interface == arrival.interface;
        match peer.paths.iter().find(here).filter(|_| peer.state != State::Down) {
            Some(path) => path.has_seen((extension.epoch, extension.sequence)),
            None => order_of(peer, arrival, extension) == Order::Stale,
        }
    }

    /// Notes a datagram that was overtaken, so that it counts once.
    pub(crate) fn note_overtaken(&mut self, key: &PeerKey, arrival: Arrival, extension: &Extension) {
        let Some(peer) = self.table.get_mut(key) else { return };
        let number = (extension.epoch, extension.sequence);
        let here = |path: &&mut Path| path.address == arrival.from.ip() && path.interface == arrival.interface;
        if let Some(path) = peer.paths.iter_mut().find(here).filter(|path| number < path.newest) {
            path.note(number);
        }
    }

    fn learn_extended(&mut self, arrival: Arrival, message: &Message, extension: &Extension) -> bool {
        let key = self.key_of(extension.id, arrival.from.ip());
        let order = self.table.get(&key).map_or(Order::Fresh, |peer| order_of(peer, arrival, extension));
        if self.may_be_replayed(&key, arrival, extension) {
            self.plan_question(arrival.now, &key);
            return false;
        }
        if self.may_have_been_passed_over(&key, arrival, extension) {
            // Who is missed is being asked anyway.
            if self.table.get(&key).is_some_and(|peer| peer.state == State::Down) {
                self.plan_question(arrival.now, &key);
            }
            return false;
        }
        match order {
            Order::Fresh => self.take(arrival, key, message, Some(extension)),
            // A host that is always overtaken, and by another address, is another host.
            Order::PathOnly if self.is_behind(arrival, &key, extension) && self.is_rival(arrival, &key, extension) => {
                self.part_clone(arrival, &key, message, extension);
            }
            Order::PathOnly => self.prove_path(arrival, &key, extension),
            Order::Stale => self.drop_datagram(arrival.now, Drop::Stale, arrival.from),
            Order::Rival => self.suspect_clone(arrival, &key, message, extension),
        }
        matches!(order, Order::Fresh | Order::PathOnly)
    }

    /// Whether a datagram of a peer that was lost may have been recorded before its end: one that was not meant for this host,
    /// so that its number is new here. What was said to all was heard.
    fn may_be_replayed(&self, key: &PeerKey, arrival: Arrival, extension: &Extension) -> bool {
        let lost = |peer: &Peer| {
            peer.state == State::Down && peer.reason == Some(Reason::Lost) && peer.epoch == extension.epoch
        };
        let for_others = extension.target.is_some_and(|target| target != self.identity.id)
            || extension.echo.is_some_and(|echo| !self.has_asked(key, arrival.interface, echo));
        self.is_sealed() && for_others && self.table.get(key).is_some_and(lost)
    }

    fn learn_base(&mut self, arrival: Arrival, message: &Message) {
        let info = &message.info;
        let speaks_for_extended = |peer: &Peer| {
            !peer.key.is_base() && peer.is_live() && peer.paths.iter().any(|path| path.address == info.address)
        };
        if self.table.named(&info.name).any(speaks_for_extended) {
            return self.drop_datagram(arrival.now, Drop::Shadowed, arrival.from);
        }
        self.take(arrival, PeerKey::Base(info.name.clone(), info.address), message, None);
    }

    /// Puts what was heard into the row, making one if there is none.
    fn take(&mut self, arrival: Arrival, key: PeerKey, message: &Message, extension: Option<&Extension>) {
        let cause = Cause::Heard(message.kind);
        if self.table.get(&key).is_none() {
            if !self.make_room_for(arrival, key.is_base()) {
                return self.drop_datagram(arrival.now, Drop::TableFull, arrival.from);
            }
            let unproven_since = self.is_sealed().then(|| Box::new(arrival.now));
            let new = new_peer(key.clone(), message, &self.profile.facts, arrival.now);
            self.table.insert(Peer { unproven_since, ..new });
        }
        let on_new_path = !self.has_path(&key, arrival.interface, message.info.address);
        let changed = self.update(arrival, &key, message, extension);
        let was_up = self.table.get(&key).is_some_and(|peer| peer.state == State::Up);
        if !was_up {
            // The digests tell of everybody who has one.
            if extension.is_none_or(|extension| extension.digest.is_none())
                && let Some(link) = self.links.get_mut(&arrival.interface)
            {
                link.news = true;
            }
            self.mark_up(arrival.now, &key, cause);
        } else if changed || on_new_path {
            self.refresh_digest(arrival.now, &key);
        }
        if was_up && changed {
            self.emit_peer(&key, Change::Changed, cause);
        }
        if !was_up || changed {
            self.review_name(&message.info.name);
        }
        if extension.is_some() {
            self.absorb_base(arrival.now, message);
        } else {
            self.review_address(&key, message.info.address);
        }
    }

    /// Puts a peer on the list of those that are there.
    pub(crate) fn mark_up(&mut self, now: Instant, key: &PeerKey, cause: Cause) {
        let returns = self.table.get(key).is_some_and(|peer| peer.reason == Some(Reason::Lost) && !key.is_base());
        self.table.set_state(key, State::Up, None, now);
        self.refresh_digest(now, key);
        let first_check = self.first_check(key, now);
        self.table.schedule(key, first_check);
        self.give_name(key);
        self.emit_peer(key, Change::Up, cause);
        if returns {
            self.count_return(now, key);
            self.look_for_lost_base_peers(now);
        }
    }

    /// Copies the message into the row and tells whether anything that people see is different.
    fn update(&mut self, arrival: Arrival, key: &PeerKey, message: &Message, extension: Option<&Extension>) -> bool {
        let info = &message.info;
        let lifetime = extension
            .map_or(self.config.base_lifetime, |extension| Duration::from_secs(u64::from(extension.time_to_live)));
        let renamed = self.table.get(key).is_some_and(|peer| peer.name != info.name);
        if renamed && let Some(before) = self.table.rename(key, &info.name) {
            self.review_name(&before);
        }
        let proven = self.proves_itself(arrival, key, extension);
        if proven {
            self.table.set_proven(key);
        }
        let Some(peer) = self.table.get_mut(key) else { return false };
        // Who goes by another name has no claim to it yet.
        peer.holds_name &= !renamed;
        let mut class = (arrival.proof.trust(), arrival.proof.group());
        // An answer to a host without a group leaves the code out: whoever passes it on takes no class off anybody.
        if extension.is_some_and(|extension| extension.echo.is_some()) && class.0 < peer.trust {
            class = (peer.trust, peer.group.as_deref().copied());
        }
        let (trust, group) = class;
        let reclassified = proven || (peer.trust, peer.group.as_deref().copied()) != (trust, group);
        if reclassified {
            (peer.trust, peer.group) = (trust, group.map(Box::new));
        }
        let mut changed =
            renamed || reclassified || (peer.http_port, peer.https_port) != (info.http_port, info.https_port);
        (peer.http_port, peer.https_port) = (info.http_port, info.https_port);
        peer.time_to_live = lifetime;
        peer.last_heard = Some(arrival.now);
        peer.told = None;
        peer.rival = peer.rival.take().filter(|rival| rival.address != arrival.from.ip());
        let address = info.address;
        if let Some(extension) = extension {
            if extension.epoch != peer.epoch {
                (peer.epoch_since, peer.passed_over) = (arrival.now, 0);
            }
            (peer.epoch, peer.sequence) = (extension.epoch, extension.sequence);
            // A directed search, its answer and what is said of others leave the facts out.
            if extension.is_full() && peer.facts != extension.facts {
                peer.facts = self.profile.facts.shared_with(&extension.facts);
                changed = true;
            }
            if extension.is_full() && peer.certificate.as_deref() != extension.certificate.as_ref() {
                peer.certificate = extension.certificate.map(Box::new);
                changed = true;
            }
            if let Some(previous) = extension.previous_address.filter(|previous| *previous != address) {
                let known = peer.paths.len();
                peer.paths.retain(|path| path.address != previous);
                changed |= peer.paths.len() != known;
            }
            if let Some(probe) = peer.probe.filter(|probe| extension.echo == Some(probe.nonce)) {
                peer.round_trip = Some(arrival.now.since(probe.sent_at));
            }
        }
        peer.probe = None;
        let newest = extension.map_or((0, 0), |extension| (extension.epoch, extension.sequence));
        hear_on(peer, arrival, address, newest) || changed
    }

    fn has_path(&self, key: &PeerKey, interface: u32, address: IpAddr) -> bool {
        let is_it = |path: &Path| path.interface == interface && path.address == address;
        self.table.get(key).is_some_and(|peer| peer.paths.iter().any(is_it))
    }

    fn prove_path(&mut self, arrival: Arrival, key: &PeerKey, extension: &Extension) {
        let on_new_path = !self.has_path(key, arrival.interface, arrival.from.ip());
        let Some(peer) = self.table.get_mut(key) else { return };
        let new = hear_on(peer, arrival, arrival.from.ip(), (extension.epoch, extension.sequence));
        let up = peer.state == State::Up;
        if on_new_path {
            self.refresh_digest(arrival.now, key);
        }
        if new && up {
            self.emit_peer(key, Change::Changed, Cause::Heard(crate::message::Kind::Notify));
        }
    }

    /// Whether a datagram makes a peer more than a name that was sent once: its sender is a member, answers what was sent
    /// to it alone, or has been there for a while.
    fn proves_itself(&self, arrival: Arrival, key: &PeerKey, extension: Option<&Extension>) -> bool {
        let Some(peer) = self.table.get(key) else { return false };
        let Some(since) = peer.unproven_since.as_deref().copied() else { return false };
        let answers = extension.and_then(|extension| extension.echo);
        arrival.proof.group().is_some()
            || arrival.now.since(since) >= self.config.proven_after
            || answers.is_some_and(|echo| self.has_asked(key, arrival.interface, echo))
    }

    /// Room for one more row that was heard for the first time. Those that are not proven yet have little: who floods the
    /// network with names displaces nobody, and reaches no disk.
    fn make_room_for(&mut self, arrival: Arrival, base: bool) -> bool {
        let now = arrival.now;
        if self.is_sealed() && arrival.proof.group().is_none() {
            let most = if base { self.config.nursery_max } else { self.config.unproven_max };
            let from_there = |peer: &&Peer| peer.paths.iter().any(|path| path.address == arrival.from.ip());
            if base && self.table.unproven(true).filter(from_there).count() >= self.config.nursery_share {
                return false;
            }
            if self.table.unproven_count(base) >= most {
                let patience = self.config.proven_after * UNPROVEN_PATIENCE;
                let oldest = self.table.unproven(base).next();
                let oldest =
                    oldest.filter(|peer| peer.unproven_since.as_deref().is_some_and(|at| now.since(*at) >= patience));
                let Some(oldest) = oldest.map(|peer| peer.key.clone()) else { return false };
                self.remove_peer(now, &oldest, Cause::Expired);
                self.ledger.evicted(Evicted::Unproven);
            }
        }
        self.make_room(now, base)
    }

    /// Room for one more row: a dead one of the same class goes if the class is full.
    pub(crate) fn make_room(&mut self, now: Instant, base: bool) -> bool {
        let (used, most) = if base {
            (self.table.base(), self.config.base_peers_max)
        } else {
            (self.table.len() - self.table.base(), self.config.peers_max)
        };
        if used < most {
            return true;
        }
        let Some(oldest) = self.table.longest_down(base) else { return false };
        self.remove_peer(now, &oldest, Cause::Expired);
        self.ledger.evicted(Evicted::Down);
        true
    }

    /// A base peer that speaks our extension now is one peer, not two.
    fn absorb_base(&mut self, now: Instant, message: &Message) {
        if self.table.base() == 0 {
            return;
        }
        let base = PeerKey::Base(message.info.name.clone(), message.info.address);
        if self.table.get(&base).is_some() {
            self.remove_peer(now, &base, Cause::Replaced);
        }
    }

    /// One datagram that does not fit may be a replay; a second, newer one from the same address is a second host.
    fn suspect_clone(&mut self, arrival: Arrival, key: &PeerKey, message: &Message, extension: &Extension) {
        if !self.is_rival(arrival, key, extension) {
            return self.drop_datagram(arrival.now, Drop::Stale, arrival.from);
        }
        self.part_clone(arrival, key, message, extension);
    }

    /// Whether a datagram is older than another one of that peer which came from another address.
    fn is_behind(&self, arrival: Arrival, key: &PeerKey, extension: &Extension) -> bool {
        let older = |peer: &Peer| (extension.epoch, extension.sequence) < (peer.epoch, peer.sequence);
        let elsewhere = |peer: &Peer| peer.paths.iter().any(|path| path.address != arrival.from.ip());
        self.table.get(key).is_some_and(|peer| older(peer) && elsewhere(peer))
    }

    /// Notes a datagram that does not fit, and tells whether it is the second one of that address.
    fn is_rival(&mut self, arrival: Arrival, key: &PeerKey, extension: &Extension) -> bool {
        let address = arrival.from.ip();
        let newest = (extension.epoch, extension.sequence);
        let Some(peer) = self.table.get_mut(key) else { return false };
        let proven = peer.rival.as_ref().is_some_and(|rival| {
            rival.address == address && newest > rival.newest && arrival.now.since(rival.seen_at) > REORDER_WINDOW
        });
        if !proven && peer.rival.as_ref().is_none_or(|rival| rival.address != address) {
            peer.rival = Some(Box::new(Rival { address, newest, seen_at: arrival.now }));
        }
        proven
    }

    fn part_clone(&mut self, arrival: Arrival, key: &PeerKey, message: &Message, extension: &Extension) {
        let address = arrival.from.ip();
        let Some(peer) = self.table.get_mut(key) else { return };
        peer.rival = None;
        peer.paths.retain(|path| path.address != address);
        self.refresh_digest(arrival.now, key);
        self.split_clone(arrival, key, message, extension);
    }

    fn split_clone(&mut self, arrival: Arrival, key: &PeerKey, message: &Message, extension: &Extension) {
        let address = arrival.from.ip();
        let clone = PeerKey::Clone(extension.id, address);
        if self.table.get(key).is_some_and(|peer| peer.state == State::Down) {
            // Nobody is there to be at odds with: the host moved, and its state went back to an earlier day.
            self.remove_peer(arrival.now, key, Cause::Replaced);
            return self.take(arrival, key.clone(), message, Some(extension));
        }
        let elsewhere = self.table.get(key).and_then(|peer| peer.paths.first().map(|path| path.address));
        self.take(arrival, clone.clone(), message, Some(extension));
        if let Some(elsewhere) = elsewhere
            && self.table.get(&clone).is_some()
        {
            self.flag_clones(arrival.now, (key, address), (&clone, elsewhere));
        }
    }
}

fn new_peer(key: PeerKey, message: &Message, usual: &Facts, now: Instant) -> Peer {
    let info = &message.info;
    let facts = info.extension.as_ref().map(|extension| usual.shared_with(&extension.facts)).unwrap_or_default();
    let certificate = info.extension.as_ref().and_then(|extension| extension.certificate).map(Box::new);
    Peer { facts, certificate, ..Peer::new(key, info.name.clone(), (info.http_port, info.https_port), now) }
}

/// Notes that the peer was heard on a path, and tells whether its addresses are different now.
fn hear_on(peer: &mut Peer, arrival: Arrival, address: IpAddr, newest: (u64, u64)) -> bool {
    let now = Some(arrival.now);
    let known = peer.paths.iter_mut().find(|path| path.interface == arrival.interface && path.address == address);
    if let Some(path) = known {
        path.last_heard = now;
        path.note(newest);
        return false;
    }
    let before = peer.addresses();
    // Addresses of the last run have served their purpose once the peer is heard.
    peer.paths.retain(|path| path.last_heard.is_some());
    if peer.paths.len() >= PATHS_MAX
        && let Some(oldest) =
            peer.paths.iter().enumerate().min_by_key(|(_, path)| path.last_heard).map(|(index, _)| index)
    {
        peer.paths.remove(oldest);
    }
    let (interface, said) = (arrival.interface, Said::default());
    peer.paths.push(Path { interface, address, last_heard: now, newest, seen: 1, said });
    peer.addresses() != before
}

/// See [`Order`]. A host numbers its datagrams over all its interfaces, so numbers only grow, however it is connected.
fn order_of(peer: &Peer, arrival: Arrival, extension: &Extension) -> Order {
    let newest = (extension.epoch, extension.sequence);
    let address = arrival.from.ip();
    let on_path = |path: &&Path| path.address == address && path.interface == arrival.interface;
    let heard_there = peer.paths.iter().find(on_path).map(|path| path.newest);
    if heard_there.is_some_and(|heard| newest <= heard) {
        return Order::Stale;
    }
    // What was said before the goodbye and arrives after it brings nobody back. Only for a while, since a goodbye may
    // be forged with any number.
    let just_left = peer.state == State::Down && arrival.now.since(peer.state_since) < LATE_AFTER_GOODBYE;
    if just_left && peer.goodbye.as_deref().is_some_and(|goodbye| newest < *goodbye) {
        return Order::Stale;
    }
    if newest > (peer.epoch, peer.sequence) {
        return Order::Fresh;
    }
    // Heard before, by another of our interfaces or from another of its own.
    if newest == (peer.epoch, peer.sequence) {
        // No host gives one number to two datagrams, so from another address it is another host's.
        let same = peer.paths.iter().any(|path| path.address == address && path.newest == newest);
        return if same { Order::PathOnly } else { Order::Rival };
    }
    let settled = if extension.epoch == peer.epoch { peer.last_heard } else { Some(peer.epoch_since) };
    let overtaken = settled.is_none_or(|since| arrival.now.since(since) < REORDER_WINDOW);
    match (overtaken, extension.epoch == peer.epoch) {
        (true, true) => Order::PathOnly,
        (true, false) => Order::Stale,
        (false, _) if peer.paths.iter().all(|path| path.address == address) => Order::Stale,
        (false, _) => Order::Rival,
    }
}
