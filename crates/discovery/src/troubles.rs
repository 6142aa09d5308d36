//! What does not work on this host, in sentences for the operator: each is told once when it begins and once when it ends.

use std::collections::{BTreeMap, BTreeSet};

use kimchi_peers_proto::{Node, Peer};
use tracing::{info, warn};

use crate::interfaces::{Selection, Snapshot};
use crate::policy::Choice;

/// Own multicast datagrams that may stay unheard: the kernel loops each back within microseconds, so two in a row say
/// enough, and the third is sent a second after a start.
const UNHEARD_MAX: u32 = 2;

/// What does not work now.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    told: BTreeSet<String>,
    /// What the sentences were made of, so that nothing is done while nothing changes.
    deaf: Vec<u32>,
    /// The links where nobody else is heard, and how many peers were listed there when that began: one sentence for the
    /// whole time, though the peers end one by one.
    cut_off: BTreeMap<u32, usize>,
    name_taken: bool,
}

impl Troubles {
    /// The sentences.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.told.iter().cloned().collect()
    }

    /// Whether the engine tells anything else than it did when the sentences were made. Cheap: asked after each batch.
    pub(crate) fn are_outdated(&self, node: &Node) -> bool {
        self.name_taken != node.is_name_taken()
            || !deaf_links(node).eq(self.deaf.iter().copied())
            || !cut_off_links(node).eq(self.cut_off.keys().copied())
    }

    /// Makes the sentences anew, and logs what began and what ended.
    pub(crate) fn review(&mut self, node: &Node, snapshot: &Snapshot, selection: &Selection, sockets: &[String]) {
        self.deaf = deaf_links(node).collect();
        let before = std::mem::take(&mut self.cut_off);
        let began_with = |index| before.get(&index).copied().unwrap_or_else(|| listed(node, index));
        self.cut_off = cut_off_links(node).map(|index| (index, began_with(index))).collect();
        self.name_taken = node.is_name_taken();
        let mut now: BTreeSet<String> = sockets.iter().cloned().collect();
        now.extend(missing(snapshot, selection));
        // Where the port is not ours nothing can be heard, and that is told already.
        if sockets.is_empty() {
            now.extend(deafness(node));
            now.extend(self.isolation(node));
        }
        if self.name_taken {
            let name = &node.profile().name;
            now.insert(format!("another host of the network is called {name} too; give one of the two another name"));
        }
        for began in now.difference(&self.told) {
            warn!("{began}");
        }
        for ended in self.told.difference(&now) {
            info!("no longer: {ended}");
        }
        self.told = now;
    }

    fn isolation(&self, node: &Node) -> impl Iterator<Item = String> {
        node.links().filter_map(|link| {
            let peers = match self.cut_off.get(&link.interface.index)? {
                1 => "1 peer is".to_owned(),
                count => format!("{count} peers are"),
            };
            let name = &link.interface.name;
            Some(format!(
                "nobody is heard on {name} although {peers} listed there: the cable, switch or VLAN of this host seems to \
                 be cut"
            ))
        })
    }
}

/// Where own multicast comes back and nothing else does. Where not even that comes back something else is told.
fn cut_off_links(node: &Node) -> impl Iterator<Item = u32> {
    node.links().filter(|link| link.isolated && link.unheard <= UNHEARD_MAX).map(|link| link.interface.index)
}

/// How many live peers have an address on a link.
fn listed(node: &Node, index: u32) -> usize {
    let is_there = |peer: &&Peer| peer.is_live() && peer.paths.iter().any(|path| path.interface == index);
    node.table().iter().filter(is_there).count()
}

fn deaf_links(node: &Node) -> impl Iterator<Item = u32> {
    node.links().filter(|link| link.unheard > UNHEARD_MAX).map(|link| link.interface.index)
}

fn deafness(node: &Node) -> impl Iterator<Item = String> {
    node.links().filter(|link| link.unheard > UNHEARD_MAX).map(|link| {
        format!(
            "nothing comes in on {}, not even this host's own multicast; a firewall may drop it: open UDP port 8000 \
             there, for the group and from the link",
            link.interface.name
        )
    })
}

/// Interfaces that were named and cannot be used, or that there is none at all.
fn missing(snapshot: &Snapshot, selection: &Selection) -> Vec<String> {
    let choice_of =
        |name: &String| snapshot.choices.iter().find(|choice| choice.name == *name).map(|found| found.choice);
    let mut sentences: Vec<String> = selection
        .named
        .iter()
        .filter_map(|name| match choice_of(name) {
            Some(Choice::Used) => None,
            Some(choice) => Some(format!("interface {name} cannot be used: {}", choice.as_str())),
            None => {
                let names: Vec<&str> = snapshot.choices.iter().map(|choice| choice.name.as_str()).collect();
                Some(format!("interface {name} does not exist; there are: {}", names.join(", ")))
            }
        })
        .collect();
    if snapshot.used.is_empty() && sentences.is_empty() {
        let reasons: Vec<String> =
            snapshot.choices.iter().map(|choice| format!("{}: {}", choice.name, choice.choice.as_str())).collect();
        sentences.push(format!("no interface to discover on ({})", reasons.join("; ")));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use kimchi_peers_proto::{
        Config, Datagram, Extension, Facts, Identity, Info, Input, Instant, Interface, Kind, Lane, Message, Network,
        Output, PORT, PeerId, Profile,
    };
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    fn address(number: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, number).into()
    }

    /// A heartbeat of the host with this number.
    fn heartbeat(number: u8, sequence: u64) -> Vec<u8> {
        let extension = Extension::new(PeerId::from_bytes([number; 32]), (1, sequence), 30);
        let info = Info {
            name: format!("kvm-{number}").parse().unwrap(),
            address: address(number),
            http_port: 8000,
            https_port: 8001,
            extension: Some(extension),
        };
        Message { kind: Kind::Notify, info }.encode()
    }

    /// One host on `eth0` in simulated time, with its own multicast looped back.
    struct Host {
        node: Node,
        now: Instant,
        snapshot: Snapshot,
        troubles: Troubles,
        /// How often the sentences were made anew.
        reviews: usize,
    }

    impl Host {
        fn new() -> Self {
            let profile = Profile {
                name: "kvm-1".parse().unwrap(),
                http_port: 8000,
                https_port: 8001,
                facts: Facts::default(),
                certificate: None,
            };
            let identity = Identity { id: PeerId::from_bytes([1; 32]), epoch: 1 };
            let node = Node::new(identity, profile, Config::default(), 7, Vec::new());
            let networks = vec![Network { address: address(1), prefix: 24 }];
            let eth0 = Interface { index: 2, name: "eth0".to_owned(), networks, loopback: false };
            let snapshot = Snapshot { used: vec![eth0.clone()], ..Snapshot::default() };
            let now = Instant::from_micros(1_000_000);
            let mut host = Self { node, now, snapshot, troubles: Troubles::default(), reviews: 0 };
            host.node.handle(now, Input::Interfaces(vec![eth0]));
            host
        }

        fn hear(&mut self, from: IpAddr, bytes: &[u8]) {
            let from = SocketAddr::new(from, PORT);
            let datagram = Datagram { interface: 2, from, lane: Lane::Group, ttl: 1, bytes };
            self.node.handle(self.now, Input::Datagram(datagram));
        }

        /// Lets time pass until then, as the driver does.
        fn run_until(&mut self, end: Instant) {
            loop {
                let mut looped_back = Vec::new();
                let next = loop {
                    match self.node.poll() {
                        Output::Send { to, bytes, .. } if to.ip().is_multicast() => looped_back.push(bytes),
                        Output::Send { .. } | Output::Event(_) => {}
                        Output::Wait { until, .. } => break until,
                    }
                };
                if !looped_back.is_empty() {
                    looped_back.iter().for_each(|bytes| self.hear(address(1), bytes));
                    continue;
                }
                if self.troubles.are_outdated(&self.node) {
                    self.troubles.review(&self.node, &self.snapshot, &Selection::default(), &[]);
                    self.reviews += 1;
                }
                let Some(next) = next.filter(|next| *next <= end) else { break };
                self.now = next.max(self.now);
                self.node.handle(self.now, Input::Tick);
            }
            self.now = end;
        }

        fn run(&mut self, seconds: u64) {
            self.run_until(self.now + std::time::Duration::from_secs(seconds));
        }
    }

    #[test]
    fn who_hears_nobody_of_those_it_lists_is_told_that_it_is_cut_off_once() {
        let mut host = Host::new();
        host.run(1);
        (2..=4).for_each(|number| host.hear(address(number), &heartbeat(number, 1)));
        host.run(1);
        assert_eq!((host.troubles.sentences(), host.reviews), (Vec::new(), 0));
        host.run(10);
        let sentence = "nobody is heard on eth0 although 3 peers are listed there: the cable, switch or VLAN of this \
                        host seems to be cut";
        assert_eq!((host.troubles.sentences(), host.reviews), (vec![sentence.to_owned()], 1));
        // The peers end one by one, and the sentence stays as it began.
        host.run(90);
        assert_eq!((host.troubles.sentences(), host.reviews), (vec![sentence.to_owned()], 1));
        host.hear(address(3), &heartbeat(3, 2));
        host.run(1);
        assert_eq!((host.troubles.sentences(), host.reviews), (Vec::new(), 2));
    }

    #[test]
    fn one_silent_peer_among_those_that_are_heard_is_no_trouble_of_this_host() {
        let mut host = Host::new();
        host.run(1);
        (2..=4).for_each(|number| host.hear(address(number), &heartbeat(number, 1)));
        for sequence in 2..20 {
            host.run(1);
            (2..=3).for_each(|number| host.hear(address(number), &heartbeat(number, sequence)));
        }
        assert_eq!((host.troubles.sentences(), host.reviews), (Vec::new(), 0));
    }
}
