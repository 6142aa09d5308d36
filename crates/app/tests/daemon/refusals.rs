//! What the API refuses, and whom.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::inside;
use super::support::{BasePeer, Daemon};

const BODY: &str = r#"{"address":"kvm9.invalid"}"#;

#[test]
fn a_change_over_tcp_needs_the_token_and_over_the_socket_none() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let add = || daemon.http("POST", "/v1/peers").json_body(BODY);
        add().send().assert_error(401, "KPAPI0401");
        for value in ["", "Bearer", "Bearer x", "Basic eA==", &daemon.token(), &format!("Bearer {}0", daemon.token())] {
            add().header("Authorization", value).send().assert_error(401, "KPAPI0401");
        }
        daemon.http("DELETE", "/v1/peers/kvm9.invalid:8001").send().assert_error(401, "KPAPI0401");
        assert!(daemon.peers().is_empty());
        assert_eq!(daemon.authorized("POST", "/v1/peers").json_body(BODY).send().status, 201);
        assert_eq!(daemon.socket("DELETE", "/v1/peers/kvm9.invalid:8001").send().status, 204);
        assert_eq!(daemon.socket("POST", "/v1/peers").json_body(BODY).send().status, 201);
        assert_eq!(daemon.http("POST", "/v1/search").send().status, 202);
        let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(daemon.setup.socket()), 0o660);
        assert_eq!(mode(daemon.setup.state_directory().join("api-token")), 0o600);
        assert_eq!(mode(daemon.setup.state_directory().join("host.key")), 0o600);
        assert_eq!(mode(daemon.setup.state_directory().clone()), 0o700);
        assert!(!daemon.log().contains(&daemon.token()));
    });
}

#[test]
fn only_a_host_of_this_machine_may_be_named() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:18132", "[::1]", "[::1]:18132"] {
            assert_eq!(daemon.http("GET", "/peers").header("Host", host).send().status, 200, "{host}");
        }
        let foreign =
            ["evil.example", "evil.example:18132", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil", ""];
        for host in foreign.into_iter().chain(["[::1]evil.example", "[::1", "subject"]) {
            for (method, path) in [("GET", "/peers"), ("POST", "/v1/search"), ("GET", "/nothing")] {
                daemon.http(method, path).header("Host", host).send().assert_error(421, "KPAPI0421");
            }
        }
    });
}

#[test]
fn a_page_of_another_origin_changes_nothing() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for (header, value) in [
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Origin", "http://127.0.0.1:9999"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ] {
            daemon.http("POST", "/v1/search").header(header, value).send().assert_error(403, "KPAPI0403");
            let add = daemon.authorized("POST", "/v1/peers").json_body(BODY);
            add.header(header, value).send().assert_error(403, "KPAPI0403");
        }
        assert!(daemon.peers().is_empty());
        let own = daemon.authorized("POST", "/v1/peers").json_body(BODY).header("Origin", "http://127.0.0.1:18132");
        assert_eq!(own.send().status, 201);
        let answer = daemon.http("GET", "/v1/peers").header("Origin", "http://evil.example").send();
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
    });
}

#[test]
fn every_answer_has_the_headers_that_tie_a_browser() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for path in ["/peers", "/v1/status", "/nothing", "/v1/peers?x=1"] {
            let answer = daemon.http("GET", path).send();
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
    });
}

#[test]
fn paths_methods_and_bodies_that_do_not_fit_are_refused_in_json() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let get = |path: &str| daemon.http("GET", path).send();
        for path in ["/nothing", "/v1", "/v1/", "/peers/", "/v1/peers/", "/v1/peers/a/b", "/V1/peers", "//peers"] {
            get(path).assert_error(404, "KPAPI0404");
        }
        daemon.authorized("DELETE", "/peers").send().assert_error(405, "KPAPI0405");
        daemon.authorized("PUT", "/v1/peers").send().assert_error(405, "KPAPI0405");
        get("/v1/search").assert_error(405, "KPAPI0405");
        let add = |body: &[u8]| daemon.authorized("POST", "/v1/peers").body(body);
        add(BODY.as_bytes()).send().assert_error(415, "KPAPI0415");
        add(BODY.as_bytes()).header("Content-Type", "text/plain").send().assert_error(415, "KPAPI0415");
        let json = |body: &[u8]| add(body).header("Content-Type", "application/json").send();
        json(&vec![b' '; 16 * 1024 + 1]).assert_error(413, "KPAPI0413");
        json(&vec![b'x'; 4 << 20]).assert_error(413, "KPAPI0413");
        for broken in [&b""[..], b"{", b"\xff\xfe", b"{\"address\":\"a\"", b"nonsense", &b"[".repeat(10_000)] {
            json(broken).assert_error(400, "KPAPI0400");
        }
        for misfit in
            [r#"[1]"#, r#"{"address":1}"#, r#"{"host":"a"}"#, r#"{"address":"a.invalid","address":"b.invalid"}"#]
        {
            json(misfit.as_bytes()).assert_error(400, "KPAPI0400");
        }
        for neither in [r#"{}"#, r#"{"name":"a"}"#, r#"{"address":"a.invalid","url":"https://a.invalid"}"#] {
            json(neither.as_bytes()).assert_error(400, "KPPEER0400");
        }
        assert!(daemon.peers().is_empty());
        assert_eq!(json(format!("{BODY}{}", " ".repeat(16 * 1024 - BODY.len())).as_bytes()).status, 201);
    });
}

#[test]
fn hostile_ids_find_nothing_and_break_nothing() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        let long = "a".repeat(4000);
        let ids = [
            "..%2f..%2fetc%2fpasswd",
            "%00",
            "%0d%0aX-Evil:%201",
            "%1b%5b2J",
            "%e2%80%ae",
            "'%20OR%201=1--",
            "%22%3B",
            "@",
            "@@",
            "kvm-1@",
            "@127.0.0.2",
            "kvm-1@@127.0.0.2",
            "%F0%9F%92%A9",
            &long,
        ];
        for id in ids {
            for method in ["GET", "DELETE"] {
                let answer = daemon.authorized(method, &format!("/v1/peers/{id}")).send();
                answer.assert_error(404, "KPPEER0404");
                assert_eq!(answer.header("x-evil"), "");
            }
        }
        // Bytes that are no text.
        for method in ["GET", "DELETE"] {
            daemon.authorized(method, "/v1/peers/%ff%fe").send().assert_error(400, "KPAPI0400");
        }
        for line in ["/v1/peers/../../etc/passwd", "/..", "/v1/%2e%2e/peers", "*", "http://evil.example/peers", "/%"] {
            let status = daemon.http("GET", line).send().status;
            assert!([200, 400, 404, 421].contains(&status), "{line}: {status}");
        }
        assert_eq!(daemon.http("GET", &format!("/{}", "x".repeat(20_000))).send().status / 100, 4);
        assert_eq!(daemon.http("GET", "/peers").header("X-Long", &"x".repeat(20_000)).send().status, 431);
        assert_eq!(daemon.json("/peers"), serde_json::json!(["https://127.0.0.2:8001"]));
    });
}
