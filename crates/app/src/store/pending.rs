//! Changes that wait to be written, merged so that each row waits once, with its newest value.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, Instant};

use super::record::{HistoryEntry, HistoryFilter, RemoteHealth, StoredPeer};

/// Changes of one burst are gathered for this long before the first commit.
const GATHER: Duration = Duration::from_millis(200);
/// The first commit of a run waits for this long in addition: who starts finds everybody at once, and many may start at once.
const START: Duration = Duration::from_millis(800);
/// From one commit to the next at the earliest.
const BETWEEN_COMMITS: Duration = Duration::from_secs(1);
/// Rows of which only the times changed wait for this long.
const LAZY: Duration = Duration::from_secs(60);
/// Peers that may wait: every row the daemon can know (8,192 extended, 1,024 base), and as many again forgotten.
pub(super) const MOST_PEERS: usize = 18_432;
/// Remotes that may wait: every row the daemon can know, and some that were removed meanwhile.
const MOST_REMOTES: usize = 2_048;
/// History entries that may wait; reached only while nothing can be written.
const MOST_ENTRIES: usize = 2_000;
/// Rows given up at once when too many wait, so that the search for the oldest is rare.
const GIVEN_UP_AT_ONCE: usize = 512;

/// What is to become of a peer's row.
#[derive(Debug, Clone)]
pub(super) enum PeerChange {
    /// Insert or replace it.
    Save(Box<StoredPeer>),
    /// Delete it.
    Forget,
}

/// Changes to be written in one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) peers: Vec<(String, PeerChange)>,
    pub(super) health: Vec<RemoteHealth>,
    pub(super) history: Vec<HistoryEntry>,
}

#[derive(Debug)]
struct Waiting<T> {
    change: T,
    lazy: bool,
    /// Counts up with every change; the smallest is the oldest.
    order: u64,
}

/// The changes that wait.
#[derive(Debug, Default)]
pub(super) struct Pending {
    peers: BTreeMap<String, Waiting<PeerChange>>,
    health: BTreeMap<String, Waiting<RemoteHealth>>,
    history: VecDeque<HistoryEntry>,
    /// Hash of each row's key to hash of the row without its times: tells whether only the times changed.
    known: HashMap<u64, u64>,
    hasher: RandomState,
    urgent_since: Option<Instant>,
    lazy_since: Option<Instant>,
    newest_entry: i64,
    order: u64,
    dropped: u64,
}

impl Pending {
    /// Starts with the rows that are in the database already.
    pub(super) fn new(newest_entry: i64, peers: &[StoredPeer], remotes: impl Iterator<Item = RemoteHealth>) -> Self {
        let mut pending = Self { newest_entry, ..Self::default() };
        for peer in peers {
            let (key, content) = pending.hashes_of_peer(peer);
            pending.known.insert(key, content);
        }
        for health in remotes {
            let (key, content) = pending.hashes_of_health(&health);
            pending.known.insert(key, content);
        }
        pending
    }

    /// Lets the first commit of a run be due in a second, with whatever there is to be written by then.
    pub(super) fn begin_run(&mut self, now: Instant) {
        self.urgent_since = Some(now + START);
    }

    /// Lets a peer's row wait.
    pub(super) fn save_peer(&mut self, peer: StoredPeer, now: Instant) {
        let (key, content) = self.hashes_of_peer(&peer);
        let lazy = self.known.insert(key, content) == Some(content);
        let lazy = lazy && self.peers.get(&peer.key).is_none_or(|waiting| waiting.lazy);
        let key = peer.key.clone();
        let waiting = self.waiting(PeerChange::Save(Box::new(peer)), lazy, now);
        self.peers.insert(key, waiting);
        self.keep_within_bounds();
    }

    /// Lets the deletion of a peer's row wait.
    pub(super) fn forget_peer(&mut self, key: String, now: Instant) {
        let hash = self.hasher.hash_one(("peer", &key));
        self.known.remove(&hash);
        let waiting = self.waiting(PeerChange::Forget, false, now);
        self.peers.insert(key, waiting);
        self.keep_within_bounds();
    }

    /// Lets the health of a remote wait.
    pub(super) fn save_health(&mut self, health: RemoteHealth, now: Instant) {
        if self.health.len() >= MOST_REMOTES && !self.health.contains_key(&health.key) {
            self.dropped += 1;
            return;
        }
        let (key, content) = self.hashes_of_health(&health);
        let lazy = self.known.insert(key, content) == Some(content);
        let lazy = lazy && self.health.get(&health.key).is_none_or(|waiting| waiting.lazy);
        let key = health.key.clone();
        let waiting = self.waiting(health, lazy, now);
        self.health.insert(key, waiting);
    }

    /// Gives up what waits for a remote that is removed.
    pub(super) fn forget_health(&mut self, key: &str) {
        self.known.remove(&self.hasher.hash_one(("remote", key)));
        self.health.remove(key);
    }

    /// Numbers a history entry and lets it wait.
    pub(super) fn append(&mut self, mut entry: HistoryEntry, now: Instant) {
        self.newest_entry = self.newest_entry.saturating_add(1);
        entry.sequence = self.newest_entry;
        self.urgent_since.get_or_insert(now);
        self.history.push_back(entry);
        self.trim_history();
    }

    /// Lets a commit be due within a minute, which keeps that this daemon still runs.
    pub(super) fn keep_running(&mut self, now: Instant) {
        self.lazy_since.get_or_insert(now);
    }

    /// The waiting history entries that the filter takes, newest first.
    pub(super) fn entries(&self, filter: &HistoryFilter) -> Vec<HistoryEntry> {
        self.history.iter().rev().filter(|entry| filter.takes(entry)).take(filter.limit as usize).cloned().collect()
    }

    /// Numbers the waiting history entries anew, after those that turned out to be in the database.
    pub(super) fn renumber_after(&mut self, newest: i64) {
        if self.history.front().is_none_or(|first| first.sequence > newest) {
            self.newest_entry = self.newest_entry.max(newest);
            return;
        }
        self.newest_entry = newest;
        for entry in &mut self.history {
            self.newest_entry = self.newest_entry.saturating_add(1);
            entry.sequence = self.newest_entry;
        }
    }

    /// When the next commit is due, if anything waits.
    pub(super) fn due(&self, last_commit: Option<Instant>) -> Option<Instant> {
        let urgent = self.urgent_since.map(|since| since + GATHER);
        let lazy = self.lazy_since.map(|since| since + LAZY);
        let first = urgent.into_iter().chain(lazy).min()?;
        Some(last_commit.map_or(first, |commit| first.max(commit + BETWEEN_COMMITS)))
    }

    /// Takes what is due at `now`; lazy rows only once a minute.
    pub(super) fn take_due(&mut self, now: Instant) -> Batch {
        if self.lazy_since.is_some_and(|since| since + LAZY <= now) {
            return self.take_all();
        }
        self.urgent_since = None;
        Batch {
            peers: self.peers.extract_if(.., |_, row| !row.lazy).map(|(key, row)| (key, row.change)).collect(),
            health: self.health.extract_if(.., |_, row| !row.lazy).map(|(_, row)| row.change).collect(),
            history: self.history.drain(..).collect(),
        }
    }

    /// Takes everything.
    pub(super) fn take_all(&mut self) -> Batch {
        self.urgent_since = None;
        self.lazy_since = None;
        Batch {
            peers: std::mem::take(&mut self.peers).into_iter().map(|(key, row)| (key, row.change)).collect(),
            health: std::mem::take(&mut self.health).into_values().map(|row| row.change).collect(),
            history: self.history.drain(..).collect(),
        }
    }

    /// Takes back a batch that could not be written; rows that changed meanwhile keep their newer value.
    pub(super) fn put_back(&mut self, batch: Batch, now: Instant) {
        for (key, change) in batch.peers {
            let waiting = Waiting { change, lazy: false, order: 0 };
            self.peers.entry(key).or_insert(waiting).lazy = false;
        }
        for health in batch.health {
            let waiting = Waiting { change: health.clone(), lazy: false, order: 0 };
            self.health.entry(health.key).or_insert(waiting).lazy = false;
        }
        batch.history.into_iter().rev().for_each(|entry| self.history.push_front(entry));
        self.urgent_since.get_or_insert(now);
        self.trim_history();
        self.keep_within_bounds();
    }

    /// Rows that wait.
    pub(super) fn len(&self) -> usize {
        self.peers.len() + self.health.len() + self.history.len()
    }

    /// Updates given up since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn waiting<T>(&mut self, change: T, lazy: bool, now: Instant) -> Waiting<T> {
        let since = if lazy { &mut self.lazy_since } else { &mut self.urgent_since };
        since.get_or_insert(now);
        self.order += 1;
        Waiting { change, lazy, order: self.order }
    }

    fn trim_history(&mut self) {
        let excess = self.history.len().saturating_sub(MOST_ENTRIES);
        self.history.drain(..excess);
        self.dropped += excess as u64;
    }

    /// Gives up the oldest rows when too many peers wait: first those of which only the times changed.
    fn keep_within_bounds(&mut self) {
        if self.peers.len() <= MOST_PEERS {
            return;
        }
        let mut oldest: Vec<(bool, u64, String)> =
            self.peers.iter().map(|(key, row)| (!row.lazy, row.order, key.clone())).collect();
        oldest.sort_unstable();
        let lazy = oldest.iter().take_while(|(urgent, ..)| !urgent).count();
        // Never an urgent row while a lazy one remains, nor more urgent ones than must be.
        let count = if lazy > 0 { lazy.min(GIVEN_UP_AT_ONCE) } else { GIVEN_UP_AT_ONCE };
        for (_, _, key) in oldest.into_iter().take(count) {
            // Forgotten here too, so that the next update of the row counts as a change and is written.
            self.known.remove(&self.hasher.hash_one(("peer", &key)));
            self.peers.remove(&key);
            self.dropped += 1;
        }
    }

    fn hashes_of_peer(&self, peer: &StoredPeer) -> (u64, u64) {
        // Every field is named, so that a new one cannot be overlooked here.
        let StoredPeer {
            key,
            name,
            identity,
            epoch,
            sequence: _,
            addresses,
            http_port,
            https_port,
            state,
            reason,
            first_seen,
            last_seen: _,
            state_since,
            facts,
            interface,
            trust,
            holds_name,
            planned,
        } = peer;
        let who = (name, identity, epoch, addresses, http_port, https_port, facts, interface);
        self.hashes(("peer", key), (who, state, reason, first_seen, state_since, trust, holds_name, planned))
    }

    fn hashes_of_health(&self, health: &RemoteHealth) -> (u64, u64) {
        let RemoteHealth { key, state, reason, state_since, last_seen: _, round_trip_ms: _, certificate } = health;
        self.hashes(("remote", key), (state, reason, state_since, certificate))
    }

    fn hashes(&self, key: impl Hash, content: impl Hash) -> (u64, u64) {
        (self.hasher.hash_one(key), self.hasher.hash_one(content))
    }
}
