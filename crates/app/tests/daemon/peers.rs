//! The lists: the bytes of Wok, entity tags and filters.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::console::{ADDRESS, Console, plug};
use super::inside;
use super::support::{BasePeer, Daemon, LONG, names, skip};
use super::wait::until;

/// What Python, in which Wok is written, makes of a list.
fn as_python_writes(urls: &[&str]) -> Vec<u8> {
    let script =
        "import json, sys; sys.stdout.write(json.dumps(json.load(sys.stdin), indent=2, separators=(',', ':')))";
    let mut command = Command::new("python3");
    let mut child = command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(serde_json::to_string(urls).unwrap().as_bytes()).unwrap();
    child.wait_with_output().unwrap().stdout
}

#[test]
fn the_urls_are_in_the_bytes_in_which_wok_answers() {
    inside(|| {
        plug();
        // A remote that nobody answers for would be down, and leave the list, whenever its second check is done.
        let Some(_console) = Console::start(8443) else {
            return skip("the list with a remote peer; there is no openssl");
        };
        let daemon = Daemon::start("subject");
        let check = |count: usize| {
            let rows = daemon.peers();
            let there = rows.iter().filter(|row| row["state"] != "down");
            let urls: Vec<&str> = there.map(|row| row["url"].as_str().unwrap()).collect();
            assert_eq!(urls.len(), count, "{urls:?}");
            let answer = daemon.http("GET", "/peers").send();
            assert_eq!(answer.header("content-type"), "application/json;charset=utf-8");
            assert_eq!(answer.text().as_bytes(), as_python_writes(&urls), "{}", answer.text());
        };
        check(0);
        let _first = BasePeer::known("kvm-1", 2, &daemon);
        check(1);
        let mut second = BasePeer::known("kvm-2", 3, &daemon);
        daemon.add(&format!("{ADDRESS}:8443"));
        check(3);
        second.quit();
        daemon.wait_state("kvm-2", "down");
        check(2);
        let urls = daemon.json("/peers");
        assert_eq!(urls, serde_json::json!(["https://127.0.0.2:8001", format!("https://{ADDRESS}:8443")]));
    });
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    inside(|| {
        let daemon = Daemon::start("subject");
        // Without hosts that speak: each heartbeat would be a change of `last_seen`.
        daemon.add("kvm9.invalid");
        for path in ["/peers", "/v1/peers?origin=local"] {
            let first = daemon.http("GET", path).send();
            let tag = first.header("etag").to_owned();
            assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 4, "{tag}");
            for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
                let again = daemon.http("GET", path).header("If-None-Match", &known).send();
                assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()), "{known}");
            }
            let other = daemon.http("GET", path).header("If-None-Match", "\"other\"").send();
            assert_eq!((other.status, other.text()), (200, first.text()));
        }
        let tag = daemon.http("GET", "/peers").send().header("etag").to_owned();
        daemon.add("kvm8.invalid");
        let changed = daemon.http("GET", "/peers").header("If-None-Match", &tag).send();
        assert_eq!(changed.status, 200);
        assert_ne!(changed.header("etag"), tag);
    });
}

#[test]
fn a_list_can_be_narrowed() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _up = BasePeer::known("kvm-up", 2, &daemon);
        let mut left = BasePeer::known("kvm-left", 3, &daemon);
        left.quit();
        daemon.wait_state("kvm-left", "down");
        daemon.add("kvm9.invalid");
        let listed = |query: &str| {
            let rows: Vec<Value> = serde_json::from_value(daemon.json(&format!("/v1/peers?{query}"))).unwrap();
            names(&rows).into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(listed(""), "kvm-left kvm-up kvm9.invalid");
        assert_eq!(listed("origin=local"), "kvm-left kvm-up");
        assert_eq!(listed("origin=remote"), "kvm9.invalid");
        assert_eq!(listed("state=down&origin=local"), "kvm-left");
        assert_eq!(listed("state=up"), "kvm-up");
        assert_eq!(listed("name=KVM-Up"), "kvm-up");
        assert_eq!(listed("name=kvm%2Dup&state=down"), "");
        assert_eq!(listed("name="), "");
        for query in ["state=UP", "state=gone", "origin=", "sate=up", "state=up&state=down"] {
            daemon.http("GET", &format!("/v1/peers?{query}")).send().assert_error(400, "KPAPI0400");
        }
    });
}

#[test]
fn a_peer_is_shown_by_its_id_only() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        for id in ["kvm-1@127.0.0.2", "kvm-1%40127.0.0.2", "%6bvm-1@127.0.0.2"] {
            assert_eq!(daemon.json(&format!("/v1/peers/{id}"))["name"], "kvm-1");
        }
        for id in ["kvm-1", "127.0.0.2", "KVM-2@127.0.0.2", "kvm-1@127.0.0.3"] {
            daemon.http("GET", &format!("/v1/peers/{id}")).send().assert_error(404, "KPPEER0404");
        }
        let head = daemon.http("HEAD", "/peers").send();
        assert_eq!((head.status, head.body.len()), (200, 0));
    });
}

#[test]
fn reading_the_list_tells_when_a_peer_was_heard_and_writes_nothing() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        let waiting = || daemon.json("/v1/status")["store"]["pending"].clone();
        until(LONG, "its row is written", || waiting() == 0);
        let last_seen = || daemon.peer("kvm-1").unwrap()["last_seen"].clone();
        let before = last_seen();
        assert_eq!(daemon.http("POST", "/v1/search").send().status, 202);
        until(LONG, "its answer shows", || last_seen() != before);
        assert_eq!(waiting(), 0);
    });
}
