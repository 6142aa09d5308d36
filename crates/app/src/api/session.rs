//! Signing a browser in: a code that is good once, exchanged for a cookie and a proof.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::guard::{Door, Way};
use crate::daemon::Daemon;
use crate::daemon::sessions::{CODE_LIFETIME, SESSION_LIFETIME, SignedIn};
use crate::view::{CodeView, Object, SessionView};

/// Where a link leads.
pub(crate) const SIGN_IN_PATH: &str = "/sign-in";
/// Where a page exchanges a code and signs out.
pub(crate) const SESSION_PATH: &str = "/v1/session";
/// The header with the proof.
const PROOF: &str = "x-kimchi-peers-proof";

/// A code that is to be exchanged.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeRequest {
    code: String,
}

/// `POST /v1/session/code`: a link for a browser on this way; over the Unix socket for the first TCP listener.
pub(crate) async fn code(
    State(daemon): State<Arc<Daemon>>,
    Extension(way): Extension<Way>,
    headers: HeaderMap,
) -> Result<(StatusCode, Json<CodeView>), ApiError> {
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let (listener, origin) = match (way.door, asked) {
        (Door::Loopback, Some(host)) => (way.listener.to_string(), format!("http://{host}")),
        (Door::Tls { .. }, Some(host)) => (way.listener.to_string(), format!("https://{host}")),
        (Door::Loopback | Door::Tls { .. }, None) | (Door::Unix { .. }, _) => first_listener(&daemon)?,
    };
    let code = daemon.sessions.code(&listener).map_err(|error| no_random_numbers(&error))?;
    let url = format!("{origin}{SIGN_IN_PATH}?code={code}");
    Ok((StatusCode::CREATED, Json(CodeView { url, code, expires_in: CODE_LIFETIME.as_secs() })))
}

/// The listener that a browser on this host gets to first, and the origin of pages there.
fn first_listener(daemon: &Daemon) -> Result<(String, String), ApiError> {
    let addresses = daemon.listening().addresses.clone();
    if let Some(loopback) = addresses.iter().find(|address| !address.contains("unix:") && !address.contains("://")) {
        return Ok((loopback.clone(), format!("http://{loopback}")));
    }
    let Some(secure) = addresses.iter().find(|address| address.starts_with("https://")) else {
        let reason =
            "the API listens on Unix sockets only, where no browser gets; add a TCP address, as 127.0.0.1:8132";
        return Err(ApiError::new(StatusCode::CONFLICT, "KPAPI0409", reason));
    };
    // All addresses of the host are none that a browser could go to.
    let wildcard = ["https://0.0.0.0:", "https://[::]:"].into_iter().find_map(|start| secure.strip_prefix(start));
    let origin = wildcard.map_or_else(|| secure.clone(), |port| format!("https://{}:{port}", daemon.settings().name));
    Ok((secure.clone(), origin))
}

/// `GET /sign-in?code=`: what a link leads to. The proof goes into the fragment, which no browser sends anywhere.
pub(crate) async fn sign_in(
    State(daemon): State<Arc<Daemon>>,
    Extension(way): Extension<Way>,
    code: Result<Query<CodeRequest>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(request) =
        code.map_err(|error| ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", error.body_text()))?;
    let signed_in = exchange(&daemon, &way, &request)?;
    let location = format!("/#proof={}", signed_in.proof);
    let headers = [(header::SET_COOKIE, set_cookie(&way, &signed_in.cookie)), (header::LOCATION, location)];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// `POST /v1/session`: the same for a program or a page.
pub(crate) async fn begin(
    State(daemon): State<Arc<Daemon>>,
    Extension(way): Extension<Way>,
    body: Result<Json<Object<CodeRequest>>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(Object(request)) = body.map_err(ApiError::from)?;
    let signed_in = exchange(&daemon, &way, &request)?;
    let cookie = set_cookie(&way, &signed_in.cookie);
    let view = SessionView { proof: signed_in.proof, expires_in: SESSION_LIFETIME.as_secs() };
    Ok((StatusCode::CREATED, [(header::SET_COOKIE, cookie)], Json(view)).into_response())
}

/// `DELETE /v1/session`: signs out. Whoever has the cookie may.
pub(crate) async fn end(
    State(daemon): State<Arc<Daemon>>,
    Extension(way): Extension<Way>,
    headers: HeaderMap,
) -> Response {
    if let Some(cookie) = cookie(&headers, &way.listener) {
        daemon.sessions.sign_out(&cookie);
    }
    let gone = format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", cookie_name(&way.listener));
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, gone)]).into_response()
}

fn exchange(daemon: &Daemon, way: &Way, request: &CodeRequest) -> Result<SignedIn, ApiError> {
    let signed_in = daemon.sessions.sign_in(&request.code, &way.listener).map_err(|error| no_random_numbers(&error))?;
    if signed_in.is_some() {
        tracing::info!(listener = %way.listener, "a browser signed in");
    }
    signed_in.ok_or_else(|| {
        let reason = "the code is not good (any more): it is good once and for a minute; get another link with: kimchi-peers open";
        ApiError::new(StatusCode::FORBIDDEN, "KPAPI0403", reason)
    })
}

fn no_random_numbers(error: &io::Error) -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "KPAPI0500", error.to_string())
}

fn set_cookie(way: &Way, cookie: &str) -> String {
    let secure = if matches!(way.door, Door::Tls { .. }) { "; Secure" } else { "" };
    let (name, age) = (cookie_name(&way.listener), SESSION_LIFETIME.as_secs());
    format!("{name}={cookie}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}")
}

/// Cookies do not tell ports apart, so the name does.
fn cookie_name(listener: &str) -> String {
    let port = listener.rsplit(':').next().filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    format!("kimchi-peers-{}", port.unwrap_or("0"))
}

/// The cookie of this listener that a request carries.
pub(crate) fn cookie(headers: &HeaderMap, listener: &str) -> Option<String> {
    let name = cookie_name(listener);
    let texts = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
}

/// The proof that a request carries.
pub(crate) fn proof(headers: &HeaderMap) -> Option<&str> {
    headers.get(PROOF).map(HeaderValue::to_str)?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_of_this_port_is_found_among_others() {
        let headers = |text: &'static str| HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(text))]);
        let found = |text: &'static str| cookie(&headers(text), "127.0.0.1:8132");
        assert_eq!(found("a=b; kimchi-peers-8132=x; c=d").as_deref(), Some("x"));
        assert_eq!(cookie(&headers("kimchi-peers-1=x"), "https://[::]:1").as_deref(), Some("x"));
        for other in
            ["", ";;;", "kimchi-peers-8132", "kimchi-peers-81=x", "xkimchi-peers-8132=x", "\"kimchi-peers-8132=x"]
        {
            assert_eq!(found(other), None, "{other}");
        }
    }
}
