//! Two claim one name or one identity.

use kimchi_peers_proto::{Cause, Change, Conflict, Event, Kind, Message, PeerKey, State};

use crate::lan::{Lan, address, extended, id, key, profile, secs, with};

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
