//! The round trips to all are measured when somebody looks.

use std::time::Duration;

use kimchi_peers_proto::{Command, Kind, Nonce, State};

use crate::lan::{Lan, Sent, address, extended, id, key, millis, secs, with};

/// The searches that a host sent to another one alone, except those of the ring, which tell a digest.
fn questions(lan: &Lan, host: usize) -> Vec<Sent> {
    let plain = |sent: &&Sent| !sent.is_multicast() && sent.extension().digest.is_none();
    lan.sent_by(host, Kind::Search).into_iter().filter(plain).cloned().collect()
}

#[test]
fn each_is_asked_once_one_after_the_other() {
    let mut lan = Lan::watching(5);
    let start = lan.now;
    lan.command(0, Command::Measure);
    lan.run(secs(1));
    let asked = questions(&lan, 0);
    let targets: Vec<_> = asked.iter().map(|sent| sent.extension().target.unwrap()).collect();
    assert_eq!(targets, [2, 3, 4, 5].map(id));
    let times: Vec<Duration> = asked.iter().map(|sent| sent.at.since(start)).collect();
    assert_eq!(times, [0, 20, 40, 60].map(millis));
    for number in 2..=5 {
        assert_eq!(lan.peer(0, &key(number)).round_trip, Some(millis(0)), "{number}");
    }
}

#[test]
fn who_asks_often_measures_no_more_often() {
    let mut lan = Lan::watching(3);
    for _ in 0..79 {
        lan.command(0, Command::Measure);
        lan.run(millis(100));
    }
    assert_eq!(questions(&lan, 0).len(), 2);
    lan.run(millis(100));
    lan.command(0, Command::Measure);
    lan.run(secs(1));
    assert_eq!(questions(&lan, 0).len(), 4);
}

#[test]
fn who_does_not_answer_is_not_doubted_for_it_and_holds_nobody_up_for_long() {
    let mut lan = Lan::watching(5);
    let before = lan.changes(0, &key(2)).len();
    lan.hosts[1].stopped = true;
    let start = lan.now;
    lan.command(0, Command::Measure);
    lan.run(millis(300));
    let times: Vec<Duration> = questions(&lan, 0).iter().map(|sent| sent.at.since(start)).collect();
    assert_eq!(times, [0, 200, 220, 240].map(millis));
    assert_eq!((lan.state(0, 2), lan.changes(0, &key(2)).len()), (Some(State::Up), before));
}

#[test]
fn an_answer_of_another_or_with_another_number_is_no_measurement() {
    let mut lan = Lan::watching(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    lan.command(0, Command::Measure);
    let nonce = questions(&lan, 0)[0].extension().nonce;
    assert_eq!(questions(&lan, 0)[0].to.ip(), address(8));
    let answer = |number, sequence, echo: Option<Nonce>| {
        with(extended(Kind::Notify, number, sequence), |extension| extension.echo = echo)
    };
    lan.unicast(0, 8, &answer(8, 2, Some(Nonce(0))));
    lan.unicast(0, 9, &answer(9, 2, nonce));
    assert_eq!((lan.peer(0, &key(8)).round_trip, lan.peer(0, &key(9)).round_trip), (None, None));
    lan.run(millis(5));
    lan.unicast(0, 8, &answer(8, 3, nonce));
    assert_eq!((lan.peer(0, &key(8)).round_trip, lan.peer(0, &key(9)).round_trip), (Some(millis(5)), None));
}

#[test]
fn who_left_meanwhile_is_not_asked() {
    let mut lan = Lan::watching(4);
    lan.command(0, Command::Measure);
    lan.command(3, Command::Quit);
    lan.run(secs(1));
    let targets: Vec<_> = questions(&lan, 0).iter().map(|sent| sent.extension().target.unwrap()).collect();
    assert_eq!(targets, [2, 3].map(id));
}
