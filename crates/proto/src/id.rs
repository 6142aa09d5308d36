//! The identity of a host: an Ed25519 public key, written as 43 characters of base64url.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::base64;

/// The identity of a host. Its name and its addresses may change, this does not.
///
/// It is the Ed25519 public key that the host makes at its first start (RFC 8032 section 5.1.5: 32 bytes).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerId([u8; 32]);

/// Characters of an identity's text form: 32 bytes in base64url without padding.
pub const PEER_ID_TEXT_LENGTH: usize = 43;

/// Why a text is no identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not an identity: use 43 characters of base64url")]
pub struct InvalidPeerId;

impl PeerId {
    /// The identity of these 32 bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The letters of the text form.
    pub(crate) fn letters(&self) -> [u8; PEER_ID_TEXT_LENGTH] {
        base64::letters(&self.0)
    }

    /// The first eight bytes as a number.
    pub(crate) fn prefix(&self) -> u64 {
        self.0.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }
}

impl Ord for PeerId {
    /// That of the bytes. Nearly always the first eight decide, and comparing two numbers is far cheaper than comparing
    /// two arrays: the table does that a dozen times for each datagram.
    fn cmp(&self, other: &Self) -> Ordering {
        self.prefix().cmp(&other.prefix()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for PeerId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(std::str::from_utf8(&self.letters()).unwrap_or_default())
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "PeerId({self})")
    }
}

impl FromStr for PeerId {
    type Err = InvalidPeerId;

    fn from_str(text: &str) -> Result<Self, InvalidPeerId> {
        base64::bytes(text.as_bytes()).map(Self).ok_or(InvalidPeerId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_agree_with_rfc_4648() {
        let bytes: [u8; 32] = std::array::from_fn(|index| index as u8);
        let id = PeerId::from_bytes(bytes);
        assert_eq!(id.to_string(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn the_order_is_that_of_the_bytes() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let one: [u8; 32] = std::array::from_fn(|_| random.u8(..));
            let mut other = one;
            for _ in 0..random.usize(..3) {
                other[random.usize(..32)] = random.u8(..);
            }
            assert_eq!(PeerId::from_bytes(one).cmp(&PeerId::from_bytes(other)), one.cmp(&other));
        }
    }

    #[test]
    fn spare_bits_must_be_zero() {
        assert!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8".parse::<PeerId>().is_ok());
        assert!("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9".parse::<PeerId>().is_err());
    }

    #[test]
    fn every_bit_survives() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            let id = PeerId::from_bytes(std::array::from_fn(|_| random.u8(..)));
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "A", &"A".repeat(42), &"A".repeat(44), &"+".repeat(43), &"=".repeat(43)] {
            assert!(text.parse::<PeerId>().is_err(), "{text}");
        }
    }
}
