//! Whether anybody is heard: a host that hears nobody blames its cable, its switch port or its VLAN; one whose peers answer and
//! whose group is silent blames a switch that prunes.

use super::facts::{Facts, LinkFact};
use super::mode;
use super::report::{Finding, count_of};
use super::running::span;

/// A neighbour is heard every second: after this long nobody is.
const SILENT_AFTER: u64 = 30_000;
/// Seconds after the start in which nothing is judged: a search and its answers.
const TOO_EARLY: u64 = 6;

/// Whether anybody is heard on each link.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let running_for = facts.daemon.as_ref().map_or(0, |daemon| daemon.running_for);
    let keeps_out = facts.daemon.as_ref().is_some_and(|daemon| mode::kept_out(daemon).is_some());
    facts.open_links().map(|link| on_link(link, running_for, keeps_out).about(&link.name)).collect()
}

fn on_link(link: &LinkFact, running_for: u64, keeps_out: bool) -> Finding {
    let name = &link.name;
    let silent = link.heard.is_none_or(|heard| heard >= SILENT_AFTER);
    let look = |finding: Finding| finding.mend(format!("ip -d link show dev {name}")).mend("bridge vlan show");
    match (link.listed, link.lost_lately) {
        (listed, _) if link.isolated => {
            let listed = count_of(listed, "peer");
            look(Finding::problem(
                "hearing",
                format!(
                    "nobody is heard although {listed} should be: the cable, the switch port or the VLAN of this host is wrong"
                ),
            ))
        }
        (0, _) if running_for < TOO_EARLY => Finding::unknown("hearing", "the daemon has just started"),
        (0, _) if keeps_out => look(Finding::warning(
            "hearing",
            "no host is listed here, and some are heard that this host's trust does not list: see there before the cable",
        )),
        (0, lost) if lost > 1 && silent => look(Finding::problem(
            "hearing",
            format!(
                "all {lost} peers of this link fell silent: the cable, the switch port or the VLAN of this host is wrong"
            ),
        )),
        (0, 1) if silent => look(Finding::warning(
            "hearing",
            "the only peer of this link fell silent: it is off, or the cable, the switch port or the VLAN of one of the two is wrong",
        )),
        (0, _) => look(Finding::warning(
            "hearing",
            "nobody else was ever heard here: this host is the only one, or it is in the wrong VLAN",
        )),
        (listed, _) => {
            let last = link
                .heard
                .map_or_else(String::new, |heard| format!(", the last datagram came {} ago", span(heard / 1000)));
            Finding::ok("hearing", format!("{} there{last}", count_of(listed, "peer")))
        }
    }
}

/// Whether a switch keeps the group's datagrams from this host.
pub(super) fn switch(facts: &Facts) -> Vec<Finding> {
    let pruned = |link: &LinkFact| {
        let evidence = match (link.pruned, link.rejoined) {
            (true, Some(_)) => {
                "peers answer, and nothing that they send to all comes in; joining the group anew did not help: a switch prunes it"
            }
            (true, None) => {
                "peers answer, and nothing that they send to all comes in: a switch seems to prune the group"
            }
            (false, Some(_)) if link.rejoining_helped => {
                "joining the group anew brought back what others send to all: a switch forgets members, for want of an IGMP querier"
            }
            (false, _) => return None,
        };
        let name = &link.name;
        let finding =
            if link.pruned { Finding::problem("switch", evidence) } else { Finding::warning("switch", evidence) };
        // Where the switch is a bridge of this host these two are what mends it; elsewhere they tell what to set there.
        let mended = finding
            .about(name)
            .mend("ip link set dev BRIDGE type bridge mcast_querier 1")
            .mend("ip link set dev BRIDGE type bridge mcast_snooping 0");
        Some(mended)
    };
    let findings: Vec<Finding> = facts.open_links().filter_map(pruned).collect();
    let listed = facts.open_links().any(|link| link.listed > 0);
    if findings.is_empty() && listed {
        vec![Finding::ok("switch", "what others send to all comes in")]
    } else {
        findings
    }
}
