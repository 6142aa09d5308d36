//! The one task around the engine: it waits for one thing, gives it to the engine, and does what the engine wants.

mod serve;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use kimchi_peers_proto::{Command, Event, Input, Instant, Matrix, Node, Output, Peer, PeerKey};
use tokio::io::Ready;
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, info, trace, warn};

use crate::clock::{self, Alarm};
use crate::error_queue::Unreachable;
use crate::events::Publisher;
use crate::interfaces::{Bell, Selection, Snapshot, snapshot};
use crate::rivals;
use crate::sockets::{Sockets, Trouble, Which};
use crate::status::Status;
use crate::troubles::Troubles;

/// The kernel tells of one change in bursts; this is how long the driver waits for the rest of one.
const SETTLE: Duration = Duration::from_millis(100);
/// How often what did not work is tried again: a port that was taken, an interface that would not join.
const RETRY: Duration = Duration::from_secs(5);
/// Shortest time between two log lines about sending that fails for one reason.
const SEND_ERROR_INTERVAL: Duration = Duration::from_secs(60);
/// How often the group is joined anew where a switch seems to prune it: that makes a report for the switch.
const REJOIN_INTERVAL: Duration = Duration::from_secs(60);
/// How often this host looks whether another program has its port open too, beside each look at the interfaces.
const RIVALS_INTERVAL: Duration = Duration::from_secs(30);

/// What is due waits until all that came in is read: an answer may be among it. So long at most, what keeps this host in the eyes of
/// others, and what asks and answers: after a second the queue counts as old (`backlog.rs`).
const URGENT_HELD_MAX: Duration = Duration::from_millis(100);
const HELD_MAX: Duration = Duration::from_secs(1);

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Request {
    Command(Command),
    Peers(oneshot::Sender<Vec<Peer>>),
    Peer(PeerKey, oneshot::Sender<Option<Peer>>),
    LastHeard(oneshot::Sender<Vec<(PeerKey, Instant)>>),
    RoundTrips(oneshot::Sender<Vec<(PeerKey, Duration)>>),
    Status(oneshot::Sender<Status>),
    Matrix(oneshot::Sender<Matrix>),
    Interfaces(Vec<String>),
}

/// The task's state.
pub(crate) struct Driver {
    node: Node,
    sockets: Sockets,
    selection: Selection,
    snapshot: Snapshot,
    alarm: Alarm,
    bell: Bell,
    requests: mpsc::Receiver<Request>,
    events: Publisher,
    socket_troubles: Vec<String>,
    /// Why the port is not open.
    port_error: Option<String>,
    troubles: Troubles,
    /// When this host last looked whether another program has its port open too.
    rivals_looked_for: Option<Instant>,
    send_errors: BTreeMap<i32, (Instant, u64)>,
    send_errors_total: u64,
    unreachable: u64,
    /// When the group was last joined anew because a switch seems to prune it, by interface.
    rejoined: BTreeMap<u32, Instant>,
    /// Since when something is due and waits until what came in is read.
    due_since: Option<Instant>,
    /// When to look at the interfaces again.
    look_at: Option<tokio::time::Instant>,
    /// Whether the last handle is gone.
    abandoned: bool,
    /// Whether the goodbye is being said: the engine hears nothing any more then, which is no trouble.
    leaving: bool,
    left: bool,
}

impl Driver {
    /// Makes the task ready to run: sockets joined, first searches on their way.
    pub(crate) fn new(
        node: Node,
        sockets: Sockets,
        selection: Selection,
        requests: mpsc::Receiver<Request>,
        events: Publisher,
    ) -> io::Result<Self> {
        let troubles = Troubles::new(sockets.port());
        let mut driver = Self {
            node,
            sockets,
            selection,
            snapshot: Snapshot::default(),
            alarm: Alarm::new()?,
            // Before the first look, so that no change between the two is missed.
            bell: Bell::new()?,
            requests,
            events,
            socket_troubles: Vec::new(),
            port_error: None,
            troubles,
            rivals_looked_for: None,
            send_errors: BTreeMap::new(),
            send_errors_total: 0,
            unreachable: 0,
            rejoined: BTreeMap::new(),
            due_since: None,
            look_at: None,
            abandoned: false,
            leaving: false,
            left: false,
        };
        driver.look_at_interfaces();
        Ok(driver)
    }

    /// Runs until the goodbye is said.
    pub(crate) async fn run(mut self) {
        while !self.left {
            tokio::select! {
                // What is rare comes first, so that no flood keeps it waiting, and time comes last: what this host was told
                // before a time-out counts.
                biased;
                () = self.bell.rings() => {
                    self.look_at.get_or_insert_with(|| tokio::time::Instant::now() + SETTLE);
                }
                () = sleep_until(self.look_at) => {
                    self.look_at = None;
                    self.look_at_interfaces();
                }
                request = self.requests.recv(), if !self.abandoned => match request {
                    Some(request) => self.serve(request),
                    // The last handle is gone: nobody can ask for a goodbye any more.
                    None => {
                        self.abandoned = true;
                        self.command(Command::Quit);
                    }
                },
                ready = self.sockets.ready() => if self.receive(ready) {
                    // Under a flood there is always more; the program's other tasks have their turn after each batch.
                    tokio::task::yield_now().await;
                },
                // Once more around, so that the runtime looks whether more has come in.
                () = tokio::task::yield_now(), if self.due_since.is_some() => self.step(Input::Tick),
                fired = self.alarm.fired(), if self.due_since.is_none() => {
                    if let Err(error) = fired {
                        warn!(%error, "the alarm failed");
                    }
                    self.step(Input::Tick);
                }
            }
        }
    }

    /// Takes one batch, and tells whether more may be waiting.
    fn receive(&mut self, ready: io::Result<(Which, Ready)>) -> bool {
        let Self { sockets, node, .. } = self;
        let now = clock::now();
        let outcome = ready.and_then(|(which, ready)| {
            if ready.is_error() {
                self.unreachable += hear_errors(sockets, which, node, &self.snapshot);
            }
            sockets.receive(now, which, |datagram| {
                trace!(from = %datagram.from, interface = datagram.interface, length = datagram.bytes.len(), "received");
                node.take_in(now, Input::Datagram(datagram));
            })
        });
        self.drain();
        self.hurry(now);
        outcome.unwrap_or_else(|error| {
            debug!(%error, "receiving failed");
            false
        })
    }

    /// Does what has been due for too long, although there is still more to read.
    fn hurry(&mut self, now: Instant) {
        let Some(since) = self.due_since else { return };
        if now.since(since) >= HELD_MAX {
            self.step(Input::Tick);
        } else if now.since(since) >= URGENT_HELD_MAX {
            self.node.do_urgent(now);
            self.drain();
        }
    }

    fn command(&mut self, command: Command) {
        self.leaving |= matches!(command, Command::Quit | Command::Leave(_));
        self.step(Input::Command(command));
    }

    fn step(&mut self, input: Input<'_>) {
        self.node.handle(clock::now(), input);
        self.drain();
    }

    /// Does all that the engine wants done now, and sets the alarm for what it wants later.
    fn drain(&mut self) {
        loop {
            match self.node.poll() {
                Output::Send { interface, from, to, bytes } => {
                    trace!(%to, interface, length = bytes.len(), "sending");
                    if let Err(error) = self.sockets.send(interface, from, to, &bytes) {
                        self.note_send_error(&error, to);
                    }
                }
                Output::Event(event) => self.publish(event),
                Output::Wait { until, why } => {
                    trace!(until = ?until, why = why.map_or("input", |why| why.as_str()), "waiting");
                    self.wait_until(until);
                    if !self.leaving {
                        self.keep_troubles();
                    }
                    return;
                }
            }
        }
    }

    fn wait_until(&mut self, until: Option<Instant>) {
        let now = clock::now();
        self.due_since = until.filter(|until| *until <= now).map(|_| self.due_since.unwrap_or(now));
        if self.due_since.is_none()
            && let Err(error) = self.alarm.set(until)
        {
            warn!(%error, "the alarm cannot be set");
        }
    }

    fn keep_troubles(&mut self) {
        let now = clock::now();
        // Only when this host is awake for something else: it is every second or so.
        let look = self.rivals_looked_for.is_some_and(|at| now.since(at) >= RIVALS_INTERVAL);
        if (look && self.look_for_rivals()) || self.troubles.are_outdated(now, &self.node) {
            self.review_troubles();
        }
        let due = |index: &&u32| self.rejoined.get(index).is_none_or(|at| now.since(*at) >= REJOIN_INTERVAL);
        let due: Vec<u32> = self.troubles.pruned().iter().filter(due).copied().collect();
        for index in due {
            debug!(interface = index, "joining the group anew");
            self.sockets.rejoin(index);
            self.rejoined.insert(index, now);
        }
    }

    /// Looks whether another program has the port open too, and tells whether that changed.
    fn look_for_rivals(&mut self) -> bool {
        self.rivals_looked_for = Some(clock::now());
        let bound = self.sockets.bound();
        self.troubles.share_port(rivals::is_shared(self.sockets.port(), &bound, &self.snapshot.used))
    }

    fn review_troubles(&mut self) {
        self.troubles.review((clock::now(), &self.node), &self.snapshot, &self.selection, &self.socket_troubles);
    }

    fn publish(&mut self, event: Event) {
        match &event {
            Event::Left => self.left = true,
            Event::Dropped { cause, count, from } => info!(cause, count, %from, "dropped datagrams"),
            Event::SelfCloned { address, name } => {
                warn!(%address, %name, "another host uses this host's identity; on the copy run: kimchi-peers reset-identity");
            }
            Event::Peer { change, cause, peer } => {
                debug!(peer = %peer.name, change = change.as_str(), cause = cause.as_str(), "peer");
            }
            _ => {}
        }
        self.events.publish(event);
    }

    fn note_send_error(&mut self, error: &io::Error, to: SocketAddr) {
        self.send_errors_total += 1;
        // Without a socket nothing goes out, and that is told as a trouble.
        if error.kind() == io::ErrorKind::NotConnected {
            return;
        }
        let now = clock::now();
        let code = error.raw_os_error().unwrap_or(0);
        let (reported_at, reported) = self.send_errors.get(&code).copied().unzip();
        if reported_at.is_none_or(|at| now.since(at) >= SEND_ERROR_INTERVAL) {
            let count = self.send_errors_total - reported.unwrap_or(0);
            info!(%error, %to, count, "sending failed");
            self.send_errors.insert(code, (now, self.send_errors_total));
        }
    }

    fn look_at_interfaces(&mut self) {
        match snapshot(&self.selection) {
            Ok(snapshot) => {
                if snapshot != self.snapshot {
                    for interface in &snapshot.used {
                        debug!(name = %interface.name, networks = ?interface.networks, "using interface");
                    }
                }
                self.snapshot = snapshot;
            }
            Err(error) => warn!(%error, "cannot list the interfaces"),
        }
        let links = self.node.links().map(|link| link.interface.index);
        let unjoined: Vec<u32> = links.filter(|index| !self.sockets.is_joined(*index)).collect();
        let troubles = self.sockets.follow(&self.snapshot.used);
        self.port_error = troubles.iter().find_map(Trouble::port_error);
        let troubles: Vec<String> = troubles.iter().map(ToString::to_string).collect();
        if !troubles.is_empty() {
            self.look_at.get_or_insert_with(|| tokio::time::Instant::now() + RETRY);
        }
        self.socket_troubles = troubles;
        self.step(Input::Interfaces(self.snapshot.used.clone()));
        if unjoined.iter().any(|index| self.sockets.is_joined(*index)) {
            // Nothing came in there, not even what this host sent: it is judged by what it sends now.
            self.troubles.withhold_until(clock::now() + RETRY);
            self.step(Input::Command(Command::Search));
            self.look_at.get_or_insert_with(|| tokio::time::Instant::now() + RETRY + SETTLE);
        }
        self.look_for_rivals();
        self.review_troubles();
    }
}

/// Tells the engine whose programs are not there, and counts them.
fn hear_errors(sockets: &Sockets, which: Which, node: &mut Node, snapshot: &Snapshot) -> u64 {
    let mut heard = 0;
    sockets.take_errors(which, |Unreachable { interface, address }| {
        let used = snapshot.used.iter().find(|used| used.index == interface);
        if used.is_some_and(|used| used.is_on_link(address)) {
            trace!(%address, interface, "port unreachable");
            heard += 1;
            node.handle(clock::now(), Input::Unreachable { interface, address });
        }
    });
    heard
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.events.end();
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
