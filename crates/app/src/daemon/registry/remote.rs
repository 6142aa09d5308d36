//! The peers of other networks in the registry: added by hand, and what checking them tells.

use std::time::SystemTime;

use kimchi_peers::remote::{CheckFailure, RemoteReport, RemoteState};

use super::{CERTIFICATE_CHANGED, Keep, Registry, certificate_news};
use crate::api::hexadecimal;
use crate::daemon::present;
use crate::daemon::rows::RemoteRow;
use crate::store::{HistoryEntry, RemoteHealth as StoredHealth, StoredRemote};
use crate::view::{CertificateState, PeerState, PeerView, unix_milliseconds};

impl Registry {
    /// Holds a remote peer to the certificate that it shows now; tells whether that is another one than before.
    pub(crate) fn trust_certificate(&mut self, key: &str) -> Option<Vec<Keep>> {
        let row = self.remotes.get_mut(key)?;
        if present::remote_certificates(row).state != CertificateState::Changed {
            return None;
        }
        row.stored.certificate = row.shown.clone();
        let (stored, view) = (row.stored.clone(), present::remote(row));
        self.announce("changed", Some("certificate_trusted"), view);
        let entry = remote_history(&stored, "changed", Some("certificate_trusted"));
        Some(vec![Keep::Health(Box::new(health(&stored))), entry])
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
        let before = present::remote_certificates(row);
        let transition = row.health.observe(report);
        row.stored.state = remote_state(row.health.state()).as_str().to_owned();
        match &report.outcome {
            Ok(reached) => {
                row.reached = Some(reached.address.ip());
                row.failure = None;
                row.stored.reason = None;
                row.stored.last_seen = Some(now);
                row.stored.round_trip_ms = Some(present::milliseconds(reached.connect_time));
                let shown = hexadecimal(&reached.certificate_sha256);
                // The first one is what it is held to, until somebody trusts another.
                row.stored.certificate.get_or_insert_with(|| shown.clone());
                row.shown = Some(shown);
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
        let news = certificate_news(&before, &present::remote_certificates(row), false);
        let shown = row.shown.clone();
        if transition.is_some() {
            let (event, cause) = (view.state.as_str(), report.outcome.as_ref().err().map(CheckFailure::cause));
            keep.push(remote_history(&stored, event, cause));
            self.announce(event, cause, view.clone());
        }
        if let Some(cause) = news {
            if cause == CERTIFICATE_CHANGED {
                tracing::warn!(peer = %stored.key, "its console shows another certificate than it did first");
            }
            keep.push(remote_history(&StoredRemote { certificate: shown, ..stored }, "changed", Some(cause)));
            self.announce("changed", Some(cause), view);
        }
        keep
    }
}

/// The monitor's state in the API's words.
const fn remote_state(state: RemoteState) -> PeerState {
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
