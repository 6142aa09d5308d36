//! What goes into the engine and what comes out of it.

use std::net::{IpAddr, SocketAddr};

use crate::absence::Absence;
use crate::certificate::CertificateHash;
use crate::error::DecodeError;
use crate::facts::Facts;
use crate::group::Keyring;
use crate::interface::Interface;
use crate::message::{Kind, Message};
use crate::peer::{Peer, PeerKey};
use crate::text::HostName;
use crate::time::Instant;
use crate::timers::Timer;
use crate::trust::Mode;

/// What happens to the engine.
#[derive(Debug, Clone)]
pub enum Input<'a> {
    /// A datagram came in.
    Datagram(Datagram<'a>),
    /// A datagram came in that the caller has decoded already, by [`Message::decode`] of its very bytes: on another
    /// thread, or once for many engines. The same checks apply before and after, so it changes nothing but where the
    /// decoding is done.
    Decoded(Datagram<'a>, Result<&'a Message, DecodeError>),
    /// The interfaces to use from now on, all of them. The engine finds out itself what is different.
    Interfaces(Vec<Interface>),
    /// The program wants something.
    Command(Command),
    /// The host at `address` answered a unicast datagram of ours by ICMP port unreachable: its kernel lives, its program
    /// does not.
    Unreachable {
        /// Index of the interface that the datagram had left by.
        interface: u32,
        /// The host's address.
        address: IpAddr,
    },
    /// Nothing happened but the passing of time.
    Tick,
}

/// A received datagram and what the socket knows of it.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    /// Index of the interface it came in by.
    pub interface: u32,
    /// Its source.
    pub from: SocketAddr,
    /// Whether it was sent to the group or to this host alone.
    pub lane: Lane,
    /// Its time to live or hop limit on arrival, as the kernel tells it (`IP_RECVTTL`, `IPV6_RECVHOPLIMIT`). What was sent to this
    /// host alone is dropped unless it is [`crate::UNICAST_TTL`]: it would have crossed a router.
    pub ttl: u8,
    /// Its payload. One byte more than [`crate::DATAGRAM_MAX`] is enough to tell that it was longer.
    pub bytes: &'a [u8],
}

/// How a datagram was addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// To the group.
    Group,
    /// To this host alone.
    Unicast,
}

/// What the program wants of the engine.
#[derive(Debug, Clone)]
pub enum Command {
    /// Ask everybody who is there, now.
    Search,
    /// Measure the round trip to each extended peer that is there, within the next seconds: [`Peer::round_trip`]. Asks each of
    /// them once, at most 50 a second, and does nothing while that was begun less than eight seconds ago.
    Measure,
    /// This host's own facts are these from now on.
    Profile(Profile),
    /// Forget a peer that is down. Does nothing while it is not.
    Forget(PeerKey),
    /// A peer's key is right for its name, whichever key the name had before. Does nothing for who did not sign.
    Trust(PeerKey),
    /// The group keys from now on.
    Keyring(Keyring),
    /// Whom to list from now on.
    Mode(Mode),
    /// Say goodbye on every link; [`Event::Left`] follows when that is done.
    Quit,
    /// The same, and tell with it when this host means to be back.
    Leave(Absence),
}

/// What this host tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name.
    pub name: HostName,
    /// Where its console answers HTTP; 1 to 65535.
    pub http_port: u16,
    /// Where its console answers HTTPS; 1 to 65535.
    pub https_port: u16,
    /// What else it tells.
    pub facts: Facts,
    /// What its console proves itself by; `None` where that is not known, or there is no console.
    pub certificate: Option<CertificateHash>,
}

/// What the engine wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send these bytes by this interface. To a group address with TTL 1, to any other with TTL 255 (RFC 5082).
    Send {
        /// Index of the interface.
        interface: u32,
        /// The source address to use: the interface's own.
        from: IpAddr,
        /// Where to.
        to: SocketAddr,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Something became known.
    Event(Event),
    /// Nothing more for now: call `handle` again at this time at the latest.
    Wait {
        /// When; `None` means that only an input can bring more.
        until: Option<Instant>,
        /// What the time is for.
        why: Option<Timer>,
    },
}

/// What became known.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A row of the peer table changed.
    Peer {
        /// How it changed.
        change: Change,
        /// Why.
        cause: Cause,
        /// The row after the change.
        peer: Box<Peer>,
    },
    /// Another host uses this host's identity: this one or the other is a copy. At most one a minute.
    SelfCloned {
        /// The other host's address.
        address: IpAddr,
        /// The other host's name.
        name: HostName,
    },
    /// Datagrams were dropped. At most one a minute and cause.
    Dropped {
        /// Why, as a metric label.
        cause: &'static str,
        /// How many since the last event of this cause.
        count: u64,
        /// Where the newest came from.
        from: SocketAddr,
    },
    /// The goodbye is said on every link; the engine does nothing any more.
    Left,
}

/// How a row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is there now.
    Up,
    /// It is there as before, but something of it differs.
    Changed,
    /// It is silent and being asked.
    Suspect,
    /// It is gone.
    Down,
    /// The row is gone.
    Removed,
    /// It is at odds with another row or with this host.
    Conflict,
}

impl Change {
    /// The change as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Changed => "changed",
            Self::Suspect => "suspect",
            Self::Down => "down",
            Self::Removed => "removed",
            Self::Conflict => "conflict",
        }
    }
}

/// Why a row changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A message of this kind was heard.
    Heard(Kind),
    /// A peer told of it, or tells the same digest as this host would with it.
    Told,
    /// It was silent for its whole lifetime.
    Silence,
    /// It answered none of the directed searches.
    NoAnswer,
    /// Another host missed it, asked everybody, and declared it dead.
    Verdict,
    /// It is heard, and does not answer what is sent to it alone.
    HearsUsNot,
    /// It is not heard here, and others hear it.
    NotHeard,
    /// It answers again.
    AnswersAgain,
    /// It was known from the last run and not heard in this one.
    NotHeardSinceStart,
    /// An address of it was not heard any more, or its interface here is gone.
    AddressGone,
    /// A base peer turned out to be an extended one.
    Replaced,
    /// It was down for longer than anybody remembers, or had to make room.
    Expired,
    /// The program asked for it.
    Forgotten,
    /// Two hosts have one name.
    NameConflict,
    /// Another key than before speaks for a name.
    KeyConflict,
    /// An unsigned peer leads to the address of a signed one.
    AddressConflict,
    /// It is not of a class that is listed.
    NotAdmitted,
    /// It is of a class that is listed again.
    AdmittedAgain,
    /// Two hosts have one identity.
    IdentityConflict,
    /// A conflict ended.
    ConflictEnded,
}

impl Cause {
    /// The cause as a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heard(Kind::Search) => "search",
            Self::Heard(Kind::Notify) => "notify",
            Self::Heard(Kind::Quit) => "quit",
            Self::Told => "told",
            Self::Silence => "silence",
            Self::NoAnswer => "no_answer",
            Self::Verdict => "verdict",
            Self::HearsUsNot => "hears_us_not",
            Self::NotHeard => "not_heard",
            Self::AnswersAgain => "answers_again",
            Self::NotHeardSinceStart => "not_heard_since_start",
            Self::AddressGone => "address_gone",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
            Self::Forgotten => "forgotten",
            Self::NameConflict => "name_conflict",
            Self::KeyConflict => "key_conflict",
            Self::AddressConflict => "address_conflict",
            Self::NotAdmitted => "not_admitted",
            Self::AdmittedAgain => "admitted_again",
            Self::IdentityConflict => "identity_conflict",
            Self::ConflictEnded => "conflict_ended",
        }
    }
}
