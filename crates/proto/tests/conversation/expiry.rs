//! A peer falls silent, or this host itself does not hear.

use kimchi_peers_proto::{Cause, Change, Kind, Nonce, Reason, State};

use crate::lan::{ETH0, Lan, extended, id, interface, key, millis, secs, with};

#[test]
fn a_crash_is_noticed_after_three_heartbeats_and_twelve_questions() {
    let mut lan = Lan::settled(2);
    lan.hosts[1].stopped = true;
    let heard = lan.peer(0, &key(2)).last_heard.unwrap();
    lan.run(secs(60));
    let changes = lan.changes(0, &key(2));
    assert_eq!(
        changes,
        [(heard + secs(30), Change::Suspect, Cause::Silence), (heard + secs(33), Change::Down, Cause::NoAnswer)]
    );
    let questions = lan.sent_by(0, Kind::Search);
    assert_eq!(questions.len(), 12);
    let nonce = questions[0].extension().nonce;
    for (number, question) in (0..).zip(&questions) {
        assert_eq!(question.at, heard + secs(30) + millis(250 * number));
        assert!(!question.is_multicast());
        assert_eq!((question.extension().target, question.extension().nonce), (Some(id(2)), nonce));
    }
    assert!(nonce.is_some());
    assert_eq!(lan.peer(0, &key(2)).reason, Some(Reason::Lost));
    assert_eq!(lan.hosts[0].node.hosts(), 1);
}

#[test]
fn an_answer_saves_a_silent_peer() {
    let mut lan = Lan::settled(2);
    // What is sent to the group is lost on the way to the first host; what is sent to it alone comes through.
    lan.hosts[0].deaf = true;
    lan.run(secs(120));
    let changes: Vec<Change> = lan.changes(0, &key(2)).into_iter().map(|(_, change, _)| change).collect();
    assert!(changes.len() >= 4, "{changes:?}");
    assert!(changes.chunks(2).all(|pair| pair[0] == Change::Suspect && pair.get(1).is_none_or(|up| *up == Change::Up)));
    assert_eq!(lan.peer(0, &key(2)).round_trip, Some(millis(0)));
    let answers = lan.sent.iter().filter(|sent| sent.by == 1 && !sent.is_multicast());
    assert!(answers.clone().count() >= 2);
    assert!(answers.clone().all(|answer| answer.extension().echo.is_some()));
}

#[test]
fn a_replayed_answer_saves_nobody() {
    let mut lan = Lan::settled(2);
    lan.hosts[0].deaf = true;
    lan.run(secs(60));
    let answer = lan.sent.iter().rfind(|sent| sent.by == 1 && !sent.is_multicast()).unwrap().clone();
    lan.hosts[1].stopped = true;
    for _ in 0..100 {
        lan.unicast(0, 2, &answer.message);
        lan.run(secs(1));
    }
    assert_eq!(lan.state(0, 2), Some(State::Down));
}

#[test]
fn a_guessed_echo_says_nothing_of_the_round_trip() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.run(secs(31));
    assert_eq!(lan.state(0, 9), Some(State::Suspect));
    let guess = with(extended(Kind::Notify, 9, 2), |extension| extension.echo = Some(Nonce(0)));
    lan.unicast(0, 9, &guess);
    assert_eq!((lan.state(0, 9), lan.peer(0, &key(9)).round_trip), (Some(State::Up), None));
}

#[test]
fn without_an_interface_nobody_expires() {
    let mut lan = Lan::settled(2);
    lan.connect(0, Vec::new());
    lan.run(secs(3600));
    assert_eq!(lan.state(0, 2), Some(State::Up));
    assert!(lan.changes(0, &key(2)).is_empty());
    assert!(lan.sent_by(0, Kind::Search).is_empty());
    let start = lan.now;
    lan.connect(0, vec![interface(ETH0, 1)]);
    lan.run(secs(1));
    assert_eq!(lan.times(0, Kind::Search, start)[0], millis(0));
    assert_eq!(lan.state(0, 2), Some(State::Up));
    assert!(lan.changes(0, &key(2)).is_empty());
}

#[test]
fn after_a_suspend_nobody_is_doubted_for_ten_seconds() {
    let mut lan = Lan::settled(2);
    lan.hosts[0].stopped = true;
    lan.hosts[1].stopped = true;
    lan.run(secs(86_400));
    lan.hosts[0].stopped = false;
    let start = lan.now;
    lan.tick();
    assert_eq!(lan.times(0, Kind::Search, start), [millis(0)], "it asks at once who is there");
    lan.run(millis(9_999));
    assert!(lan.changes(0, &key(2)).is_empty());
    lan.run(secs(10));
    let changes: Vec<_> = lan.changes(0, &key(2)).into_iter().map(|(at, change, _)| (at, change)).collect();
    assert_eq!(changes, [(start + secs(10), Change::Suspect), (start + secs(13), Change::Down)]);
}

#[test]
fn a_wake_up_two_seconds_late_is_normal() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.run(secs(20));
    lan.forget();
    let until = lan.now;
    for _ in 0..12 {
        // The engine is only told the time every two seconds.
        lan.hosts[0].stopped = true;
        lan.run(secs(2));
        lan.hosts[0].stopped = false;
        lan.tick();
    }
    assert!(lan.changes(0, &key(9)).iter().any(|(_, change, _)| *change == Change::Suspect));
    assert!(lan.sent_by(0, Kind::Search).iter().all(|sent| !sent.is_multicast()), "since {until}");
}

#[test]
fn the_dead_are_forgotten_after_thirty_days() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 9, &extended(Kind::Quit, 9, 2));
    lan.run(secs(30 * 86_400 - 1));
    assert_eq!(lan.state(0, 9), Some(State::Down));
    lan.run(secs(1));
    assert_eq!(lan.state(0, 9), None);
    assert_eq!(
        lan.changes(0, &key(9)).last().map(|(_, change, cause)| (*change, *cause)),
        Some((Change::Removed, Cause::Expired))
    );
}
