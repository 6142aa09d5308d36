//! Every path of the API's document is asked, and every answer is as the document says.

use std::collections::BTreeSet;

use serde_json::Value;

use super::http::{Answer, Request};
use super::inside;
use super::namespace::Namespace;
use super::schema::Document;
use super::stream::Reader;
use super::support::{BasePeer, Daemon, LONG, Setup};
use super::wait::until;

/// The document as the daemon serves it, and what of it has been asked.
struct Conformance {
    document: Document,
    asked: BTreeSet<(String, String)>,
}

impl Conformance {
    fn new(daemon: &Daemon) -> Self {
        let document = daemon.json("/openapi.json");
        let source = include_str!("../../src/api/openapi.json");
        assert_eq!(document, serde_json::from_str::<Value>(source).unwrap());
        Self { document: Document::new(document), asked: BTreeSet::new() }
    }

    /// Sends a request to a documented path and holds the answer against the document.
    fn ask(&mut self, path: &str, method: &str, request: &Request) -> Answer {
        let answer = request.send();
        let status = answer.status;
        let operation = &self.document.root()["paths"][path][method];
        let documented = &operation["responses"][status.to_string()];
        assert!(documented.is_object(), "{method} {path} answers {status}: {}", answer.text());
        let response = self.document.follow(documented);
        for (header, _) in response["headers"].as_object().into_iter().flatten() {
            assert!(!answer.header(&header.to_ascii_lowercase()).is_empty(), "{method} {path} without {header}");
        }
        let sent = answer.header("content-type").split(';').next().unwrap_or_default();
        match response["content"].as_object() {
            None => assert!(answer.body.is_empty() && sent.is_empty(), "{method} {path} {status}: {}", answer.text()),
            Some(content) => {
                let described = content.get(sent).unwrap_or_else(|| panic!("{method} {path} sends {sent:?}"));
                let value = if sent.ends_with("json") { answer.json() } else { Value::String(answer.text()) };
                let faults = self.document.faults(&described["schema"], &value);
                assert!(faults.is_empty(), "{method} {path} {status}: {faults:#?}");
            }
        }
        self.asked.insert((path.to_owned(), method.to_owned()));
        answer
    }

    fn operations(&self) -> BTreeSet<(String, String)> {
        let paths = self.document.root()["paths"].as_object().unwrap();
        let of_path = |(path, item): (&String, &Value)| -> Vec<(String, String)> {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(|method| (path.clone(), method.clone())).collect()
        };
        paths.iter().flat_map(of_path).collect()
    }
}

#[test]
fn every_answer_is_as_the_document_says() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-base", 2, &daemon);
        let mut conformance = Conformance::new(&daemon);
        let add = |body: &str| daemon.authorized("POST", "/v1/peers").json_body(body);
        let body = r#"{"url":"https://kvm9.invalid/wok","name":"nine"}"#;
        assert_eq!(conformance.ask("/v1/peers", "post", &add(body)).status, 201);
        assert_eq!(conformance.ask("/v1/peers", "post", &add(body)).status, 409);
        assert_eq!(conformance.ask("/v1/peers", "post", &add("{}")).status, 400);
        until(LONG, "the first check", || daemon.peer("nine").is_some_and(|peer| peer["state"] != "unknown"));
        for path in [
            "/peers",
            "/v1/peers",
            "/v1/self",
            "/v1/status",
            "/v1/matrix",
            "/v1/doctor",
            "/metrics",
            "/healthz",
            "/openapi.json",
        ] {
            assert_eq!(conformance.ask(path, "get", &daemon.http("GET", path)).status, 200, "{path}");
        }
        for (query, status) in [("?measure=true", 200), ("?measure=twice", 400)] {
            let request = daemon.http("GET", &format!("/v1/peers{query}"));
            assert_eq!(conformance.ask("/v1/peers", "get", &request).status, status, "{query}");
        }
        for (query, status) in [("", 200), ("?state=all&port=9100", 200), ("?port=0", 400), ("?state=gone", 400)] {
            let request = daemon.http("GET", &format!("/sd/prometheus{query}"));
            assert_eq!(conformance.ask("/sd/prometheus", "get", &request).status, status, "{query}");
        }
        for id in ["kvm-base@127.0.0.2", "kvm9.invalid:8001"] {
            let detail =
                conformance.ask("/v1/peers/{id}", "get", &daemon.http("GET", &format!("/v1/peers/{id}"))).json();
            assert_eq!(detail["id"], id);
            // Nothing is kept of a base peer before it was heard for a while.
            assert_eq!(detail["history"].as_array().unwrap().is_empty(), id.starts_with("kvm-base"), "{detail}");
        }
        assert_eq!(conformance.ask("/v1/peers/{id}", "get", &daemon.http("GET", "/v1/peers/nobody")).status, 404);
        let remove = |id: &str| daemon.authorized("DELETE", &format!("/v1/peers/{id}"));
        assert_eq!(conformance.ask("/v1/peers/{id}", "delete", &remove("kvm-base@127.0.0.2")).status, 409);
        assert_eq!(conformance.ask("/v1/peers/{id}", "delete", &remove("kvm9.invalid:8001")).status, 204);
        assert_eq!(conformance.ask("/v1/peers/{id}", "delete", &remove("kvm9.invalid:8001")).status, 404);
        assert_eq!(conformance.ask("/v1/search", "post", &daemon.http("POST", "/v1/search")).status, 202);
        let text = conformance.ask("/", "get", &daemon.http("GET", "/"));
        assert!(text.text().contains("kimchi-peers on subject"));
        let browser = |path: &str| daemon.http("GET", path).header("Accept", "text/html");
        assert!(conformance.ask("/", "get", &browser("/")).text().starts_with("<!doctype html>"));
        for (file, status) in [("main.js", 200), ("style.css", 200), ("icon.svg", 200), ("nothing.js", 404)] {
            let answer = conformance.ask("/page/{file}", "get", &browser(&format!("/page/{file}")));
            assert_eq!(answer.status, status, "{file}");
        }
        ask_to_sign_in(&mut conformance, &daemon);
        ask_about_trust(&mut conformance, &daemon);
        ask_about_services(&mut conformance, &daemon);
        ask_the_doctor(&mut conformance, &daemon);
        ask_about_history(&mut conformance, &daemon);
        ask_to_leave(&mut conformance, &daemon);
        // The answer of this one has no end; its events are held against the document elsewhere.
        conformance.asked.insert(("/v1/events".to_owned(), "get".to_owned()));
        assert_eq!(conformance.asked, conformance.operations());
    });
}

fn ask_to_sign_in(conformance: &mut Conformance, daemon: &Daemon) {
    let code = |conformance: &mut Conformance| {
        let ask = daemon.authorized("POST", "/v1/session/code");
        conformance.ask("/v1/session/code", "post", &ask).json()["code"].as_str().unwrap().to_owned()
    };
    let exchange = |code: &str| daemon.http("POST", "/v1/session").json_body(&format!("{{\"code\":\"{code}\"}}"));
    let first = code(conformance);
    assert_eq!(conformance.ask("/v1/session", "post", &exchange(&first)).status, 201);
    assert_eq!(conformance.ask("/v1/session", "post", &exchange(&first)).status, 403);
    assert_eq!(conformance.ask("/v1/session", "delete", &daemon.http("DELETE", "/v1/session")).status, 204);
    let link = |code: &str| daemon.http("GET", &format!("/sign-in?code={code}"));
    let second = code(conformance);
    assert_eq!(conformance.ask("/sign-in", "get", &link(&second)).status, 303);
    assert_eq!(conformance.ask("/sign-in", "get", &link(&second)).status, 403);
    assert_eq!(conformance.ask("/sign-in", "get", &daemon.http("GET", "/sign-in")).status, 400);
}

fn ask_the_doctor(conformance: &mut Conformance, daemon: &Daemon) {
    for (query, status) in
        [("?peer=nobody", 200), ("?peer=kvm-base", 200), ("?peer=192.0.2.9", 200), ("?per=x", 400), ("?peer=", 400)]
    {
        let request = daemon.http("GET", &format!("/v1/doctor{query}"));
        assert_eq!(conformance.ask("/v1/doctor", "get", &request).status, status, "{query}");
    }
}

fn ask_about_history(conformance: &mut Conformance, daemon: &Daemon) {
    let mut ask = |path: &str, query: &str, status: u16| {
        let answer = conformance.ask(path, "get", &daemon.http("GET", &format!("{path}{query}")));
        assert_eq!(answer.status, status, "{path}{query}: {}", answer.text());
        answer
    };
    assert_eq!(ask("/v1/history", "", 200).json()[0]["event"], "removed");
    assert_eq!(ask("/v1/history", "?peer=nobody", 404).json()["code"], "KPPEER0404");
    // Heard and not proven yet: nothing is kept, by whatever it is called.
    for given in ["kvm-base@127.0.0.2", "KVM-BASE", "127.0.0.2"] {
        assert_eq!(ask("/v1/history", &format!("?peer={given}"), 200).json(), Value::Array(vec![]), "{given}");
    }
    assert_eq!(ask("/v1/history", "?until=2020-01-01T00:00:00Z", 200).json(), Value::Array(vec![]));
    let csv = ask("/v1/history", "?peer=kvm9.invalid:8001&since=2020-01-01T00:00:00Z&limit=1&format=csv", 200).text();
    assert!(csv.starts_with("time,peer,name,event,cause,address,certificate\r\n"), "{csv}");
    assert!(csv.ends_with(",kvm9.invalid:8001,nine,removed,removed_by_hand,kvm9.invalid,\r\n"), "{csv}");
    for wrong in [
        "?limit=0",
        "?limit=10001",
        "?since=yesterday",
        "?format=xml",
        "?colour=red",
        "?since=2020-01-01T00:00:00+01:00",
    ] {
        ask("/v1/history", wrong, 400);
    }
    for (window, slices, seconds) in [("24h", 96, 900), ("30d", 120, 21_600), ("90d", 90, 86_400)] {
        let view = ask("/v1/availability", &format!("?window={window}&peer=kvm-base@127.0.0.2"), 200).json();
        let row = &view["peers"][0];
        assert_eq!((&view["slice_seconds"], &view["window"]), (&seconds.into(), &window.into()));
        let letters = row["slices"].as_str().unwrap();
        assert_eq!((letters.len(), letters.trim_start_matches('-')), (slices, "u"), "{row}");
        assert_eq!((&row["availability"], &row["flaps"]), (&1.0.into(), &0.into()), "{row}");
    }
    assert_eq!(
        ask("/v1/availability", "?window=24h&peer=kvm-base", 200).json()["peers"][0]["peer"],
        "kvm-base@127.0.0.2"
    );
    // In the list no more, and in the history.
    let gone = ask("/v1/availability", "?window=24h&peer=kvm9.invalid:8001", 200).json();
    assert_eq!(gone["peers"], Value::Array(vec![]));
    assert_eq!(ask("/v1/availability", "?window=24h&peer=nobody", 404).json()["code"], "KPPEER0404");
    for wrong in ["", "?window=1h", "?window=24h&colour=red"] {
        ask("/v1/availability", wrong, 400);
    }
}

/// The last thing that can be asked.
fn ask_to_leave(conformance: &mut Conformance, daemon: &Daemon) {
    let leave = |body: &str| daemon.authorized("POST", "/v1/leave").json_body(body);
    for wrong in [
        "{}",
        r#"{"seconds":0}"#,
        r#"{"seconds":2592001}"#,
        r#"{"seconds":60,"reason":""}"#,
        r#"{"seconds":60,"reason":"a\u001b[2J"}"#,
        r#"{"seconds":60,"colour":"red"}"#,
    ] {
        assert_eq!(conformance.ask("/v1/leave", "post", &leave(wrong)).status, 400, "{wrong}");
    }
    let free = daemon.http("POST", "/v1/leave").json_body(r#"{"seconds":60}"#);
    assert_eq!(conformance.ask("/v1/leave", "post", &free).status, 401);
    let answer = conformance.ask("/v1/leave", "post", &leave(r#"{"seconds":60,"reason":"firmware"}"#));
    assert_eq!((answer.status, answer.json()["reason"].as_str()), (202, Some("firmware")));
}

fn ask_about_trust(conformance: &mut Conformance, daemon: &Daemon) {
    for (id, status) in [("kvm-base@127.0.0.2", 409), ("nobody", 404)] {
        let request = daemon.authorized("POST", &format!("/v1/peers/{id}/trust"));
        assert_eq!(conformance.ask("/v1/peers/{id}/trust", "post", &request).status, status, "{id}");
        let request = daemon.authorized("POST", &format!("/v1/peers/{id}/check"));
        assert_eq!(conformance.ask("/v1/peers/{id}/check", "post", &request).status, status, "{id}");
    }
    assert_eq!(
        conformance.ask("/v1/keys", "get", &daemon.http("GET", "/v1/keys")).json()["keys"],
        serde_json::json!([])
    );
    assert_eq!(conformance.ask("/v1/keys/reload", "post", &daemon.http("POST", "/v1/keys/reload")).status, 401);
    assert_eq!(conformance.ask("/v1/keys/reload", "post", &daemon.authorized("POST", "/v1/keys/reload")).status, 200);
    for (id, status) in [("AAAAAAAAAAA", 404), ("no-id", 400)] {
        let request = daemon.authorized("DELETE", &format!("/v1/keys/{id}"));
        assert_eq!(conformance.ask("/v1/keys/{id}", "delete", &request).status, status, "{id}");
        let request = daemon.authorized("POST", &format!("/v1/keys/{id}/use"));
        assert_eq!(conformance.ask("/v1/keys/{id}/use", "post", &request).status, status, "{id}");
    }
}

fn ask_about_services(conformance: &mut Conformance, daemon: &Daemon) {
    let body = |url: &str| format!("{{\"url\":\"{url}\"}}");
    let register = |url: &str| daemon.authorized("POST", "/v1/services").json_body(&body(url));
    for (url, status) in [("service:wokd://kvm-0:8001", 201), ("service:wokd://kvm-0:8001", 200), ("http://kvm-0", 400)]
    {
        assert_eq!(conformance.ask("/v1/services", "post", &register(url)).status, status, "{url}");
    }
    let without = daemon.http("POST", "/v1/services").json_body(&body("service:wokd://kvm-0:8001"));
    assert_eq!(conformance.ask("/v1/services", "post", &without).status, 401);
    let list = conformance.ask("/v1/services", "get", &daemon.http("GET", "/v1/services")).json();
    assert_eq!((&list[0]["listed"], &list[0]["answers"]), (&true.into(), &Value::Null), "{list}");
    for status in [204, 404] {
        let request = daemon.authorized("DELETE", "/v1/services/service%3Awokd%3A%2F%2Fkvm-0%3A8001");
        assert_eq!(conformance.ask("/v1/services/{url}", "delete", &request).status, status);
    }
}

#[test]
fn a_peer_that_tells_more_of_itself_is_shown_as_the_document_says() {
    inside(|| {
        let other = Namespace::new("other");
        let lines = format!(
            "link add lan0 type veth peer name lan0 netns {}\naddress add 10.6.0.1/24 dev lan0\nlink set lan0 up",
            other.pid()
        );
        let arguments = ["-c", "echo \"$1\" | ip -batch -", "sh", &lines];
        assert!(std::process::Command::new("sh").args(arguments).status().unwrap().success());
        other.ip("address add 10.6.0.2/24 dev lan0\nlink set lan0 up");
        let daemon = Setup::new("subject").interface("lan0").start();
        let setup = Setup::new("other").interface("lan0");
        let socket = format!("unix:{}", setup.socket().display());
        let mut running = setup.api(&socket).start_in(&other);
        daemon.wait_state("other", "up");
        let mut conformance = Conformance::new(&daemon);
        let row = daemon.peer("other").unwrap();
        assert_eq!(row["facts"]["version"], env!("CARGO_PKG_VERSION"), "{row}");
        assert_eq!(row["url"], "https://10.6.0.2:8001");
        let path = format!("/v1/peers/{}", row["id"].as_str().unwrap());
        let detail = conformance.ask("/v1/peers/{id}", "get", &daemon.http("GET", &path)).json();
        assert_eq!(detail["evidence"][0]["interface"], "lan0", "{detail}");
        // Nothing is kept of it before it answered.
        until(LONG, "it is kept", || !daemon.json(&path)["history"].as_array().unwrap().is_empty());
        assert_eq!(daemon.json(&path)["trust"], "pinned");
        assert_eq!(running.terminate().code(), Some(0));
        daemon.wait_state("other", "down");
        let detail = conformance.ask("/v1/peers/{id}", "get", &daemon.http("GET", &path)).json();
        assert_eq!((&detail["reason"], &detail["history"][0]["event"]), (&"left".into(), &"down".into()), "{detail}");
        conformance.ask("/v1/status", "get", &daemon.http("GET", "/v1/status"));
        assert_eq!(
            conformance.ask("/v1/self", "get", &daemon.http("GET", "/v1/self")).json()["addresses"][0],
            "10.6.0.1"
        );
        let removed = conformance.ask("/v1/peers/{id}", "delete", &daemon.authorized("DELETE", &path));
        assert_eq!(removed.status, 204);
        until(LONG, "it is forgotten", || daemon.peer("other").is_none());
    });
}

#[test]
fn every_event_is_as_the_document_says() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let reader = Reader::open(&daemon, None);
        let mut peer = BasePeer::known("kvm-base", 2, &daemon);
        daemon.add("kvm9.invalid");
        daemon.say(&["remove", "kvm9.invalid"]);
        peer.quit();
        reader.wait_about("down", "kvm-base");
        let document = Document::new(daemon.json("/openapi.json"));
        let schema = &document.root()["components"]["schemas"]["Event"];
        for sent in reader.all() {
            assert_eq!(document.faults(schema, &sent.data), Vec::<String>::new(), "{sent:?}");
            assert_eq!(sent.data["event"], sent.event.as_str());
        }
    });
}

#[test]
fn the_metrics_are_those_of_the_status() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-base", 2, &daemon);
        let answer = daemon.http("GET", "/metrics").send();
        assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
        let text = answer.text();
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert!(text.contains("kimchi_peers_peers{origin=\"local\",state=\"up\"} 1\n"), "{text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("kimchi_peers_") && value.parse::<f64>().is_ok(), "{line}");
        }
    });
}
