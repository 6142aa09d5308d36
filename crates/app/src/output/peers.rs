//! A list of peers in all its forms.

use std::time::SystemTime;

use crate::cli::Output;
use crate::export::{ansible, destinations, hosts, libvirt, prometheus, ssh_config};
use crate::failure::Stop;
use crate::output::columns::{Cell, Table};
use crate::output::style::Tone;
use crate::output::{Surface, ago, csv, json, plain, printable, until};
use crate::view::{CertificateState, Origin, PeerState, PeerView, PlannedView, Reach, Trust};

/// The columns of `wide` and `csv`.
const WIDE: [&str; 14] = [
    "NAME",
    "STATE",
    "ADDRESSES",
    "URL",
    "ORIGIN",
    "TRUST",
    "CERTIFICATE",
    "REACH",
    "SINCE",
    "LAST SEEN",
    "RTT MS",
    "REASON",
    "VERSION",
    "ID",
];
const CSV: [&str; 19] = [
    "id",
    "name",
    "addresses",
    "http_port",
    "https_port",
    "url",
    "origin",
    "state",
    "reason",
    "trust",
    "first_seen",
    "last_seen",
    "state_since",
    "rtt_ms",
    "version",
    "architecture",
    "hypervisor",
    "reach",
    "certificate_state",
];

/// The text of a list that is already sorted and chosen.
pub(crate) fn peers(peers: &[PeerView], output: Output, surface: Surface, now: SystemTime) -> Result<String, Stop> {
    Ok(match output {
        Output::Json => return json::pretty(&peers, surface.is_terminal),
        // A table without rows says nothing; the caller finds words for it.
        Output::Table | Output::Wide if peers.is_empty() => String::new(),
        Output::Table => narrow(peers, now).render(surface.width, surface.colour),
        Output::Wide => wide(peers).render(None, surface.colour),
        Output::Csv => comma_separated(peers, surface.is_terminal),
        Output::Urls => one_a_line(peers, |peer| peer.safe_url().unwrap_or_default()),
        Output::Names => hosts::names(&destinations(peers)),
        Output::Ansible => return json::pretty(&ansible::inventory(&destinations(peers)), surface.is_terminal),
        Output::Prometheus => {
            return json::pretty(&prometheus::groups(&destinations(peers), None), surface.is_terminal);
        }
        Output::SshConfig => ssh_config::blocks(&destinations(peers)),
        Output::Hosts => hosts::lines(&destinations(peers)),
        Output::Libvirt => libvirt::uris(&destinations(peers)),
    })
}

/// Whether a program that wants peers to talk to should get this one.
pub(crate) const fn is_there(peer: &PeerView) -> bool {
    !matches!(peer.state, PeerState::Down)
}

/// A state with what makes it remarkable.
pub(crate) fn state_words(peer: &PeerView, now: SystemTime) -> String {
    let mut words = peer.state.as_str().to_owned();
    if let Some(planned) = &peer.planned {
        words.push_str(&format!(", {}", planned_words(planned, now)));
    } else if let Some(reason) = peer.reason.as_deref().filter(|_| peer.state != PeerState::Up) {
        words.push_str(&format!(", {}", plain(reason)));
    }
    if peer.reach.is_some_and(Reach::is_one_way) {
        words.push_str(", one way");
    }
    if peer.trust == Trust::Conflict {
        words.push_str(", conflict");
    }
    if peer.certificate_state == CertificateState::Changed {
        words.push_str(", another certificate");
    }
    words
}

/// When a peer that is away as announced means to be back.
pub(crate) fn planned_words(planned: &PlannedView, now: SystemTime) -> String {
    if planned.overdue {
        format!("overdue by {}: {}", ago(&planned.until, now), planned.reason)
    } else {
        format!("back in {}: {}", until(&planned.until, now), planned.reason)
    }
}

/// Whether something is wrong with a peer beside its state.
pub(crate) fn is_doubtful(peer: &PeerView) -> bool {
    peer.trust == Trust::Conflict
        || peer.certificate_state == CertificateState::Changed
        || peer.reach.is_some_and(Reach::is_one_way)
}

/// The tone of a state.
pub(crate) fn state_tone(peer: &PeerView) -> Tone {
    match peer.state {
        PeerState::Up if is_doubtful(peer) => Tone::Doubt,
        PeerState::Suspect => Tone::Doubt,
        PeerState::Up => Tone::Good,
        // What was announced is nothing to look after.
        PeerState::Down if peer.planned.as_ref().is_some_and(|planned| !planned.overdue) => Tone::Doubt,
        PeerState::Down => Tone::Bad,
        PeerState::Unknown => Tone::Faint,
    }
}

fn narrow(peers: &[PeerView], now: SystemTime) -> Table {
    let mut table = Table::new(&["NAME", "STATE", "ADDRESS", "URL", "ORIGIN", "TRUST", "SINCE"]);
    for peer in peers {
        table.push(vec![
            Cell::new(&peer.name),
            Cell::toned(&state_words(peer, now), Some(state_tone(peer))),
            Cell::new(peer.addresses.first().map_or("-", String::as_str)),
            url_cell(peer),
            Cell::new(peer.origin.as_str()),
            trust_cell(peer),
            Cell::new(&ago(&peer.state_since, now)),
        ]);
    }
    table
}

/// Where its console is. Terminals make links of addresses, so one that is not to be followed at once is not there.
fn url_cell(peer: &PeerView) -> Cell {
    match (peer.safe_url(), peer.certificate_state) {
        (Some(url), _) => Cell::new(url),
        (None, CertificateState::Changed) => Cell::toned("! certificate", Some(Tone::Bad)),
        (None, CertificateState::Match | CertificateState::Unknown) => Cell::new("-"),
    }
}

/// What the row proved, with a mark where somebody else has a better claim. Who was added by hand proves nothing this way.
fn trust_cell(peer: &PeerView) -> Cell {
    match (peer.origin, peer.trust) {
        (Origin::Remote, _) => Cell::new("-"),
        (Origin::Local, Trust::Conflict) => Cell::toned("! conflict", Some(Tone::Bad)),
        (Origin::Local, trust) => Cell::new(trust.as_str()),
    }
}

/// Whether the console showed what it should, with a mark where it did not.
fn certificate_cell(state: CertificateState) -> Cell {
    match state {
        CertificateState::Changed => Cell::toned("! changed", Some(Tone::Bad)),
        CertificateState::Match | CertificateState::Unknown => Cell::new(state.as_str()),
    }
}

fn wide(peers: &[PeerView]) -> Table {
    let mut table = Table::new(&WIDE);
    for peer in peers {
        let or_dash = |text: Option<&String>| Cell::new(text.map_or("-", String::as_str));
        table.push(vec![
            Cell::new(&peer.name),
            Cell::toned(peer.state.as_str(), Some(state_tone(peer))),
            Cell::new(&peer.addresses.join(",")),
            Cell::new(&peer.url),
            Cell::new(peer.origin.as_str()),
            Cell::new(peer.trust.as_str()),
            certificate_cell(peer.certificate_state),
            Cell::new(peer.reach.map_or("-", Reach::as_str)),
            Cell::new(&peer.state_since),
            or_dash(peer.last_seen.as_ref()),
            or_dash(peer.rtt_ms.map(|time| format!("{time:.1}")).as_ref()),
            Cell::new(&peer.reason.as_deref().map_or_else(|| "-".into(), plain)),
            or_dash(peer.facts.get("version")),
            Cell::new(&peer.id),
        ]);
    }
    table
}

fn comma_separated(peers: &[PeerView], on_terminal: bool) -> String {
    let mut text = csv::record(CSV);
    for peer in peers {
        let fields = csv_fields(peer);
        let shown = fields.iter().map(|field| if on_terminal { printable(field) } else { field.as_str().into() });
        text.push_str(&csv::record(shown.collect::<Vec<_>>().iter().map(AsRef::as_ref)));
    }
    text
}

fn csv_fields(peer: &PeerView) -> [String; 19] {
    let fact = |name: &str| peer.facts.get(name).cloned().unwrap_or_default();
    [
        peer.id.clone(),
        peer.name.clone(),
        peer.addresses.join(" "),
        peer.http_port.map(|port| port.to_string()).unwrap_or_default(),
        peer.https_port.to_string(),
        peer.url.clone(),
        peer.origin.as_str().to_owned(),
        peer.state.as_str().to_owned(),
        peer.reason.clone().unwrap_or_default(),
        peer.trust.as_str().to_owned(),
        peer.first_seen.clone(),
        peer.last_seen.clone().unwrap_or_default(),
        peer.state_since.clone(),
        peer.rtt_ms.map(|time| format!("{time:.3}")).unwrap_or_default(),
        fact("version"),
        fact("architecture"),
        fact("hypervisor"),
        peer.reach.map_or("", Reach::as_str).to_owned(),
        peer.certificate_state.as_str().to_owned(),
    ]
}

/// One text a line; a line break in one would be two.
fn one_a_line(peers: &[PeerView], text: impl Fn(&PeerView) -> &str) -> String {
    let shown = peers.iter().map(|peer| printable(text(peer))).filter(|text| !text.is_empty());
    shown.map(|text| format!("{text}\n")).collect()
}

#[cfg(test)]
mod tests;
