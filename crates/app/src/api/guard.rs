//! Who may ask what, before any handler runs.
//!
//! Reading over the loopback is free, and so is asking the network. A change over TCP needs the token; over the Unix socket the permission to open
//! the socket is the permission to change. A web page in the administrator's browser can send requests here too, so
//! the `Host` must be one of ours (a name that was rebound to 127.0.0.1 is not), and a request that a browser sends
//! for another site is refused.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::api::error::ApiError;
use crate::daemon::Daemon;

/// By which way a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Unix,
}

/// The one path that takes a POST without the token.
const SEARCH_PATH: &str = "/v1/search";

/// Headers that every answer carries.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ),
];

/// Lets a request through or answers why not.
pub(crate) async fn check(State(daemon): State<Arc<Daemon>>, request: Request, next: Next) -> Response {
    let way = request.extensions().get::<Way>().copied().unwrap_or(Way::Tcp);
    let verdict = judge(&daemon, way, &request);
    let mut response = match verdict {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn judge(daemon: &Daemon, way: Way, request: &Request) -> Result<(), ApiError> {
    if way == Way::Unix {
        return Ok(());
    }
    let headers = request.headers();
    judge_host(headers, &daemon.settings().allowed_hosts)?;
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return Ok(());
    }
    judge_origin(headers)?;
    // To ask the network changes nothing here and is bounded on every link, so it is free as reading is.
    if request.uri().path() == SEARCH_PATH {
        return Ok(());
    }
    judge_token(headers, |offered| daemon.token.matches(offered))
}

fn judge_host(headers: &HeaderMap, allowed: &[String]) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A second one would leave open which of them somebody before us believed (RFC 9112 section 3.2).
    if is_own_host(host, allowed) && hosts.next().is_none() {
        return Ok(());
    }
    let reason =
        "the Host header does not name a host of this API; use 127.0.0.1 or localhost, or add it to allowed_hosts";
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "KPAPI0421", reason))
}

/// Whether a `Host` header names the loopback or a configured host.
fn is_own_host(host: &str, allowed: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if port.is_empty() || port.starts_with(':') => address,
            Some(_) | None => return false,
        },
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let loopback = name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    loopback || name.eq_ignore_ascii_case("localhost") || allowed.iter().any(|own| own.eq_ignore_ascii_case(name))
}

fn judge_origin(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let foreign_site =
        text(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site != "same-origin" && site != "none");
    let host = text(header::HOST).unwrap_or_default();
    let foreign_origin = text(header::ORIGIN)
        .is_some_and(|origin| origin.split_once("://").is_none_or(|(_, origin_host)| origin_host != host));
    if foreign_site || foreign_origin {
        let reason = "changes are not taken from pages of another origin";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "KPAPI0403", reason));
    }
    Ok(())
}

fn judge_token(headers: &HeaderMap, matches: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let offered = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // The scheme's name is case-insensitive (RFC 9110 section 11.1).
    let token =
        offered.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
    if token.is_some_and(|token| matches(token.trim())) {
        return Ok(());
    }
    let reason = "changes need the token of the file api-token in the state directory, as: Authorization: Bearer TOKEN";
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "KPAPI0401", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_own_hosts_are_answered() {
        for host in [
            "localhost",
            "localhost:8132",
            "LocalHost:1",
            "127.0.0.1",
            "127.0.0.1:8132",
            "127.9.9.9:1",
            "[::1]:8132",
            "kvm-1:80",
        ] {
            assert!(is_own_host(host, &["kvm-1".to_owned()]), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8132",
            "192.0.2.1:8132",
            "localhost.evil.example",
            "[2001:db8::1]:1",
            "[::1]evil.example",
            "[::1",
            "127.0.0.1.evil.example",
        ] {
            assert!(!is_own_host(host, &[]), "{host}");
        }
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let own = ("host", "127.0.0.1:8132");
        assert!(judge_origin(&headers(&[own])).is_ok());
        assert!(judge_origin(&headers(&[own, ("origin", "http://127.0.0.1:8132")])).is_ok());
        assert!(judge_origin(&headers(&[own, ("origin", "http://evil.example")])).is_err());
        assert!(judge_origin(&headers(&[own, ("origin", "null")])).is_err());
        assert!(judge_origin(&headers(&[own, ("origin", "http://127.0.0.1:9999")])).is_err());
        assert!(judge_origin(&headers(&[own, ("sec-fetch-site", "cross-site")])).is_err());
        assert!(judge_origin(&headers(&[own, ("sec-fetch-site", "same-origin")])).is_ok());
    }

    #[test]
    fn a_change_needs_the_token() {
        let is_token = |text: &str| text == "secret";
        assert!(judge_token(&headers(&[("authorization", "Bearer secret")]), is_token).is_ok());
        assert!(judge_token(&headers(&[("authorization", "bearer secret")]), is_token).is_ok());
        for value in ["", "secret", "Basic secret", "Bearer", "Bearer x"] {
            assert!(judge_token(&headers(&[("authorization", value)]), is_token).is_err(), "{value}");
        }
        assert!(judge_token(&headers(&[]), is_token).is_err());
    }
}
