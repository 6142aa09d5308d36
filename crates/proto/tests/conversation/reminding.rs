//! Who missed a verdict is told it by a host that compares tables with it, and asks the peer before it believes that.

use kimchi_peers_proto::{Cause, Change, Claim, Claims, Digest, Kind, Message, Nonce, State};

use crate::lan::{ETH0, Lan, Sent, address, extended, id, key, millis, secs, with};

/// A probe of the stranger 9 that counts so many hosts more than host 0 of the test.
fn probe(lan: &Lan, sequence: u64, more: u32) -> Message {
    let own = lan.hosts[0].node.digest(ETH0).unwrap();
    with(extended(Kind::Search, 9, sequence), |extension| {
        extension.target = Some(id(1));
        extension.nonce = Some(Nonce(sequence));
        extension.digest = Some(Digest { sum: 1, hosts: own.hosts + more });
    })
}

fn reminders(lan: &Lan) -> Vec<&Sent> {
    let is_it = |sent: &&Sent| {
        sent.to.ip() == address(9) && sent.extension().claims.as_ref().is_some_and(|claims| !claims.dead.is_empty())
    };
    lan.sent_by(0, Kind::Notify).into_iter().filter(is_it).collect()
}

/// Host 2 is dead, and the stranger 9, which is listed, may not know it.
fn with_a_dead_host() -> Lan {
    let mut lan = Lan::watching(4);
    lan.hosts[1].stopped = true;
    lan.run(secs(4));
    assert_eq!(lan.state(0, 2), Some(State::Down));
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.forget();
    lan
}

#[test]
fn who_counts_more_hosts_is_told_who_died() {
    let mut lan = with_a_dead_host();
    let message = probe(&lan, 2, 0);
    lan.unicast(0, 9, &message);
    assert!(reminders(&lan).is_empty(), "it misses nobody");
    let message = probe(&lan, 3, 1);
    lan.unicast(0, 9, &message);
    let told: Vec<Claim> =
        reminders(&lan).iter().flat_map(|sent| sent.extension().claims.clone().unwrap().dead).collect();
    assert_eq!(told.iter().map(|claim| (claim.id, claim.epoch)).collect::<Vec<_>>(), [(id(2), 5)]);
    // Not twice within a moment, and not for ever.
    let message = probe(&lan, 4, 1);
    lan.unicast(0, 9, &message);
    assert_eq!(reminders(&lan).len(), 1);
}

#[test]
fn nobody_is_told_of_old_deaths_or_of_those_who_came_back() {
    let mut lan = with_a_dead_host();
    lan.group(0, 2, &extended(Kind::Notify, 2, 1 << 30));
    let message = probe(&lan, 2, 1);
    lan.unicast(0, 9, &message);
    assert!(reminders(&lan).is_empty());
    let mut lan = with_a_dead_host();
    lan.run(secs(16));
    lan.group(0, 9, &extended(Kind::Notify, 9, 2));
    let message = probe(&lan, 3, 1);
    lan.unicast(0, 9, &message);
    assert!(reminders(&lan).is_empty());
}

#[test]
fn whoever_asks_without_being_listed_is_told_nothing() {
    let mut lan = with_a_dead_host();
    let stranger = with(probe(&lan, 7, 1), |extension| extension.time_to_live = 0);
    lan.forget();
    lan.unicast(0, 8, &Message { info: extended(Kind::Search, 8, 7).info, ..stranger });
    assert!(lan.sent.iter().all(|sent| sent.extension().claims.is_none()));
}

/// Host 1 is told by the listed stranger 9 alone that the stranger 20, which it heard a while ago, is dead.
fn reminded() -> Lan {
    let mut lan = Lan::watching(3);
    for number in [9, 20] {
        lan.group(0, number, &extended(Kind::Notify, number, 1));
    }
    lan.run(millis(200));
    // Nothing of the ring is to be seen here but what follows from the reminder.
    lan.forget();
    let claims = Claims { dead: vec![Claim { id: id(20), epoch: 5, sequence: 1 }], ..Claims::default() };
    lan.unicast(0, 9, &with(extended(Kind::Notify, 9, 2), |extension| extension.claims = Some(Box::new(claims))));
    lan
}

fn verdicts(lan: &Lan) -> usize {
    let by_verdict = |(_, change, cause): &&(_, Change, Cause)| (*change, *cause) == (Change::Down, Cause::Verdict);
    lan.changes(0, &key(20)).iter().filter(by_verdict).count()
}

#[test]
fn the_reminded_one_asks_first_and_believes_what_nobody_denies() {
    let mut lan = reminded();
    assert_eq!(verdicts(&lan), 0, "not at once");
    lan.run(millis(1_500));
    let asked = lan.sent_by(0, Kind::Search).iter().filter(|sent| sent.to.ip() == address(20)).count();
    assert!(asked >= 5, "{asked} questions");
    assert_eq!((verdicts(&lan), lan.state(0, 20)), (1, Some(State::Down)));
}

#[test]
fn who_answers_is_not_dead_whatever_another_tells() {
    let mut lan = reminded();
    lan.run(millis(300));
    lan.unicast(0, 20, &extended(Kind::Notify, 20, 2));
    lan.run(millis(1_500));
    assert_eq!(verdicts(&lan), 0);
}

#[test]
fn a_later_incarnation_is_not_dead() {
    let mut lan = Lan::watching(3);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    lan.group(0, 20, &with(extended(Kind::Notify, 20, 1), |extension| extension.epoch = 6));
    lan.forget();
    let claims = Claims { dead: vec![Claim { id: id(20), epoch: 5, sequence: 1 }], ..Claims::default() };
    lan.unicast(0, 9, &with(extended(Kind::Notify, 9, 2), |extension| extension.claims = Some(Box::new(claims))));
    lan.run(millis(700));
    assert_eq!(verdicts(&lan), 0);
}
