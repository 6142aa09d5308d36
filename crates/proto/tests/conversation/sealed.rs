//! Hosts that sign: what is proven, who is listed, whose a name is.

use kimchi_peers_proto::{Cause, Change, Command, Kind, KnownPeer, Lane, Mode, PeerKey, State, Trust};

use crate::lan::{Lan, address, base, extended, group_key, keyring, profile, sealed, sealed_key, secret, secs, with};

/// Hosts 1 to `count` that sign, all with the group keys of `groups`, settled for a minute.
pub(crate) fn settled(count: u8, mode: Mode, groups: &[u8]) -> Lan {
    let mut lan = Lan::new();
    for number in 1..=count {
        lan.start_sealed(number, mode, Vec::new(), groups);
    }
    lan.run(secs(60));
    lan.forget();
    lan
}

pub(crate) fn trust(lan: &Lan, host: usize, number: u8) -> Option<Trust> {
    lan.hosts[host].node.table().get(&sealed_key(number)).map(|peer| peer.trust)
}

pub(crate) fn is_up(lan: &Lan, host: usize, key: &PeerKey) -> bool {
    lan.hosts[host].node.table().get(key).is_some_and(|peer| peer.state == State::Up)
}

/// A host of the last run that bears and holds the name of the second one, and was lost.
fn lost(number: u8, trust: Trust) -> KnownPeer {
    KnownPeer {
        key: sealed_key(number),
        name: profile(2).name,
        http_port: 8000,
        https_port: 8001,
        epoch: 5,
        sequence: 9,
        facts: Default::default(),
        certificate: None,
        addresses: vec![address(2)],
        down: Some(kimchi_peers_proto::Reason::Lost),
        trust,
        holds_name: true,
    }
}

#[test]
fn hosts_without_a_group_are_pinned_and_with_one_verified() {
    let lan = settled(3, Mode::Mark, &[]);
    assert_eq!((trust(&lan, 0, 2), trust(&lan, 2, 1)), (Some(Trust::Pinned), Some(Trust::Pinned)));
    let lan = settled(3, Mode::Mark, &[7]);
    assert_eq!((trust(&lan, 0, 2), trust(&lan, 2, 1)), (Some(Trust::Verified), Some(Trust::Verified)));
    assert_eq!(lan.peer(0, &sealed_key(2)).group.as_deref(), Some(&group_key(7).id()));
}

#[test]
fn the_classes_hold_in_all_three_modes() {
    // Two with a group key, one without, one base peer.
    let classes = |mode: Mode| {
        let mut lan = Lan::new();
        lan.start_sealed(1, mode, Vec::new(), &[7]);
        lan.start_sealed(2, mode, Vec::new(), &[7]);
        lan.start_sealed(3, Mode::Mark, Vec::new(), &[]);
        lan.run(secs(5));
        for _ in 0..3 {
            lan.group(0, 9, &base(Kind::Notify, 9));
            lan.run(secs(20));
        }
        let base = PeerKey::Base(profile(9).name, address(9));
        (trust(&lan, 0, 2), trust(&lan, 0, 3), is_up(&lan, 0, &base))
    };
    assert_eq!(classes(Mode::Mark), (Some(Trust::Verified), Some(Trust::Pinned), true));
    assert_eq!(classes(Mode::RequireSigned), (Some(Trust::Verified), Some(Trust::Pinned), false));
    assert_eq!(classes(Mode::RequireGroup), (Some(Trust::Verified), None, false));
}

#[test]
fn who_is_not_admitted_is_answered_all_the_same_if_it_is_a_base_peer() {
    let mut lan = settled(1, Mode::RequireGroup, &[7]);
    lan.group(0, 9, &base(Kind::Search, 9));
    lan.run(secs(2));
    assert_eq!(lan.sent_by(0, Kind::Notify).len(), 1);
    assert_eq!(lan.dropped(0, "not_admitted"), 1);
}

#[test]
fn another_mode_takes_rows_off_and_asks_for_them_again() {
    let mut lan = Lan::new();
    lan.start_sealed(1, Mode::Mark, Vec::new(), &[7]);
    lan.start_sealed(2, Mode::Mark, Vec::new(), &[]);
    lan.run(secs(30));
    lan.forget();
    lan.command(0, Command::Mode(Mode::RequireGroup));
    assert_eq!(trust(&lan, 0, 2), None);
    assert_eq!(
        lan.changes(0, &sealed_key(2)).last().map(|change| (change.1, change.2)),
        Some((Change::Removed, Cause::NotAdmitted))
    );
    lan.run(secs(30));
    assert_eq!(trust(&lan, 0, 2), None);
    lan.command(0, Command::Mode(Mode::Mark));
    lan.run(secs(2));
    assert_eq!(trust(&lan, 0, 2), Some(Trust::Pinned));
}

#[test]
fn in_a_strict_mode_hearsay_is_no_proof() {
    let mut lan = Lan::new();
    for number in 1..=3 {
        lan.start_sealed(number, Mode::Mark, Vec::new(), &[7]);
    }
    lan.run(secs(30));
    // The newcomer is answered by one and hears of the others by it.
    lan.start_sealed(4, Mode::RequireGroup, Vec::new(), &[7]);
    lan.run(secs(1));
    for number in 1..=3 {
        assert_eq!(trust(&lan, 3, number), Some(Trust::Verified), "{number}");
        assert!(is_up(&lan, 3, &sealed_key(number)));
    }
}

#[test]
fn a_name_stays_its_holders_over_a_restart() {
    let mut lan = Lan::new();
    lan.start_sealed(1, Mode::Mark, vec![lost(2, Trust::Pinned)], &[]);
    let message = with(extended(Kind::Notify, 2, 1), |extension| extension.id = secret(22).id());
    lan.datagram(0, address(2), Lane::Group, 1, &message.seal(&secret(22), &keyring(&[])));
    assert!(lan.peer(0, &sealed_key(22)).is_disputed());
}

#[test]
fn a_host_with_a_group_answers_one_without_directly() {
    let mut lan = Lan::new();
    lan.watch = true;
    lan.start_sealed(1, Mode::Mark, Vec::new(), &[7]);
    lan.start_sealed(2, Mode::Mark, Vec::new(), &[]);
    lan.run(secs(30));
    lan.forget();
    lan.run(secs(20));
    let multicast = lan.sent.iter().filter(|sent| sent.is_multicast()).count();
    let answers = lan.sent.iter().filter(|sent| sent.extension().echo.is_some()).count();
    assert!(multicast <= 5 && answers > 30, "{multicast} to all, {answers} answers");
    for question in lan.sent.iter().filter(|sent| sent.kind() == Kind::Search && !sent.is_multicast()) {
        let nonce = question.extension().nonce;
        let answer = lan.sent.iter().find(|sent| sent.extension().echo == nonce && sent.by != question.by);
        assert!(answer.is_none_or(|answer| answer.bytes.len() <= question.bytes.len()));
    }
}

#[test]
fn a_rotation_of_the_group_key_leaves_everybody_verified() {
    let mut lan = settled(3, Mode::RequireGroup, &[7]);
    let steps: [&[u8]; 3] = [&[7, 8], &[8, 7], &[8]];
    for keys in steps {
        for host in 0..3 {
            lan.command(host, Command::Keyring(keyring(keys)));
            lan.run(secs(3));
            for observer in 0..3_u8 {
                for other in (1..=3).filter(|other| *other != observer + 1) {
                    assert_eq!(trust(&lan, usize::from(observer), other), Some(Trust::Verified), "{keys:?}");
                }
            }
        }
    }
    assert_eq!(lan.peer(0, &sealed_key(2)).group.as_deref(), Some(&group_key(8).id()));
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    for groups in [&[][..], &[7]] {
        let genuine = sealed(Kind::Notify, 9, 5, groups);
        let rows = |bytes: &[u8]| {
            let mut lan = Lan::new();
            lan.start_sealed(1, Mode::Mark, Vec::new(), &[7]);
            lan.datagram(0, address(9), Lane::Group, 1, bytes);
            lan.hosts[0].node.table().len()
        };
        assert_eq!(rows(&genuine), 1);
        // The head's other readings and the tail are no part of what is signed; they are checked by the frame.
        for bit in 0..genuine.len() * 8 {
            let mut flipped = genuine.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(rows(&flipped), 0, "bit {bit}: {}", String::from_utf8_lossy(&flipped));
        }
        for length in 0..genuine.len() {
            assert_eq!(rows(&genuine[..length]), 0, "cut to {length}");
            // The same with a frame that fits the rest.
            if length > 5 {
                let body = &genuine[4..length];
                let framed = [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body, b"\n"].concat();
                assert_eq!(rows(&framed), usize::from(length == genuine.len() - 1), "cut to {length} and framed");
            }
        }
    }
}

#[test]
fn a_copy_of_a_signature_in_another_place_is_refused() {
    let genuine = sealed(Kind::Notify, 9, 5, &[]);
    let body = std::str::from_utf8(&genuine[4..genuine.len() - 1]).unwrap();
    let place = body.find(r#","sig":"#).unwrap();
    let signature = &body[place + 1..body.len() - 2];
    let unsigned = format!("{}}}}}", &body[..place]);
    let attempts = [
        unsigned.replacen("{\"domain\"", &format!("{{{signature},\"domain\""), 1),
        format!("{},\"x\":{{\"a\":1,{signature}}}}}", &unsigned[..unsigned.len() - 1]),
        unsigned.replacen("\"v\":1", &format!("\"v\":1,{signature}"), 1),
        body.replacen("\"sig\"", "\"\\u0073ig\"", 1),
        body.replacen(",\"sig\"", ", \"sig\"", 1),
        format!("{},{signature}}}}}", &body[..body.len() - 2]),
        format!("{}, \"x\":1}}}}", &body[..body.len() - 2]),
        format!("{},\"x\":1}}", &body[..body.len() - 1]),
    ];
    for attempt in attempts {
        let framed = [&u32::try_from(attempt.len()).unwrap().to_be_bytes()[..], attempt.as_bytes(), b"\n"].concat();
        let mut lan = Lan::new();
        lan.start_sealed(1, Mode::Mark, Vec::new(), &[]);
        lan.datagram(0, address(9), Lane::Group, 1, &framed);
        assert_eq!(lan.hosts[0].node.table().len(), 0, "{attempt}");
    }
}

#[test]
fn a_restart_in_a_group_forgets_no_holder() {
    let mut lan = Lan::new();
    lan.start_sealed(1, Mode::RequireGroup, vec![lost(2, Trust::Verified), lost(3, Trust::Pinned)], &[7]);
    assert!(lan.hosts[0].node.table().get(&sealed_key(3)).is_none(), "it was no member");
    // A member of the group, with the name of another.
    let mut message = with(extended(Kind::Notify, 2, 1), |extension| {
        extension.id = secret(9).id();
        extension.group = Some(group_key(7).id());
    });
    message.info.address = address(9);
    lan.datagram(0, address(9), Lane::Group, 1, &message.seal(&secret(9), &keyring(&[7])));
    assert!(lan.peer(0, &sealed_key(9)).is_disputed());
    assert!(lan.peer(0, &sealed_key(2)).holds_name);
}

#[test]
fn what_was_overtaken_counts_once() {
    let mut lan = settled(2, Mode::Mark, &[]);
    let page = |sequence, number: u8| {
        let entry = format!("{},5,10.0.0.{number},,kvm-{number}", secret(number).id()).parse().unwrap();
        let message = with(extended(Kind::Notify, 9, sequence), |extension| {
            extension.id = secret(9).id();
            extension.digest = Some(kimchi_peers_proto::Digest { sum: 7, hosts: 5 });
            extension.roster =
                Some(Box::new(kimchi_peers_proto::Roster { entries: vec![entry], ..Default::default() }));
        });
        message.seal(&secret(9), &keyring(&[]))
    };
    lan.datagram(0, address(9), Lane::Group, 1, &sealed(Kind::Notify, 9, 4, &[]));
    // The first page comes behind the second one.
    for bytes in [page(6, 21), page(5, 20), page(5, 20), page(6, 21)] {
        lan.datagram(0, address(9), Lane::Group, 1, &bytes);
    }
    assert!(is_up(&lan, 0, &sealed_key(20)) && is_up(&lan, 0, &sealed_key(21)));
    assert_eq!(lan.dropped(0, "stale"), 3, "two replays, and the order of the one that was overtaken");
}

#[test]
fn a_name_stays_its_holders_where_a_stricter_mode_was_tried() {
    let stranger_of = |lan: &mut Lan, number: u8| {
        let message = with(extended(Kind::Notify, number, 1), |extension| extension.id = secret(20 + number).id());
        lan.datagram(0, address(number), Lane::Group, 1, &message.seal(&secret(20 + number), &keyring(&[])));
        lan.peer(0, &sealed_key(20 + number)).is_disputed()
    };
    let mut lan = Lan::new();
    // The one is down when the mode changes, the other was kept by the last run and is not listed from the start.
    lan.start_sealed(1, Mode::Mark, Vec::new(), &[7]);
    lan.start_sealed(2, Mode::Mark, Vec::new(), &[]);
    lan.run(secs(30));
    lan.hosts[1].cut_off = true;
    lan.run(secs(60));
    lan.command(0, Command::Mode(Mode::RequireGroup));
    assert_eq!(trust(&lan, 0, 2), None);
    lan.command(0, Command::Mode(Mode::Mark));
    let told = lan.changes(0, &sealed_key(2)).last().map(|change| (change.1, change.2));
    assert_eq!(told, Some((Change::Changed, Cause::AdmittedAgain)));
    assert_eq!(lan.peer(0, &sealed_key(2)).state, State::Down);
    assert!(stranger_of(&mut lan, 2));

    let mut lan = Lan::new();
    lan.start_sealed(1, Mode::RequireGroup, vec![lost(2, Trust::Pinned)], &[7]);
    assert_eq!(trust(&lan, 0, 2), None);
    lan.command(0, Command::Mode(Mode::Mark));
    assert!(stranger_of(&mut lan, 2));
}
