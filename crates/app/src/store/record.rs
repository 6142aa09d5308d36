//! What the store keeps, as plain values.
//!
//! All times are Unix milliseconds. States and events are text here: the store carries them and judges nothing.

/// A host found on a local network, as of its last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredPeer {
    /// Names the row and stays the same for life: the identity, or `name@address` of a peer without one.
    pub(crate) key: String,
    /// The name the peer gives itself.
    pub(crate) name: String,
    /// Its public key in base64url, if it signs.
    pub(crate) identity: Option<String>,
    /// Number of the peer's run.
    pub(crate) epoch: u64,
    /// Number of its last packet in that run. A change of this alone is written lazily.
    pub(crate) sequence: u64,
    /// Its IP addresses, best first.
    pub(crate) addresses: Vec<String>,
    /// Port of its plain web interface; 0 for none.
    pub(crate) http_port: u16,
    /// Port of its TLS web interface; 0 for none.
    pub(crate) https_port: u16,
    /// `up`, `suspect`, `down` or `unknown`.
    pub(crate) state: String,
    /// Why it is in that state.
    pub(crate) reason: Option<String>,
    /// When it was first heard of.
    pub(crate) first_seen: i64,
    /// When it was last heard; 0 for never, if others told of it. A change of this alone is written lazily.
    pub(crate) last_seen: i64,
    /// When it entered its state.
    pub(crate) state_since: i64,
    /// What it says about itself: a JSON object of texts, which takes a tenth of the memory of a map of them.
    pub(crate) facts: String,
    /// The interface of this host it was heard on.
    pub(crate) interface: Option<String>,
    /// `unsigned`, `pinned` or `verified`.
    pub(crate) trust: String,
    /// Whether the name is this row's.
    pub(crate) holds_name: bool,
    /// When it means to be back, if it left and said so.
    pub(crate) planned: Option<PlannedAbsence>,
}

/// An absence that a peer announced.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PlannedAbsence {
    pub(crate) until: i64,
    pub(crate) reason: String,
}

/// The trust of a row that proved nothing.
pub(super) const UNSIGNED: &str = "unsigned";

/// A host beyond the local networks, added by the operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredRemote {
    /// Names the row: `host:port`.
    pub(crate) key: String,
    /// The name the operator gave it.
    pub(crate) name: Option<String>,
    /// Host name or IP address.
    pub(crate) host: String,
    /// TCP port of its web interface.
    pub(crate) port: u16,
    /// Path under which the web interface is found.
    pub(crate) server_root: String,
    /// When the operator added it.
    pub(crate) added_at: i64,
    /// `up`, `suspect`, `down` or `unknown`.
    pub(crate) state: String,
    /// Why it is in that state.
    pub(crate) reason: Option<String>,
    /// When it entered its state.
    pub(crate) state_since: i64,
    /// Its last good health check.
    pub(crate) last_seen: Option<i64>,
    /// Duration of that check in milliseconds; a negative or infinite value is stored as none.
    pub(crate) round_trip_ms: Option<f64>,
    /// SHA-256 of its TLS certificate, hexadecimal.
    pub(crate) certificate: Option<String>,
}

impl StoredRemote {
    /// Takes over the result of a health check; what the operator entered stays.
    pub(super) fn apply(&mut self, health: &RemoteHealth) {
        self.state.clone_from(&health.state);
        self.reason.clone_from(&health.reason);
        self.state_since = health.state_since;
        self.last_seen = health.last_seen;
        self.round_trip_ms = health.round_trip_ms;
        self.certificate.clone_from(&health.certificate);
    }
}

/// The result of a health check of one remote: the part of its row that the daemon itself may change.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RemoteHealth {
    /// Key of the remote; an unknown one is ignored, for it has been removed meanwhile.
    pub(crate) key: String,
    /// `up`, `suspect`, `down` or `unknown`.
    pub(crate) state: String,
    /// Why it is in that state.
    pub(crate) reason: Option<String>,
    /// When it entered its state.
    pub(crate) state_since: i64,
    /// Its last good health check. A change of this alone is written lazily.
    pub(crate) last_seen: Option<i64>,
    /// Duration of that check in milliseconds. A change of this alone is written lazily.
    pub(crate) round_trip_ms: Option<f64>,
    /// SHA-256 of its TLS certificate, hexadecimal; a change goes into the second file too.
    pub(crate) certificate: Option<String>,
}

impl From<StoredRemote> for RemoteHealth {
    fn from(remote: StoredRemote) -> Self {
        Self {
            key: remote.key,
            state: remote.state,
            reason: remote.reason,
            state_since: remote.state_since,
            last_seen: remote.last_seen,
            round_trip_ms: remote.round_trip_ms,
            certificate: remote.certificate,
        }
    }
}

/// Something that happened to a peer or remote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HistoryEntry {
    /// Place in the history, from 1; given by the store, whatever stands here.
    pub(crate) sequence: i64,
    /// When it happened.
    pub(crate) time: i64,
    /// Key of the peer or remote.
    pub(crate) peer: String,
    /// Its name at that time.
    pub(crate) name: String,
    /// `up`, `changed`, `suspect`, `down`, `removed`, `conflict` or `added`.
    pub(crate) event: String,
    /// Why it happened.
    pub(crate) cause: Option<String>,
    /// The address concerned.
    pub(crate) address: Option<String>,
    /// The certificate concerned, SHA-256 in hexadecimal.
    pub(crate) certificate: Option<String>,
    /// Until when a peer that went had announced to be away.
    pub(crate) planned_until: Option<i64>,
}

/// Which entries of the history are wanted: those that fit in everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HistoryFilter {
    /// Of the peer or remote with this key.
    pub(crate) peer: Option<String>,
    /// Not before.
    pub(crate) since: Option<i64>,
    /// Not after.
    pub(crate) until: Option<i64>,
    /// So many at most, the newest.
    pub(crate) limit: u32,
}

impl HistoryFilter {
    /// The newest of all.
    pub(crate) fn newest(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Whether an entry fits.
    pub(super) fn takes(&self, entry: &HistoryEntry) -> bool {
        self.peer.as_ref().is_none_or(|peer| *peer == entry.peer)
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time <= until)
    }
}

/// When peers were there: over which time, in what slices, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AvailabilityQuestion {
    pub(crate) since: i64,
    /// Milliseconds of a slice.
    pub(crate) slice: i64,
    pub(crate) slices: usize,
    pub(crate) peers: Vec<PresentPeer>,
}

impl AvailabilityQuestion {
    /// Where the last slice ends.
    pub(crate) fn until(&self) -> i64 {
        let slices = i64::try_from(self.slices).unwrap_or(i64::MAX);
        self.since.saturating_add(self.slice.saturating_mul(slices))
    }
}

/// A peer or remote as it is now, whatever the history lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PresentPeer {
    pub(crate) key: String,
    /// `up`, `suspect`, `down` or `unknown`.
    pub(crate) state: String,
    /// When it entered its state.
    pub(crate) state_since: i64,
}

/// When one peer was there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Availability {
    pub(crate) key: String,
    /// Share of the known time in which it was up, announced absences left out; nothing where nothing is known.
    pub(crate) share: Option<f64>,
    /// How often it went down without having announced it.
    pub(crate) flaps: u32,
    /// A letter a slice, oldest first: `u` up all the time that is known, `p` partly, `d` down, `l` away as announced, `-` not
    /// known.
    pub(crate) slices: String,
}

/// What the store knew when it was opened.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Loaded {
    /// The number of this run: greater than that of every run before.
    pub(crate) epoch: u64,
    /// The peers, ordered by key.
    pub(crate) peers: Vec<StoredPeer>,
    /// The remotes, ordered by key.
    pub(crate) remotes: Vec<StoredRemote>,
    /// Sentences for the operator: what was repaired, restored or lost.
    pub(crate) notices: Vec<String>,
    /// Why nothing can be written at present; starts with a word to match on, see `StoreStatus::degraded`.
    pub(crate) degraded: Option<String>,
}

/// The store's condition, for the status page and the metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StoreStatus {
    /// Why changes stay in memory; begins with `disk-full:`, `read-only:`, `locked:`, `schema is newer:` or `failing:`.
    pub(crate) degraded: Option<String>,
    /// Rows that wait to be written.
    pub(crate) pending: usize,
    /// Transactions committed since the start.
    pub(crate) commits: u64,
    /// Transactions that failed since the start; their rows wait for the next attempt.
    pub(crate) failed_commits: u64,
    /// Updates given up since the start because too many waited.
    pub(crate) dropped: u64,
    /// Size of the database and its write-ahead log in bytes, as of the last commit.
    pub(crate) database_bytes: u64,
}
