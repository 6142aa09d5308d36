//! Several interfaces, and interfaces that change.

use kimchi_peers_proto::{GROUP_V6, Interface, Kind, Network, State};

use crate::lan::{ETH0, Lan, address, interface, key, millis, secs};

#[test]
fn a_host_with_two_interfaces_recognises_itself() {
    let mut lan = Lan::new();
    let host = lan.add(1, kimchi_peers_proto::Config::default(), Vec::new());
    lan.connect(host, vec![interface(ETH0, 1), interface(3, 11)]);
    let other = lan.start(2);
    lan.run(secs(60));
    assert_eq!(lan.hosts[host].node.table().len(), 1, "the other host alone");
    // Each datagram to the group comes back on both interfaces.
    let sent = lan.sent.iter().filter(|sent| sent.by == host && sent.is_multicast()).count() as u64;
    assert_eq!(lan.hosts[host].node.counters().own, 2 * sent);
    assert!(lan.hosts[host].node.links().all(|link| link.heard_self.is_some() && link.unheard == 0));
    assert!(lan.sent.iter().all(|sent| sent.from == sent.message.info.address), "each interface tells its own address");
    let mut addresses = lan.peer(other, &key(1)).addresses();
    addresses.sort();
    assert_eq!(addresses, [address(1), address(11)]);
    assert_eq!(lan.hosts[other].node.table().len(), 1, "one host with two addresses is one row");
    assert_eq!(lan.peer(host, &key(2)).paths.len(), 2, "it is heard on both");
}

#[test]
fn a_new_address_replaces_the_old_one() {
    let mut lan = Lan::settled(2);
    let start = lan.now;
    lan.connect(0, vec![interface(ETH0, 99)]);
    assert_eq!(lan.peer(1, &key(1)).addresses(), [address(99)], "the old one goes with the first datagram");
    lan.run(secs(8));
    assert!(lan.sent_by(0, Kind::Notify).iter().all(|sent| sent.extension().previous_address == Some(address(1))));
    assert!(lan.times(0, Kind::Notify, start).len() >= 3);
    lan.run(secs(60));
    lan.forget();
    lan.run(secs(20));
    assert!(lan.sent_by(0, Kind::Notify).iter().all(|sent| sent.extension().previous_address.is_none()));
    assert_eq!(lan.peer(1, &key(1)).state, State::Up);
}

#[test]
fn an_interface_that_appears_is_used_at_once() {
    let mut lan = Lan::new();
    let host = lan.add(1, kimchi_peers_proto::Config::default(), Vec::new());
    lan.run(secs(3600));
    assert!(lan.sent.is_empty());
    let start = lan.now;
    lan.connect(host, vec![interface(ETH0, 1)]);
    assert_eq!(lan.times(host, Kind::Search, start), [millis(0)]);
    lan.connect(host, vec![interface(ETH0, 1)]);
    lan.connect(host, vec![interface(ETH0, 1)]);
    assert_eq!(lan.sent.len(), 1, "the same state again is no news");
}

#[test]
fn what_was_heard_by_an_interface_goes_with_it() {
    let mut lan = Lan::new();
    let host = lan.add(1, kimchi_peers_proto::Config::default(), Vec::new());
    lan.connect(host, vec![interface(ETH0, 1), interface(3, 11)]);
    lan.start(2);
    lan.run(secs(60));
    lan.connect(host, vec![interface(3, 11)]);
    let paths: Vec<u32> = lan.peer(host, &key(2)).paths.iter().map(|path| path.interface).collect();
    assert_eq!(paths, [3]);
    lan.datagram(host, address(2), kimchi_peers_proto::Lane::Group, 1, b"");
    assert_eq!(lan.dropped(host, "interface"), 1);
}

#[test]
fn an_interface_without_ipv4_uses_the_ipv6_group() {
    let mut lan = Lan::new();
    let host = lan.add(1, kimchi_peers_proto::Config::default(), Vec::new());
    let networks = vec![Network { address: "fe80::1".parse().unwrap(), prefix: 64 }];
    lan.connect(host, vec![Interface { networks, ..interface(ETH0, 1) }]);
    assert_eq!(lan.sent[0].to.ip(), GROUP_V6);
    assert_eq!(lan.sent[0].message.info.address.to_string(), "fe80::1");
}

#[test]
fn an_interface_without_an_address_is_not_used() {
    let mut lan = Lan::settled(1);
    lan.connect(0, vec![Interface { networks: Vec::new(), ..interface(ETH0, 1) }]);
    assert_eq!(lan.hosts[0].node.links().count(), 0);
}
