//! All peers, local and remote, as the daemon shows and keeps them. It is changed by events and by the API alone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::SystemTime;

use kimchi_peers::remote::{CheckFailure, RemoteReport, RemoteState};
use kimchi_peers::{Cause, Change, Peer, PeerKey, Reach, State, wall_clock};

use crate::daemon::journal::Journal;
use crate::daemon::rows::{LocalRow, RemoteRow};
use crate::daemon::{persist, present};
use crate::store::{HistoryEntry, PresentPeer, RemoteHealth as StoredHealth, StoredPeer, StoredRemote};
use crate::view::{EventView, PeerState, PeerView, unix_milliseconds};

/// What the store is to do after a change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Keep {
    /// The local row of this key, as it is when the store gets it.
    Peer(PeerKey),
    ForgetPeer(String),
    Health(Box<StoredHealth>),
    History(Box<HistoryEntry>),
}

/// All peers, and the journal of their changes.
#[derive(Debug)]
pub(crate) struct Registry {
    locals: BTreeMap<PeerKey, LocalRow>,
    remotes: BTreeMap<String, RemoteRow>,
    pub(crate) journal: Journal,
}

impl Registry {
    /// The registry of a new run, with what the last one kept.
    pub(crate) fn new(run: u64, locals: Vec<(Peer, StoredPeer)>, remotes: Vec<RemoteRow>) -> Self {
        let local = |(peer, stored): (Peer, StoredPeer)| {
            let StoredPeer { first_seen, state_since, .. } = stored;
            let last_seen = persist::last_seen(&stored);
            (
                peer.key.clone(),
                LocalRow { peer: Box::new(peer), first_seen, last_seen, state_since, kept_seen: last_seen },
            )
        };
        Self {
            locals: locals.into_iter().map(local).collect(),
            remotes: remotes.into_iter().map(|row| (row.stored.key.clone(), row)).collect(),
            journal: Journal::new(run),
        }
    }

    /// All peers as the API shows them: local ones in the order of their keys, then remote ones.
    pub(crate) fn views(&self) -> Vec<PeerView> {
        self.locals.values().map(present::local).chain(self.remotes.values().map(present::remote)).collect()
    }

    /// The name of each peer, or of the one with this id, and how it is now.
    pub(crate) fn present(&self, id: Option<&str>) -> Vec<(String, PresentPeer)> {
        let local = |row: &LocalRow| {
            let state = present::state(row.peer.state).as_str().to_owned();
            let present = PresentPeer { key: row.peer.key.to_string(), state, state_since: row.state_since };
            (row.peer.name.to_string(), present)
        };
        let remote = |row: &RemoteRow| {
            let StoredRemote { key, name, host, state, state_since, .. } = &row.stored;
            let present = PresentPeer { key: key.clone(), state: state.clone(), state_since: *state_since };
            (name.clone().unwrap_or_else(|| host.clone()), present)
        };
        match id {
            Some(id) => self.local(id).map(local).or_else(|| self.remote(id).map(remote)).into_iter().collect(),
            None => self.locals.values().map(local).chain(self.remotes.values().map(remote)).collect(),
        }
    }

    /// The local peer with this id.
    pub(crate) fn local(&self, id: &str) -> Option<&LocalRow> {
        self.locals.get(&id.parse().ok()?)
    }

    /// What the store keeps of a local peer.
    pub(crate) fn stored(&self, key: &PeerKey) -> Option<StoredPeer> {
        self.locals.get(key).map(persist::stored)
    }

    /// The remote peer with this id.
    pub(crate) fn remote(&self, id: &str) -> Option<&RemoteRow> {
        self.remotes.get(id)
    }

    /// All remote peers.
    pub(crate) fn remotes(&self) -> impl Iterator<Item = &RemoteRow> {
        self.remotes.values()
    }

    /// A live local peer whose console answers at this address and port.
    pub(crate) fn local_at(&self, address: IpAddr, https_port: u16) -> Option<&LocalRow> {
        let is_there = |row: &&LocalRow| {
            row.peer.is_live() && row.peer.https_port == https_port && row.peer.addresses().contains(&address)
        };
        self.locals.values().find(is_there)
    }

    /// Takes over a row's change from the engine.
    pub(crate) fn apply(&mut self, change: Change, cause: Cause, peer: Box<Peer>) -> Vec<Keep> {
        let now = unix_milliseconds(SystemTime::now());
        let key = peer.key.clone();
        let before = self.locals.get(&key);
        // A peer that the last run saw up and this one hears was up all the time, as far as anybody knows.
        let confirmed = peer.state == State::Up && before.is_some_and(|row| persist::was_up(&row.peer));
        // Its history begins where it is known to be there to stay.
        let kept_first = peer.is_proven() && peer.state == State::Up && before.is_some_and(|row| !row.peer.is_proven());
        let state_since = match before {
            Some(row) if confirmed || row.peer.state == peer.state => row.state_since,
            Some(_) | None => now,
        };
        let last_seen = peer
            .last_heard
            .map_or_else(|| before.and_then(|row| row.last_seen), |at| Some(unix_milliseconds(wall_clock(at))));
        let first_seen = before.map_or(now, |row| row.first_seen);
        let row = LocalRow { peer, first_seen, last_seen, state_since, kept_seen: last_seen };
        let event = change.as_str();
        self.announce(event, Some(cause.as_str()), present::local(&row));
        let is_kept = row.peer.is_proven();
        let mut keep = Vec::with_capacity(2);
        if is_kept && !confirmed {
            let event = if kept_first { Change::Up.as_str() } else { event };
            keep.push(history(now, &row, event, cause));
        }
        if change == Change::Removed {
            self.locals.remove(&key);
            keep.extend(is_kept.then(|| Keep::ForgetPeer(key.to_string())));
        } else {
            keep.extend(is_kept.then(|| Keep::Peer(key.clone())));
            self.locals.insert(key, row);
        }
        keep
    }

    /// Takes over what a command changed without an event: who holds a name.
    pub(crate) fn settle(&mut self, peers: Vec<Peer>) -> Vec<Keep> {
        let mut keep = Vec::new();
        for peer in peers {
            let Some(row) = self.locals.get_mut(&peer.key).filter(|row| row.peer.holds_name != peer.holds_name) else {
                continue;
            };
            *row.peer = peer;
            keep.extend(row.peer.is_proven().then(|| Keep::Peer(row.peer.key.clone())));
        }
        keep
    }

    /// All local peers.
    pub(crate) fn locals(&self) -> impl Iterator<Item = &LocalRow> {
        self.locals.values()
    }

    /// Takes over when peers were heard last.
    pub(crate) fn refresh(&mut self, heard: Vec<(PeerKey, kimchi_peers::Instant)>) {
        for (key, at) in heard {
            let Some(row) = self.locals.get_mut(&key) else { continue };
            let last_seen = unix_milliseconds(wall_clock(at));
            // The wall clock's own error moves the result a little; only a new hearing counts.
            if row.peer.last_heard != Some(at) {
                row.peer.last_heard = Some(at);
                row.last_seen = Some(last_seen);
            }
        }
    }

    /// The rows that were heard since they were last given to the store.
    pub(crate) fn heard_since_kept(&mut self) -> Vec<StoredPeer> {
        let newer = self.locals.values_mut().filter(|row| row.peer.is_proven() && row.last_seen != row.kept_seen);
        newer
            .map(|row| {
                row.kept_seen = row.last_seen;
                persist::stored(row)
            })
            .collect()
    }

    /// Replaces all local rows by what the engine knows, after events were missed.
    pub(crate) fn resynchronise(&mut self, peers: Vec<Peer>) -> Vec<Keep> {
        let mut keep = Vec::new();
        let known: Vec<PeerKey> = peers.iter().map(|peer| peer.key.clone()).collect();
        let gone: Vec<Box<Peer>> =
            self.locals.values().filter(|row| !known.contains(&row.peer.key)).map(|row| row.peer.clone()).collect();
        for peer in gone {
            keep.extend(self.apply(Change::Removed, Cause::Expired, peer));
        }
        for peer in peers.into_iter().map(Box::new) {
            let before = self.locals.get(&peer.key).map(|row| (row.peer.state, row.peer.reach));
            if before.map(|(state, _)| state) != Some(peer.state) {
                let change = match peer.state {
                    State::Up | State::Unknown => Change::Up,
                    State::Suspect => Change::Suspect,
                    State::Down => Change::Down,
                };
                keep.extend(self.apply(change, Cause::Silence, peer));
            } else if before.map(|(_, reach)| reach) != Some(peer.reach) {
                let cause = match peer.reach {
                    Reach::Both => Cause::AnswersAgain,
                    Reach::HearsUsNot => Cause::HearsUsNot,
                    Reach::NotHeard => Cause::NotHeard,
                };
                keep.extend(self.apply(Change::Changed, cause, peer));
            }
        }
        keep
    }

    /// Puts a remote peer in that the store has kept already.
    pub(crate) fn insert_remote(&mut self, row: RemoteRow) -> (PeerView, Keep) {
        let view = present::remote(&row);
        let entry = remote_history(&row.stored, "added", None);
        self.remotes.insert(row.stored.key.clone(), row);
        self.announce("changed", Some("added"), view.clone());
        (view, entry)
    }

    /// Takes a remote peer out that the store has forgotten already.
    pub(crate) fn remove_remote(&mut self, key: &str) -> Option<Keep> {
        let row = self.remotes.remove(key)?;
        self.announce("removed", Some("removed_by_hand"), present::remote(&row));
        Some(remote_history(&row.stored, "removed", Some("removed_by_hand")))
    }

    /// Takes over the result of one check of a remote peer.
    pub(crate) fn report(&mut self, report: &RemoteReport) -> Vec<Keep> {
        let Some(row) = self.remotes.get_mut(&report.key) else { return Vec::new() };
        let now = unix_milliseconds(SystemTime::now());
        let before = row.stored.clone();
        let transition = row.health.observe(report);
        row.stored.state = remote_state(row.health.state()).as_str().to_owned();
        match &report.outcome {
            Ok(reached) => {
                row.reached = Some(reached.address.ip());
                row.failure = None;
                row.stored.reason = None;
                row.stored.last_seen = Some(now);
                row.stored.round_trip_ms = Some(reached.connect_time.as_secs_f64() * 1000.0);
                row.stored.certificate = Some(hexadecimal(&reached.certificate_sha256));
            }
            Err(failure) => {
                row.failure = Some(failure.to_string());
                row.stored.reason = Some(failure.cause().to_owned());
            }
        }
        if transition.is_some() {
            row.stored.state_since = now;
        }
        let view = present::remote(row);
        let stored = row.stored.clone();
        let mut keep = vec![Keep::Health(Box::new(health(&stored)))];
        let certificate_changed = before.certificate.is_some() && before.certificate != stored.certificate;
        let told = match transition {
            Some(_) => Some((view.state.as_str(), report.outcome.as_ref().err().map(CheckFailure::cause))),
            None if certificate_changed => Some(("changed", Some("certificate_changed"))),
            None => None,
        };
        if let Some((event, cause)) = told {
            keep.push(remote_history(&stored, event, cause));
            self.announce(event, cause, view);
        }
        keep
    }

    fn announce(&mut self, event: &str, cause: Option<&str>, peer: PeerView) {
        let cause = cause.map(str::to_owned);
        self.journal.append(&EventView { event: event.to_owned(), time: present::now(), cause, peer: Some(peer) });
    }
}

/// The monitor's state in the API's words.
pub(crate) const fn remote_state(state: RemoteState) -> PeerState {
    match state {
        RemoteState::Unknown => PeerState::Unknown,
        RemoteState::Up => PeerState::Up,
        RemoteState::Suspect => PeerState::Suspect,
        RemoteState::Down => PeerState::Down,
    }
}

fn health(stored: &StoredRemote) -> StoredHealth {
    StoredHealth {
        key: stored.key.clone(),
        state: stored.state.clone(),
        reason: stored.reason.clone(),
        state_since: stored.state_since,
        last_seen: stored.last_seen,
        round_trip_ms: stored.round_trip_ms,
        certificate: stored.certificate.clone(),
    }
}

fn history(now: i64, row: &LocalRow, event: &str, cause: Cause) -> Keep {
    Keep::History(Box::new(HistoryEntry {
        sequence: 0,
        time: now,
        peer: row.peer.key.to_string(),
        name: row.peer.name.to_string(),
        event: event.to_owned(),
        cause: Some(cause.as_str().to_owned()),
        address: row.peer.addresses().first().map(IpAddr::to_string),
        certificate: None,
        planned_until: None,
    }))
}

fn remote_history(stored: &StoredRemote, event: &str, cause: Option<&str>) -> Keep {
    Keep::History(Box::new(HistoryEntry {
        sequence: 0,
        time: unix_milliseconds(SystemTime::now()),
        peer: stored.key.clone(),
        name: stored.name.clone().unwrap_or_else(|| stored.host.clone()),
        event: event.to_owned(),
        cause: cause.map(str::to_owned),
        address: Some(stored.host.clone()),
        certificate: stored.certificate.clone(),
        planned_until: None,
    }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
