//! `GET /sd/prometheus`: the peers as targets, by the HTTP service discovery of Prometheus.

use std::num::NonZeroU16;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::daemon::Daemon;
use crate::export::{destinations, prometheus};
use crate::output::sorted;
use crate::view::PeerState;

/// Which targets, and at which port.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    #[serde(default)]
    state: States,
    port: Option<NonZeroU16>,
}

/// The states of the peers that are wanted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum States {
    #[default]
    Up,
    Suspect,
    Down,
    Unknown,
    All,
}

impl States {
    const fn takes(self, state: PeerState) -> bool {
        match self {
            Self::All => true,
            Self::Up => matches!(state, PeerState::Up),
            Self::Suspect => matches!(state, PeerState::Suspect),
            Self::Down => matches!(state, PeerState::Down),
            Self::Unknown => matches!(state, PeerState::Unknown),
        }
    }
}

/// The whole list, each time: Prometheus takes a target that is missing for one that is gone, and keeps what it has
/// where the answer is no list.
pub(crate) async fn prometheus(
    State(daemon): State<Arc<Daemon>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(wanted) =
        wanted.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", error.body_text()))?;
    let mut peers = daemon.registry().views();
    peers.retain(|peer| wanted.state.takes(peer.state));
    let groups = prometheus::groups(&destinations(&sorted(peers)), wanted.port.map(NonZeroU16::get));
    let body = serde_json::to_string(&groups).unwrap_or_else(|_| "[]".to_owned());
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}
