//! The host's interfaces: a snapshot of all of them, and a bell that rings when one may have changed.
//!
//! The kernel's change messages are read and thrown away. They only ring; what counts is the next whole snapshot, so a
//! message that got lost does no harm.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use kimchi_peers_proto::{Interface, Network};
use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType, SockaddrStorage, bind, socket};
use tokio::net::UnixDatagram;

use crate::policy::{self, Choice, Traits};

/// When IPv6 is spoken on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ipv6 {
    /// Where the interface has no IPv4 address.
    #[default]
    Fallback,
    /// On every interface that has a link-local address, instead of IPv4.
    Always,
    /// Nowhere.
    Never,
}

/// Which interfaces to use and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) named: Vec<String>,
    pub(crate) ipv6: Ipv6,
    /// Announces this address of an interface instead of its first one; for several hosts on one loopback.
    pub(crate) address: Option<IpAddr>,
}

/// An interface of the host and whether it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceChoice {
    /// The interface's name.
    pub name: String,
    /// Whether it is used, and why or why not.
    pub choice: Choice,
    /// The networks around the addresses that could be announced there, the one to announce first.
    pub networks: Vec<Network>,
}

/// What one look at the host's interfaces showed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Snapshot {
    /// The ones to use, by index.
    pub(crate) used: Vec<Interface>,
    /// All of them, by name.
    pub(crate) choices: Vec<InterfaceChoice>,
}

#[derive(Default)]
struct Found {
    flags: Option<InterfaceFlags>,
    networks: Vec<Network>,
}

/// Looks at all interfaces and decides on each.
pub(crate) fn snapshot(selection: &Selection) -> io::Result<Snapshot> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for entry in getifaddrs()? {
        let network = network_of(&entry);
        let interface = found.entry(entry.interface_name).or_default();
        interface.flags = Some(entry.flags);
        interface.networks.extend(network);
    }
    let mut snapshot = Snapshot::default();
    for (name, interface) in found {
        let flags = interface.flags.unwrap_or(InterfaceFlags::empty());
        let networks = announceable(interface.networks, selection);
        let traits = Traits {
            name: &name,
            up: flags.contains(InterfaceFlags::IFF_UP),
            running: flags.contains(InterfaceFlags::IFF_RUNNING),
            multicast: flags.contains(InterfaceFlags::IFF_MULTICAST),
            loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
            addressed: !networks.is_empty(),
        };
        let choice = policy::choose(traits, &selection.named, policy::role_of);
        let loopback = traits.loopback;
        // An interface can vanish between the list and this question.
        if choice == Choice::Used
            && let Ok(index) = if_nametoindex(name.as_str())
        {
            snapshot.used.push(Interface { index, name: name.clone(), networks: networks.clone(), loopback });
        }
        snapshot.choices.push(InterfaceChoice { name, choice, networks });
    }
    snapshot.used.sort_by_key(|interface| interface.index);
    Ok(snapshot)
}

/// All interfaces of this host, and whether discovery would use each: those that are `named`, or all that are suitable.
///
/// # Errors
/// The operating system cannot list them.
pub fn interfaces(named: &[String], ipv6: Ipv6) -> io::Result<Vec<InterfaceChoice>> {
    let selection = Selection { named: named.to_vec(), ipv6, address: None };
    Ok(snapshot(&selection)?.choices)
}

/// All addresses of this host, on interfaces in use or not.
///
/// # Errors
/// The operating system cannot list them.
pub fn own_addresses() -> io::Result<Vec<IpAddr>> {
    Ok(getifaddrs()?.filter_map(|entry| address_of(entry.address.as_ref()?)).collect())
}

fn network_of(entry: &InterfaceAddress) -> Option<Network> {
    let address = address_of(entry.address.as_ref()?)?;
    let prefix = match address_of(entry.netmask.as_ref()?)? {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    Some(Network { address, prefix: u8::try_from(prefix).ok()? })
}

fn address_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// The networks of one family, the one to announce first.
fn announceable(networks: Vec<Network>, selection: &Selection) -> Vec<Network> {
    let (mut v4, v6): (Vec<_>, Vec<_>) = networks.into_iter().partition(|network| network.address.is_ipv4());
    // Discovery stays on the link, so only the address that is valid there and nowhere else speaks for it.
    let link_local =
        |network: &Network| matches!(network.address, IpAddr::V6(address) if address.is_unicast_link_local());
    let mut v6: Vec<_> = v6.into_iter().filter(link_local).collect();
    if let Some(wanted) = selection.address {
        return demanded(v4.into_iter().chain(v6).collect(), wanted);
    }
    // The kernel lists addresses in the order they were added, the primary one first; keep that.
    match selection.ipv6 {
        Ipv6::Never => v6.clear(),
        Ipv6::Always if !v6.is_empty() => v4.clear(),
        Ipv6::Fallback | Ipv6::Always => {}
    }
    if v4.is_empty() { v6 } else { v4 }
}

/// The network around `wanted` with that address as the interface's own: the whole of 127/8 is on the loopback.
fn demanded(networks: Vec<Network>, wanted: IpAddr) -> Vec<Network> {
    let around = networks.into_iter().find(|network| network.contains(wanted));
    around.map(|network| Network { address: wanted, ..network }).into_iter().collect()
}

/// Rings when an interface or an address came, went or changed.
#[derive(Debug)]
pub(crate) struct Bell {
    socket: UnixDatagram,
}

impl Bell {
    /// Subscribes to the kernel's messages. Needs a running runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        let groups = nix::libc::RTMGRP_LINK | nix::libc::RTMGRP_IPV4_IFADDR | nix::libc::RTMGRP_IPV6_IFADDR;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups as u32))?;
        // Only recv(2) is ever called on it, which is the same for every datagram socket.
        Ok(Self { socket: UnixDatagram::from_std(socket.into())? })
    }

    /// Waits for the next ring. Cancelling loses nothing that the next snapshot would not show.
    pub(crate) async fn rings(&self) {
        loop {
            if self.socket.readable().await.is_err() {
                // Nothing to be done for a broken bell; the slow look at the interfaces goes on without it.
                return std::future::pending().await;
            }
            if self.drain() {
                return;
            }
        }
    }

    fn drain(&self) -> bool {
        let mut rang = false;
        let mut buffer = [0; 4096];
        loop {
            match self.socket.try_recv(&mut buffer) {
                Ok(_) => rang = true,
                // Messages were lost for want of room: that rings too.
                Err(error) if error.raw_os_error() == Some(nix::libc::ENOBUFS) => rang = true,
                Err(_) => return rang,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str, prefix: u8) -> Network {
        Network { address: text.parse().unwrap(), prefix }
    }

    #[test]
    fn the_loopback_is_there_and_not_used_unless_named() {
        let all = snapshot(&Selection::default()).unwrap();
        let lo = all.choices.iter().find(|choice| choice.name == "lo").unwrap();
        assert_ne!(lo.choice, Choice::Used);
    }

    #[test]
    fn ipv4_goes_before_link_local_ipv6() {
        let both =
            vec![network("2001:db8::1", 64), network("fe80::1", 64), network("10.0.0.1", 24), network("10.0.1.1", 24)];
        let with = |ipv6| announceable(both.clone(), &Selection { ipv6, ..Selection::default() });
        assert_eq!(with(Ipv6::Fallback), [network("10.0.0.1", 24), network("10.0.1.1", 24)]);
        assert_eq!(with(Ipv6::Always), [network("fe80::1", 64)]);
        let only_v6 = vec![network("fe80::1", 64)];
        assert_eq!(announceable(only_v6.clone(), &Selection::default()), only_v6);
        let never = Selection { ipv6: Ipv6::Never, ..Selection::default() };
        assert!(announceable(only_v6, &never).is_empty());
    }

    #[test]
    fn an_address_may_be_demanded() {
        let lo = vec![network("127.0.0.1", 8), network("::1", 128)];
        let selection = Selection { address: Some("127.77.0.3".parse().unwrap()), ..Selection::default() };
        assert_eq!(announceable(lo, &selection), [network("127.77.0.3", 8)]);
    }
}
