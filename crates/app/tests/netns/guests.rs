//! Interfaces that lead to guests and containers: by default nothing is said there and nothing is heard.

use std::collections::BTreeSet;

use super::base_peer::BasePeer;
use super::daemon::{Daemon, wait_all_listed};
use super::frame::message;
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::namespace::Namespace;
use super::sender::Sender;
use super::wait::{seconds, until, until_equal};

/// Names that lead to guests, with the third number of their address.
const GUESTS: [(&str, u8); 8] = [
    ("vnet0", 101),
    ("veth0a1b2c3", 102),
    ("tap0", 103),
    ("tun0", 104),
    ("wg0", 105),
    ("cni0", 106),
    ("br-0123456789ab", 107),
    ("docker0", 108),
];

#[test]
fn a17_guest_interfaces_are_left_alone_by_default() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let guest = Namespace::new("guest");
        for (interface, number) in GUESTS {
            hosts[0].add_guest_interface(&guest, interface, &format!("10.{number}.0.1"));
        }
        // A guest behind a bridge, as libvirt builds it.
        hosts[0].add_guest_interface(&guest, "vnet9", "10.109.0.1");
        hosts[0].add_bridge("virbr0", &["vnet9"], "192.168.122.1");
        let capture = hosts[0].capture("any");
        let daemons = [Daemon::start_with(&hosts[0], &[]), Daemon::start_with(&hosts[1], &[])];
        wait_all_listed(seconds(10), &daemons);
        daemons[0].say(&["search"]);
        std::thread::sleep(seconds(5));
        assert_eq!(hosts[0].memberships(), ["eth0"]);
        let frames = capture.frames().into_iter().filter(|frame| frame.outgoing && frame.interface != "lo");
        let interfaces: BTreeSet<String> = frames.map(|frame| frame.interface).collect();
        assert_eq!(interfaces, ["eth0".to_owned()].into(), "packets went out here");
    });
}

#[test]
fn a17_what_a_guest_says_is_not_heard() {
    inside(|| {
        let lan = Lan::new(1);
        let host = lan.host(1);
        let guest = Host::unplugged("guest");
        host.add_guest_interface(guest.namespace(), "vnet0", "192.168.122.1");
        guest.add_address("vnet0", "192.168.122.50");
        let daemon = Daemon::start_with(&host, &[]);
        let said =
            [message("notify", "evil-guest", "192.168.122.50"), message("search", "evil-guest", "192.168.122.50")];
        Sender::new(&guest, "vnet0").repeat(20, 0.01).send(&said);
        Sender::new(&guest, "vnet0").to("192.168.122.1").time_to_live(255).send(&said);
        std::thread::sleep(seconds(2));
        assert_eq!(daemon.peers().len(), 0);
    });
}

#[test]
fn a_bridge_with_a_physical_port_is_used() {
    inside(|| {
        let lan = Lan::new(1);
        let [bridged, plain] = [Host::unplugged("bridged"), lan.host(2)];
        // The usual KVM host: its address is on a bridge, and the network card is a port of that.
        lan.connect(bridged.namespace(), "enp3s0");
        bridged.add_bridge("br0", &["enp3s0"], &lan.address(1));
        let daemons = [Daemon::start_with(&bridged, &[]), Daemon::start(&plain)];
        wait_all_listed(seconds(20), &daemons);
        until_equal(seconds(5), "the bridge is a member", &vec!["br0".to_owned()], || bridged.memberships());
        assert!(daemons[1].rows("bridged")[0].has_address(&lan.address(1)));
    });
}

#[test]
fn a_guest_bridge_that_is_asked_for_by_name_is_used() {
    inside(|| {
        let lan = Lan::new(1);
        let host = lan.host(1);
        let guest = Host::unplugged("guest");
        host.add_guest_interface(guest.namespace(), "vnet0", "192.168.122.1");
        guest.add_address("vnet0", "192.168.122.50");
        let daemon = Daemon::start_with(&host, &["--interface", "vnet0"]);
        assert_eq!(host.memberships(), ["vnet0"]);
        // The base peer joins on its address; inside the guest the interface is named vnet0 as well.
        let mut peer = BasePeer::start(&guest, "192.168.122.50", "wanted-guest");
        daemon.wait_names(seconds(10), &["wanted-guest"]);
        until(seconds(10), "the guest lists the host", || peer.peers().contains_key(host.name()));
    });
}
