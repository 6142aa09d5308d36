//! What the programs of this host registered: the side of the API that `slptool` uses.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::api::error::ApiError;
use crate::api::peers::readable;
use crate::daemon::Daemon;
use crate::service::InvalidServiceUrl;
use crate::view::{Object, RegisterRequest, ServiceView};

/// `GET /v1/services`
pub(crate) async fn list(State(daemon): State<Arc<Daemon>>) -> Json<Vec<ServiceView>> {
    Json(daemon.services().views())
}

/// `POST /v1/services`
pub(crate) async fn register(
    State(daemon): State<Arc<Daemon>>,
    body: Result<Json<Object<RegisterRequest>>, JsonRejection>,
) -> Result<(StatusCode, Json<ServiceView>), ApiError> {
    let Json(Object(request)) = body.map_err(ApiError::from)?;
    let (view, is_new) = daemon.register(request.url.parse().map_err(wrong)?).await;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(view)))
}

/// `DELETE /v1/services/{url}`
pub(crate) async fn deregister(
    State(daemon): State<Arc<Daemon>>,
    url: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, ApiError> {
    let url = readable(url)?.parse().map_err(wrong)?;
    if daemon.deregister(&url).await {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(ApiError::new(StatusCode::NOT_FOUND, "KPSERVICE0404", format!("{url} is not registered")))
}

fn wrong(error: InvalidServiceUrl) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "KPSERVICE0400", error.to_string())
}
