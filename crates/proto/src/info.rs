//! Reading the INFO object and its extension `kp`.

use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::absence::{ABSENCE_MAX, Absence};
use crate::certificate::CertificateHash;
use crate::claim::{CLAIMS_MAX, Claim, Claims};
use crate::digest::Digest;
use crate::error::DecodeError;
use crate::facts::FactSet;
use crate::group::GroupId;
use crate::hears::Hears;
use crate::id::PeerId;
use crate::limits::{IntegerReader, Limits, PortReader, UnknownNames};
use crate::message::{Extension, INTEGER_MAX, Info, Nonce, TIME_TO_LIVE_MAX};
use crate::roster::{Entry, HashHalf, Pull, Roster};
use crate::text::{Fact, HostName, Note};

/// Nesting of INFO in the body.
const INFO_DEPTH: u8 = 2;
/// Nesting of the extension in the body.
const EXTENSION_DEPTH: u8 = 3;

/// Reads the INFO object.
pub(crate) struct InfoReader<'a>(pub(crate) &'a Limits);

impl<'de> DeserializeSeed<'de> for InfoReader<'_> {
    type Value = Info;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Info, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InfoReader<'_> {
    type Value = Info;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Info, M::Error> {
        let limits = self.0;
        let mut unknown = UnknownNames::default();
        let (mut name, mut address, mut http_port, mut https_port, mut extension) = (None, None, None, None, None);
        let (mut code, mut signature, mut place) = (None, None, 0);
        while let Some(member) = limits.next_name(&mut map)? {
            match member.as_ref() {
                "domain" => {
                    let text = limits.next_text(&mut map)?;
                    let value = text.parse::<HostName>().map_err(|_| limits.refuse(DecodeError::Domain))?;
                    limits.fill(&mut name, value)?;
                }
                "IP" => {
                    let text = limits.next_text(&mut map)?;
                    let value = unicast(&text).ok_or_else(|| limits.refuse(DecodeError::Address))?;
                    limits.fill(&mut address, value)?;
                }
                "httpport" => limits.fill(&mut http_port, map.next_value_seed(PortReader(limits))?)?,
                "httpsport" => limits.fill(&mut https_port, map.next_value_seed(PortReader(limits))?)?,
                "kp" => limits.fill(&mut extension, map.next_value_seed(ExtensionReader(limits))?)?,
                "mac" => {
                    limits.next_text(&mut map)?;
                    limits.fill(&mut code, place)?;
                }
                "sig" => {
                    limits.next_text(&mut map)?;
                    limits.fill(&mut signature, place)?;
                }
                _ => unknown.skip(limits, member, INFO_DEPTH, &mut map)?,
            }
            place += 1;
        }
        limits.note(|seen| (seen.code, seen.signature, seen.members) = (code, signature, place));
        let missing = || limits.refuse(DecodeError::Missing);
        Ok(Info {
            name: name.ok_or_else(missing)?,
            address: address.ok_or_else(missing)?,
            http_port: http_port.ok_or_else(missing)?,
            https_port: https_port.ok_or_else(missing)?,
            extension,
        })
    }
}

/// An address in the one form that the standard library prints, of a single host, in no reserved range.
/// Loopback passes here: whether it is right depends on the interface, which the engine knows.
pub(crate) fn unicast(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    let single_host = match address {
        IpAddr::V4(address) => {
            !address.is_multicast() && !address.is_broadcast() && address.octets().first() != Some(&0)
        }
        IpAddr::V6(address) => {
            !address.is_multicast() && !address.is_unspecified() && address.to_ipv4_mapped().is_none()
        }
    };
    // An IPv4 address is read in one form only: four decimal numbers without leading zeros.
    (single_host && (address.is_ipv4() || address.to_string() == text)).then_some(address)
}

/// Reads the extension.
struct ExtensionReader<'a>(&'a Limits);

impl<'de> DeserializeSeed<'de> for ExtensionReader<'_> {
    type Value = Extension;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Extension, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// The members of an extension as they come in, before it is known that none is missing.
#[derive(Default)]
struct Members {
    version: Option<u64>,
    id: Option<PeerId>,
    epoch: Option<u64>,
    sequence: Option<u64>,
    time_to_live: Option<u64>,
    target: Option<PeerId>,
    nonce: Option<Nonce>,
    echo: Option<Nonce>,
    previous_address: Option<IpAddr>,
    program: Option<Fact>,
    server_root: Option<Fact>,
    architecture: Option<Fact>,
    hypervisor: Option<Fact>,
    certificate: Option<CertificateHash>,
    group: Option<GroupId>,
    digest: Option<Digest>,
    hears: Option<Hears>,
    low: Option<HashHalf>,
    high: Option<HashHalf>,
    after: Option<PeerId>,
    same: Option<Nonce>,
    entries: Option<Vec<Entry>>,
    next: Option<PeerId>,
    suspect: Option<Vec<Claim>>,
    dead: Option<Vec<Claim>>,
    heard: Option<Vec<Claim>>,
    away: Option<u64>,
    why: Option<Note>,
}

impl<'de> Visitor<'de> for ExtensionReader<'_> {
    type Value = Extension;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Extension, M::Error> {
        let limits = self.0;
        let mut unknown = UnknownNames::default();
        let mut members = Members::default();
        while let Some(name) = limits.next_name(&mut map)? {
            let map = &mut map;
            match name.as_ref() {
                "v" => integer(limits, map, &mut members.version, 1, u64::from(u8::MAX))?,
                "id" => text(limits, map, &mut members.id)?,
                "epoch" => integer(limits, map, &mut members.epoch, 1, INTEGER_MAX)?,
                "seq" => integer(limits, map, &mut members.sequence, 0, INTEGER_MAX)?,
                "ttl" => integer(limits, map, &mut members.time_to_live, 0, u64::from(TIME_TO_LIVE_MAX))?,
                "target" => text(limits, map, &mut members.target)?,
                "nonce" => text(limits, map, &mut members.nonce)?,
                "echo" => text(limits, map, &mut members.echo)?,
                "was" => {
                    let text = limits.next_text(map)?;
                    let value = unicast(&text).ok_or_else(|| limits.refuse(DecodeError::Extension))?;
                    limits.fill(&mut members.previous_address, value)?;
                }
                "version" => text(limits, map, &mut members.program)?,
                "root" => text(limits, map, &mut members.server_root)?,
                "arch" => text(limits, map, &mut members.architecture)?,
                "hyp" => text(limits, map, &mut members.hypervisor)?,
                "cert" => text(limits, map, &mut members.certificate)?,
                "group" => text(limits, map, &mut members.group)?,
                "dig" => text(limits, map, &mut members.digest)?,
                "hears" => text(limits, map, &mut members.hears)?,
                "lo" => text(limits, map, &mut members.low)?,
                "hi" => text(limits, map, &mut members.high)?,
                "from" => text(limits, map, &mut members.after)?,
                "same" => text(limits, map, &mut members.same)?,
                "roster" => limits.fill(&mut members.entries, map.next_value_seed(list(limits))?)?,
                "next" => text(limits, map, &mut members.next)?,
                "suspect" => limits.fill(&mut members.suspect, map.next_value_seed(list(limits))?)?,
                "dead" => limits.fill(&mut members.dead, map.next_value_seed(list(limits))?)?,
                "heard" => limits.fill(&mut members.heard, map.next_value_seed(list(limits))?)?,
                "away" => integer(limits, map, &mut members.away, 1, u64::from(ABSENCE_MAX))?,
                "why" => text(limits, map, &mut members.why)?,
                _ => unknown.skip(limits, name, EXTENSION_DEPTH, map)?,
            }
        }
        members.complete().ok_or_else(|| limits.refuse(DecodeError::Extension))
    }
}

impl Members {
    fn complete(mut self) -> Option<Extension> {
        self.version?;
        let absence = self.absence()?;
        let hears = self.hears()?;
        let (pull, roster, claims) = (self.pull()?, self.roster()?, self.claims()?);
        Some(Extension {
            id: self.id?,
            epoch: self.epoch?,
            sequence: self.sequence?,
            time_to_live: u32::try_from(self.time_to_live?).ok()?,
            target: self.target,
            nonce: self.nonce,
            echo: self.echo,
            previous_address: self.previous_address,
            facts: FactSet {
                version: self.program,
                server_root: self.server_root,
                architecture: self.architecture,
                hypervisor: self.hypervisor,
            }
            .into(),
            certificate: self.certificate,
            group: self.group,
            digest: self.digest,
            hears,
            pull,
            roster,
            claims,
            absence,
        })
    }

    /// Whom the sender hears, if it says so; `None` where that stands in another message than a heartbeat, in which it always
    /// fits.
    fn hears(&mut self) -> Option<Option<Box<Hears>>> {
        let Some(hears) = self.hears.take() else { return Some(None) };
        let others = [self.target.is_some(), self.nonce.is_some(), self.echo.is_some(), self.low.is_some()];
        let lists = [self.entries.is_some(), self.suspect.is_some(), self.dead.is_some(), self.heard.is_some()];
        let alone = !others.contains(&true) && !lists.contains(&true);
        alone.then(|| Some(Box::new(hears)))
    }

    /// The request for a roster, if there is one; `None` where it is malformed. It stands alone, so that it always fits.
    fn pull(&mut self) -> Option<Option<Box<Pull>>> {
        match (self.low, self.high) {
            // Where to go on says something only beside hashes or entries.
            (None, None) => (self.after.is_none() || self.entries.is_some()).then_some(None),
            (Some(low), Some(high)) => {
                let alone = self.tells_no_facts() && self.echo.is_none() && self.entries.is_none();
                alone.then(|| Some(Box::new(Pull { hashes: HashHalf::join(low, high), after: self.after })))
            }
            (Some(_), None) | (None, Some(_)) => None,
        }
    }

    /// The page of a roster, if there is one; `None` where it is malformed.
    fn roster(&mut self) -> Option<Option<Box<Roster>>> {
        let Some(entries) = self.entries.take() else {
            return (self.same.is_none() && self.next.is_none()).then_some(None);
        };
        let alone = self.tells_no_facts() && self.target.is_none() && self.nonce.is_none();
        let same = self.same.map_or(0, |same| same.0);
        alone.then(|| Some(Box::new(Roster { same, after: self.after, entries, next: self.next })))
    }

    /// What is said of others, if anything; `None` where it is malformed. It stands alone, so that it always fits.
    fn claims(&mut self) -> Option<Option<Box<Claims>>> {
        let lists = [self.suspect.take(), self.dead.take(), self.heard.take()];
        if lists.iter().all(Option::is_none) {
            return Some(None);
        }
        // A list that stands there has an entry, so that nothing has two forms.
        let no_list_is_empty = lists.iter().flatten().all(|list| !list.is_empty());
        let [suspect, dead, heard] = lists.map(Option::unwrap_or_default);
        let claims = Claims { suspect, dead, heard };
        let alone = self.tells_no_facts()
            && self.low.is_none()
            && self.same.is_none()
            && self.target.is_none()
            && self.nonce.is_none()
            && self.echo.is_none();
        let fits = (1..=CLAIMS_MAX).contains(&claims.count());
        (alone && fits && no_list_is_empty).then(|| Some(Box::new(claims)))
    }

    /// When the sender means to be back, if it says so; `None` where it is malformed. It stands alone, so that it always fits.
    fn absence(&mut self) -> Option<Option<Box<Absence>>> {
        match (self.away, self.why.take()) {
            (None, None) => Some(None),
            (Some(seconds), Some(reason)) => {
                let alone = self.tells_no_facts()
                    && self.low.is_none()
                    && self.entries.is_none()
                    && self.target.is_none()
                    && self.nonce.is_none()
                    && self.echo.is_none()
                    && [&self.suspect, &self.dead, &self.heard].iter().all(|list| list.is_none());
                let absence = Absence::new(u32::try_from(seconds).ok()?, reason).ok()?;
                alone.then(|| Some(Box::new(absence)))
            }
            (Some(_), None) | (None, Some(_)) => None,
        }
    }

    fn tells_no_facts(&self) -> bool {
        let facts = [&self.program, &self.server_root, &self.architecture, &self.hypervisor];
        self.previous_address.is_none() && self.certificate.is_none() && facts.iter().all(|fact| fact.is_none())
    }
}

/// Reads a list of texts, such as the entries of a roster.
struct ListReader<'a, T>(&'a Limits, PhantomData<T>);

fn list<T>(limits: &Limits) -> ListReader<'_, T> {
    ListReader(limits, PhantomData)
}

impl<'de, T: FromStr> DeserializeSeed<'de> for ListReader<'_, T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: FromStr> Visitor<'de> for ListReader<'_, T> {
    type Value = Vec<T>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an array")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<Self::Value, S::Error> {
        let mut entries = Vec::new();
        while let Some(text) = self.0.next_element(&mut sequence)? {
            entries.push(text.parse().map_err(|_| self.0.refuse(DecodeError::Extension))?);
        }
        Ok(entries)
    }
}

/// Reads a string member and parses it into `slot`.
fn text<'de, T: FromStr, M: MapAccess<'de>>(
    limits: &Limits,
    map: &mut M,
    slot: &mut Option<T>,
) -> Result<(), M::Error> {
    let value = limits.next_text(map)?.parse::<T>().map_err(|_| limits.refuse(DecodeError::Extension))?;
    limits.fill(slot, value)
}

/// Reads an integer member of `least` to `greatest` into `slot`.
fn integer<'de, M: MapAccess<'de>>(
    limits: &Limits,
    map: &mut M,
    slot: &mut Option<u64>,
    least: u64,
    greatest: u64,
) -> Result<(), M::Error> {
    let value = map.next_value_seed(IntegerReader { limits, greatest })?;
    if value < least {
        return Err(limits.refuse(DecodeError::Extension));
    }
    limits.fill(slot, value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_form() {
        for text in ["10.0.0.1", "192.168.255.254", "127.0.0.1", "fe80::1", "2001:db8::a"] {
            assert_eq!(unicast(text).map(|address| address.to_string()).as_deref(), Some(text));
        }
        let wrong = [
            "010.0.0.1",
            "10.0.0.01",
            "10.0.1",
            "167772161",
            "0x0a.0.0.1",
            " 10.0.0.1",
            "10.0.0.1 ",
            "+10.0.0.1",
            "0.0.0.1",
            "224.0.0.132",
            "255.255.255.255",
            "FE80::1",
            "fe80:0::1",
            "fe80::0:1",
            "::",
            "::ffff:10.0.0.1",
            "ff02::1",
        ];
        for text in wrong {
            assert_eq!(unicast(text), None, "{text:?}");
        }
    }
}
