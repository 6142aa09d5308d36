//! What slptool answers, line by line.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::output::{is_there, sorted};
use crate::private_file;
use crate::service::registered::file_in;
use crate::service::spool::{Spool, Wish};
use crate::service::{ServiceType, ServiceUrl, is_host};
use crate::view::{Origin, PeerView, ServiceView};

/// The lifetime of every line: the longest that SLP knows, as of what is registered without one.
const LIFETIME: u16 = 65535;
/// How long names are looked up; where that is not enough, addresses are told.
const NAMES_LIMIT: Duration = Duration::from_millis(200);

/// What goes to stdout, and what to stderr.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) lines: Vec<String>,
    pub(super) words: Vec<String>,
}

impl Answer {
    pub(super) fn of_line(line: &str) -> Self {
        Self { lines: vec![line.to_owned()], words: Vec::new() }
    }

    pub(super) fn of_words(words: &str) -> Self {
        Self { lines: Vec::new(), words: vec![words.to_owned()] }
    }
}

/// What the daemon told.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) services: Vec<ServiceView>,
    pub(super) peers: Vec<PeerView>,
}

/// A line for each service of the type: those of this host, then one for each peer that is there, none twice.
pub(super) async fn lines(kind: ServiceType, found: &Found) -> Answer {
    let mut lines = Lines::default();
    for service in found.services.iter().filter(|service| service.listed) {
        lines.add_own(kind, &service.url);
    }
    let mut peers = sorted(found.peers.clone());
    // Wok makes links of the lines.
    peers.retain(|peer| is_there(peer) && peer.safe_url().is_some());
    let named = named_rightly(&peers).await;
    for (index, peer) in peers.iter().enumerate() {
        let host = if named.contains(&index) { name_of(peer) } else { address_of(peer) };
        if let Some(host) = host {
            lines.add(kind, &host, peer.https_port);
        }
    }
    Answer { lines: lines.lines, words: Vec::new() }
}

/// Lines for what is registered on this host, without its daemon: from its state directory, as far as that can be read.
pub(super) fn own_without_a_daemon(kind: ServiceType, directory: &Path) -> Vec<String> {
    let kept = private_file::read(&file_in(directory)).ok().flatten();
    let mut urls: Vec<ServiceUrl> =
        kept.iter().flat_map(|text| text.lines()).filter_map(|line| line.parse().ok()).collect();
    for wish in Spool::of(directory).peek().unwrap_or_default() {
        match wish {
            Wish::Register(url) if !urls.contains(&url) => urls.push(url),
            Wish::Register(_) => {}
            Wish::Deregister(url) => urls.retain(|other| *other != url),
        }
    }
    let mut lines = Lines::default();
    urls.iter().for_each(|url| lines.add_own(kind, url.as_str()));
    lines.lines
}

/// Lines, none about a host and port that another one is about.
#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    taken: BTreeSet<String>,
}

impl Lines {
    /// One of this host's own, as it was registered: its owner knows itself by that.
    fn add_own(&mut self, kind: ServiceType, url: &str) {
        let Ok(url) = url.parse::<ServiceUrl>() else { return };
        if url.kind() == kind && self.taken.insert(url.authority().to_ascii_lowercase()) {
            self.lines.push(format!("{url},{LIFETIME}"));
        }
    }

    fn add(&mut self, kind: ServiceType, host: &str, port: u16) {
        let authority = format!("{host}:{port}");
        // Checked again here, after which nothing comes but stdout.
        if is_host(host) && port != 0 && self.taken.insert(authority.to_ascii_lowercase()) {
            self.lines.push(format!("{}://{authority},{LIFETIME}", kind.as_str()));
        }
    }
}

/// The name that a browser could use: one with a domain, of the letters that are allowed.
fn name_of(peer: &PeerView) -> Option<String> {
    let name = match peer.origin {
        Origin::Local => peer.name.as_str(),
        Origin::Remote => peer.id.rsplit_once(':')?.0,
    };
    let is_address = name.parse::<IpAddr>().is_ok();
    (is_host(name) && name.contains('.') && !is_address).then(|| name.to_owned())
}

/// The address of a peer; of one that was added by hand and never reached, what was typed.
fn address_of(peer: &PeerView) -> Option<String> {
    let address = peer.addresses.first().and_then(|address| address.parse::<IpAddr>().ok());
    let typed = || (peer.origin == Origin::Remote).then(|| Some(peer.id.rsplit_once(':')?.0.to_owned())).flatten();
    address
        .map(|address| match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        })
        .or_else(typed)
}

/// The places of the peers whose names lead to them on this host: a name that leads elsewhere is not theirs to give.
async fn named_rightly(peers: &[PeerView]) -> BTreeSet<usize> {
    let mut questions = JoinSet::new();
    for (index, peer) in peers.iter().enumerate() {
        let Some(name) = name_of(peer) else { continue };
        let addresses: Vec<IpAddr> = peer.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        questions.spawn(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await.ok()?;
            let mut found = found.map(|address| address.ip());
            found.any(|address| addresses.contains(&address)).then_some(index)
        });
    }
    let mut right = BTreeSet::new();
    let all = async {
        while let Some(answer) = questions.join_next().await {
            right.extend(answer.ok().flatten());
        }
    };
    // What is not known by then is told by its address.
    let _ = tokio::time::timeout(NAMES_LIMIT, all).await;
    right
}

/// The line of a property of SLP; most have no value here.
pub(super) fn property(name: &str) -> String {
    let value = if name.eq_ignore_ascii_case("net.slp.useScopes") { "DEFAULT" } else { "" };
    let plain = |letter: char| if letter.is_ascii_graphic() { letter } else { '?' };
    format!("{} = {value}", name.chars().map(plain).collect::<String>())
}

/// The lines of `-v`.
pub(super) fn version() -> Vec<String> {
    let own = env!("CARGO_PKG_VERSION");
    vec![format!("slptool version = kimchi-peers {own}"), format!("libslp version = kimchi-peers {own}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{peer, remote};
    use crate::view::{CertificateState, PeerState, Trust};

    fn service(url: &str, listed: bool) -> ServiceView {
        ServiceView { url: url.to_owned(), listed, answers: None, registered: String::new() }
    }

    async fn found(services: &[ServiceView], peers: &[PeerView]) -> Vec<String> {
        let found = Found { services: services.to_vec(), peers: peers.to_vec() };
        let answer = lines(ServiceType::Wokd, &found).await;
        assert_eq!(answer.words, [] as [String; 0]);
        answer.lines
    }

    #[tokio::test(flavor = "current_thread")]
    async fn own_lines_go_first_and_nothing_is_there_twice() {
        let services = [
            service("service:wokd://KVM-1.example.org:8001", true),
            service("service:kimchid://kvm-1:8001", true),
            service("service:wokd://old:8001", false),
            service("service:wokd://10.0.0.3:8001", true),
        ];
        let mut down = peer("kvm-9", "10.0.0.9");
        down.state = PeerState::Down;
        let mut conflict = peer("kvm-8", "10.0.0.8");
        conflict.trust = Trust::Conflict;
        let mut another = peer("kvm-7", "10.0.0.7");
        another.certificate_state = CertificateState::Changed;
        let mut six = peer("kvm-6", "2001:db8::6");
        six.https_port = 443;
        let there = [peer("kvm-2", "10.0.0.2"), peer("kvm-3", "10.0.0.3"), peer("kvm-4", "10.0.0.2")];
        let peers = [&there[..], &[down, conflict, another, six]].concat();
        assert_eq!(
            found(&services, &peers).await,
            [
                "service:wokd://KVM-1.example.org:8001,65535",
                "service:wokd://10.0.0.3:8001,65535",
                "service:wokd://10.0.0.2:8001,65535",
                "service:wokd://[2001:db8::6]:443,65535",
            ]
        );
    }

    #[tokio::test(flavor = "current_thread")]
    async fn hostile_rows_give_no_line() {
        let mut rows = Vec::new();
        for text in
            ["", "a b", "a,b", "\"><script>alert(1)</script>", "a/b", "user@host", "a\nservice:wokd://evil:1,1", "é"]
        {
            rows.push(PeerView { addresses: vec![text.to_owned()], ..peer(text, "10.0.0.9") });
            rows.push(remote(text));
        }
        let mut portless = peer("kvm-1", "10.0.0.1");
        portless.https_port = 0;
        rows.push(portless);
        let services = [service("service:wokd://\"><script>:8001", true), service("nonsense", true)];
        assert_eq!(found(&services, &rows).await, [] as [String; 0]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_that_was_added_by_hand_and_not_reached_is_told_as_it_was_typed() {
        let rows = [remote("lab.invalid"), remote("192.0.2.7")];
        assert_eq!(
            found(&[], &rows).await,
            ["service:wokd://192.0.2.7:8001,65535", "service:wokd://lab.invalid:8001,65535"]
        );
    }

    #[test]
    fn without_a_daemon_the_host_finds_itself() {
        let place = tempfile::tempdir().unwrap();
        let own = |kind| own_without_a_daemon(kind, place.path());
        assert_eq!(own(ServiceType::Wokd), [] as [String; 0]);
        private_file::write(&file_in(place.path()), "service:wokd://a:1\nservice:wokd://b:1\nservice:kimchid://c:1\n")
            .unwrap();
        let spool = Spool::of(place.path());
        for wish in ["d", "b"].map(|host| format!("service:wokd://{host}:1").parse().unwrap()).map(Wish::Register) {
            spool.add(&wish).unwrap();
        }
        spool.add(&Wish::Deregister("service:wokd://a:1".parse().unwrap())).unwrap();
        assert_eq!(own(ServiceType::Wokd), ["service:wokd://b:1,65535", "service:wokd://d:1,65535"]);
        assert_eq!(own(ServiceType::Kimchid), ["service:kimchid://c:1,65535"]);
        assert_eq!(spool.take().unwrap().len(), 3, "looking takes nothing away");
    }

    #[test]
    fn properties_are_printed_as_the_original_does() {
        assert_eq!(property("net.slp.useScopes"), "net.slp.useScopes = DEFAULT");
        assert_eq!(property("x\u{1b}y"), "x?y = ");
    }
}
