//! What hosts tell of others, on the wire: the request for what differs and the pages that answer it.
//!
//! A request is a directed `search` that carries 64 bucket hashes; a page is a `notify` that carries entries. Both stand
//! in the extension, so a base peer never mistakes what is told of a third host.

use std::fmt::{self, Write as _};
use std::net::IpAddr;
use std::str::FromStr;

use crate::base64;
use crate::digest::{BUCKETS, TOLD_NAME_MAX};
use crate::frame::DATAGRAM_MAX;
use crate::id::PeerId;
use crate::info::unicast;
use crate::message::INTEGER_MAX;
use crate::text::HostName;

/// The ports of the request, which nearly every host has: an entry leaves them out.
const USUAL_PORTS: (u16, u16) = (8000, 8001);
/// Most entries of one page: with all other members, those of a signature too, they stay within the limit on members.
const ENTRIES_MAX: usize = 28;
/// Bytes of one half of the bucket hashes; in text they must fit a string.
const HALF: usize = BUCKETS / 2 * 4;
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

/// A page of what a host knows: the answer to a request, or a part of an answer to a search.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roster {
    /// `same`: the buckets whose hashes agree, which are left out. The greatest bit is bucket 0.
    pub same: u64,
    /// `from`: the page begins after this identity.
    pub after: Option<PeerId>,
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
    /// Its address on the link.
    pub address: IpAddr,
    /// Where its console answers HTTP.
    pub http_port: u16,
    /// Where its console answers HTTPS.
    pub https_port: u16,
    /// Its name.
    pub name: HostName,
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
        base64::text(&bytes)
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
        let bytes: [u8; HALF] = base64::bytes(text.as_bytes()).ok_or(())?;
        let mut hashes = [0; BUCKETS / 2];
        for (slot, group) in hashes.iter_mut().zip(bytes.chunks(4)) {
            *slot = group.iter().fold(0, |hash, byte| (hash << 8) | u32::from(*byte));
        }
        Ok(Self(hashes))
    }
}

impl fmt::Display for Entry {
    /// Five fields with commas between; the ports are `HTTP/HTTPS`, and empty where they are the usual ones.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, epoch, address, http_port, https_port, name } = self;
        write!(out, "{id},{epoch},{address},")?;
        if (*http_port, *https_port) != USUAL_PORTS {
            write!(out, "{http_port}/{https_port}")?;
        }
        write!(out, ",{name}")
    }
}

impl FromStr for Entry {
    type Err = ();

    /// Reads what `Display` writes and nothing else.
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.split(',');
        let mut field = || fields.next().ok_or(());
        let id = field()?.parse().map_err(drop)?;
        let epoch = integer(field()?, 1, INTEGER_MAX)?;
        let address = unicast(field()?).ok_or(())?;
        let (http_port, https_port) = ports(field()?)?;
        let name = name(field()?)?;
        if fields.next().is_some() {
            return Err(());
        }
        Ok(Self { id, epoch, address, http_port, https_port, name })
    }
}

/// Two ports with a slash between, or nothing for the usual ones, so that no two texts mean one pair.
fn ports(text: &str) -> Result<(u16, u16), ()> {
    if text.is_empty() {
        return Ok(USUAL_PORTS);
    }
    let (http, https) = text.split_once('/').ok_or(())?;
    let port = |text| integer(text, 1, u64::from(u16::MAX)).and_then(narrow);
    let ports = (port(http)?, port(https)?);
    if ports == USUAL_PORTS { Err(()) } else { Ok(ports) }
}

/// A plain decimal number without leading zeros.
pub(crate) fn integer(text: &str, least: u64, greatest: u64) -> Result<u64, ()> {
    let digits = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || (text.len() > 1 && text.starts_with('0')) {
        return Err(());
    }
    text.parse().ok().filter(|number| (least..=greatest).contains(number)).ok_or(())
}

pub(crate) fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T, ()> {
    T::try_from(number).map_err(|_| ())
}

fn name(text: &str) -> Result<HostName, ()> {
    let name: HostName = text.parse().map_err(drop)?;
    if name.as_str() == text && text.len() <= TOLD_NAME_MAX { Ok(name) } else { Err(()) }
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
        if self.same != 0 {
            let _ = write!(body, r#","same":"{:016x}""#, self.same);
        }
        if let Some(after) = &self.after {
            let _ = write!(body, r#","from":"{after}""#);
        }
        body.push_str(r#","roster":["#);
        for (index, entry) in self.entries.iter().enumerate() {
            let _ = write!(body, r#"{}"{entry}""#, if index == 0 { "" } else { "," });
        }
        body.push(']');
        if let Some(next) = &self.next {
            let _ = write!(body, r#","next":"{next}""#);
        }
    }

    /// Takes one more entry if the page then still fits `room` bytes; the page's frame is the caller's.
    pub(crate) fn push(&mut self, entry: Entry, room: &mut usize) -> bool {
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

    const TEXT: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8,3,10.0.0.9,80/443,kvm-9";

    #[test]
    fn an_entry_is_read_and_written_in_one_form() {
        let entry: Entry = TEXT.parse().unwrap();
        assert_eq!((entry.to_string().as_str(), entry.https_port), (TEXT, 443));
        let usual: Entry = TEXT.replace("80/443", "").parse().unwrap();
        assert_eq!((usual.http_port, usual.https_port), USUAL_PORTS);
        assert_eq!(usual.to_string(), TEXT.replace("80/443", ""));
        for (part, other) in [
            (",3,", ",03,"),
            (",3,", ",0,"),
            (",3,", ",,"),
            ("10.0.0.9", "224.0.0.1"),
            ("10.0.0.9", "10.0.0.09"),
            ("80/443", "8000/8001"),
            ("80/443", "80"),
            ("80/443", "0/443"),
            ("80/443", "80/65536"),
            ("80/443", "080/443"),
            ("kvm-9", "KVM-9"),
            ("kvm-9", ""),
            ("kvm-9", "kvm-9,"),
            ("kvm-9", "<b>"),
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
            assert_eq!((low.len(), high.len()), (171, 171));
            assert_eq!(HashHalf::join(low.parse().unwrap(), high.parse().unwrap()), hashes);
        }
        assert!("A".repeat(170).parse::<HashHalf>().is_err());
        assert!(format!("{}B", "A".repeat(170)).parse::<HashHalf>().is_err(), "spare bits");
    }

    #[test]
    fn buckets_have_their_bits() {
        let mut roster = Roster::default();
        roster.set_same(0);
        roster.set_same(63);
        assert_eq!(roster.same, 1 << 63 | 1);
        assert!(roster.is_same(0) && !roster.is_same(1) && !roster.is_same(62) && roster.is_same(63));
    }
}
