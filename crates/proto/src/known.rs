//! What is kept of a peer from one run to the next.

use std::net::IpAddr;

use crate::certificate::CertificateHash;
use crate::facts::Facts;
use crate::peer::{Peer, PeerKey, Reason};
use crate::text::HostName;
use crate::trust::Trust;

/// A peer as it was known at the end of the last run, given to the engine at its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPeer {
    /// What identifies the row.
    pub key: PeerKey,
    /// The host's name.
    pub name: HostName,
    /// Where its console answered HTTP.
    pub http_port: u16,
    /// Where its console answered HTTPS.
    pub https_port: u16,
    /// Its newest known incarnation; 0 for a base peer.
    pub epoch: u64,
    /// The newest known number within that; 0 for a base peer.
    pub sequence: u64,
    /// What it told of itself.
    pub facts: Facts,
    /// What its console proved itself by, as it said.
    pub certificate: Option<CertificateHash>,
    /// Its addresses, the one to use first.
    pub addresses: Vec<IpAddr>,
    /// Why it was down; `None` where it was there.
    pub down: Option<Reason>,
    /// What it had proved.
    pub trust: Trust,
    /// Whether the name is this row's.
    pub holds_name: bool,
}

impl From<&Peer> for KnownPeer {
    /// What to keep of a row for the next start.
    fn from(peer: &Peer) -> Self {
        Self {
            key: peer.key.clone(),
            name: peer.name.clone(),
            http_port: peer.http_port,
            https_port: peer.https_port,
            epoch: peer.epoch,
            sequence: peer.sequence,
            facts: peer.facts.clone(),
            certificate: peer.certificate.as_deref().copied(),
            addresses: peer.addresses(),
            down: peer.reason,
            trust: peer.trust,
            holds_name: peer.holds_name,
        }
    }
}
