//! A kill, a full disk and a failing disk at each call by which a daemon changes its state directory.
//!
//! `strace` lets one call of one kind fail, the first, the second, and so on until a run has no such call any more. Each run
//! starts from nothing or from the state of an earlier run, adds one peer and removes one, and is judged by a daemon that
//! starts after it without a fault. An ordinary run tries a part of the calls; `DISK_FAULTS=all` tries every one, in some minutes.

use std::collections::BTreeSet;

use super::daemon::{Daemon, cli, command_line, state_directory};
use super::host::Host;
use super::inside_within;
use super::process::Running;
use super::skipped::not_tested;
use super::wait::{seconds, until};

/// The calls that change files. Reading is not failed: a disk that cannot be read any more is another subject.
const CALLS: [&str; 7] = ["openat", "write", "pwrite64", "fsync", "ftruncate", "rename", "unlink"];
/// What is in a state directory, now and then: calls on other files, such as the standard output, are left alone.
const FILES: [&str; 18] = [
    "",
    "lock",
    "epoch",
    "host.key",
    "host.new",
    "host.machine",
    "host.machine.new",
    "api-token",
    "api-token.new",
    "remotes.json",
    "remotes.json.new",
    "kimchi-peers.db",
    "kimchi-peers.db-journal",
    "kimchi-peers.db-wal",
    "kimchi-peers.db-shm",
    "kimchi-peers.db.new",
    "kimchi-peers.db.new-journal",
    "kimchi-peers.db.new-wal",
];
/// An ordinary run tries each of so many.
const STRIDE: usize = 9;

/// How `strace` is told of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Killed,
    Full,
    Failing,
}

impl Fault {
    fn expression(self) -> &'static str {
        match self {
            Self::Killed => "signal=SIGKILL",
            Self::Full => "error=ENOSPC",
            Self::Failing => "error=EIO",
        }
    }
}

/// What a run finds in its state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    TwoPeers,
}

/// What the daemon answered to a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    Refused,
    /// No answer: either is right.
    None,
}

impl Answer {
    fn of(host: &Host, arguments: &[&str]) -> Self {
        match cli(host, arguments).status.code() {
            Some(0) => Self::Done,
            Some(1) => Self::Refused,
            _ => Self::None,
        }
    }

    /// Of a daemon that was killed in the middle of it, a failure says nothing.
    fn but_for_kills(self, fault: Fault) -> Self {
        if fault == Fault::Killed && self == Self::Refused { Self::None } else { self }
    }
}

fn shell(host: &Host, script: &str) {
    let output = host.run(&["sh", "-ec", script]);
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A state directory with two peers that were added by hand, put aside.
fn prepare(host: &Host) {
    let mut daemon = Daemon::start_with(host, &[]);
    daemon.say(&["add", "192.0.2.1", "--name", "kept"]);
    daemon.say(&["add", "192.0.2.2", "--name", "gone"]);
    assert!(daemon.terminate().success());
    shell(host, &format!("cp -a {0} {0}.prepared", state_directory(host)));
}

/// A daemon of which one call fails. The tracer is its grandchild, so that the daemon itself is ours to signal.
fn start(host: &Host, fault: Fault, call: &str, number: usize) -> Running {
    let state = state_directory(host);
    let trace = format!("trace={call}");
    let inject = format!("inject={call}:{}:when={number}", fault.expression());
    let record = format!("{state}.trace");
    let files: Vec<String> =
        FILES.iter().map(|file| format!("{state}/{file}").trim_end_matches('/').to_owned()).collect();
    let mut arguments = vec!["strace", "-D", "-f", "-qq", "-o", &record, "-e", &trace, "-e", &inject];
    files.iter().for_each(|file| arguments.extend(["-P", file.as_str()]));
    let command = command_line(host);
    arguments.extend(command.iter().map(String::as_str));
    let mut running = host.spawn(&arguments);
    until(seconds(60), "ready, or the end", || {
        running.output().since(0).iter().any(|line| line.text.contains("\"ready\"")) || !running.is_running()
    });
    running
}

/// One run with a fault. Returns whether the fault happened at all.
fn try_one(host: &Host, found: Found, fault: Fault, call: &str, number: usize) -> bool {
    let state = state_directory(host);
    shell(host, &format!("rm -rf {state} {state}.trace"));
    if found == Found::TwoPeers {
        shell(host, &format!("cp -a {state}.prepared {state}"));
    }
    let mut running = start(host, fault, call, number);
    let added = Answer::of(host, &["add", "192.0.2.3", "--name", "added"]).but_for_kills(fault);
    let removed = Answer::of(host, &["remove", "gone"]).but_for_kills(fault);
    let lives = running.is_running();
    if lives {
        running.signal("TERM");
    }
    let end = running.wait_end(seconds(60));
    let said: String = running.errors().since(0).iter().map(|line| format!("{}\n", line.text)).collect();
    let what = format!(
        "{fault:?} at {call} {number} where it found {found:?}: added {added:?}, removed {removed:?}, {end}, said {said}"
    );
    assert!(!said.contains("panicked"), "{what}");
    if fault != Fault::Killed && !lives {
        assert!(said.contains("\nkimchi-peers: "), "it ended without a word of why: {what}");
    }
    let happened = match fault {
        Fault::Killed => !lives || !end.success(),
        Fault::Full | Fault::Failing => {
            let record = String::from_utf8(host.run(&["cat", &format!("{state}.trace")]).stdout).expect("text");
            record.contains("(INJECTED)")
        }
    };
    judge(host, found, (added, removed), &what);
    happened
}

/// Starts without a fault and looks at what is there.
fn judge(host: &Host, found: Found, (added, removed): (Answer, Answer), what: &str) {
    let mut daemon = Daemon::start_with(host, &[]);
    let rows = daemon.peers();
    let remotes: BTreeSet<&str> =
        rows.iter().filter(|row| row.origin == "remote").map(|row| row.name.as_str()).collect();
    let agrees = |name: &str, answer: Answer, when_done: bool| match answer {
        Answer::Done => remotes.contains(name) == when_done,
        Answer::Refused => remotes.contains(name) != when_done,
        Answer::None => true,
    };
    assert!(agrees("added", added, true), "{remotes:?} after {what}");
    if found == Found::TwoPeers {
        assert!(remotes.contains("kept"), "a peer was lost, {remotes:?}: {what}");
        assert!(agrees("gone", removed, false), "{remotes:?} after {what}");
    }
    assert!(daemon.terminate().success(), "{what}");
}

/// Lets each call of each kind fail once, or a part of them.
fn sweep(fault: Fault) {
    let host = Host::unplugged("failing");
    if !can_trace(&host) {
        return;
    }
    prepare(&host);
    let all = std::env::var("DISK_FAULTS").is_ok_and(|value| value == "all");
    let stride = if all { 1 } else { STRIDE };
    let mut tried = 0;
    for found in [Found::Nothing, Found::TwoPeers] {
        for (offset, call) in CALLS.iter().enumerate() {
            // Another part for each call, so that they do not all stand at the same place of a run.
            let numbers = (1 + offset % stride..).step_by(stride);
            tried += numbers.take_while(|number| try_one(&host, found, fault, call, *number)).count();
        }
    }
    println!("{fault:?}: {tried} calls failed, one at a time");
    assert!(tried >= if all { 80 } else { 8 }, "{tried} faults are too few to be all");
}

/// Whether `strace` works here; where it does not, says so, and fails with `CI=true`.
fn can_trace(host: &Host) -> bool {
    let tried = host.run(&["strace", "-qq", "-e", "trace=none", "true"]);
    if !tried.status.success() {
        not_tested(&format!("strace cannot be used here: {}", String::from_utf8_lossy(&tried.stderr)));
    }
    tried.status.success()
}

#[test]
fn a_kill_at_any_call_loses_nothing_that_was_answered() {
    inside_within(seconds(3_600), || sweep(Fault::Killed));
}

#[test]
fn a_full_disk_at_any_call_loses_nothing_that_was_answered() {
    inside_within(seconds(3_600), || sweep(Fault::Full));
}

#[test]
fn a_failing_disk_at_any_call_loses_nothing_that_was_answered() {
    inside_within(seconds(3_600), || sweep(Fault::Failing));
}
