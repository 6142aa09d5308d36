//! Hosts that speak only the request's protocol.

use std::net::IpAddr;
use std::time::Duration;

use kimchi_peers_proto::{Cause, Change, Kind, PeerKey, Reason, State};

use crate::lan::{Lan, address, base, extended, id, millis, secs};

fn base_key(number: u8) -> PeerKey {
    PeerKey::Base(format!("kvm-{number}").parse().unwrap(), address(number))
}

fn state(lan: &Lan, host: usize) -> Option<State> {
    lan.hosts[host].node.table().get(&base_key(9)).map(|peer| peer.state)
}

/// Lets time pass in a network where the base peer 9 answers every search to the group.
fn run_with_base_peer(lan: &mut Lan, time: Duration) {
    for _ in 0..time.as_millis() / 100 {
        let before = lan.sent.len();
        lan.run(millis(100));
        if lan.sent.iter().skip(before).any(|sent| sent.kind() == Kind::Search && sent.is_multicast()) {
            say(lan, Kind::Notify);
        }
    }
}

fn say(lan: &mut Lan, kind: Kind) {
    (0..lan.hosts.len()).for_each(|host| lan.group(host, 9, &base(kind, 9)));
}

#[test]
fn what_a_base_peer_says_enters_the_table() {
    for kind in [Kind::Search, Kind::Notify] {
        let mut lan = Lan::settled(1);
        lan.group(0, 9, &base(kind, 9));
        let peer = lan.peer(0, &base_key(9));
        assert_eq!((peer.state, peer.epoch, peer.addresses()), (State::Up, 0, vec![address(9)]));
        lan.group(0, 9, &base(Kind::Quit, 9));
        let peer = lan.peer(0, &base_key(9));
        assert_eq!((peer.state, peer.reason), (State::Down, Some(Reason::Left)));
    }
}

#[test]
fn one_searcher_keeps_it_for_all() {
    let mut lan = Lan::settled(3);
    say(&mut lan, Kind::Notify);
    run_with_base_peer(&mut lan, secs(600));
    assert!((0..3).all(|host| state(&lan, host) == Some(State::Up)));
    let searches = lan.sent_by(0, Kind::Search);
    assert!((20..=25).contains(&searches.len()), "one in about 25 seconds, not {} in ten minutes", searches.len());
    // It is for base peers alone: the target is the searcher, so that no extended peer answers.
    assert!(searches.iter().all(|search| search.extension().target == Some(id(1))));
    assert!(lan.sent_by(1, Kind::Search).is_empty() && lan.sent_by(2, Kind::Search).is_empty());
    assert!((0..3).all(|host| lan.changes(host, &base_key(9)).len() == 1), "no flapping");
}

#[test]
fn the_next_searcher_takes_over() {
    let mut lan = Lan::settled(3);
    say(&mut lan, Kind::Notify);
    lan.hosts[0].stopped = true;
    run_with_base_peer(&mut lan, secs(600));
    assert!((1..3).all(|host| state(&lan, host) == Some(State::Up)));
    assert!(lan.sent_by(1, Kind::Search).iter().filter(|sent| sent.is_multicast()).count() >= 15);
    assert!(lan.sent_by(2, Kind::Search).iter().filter(|sent| sent.is_multicast()).count() <= 2);
}

#[test]
fn it_is_lost_after_three_rounds() {
    let mut lan = Lan::settled(1);
    let start = lan.now;
    lan.group(0, 9, &base(Kind::Notify, 9));
    lan.run(secs(200));
    // Three rounds; and after the loss at 92 s it is asked for ever more rarely, since it says nothing by itself.
    assert_eq!(lan.times(0, Kind::Search, start), [25, 50, 75, 117, 142, 192].map(secs));
    let changes = lan.changes(0, &base_key(9));
    assert_eq!(changes[1], (start + secs(92), Change::Down, Cause::NoAnswer));
    lan.group(0, 9, &base(Kind::Notify, 9));
    assert_eq!(state(&lan, 0), Some(State::Up));
}

#[test]
fn one_search_serves_all_base_peers_of_a_link() {
    let mut lan = Lan::settled(1);
    (20..60).for_each(|number| lan.group(0, number, &base(Kind::Notify, number)));
    lan.run(secs(45));
    assert_eq!(lan.sent_by(0, Kind::Search).len(), 1);
}

#[test]
fn a_base_peer_that_learns_the_extension_is_one_peer() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &base(Kind::Notify, 9));
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    assert_eq!((state(&lan, 0), lan.state(0, 9)), (None, Some(State::Up)));
    let last = lan.changes(0, &base_key(9)).last().copied().unwrap();
    assert_eq!((last.1, last.2), (Change::Removed, Cause::Replaced));
}

#[test]
fn a_base_message_in_the_name_of_an_extended_peer_changes_nothing() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    let mut forged = base(Kind::Notify, 9);
    forged.info.https_port = 666;
    lan.group(0, 9, &forged);
    assert_eq!(lan.dropped(0, "shadowed"), 1);
    lan.group(0, 9, &base(Kind::Quit, 9));
    assert_eq!((lan.dropped(0, "stray_quit"), lan.state(0, 9)), (1, Some(State::Up)));
    assert_eq!(lan.hosts[0].node.table().len(), 1);
}

#[test]
fn it_may_announce_another_address_than_it_sends_from_but_not_leave_from_there() {
    let mut lan = Lan::settled(1);
    lan.group(0, 10, &base(Kind::Notify, 9));
    assert_eq!(lan.peer(0, &base_key(9)).addresses(), [address(9)]);
    lan.group(0, 10, &base(Kind::Quit, 9));
    assert_eq!(state(&lan, 0), Some(State::Up), "a goodbye counts only from the address it is for");
}

#[test]
fn another_console_on_this_host_is_a_peer_like_others() {
    let mut lan = Lan::settled(1);
    let own: IpAddr = address(1);
    let mut other = base(Kind::Notify, 1);
    (other.info.http_port, other.info.https_port) = (8010, 8011);
    lan.group(0, 1, &other);
    let key = PeerKey::Base("kvm-1".parse().unwrap(), own);
    assert_eq!(lan.peer(0, &key).https_port, 8011);
    other.kind = Kind::Quit;
    lan.group(0, 1, &other);
    assert_eq!(lan.peer(0, &key).state, State::Down);
}
