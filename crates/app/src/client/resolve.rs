//! Which peer is meant by what a person typed.

use std::net::IpAddr;

use crate::client::ClientError;
use crate::view::PeerView;

/// Finds the one peer that `given` means: an id, a name, an address, a `HOST:PORT` or URL of a console, or else the
/// beginning of a name, an address or an id. What fits exactly goes before what fits in part.
pub(crate) fn resolve<'a>(peers: &'a [PeerView], given: &str) -> Result<&'a PeerView, ClientError> {
    let wanted = Wanted::new(given.trim());
    if wanted.text.is_empty() {
        return Err(ClientError::NoSuchPeer("the name is empty".to_owned()));
    }
    let tests = [Wanted::is_id, Wanted::is_name, Wanted::is_address, Wanted::is_console, Wanted::is_beginning];
    for test in tests {
        let fitting: Vec<_> = peers.iter().filter(|peer| test(&wanted, peer)).collect();
        match fitting.as_slice() {
            [] => {}
            [one] => return Ok(one),
            several => return Err(ambiguous(given, several)),
        }
    }
    Err(ClientError::NoSuchPeer(given.to_owned()))
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
    let candidates = peers.iter().map(|peer| format!("{} ({}, {})", peer.name, peer.state.as_str(), peer.id));
    ClientError::Ambiguous { given: given.to_owned(), candidates: candidates.collect() }
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
        match resolve(&peers, given) {
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
}
