//! The state directory of a running daemon in the hands of others: a database that is locked for long, one of a newer program.

use std::time::Instant;

use serde_json::Value;

use super::daemon::{Daemon, cli, state_directory, wait_all_listed};
use super::host::Host;
use super::lan::Lan;
use super::process::Running;
use super::wait::{seconds, until};
use super::{inside, inside_within};

/// Runs SQL on a database and holds it until its stdin ends.
const HOLDER: &str = "import sqlite3, sys\nheld = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)\n\
                      for each in sys.argv[2:]:\n    held.execute(each)\nprint('held', flush=True)\nsys.stdin.readline()\n";
/// Prints the version of the schema of a database.
const VERSION: &str =
    "import sqlite3, sys\nprint(*sqlite3.connect(sys.argv[1]).execute('PRAGMA user_version').fetchone())\n";
const CHANGE: &str = include_str!("scripts/change.py");
/// Holds it against those who write, as a forgotten transaction of a `sqlite3` shell does.
const AGAINST_WRITERS: [&str; 1] = ["BEGIN EXCLUSIVE"];
/// Holds it against everybody.
const AGAINST_ALL: [&str; 3] = ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "PRAGMA user_version"];
/// The store tries again every fifteen seconds.
const FREED_WITHIN: u64 = 60;

fn database(host: &Host) -> String {
    format!("{}/kimchi-peers.db", state_directory(host))
}

fn hold(host: &Host, words: &[&str]) -> Running {
    let path = database(host);
    let mut holder =
        host.spawn_script("a program that holds the database", HOLDER, &[&[path.as_str()], words].concat());
    holder.wait_line(seconds(60), "\"held\"", 0, |line| line == "held");
    holder
}

fn health(daemon: &Daemon<'_>) -> String {
    daemon.fetch("/healthz")
}

fn remotes(daemon: &Daemon<'_>) -> Vec<String> {
    daemon.peers().into_iter().filter(|row| row.origin == "remote").map(|row| row.name).collect()
}

/// A change is refused, and by which words.
fn refused(host: &Host, wanted: &str) {
    let output = cli(host, &["add", "192.0.2.5:8001", "--name", "refused"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(wanted), "{said}");
}

/// A state directory with one peer that was added by hand.
fn prepare(host: &Host) {
    let mut daemon = Daemon::start(host);
    daemon.say(&["add", "192.0.2.1:8001", "--name", "kept"]);
    assert!(daemon.terminate().success());
}

#[test]
fn a_database_that_is_locked_for_long_is_told_and_discovery_goes_on() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts: Vec<Host> = (1..=4).map(|number| lan.host(number)).collect();
        hosts[..3].iter().for_each(prepare);
        // One meets it while it runs, two at the start.
        let mut daemons = vec![Daemon::start(&hosts[0])];
        let words = [&AGAINST_WRITERS[..], &AGAINST_WRITERS, &AGAINST_ALL];
        let holders: Vec<Running> = hosts.iter().zip(words).map(|(host, words)| hold(host, words)).collect();
        for host in &hosts[1..3] {
            let start = Instant::now();
            daemons.push(Daemon::start(host));
            println!("{} started within {:?}", host.name(), start.elapsed());
        }
        for daemon in &daemons {
            refused(daemon.host(), "locked by another program");
            let told = health(daemon);
            assert!(told.contains("locked: another program holds the database"), "{}: {told}", daemon.name());
            assert_eq!(remotes(daemon), ["kept"], "{}", daemon.name());
        }
        // Who comes meanwhile is listed, and who leaves is down.
        let mark = daemons[0].mark();
        daemons.push(Daemon::start(&hosts[3]));
        wait_all_listed(seconds(20), &daemons);
        daemons.pop().expect("the fourth").terminate();
        daemons[0].wait_event(seconds(20), mark, "down", hosts[3].name());
        drop(holders);
        for daemon in &daemons {
            until(seconds(FREED_WITHIN), "it recovers by itself", || !health(daemon).contains("locked: "));
            daemon.say(&["add", "192.0.2.2:8001", "--name", "later"]);
        }
        for (host, daemon) in hosts.iter().zip(&mut daemons) {
            daemon.kill();
            let mut kept = remotes(&Daemon::start(host));
            kept.sort();
            assert_eq!(kept, ["kept", "later"], "{}", host.name());
        }
    });
}

/// The status of the answer to a change.
fn change(host: &Host, method: &str, path: &str, body: &[&str]) -> String {
    let token = host.namespace().run_with(&["cat", &format!("{}/api-token", state_directory(host))], "");
    let url = format!("http://127.0.0.1:8132{path}");
    let words = [&["python3", "-c", CHANGE, method, &url, token.trim()], body].concat();
    host.namespace().run_with(&words, "").trim().to_owned()
}

#[test]
fn a_full_disk_is_answered_with_507_and_found_to_have_room_again() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let state = state_directory(&hosts[0]);
        let shell = |script: &str| drop(hosts[0].namespace().run_with(&["sh", "-ec", script], ""));
        shell(&format!("mkdir -p {state} && mount -t tmpfs -o size=2m,mode=0700 tmpfs {state}"));
        let mut daemons = vec![Daemon::start(&hosts[0])];
        daemons[0].say(&["add", "192.0.2.1:8001", "--name", "kept"]);
        let kept = daemons[0].peers().into_iter().find(|row| row.name == "kept").expect("the row").id;
        let path = format!("/v1/peers/{}", kept.replace(':', "%3A"));
        let other = ["{\"address\": \"192.0.2.6:8001\"}"];
        shell(&format!("cat /dev/zero >{state}/filler || true"));
        assert_eq!(change(&hosts[0], "POST", "/v1/peers", &other), "507");
        assert_eq!(change(&hosts[0], "DELETE", &path, &[]), "507", "a change that makes it smaller needs room too");
        assert!(health(&daemons[0]).contains("disk-full: "), "{}", health(&daemons[0]));
        daemons.push(Daemon::start(&hosts[1]));
        wait_all_listed(seconds(20), &daemons);
        shell(&format!("rm {state}/filler"));
        until(seconds(FREED_WITHIN), "it recovers by itself", || !health(&daemons[0]).contains("disk-full: "));
        assert_eq!(change(&hosts[0], "DELETE", &path, &[]), "204");
        assert_eq!(change(&hosts[0], "POST", "/v1/peers", &other), "201");
    });
}

#[test]
fn a_database_of_a_newer_program_is_only_read_and_that_is_said() {
    inside_within(seconds(120), || {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        prepare(&hosts[0]);
        let version = hosts[0].namespace().run_with(&["python3", "-c", VERSION, &database(&hosts[0])], "");
        drop(hold(&hosts[0], &["PRAGMA journal_mode = DELETE", "PRAGMA user_version = 99"]));
        let bytes = || std::fs::read(database(&hosts[0])).expect("the database");
        let before = bytes();
        let mut daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(20), &daemons);
        assert_eq!(remotes(&daemons[0]), ["kept"]);
        let words = format!("has version 99, this program knows {}", version.trim());
        refused(&hosts[0], &words);
        let status: Value = serde_json::from_str(&health(&daemons[0])).expect("JSON");
        let told = status.to_string();
        assert!(told.contains("schema is newer: ") && told.contains(&words), "{told}");
        assert!(daemons[0].say(&["status"]).contains("Install the newer program, or move the database away"));
        // What it hears is not written either, also not at the end.
        assert!(daemons[0].terminate().success());
        assert_eq!(bytes(), before, "not a byte is written");
        drop(hold(&hosts[0], &[&format!("PRAGMA user_version = {}", version.trim())]));
        daemons[0] = Daemon::start(&hosts[0]);
        daemons[0].say(&["remove", "kept"]);
        wait_all_listed(seconds(20), &daemons);
    });
}
