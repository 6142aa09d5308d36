//! `slptool`, as Wok and Kimchi run it: by its name, from their PATH, and reading every byte of its stdout.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::inside;
use super::process::Running;
use super::skipped::show_not_tested;
use super::support::{API, BasePeer, Daemon, LONG, PROGRAM, Setup, code, errors};
use super::wait::until;

const WOK: &str = include_str!("scripts/wok_peers.py");
const OWN: &str = "kvm-0.example.org:18001";
/// The limit that slptool promises, and what a loaded machine takes to start a program.
const SOON: Duration = Duration::from_secs(3);

/// A command with the program under the name slptool first in its PATH, and this daemon in its environment.
fn beside(setup: &Setup, program: &str) -> Command {
    let directory = setup.directory().join("bin");
    std::fs::create_dir_all(&directory).unwrap();
    let link = directory.join("slptool");
    if !link.exists() {
        std::os::unix::fs::symlink(PROGRAM, link).unwrap();
    }
    // The path of the program is looked up in the PATH of this process, not in the one it is given.
    let program = if program == "slptool" { directory.join("slptool") } else { PathBuf::from(program) };
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", directory.display())).env("HOME", setup.directory());
    command.env("KIMCHI_PEERS_API", API).env("KIMCHI_PEERS_STATE_DIR", setup.state_directory());
    command
}

fn slptool(setup: &Setup, line: &str) -> Output {
    beside(setup, "slptool").args(line.split(' ')).output().unwrap()
}

/// The stdout of a run that ends soon and well.
fn said(setup: &Setup, line: &str) -> String {
    let start = Instant::now();
    let output = slptool(setup, line);
    assert_eq!(code(&output), 0, "{line}: {}", errors(&output));
    assert!(start.elapsed() < SOON, "{line} took {:?}", start.elapsed());
    String::from_utf8(output.stdout).unwrap()
}

/// Wok's model of its peers.
struct Wok {
    running: Running,
}

impl Wok {
    /// It has registered itself when this returns.
    fn start(setup: &Setup, source: &str) -> Self {
        let mut command = beside(setup, "python3");
        let mut running = Running::start("Wok's model", command.args(["-c", WOK, source, OWN]));
        let answer = running.wait_line(LONG, "that it is registered", 0, |_| true).text;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["complaints"], serde_json::json!([]), "registering is silent");
        Self { running }
    }

    fn ask(&mut self, wish: &str) -> Value {
        let mark = self.running.output().count();
        self.running.say(wish);
        serde_json::from_str(&self.running.wait_line(LONG, wish, mark, |_| true).text).unwrap()
    }

    /// The list that a browser gets, which must have been read without a fault.
    fn list(&mut self) -> BTreeSet<String> {
        let answer = self.ask("list");
        assert_eq!((&answer["broke_off"], &answer["complaints"]), (&false.into(), &serde_json::json!([])), "{answer}");
        assert!(answer["seconds"].as_f64().unwrap() < SOON.as_secs_f64(), "{answer}");
        let urls = answer["list"].as_array().unwrap();
        let distinct: BTreeSet<String> = urls.iter().map(|url| url.as_str().unwrap().to_owned()).collect();
        assert_eq!(distinct.len(), urls.len(), "{answer}");
        distinct
    }
}

fn urls(numbers: &[u8]) -> BTreeSet<String> {
    numbers.iter().map(|number| format!("https://127.0.0.{number}:8001")).collect()
}

/// Wok registers itself, lists its peers, follows them, and goes.
fn wok_lists_its_peers(source: &str) {
    let daemon = Daemon::start("subject");
    let mut wok = Wok::start(&daemon.setup, source);
    assert_eq!(wok.list(), BTreeSet::new());
    let mut first = BasePeer::known("kvm-1", 2, &daemon);
    let _second = BasePeer::known("kvm-2", 3, &daemon);
    assert_eq!(wok.list(), urls(&[2, 3]));
    first.quit();
    daemon.wait_state("kvm-1", "down");
    assert_eq!(wok.list(), urls(&[3]));
    assert_eq!(daemon.json("/v1/services")[0]["url"], format!("service:wokd://{OWN}"));
    assert_eq!(wok.ask("exit")["complaints"], serde_json::json!([]), "deregistering is silent");
    assert_eq!(daemon.json("/v1/services"), serde_json::json!([]));
}

#[test]
fn wok_lists_its_peers_as_restated() {
    inside(|| wok_lists_its_peers("restated"));
}

#[test]
fn wok_lists_its_peers_by_its_own_model() {
    let Ok(checkout) = std::env::var("WOK_CHECKOUT") else {
        // No failure of the gate either: Wok is fetched by whoever wants to test against it.
        show_not_tested("Wok by its own model: set WOK_CHECKOUT to a checkout of Wok");
        return;
    };
    inside(move || wok_lists_its_peers(&checkout));
}

#[test]
fn what_is_said_on_stdout_is_lines_of_the_original_and_nothing_else() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        let own = format!("service:wokd://{OWN}");
        let say = |line: &str| said(&daemon.setup, line);
        assert_eq!(say(&format!("-s DEFAULT -l en -t 65535 register {own} (a=1)")), "");
        let peer = "127.0.0.2:8001,65535\n";
        assert_eq!(say("findsrvs service:wokd"), format!("{own},65535\nservice:wokd://{peer}"));
        assert_eq!(say("-u 127.0.0.1 findsrvs service:kimchid"), format!("service:kimchid://{peer}"));
        assert_eq!(say("register service:kimchid://kvm-0:8001"), "");
        assert_eq!(
            say("findsrvs service:kimchid (x=1)"),
            format!("service:kimchid://kvm-0:8001,65535\nservice:kimchid://{peer}")
        );
        assert_eq!(say("findsrvtypes"), "service:wokd\nservice:kimchid\n");
        assert_eq!(say("findscopes"), "DEFAULT\n");
        assert_eq!(say("getproperty net.slp.useScopes"), "net.slp.useScopes = DEFAULT\n");
        assert!(say("-v").starts_with("slptool version = "));
        for line in ["findsrvs service:http", "findattrs service:wokd", "findsrvtypes ibm"] {
            assert_eq!(say(line), "", "{line}");
        }
        for line in ["register service:http://kvm-0:80", "register nonsense", "register service:wokd://\"><script>:1"] {
            assert_eq!(say(line), "", "{line}");
        }
        assert_eq!(say(&format!("deregister {own}")), "");
        assert_eq!(say(&format!("deregister {own}")), "");
        assert_eq!(say("findsrvs service:wokd"), format!("service:wokd://{peer}"));
        let wrong = slptool(&daemon.setup, "find");
        assert_eq!((code(&wrong), wrong.stdout.len()), (1, 0), "{}", errors(&wrong));
        assert_eq!(daemon.say(&["slptool", "-s", "x", "findsrvs", "service:wokd"]), format!("service:wokd://{peer}"));
    });
}

#[test]
fn a_name_is_told_where_it_leads_to_the_peer() {
    inside(|| {
        let text = "127.0.0.1 localhost\n127.0.0.2 kvm-1.example.org\n10.9.9.9 kvm-2.example.org\n127.0.0.4 kvm-3\n";
        std::fs::write("/run/hosts/names", text).unwrap();
        let mounted = Command::new("mount").args(["--bind", "/run/hosts/names", "/etc/hosts"]).status().unwrap();
        assert!(mounted.success());
        let daemon = Daemon::start("subject");
        let names = [("kvm-1.example.org", 2), ("kvm-2.example.org", 3), ("kvm-3", 4), ("kvm_4.example.org", 5)];
        let _peers = names.map(|(name, number)| BasePeer::known(name, number, &daemon));
        let lines = said(&daemon.setup, "findsrvs service:wokd");
        let hosts: BTreeSet<&str> =
            lines.lines().map(|line| line.trim_start_matches("service:wokd://").split(':').next().unwrap()).collect();
        assert_eq!(hosts, ["kvm-1.example.org", "127.0.0.3", "127.0.0.4", "127.0.0.5"].into(), "{lines}");
    });
}

#[test]
fn a_registration_outlives_daemons_that_are_down_or_hang() {
    inside(|| {
        let setup = Setup::new("subject");
        let own = format!("service:wokd://{OWN}");
        let line = format!("{own},65535\n");
        assert_eq!(said(&setup, &format!("register {own}")), "");
        assert_eq!(said(&setup, "findsrvs service:wokd"), line, "the host finds itself without a daemon");
        let mut daemon = setup.start();
        let registered = |daemon: &Daemon, url: &str| {
            daemon.json("/v1/services").as_array().unwrap().iter().any(|service| service["url"] == url)
        };
        until(LONG, "the daemon picks it up", || registered(&daemon, &own));
        daemon.running.signal("STOP");
        assert_eq!(said(&setup, "register service:wokd://kvm-9:18009"), "");
        assert!(said(&setup, "findsrvs service:wokd").starts_with(&line));
        daemon.running.signal("CONT");
        until(LONG, "that one too", || registered(&daemon, "service:wokd://kvm-9:18009"));
        daemon.running.kill();
        let daemon = setup.start();
        assert!(registered(&daemon, &own) && registered(&daemon, "service:wokd://kvm-9:18009"), "kept over a crash");
    });
}

#[test]
fn a_registration_lives_as_long_as_its_port() {
    inside(|| {
        let peer = BasePeer::start("kvm-1", 2);
        let daemon = Daemon::start("subject");
        let console = TcpListener::bind("127.0.0.1:18001").unwrap();
        said(&daemon.setup, &format!("register service:wokd://{OWN}"));
        peer.wait_heard("notify", &[("domain", "subject"), ("httpsport", "18001")]);
        let service = || daemon.json("/v1/services")[0].clone();
        until(LONG, "it answers", || service()["answers"] == true);
        drop(console);
        until(LONG, "it is listed no more", || service()["listed"] == false);
        assert!(!said(&daemon.setup, "findsrvs service:wokd").contains(OWN));
        assert_eq!(daemon.json("/v1/self")["https_port"], 8001);
        let _console = TcpListener::bind("127.0.0.1:18001").unwrap();
        until(LONG, "it is back", || service()["listed"] == true);
        assert!(said(&daemon.setup, "findsrvs service:wokd").contains(OWN));
        until(LONG, "it is announced again", || daemon.json("/v1/self")["https_port"] == 18001);
    });
}

#[test]
fn the_ports_of_wok_are_read_from_its_own_file() {
    inside(|| {
        let peer = BasePeer::start("kvm-1", 2);
        let setup = Setup::new("subject");
        let conf = setup.directory().join("wok.conf");
        std::fs::write(&conf, "[server]\nproxy_port = 9001\nfederation = off\n").unwrap();
        let file = setup.directory().join("kimchi-peers.toml");
        std::fs::write(&file, format!("name = \"subject\"\nwok_conf = \"{}\"\n", conf.display())).unwrap();
        let daemon = setup.options(&["--config", file.to_str().unwrap()]).start();
        peer.wait_heard("search", &[("domain", "subject"), ("httpsport", "9001")]);
        std::fs::write(&conf, "[server]\nproxy_port = 9002\n").unwrap();
        daemon.running.signal("HUP");
        peer.wait_heard("notify", &[("domain", "subject"), ("httpsport", "9002")]);
    });
}
