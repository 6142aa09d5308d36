//! What must never happen, looked at after every step.
//!
//! The checks know the protocol's promises and nothing of how the engine keeps them: they see what goes in, what comes
//! out and the public table.

mod ring;
mod sent;
mod told;

use std::collections::BTreeMap;

use kimchi_peers_proto::{Change, Event, Instant, Kind, Message, Node, Output, PeerId, PeerKey, State, Timer};
use thiserror::Error;

use crate::host::{Host, HostIndex};
use crate::wire::Packet;
use crate::world::Feed;

pub use sent::Sent;

/// Steps between two looks at a host's digests.
const DIGEST_CHECK_EVERY: u64 = 211;

/// How closely a world is looked at. See [`crate::World::invariants`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Invariants {
    /// Every host, at every step.
    #[default]
    All,
    /// One host in so many, at every step; of the others what costs next to nothing: bounds, waits, answers.
    Sampled(usize),
}

impl Invariants {
    /// Whether this host is looked at closely.
    pub(crate) fn covers(self, host: HostIndex) -> bool {
        match self {
            Self::All => true,
            Self::Sampled(one_in) => host.0.is_multiple_of(one_in.max(1)),
        }
    }
}

/// A promise that was not kept, and how to see it again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{what} ({} at {at}, seed {seed})", host.map_or_else(|| "world".to_owned(), |host| host.to_string()))]
pub struct Broken {
    /// The seed that repeats the run.
    pub seed: u64,
    /// When, by the world's clock.
    pub at: Instant,
    /// Which host broke it, where one did.
    pub host: Option<HostIndex>,
    /// What was broken.
    pub what: String,
}

/// One call of the engine: what went in and what came out.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    pub(crate) host: &'a Host,
    pub(crate) node: &'a Node,
    /// The host's own time.
    pub(crate) now: Instant,
    pub(crate) feed: &'a Feed,
    /// Whether more is waiting to be fed to it, so that what is due waits too.
    pub(crate) more: bool,
    /// What the engine waited for before.
    pub(crate) waited: Option<(Instant, Timer)>,
    pub(crate) outputs: &'a [Output],
    /// What it waits for now.
    pub(crate) waits: Option<(Instant, Timer)>,
}

/// What the checks remember of one host.
#[derive(Debug, Default)]
pub struct Watch {
    /// What somebody would know who has read nothing but the host's events.
    pub told: BTreeMap<PeerKey, State>,
    /// What it has sent.
    pub sent: Sent,
    rows: usize,
    steps: u64,
    told_up: BTreeMap<PeerKey, Instant>,
    ring: ring::Words,
    /// Epoch and number of the newest datagram that each row was heard by.
    numbers: BTreeMap<PeerKey, (u64, u64)>,
}

impl Watch {
    /// Begins anew with a host that was just started.
    pub(crate) fn restart(&mut self, node: &Node) {
        self.told_up.clear();
        self.ring = ring::Words::default();
        self.numbers.clear();
        self.told = node.table().iter().map(|peer| (peer.key.clone(), peer.state)).collect();
        self.sent.restart();
    }

    /// Looks at one step: at what costs next to nothing always, at the rest where `closely`.
    pub(crate) fn step(&mut self, step: &Step<'_>, closely: bool) -> Result<(), String> {
        // A row that comes in is told.
        if !step.outputs.is_empty() {
            table_within_bounds(step)?;
        }
        no_busy_loop(step)?;
        no_answer_to_an_answer(step)?;
        if closely { self.step_closely(step) } else { Ok(()) }
    }

    fn step_closely(&mut self, step: &Step<'_>) -> Result<(), String> {
        // A row of its own can only come in by an insertion, and looking for one costs more than all other checks.
        let rows = step.node.table().len();
        if std::mem::replace(&mut self.rows, rows) != rows || !step.outputs.is_empty() {
            self_is_no_peer(step)?;
        }
        self.steps += 1;
        // Summing up from scratch costs a look at every row, so it is done now and then.
        let every = DIGEST_CHECK_EVERY.max(rows as u64);
        if self.steps.is_multiple_of(every) && !step.node.digests_are_consistent() {
            return Err("its digest is not that of its table".to_owned());
        }
        self.ring.note(step);
        for output in step.outputs {
            match output {
                Output::Send { interface, from, to, bytes } => {
                    self.sent.check(step, *interface, (*from, *to), bytes)?
                }
                Output::Event(event) => {
                    told::check(step, (&mut self.told, &mut self.told_up, &self.ring), event)?;
                    if let Event::Peer { change: Change::Removed, peer, .. } = event {
                        self.numbers.remove(&peer.key);
                    }
                }
                Output::Wait { .. } => {}
            }
        }
        self.numbers_grow(step)
    }

    /// What was heard of a host is never replaced by something older.
    fn numbers_grow(&mut self, step: &Step<'_>) -> Result<(), String> {
        let Feed::Packet(_, packet) = step.feed else { return Ok(()) };
        let Some(extension) = packet.extension() else { return Ok(()) };
        let key = PeerKey::Identity(extension.id);
        let Some(row) = step.node.table().get(&key) else { return Ok(()) };
        let number = (row.epoch, row.sequence);
        match self.numbers.insert(key, number) {
            Some(before) if number < before => {
                Err(format!("it went back from number {before:?} to {number:?} of {}", row.name))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the events told everything that the table holds.
    pub(crate) fn told_everything(&self, node: &Node) -> Result<(), String> {
        let held: BTreeMap<&PeerKey, State> = node.table().iter().map(|peer| (&peer.key, peer.state)).collect();
        let told: BTreeMap<&PeerKey, State> = self.told.iter().map(|(key, state)| (key, *state)).collect();
        let differing = held.iter().find(|(key, state)| told.get(*key) != Some(*state));
        match differing {
            Some((key, state)) => Err(format!("{key} is {} and no event told so", state.as_str())),
            None if told.len() != held.len() => Err("an event told of a row that is gone".to_owned()),
            None => Ok(()),
        }
    }
}

fn table_within_bounds(step: &Step<'_>) -> Result<(), String> {
    let (table, config) = (step.node.table(), &step.host.config);
    if table.base() > config.base_peers_max {
        return Err(format!("{} base peers in the table", table.base()));
    }
    let extended = table.len() - table.base();
    if extended > config.peers_max { Err(format!("{extended} extended peers in the table")) } else { Ok(()) }
}

fn self_is_no_peer(step: &Step<'_>) -> Result<(), String> {
    let own_base = step.host.addresses().map(|address| PeerKey::Base(step.host.name.clone(), address));
    let mut own = own_base.chain([PeerKey::Identity(step.host.id)]);
    match own.find(|key| step.node.table().get(key).is_some()) {
        Some(key) => Err(format!("it lists itself as {key}")),
        None => Ok(()),
    }
}

/// A wake-up in the past would spin the driver.
fn no_busy_loop(step: &Step<'_>) -> Result<(), String> {
    match step.waits {
        Some((until, why)) if until <= step.now && !step.more => {
            Err(format!("it waits for {} in the past", why.as_str()))
        }
        _ => Ok(()),
    }
}

fn is_search(output: &Output) -> bool {
    let Output::Send { bytes, .. } = output else { return false };
    Message::decode(bytes).is_ok_and(|message| message.kind == Kind::Search)
}

/// Most searches that a page may cause: its entries are asked for themselves, or the pages after it.
const SEARCHES_AFTER_A_PAGE: usize = 30;

/// What a notify may make a host send, beside a directed search to the one who sent it: to those of whom it says that
/// they are missed, and where it is missed itself.
fn is_called_for(step: &Step<'_>, packet: &Packet, output: &Output) -> bool {
    let Output::Send { to, bytes, .. } = output else { return true };
    let Ok(message) = Message::decode(bytes) else { return false };
    let accused: Vec<PeerId> = packet
        .extension()
        .and_then(|extension| extension.claims.as_ref())
        .iter()
        .flat_map(|claims| claims.suspect.iter().chain(&claims.dead).chain(&claims.heard))
        .map(|claim| claim.id)
        .collect();
    let extension = message.info.extension.as_ref();
    let to_sender = to.ip() == packet.from.ip();
    match message.kind {
        Kind::Search if to.ip().is_multicast() => false,
        Kind::Search => to_sender || extension.and_then(|told| told.target).is_some_and(|id| accused.contains(&id)),
        Kind::Notify => {
            let contradicts = accused.contains(&step.host.id) && (to_sender || to.ip().is_multicast());
            // It vouches for whom it hears now, to one who asked earlier.
            let claims = extension.and_then(|told| told.claims.as_ref());
            contradicts || (!to.ip().is_multicast() && claims.is_some_and(|claims| !claims.heard.is_empty()))
        }
        Kind::Quit => false,
    }
}

/// Whether a peer that was lost is heard again, so that this host may have reason to tell all; it has only where the peer
/// spoke to it alone, or where it is one of several.
fn brings_back(step: &Step<'_>, packet: &Packet) -> bool {
    let up = |output: &Output| matches!(output, Output::Event(Event::Peer { change: Change::Up, peer, .. }) if peer.addresses().contains(&packet.from.ip()));
    step.outputs.iter().any(up)
}

/// Hearing a `notify` makes nobody speak to others: neither at once nor by an answer planned for later. What it may cause
/// is bounded by what it says: see [`is_called_for`].
fn no_answer_to_an_answer(step: &Step<'_>) -> Result<(), String> {
    let Feed::Packet(_, packet) = step.feed else { return Ok(()) };
    let was_due = step.waited.is_some_and(|(until, _)| until <= step.now);
    if packet.kind() != Some(Kind::Notify) || was_due {
        return Ok(());
    }
    let sent = || step.outputs.iter().filter(|output| matches!(output, Output::Send { .. }));
    if packet.extension().is_some_and(|extension| extension.roster.is_some()) {
        // Who is missed by others may be heard by its page, and those next to it vouch for it.
        let called_for =
            |output: &Output| is_search(output) || brings_back(step, packet) || is_called_for(step, packet, output);
        let asks_only = sent().all(called_for) && sent().count() <= SEARCHES_AFTER_A_PAGE;
        return if asks_only { Ok(()) } else { Err("it answered a page".to_owned()) };
    }
    let accused = packet.extension().and_then(|extension| extension.claims.as_ref());
    let most = 1 + 2 * accused.map_or(0, |claims| claims.count());
    let uncalled = sent().find(|output| !is_called_for(step, packet, output));
    if let Some(Output::Send { to, bytes, .. }) = uncalled.or_else(|| sent().nth(most)) {
        let what = String::from_utf8_lossy(bytes);
        return Err(format!("it answered a notify of {} at once, to {to}: {what}", packet.from));
    }
    let me =
        accused.is_some_and(|claims| claims.suspect.iter().chain(&claims.dead).any(|claim| claim.id == step.host.id));
    let sooner = |until: Instant| step.waited.is_none_or(|(before, _)| until < before);
    match step.waits {
        Some((_, Timer::Announce)) if me || brings_back(step, packet) => Ok(()),
        Some((until, Timer::Answer | Timer::Elected | Timer::Announce)) if sooner(until) => {
            Err("a notify planned an answer".to_owned())
        }
        _ => Ok(()),
    }
}
