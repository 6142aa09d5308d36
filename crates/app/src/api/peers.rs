//! Reading and changing the list of peers.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use kimchi_peers::PeerKey;

use crate::api::entity::tagged;
use crate::api::error::ApiError;
use crate::client::peer_path;
use crate::daemon::{Daemon, present};
use crate::store::{HistoryEntry, HistoryFilter};
use crate::view::{
    AddRequest, HistoryView, Object, Origin, PeerDetail, PeerState, PeerView, from_unix_milliseconds, rfc3339,
};

/// History entries shown with one peer.
const HISTORY_SHOWN: u32 = 50;

/// `GET /peers`: the URLs of the peers that are there, in the very bytes in which Wok and Kimchi write theirs.
pub(crate) async fn wok(State(daemon): State<Arc<Daemon>>, headers: HeaderMap) -> Response {
    let mut urls: Vec<String> = Vec::new();
    for peer in daemon.registry().views() {
        // What the last run knew is there until the opposite is known.
        // Its readers make links of what they get, so nobody is led to a console that shows another certificate.
        if let Some(url) = peer.safe_url().filter(|_| peer.state != PeerState::Down)
            && !urls.iter().any(|known| known == url)
        {
            urls.push(url.to_owned());
        }
    }
    tagged(&headers, "application/json;charset=utf-8", wok_array(&urls))
}

/// A JSON array with each element on a line, indented by two, as Python's `json.dumps(indent=2, separators=(',', ':'))`.
fn wok_array(urls: &[String]) -> String {
    if urls.is_empty() {
        return "[]".to_owned();
    }
    // A URL is built of plain characters only, so nothing in it needs an escape.
    let lines: Vec<String> = urls.iter().map(|url| format!("  \"{url}\"")).collect();
    format!("[\n{}\n]", lines.join(",\n"))
}

/// What a list may be narrowed to.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    state: Option<PeerState>,
    origin: Option<Origin>,
    name: Option<String>,
    /// Whether the round trips are to be measured in the next seconds, for the next reading.
    #[serde(default)]
    measure: bool,
}

impl Filter {
    fn takes(&self, peer: &PeerView) -> bool {
        self.state.is_none_or(|state| state == peer.state)
            && self.origin.is_none_or(|origin| origin == peer.origin)
            && self.name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&peer.name))
    }
}

/// `GET /v1/peers`
pub(crate) async fn list(
    State(daemon): State<Arc<Daemon>>,
    filter: Result<Query<Filter>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Query(filter) =
        filter.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", error.body_text()))?;
    if filter.measure {
        daemon.discovery.measure().await.map_err(|_| ApiError::ended())?;
    }
    daemon.refresh().await;
    let mut peers = daemon.registry().views();
    peers.retain(|peer| filter.takes(peer));
    let body = serde_json::to_string(&peers).unwrap_or_default();
    Ok(tagged(&headers, "application/json", body))
}

/// `GET /v1/peers/{id}`
pub(crate) async fn show(
    State(daemon): State<Arc<Daemon>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<PeerDetail>, ApiError> {
    let id = readable(id)?;
    daemon.refresh().await;
    let links = daemon.discovery.status().await.map_err(|_| ApiError::ended())?.links;
    let interface = |index: u32| links.iter().find(|link| link.index == index).map(|link| link.name.clone());
    // The registry changes with events; when a path was heard last changes without one.
    let fresh = match id.parse::<PeerKey>() {
        Ok(key) => daemon.discovery.peer(key).await.map_err(|_| ApiError::ended())?,
        Err(_) => None,
    };
    let detail = {
        let registry = daemon.registry();
        let called = |key: &PeerKey| {
            registry.local(&key.to_string()).map(|row| {
                let address = row.peer.addresses().first().map_or_else(String::new, |address| format!(" at {address}"));
                format!("{}{address}", row.peer.name)
            })
        };
        let local = registry.local(&id).map(|row| PeerDetail {
            peer: present::local(row),
            conflict: present::conflict(&row.peer, called),
            failure: None,
            evidence: present::evidence(fresh.as_ref().unwrap_or(&row.peer), interface),
            certificate: present::certificates(row).shown,
            certificate_expected: present::certificates(row).expected,
            history: Vec::new(),
        });
        let remote = registry.remote(&id).map(|row| PeerDetail {
            peer: present::remote(row),
            conflict: None,
            failure: row.failure.clone(),
            evidence: Vec::new(),
            certificate: row.shown.clone().or_else(|| row.stored.certificate.clone()),
            certificate_expected: row.stored.certificate.clone(),
            history: Vec::new(),
        });
        local.or(remote)
    };
    let mut detail = detail.ok_or_else(|| ApiError::no_such_peer(&id))?;
    detail.history = history(&daemon, id).await;
    Ok(Json(detail))
}

/// The id of the path, unless its bytes are no text.
pub(crate) fn readable(id: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let Path(id) = id.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", error.body_text()))?;
    Ok(id)
}

async fn history(daemon: &Daemon, id: String) -> Vec<HistoryView> {
    // A store that cannot be read is told in the status; the peer is shown all the same.
    let filter = HistoryFilter { peer: Some(id), limit: HISTORY_SHOWN, ..HistoryFilter::default() };
    let entries = daemon.store.history(filter).await.unwrap_or_default();
    let view = |entry: HistoryEntry| HistoryView {
        time: rfc3339(from_unix_milliseconds(entry.time)),
        event: entry.event,
        cause: entry.cause,
        address: entry.address,
    };
    entries.into_iter().map(view).collect()
}

/// `POST /v1/peers`
pub(crate) async fn add(
    State(daemon): State<Arc<Daemon>>,
    body: Result<Json<Object<AddRequest>>, JsonRejection>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<PeerView>), ApiError> {
    let Json(Object(request)) = body.map_err(ApiError::from)?;
    let peer = daemon.add(&request).await?;
    Ok((StatusCode::CREATED, [(header::LOCATION, peer_path(&peer.id))], Json(peer)))
}

/// `DELETE /v1/peers/{id}`
pub(crate) async fn remove(
    State(daemon): State<Arc<Daemon>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    daemon.remove(&readable(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /v1/search`
pub(crate) async fn search(
    State(daemon): State<Arc<Daemon>>,
) -> Result<(StatusCode, Json<serde_json::Value>), ApiError> {
    daemon.discovery.search().await.map_err(|_| ApiError::ended())?;
    daemon.monitor.check_all_now();
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({ "accepted": true }))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_wok() {
        assert_eq!(wok_array(&[]), "[]");
        let urls = ["https://kvm-1:8001".to_owned(), "https://kvm-2:8001".to_owned()];
        assert_eq!(wok_array(&urls), "[\n  \"https://kvm-1:8001\",\n  \"https://kvm-2:8001\"\n]");
    }
}
