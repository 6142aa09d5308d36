//! Neighbours in the ring watch each other, and tell all others what they find.

use std::net::SocketAddr;

use kimchi_peers_proto::{
    Cause, Change, Claim, Claims, Datagram, Input, Kind, Lane, Message, PORT, Reach, Reason, State,
};

use crate::lan::{ETH0, Lan, Sent, address, extended, id, interface, key, millis, secs, with};

/// A message of the stranger `number` about the host `of`.
fn about(number: u8, sequence: u64, of: u8, put: impl FnOnce(&mut Claims, Claim)) -> Message {
    let mut claims = Claims::default();
    put(&mut claims, Claim { id: id(of), epoch: 5, sequence: 1 << 20 });
    with(extended(Kind::Notify, number, sequence), |extension| extension.claims = Some(Box::new(claims)))
}

fn suspicion(number: u8, sequence: u64, of: u8) -> Message {
    about(number, sequence, of, |claims, claim| claims.suspect.push(claim))
}

fn verdict(number: u8, sequence: u64, of: u8) -> Message {
    about(number, sequence, of, |claims, claim| claims.dead.push(claim))
}

fn says(sent: &Sent, list: fn(&Claims) -> &Vec<Claim>) -> bool {
    sent.extension().claims.as_ref().is_some_and(|claims| !list(claims).is_empty())
}

fn is_suspicion(sent: &&Sent) -> bool {
    says(sent, |claims| &claims.suspect)
}

fn is_verdict(sent: &&Sent) -> bool {
    says(sent, |claims| &claims.dead)
}

fn is_vouch(sent: &&Sent) -> bool {
    says(sent, |claims| &claims.heard)
}

fn told(lan: &Lan, host: usize, of: u8) -> Vec<(Change, Cause)> {
    lan.changes(host, &key(of)).into_iter().map(|(_, change, cause)| (change, cause)).collect()
}

#[test]
fn a_dead_neighbour_is_tried_suspected_and_declared_dead() {
    let mut lan = Lan::watching(4);
    lan.hosts[1].stopped = true;
    lan.run(secs(4));
    let suspicions: Vec<&Sent> = lan.sent.iter().filter(is_suspicion).collect();
    let verdicts: Vec<&Sent> = lan.sent.iter().filter(is_verdict).collect();
    // One of its two neighbours is faster, and the other leaves it to that one.
    let by = suspicions[0].by;
    assert!(by == 0 || by == 2);
    assert!(suspicions.iter().chain(&verdicts).all(|sent| sent.by == by && sent.is_multicast()));
    assert!((3..=4).contains(&suspicions.len()) && (3..=5).contains(&verdicts.len()));
    let tries: Vec<&Sent> = lan
        .sent
        .iter()
        .filter(|sent| sent.by == by && sent.to.ip() == address(2) && sent.kind() == Kind::Search)
        .collect();
    // The last answered probe is before the crash; all of one series have one nonce.
    let first = tries.iter().rfind(|sent| sent.extension().nonce == tries.last().unwrap().extension().nonce).unwrap();
    let first = tries.iter().find(|sent| sent.extension().nonce == first.extension().nonce).unwrap().at;
    assert_eq!(suspicions[0].at.since(first), millis(1_200));
    // A peer that was deaf for two seconds hears the last copy, and has time to contradict.
    let last = suspicions.last().unwrap().at.since(first);
    assert!((millis(2_100)..=millis(2_150)).contains(&last), "{last:?}");
    let verdict = verdicts[0].at.since(first);
    assert!((millis(2_300)..=millis(2_350)).contains(&verdict), "{verdict:?}");
    assert!(verdicts.last().unwrap().at.since(verdicts[0].at) <= millis(300));
    assert_eq!(told(&lan, by, 2), [(Change::Suspect, Cause::Silence), (Change::Down, Cause::NoAnswer)]);
    for host in [0, 2, 3].into_iter().filter(|host| *host != by) {
        assert_eq!(told(&lan, host, 2), [(Change::Down, Cause::Verdict)], "all others take it off together");
        assert_eq!(lan.peer(host, &key(2)).reason, Some(Reason::Lost));
    }
}

#[test]
fn with_one_other_host_the_tries_decide_alone() {
    let mut lan = Lan::watching(2);
    let start = lan.now;
    lan.hosts[1].stopped = true;
    lan.run(secs(4));
    let changes = lan.changes(0, &key(2));
    assert_eq!(changes.last().map(|(_, change, cause)| (*change, *cause)), Some((Change::Down, Cause::NoAnswer)));
    assert!(changes.last().unwrap().0.since(start) <= millis(3_200));
}

#[test]
fn each_host_probes_the_one_before_it_and_no_other() {
    let mut lan = Lan::watching(5);
    lan.run(millis(8_700));
    for host in 0..5_usize {
        let before = u8::try_from((host + 4) % 5 + 1).unwrap();
        let probes: Vec<_> = lan.sent_by(host, Kind::Search).into_iter().filter(|sent| !sent.is_multicast()).collect();
        assert_eq!(probes.len(), 10);
        assert!(probes.iter().all(|probe| probe.extension().target == Some(id(before))));
    }
    let quiet = |loss: Option<f64>| loss.is_none_or(|loss| loss < 0.1);
    assert!((0..5).all(|host| lan.hosts[host].node.links().all(|link| quiet(link.loss) && !link.isolated)));
}

#[test]
fn who_is_not_heard_is_told_soon_and_once_also_where_it_is_no_neighbour() {
    let mut lan = Lan::watching(6);
    // The fourth host hears nothing of the first, which is no neighbour of it in the ring.
    lan.blocked = vec![(0, 3)];
    let start = lan.now;
    lan.run(secs(60));
    let changes = lan.changes(3, &key(1));
    let told_at = changes.iter().find(|(_, _, cause)| *cause == Cause::NotHeard).map(|(at, ..)| at.since(start));
    assert!(told_at.is_some_and(|after| after < secs(55)), "{changes:?}");
    lan.forget();
    lan.run(secs(3600));
    assert_eq!(told(&lan, 3, 1), [], "it is tried again without a word");
    assert_eq!((lan.state(3, 1), lan.peer(3, &key(1)).reach), (Some(State::Up), Reach::NotHeard));
    lan.hosts[0].stopped = true;
    lan.run(secs(10));
    assert_eq!(told(&lan, 3, 1), [(Change::Down, Cause::Verdict)]);
}

#[test]
fn others_vouch_for_a_peer_that_one_host_does_not_reach() {
    let mut lan = Lan::watching(4);
    lan.blocked = vec![(2, 1)];
    lan.run(secs(30));
    assert!(lan.sent.iter().any(|sent| is_vouch(&sent) && sent.to.ip() == address(3) && !sent.is_multicast()));
    assert!(!lan.sent.iter().any(|sent| is_verdict(&sent)));
    assert_eq!(lan.peer(2, &key(2)).reach, Reach::HearsUsNot);
    assert_eq!(lan.peer(1, &key(3)).reach, Reach::NotHeard);
    assert!((0..4).all(|host| (1..=4).all(|other| lan.state(host, other).is_none_or(|state| state == State::Up))));
    lan.forget();
    lan.run(secs(3600));
    let flaps = |host, of| told(&lan, host, of).iter().filter(|(change, _)| *change == Change::Changed).count();
    assert_eq!((flaps(2, 2), flaps(1, 3)), (0, 0));
    lan.blocked.clear();
    lan.run(secs(10));
    assert_eq!((lan.peer(2, &key(2)).reach, lan.peer(1, &key(3)).reach), (Reach::Both, Reach::Both));
    assert_eq!(told(&lan, 2, 2).last(), Some(&(Change::Changed, Cause::AnswersAgain)));
}

#[test]
fn who_hears_that_it_is_missed_contradicts_at_once() {
    for word in [suspicion, verdict] {
        let mut lan = Lan::watching(3);
        (0..3).for_each(|host| lan.group(host, 9, &extended(Kind::Notify, 9, 1)));
        lan.forget();
        let start = lan.now;
        (0..3).for_each(|host| lan.group(host, 9, &word(9, 2, 2)));
        lan.run(millis(1_001));
        let contradictions = lan.sent_by(1, Kind::Notify);
        let loud: Vec<_> =
            contradictions.iter().filter(|sent| sent.is_multicast()).map(|sent| sent.at.since(start)).collect();
        assert_eq!(loud, [0, 250, 1_000].map(millis), "{:?}", word(9, 2, 2));
        let newer = |sent: &&&Sent| sent.extension().sequence > 1 << 20;
        assert_eq!(
            contradictions.iter().filter(newer).filter(|sent| sent.is_multicast()).count(),
            3,
            "newer than what was told"
        );
        assert!(contradictions.iter().any(|sent| sent.to.ip() == address(9)), "and to the one who said it");
        lan.run(secs(3));
        assert!(told(&lan, 0, 2).is_empty() && told(&lan, 2, 2).is_empty(), "nobody believed it");
    }
}

#[test]
fn lies_cost_no_more_than_the_bound() {
    let mut lan = Lan::settled(2);
    lan.group(1, 9, &extended(Kind::Notify, 9, 1));
    lan.forget();
    for number in 0..10_000 {
        lan.group(1, 9, &suspicion(9, 2 + number, 2));
        lan.run(millis(1));
    }
    let unicasts = lan.sent_by(1, Kind::Notify).iter().filter(|sent| !sent.is_multicast()).count();
    assert!(unicasts <= 27, "six and two a second, not {unicasts}");
    assert!(lan.sent_by(1, Kind::Notify).len() <= 27 + 50);
}

#[test]
fn only_who_is_listed_and_heard_may_accuse() {
    let mut lan = Lan::settled(2);
    lan.group(1, 9, &suspicion(9, 1, 2));
    assert!(lan.sent_by(1, Kind::Notify).is_empty(), "a stranger's first word");
    lan.group(1, 9, &suspicion(9, 1, 2));
    assert!(lan.sent_by(1, Kind::Notify).is_empty(), "a copy");
    lan.unicast(1, 9, &suspicion(9, 2, 2));
    assert!(lan.sent_by(1, Kind::Notify).is_empty(), "not to all");
    lan.group(1, 9, &suspicion(9, 3, 2));
    assert!(!lan.sent_by(1, Kind::Notify).is_empty());
}

#[test]
fn a_verdict_is_not_believed_by_who_just_heard_the_peer() {
    let mut lan = Lan::settled(2);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    let start = lan.now;
    lan.group(0, 9, &verdict(9, 2, 8));
    assert_eq!(lan.state(0, 8), Some(State::Up));
    lan.run(millis(1_399));
    assert_eq!(lan.state(0, 8), Some(State::Up));
    lan.run(millis(10));
    let changes = lan.changes(0, &key(8));
    assert_eq!(changes.last(), Some(&(start + millis(1_400), Change::Down, Cause::Verdict)));
    // Its next word brings it back.
    lan.group(0, 8, &extended(Kind::Notify, 8, 2));
    assert_eq!(lan.state(0, 8), Some(State::Up));
}

#[test]
fn who_was_warned_and_heard_nothing_believes_a_verdict_at_once() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    lan.run(millis(200));
    lan.group(0, 9, &suspicion(9, 2, 8));
    lan.run(millis(500));
    assert!(told(&lan, 0, 8).len() == 1, "a suspicion changes nothing by itself");
    lan.group(0, 9, &verdict(9, 3, 8));
    assert_eq!(told(&lan, 0, 8).last(), Some(&(Change::Down, Cause::Verdict)));
}

#[test]
fn who_heard_the_peer_after_the_warning_does_not_believe_a_verdict_at_once() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    lan.run(millis(200));
    lan.group(0, 9, &suspicion(9, 2, 8));
    lan.run(millis(500));
    lan.group(0, 8, &extended(Kind::Notify, 8, 2));
    lan.group(0, 9, &verdict(9, 3, 8));
    lan.run(millis(1_399));
    assert_eq!(lan.state(0, 8), Some(State::Up));
    lan.run(millis(10));
    assert_eq!(told(&lan, 0, 8).last(), Some(&(Change::Down, Cause::Verdict)), "it said no more");
}

#[test]
fn a_verdict_over_an_earlier_incarnation_counts_for_nothing() {
    let mut lan = Lan::settled(1);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    lan.group(0, 9, &suspicion(9, 2, 8));
    lan.group(0, 8, &with(extended(Kind::Notify, 8, 1), |extension| extension.epoch = 6));
    for sequence in 3..20 {
        lan.group(0, 9, &verdict(9, sequence, 8));
        lan.run(millis(100));
    }
    assert_eq!(lan.state(0, 8), Some(State::Up));
}

#[test]
fn a_verdict_takes_the_addresses_of_its_link_alone() {
    let mut lan = Lan::settled(1);
    lan.connect(0, vec![interface(ETH0, 1), interface(3, 101)]);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 8, &extended(Kind::Notify, 8, 1));
    let mut elsewhere = extended(Kind::Notify, 8, 2);
    elsewhere.info.address = address(108);
    let from = SocketAddr::new(address(108), PORT);
    let bytes = elsewhere.encode();
    let datagram = Datagram { interface: 3, from, lane: Lane::Group, ttl: 1, bytes: &bytes };
    lan.hosts[0].node.handle(lan.now, Input::Datagram(datagram));
    lan.group(0, 9, &suspicion(9, 2, 8));
    lan.group(0, 9, &verdict(9, 3, 8));
    let peer = lan.peer(0, &key(8));
    assert_eq!((peer.state, peer.addresses()), (State::Up, vec![address(108)]));
    assert_eq!(told(&lan, 0, 8).last(), Some(&(Change::Changed, Cause::AddressGone)));
}

#[test]
fn an_unreachable_port_hurries_the_verdict() {
    let mut lan = Lan::watching(3);
    lan.hosts[1].stopped = true;
    let start = lan.now;
    let mut seen = lan.sent.len();
    while lan.now.since(start) < millis(1_500) {
        lan.run(millis(1));
        for sent in lan.sent.split_off(seen) {
            if sent.to.ip() == address(2) {
                lan.unreachable(sent.by, address(2));
            }
            lan.sent.push(sent);
        }
        seen = lan.sent.len();
    }
    assert_eq!([0, 2].map(|host| lan.state(host, 2)), [Some(State::Down); 2]);
    assert_eq!(lan.sent.iter().filter(is_suspicion).count(), 3, "it can be forged, so all are asked");
}

#[test]
fn a_forged_unreachable_hurts_nobody() {
    let mut lan = Lan::watching(3);
    for _ in 0..5_000 {
        lan.run(millis(1));
        (0..3).for_each(|host| (1..=3).for_each(|other| lan.unreachable(host, address(other))));
    }
    assert!((0..3).all(|host| (1..=3).all(|other| told(&lan, host, other).is_empty())));
    assert!(!lan.sent.iter().any(|sent| is_suspicion(&sent)));
}

#[test]
fn who_hears_nobody_is_cut_off_and_blames_nobody() {
    let mut lan = Lan::watching(3);
    lan.hosts[0].cut_off = true;
    lan.run(secs(15));
    assert!(told(&lan, 0, 2).is_empty() && told(&lan, 0, 3).is_empty());
    assert!(lan.hosts[0].node.links().all(|link| link.isolated));
    assert_eq!([1, 2].map(|host| lan.state(host, 1)), [Some(State::Down); 2]);
    // Lifetimes are the last resort.
    lan.run(secs(60));
    assert_eq!([2, 3].map(|other| lan.state(0, other)), [Some(State::Down); 2]);
    lan.hosts[0].cut_off = false;
    lan.run(secs(5));
    assert!((0..3).all(|host| (1..=3).all(|other| lan.state(host, other).is_none_or(|state| state == State::Up))));
    assert!(lan.hosts[0].node.links().all(|link| !link.isolated));
}

#[test]
fn who_wakes_late_begins_anew() {
    let mut lan = Lan::watching(3);
    lan.hosts[1].stopped = true;
    for _ in 0..8 {
        lan.run(millis(900));
        lan.hosts[2].stopped = true;
        lan.hosts[0].stopped = true;
        lan.run(millis(600));
        lan.hosts[2].stopped = false;
        lan.hosts[0].stopped = false;
        lan.tick();
    }
    assert!(told(&lan, 0, 2).is_empty() && told(&lan, 2, 2).is_empty());
    lan.run(secs(4));
    assert_eq!([0, 2].map(|host| lan.state(host, 2)), [Some(State::Down); 2]);
}

#[test]
fn who_wakes_very_late_again_and_again_does_not_say_so_each_time() {
    let mut lan = Lan::watching(3);
    for _ in 0..10 {
        lan.hosts[0].stopped = true;
        lan.run(millis(1_500));
        lan.hosts[0].stopped = false;
        lan.tick();
        lan.run(millis(400));
    }
    // Three copies each time in 19 s would be 30, and others may ask it meanwhile.
    let said =
        lan.sent.iter().filter(|sent| sent.by == 0 && sent.kind() == Kind::Notify && sent.is_multicast()).count();
    assert!((3..=12).contains(&said), "{said} times");
    lan.run(secs(20));
    assert!((0..3).all(|host| (1..=3).all(|other| lan.state(host, other).is_none_or(|state| state == State::Up))));
}

#[test]
fn who_is_short_of_time_tries_less_often() {
    // The first 1.5 s after a crash, when the wake-ups before it came up to 190 ms late or in time.
    let tries = |late: bool| {
        let mut lan = Lan::watching(3);
        for _ in 0..40 {
            [0, 2].into_iter().for_each(|host| lan.hosts[host].stopped = late);
            lan.run(millis(190));
            [0, 2].into_iter().for_each(|host| lan.hosts[host].stopped = false);
            lan.tick();
        }
        lan.hosts[1].stopped = true;
        lan.forget();
        lan.run(millis(1_500));
        lan.sent.iter().filter(|sent| sent.to.ip() == address(2) && sent.kind() == Kind::Search).count()
    };
    let (in_time, late) = (tries(false), tries(true));
    assert!(late * 4 <= in_time * 3, "{late} and {in_time} tries");
}

#[test]
fn a_lost_peer_is_searched_for_by_the_host_behind_it() {
    let mut lan = Lan::watching(4);
    lan.hosts[1].cut_off = true;
    lan.run(secs(40));
    lan.forget();
    lan.run(secs(9));
    let searches = |host: usize| {
        let to_lost = |sent: &&Sent| sent.by == host && sent.to.ip() == address(2);
        lan.sent.iter().filter(to_lost).count()
    };
    assert_eq!((searches(0), searches(3)), (0, 0));
    assert!((2..=4).contains(&searches(2)), "{}", searches(2));
    lan.hosts[1].cut_off = false;
    lan.run(secs(5));
    assert!((0..4).all(|host| host == 1 || lan.state(host, 2) == Some(State::Up)));
}
