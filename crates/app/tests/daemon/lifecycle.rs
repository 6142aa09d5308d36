//! How a daemon starts, how it ends, and what keeps it from starting.

use std::fs;
use std::net::{TcpListener, UdpSocket};

use super::inside;
use super::support::{API, BasePeer, Daemon, LONG, PORT, Setup, code, errors};
use super::wait::{seconds, until};

/// A daemon must be gone two seconds after it was asked to end; the rest is for a busy machine.
const END: std::time::Duration = seconds(10);

#[test]
fn the_first_event_is_ready_and_then_the_api_answers() {
    inside(|| {
        let mut daemon = Setup::new("subject").launch();
        let line = daemon.wait_line(LONG, "a line", 0, |_| true);
        let event: serde_json::Value = serde_json::from_str(&line.text).unwrap();
        assert_eq!((&event["event"], event.get("peer")), (&"ready".into(), None), "{event}");
        std::net::TcpStream::connect(API).unwrap();
        assert!(Setup::new("subject").socket().exists());
    });
}

#[test]
fn it_says_goodbye_and_leaves_nothing_behind_that_is_in_the_way() {
    inside(|| {
        for signal in ["TERM", "INT"] {
            let listener = BasePeer::start("kvm-1", 2);
            let mut daemon = Daemon::start("subject");
            until(LONG, "it knows the listener", || daemon.peer("kvm-1").is_some());
            daemon.running.signal(signal);
            let status = daemon.running.wait_end(END);
            assert_eq!(status.code(), Some(0), "{signal}");
            listener.wait_heard("quit", &[("domain", "subject")]);
            assert!(!daemon.setup.socket().exists(), "{signal}");
            let log = daemon.log();
            assert!(log.contains("saying goodbye") && !log.contains("no multicast comes in"), "{log}");
        }
    });
}

#[test]
fn asked_twice_it_ends_all_the_same() {
    inside(|| {
        let mut daemon = Daemon::start("subject");
        // The second may find nobody any more.
        daemon.running.signal("TERM");
        let _ = std::process::Command::new("kill").arg(daemon.running.pid().to_string()).status();
        assert_eq!(daemon.running.wait_end(END).code(), Some(0));
        assert_eq!(daemon.setup.start().json("/healthz")["status"], "ok");
    });
}

#[test]
fn open_streams_do_not_keep_it_from_ending() {
    inside(|| {
        let mut daemon = Daemon::start("subject");
        let _readers: Vec<_> = (0..20).map(|_| super::stream::Reader::open(&daemon, None)).collect();
        daemon.running.signal("TERM");
        assert_eq!(daemon.running.wait_end(END).code(), Some(0));
    });
}

#[test]
fn one_state_directory_has_one_daemon() {
    inside(|| {
        let daemon = Daemon::start("first");
        let second = Setup::new("second").state(daemon.setup.state_directory());
        let output = second.api("127.0.0.1:18133").fail();
        assert_eq!(code(&output), 1);
        let said = errors(&output);
        assert!(said.contains(&format!("(pid {})", daemon.running.pid())), "{said}");
        assert!(said.contains("--state-dir"), "{said}");
        assert_eq!(daemon.json("/healthz")["status"], "ok");
    });
}

#[test]
fn a_taken_api_port_is_told_with_a_remedy() {
    inside(|| {
        let holder = TcpListener::bind(API).unwrap();
        let setup = Setup::new("subject");
        let output = setup.fail();
        assert_eq!(code(&output), 1);
        let said = errors(&output);
        assert!(said.contains(API) && said.contains("hint: ") && said.contains("--api"), "{said}");
        assert!(output.stdout.is_empty(), "it was never ready");
        drop(holder);
        assert_eq!(setup.start().json("/healthz")["status"], "ok");
    });
}

#[test]
fn a_state_directory_that_cannot_be_made_is_told() {
    inside(|| {
        let setup = Setup::new("subject");
        let file = setup.directory().join("file");
        fs::write(&file, "in the way").unwrap();
        for state in [file.join("state"), file] {
            let output = setup.clone().state(&state).fail();
            assert_eq!(code(&output), 1);
            let said = errors(&output);
            assert!(said.contains(&state.display().to_string()) && said.contains("--state-dir"), "{said}");
        }
    });
}

#[test]
fn wrong_settings_are_wrong_usage() {
    inside(|| {
        let setup = Setup::new("subject");
        let file = setup.directory().join("broken.toml");
        fs::write(&file, "nmae = \"kvm-1\"\n").unwrap();
        let file = file.display().to_string();
        let wrong: [&[&str]; 6] = [
            &["--config", &file],
            &["--config", "/nowhere.toml"],
            &["--http-port", "0"],
            &["--name", "a b"],
            &["--log", "loud"],
            &["--group", "10.0.0.1"],
        ];
        for options in wrong {
            let output = setup.clone().options(options).fail();
            assert_eq!(code(&output), 2, "{options:?}: {}", errors(&output));
            assert!(!errors(&output).is_empty());
        }
        let exposed = setup.api("0.0.0.0:18132").fail();
        assert_eq!(code(&exposed), 2, "{}", errors(&exposed));
    });
}

#[test]
fn a_taken_discovery_port_is_told_and_used_once_it_is_free() {
    inside(|| {
        // Without SO_REUSEADDR nobody else can have the port.
        let holder = UdpSocket::bind(("0.0.0.0", PORT)).unwrap();
        let daemon = Daemon::start("subject");
        let health = daemon.json("/healthz");
        assert_eq!(health["status"], "degraded", "{health}");
        let status = daemon.say(&["status"]);
        let remedy = format!("ss -ulpn 'sport = :{PORT}'");
        assert!(status.contains("not all is well") && status.contains(&remedy), "{status}");
        assert!(daemon.log().contains(&remedy), "{}", daemon.log());
        daemon.add("kvm9.invalid");
        drop(holder);
        until(LONG, "all is well again", || daemon.json("/healthz")["status"] == "ok");
        assert!(daemon.say(&["status"]).contains("all is well"));
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
    });
}
