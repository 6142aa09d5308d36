//! What the command line prints: for people, for programs, on a terminal and off it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::inside;
use super::process::Running;
use super::support::{BasePeer, Daemon, LONG, succeed, three_peers};
use super::wait::until;

/// Rows of a CSV text as Python reads them.
fn python_reads_csv(text: &str) -> Vec<serde_json::Map<String, Value>> {
    let script = "import csv, io, json, sys; \
                  text = sys.stdin.buffer.read().decode(); \
                  print(json.dumps(list(csv.DictReader(io.StringIO(text, newline=''), strict=True))))";
    let mut command = Command::new("python3");
    let mut child = command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn every_format_of_the_list_can_be_read() {
    inside(|| {
        let (daemon, _peers) = three_peers("kvm9.invalid");
        let list = |format: &str| daemon.say(&["list", "--all", "-o", format]);
        let json: Vec<Value> = serde_json::from_str(&list("json")).unwrap();
        let names: Vec<&str> = json.iter().map(|peer| peer["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["kvm9.invalid", "kvm-left", "kvm-up"]);
        let csv = python_reads_csv(&list("csv"));
        assert_eq!(csv.len(), 3);
        for (row, peer) in csv.iter().zip(&json) {
            for member in ["id", "name", "url", "origin", "state", "trust", "first_seen", "state_since"] {
                assert_eq!(row[member], peer[member], "{member}");
            }
            assert_eq!(row["https_port"], peer["https_port"].to_string());
            assert!(row.values().all(Value::is_string), "a row has cells too many or too few: {row:?}");
        }
        assert_eq!(list("names"), "kvm9.invalid\nkvm-left\nkvm-up\n");
        assert_eq!(list("urls"), "https://kvm9.invalid:8001\nhttps://127.0.0.3:8001\nhttps://127.0.0.2:8001\n");
        for format in ["table", "wide"] {
            let text = list(format);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 4, "{text}");
            assert!(lines[0].starts_with("NAME ") && lines[0].contains("STATE"), "{text}");
            assert!(names.iter().zip(&lines[1..]).all(|(name, line)| line.starts_with(name)), "{text}");
        }
    });
}

#[test]
fn without_all_who_is_down_is_left_out() {
    inside(|| {
        let (daemon, _peers) = three_peers("kvm9.invalid");
        let names = daemon.say(&["list", "-o", "names"]);
        assert!(names.lines().any(|name| name == "kvm-up") && !names.contains("kvm-left"), "{names}");
        assert!(!daemon.say(&["list"]).contains("kvm-left"));
        let json: Vec<Value> = serde_json::from_str(&daemon.say(&["list", "-o", "json"])).unwrap();
        assert!(json.iter().all(|peer| peer["name"] != "kvm-left"));
        daemon.say(&["remove", "kvm-left"]);
        until(LONG, "it is forgotten", || daemon.peer("kvm-left").is_none());
    });
}

#[test]
fn an_empty_list_is_words_for_people_and_data_for_programs() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let output = daemon.setup.cli(&["list"]);
        assert_eq!(succeed(&["list"], &output), "");
        assert!(String::from_utf8_lossy(&output.stderr).contains("no peers yet"));
        assert_eq!(daemon.say(&["list", "-o", "json"]), "[]\n");
        assert_eq!(python_reads_csv(&daemon.say(&["list", "-o", "csv"])).len(), 0);
    });
}

#[test]
fn what_is_shown_of_one_peer_and_of_the_daemon_can_be_read() {
    inside(|| {
        let (daemon, _peers) = three_peers("kvm9.invalid");
        for peer in ["kvm-up", "kvm9.invalid:8001", "https://127.0.0.3:8001"] {
            let shown: Value = serde_json::from_str(&daemon.say(&["show", peer, "-o", "json"])).unwrap();
            let mut asked = daemon.json(&format!("/v1/peers/{}", shown["id"].as_str().unwrap()));
            // A heartbeat or a check may have come in between.
            for member in ["last_seen", "evidence", "state", "reason", "failure", "state_since", "history"] {
                asked[member] = shown[member].clone();
            }
            assert_eq!(shown, asked);
            let text = daemon.say(&["show", peer]);
            assert!(text.contains(shown["name"].as_str().unwrap()) && text.contains(shown["url"].as_str().unwrap()));
        }
        let status: Value = serde_json::from_str(&daemon.say(&["status", "-o", "json"])).unwrap();
        assert_eq!(status["name"], "subject");
        assert_eq!(status["peers"]["local_up"], 1);
        let text = daemon.say(&["status"]);
        for word in ["subject: all is well", "127.0.0.1:18132", "unix:/run/hosts/subject/api.sock", "lo", "1 up"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    });
}

#[test]
fn watch_prints_who_comes_and_goes_and_waits_for_a_daemon_that_restarts() {
    inside(|| {
        let mut daemon = Daemon::start("subject");
        let mut watch = Running::start("watch", &mut daemon.setup.cli_command(&["watch", "-o", "json"]));
        let first = watch.wait_line(LONG, "ready", 0, |_| true);
        assert!(first.text.contains("\"ready\""), "{}", first.text);
        let says = |event: &'static str, name: &'static str| {
            move |line: &str| {
                let line: Value = serde_json::from_str(line).unwrap();
                line["event"] == event && line.pointer("/peer/name") == Some(&name.into())
            }
        };
        let mut peer = BasePeer::start("kvm-1", 2);
        watch.wait_line(LONG, "up", 0, says("up", "kvm-1"));
        peer.quit();
        watch.wait_line(LONG, "down", 0, says("down", "kvm-1"));
        daemon.running.kill();
        let mark = watch.output().count();
        let _daemon = daemon.setup.start();
        let _second = BasePeer::start("kvm-2", 3);
        watch.wait_line(LONG, "up after the restart", mark, says("up", "kvm-2"));
        watch.signal("INT");
        assert_eq!(watch.wait_end(LONG).code(), Some(0));
    });
}

/// What a command prints on a terminal of its own.
fn on_a_terminal(daemon: &Daemon, no_colour: Option<&str>, arguments: &[&str]) -> String {
    let command = daemon.setup.cli_command(arguments);
    let mut terminal = Command::new("python3");
    terminal.args(["-c", "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) != 0)"]).arg(command.get_program());
    terminal.args(command.get_args()).stdin(Stdio::null()).env("TERM", "xterm").env_remove("NO_COLOR");
    no_colour.into_iter().for_each(|value| {
        terminal.env("NO_COLOR", value);
    });
    let output = terminal.output().unwrap();
    succeed(arguments, &output)
}

#[test]
fn colours_are_for_terminals_whose_users_want_them() {
    inside(|| {
        let (daemon, _peers) = three_peers("kvm9.invalid");
        for arguments in [&["list", "--all"][..], &["status"]] {
            assert!(on_a_terminal(&daemon, None, arguments).contains("\u{1b}["), "{arguments:?}");
            assert!(on_a_terminal(&daemon, Some(""), arguments).contains("\u{1b}["), "{arguments:?}");
            let plain = on_a_terminal(&daemon, Some("1"), arguments);
            assert!(!plain.contains('\u{1b}'), "{plain:?}");
            assert!(!daemon.say(arguments).contains('\u{1b}'), "{arguments:?}");
        }
        let json = on_a_terminal(&daemon, None, &["list", "-o", "json"]);
        assert!(!json.contains('\u{1b}'), "{json:?}");
    });
}
