//! Other programs on the port of discovery. The group reaches all of them; what is sent to this host alone reaches the one
//! that opened the port last, and neither is told of the other.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kimchi_peers_proto::Interface;

/// The sockets of the network that this thread is in, as all programs may read them.
const LISTINGS: [&str; 2] = ["/proc/thread-self/net/udp", "/proc/thread-self/net/udp6"];

/// A socket: the address it is open at, and its number on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) address: IpAddr,
    pub(crate) inode: u64,
}

/// Whether a socket of somebody else may get what is sent to one of `own`, on a host that announces the addresses of `used`.
/// Where the kernel tells nothing there is none.
pub(crate) fn is_shared(port: u16, own: &[Bound], used: &[Interface]) -> bool {
    let listings = LISTINGS.map(|path| fs::read_to_string(path).unwrap_or_default());
    let others: Vec<Bound> = listings.iter().flat_map(|listing| sockets_on(port, listing)).collect();
    takes_from(own, &others, used)
}

fn takes_from(own: &[Bound], all: &[Bound], used: &[Interface]) -> bool {
    let others = all.iter().filter(|socket| !own.iter().any(|mine| mine.inode == socket.inode));
    let is_announced =
        |address| used.iter().flat_map(|interface| &interface.networks).any(|network| network.address == address);
    let mut others = others.map(|socket| socket.address);
    // Who is open at one address goes before who is open at all: the hosts of a demo take nothing from a daemon, for it does
    // not announce theirs, nor does the daemon from them.
    others.any(|other| {
        own.iter().any(|mine| {
            mine.address == other
                || (mine.address.is_unspecified() && mine.address.is_ipv4() == other.is_ipv4() && is_announced(other))
        })
    })
}

/// The sockets on a port, in a listing like `/proc/net/udp`.
fn sockets_on(port: u16, listing: &str) -> impl Iterator<Item = Bound> {
    let read = move |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (address, local_port) = words.next()?.split_once(':')?;
        let inode = words.nth(7)?.parse().ok()?;
        (u16::from_str_radix(local_port, 16).ok()? == port).then_some(Bound { address: address_of(address)?, inode })
    };
    listing.lines().skip(1).filter_map(read)
}

/// The kernel prints an address as 32-bit numbers in the order of the machine's bytes.
fn address_of(digits: &str) -> Option<IpAddr> {
    let word = |place: usize| Some(u32::from_str_radix(digits.get(place..place + 8)?, 16).ok()?.to_ne_bytes());
    if digits.len() == 8 {
        return Some(Ipv4Addr::from(word(0)?).into());
    }
    let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kimchi_peers_proto::Network;

    fn bound(address: &str, inode: u64) -> Bound {
        Bound { address: address.parse().unwrap(), inode }
    }

    fn eth0(address: &str) -> Interface {
        let network = Network { address: address.parse().unwrap(), prefix: 24 };
        Interface { index: 2, name: "eth0".to_owned(), networks: vec![network], loopback: false }
    }

    #[test]
    fn the_kernel_s_listings_are_read() {
        let own = std::net::UdpSocket::bind("127.86.0.1:0").unwrap();
        let port = own.local_addr().unwrap().port();
        let listing = fs::read_to_string(LISTINGS[0]).unwrap();
        let found: Vec<IpAddr> = sockets_on(port, &listing).map(|socket| socket.address).collect();
        assert!(found.contains(&"127.86.0.1".parse().unwrap()), "{found:?}");
        let v6 = "  sl  local_address                         remote_address                        st\n\
                   9: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 07 0:0 0:0 0 33 0 2213 2 0 0\n\
                  10: 00000000000000000000000000000000:1F41 00000000000000000000000000000000:0000 07 0:0 0:0 0 33 0 2214 2 0 0\n\
                  broken\n11: 0000:1F40\n";
        assert_eq!(sockets_on(8000, v6).collect::<Vec<_>>(), [bound("::", 2213)]);
    }

    #[test]
    fn who_may_get_what_is_sent_to_this_host_is_a_rival_and_nobody_else() {
        let used = [eth0("10.0.0.1")];
        let daemon = [bound("0.0.0.0", 1), bound("::", 2)];
        let shares = |own: &[Bound], other: &str| {
            let mut all = own.to_vec();
            all.push(bound(other, 9));
            takes_from(own, &all, &used)
        };
        assert!(!takes_from(&daemon, &daemon, &used));
        assert!(shares(&daemon, "0.0.0.0") && shares(&daemon, "::") && shares(&daemon, "10.0.0.1"));
        // The group's own socket, a host of a demo, an address that nobody is told.
        assert!(!shares(&daemon, "224.0.0.132") && !shares(&daemon, "127.77.0.1") && !shares(&daemon, "10.9.9.9"));
        let demo = [bound("127.77.0.1", 3)];
        assert!(shares(&demo, "127.77.0.1") && !shares(&demo, "127.77.0.2") && !shares(&demo, "0.0.0.0"));
        assert!(!shares(&[], "0.0.0.0"), "where nothing is open nothing is taken");
    }
}
