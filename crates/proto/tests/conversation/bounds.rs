//! Whatever comes in, what goes out and what is kept is bounded.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use kimchi_peers_proto::{
    Config, Datagram, Event, Extension, Input, Instant, Kind, Lane, Message, Node, Output, PeerId, State,
};

use crate::lan::{ETH0, Lan, address, base, extended, id, millis, secs, with};

#[test]
fn ten_thousand_searches_are_answered_once_a_second() {
    let mut lan = Lan::settled(1);
    lan.run(secs(2));
    lan.forget();
    for number in 0..10_000_u64 {
        let from = 20 + (number % 100) as u8;
        let search = if number % 2 == 0 { base(Kind::Search, from) } else { extended(Kind::Search, from, number) };
        lan.group(0, from, &search);
        lan.run(millis(1));
    }
    assert!((9..=11).contains(&lan.sent.len()), "{} datagrams in ten seconds", lan.sent.len());
}

#[test]
fn ten_thousand_directed_searches_cost_no_more_than_the_bound() {
    let mut lan = Lan::settled(1);
    for number in 0..10_000_u64 {
        let search = with(extended(Kind::Search, 9, number + 1), |extension| {
            extension.target = Some(id(1));
            extension.nonce = Some(kimchi_peers_proto::Nonce(number));
        });
        lan.unicast(0, 9, &search);
        lan.run(millis(1));
    }
    let unicasts = lan.sent.iter().filter(|sent| !sent.is_multicast()).count();
    assert!((4_000..=5_001).contains(&unicasts), "a burst of 1,000 and 400 a second, not {unicasts}");
    assert!(lan.sent.iter().filter(|sent| sent.is_multicast()).count() <= 12);
    assert!(lan.dropped(0, "throttled") >= 4_500);
}

#[test]
fn dropped_datagrams_are_reported_once_a_minute_and_cause() {
    let mut lan = Lan::settled(1);
    for _ in 0..1_800 {
        lan.datagram(0, address(9), Lane::Group, 1, b"\0\0\0\x02{}\n");
        lan.datagram(0, address(9), Lane::Group, 1, b"");
        lan.datagram(0, IpAddr::from([192, 0, 2, 1]), Lane::Group, 1, b"");
        lan.run(millis(100));
    }
    let mut reports: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (_, event) in &lan.hosts[0].events {
        if let Event::Dropped { cause, count, .. } = event {
            reports.entry(cause).or_default().push(*count);
        }
    }
    assert_eq!(reports.keys().copied().collect::<Vec<_>>(), ["kind", "off_link", "too_short"]);
    assert!(reports.values().all(|counts| *counts == [1, 600, 600]), "{reports:?}");
    assert_eq!(lan.dropped(0, "kind"), 1_800);
}

#[test]
fn a_copy_is_counted_and_not_reported() {
    let mut lan = Lan::settled(1);
    for _ in 0..100 {
        lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    }
    assert_eq!(lan.dropped(0, "stale"), 99);
    assert!(lan.hosts[0].events.iter().all(|(_, event)| !matches!(event, Event::Dropped { .. })));
}

/// The identities 0, 1, ... of invented peers.
fn invented(number: u32) -> Message {
    let mut bytes = [0xee; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    with(extended(Kind::Notify, 9, 1), |extension: &mut Extension| extension.id = PeerId::from_bytes(bytes))
}

fn give(node: &mut Node, now: Instant, from: u8, message: &Message) {
    let bytes = message.encode();
    let from = SocketAddr::new(address(from), 8000);
    node.handle(now, Input::Datagram(Datagram { interface: ETH0, from, lane: Lane::Group, ttl: 1, bytes: &bytes }));
    while !matches!(node.poll(), Output::Wait { .. }) {}
}

#[test]
fn invented_peers_displace_nobody_that_is_up() {
    let mut lan = Lan::settled(1);
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    let now = lan.now;
    let node = &mut lan.hosts[0].node;
    for number in 0..9_000 {
        give(node, now, 9, &invented(number));
    }
    assert_eq!(node.table().len(), Config::default().peers_max);
    assert_eq!(node.counters().dropped["table_full"], 9_001 - 8_192);
    for number in 0..2_000_u16 {
        let mut message = base(Kind::Notify, 10);
        message.info.name = format!("invented-{number}").parse().unwrap();
        give(node, now, 10, &message);
    }
    assert_eq!(node.table().base(), Config::default().base_peers_max);
    assert_eq!(node.table().len(), 8_192 + 1_024);
    assert_eq!(lan.state(0, 8), Some(State::Up));
}

#[test]
fn the_longest_dead_makes_room() {
    let mut lan = Lan::new();
    let host = lan.start_with(1, Config { peers_max: 3, base_peers_max: 1, ..Config::default() }, Vec::new());
    for number in [20, 21, 22] {
        lan.group(host, number, &extended(Kind::Notify, number, 1));
    }
    for number in [21, 20] {
        lan.run(secs(1));
        lan.group(host, number, &extended(Kind::Quit, number, 2));
    }
    lan.group(host, 30, &base(Kind::Notify, 30));
    lan.group(host, 23, &extended(Kind::Notify, 23, 1));
    assert_eq!(
        [20, 21, 22, 23].map(|number| lan.state(host, number)),
        [Some(State::Down), None, Some(State::Up), Some(State::Up)]
    );
    assert_eq!(lan.hosts[host].node.counters().evicted["down"], 1);
    lan.group(host, 31, &base(Kind::Notify, 31));
    assert_eq!((lan.hosts[host].node.table().base(), lan.dropped(host, "table_full")), (1, 1));
}

#[test]
fn one_peer_has_at_most_eight_addresses() {
    let mut lan = Lan::settled(1);
    for number in 20..60 {
        let mut message = extended(Kind::Notify, 9, u64::from(number));
        message.info.address = address(number);
        lan.group(0, number, &message);
    }
    assert_eq!(lan.peer(0, &crate::lan::key(9)).paths.len(), 8);
    lan.group(0, 59, &with(extended(Kind::Quit, 9, 100), |_| {}));
    assert_eq!(lan.dropped(0, "address_mismatch"), 1);
}
