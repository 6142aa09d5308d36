//! Links that work one way, by name: what this host does not hear, who does not hear this host, and what others say of others.

use super::facts::{DaemonFacts, Facts, PeerFact};
use super::report::{Finding, some_of};
use crate::view::{MatrixView, Reach};

const CHECK: &str = "one-way";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(daemon) = &facts.daemon else { return Vec::new() };
    // Who hears nobody at all has another trouble than a link that works one way.
    if !facts.open_links().any(|link| !link.isolated) {
        return vec![Finding::unknown(CHECK, "nothing can be told before this host hears others")];
    }
    let mut findings: Vec<Finding> =
        daemon.peers.iter().filter(|peer| is_unheard(daemon, peer)).map(|peer| unheard(&peer.name)).collect();
    findings.extend(unheard_by(daemon));
    if let Some(matrix) = &daemon.matrix {
        findings.extend(among_others(matrix, &daemon.id));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "as far as anybody says, every host hears every other one"));
    }
    findings
}

/// Whether this host lists a peer and does not hear it.
pub(super) fn is_unheard(daemon: &DaemonFacts, peer: &PeerFact) -> bool {
    let cell = daemon.matrix.as_ref().map_or('?', |matrix| matrix.hears(&daemon.id, &peer.id));
    peer.reach == Some(Reach::NotHeard) || (peer.reach.is_some() && peer.extended && cell == '0')
}

/// Whether a peer does not hear this host, by its own word or because it never answers.
pub(super) fn hears_us_not(daemon: &DaemonFacts, peer: &PeerFact) -> bool {
    let says = daemon.matrix.as_ref().map_or('?', |matrix| matrix.hears(&peer.id, &daemon.id));
    peer.reach == Some(Reach::HearsUsNot) || (peer.reach.is_some() && says == '0')
}

fn unheard(name: &str) -> Finding {
    let evidence = "others hear it and this host does not: what it sends is lost on its way here";
    Finding::problem(CHECK, evidence)
        .about(name)
        .mend("nft list ruleset")
        .mend(format!("on {name}: kimchi-peers doctor"))
}

/// Those who do not hear this host; one finding where nobody does.
fn unheard_by(daemon: &DaemonFacts) -> Vec<Finding> {
    let hears_nobody = |peer: &PeerFact| daemon.matrix.as_ref().is_some_and(|matrix| is_deaf(matrix, &peer.id));
    let there = || daemon.peers.iter().filter(|peer| peer.extended && peer.reach.is_some() && !hears_nobody(peer));
    let deaf: Vec<String> = there().filter(|peer| hears_us_not(daemon, peer)).map(|peer| peer.name.clone()).collect();
    if deaf.len() > 1 && deaf.len() == there().count() {
        let evidence =
            format!("none of its peers hears this host ({}): what it sends is lost on its way out", some_of(&deaf));
        return vec![Finding::problem(CHECK, evidence).mend("nft list ruleset")];
    }
    let one = |name: &String| {
        let evidence = "it is heard and does not hear this host: what this host sends is lost on its way there";
        Finding::problem(CHECK, evidence).about(name).mend(format!("on {name}: kimchi-peers doctor"))
    };
    deaf.iter().map(one).collect()
}

/// Whether a host says that it hears none of those that it lists.
fn is_deaf(matrix: &MatrixView, id: &str) -> bool {
    matrix.row(id).is_some_and(|row| row.heard.contains('0') && !row.heard.contains('1'))
}

/// What others say of others than this host.
fn among_others(matrix: &MatrixView, own: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut pairs = Vec::new();
    for (host, unheard) in matrix.gaps().filter(|(host, _)| host.id != own) {
        if is_deaf(matrix, &host.id) {
            let evidence = "it says that it hears nobody";
            let finding = Finding::warning(CHECK, evidence).about(&host.name);
            findings.push(finding.mend(format!("on {}: kimchi-peers doctor", host.name)));
            continue;
        }
        let others: Vec<String> =
            unheard.iter().filter(|other| other.id != own).map(|other| other.name.clone()).collect();
        if !others.is_empty() {
            pairs.push(format!("{} does not hear {}", host.name, some_of(&others)));
        }
    }
    if !pairs.is_empty() {
        findings.push(Finding::warning(CHECK, some_of(&pairs)).mend("kimchi-peers matrix"));
    }
    findings
}
