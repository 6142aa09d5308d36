//! The digest: one number that two hosts have in common when their tables of a link agree.
//!
//! Each extended peer of the link and the host itself contribute a well-mixed number; the digest is their sum, so the
//! order in which peers were learned does not matter and one change costs one subtraction and one addition. The sum is
//! kept in 64 buckets by the first six bits of the identity, so two hosts that differ find out where.
//!
//! What is told to others covers live rows alone. Rows known from the last run are summed up beside them: where the sum
//! of both is what a peer tells, all of them are there.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::few::Few;
use crate::id::PeerId;
use crate::interface::Interface;
use crate::message::Nonce;
use crate::node::Node;
use crate::peer::{Conflict, Peer, PeerKey, State};
use crate::roster::{integer, narrow};
use crate::text::HostName;
use crate::time::Instant;
use crate::writing;

/// How many parts a table has: one for each value of an identity's first six bits.
pub(crate) const BUCKETS: usize = 64;
/// Greatest number of hosts that a digest tells.
const HOSTS_MAX: u64 = 99_999;
/// Longest name of a host that others tell of: with it, every roster entry fits a string of the wire.
pub(crate) const TOLD_NAME_MAX: usize = 112;

/// All extended hosts that a host knows on one link, itself included, as two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest {
    /// The sum over what each contributes.
    pub sum: u64,
    /// How many they are, so that of two hosts that differ the one who knows less can tell.
    pub hosts: u32,
}

impl FromStr for Digest {
    type Err = ();

    /// Reads 16 lower-case hexadecimal digits, a slash, and a decimal number of up to 5 digits.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (sum, hosts) = text.split_once('/').ok_or(())?;
        let Nonce(sum) = sum.parse()?;
        let hosts = integer(hosts, 0, HOSTS_MAX).and_then(narrow)?;
        Ok(Self { sum, hosts })
    }
}

impl Digest {
    /// Writes what `Display` does.
    pub(crate) fn write(&self, text: &mut String) {
        writing::hexadecimal(text, self.sum);
        text.push('/');
        writing::decimal(text, self.hosts.into());
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}/{}", self.sum, self.hosts)
    }
}

/// What one row adds to the digest of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) interface: u32,
    pub(crate) value: u64,
    unheard: bool,
}

/// The sums of one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkDigest {
    live: [u64; BUCKETS],
    unheard: [u64; BUCKETS],
    live_total: u64,
    unheard_total: u64,
    live_rows: usize,
    /// How many rows of the last run are on this link and not confirmed yet.
    pub(crate) unheard_rows: usize,
}

impl Default for LinkDigest {
    fn default() -> Self {
        let empty = [0; BUCKETS];
        Self { live: empty, unheard: empty, live_total: 0, unheard_total: 0, live_rows: 0, unheard_rows: 0 }
    }
}

impl LinkDigest {
    /// What this host tells.
    pub(crate) fn live(&self) -> Digest {
        Digest { sum: self.live_total, hosts: count(self.live_rows) }
    }

    /// What this host would tell if all that it knew in its last run were there.
    pub(crate) fn known(&self) -> Digest {
        let sum = self.live_total.wrapping_add(self.unheard_total);
        Digest { sum, hosts: count(self.live_rows + self.unheard_rows) }
    }

    /// The upper half of a bucket's sum, over live rows alone.
    pub(crate) fn live_hash(&self, bucket: usize) -> u32 {
        self.live.get(bucket).map_or(0, |sum| (sum >> 32) as u32)
    }

    /// The same over all rows that this host knows.
    pub(crate) fn known_hash(&self, bucket: usize) -> u32 {
        let unheard = self.unheard.get(bucket).copied().unwrap_or(0);
        self.live.get(bucket).map_or(0, |sum| (sum.wrapping_add(unheard) >> 32) as u32)
    }

    fn add(&mut self, id: &PeerId, value: u64, unheard: bool) {
        let (sums, total) = self.parts(unheard);
        *total = total.wrapping_add(value);
        if let Some(sum) = sums.get_mut(bucket_of(id)) {
            *sum = sum.wrapping_add(value);
        }
        *self.rows(unheard) += 1;
    }

    fn take_off(&mut self, id: &PeerId, value: u64, unheard: bool) {
        let (sums, total) = self.parts(unheard);
        *total = total.wrapping_sub(value);
        if let Some(sum) = sums.get_mut(bucket_of(id)) {
            *sum = sum.wrapping_sub(value);
        }
        let rows = self.rows(unheard);
        *rows = rows.saturating_sub(1);
    }

    fn rows(&mut self, unheard: bool) -> &mut usize {
        if unheard { &mut self.unheard_rows } else { &mut self.live_rows }
    }

    fn parts(&mut self, unheard: bool) -> (&mut [u64; BUCKETS], &mut u64) {
        if unheard { (&mut self.unheard, &mut self.unheard_total) } else { (&mut self.live, &mut self.live_total) }
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

/// The bucket of an identity: its first six bits.
pub(crate) fn bucket_of(id: &PeerId) -> usize {
    id.as_bytes().first().map_or(0, |byte| usize::from(byte >> 2))
}

/// What a host contributes: FNV-1a over its facts in their text form, then the finalizer of `SplitMix64`, because sums of
/// FNV hashes of similar texts would be similar.
pub(crate) fn mix(id: &PeerId, name: &HostName, address: IpAddr, (http_port, https_port): (u16, u16)) -> u64 {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    // Piece by piece, since the formatting machinery costs more than the hash. Writing into a hash cannot fail.
    id.letters().into_iter().for_each(|letter| hash.byte(letter));
    hash.byte(b' ');
    name.as_str().bytes().for_each(|byte| hash.byte(byte));
    hash.byte(b' ');
    match address {
        IpAddr::V4(address) => hash.address(address),
        IpAddr::V6(address) => drop(write!(hash, "{address}")),
    }
    for port in [http_port, https_port] {
        hash.byte(b' ');
        hash.decimal(port);
    }
    finish(hash.0)
}

/// The finalizer of `SplitMix64`.
fn finish(fnv: u64) -> u64 {
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// FNV-1a of all that is written into it, so that a text is hashed without being stored.
struct Fnv(u64);

impl Fnv {
    fn byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }

    /// The digits of a number.
    fn decimal(&mut self, number: u16) {
        let digit = |unit: u16| b'0' + (number / unit % 10) as u8;
        if number >= 10_000 {
            self.byte(digit(10_000));
        }
        if number >= 1_000 {
            self.byte(digit(1_000));
        }
        if number >= 100 {
            self.byte(digit(100));
        }
        if number >= 10 {
            self.byte(digit(10));
        }
        self.byte(digit(1));
    }

    fn address(&mut self, address: Ipv4Addr) {
        for (index, octet) in address.octets().into_iter().enumerate() {
            if index > 0 {
                self.byte(b'.');
            }
            self.decimal(octet.into());
        }
    }
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.bytes().for_each(|byte| self.byte(byte));
        Ok(())
    }
}

/// The address by which a row is known on a link: the smallest, so that all choose the same.
pub(crate) fn address_on(peer: &Peer, interface: &Interface) -> Option<IpAddr> {
    let there = |path: &&crate::peer::Path| {
        (path.interface == interface.index || path.interface == 0) && interface.is_on_link(path.address)
    };
    peer.paths.iter().filter(there).map(|path| path.address).min()
}

/// What a row adds on a link. A copied identity adds nothing: hosts cannot agree on which of the two is the row.
fn mark_of(peer: &Peer, interface: &Interface) -> Option<Mark> {
    let PeerKey::Identity(id) = &peer.key else { return None };
    let cloned = matches!(peer.conflict.as_deref(), Some(Conflict::Identity(_)));
    if cloned || peer.state == State::Down || peer.name.as_str().len() > TOLD_NAME_MAX {
        return None;
    }
    let address = address_on(peer, interface)?;
    let value = mix(id, &peer.name, address, (peer.http_port, peer.https_port));
    Some(Mark { interface: interface.index, value, unheard: peer.state == State::Unknown })
}

impl Node {
    /// Brings the digests up to date with one row. To be called after each change of a row's state, name, ports, paths
    /// or identity conflict.
    pub(crate) fn refresh_digest(&mut self, now: Instant, key: &PeerKey) {
        let Some(peer) = self.table.get(key) else { return };
        let marks: Few<Mark> = self.links.values().filter_map(|link| mark_of(peer, &link.interface)).collect();
        if marks == peer.marks {
            return;
        }
        let Some(id) = key.id() else { return };
        for mark in &marks {
            if let Some(link) = self.links.get_mut(&mark.interface) {
                link.digest.add(id, mark.value, mark.unheard);
                link.digest_changed = now;
            }
        }
        if let Some(peer) = self.table.get_mut(key) {
            let before = std::mem::replace(&mut peer.marks, marks);
            self.take_marks_off(now, id, &before);
        }
    }

    /// Takes a row that is gone out of the digests.
    pub(crate) fn take_marks_off(&mut self, now: Instant, id: &PeerId, marks: &[Mark]) {
        for mark in marks {
            if let Some(link) = self.links.get_mut(&mark.interface) {
                link.digest.take_off(id, mark.value, mark.unheard);
                link.digest_changed = now;
            }
        }
    }

    /// Sums everything up anew, after this host's own interfaces, name or ports changed.
    pub(crate) fn rebuild_digests(&mut self, now: Instant) {
        let own = |link: &crate::link::Link| (link.interface.index, self.own_sum(&link.interface));
        let mut sums: Vec<(u32, LinkDigest)> = self.links.values().map(own).collect();
        let keys: Vec<PeerKey> = self.table.iter().map(|peer| peer.key.clone()).collect();
        for key in keys {
            let Some(peer) = self.table.get(&key) else { continue };
            let marks: Few<Mark> = self.links.values().filter_map(|link| mark_of(peer, &link.interface)).collect();
            for mark in &marks {
                let sum = sums.iter_mut().find(|(interface, _)| *interface == mark.interface);
                if let (Some((_, sum)), Some(id)) = (sum, key.id()) {
                    sum.add(id, mark.value, mark.unheard);
                }
            }
            if let Some(peer) = self.table.get_mut(&key) {
                peer.marks = marks;
            }
        }
        for (index, sum) in sums {
            if let Some(link) = self.links.get_mut(&index)
                && link.digest != sum
            {
                link.digest = sum;
                link.digest_changed = now;
            }
        }
    }

    /// What this host adds itself, alone.
    fn own_sum(&self, interface: &Interface) -> LinkDigest {
        let mut sum = LinkDigest::default();
        if let Some(value) = self.own_value(interface) {
            sum.add(&self.identity.id, value, false);
        }
        sum
    }

    fn summed_up(&self) -> Vec<(u32, LinkDigest)> {
        let of_link = |link: &crate::link::Link| {
            let mut sum = self.own_sum(&link.interface);
            for peer in self.table.iter() {
                if let (Some(mark), Some(id)) = (mark_of(peer, &link.interface), peer.key.id()) {
                    sum.add(id, mark.value, mark.unheard);
                }
            }
            (link.interface.index, sum)
        };
        self.links.values().map(of_link).collect()
    }

    /// What this host adds itself. Who is not listed by others adds nothing.
    fn own_value(&self, interface: &Interface) -> Option<u64> {
        let profile = &self.profile;
        if self.config.observer || profile.name.as_str().len() > TOLD_NAME_MAX {
            return None;
        }
        let here = |link: &crate::link::Link| link.interface.address().filter(|own| interface.is_on_link(*own));
        let address = self.links.values().filter_map(here).min()?;
        Some(mix(&self.identity.id, &profile.name, address, (profile.http_port, profile.https_port)))
    }

    /// Whether the digests, which follow each change, are what summing up from scratch gives. For tests: it costs a look
    /// at every row.
    pub fn digests_are_consistent(&self) -> bool {
        self.summed_up().iter().all(|(index, sum)| self.links.get(index).is_some_and(|link| link.digest == *sum))
    }

    /// The digest that this host tells on the link of interface `index`.
    pub fn digest(&self, index: u32) -> Option<Digest> {
        self.links.get(&index).map(|link| link.digest.live())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: u8) -> (PeerId, u64) {
        let id = PeerId::from_bytes([number; 32]);
        let name = format!("kvm-{number}").parse().unwrap();
        (id, mix(&id, &name, IpAddr::from([10, 0, 0, number]), (8000, 8001)))
    }

    #[test]
    fn the_order_makes_no_difference_and_what_goes_leaves_nothing() {
        let (mut one, mut other) = (LinkDigest::default(), LinkDigest::default());
        for number in 1..=200 {
            let ((id, value), (back, back_value)) = (host(number), host(201 - number));
            one.add(&id, value, false);
            other.add(&back, back_value, false);
        }
        assert_eq!(one, other);
        (1..=200).map(host).for_each(|(id, value)| one.take_off(&id, value, false));
        assert_eq!(one, LinkDigest::default());
    }

    #[test]
    fn what_is_hashed_is_the_text() {
        let mut random = fastrand::Rng::with_seed(1);
        for round in 0..20_000_u32 {
            let id = PeerId::from_bytes(std::array::from_fn(|_| random.u8(..)));
            let name: HostName = format!("kvm-{round}").parse().unwrap();
            let address: IpAddr =
                if round % 4 == 0 { random.u128(..).to_be_bytes().into() } else { random.u32(..).to_be_bytes().into() };
            let ports = (random.u16(..) >> random.u32(..16), random.u16(..) >> random.u32(..16));
            let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
            write!(hash, "{id} {name} {address} {} {}", ports.0, ports.1).unwrap();
            assert_eq!(mix(&id, &name, address, ports), finish(hash.0), "{name} {address} {ports:?}");
        }
    }

    #[test]
    fn every_fact_counts() {
        let id = PeerId::from_bytes([7; 32]);
        let name: HostName = "a".parse().unwrap();
        let address = IpAddr::from([10, 0, 0, 1]);
        let base = mix(&id, &name, address, (1, 2));
        let others = [
            mix(&PeerId::from_bytes([8; 32]), &name, address, (1, 2)),
            mix(&id, &"b".parse().unwrap(), address, (1, 2)),
            mix(&id, &name, IpAddr::from([10, 0, 0, 2]), (1, 2)),
            mix(&id, &name, address, (2, 1)),
            mix(&id, &name, address, (3, 2)),
            mix(&id, &name, address, (1, 3)),
        ];
        assert!(others.iter().all(|other| *other != base && (other ^ base).count_ones() > 8));
    }

    #[test]
    fn rows_of_the_last_run_count_apart() {
        let mut sums = LinkDigest::default();
        let ((id, value), (unheard, unheard_value)) = (host(1), host(2));
        sums.add(&id, value, false);
        sums.add(&unheard, unheard_value, true);
        assert_eq!(sums.live(), Digest { sum: value, hosts: 1 });
        assert_eq!(sums.known(), Digest { sum: value.wrapping_add(unheard_value), hosts: 2 });
        assert_eq!(sums.unheard_rows, 1);
    }
}
