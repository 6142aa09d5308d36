//! What does not work is said: in the status, and once in the log when it begins and when it ends.

use super::daemon::{Daemon, wait_all_listed};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::wait::{seconds, until};

/// Drops the discovery port on the way in, as a host firewall does.
fn close_port(host: &Host) {
    let rules = "add table inet firewall; \
                 add chain inet firewall input { type filter hook input priority 0; }; \
                 add rule inet firewall input udp dport 8000 drop";
    assert!(host.run(&["nft", rules]).status.success());
}

fn logged(daemon: &Daemon<'_>, text: &str) -> usize {
    daemon.log_since(0).iter().filter(|line| line.text.contains(text)).count()
}

#[test]
fn a_firewall_is_noticed_and_so_is_its_end() {
    inside(|| {
        let lan = Lan::new(1);
        let host = lan.host(1);
        close_port(&host);
        let daemon = Daemon::start(&host);
        until(seconds(30), "the status names the firewall", || {
            daemon.say(&["status"]).contains("no multicast comes in on eth0")
        });
        assert!(daemon.fetch("/healthz").contains("\"status\":\"degraded\""));
        assert!(host.run(&["nft", "delete", "table", "inet", "firewall"]).status.success());
        until(seconds(60), "the trouble ends", || !daemon.say(&["status"]).contains("no multicast comes in"));
        assert_eq!(logged(&daemon, "no multicast comes in on eth0"), 2, "once at the beginning, once at the end");
    });
}

#[test]
fn who_is_cut_off_says_so_and_blames_nobody() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let alone = &daemons[0];
        assert_eq!(alone.link()["isolated"], false);
        let mark = alone.mark();
        hosts[0].ignore_all_but(&lan.address(1));
        let sentence = "nobody is heard on eth0 although 2 peers are listed there";
        until(seconds(30), "the health names the cut", || alone.fetch("/healthz").contains(sentence));
        let taken_for_dead = alone.events_since(mark).into_iter().any(|event| event.name == "down");
        assert!(!taken_for_dead, "it is not the others");
        assert_eq!(alone.link()["isolated"], true);
        assert!(alone.fetch("/metrics").contains("\nkimchi_peers_link_isolated{interface=\"eth0\"} 1\n"));
        assert!(alone.say(&["status"]).contains("nobody else is heard"));
        hosts[0].ignore_nobody();
        until(seconds(60), "the trouble ends", || !alone.fetch("/healthz").contains(sentence));
        assert_eq!(logged(alone, sentence), 2, "once at the beginning, once at the end");
        wait_all_listed(seconds(20), &daemons);
    });
}

#[test]
fn an_interface_that_does_not_exist_is_named() {
    inside(|| {
        let lan = Lan::new(1);
        let host = lan.host(1);
        let daemon = Daemon::start_with(&host, &["--interface", "br9"]);
        let said = daemon.say(&["status"]);
        assert!(said.contains("interface br9 does not exist; there are: eth0, lo"), "{said}");
        assert_eq!(logged(&daemon, "interface br9 does not exist"), 1);
    });
}

#[test]
fn another_host_with_this_name_is_told() {
    inside(|| {
        let lan = Lan::new(1);
        let (first, second) = (lan.host(1), lan.host(2));
        let one = Daemon::start_with(&first, &["--interface", "eth0", "--name", "same"]);
        let _other = Daemon::start_with(&second, &["--interface", "eth0", "--name", "same"]);
        until(seconds(10), "the status tells of the other host", || {
            one.say(&["status"]).contains("another host of the network is called same too")
        });
    });
}
