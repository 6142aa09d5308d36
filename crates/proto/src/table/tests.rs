//! The indexes of the table follow its rows, whatever is done to it.

use std::net::IpAddr;
use std::ops::RangeBounds as _;

use proptest::prelude::*;

use super::*;
use crate::id::PeerId;

/// One call of a method that changes the table; the numbers choose among a few keys, names, states and times.
#[derive(Debug, Clone)]
enum Step {
    Insert { key: u8, name: u8, state: u8, check: Option<u8> },
    Remove(u8),
    Rename(u8, u8),
    SetState(u8, u8),
    Schedule(u8, u8),
    TakeDue(u8),
    EvictLongestDown(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let small = || 0..8_u8;
    prop_oneof![
        3 => (small(), small(), small(), proptest::option::of(small()))
            .prop_map(|(key, name, state, check)| Step::Insert { key, name, state, check }),
        1 => small().prop_map(Step::Remove),
        1 => (small(), small()).prop_map(|(key, name)| Step::Rename(key, name)),
        2 => (small(), small()).prop_map(|(key, state)| Step::SetState(key, state)),
        2 => (small(), small()).prop_map(|(key, at)| Step::Schedule(key, at)),
        1 => small().prop_map(Step::TakeDue),
        1 => any::<bool>().prop_map(Step::EvictLongestDown),
    ]
}

fn key(number: u8) -> PeerKey {
    let address = IpAddr::from([10, 0, 0, number]);
    match number % 3 {
        0 => PeerKey::Identity(PeerId::from_bytes([number; 32])),
        1 => PeerKey::Base(name(number), address),
        _ => PeerKey::Clone(PeerId::from_bytes([number; 32]), address),
    }
}

fn name(number: u8) -> HostName {
    format!("host{}", number % 3).parse().unwrap()
}

fn state(number: u8) -> State {
    [State::Unknown, State::Up, State::Suspect, State::Down][usize::from(number % 4)]
}

fn at(number: u8) -> Instant {
    Instant::from_micros(u64::from(number))
}

fn row(key: PeerKey, name: HostName, state: State, check_at: Option<Instant>) -> Peer {
    Peer { state, check_at, ..Peer::new(key, name, (8000, 8001), Instant::ZERO) }
}

fn apply(table: &mut PeerTable, step: &Step) {
    match *step {
        Step::Insert { key: number, name: named, state: then, check } => {
            table.insert(row(key(number), name(named), state(then), check.map(at)));
        }
        Step::Remove(number) => drop(table.remove(&key(number))),
        Step::Rename(number, named) => drop(table.rename(&key(number), &name(named))),
        Step::SetState(number, then) => table.set_state(&key(number), state(then), None, at(number)),
        Step::Schedule(number, time) => table.schedule(&key(number), at(time)),
        Step::TakeDue(time) => {
            if let Some(due) = table.take_due(at(time)) {
                assert!(table.get(&due).is_some_and(|peer| peer.check_at.is_none()));
            }
            assert!(table.next_check().is_none_or(|next| next > at(time)) || table.take_due(at(time)).is_some());
        }
        Step::EvictLongestDown(base) => {
            if let Some(longest) = table.longest_down(base) {
                let gone = table.remove(&longest).unwrap();
                assert_eq!((gone.state, gone.key.is_base()), (State::Down, base));
            }
        }
    }
}

/// What a network of thousands of hosts costs each of them hangs on these.
#[test]
fn a_row_is_small() {
    assert!(size_of::<Peer>() <= 376, "{} bytes", size_of::<Peer>());
    assert!(size_of::<PeerKey>() <= 56, "{} bytes", size_of::<PeerKey>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_indexes_follow_the_rows(steps in proptest::collection::vec(step(), 1..60)) {
        let mut table = PeerTable::default();
        for step in &steps {
            apply(&mut table, step);
            prop_assert!(table.is_consistent(), "after {step:?}");
        }
        for (one, other) in (0..8_u8).flat_map(|one| (0..8_u8).map(move |other| (key(one), key(other)))) {
            if one < other {
                let within = |range: (Bound<&PeerKey>, Bound<&PeerKey>)| {
                    let expected: Vec<_> = table.iter().filter(|peer| range.contains(&&peer.key)).collect();
                    table.range(range).collect::<Vec<_>>() == expected
                };
                prop_assert!(within((Bound::Excluded(&one), Bound::Excluded(&other))));
                prop_assert!(within((Bound::Included(&one), Bound::Included(&other))));
                prop_assert!(within((Bound::Excluded(&one), Bound::Unbounded)));
                prop_assert!(within((Bound::Unbounded, Bound::Excluded(&other))));
            }
        }
    }
}
