//! Whether the kernel takes what is sent to the group.

use super::{Facts, Finding};

const CHECK: &str = "membership";
/// Memberships that the kernel grants one socket unless it is told otherwise.
const USUAL_MAX: u64 = 20;

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    if daemon.port_error.is_some() {
        return vec![Finding::unknown(CHECK, "nothing is joined before the port is open")];
    }
    let Some(members) = &facts.host.members else {
        return vec![Finding::unknown(CHECK, "/proc/net/igmp cannot be read")];
    };
    let of_link = |name: &str| {
        if members.contains(name) {
            return Finding::ok(CHECK, "the group is joined").about(name);
        }
        let max = facts.host.memberships_max.unwrap_or(USUAL_MAX);
        let evidence = format!(
            "the group is not joined, so the kernel throws away what is sent to it; one socket may join {max} groups here \
             (net.ipv4.igmp_max_memberships)"
        );
        let more = (daemon.links.len() as u64 * 2).max(max * 2).max(USUAL_MAX);
        Finding::problem(CHECK, evidence).about(name).mend(format!("sysctl -w net.ipv4.igmp_max_memberships={more}"))
    };
    daemon.links.iter().map(|link| of_link(&link.name)).collect()
}
