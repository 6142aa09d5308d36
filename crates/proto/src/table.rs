//! The peer table: ordered, bounded, and indexed by name and by the next time to look at a row.
//!
//! Every change that an index depends on goes through a method here, so the indexes cannot drift from the rows. An index
//! holds a row's slot instead of its key, which keeps a row of a large network within a few hundred bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::PeerId;
use crate::peer::{Peer, PeerKey, Reason, State};
use crate::text::HostName;
use crate::time::Instant;

/// Where a row is stored: an index into [`PeerTable::slots`]. The slot of a row that is gone is used again.
type Slot = u32;

/// The bits of [`PeerTable::last`] that are the slot.
const LAST_SLOT: u64 = Slot::MAX as u64;

/// The peers that a host knows, dead ones included.
#[derive(Debug, Default)]
pub struct PeerTable {
    slots: Vec<Option<Box<Peer>>>,
    free: Vec<Slot>,
    /// The rows keyed by an identity alone: nearly all.
    identities: BTreeMap<PeerId, Slot>,
    /// The others, which come behind those in the order of keys.
    others: BTreeMap<PeerKey, Slot>,
    /// By a hash of the name: comparing names would look at a text elsewhere in memory for each step of a search.
    names: BTreeSet<(u32, Slot)>,
    checks: BTreeSet<(Instant, Slot)>,
    /// The time of the first entry of `checks`: it is asked for twice with every datagram.
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
        self.identities.values().chain(self.others.values()).filter_map(|slot| self.at(*slot))
    }

    /// The rows between two keys, in the order of the keys. Panics where the first bound is behind the second.
    pub(crate) fn range<'a>(
        &'a self,
        (start, end): (Bound<&PeerKey>, Bound<&PeerKey>),
    ) -> impl DoubleEndedIterator<Item = &'a Peer> + use<'a> {
        // Every key of an identity alone comes before every other key.
        let identity = |key: &PeerKey| if let PeerKey::Identity(id) = key { Some(*id) } else { None };
        let first = match start {
            Bound::Included(key) => identity(key).map(Bound::Included),
            Bound::Excluded(key) => identity(key).map(Bound::Excluded),
            Bound::Unbounded => Some(Bound::Unbounded),
        };
        let (last, ends_there) = match end {
            Bound::Included(key) => identity(key).map_or((Bound::Unbounded, false), |id| (Bound::Included(id), true)),
            Bound::Excluded(key) => identity(key).map_or((Bound::Unbounded, false), |id| (Bound::Excluded(id), true)),
            Bound::Unbounded => (Bound::Unbounded, false),
        };
        let identities = first.map(|first| self.identities.range((first, last))).into_iter().flatten();
        let others = (!ends_there).then(|| self.others.range::<PeerKey, _>((start, end))).into_iter().flatten();
        identities.map(|(_, slot)| slot).chain(others.map(|(_, slot)| slot)).filter_map(|slot| self.at(*slot))
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
        self.identities.get(id).into_iter().chain(copies.map(|(_, slot)| slot)).filter_map(|slot| self.at(*slot))
    }

    /// The rows that carry `name`.
    pub fn named<'a>(&'a self, name: &'a HostName) -> impl Iterator<Item = &'a Peer> {
        let hash = hash_of(name);
        let alike = self.names.range((hash, Slot::MIN)..=(hash, Slot::MAX));
        alike.filter_map(|(_, slot)| self.at(*slot)).filter(move |peer| peer.name == *name)
    }

    fn slot(&self, key: &PeerKey) -> Option<Slot> {
        match key {
            PeerKey::Identity(id) => {
                let (tag, last) = (id.prefix() & !LAST_SLOT, self.last.load(Ordering::Relaxed));
                // The slot may hold another row by now, so the row has the last word.
                let slot = (last & LAST_SLOT) as Slot;
                if last & !LAST_SLOT == tag && self.at(slot).is_some_and(|peer| peer.key == *key) {
                    return Some(slot);
                }
                let slot = self.identities.get(id).copied()?;
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
            PeerKey::Identity(id) => self.identities.insert(*id, slot),
            PeerKey::Clone(..) | PeerKey::Base(..) => self.others.insert(peer.key.clone(), slot),
        };
        self.names.insert((hash_of(&peer.name), slot));
        if let Some(at) = peer.check_at {
            self.checks.insert((at, slot));
            self.note_next_check();
        }
        if let Some((since, class)) =
            peer.unproven_since.as_deref().zip(self.unproven.get_mut(usize::from(peer.key.is_base())))
        {
            class.insert((*since, slot));
        }
        self.count(Traits::of(&peer), true);
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Box::new(peer));
        }
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, key: &PeerKey) -> Option<Peer> {
        let slot = match key {
            PeerKey::Identity(id) => self.identities.remove(id),
            PeerKey::Clone(..) | PeerKey::Base(..) => self.others.remove(key),
        }?;
        let peer = self.slots.get_mut(slot as usize)?.take()?;
        self.free.push(slot);
        self.names.remove(&(hash_of(&peer.name), slot));
        if let Some(at) = peer.check_at {
            self.checks.remove(&(at, slot));
            self.note_next_check();
        }
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
        self.names.remove(&(hash_of(&before), slot));
        self.names.insert((hash_of(name), slot));
        Some(before)
    }

    /// Moves a row to another state.
    pub(crate) fn set_state(&mut self, key: &PeerKey, state: State, reason: Option<Reason>, now: Instant) {
        let Some(peer) = self.get_mut(key) else { return };
        let before = Traits::of(peer);
        peer.state = state;
        peer.reason = reason;
        peer.state_since = now;
        let after = Traits::of(peer);
        self.count(before, false);
        self.count(after, true);
    }

    /// Sets when to look at a row again.
    pub(crate) fn schedule(&mut self, key: &PeerKey, at: Instant) {
        let Some(slot) = self.slot(key) else { return };
        let Some(peer) = self.at_mut(slot) else { return };
        if let Some(before) = peer.check_at.replace(at) {
            self.checks.remove(&(before, slot));
        }
        self.checks.insert((at, slot));
        self.note_next_check();
    }

    fn note_next_check(&mut self) {
        self.next_check = self.checks.first().map(|(at, _)| *at);
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
        let (_, slot) = self.checks.pop_first()?;
        self.note_next_check();
        let peer = self.at_mut(slot)?;
        peer.check_at = None;
        Some(peer.key.clone())
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
        let checks: BTreeSet<_> = self.iter().filter_map(|peer| peer.check_at.map(|at| (at, slot(peer)))).collect();
        let names: BTreeSet<_> = self.iter().map(|peer| (hash_of(&peer.name), slot(peer))).collect();
        let unproven = |base: bool| {
            let of_class = self.iter().filter(|peer| peer.key.is_base() == base);
            of_class.filter_map(|peer| Some((*peer.unproven_since.as_deref()?, slot(peer)))).collect::<BTreeSet<_>>()
        };
        let stored = self.slots.iter().flatten().count();
        self.live_extended == count(&|peer| peer.is_live() && !peer.key.is_base())
            && self.unknown == count(&|peer| peer.state == State::Unknown)
            && self.base == count(&|peer| peer.key.is_base())
            && self.next_check == checks.first().map(|(at, _)| *at)
            && self.checks == checks
            && self.unproven == [unproven(false), unproven(true)]
            && self.names == names
            && (stored, stored + self.free.len()) == (self.len(), self.slots.len())
            && self.iter().count() == self.len()
            && self.iter().zip(self.iter().skip(1)).all(|(one, next)| one.key < next.key)
    }
}

/// FNV-1a. Who makes hashes collide gains no more than by giving many hosts one name.
fn hash_of(name: &HostName) -> u32 {
    name.as_str().bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
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
