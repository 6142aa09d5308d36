//! Pages of other origins in the administrator's browser: what they send here does nothing and tells them nothing.

use super::http::{Answer, Request};
use super::inside;
use super::support::{API, Daemon};

const ADD: &str = r#"{"address":"kvm9.invalid"}"#;

/// What a browser sends with a request of a page elsewhere: site and mode.
fn from_page(request: Request, site: &str, mode: &str) -> Answer {
    request.header("Sec-Fetch-Site", site).header("Sec-Fetch-Mode", mode).send()
}

/// The name and value of the cookie that an answer sets, and what follows.
fn cookie(answer: &Answer) -> (String, String) {
    let (pair, attributes) = answer.header("set-cookie").split_once("; ").unwrap();
    (pair.to_owned(), attributes.to_owned())
}

#[test]
fn a14_a_rebound_name_gets_nothing() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for host in
            ["evil.example", "evil.example:18132", "127.0.0.1.evil.example", "2130706433", "subject", "10.0.0.1"]
        {
            for path in ["/", "/peers", "/v1/events", "/healthz", "/openapi.json", "/sign-in?code=0"] {
                daemon.http("GET", path).header("Host", host).send().assert_error(421, "KPAPI0421");
            }
            let authorized = daemon.authorized("POST", "/v1/peers").json_body(ADD).header("Host", host);
            authorized.send().assert_error(421, "KPAPI0421");
        }
        daemon.http("GET", "http://evil.example/peers").send().assert_error(421, "KPAPI0421");
        assert!(daemon.peers().is_empty());
    });
}

#[test]
fn a14_a_foreign_page_neither_reads_nor_changes() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for site in ["cross-site", "same-site"] {
            for path in ["/peers", "/v1/peers", "/v1/events", "/metrics", "/"] {
                from_page(daemon.http("GET", path), site, "no-cors").assert_error(403, "KPAPI0403");
                from_page(daemon.http("GET", path), site, "cors").assert_error(403, "KPAPI0403");
            }
            // A link that a person follows is no such request.
            assert_eq!(from_page(daemon.http("GET", "/"), site, "navigate").status, 200);
            for mode in ["no-cors", "cors", "navigate"] {
                let add = daemon.authorized("POST", "/v1/peers").json_body(ADD);
                from_page(add, site, mode).assert_error(403, "KPAPI0403");
                from_page(daemon.http("POST", "/v1/search"), site, mode).assert_error(403, "KPAPI0403");
            }
        }
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1:18132.evil.example"] {
            let add = daemon.authorized("POST", "/v1/peers").json_body(ADD).header("Origin", origin);
            add.send().assert_error(403, "KPAPI0403");
        }
        assert!(daemon.peers().is_empty());
    });
}

#[test]
fn a14_a_change_is_json_and_no_answer_is_shared() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for form in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
            let add = daemon.authorized("POST", "/v1/peers").json_body(ADD).header("Content-Type", form);
            add.send().assert_error(415, "KPAPI0415");
            let search = daemon.http("POST", "/v1/search").header("Content-Type", form);
            search.send().assert_error(415, "KPAPI0415");
            let over_socket = daemon.socket("POST", "/v1/peers").json_body(ADD).header("Content-Type", form);
            over_socket.send().assert_error(415, "KPAPI0415");
        }
        for method in ["OPTIONS", "GET"] {
            let asked = daemon.authorized(method, "/v1/peers").header("Access-Control-Request-Method", "POST");
            let answer = asked.header("Origin", "http://evil.example").send();
            for header in
                ["access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"]
            {
                assert_eq!(answer.header(header), "", "{method}");
            }
        }
        for (path, status) in
            [("/peers", 200), ("/nothing", 404), ("/v1/peers?x=1", 400), ("/", 200), ("/sign-in", 400)]
        {
            let answer = daemon.http("GET", path).send();
            assert_eq!(answer.status, status, "{path}");
            assert_eq!(
                answer.header("content-security-policy"),
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                 form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            );
            for (header, value) in [
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cross-origin-resource-policy", "same-origin"),
                ("cache-control", "no-store"),
            ] {
                assert_eq!(answer.header(header), value, "{path}");
            }
        }
    });
}

#[test]
fn a14_a_link_signs_in_once_and_the_cookie_alone_changes_nothing() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let link = daemon.say(&["open"]).trim().to_owned();
        let path = link.strip_prefix(&format!("http://{API}")).unwrap_or_else(|| panic!("{link}")).to_owned();
        let answer = daemon.http("GET", &path).send();
        assert_eq!(answer.status, 303);
        let (pair, attributes) = cookie(&answer);
        assert!(pair.starts_with("kimchi-peers-18132="), "{pair}");
        assert_eq!(attributes, "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
        let proof = answer.header("location").strip_prefix("/#proof=").unwrap().to_owned();
        daemon.http("GET", &path).send().assert_error(403, "KPAPI0403");
        let add = || daemon.http("POST", "/v1/peers").json_body(ADD);
        add().header("Cookie", &pair).send().assert_error(401, "KPAPI0401");
        add().header("X-Kimchi-Peers-Proof", &proof).send().assert_error(401, "KPAPI0401");
        let with_both = || add().header("Cookie", &pair).header("X-Kimchi-Peers-Proof", &proof);
        with_both().header("Origin", "http://evil.example").send().assert_error(403, "KPAPI0403");
        assert_eq!(with_both().header("Origin", &format!("http://{API}")).send().status, 201);
        assert_eq!(daemon.http("DELETE", "/v1/session").header("Cookie", &pair).send().status, 204);
        with_both().send().assert_error(401, "KPAPI0401");
        assert!(!daemon.log().contains(path.rsplit('=').next().unwrap()), "the code is in the log");
    });
}

#[test]
fn a14_only_who_may_change_gets_a_link() {
    inside(|| {
        let daemon = Daemon::start("subject");
        daemon.http("POST", "/v1/session/code").send().assert_error(401, "KPAPI0401");
        let answer = daemon.socket("POST", "/v1/session/code").send();
        assert_eq!(answer.status, 201);
        let code = answer.json()["code"].as_str().unwrap().to_owned();
        // A page elsewhere cannot sign its reader in, and the socket is not the listener that the code is for.
        let exchange = |request: Request| request.json_body(&format!("{{\"code\":\"{code}\"}}"));
        let foreign = exchange(daemon.http("POST", "/v1/session")).header("Sec-Fetch-Site", "cross-site");
        foreign.send().assert_error(403, "KPAPI0403");
        exchange(daemon.socket("POST", "/v1/session")).send().assert_error(403, "KPAPI0403");
        exchange(daemon.http("POST", "/v1/session")).send().assert_error(403, "KPAPI0403");
    });
}
