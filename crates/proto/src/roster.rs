//! What hosts tell of others, on the wire: the request for what differs and the pages that answer it.
//!
//! A request is a directed `search` that carries 64 bucket hashes; a page is a `notify` that carries entries. Both stand
//! in the extension, so a base peer never mistakes what is told of a third host.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::str::FromStr;

use crate::digest::{BUCKETS, TOLD_NAME_MAX};
use crate::facts::{FactSet, Facts};
use crate::frame::DATAGRAM_MAX;
use crate::id::{PeerId, letter_of, six_bits};
use crate::info::unicast;
use crate::message::{INTEGER_MAX, TIME_TO_LIVE_MAX};
use crate::text::{Fact, HostName};

/// Longest entry in bytes: a string of the wire.
const ENTRY_MAX: usize = 256;
/// Most entries of one page: with all other members they stay within the limit on members.
const ENTRIES_MAX: usize = 30;
/// Bytes of one half of the bucket hashes; in text they must fit a string.
const HALF: usize = BUCKETS / 2 * 4;
/// Characters of one half in base64url without padding.
const HALF_TEXT: usize = 171;
/// Longest padding string.
const PAD_MAX: usize = 256;

/// A request for what the target knows and the sender does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// `lo` and `hi`: what the sender knows, a hash for each bucket.
    pub hashes: BucketHashes,
    /// `from`: the identity after which to go on.
    pub after: Option<PeerId>,
}

/// A page of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// `same`: the buckets whose hashes agree, which are left out. The greatest bit is bucket 0.
    pub same: u64,
    /// `roster`: hosts of the other buckets, in the order of their identities.
    pub entries: Vec<Entry>,
    /// `next`: there is more after this identity, the last one of this page.
    pub next: Option<PeerId>,
}

/// 64 hashes of 32 bits, one for each value of an identity's first six bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BucketHashes(pub [u32; BUCKETS]);

/// What one host tells of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The host's identity.
    pub id: PeerId,
    /// Its incarnation.
    pub epoch: u64,
    /// Number of the newest datagram that was heard of it.
    pub sequence: u64,
    /// How long it may be silent, in seconds.
    pub time_to_live: u32,
    /// Its address on the link.
    pub address: IpAddr,
    /// Where its console answers HTTP.
    pub http_port: u16,
    /// Where its console answers HTTPS.
    pub https_port: u16,
    /// Its name.
    pub name: HostName,
    /// What it tells of itself. Left out where the entry would be too long.
    pub facts: Facts,
}

impl fmt::Debug for BucketHashes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "BucketHashes({}{})", self.half(0), self.half(1))
    }
}

impl BucketHashes {
    fn half(&self, half: usize) -> String {
        let hashes = self.0.iter().skip(half * BUCKETS / 2).take(BUCKETS / 2);
        let bytes: Vec<u8> = hashes.flat_map(|hash| hash.to_be_bytes()).collect();
        let word = |group: &[u8]| {
            group.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte)) << (8 * (3 - group.len()))
        };
        let letters = |group: &[u8]| {
            let (word, count) = (word(group), group.len() + 1);
            (0..count).map(move |index| letter_of(word >> (18 - 6 * index)))
        };
        bytes.chunks(3).flat_map(letters).collect()
    }
}

/// One half of the bucket hashes as it stands on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HashHalf([u32; BUCKETS / 2]);

impl HashHalf {
    /// Puts both halves together.
    pub(crate) fn join(low: Self, high: Self) -> BucketHashes {
        let mut hashes = [0; BUCKETS];
        for (slot, hash) in hashes.iter_mut().zip(low.0.into_iter().chain(high.0)) {
            *slot = hash;
        }
        BucketHashes(hashes)
    }
}

impl FromStr for HashHalf {
    type Err = ();

    /// Reads exactly 171 characters of base64url whose spare bits are zero.
    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != HALF_TEXT {
            return Err(());
        }
        let mut bytes: Vec<u8> = Vec::with_capacity(HALF + 1);
        for group in text.as_bytes().chunks(4) {
            let mut word = 0_u32;
            for letter in group {
                word = (word << 6) | six_bits(*letter).ok_or(())?;
            }
            word <<= 6 * (4 - group.len());
            bytes.extend(word.to_be_bytes().iter().skip(1));
        }
        // Two texts must never mean one set of hashes.
        if bytes.iter().skip(HALF).any(|byte| *byte != 0) {
            return Err(());
        }
        let mut hashes = [0; BUCKETS / 2];
        for (slot, group) in hashes.iter_mut().zip(bytes.chunks(4)) {
            *slot = group.iter().fold(0, |hash, byte| (hash << 8) | u32::from(*byte));
        }
        Ok(Self(hashes))
    }
}

impl fmt::Display for Entry {
    /// Twelve fields with commas between; a fact that is absent is empty.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, epoch, sequence, time_to_live, address, http_port, https_port, name, facts } = self;
        write!(out, "{id},{epoch},{sequence},{time_to_live},{address},{http_port},{https_port},{name}")?;
        for fact in [&facts.version, &facts.server_root, &facts.architecture, &facts.hypervisor] {
            match fact {
                Some(fact) => write!(out, ",{fact}")?,
                None => out.write_char(',')?,
            }
        }
        Ok(())
    }
}

impl FromStr for Entry {
    type Err = ();

    /// Reads what `Display` writes and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.split(',');
        let mut field = || fields.next().ok_or(());
        let entry = Self {
            id: field()?.parse().map_err(drop)?,
            epoch: integer(field()?, 1, INTEGER_MAX)?,
            sequence: integer(field()?, 0, INTEGER_MAX)?,
            time_to_live: narrow(integer(field()?, 1, u64::from(TIME_TO_LIVE_MAX))?)?,
            address: unicast(field()?).ok_or(())?,
            http_port: narrow(integer(field()?, 1, u64::from(u16::MAX))?)?,
            https_port: narrow(integer(field()?, 1, u64::from(u16::MAX))?)?,
            name: name(field()?)?,
            facts: FactSet {
                version: fact(field()?)?,
                server_root: fact(field()?)?,
                architecture: fact(field()?)?,
                hypervisor: fact(field()?)?,
            }
            .into(),
        };
        if fields.next().is_none() { Ok(entry) } else { Err(()) }
    }
}

impl Entry {
    /// The text of the entry, without facts where they would make it too long.
    fn text(&self) -> String {
        let text = self.to_string();
        if text.len() <= ENTRY_MAX { text } else { Self { facts: Facts::default(), ..self.clone() }.to_string() }
    }
}

/// A plain decimal number without leading zeros.
fn integer(text: &str, least: u64, greatest: u64) -> Result<u64, ()> {
    let digits = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(());
    }
    text.parse().ok().filter(|number| (least..=greatest).contains(number)).ok_or(())
}

fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, ()> {
    T::try_from(number).map_err(|_| ())
}

fn name(text: &str) -> Result<HostName, ()> {
    let name: HostName = text.parse().map_err(drop)?;
    if name.as_str() == text && text.len() <= TOLD_NAME_MAX { Ok(name) } else { Err(()) }
}

fn fact(text: &str) -> Result<Option<Fact>, ()> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(drop) }
}

impl Pull {
    /// Writes the members of a request at the end of an extension, and pads the datagram to its greatest length: so no
    /// answer is ever longer than what was sent for it (RFC 9000 section 8.1), and a forged source gains nothing.
    /// `closing` is how many bytes follow behind the extension's members, the frame's own included.
    pub(crate) fn write(&self, body: &mut String, closing: usize) {
        let (low, high) = (self.hashes.half(0), self.hashes.half(1));
        let _ = write!(body, r#","lo":"{low}","hi":"{high}""#);
        if let Some(after) = &self.after {
            let _ = write!(body, r#","from":"{after}""#);
        }
        // `,"pad":[]` and, for each string, its quotes and the comma before the next.
        let room = DATAGRAM_MAX.saturating_sub(body.len() + closing + 9);
        let strings = (room + 1).div_ceil(PAD_MAX + 3).max(1);
        let mut zeros = (room + 1).saturating_sub(3 * strings);
        body.push_str(r#","pad":["#);
        for index in 0..strings {
            let length = zeros.min(PAD_MAX);
            zeros -= length;
            body.push_str(if index == 0 { "\"" } else { ",\"" });
            body.extend(std::iter::repeat_n('0', length));
            body.push('"');
        }
        body.push(']');
    }
}

impl Roster {
    pub(crate) fn write(&self, body: &mut String) {
        let _ = write!(body, r#","same":"{:016x}","roster":["#, self.same);
        for (index, entry) in self.entries.iter().enumerate() {
            let _ = write!(body, r#"{}"{}""#, if index == 0 { "" } else { "," }, entry.text());
        }
        body.push(']');
        if let Some(next) = &self.next {
            let _ = write!(body, r#","next":"{next}""#);
        }
    }

    /// Takes one more entry if the page then still fits `room` bytes; the page's frame is the caller's.
    pub(crate) fn push(&mut self, entry: Entry, room: &mut usize) -> bool {
        let entry =
            if entry.to_string().len() <= ENTRY_MAX { entry } else { Entry { facts: Facts::default(), ..entry } };
        let length = entry.to_string().len() + 3;
        if length > *room || self.entries.len() >= ENTRIES_MAX {
            return false;
        }
        *room -= length;
        self.entries.push(entry);
        true
    }

    /// Whether `bucket` agrees on both sides.
    pub(crate) fn is_same(&self, bucket: usize) -> bool {
        (self.same << bucket.min(BUCKETS - 1)) >> (BUCKETS - 1) == 1
    }

    /// Notes that `bucket` agrees.
    pub(crate) fn set_same(&mut self, bucket: usize) {
        self.same |= 1 << (BUCKETS - 1 - bucket.min(BUCKETS - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8,3,7,30,10.0.0.9,8000,8001,kvm-9,0.1.0,,x86_64,kvm";

    #[test]
    fn an_entry_is_read_and_written_in_one_form() {
        let entry: Entry = TEXT.parse().unwrap();
        assert_eq!((entry.to_string().as_str(), entry.facts.server_root.clone()), (TEXT, None));
        for (part, other) in [
            (",3,7", ",03,7"),
            (",3,", ",0,"),
            (",30,", ",0,"),
            (",30,", ",86401,"),
            ("10.0.0.9", "224.0.0.1"),
            ("10.0.0.9", "10.0.0.09"),
            ("8001", "65536"),
            ("kvm-9", "KVM-9"),
            ("kvm-9", ""),
            ("0.1.0", "<b>"),
            (",kvm-9,0.1.0,", ",kvm-9,"),
            ("x86_64,kvm", "x86_64,kvm,"),
        ] {
            let text = TEXT.replacen(part, other, 1);
            assert_ne!(text, TEXT);
            assert!(text.parse::<Entry>().is_err(), "{text}");
        }
    }

    #[test]
    fn bucket_hashes_survive_their_text() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..200 {
            let hashes = BucketHashes(std::array::from_fn(|_| random.u32(..)));
            let (low, high) = (hashes.half(0), hashes.half(1));
            assert_eq!((low.len(), high.len()), (HALF_TEXT, HALF_TEXT));
            assert_eq!(HashHalf::join(low.parse().unwrap(), high.parse().unwrap()), hashes);
        }
        assert!("A".repeat(170).parse::<HashHalf>().is_err());
        assert!(format!("{}B", "A".repeat(170)).parse::<HashHalf>().is_err(), "spare bits");
    }

    #[test]
    fn buckets_have_their_bits() {
        let mut roster = Roster { same: 0, entries: Vec::new(), next: None };
        roster.set_same(0);
        roster.set_same(63);
        assert_eq!(roster.same, 1 << 63 | 1);
        assert!(roster.is_same(0) && !roster.is_same(1) && !roster.is_same(62) && roster.is_same(63));
    }
}
