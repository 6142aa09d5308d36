//! Switches that copy, delay and reorder, and one that prunes the group and asks nobody whether it is a member.

use std::time::Duration;

use serde_json::Value;

use super::daemon::{Daemon, wait_all_listed};
use super::host::Host;
use super::lan::Lan;
use super::process::Running;
use super::wait::{seconds, until};
use super::{inside, inside_within};

/// A newcomer whose first searches are late is heard at one of its heartbeats.
const COMPLETE_WITHIN: Duration = Duration::from_secs(45);
/// Longer than the longest delay, and half a dozen probes of a neighbour.
const WATCHED: Duration = Duration::from_secs(6);

fn tell(switch: &mut Running, line: &str) {
    let mark = switch.output().count();
    switch.say(line);
    switch.wait_line(seconds(20), line, mark, |said| said.contains("obeyed"));
}

/// The hardware address of `eth0`, as the switch writes it.
fn hardware_address(host: &Host) -> String {
    host.namespace().run_with(&["cat", "/sys/class/net/eth0/address"], "").trim().to_owned()
}

/// How often the switch has heard a host report its membership, or has forgotten it.
fn count(switch: &Running, what: &str, address: &str) -> usize {
    let lines = switch.output().since(0).into_iter();
    let said = lines.filter_map(|line| serde_json::from_str::<Value>(&line.text).ok());
    said.filter(|members| members[what] == address).count()
}

#[test]
fn ten_copies_late_and_in_any_order_change_no_row_and_nobody_flaps() {
    inside(|| {
        let lan = Lan::without_bridge(1);
        let hosts: Vec<Host> = (1..=4).map(|number| lan.host(number)).collect();
        let mut switch = lan.switch(&[]);
        tell(&mut switch, "copies 10");
        let daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(COMPLETE_WITHIN, &daemons);
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        // As the simulator has them: half of all late by up to a second, a fifth by up to five.
        for line in ["delay 0.5 1", "delay 0.2 5"] {
            tell(&mut switch, line);
            std::thread::sleep(WATCHED);
            for daemon in &daemons {
                assert_eq!(daemon.names().len(), 3, "with {line:?} on {}", daemon.name());
                hosts.iter().for_each(|host| assert!(daemon.rows(host.name()).len() <= 1, "one row for each"));
            }
        }
        for (daemon, mark) in daemons.iter().zip(marks) {
            let events = daemon.events_since(mark).into_iter();
            let flaps: Vec<_> = events.filter(|event| matches!(event.name.as_str(), "down" | "up" | "new")).collect();
            assert!(flaps.is_empty(), "on {}: {flaps:?}", daemon.name());
        }
        // A newcomer's first word may come last.
        let late = lan.address(4);
        let mut daemons = daemons;
        daemons.pop().expect("the fourth").terminate();
        daemons.push(Daemon::start(&hosts[3]));
        wait_all_listed(COMPLETE_WITHIN, &daemons);
        assert!(daemons[0].rows(hosts[3].name())[0].has_address(&late));
    });
}

#[test]
fn a_switch_that_prunes_the_group_is_noticed_named_and_joined_anew() {
    inside_within(seconds(400), || {
        let lan = Lan::without_bridge(1);
        let hosts: Vec<Host> = (1..=4).map(|number| lan.host(number)).collect();
        // Nobody asks for reports, so a membership ends for good after ten seconds, but for a new one.
        let mut switch = lan.switch(&["--members", "10"]);
        let [forgotten, unheard] = [&hosts[0], &hosts[2]].map(hardware_address);
        // The reports of one are lost altogether: joining anew cannot help it.
        tell(&mut switch, &format!("deaf {unheard}"));
        let daemons: Vec<Daemon<'_>> = hosts[..3].iter().map(Daemon::start).collect();
        wait_all_listed(COMPLETE_WITHIN, &daemons);
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        until(seconds(60), "the switch forgets it", || count(&switch, "expired", &forgotten) > 0);
        let first = count(&switch, "member", &forgotten);

        // Where it finds a problem its status is no success.
        let words = |daemon: &Daemon<'_>| String::from_utf8_lossy(&daemon.cli(&["doctor"]).stdout).into_owned();
        let joined_anew = "warning  switch eth0: joining the group anew brought back what others send to all";
        until(seconds(180), "it joins anew, and hears the others", || words(&daemons[0]).contains(joined_anew));
        assert!(count(&switch, "member", &forgotten) > first, "the switch has heard it again");
        until(seconds(120), "the doctor names the switch", || {
            words(&daemons[2])
                .contains("PROBLEM  switch eth0: peers answer, and nothing that they send to all comes in; joining")
        });
        let text = words(&daemons[2]);
        assert!(text.contains("→ ip link set dev BRIDGE type bridge mcast_querier 1"), "{text}");
        assert!(daemons[2].fetch("/healthz").contains("a switch seems to prune it"));

        // Who comes while all are forgotten is found all the same.
        let mut daemons = daemons;
        daemons.push(Daemon::start(&hosts[3]));
        wait_all_listed(COMPLETE_WITHIN, &daemons);
        for (daemon, mark) in daemons.iter().zip(marks) {
            let downs: Vec<_> = daemon.events_since(mark).into_iter().filter(|event| event.name == "down").collect();
            assert!(downs.is_empty(), "on {}: {downs:?}", daemon.name());
        }
    });
}
