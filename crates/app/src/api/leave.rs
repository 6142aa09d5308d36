//! `POST /v1/leave`: the daemon announces an absence and ends.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use kimchi_peers::{Absence, Note};

use crate::api::error::ApiError;
use crate::daemon::Daemon;
use crate::view::{LeaveRequest, Object, PlannedView, rfc3339};

/// What an absence is for unless something else is said.
const REASON_DEFAULT: &str = "maintenance";

/// Answers before the goodbye is said.
pub(crate) async fn leave(
    State(daemon): State<Arc<Daemon>>,
    body: Result<Json<Object<LeaveRequest>>, JsonRejection>,
) -> Result<(StatusCode, Json<PlannedView>), ApiError> {
    let Json(Object(LeaveRequest { seconds, reason })) = body.map_err(ApiError::from)?;
    let wrong = |reason: String| ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", reason);
    let reason = reason.as_deref().unwrap_or(REASON_DEFAULT);
    let reason: Note = reason.parse().map_err(|error| wrong(format!("the reason is {error}")))?;
    let absence = Absence::new(seconds, reason).map_err(|error| wrong(error.to_string()))?;
    let until = SystemTime::now() + Duration::from_secs(seconds.into());
    let view = PlannedView { until: rfc3339(until), reason: absence.reason().to_string(), overdue: false };
    tracing::info!(until = view.until, reason = view.reason, "leaving for a while, as asked");
    daemon.leave(absence);
    Ok((StatusCode::ACCEPTED, Json(view)))
}
