//! Whether the consoles of others showed the certificates that they should. Who answers with another one gets the passwords that
//! are typed there.

use super::facts::{CertificateFact, PeerFact, RemoteFact};
use super::{Facts, Finding};

const CHECK: &str = "certificate";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    let locals = daemon.peers.iter().filter_map(of_local);
    let findings: Vec<Finding> = locals.chain(daemon.remotes.iter().filter_map(of_remote)).collect();
    if findings.is_empty() {
        vec![Finding::ok(CHECK, "no console was seen with another certificate")]
    } else {
        findings
    }
}

/// What a peer of the link showed, if that is not what it announces.
pub(super) fn of_local(peer: &PeerFact) -> Option<Finding> {
    let CertificateFact { shown, expected } = peer.certificate.as_ref()?;
    let name = &peer.name;
    let evidence = format!(
        "its console showed the certificate SHA-256 {shown}, and the host announces {expected}: who answers there is not who signs. \
         Do not log in"
    );
    Some(
        Finding::problem(CHECK, evidence)
            .about(name)
            .mend(format!("if its certificate was renewed, on {name}: systemctl reload kimchi-peers"))
            .mend(format!("then look again: kimchi-peers check {name}")),
    )
}

/// The same of one that was added by hand.
pub(super) fn of_remote(remote: &RemoteFact) -> Option<Finding> {
    let CertificateFact { shown, expected } = remote.certificate.as_ref()?;
    let evidence = format!(
        "its console shows the certificate SHA-256 {shown}, and showed {expected} at first. Do not log in before you know why"
    );
    let mend = format!("only if you know why: kimchi-peers trust {}", remote.id);
    Some(Finding::problem(CHECK, evidence).about(&remote.name).mend(mend))
}
