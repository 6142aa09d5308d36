//! The peer table: ordered, bounded, and indexed by name and by the next time to look at a row.
//!
//! Every change that an index depends on goes through a method here, so the indexes cannot drift from the rows. An index
//! holds a row's slot instead of its key, which keeps a row of a large network within a few hundred bytes.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::PeerId;
use crate::index::{Index, Place, Slot};
use crate::peer::{Peer, PeerKey, Reason, State};
use crate::text::HostName;
use crate::time::Instant;

/// The bits of [`PeerTable::last`] that are the slot.
const LAST_SLOT: u64 = Slot::MAX as u64;
/// Up to so many entries of [`PeerTable::checks`], the void ones are not worth being sought.
const CHECKS_LEAST: usize = 64;

/// The peers that a host knows, dead ones included.
#[derive(Debug, Default)]
pub struct PeerTable {
    slots: Vec<Option<Box<Peer>>>,
    /// The slots of rows that are gone, to be used again.
    free: Vec<Slot>,
    /// The rows keyed by an identity alone, which are nearly all, by its first bits and in the order of the whole.
    identities: Index,
    /// The others, which come behind those in the order of keys.
    others: BTreeMap<PeerKey, Slot>,
    /// By a hash of the name: comparing names would look at a text elsewhere in memory for each step of a search.
    names: Index,
    /// The times at which rows are to be looked at. Where a row has another time by now, or is gone, an entry is void.
    checks: BinaryHeap<Reverse<(Instant, Slot)>>,
    /// The time of the first entry of `checks`, which is never void: it is asked for twice with every datagram.
    next_check: Option<Instant>,
    /// The slot that was asked for last, behind the first bits of its identity. One datagram asks for its sender's row many
    /// times, so this saves most searches.
    last: AtomicU64,
    /// The rows that are not proven yet, extended and base, the oldest first.
    unproven: [BTreeSet<(Instant, Slot)>; 2],
    live_extended: usize,
    unknown: usize,
    base: usize,
}

impl PeerTable {
    /// The row of `key`.
    pub fn get(&self, key: &PeerKey) -> Option<&Peer> {
        self.at(self.slot(key)?)
    }

    /// All rows in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.identities.iter().chain(self.others.values().copied()).filter_map(|slot| self.at(slot))
    }

    /// The rows between two keys, in the order of the keys. Panics where the first bound is behind the second.
    pub(crate) fn range<'a>(
        &'a self,
        (start, end): (Bound<&PeerKey>, Bound<&PeerKey>),
    ) -> impl DoubleEndedIterator<Item = &'a Peer> + use<'a> {
        // Every key of an identity alone comes before every other key.
        let place = |key: &PeerKey, behind: bool| match key {
            PeerKey::Identity(id) => self.place_of(id, behind),
            PeerKey::Clone(..) | PeerKey::Base(..) => Index::END,
        };
        let first = match start {
            Bound::Included(key) => place(key, false),
            Bound::Excluded(key) => place(key, true),
            Bound::Unbounded => Index::START,
        };
        let (last, others) = match end {
            Bound::Included(key) => (place(key, true), !matches!(key, PeerKey::Identity(_))),
            Bound::Excluded(key) => (place(key, false), !matches!(key, PeerKey::Identity(_))),
            Bound::Unbounded => (Index::END, true),
        };
        let others = others.then(|| self.others.range::<PeerKey, _>((start, end))).into_iter().flatten();
        self.identities.range(first, last).chain(others.map(|(_, slot)| *slot)).filter_map(|slot| self.at(slot))
    }

    /// The place before or behind the row of `id`, whether there is one or not.
    fn place_of(&self, id: &PeerId, behind: bool) -> Place {
        self.identities.place(id.prefix(), |slot| match self.at(slot).and_then(|peer| peer.key.id()) {
            Some(other) => other < id || (behind && other == id),
            None => false,
        })
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.identities.len() + self.others.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many extended peers are up or suspect.
    pub fn live_extended(&self) -> usize {
        self.live_extended
    }

    /// How many rows are known from the last run only.
    pub fn unknown(&self) -> usize {
        self.unknown
    }

    /// How many rows are base peers'.
    pub fn base(&self) -> usize {
        self.base
    }

    /// The rows that are not proven yet, the oldest first.
    pub(crate) fn unproven(&self, base: bool) -> impl Iterator<Item = &Peer> {
        self.unproven.get(usize::from(base)).into_iter().flatten().filter_map(|(_, slot)| self.at(*slot))
    }

    /// How many rows are not proven yet.
    pub fn unproven_count(&self, base: bool) -> usize {
        self.unproven.get(usize::from(base)).map_or(0, BTreeSet::len)
    }

    /// A row is proven to be there.
    pub(crate) fn set_proven(&mut self, key: &PeerKey) {
        let Some(slot) = self.slot(key) else { return };
        let Some(since) = self.at_mut(slot).and_then(|peer| peer.unproven_since.take()) else { return };
        if let Some(class) = self.unproven.get_mut(usize::from(key.is_base())) {
            class.remove(&(*since, slot));
        }
    }

    /// Any row, each with the same chance, or none by chance where rows have gone.
    pub(crate) fn draw(&self, random: &mut fastrand::Rng) -> Option<&Peer> {
        let slots = self.slots.len();
        if slots == 0 { None } else { self.slots.get(random.usize(..slots))?.as_deref() }
    }

    /// The rows of one identity: more than one only where it was copied.
    pub(crate) fn with_id(&self, id: &PeerId) -> impl Iterator<Item = &Peer> {
        let (first, last) = (Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::from_bits(u128::MAX).into());
        let copies = self.others.range(PeerKey::Clone(*id, first)..=PeerKey::Clone(*id, last));
        let row = self.slot(&PeerKey::Identity(*id));
        row.into_iter().chain(copies.map(|(_, slot)| *slot)).filter_map(|slot| self.at(slot))
    }

    /// The rows that carry `name`.
    pub fn named<'a>(&'a self, name: &'a HostName) -> impl Iterator<Item = &'a Peer> {
        self.names.of(hash_of(name)).filter_map(|slot| self.at(slot)).filter(move |peer| peer.name == *name)
    }

    fn slot(&self, key: &PeerKey) -> Option<Slot> {
        match key {
            PeerKey::Identity(id) => {
                let (tag, last) = (id.prefix() & !LAST_SLOT, self.last.load(Ordering::Relaxed));
                // The slot may hold another row by now, so the row has the last word.
                let is_it = |slot: &Slot| self.at(*slot).is_some_and(|peer| peer.key == *key);
                let slot = (last & LAST_SLOT) as Slot;
                if last & !LAST_SLOT == tag && is_it(&slot) {
                    return Some(slot);
                }
                let slot = self.identities.of(id.prefix()).find(is_it)?;
                self.last.store(tag | u64::from(slot), Ordering::Relaxed);
                Some(slot)
            }
            PeerKey::Clone(..) | PeerKey::Base(..) => self.others.get(key).copied(),
        }
    }

    fn at(&self, slot: Slot) -> Option<&Peer> {
        self.slots.get(slot as usize)?.as_deref()
    }

    fn at_mut(&mut self, slot: Slot) -> Option<&mut Peer> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    /// The row to change in ways that no index depends on: not its key, name, state or check time.
    pub(crate) fn get_mut(&mut self, key: &PeerKey) -> Option<&mut Peer> {
        self.at_mut(self.slot(key)?)
    }

    /// Puts a row in, in place of one with the same key.
    pub(crate) fn insert(&mut self, peer: Peer) {
        self.remove(&peer.key);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            // A table of four thousand million rows fits no memory.
            Slot::try_from(self.slots.len() - 1).unwrap_or(Slot::MAX)
        });
        match &peer.key {
            PeerKey::Identity(id) => {
                let slots = &self.slots;
                let key_at = |slot: Slot| slots.get(slot as usize)?.as_deref()?.key.id();
                self.identities.insert(id.prefix(), slot, |other| key_at(other).is_some_and(|other| other < id));
            }
            PeerKey::Clone(..) | PeerKey::Base(..) => drop(self.others.insert(peer.key.clone(), slot)),
        }
        self.names.insert(hash_of(&peer.name), slot, |other| other < slot);
        if let Some((since, class)) =
            peer.unproven_since.as_deref().zip(self.unproven.get_mut(usize::from(peer.key.is_base())))
        {
            class.insert((*since, slot));
        }
        self.count(Traits::of(&peer), true);
        let check_at = peer.check_at;
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Box::new(peer));
        }
        if let Some(at) = check_at {
            self.add_check(at, slot);
        }
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, key: &PeerKey) -> Option<Peer> {
        let slot = self.slot(key)?;
        match key {
            PeerKey::Identity(id) => self.identities.remove(id.prefix(), slot),
            PeerKey::Clone(..) | PeerKey::Base(..) => drop(self.others.remove(key)),
        }
        let peer = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.names.remove(hash_of(&peer.name), slot);
        self.note_next_check();
        if let Some((since, class)) =
            peer.unproven_since.as_deref().zip(self.unproven.get_mut(usize::from(key.is_base())))
        {
            class.remove(&(*since, slot));
        }
        self.count(Traits::of(&peer), false);
        Some(*peer)
    }

    fn count(&mut self, traits: Traits, more: bool) {
        let change = |count: &mut usize, applies: bool| {
            if applies {
                *count = if more { *count + 1 } else { count.saturating_sub(1) };
            }
        };
        change(&mut self.live_extended, traits.live_extended);
        change(&mut self.unknown, traits.unknown);
        change(&mut self.base, traits.base);
    }

    /// Gives a row another name and tells the one it had.
    pub(crate) fn rename(&mut self, key: &PeerKey, name: &HostName) -> Option<HostName> {
        let slot = self.slot(key)?;
        let before = std::mem::replace(&mut self.at_mut(slot)?.name, name.clone());
        self.names.remove(hash_of(&before), slot);
        self.names.insert(hash_of(name), slot, |other| other < slot);
        Some(before)
    }

    /// Moves a row to another state.
    pub(crate) fn set_state(&mut self, key: &PeerKey, state: State, reason: Option<Reason>, now: Instant) {
        let Some(peer) = self.get_mut(key) else { return };
        let before = Traits::of(peer);
        peer.state = state;
        peer.reason = reason;
        peer.state_since = now;
        if state != State::Down {
            peer.away = None;
        }
        let after = Traits::of(peer);
        self.count(before, false);
        self.count(after, true);
    }

    /// Sets when to look at a row again.
    pub(crate) fn schedule(&mut self, key: &PeerKey, at: Instant) {
        let Some(slot) = self.slot(key) else { return };
        let Some(peer) = self.at_mut(slot) else { return };
        peer.check_at = Some(at);
        self.add_check(at, slot);
    }

    fn add_check(&mut self, at: Instant, slot: Slot) {
        self.checks.push(Reverse((at, slot)));
        if self.checks.len() > CHECKS_LEAST.max(2 * self.len()) {
            let is_valid = |Reverse((at, slot)): &Reverse<(Instant, Slot)>| is_planned(&self.slots, *at, *slot);
            self.checks.retain(is_valid);
        }
        self.note_next_check();
    }

    /// Takes off what is void, and notes the time of what is first then.
    fn note_next_check(&mut self) {
        while let Some(Reverse((at, slot))) = self.checks.peek().copied() {
            if is_planned(&self.slots, at, slot) {
                self.next_check = Some(at);
                return;
            }
            self.checks.pop();
        }
        self.next_check = None;
    }

    /// When the first row wants to be looked at.
    pub(crate) fn next_check(&self) -> Option<Instant> {
        self.next_check
    }

    /// Takes one row that is due out of the schedule. The caller sets its next time.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PeerKey> {
        if self.next_check()? > now {
            return None;
        }
        let Reverse((_, slot)) = self.checks.pop()?;
        let peer = self.at_mut(slot)?;
        peer.check_at = None;
        let key = peer.key.clone();
        self.note_next_check();
        Some(key)
    }

    /// The row that has been down longest among base or among extended peers: the one that makes room.
    pub(crate) fn longest_down(&self, base: bool) -> Option<PeerKey> {
        let down = self.iter().filter(|peer| peer.state == State::Down && peer.key.is_base() == base);
        down.min_by_key(|peer| peer.state_since).map(|peer| peer.key.clone())
    }

    /// Whether the indexes agree with the rows; what the property test asks after every step.
    #[cfg(test)]
    pub(crate) fn is_consistent(&self) -> bool {
        let count = |test: &dyn Fn(&Peer) -> bool| self.iter().filter(|peer| test(peer)).count();
        let slot = |peer: &Peer| self.slot(&peer.key).unwrap();
        let unproven = |base: bool| {
            let of_class = self.iter().filter(|peer| peer.key.is_base() == base);
            of_class.filter_map(|peer| Some((*peer.unproven_since.as_deref()?, slot(peer)))).collect::<BTreeSet<_>>()
        };
        let planned: Vec<_> = self.iter().filter_map(|peer| peer.check_at.map(|at| (at, slot(peer)))).collect();
        let names_are_right = |peer: &Peer| self.names.of(hash_of(&peer.name)).any(|other| other == slot(peer));
        let stored = self.slots.iter().flatten().count();
        self.live_extended == count(&|peer| peer.is_live() && !peer.key.is_base())
            && self.unknown == count(&|peer| peer.state == State::Unknown)
            && self.base == count(&|peer| peer.key.is_base())
            && self.next_check == planned.iter().map(|(at, _)| *at).min()
            && planned.iter().all(|entry| self.checks.iter().any(|Reverse(check)| check == entry))
            && self.checks.len() <= CHECKS_LEAST.max(2 * self.len()) + 1
            && self.names.len() == self.len()
            && self.iter().all(names_are_right)
            && self.unproven == [unproven(false), unproven(true)]
            && (stored, stored + self.free.len()) == (self.len(), self.slots.len())
            && self.iter().count() == self.len()
            && self.iter().zip(self.iter().skip(1)).all(|(one, next)| one.key < next.key)
    }
}

/// FNV-1a. Who makes hashes collide gains no more than by giving many hosts one name.
fn hash_of(name: &HostName) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    name.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}

/// Whether the row in a slot wants to be looked at at that time.
fn is_planned(slots: &[Option<Box<Peer>>], at: Instant, slot: Slot) -> bool {
    slots.get(slot as usize).and_then(Option::as_deref).is_some_and(|peer| peer.check_at == Some(at))
}

/// What of a row is counted.
#[derive(Debug, Clone, Copy)]
struct Traits {
    live_extended: bool,
    unknown: bool,
    base: bool,
}

impl Traits {
    fn of(peer: &Peer) -> Self {
        let base = peer.key.is_base();
        Self { live_extended: peer.is_live() && !base, unknown: peer.state == State::Unknown, base }
    }
}

#[cfg(test)]
mod tests;
