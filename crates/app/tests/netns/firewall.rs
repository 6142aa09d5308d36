//! The rules that are shipped for nftables: what they let in is enough, and what they keep out stays out.

use super::base_peer::BasePeer;
use super::daemon::{Daemon, wait_all_listed};
use super::frame::message;
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::sender::Sender;
use super::wait::{seconds, until};

const ACCEPT: &str = include_str!("../../../../packaging/firewall/accept.nft");
const GUESTS: &str = include_str!("../../../../packaging/firewall/guests.nft");

/// Lets in what is looped back, what the shipped rules name, and nothing else.
fn close_but_for_discovery(host: &Host) {
    let rules = format!(
        "table inet closed {{\n chain input {{\n  type filter hook input priority filter; policy drop;\n  \
         iifname \"lo\" accept;\n{ACCEPT}\n }}\n}}\n"
    );
    host.namespace().run_with(&["nft", "-f", "-"], &rules);
}

#[test]
fn hosts_behind_the_shipped_rules_find_each_other_and_are_well() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        hosts[..2].iter().for_each(close_but_for_discovery);
        let daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(20), &daemons);
        let mut base = BasePeer::start(&hosts[2], &lan.address(3), "base-host");
        daemons[0].wait_names(seconds(20), &["base-host"]);
        until(seconds(20), "the base peer lists both", || {
            let listed = base.peers();
            hosts[..2].iter().all(|host| listed.contains_key(host.name()))
        });
        // Probes are unicast: without their answers the neighbour would be suspected within seconds.
        std::thread::sleep(seconds(6));
        for (daemon, other) in [(&daemons[0], &daemons[1]), (&daemons[1], &daemons[0])] {
            let row = &daemon.rows(other.name())[0];
            assert_eq!((row.state.as_str(), row.reach.as_deref()), ("up", Some("both")), "{row:?}");
        }
    });
}

#[test]
fn a17_the_shipped_rule_keeps_guests_out_even_where_their_bridge_is_used() {
    inside(|| {
        let lan = Lan::new(1);
        let host = lan.host(1);
        let guest = Host::unplugged("guest");
        host.add_guest_interface(guest.namespace(), "vnet9", "192.168.121.1");
        host.add_bridge("virbr0", &["vnet9"], "192.168.122.1");
        guest.add_address("vnet9", "192.168.122.50");
        // Twice, as a reload does it.
        for _ in 0..2 {
            host.namespace().run_with(&["nft", "-f", "-"], GUESTS);
        }
        let daemon = Daemon::start_with(&host, &["--interface", "eth0", "--interface", "virbr0"]);
        let said = [message("notify", "evil-guest", "192.168.122.50")];
        Sender::new(&guest, "vnet9").repeat(20, 0.01).send(&said);
        until(seconds(10), "the rule has counted them", || {
            let rules = host.namespace().run_with(&["nft", "list", "table", "inet", "kimchi_peers_guests"], "");
            let counted =
                rules.split_once("counter packets ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
            counted.unwrap_or(0) >= 20
        });
        assert_eq!(daemon.peers().len(), 0);
    });
}
