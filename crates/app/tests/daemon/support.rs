//! A daemon, the command line beside it, and hosts that speak the base protocol.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::http::{Request, Target};
use super::namespace::Namespace;
use super::process::Running;
pub(crate) use super::skipped::not_tested as skip;
use super::wait::{seconds, until};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_kimchi-peers");
/// The loopback of each test is its own, so that all tests can use the same port.
pub(crate) const API: &str = "127.0.0.1:18132";
/// The UDP port of discovery.
pub(crate) const PORT: u16 = 18_000;
/// Far more than anything here takes; a limit against hanging.
pub(crate) const LONG: Duration = seconds(30);

const BASE_PEER: &str = include_str!("../netns/scripts/base_peer.py");

/// How a daemon is to be started.
#[derive(Clone)]
pub(crate) struct Setup {
    name: String,
    api: Vec<String>,
    options: Vec<String>,
    state: PathBuf,
}

impl Setup {
    /// A daemon of this name on the loopback, with the API on [`API`] and on a socket in its directory.
    pub(crate) fn new(name: &str) -> Self {
        let directory = PathBuf::from("/run/hosts").join(name);
        fs::create_dir_all(&directory).unwrap();
        let socket = format!("unix:{}", directory.join("api.sock").display());
        let options = ["--interface", "lo", "--port", &PORT.to_string()].map(str::to_owned);
        Self {
            name: name.to_owned(),
            api: vec![API.to_owned(), socket],
            options: options.into(),
            state: directory.join("state"),
        }
    }

    /// The API here and nowhere else.
    pub(crate) fn api(mut self, address: &str) -> Self {
        self.api = vec![address.to_owned()];
        self
    }

    /// Discovery on this interface in place of the loopback.
    pub(crate) fn interface(mut self, interface: &str) -> Self {
        self.options = vec!["--interface".to_owned(), interface.to_owned(), "--port".to_owned(), PORT.to_string()];
        self
    }

    /// The state in this directory.
    pub(crate) fn state(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state = directory.into();
        self
    }

    /// Further options of `run`.
    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|option| (*option).to_owned()));
        self
    }

    pub(crate) fn directory(&self) -> PathBuf {
        PathBuf::from("/run/hosts").join(&self.name)
    }

    pub(crate) fn state_directory(&self) -> &PathBuf {
        &self.state
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory().join("api.sock")
    }

    /// The command that starts it; with a name of its own unless a configuration file is to give one.
    pub(crate) fn command(&self) -> Command {
        let mut command = program();
        command.arg("run").args(&self.options).arg("--state-dir").arg(&self.state);
        if !self.options.iter().any(|option| option == "--config") {
            command.args(["--name", &self.name]);
        }
        command.args(self.api.iter().flat_map(|address| ["--api", address]));
        command
    }

    /// Starts it without waiting for anything.
    pub(crate) fn launch(&self) -> Running {
        Running::start(&format!("the daemon {}", self.name), self.command().arg("--events"))
    }

    /// Starts it and waits until it says that it is ready.
    pub(crate) fn start(&self) -> Daemon {
        let mut running = self.launch();
        running.wait_line(LONG, "the line that says ready", 0, |line| line.contains("\"ready\""));
        Daemon { setup: self.clone(), running }
    }

    /// Starts it as another host, in a namespace of its own, and waits until it says that it is ready.
    pub(crate) fn start_in(&self, namespace: &Namespace) -> Running {
        let own = self.command();
        let words = std::iter::once(own.get_program()).chain(own.get_args());
        let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).chain(["--events"]).collect();
        let mut running = namespace.spawn(&words);
        running.wait_line(LONG, "the line that says ready", 0, |line| line.contains("\"ready\""));
        running
    }

    /// Runs it to an end that it is expected to find by itself, at once.
    pub(crate) fn fail(&self) -> Output {
        let mut running = self.launch();
        let status = running.wait_end(LONG);
        std::thread::sleep(Duration::from_millis(200));
        let text = |lines: &super::process::Lines| {
            lines.since(0).into_iter().map(|line| line.text + "\n").collect::<String>().into_bytes()
        };
        Output { status, stdout: text(running.output()), stderr: text(running.errors()) }
    }

    /// Runs the command line against this daemon, whether or not it runs.
    pub(crate) fn cli(&self, arguments: &[&str]) -> Output {
        self.cli_command(arguments).output().unwrap()
    }

    /// The command line against this daemon, to be started in some other way.
    pub(crate) fn cli_command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("--state-dir").arg(&self.state);
        command.args(self.api.iter().take(1).flat_map(|address| ["--api", address]));
        command.args(arguments).stdin(Stdio::null());
        command
    }
}

/// The program without anything of the environment that would change what it does.
pub(crate) fn program() -> Command {
    let mut command = Command::new(PROGRAM);
    for (variable, _) in std::env::vars().filter(|(variable, _)| variable.starts_with("KIMCHI_PEERS_")) {
        command.env_remove(variable);
    }
    for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "STATE_DIRECTORY", "NO_COLOR"] {
        command.env_remove(variable);
    }
    command.env("HOME", "/run/hosts");
    command
}

/// A running daemon; killed when this value is dropped.
pub(crate) struct Daemon {
    pub(crate) setup: Setup,
    pub(crate) running: Running,
}

impl Daemon {
    /// A daemon of this name with all the usual settings.
    pub(crate) fn start(name: &str) -> Self {
        Setup::new(name).start()
    }

    /// A request over TCP, without the token.
    pub(crate) fn http(&self, method: &str, path: &str) -> Request {
        Request::new(Target::Tcp(API.to_owned()), method, path)
    }

    /// A request over TCP, with the token.
    pub(crate) fn authorized(&self, method: &str, path: &str) -> Request {
        self.http(method, path).header("Authorization", &format!("Bearer {}", self.token()))
    }

    /// A request over the Unix socket.
    pub(crate) fn socket(&self, method: &str, path: &str) -> Request {
        Request::new(Target::Unix(self.setup.socket()), method, path)
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.setup.state.join("api-token")).unwrap().trim().to_owned()
    }

    /// The JSON of a `GET`, which must succeed.
    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.http("GET", path).send();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// The rows of the whole list.
    pub(crate) fn peers(&self) -> Vec<Value> {
        self.json("/v1/peers").as_array().unwrap().clone()
    }

    /// The row of this name.
    pub(crate) fn peer(&self, name: &str) -> Option<Value> {
        self.peers().into_iter().find(|peer| peer["name"] == name)
    }

    /// Waits until the peer of this name is in this state.
    pub(crate) fn wait_state(&self, name: &str, state: &str) {
        until(LONG, &format!("{name} is {state}"), || self.peer(name).is_some_and(|peer| peer["state"] == state));
    }

    /// Adds a remote peer, which must succeed; returns its row.
    pub(crate) fn add(&self, address: &str) -> Value {
        let answer = self.authorized("POST", "/v1/peers").json_body(&format!("{{\"address\":\"{address}\"}}")).send();
        assert_eq!(answer.status, 201, "{address}: {}", answer.text());
        answer.json()
    }

    /// Runs the command line, which must succeed; returns its stdout.
    pub(crate) fn say(&self, arguments: &[&str]) -> String {
        succeed(arguments, &self.setup.cli(arguments))
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        self.running.errors().since(0).into_iter().map(|line| line.text + "\n").collect()
    }
}

/// The stdout of a command that must have succeeded.
pub(crate) fn succeed(arguments: &[&str], output: &Output) -> String {
    assert!(output.status.success(), "{arguments:?}: {} {}", output.status, errors(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// What a command said on stderr.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The exit status, or 128 and the signal that ended it.
pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0))
}

/// A host at 127.0.0.NUMBER that speaks the base protocol; it goes without a goodbye when this value is dropped.
pub(crate) struct BasePeer {
    running: Running,
}

impl BasePeer {
    /// It has sent its first search when this returns.
    pub(crate) fn start(name: &str, number: u8) -> Self {
        let (address, port) = (format!("127.0.0.{number}"), PORT.to_string());
        let mut command = Command::new("python3");
        command.args(["-c", BASE_PEER, "--name", name, "--ip", &address, "--port", &port]);
        let mut running = Running::start(&format!("the base peer {name}"), &mut command);
        running.wait_line(LONG, "its first search", 0, |line| line.contains("\"sent\""));
        Self { running }
    }

    /// It is known to the daemon when this returns.
    pub(crate) fn known(name: &str, number: u8, daemon: &Daemon) -> Self {
        let peer = Self::start(name, number);
        daemon.wait_state(name, "up");
        peer
    }

    pub(crate) fn quit(&mut self) {
        self.running.say("quit");
    }

    /// What it has received so far: kind and info of each message.
    pub(crate) fn heard(&self) -> Vec<(String, Value)> {
        let lines = self.running.output().since(0).into_iter();
        let messages = lines.filter_map(|line| serde_json::from_str::<Value>(&line.text).ok());
        messages
            .map(|message| (message["event"].as_str().unwrap_or_default().to_owned(), message["info"].clone()))
            .collect()
    }

    /// Waits until it has heard a message of this kind whose info has all these members.
    pub(crate) fn wait_heard(&self, kind: &str, members: &[(&str, &str)]) {
        until(LONG, &format!("a {kind} with {members:?}, among {:?}", self.heard()), || {
            let fits = |info: &Value| members.iter().all(|(member, value)| info[member] == *value);
            self.heard().iter().any(|(heard, info)| heard == kind && fits(info))
        });
    }
}

/// A daemon that knows a host that is up, one that left and `remote`, which is of another network.
pub(crate) fn three_peers(remote: &str) -> (Daemon, [BasePeer; 2]) {
    let daemon = Daemon::start("subject");
    let up = BasePeer::known("kvm-up", 2, &daemon);
    let mut left = BasePeer::known("kvm-left", 3, &daemon);
    left.quit();
    daemon.wait_state("kvm-left", "down");
    daemon.add(remote);
    (daemon, [up, left])
}

/// The names of rows.
pub(crate) fn names(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}
