//! A peer as the API shows it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use kimchi_peers::{
    CertificateHash, Conflict, Facts, Peer, PeerKey, Reach as EngineReach, State, Trust as EngineTrust, wall_clock,
};

use crate::api::hexadecimal;
use crate::daemon::rows::{LocalRow, Planned, RemoteRow};
use crate::output::fingerprint;
use crate::view::{
    CertificateState, Evidence, Origin, PeerState, PeerView, PlannedView, Reach, Trust, from_unix_milliseconds, rfc3339,
};

/// A local peer's view.
pub(crate) fn local(row: &LocalRow) -> PeerView {
    let peer = &row.peer;
    let addresses = peer.addresses();
    let root = peer.facts.server_root.as_ref().map_or("", |root| root.as_str());
    // Whoever has a worse claim gets no link that a password could be typed behind.
    let link = addresses.first().filter(|_| !peer.is_disputed());
    PeerView {
        id: peer.key.to_string(),
        name: peer.name.to_string(),
        url: link.map_or_else(String::new, |address| url(*address, peer.https_port, root)),
        addresses: addresses.iter().map(IpAddr::to_string).collect(),
        http_port: Some(peer.http_port),
        https_port: peer.https_port,
        origin: Origin::Local,
        state: state(peer.state),
        reason: reason(peer),
        trust: trust(peer),
        reach: reach(peer),
        first_seen: rfc3339(from_unix_milliseconds(row.first_seen)),
        last_seen: row.last_seen.map(|time| rfc3339(from_unix_milliseconds(time))),
        state_since: rfc3339(from_unix_milliseconds(row.state_since)),
        rtt_ms: peer.round_trip.map(milliseconds),
        facts: facts(&peer.facts),
        planned: row.planned.as_deref().map(planned),
        certificate_state: certificates(row).state,
    }
}

/// The certificates of a row, in hexadecimal, and how they compare.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificates {
    /// What the console showed.
    pub(crate) shown: Option<String>,
    /// What it is held against.
    pub(crate) expected: Option<String>,
    pub(crate) state: CertificateState,
}

impl Certificates {
    fn new(shown: Option<String>, expected: Option<String>) -> Self {
        let state = match (&shown, &expected) {
            (Some(shown), Some(expected)) if shown == expected => CertificateState::Match,
            (Some(_), Some(_)) => CertificateState::Changed,
            (None, _) | (_, None) => CertificateState::Unknown,
        };
        Self { shown, expected, state }
    }
}

/// The certificates of a local peer: what it announces now, and what its console showed since it does.
pub(crate) fn certificates(row: &LocalRow) -> Certificates {
    let announced = row.peer.certificate.as_deref().copied();
    let shown = row.shown.as_deref().filter(|shown| shown.announced == announced).map(|shown| shown.certificate);
    let text = |hash: CertificateHash| hexadecimal(hash.as_bytes());
    Certificates::new(shown.map(text), announced.map(text))
}

/// The certificates of a remote peer: what it showed first, and what it shows now.
pub(crate) fn remote_certificates(row: &RemoteRow) -> Certificates {
    Certificates::new(row.shown.clone(), row.stored.certificate.clone())
}

/// The view of an announced absence.
pub(crate) fn planned(planned: &Planned) -> PlannedView {
    let until = from_unix_milliseconds(planned.until);
    PlannedView { until: rfc3339(until), reason: planned.reason.clone(), overdue: until <= SystemTime::now() }
}

/// A remote peer's view.
pub(crate) fn remote(row: &RemoteRow) -> PeerView {
    let stored = &row.stored;
    let literal: Option<IpAddr> = stored.host.parse().ok();
    let addresses = row.reached.or(literal).map(|address| address.to_string());
    PeerView {
        id: stored.key.clone(),
        name: stored.name.clone().unwrap_or_else(|| stored.host.clone()),
        addresses: addresses.into_iter().collect(),
        http_port: None,
        https_port: stored.port,
        url: row.address.url(),
        origin: Origin::Remote,
        state: remote_state(&stored.state),
        reason: stored.reason.clone(),
        trust: Trust::Unsigned,
        reach: None,
        first_seen: rfc3339(from_unix_milliseconds(stored.added_at)),
        last_seen: stored.last_seen.map(|time| rfc3339(from_unix_milliseconds(time))),
        state_since: rfc3339(from_unix_milliseconds(stored.state_since)),
        rtt_ms: stored.round_trip_ms,
        facts: BTreeMap::new(),
        certificate_state: remote_certificates(row).state,
        planned: None,
    }
}

/// The link to a console: built from a typed address and port, never from text of the network.
fn url(address: IpAddr, port: u16, root: &str) -> String {
    let slash = if root.is_empty() || root.starts_with('/') { "" } else { "/" };
    match address {
        IpAddr::V4(address) => format!("https://{address}:{port}{slash}{root}"),
        IpAddr::V6(address) => format!("https://[{address}]:{port}{slash}{root}"),
    }
}

/// The engine's state in the API's words.
pub(crate) const fn state(state: State) -> PeerState {
    match state {
        State::Unknown => PeerState::Unknown,
        State::Up => PeerState::Up,
        State::Suspect => PeerState::Suspect,
        State::Down => PeerState::Down,
    }
}

/// A time in milliseconds, to the microsecond and no digit more than it was measured with; 71 minutes at most.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    f64::from(u32::try_from(time.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

/// A kept state in the API's words.
pub(crate) fn remote_state(word: &str) -> PeerState {
    let all = [PeerState::Up, PeerState::Suspect, PeerState::Down];
    all.into_iter().find(|state| state.as_str() == word).unwrap_or(PeerState::Unknown)
}

/// What a row proved, or that another one has a better claim.
pub(crate) fn trust(peer: &Peer) -> Trust {
    match peer.trust {
        _ if peer.is_disputed() => Trust::Conflict,
        EngineTrust::Unsigned => Trust::Unsigned,
        EngineTrust::Pinned => Trust::Pinned,
        EngineTrust::Verified => Trust::Verified,
    }
}

/// Of a peer that is not there nothing is known.
fn reach(peer: &Peer) -> Option<Reach> {
    peer.is_live().then_some(match peer.reach {
        EngineReach::Both => Reach::Both,
        EngineReach::HearsUsNot => Reach::HearsUsNot,
        EngineReach::NotHeard => Reach::NotHeard,
    })
}

fn reason(peer: &Peer) -> Option<String> {
    let word = match peer.state {
        State::Up => return None,
        State::Unknown => "not_heard_since_start",
        State::Suspect => "silent",
        State::Down => peer.reason?.as_str(),
    };
    Some(word.to_owned())
}

/// The facts by name, as they are shown and kept.
pub(crate) fn facts(facts: &Facts) -> BTreeMap<String, String> {
    let all = [
        ("version", &facts.version),
        ("server_root", &facts.server_root),
        ("architecture", &facts.architecture),
        ("hypervisor", &facts.hypervisor),
    ];
    all.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact.as_ref()?.to_string()))).collect()
}

/// With whom a peer is at odds, in words. `called` gives the name and address of another peer.
pub(crate) fn conflict(peer: &Peer, called: impl Fn(&PeerKey) -> Option<String>) -> Option<String> {
    Some(match peer.conflict.as_deref()? {
        Conflict::Name(None) => "it has the name of this host; give one of the two another name".to_owned(),
        Conflict::Name(Some(other)) => {
            let other = called(other).unwrap_or_else(|| other.to_string());
            let whose = if peer.holds_name { "; the name is this row's" } else { "" };
            format!("{other} has the same name{whose}; give one of the two another name")
        }
        Conflict::Pinned(other) => another_key(peer, other),
        Conflict::Address(other) => {
            let other = called(other).unwrap_or_else(|| other.to_string());
            format!("it proves nothing and has the address of {other}, which signs: do not follow it")
        }
        Conflict::Identity(address) => format!(
            "the host at {address} uses the same identity: one of the two is a copy of the other; on the copy run: \
             kimchi-peers reset-identity"
        ),
    })
}

/// Only who knows both hosts can tell a new installation from somebody who uses a name, so both keys are named.
fn another_key(peer: &Peer, other: &PeerKey) -> String {
    let [known, new] = [other, &peer.key].map(|key| {
        let id = key.to_string();
        fingerprint(&id).unwrap_or(id)
    });
    format!(
        "the name belongs to a host with the key {known}, which is not there now; this one has the key {new}. Compare that with \
         what `kimchi-peers key show` prints on {name} itself. If it is the same, {name} was installed anew: kimchi-peers trust \
         {name}. If not, somebody uses its name: neither trust nor forget, both give him the name",
        name = peer.name
    )
}

/// Where a peer is heard.
pub(crate) fn evidence(peer: &Peer, interface_name: impl Fn(u32) -> Option<String>) -> Vec<Evidence> {
    let of_path = |path: &kimchi_peers::Path| Evidence {
        interface: interface_name(path.interface),
        address: path.address.to_string(),
        last_heard: path.last_heard.map(|at| rfc3339(wall_clock(at))),
    };
    peer.paths.iter().map(of_path).collect()
}

/// The present time in the API's form.
pub(crate) fn now() -> String {
    rfc3339(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_no_more_digits_than_were_measured() {
        let told = [899, 2_053, 0].map(|micros| milliseconds(Duration::from_micros(micros)).to_string());
        assert_eq!(told, ["0.899", "2.053", "0"]);
        assert!(milliseconds(Duration::MAX) < 4_300_000.0);
    }

    #[test]
    fn links_are_built_from_typed_parts() {
        assert_eq!(url("192.0.2.7".parse().unwrap(), 8001, ""), "https://192.0.2.7:8001");
        assert_eq!(url("fe80::7".parse().unwrap(), 8001, "/wok"), "https://[fe80::7]:8001/wok");
        assert_eq!(url("192.0.2.7".parse().unwrap(), 443, "wok"), "https://192.0.2.7:443/wok");
    }
}
