//! The rows of the registry.

use std::net::IpAddr;

use kimchi_peers::remote::{RemoteAddress, RemoteHealth};
use kimchi_peers::{CertificateHash, Peer};

use crate::store::StoredRemote;

/// A peer of the network. Times are Unix milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct LocalRow {
    pub(crate) peer: Box<Peer>,
    pub(crate) first_seen: i64,
    /// `None` for a peer that others told of and that was never heard itself.
    pub(crate) last_seen: Option<i64>,
    pub(crate) state_since: i64,
    /// `last_seen` as the store has it.
    pub(crate) kept_seen: Option<i64>,
    /// When it means to be back, if it left and said so.
    pub(crate) planned: Option<Box<Planned>>,
    /// What its console showed when somebody asked for it.
    pub(crate) shown: Option<Box<Shown>>,
}

/// What a console showed, and what its host had announced by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) certificate: CertificateHash,
    pub(crate) announced: Option<CertificateHash>,
}

/// An announced absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) until: i64,
    pub(crate) reason: String,
    /// Whether it was told that it is overdue.
    pub(crate) told_overdue: bool,
}

/// A peer that was added by hand.
#[derive(Debug, Clone)]
pub(crate) struct RemoteRow {
    pub(crate) stored: StoredRemote,
    pub(crate) address: RemoteAddress,
    pub(crate) health: RemoteHealth,
    /// The address that answered last.
    pub(crate) reached: Option<IpAddr>,
    /// The newest failure as a sentence; `None` after a success.
    pub(crate) failure: Option<String>,
    /// The certificate that it showed last in this run, in hexadecimal; the row keeps the one that it showed first.
    pub(crate) shown: Option<String>,
}
