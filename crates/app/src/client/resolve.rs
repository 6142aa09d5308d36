//! Which peer is meant by what a person typed.

use std::net::IpAddr;

use crate::client::ClientError;
use crate::client::error::Candidate;
use crate::output::by_name;
use crate::view::{PeerState, PeerView};

/// The peer that a text means.
#[derive(Debug, PartialEq)]
pub(crate) struct Found<'a> {
    /// The peer.
    pub(crate) peer: &'a PeerView,
    /// How many others the text means that are down.
    pub(crate) others_down: usize,
}

/// Finds the one peer that `given` means in full: an id, a name, an address, a `HOST:PORT` or URL of a console. Of
/// several the only one that is not down is meant: a host that came back with a new identity leaves its old row.
pub(crate) fn resolve<'a>(peers: &'a [PeerView], given: &str) -> Result<Option<Found<'a>>, ClientError> {
    let fitting = exact(peers, given)?;
    let mut alive = fitting.iter().filter(|peer| peer.state != PeerState::Down);
    match (fitting.as_slice(), alive.next(), alive.next()) {
        ([], ..) => Ok(None),
        ([peer], ..) | (_, Some(peer), None) => Ok(Some(Found { peer, others_down: fitting.len() - 1 })),
        (several, ..) => Err(ambiguous(given, several)),
    }
}

/// Finds the one peer that `given` is the beginning of: of its name, an address or its id.
pub(crate) fn resolve_beginning<'a>(peers: &'a [PeerView], given: &str) -> Result<&'a PeerView, ClientError> {
    match beginning(peers, given).as_slice() {
        [] => Err(ClientError::NoSuchPeer(given.to_owned())),
        [one] => Ok(one),
        several => Err(ambiguous(given, several)),
    }
}

/// Finds the one peer that `given` means in full or, where it means none, that it is the beginning of.
pub(crate) fn resolve_either<'a>(peers: &'a [PeerView], given: &str) -> Result<&'a PeerView, ClientError> {
    match resolve(peers, given)? {
        Some(found) => Ok(found.peer),
        None => resolve_beginning(peers, given),
    }
}

/// Finds the one peer that `given` means in full, dead or alive: for what cannot be taken back.
pub(crate) fn resolve_whole<'a>(peers: &'a [PeerView], given: &str) -> Result<&'a PeerView, ClientError> {
    match exact(peers, given)?.as_slice() {
        [one] => Ok(one),
        [] => Err(match beginning(peers, given).as_slice() {
            [] => ClientError::NoSuchPeer(given.to_owned()),
            several => ClientError::NotWhole { given: given.to_owned(), candidates: described(several) },
        }),
        several => Err(ambiguous(given, several)),
    }
}

/// Finds the one peer that `given` means in full; of several the only one that `is_meant`.
pub(crate) fn resolve_among<'a>(
    peers: &'a [PeerView],
    given: &str,
    is_meant: impl Fn(&PeerView) -> bool,
) -> Result<&'a PeerView, ClientError> {
    let fitting = exact(peers, given)?;
    let mut meant = fitting.iter().filter(|peer| is_meant(peer));
    match (meant.next(), meant.next()) {
        (Some(one), None) => Ok(one),
        _ => resolve_whole(peers, given),
    }
}

/// Whom the text means in full. An id goes before a name, and so on. An address means the host that has it: names are chosen by
/// others, and one that reads as an address must not stand for another host.
fn exact<'a>(peers: &'a [PeerView], given: &str) -> Result<Vec<&'a PeerView>, ClientError> {
    let wanted = Wanted::new(given.trim());
    if wanted.text.is_empty() {
        return Err(ClientError::NoSuchPeer("the name is empty".to_owned()));
    }
    if wanted.address.is_some() {
        return at_address(peers, &wanted);
    }
    let tests = [Wanted::is_id, Wanted::is_name, Wanted::is_console];
    let fitting = tests.map(|test| peers.iter().filter(|peer| test(&wanted, peer)).collect::<Vec<_>>());
    Ok(fitting.into_iter().find(|fitting| !fitting.is_empty()).unwrap_or_default())
}

/// The rows with an address. Where others have it as their name, nobody can tell who is meant, be they there or not.
fn at_address<'a>(peers: &'a [PeerView], wanted: &Wanted<'_>) -> Result<Vec<&'a PeerView>, ClientError> {
    let at: Vec<&PeerView> = peers.iter().filter(|peer| wanted.is_address(peer)).collect();
    let called = peers.iter().filter(|peer| wanted.is_name(peer) && !wanted.is_address(peer));
    let both: Vec<&PeerView> = at.iter().copied().chain(called).collect();
    if at.is_empty() || both.len() == at.len() { Ok(at) } else { Err(ambiguous(wanted.text, &both)) }
}

fn beginning<'a>(peers: &'a [PeerView], given: &str) -> Vec<&'a PeerView> {
    let wanted = Wanted::new(given.trim());
    // A whole address is no beginning: 10.0.0.1 is not 10.0.0.10.
    if wanted.address.is_some() && !wanted.text.ends_with(':') {
        return Vec::new();
    }
    peers.iter().filter(|peer| wanted.is_beginning(peer)).collect()
}

struct Wanted<'a> {
    text: &'a str,
    lower: String,
    address: Option<IpAddr>,
}

impl<'a> Wanted<'a> {
    fn new(text: &'a str) -> Self {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        Self { text, lower: text.to_lowercase(), address: bare.parse().ok() }
    }

    fn is_id(&self, peer: &PeerView) -> bool {
        peer.id == self.text
    }

    fn is_name(&self, peer: &PeerView) -> bool {
        peer.name.to_lowercase() == self.lower
    }

    fn is_address(&self, peer: &PeerView) -> bool {
        // One IPv6 address can be written in many ways.
        self.address.is_some_and(|wanted| peer.addresses.iter().any(|address| address.parse() == Ok(wanted)))
    }

    fn is_console(&self, peer: &PeerView) -> bool {
        let wanted = authority(&self.lower);
        wanted.contains(':') && authority(&peer.url.to_lowercase()) == wanted
    }

    fn is_beginning(&self, peer: &PeerView) -> bool {
        peer.name.to_lowercase().starts_with(&self.lower)
            || peer.id.starts_with(self.text)
            || peer.addresses.iter().any(|address| address.starts_with(&self.lower))
    }
}

/// `HOST:PORT` of a URL, or the text itself.
fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

fn ambiguous(given: &str, peers: &[&PeerView]) -> ClientError {
    ClientError::Ambiguous { given: given.to_owned(), candidates: described(peers) }
}

fn described(peers: &[&PeerView]) -> Vec<Candidate> {
    let mut peers = peers.to_vec();
    peers.sort_by(|one, other| by_name(one, other));
    let described = |peer: &PeerView| Candidate {
        name: peer.name.clone(),
        address: peer.addresses.first().map_or("no address", String::as_str).to_owned(),
        id: peer.id.clone(),
        state: peer.state,
    };
    peers.into_iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::peer;

    fn peers() -> Vec<PeerView> {
        let mut six = peer("six", "fe80::7");
        six.url = "https://[fe80::7]:8001".to_owned();
        let mut remote = peer("lab", "192.0.2.7");
        remote.id = "lab.example.org:8001".to_owned();
        remote.url = "https://lab.example.org:8001/wok".to_owned();
        vec![
            peer("kvm-1", "10.0.0.1"),
            peer("kvm-10", "10.0.0.10"),
            peer("twin", "10.1.0.1"),
            peer("twin", "10.1.0.2"),
            six,
            remote,
        ]
    }

    fn found(given: &str) -> String {
        let peers = peers();
        let found = resolve(&peers, given).and_then(|found| match found {
            Some(found) => Ok(found.peer),
            None => resolve_beginning(&peers, given),
        });
        match found {
            Ok(peer) => peer.addresses[0].clone(),
            Err(ClientError::NoSuchPeer(_)) => "none".to_owned(),
            Err(ClientError::Ambiguous { candidates, .. }) => format!("{} fit", candidates.len()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn exact_goes_before_the_beginning() {
        assert_eq!(found("kvm-1"), "10.0.0.1");
        assert_eq!(found("KVM-1"), "10.0.0.1");
        assert_eq!(found("10.0.0.1"), "10.0.0.1");
        assert_eq!(found("kvm-10@10.0.0.10"), "10.0.0.10");
        assert_eq!(found(" kvm-10 "), "10.0.0.10");
    }

    #[test]
    fn consoles_and_spellings_of_addresses_are_known() {
        assert_eq!(found("fe80:0:0::7"), "fe80::7");
        assert_eq!(found("[fe80::7]"), "fe80::7");
        assert_eq!(found("[fe80::7]:8001"), "fe80::7");
        assert_eq!(found("https://LAB.example.org:8001/"), "192.0.2.7");
        assert_eq!(found("lab.example.org:8001"), "192.0.2.7");
        assert_eq!(found("lab.example.org:8002"), "none");
    }

    #[test]
    fn an_address_never_means_a_host_that_has_it_as_its_name() {
        let lurer = |state: PeerState| PeerView { state, ..peer("192.0.2.2", "10.0.0.66") };
        let with = |state: PeerState| [peers(), vec![lurer(state)]].concat();
        // Nobody has the address: the name does not get what was meant for it.
        let alone = with(PeerState::Up);
        assert!(resolve(&alone, "192.0.2.2").unwrap().is_none());
        assert!(matches!(resolve_either(&alone, "192.0.2.2"), Err(ClientError::NoSuchPeer(_))));
        assert!(matches!(resolve_whole(&alone, "192.0.2.2"), Err(ClientError::NoSuchPeer(_))));
        assert_eq!(resolve_whole(&alone, "192.0.2.2@10.0.0.66").unwrap().name, "192.0.2.2");
        assert_eq!(resolve_whole(&alone, "10.0.0.66").unwrap().name, "192.0.2.2");
        // Somebody has it: both are named, whoever of the two is down.
        for (owner, lurer) in [(PeerState::Up, PeerState::Up), (PeerState::Down, PeerState::Up)] {
            let mut both = with(lurer);
            both.push(PeerView { state: owner, ..peer("kvm-2", "192.0.2.2") });
            for found in [
                resolve(&both, "192.0.2.2").map(|found| found.map(|found| found.peer)),
                resolve_whole(&both, "192.0.2.2").map(Some),
                resolve_among(&both, "192.0.2.2", |peer| peer.name == "192.0.2.2").map(Some),
            ] {
                let error = found.unwrap_err();
                assert!(
                    matches!(&error, ClientError::Ambiguous { candidates, .. } if candidates.len() == 2),
                    "{error}"
                );
                let hint = crate::failure::Failure::from(error).hint;
                assert_eq!(hint.as_deref(), Some("give its id"));
            }
        }
        assert_eq!(found("10.0.0.100"), "none");
        assert!(matches!(resolve_either(&peers(), "10.0.0"), Err(ClientError::Ambiguous { .. })));
    }

    #[test]
    fn a_beginning_must_fit_one_peer() {
        assert_eq!(found("kvm"), "2 fit");
        assert_eq!(found("t"), "2 fit");
        assert_eq!(found("twin"), "2 fit");
        assert_eq!(found("twin@10.1.0.2"), "10.1.0.2");
        assert_eq!(found("10.1"), "2 fit");
        assert_eq!(found("si"), "fe80::7");
        assert_eq!(found("10.0.0.10"), "10.0.0.10");
        assert_eq!(found("192."), "192.0.2.7");
        assert_eq!(found("zz"), "none");
        assert_eq!(found(""), "none");
        assert_eq!(found("  "), "none");
    }

    #[test]
    fn the_dead_do_not_stand_in_the_way_of_the_living() {
        let mut peers = peers();
        peers[2].state = PeerState::Down;
        let found = resolve(&peers, "twin").unwrap().unwrap();
        assert_eq!((found.peer.id.as_str(), found.others_down), ("twin@10.1.0.2", 1));
        let error = resolve_whole(&peers, "twin").unwrap_err().to_string();
        let listed = "twin (down, 10.1.0.1, id twin@10.1.0.1), twin (up, 10.1.0.2, id twin@10.1.0.2)";
        assert_eq!(error, format!("twin fits several peers: {listed}"));
        peers[3].state = PeerState::Down;
        assert!(resolve(&peers, "twin").is_err(), "neither of two that are down is meant more than the other");
    }

    #[test]
    fn what_cannot_be_taken_back_needs_the_whole() {
        let peers = peers();
        for whole in ["six", "FE80::7", "six@fe80::7", "[fe80::7]:8001", "https://[fe80::7]:8001"] {
            assert_eq!(resolve_whole(&peers, whole).unwrap().name, "six", "{whole}");
        }
        let error = resolve_whole(&peers, "si").unwrap_err();
        assert_eq!(error.to_string(), "no peer is called si; did you mean six (up, fe80::7, id six@fe80::7)?");
        assert!(matches!(resolve_whole(&peers, "zz"), Err(ClientError::NoSuchPeer(_))));
        assert!(matches!(resolve_whole(&peers, ""), Err(ClientError::NoSuchPeer(_))));
    }
}
