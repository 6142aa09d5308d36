//! Why one peer is or is not seen, from both sides where the peer says what it hears.

use super::facts::{DaemonFacts, Facts, PeerFact, PlannedFact, Subject};
use super::one_way::{hears_us_not, is_unheard};
use super::report::Finding;
use super::running::span;
use super::{certificate, identity, mode, remote};
use crate::view::PeerState;

pub(super) fn check(facts: &Facts, subject: &Subject) -> Vec<Finding> {
    let given = &subject.given;
    if subject.is_own {
        return vec![Finding::ok("peer", "this is the host itself: it is no peer of its own").about(given)];
    }
    let Some(daemon) = &facts.daemon else {
        return vec![Finding::unknown("peer", "only a running daemon knows whom it sees").about(given)];
    };
    let of_id = |id: &&String| daemon.peers.iter().find(|peer| peer.id == **id);
    if let Some(peer) = subject.peer.as_ref().and_then(|id| of_id(&id)) {
        return of_row(facts, daemon, peer);
    }
    if let Some(row) = subject.remote.as_ref().and_then(|id| daemon.remotes.iter().find(|row| row.id == *id)) {
        return [remote::one(row)].into_iter().chain(certificate::of_remote(row)).collect();
    }
    // What this host refuses itself explains more than a cable.
    mode::kept_out(daemon).into_iter().chain([never_seen(facts, subject)]).map(|finding| finding.about(given)).collect()
}

/// A host that this one has no row of.
fn never_seen(facts: &Facts, subject: &Subject) -> Finding {
    let given = &subject.given;
    let answered = subject.address.and_then(|address| facts.host.neighbours.get(&address));
    match (subject.address, &subject.on_link) {
        (None, _) => Finding::problem(
            "peer",
            "no host of this name was ever heard here: it has another name, its daemon does not run, or it is not on the links of this host",
        )
        .mend(format!("on {given}: kimchi-peers doctor")),
        (Some(_), None) => Finding::problem(
            "peer",
            "this address is in none of the networks of the interfaces in use, and discovery does not cross routers",
        )
        .mend(format!("kimchi-peers add {given}")),
        (Some(_), Some(link)) => {
            let kernel = match answered {
                Some(true) => "; the machine is there and answers ARP, so its daemon does not run, or a firewall drops what it sends",
                Some(false) => "; the machine does not answer ARP: it is off, or not on this link",
                None => "",
            };
            Finding::problem("peer", format!("it would be on the link of {link}, and was never heard there{kernel}"))
                .mend(format!("on {given}: kimchi-peers doctor"))
        }
    }
}

fn of_row(facts: &Facts, daemon: &DaemonFacts, peer: &PeerFact) -> Vec<Finding> {
    let mut findings = Vec::new();
    if peer.is_missed() {
        // What this host refuses itself explains more than a cable.
        findings.extend(mode::kept_out(daemon));
    }
    findings.push(there(facts, peer));
    if matches!(peer.state, PeerState::Up | PeerState::Suspect) {
        findings.push(here(daemon, peer));
        findings.push(from_there(daemon, peer));
    }
    let at_odds = identity::names(facts).into_iter().chain(identity::check(facts));
    findings.extend(at_odds.filter(|finding| finding.subject.as_ref() == Some(&peer.name)));
    findings.extend(certificate::of_local(peer));
    findings.into_iter().map(|finding| finding.about(&peer.name)).collect()
}

/// Whether it is there, and why not.
fn there(facts: &Facts, peer: &PeerFact) -> Finding {
    let since = span(peer.state_for);
    if let (PeerState::Down, Some(planned)) = (peer.state, &peer.planned) {
        return away(peer, planned);
    }
    let at = if peer.addresses.is_empty() { String::new() } else { format!(" at {}", peer.addresses.join(", ")) };
    match (peer.state, peer.reason.as_deref()) {
        (PeerState::Up, _) => Finding::ok("peer", format!("it is there{at}, since {since}")),
        (PeerState::Suspect, _) => {
            Finding::warning("peer", format!("it{at} has been silent and is being asked, for {since}"))
        }
        (PeerState::Unknown, _) => {
            Finding::warning("peer", format!("it was known{at} before this daemon started, and was not heard since"))
                .mend("kimchi-peers search")
                .mend(format!("on {}: kimchi-peers doctor", peer.name))
        }
        (PeerState::Down, Some("left")) => {
            Finding::problem("peer", format!("it said goodbye {since} ago: its daemon was stopped"))
                .mend(format!("on {}: systemctl start kimchi-peers", peer.name))
        }
        (PeerState::Down, _) => {
            let answers = peer.addresses.iter().filter_map(|address| facts.host.neighbours.get(&address.parse().ok()?));
            let kernel = match answers.max() {
                Some(true) => {
                    "; its machine answers ARP, so its daemon ended or a firewall drops what one of the two sends"
                }
                Some(false) => "; its machine does not answer ARP: it is off, or not on this link any more",
                None => "",
            };
            Finding::problem("peer", format!("it{at} fell silent {since} ago without a goodbye{kernel}"))
                .mend(format!("on {}: kimchi-peers doctor", peer.name))
        }
    }
}

/// What was announced is no trouble before it is overdue.
fn away(peer: &PeerFact, planned: &PlannedFact) -> Finding {
    let PlannedFact { until, reason, overdue_for } = planned;
    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    match overdue_for {
        None => Finding::ok("peer", format!("it is away as announced, back by {until}{why}")),
        Some(seconds) => {
            let late = span(*seconds);
            Finding::problem("peer", format!("it is overdue by {late}: it announced to be back by {until}{why}"))
                .mend(format!("on {}: systemctl start kimchi-peers", peer.name))
        }
    }
}

/// Whether this host hears it.
fn here(daemon: &DaemonFacts, peer: &PeerFact) -> Finding {
    if is_unheard(daemon, peer) {
        return Finding::problem(
            "one-way",
            "this host does not hear it, others do: what it sends is lost on its way here",
        )
        .mend("nft list ruleset")
        .mend(format!("on {}: kimchi-peers doctor", peer.name));
    }
    match peer.seen {
        Some(seen) => Finding::ok("one-way", format!("this host heard it {} ago", span(seen))),
        None => Finding::unknown("one-way", "this host knows of it by others, and it did not speak to all since"),
    }
}

/// Whether it hears this host.
fn from_there(daemon: &DaemonFacts, peer: &PeerFact) -> Finding {
    let name = &peer.name;
    if hears_us_not(daemon, peer) {
        return Finding::problem(
            "one-way",
            "it does not hear this host: what this host sends is lost on its way there",
        )
        .mend(format!("on {name}: kimchi-peers doctor"));
    }
    let says = daemon.matrix.as_ref().and_then(|matrix| matrix.row(&peer.id).zip(Some(matrix)));
    match says.map(|(row, matrix)| (row.age_ms, matrix.hears(&peer.id, &daemon.id))) {
        Some((Some(age), '1')) => {
            Finding::ok("one-way", format!("it said {} ago that it hears this host", span(age / 1000)))
        }
        Some((Some(_), _)) => Finding::unknown(
            "one-way",
            "whether it hears this host is not known: the two do not list the same hosts at the moment",
        ),
        _ if !peer.extended => {
            Finding::unknown("one-way", "it speaks the plain protocol, which does not tell whom it hears")
        }
        _ => Finding::unknown("one-way", "it has not said yet whom it hears"),
    }
}
