//! The system calls of the whole program are those that its unit lets through.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use super::inside;
use super::process::Running;
use super::support::{API, BasePeer, Daemon, LONG, Setup, skip};
use super::wait::until;

const UNIT: &str = include_str!("../../../../packaging/systemd/kimchi-peers.service");

/// Words of strace's own in the list.
const HEADINGS: [&str; 2] = ["syscall", "total"];
/// Made by root alone, to whose files the owner of the directory gets a right; the daemon of the unit is never root.
const OF_ROOT: [&str; 1] = ["fchown"];

/// The names of the groups of system calls, each with what it has: calls, and further groups.
type Groups = BTreeMap<String, Vec<String>>;

/// The groups as the service manager of this machine knows them; `None` if it is not there.
fn groups() -> Option<Groups> {
    let output = Command::new("systemd-analyze").arg("syscall-filter").output().ok()?;
    let mut groups = Groups::new();
    let mut group = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match line.strip_prefix("    ") {
            Some(member) if !member.starts_with('#') => {
                groups.entry(group.clone()).or_default().push(member.trim().to_owned());
            }
            Some(_) => {}
            None => line.trim().clone_into(&mut group),
        }
    }
    Some(groups)
}

fn add_calls(groups: &Groups, name: &str, calls: &mut BTreeSet<String>) {
    if !name.starts_with('@') {
        calls.insert(name.to_owned());
        return;
    }
    let members = groups.get(name).unwrap_or_else(|| panic!("no group of system calls is named {name}"));
    members.iter().for_each(|member| add_calls(groups, member, calls));
}

/// What the unit lets through: its lines in their order, and what the service manager always lets through.
fn let_through(groups: &Groups) -> BTreeSet<String> {
    let mut calls = BTreeSet::new();
    add_calls(groups, "@default", &mut calls);
    for line in UNIT.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (names, is_allowed) = line.strip_prefix('~').map_or((line, true), |names| (names, false));
        for name in names.split(' ') {
            let mut named = BTreeSet::new();
            add_calls(groups, name, &mut named);
            if is_allowed { calls.extend(named) } else { calls.retain(|call| !named.contains(call)) }
        }
    }
    calls
}

/// Has the daemon do all that it does: find a peer, lose it, check a host, answer, reload.
fn use_everything(daemon: &Daemon) {
    let mut peer = BasePeer::known("kvm-1", 2, daemon);
    for arguments in [&["list"] as &[&str], &["show", "kvm-1"], &["status"], &["search"], &["key", "show"]] {
        daemon.say(arguments);
    }
    daemon.add("kvm9.invalid");
    daemon.add("10.5.0.1:8001");
    assert_eq!(daemon.socket("GET", "/v1/peers").send().status, 200);
    assert_eq!(daemon.http("GET", "/metrics").send().status, 200);
    peer.quit();
    daemon.wait_state("kvm-1", "down");
    daemon.say(&["remove", "kvm9.invalid"]);
    let pid = fs::read_to_string(daemon.setup.state_directory().join("lock")).unwrap();
    for signal in ["HUP", "TERM"] {
        assert!(Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap().success());
        let said = if signal == "HUP" { "configuration reloaded" } else { "saying goodbye" };
        until(LONG, said, || daemon.log().contains(said));
    }
}

#[test]
fn the_unit_lets_through_what_the_program_calls() {
    let Some(groups) = groups() else {
        return skip("the system calls of the unit: there is no systemd-analyze (package systemd)");
    };
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("the system calls of the unit: there is no strace");
    }
    inside(|| {
        let setup = Setup::new("subject");
        let counts = setup.directory().join("calls");
        let own = setup.command();
        let mut command = Command::new("strace");
        command.args(["--follow-forks", "--summary-only", "--summary-columns=name", "--output"]).arg(&counts);
        command.arg(own.get_program()).args(own.get_args()).args(["--events", "--tls", "self-signed"]);
        let mut running = Running::start("the daemon under strace", &mut command);
        running.wait_line(LONG, "the line that says ready", 0, |line| line.contains("\"ready\""));
        let mut daemon = Daemon { setup, running };
        assert!(std::net::TcpStream::connect(API).is_ok());
        use_everything(&daemon);
        daemon.running.wait_end(LONG);
        let counts = fs::read_to_string(counts).unwrap();
        let is_name =
            |line: &&str| line.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        let called: BTreeSet<String> =
            counts.lines().map(str::trim).filter(is_name).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        for sure in ["execve", "recvmmsg", "fsync", "accept4"] {
            assert!(called.contains(sure), "{sure} is not among {called:?}");
        }
        let allowed = let_through(&groups);
        let refused: Vec<_> = called
            .iter()
            .map(String::as_str)
            .filter(|call| !allowed.contains(*call) && !OF_ROOT.contains(call) && !HEADINGS.contains(call))
            .collect();
        assert!(refused.is_empty(), "the unit would refuse {refused:?}");
    });
}
