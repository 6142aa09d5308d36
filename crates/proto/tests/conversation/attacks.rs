//! Attackers on the link of hosts that sign: what they can say, replay and flood.
//!
//! The names begin with the row of the attack table that they belong to (docs/security.md).

use kimchi_peers_proto::{
    Absence, Cause, Claim, Claims, Command, Config, Conflict, Kind, Lane, Message, Mode, PeerKey, State, Trust,
    UNICAST_TTL,
};

use crate::lan::{
    Lan, address, base, extended, group_key, keyring, millis, profile, sealed, sealed_key, secret, secs, with,
};
use crate::sealed::{is_up, settled, trust};

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
fn a5_nobody_announces_an_absence_for_another_and_a_replay_announces_none() {
    let mut lan = settled(2, Mode::Mark, &[]);
    let absence = Absence::new(600, "firmware".parse().unwrap()).unwrap();
    let goodbye = |sequence, signer| {
        let message = with(extended(Kind::Quit, 2, sequence), |extension| {
            extension.id = secret(2).id();
            extension.absence = Some(Box::new(absence.clone()));
        });
        message.seal(&secret(signer), &keyring(&[]))
    };
    lan.datagram(0, address(2), Lane::Group, 1, &goodbye(1000, 9));
    let row = lan.peer(0, &sealed_key(2));
    assert!(row.is_live() && row.away.is_none(), "signed by another");
    // Its own, and the same once more after it came back.
    lan.command(1, Command::Leave(absence.clone()));
    assert_eq!(lan.peer(0, &sealed_key(2)).away.as_deref().map(|away| away.until), Some(lan.now + secs(600)));
    lan.run(secs(20));
    let recorded = lan.sent_by(1, Kind::Quit)[0].bytes.clone();
    let back = with(extended(Kind::Notify, 2, 1), |extension| {
        extension.id = secret(2).id();
        extension.epoch = 1 << 40;
    });
    lan.datagram(0, address(2), Lane::Group, 1, &back.seal(&secret(2), &keyring(&[])));
    lan.datagram(0, address(2), Lane::Group, 1, &recorded);
    let row = lan.peer(0, &sealed_key(2));
    assert!(row.is_live() && row.away.is_none(), "a recorded goodbye of an earlier run");
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
    let counters = lan.hosts[0].node.counters();
    assert_eq!(counters.over_budget.values().sum::<u64>(), counters.dropped["flood"], "each has its budget");
    assert!(counters.over_budget["source"] > 0, "{:?}", counters.over_budget);
    assert_eq!(counters.evicted.values().sum::<u64>(), 0, "nobody made room");
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
    assert!(lan.hosts[0].node.counters().over_budget["sender"] > 10_000);
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
fn a7_a_stranger_tells_of_no_more_hosts_than_could_be_strangers() {
    let mut lan = settled(2, Mode::Mark, &[]);
    lan.datagram(0, address(9), Lane::Group, 1, &sealed(Kind::Notify, 9, 1, &[]));
    for sequence in 2..=240_u64 {
        let entry = |number: u64| {
            let place = sequence * 10 + number;
            let id =
                kimchi_peers_proto::PeerId::from_bytes(std::array::from_fn(|index| (place >> (index % 4 * 8)) as u8));
            format!("{id},5,10.0.0.{},,told-{place}", 20 + place % 200).parse().unwrap()
        };
        let message = with(extended(Kind::Notify, 9, sequence), |extension| {
            extension.id = secret(9).id();
            extension.digest = Some(kimchi_peers_proto::Digest { sum: 7, hosts: 5 });
            let entries = (0..9).map(entry).collect();
            extension.roster = Some(Box::new(kimchi_peers_proto::Roster { entries, ..Default::default() }));
        });
        lan.datagram(0, address(9), Lane::Group, 1, &message.seal(&secret(9), &keyring(&[])));
        // As fast as is taken from one address.
        lan.run(millis(35));
    }
    assert_eq!(lan.hosts[0].node.table().unproven_count(false), Config::default().unproven_max);
    assert!(is_up(&lan, 0, &sealed_key(2)));
}

#[test]
fn a6_an_answer_to_an_outsider_passed_on_takes_no_class_off() {
    let mut lan = settled(2, Mode::Mark, &[7]);
    // A host without the group asks, and passes the answer on to another one.
    let question = with(extended(Kind::Search, 9, 1), |extension| {
        extension.id = secret(9).id();
        extension.target = Some(secret(2).id());
        extension.nonce = Some(kimchi_peers_proto::Nonce(7));
    });
    lan.datagram(1, address(9), Lane::Unicast, UNICAST_TTL, &question.seal(&secret(9), &keyring(&[])));
    let answer = lan.sent.iter().find(|sent| sent.by == 1 && sent.extension().echo.is_some()).cloned().unwrap();
    assert_eq!(answer.extension().group, None);
    lan.datagram(0, address(2), Lane::Group, 1, &answer.bytes);
    assert_eq!(trust(&lan, 0, 2), Some(Trust::Verified));
}
