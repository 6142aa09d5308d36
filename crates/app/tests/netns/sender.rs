//! Sends datagrams that no honest peer sends.

use serde_json::json;

use super::host::Host;

const SCRIPT: &str = include_str!("scripts/sender.py");

/// An order to send some payloads from a host, by default once, as group datagrams with TTL 1 from its own address.
#[derive(Clone)]
pub(crate) struct Sender<'a> {
    host: &'a Host,
    interface: &'a str,
    to: String,
    time_to_live: u8,
    source: Option<String>,
    repeat: u32,
    pause: f64,
}

impl<'a> Sender<'a> {
    pub(crate) fn new(host: &'a Host, interface: &'a str) -> Self {
        Self { host, interface, to: "224.0.0.132".to_owned(), time_to_live: 1, source: None, repeat: 1, pause: 0.002 }
    }

    /// Sends to this address, for unicast or another group.
    pub(crate) fn to(mut self, address: &str) -> Self {
        self.to = address.to_owned();
        self
    }

    pub(crate) fn time_to_live(mut self, time_to_live: u8) -> Self {
        self.time_to_live = time_to_live;
        self
    }

    /// Forges the source address, with a raw socket.
    pub(crate) fn source(mut self, address: &str) -> Self {
        self.source = Some(address.to_owned());
        self
    }

    /// Sends all payloads so many times, with so many seconds after each datagram.
    pub(crate) fn repeat(mut self, times: u32, pause: f64) -> Self {
        self.repeat = times;
        self.pause = pause;
        self
    }

    /// Sends and returns when the last datagram has left; returns how many did.
    pub(crate) fn send(&self, payloads: &[Vec<u8>]) -> usize {
        let payloads: Vec<String> = payloads.iter().map(|payload| hexadecimal(payload)).collect();
        let order = json!({
            "to": self.to, "port": 8000, "ttl": self.time_to_live, "interface": self.interface, "source": self.source,
            "repeat": self.repeat, "pause": self.pause, "payloads": payloads,
        });
        let sent = self.host.namespace().run_with(&["python3", "-c", SCRIPT], &order.to_string());
        sent.trim().parse().expect("a number")
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
