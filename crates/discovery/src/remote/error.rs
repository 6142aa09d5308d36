//! What can be wrong with an address, and how a check can fail.

use std::io;
use std::net::IpAddr;

use super::policy::Forbidden;

/// Why a text is not the address of a remote peer. The user is to blame; nothing was changed. Each message is a sentence
/// that tells what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteAddressError {
    /// Nothing, or only white space.
    #[error("the address is empty: give a host name, an IP address or an https:// URL")]
    Empty,
    /// Longer than any valid address.
    #[error("the address is longer than 512 characters: give only host, port and path prefix")]
    TooLong,
    /// An `http://` URL: without TLS there is no certificate to recognise the host by.
    #[error("a console is reached over TLS only: write https:// instead of http://")]
    PlainHttp,
    /// A URL of another scheme.
    #[error("only https:// URLs are understood: write https://host:port or just host:port")]
    OtherScheme,
    /// `user:password@`: it would be stored and shown.
    #[error("the address contains a user name or password: leave out everything up to the @")]
    Credentials,
    /// `?...` or `#...`.
    #[error("the address contains a query or fragment: leave out everything from the ? or # on")]
    QueryOrFragment,
    /// A path after something that is not a URL; `192.0.2.0/24` would pass for one otherwise.
    #[error("a path is understood in a URL only: write https://host:port/path")]
    PathWithoutScheme,
    /// No host before the port or path.
    #[error("the address has no host: write a host name or an IP address before the port")]
    NoHost,
    /// The port is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535, such as 8001")]
    BadPort,
    /// Colons or brackets, but no valid IPv6 address.
    #[error("this is not a valid IPv6 address: write 2001:db8::1 alone, or [2001:db8::1]:8001 with a port or in a URL")]
    BadIpv6,
    /// `fe80::1%eth0`: a zone means something on one host only.
    #[error("an address with a zone (%) is valid on one link only: use an address that is valid in all networks")]
    Zone,
    /// `2130706433`, `0x7f.1`, `010.0.0.1`, `127.1`, or a name that ends in a number: programs read these differently.
    #[error("this is not a canonical address: write an IPv4 address as four decimal numbers without leading zeros")]
    NotCanonical,
    /// `192.0.2.256`: an IPv4 address but for this number.
    #[error("there is no {0} in an IPv4 address: write four numbers from 0 to 255")]
    PartTooGreat(u32),
    /// Not a host name.
    #[error(
        "this is not a host name: use labels of 1 to 63 letters, digits, - and _, not starting or ending with -, at most \
         253 characters together (an international name in its xn-- form)"
    )]
    BadName,
    /// An address or name that [`Policy`](super::Policy) does not allow.
    #[error("this address is {0}: give an address at which the host is reached from other networks")]
    Forbidden(Forbidden),
    /// The path prefix has other characters, empty or dot segments, or is too long.
    #[error(
        "the path prefix may have at most 64 letters, digits, -, ., _ and ~ in segments divided by single slashes, and \
         no segment . or .."
    )]
    BadServerRoot,
}

/// More remote peers than are ever watched at once; the limit is [`MAX_REMOTES`](super::MAX_REMOTES). Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are already 1024 remote peers: remove one first")]
pub struct TooManyRemotes;

/// A step of a check that has a time limit of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The name is looked up.
    Resolve,
    /// The TCP connection is opened.
    Connect,
    /// The TLS handshake runs.
    Handshake,
}

/// Why a check did not reach a remote peer. All of these occur in normal life; none ends the watching.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckFailure {
    /// The name has no address; the text is the system resolver's reason.
    #[error("the name cannot be resolved: {0}")]
    Unresolvable(String),
    /// The name resolves only to addresses that the policy does not allow; nothing was connected to.
    #[error("the name resolves to {0}, which is {1}, so no connection was made")]
    Forbidden(IpAddr, Forbidden),
    /// The host answers, but nothing listens at the port.
    #[error("the host refused the connection: nothing listens at this port")]
    Refused,
    /// No way to the host, or a firewall says no.
    #[error("the host cannot be reached: {0}")]
    Unreachable(io::ErrorKind),
    /// A step took longer than its limit.
    #[error("{}", timed_out(*phase))]
    TimedOut {
        /// The step that took too long.
        phase: Phase,
    },
    /// Something answered, but not with TLS: a plain HTTP server, or another service.
    #[error("the server at this port does not speak TLS")]
    NotTls,
    /// The server closed the connection before the handshake was done.
    #[error("the server closed the connection during the TLS handshake")]
    Closed,
    /// The server speaks TLS, but no handshake was possible: an old version, an alert, a wrong signature.
    #[error("the TLS handshake failed: {0}")]
    HandshakeFailed(String),
    /// All threads for name lookups are stuck in the system resolver, so this name was not tried. This host is to blame.
    #[error("name lookups of this host hang, so the name was not tried")]
    ResolverBusy,
    /// This host lacks something: file descriptors, threads, memory.
    #[error("this host could not run the check: {0}")]
    Local(String),
}

impl CheckFailure {
    /// A stable label in `snake_case`, for metrics, the DB and the API.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Unresolvable(_) => "unresolvable",
            Self::Forbidden(..) => "forbidden_address",
            Self::Refused => "refused",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut { phase: Phase::Resolve } => "resolve_timed_out",
            Self::TimedOut { phase: Phase::Connect } => "connect_timed_out",
            Self::TimedOut { phase: Phase::Handshake } => "handshake_timed_out",
            Self::NotTls => "not_tls",
            Self::Closed => "closed",
            Self::HandshakeFailed(_) => "handshake_failed",
            Self::ResolverBusy => "resolver_busy",
            Self::Local(_) => "local",
        }
    }

    /// True if the failure says nothing about the remote peer, because this host could not run the check. Such a failure
    /// neither counts towards "down" nor clears a "suspect".
    pub fn is_local(&self) -> bool {
        matches!(self, Self::ResolverBusy | Self::Local(_))
    }
}

fn timed_out(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "looking up the name took too long",
        Phase::Connect => "the host did not answer in time",
        Phase::Handshake => "the host accepted the connection but did not answer in TLS in time",
    }
}
