//! Goodbyes, true and forged.

use kimchi_peers_proto::{Absence, Cause, Change, Command, Config, Event, Kind, Lane, Message, Reason, State};

use crate::lan::{ETH0, Lan, address, base, extended, interface, key, millis, secs, with};

#[test]
fn a_goodbye_is_said_three_times_within_100_ms() {
    let mut lan = Lan::settled(2);
    let start = lan.now;
    lan.command(0, Command::Quit);
    assert_eq!(lan.state(1, 1), Some(State::Down), "the first copy is enough");
    lan.run(secs(60));
    assert_eq!(lan.times(0, Kind::Quit, start), [0, 45, 90].map(millis));
    assert_eq!(lan.changes(1, &key(1)), [(start, Change::Down, Cause::Heard(Kind::Quit))]);
    assert_eq!(lan.peer(1, &key(1)).reason, Some(Reason::Left));
    assert_eq!(lan.hosts[0].events.last(), Some(&(start + millis(90), Event::Left)));
    assert_eq!(lan.dropped(1, "stray_quit"), 0, "the copies belong to it");
}

#[test]
fn nothing_is_said_after_the_goodbye() {
    let mut lan = Lan::settled(2);
    lan.command(0, Command::Quit);
    lan.forget();
    for number in 0..10 {
        lan.group(0, 9, &extended(Kind::Search, 9, number + 1));
        lan.group(0, 8, &base(Kind::Search, 8));
        lan.unicast(
            0,
            9,
            &with(extended(Kind::Search, 9, number + 100), |extension| {
                extension.nonce = Some(kimchi_peers_proto::Nonce(number));
            }),
        );
        lan.group(0, 9, &extended(Kind::Quit, 1, 1000 + number));
        lan.command(0, Command::Search);
        lan.command(0, Command::Quit);
        lan.connect(0, vec![interface(ETH0, 1), interface(3, 11)]);
        lan.run(millis(20));
    }
    lan.run(secs(60));
    assert_eq!(lan.sent_by(0, Kind::Quit).len(), 2, "the second and the third copy");
    assert!(lan.sent_by(0, Kind::Notify).is_empty() && lan.sent_by(0, Kind::Search).is_empty());
    assert_eq!(lan.hosts[0].events.iter().filter(|(_, event)| *event == Event::Left).count(), 1);
    assert_eq!(lan.state(1, 1), Some(State::Down));
}

#[test]
fn an_absence_is_announced_with_the_goodbye_and_ends_with_the_return() {
    let mut lan = Lan::settled(2);
    lan.run(secs(5));
    let start = lan.now;
    lan.command(0, Command::Leave(firmware()));
    lan.run(secs(60));
    let goodbyes = lan.sent_by(0, Kind::Quit);
    assert_eq!(goodbyes.len(), 3);
    assert!(
        goodbyes
            .iter()
            .all(|sent| sent.message.info.extension.as_ref().unwrap().absence.as_deref() == Some(&firmware()))
    );
    assert_eq!(lan.changes(1, &key(1)).last(), Some(&(start, Change::Down, Cause::Heard(Kind::Quit))));
    let row = lan.peer(1, &key(1));
    let away = row.away.as_deref().unwrap();
    assert_eq!((away.until, away.reason.as_str()), (start + secs(7200), "firmware"), "the first copy counts");
    assert_eq!((row.state, row.reason), (State::Down, Some(Reason::Left)));
    // It starts again.
    lan.group(1, 1, &with(extended(Kind::Search, 1, 1), |extension| extension.epoch = 1 << 40));
    assert_eq!((lan.state(1, 1), lan.peer(1, &key(1)).away.as_deref()), (Some(State::Up), None));
}

#[test]
fn only_a_believed_goodbye_of_who_was_there_announces_an_absence() {
    let mut lan = Lan::settled(1);
    let says =
        |kind, sequence| with(extended(kind, 9, sequence), |extension| extension.absence = Some(Box::new(firmware())));
    lan.group(0, 9, &says(Kind::Notify, 5));
    assert_eq!((lan.state(0, 9), lan.peer(0, &key(9)).away.as_deref()), (Some(State::Up), None), "it is no goodbye");
    // An old one, one of another run, one from another address, one of a peer that is not there.
    lan.group(0, 9, &says(Kind::Quit, 4));
    lan.group(0, 9, &with(says(Kind::Quit, 6), |extension| extension.epoch = 4));
    lan.group(
        0,
        8,
        &Message {
            info: kimchi_peers_proto::Info { address: address(8), ..says(Kind::Quit, 6).info },
            ..says(Kind::Quit, 6)
        },
    );
    assert_eq!((lan.state(0, 9), lan.peer(0, &key(9)).away.as_deref()), (Some(State::Up), None));
    lan.group(0, 9, &extended(Kind::Quit, 9, 7));
    lan.group(0, 9, &says(Kind::Quit, 8));
    assert_eq!(
        (lan.state(0, 9), lan.peer(0, &key(9)).away.as_deref()),
        (Some(State::Down), None),
        "it had left already"
    );
}

fn firmware() -> Absence {
    Absence::new(7200, "firmware".parse().unwrap()).unwrap()
}

#[test]
fn without_a_link_it_has_left_at_once() {
    let mut lan = Lan::new();
    let host = lan.add(1, Config::default(), Vec::new());
    lan.command(host, Command::Quit);
    assert_eq!(lan.hosts[host].events, [(lan.now, Event::Left)]);
}

#[test]
fn who_comes_back_is_up_again() {
    let mut lan = Lan::settled(2);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 9, &extended(Kind::Quit, 9, 2));
    assert_eq!(lan.state(0, 9), Some(State::Down));
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    assert_eq!(lan.state(0, 9), Some(State::Down), "what was said before does not count");
    lan.group(0, 9, &with(extended(Kind::Search, 9, 1), |extension| extension.epoch = 6));
    assert_eq!(lan.state(0, 9), Some(State::Up));
    lan.group(0, 9, &extended(Kind::Quit, 9, 3));
    assert_eq!(lan.state(0, 9), Some(State::Up), "a goodbye of the incarnation before");
    assert_eq!(lan.dropped(0, "stray_quit"), 1);
}

/// Gives both hosts a goodbye in the name of host 1 that host 9 made.
fn forge(lan: &mut Lan, from: u8, quit: &Message) {
    for host in [1, 0] {
        lan.datagram(host, address(from), Lane::Group, 1, &quit.encode());
    }
}

#[test]
fn an_extended_goodbye_from_elsewhere_is_not_believed_and_contradicted() {
    let mut lan = Lan::settled(2);
    let mut quit = extended(Kind::Quit, 1, 1000);
    quit.info.address = address(9);
    forge(&mut lan, 9, &quit);
    assert_eq!(lan.state(1, 1), Some(State::Up));
    let refutation = lan.sent_by(0, Kind::Notify)[0];
    assert!(refutation.extension().sequence > 1000, "nobody takes it for older than the goodbye");
    assert!(lan.changes(1, &key(1)).is_empty());
}

#[test]
fn a_goodbye_with_this_host_s_own_source_is_contradicted_at_once() {
    let mut lan = Lan::settled(2);
    let start = lan.now;
    forge(&mut lan, 1, &extended(Kind::Quit, 1, 1000));
    // Nothing tells it from a true one, so the others believe it until the host itself speaks up.
    let changes: Vec<Change> = lan.changes(1, &key(1)).into_iter().map(|(_, change, _)| change).collect();
    assert_eq!(changes, [Change::Down, Change::Up]);
    assert_eq!(lan.sent_by(0, Kind::Notify)[0].at, start);
    assert_eq!(lan.state(1, 1), Some(State::Up));
}

#[test]
fn a_base_goodbye_in_this_host_s_name_is_contradicted_wherever_it_comes_from() {
    for from in [1, 9] {
        for https_port in [8001, 9999] {
            let mut lan = Lan::settled(2);
            let start = lan.now;
            let mut quit = base(Kind::Quit, 1);
            quit.info.https_port = https_port;
            forge(&mut lan, from, &quit);
            lan.run(millis(10));
            assert_eq!(lan.times(0, Kind::Notify, start).len(), 1, "from {from} for port {https_port}");
            assert_eq!(lan.state(1, 1), Some(State::Up));
        }
    }
}

#[test]
fn forged_goodbyes_cost_no_more_than_the_bound() {
    let mut lan = Lan::settled(2);
    for number in 0..10_000 {
        lan.group(0, 9, &with(extended(Kind::Quit, 1, 1000 + number), |_| {}));
        lan.run(millis(1));
    }
    // Ten seconds: a burst of twenty, then eight a second.
    assert!(lan.sent_by(0, Kind::Notify).len() <= 101, "{}", lan.sent_by(0, Kind::Notify).len());
}

#[test]
fn a_goodbye_out_of_all_proportion_is_not_believed() {
    let mut lan = Lan::settled(2);
    lan.group(0, 2, &extended(Kind::Quit, 2, 1 << 40));
    assert_eq!((lan.state(0, 2), lan.dropped(0, "stray_quit")), (Some(State::Up), 1));
    lan.group(0, 9, &extended(Kind::Quit, 77, 1));
    lan.group(0, 9, &base(Kind::Quit, 9));
    assert_eq!(lan.dropped(0, "stray_quit") + lan.dropped(0, "address_mismatch"), 3);
}
