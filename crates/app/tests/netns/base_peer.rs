//! A base peer on a host: a program that speaks the request's protocol and nothing of ours.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::capture::bytes_of;
use super::frame::Message;
use super::host::Host;
use super::process::Running;

const SCRIPT: &str = include_str!("scripts/base_peer.py");

/// Something that a base peer has seen or done.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    /// "search", "notify", "quit", "junk", "sent", "list" or "ready".
    pub(crate) event: String,
    pub(crate) at: Instant,
    pub(crate) members: Value,
}

impl Happening {
    /// The name that a received message carries.
    pub(crate) fn domain(&self) -> &str {
        self.members.pointer("/info/domain").and_then(Value::as_str).unwrap_or_default()
    }

    /// The received datagram, read again by our own strict reader.
    pub(crate) fn message(&self) -> Result<Message, String> {
        Message::read(&bytes_of(self.members["frame"].as_str().unwrap_or_default()))
    }
}

/// A running base peer; it ends without a goodbye when this value is dropped.
pub(crate) struct BasePeer {
    running: Running,
}

impl BasePeer {
    /// Starts on `eth0`'s address; it has sent its first search when this returns.
    pub(crate) fn start(host: &Host, address: &str, name: &str) -> Self {
        Self::start_with(host, address, name, &[])
    }

    /// Starts with further options, such as `["--head", "little"]`.
    pub(crate) fn start_with(host: &Host, address: &str, name: &str, options: &[&str]) -> Self {
        let arguments = [&["--name", name, "--ip", address], options].concat();
        let mut running = host.namespace().spawn_script("base_peer.py", SCRIPT, &arguments);
        running.wait_line(Duration::from_secs(10), "its first search", 0, |line| line.contains("\"sent\""));
        Self { running }
    }

    /// A mark for [`BasePeer::since`].
    pub(crate) fn mark(&self) -> usize {
        self.running.output().count()
    }

    /// What happened after the mark.
    pub(crate) fn since(&self, mark: usize) -> Vec<Happening> {
        let lines = self.running.output().since(mark);
        lines.into_iter().map(|line| parse(&line.text, line.at)).collect()
    }

    pub(crate) fn search(&mut self) {
        self.running.say("search");
    }

    pub(crate) fn quit(&mut self) {
        self.running.say("quit");
    }

    /// The peers that it lists now: address by name.
    pub(crate) fn peers(&mut self) -> BTreeMap<String, String> {
        let mark = self.mark();
        self.running.say("list");
        let line = self.running.wait_line(Duration::from_secs(10), "its list", mark, |line| line.contains("\"list\""));
        serde_json::from_value(parse(&line.text, line.at).members["peers"].take()).expect("names and addresses")
    }

    /// The datagrams that it could not read.
    pub(crate) fn junk(&self) -> Vec<Happening> {
        self.since(0).into_iter().filter(|happening| happening.event == "junk").collect()
    }

    /// Ends it without a goodbye, like a crash.
    pub(crate) fn kill(&mut self) {
        self.running.kill();
    }
}

fn parse(line: &str, at: Instant) -> Happening {
    let members: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("base_peer.py printed {line:?}: {error}"));
    Happening { event: members["event"].as_str().unwrap_or_default().to_owned(), at, members }
}
