//! What hosts tell of others: beside an answer, to all, and by calling the roll.

use kimchi_peers_proto::{
    BucketHashes, Cause, Change, Digest, Entry, Kind, Lane, Message, Nonce, Pull, Roster, State, UNICAST_TTL,
};

use crate::lan::{Lan, Sent, address, extended, id, key, millis, secs, with};

/// The pages among what was sent to the group.
fn pages(lan: &Lan) -> Vec<&Sent> {
    lan.sent.iter().filter(|sent| sent.is_multicast() && sent.extension().roster.is_some()).collect()
}

fn entries(sent: &[&Sent]) -> Vec<Entry> {
    sent.iter().flat_map(|sent| sent.extension().roster.clone().unwrap().entries).collect()
}

/// The request of a host that knows nobody.
fn request(number: u8, sequence: u64) -> Message {
    with(extended(Kind::Search, number, sequence), |extension| {
        extension.target = Some(id(1));
        extension.nonce = Some(Nonce(u64::from(number) << 8 | sequence));
        extension.pull = Some(Box::new(Pull { hashes: BucketHashes([0; 64]), after: None }));
    })
}

#[test]
fn up_to_ten_hosts_know_each_other_after_a_search_and_its_answer() {
    let mut lan = Lan::settled(9);
    lan.run_past_heartbeat();
    let newcomer = lan.start(10);
    lan.run(millis(30));
    assert_eq!(lan.hosts[newcomer].node.hosts(), 10);
    assert_eq!(lan.sent.iter().filter(|sent| sent.is_multicast()).count(), 2);
    assert!(lan.sent.iter().all(|sent| sent.extension().pull.is_none()), "nothing is left to be asked for");
}

#[test]
fn who_missed_the_search_learns_of_the_searcher_by_the_answer() {
    let mut lan = Lan::settled(4);
    lan.run_past_heartbeat();
    for host in 0..3 {
        lan.hosts[host].deaf = true;
    }
    lan.start(5);
    assert_eq!((lan.state(0, 5), lan.state(3, 5)), (None, Some(State::Up)));
    lan.hosts.iter_mut().for_each(|host| host.deaf = false);
    lan.run(millis(30));
    for host in 0..3 {
        assert_eq!(lan.state(host, 5), Some(State::Up), "host {host}");
        assert_eq!(lan.changes(host, &key(5))[0].2, Cause::Told);
    }
}

#[test]
fn who_agrees_takes_nothing_from_a_page_to_all() {
    let mut lan = Lan::settled(2);
    let own = lan.hosts[0].node.digest(crate::lan::ETH0);
    let made_up = Entry {
        id: id(20),
        epoch: 1,
        address: address(20),
        http_port: 8000,
        https_port: 8001,
        name: "kvm-20".parse().unwrap(),
    };
    let page = |number: u64, digest| {
        with(extended(Kind::Notify, 2, 1 << 30 | number), |extension| {
            extension.digest = digest;
            extension.roster = Some(Box::new(Roster { entries: vec![made_up.clone()], ..Roster::default() }));
        })
    };
    lan.group(0, 2, &page(1, own));
    assert_eq!(lan.state(0, 20), None);
    lan.group(0, 2, &page(2, Some(Digest { sum: 1, hosts: 3 })));
    assert_eq!(lan.state(0, 20), Some(State::Up));
}

#[test]
fn one_that_asks_is_told_alone_and_two_are_told_with_all() {
    let mut lan = Lan::settled(30);
    for number in [101, 102] {
        lan.group(0, number, &extended(Kind::Notify, number, 1));
    }
    lan.run(secs(2));
    lan.forget();
    lan.unicast(0, 101, &request(101, 2));
    lan.run(millis(50));
    assert_eq!(pages(&lan).len(), 0);
    let alone: Vec<&Sent> = lan.sent.iter().filter(|sent| sent.to.ip() == address(101)).collect();
    assert!(alone.iter().any(|sent| sent.extension().roster.is_some()));
    lan.unicast(0, 102, &request(102, 2));
    lan.run(millis(10));
    let told = entries(&pages(&lan));
    assert!((2..=31).all(|number| number == 31 || told.iter().any(|entry| entry.id == id(number))), "all are told");
    assert!(pages(&lan).iter().all(|sent| sent.by == 0 && sent.extension().echo.is_none()));
    // What was asked meanwhile is served by it, whoever asks; who asks later is served alone for a while.
    lan.forget();
    lan.unicast(0, 101, &request(101, 3));
    assert_eq!(lan.sent_by(0, Kind::Notify).len(), 0);
    lan.run(millis(100));
    lan.forget();
    lan.unicast(0, 101, &request(101, 4));
    let served = lan.sent_by(0, Kind::Notify);
    assert_eq!(served.iter().map(|sent| sent.to.ip()).collect::<Vec<_>>(), [address(101)]);
}

#[test]
fn a_page_to_one_is_never_longer_than_its_request() {
    let mut lan = Lan::settled(30);
    lan.group(0, 101, &extended(Kind::Notify, 101, 1));
    lan.run(secs(2));
    lan.forget();
    let asked = request(101, 2);
    lan.unicast(0, 101, &asked);
    let sent = lan.sent.iter().find(|sent| sent.to.ip() == address(101)).expect("a page");
    assert!(sent.bytes.len() <= asked.encode().len());
    assert!(sent.extension().roster.as_ref().is_some_and(|roster| roster.entries.len() >= 9 && roster.next.is_some()));
}

#[test]
fn a_pull_ends_with_its_last_page() {
    let mut lan = Lan::settled(30);
    lan.run_past_heartbeat();
    let newcomer = lan.start(31);
    lan.run(millis(500));
    let requests = |lan: &Lan| lan.sent.iter().filter(|sent| sent.extension().pull.is_some()).count();
    assert!((2..=10).contains(&requests(&lan)), "{} requests", requests(&lan));
    assert_eq!(lan.hosts[newcomer].node.hosts(), 31);
    lan.forget();
    lan.run(secs(8));
    assert_eq!(requests(&lan), 0);
}

/// A datagram without the padding that makes requests as long as any answer: what a forger would send.
fn unpadded(message: &Message) -> Vec<u8> {
    let datagram = message.encode();
    let text = std::str::from_utf8(&datagram[4..datagram.len() - 1]).unwrap();
    let (before, padding) = text.split_once(r#","pad":["#).unwrap();
    let body = format!("{before}{}", padding.split_once(']').unwrap().1);
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), body.as_bytes(), b"\n"].concat()
}

#[test]
fn a_short_request_gets_a_short_page() {
    let mut lan = Lan::settled(30);
    lan.group(0, 101, &extended(Kind::Notify, 101, 1));
    lan.run(secs(2));
    lan.forget();
    let asked = unpadded(&request(101, 2));
    assert!((500..1_000).contains(&asked.len()), "{}", asked.len());
    lan.datagram(0, address(101), Lane::Unicast, UNICAST_TTL, &asked);
    let sent = lan.sent.iter().find(|sent| sent.to.ip() == address(101)).expect("a page");
    assert!(sent.bytes.len() <= asked.len(), "{} bytes for {}", sent.bytes.len(), asked.len());
    assert!(sent.extension().roster.as_ref().is_some_and(|roster| !roster.entries.is_empty() && roster.next.is_some()));
}

/// Peers 20 to 29 were lost, and peer 9 says that so many of them are there.
fn returning(count: u8) -> Lan {
    let mut lan = Lan::new();
    lan.start(1);
    for number in 20..30 {
        lan.group(0, number, &extended(Kind::Notify, number, 1));
    }
    lan.run(secs(120));
    assert_eq!(lan.changes(0, &key(20)).last().map(|(_, change, _)| *change), Some(Change::Down));
    lan.forget();
    let hello = with(extended(Kind::Notify, 9, 1), |extension| {
        extension.digest = Some(Digest { sum: 1, hosts: 12 });
        let back = (20..20 + count).map(|number| Entry {
            id: id(number),
            epoch: 5,
            address: address(number),
            http_port: 8000,
            https_port: 8001,
            name: format!("kvm-{number}").parse().unwrap(),
        });
        extension.roster = Some(Box::new(Roster { entries: back.collect(), ..Roster::default() }));
    });
    lan.group(0, 9, &hello);
    lan
}

#[test]
fn a_few_lost_peers_that_another_hears_are_asked_themselves() {
    let mut lan = returning(3);
    assert_eq!(lan.state(0, 20), Some(State::Down), "another's word brings nobody back who was lost");
    lan.run(millis(300));
    let asked = lan.sent_by(0, Kind::Search).iter().filter(|sent| !sent.is_multicast()).count();
    assert!(asked >= 3, "{asked}");
    assert!(lan.sent_by(0, Kind::Search).iter().all(|sent| !sent.is_multicast()));
}

#[test]
fn a_part_of_the_network_that_is_back_is_asked_for_by_one_question_to_all() {
    let lan = returning(8);
    let questions = lan.sent_by(0, Kind::Search);
    assert_eq!(questions.len(), 1);
    assert!(questions[0].is_multicast() && questions[0].extension().nonce.is_none(), "everybody answers that");
    assert!(questions[0].extension().target.is_none());
}
