//! All peers, local and remote, as the daemon shows and keeps them. It is changed by events and by the API alone.

mod remote;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kimchi_peers::{Away, Cause, CertificateHash, Change, Conflict, Peer, PeerKey, Reach, State, wall_clock};

use crate::daemon::concerns::{ConflictLog, is_told};
use crate::daemon::journal::Journal;
use crate::daemon::present::Certificates;
use crate::daemon::rows::{LocalRow, Planned, RemoteRow, Shown};
use crate::daemon::{persist, present};
use crate::store::{HistoryEntry, PresentPeer, RemoteHealth as StoredHealth, StoredPeer, StoredRemote};
use crate::view::{CertificateState, EventView, PeerView, unix_milliseconds};

/// A console showed another certificate than it should.
const CERTIFICATE_CHANGED: &str = "certificate_changed";

/// The cause of a goodbye that announced an absence.
const PLANNED: &str = "planned";
/// The cause of the event that an announced absence is over.
const OVERDUE: &str = "overdue";

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
    /// Local rows that this mode does not list, as the store keeps them.
    aside: BTreeMap<PeerKey, StoredPeer>,
    remotes: BTreeMap<String, RemoteRow>,
    conflict_log: ConflictLog,
    pub(crate) journal: Journal,
}

impl Registry {
    /// The registry of a new run, with what the last one kept.
    pub(crate) fn new(run: u64, locals: Vec<(Peer, StoredPeer)>, remotes: Vec<RemoteRow>) -> Self {
        let now = unix_milliseconds(SystemTime::now());
        let local = |(peer, stored): (Peer, StoredPeer)| {
            let StoredPeer { first_seen, state_since, .. } = stored;
            let last_seen = persist::last_seen(&stored);
            let planned = persist::planned(&stored, now).filter(|_| peer.state == State::Down);
            let row = LocalRow {
                peer: Box::new(peer),
                first_seen,
                last_seen,
                state_since,
                kept_seen: last_seen,
                planned,
                shown: None,
            };
            (row.peer.key.clone(), row)
        };
        Self {
            locals: locals.into_iter().map(local).collect(),
            aside: BTreeMap::new(),
            remotes: remotes.into_iter().map(|row| (row.stored.key.clone(), row)).collect(),
            conflict_log: ConflictLog::default(),
            journal: Journal::new(run),
        }
    }

    /// Takes over what the last run kept of peers that this mode does not list.
    pub(crate) fn set_aside(&mut self, stored: Vec<StoredPeer>) {
        self.aside = stored.into_iter().filter_map(|stored| Some((stored.key.parse().ok()?, stored))).collect();
    }

    /// Whether the store keeps peers that this mode does not list.
    pub(crate) fn keeps_anybody_aside(&self) -> bool {
        !self.aside.is_empty()
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
        let aside = self.aside.remove(&key);
        let state_since = match before {
            Some(row) if confirmed || row.peer.state == peer.state => row.state_since,
            Some(_) | None => now,
        };
        let last_seen = peer
            .last_heard
            .map(|at| unix_milliseconds(wall_clock(at)))
            .or_else(|| before.and_then(|row| row.last_seen))
            .or_else(|| aside.as_ref().and_then(persist::last_seen));
        let first_seen =
            before.map(|row| row.first_seen).or_else(|| aside.map(|stored| stored.first_seen)).unwrap_or(now);
        let shown = before.and_then(|row| row.shown.clone());
        let announced = |peer: &Peer| peer.certificate.as_deref().copied();
        let renewed = before
            .and_then(|row| announced(&row.peer))
            .is_some_and(|known| announced(&peer).is_some_and(|announced| announced != known));
        let planned = planned(&peer, before);
        self.conflict_log.tell(before.is_some_and(|row| is_told(&row.peer)), &peer, change != Change::Removed);
        let row = LocalRow { peer, first_seen, last_seen, state_since, kept_seen: last_seen, shown, planned };
        let event = change.as_str();
        let is_kept = row.peer.is_proven();
        let is_refused = is_kept && cause == Cause::NotAdmitted;
        let is_planned = change == Change::Down && row.planned.is_some();
        let cause = if is_planned { PLANNED } else { cause.as_str() };
        self.announce(event, Some(cause), present::local(&row));
        let mut keep = Vec::with_capacity(2);
        if renewed {
            keep.extend(self.tell_certificate(now, &row, "certificate_announced"));
        }
        if is_kept && !confirmed {
            keep.extend(if kept_first { beginning(now, &row, cause) } else { vec![history(now, &row, event, cause)] });
        }
        if change == Change::Removed {
            self.locals.remove(&key);
            if is_refused {
                // The store keeps it, with the name that it may hold: it is listed again in a milder mode.
                self.aside.insert(key, persist::stored(&row));
            } else {
                keep.extend(is_kept.then(|| Keep::ForgetPeer(key.to_string())));
            }
        } else {
            keep.extend(is_kept.then(|| Keep::Peer(key.clone())));
            self.locals.insert(key, row);
        }
        keep
    }

    /// Tells of the peers whose announced absence is over and that are not back.
    pub(crate) fn tell_overdue(&mut self) -> Vec<Keep> {
        let now = unix_milliseconds(SystemTime::now());
        let mut keep = Vec::new();
        let mut told = Vec::new();
        for row in self.locals.values_mut() {
            let Some(planned) =
                row.planned.as_deref_mut().filter(|planned| planned.until <= now && !planned.told_overdue)
            else {
                continue;
            };
            planned.told_overdue = true;
            told.push(present::local(row));
            keep.extend(row.peer.is_proven().then(|| history(now, row, Change::Changed.as_str(), OVERDUE)));
        }
        told.into_iter().for_each(|view| self.announce(Change::Changed.as_str(), Some(OVERDUE), view));
        keep
    }

    /// Whether an absence is announced that is not over yet.
    pub(crate) fn expects_anybody(&self) -> bool {
        self.locals.values().any(|row| row.planned.as_deref().is_some_and(|planned| !planned.told_overdue))
    }

    /// Takes over what a command changed without an event: who holds a name.
    pub(crate) fn settle(&mut self, peers: Vec<Peer>) -> Vec<Keep> {
        let mut keep = Vec::new();
        for peer in peers {
            let Some(row) = self.locals.get_mut(&peer.key).filter(|row| row.peer.holds_name != peer.holds_name) else {
                continue;
            };
            self.conflict_log.tell(is_told(&row.peer), &peer, true);
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

    /// Takes over the round trips, which change without an event.
    pub(crate) fn note_round_trips(&mut self, known: Vec<(PeerKey, Duration)>) {
        for (key, time) in known {
            if let Some(row) = self.locals.get_mut(&key) {
                row.peer.round_trip = Some(time);
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

    /// Takes over what a local peer's console showed when somebody asked for it.
    pub(crate) fn checked(&mut self, id: &str, certificate: CertificateHash) -> Vec<Keep> {
        let Some(row) = id.parse().ok().and_then(|key: PeerKey| self.locals.get_mut(&key)) else { return Vec::new() };
        let before = present::certificates(row);
        let announced = row.peer.certificate.as_deref().copied();
        row.shown = Some(Box::new(Shown { certificate, announced }));
        let Some(cause) = certificate_news(&before, &present::certificates(row), true) else { return Vec::new() };
        let row = row.clone();
        self.tell_certificate(unix_milliseconds(SystemTime::now()), &row, cause).into_iter().collect()
    }

    /// Tells of a local peer's certificate, and what is to be kept of that.
    fn tell_certificate(&mut self, now: i64, row: &LocalRow, cause: &'static str) -> Option<Keep> {
        if cause == CERTIFICATE_CHANGED {
            tracing::warn!(peer = %row.peer.name, "its console shows another certificate than it announces");
        }
        self.announce("changed", Some(cause), present::local(row));
        let certificate = present::certificates(row);
        let entry = HistoryEntry {
            certificate: certificate.shown.or(certificate.expected),
            ..history_entry(now, row, "changed", cause)
        };
        row.peer.is_proven().then(|| Keep::History(Box::new(entry)))
    }

    fn announce(&mut self, event: &str, cause: Option<&str>, peer: PeerView) {
        let cause = cause.map(str::to_owned);
        self.journal.append(&EventView { event: event.to_owned(), time: present::now(), cause, peer: Some(peer) });
    }
}

/// The announced absence of a peer that is down: as it said it, or as it was known before.
fn planned(peer: &Peer, before: Option<&LocalRow>) -> Option<Box<Planned>> {
    if peer.state != State::Down {
        return None;
    }
    let said = |away: &Away| {
        let until = unix_milliseconds(wall_clock(away.until));
        Box::new(Planned { until, reason: away.reason.to_string(), told_overdue: false })
    };
    match before.filter(|row| row.peer.state == State::Down) {
        Some(row) => row.planned.clone(),
        None => peer.away.as_deref().map(said),
    }
}

/// What a history begins with once a row is there to stay: that it came, when it did, and that it is in conflict if it is.
fn beginning(now: i64, row: &LocalRow, cause: &str) -> Vec<Keep> {
    let mut entries = vec![history(row.state_since, row, Change::Up.as_str(), cause)];
    let at_odds = row.peer.conflict.as_deref().map(Conflict::cause);
    entries.extend(at_odds.map(|cause| history(now, row, Change::Conflict.as_str(), cause.as_str())));
    entries
}

fn history(now: i64, row: &LocalRow, event: &str, cause: &str) -> Keep {
    Keep::History(Box::new(history_entry(now, row, event, cause)))
}

fn history_entry(now: i64, row: &LocalRow, event: &str, cause: &str) -> HistoryEntry {
    HistoryEntry {
        sequence: 0,
        time: now,
        peer: row.peer.key.to_string(),
        name: row.peer.name.to_string(),
        event: event.to_owned(),
        cause: Some(cause.to_owned()),
        address: row.peer.addresses().first().map(IpAddr::to_string),
        certificate: None,
        planned_until: row.planned.as_deref().filter(|_| event == Change::Down.as_str()).map(|planned| planned.until),
    }
}

/// What is to be told of a certificate that was looked at, as a word. That it is the right one is news where somebody asked
/// for it, and after it was another one.
fn certificate_news(before: &Certificates, now: &Certificates, asked: bool) -> Option<&'static str> {
    if before == now {
        return None;
    }
    match now.state {
        CertificateState::Changed => Some(CERTIFICATE_CHANGED),
        CertificateState::Match if asked || before.state == CertificateState::Changed => Some("certificate_matches"),
        CertificateState::Match | CertificateState::Unknown => None,
    }
}
