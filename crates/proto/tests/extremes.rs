//! No configuration, no time and no order of inputs makes the engine panic or work without end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by panicking")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use kimchi_peers_proto::{
    Command, Config, Datagram, Extension, Facts, Identity, Info, Input, Instant, Interface, Kind, KnownPeer, Lane,
    Message, Network, Node, Output, PORT, PeerId, PeerKey, Profile, Rate, Trust, UNICAST_TTL,
};
use proptest::prelude::*;

/// More than any one step may want done: a burst of each sort, on two links.
const OUTPUTS_MAX: usize = 10_000;

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number).into()
}

fn interface(index: u32) -> Interface {
    let networks = vec![Network { address: address(1), prefix: 24 }];
    Interface { index, name: format!("eth{index}"), networks, loopback: false }
}

fn profile() -> Profile {
    let name = "kvm-1".parse().unwrap();
    Profile { name, http_port: 8000, https_port: 8001, facts: Facts::default(), certificate: None }
}

/// What a host of this number says; an even one is a base peer.
fn said(kind: Kind, number: u8, sequence: u64) -> Vec<u8> {
    let extension = Extension::new(PeerId::from_bytes([number; 32]), (1, sequence), 86_400);
    let info = Info {
        name: format!("kvm-{number}").parse().unwrap(),
        address: address(number),
        http_port: 8000,
        https_port: 8001,
        extension: (number % 2 == 1).then_some(extension),
    };
    Message { kind, info }.encode()
}

/// What was known at the end of the last run.
fn known(number: u8) -> KnownPeer {
    KnownPeer {
        key: PeerKey::Identity(PeerId::from_bytes([number; 32])),
        name: format!("kvm-{number}").parse().unwrap(),
        addresses: [address(number)].into_iter().collect(),
        http_port: 8000,
        https_port: 8001,
        epoch: u64::MAX,
        sequence: u64::MAX,
        facts: Facts::default(),
        certificate: None,
        down: None,
        trust: Trust::Unsigned,
        holds_name: false,
    }
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_nanos(1)),
        Just(Duration::from_millis(300)),
        Just(Duration::from_secs(10)),
        Just(Duration::from_secs(1 << 40)),
        Just(Duration::MAX),
    ]
}

fn rate() -> impl Strategy<Value = Rate> {
    let number = || prop_oneof![Just(0), Just(1), Just(30), Just(u32::MAX)];
    (number(), number()).prop_map(|(per_second, burst)| Rate { per_second, burst })
}

fn count() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(1), Just(100), Just(usize::MAX)]
}

fn config() -> impl Strategy<Value = Config> {
    let durations = proptest::collection::vec(duration(), 27);
    let rates = proptest::collection::vec(rate(), 7);
    let numbers = (any::<bool>(), any::<bool>(), prop_oneof![Just(0), Just(3), Just(u32::MAX)], any::<u8>());
    let counts = proptest::collection::vec(count(), 5);
    (durations, rates, numbers, counts).prop_map(|(durations, rates, numbers, counts)| {
        let (observer, watch, missed_heartbeats, probe_tries) = numbers;
        let time = |place: usize| durations[place];
        Config {
            observer,
            watch,
            missed_heartbeats,
            probe_tries,
            heartbeat: time(0),
            heartbeat_share: time(1),
            searches: [time(2), time(3), time(4), time(5)],
            answer_jitter_share: time(6),
            answer_jitter_max: time(7),
            answer_interval: time(8),
            probe_interval: time(9),
            watch_interval: time(10),
            watch_silence: time(11),
            try_interval: time(12),
            suspect_after: time(13),
            verdict_after: time(14),
            verdict_doubt: time(15),
            refused_after: time(16),
            lost_search: time(17),
            lost_search_for: time(18),
            confirm_after: time(19),
            base_search_after: time(20),
            base_search_stagger: time(21),
            base_lifetime: time(22),
            grace: time(23),
            lateness: time(24),
            forget_after: time(25),
            proven_after: time(26),
            multicast_rate: rates[0],
            unicast_rate: rates[1],
            page_rate: rates[2],
            verify_rate: rates[3],
            stranger_rate: rates[4],
            sender_rate: rates[5],
            source_rate: rates[6],
            unproven_max: counts[0],
            nursery_max: counts[1],
            nursery_share: counts[2],
            peers_max: counts[3],
            base_peers_max: counts[4],
            ..Config::default()
        }
    })
}

/// One input, and how its time is found: a time of its own, or the one that the engine asked for.
#[derive(Debug, Clone)]
enum Step {
    Interfaces(u32),
    Heard(Kind, Lane, u8),
    Unreachable(u8),
    Search,
    Measure,
    Forget(u8),
    Quit,
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    let kind = || prop_oneof![Just(Kind::Search), Just(Kind::Notify), Just(Kind::Quit)];
    let lane = || prop_oneof![Just(Lane::Group), Just(Lane::Unicast)];
    prop_oneof![
        1 => (0_u32..3).prop_map(Step::Interfaces),
        8 => (kind(), lane(), 2_u8..12).prop_map(|(kind, lane, number)| Step::Heard(kind, lane, number)),
        1 => (2_u8..12).prop_map(Step::Unreachable),
        1 => Just(Step::Search),
        1 => Just(Step::Measure),
        1 => (2_u8..12).prop_map(Step::Forget),
        1 => Just(Step::Quit),
        8 => Just(Step::Tick),
    ]
}

fn time() -> impl Strategy<Value = Option<u64>> {
    let extremes = prop_oneof![Just(0), Just(1 << 40), Just(1 << 63), Just(u64::MAX - 1), Just(u64::MAX)];
    prop_oneof![3 => Just(None), 1 => (0_u64..100_000_000).prop_map(Some), 1 => extremes.prop_map(Some)]
}

/// Takes what the engine wants done, and gives when it wants to be woken.
fn drain(node: &mut Node) -> Option<Instant> {
    for _ in 0..OUTPUTS_MAX {
        if let Output::Wait { until, .. } = node.poll() {
            return until;
        }
    }
    panic!("a step wants more done than any network could ask for");
}

fn feed(node: &mut Node, now: Instant, step: &Step, sequence: u64) {
    let command = |node: &mut Node, command| node.handle(now, Input::Command(command));
    match *step {
        Step::Interfaces(count) => node.handle(now, Input::Interfaces((2..2 + count).map(interface).collect())),
        Step::Heard(kind, lane, number) => {
            let bytes = said(kind, number, sequence);
            let ttl = if lane == Lane::Group { 1 } else { UNICAST_TTL };
            let from = SocketAddr::new(address(number), PORT);
            node.handle(now, Input::Datagram(Datagram { interface: 2, from, lane, ttl, bytes: &bytes }));
        }
        Step::Unreachable(number) => node.handle(now, Input::Unreachable { interface: 2, address: address(number) }),
        Step::Search => command(node, Command::Search),
        Step::Measure => command(node, Command::Measure),
        Step::Forget(number) => {
            command(node, Command::Forget(PeerKey::Identity(PeerId::from_bytes([number; 32]))));
        }
        Step::Quit => command(node, Command::Quit),
        Step::Tick => node.handle(now, Input::Tick),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_ends(
        config in config(),
        steps in proptest::collection::vec((time(), step()), 1..60),
        seed in any::<u64>(),
    ) {
        let identity = Identity { id: PeerId::from_bytes([1; 32]), epoch: 1 };
        let mut node = Node::new(identity, profile(), config, seed, vec![known(5), known(201)]);
        let mut now = Instant::ZERO;
        node.handle(now, Input::Interfaces(vec![interface(2)]));
        for (sequence, (at, step)) in (1..).zip(&steps) {
            let asked_for = drain(&mut node);
            now = at.map_or(asked_for.unwrap_or(now), Instant::from_micros);
            feed(&mut node, now, step, sequence);
        }
        drain(&mut node);
    }
}

#[test]
fn the_end_of_all_times_is_a_time_like_others() {
    let identity = Identity { id: PeerId::from_bytes([1; 32]), epoch: 1 };
    let mut node = Node::new(identity, profile(), Config::default(), 7, Vec::new());
    node.handle(Instant::from_micros(u64::MAX), Input::Interfaces(vec![interface(2)]));
    let until = drain(&mut node).unwrap();
    assert!(until > Instant::LATEST, "what is asked for is later, so it is not done again at once: {until}");
    node.handle(Instant::from_micros(u64::MAX), Input::Tick);
    assert_eq!(drain(&mut node), Some(until));
}
