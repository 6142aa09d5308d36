//! Heartbeats that tell nothing new are passed over unverified, and nobody gains by that.

use kimchi_peers_proto::{Change, Command, Hearing, Kind, Lane, Mode, PeerKey, Reason, State, UNICAST_TTL};

use crate::lan::{Lan, Sent, address, group_key, keyring, millis, profile, sealed_key, secret, secs, with};
use crate::sealed::{is_up, trust};

/// Hosts 1 to `count` that sign and watch each other, settled for a minute.
fn watching(count: u8, groups: &[u8]) -> Lan {
    let mut lan = Lan::new();
    lan.watch = true;
    for number in 1..=count {
        lan.start_sealed(number, Mode::Mark, Vec::new(), groups);
    }
    lan.run(secs(60));
    lan.forget();
    lan
}

/// The newest heartbeat of a host.
fn heartbeat(lan: &Lan, host: usize) -> Sent {
    let announced = |sent: &&Sent| sent.by == host && sent.is_multicast() && sent.kind() == Kind::Notify;
    lan.sent.iter().rev().find(announced).cloned().unwrap()
}

/// What anybody on the link could send in the name of a host: its newest heartbeat with a greater number and a wrong
/// signature.
fn forged(lan: &Lan, host: usize, ahead: u64) -> Vec<u8> {
    let genuine = heartbeat(lan, host).message;
    with(genuine, |extension| extension.sequence += ahead).seal(&secret(99), &keyring(&[]))
}

fn left_or_lost(lan: &Lan, host: usize, key: &PeerKey) -> Option<Reason> {
    let peer = lan.peer(host, key);
    peer.reason.filter(|_| peer.state == State::Down)
}

#[test]
fn every_second_heartbeat_is_passed_over_and_nobody_is_doubted() {
    // Without the probes of the ring, so that nothing but heartbeats is heard.
    let mut lan = Lan::new();
    for number in 1..=4 {
        lan.start_sealed(number, Mode::Mark, Vec::new(), &[]);
    }
    lan.run(secs(60));
    lan.forget();
    let before = lan.hosts[0].node.counters().verified;
    lan.run(secs(600));
    let verified = lan.hosts[0].node.counters().verified - before;
    let sent = (1..4).map(|host| lan.sent_by(host, Kind::Notify).len() as u64).sum::<u64>();
    assert!(lan.dropped(0, "familiar") >= sent / 3, "{} of {sent}", lan.dropped(0, "familiar"));
    assert!(verified <= sent * 2 / 3 && verified >= sent / 3, "{verified} of {sent}");
    for number in 2..=4 {
        assert_eq!(lan.changes(0, &sealed_key(number)), []);
        let silent = lan.now.since(lan.peer(0, &sealed_key(number)).last_heard.unwrap());
        assert!(silent < secs(23), "{silent:?}");
    }
}

#[test]
fn what_all_are_told_is_heard_now_and_then_also_of_those_who_answer_all_the_time() {
    // Of three and four hosts all or most are neighbours; the others answer what measures the round trips.
    for count in [2, 3, 5] {
        let mut lan = watching(count, &[]);
        for _ in 0..60 {
            lan.command(0, Command::Measure);
            lan.run(secs(10));
            let node = &lan.hosts[0].node;
            assert!(node.links().all(|link| lan.now.since(link.heard_group) < secs(25)));
            let matrix = node.matrix(lan.now);
            assert!(matrix.rows.iter().all(|row| !row.cells.contains(&Hearing::Unknown)), "{count} hosts: {matrix:?}");
        }
        assert!(lan.dropped(0, "familiar") > 20 * (u64::from(count) - 1), "{}", lan.dropped(0, "familiar"));
    }
}

#[test]
fn news_in_a_heartbeat_are_heard_at_once() {
    let mut lan = watching(3, &[]);
    let mut changed = profile(2);
    changed.https_port = 9001;
    lan.command(1, Command::Profile(changed));
    assert_eq!(lan.peer(0, &sealed_key(2)).https_port, 9001);
    assert_eq!(lan.changes(0, &sealed_key(2)).len(), 1);
}

#[test]
fn a_host_that_joins_or_leaves_is_verified() {
    let mut lan = watching(3, &[]);
    lan.start_sealed(4, Mode::Mark, Vec::new(), &[]);
    lan.run(millis(100));
    assert_eq!((0..3).filter(|host| is_up(&lan, *host, &sealed_key(4))).count(), 3);
    lan.command(3, Command::Quit);
    assert!((0..3).all(|host| left_or_lost(&lan, host, &sealed_key(4)) == Some(Reason::Left)));
}

#[test]
fn a_wrong_signature_gains_nothing_by_being_passed_over() {
    let mut lan = watching(4, &[]);
    lan.run(secs(25));
    lan.hosts[1].stopped = true;
    let passed_over = lan.dropped(0, "familiar");
    // Somebody goes on in the name of the dead host, faster than it did.
    for round in 1..=100 {
        let junk = forged(&lan, 1, 500 + round);
        for host in [0, 2, 3] {
            lan.datagram(host, address(2), Lane::Group, 1, &junk);
        }
        lan.run(millis(50));
    }
    assert!(lan.dropped(0, "familiar") > passed_over, "the attack must get that far to prove anything");
    for host in [0, 2, 3] {
        assert_eq!(left_or_lost(&lan, host, &sealed_key(2)), Some(Reason::Lost), "{host}");
    }
}

#[test]
fn a_number_that_somebody_invented_silences_no_host() {
    let mut lan = watching(4, &[]);
    lan.run(secs(25));
    for round in 1..=600 {
        let junk = forged(&lan, 1, 500 + round);
        for host in [0, 2, 3] {
            lan.datagram(host, address(2), Lane::Group, 1, &junk);
        }
        lan.run(millis(100));
    }
    for host in [0, 2, 3] {
        let changes = lan.changes(host, &sealed_key(2));
        assert!(changes.iter().all(|(_, change, _)| *change == Change::Changed), "{host}: {changes:?}");
    }
    lan.hosts[1].stopped = true;
    lan.run(secs(5));
    lan.hosts[1].stopped = false;
    lan.tick();
    lan.run(secs(5));
    assert!([0, 2, 3].iter().all(|host| is_up(&lan, *host, &sealed_key(2))), "it comes back by itself");
}

#[test]
fn a6_what_was_passed_over_brings_nobody_back() {
    // Every second heartbeat is passed over. It is the last word of the dead host, so nobody knows a greater number.
    for heartbeats in [1, 2] {
        let mut lan = watching(4, &[]);
        lan.run(secs(120));
        for _ in 0..heartbeats {
            let newest = heartbeat(&lan, 1).at;
            while heartbeat(&lan, 1).at == newest {
                lan.run(millis(1));
            }
        }
        let passed_over = lan.dropped(0, "familiar");
        assert!(passed_over > 5, "{passed_over}");
        let recorded: Vec<Sent> = lan.sent.iter().filter(|sent| sent.by == 1 && sent.is_multicast()).cloned().collect();
        lan.hosts[1].stopped = true;
        // While it is missed, a replay proves nothing either: it dies no later.
        lan.run(millis(1_500));
        for sent in recorded.iter().rev().take(4) {
            for host in [0, 2, 3] {
                lan.datagram(host, address(2), Lane::Group, 1, &sent.bytes);
            }
            lan.run(millis(500));
        }
        assert!([0, 2, 3].iter().all(|host| left_or_lost(&lan, *host, &sealed_key(2)) == Some(Reason::Lost)));
        for sent in recorded.iter().chain(recorded.iter().rev()) {
            for (lane, ttl) in [(Lane::Group, 1), (Lane::Unicast, UNICAST_TTL)] {
                for host in [0, 2, 3] {
                    lan.datagram(host, address(2), lane, ttl, &sent.bytes);
                }
            }
            lan.run(millis(20));
            assert!(![0, 2, 3].iter().any(|host| is_up(&lan, *host, &sealed_key(2))));
        }
    }
}

#[test]
fn the_code_of_a_group_is_checked_all_the_same() {
    let mut lan = watching(3, &[7]);
    lan.run(secs(25));
    let passed_over = lan.dropped(0, "familiar");
    let message = with(heartbeat(&lan, 1).message, |extension| extension.sequence += 500);
    // It names the group, and its code is by another key.
    let mut bytes = message.seal(&secret(2), &keyring(&[7]));
    let code = bytes.windows(8).position(|window| window == b",\"mac\":\"").unwrap() + 8;
    bytes[code] = if bytes[code] == b'A' { b'B' } else { b'A' };
    lan.datagram(0, address(2), Lane::Group, 1, &bytes);
    assert_eq!((lan.dropped(0, "group_code"), lan.dropped(0, "familiar")), (1, passed_over));
    assert_eq!(lan.peer(0, &sealed_key(2)).group.as_deref(), Some(&group_key(7).id()));
    assert_eq!(trust(&lan, 0, 2), Some(kimchi_peers_proto::Trust::Verified));
}
