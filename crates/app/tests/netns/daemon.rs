//! The daemon itself on a host, and its command line beside it.

use std::collections::BTreeSet;
use std::process::{ExitStatus, Output};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::host::Host;
use super::process::{Line, Running};
use super::wait::{until, until_some};

const PROGRAM: &str = env!("CARGO_BIN_EXE_kimchi-peers");
/// The same on every host: each has a loopback of its own.
const API: &str = "127.0.0.1:8132";

/// A row of the list, as far as the tests look at it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) origin: String,
    pub(crate) last_seen: Option<String>,
    pub(crate) reach: Option<String>,
    pub(crate) trust: String,
    pub(crate) url: String,
    pub(crate) id: String,
}

impl Peer {
    /// Whether it is there as far as a reader of the list can tell.
    pub(crate) fn is_listed(&self) -> bool {
        self.state == "up" || self.state == "suspect"
    }

    pub(crate) fn has_address(&self, address: &str) -> bool {
        self.addresses.iter().any(|own| own == address)
    }
}

/// A line of `run --events`.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) cause: Option<String>,
    pub(crate) at: Instant,
    pub(crate) peer: Option<Peer>,
}

/// A running daemon; killed without a goodbye when this value is dropped.
pub(crate) struct Daemon<'a> {
    host: &'a Host,
    running: Running,
}

impl<'a> Daemon<'a> {
    /// Starts on `eth0` under the name of the host and waits until it is ready.
    pub(crate) fn start(host: &'a Host) -> Self {
        Self::start_with(host, &["--interface", "eth0"])
    }

    /// Starts with these options in place of `--interface eth0`; none means the interfaces it chooses itself. A name
    /// among them goes before the host's.
    pub(crate) fn start_with(host: &'a Host, options: &[&str]) -> Self {
        Self::start_under(host, &[], options)
    }

    /// The same by another program, such as `env`, which replaces itself or ends with it.
    pub(crate) fn start_under(host: &'a Host, program: &[&str], options: &[&str]) -> Self {
        let mut command: Vec<String> = program.iter().map(|word| (*word).to_owned()).collect();
        command.extend(command_line(host));
        if options.contains(&"--name") {
            command.truncate(command.len() - 2);
        }
        command.extend(options.iter().map(|option| (*option).to_owned()));
        let mut running = host.spawn(&command.iter().map(String::as_str).collect::<Vec<_>>());
        running.wait_line(Duration::from_secs(20), "\"ready\"", 0, |line| parse(line).0 == "ready");
        Self { host, running }
    }

    pub(crate) fn name(&self) -> &'a str {
        self.host.name()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.running.pid()
    }

    /// Where it runs.
    pub(crate) fn host(&self) -> &'a Host {
        self.host
    }

    /// Runs the command line against this daemon, with its token.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        cli(self.host, arguments)
    }

    /// Runs the command line, which must succeed; returns its stdout.
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        let output = self.cli(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?} on {}: {} {said}", self.name(), output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// All rows it knows, also those that are down.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        let listing = self.say(&["list", "--all", "-o", "json"]);
        serde_json::from_str(&listing).unwrap_or_else(|error| panic!("list printed {listing:?}: {error}"))
    }

    /// The names of the others that are up.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let listed = self.peers().into_iter().filter(Peer::is_listed).map(|peer| peer.name);
        listed.filter(|name| name != self.name()).collect()
    }

    /// The rows that are up under a name.
    pub(crate) fn rows(&self, name: &str) -> Vec<Peer> {
        self.peers().into_iter().filter(|peer| peer.is_listed() && peer.name == name).collect()
    }

    /// `GET` of a path on its API.
    pub(crate) fn fetch(&self, path: &str) -> String {
        self.host.fetch(&format!("http://{API}{path}"))
    }

    /// Its first link, as the status tells it.
    pub(crate) fn link(&self) -> Value {
        let mut status: Value = serde_json::from_str(&self.fetch("/v1/status")).expect("JSON");
        status["links"][0].take()
    }

    /// The URLs of `GET /peers`.
    pub(crate) fn urls(&self) -> BTreeSet<String> {
        serde_json::from_str(&self.fetch("/peers")).expect("an array of strings")
    }

    /// A mark for [`Daemon::events_since`].
    pub(crate) fn mark(&self) -> usize {
        self.running.output().count()
    }

    /// The events after a mark.
    pub(crate) fn events_since(&self, mark: usize) -> Vec<Event> {
        self.running.output().since(mark).iter().map(event).collect()
    }

    /// Waits for an event about a peer of that name.
    pub(crate) fn wait_event(&self, limit: Duration, mark: usize, event: &str, peer: &str) -> Event {
        let what = format!("event {event} of {peer} on {}", self.name());
        until_some(limit, &what, || {
            let about = |seen: &Event| seen.peer.as_ref().is_some_and(|row| row.name == peer);
            self.events_since(mark).into_iter().find(|seen| seen.name == event && about(seen))
        })
    }

    /// Waits until it lists all these names, among others perhaps.
    pub(crate) fn wait_names(&self, limit: Duration, names: &[&str]) {
        let wanted: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
        until(limit, &format!("{wanted:?} on {}", self.name()), || self.names().is_superset(&wanted));
    }

    /// What it logged after a mark of [`Daemon::log_mark`].
    pub(crate) fn log_since(&self, mark: usize) -> Vec<Line> {
        self.running.errors().since(mark)
    }

    pub(crate) fn log_mark(&self) -> usize {
        self.running.errors().count()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }

    /// Sends it a signal such as "STOP" and does not wait.
    pub(crate) fn signal(&self, signal: &str) {
        self.running.signal(signal);
    }

    /// SIGTERM, as the service manager sends it; waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.running.terminate()
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        self.running.wait_end(Duration::from_secs(20))
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.running.is_running()
    }
}

/// Runs the command line on a host, whether or not a daemon runs there.
pub(crate) fn cli(host: &Host, arguments: &[&str]) -> Output {
    let state = state_directory(host);
    host.run(&[&[PROGRAM, "--api", API, "--state-dir", &state], arguments].concat())
}

/// What starts a daemon under the name of the host, the name last.
pub(crate) fn command_line(host: &Host) -> Vec<String> {
    let state = state_directory(host);
    let words = [PROGRAM, "run", "--state-dir", &state, "--api", API, "--events", "--name", host.name()];
    words.map(str::to_owned).to_vec()
}

pub(crate) fn state_directory(host: &Host) -> String {
    format!("{}/state", host.directory())
}

fn event(line: &Line) -> Event {
    let (name, cause, peer) = parse(&line.text);
    Event { name, cause, at: line.at, peer }
}

fn parse(line: &str) -> (String, Option<String>, Option<Peer>) {
    let members: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("--events printed {line:?}: {error}"));
    let name = members["event"].as_str().unwrap_or_default().to_owned();
    let peer = members.get("peer").filter(|peer| !peer.is_null()).cloned();
    let cause = members.get("cause").and_then(Value::as_str).map(str::to_owned);
    (name, cause, peer.map(|peer| serde_json::from_value(peer).expect("a PEER")))
}

/// Waits until each of the daemons lists all the others.
pub(crate) fn wait_all_listed(limit: Duration, daemons: &[Daemon<'_>]) {
    for daemon in daemons {
        let others: Vec<&str> = daemons.iter().map(Daemon::name).filter(|name| *name != daemon.name()).collect();
        daemon.wait_names(limit, &others);
    }
}
