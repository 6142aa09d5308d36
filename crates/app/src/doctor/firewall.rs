//! Whether own multicast is heard back: the kernel loops it to the group through the same filters that all others pass.

use super::facts::Firewall;
use super::{Facts, Finding};

const CHECK: &str = "firewall";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    let judged: Vec<&str> = facts.hearing_links().map(|link| link.name.as_str()).collect();
    let of_link = |link: &super::facts::LinkFact| {
        let finding = if !judged.contains(&link.name.as_str()) {
            Finding::unknown(CHECK, "nothing can come in before port and membership are right")
        } else if link.deaf {
            let evidence = "no multicast comes in, not even this host's own: a firewall of this host drops it";
            commands(facts.host.firewall, facts.port).into_iter().fold(Finding::problem(CHECK, evidence), Finding::mend)
        } else if link.heard_self {
            Finding::ok(CHECK, "this host's own multicast comes back")
        } else {
            Finding::unknown(CHECK, "nothing was sent yet that could have come back")
        };
        finding.about(&link.name)
    };
    daemon.links.iter().map(of_link).collect()
}

/// What opens the port, by what administers the firewall.
fn commands(firewall: Firewall, port: u16) -> Vec<String> {
    match firewall {
        Firewall::Firewalld => {
            vec![format!("firewall-cmd --permanent --add-port={port}/udp && firewall-cmd --reload")]
        }
        Firewall::Ufw => vec![format!("ufw allow {port}/udp")],
        // Tables and chains have the names that somebody gave them.
        Firewall::Nftables => {
            vec!["nft list ruleset".to_owned(), format!("nft insert rule inet filter input udp dport {port} accept")]
        }
        Firewall::Iptables => vec![format!("iptables -I INPUT -p udp --dport {port} -j ACCEPT")],
        Firewall::Unseen => vec!["nft list ruleset".to_owned(), "iptables -S INPUT".to_owned()],
    }
}
