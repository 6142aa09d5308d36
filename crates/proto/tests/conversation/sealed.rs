//! Hosts that sign: what is proven, who is believed, and what a flood can do.
//!
//! The names begin with the row of the attack table that they belong to (docs/security.md).

use kimchi_peers_proto::{
    Cause, Change, Claim, Claims, Command, Config, Conflict, Kind, KnownPeer, Lane, Message, Mode, PeerKey, State,
    Trust, UNICAST_TTL,
};

use crate::lan::{
    Lan, address, base, extended, group_key, keyring, millis, profile, sealed, sealed_key, secret, secs, with,
};

/// Hosts 1 to `count` that sign, all with the group keys of `groups`, settled for a minute.
fn settled(count: u8, mode: Mode, groups: &[u8]) -> Lan {
    let mut lan = Lan::new();
    for number in 1..=count {
        lan.start_sealed(number, mode, Vec::new(), groups);
    }
    lan.run(secs(60));
    lan.forget();
    lan
}

fn trust(lan: &Lan, host: usize, number: u8) -> Option<Trust> {
    lan.hosts[host].node.table().get(&sealed_key(number)).map(|peer| peer.trust)
}

fn is_up(lan: &Lan, host: usize, key: &PeerKey) -> bool {
    lan.hosts[host].node.table().get(key).is_some_and(|peer| peer.state == State::Up)
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
fn a4_an_unsigned_datagram_neither_replaces_nor_refreshes_a_signed_row() {
    let mut lan = settled(2, Mode::Mark, &[]);
    let before = lan.peer(0, &sealed_key(2)).clone();
    // The victim's name from another address, its address with another name, and both with other ports.
    let mut of_name = base(Kind::Notify, 2);
    of_name.info.address = address(66);
    lan.group(0, 66, &of_name);
    let mut of_address = base(Kind::Notify, 66);
    of_address.info.address = address(2);
    lan.group(0, 2, &of_address);
    let mut of_both = base(Kind::Notify, 2);
    of_both.info.https_port = 6666;
    lan.group(0, 2, &of_both);
    let after = lan.peer(0, &sealed_key(2));
    assert_eq!((&after.name, after.https_port, after.last_heard), (&before.name, before.https_port, before.last_heard));
    assert!(!after.is_disputed() && after.state == State::Up);
    let named = lan.peer(0, &PeerKey::Base(profile(2).name, address(66)));
    assert!(named.is_disputed() && matches!(named.conflict.as_deref(), Some(Conflict::Name(Some(_)))));
    let addressed = lan.peer(0, &PeerKey::Base(profile(66).name, address(2)));
    assert!(addressed.is_disputed() && matches!(addressed.conflict.as_deref(), Some(Conflict::Address(_))));
    assert_eq!(lan.dropped(0, "shadowed"), 1);
}

#[test]
fn a4_an_identity_without_a_signature_is_not_taken_as_unsigned() {
    let mut lan = settled(1, Mode::Mark, &[]);
    lan.group(0, 9, &extended(Kind::Notify, 9, 1));
    assert_eq!((lan.dropped(0, "unsigned"), lan.hosts[0].node.table().len()), (1, 0));
}

#[test]
fn a4_another_key_for_a_known_name_is_in_conflict_until_it_is_trusted() {
    let mut lan = settled(2, Mode::Mark, &[]);
    lan.command(1, Command::Quit);
    lan.run(secs(2));
    // The host was set up anew: the same name, another key.
    let anew = |sequence| {
        let message = with(extended(Kind::Notify, 2, sequence), |extension| extension.id = secret(22).id());
        message.seal(&secret(22), &keyring(&[]))
    };
    lan.datagram(0, address(2), Lane::Group, 1, &anew(1));
    let row = lan.peer(0, &sealed_key(22));
    assert!(row.is_disputed());
    assert_eq!(row.conflict.as_deref(), Some(&Conflict::Pinned(sealed_key(2))));
    assert!(lan.changes(0, &sealed_key(22)).iter().any(|change| change.2 == Cause::KeyConflict));
    // It stays so however often it is heard.
    lan.run(secs(12));
    lan.datagram(0, address(2), Lane::Group, 1, &anew(2));
    assert!(lan.peer(0, &sealed_key(22)).is_disputed());
    lan.command(0, Command::Trust(sealed_key(22)));
    let row = lan.peer(0, &sealed_key(22));
    assert!(!row.is_disputed() && row.conflict.is_none() && row.holds_name);
    assert!(!lan.peer(0, &sealed_key(2)).holds_name);
}

#[test]
fn a4_forgetting_the_old_row_frees_its_name() {
    let mut lan = settled(2, Mode::Mark, &[]);
    lan.command(1, Command::Quit);
    lan.run(secs(2));
    let message = with(extended(Kind::Notify, 2, 1), |extension| extension.id = secret(22).id());
    lan.datagram(0, address(2), Lane::Group, 1, &message.seal(&secret(22), &keyring(&[])));
    assert!(lan.peer(0, &sealed_key(22)).is_disputed());
    lan.command(0, Command::Forget(sealed_key(2)));
    assert!(!lan.peer(0, &sealed_key(22)).is_disputed());
}

#[test]
fn a_name_stays_its_holders_over_a_restart() {
    let known = KnownPeer {
        key: sealed_key(2),
        name: profile(2).name,
        http_port: 8000,
        https_port: 8001,
        epoch: 5,
        sequence: 9,
        facts: Default::default(),
        addresses: vec![address(2)],
        down: Some(kimchi_peers_proto::Reason::Lost),
        trust: Trust::Pinned,
        holds_name: true,
    };
    let mut lan = Lan::new();
    lan.start_sealed(1, Mode::Mark, vec![known], &[]);
    let message = with(extended(Kind::Notify, 2, 1), |extension| extension.id = secret(22).id());
    lan.datagram(0, address(2), Lane::Group, 1, &message.seal(&secret(22), &keyring(&[])));
    assert!(lan.peer(0, &sealed_key(22)).is_disputed());
}

#[test]
fn a5_a_forged_goodbye_takes_nobody_off() {
    let mut lan = settled(2, Mode::Mark, &[]);
    lan.group(0, 2, &with(extended(Kind::Quit, 2, 1 << 40), |extension| extension.id = secret(2).id()));
    lan.group(0, 2, &base(Kind::Quit, 2));
    // Signed by another host, in the name of the first.
    let message = with(extended(Kind::Quit, 2, 1000), |extension| extension.id = secret(2).id());
    lan.datagram(0, address(2), Lane::Group, 1, &message.seal(&secret(9), &keyring(&[])));
    assert!(is_up(&lan, 0, &sealed_key(2)));
    assert_eq!((lan.dropped(0, "unsigned"), lan.dropped(0, "signature")), (1, 1));
}

#[test]
fn a5_nobody_accuses_who_proved_more() {
    let mut lan = settled(3, Mode::Mark, &[7]);
    let accuser = sealed(Kind::Notify, 9, 1, &[]);
    lan.datagram(0, address(9), Lane::Group, 1, &accuser);
    assert!(is_up(&lan, 0, &sealed_key(9)));
    lan.hosts[1].stopped = true;
    lan.run(secs(5));
    let claim = Claim { id: secret(2).id(), epoch: 5, sequence: 10_000 };
    let verdict = with(extended(Kind::Notify, 9, 2), |extension| {
        extension.id = secret(9).id();
        extension.claims = Some(Box::new(Claims { dead: vec![claim], ..Claims::default() }));
    });
    lan.datagram(0, address(9), Lane::Group, 1, &verdict.seal(&secret(9), &keyring(&[])));
    lan.run(secs(3));
    assert!(is_up(&lan, 0, &sealed_key(2)), "a stranger declared a member dead");
    let by_member = with(extended(Kind::Notify, 3, 10_000), |extension| {
        extension.id = secret(3).id();
        extension.group = Some(group_key(7).id());
        extension.claims = Some(Box::new(Claims { dead: vec![claim], ..Claims::default() }));
    });
    lan.hosts[2].cut_off = true;
    lan.datagram(0, address(3), Lane::Group, 1, &by_member.seal(&secret(3), &keyring(&[7])));
    lan.run(secs(3));
    assert!(!is_up(&lan, 0, &sealed_key(2)), "a member may");
}

#[test]
fn a6_a_replay_brings_nobody_back() {
    let mut lan = Lan::new();
    lan.watch = true;
    for number in 1..=3 {
        lan.start_sealed(number, Mode::Mark, Vec::new(), &[]);
    }
    lan.run(secs(30));
    let recorded: Vec<_> = lan.sent.iter().filter(|sent| sent.by == 1).cloned().collect();
    assert!(recorded.len() > 20);
    lan.hosts[1].stopped = true;
    lan.run(secs(10));
    assert!(!is_up(&lan, 0, &sealed_key(2)) && !is_up(&lan, 2, &sealed_key(2)));
    let replay = |lan: &mut Lan, sent: &crate::lan::Sent| {
        let (lane, ttl) = if sent.is_multicast() { (Lane::Group, 1) } else { (Lane::Unicast, UNICAST_TTL) };
        lan.datagram(0, address(2), lane, ttl, &sent.bytes);
        lan.datagram(2, address(2), lane, ttl, &sent.bytes);
    };
    for sent in recorded.iter().chain(recorded.iter().rev()) {
        replay(&mut lan, sent);
        lan.run(millis(10));
        assert!(!is_up(&lan, 0, &sealed_key(2)) && !is_up(&lan, 2, &sealed_key(2)));
    }
}

#[test]
fn a6_a_replay_is_not_even_verified() {
    let mut lan = settled(1, Mode::Mark, &[]);
    let datagram = sealed(Kind::Notify, 9, 5, &[]);
    for _ in 0..50 {
        lan.datagram(0, address(9), Lane::Group, 1, &datagram);
    }
    let counters = lan.hosts[0].node.counters();
    assert_eq!((counters.verified, counters.dropped["stale"]), (1, 49));
}

#[test]
fn a7_a_flood_of_invented_peers_displaces_nobody_and_stays_small() {
    let mut lan = settled(4, Mode::Mark, &[]);
    for round in 0..6_000_u32 {
        let number = round % 250;
        let secret =
            kimchi_peers_proto::HostSecret::from_bytes(&std::array::from_fn(|index| (round >> (index % 4 * 8)) as u8));
        let mut message = with(extended(Kind::Notify, 1, 1), |extension| extension.id = secret.id());
        message.info.name = format!("invented-{round}").parse().unwrap();
        message.info.address = address(u8::try_from(number).unwrap().max(10));
        lan.datagram(0, message.info.address, Lane::Group, 1, &message.seal(&secret, &keyring(&[])));
        let mut unsigned = base(Kind::Notify, 10);
        unsigned.info.name = format!("unsigned-{round}").parse().unwrap();
        unsigned.info.address = message.info.address;
        lan.datagram(0, unsigned.info.address, Lane::Group, 1, &unsigned.encode());
        if round % 100 == 0 {
            lan.run(millis(10));
        }
    }
    let config = Config::default();
    let table = lan.hosts[0].node.table();
    assert!(table.unproven_count(false) <= config.unproven_max, "{}", table.unproven_count(false));
    assert!(table.unproven_count(true) <= config.nursery_max);
    let proven: Vec<_> = table.iter().filter(|peer| peer.is_proven()).collect();
    assert_eq!(proven.len(), 3, "the known ones, and nobody else is kept");
    assert!(proven.iter().all(|peer| peer.state == State::Up && !peer.is_disputed()));
    assert!(lan.dropped(0, "flood") + lan.dropped(0, "table_full") > 1_000);
}

#[test]
fn a7_one_address_has_few_places_in_the_nursery() {
    let mut lan = settled(1, Mode::Mark, &[]);
    for number in 0..20 {
        let mut message = base(Kind::Notify, 9);
        message.info.name = format!("name-{number}").parse().unwrap();
        lan.group(0, 9, &message);
    }
    assert_eq!(lan.hosts[0].node.table().base(), Config::default().nursery_share);
}

#[test]
fn a8_junk_in_the_name_of_a_peer_costs_little_and_does_not_silence_it() {
    let mut lan = Lan::new();
    lan.watch = true;
    for number in 1..=3 {
        lan.start_sealed(number, Mode::Mark, Vec::new(), &[]);
    }
    lan.run(secs(30));
    let before = lan.hosts[0].node.counters().verified;
    let genuine = Message::decode(&sealed(Kind::Notify, 2, 1, &[])).unwrap();
    for round in 0..20_000_u64 {
        // Well formed, newer than all before, and signed by somebody else.
        let message = with(genuine.clone(), |extension| extension.sequence = 100_000 + round);
        lan.datagram(0, address(2), Lane::Group, 1, &message.seal(&secret(66), &keyring(&[])));
        if round % 10 == 0 {
            lan.run(millis(1));
            assert!(is_up(&lan, 0, &sealed_key(2)), "after {round}");
        }
    }
    let verified = lan.hosts[0].node.counters().verified - before;
    assert!(verified < 1_000, "{verified} in two seconds");
    lan.run(secs(40));
    assert!(is_up(&lan, 0, &sealed_key(2)));
}

#[test]
fn a8_the_code_of_the_group_is_checked_before_the_signature() {
    let mut lan = settled(2, Mode::Mark, &[7]);
    let before = lan.hosts[0].node.counters().verified;
    for sequence in 0..500 {
        let message = with(extended(Kind::Notify, 2, 50_000 + sequence), |extension| {
            extension.id = secret(2).id();
            extension.group = Some(group_key(7).id());
        });
        // It names the group's key and has another.
        let mut bytes = message.seal(&secret(66), &keyring(&[7]));
        let place = bytes.windows(8).position(|window| window == br#","mac":""#).unwrap() + 8;
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        lan.datagram(0, address(2), Lane::Group, 1, &bytes);
    }
    assert_eq!(lan.dropped(0, "group_code"), 500);
    assert_eq!(lan.hosts[0].node.counters().verified, before);
}

#[test]
fn a10_a_member_cannot_speak_for_another() {
    let mut lan = settled(2, Mode::Mark, &[7]);
    let before = lan.peer(0, &sealed_key(2)).clone();
    let forged = with(extended(Kind::Notify, 2, 70_000), |extension| {
        extension.id = secret(2).id();
        extension.group = Some(group_key(7).id());
    });
    lan.datagram(0, address(2), Lane::Group, 1, &forged.seal(&secret(9), &keyring(&[7])));
    assert_eq!(lan.dropped(0, "signature"), 1);
    // Its own key under the other's name does not get the name.
    let named = with(extended(Kind::Notify, 2, 1), |extension| {
        extension.id = secret(9).id();
        extension.group = Some(group_key(7).id());
    });
    let mut named = named;
    named.info.address = address(9);
    lan.datagram(0, address(9), Lane::Group, 1, &named.seal(&secret(9), &keyring(&[7])));
    assert!(lan.peer(0, &sealed_key(9)).is_disputed());
    let after = lan.peer(0, &sealed_key(2));
    assert_eq!((after.sequence, after.last_heard, after.is_disputed()), (before.sequence, before.last_heard, false));
}

#[test]
fn a11_a_copy_of_this_host_is_told_by_its_signature_alone() {
    let mut lan = settled(1, Mode::Mark, &[]);
    let cloned = |lan: &Lan| {
        lan.hosts[0]
            .events
            .iter()
            .filter(|(_, event)| matches!(event, kimchi_peers_proto::Event::SelfCloned { .. }))
            .count()
    };
    let mut message = with(extended(Kind::Notify, 1, 3), |extension| extension.id = secret(1).id());
    message.info.address = address(9);
    lan.datagram(0, address(9), Lane::Group, 1, &message.encode());
    lan.datagram(0, address(9), Lane::Group, 1, &message.seal(&secret(9), &keyring(&[])));
    assert_eq!(cloned(&lan), 0, "anybody can write an identity down");
    lan.datagram(0, address(9), Lane::Group, 1, &message.seal(&secret(1), &keyring(&[])));
    assert_eq!(cloned(&lan), 1);
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
    let known = |number: u8, trust: Trust| KnownPeer {
        key: sealed_key(number),
        name: profile(2).name,
        http_port: 8000,
        https_port: 8001,
        epoch: 5,
        sequence: 9,
        facts: Default::default(),
        addresses: vec![address(2)],
        down: Some(kimchi_peers_proto::Reason::Lost),
        trust,
        holds_name: true,
    };
    let mut lan = Lan::new();
    lan.start_sealed(1, Mode::RequireGroup, vec![known(2, Trust::Verified), known(3, Trust::Pinned)], &[7]);
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
