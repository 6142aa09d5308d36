//! Two hosts with one name, and two hosts with one identity.

use super::facts::{ConflictKind, PeerFact};
use super::{Facts, Finding};

/// Whether every name has one host.
pub(super) fn names(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    let told = |peer: &PeerFact| {
        let (kind, words) = peer.conflict.as_ref()?;
        let name = &peer.name;
        let finding = match kind {
            ConflictKind::Identity => return None,
            ConflictKind::Name => Finding::problem("names", format!("{} has this name: {words}", place(peer))).mend(
                format!("on {}: hostnamectl hostname NEW-NAME && systemctl restart kimchi-peers", where_it_is(peer)),
            ),
            // Whose key it is only the administrator can find out, and to trust an impostor would end what protects the name.
            ConflictKind::Key => Finding::problem("names", format!("{}: {words}", place(peer)))
                .mend(format!("at the console of {name}: kimchi-peers key show"))
                .mend(format!("only if it shows this key: kimchi-peers trust {name}")),
            ConflictKind::Address => Finding::problem("names", format!("{}: {words}", place(peer)))
                .mend(format!("kimchi-peers show {}", peer.id)),
        };
        Some(finding.about(name))
    };
    let findings: Vec<Finding> = daemon.peers.iter().filter_map(told).collect();
    if findings.is_empty() { vec![Finding::ok("names", "no two hosts that are there have one name")] } else { findings }
}

/// Whether every identity has one host.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    const RESET: &str =
        "on the copy: systemctl stop kimchi-peers && kimchi-peers reset-identity && systemctl start kimchi-peers";
    let mut findings = Vec::new();
    if let Some(copy) = &daemon.copy {
        let evidence = format!("{copy} uses this host's identity: one of the two is a copy of the other");
        findings.push(Finding::problem("identity", evidence).mend(RESET));
    }
    if daemon.made_elsewhere {
        let evidence =
            "the state directory was made on another machine: this host is a copy, or its machine was replaced";
        findings.push(
            Finding::problem("identity", evidence)
                .mend("if it is a copy: kimchi-peers reset-identity")
                .mend("if the machine was replaced: kimchi-peers reset-identity --keep"),
        );
    }
    for peer in &daemon.peers {
        if let Some((ConflictKind::Identity, words)) = &peer.conflict {
            findings
                .push(Finding::problem("identity", format!("{}: {words}", place(peer))).about(&peer.name).mend(RESET));
        }
    }
    if findings.is_empty() { vec![Finding::ok("identity", "no host uses another one's identity")] } else { findings }
}

fn place(peer: &PeerFact) -> String {
    peer.addresses.first().map_or_else(|| "a host".to_owned(), |address| format!("the host at {address}"))
}

/// On which host to do something about it: its name would be that of another one too.
fn where_it_is(peer: &PeerFact) -> &str {
    peer.addresses.first().map_or("the other host", String::as_str)
}
