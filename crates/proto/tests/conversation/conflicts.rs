//! Two claim one name or one identity.

use kimchi_peers_proto::{Cause, Change, Conflict, Event, Kind, Lane, Message, Mode, PeerKey, State, Trust};

use crate::lan::{Lan, address, extended, id, key, keyring, profile, sealed, sealed_key, secret, secs, with};

/// Host `number` under the name of another.
fn named(number: u8, name: u8, sequence: u64) -> Message {
    let mut message = extended(Kind::Notify, number, sequence);
    message.info.name = profile(name).name;
    message
}

#[test]
fn two_hosts_with_one_name_are_both_kept_and_flagged() {
    let mut lan = Lan::settled(1);
    lan.group(0, 8, &named(8, 50, 1));
    lan.group(0, 9, &named(9, 50, 1));
    assert_eq!(lan.peer(0, &key(8)).conflict.as_deref(), Some(&Conflict::Name(Some(key(9)))));
    assert_eq!(lan.peer(0, &key(9)).conflict.as_deref(), Some(&Conflict::Name(Some(key(8)))));
    assert_eq!((lan.state(0, 8), lan.state(0, 9)), (Some(State::Up), Some(State::Up)));
    lan.group(0, 8, &named(8, 50, 2));
    lan.group(0, 9, &named(9, 50, 2));
    let conflicts = lan.changes(0, &key(8)).iter().filter(|(_, change, _)| *change == Change::Conflict).count();
    assert_eq!(conflicts, 1, "told once");
    lan.group(0, 9, &named(9, 51, 3));
    assert_eq!(lan.peer(0, &key(8)).conflict, None);
    assert_eq!(
        lan.changes(0, &key(8)).last().map(|(_, change, cause)| (*change, *cause)),
        Some((Change::Changed, Cause::ConflictEnded))
    );
}

#[test]
fn who_comes_up_disputed_has_no_link_from_the_first_event_on() {
    let mut lan = Lan::settled(1);
    lan.group(0, 8, &named(8, 50, 1));
    lan.group(0, 9, &named(9, 50, 1));
    let told = lan.told(0, &key(9));
    let [(Change::Up, first), (Change::Conflict, second)] = told.as_slice() else { panic!("{told:?}") };
    assert!(first.is_disputed() && second.is_disputed(), "{first:?}");
}

#[test]
fn a_conflict_ends_when_one_of_the_two_leaves() {
    let mut lan = Lan::settled(1);
    lan.group(0, 8, &named(8, 50, 1));
    lan.group(0, 9, &named(9, 50, 1));
    lan.group(0, 9, &Message { kind: Kind::Quit, ..named(9, 50, 2) });
    assert_eq!(lan.peer(0, &key(8)).conflict, None);
}

#[test]
fn who_takes_this_host_s_name_is_flagged() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &named(9, 1, 1));
    assert_eq!(lan.peer(0, &key(9)).conflict.as_deref(), Some(&Conflict::Name(None)));
    lan.command(0, kimchi_peers_proto::Command::Profile(profile(77)));
    assert_eq!(lan.peer(0, &key(9)).conflict, None);
}

/// What the copy of host 8 says, which runs at the address of `at`.
fn copy(at: u8, epoch: u64, sequence: u64) -> Message {
    let mut message = with(extended(Kind::Notify, 8, sequence), |extension| extension.epoch = epoch);
    message.info.address = address(at);
    message
}

#[test]
fn a_cloned_identity_makes_two_rows_that_do_not_flap() {
    for epoch_of_the_copy in [5, 3] {
        let mut lan = Lan::settled(1);
        for round in 1..=30 {
            lan.group(0, 8, &copy(8, 5, 1000 + round));
            lan.run(secs(5));
            lan.group(0, 9, &copy(9, epoch_of_the_copy, round));
            lan.run(secs(5));
        }
        let clone = PeerKey::Clone(id(8), address(9));
        assert_eq!(lan.peer(0, &key(8)).conflict.as_deref(), Some(&Conflict::Identity(address(9))));
        assert_eq!(lan.peer(0, &clone).conflict.as_deref(), Some(&Conflict::Identity(address(8))));
        assert_eq!(lan.peer(0, &key(8)).addresses(), [address(8)]);
        assert_eq!((lan.peer(0, &key(8)).state, lan.peer(0, &clone).state), (State::Up, State::Up));
        let told = lan.changes(0, &clone).len() + lan.changes(0, &key(8)).len();
        assert!(told <= 6, "{:?} {:?}", lan.changes(0, &key(8)), lan.changes(0, &clone));
        // The copy goes: its row goes with the conflict.
        lan.group(0, 9, &Message { kind: Kind::Quit, ..copy(9, epoch_of_the_copy, 31) });
        assert!(lan.hosts[0].node.table().get(&clone).is_none());
        assert_eq!(lan.peer(0, &key(8)).conflict, None);
    }
}

#[test]
fn where_the_first_of_two_copies_goes_the_other_one_gets_the_row() {
    let mut lan = Lan::settled(1);
    let clone = PeerKey::Clone(id(8), address(9));
    for round in 1..=30 {
        lan.group(0, 8, &copy(8, 5, 1000 + round));
        lan.run(secs(5));
        lan.group(0, 9, &copy(9, 3, round));
        lan.run(secs(5));
    }
    assert!(lan.hosts[0].node.table().get(&clone).is_some());
    lan.forget();
    lan.group(0, 8, &Message { kind: Kind::Quit, ..copy(8, 5, 1031) });
    assert!(lan.hosts[0].node.table().get(&clone).is_none());
    let row = lan.peer(0, &key(8));
    assert_eq!((row.state, row.conflict.as_deref(), row.addresses()), (State::Up, None, vec![address(9)]));
    let told: Vec<_> = lan.changes(0, &key(8)).into_iter().map(|(_, change, cause)| (change, cause)).collect();
    assert_eq!(told, [(Change::Down, Cause::Heard(Kind::Quit)), (Change::Up, Cause::ConflictEnded)]);
    assert_eq!(lan.hosts[0].node.hosts(), 2);
    // It goes on as any other: its next words are its own, and its end is noticed.
    lan.group(0, 9, &copy(9, 3, 31));
    assert_eq!(lan.state(0, 8), Some(State::Up));
    lan.run(secs(60));
    assert_eq!(lan.state(0, 8), Some(State::Down));
}

#[test]
fn the_name_of_a_copy_is_free_for_the_identity_that_its_host_has_next() {
    // The copy goes by the name of its own host, and its row is the first or the second one.
    for (first, second) in [(8, 9), (9, 8)] {
        let mut lan = Lan::new();
        lan.start_sealed(1, Mode::Mark, Vec::new(), &[]);
        let says = |kind, at, sequence| {
            let message = with(extended(kind, at, sequence), |extension| extension.id = secret(8).id());
            message.seal(&secret(8), &keyring(&[]))
        };
        for round in 1..=30 {
            lan.datagram(0, address(first), Lane::Group, 1, &says(Kind::Notify, first, 1000 + round));
            lan.run(secs(5));
            lan.datagram(0, address(second), Lane::Group, 1, &says(Kind::Notify, second, round));
            lan.run(secs(5));
        }
        let conflicts = lan.hosts[0].node.table().iter().filter(|peer| peer.conflict.is_some()).count();
        assert_eq!(conflicts, 2, "{first} came first");
        lan.datagram(0, address(9), Lane::Group, 1, &says(Kind::Quit, 9, if first == 9 { 1031 } else { 31 }));
        for round in 1..=5 {
            let number = if first == 8 { 1031 } else { 31 } + round;
            lan.datagram(0, address(8), Lane::Group, 1, &says(Kind::Notify, 8, number));
            lan.datagram(0, address(9), Lane::Group, 1, &sealed(Kind::Notify, 9, round, &[]));
            lan.run(secs(5));
        }
        let rows: Vec<_> = lan.hosts[0].node.table().iter().collect();
        assert_eq!(rows.len(), 2, "{first} came first: {rows:#?}");
        for number in [8, 9] {
            let row = lan.peer(0, &sealed_key(number));
            let seen = (row.name.clone(), row.state, row.trust, row.conflict.as_deref(), row.holds_name);
            assert_eq!(seen, (profile(number).name, State::Up, Trust::Pinned, None, true), "{first} came first");
        }
    }
}

#[test]
fn a_replay_from_another_address_makes_no_second_row() {
    let mut lan = Lan::settled(1);
    let old: Vec<Message> = (1..=20).map(|sequence| copy(8, 5, sequence)).collect();
    old.iter().for_each(|message| lan.group(0, 8, message));
    for _ in 0..3 {
        for message in &old {
            lan.run(secs(1));
            lan.group(0, 8, message);
            // Sent on by another host it does not even fit its source.
            lan.group(0, 9, message);
        }
    }
    assert_eq!(lan.hosts[0].node.table().len(), 1);
}

#[test]
fn a_copy_of_this_host_is_reported_once_a_minute() {
    let mut lan = Lan::settled(1);
    let mut message = extended(Kind::Notify, 1, 500);
    message.info.address = address(9);
    for _ in 0..170 {
        lan.group(0, 9, &message);
        lan.run(secs(1));
    }
    let reports = lan.hosts[0].events.iter().filter(|(_, event)| matches!(event, Event::SelfCloned { .. })).count();
    assert_eq!(reports, 3);
    assert!(lan.hosts[0].node.table().is_empty(), "this host is never its own peer");
}
