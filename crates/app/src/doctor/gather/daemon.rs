//! What a running daemon knows.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kimchi_peers::{Conflict, Instant, LinkStatus, Network, Peer, Reason, State, Status, now};

use super::{console, host};
use crate::api::error::ApiError;
use crate::api::matrix::who_hears_whom;
use crate::client::{ClientError, resolve, resolve_beginning};
use crate::daemon::present::Certificates;
use crate::daemon::rows::RemoteRow;
use crate::daemon::{Daemon, present};
use crate::doctor::Facts;
use crate::doctor::facts::{
    CertificateFact, ConflictKind, DaemonFacts, LinkFact, PeerFact, PlannedFact, RemoteFact, Subject, TrafficFacts,
};
use crate::view::{CertificateState, Origin, PeerView, PlannedView, from_unix_milliseconds};

/// Who fell silent before that is no sign of what is wrong now.
const LATELY: Duration = Duration::from_secs(24 * 3600);
/// For so long the group that was joined anew is told of.
const REJOINED_LATELY: Duration = Duration::from_secs(3600);

/// All that the checks judge, about this host or about the peer that `given` means.
pub(crate) async fn of_daemon(daemon: &Daemon, given: Option<&str>) -> Result<Facts, ApiError> {
    let settings = Arc::new(daemon.settings());
    let state_dir = daemon.state_dir.clone();
    let status = daemon.discovery.status().await.map_err(|_| ApiError::ended())?;
    let of_host = {
        let settings = Arc::clone(&settings);
        tokio::task::spawn_blocking(move || (host::look(&settings, true), host::state(&state_dir)))
    };
    let address = status.links.iter().find_map(|link| link.address);
    let (of_host, console) = tokio::join!(of_host, console(address, status.profile.https_port));
    let (of_host, state) = of_host.map_err(|_| ApiError::ended())?;
    daemon.refresh().await;
    let facts = of_engine(daemon, &status).await?;
    let subject = given.map(|given| subject(daemon, &status, given)).transpose()?;
    Ok(Facts {
        name: status.profile.name.to_string(),
        port: status.port,
        https_port: status.profile.https_port,
        state,
        host: of_host,
        console,
        daemon: Some(facts),
        subject,
    })
}

async fn of_engine(daemon: &Daemon, status: &Status) -> Result<DaemonFacts, ApiError> {
    let matrix = who_hears_whom(daemon).await?;
    let trust = daemon.trust_view(status);
    let registry = daemon.registry();
    let called = |key: &kimchi_peers::PeerKey| {
        registry.local(&key.to_string()).map(|row| {
            let address = row.peer.addresses().first().map_or_else(String::new, |address| format!(" at {address}"));
            format!("{}{address}", row.peer.name)
        })
    };
    let peer = |row: &crate::daemon::rows::LocalRow| PeerFact {
        version: row.peer.facts.version.as_ref().map(ToString::to_string),
        extended: !row.peer.key.is_base(),
        conflict: conflict_kind(&row.peer).zip(present::conflict(&row.peer, called)),
        certificate: another(present::certificates(row)),
        planned: row.planned.as_deref().map(|planned| planned_fact(present::planned(planned), planned.until)),
        ..peer_fact(present::local(row), row.last_seen, row.state_since)
    };
    let rows: Vec<&Peer> = registry.locals().map(|row| &*row.peer).collect();
    let passed = now().since(daemon.started_at);
    Ok(DaemonFacts {
        id: status.identity.id.to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        running_for: passed.as_secs(),
        clock_leap: leap(daemon.started, passed),
        links: status.links.iter().map(|link| link_fact(link, status, &rows)).collect(),
        port_error: status.port_error.clone(),
        peers: registry.locals().map(peer).collect(),
        remotes: registry.remotes().map(remote_fact).collect(),
        matrix: Some(matrix),
        traffic: traffic(status),
        copy: daemon.seen_clone().as_ref().and_then(crate::daemon::trust::SeenClone::told).map(str::to_owned),
        made_elsewhere: daemon.is_made_elsewhere(),
        mode: trust.mode,
        would_vanish: trust.would_vanish,
        group_keys: trust.group_keys.len(),
        store_troubles: daemon.store.status().degraded.into_iter().collect(),
        reload_troubles: daemon.reload_troubles().values().cloned().collect(),
        api_certificate: daemon.api_certificate().clone(),
        console_answered: daemon.console.has_answered(),
    })
}

/// By how much the wall clock went ahead of the time that passed, in milliseconds.
fn leap(started: SystemTime, passed: Duration) -> i64 {
    let expected = started + passed;
    let milliseconds = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(expected) {
        Ok(ahead) => milliseconds(ahead),
        Err(behind) => -milliseconds(behind.duration()),
    }
}

fn link_fact(link: &LinkStatus, status: &Status, rows: &[&Peer]) -> LinkFact {
    let now = now();
    let age = |at: Instant| u64::try_from(now.since(at).as_millis()).unwrap_or(u64::MAX);
    let networks: &[Network] =
        status.interfaces.iter().find(|interface| interface.name == link.name).map_or(&[], |found| &found.networks);
    let is_there = |peer: &&&Peer| peer.is_live() && peer.paths.iter().any(|path| path.interface == link.index);
    let was_there = |peer: &&&Peer| {
        let lost =
            peer.state == State::Down && peer.reason == Some(Reason::Lost) && now.since(peer.state_since) < LATELY;
        lost && peer.paths.iter().any(|path| networks.iter().any(|network| network.contains(path.address)))
    };
    let rejoined = link.rejoined.filter(|at| now.since(*at) < REJOINED_LATELY);
    LinkFact {
        name: link.name.clone(),
        deaf: link.deaf,
        heard_self: link.heard_self.is_some(),
        heard: link.heard.map(age),
        isolated: link.isolated,
        pruned: link.pruned,
        rejoined: rejoined.map(age),
        rejoining_helped: !link.pruned && rejoined.is_some_and(|at| link.heard_group > at),
        loss: link.loss,
        listed: rows.iter().filter(is_there).count(),
        lost_lately: rows.iter().filter(was_there).count(),
    }
}

fn traffic(status: &Status) -> TrafficFacts {
    let counters = &status.counters;
    TrafficFacts {
        received: counters.received.values().sum(),
        kernel_dropped: status.kernel_drops,
        skipped: status.skipped,
        send_errors: status.send_errors,
        dropped: counters.dropped.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect(),
    }
}

fn seconds_since(time: i64) -> u64 {
    SystemTime::now().duration_since(from_unix_milliseconds(time)).unwrap_or_default().as_secs()
}

fn planned_fact(view: PlannedView, until: i64) -> PlannedFact {
    let overdue_for = view.overdue.then(|| seconds_since(until));
    PlannedFact { until: view.until, reason: view.reason, overdue_for }
}

fn peer_fact(view: PeerView, last_seen: Option<i64>, state_since: i64) -> PeerFact {
    PeerFact {
        id: view.id,
        name: view.name,
        addresses: view.addresses,
        state: view.state,
        reason: view.reason,
        state_for: seconds_since(state_since),
        seen: last_seen.map(seconds_since),
        reach: view.reach,
        conflict: None,
        planned: None,
        version: None,
        certificate: None,
        extended: true,
    }
}

fn conflict_kind(peer: &Peer) -> Option<ConflictKind> {
    Some(match peer.conflict.as_deref()? {
        Conflict::Name(_) => ConflictKind::Name,
        Conflict::Pinned(_) => ConflictKind::Key,
        Conflict::Address(_) => ConflictKind::Address,
        Conflict::Identity(_) => ConflictKind::Identity,
    })
}

/// The certificates, where the one that was shown is not the one that should have been.
fn another(certificates: Certificates) -> Option<CertificateFact> {
    let Certificates { shown, expected, state } = certificates;
    let (shown, expected) = shown.zip(expected).filter(|_| state == CertificateState::Changed)?;
    Some(CertificateFact { shown, expected })
}

fn remote_fact(row: &RemoteRow) -> RemoteFact {
    let view = present::remote(row);
    RemoteFact {
        id: view.id,
        name: view.name,
        state: view.state,
        failure: view.reason.zip(row.failure.clone()),
        rtt_ms: view.rtt_ms,
        certificate: another(present::remote_certificates(row)),
    }
}

/// Whom a text means: a row, this host, or somebody of whom nothing is known.
fn subject(daemon: &Daemon, status: &Status, given: &str) -> Result<Subject, ApiError> {
    let given = given.trim();
    let peers = daemon.registry().views();
    let address: Option<IpAddr> = given.parse().ok();
    let unknown = Subject { given: given.to_owned(), address, ..Subject::default() };
    let of_row = |peer: &PeerView| {
        let id = Some(peer.id.clone());
        match peer.origin {
            Origin::Local => Subject { peer: id, ..unknown.clone() },
            Origin::Remote => Subject { remote: id, ..unknown.clone() },
        }
    };
    if let Some(found) = resolve(&peers, given).map_err(ambiguous)? {
        return Ok(of_row(found.peer));
    }
    let own = status.profile.name.as_str().eq_ignore_ascii_case(given)
        || status.identity.id.to_string() == given
        || status.links.iter().any(|link| address.is_some() && link.address == address);
    if own {
        return Ok(Subject { is_own: true, ..unknown });
    }
    match resolve_beginning(&peers, given) {
        Ok(peer) => Ok(of_row(peer)),
        Err(ClientError::NoSuchPeer(_)) => {
            let used = |name: &str| status.links.iter().any(|link| link.name == name);
            let has_it = |network: &Network| address.is_some_and(|address| network.contains(address));
            let on_link = status.interfaces.iter().find(|one| used(&one.name) && one.networks.iter().any(has_it));
            Ok(Subject { on_link: on_link.map(|interface| interface.name.clone()), ..unknown })
        }
        Err(error) => Err(ambiguous(error)),
    }
}

fn ambiguous(error: ClientError) -> ApiError {
    ApiError::new(axum::http::StatusCode::CONFLICT, "KPPEER0411", error.to_string())
}
