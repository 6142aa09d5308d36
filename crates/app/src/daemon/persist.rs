//! Peers as the store keeps them, and back.

use std::collections::BTreeMap;

use kimchi_peers::{FactSet, Facts, KnownPeer, Note, Peer, PeerKey, Reason, State, Trust};

use crate::daemon::present;
use crate::daemon::rows::{LocalRow, Planned};
use crate::store::{PlannedAbsence, StoredPeer};

/// What the store keeps as the time of hearing of a peer that was never heard itself.
const NEVER: i64 = 0;
/// The member beside the facts that has the certificate of the peer's console.
const CERTIFICATE: &str = "certificate";

/// What the store keeps of a local peer. Epoch and number of one that others told of stay 0: only its own word counts, so
/// that whatever it says in a later run is newer than what somebody said of it.
pub(crate) fn stored(row: &LocalRow) -> StoredPeer {
    let peer = &row.peer;
    // What is not confirmed yet is kept as it was.
    let (state, reason) = match peer.state {
        State::Unknown | State::Up | State::Suspect => (State::Up, None),
        State::Down => (State::Down, peer.reason),
    };
    StoredPeer {
        key: peer.key.to_string(),
        name: peer.name.to_string(),
        identity: peer.key.id().map(ToString::to_string),
        epoch: peer.epoch,
        sequence: peer.sequence,
        addresses: peer.addresses().iter().map(ToString::to_string).collect(),
        http_port: peer.http_port,
        https_port: peer.https_port,
        state: state.as_str().to_owned(),
        reason: reason.map(|reason| reason.as_str().to_owned()),
        first_seen: row.first_seen,
        last_seen: row.last_seen.unwrap_or(NEVER),
        state_since: row.state_since,
        facts: serde_json::to_string(&told(peer)).unwrap_or_default(),
        interface: None,
        trust: peer.trust.as_str().to_owned(),
        holds_name: peer.holds_name,
        planned: row
            .planned
            .as_deref()
            .map(|planned| PlannedAbsence { until: planned.until, reason: planned.reason.clone() }),
    }
}

/// What it says about itself: its facts, and the certificate of its console.
fn told(peer: &Peer) -> BTreeMap<String, String> {
    let certificate = peer.certificate.as_deref().map(|hash| (CERTIFICATE.to_owned(), hash.to_string()));
    present::facts(&peer.facts).into_iter().chain(certificate).collect()
}

/// The announced absence of a kept row; nothing where the text is none that a peer can say.
pub(crate) fn planned(stored: &StoredPeer, now: i64) -> Option<Box<Planned>> {
    let PlannedAbsence { until, reason } = stored.planned.as_ref()?;
    let reason: Note = reason.parse().ok()?;
    // What was overdue before the start was told before it.
    Some(Box::new(Planned { until: *until, reason: reason.to_string(), told_overdue: *until <= now }))
}

/// What the engine is told of a kept peer; `None` where a text is not what it should be, so that nothing from a file
/// is trusted more than a datagram.
pub(crate) fn known(stored: &StoredPeer) -> Option<KnownPeer> {
    let key: PeerKey = stored.key.parse().ok()?;
    // A copy's row lives as long as the conflict; it is found again if that goes on.
    if matches!(key, PeerKey::Clone(..)) || stored.http_port == 0 || stored.https_port == 0 {
        return None;
    }
    let down = (stored.state == State::Down.as_str()).then_some(if stored.reason.as_deref() == Some("left") {
        Reason::Left
    } else {
        Reason::Lost
    });
    let told: BTreeMap<String, String> = serde_json::from_str(&stored.facts).unwrap_or_default();
    Some(KnownPeer {
        key,
        name: stored.name.parse().ok()?,
        http_port: stored.http_port,
        https_port: stored.https_port,
        epoch: stored.epoch,
        sequence: stored.sequence,
        facts: facts(&told),
        certificate: told.get(CERTIFICATE).and_then(|text| text.parse().ok()),
        addresses: stored.addresses.iter().filter_map(|address| address.parse().ok()).collect(),
        down,
        trust: trust(&stored.trust),
        holds_name: stored.holds_name,
    })
}

fn trust(word: &str) -> Trust {
    [Trust::Pinned, Trust::Verified].into_iter().find(|trust| trust.as_str() == word).unwrap_or_default()
}

/// Nothing where the text is not what [`stored`] writes.
fn facts(told: &BTreeMap<String, String>) -> Facts {
    let fact = |name: &str| told.get(name).and_then(|text| text.parse().ok());
    let set = FactSet {
        version: fact("version"),
        server_root: fact("server_root"),
        architecture: fact("architecture"),
        hypervisor: fact("hypervisor"),
    };
    set.into()
}

/// When a kept peer was heard last; `None` if it was only told of.
pub(crate) fn last_seen(stored: &StoredPeer) -> Option<i64> {
    (stored.last_seen != NEVER).then_some(stored.last_seen)
}

/// Whether a kept row says that the peer was there.
pub(crate) fn was_up(peer: &Peer) -> bool {
    matches!(peer.state, State::Unknown)
}
