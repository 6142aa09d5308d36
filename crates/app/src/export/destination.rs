//! The gate: which rows may leave for another tool, and what of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use kimchi_peers::{Fact, HostName};

use crate::view::{Origin, PeerView, Trust};

/// The names that every host has for itself: whoever bore one would stand for the host that reads the export.
const OWN_NAMES: [&str; 4] = ["localhost", "localhost4", "localhost6", "broadcasthost"];

/// Where a peer is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    /// Of a peer that was added by hand: the host as it was typed.
    Name(HostName),
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(out),
            Self::Name(name) => name.fmt(out),
        }
    }
}

impl Host {
    /// The host as it stands before a port or in a URL.
    pub(crate) fn bracketed(&self) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Self::Address(IpAddr::V4(address)) => address.to_string(),
            Self::Name(name) => name.to_string(),
        }
    }
}

/// A row that may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// What it is called: its name, or the address by which it was added.
    pub(crate) label: String,
    /// Its name; none of a peer that was added by its address and not named.
    pub(crate) name: Option<HostName>,
    pub(crate) host: Host,
    /// The address, where one is known.
    pub(crate) address: Option<IpAddr>,
    pub(crate) https_port: u16,
    /// Where its console is, with its path; nothing where that is not to be followed.
    pub(crate) url: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) state: &'static str,
    pub(crate) trust: Trust,
    /// By name; what is no fact is left out.
    pub(crate) facts: BTreeMap<&'static str, Fact>,
}

impl Destination {
    /// The destination of a row; `None` for one in conflict, and for one without a name or an address that can be used.
    fn of(peer: &PeerView) -> Option<Self> {
        if peer.trust == Trust::Conflict {
            return None;
        }
        let address = peer.addresses.iter().find_map(|text| text.parse().ok().filter(is_reachable));
        let host = match peer.origin {
            Origin::Local => Host::Address(address?),
            Origin::Remote => typed_host(&peer.id).or_else(|| address.map(Host::Address))?,
        };
        let address = match host {
            Host::Address(literal) => Some(literal),
            Host::Name(_) => address,
        };
        let name: Option<HostName> = peer.name.parse().ok().filter(is_own_to_one_host);
        let unnamed = || (peer.origin == Origin::Remote && peer.name == host.to_string()).then(|| host.to_string());
        let label = name.as_ref().map(ToString::to_string).or_else(unnamed)?;
        let fact = |name: &'static str| Some((name, peer.facts.get(name)?.parse().ok()?));
        Some(Self {
            label,
            name,
            host,
            address,
            https_port: peer.https_port,
            url: peer.safe_url().filter(|url| is_plain_url(url)).map(str::to_owned),
            origin: peer.origin,
            state: peer.state.as_str(),
            trust: peer.trust,
            facts: ["version", "architecture", "hypervisor"].into_iter().filter_map(fact).collect(),
        })
    }
}

/// The rows that may leave, in their order. Of rows with one name the first local one stays: a tool could not tell them
/// apart.
pub(crate) fn destinations(peers: &[PeerView]) -> Vec<Destination> {
    let all: Vec<Destination> = peers.iter().filter_map(Destination::of).collect();
    let locals: BTreeSet<String> =
        all.iter().filter(|each| each.origin == Origin::Local).map(|each| each.label.clone()).collect();
    let mut taken = BTreeSet::new();
    all.into_iter()
        .filter(|each| each.origin == Origin::Local || !locals.contains(&each.label))
        .filter(|each| taken.insert(each.label.clone()))
        .collect()
}

/// Whether a name can be that of another host, for every tool: neither one that each host has for itself, nor one that
/// could be read as an address or an option.
fn is_own_to_one_host(name: &HostName) -> bool {
    let text = name.as_str();
    let last = text.rsplit('.').next().unwrap_or_default();
    let is_own = OWN_NAMES.contains(&text) || last == "localhost" || text.starts_with("localhost.");
    let is_own = is_own || text.starts_with("ip6-");
    // The old readings of IPv4 addresses take one number too, and hexadecimal ones (`0x7f.1`).
    let is_number = |label: &str| {
        label.bytes().all(|byte| byte.is_ascii_digit())
            || label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    !is_own && !is_number(last) && !text.starts_with('-')
}

/// Whether another program can use the address: one that is valid on one link alone needs the link too, which no format
/// has a place for.
fn is_reachable(address: &IpAddr) -> bool {
    let is_link_local = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    !(is_link_local || address.is_unspecified() || address.is_multicast())
}

/// Whether a URL has no character but those that mean the same in every format.
fn is_plain_url(url: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+:/[]".contains(&byte);
    url.starts_with("https://") && url.bytes().all(is_plain)
}

/// The host of a remote peer's id, `HOST:PORT`.
fn typed_host(id: &str) -> Option<Host> {
    let (host, _) = id.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => is_reachable(&address).then_some(Host::Address(address)),
        Err(_) => bare.parse().ok().filter(is_own_to_one_host).map(Host::Name),
    }
}
