//! The key that all hosts of a group share: it tells members from strangers, and no member from another.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use thiserror::Error;
use zeroize::ZeroizeOnDrop;

use crate::base64;

/// Most keys of a keyring: the one in use, its successor, and two that are on their way out.
pub const GROUP_KEYS_MAX: usize = 4;
/// Bytes of a group key.
const KEY: usize = 32;
/// Bytes of a key's public name.
const ID: usize = 8;
/// Letters of that name.
pub(crate) const GROUP_ID_TEXT: usize = base64::text_length(ID);
/// Bytes of the code in a datagram: HMAC-SHA-256 cut to 128 bits (RFC 2104 section 5).
pub(crate) const CODE: usize = 16;
/// What is hashed first, so that a code of one sort is never one of another.
const CODE_CONTEXT: &[u8] = b"kimchi-peers 1 mac\0";
const ID_CONTEXT: &[u8] = b"kimchi-peers 1 group\0";

/// A secret that the hosts of a group share: 256 bits. It is wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct GroupKey([u8; KEY]);

/// The public name of a group key, by which datagrams tell which one they use. It tells nothing of the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId([u8; ID]);

/// Why a text is no group key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a group key: it is 43 characters of base64url")]
pub struct InvalidGroupKey;

/// Why a text names no group key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not the name of a group key: it is 11 characters of base64url")]
pub struct InvalidGroupId;

impl GroupKey {
    /// The key of these 32 bytes, which must come from the operating system's generator.
    pub const fn from_bytes(bytes: [u8; KEY]) -> Self {
        Self(bytes)
    }

    /// The key as text, to be written into a file that only its owner can read.
    pub fn reveal(&self) -> String {
        base64::text(&self.0)
    }

    /// The key's public name.
    pub fn id(&self) -> GroupId {
        let digest = self.hash(ID_CONTEXT, &[]).finalize().into_bytes();
        GroupId(digest.first_chunk().copied().unwrap_or_default())
    }

    /// The code of these bytes of a datagram.
    pub(crate) fn code(&self, bytes: &[u8]) -> [u8; CODE] {
        self.hash(CODE_CONTEXT, bytes).finalize().into_bytes().first_chunk().copied().unwrap_or_default()
    }

    /// Whether `code` is the code of these bytes, in the same time whatever differs.
    pub(crate) fn verifies(&self, bytes: &[u8], code: &[u8; CODE]) -> bool {
        self.hash(CODE_CONTEXT, bytes).verify_truncated_left(code).is_ok()
    }

    fn hash(&self, context: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
        // A key that is shorter than the hash's block is followed by zeros (RFC 2104 section 2).
        let mut block = [0_u8; 64];
        block.iter_mut().zip(self.0).for_each(|(slot, byte)| *slot = byte);
        Hmac::new(&block.into()).chain_update(context).chain_update(bytes)
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "GroupKey({})", self.id())
    }
}

impl FromStr for GroupKey {
    type Err = InvalidGroupKey;

    fn from_str(text: &str) -> Result<Self, InvalidGroupKey> {
        base64::bytes(text.as_bytes()).map(Self).ok_or(InvalidGroupKey)
    }
}

impl GroupId {
    /// The letters of the text form.
    pub(crate) fn letters(self) -> [u8; GROUP_ID_TEXT] {
        base64::letters(&self.0)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(&base64::text(&self.0))
    }
}

impl fmt::Debug for GroupId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "GroupId({self})")
    }
}

impl FromStr for GroupId {
    type Err = InvalidGroupId;

    fn from_str(text: &str) -> Result<Self, InvalidGroupId> {
        base64::bytes(text.as_bytes()).map(Self).ok_or(InvalidGroupId)
    }
}

/// The group keys of a host: all of them open what others send, the first one closes what this host sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keyring(Vec<(GroupId, GroupKey)>);

/// Why a key was not added to a keyring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// It has as many as it takes.
    #[error("there are four group keys already: remove one that nobody uses any more")]
    Full,
    /// It has this one.
    #[error("this group key is there already")]
    Known,
}

impl Keyring {
    /// Adds a key behind the others.
    ///
    /// # Errors
    /// [`KeyringError`]; the keyring is as it was.
    pub fn add(&mut self, key: GroupKey) -> Result<GroupId, KeyringError> {
        let id = key.id();
        if self.get(id).is_some() {
            return Err(KeyringError::Known);
        }
        if self.0.len() >= GROUP_KEYS_MAX {
            return Err(KeyringError::Full);
        }
        self.0.push((id, key));
        Ok(id)
    }

    /// Makes a key the first one; tells whether it is there.
    pub fn make_primary(&mut self, id: GroupId) -> bool {
        let place = self.0.iter().position(|(known, _)| *known == id);
        if let Some(key) = place.map(|place| self.0.remove(place)) {
            self.0.insert(0, key);
        }
        place.is_some()
    }

    /// Takes a key out; tells whether it was there.
    pub fn remove(&mut self, id: GroupId) -> bool {
        let before = self.0.len();
        self.0.retain(|(known, _)| *known != id);
        self.0.len() != before
    }

    /// The key by which this host proves that it is a member.
    pub fn primary(&self) -> Option<&GroupKey> {
        self.0.first().map(|(_, key)| key)
    }

    /// The name of that key.
    pub fn primary_id(&self) -> Option<GroupId> {
        self.0.first().map(|(id, _)| *id)
    }

    /// The key of this name.
    pub fn get(&self, id: GroupId) -> Option<&GroupKey> {
        self.0.iter().find(|(known, _)| *known == id).map(|(_, key)| key)
    }

    /// All keys, the first one first.
    pub fn keys(&self) -> impl Iterator<Item = (GroupId, &GroupKey)> {
        self.0.iter().map(|(id, key)| (*id, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> GroupKey {
        GroupKey::from_bytes([number; KEY])
    }

    #[test]
    fn a_code_fits_its_bytes_and_its_key_alone() {
        let code = key(1).code(b"some bytes");
        assert!(key(1).verifies(b"some bytes", &code));
        assert!(!key(2).verifies(b"some bytes", &code));
        assert!(!key(1).verifies(b"some byteS", &code));
        let mut other = code;
        other[15] ^= 1;
        assert!(!key(1).verifies(b"some bytes", &other));
    }

    #[test]
    fn a_key_is_not_printed_and_its_text_comes_back() {
        let text = key(7).reveal();
        assert_eq!(text.parse(), Ok(key(7)));
        assert!(!format!("{:?}", key(7)).contains(&text));
        assert_eq!(key(7).id().to_string().parse(), Ok(key(7).id()));
        assert!("short".parse::<GroupKey>().is_err());
    }

    #[test]
    fn a_keyring_holds_four_keys_and_one_comes_first() {
        let mut ring = Keyring::default();
        for number in 1..=4 {
            ring.add(key(number)).unwrap();
        }
        assert_eq!(ring.add(key(4)), Err(KeyringError::Known));
        assert_eq!(ring.add(key(5)), Err(KeyringError::Full));
        assert_eq!(ring.primary(), Some(&key(1)));
        assert!(ring.make_primary(key(3).id()) && !ring.make_primary(key(5).id()));
        let order: Vec<GroupId> = ring.keys().map(|(id, _)| id).collect();
        assert_eq!(order, [3, 1, 2, 4].map(|number| key(number).id()));
        assert!(ring.remove(key(3).id()) && !ring.remove(key(3).id()));
        assert_eq!(ring.primary(), Some(&key(1)));
    }
}
