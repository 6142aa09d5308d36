//! Checks of every datagram that a host sends.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use kimchi_peers_proto::{DATAGRAM_MAX, HostSecret, Instant, Keyring, Kind, Message, Rate};

use super::Step;

/// Copies of the goodbye, which go beside the bound: they are the last that a run sends.
const GOODBYES: u32 = 3;
/// One token of [`Level`].
const TOKEN: u64 = 1_000_000;

/// What a host has sent.
#[derive(Debug, Default)]
pub struct Sent {
    /// Epoch and number of the newest datagram.
    pub newest: (u64, u64),
    goodbyes: BTreeMap<u32, u32>,
    levels: BTreeMap<(u32, Lane), Level>,
}

/// What is bounded for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Group,
    Pages,
    Unicast,
}

fn both(one: Rate, other: Rate) -> Rate {
    Rate { per_second: one.per_second + other.per_second, burst: one.burst + other.burst }
}

/// By how much the most demanding window that ends now exceeds the sustained rate.
///
/// `max over all windows of (datagrams - rate * length)` is kept incrementally, so every window is checked and none is
/// stored. It is no copy of the engine's bucket.
#[derive(Debug, Default)]
struct Level {
    millionths: u64,
    at: Instant,
}

impl Level {
    fn add(&mut self, now: Instant, rate: Rate) -> bool {
        let elapsed = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        let drained = elapsed.saturating_mul(u64::from(rate.per_second));
        self.millionths = self.millionths.saturating_sub(drained) + TOKEN;
        self.at = now;
        self.millionths <= u64::from(rate.burst) * TOKEN
    }
}

impl Sent {
    pub(super) fn restart(&mut self) {
        self.goodbyes.clear();
        self.levels.clear();
    }

    pub(super) fn check(
        &mut self,
        step: &Step<'_>,
        interface: u32,
        (from, to): (IpAddr, SocketAddr),
        bytes: &[u8],
    ) -> Result<(), String> {
        let message = canonical(bytes, step.host.seal.as_ref())?;
        self.is_own_word(step, &message, interface, from)?;
        destination_is_right(step, interface, to)?;
        let page = message.info.extension.is_some_and(|extension| extension.roster.is_some());
        self.within_bounds(step, interface, (to, page), message.kind)
    }

    fn is_own_word(&mut self, step: &Step<'_>, message: &Message, interface: u32, from: IpAddr) -> Result<(), String> {
        let info = &message.info;
        let address = step.host.nic(interface).filter(|nic| nic.up).map(|nic| nic.network.address);
        if address != Some(from) || info.address != from {
            return Err(format!("it sent as {from}, told {}, and the interface has {address:?}", info.address));
        }
        if info.name != step.node.profile().name {
            return Err(format!("it called itself {}", info.name));
        }
        let Some(extension) = &info.extension else { return Err("it sent no extension".to_owned()) };
        if extension.id != step.host.id || extension.epoch > step.host.epoch {
            return Err(format!("it sent epoch {} and has stored {}", extension.epoch, step.host.epoch));
        }
        let number = (extension.epoch, extension.sequence);
        if number <= self.newest {
            return Err(format!("it sent number {number:?} after {:?}", self.newest));
        }
        self.newest = number;
        Ok(())
    }

    fn within_bounds(
        &mut self,
        step: &Step<'_>,
        interface: u32,
        (to, page): (SocketAddr, bool),
        kind: Kind,
    ) -> Result<(), String> {
        let group = to.ip().is_multicast();
        if kind == Kind::Quit {
            let said = self.goodbyes.entry(interface).or_insert(0);
            *said += 1;
            return if *said > GOODBYES { Err(format!("it said goodbye {said} times")) } else { Ok(()) };
        }
        let config = &step.host.config;
        let (rate, lane) = match (group, page) {
            // An answer carries a page too, and goes by the other bound.
            (true, true) => (both(config.page_rate, config.multicast_rate), Lane::Pages),
            (true, false) => (config.multicast_rate, Lane::Group),
            (false, _) => (config.unicast_rate, Lane::Unicast),
        };
        let level = self.levels.entry((interface, lane)).or_default();
        if level.add(step.now, rate) {
            return Ok(());
        }
        Err(format!("it sent more than {}/s beyond a burst of {}", rate.per_second, rate.burst))
    }
}

fn canonical(bytes: &[u8], seal: Option<&(HostSecret, Keyring)>) -> Result<Message, String> {
    if bytes.len() > DATAGRAM_MAX {
        return Err(format!("it sent {} bytes", bytes.len()));
    }
    let message = Message::decode(bytes).map_err(|error| format!("it sent what nobody can read: {error}"))?;
    let written = match seal {
        Some((secret, keyring)) => message.seal(secret, keyring),
        None => message.encode(),
    };
    if written == bytes { Ok(message) } else { Err("it sent what is not in canonical form".to_owned()) }
}

fn destination_is_right(step: &Step<'_>, interface: u32, to: SocketAddr) -> Result<(), String> {
    let config = &step.host.config;
    let group = match to.ip() {
        IpAddr::V4(address) => address == config.group_v4,
        IpAddr::V6(address) => address == config.group_v6,
    };
    let on_link = step.host.nic(interface).is_some_and(|nic| nic.network.contains(to.ip()));
    if to.port() == config.port && (group || (on_link && !to.ip().is_multicast())) {
        Ok(())
    } else {
        Err(format!("it sent to {to}, which is neither the group nor a neighbour"))
    }
}
