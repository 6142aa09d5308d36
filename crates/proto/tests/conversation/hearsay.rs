//! What another host tells of others: who is believed, and what it can do.

use std::net::IpAddr;

use kimchi_peers_proto::{Cause, Change, Digest, Entry, Kind, Message, Roster, State};

use crate::lan::{Lan, address, extended, id, key, millis, secs, with};

fn entry(number: u8, epoch: u64) -> Entry {
    Entry {
        id: id(number),
        epoch,
        address: address(number),
        http_port: 8000,
        https_port: 8001,
        name: format!("kvm-{number}").parse().unwrap(),
    }
}

/// A host that was just started, and the peer 9 that answers it with a digest of its own and then with these entries.
fn told(entries: Vec<Entry>) -> Lan {
    let mut lan = Lan::new();
    lan.start(1);
    tell(&mut lan, 1, entries);
    lan
}

fn tell(lan: &mut Lan, number: u64, entries: Vec<Entry>) {
    let hello =
        with(extended(Kind::Notify, 9, number), |extension| extension.digest = Some(Digest { sum: number, hosts: 9 }));
    lan.group(0, 9, &hello);
    lan.run(millis(1));
    let request = lan.sent.iter().rfind(|sent| sent.extension().pull.is_some()).expect("a request").clone();
    assert_eq!((request.to.ip(), request.bytes.len()), (address(9), 1200));
    lan.unicast(0, 9, &page(&request.message, number + 1, entries));
}

fn page(request: &Message, sequence: u64, entries: Vec<Entry>) -> Message {
    let nonce = request.info.extension.as_ref().unwrap().nonce;
    with(extended(Kind::Notify, 9, sequence), |extension| {
        extension.echo = nonce;
        extension.roster = Some(Box::new(Roster { entries, ..Roster::default() }));
    })
}

#[test]
fn who_is_told_of_is_up_until_its_own_word_counts_whatever_was_told() {
    let mut lan = told(vec![entry(20, 1 << 50)]);
    assert_eq!(
        lan.changes(0, &key(20)).first().map(|(_, change, cause)| (*change, *cause)),
        Some((Change::Up, Cause::Told))
    );
    assert_eq!(lan.peer(0, &key(20)).last_heard, None);
    let mut own = extended(Kind::Notify, 20, 3);
    own.info.https_port = 9443;
    lan.group(0, 20, &own);
    assert_eq!((lan.peer(0, &key(20)).sequence, lan.peer(0, &key(20)).https_port), (3, 9443));
    assert!(lan.hosts[0].node.digests_are_consistent());
}

#[test]
fn who_never_speaks_is_lost_like_others() {
    let mut lan = told(vec![entry(20, 7)]);
    lan.run(secs(60));
    assert_eq!(lan.state(0, 20), Some(State::Down));
}

#[test]
fn a_liar_changes_nobody_and_adds_nobody_that_cannot_be() {
    let mut lan = Lan::new();
    lan.start(1);
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    let elsewhere = |number: u8, address: IpAddr| Entry { address, ..entry(number, 1 << 40) };
    let lies = vec![
        elsewhere(1, address(1)),
        Entry { https_port: 666, ..entry(8, 1 << 40) },
        Entry { https_port: 666, ..entry(9, 1 << 40) },
        elsewhere(30, address(1)),
        elsewhere(31, [192, 0, 2, 1].into()),
        elsewhere(32, address(255)),
        elsewhere(33, [127, 0, 0, 1].into()),
    ];
    tell(&mut lan, 1, lies);
    assert_eq!(lan.hosts[0].node.table().len(), 2, "the liar and whom it lies about");
    assert_eq!(lan.peer(0, &key(8)).https_port, 8001);
    assert_eq!(lan.peer(0, &key(9)).https_port, 8001);
    lan.group(0, 8, &extended(Kind::Notify, 8, 2));
    assert_eq!(lan.peer(0, &key(8)).sequence, 2);
}

#[test]
fn a_page_that_was_not_asked_for_says_nothing() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    let unasked = page(&with(extended(Kind::Search, 1, 1), |_| {}), 2, vec![entry(20, 1)]);
    lan.unicast(0, 9, &unasked);
    assert_eq!(lan.state(0, 20), None);
}

#[test]
fn a_goodbye_is_not_undone_by_who_missed_it() {
    let mut lan = Lan::new();
    lan.start(1);
    lan.group(0, 20, &extended(Kind::Notify, 20, 3));
    lan.group(0, 20, &extended(Kind::Quit, 20, 4));
    tell(&mut lan, 1, vec![entry(20, 5)]);
    assert_eq!(lan.state(0, 20), Some(State::Down));
}
