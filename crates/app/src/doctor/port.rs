//! Who holds the port of discovery.

use super::facts::{DaemonFacts, Facts, Holder};
use super::report::Finding;

const CHECK: &str = "port";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let port = facts.port;
    let holders: Vec<String> = facts.host.port_holders.iter().map(called).collect();
    let who = if holders.is_empty() { "another program".to_owned() } else { holders.join(" and ") };
    let look = format!("ss -ulpn 'sport = :{port}'");
    let finding = match &facts.daemon {
        Some(DaemonFacts { port_error: Some(error), .. }) => {
            Finding::problem(CHECK, format!("UDP port {port} cannot be opened ({error}): {who} holds it"))
        }
        Some(_) if facts.host.port_holders.iter().any(|holder| holder.for_all_addresses) => Finding::warning(
            CHECK,
            format!(
                "{who} has UDP port {port} open too, and what is sent to this host alone reaches only one of the two; a \
                 program that embeds discovery should ask this daemon's API instead"
            ),
        ),
        Some(_) => return vec![Finding::ok(CHECK, format!("UDP port {port} is this daemon's"))],
        None if holders.is_empty() => return vec![Finding::ok(CHECK, format!("UDP port {port} is free"))],
        None => Finding::problem(CHECK, format!("{who} holds UDP port {port}, so the daemon could not open it")),
    };
    let finding = finding.mend(look);
    vec![match facts.host.port_holders.iter().find_map(|holder| holder.program.as_ref()) {
        Some((pid, _)) => finding.mend(format!("kill {pid}")),
        None => finding,
    }]
}

fn called(holder: &Holder) -> String {
    match &holder.program {
        Some((pid, name)) => format!("{name} (process {pid})"),
        None => format!("a program of the user with the id {}", holder.user),
    }
}
