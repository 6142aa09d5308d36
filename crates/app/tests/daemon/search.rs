//! `search`: by way of the daemon, and without one.

use serde_json::Value;

use super::inside;
use super::support::{BasePeer, Daemon, PORT, Setup, code, errors, succeed};

fn names(text: &str) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_str(text).unwrap();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn with_a_daemon_the_daemon_asks() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let peer = BasePeer::known("kvm-1", 2, &daemon);
        let before = peer.heard().iter().filter(|(kind, _)| kind == "search").count();
        let found = daemon.say(&["search", "--wait", "1s", "-o", "json"]);
        assert_eq!(names(&found), ["kvm-1"]);
        let after = peer.heard().iter().filter(|(kind, _)| kind == "search").count();
        assert!(after > before, "no search was sent");
        assert!(daemon.say(&["search", "--wait", "100ms"]).contains("kvm-1"));
        // Over the socket there is no token to find.
        let socket = format!("unix:{}", daemon.setup.socket().display());
        let setup = daemon.setup.clone().api(&socket).state("/run/hosts/none");
        assert_eq!(code(&setup.cli(&["search", "--wait", "100ms"])), 0);
    });
}

#[test]
fn without_a_daemon_it_asks_itself_and_is_not_listed() {
    inside(|| {
        let setup = Setup::new("nobody");
        let (first, _second) = (BasePeer::start("kvm-1", 2), BasePeer::start("kvm-2", 3));
        let port = PORT.to_string();
        let arguments = ["search", "--interface", "lo", "--port", &port, "--wait", "2s", "-o", "json"];
        let output = setup.cli(&arguments);
        assert_eq!(names(&succeed(&arguments, &output)), ["kvm-1", "kvm-2"]);
        assert!(errors(&output).contains("no daemon runs on this host"), "{}", errors(&output));
        let kinds: Vec<String> =
            first.heard().into_iter().map(|(kind, info)| format!("{kind} {}", info["domain"])).collect();
        assert!(kinds.iter().all(|words| !words.starts_with("notify") || words.contains("kvm-2")), "{kinds:?}");
        assert!(!setup.state_directory().exists(), "it keeps no state");
    });
}

#[test]
fn nobody_answering_is_no_failure_and_no_interface_is_one() {
    inside(|| {
        let setup = Setup::new("nobody");
        let port = PORT.to_string();
        let output = setup.cli(&["search", "--interface", "lo", "--port", &port, "--wait", "100ms"]);
        assert_eq!((code(&output), output.stdout.len()), (0, 0), "{}", errors(&output));
        assert!(errors(&output).contains("nobody answered"), "{}", errors(&output));
        // There is nothing but the loopback here, which is not used unless it is named.
        let output = setup.cli(&["search", "--port", &port, "--wait", "100ms"]);
        assert_eq!(code(&output), 1);
        assert!(errors(&output).contains("--interface"), "{}", errors(&output));
        let output = setup.cli(&["search", "--wait", "soon"]);
        assert_eq!(code(&output), 2, "{}", errors(&output));
    });
}
