//! The same inputs, times and seed give the same outputs, byte for byte.

use kimchi_peers_proto::{Command, Config, Event, Identity, Input, Instant, Kind, Node, Output};

use crate::lan::{ETH0, Lan, Sent, base, extended, id, interface, profile, secs};

/// A small story of three hosts, one of which crashes and one of which leaves.
fn story() -> (Vec<Sent>, Vec<Vec<(Instant, Event)>>) {
    let mut lan = Lan::settled(3);
    (20..120).for_each(|number| lan.group(0, number, &extended(Kind::Search, number, 1)));
    lan.group(1, 9, &base(Kind::Search, 9));
    lan.run(secs(20));
    lan.hosts[2].stopped = true;
    lan.command(1, Command::Search);
    lan.run(secs(100));
    lan.command(1, Command::Quit);
    lan.run(secs(100));
    (lan.sent, lan.hosts.into_iter().map(|host| host.events).collect())
}

#[test]
fn one_story_is_told_the_same_way_twice() {
    let (first, second) = (story(), story());
    assert!(first.0.len() > 100 && first.1[0].len() > 100);
    assert_eq!(first, second);
}

/// When a host alone sends its first ten heartbeats.
fn heartbeats(seed: u64) -> Vec<Instant> {
    let identity = Identity { id: id(1), epoch: 1 };
    let mut node = Node::new(identity, profile(1), Config::default(), seed, Vec::new());
    node.handle(Instant::ZERO, Input::Interfaces(vec![interface(ETH0, 1)]));
    let mut beats = Vec::new();
    loop {
        match node.poll() {
            Output::Wait { until: Some(at), .. } if beats.len() < 10 => {
                beats.push(at);
                node.handle(at, Input::Tick);
            }
            Output::Wait { .. } => return beats,
            Output::Send { .. } | Output::Event(_) => {}
        }
    }
}

#[test]
fn the_seed_decides_the_jitter() {
    assert_eq!(heartbeats(1), heartbeats(1));
    assert_ne!(heartbeats(1), heartbeats(2));
}
