//! What does not work on this host, in sentences for the operator: each is told once when it begins and once when it ends.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use kimchi_peers_proto::{Instant, Node, Peer};
use tracing::{info, warn};

use crate::interfaces::{Selection, Snapshot};
use crate::policy::Choice;

/// Own multicast datagrams that may stay unheard: the kernel loops each back within microseconds, so two in a row say
/// enough, and the third is sent a second after a start.
const UNHEARD_MAX: u32 = 2;
/// So long after the last multicast of others, a link whose peers do answer what is sent to them alone is said to be pruned:
/// five heartbeats or more.
const PRUNED_AFTER: Duration = Duration::from_secs(60);
/// A neighbour is heard every 870 ms: who was heard so lately is there.
const HEARD_LATELY: Duration = Duration::from_secs(5);

/// What does not work now.
#[derive(Debug)]
pub(crate) struct Troubles {
    /// The port of discovery.
    port: u16,
    told: BTreeSet<String>,
    /// What the sentences were made of, so that nothing is done while nothing changes.
    deaf: Vec<u32>,
    /// The links where nobody else is heard, and how many peers were listed there when that began: one sentence for the
    /// whole time, though the peers end one by one.
    cut_off: BTreeMap<u32, usize>,
    /// The links on which what others send to all does not come in.
    pruned: Vec<u32>,
    name_taken: bool,
    /// Whether another program has the port open too.
    port_shared: bool,
    /// Until then nothing is said of what comes in: the group was joined late, and nothing could.
    withheld_until: Option<Instant>,
}

impl Troubles {
    /// None yet, on this port of discovery.
    pub(crate) fn new(port: u16) -> Self {
        Self {
            port,
            told: BTreeSet::new(),
            deaf: Vec::new(),
            cut_off: BTreeMap::new(),
            pruned: Vec::new(),
            name_taken: false,
            port_shared: false,
            withheld_until: None,
        }
    }

    /// Notes whether another program has the port open too, and tells whether that is new.
    pub(crate) fn share_port(&mut self, shared: bool) -> bool {
        std::mem::replace(&mut self.port_shared, shared) != shared
    }

    /// The sentences.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.told.iter().cloned().collect()
    }

    /// Whether the engine tells anything else than it did when the sentences were made. Cheap: asked after each batch.
    pub(crate) fn are_outdated(&self, now: Instant, node: &Node) -> bool {
        self.name_taken != node.is_name_taken()
            || !pruned_links(now, node).eq(self.pruned.iter().copied())
            || !deaf_links(node).eq(self.deaf.iter().copied())
            || !cut_off_links(node).eq(self.cut_off.keys().copied())
    }

    /// Lets nothing be said of what comes in before this time.
    pub(crate) fn withhold_until(&mut self, time: Instant) {
        self.withheld_until = Some(time);
    }

    /// Makes the sentences anew, and logs what began and what ended.
    pub(crate) fn review(
        &mut self,
        (at, node): (Instant, &Node),
        snapshot: &Snapshot,
        selection: &Selection,
        sockets: &[String],
    ) {
        self.deaf = deaf_links(node).collect();
        self.pruned = pruned_links(at, node).collect();
        let before = std::mem::take(&mut self.cut_off);
        let began_with = |index| before.get(&index).copied().unwrap_or_else(|| listed(node, index));
        self.cut_off = cut_off_links(node).map(|index| (index, began_with(index))).collect();
        self.name_taken = node.is_name_taken();
        let mut now: BTreeSet<String> = sockets.iter().cloned().collect();
        now.extend(missing(snapshot, selection));
        now.extend(self.sharing());
        // Where the port is not ours nothing can be heard, and that is told already.
        if sockets.is_empty() && self.withheld_until.is_none_or(|until| at >= until) {
            now.extend(self.deafness(node));
            now.extend(self.isolation(node));
            now.extend(self.pruning(node));
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

    /// The links on which what others send to all does not come in.
    pub(crate) fn pruned(&self) -> &[u32] {
        &self.pruned
    }

    fn deafness(&self, node: &Node) -> impl Iterator<Item = String> {
        let port = self.port;
        node.links().filter(|link| is_deaf(link.unheard)).map(move |link| {
            format!(
                "no multicast comes in on {}, not even this host's own; a firewall may drop it: open UDP port {port} \
                 there, for the group and from the link",
                link.interface.name
            )
        })
    }

    fn sharing(&self) -> Option<String> {
        let port = self.port;
        self.port_shared.then(|| {
            format!(
                "another program has UDP port {port} open too, and what is sent to this host alone reaches only one of the \
                 two: where the daemon runs, ask its API instead of embedding the library; see who it is with: \
                 ss -ulpn 'sport = :{port}'"
            )
        })
    }

    fn pruning(&self, node: &Node) -> impl Iterator<Item = String> {
        node.links().filter(|link| self.pruned.contains(&link.interface.index)).map(|link| {
            format!(
                "nothing that others send to the group comes in on {}, although they answer: a switch seems to prune it; \
                 have the switch pass 224.0.0.0/24 on to all ports, or give it an IGMP querier",
                link.interface.name
            )
        })
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
    node.links().filter(|link| link.isolated && !is_deaf(link.unheard)).map(|link| link.interface.index)
}

/// Where peers answer, own multicast comes back, and theirs does not come in.
fn pruned_links(now: Instant, node: &Node) -> impl Iterator<Item = u32> {
    let silent = move |link: &kimchi_peers_proto::LinkView<'_>| {
        let answers = link.heard.is_some_and(|at| now.since(at) < HEARD_LATELY);
        answers && !is_deaf(link.unheard) && now.since(link.heard_group) >= PRUNED_AFTER
    };
    node.links().filter(silent).map(|link| link.interface.index)
}

/// Whether so many own multicast datagrams in a row that were not heard back mean that no multicast comes in.
pub(crate) const fn is_deaf(unheard: u32) -> bool {
    unheard > UNHEARD_MAX
}

/// How many live peers have an address on a link.
fn listed(node: &Node, index: u32) -> usize {
    let is_there = |peer: &&Peer| peer.is_live() && peer.paths.iter().any(|path| path.interface == index);
    node.table().iter().filter(is_there).count()
}

fn deaf_links(node: &Node) -> impl Iterator<Item = u32> {
    node.links().filter(|link| is_deaf(link.unheard)).map(|link| link.interface.index)
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
        Nonce, Output, PORT, PeerId, Profile,
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
            let mut host = Self { node, now, snapshot, troubles: Troubles::new(PORT), reviews: 0 };
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
                if self.troubles.are_outdated(self.now, &self.node) {
                    self.troubles.review((self.now, &self.node), &self.snapshot, &Selection::default(), &[]);
                    self.reviews += 1;
                }
                let Some(next) = next.filter(|next| *next <= end) else { break };
                self.now = next.max(self.now);
                self.node.handle(self.now, Input::Tick);
            }
            self.now = end;
        }

        fn run(&mut self, seconds: u64) {
            self.run_until(self.now + Duration::from_secs(seconds));
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

    #[test]
    fn where_nothing_comes_in_the_port_to_open_is_the_one_in_use() {
        let mut host = Host::new();
        host.troubles = Troubles::new(18_000);
        for _ in 0..3 {
            host.node.handle(host.now, Input::Command(kimchi_peers_proto::Command::Search));
            while !matches!(host.node.poll(), Output::Wait { .. }) {}
            host.now += Duration::from_secs(11);
            host.node.handle(host.now, Input::Tick);
            while !matches!(host.node.poll(), Output::Wait { .. }) {}
        }
        host.troubles.review((host.now, &host.node), &host.snapshot, &Selection::default(), &[]);
        let told = host.troubles.sentences();
        assert!(told.len() == 1 && told[0].contains("open UDP port 18000 there"), "{told:?}");
    }

    #[test]
    fn what_comes_in_is_not_judged_before_the_time_that_was_asked_for() {
        let mut host = Host::new();
        host.run(1);
        (2..=4).for_each(|number| host.hear(address(number), &heartbeat(number, 1)));
        host.run(10);
        assert_eq!(host.troubles.sentences().len(), 1);
        let review = |host: &mut Host| {
            host.troubles.review((host.now, &host.node), &host.snapshot, &Selection::default(), &[]);
            host.troubles.sentences().len()
        };
        host.troubles.withhold_until(host.now + Duration::from_secs(5));
        assert_eq!(review(&mut host), 0);
        host.run(5);
        assert_eq!(review(&mut host), 1);
    }

    /// A directed search of a peer for this host, as its neighbour in the ring sends one.
    fn probe(number: u8, sequence: u64) -> Vec<u8> {
        let mut message = Message::decode(&heartbeat(number, sequence)).unwrap();
        message.kind = Kind::Search;
        if let Some(extension) = &mut message.info.extension {
            extension.target = Some(PeerId::from_bytes([1; 32]));
            extension.nonce = Some(Nonce(7));
        }
        message.encode()
    }

    #[test]
    fn where_peers_answer_and_their_multicast_does_not_come_in_a_switch_is_suspected() {
        let mut host = Host::new();
        host.run(1);
        host.hear(address(2), &heartbeat(2, 1));
        for sequence in 2..75 {
            host.run(1);
            let from = SocketAddr::new(address(2), PORT);
            let bytes = probe(2, sequence);
            let lane = Lane::Unicast;
            host.node.handle(host.now, Input::Datagram(Datagram { interface: 2, from, lane, ttl: 255, bytes: &bytes }));
            let told = host.troubles.sentences();
            assert!(told.is_empty() || (sequence > 60 && told[0].contains("a switch seems to prune it")), "{told:?}");
        }
        assert_eq!((host.troubles.pruned(), host.reviews), (&[2][..], 1));
        host.hear(address(2), &heartbeat(2, 100));
        host.run(1);
        assert_eq!((host.troubles.pruned(), host.troubles.sentences()), (&[][..], Vec::new()));
    }
}
