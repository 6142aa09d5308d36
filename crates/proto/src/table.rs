//! The peer table: ordered, bounded, and indexed by name and by the next time to look at a row.
//!
//! Every change that an index depends on goes through a method here, so the indexes cannot drift from the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

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

    /// The rows between two keys, in the order of the keys. Panics where the first bound is behind the second.
    pub(crate) fn range<'a>(
        &'a self,
        range: (Bound<&PeerKey>, Bound<&PeerKey>),
    ) -> impl DoubleEndedIterator<Item = &'a Peer> + use<'a> {
        self.rows.range::<PeerKey, _>(range).map(|(_, peer)| peer)
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::id::PeerId;
    use crate::message::Facts;
    use crate::peer::Reach;

    /// One call of a method that changes the table; the numbers choose among a few keys, names, states and times.
    #[derive(Debug, Clone)]
    enum Step {
        Insert { key: u8, name: u8, state: u8, check: Option<u8> },
        Remove(u8),
        Rename(u8, u8),
        SetState(u8, u8),
        Schedule(u8, u8),
        TakeDue(u8),
        EvictLongestDown(bool),
    }

    fn step() -> impl Strategy<Value = Step> {
        let small = || 0..8_u8;
        prop_oneof![
            3 => (small(), small(), small(), proptest::option::of(small()))
                .prop_map(|(key, name, state, check)| Step::Insert { key, name, state, check }),
            1 => small().prop_map(Step::Remove),
            1 => (small(), small()).prop_map(|(key, name)| Step::Rename(key, name)),
            2 => (small(), small()).prop_map(|(key, state)| Step::SetState(key, state)),
            2 => (small(), small()).prop_map(|(key, at)| Step::Schedule(key, at)),
            1 => small().prop_map(Step::TakeDue),
            1 => any::<bool>().prop_map(Step::EvictLongestDown),
        ]
    }

    fn key(number: u8) -> PeerKey {
        let address = IpAddr::from([10, 0, 0, number]);
        match number % 3 {
            0 => PeerKey::Identity(PeerId::from_bytes([number; 32])),
            1 => PeerKey::Base(name(number), address),
            _ => PeerKey::Clone(PeerId::from_bytes([number; 32]), address),
        }
    }

    fn name(number: u8) -> HostName {
        format!("host{}", number % 3).parse().unwrap()
    }

    fn state(number: u8) -> State {
        [State::Unknown, State::Up, State::Suspect, State::Down][usize::from(number % 4)]
    }

    fn at(number: u8) -> Instant {
        Instant::from_micros(u64::from(number))
    }

    fn row(key: PeerKey, name: HostName, state: State, check_at: Option<Instant>) -> Peer {
        Peer {
            key,
            name,
            http_port: 8000,
            https_port: 8001,
            epoch: 1,
            sequence: 1,
            time_to_live: Duration::from_secs(30),
            facts: Facts::default(),
            paths: Vec::new(),
            state,
            reason: None,
            state_since: Instant::ZERO,
            last_heard: None,
            round_trip: None,
            reach: Reach::Both,
            conflict: None,
            epoch_since: Instant::ZERO,
            probe: None,
            rival: None,
            goodbye: None,
            told: None,
            marks: Vec::new(),
            check_at,
        }
    }

    fn apply(table: &mut PeerTable, step: &Step) {
        match *step {
            Step::Insert { key: number, name: named, state: then, check } => {
                table.insert(row(key(number), name(named), state(then), check.map(at)));
            }
            Step::Remove(number) => drop(table.remove(&key(number))),
            Step::Rename(number, named) => drop(table.rename(&key(number), &name(named))),
            Step::SetState(number, then) => table.set_state(&key(number), state(then), None, at(number)),
            Step::Schedule(number, time) => table.schedule(&key(number), at(time)),
            Step::TakeDue(time) => {
                if let Some(due) = table.take_due(at(time)) {
                    assert!(table.get(&due).is_some_and(|peer| peer.check_at.is_none()));
                }
                assert!(table.next_check().is_none_or(|next| next > at(time)) || table.take_due(at(time)).is_some());
            }
            Step::EvictLongestDown(base) => {
                if let Some(longest) = table.longest_down(base) {
                    let gone = table.remove(&longest).unwrap();
                    assert_eq!((gone.state, gone.key.is_base()), (State::Down, base));
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_indexes_follow_the_rows(steps in proptest::collection::vec(step(), 1..60)) {
            let mut table = PeerTable::default();
            for step in &steps {
                apply(&mut table, step);
                prop_assert!(table.is_consistent(), "after {step:?}");
            }
        }
    }
}
