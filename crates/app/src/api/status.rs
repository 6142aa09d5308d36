//! This host and how its daemon is doing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::{Extension, Json};
use kimchi_peers::{Choice, Status, wall_clock};

use crate::api::error::ApiError;
use crate::api::guard::Rights;
use crate::daemon::{Daemon, present};
use crate::view::{DatagramsView, InterfaceView, LinkView, SelfView, StatusView, StoreView, rfc3339};

/// `GET /v1/self`
pub(crate) async fn myself(State(daemon): State<Arc<Daemon>>) -> Result<Json<SelfView>, ApiError> {
    let status = daemon.discovery.status().await.map_err(|_| ApiError::ended())?;
    let addresses = status.links.iter().filter_map(|link| link.address).map(|address| address.to_string());
    Ok(Json(SelfView {
        id: status.identity.id.to_string(),
        name: status.profile.name.to_string(),
        epoch: status.identity.epoch,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        addresses: addresses.collect(),
        http_port: status.profile.http_port,
        https_port: status.profile.https_port,
        facts: present::facts(&status.profile.facts),
    }))
}

/// `GET /v1/status`
pub(crate) async fn status(State(daemon): State<Arc<Daemon>>) -> Result<Json<StatusView>, ApiError> {
    let status = daemon.discovery.status().await.map_err(|_| ApiError::ended())?;
    let degraded = daemon.degraded().await;
    let api = daemon.listening().addresses.clone();
    Ok(Json(StatusView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        name: status.profile.name.to_string(),
        id: status.identity.id.to_string(),
        started: rfc3339(daemon.started),
        state_dir: daemon.state_dir.display().to_string(),
        api,
        degraded,
        concerns: daemon.concerns(),
        peers: peers_by_state(&daemon),
        links: status.links.iter().map(link).collect(),
        interfaces: status.interfaces.iter().map(interface).collect(),
        store: store(&daemon),
        trust: daemon.trust_view(&status),
        datagrams: datagrams(status),
    }))
}

/// `GET /healthz`: a word for everybody, and what does not work for those who may read the list.
pub(crate) async fn health(
    State(daemon): State<Arc<Daemon>>,
    rights: Option<Extension<Rights>>,
) -> Json<serde_json::Value> {
    let degraded = daemon.degraded().await;
    let status = if degraded.is_empty() { "ok" } else { "degraded" };
    Json(match rights {
        Some(Extension(Rights::Reader)) => serde_json::json!({ "status": status, "degraded": degraded }),
        Some(Extension(Rights::Anybody)) | None => serde_json::json!({ "status": status }),
    })
}

/// Rows by origin and state, such as `local_up`; all of them, so that a reader sees the zeros.
pub(crate) fn peers_by_state(daemon: &Daemon) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for origin in ["local", "remote"] {
        for state in ["up", "suspect", "down", "unknown"] {
            counts.insert(format!("{origin}_{state}"), 0);
        }
    }
    for peer in daemon.registry().views() {
        *counts.entry(format!("{}_{}", peer.origin.as_str(), peer.state.as_str())).or_insert(0) += 1;
    }
    counts
}

fn link(link: &kimchi_peers::LinkStatus) -> LinkView {
    LinkView {
        name: link.name.clone(),
        address: link.address.as_ref().map(IpAddr::to_string),
        heard_self: link.heard_self.map(|at| rfc3339(wall_clock(at))),
        loss: link.loss,
        isolated: link.isolated,
    }
}

fn interface(interface: &kimchi_peers::InterfaceChoice) -> InterfaceView {
    InterfaceView {
        name: interface.name.clone(),
        used: interface.choice == Choice::Used,
        why: interface.choice.as_str().to_owned(),
    }
}

fn store(daemon: &Daemon) -> StoreView {
    let status = daemon.store.status();
    StoreView {
        pending: status.pending as u64,
        commits: status.commits,
        failed_commits: status.failed_commits,
        database_bytes: status.database_bytes,
    }
}

fn by_name(counts: BTreeMap<&'static str, u64>) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

fn datagrams(status: Status) -> DatagramsView {
    let counters = status.counters;
    let by_kind = |counts: BTreeMap<kimchi_peers::Kind, u64>| {
        counts.into_iter().map(|(kind, count)| (kind.as_str().to_owned(), count)).collect()
    };
    DatagramsView {
        received: by_kind(counters.received),
        sent: by_kind(counters.sent),
        sent_bytes: counters.sent_bytes,
        dropped: by_name(counters.dropped),
        verified: counters.verified,
        over_budget: by_name(counters.over_budget),
        own: counters.own,
        kernel_dropped: status.kernel_drops,
        skipped: status.skipped,
        send_errors: status.send_errors,
        unreachable: status.unreachable,
    }
}
