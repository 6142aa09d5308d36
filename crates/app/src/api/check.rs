//! The certificate behind a row, looked at on request.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::api::error::ApiError;
use crate::api::peers::readable;
use crate::daemon::Daemon;
use crate::daemon::check::CheckError;
use crate::view::CheckView;

/// `POST /v1/peers/{id}/check`
pub(crate) async fn check(
    State(daemon): State<Arc<Daemon>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<CheckView>, ApiError> {
    Ok(Json(daemon.check(&readable(id)?).await?))
}

impl From<CheckError> for ApiError {
    fn from(error: CheckError) -> Self {
        let reason = error.to_string();
        match error {
            CheckError::Unknown(id) => Self::no_such_peer(&id),
            CheckError::NoAddress(_) | CheckError::Ourselves(_) | CheckError::Address(_) => {
                Self::new(StatusCode::CONFLICT, "KPCHECK0409", reason)
            }
        }
    }
}
