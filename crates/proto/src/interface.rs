//! The host's network interfaces, given to the engine as a whole new state.

use std::net::IpAddr;

/// An interface that discovery uses: it is up, can multicast and carries an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's index of it; what datagrams are received on and sent by.
    pub index: u32,
    /// Its name, for people.
    pub name: String,
    /// The addresses it carries. The first one is announced and decides the family of the group.
    pub networks: Vec<Network>,
    /// Whether it is the loopback interface, where loopback addresses are right.
    pub loopback: bool,
}

/// An address together with the network it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The interface's own address.
    pub address: IpAddr,
    /// Bits of the network's prefix: at most 32 or 128.
    pub prefix: u8,
}

impl Interface {
    /// The address that this interface announces.
    pub fn address(&self) -> Option<IpAddr> {
        self.networks.first().map(|network| network.address)
    }

    /// Whether `address` is one of the interface's own.
    pub fn carries(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.address == address)
    }

    /// Whether `address` is on this link: a neighbour, reachable without a router.
    pub fn is_on_link(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Whether `address` can be one host's address on this link: no broadcast, and loopback only where that is the link.
    pub fn can_be_host(&self, address: IpAddr) -> bool {
        address.is_loopback() == self.loopback && !self.networks.iter().any(|network| network.is_edge(address))
    }
}

impl Network {
    /// Whether `address` lies in this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_prefix(u128::from(own.to_bits()), u128::from(other.to_bits()), 32, self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => same_prefix(own.to_bits(), other.to_bits(), 128, self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether `address` is the network's own or its broadcast address (RFC 919; a /31 has neither, RFC 3021).
    fn is_edge(&self, address: IpAddr) -> bool {
        let (IpAddr::V4(own), IpAddr::V4(other)) = (self.address, address) else { return false };
        if self.prefix >= 31 || own.is_loopback() || !self.contains(address) {
            return false;
        }
        let host_bits = u32::MAX >> self.prefix;
        let host = other.to_bits() & host_bits;
        host == 0 || host == host_bits
    }
}

fn same_prefix(own: u128, other: u128, width: u32, prefix: u8) -> bool {
    let host_bits = width.saturating_sub(u32::from(prefix));
    let differing = own ^ other;
    differing.checked_shr(host_bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str, prefix: u8) -> Network {
        Network { address: text.parse().unwrap(), prefix }
    }

    #[test]
    fn a_prefix_decides_who_is_on_the_link() {
        let lan = network("10.77.0.1", 24);
        assert!(lan.contains("10.77.0.200".parse().unwrap()));
        assert!(!lan.contains("10.77.1.1".parse().unwrap()));
        assert!(!lan.contains("fe80::1".parse().unwrap()));
        assert!(network("10.0.0.1", 0).contains("203.0.113.9".parse().unwrap()));
        assert!(network("fe80::1", 64).contains("fe80::ffff".parse().unwrap()));
        assert!(!network("10.0.0.1", 32).contains("10.0.0.2".parse().unwrap()));
    }

    #[test]
    fn broadcast_and_network_address_are_no_hosts() {
        let lan =
            Interface { index: 2, name: "eth0".into(), networks: vec![network("10.77.0.1", 24)], loopback: false };
        assert!(!lan.can_be_host("10.77.0.255".parse().unwrap()));
        assert!(!lan.can_be_host("10.77.0.0".parse().unwrap()));
        assert!(!lan.can_be_host("127.0.0.1".parse().unwrap()));
        assert!(lan.can_be_host("10.77.0.7".parse().unwrap()));
        let pair = Interface { networks: vec![network("10.0.0.0", 31)], ..lan };
        assert!(pair.can_be_host("10.0.0.1".parse().unwrap()));
    }
}
