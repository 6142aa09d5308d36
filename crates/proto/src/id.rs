//! The identity of a host: an Ed25519 public key, written as 43 characters of base64url.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

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

/// The alphabet of RFC 4648 section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

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
        let mut text = [0; PEER_ID_TEXT_LENGTH];
        for (letters, group) in text.chunks_mut(4).zip(self.0.chunks(3)) {
            let byte = |index: usize| group.get(index).copied().map_or(0, u32::from);
            let word = byte(0) << 16 | byte(1) << 8 | byte(2);
            for (letter, shift) in letters.iter_mut().zip([18, 12, 6, 0]) {
                *letter = ALPHABET.get((word >> shift & 63) as usize).copied().unwrap_or(b'A');
            }
        }
        text
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
        if text.len() != PEER_ID_TEXT_LENGTH {
            return Err(InvalidPeerId);
        }
        let mut bytes = [0_u8; 32];
        let mut position = 0;
        for group in text.as_bytes().chunks(4) {
            let mut word = 0_u32;
            for letter in group {
                word = (word << 6) | six_bits(*letter).ok_or(InvalidPeerId)?;
            }
            word <<= 6 * (4 - group.len());
            for byte in word.to_be_bytes().iter().skip(1) {
                match bytes.get_mut(position) {
                    Some(slot) => *slot = *byte,
                    // Two texts must never mean one identity: the spare bits are zero.
                    None if *byte != 0 => return Err(InvalidPeerId),
                    None => {}
                }
                position += 1;
            }
        }
        Ok(Self(bytes))
    }
}

/// The letter of base64url for the lowest six bits of `six`.
pub(crate) fn letter_of(six: u32) -> char {
    ALPHABET.get((six & 63) as usize).map_or('A', |letter| char::from(*letter))
}

/// The six bits that a letter of base64url stands for.
pub(crate) fn six_bits(letter: u8) -> Option<u32> {
    SIX_BITS.get(usize::from(letter)).copied().filter(|six| *six < 64).map(u32::from)
}

/// For each byte the six bits that it stands for as a letter, 64 where it is none.
const SIX_BITS: [u8; 256] = {
    let mut table = [64; 256];
    let mut six = 0;
    while six < ALPHABET.len() {
        table[ALPHABET[six] as usize] = six as u8;
        six += 1;
    }
    table
};

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
