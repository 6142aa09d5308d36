//! Errors as the API tells them: a status, a stable word and a sentence.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::daemon::remotes::{AddError, RemoveError};
use crate::store::StoreError;
use crate::view::ErrorView;

/// An answer that tells what went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    reason: String,
}

impl ApiError {
    /// An error with a stable code for programs and a sentence for people.
    pub(crate) fn new(status: StatusCode, code: &'static str, reason: impl Into<String>) -> Self {
        Self { status, code, reason: reason.into() }
    }

    pub(crate) fn no_such_peer(id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "KPPEER0404", format!("no peer has the id {id}"))
    }

    pub(crate) fn ended() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "KPEND0503", "the daemon is ending")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorView { code: self.code.to_owned(), reason: self.reason };
        let mut response = (self.status, Json(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<JsonRejection> for ApiError {
    fn from(error: JsonRejection) -> Self {
        let (status, code) = match error.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => (status, "KPAPI0413"),
            status @ StatusCode::UNSUPPORTED_MEDIA_TYPE => (status, "KPAPI0415"),
            _ => (StatusCode::BAD_REQUEST, "KPAPI0400"),
        };
        Self::new(status, code, error.body_text())
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Full => (StatusCode::INSUFFICIENT_STORAGE, "KPSTORE0507"),
            StoreError::Exists(_) => (StatusCode::CONFLICT, "KPPEER0409"),
            StoreError::Busy | StoreError::Locked | StoreError::Closed => {
                (StatusCode::SERVICE_UNAVAILABLE, "KPSTORE0503")
            }
            StoreError::ReadOnly(_) | StoreError::Failed(_) | StoreError::Thread(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "KPSTORE0500")
            }
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<AddError> for ApiError {
    fn from(error: AddError) -> Self {
        let reason = error.to_string();
        match error {
            AddError::Store(error) => error.into(),
            AddError::NoAddress
            | AddError::Address(_)
            | AddError::Name(_)
            | AddError::Ourselves(_)
            | AddError::Broadcast(_) => Self::new(StatusCode::BAD_REQUEST, "KPPEER0400", reason),
            AddError::Known(_) | AddError::Local { .. } => Self::new(StatusCode::CONFLICT, "KPPEER0409", reason),
            AddError::TooMany(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, "KPPEER0507", reason),
        }
    }
}

impl From<RemoveError> for ApiError {
    fn from(error: RemoveError) -> Self {
        let reason = error.to_string();
        match error {
            RemoveError::Store(error) => error.into(),
            RemoveError::Unknown(id) => Self::no_such_peer(&id),
            RemoveError::Live(_) => Self::new(StatusCode::CONFLICT, "KPPEER0410", reason),
        }
    }
}
