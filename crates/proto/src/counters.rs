//! What the engine counts, for metrics and for the one log line a minute.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::error::DecodeError;
use crate::event::Event;
use crate::message::Kind;
use crate::time::Instant;

/// Shortest time between two [`Event::Dropped`] of one cause.
const DROP_EVENT_INTERVAL: Duration = Duration::from_secs(60);

/// Why a datagram or an answer of ours was dropped, beyond what [`DecodeError`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Drop {
    /// It came in by an interface that is not used.
    Interface,
    /// Its source is not on the link.
    OffLink,
    /// It was sent to this host alone and crossed a router.
    Ttl,
    /// The address it announces is not the one it came from.
    AddressMismatch,
    /// Somebody else announces this host's own console.
    OwnConsole,
    /// It repeats or precedes what is known.
    Stale,
    /// A goodbye for a peer that is not known, or of another incarnation.
    StrayQuit,
    /// A base message in the name of an extended peer.
    Shadowed,
    /// The table is full and nothing in it may make room.
    TableFull,
    /// The bound on what is sent on this link.
    Throttled,
    /// An extended message without a signature.
    Unsigned,
    /// The group's code is wrong.
    Code,
    /// The signature is wrong.
    Signature,
    /// More than this host is willing to verify or take from one source.
    Flood,
    /// Its sender is not of a class that is listed here.
    NotAdmitted,
    /// It tells nothing new of a peer that was heard lately, so its signature was not verified.
    Familiar,
}

impl Drop {
    const ALL: [Self; 16] = [
        Self::Interface,
        Self::OffLink,
        Self::Ttl,
        Self::AddressMismatch,
        Self::OwnConsole,
        Self::Stale,
        Self::StrayQuit,
        Self::Shadowed,
        Self::TableFull,
        Self::Throttled,
        Self::Unsigned,
        Self::Code,
        Self::Signature,
        Self::Flood,
        Self::NotAdmitted,
        Self::Familiar,
    ];

    pub(crate) const fn cause(self) -> &'static str {
        match self {
            Self::Interface => "interface",
            Self::OffLink => "off_link",
            Self::Ttl => "ttl",
            Self::AddressMismatch => "address_mismatch",
            Self::OwnConsole => "own_console",
            Self::Stale => "stale",
            Self::StrayQuit => "stray_quit",
            Self::Shadowed => "shadowed",
            Self::TableFull => "table_full",
            Self::Throttled => "throttled",
            Self::Unsigned => "unsigned",
            Self::Code => "group_code",
            Self::Signature => "signature",
            Self::Flood => "flood",
            Self::NotAdmitted => "not_admitted",
            Self::Familiar => "familiar",
        }
    }

    /// Whether an operator should read of it: what happens in normal life (a copy, an own bound) is only counted.
    const fn is_remarkable(self) -> bool {
        !matches!(self, Self::Stale | Self::Throttled | Self::NotAdmitted | Self::Familiar)
    }
}

/// A budget of what this host verifies, or takes from strangers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Budget {
    /// Answers to own questions.
    Answers,
    /// Known hosts and members of the group, together.
    Known,
    /// One known host.
    Sender,
    /// Hosts that are not known, together.
    Strangers,
    /// One address at which nobody is known.
    Source,
}

impl Budget {
    const ALL: [Self; 5] = [Self::Answers, Self::Known, Self::Sender, Self::Strangers, Self::Source];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Answers => "answers",
            Self::Known => "known",
            Self::Sender => "sender",
            Self::Strangers => "strangers",
            Self::Source => "source",
        }
    }
}

/// Which row made room for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Evicted {
    /// One that was down.
    Down,
    /// One that never proved to be there to stay.
    Unproven,
}

impl Evicted {
    const ALL: [Self; 2] = [Self::Down, Self::Unproven];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Unproven => "unproven",
        }
    }
}

/// Numbers since the engine's start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams taken, by kind.
    pub received: BTreeMap<Kind, u64>,
    /// Datagrams sent, by kind.
    pub sent: BTreeMap<Kind, u64>,
    /// Bytes sent.
    pub sent_bytes: u64,
    /// Signatures that were verified, right or wrong.
    pub verified: u64,
    /// Datagrams that a budget did not allow, by budget: `answers`, `known`, `sender`, `strangers` and `source`. Each of them is
    /// counted as `flood` in `dropped` too.
    pub over_budget: BTreeMap<&'static str, u64>,
    /// Rows that made room for others, by what they were: `down` or `unproven`.
    pub evicted: BTreeMap<&'static str, u64>,
    /// Own datagrams heard back.
    pub own: u64,
    /// Datagrams dropped, by cause as a metric label. Every cause stands here from the start.
    pub dropped: BTreeMap<&'static str, u64>,
}

/// The counters and what was last reported of them.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) counters: Counters,
    reported: BTreeMap<&'static str, (Instant, u64)>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let mut counters = Counters::default();
        for kind in Kind::ALL {
            counters.received.insert(kind, 0);
            counters.sent.insert(kind, 0);
        }
        let causes =
            DecodeError::ALL.iter().map(|error| error.cause()).chain(Drop::ALL.iter().map(|drop| drop.cause()));
        counters.dropped = causes.map(|cause| (cause, 0)).collect();
        counters.over_budget = Budget::ALL.map(|budget| (budget.as_str(), 0)).into();
        counters.evicted = Evicted::ALL.map(|evicted| (evicted.as_str(), 0)).into();
        Self { counters, reported: BTreeMap::new() }
    }

    /// Counts what a budget did not allow; tells whether it did.
    pub(crate) fn allowed(&mut self, budget: Budget, allowed: bool) -> bool {
        if !allowed {
            *self.counters.over_budget.entry(budget.as_str()).or_insert(0) += 1;
        }
        allowed
    }

    /// Counts a row that made room for another.
    pub(crate) fn evicted(&mut self, evicted: Evicted) {
        *self.counters.evicted.entry(evicted.as_str()).or_insert(0) += 1;
    }

    /// Counts a datagram that is no message.
    pub(crate) fn undecodable(&mut self, now: Instant, error: DecodeError, from: SocketAddr) -> Option<Event> {
        self.dropped(now, error.cause(), from, true)
    }

    /// Counts a dropped datagram.
    pub(crate) fn drop(&mut self, now: Instant, drop: Drop, from: SocketAddr) -> Option<Event> {
        self.dropped(now, drop.cause(), from, drop.is_remarkable())
    }

    fn dropped(&mut self, now: Instant, cause: &'static str, from: SocketAddr, remarkable: bool) -> Option<Event> {
        let total = self.counters.dropped.entry(cause).or_insert(0);
        *total += 1;
        if !remarkable {
            return None;
        }
        let (reported_at, reported) = self.reported.get(cause).copied().unzip();
        if reported_at.is_some_and(|at| now.since(at) < DROP_EVENT_INTERVAL) {
            return None;
        }
        let count = *total - reported.unwrap_or(0);
        self.reported.insert(cause, (now, *total));
        Some(Event::Dropped { cause, count, from })
    }

    pub(crate) fn received(&mut self, kind: Kind) {
        *self.counters.received.entry(kind).or_insert(0) += 1;
    }

    pub(crate) fn sent(&mut self, kind: Kind, bytes: usize) {
        *self.counters.sent.entry(kind).or_insert(0) += 1;
        self.counters.sent_bytes += bytes as u64;
    }
}
