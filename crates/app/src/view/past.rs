//! What was: changes, and when the peers were there.

use serde::{Deserialize, Serialize};

/// One change of one peer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct HistoryView {
    pub(crate) time: String,
    pub(crate) event: String,
    pub(crate) cause: Option<String>,
    pub(crate) address: Option<String>,
}

/// One change of any peer; an element of the answer of `GET /v1/history`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChangeView {
    pub(crate) time: String,
    /// The id of the peer.
    pub(crate) peer: String,
    /// Its name at that time.
    pub(crate) name: String,
    pub(crate) event: String,
    pub(crate) cause: Option<String>,
    pub(crate) address: Option<String>,
    /// SHA-256 of the certificate concerned, in hexadecimal.
    pub(crate) certificate: Option<String>,
}

/// When the peers were there; the answer of `GET /v1/availability`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AvailabilityView {
    /// `24h`, `30d` or `90d`.
    pub(crate) window: String,
    pub(crate) since: String,
    pub(crate) until: String,
    pub(crate) slice_seconds: u64,
    pub(crate) peers: Vec<PeerAvailability>,
}

/// When one peer was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerAvailability {
    /// The id of the peer.
    pub(crate) peer: String,
    pub(crate) name: String,
    /// Share of the time that is known in which it was up, announced absences left out, 0 to 1; nothing where nothing is known.
    pub(crate) availability: Option<f64>,
    /// How often it went down without having announced it.
    pub(crate) flaps: u32,
    /// A letter a slice, oldest first: `u` up all the time that is known, `p` partly, `d` down, `l` away as announced, `-` not
    /// known.
    pub(crate) slices: String,
}
