//! A reader of the server-sent events.

use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::http::{Request, Stream};
use super::support::{Daemon, LONG};
use super::wait::until_some;

/// One event of the stream, or a comment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) event: String,
    pub(crate) data: Value,
    pub(crate) comment: bool,
}

impl Sent {
    /// The name of the peer it is about.
    pub(crate) fn name(&self) -> &str {
        self.data.pointer("/peer/name").and_then(Value::as_str).unwrap_or_default()
    }

    /// What it says, without its place: "up kvm-1".
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.event, self.name())
    }

    /// Run and number of its id.
    pub(crate) fn place(&self) -> (u64, u64) {
        let (run, number) = self.id.split_once('.').unwrap();
        (run.parse().unwrap(), number.parse().unwrap())
    }
}

/// A connection whose events a thread collects.
pub(crate) struct Reader {
    events: Arc<Mutex<Vec<Sent>>>,
}

impl Reader {
    /// Reads from now on, or on after an id. The connection stands when this returns.
    pub(crate) fn open(daemon: &Daemon, after: Option<&str>) -> Self {
        let request = daemon.http("GET", "/v1/events");
        Self::of(&match after {
            Some(id) => request.header("Last-Event-ID", id),
            None => request,
        })
    }

    fn of(request: &Request) -> Self {
        let mut reader = BufReader::new(request.begin());
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(reader.read_line(&mut head).unwrap() > 0, "the head ends early: {head:?}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        let events = Arc::<Mutex<Vec<Sent>>>::default();
        let collected = Arc::clone(&events);
        std::thread::spawn(move || collect(reader, &collected));
        Self { events }
    }

    /// All that has come so far.
    pub(crate) fn all(&self) -> Vec<Sent> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the first that fits.
    pub(crate) fn wait(&self, what: &str, wanted: impl Fn(&Sent) -> bool) -> Sent {
        until_some(LONG, what, || self.all().into_iter().find(&wanted))
    }

    /// Waits for an event about a peer.
    pub(crate) fn wait_about(&self, event: &str, name: &str) -> Sent {
        self.wait(&format!("{event} {name}"), |sent| sent.event == event && sent.name() == name)
    }
}

fn collect(mut reader: BufReader<Box<dyn Stream>>, events: &Mutex<Vec<Sent>>) {
    let mut text = String::new();
    while let Some(chunk) = chunk(&mut reader) {
        text.push_str(&chunk);
        while let Some((block, rest)) = text.split_once("\n\n") {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(parse(block));
            text = rest.to_owned();
        }
    }
}

/// The next chunk of a chunked body.
fn chunk(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let size = usize::from_str_radix(line.trim(), 16).ok().filter(|size| *size > 0)?;
    let mut bytes = vec![0; size + 2];
    reader.read_exact(&mut bytes).ok()?;
    bytes.truncate(size);
    String::from_utf8(bytes).ok()
}

fn parse(block: &str) -> Sent {
    let mut sent = Sent::default();
    for line in block.lines() {
        match line.split_once(": ").unwrap_or((line, "")) {
            ("id", id) => sent.id = id.to_owned(),
            ("event", event) => sent.event = event.to_owned(),
            ("data", data) => sent.data = serde_json::from_str(data).unwrap(),
            (other, _) => sent.comment |= other.starts_with(':'),
        }
    }
    sent
}
