//! What `/proc` and `/sys` tell of networking, read from their text.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::doctor::facts::GROUP_V6;

/// The interfaces on which somebody is a member of the group. `igmp` has a line for each interface, then one for each group,
/// indented; `igmp6` has one line for both.
pub(super) fn members(igmp: &str, igmp6: &str, group_v4: &str) -> BTreeSet<String> {
    let mut members = BTreeSet::new();
    let mut interface = "";
    for line in igmp.lines() {
        let mut words = line.split_whitespace();
        if line.starts_with(char::is_whitespace) {
            if words.next() == Some(group_v4) {
                members.insert(interface.to_owned());
            }
        } else if let Some(name) = words.nth(1) {
            interface = name.trim_end_matches(':');
        }
    }
    for line in igmp6.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [_, name, group, ..] = words.as_slice()
            && *group == GROUP_V6
        {
            members.insert((*name).to_owned());
        }
    }
    members
}

/// A socket of `/proc/net/udp` or `/proc/net/udp6`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UdpSocket {
    pub(super) inode: u64,
    pub(super) user: u32,
    pub(super) for_all_addresses: bool,
}

/// The sockets on a port.
pub(super) fn sockets_on(port: u16, udp: &str) -> Vec<UdpSocket> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, _, _, _, _, user, _, inode, ..] = words.as_slice() else { return None };
        let (address, local_port) = local.split_once(':')?;
        let is_it = u16::from_str_radix(local_port, 16).ok()? == port;
        let for_all_addresses = address.bytes().all(|digit| digit == b'0');
        is_it.then_some(UdpSocket { inode: inode.parse().ok()?, user: user.parse().ok()?, for_all_addresses })
    };
    udp.lines().skip(1).filter_map(read).collect()
}

/// The inode of a socket that a link in `/proc/PID/fd` leads to.
pub(super) fn inode_of(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// The IPv4 neighbours, and whether each answered when it was asked for.
pub(super) fn neighbours(arp: &str) -> BTreeMap<IpAddr, bool> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [address, _, flags, ..] = words.as_slice() else { return None };
        let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).ok()?;
        // ATF_COM of if_arp.h: the hardware address is known.
        Some((address.parse().ok()?, flags & 2 != 0))
    };
    arp.lines().skip(1).filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_for_both_families() {
        let igmp = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
                    1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
                    2\teth0      :     2      V3\n\t\t\t\t840000E0     1 0:00000000\t\t0\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
                    3\teth1:     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n";
        let igmp6 = "1    lo              ff020000000000000000000000000001     1 0000000C 0\n\
                     4    br0             ff120000000000000000000000000132     1 00000004 0\n";
        let found = members(igmp, igmp6, "840000E0");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["br0", "eth0"]);
        assert!(members("", "garbage\n\n", "840000E0").is_empty());
    }

    #[test]
    fn sockets_are_found_by_their_port() {
        let udp = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                   73: 00000000:1F40 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 2211 2 0000000000000000 0\n\
                   74: 840000E0:1F40 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2212 2 0000000000000000 0\n\
                   75: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2213 2 0000000000000000 0\n";
        let found = sockets_on(8000, udp);
        assert_eq!(
            found,
            [
                UdpSocket { inode: 2211, user: 1000, for_all_addresses: true },
                UdpSocket { inode: 2212, user: 0, for_all_addresses: false },
            ]
        );
        assert!(sockets_on(8000, "").is_empty() && sockets_on(1, "a\nb c d\n").is_empty());
        assert_eq!(
            (inode_of("socket:[2211]"), inode_of("/dev/null"), inode_of("socket:[x]")),
            (Some(2211), None, None)
        );
    }

    #[test]
    fn a_neighbour_answered_where_its_hardware_address_is_known() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   10.77.1.2        0x1         0x2         aa:bb:cc:dd:ee:ff     *        eth0\n\
                   10.77.1.3        0x1         0x0         00:00:00:00:00:00     *        eth0\nbroken\n";
        let found = neighbours(arp);
        assert_eq!(found.get(&IpAddr::from([10, 77, 1, 2])), Some(&true));
        assert_eq!((found.get(&IpAddr::from([10, 77, 1, 3])), found.len()), (Some(&false), 2));
    }
}
