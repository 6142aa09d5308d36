//! Who answers what, when and to whom.

use kimchi_peers_proto::{Command, Kind, Lane, Message, Nonce, State};

use crate::lan::{Lan, Sent, address, base, extended, id, millis, profile, secs, with};

/// A search for host 1 alone.
fn directed(nonce: u64) -> Message {
    with(extended(Kind::Search, 9, 1), |extension| {
        extension.target = Some(id(1));
        extension.nonce = Some(Nonce(nonce));
    })
}

fn only(mut sent: Vec<&Sent>) -> &Sent {
    assert_eq!(sent.len(), 1, "{sent:?}");
    sent.remove(0)
}

#[test]
fn base_and_extended_searches_are_answered_to_the_group() {
    for search in [base(Kind::Search, 9), extended(Kind::Search, 9, 1)] {
        let mut lan = Lan::settled(1);
        // Past the heartbeat that might count as the answer of this second.
        lan.run_past_heartbeat();
        lan.group(0, 9, &search);
        lan.run(secs(1));
        let start = lan.now;
        let answer = only(lan.sent_by(0, Kind::Notify));
        assert!(answer.is_multicast());
        assert!(start.since(answer.at) >= millis(998), "the delay is at most half a millisecond a host");
        assert_eq!(answer.extension().echo, None);
    }
}

#[test]
fn the_random_delay_grows_with_the_network() {
    let mut lan = Lan::settled(1);
    lan.run_past_heartbeat();
    (2..=200).for_each(|number| lan.group(0, number, &extended(Kind::Notify, number, 1)));
    let mut delays = Vec::new();
    for _ in 0..20 {
        lan.run(secs(2));
        lan.forget();
        let start = lan.now;
        lan.group(0, 9, &base(Kind::Search, 250));
        lan.run(secs(1));
        delays.extend(lan.times(0, Kind::Notify, start).first().copied());
    }
    assert!(delays.len() == 20 && delays.iter().all(|delay| *delay <= millis(100)), "{delays:?}");
    assert!(delays.iter().any(|delay| *delay > millis(30)), "{delays:?}");
}

#[test]
fn one_answer_a_second_serves_all_that_asked() {
    let mut lan = Lan::settled(1);
    lan.run(secs(2));
    lan.forget();
    let start = lan.now;
    for round in 0..30_u64 {
        for number in 20..30 {
            lan.group(0, number, &extended(Kind::Search, number, round + 1));
        }
        lan.run(millis(100));
    }
    let times = lan.times(0, Kind::Notify, start);
    assert!((3..=4).contains(&times.len()), "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= secs(1)), "{times:?}");
}

#[test]
fn an_answer_triggers_no_answer() {
    let mut lan = Lan::settled(3);
    lan.run(secs(2));
    lan.forget();
    lan.group(0, 9, &base(Kind::Notify, 9));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    assert!(lan.sent.is_empty());
}

#[test]
fn a_directed_search_is_answered_to_its_sender_alone() {
    let mut lan = Lan::settled(1);
    let question = directed(0xfeed);
    lan.unicast(0, 9, &question);
    let answer = only(lan.sent.iter().collect());
    assert_eq!((answer.kind(), answer.to.ip(), answer.to.port()), (Kind::Notify, address(9), 8000));
    assert_eq!(answer.extension().echo, Some(Nonce(0xfeed)));
    assert!(answer.bytes.len() <= question.encode().len(), "an answer is never longer than its question");
    assert_eq!(lan.state(0, 9), Some(State::Up), "who asks is known from then on");
}

#[test]
fn an_answer_that_would_be_longer_goes_to_the_group() {
    let mut lan = Lan::settled(1);
    let long = format!("{}.{}", "a".repeat(63), "b".repeat(63)).parse().unwrap();
    lan.command(0, Command::Profile(kimchi_peers_proto::Profile { name: long, ..profile(1) }));
    lan.run(secs(2));
    lan.forget();
    lan.unicast(0, 9, &directed(1));
    lan.run(secs(1));
    assert!(only(lan.sent.iter().collect()).is_multicast());
}

#[test]
fn a_search_for_another_is_not_answered() {
    let mut lan = Lan::settled(1);
    lan.run(secs(2));
    lan.forget();
    let other = with(directed(1), |extension| extension.target = Some(id(77)));
    lan.unicast(0, 9, &other);
    lan.group(0, 9, &with(other, |extension| extension.sequence = 2));
    lan.run(secs(2));
    assert!(lan.sent.is_empty());
    assert_eq!(lan.state(0, 9), Some(State::Up));
}

#[test]
fn what_crossed_a_router_is_dropped_before_it_is_read() {
    let mut lan = Lan::settled(1);
    lan.run_past_heartbeat();
    let bytes = directed(1).encode();
    lan.datagram(0, address(9), Lane::Unicast, 254, &bytes);
    lan.datagram(0, address(9), Lane::Unicast, 1, b"");
    lan.datagram(0, "203.0.113.9".parse().unwrap(), Lane::Unicast, 255, &bytes);
    lan.datagram(0, "203.0.113.9".parse().unwrap(), Lane::Group, 1, &bytes);
    lan.datagram(0, "10.0.1.9".parse().unwrap(), Lane::Group, 255, b"");
    assert_eq!((lan.dropped(0, "ttl"), lan.dropped(0, "off_link"), lan.dropped(0, "too_short")), (2, 3, 0));
    lan.run(secs(2));
    assert!(lan.sent.is_empty());
    assert_eq!(lan.hosts[0].node.table().len(), 0);
}

#[test]
fn an_address_that_is_not_the_sender_s_is_dropped() {
    let mut lan = Lan::settled(1);
    lan.group(0, 8, &extended(Kind::Notify, 9, 1));
    let mut far = base(Kind::Notify, 9);
    far.info.address = [192, 0, 2, 9].into();
    lan.group(0, 9, &far);
    lan.group(0, 255, &base(Kind::Notify, 255));
    // Nobody else's row may lead to this host's own console.
    lan.group(0, 9, &base(Kind::Notify, 1));
    assert_eq!((lan.dropped(0, "address_mismatch"), lan.dropped(0, "own_console")), (3, 1));
    assert!(lan.hosts[0].node.table().is_empty());
}
