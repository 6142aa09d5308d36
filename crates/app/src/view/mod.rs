//! What the API says and the command line reads: one definition for both sides.

mod matrix;
mod past;
mod peer;
mod request;
mod status;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

#[cfg(test)]
pub(crate) use matrix::tests::matrix as matrix_of;
pub(crate) use matrix::{MatrixHostView, MatrixRowView, MatrixView};
pub(crate) use past::{AvailabilityView, ChangeView, HistoryView, PeerAvailability};
pub(crate) use peer::{
    CertificateState, CheckView, Evidence, Origin, PeerDetail, PeerState, PeerView, PlannedView, Reach, Trust,
};
pub(crate) use request::{AddRequest, LeaveRequest, Object, RegisterRequest};
pub(crate) use status::{
    DatagramsView, InterfaceView, KeyView, KeysView, LinkView, SelfView, StatusView, StoreView, TrustView,
};

/// One line of `run --events`, `watch -o json` and one event of `GET /v1/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventView {
    /// `ready`, `up`, `changed`, `suspect`, `down`, `removed` or `conflict`.
    pub(crate) event: String,
    pub(crate) time: String,
    /// Why, as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<PeerView>,
}

/// A link that signs a browser in; the answer of `POST /v1/session/code`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CodeView {
    /// Where a browser has to go.
    pub(crate) url: String,
    /// The code in it, good once.
    pub(crate) code: String,
    /// Seconds for which it is good.
    pub(crate) expires_in: u64,
}

/// A browser that is signed in; the answer of `POST /v1/session`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SessionView {
    /// What a change carries in the header `X-Kimchi-Peers-Proof`, beside the cookie.
    pub(crate) proof: String,
    /// Seconds for which the browser stays signed in.
    pub(crate) expires_in: u64,
}

/// A service that a program of this host registered; an item of `GET /v1/services`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceView {
    /// As it was registered.
    pub(crate) url: String,
    /// Whether it counts: it answers, or is too new to tell.
    pub(crate) listed: bool,
    /// Whether somebody answers at its port; nothing of one that never did yet.
    pub(crate) answers: Option<bool>,
    pub(crate) registered: String,
}

/// The body of every error, in the shape that Wok gives its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorView {
    /// A stable word for programs, such as `KPPEER404`.
    pub(crate) code: String,
    /// A sentence for people.
    pub(crate) reason: String,
}

/// A time in the form that every answer uses: RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}

/// A time kept as Unix milliseconds.
pub(crate) fn from_unix_milliseconds(milliseconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0))
}

/// A time as Unix milliseconds.
pub(crate) fn unix_milliseconds(time: SystemTime) -> i64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}
