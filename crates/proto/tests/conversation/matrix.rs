//! Each host tells whom it hears, and any host tells who hears whom.

use kimchi_peers_proto::{Hearing, Hears, Kind, MatrixRow, PeerKey, State};

use crate::lan::{ETH0, Lan, extended, key, millis, secs, with};

/// What one host knows of what all hear: a line for each host, in the order of their numbers; `.` for a host without a row.
fn picture(lan: &Lan, of: usize) -> Vec<String> {
    let matrix = lan.hosts[of].node.matrix(lan.now);
    let own = PeerKey::Identity(lan.hosts[of].node.identity().id);
    let place = |wanted: &PeerKey| matrix.hosts.iter().position(|host| host.key.as_ref().unwrap_or(&own) == wanted);
    let letter = |cell: Hearing| match cell {
        Hearing::Heard => '1',
        Hearing::NotHeard => '0',
        Hearing::Itself => '-',
        Hearing::Unknown => '?',
    };
    let numbers: Vec<PeerKey> = (1..=lan.hosts.len()).map(|number| key(u8::try_from(number).unwrap())).collect();
    let line = |row: &MatrixRow| {
        let cell = |wanted: &PeerKey| place(wanted).map_or('.', |place| letter(row.cells[place]));
        numbers.iter().map(cell).collect::<String>()
    };
    let row = |wanted: &PeerKey| place(wanted).and_then(|host| matrix.rows.iter().find(|row| row.host == host));
    numbers.iter().map(|wanted| row(wanted).map_or_else(|| ".".to_owned(), line)).collect()
}

/// Whom a host said last that it hears.
fn told(lan: &Lan, host: usize) -> Hears {
    let heartbeats = lan.sent_by(host, Kind::Notify);
    let hears = heartbeats.iter().rev().find_map(|sent| sent.extension().hears.as_deref());
    hears.expect("a heartbeat").clone()
}

#[test]
fn where_all_is_well_a_number_says_it_all() {
    let mut lan = Lan::watching(4);
    lan.run(secs(12));
    for host in 0..4 {
        assert_eq!(picture(&lan, host), ["-111", "1-11", "11-1", "111-"]);
        assert_eq!(told(&lan, host), Hears { heard: 3, unheard: Vec::new() });
    }
    // Nothing else than a heartbeat tells it.
    let telling = lan.sent.iter().filter(|sent| sent.extension().hears.is_some());
    assert!(telling.clone().all(|sent| sent.is_multicast() && sent.kind() == Kind::Notify));
    assert_eq!(telling.count(), lan.sent.iter().filter(|sent| sent.is_multicast()).count());
}

#[test]
fn a_one_way_link_shows_at_every_host_that_hears_both_ends() {
    let mut lan = Lan::watching(5);
    lan.blocked = vec![(0, 2)];
    lan.run(secs(120));
    for host in [0, 1, 3, 4] {
        assert_eq!(picture(&lan, host), ["-1111", "1-111", "01-11", "111-1", "1111-"], "at host {host}");
    }
    // Who does not hear a host does not hear either what it says of others.
    assert_eq!(picture(&lan, 2), ["-????", "1-111", "01-11", "111-1", "1111-"]);
    assert_eq!(told(&lan, 2), Hears { heard: 3, unheard: vec![(&crate::lan::id(1)).into()] });
    lan.blocked.clear();
    lan.run(secs(60));
    assert_eq!(picture(&lan, 4), ["-1111", "1-111", "11-11", "111-1", "1111-"]);
}

#[test]
fn a_pair_that_is_cut_shows_at_the_others_whole_and_at_its_ends_in_part() {
    let mut lan = Lan::watching(4);
    lan.blocked = vec![(0, 1), (1, 0)];
    lan.run(secs(120));
    for host in [2, 3] {
        assert_eq!(picture(&lan, host), ["-011", "0-11", "11-1", "111-"], "at host {host}");
    }
    // What the other one said before is not held against what is.
    assert_eq!(picture(&lan, 0), ["-011", "?-??", "11-1", "111-"]);
    assert_eq!(picture(&lan, 1), ["-???", "0-11", "11-1", "111-"]);
}

#[test]
fn who_hears_nobody_is_told_by_those_who_hear_it() {
    let mut lan = Lan::watching(3);
    lan.blocked = vec![(1, 0), (2, 0)];
    lan.run(secs(60));
    assert_eq!(told(&lan, 0).heard, 0);
    for host in [1, 2] {
        let picture = picture(&lan, host);
        assert_eq!(picture[0], "-00", "at host {host}");
        assert!(!picture[1..].concat().contains('0'), "at host {host}: {picture:?}");
    }
}

#[test]
fn who_was_told_of_by_others_is_not_known_before_it_had_time_to_speak() {
    let mut lan = Lan::watching(3);
    let newcomer = lan.start(4);
    lan.run(millis(300));
    let row = |lan: &Lan| picture(lan, newcomer)[3].clone();
    assert!(!row(&lan).contains('0'), "{}", row(&lan));
    lan.run(secs(25));
    assert_eq!(row(&lan), "111-");
    assert_eq!(picture(&lan, 0), ["-111", "1-11", "11-1", "111-"]);
}

#[test]
fn where_two_tables_differ_nothing_is_guessed() {
    let mut lan = Lan::settled(1);
    let heartbeat = |sequence: u64, heard: u32, hosts: u32| {
        with(extended(Kind::Notify, 7, sequence), |extension| {
            extension.digest = Some(kimchi_peers_proto::Digest { sum: 1, hosts });
            extension.hears = Some(Box::new(Hears { heard, unheard: Vec::new() }));
        })
    };
    lan.group(0, 7, &heartbeat(1, 5, 6));
    let row = |lan: &Lan| lan.hosts[0].node.matrix(lan.now).rows[1].clone();
    assert_eq!(row(&lan).cells, [Hearing::Unknown, Hearing::Itself]);
    assert_eq!(row(&lan).told_at, Some(lan.now));
    // Who hears nobody does not hear this host either, whatever it lists.
    lan.group(0, 7, &heartbeat(2, 0, 6));
    assert_eq!(row(&lan).cells, [Hearing::NotHeard, Hearing::Itself]);
    // With the same table and too small a number, somebody is not heard, and nobody knows who.
    let digest = lan.hosts[0].node.digest(ETH0).unwrap();
    let same = with(heartbeat(3, 0, digest.hosts), |extension| {
        extension.digest = Some(digest);
        extension.hears = Some(Box::new(Hears { heard: 9, unheard: Vec::new() }));
    });
    lan.group(0, 7, &same);
    assert_eq!(row(&lan).cells, [Hearing::Unknown, Hearing::Itself]);
    assert_eq!(lan.state(0, 7), Some(State::Up));
}
