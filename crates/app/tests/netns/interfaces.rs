//! Interfaces that are many, come late, go away or change their address.

use super::daemon::{Daemon, wait_all_listed};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::wait::{seconds, until};

const BOTH: [&str; 4] = ["--interface", "eth0", "--interface", "eth1"];

#[test]
fn a_host_on_two_links_lists_the_peers_of_both_and_a_twofold_peer_once() {
    inside(|| {
        let [near, far] = [Lan::new(1), Lan::new(2)];
        let [first, second] = [near.host(1), near.host(2)];
        first.second_interface(&far, 1);
        second.second_interface(&far, 2);
        let [only_near, only_far] = [near.host(3), far.host(4)];
        let twofold = [Daemon::start_with(&first, &BOTH), Daemon::start_with(&second, &BOTH)];
        let simple = [Daemon::start(&only_near), Daemon::start(&only_far)];
        wait_all_listed(seconds(10), &twofold);
        for daemon in &twofold {
            daemon.wait_names(seconds(10), &[only_near.name(), only_far.name()]);
        }
        until(seconds(20), "one row with both addresses", || {
            let rows = twofold[0].rows(second.name());
            matches!(rows.as_slice(), [row] if row.has_address(&near.address(2)) && row.has_address(&far.address(2)))
        });
        simple[0].wait_names(seconds(10), &[first.name(), second.name()]);
        simple[1].wait_names(seconds(10), &[first.name(), second.name()]);
        assert!(!simple[0].names().contains(only_far.name()), "what is on the other link is not on ours");
    });
}

#[test]
fn an_interface_that_was_down_is_rejoined_and_announced() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(10), &daemons);
        hosts[0].set_link("eth0", false);
        std::thread::sleep(seconds(2));
        let capture = lan.capture();
        hosts[0].set_link("eth0", true);
        until(seconds(10), "it announces itself", || !capture.from(&lan.address(1)).is_empty());
        assert_eq!(hosts[0].memberships(), ["eth0"]);
        wait_all_listed(seconds(35), &daemons);
    });
}

#[test]
fn a_new_address_replaces_the_old_one_at_the_others() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(10), &daemons);
        hosts[0].replace_address("eth0", &lan.address(1), &lan.address(77));
        until(seconds(20), "the new address and not the old", || {
            let rows = daemons[1].rows(hosts[0].name());
            matches!(rows.as_slice(), [row] if row.addresses == [lan.address(77)])
        });
        until(seconds(5), "GET /peers follows", || {
            let urls = daemons[1].urls();
            urls.iter().any(|url| url.contains(&lan.address(77)))
        });
        wait_all_listed(seconds(20), &daemons);
    });
}

#[test]
fn a_daemon_without_any_interface_waits_for_one() {
    inside(|| {
        let lan = Lan::new(1);
        let late = [Host::unplugged("late-named"), Host::unplugged("late-chosen")];
        let early = lan.host(3);
        let mut daemons = [Daemon::start(&late[0]), Daemon::start_with(&late[1], &[]), Daemon::start(&early)];
        for daemon in &mut daemons[..2] {
            assert!(daemon.is_running() && daemon.names().is_empty());
        }
        late[0].plug("eth0", &lan, 1);
        late[1].plug("eth0", &lan, 2);
        wait_all_listed(seconds(20), &daemons);
    });
}

#[test]
fn a_daemon_survives_the_loss_of_all_its_interfaces() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let mut daemons = [Daemon::start(&hosts[0]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(10), &daemons);
        let mark = daemons[1].mark();
        hosts[0].unplug("eth0");
        daemons[1].wait_event(seconds(35), mark, "down", hosts[0].name());
        assert!(daemons[0].is_running());
        assert!(daemons[0].cli(&["status"]).status.success(), "it still answers");
        assert!(daemons[0].peers().iter().any(|row| row.name == hosts[1].name()), "what was known is still known");
        hosts[0].plug("eth0", &lan, 9);
        wait_all_listed(seconds(35), &daemons);
        assert!(daemons[1].rows(hosts[0].name())[0].has_address(&lan.address(9)));
    });
}
