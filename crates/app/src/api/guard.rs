//! Who may ask what, before any handler runs.
//!
//! | way | reading, asking the network | changing |
//! |---|---|---|
//! | Unix socket | whoever can open it | root, the daemon's user, members of the socket's group |
//! | loopback | everybody | token, or a signed-in browser with its proof |
//! | TLS | token, or a signed-in browser (with its proof to ask the network) | the same, with its proof |
//!
//! The status word of `/healthz`, the files of the page and the exchange of a code that signs a browser in are open on all
//! ways. What a browser may do for other sites stands in [`browser`](super::browser).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;

use crate::api::BODY_MAX;
use crate::api::browser::{HEADERS, OwnHosts, judge_content_type, judge_host, judge_site};
use crate::api::error::ApiError;
use crate::api::{page, session};
use crate::daemon::Daemon;

/// By which way a request came in.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// The listener, in the form that a client's `--api` takes.
    pub(crate) listener: Arc<str>,
    pub(crate) door: Door,
    /// Who asks, for the log: an address, or the user at a socket.
    pub(crate) from: Arc<str>,
}

/// The kind of a listener, and what the connection alone says of the asker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// TCP on the loopback: any user of this host.
    Loopback,
    /// TLS: anybody.
    Tls {
        /// The address at which the connection came in.
        local: Option<IpAddr>,
    },
    /// The Unix socket: whom the kernel let in.
    Unix {
        /// Whether that is one who may change something.
        may_change: bool,
    },
}

/// What is told to who asks for something that everybody may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rights {
    /// All that the list shows: he may read it.
    Reader,
    /// No more than he asked for.
    Anybody,
}

/// What a request wants, as far as rights go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To see how the daemon is, to get the page, or to sign in with a code.
    Open,
    /// To see.
    Read,
    /// To have the network asked, which changes nothing here and is bounded on every link.
    Search,
    /// To change the list, or to let somebody in.
    Change,
}

/// How long the body of a request may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Lets a request through or answers why not.
pub(crate) async fn check(State(daemon): State<Arc<Daemon>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let verdict = match judge(&daemon, &parts) {
        Ok(rights) => {
            parts.extensions.insert(rights);
            whole(parts, body).await
        }
        Err(error) => Err(error),
    };
    let mut response = match verdict {
        Ok(request) => {
            // Whatever is told of a change says who asked for it.
            let from = request.extensions().get::<Way>().map_or("", |way| &way.from);
            let span = tracing::info_span!("request", from = %from);
            next.run(request).instrument(span).await
        }
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    // The files of the page say otherwise; they tell nothing of this host.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The request with its body, which has to come in time.
async fn whole(parts: Parts, body: Body) -> Result<Request, ApiError> {
    let bytes = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX)).await.map_err(|_| {
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "KPAPI0408", "the body of the request took longer than 10 s")
    })?;
    let bytes = bytes.map_err(|error| match is_too_long(&error) {
        true => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "KPAPI0413", "the body is longer than 16 KiB"),
        false => ApiError::new(StatusCode::BAD_REQUEST, "KPAPI0400", "the body of the request broke off"),
    })?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn is_too_long(error: &axum::Error) -> bool {
    use std::error::Error as _;
    error.source().is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

fn judge(daemon: &Daemon, request: &Parts) -> Result<Rights, ApiError> {
    let way = request.extensions.get::<Way>();
    // Without one, nobody is trusted with anything.
    let door = way.map_or(Door::Tls { local: None }, |way| way.door);
    let wish = if is_reading(&request.method) && page::is_wanted(request) {
        Wish::Open
    } else {
        wish(&request.method, request.uri.path())
    };
    if !is_reading(&request.method) {
        judge_content_type(&request.headers)?;
    }
    if let Door::Unix { may_change } = door {
        return if may_change || wish != Wish::Change { Ok(Rights::Reader) } else { Err(not_of_the_group()) };
    }
    let settings = daemon.settings();
    let (name, address) = match door {
        Door::Tls { local } => (Some(settings.name.as_str()), local),
        Door::Loopback | Door::Unix { .. } => (None, None),
    };
    judge_host(request, OwnHosts { allowed: &settings.allowed_hosts, name, address })?;
    judge_site(&request.headers, is_reading(&request.method))?;
    let is_free = door == Door::Loopback && wish != Wish::Change;
    let offered = token(&request.headers);
    if is_free || offered.is_some_and(|offered| daemon.token.matches(offered)) {
        return Ok(Rights::Reader);
    }
    let listener = way.map_or("", |way| &way.listener);
    let is_signed_in = session::cookie(&request.headers, listener).is_some_and(|cookie| match wish {
        Wish::Open | Wish::Read => daemon.sessions.may_read(&cookie, listener),
        Wish::Search | Wish::Change => {
            session::proof(&request.headers).is_some_and(|proof| daemon.sessions.may_change(&cookie, proof, listener))
        }
    });
    match (is_signed_in, wish) {
        (true, _) => Ok(Rights::Reader),
        (false, Wish::Open) => Ok(Rights::Anybody),
        (false, Wish::Read | Wish::Search | Wish::Change) => {
            daemon.refusals.tell(offered.is_some(), way.map_or("", |way| &way.from), request);
            Err(if offered.is_some() { wrong_token() } else { no_token(wish) })
        }
    }
}

fn is_reading(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

fn wish(method: &Method, path: &str) -> Wish {
    match (is_reading(method), path) {
        (true, "/healthz" | session::SIGN_IN_PATH) => Wish::Open,
        (true, _) => Wish::Read,
        (false, "/v1/search") if method == Method::POST => Wish::Search,
        (false, session::SESSION_PATH) if method == Method::POST || method == Method::DELETE => Wish::Open,
        (false, _) => Wish::Change,
    }
}

/// The token that a request carries.
fn token(headers: &HeaderMap) -> Option<&str> {
    let offered = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    // The scheme's name is case-insensitive (RFC 9110 section 11.1).
    let (_, token) = offered.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))?;
    Some(token.trim())
}

fn wrong_token() -> ApiError {
    let reason = "the token is not this daemon's: it is in the file api-token of its state directory";
    ApiError::new(StatusCode::UNAUTHORIZED, "KPAPI0401", reason)
}

fn no_token(wish: Wish) -> ApiError {
    let who = if wish == Wish::Change { "changes need" } else { "every request from another host needs" };
    let reason =
        format!("{who} the token of the file api-token in the state directory, as: Authorization: Bearer TOKEN");
    ApiError::new(StatusCode::UNAUTHORIZED, "KPAPI0401", reason)
}

fn not_of_the_group() -> ApiError {
    let reason = "changes over this socket are for root, the daemon's own user and the members of the socket's group";
    ApiError::new(StatusCode::FORBIDDEN, "KPAPI0403", reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_that_of_the_scheme_bearer() {
        let offered = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
            token(&headers).map(str::to_owned)
        };
        for value in ["Bearer secret", "bearer secret", "Bearer  secret "] {
            assert_eq!(offered(value).as_deref(), Some("secret"), "{value}");
        }
        for value in ["", "secret", "Basic secret", "Bearer"] {
            assert_eq!(offered(value), None, "{value}");
        }
        assert_eq!(token(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_not_known_to_be_less_is_a_change() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS, Method::TRACE] {
            for path in ["/", "/peers", "/v1/peers", "/v1/search/", "/healthz", "/v1/session/code", "/sign-in"] {
                assert_eq!(wish(&method, path), Wish::Change, "{method} {path}");
            }
        }
        assert_eq!(wish(&Method::PUT, "/v1/search"), Wish::Change);
        assert_eq!(wish(&Method::POST, "/v1/search"), Wish::Search);
        assert_eq!(wish(&Method::GET, "/healthz"), Wish::Open);
        for path in ["/healthz/", "/metrics", "/v1/status", "/openapi.json", "/", "/v1/session"] {
            assert_eq!(wish(&Method::GET, path), Wish::Read, "{path}");
        }
    }
}
