//! What must hold for any query, header and body of a request. Used by the fuzz target and by the replay of the corpus.

use axum::extract::Query;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use kimchi_peers::HostName;
use kimchi_peers::remote::{Host, Policy, RemoteAddress};

use crate::api::browser::{OwnHosts, judge_content_type, judge_site};
use crate::api::peers::Filter;
use crate::api::session::{self, CodeRequest};
use crate::view::{AddRequest, Object};

/// Reads `data` as one part of a request, by its first byte.
pub(crate) fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind % 4 {
        0 => query(rest),
        1 => body(rest),
        2 => host(rest),
        _ => headers(rest),
    }
}

fn query(bytes: &[u8]) {
    let target = [b"/v1/peers?", bytes].concat();
    let Ok(uri) = Uri::try_from(target) else { return };
    let _ = Query::<Filter>::try_from_uri(&uri);
    let _ = Query::<CodeRequest>::try_from_uri(&uri);
}

fn body(bytes: &[u8]) {
    let _ = serde_json::from_slice::<Object<CodeRequest>>(bytes);
    let Ok(Object(request)) = serde_json::from_slice::<Object<AddRequest>>(bytes) else { return };
    if let Some(Ok(name)) = request.name.map(|name| name.parse::<HostName>()) {
        assert!(name.as_str().bytes().all(is_plain), "{name:?} is no name");
    }
    for text in [request.address, request.url].into_iter().flatten() {
        let Ok(address) = RemoteAddress::parse(&text, Policy::default()) else { continue };
        let url = address.url();
        assert!(url.bytes().all(|byte| is_plain(byte) || b":/[]~".contains(&byte)), "{url:?} has more than a URL");
        assert_eq!(url.parse::<RemoteAddress>().as_ref(), Ok(&address), "{url} is read differently");
        if let Host::Address(literal) = address.host() {
            assert!(!literal.to_canonical().is_loopback() && !literal.is_unspecified() && !literal.is_multicast());
        }
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)
}

/// Whatever is taken for a host of ours is one to the reader of URLs too.
fn host(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let allowed = ["kvm-1".to_owned()];
    if !(OwnHosts { allowed: &allowed, name: None, address: None }).have(text) {
        return;
    }
    let authority: Authority = text.parse().unwrap_or_else(|error| panic!("{text:?} is taken for a host: {error}"));
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let is_loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    assert!(is_loopback || host == "localhost" || host == "kvm-1", "{text:?} is taken for a host of ours");
}

fn headers(bytes: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(bytes) else { return };
    let names = [header::COOKIE, header::CONTENT_TYPE, header::ORIGIN];
    let headers: HeaderMap = names.into_iter().map(|name| (name, value.clone())).collect();
    if let Some(cookie) = session::cookie(&headers, "127.0.0.1:8132") {
        assert!(!cookie.contains(';'), "{cookie:?} is more than a cookie");
    }
    if judge_content_type(&headers).is_ok() {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        assert!(text.trim_start().starts_with("application/json"), "{text:?} is taken for JSON");
    }
    // There is no Host header, so no origin is that of the API.
    assert!(judge_site(&headers, false).is_err() || value.to_str().is_ok_and(|text| text.ends_with("://")));
}
