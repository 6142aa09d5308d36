//! A host that comes late to what came in: what is due waits until it has read that.

use kimchi_peers_proto::{Datagram, Digest, Input, Kind, Lane, Message, Nonce, Output, PORT};

use crate::lan::{ETH0, Lan, address, extended, millis, secs, with};

/// A host and a peer that would answer before it, 10 ms after a search that neither has answered yet.
fn late() -> (Lan, Digest) {
    let mut lan = Lan::settled(1);
    lan.run_past_heartbeat();
    lan.group(0, 12, &extended(Kind::Notify, 12, 1));
    lan.run(secs(2));
    lan.forget();
    lan.hosts[0].stopped = true;
    let search = with(extended(Kind::Search, 9, 1), |extension| extension.nonce = Some(Nonce(7)));
    lan.group(0, 9, &search);
    lan.run(millis(10));
    let own = lan.hosts[0].node.digest(ETH0).unwrap();
    (lan, own)
}

fn take_in(lan: &mut Lan, number: u8, message: &Message) {
    let from = std::net::SocketAddr::new(address(number), PORT);
    let bytes = message.encode();
    let datagram = Datagram { interface: ETH0, from, lane: Lane::Group, ttl: 1, bytes: &bytes };
    lan.hosts[0].node.take_in(lan.now, Input::Datagram(datagram));
}

/// The kinds of what the host wants sent to all, and whether it waits for something in the past.
fn wants(lan: &mut Lan) -> (Vec<Kind>, bool) {
    let mut sent = Vec::new();
    loop {
        match lan.hosts[0].node.poll() {
            Output::Send { to, bytes, .. } if to.ip().is_multicast() => {
                sent.push(Message::decode(&bytes).unwrap().kind)
            }
            Output::Send { .. } | Output::Event(_) => {}
            Output::Wait { until, .. } => return (sent, until.is_some_and(|until| until <= lan.now)),
        }
    }
}

#[test]
fn who_is_late_answers_if_nobody_else_did() {
    let (mut lan, _) = late();
    let now = lan.now;
    take_in(&mut lan, 30, &extended(Kind::Notify, 30, 1));
    assert_eq!(wants(&mut lan), (vec![], true), "there may be more to read");
    lan.hosts[0].node.handle(now, Input::Tick);
    assert_eq!(wants(&mut lan), (vec![Kind::Notify], false));
}

#[test]
fn an_answer_that_came_in_meanwhile_saves_the_own_one() {
    let (mut lan, own) = late();
    let now = lan.now;
    let answer = with(extended(Kind::Notify, 12, 2), |extension| {
        (extension.digest, extension.echo) = (Some(own), Some(Nonce(7)));
    });
    take_in(&mut lan, 12, &answer);
    lan.hosts[0].node.handle(now, Input::Tick);
    assert_eq!(wants(&mut lan), (vec![], false));
}

#[test]
fn a_heartbeat_does_not_wait_for_long_and_an_answer_does() {
    let (mut lan, _) = late();
    let now = lan.now;
    lan.hosts[0].node.do_urgent(now);
    assert_eq!(wants(&mut lan), (vec![], true), "the answer waits");
    // The next heartbeat is due too.
    lan.run(secs(12));
    let now = lan.now;
    lan.hosts[0].node.do_urgent(now);
    assert_eq!(wants(&mut lan), (vec![Kind::Notify], false), "and serves as the answer");
}

#[test]
fn who_was_stopped_says_that_it_is_there_and_who_is_only_slow_does_not() {
    for (slow, said) in [(false, vec![Kind::Notify]), (true, vec![])] {
        let mut lan = Lan::watching(3);
        lan.run_past_heartbeat();
        lan.hosts[0].stopped = true;
        // Less than what makes a host search as well.
        for turn in 1..=13 {
            lan.run(millis(150));
            if slow {
                take_in(&mut lan, 30, &extended(Kind::Notify, 30, turn));
            }
        }
        let now = lan.now;
        lan.hosts[0].node.handle(now, Input::Tick);
        assert_eq!(wants(&mut lan).0, said, "{slow}");
    }
}
