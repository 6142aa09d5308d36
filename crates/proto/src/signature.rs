//! The trailer of a datagram: the proof of who sent it, and of which group its sender is.
//!
//! ```text
//! {"notify":{"domain":..., "kp":{..., "group":"<11>"},"mac":"<22>","sig":"<86>"}}
//! └──────────────── MAC is over this ────────────────┘
//! └──────────────────── signature is over this ──────────────────┘
//! ```
//!
//! What is proven is the bytes as they were received; nothing is written anew to be compared.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::base64;
use crate::error::DecodeError;
use crate::frame;
use crate::group::{CODE, GROUP_ID_TEXT, GroupKey};
use crate::id::PeerId;

/// What is signed before the bytes of a datagram, so that a signature for another purpose is never one of these.
const CONTEXT: &[u8] = b"kimchi-peers 1 sig\0";
/// Bytes of an Ed25519 signature (RFC 8032 section 5.1.6), and letters of its text.
const SIGNATURE: usize = 64;
const SIGNATURE_TEXT: usize = base64::text_length(SIGNATURE);
const CODE_TEXT: usize = base64::text_length(CODE);
const SIGNATURE_OPENS: &str = r#","sig":""#;
const CODE_OPENS: &str = r#","mac":""#;
/// What closes the text, INFO and the body.
const CLOSES: &str = r#""}}"#;

const SIGNATURE_LENGTH: usize = SIGNATURE_OPENS.len() + SIGNATURE_TEXT + 1;
const CODE_LENGTH: usize = CODE_OPENS.len() + CODE_TEXT + 1;

/// How many bytes a trailer takes, with or without a group's code.
pub(crate) const fn trailer_length(coded: bool) -> usize {
    SIGNATURE_LENGTH + if coded { CODE_LENGTH } else { 0 }
}

/// How many bytes a sealed datagram is longer than the plain one: the trailer, and the name of the group.
pub(crate) const fn sealed_longer(coded: bool) -> usize {
    trailer_length(coded) + if coded { ",\"group\":\"\"".len() + GROUP_ID_TEXT } else { 0 }
}

/// The secret half of a host's identity. It is wiped from memory when it is dropped.
#[derive(Clone)]
pub struct HostSecret(SigningKey);

impl HostSecret {
    /// The secret of these 32 bytes, which must come from the operating system's generator (RFC 8032 section 5.1.5).
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// The identity: the public half.
    pub fn id(&self) -> PeerId {
        PeerId::from_bytes(self.0.verifying_key().to_bytes())
    }

    fn sign(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        self.0.sign(&[CONTEXT, bytes].concat()).to_bytes()
    }
}

impl fmt::Debug for HostSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HostSecret({})", self.id())
    }
}

/// Closes the body of a message that stands open behind the last member of INFO but these.
pub(crate) fn close(body: &mut String, secret: &HostSecret, group: Option<&GroupKey>) {
    if let Some(key) = group {
        let code = key.code(body.as_bytes());
        body.push_str(CODE_OPENS);
        body.push_str(&base64::text(&code));
        body.push('"');
    }
    let signature = secret.sign(body.as_bytes());
    body.push_str(SIGNATURE_OPENS);
    body.push_str(&base64::text(&signature));
    body.push_str(CLOSES);
}

/// The trailer of a received datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer<'a> {
    signed: &'a [u8],
    signature: [u8; SIGNATURE],
    /// The bytes that the group's code is over, and the code.
    code: Option<(&'a [u8], [u8; CODE])>,
}

impl<'a> Trailer<'a> {
    /// The trailer of a datagram; `None` where it has none.
    pub fn of(datagram: &'a [u8]) -> Option<Self> {
        Self::of_body(frame::unwrap(datagram).ok()?)
    }

    pub(crate) fn of_body(body: &'a [u8]) -> Option<Self> {
        let open = body.strip_suffix(CLOSES.as_bytes())?;
        let (signed, signature) = cut(open, SIGNATURE_OPENS)?;
        let code = signed.strip_suffix(b"\"").and_then(|open| cut(open, CODE_OPENS));
        Some(Self { signed, signature, code })
    }

    /// Whether the host `id` signed it. Small-order keys and every second form of a signature are refused (the strict rules
    /// of RFC 8032 and beyond), so that a signature proves one host and has one form.
    pub fn is_signed_by(&self, id: &PeerId) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(id.as_bytes()) else { return false };
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(&[CONTEXT, self.signed].concat(), &signature).is_ok()
    }

    /// Whether its sender has this group key.
    pub fn is_of_group(&self, key: &GroupKey) -> bool {
        self.code.is_some_and(|(bytes, code)| key.verifies(bytes, &code))
    }

    /// Whether it carries a group's code at all.
    pub fn has_code(&self) -> bool {
        self.code.is_some()
    }
}

/// Cuts `opens` and a text of `N` bytes off the end.
fn cut<'a, const N: usize>(open: &'a [u8], opens: &str) -> Option<(&'a [u8], [u8; N])> {
    let (rest, text) = open.split_at_checked(open.len().checked_sub(base64::text_length(N))?)?;
    Some((rest.strip_suffix(opens.as_bytes())?, base64::bytes(text)?))
}

/// Where `mac` and `sig` were met while INFO was read, as the number of the member within it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) code: Option<u8>,
    pub(crate) signature: Option<u8>,
    /// How many members INFO has, and the outermost object.
    pub(crate) members: u8,
    pub(crate) outermost: u8,
}

impl Seen {
    /// How many bytes the datagram is longer than an unsigned one.
    pub(crate) fn longer(self) -> usize {
        self.signature.map_or(0, |_| sealed_longer(self.code.is_some()))
    }

    /// Whether what the JSON says and what the bytes say is one thing: no trailer, or a whole one at the very end of INFO, with
    /// nothing behind it. `group` tells whether the extension names a group, `extended` whether there is one.
    pub(crate) fn agrees(self, body: &[u8], extended: bool, group: bool) -> Result<(), DecodeError> {
        let trailer = Trailer::of_body(body);
        let last = |back: u8| self.members.checked_sub(back);
        let whole = match (self.code, self.signature) {
            (None, None) => trailer.is_none() && !group,
            (None, Some(place)) => {
                let bare = trailer.is_some_and(|trailer| !trailer.has_code());
                bare && Some(place) == last(1) && !group
            }
            (Some(code), Some(place)) => {
                let both = trailer.is_some_and(|trailer| trailer.has_code());
                both && Some(place) == last(1) && Some(code) == last(2) && group
            }
            (Some(_), None) => false,
        };
        let alone = self.signature.is_none() || (extended && self.outermost == 1);
        if whole && alone { Ok(()) } else { Err(DecodeError::Signature) }
    }
}
