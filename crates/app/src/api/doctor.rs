//! Why somebody is not seen.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::daemon::Daemon;
use crate::doctor::{Report, examine, gather};

/// Whom a question is about.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    peer: Option<String>,
}

/// `GET /v1/doctor`
pub(crate) async fn doctor(
    State(daemon): State<Arc<Daemon>>,
    about: Result<Query<About>, QueryRejection>,
) -> Result<Json<Report>, ApiError> {
    let Query(about) = about.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", error.body_text()))?;
    if about.peer.as_deref().is_some_and(|peer| peer.trim().is_empty()) {
        let reason = "peer is empty: give a name, an address or an id, or leave it out";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", reason));
    }
    // It looks at all processes and opens a connection: one at a time, so that asking often costs no more than that.
    let _one_at_a_time = daemon.examinations.lock().await;
    let facts = gather::of_daemon(&daemon, about.peer.as_deref()).await?;
    Ok(Json(examine(&facts)))
}
