//! Why a datagram was not taken.

use thiserror::Error;

/// Why bytes are no message. The sender is to blame in every case and nothing was changed; the engine counts the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Fewer bytes than the shortest frame has.
    #[error("the datagram is too short to be a frame")]
    TooShort,
    /// More than 1200 bytes: another program, or an attack.
    #[error("the datagram is longer than 1200 bytes")]
    TooLong,
    /// The last byte is no line end.
    #[error("the datagram does not end with a line end")]
    Tail,
    /// The head fits the datagram's length in none of the known readings.
    #[error("the head does not tell the body's length")]
    Length,
    /// The body is no JSON text (RFC 8259), or not in UTF-8.
    #[error("the body is not JSON")]
    Json,
    /// A member has another type than the protocol gives it.
    #[error("a member has the wrong type")]
    Shape,
    /// Objects and arrays nested deeper than four levels.
    #[error("the body is nested too deeply")]
    Depth,
    /// More than 48 members and elements in all.
    #[error("the body has too many members")]
    Members,
    /// A member name of more than 32 bytes.
    #[error("a member name is too long")]
    NameLength,
    /// A string of more than 256 bytes.
    #[error("a string is too long")]
    TextLength,
    /// A member name that stands twice in one object: two parsers would read two things.
    #[error("a member stands twice")]
    Duplicate,
    /// Not exactly one of `search`, `notify` and `quit`.
    #[error("the body is neither a search nor a notify nor a quit")]
    Kind,
    /// `domain`, `IP`, `httpport` or `httpsport` is missing.
    #[error("a member of the request's protocol is missing")]
    Missing,
    /// `domain` is no host name.
    #[error("the domain is not a host name")]
    Domain,
    /// `IP` is no canonical unicast address.
    #[error("the IP is not a unicast address in canonical form")]
    Address,
    /// A port that is not 1 to 65535.
    #[error("a port is not 1 to 65535")]
    Port,
    /// The extension `kp` lacks a member or has a bad one.
    #[error("the extension is malformed")]
    Extension,
    /// `mac`, `sig` or `group` is not where and what it must be.
    #[error("the signature is malformed or misplaced")]
    Signature,
}

impl DecodeError {
    /// All causes, for a reader of counters who wants to see the zeros too.
    pub const ALL: [Self; 18] = [
        Self::TooShort,
        Self::TooLong,
        Self::Tail,
        Self::Length,
        Self::Json,
        Self::Shape,
        Self::Depth,
        Self::Members,
        Self::NameLength,
        Self::TextLength,
        Self::Duplicate,
        Self::Kind,
        Self::Missing,
        Self::Domain,
        Self::Address,
        Self::Port,
        Self::Extension,
        Self::Signature,
    ];

    /// The cause as a metric label.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Tail => "tail",
            Self::Length => "length",
            Self::Json => "json",
            Self::Shape => "shape",
            Self::Depth => "depth",
            Self::Members => "members",
            Self::NameLength => "name_length",
            Self::TextLength => "text_length",
            Self::Duplicate => "duplicate_member",
            Self::Kind => "kind",
            Self::Missing => "missing_member",
            Self::Domain => "domain",
            Self::Address => "address",
            Self::Port => "port",
            Self::Extension => "extension",
            Self::Signature => "signature_form",
        }
    }
}
