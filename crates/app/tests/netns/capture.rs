//! All that goes over a link on port 8000, as the kernel of the switch or of a host sees it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::frame::{LARGEST, Message};
use super::namespace::Namespace;
use super::process::Running;

const SCRIPT: &str = include_str!("scripts/capture.py");

/// A frame with a UDP datagram from or to port 8000, or with a later fragment of any datagram.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Frame {
    pub(crate) interface: String,
    /// Whether the namespace that captures has sent it.
    pub(crate) outgoing: bool,
    #[serde(rename = "src")]
    pub(crate) source: IpAddr,
    #[serde(rename = "dst")]
    pub(crate) destination: IpAddr,
    #[serde(rename = "ttl")]
    pub(crate) time_to_live: u8,
    pub(crate) more_fragments: bool,
    pub(crate) fragment_offset: u16,
    payload: String,
    /// When this process read the line, not when the frame was sent.
    #[serde(skip, default = "Instant::now")]
    pub(crate) at: Instant,
}

impl Frame {
    pub(crate) fn payload(&self) -> Vec<u8> {
        bytes_of(&self.payload)
    }

    pub(crate) fn message(&self) -> Result<Message, String> {
        Message::read(&self.payload())
    }

    /// What is wrong with it as a frame of ours; `None` when it keeps all the promises of the wire.
    pub(crate) fn fault(&self) -> Option<String> {
        if self.more_fragments || self.fragment_offset != 0 {
            return Some("it is a fragment".to_owned());
        }
        let wanted = if self.destination.is_multicast() { 1 } else { 255 };
        if self.time_to_live != wanted {
            return Some(format!("its TTL is {}, not {wanted}", self.time_to_live));
        }
        if self.payload().len() > LARGEST {
            return Some(format!("it has {} bytes", self.payload().len()));
        }
        match self.message() {
            Err(fault) => Some(fault),
            Ok(message) if self.source.is_ipv4() && message.text("IP") != self.source.to_string() => {
                Some(format!("it says IP {:?}", message.text("IP")))
            }
            Ok(_) => None,
        }
    }
}

/// A capture that runs until it is dropped.
pub(crate) struct Capture {
    running: Running,
}

impl Capture {
    /// Captures on one interface, or with "any" on all of the namespace; has begun when this returns.
    pub(crate) fn start(namespace: &Namespace, interface: &str) -> Self {
        Self::start_at(namespace, interface, 8000)
    }

    /// The same of another port.
    pub(crate) fn start_at(namespace: &Namespace, interface: &str, port: u16) -> Self {
        let arguments = ["--interface", interface, "--port", &port.to_string()];
        let mut running = namespace.spawn_script("capture.py", SCRIPT, &arguments);
        running.wait_line(Duration::from_secs(10), "\"ready\"", 0, |line| line.contains("ready"));
        Self { running }
    }

    /// The frames so far.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        // The first line says that the capture has begun.
        let lines = self.running.output().since(1);
        lines.into_iter().map(|line| Frame { at: line.at, ..parse(&line.text) }).collect()
    }

    /// The frames so far of one sender.
    pub(crate) fn from(&self, source: &str) -> Vec<Frame> {
        self.frames().into_iter().filter(|frame| frame.source.to_string() == source).collect()
    }

    /// Panics with the first frames that break a promise of the wire.
    pub(crate) fn assert_faultless(&self, frames: &[Frame]) {
        let faults: Vec<String> =
            frames.iter().filter_map(|frame| Some(format!("{}: {frame:?}", frame.fault()?))).take(3).collect();
        assert!(faults.is_empty(), "of {} frames, these are wrong:\n{}", frames.len(), faults.join("\n"));
    }
}

fn parse(line: &str) -> Frame {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("capture.py printed {line:?}: {error}"))
}

/// Bytes from the hexadecimal that the scripts print.
pub(crate) fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap_or_default(), 16);
    hexadecimal.as_bytes().chunks(2).map(|pair| digits(pair).expect("two hexadecimal digits")).collect()
}
