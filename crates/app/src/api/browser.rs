//! What a browser tells of the page that sends a request, and what every answer tells the browser.
//!
//! A web page in the administrator's browser can send requests here too. The `Host` must be one of ours (a name that was
//! rebound to our address is not), and what a browser sends for another site is refused.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::api::error::ApiError;

/// Headers that every answer carries.
pub(crate) const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
];

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Names under which a listener may be asked, beside the loopback.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OwnHosts<'a> {
    /// The configured ones.
    pub(crate) allowed: &'a [String],
    /// This host's own name, where it is a name for this listener.
    pub(crate) name: Option<&'a str>,
    /// The address at which the connection came in, where it is not on the loopback.
    pub(crate) address: Option<IpAddr>,
}

impl OwnHosts<'_> {
    /// Whether a `Host` header, with or without a port, names one of them.
    pub(crate) fn have(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((address, port))
                    if address.parse::<Ipv6Addr>().is_ok()
                        && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) =>
                {
                    address
                }
                Some(_) | None => return false,
            },
            None => match host.rsplit_once(':') {
                // What has colons of its own stands in brackets (RFC 3986 section 3.2.2).
                Some((name, port)) if is_port(port) && !name.contains(':') => name,
                Some(_) => return false,
                None => host,
            },
        };
        let literal = name.parse::<IpAddr>().ok();
        let is = |own: &str| own.eq_ignore_ascii_case(name);
        literal.is_some_and(|literal| literal.is_loopback() || Some(literal) == self.address)
            || is("localhost")
            || self.name.is_some_and(is)
            || self.allowed.iter().any(|own| is(own))
    }
}

fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Refuses a request for a host that is not ours.
pub(crate) fn judge_host(request: &Parts, own: OwnHosts<'_>) -> Result<(), ApiError> {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or_default();
    // A second one would leave open which of them somebody before us believed (RFC 9112 section 3.2).
    let is_one = hosts.next().is_none();
    let is_own_target = request.uri.authority().is_none_or(|target| own.have(target.as_str()));
    if is_one && is_own_target && own.have(host) {
        return Ok(());
    }
    let reason =
        "the Host header does not name a host of this API; use 127.0.0.1 or localhost, or add it to allowed_hosts";
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "KPAPI0421", reason))
}

/// Refuses what a browser sends for a page of another origin: a change in any case, a reading unless a person went there.
pub(crate) fn judge_site(headers: &HeaderMap, is_reading: bool) -> Result<(), ApiError> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_foreign_site = text(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none");
    let host = text(header::HOST).unwrap_or_default();
    let is_foreign_origin = text(header::ORIGIN)
        .is_some_and(|origin| origin.split_once("://").is_none_or(|(_, origin_host)| origin_host != host));
    let is_foreign = if is_reading {
        is_foreign_site && text(SEC_FETCH_MODE) != Some("navigate")
    } else {
        is_foreign_site || is_foreign_origin
    };
    if is_foreign {
        let reason = "pages of another origin are not served, and change nothing";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "KPAPI0403", reason));
    }
    Ok(())
}

/// Refuses a change in a form that a page of another origin could send without asking: all but JSON.
pub(crate) fn judge_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let is_json = |value: &HeaderValue| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        essence.eq_ignore_ascii_case("application/json")
    };
    if types.all(is_json) {
        return Ok(());
    }
    let reason = "a change is JSON: Content-Type: application/json";
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "KPAPI0415", reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: OwnHosts<'_> = OwnHosts { allowed: &[], name: None, address: None };

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_own_hosts_are_answered() {
        let allowed = ["kvm-1".to_owned()];
        let own = OwnHosts { allowed: &allowed, ..LOOPBACK };
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
            assert!(own.have(host), "{host}");
        }
        for host in [
            "",
            "::1",
            "::1:",
            "[127.0.0.1]",
            "[localhost]:1",
            "evil.example",
            "evil.example:8132",
            "192.0.2.1:8132",
            "localhost.evil.example",
            "[2001:db8::1]:1",
            "[::1]evil.example",
            "[::1",
            "127.0.0.1.evil.example",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "localhost:80@evil.example",
            "localhost:evil.example",
            "[::1]:x",
            "::1",
        ] {
            assert!(!LOOPBACK.have(host), "{host}");
        }
    }

    #[test]
    fn what_other_hosts_reach_has_the_own_name_and_the_address_it_was_reached_at() {
        let own = OwnHosts { name: Some("kvm-1"), address: Some("192.0.2.1".parse().unwrap()), ..LOOPBACK };
        for host in ["kvm-1", "KVM-1:8132", "192.0.2.1:8132", "localhost"] {
            assert!(own.have(host), "{host}");
        }
        for host in ["kvm-2", "192.0.2.2", "kvm-1.evil.example", "[::ffff:192.0.2.1]"] {
            assert!(!own.have(host), "{host}");
        }
    }

    #[test]
    fn a_target_of_another_host_is_not_ours_whatever_the_header_says() {
        let judge = |uri: &str, hosts: &[&'static str]| {
            let mut request = axum::http::Request::builder().uri(uri);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            judge_host(&request.body(()).unwrap().into_parts().0, LOOPBACK).is_ok()
        };
        assert!(judge("/peers", &["localhost"]) && judge("http://127.0.0.1:1/peers", &["localhost"]));
        assert!(!judge("http://evil.example/peers", &["localhost"]));
        assert!(!judge("/peers", &[]) && !judge("/peers", &["localhost", "localhost"]));
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let own = ("host", "127.0.0.1:8132");
        let changes = |pairs: &[(&'static str, &'static str)]| judge_site(&headers(pairs), false).is_ok();
        assert!(changes(&[own]));
        assert!(changes(&[own, ("origin", "http://127.0.0.1:8132")]));
        assert!(!changes(&[own, ("origin", "http://evil.example")]));
        assert!(!changes(&[own, ("origin", "null")]));
        assert!(!changes(&[own, ("origin", "http://127.0.0.1:9999")]));
        assert!(!changes(&[own, ("sec-fetch-site", "cross-site")]));
        assert!(changes(&[own, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn a_page_of_another_origin_reads_nothing_but_may_link_here() {
        let reads = |pairs: &[(&'static str, &'static str)]| judge_site(&headers(pairs), true).is_ok();
        assert!(reads(&[]) && reads(&[("sec-fetch-site", "none")]) && reads(&[("sec-fetch-site", "same-origin")]));
        for site in ["cross-site", "same-site"] {
            for mode in ["no-cors", "cors", "websocket"] {
                assert!(!reads(&[("sec-fetch-site", site), ("sec-fetch-mode", mode)]), "{site} {mode}");
            }
            assert!(!reads(&[("sec-fetch-site", site)]));
            assert!(reads(&[("sec-fetch-site", site), ("sec-fetch-mode", "navigate")]));
        }
    }

    #[test]
    fn a_change_is_json_or_nothing() {
        let takes = |pairs: &[(&'static str, &'static str)]| judge_content_type(&headers(pairs)).is_ok();
        assert!(takes(&[]));
        assert!(takes(&[("content-type", "application/json")]));
        assert!(takes(&[("content-type", "Application/JSON; charset=utf-8")]));
        for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""]
        {
            assert!(!takes(&[("content-type", form)]), "{form}");
        }
    }
}
