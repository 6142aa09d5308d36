//! Names and group keys over the API. No key is ever in a request or an answer.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::api::error::ApiError;
use crate::api::peers::readable;
use crate::daemon::Daemon;
use crate::daemon::trust::{KeyError, TrustError};
use crate::view::KeysView;

/// `POST /v1/peers/{id}/trust`
pub(crate) async fn trust(
    State(daemon): State<Arc<Daemon>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    daemon.trust(&readable(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/keys`
pub(crate) async fn keys(State(daemon): State<Arc<Daemon>>) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(daemon.keys().await?))
}

/// `POST /v1/keys/reload`
pub(crate) async fn reload(State(daemon): State<Arc<Daemon>>) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(daemon.reload_keys().await?))
}

/// `POST /v1/keys/{id}/use`
pub(crate) async fn make_primary(
    State(daemon): State<Arc<Daemon>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<KeysView>, ApiError> {
    Ok(Json(daemon.use_key(&readable(id)?).await?))
}

/// `DELETE /v1/keys/{id}`
pub(crate) async fn remove(
    State(daemon): State<Arc<Daemon>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    daemon.remove_key(&readable(id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TrustError> for ApiError {
    fn from(error: TrustError) -> Self {
        let reason = error.to_string();
        match error {
            TrustError::Unknown(id) => Self::no_such_peer(&id),
            TrustError::Unsigned(_) | TrustError::Remote(_) | TrustError::Certificate(_) | TrustError::Copy(_) => {
                Self::new(StatusCode::CONFLICT, "KPTRUST0409", reason)
            }
            TrustError::Ended => Self::ended(),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        let reason = error.to_string();
        match error {
            KeyError::Id(_) => Self::new(StatusCode::BAD_REQUEST, "KPKEY0400", reason),
            KeyError::Unknown(_) => Self::new(StatusCode::NOT_FOUND, "KPKEY0404", reason),
            KeyError::InUse { .. } => Self::new(StatusCode::CONFLICT, "KPKEY0409", reason),
            KeyError::File(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "KPKEY0500", reason),
            KeyError::Ended => Self::ended(),
        }
    }
}
