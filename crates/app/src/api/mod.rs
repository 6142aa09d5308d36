//! The REST API: `GET /peers` as Wok answers it, and `/v1` with everything.
//!
//! `openapi.json` beside this file is the document of it; a test holds the two together.

pub(crate) mod browser;
mod check;
mod doctor;
mod entity;
pub(crate) mod error;
mod events;
mod guard;
mod history;
mod inherited;
mod leave;
mod listener;
pub(crate) mod matrix;
mod metrics;
mod page;
pub(crate) mod peers;
mod places;
mod refusals;
mod script;
mod server;
mod services;
pub(crate) mod session;
mod status;
mod targets;
mod tls;
mod trust;
mod validity;
mod watched;
#[cfg(test)]
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};

use crate::api::error::ApiError;
use crate::daemon::Daemon;

pub(crate) use inherited::Inherited;
pub(crate) use listener::{Listener, adopt, open};
pub(crate) use refusals::Refusals;
pub(crate) use server::serve;
pub(crate) use tls::{Tls, hexadecimal};

/// Longest request body in bytes.
const BODY_MAX: usize = 16 * 1024;
/// The document of the API.
const OPENAPI: &str = include_str!("openapi.json");

type Handler = MethodRouter<Arc<Daemon>>;

/// Every path with its methods, as the document names them, and its handlers.
fn routes() -> [(&'static str, &'static [&'static str], Handler); 29] {
    [
        ("/", &["get"], get(page::root)),
        (page::FILES_PATH, &["get"], get(page::part)),
        ("/peers", &["get"], get(peers::wok)),
        ("/v1/peers", &["get", "post"], get(peers::list).post(peers::add)),
        ("/v1/peers/{id}", &["get", "delete"], get(peers::show).delete(peers::remove)),
        ("/v1/peers/{id}/check", &["post"], post(check::check)),
        ("/v1/peers/{id}/trust", &["post"], post(trust::trust)),
        ("/v1/keys", &["get"], get(trust::keys)),
        ("/v1/keys/reload", &["post"], post(trust::reload)),
        ("/v1/keys/{id}", &["delete"], delete(trust::remove)),
        ("/v1/keys/{id}/use", &["post"], post(trust::make_primary)),
        ("/v1/services", &["get", "post"], get(services::list).post(services::register)),
        ("/v1/services/{url}", &["delete"], delete(services::deregister)),
        ("/v1/history", &["get"], get(history::changes)),
        ("/v1/availability", &["get"], get(history::availability)),
        ("/v1/leave", &["post"], post(leave::leave)),
        ("/v1/search", &["post"], post(peers::search)),
        ("/v1/self", &["get"], get(status::myself)),
        ("/v1/status", &["get"], get(status::status)),
        ("/v1/matrix", &["get"], get(matrix::matrix)),
        ("/v1/doctor", &["get"], get(doctor::doctor)),
        ("/v1/events", &["get"], get(events::stream)),
        (session::SESSION_PATH, &["post", "delete"], post(session::begin).delete(session::end)),
        ("/v1/session/code", &["post"], post(session::code)),
        (session::SIGN_IN_PATH, &["get"], get(session::sign_in)),
        ("/metrics", &["get"], get(metrics::metrics)),
        ("/sd/prometheus", &["get"], get(targets::prometheus)),
        ("/healthz", &["get"], get(status::health)),
        ("/openapi.json", &["get"], get(openapi)),
    ]
}

/// The whole API.
pub(crate) fn router(daemon: Arc<Daemon>) -> Router {
    let mut router = Router::new();
    for (path, _, handler) in routes() {
        router = router.route(path, handler.fallback(wrong_method));
    }
    router
        .fallback(no_such_path)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&daemon), guard::check))
        .with_state(daemon)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn no_such_path() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "KPAPI0404", "no such path; the API is described at /openapi.json")
}

async fn wrong_method() -> ApiError {
    let reason = "this path does not take that method; the API is described at /openapi.json";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "KPAPI0405", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_document_names_every_route_and_no_other() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
        let documented: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, item)| {
                let keys = item.as_object().unwrap().keys().filter(|key| methods.contains(&key.as_str()));
                keys.map(|method| (path.clone(), method.clone())).collect::<Vec<_>>()
            })
            .collect();
        let served: BTreeSet<(String, String)> = routes()
            .iter()
            .flat_map(|(path, methods, _)| methods.iter().map(|method| ((*path).to_owned(), (*method).to_owned())))
            .collect();
        assert_eq!(documented, served);
    }

    #[test]
    fn every_reference_in_the_document_leads_somewhere() {
        let document: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let mut open = vec![&document];
        let mut references = 0;
        while let Some(value) = open.pop() {
            if let Some(target) = value.get("$ref").and_then(|target| target.as_str()) {
                references += 1;
                assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
            }
            open.extend(value.as_object().into_iter().flat_map(|object| object.values()));
            open.extend(value.as_array().into_iter().flatten());
        }
        assert!(references > 10);
    }
}
