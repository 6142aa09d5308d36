//! Peers that are known from the last run.

use kimchi_peers_proto::{
    BucketHashes, Cause, Change, Config, Facts, Kind, KnownPeer, Nonce, PeerId, PeerKey, Pull, Reason, State, Trust,
};

use crate::lan::{ETH0, Lan, address, extended, id, key, profile, secs, with};

fn known(key: PeerKey, number: u8) -> KnownPeer {
    KnownPeer {
        key,
        name: profile(number).name,
        http_port: 8000,
        https_port: 8001,
        epoch: 5,
        sequence: 10,
        facts: Facts::default(),
        certificate: None,
        addresses: vec![address(number)],
        trust: Trust::Unsigned,
        holds_name: false,
        down: None,
    }
}

#[test]
fn who_is_heard_is_confirmed_and_who_is_not_is_lost() {
    let mut lan = Lan::settled(1);
    let start = lan.now;
    let remembered = (1..=3).filter(|number| *number != 2).map(|number| known(key(number), number)).collect();
    let host = lan.start_with(2, Config::default(), remembered);
    assert_eq!((lan.state(host, 1), lan.state(host, 3)), (Some(State::Unknown), Some(State::Unknown)));
    lan.run(secs(60));
    assert_eq!((lan.state(host, 1), lan.state(host, 3)), (Some(State::Up), Some(State::Down)));
    let lost = lan.changes(host, &key(3));
    assert_eq!(lost, [(start + secs(10), Change::Down, Cause::NotHeardSinceStart)]);
    assert_eq!(lan.peer(host, &key(3)).reason, Some(Reason::Lost));
    let searches = lan.sent_by(host, Kind::Search).iter().filter(|sent| sent.is_multicast()).count();
    assert_eq!(searches, 1, "who is missing is asked alone, since another host does not know of it either");
}

#[test]
fn a_directed_search_finds_who_does_not_hear_the_group() {
    let mut lan = Lan::settled(1);
    lan.hosts[0].deaf = true;
    let host = lan.start_with(2, Config::default(), vec![known(key(1), 1)]);
    lan.hosts[host].deaf = true;
    lan.run(secs(8));
    assert_eq!(lan.state(host, 1), Some(State::Up));
}

#[test]
fn a_replay_from_the_last_run_confirms_nobody() {
    let mut lan = Lan::new();
    let host = lan.start_with(2, Config::default(), vec![known(key(9), 9)]);
    for sequence in 1..=10 {
        lan.group(host, 9, &extended(Kind::Notify, 9, sequence));
    }
    assert_eq!(lan.state(host, 9), Some(State::Unknown));
    lan.group(host, 9, &extended(Kind::Notify, 9, 11));
    assert_eq!(lan.state(host, 9), Some(State::Up));
}

#[test]
fn without_an_interface_the_memory_is_kept() {
    let mut lan = Lan::new();
    let host = lan.add(2, Config::default(), vec![known(key(9), 9)]);
    lan.run(secs(86_400));
    assert_eq!(lan.state(host, 9), Some(State::Unknown));
}

/// Where hosts that remember many start one after the other, all of them asking for all that are not there yet would cost
/// the square of their number.
#[test]
fn of_those_who_agree_only_the_next_in_the_ring_ask_for_who_is_missing() {
    let mut lan = Lan::new();
    for number in 1..=10 {
        lan.start_with(number, Config::default(), vec![known(key(5), 5), known(key(30), 30)]);
    }
    lan.run(secs(20));
    let asks = |host: usize| {
        let searches = lan.sent_by(host, Kind::Search);
        searches.iter().filter(|sent| sent.extension().target == Some(id(30))).count()
    };
    let asked: Vec<usize> = (0..10).map(asks).collect();
    assert_eq!(asked, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0], "30 stands before 1, 2 and 3");
    assert!((0..10).all(|host| lan.state(host, 30) == Some(State::Down)));
}

#[test]
fn a_base_peer_gets_three_searches() {
    let base = PeerKey::Base(profile(9).name, address(9));
    let mut lan = Lan::new();
    let start = lan.now;
    let host = lan.start_with(2, Config::default(), vec![known(base.clone(), 9)]);
    lan.run(secs(60));
    assert_eq!(lan.changes(host, &base), [(start + secs(11), Change::Down, Cause::NotHeardSinceStart)]);
}

#[test]
fn the_dead_stay_dead_and_nobody_is_his_own_peer() {
    let mut lan = Lan::new();
    let dead = KnownPeer { down: Some(Reason::Left), ..known(key(9), 9) };
    let host = lan.start_with(2, Config::default(), vec![dead, known(key(2), 2)]);
    lan.run(secs(60));
    assert_eq!((lan.state(host, 9), lan.state(host, 2)), (Some(State::Down), None));
    assert_eq!(lan.peer(host, &key(9)).reason, Some(Reason::Left));
    assert_eq!(lan.hosts[host].node.table().len(), 1);
}

#[test]
fn memory_is_bounded_too() {
    let mut lan = Lan::new();
    let config = Config { peers_max: 4, ..Config::default() };
    let remembered = (10..30).map(|number| known(key(number), number)).collect();
    let host = lan.start_with(2, config, remembered);
    assert_eq!(lan.hosts[host].node.table().len(), 4);
}

/// Host 1 hears the peers 9 and 10, and 9 asks it for all that it knows: whom it lists.
fn told_to_9(lan: &mut Lan) -> Vec<PeerId> {
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 10, &extended(Kind::Notify, 10, 1));
    let request = with(extended(Kind::Search, 9, 2), |extension| {
        extension.target = Some(id(1));
        extension.nonce = Some(Nonce(7));
        // They agree with nothing, so every bucket is told.
        extension.pull = Some(Box::new(Pull { hashes: BucketHashes([1; 64]), after: None }));
    });
    lan.unicast(0, 9, &request);
    let page = lan.sent.iter().find(|sent| sent.to.ip() == address(9) && sent.extension().roster.is_some());
    let page = page.expect("a page").extension();
    assert_eq!(page.digest, lan.hosts[0].node.digest(ETH0));
    page.roster.iter().flat_map(|roster| &roster.entries).map(|entry| entry.id).collect()
}

#[test]
fn who_was_not_heard_in_this_run_is_told_to_nobody() {
    let (mut knowing, mut forgetful) = (Lan::new(), Lan::new());
    // 11 shares its part of the digest with 9 and 10, and 40 has one to itself.
    let remembered = [10, 11, 40].map(|number| known(key(number), number)).to_vec();
    knowing.start_with(1, Config::default(), remembered);
    forgetful.start(1);
    assert_eq!(told_to_9(&mut forgetful), [id(10)]);
    // What it remembers of 10 is from sequence 10, so 10 itself is not heard yet either.
    assert!(told_to_9(&mut knowing).is_empty());
    assert_eq!([10, 11, 40].map(|number| knowing.state(0, number)), [Some(State::Unknown); 3]);
    knowing.group(0, 10, &extended(Kind::Notify, 10, 11));
    let digest = |lan: &Lan| lan.hosts[0].node.digest(ETH0);
    assert_eq!(digest(&knowing), digest(&forgetful), "it tells as if it remembered nobody");
    assert_eq!(digest(&knowing).map(|digest| digest.hosts), Some(3));
}
