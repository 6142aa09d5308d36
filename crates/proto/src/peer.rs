//! What is known of one peer.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use thiserror::Error;

use crate::absence::Away;
use crate::certificate::CertificateHash;
use crate::digest::Mark;
use crate::facts::Facts;
use crate::few::Few;
use crate::group::GroupId;
use crate::id::PeerId;
use crate::message::Nonce;
use crate::said::Said;
use crate::text::HostName;
use crate::time::Instant;
use crate::trust::Trust;

/// What identifies a row of the peer table.
///
/// A base peer has no identity, so its name and address together stand for it. Two hosts that carry one identity (a
/// cloned image) get a row each: the second one is keyed by identity and address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerKey {
    /// An extended peer.
    Identity(PeerId),
    /// A host that uses the identity of another one.
    Clone(PeerId, IpAddr),
    /// A base peer.
    Base(HostName, IpAddr),
}

impl PeerKey {
    /// The identity, if the peer has one.
    pub const fn id(&self) -> Option<&PeerId> {
        match self {
            Self::Identity(id) | Self::Clone(id, _) => Some(id),
            Self::Base(..) => None,
        }
    }

    /// Whether the peer speaks only the request's protocol.
    pub const fn is_base(&self) -> bool {
        matches!(self, Self::Base(..))
    }
}

impl fmt::Display for PeerKey {
    /// `ID`, `ID@@ADDRESS` for a clone, `NAME@ADDRESS` for a base peer. A name can look like an identity, so the clone
    /// has a sign of its own.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity(id) => id.fmt(out),
            Self::Clone(id, address) => write!(out, "{id}@@{address}"),
            Self::Base(name, address) => write!(out, "{name}@{address}"),
        }
    }
}

/// Why a text is no key of a row. The text's owner is to blame; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "not the key of a peer: use an identity, an identity and an address joined by @@, or a name and an address joined by @"
)]
pub struct InvalidPeerKey;

impl std::str::FromStr for PeerKey {
    type Err = InvalidPeerKey;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self, InvalidPeerKey> {
        let read = || match (text.split_once("@@"), text.split_once('@')) {
            (Some((id, address)), _) => Some(Self::Clone(id.parse().ok()?, address.parse().ok()?)),
            (None, Some((name, address))) => Some(Self::Base(name.parse().ok()?, address.parse().ok()?)),
            (None, None) => text.parse().map(Self::Identity).ok(),
        };
        read().ok_or(InvalidPeerKey)
    }
}

/// Whether a peer is there.
///
/// ```text
///              heard                 silent            directed searches unanswered
/// (unknown) ──────────▶ up ◀────────▶ suspect ──────────────────────▶ down ──▶ forgotten
///     │                 │    heard                                     ▲
///     │                 └──────────────── goodbye ─────────────────────┤
///     └─ not heard ────▶ suspect                    heard: up again ◀──┘
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Known from the last run and not heard yet in this one.
    Unknown,
    /// Heard within its lifetime.
    Up,
    /// Silent for too long; being asked.
    Suspect,
    /// Said goodbye or did not answer.
    Down,
}

impl State {
    /// The state as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}

/// Why a peer is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It said goodbye.
    Left,
    /// It fell silent and did not answer when asked.
    Lost,
}

impl Reason {
    /// The reason as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Lost => "lost",
        }
    }
}

/// Which of the two ways between this host and a peer work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Reach {
    /// It is heard, and answers; or nothing is known to the contrary.
    #[default]
    Both,
    /// It is heard, and does not answer what is sent to it alone: it seems not to hear this host.
    HearsUsNot,
    /// It is not heard, and others vouch for it.
    NotHeard,
}

impl Reach {
    /// The reach as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::HearsUsNot => "hears_us_not",
            Self::NotHeard => "not_heard",
        }
    }
}

/// Where a peer is heard: the interface of ours and the address of its.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Index of our interface; 0 for an address known from the last run.
    pub interface: u32,
    /// The peer's address there.
    pub address: IpAddr,
    /// When it was heard there last; `None` for an address known from the last run.
    pub last_heard: Option<Instant>,
    /// Epoch and number of the newest datagram heard there.
    pub(crate) newest: (u64, u64),
    /// Which of the 64 numbers up to that were heard there; the lowest bit is the newest's.
    pub(crate) seen: u64,
    /// What the peer told there of its table, and of whom it hears.
    pub(crate) said: Said,
}

impl Path {
    /// Notes epoch and number of a datagram that was heard there (the sliding window of RFC 4303 section 3.4.3).
    pub(crate) fn note(&mut self, number: (u64, u64)) {
        if number.0 == self.newest.0 && number.1 <= self.newest.1 {
            self.seen |= window_bit(self.newest.1 - number.1);
        } else if number > self.newest {
            let ahead = if number.0 == self.newest.0 { number.1 - self.newest.1 } else { u64::MAX };
            self.seen = u32::try_from(ahead).ok().and_then(|ahead| self.seen.checked_shl(ahead)).unwrap_or(0) | 1;
            self.newest = number;
        }
    }

    /// Whether a datagram of that number was heard there, or is too old to tell.
    pub(crate) fn has_seen(&self, number: (u64, u64)) -> bool {
        if number.0 != self.newest.0 || number.1 > self.newest.1 {
            return number < self.newest;
        }
        let bit = window_bit(self.newest.1 - number.1);
        bit == 0 || self.seen & bit != 0
    }
}

/// The place of a number in the window; 0 for one that is too old.
fn window_bit(age: u64) -> u64 {
    u32::try_from(age).ok().and_then(|age| 1_u64.checked_shl(age)).unwrap_or(0)
}

/// What makes a row doubtful beyond being alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// Another row, or this host itself (`None`), has the same name.
    Name(Option<PeerKey>),
    /// The name belongs to that row, whose host is not there now and had another key.
    Pinned(PeerKey),
    /// That row, which is signed, has the same address, and this one is not signed.
    Address(PeerKey),
    /// Another host at this address uses the same identity.
    Identity(IpAddr),
}

/// One row of the peer table.
///
/// A host of a large network has thousands of these, so what is rare stands behind a pointer and what is told by many is
/// shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What identifies the row.
    pub key: PeerKey,
    /// The host's name.
    pub name: HostName,
    /// Where its console answers HTTP.
    pub http_port: u16,
    /// Where its console answers HTTPS.
    pub https_port: u16,
    /// Its incarnation; 0 for a base peer.
    pub epoch: u64,
    /// Number of its newest datagram; 0 for a base peer.
    pub sequence: u64,
    /// How long it may be silent.
    pub time_to_live: Duration,
    /// What it tells of itself.
    pub facts: Facts,
    /// What its console proves itself by, as it says.
    pub certificate: Option<Box<CertificateHash>>,
    /// Where it is heard; the first one is the address to use.
    pub paths: Few<Path>,
    /// Whether it is there.
    pub state: State,
    /// Why it is down; `None` in every other state.
    pub reason: Option<Reason>,
    /// When it means to be back, if it left and said so; `None` in every other state.
    pub away: Option<Box<Away>>,
    /// Since when it is in this state.
    pub state_since: Instant,
    /// When it was heard last; `None` before it was heard itself in this run.
    pub last_heard: Option<Instant>,
    /// The round trip of its newest answered directed search.
    pub round_trip: Option<Duration>,
    /// Which of the two ways between this host and it work.
    pub reach: Reach,
    /// What makes it doubtful.
    pub conflict: Option<Box<Conflict>>,
    /// What its newest datagram proved.
    pub trust: Trust,
    /// The group key that its newest datagram proved.
    pub group: Option<Box<GroupId>>,
    /// Whether the name is this row's: see [`Command::Trust`](crate::Command::Trust).
    pub holds_name: bool,
    /// Since when it is known without proof that it is there to stay.
    pub(crate) unproven_since: Option<Box<Instant>>,
    /// Since when it is in this epoch.
    pub(crate) epoch_since: Instant,
    /// The directed searches under way while it is doubted.
    pub(crate) probe: Option<Probe>,
    /// A second host that seems to use its identity.
    pub(crate) rival: Option<Box<Rival>>,
    /// Number of the newest goodbye that was believed.
    pub(crate) goodbye: Option<Box<(u64, u64)>>,
    /// Number of the newest datagram of this epoch that was passed over unverified; the greatest value for all that are
    /// greater, after fifty years.
    pub(crate) passed_over: u32,
    /// The incarnation that another peer told of, while it was not heard itself in this run.
    pub(crate) told: Option<u64>,
    /// What it adds to the digests.
    pub(crate) marks: Few<Mark>,
    /// When the table looks at this row again.
    pub(crate) check_at: Option<Instant>,
}

/// Directed searches to one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) nonce: Nonce,
    pub(crate) tries: u8,
    pub(crate) sent_at: Instant,
}

/// A sender whose datagrams fit a row's identity but not its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rival {
    pub(crate) address: IpAddr,
    pub(crate) newest: (u64, u64),
    pub(crate) seen_at: Instant,
}

/// Most addresses kept of one peer.
pub(crate) const PATHS_MAX: usize = 8;

impl Peer {
    /// A row of which nothing is known but who it is and where its console answers, since `now`.
    pub(crate) fn new(key: PeerKey, name: HostName, (http_port, https_port): (u16, u16), now: Instant) -> Self {
        Self {
            key,
            name,
            http_port,
            https_port,
            // Nothing was heard of it, so whatever it says itself is newer.
            epoch: 0,
            sequence: 0,
            time_to_live: Duration::ZERO,
            facts: Facts::default(),
            certificate: None,
            paths: Few::new(),
            state: State::Unknown,
            reason: None,
            away: None,
            state_since: now,
            last_heard: None,
            round_trip: None,
            reach: Reach::Both,
            conflict: None,
            trust: Trust::Unsigned,
            group: None,
            holds_name: false,
            unproven_since: None,
            epoch_since: now,
            probe: None,
            rival: None,
            goodbye: None,
            passed_over: 0,
            told: None,
            marks: Few::new(),
            check_at: None,
        }
    }

    /// The addresses where the peer is heard, the one to use first, none twice.
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut addresses: Vec<IpAddr> = Vec::with_capacity(self.paths.len());
        for path in &self.paths {
            if !addresses.contains(&path.address) {
                addresses.push(path.address);
            }
        }
        addresses
    }

    /// Epoch and number of its newest datagram. Of an incarnation that others told of, no number is known.
    pub(crate) fn newest(&self) -> (u64, u64) {
        self.told.filter(|told| *told > self.epoch).map_or((self.epoch, self.sequence), |told| (told, 0))
    }

    /// The newest incarnation that is known of it, by hearsay too.
    pub(crate) fn newest_epoch(&self) -> u64 {
        self.newest().0
    }

    /// Whether it is more than a name that somebody sent once: it answered, proved to be a member, or was heard for a while.
    /// Keep only such peers.
    pub fn is_proven(&self) -> bool {
        self.unproven_since.is_none()
    }

    /// Whether its link is not to be followed: another host has a better claim to its name, address or identity.
    pub fn is_disputed(&self) -> bool {
        match self.conflict.as_deref() {
            None => false,
            Some(Conflict::Name(_) | Conflict::Pinned(_)) => !self.holds_name,
            Some(Conflict::Address(_) | Conflict::Identity(_)) => true,
        }
    }

    /// Whether the peer counts as one of the network's hosts.
    pub fn is_live(&self) -> bool {
        matches!(self.state, State::Up | State::Suspect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_is_written_or_said_to_be_none() {
        let id = PeerId::from_bytes([7; 32]);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        let name: HostName = "kvm-1".parse().unwrap();
        for key in [PeerKey::Identity(id), PeerKey::Clone(id, address), PeerKey::Base(name, address)] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
        for none in ["", "kvm-1", "kvm-1@", "kvm-1@@192.0.2.1", "@192.0.2.1"] {
            assert_eq!(none.parse::<PeerKey>(), Err(InvalidPeerKey), "{none}");
        }
    }
}
