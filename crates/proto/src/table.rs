//! The peer table: ordered, bounded, and indexed by name and by the next time to look at a row.
//!
//! Every change that an index depends on goes through a method here, so the indexes cannot drift from the rows.

use std::collections::{BTreeMap, BTreeSet};

use crate::peer::{Peer, PeerKey, Reason, State};
use crate::text::HostName;
use crate::time::Instant;

/// The peers that a host knows, dead ones included.
#[derive(Debug, Default)]
pub struct PeerTable {
    rows: BTreeMap<PeerKey, Peer>,
    names: BTreeMap<HostName, BTreeSet<PeerKey>>,
    checks: BTreeSet<(Instant, PeerKey)>,
    live_extended: usize,
    unknown: usize,
    base: usize,
}

impl PeerTable {
    /// The row of `key`.
    pub fn get(&self, key: &PeerKey) -> Option<&Peer> {
        self.rows.get(key)
    }

    /// All rows in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.rows.values()
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
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

    /// The rows that carry `name`.
    pub fn named(&self, name: &HostName) -> impl Iterator<Item = &Peer> {
        self.names.get(name).into_iter().flatten().filter_map(|key| self.rows.get(key))
    }

    /// The row to change in ways that no index depends on: not its key, name, state or check time.
    pub(crate) fn get_mut(&mut self, key: &PeerKey) -> Option<&mut Peer> {
        self.rows.get_mut(key)
    }

    /// Puts a row in, in place of one with the same key.
    pub(crate) fn insert(&mut self, peer: Peer) {
        self.remove(&peer.key);
        self.names.entry(peer.name.clone()).or_default().insert(peer.key.clone());
        if let Some(at) = peer.check_at {
            self.checks.insert((at, peer.key.clone()));
        }
        self.count(&peer, true);
        self.rows.insert(peer.key.clone(), peer);
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, key: &PeerKey) -> Option<Peer> {
        let peer = self.rows.remove(key)?;
        self.forget_name(&peer.name, key);
        if let Some(at) = peer.check_at {
            self.checks.remove(&(at, key.clone()));
        }
        self.count(&peer, false);
        Some(peer)
    }

    fn forget_name(&mut self, name: &HostName, key: &PeerKey) {
        if let Some(keys) = self.names.get_mut(name) {
            keys.remove(key);
            if keys.is_empty() {
                self.names.remove(name);
            }
        }
    }

    fn count(&mut self, peer: &Peer, more: bool) {
        let change = |count: &mut usize, applies: bool| {
            if applies {
                *count = if more { *count + 1 } else { count.saturating_sub(1) };
            }
        };
        change(&mut self.live_extended, peer.is_live() && !peer.key.is_base());
        change(&mut self.unknown, peer.state == State::Unknown);
        change(&mut self.base, peer.key.is_base());
    }

    /// Gives a row another name and tells the one it had.
    pub(crate) fn rename(&mut self, key: &PeerKey, name: &HostName) -> Option<HostName> {
        let peer = self.rows.get_mut(key)?;
        let before = std::mem::replace(&mut peer.name, name.clone());
        self.forget_name(&before, key);
        self.names.entry(name.clone()).or_default().insert(key.clone());
        Some(before)
    }

    /// Moves a row to another state.
    pub(crate) fn set_state(&mut self, key: &PeerKey, state: State, reason: Option<Reason>, now: Instant) {
        let Some(mut peer) = self.rows.remove(key) else { return };
        self.count(&peer, false);
        peer.state = state;
        peer.reason = reason;
        peer.state_since = now;
        self.count(&peer, true);
        self.rows.insert(key.clone(), peer);
    }

    /// Sets when to look at a row again.
    pub(crate) fn schedule(&mut self, key: &PeerKey, at: Instant) {
        let Some(peer) = self.rows.get_mut(key) else { return };
        if let Some(before) = peer.check_at.replace(at) {
            self.checks.remove(&(before, key.clone()));
        }
        self.checks.insert((at, key.clone()));
    }

    /// When the first row wants to be looked at.
    pub(crate) fn next_check(&self) -> Option<Instant> {
        self.checks.first().map(|(at, _)| *at)
    }

    /// Takes one row that is due out of the schedule. The caller sets its next time.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<PeerKey> {
        if self.next_check()? > now {
            return None;
        }
        let (_, key) = self.checks.pop_first()?;
        if let Some(peer) = self.rows.get_mut(&key) {
            peer.check_at = None;
        }
        Some(key)
    }

    /// The row that has been down longest among base or among extended peers: the one that makes room.
    pub(crate) fn longest_down(&self, base: bool) -> Option<PeerKey> {
        let down = self.rows.values().filter(|peer| peer.state == State::Down && peer.key.is_base() == base);
        down.min_by_key(|peer| peer.state_since).map(|peer| peer.key.clone())
    }

    /// Whether the indexes agree with the rows; what the property test asks after every step.
    #[cfg(test)]
    pub(crate) fn is_consistent(&self) -> bool {
        let count = |test: &dyn Fn(&Peer) -> bool| self.rows.values().filter(|peer| test(peer)).count();
        let checks: BTreeSet<_> =
            self.rows.values().filter_map(|peer| peer.check_at.map(|at| (at, peer.key.clone()))).collect();
        let named: usize = self.names.values().map(BTreeSet::len).sum();
        self.live_extended == count(&|peer| peer.is_live() && !peer.key.is_base())
            && self.unknown == count(&|peer| peer.state == State::Unknown)
            && self.base == count(&|peer| peer.key.is_base())
            && self.checks == checks
            && named == self.rows.len()
            && self.rows.values().all(|peer| self.names.get(&peer.name).is_some_and(|keys| keys.contains(&peer.key)))
    }
}
