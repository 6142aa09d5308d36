//! A host starts: what it asks, who learns of it, and how it keeps itself known.

use kimchi_peers_proto::{
    Cause, CertificateHash, Change, Command, Config, GROUP_V4, Kind, Nonce, PORT, Profile, State,
};

use crate::lan::{ETH0, Lan, address, extended, id, key, millis, profile, secs, with};

#[test]
fn a_host_alone_searches_four_times() {
    let mut lan = Lan::new();
    let start = lan.now;
    let host = lan.start(1);
    lan.run(secs(9));
    assert_eq!(lan.times(host, Kind::Search, start), [0, 250, 1000, 4000].map(millis));
    for sent in &lan.sent {
        assert_eq!((sent.to.ip(), sent.to.port(), sent.from), (GROUP_V4.into(), PORT, address(1)));
        assert_eq!(sent.message.info.address, address(1));
        let extension = sent.extension();
        assert_eq!((extension.id, extension.epoch, extension.time_to_live), (id(1), 5, 30));
        assert_eq!((extension.target, extension.echo), (None, None));
        assert!(extension.nonce.is_some(), "one host is asked to answer");
        assert_eq!(extension.digest, lan.hosts[host].node.digest(ETH0), "alone, nothing changes");
    }
    let numbers: Vec<u64> = lan.sent.iter().map(|sent| sent.extension().sequence).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

#[test]
fn one_search_makes_both_known_to_each_other() {
    let mut lan = Lan::settled(1);
    let start = lan.now;
    lan.start(2);
    assert_eq!(lan.state(0, 2), Some(State::Up), "the search itself tells who asks");
    assert_eq!(lan.changes(0, &key(2)), [(start, Change::Up, Cause::Heard(Kind::Search))]);
    lan.run(millis(1));
    assert_eq!(lan.state(1, 1), Some(State::Up));
    assert_eq!(lan.changes(1, &key(1))[0].2, Cause::Heard(Kind::Notify));
    assert_eq!((lan.hosts[0].node.hosts(), lan.hosts[1].node.hosts()), (2, 2));
    lan.run(secs(8));
    // Who is answered says only once more that it is there.
    assert_eq!(lan.times(1, Kind::Search, start), [millis(0)]);
    assert_eq!(lan.times(1, Kind::Notify, start), [millis(250)]);
}

#[test]
fn somebody_new_at_the_last_moment_is_reason_to_search_on() {
    let mut lan = Lan::new();
    let start = lan.now;
    let host = lan.start(1);
    lan.run(millis(500));
    lan.group(host, 9, &extended(Kind::Notify, 9, 1));
    lan.run(secs(8));
    assert_eq!(lan.times(host, Kind::Search, start), [0, 250, 1000].map(millis));
}

#[test]
fn three_hosts_that_start_together_know_each_other() {
    let mut lan = Lan::new();
    for number in 1..=3 {
        lan.start(number);
    }
    lan.run(secs(2));
    for host in 0..3 {
        assert_eq!(lan.hosts[host].node.hosts(), 3);
        assert!(lan.sent_by(host, Kind::Search).len() <= 3);
    }
}

#[test]
fn heartbeats_come_every_ten_seconds_give_or_take_a_tenth() {
    let mut lan = Lan::settled(1);
    let start = lan.now;
    lan.run(secs(600));
    let times = lan.times(0, Kind::Notify, start);
    assert!((54..=67).contains(&times.len()), "{} heartbeats in ten minutes", times.len());
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| (millis(9_000)..=millis(11_000)).contains(pause)), "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause != pauses[0]), "no jitter");
    assert_eq!(lan.sent_by(0, Kind::Search).len(), 0);
}

#[test]
fn the_heartbeat_slows_down_as_the_network_grows() {
    let mut lan = Lan::settled(1);
    for number in 2..=200 {
        let message = extended(Kind::Notify, number, 1);
        lan.group(0, number, &message);
    }
    assert_eq!(lan.hosts[0].node.hosts(), 200);
    lan.run(secs(12));
    let start = lan.now;
    lan.forget();
    lan.run(secs(23));
    let beats = lan.sent_by(0, Kind::Notify);
    assert_eq!(beats.len(), 1, "an interval is 200 times 100 ms now");
    assert!(beats[0].at > start + secs(5));
    assert_eq!(beats[0].extension().time_to_live, 60, "three intervals");
}

#[test]
fn the_interval_is_a_tenth_of_a_second_a_host() {
    let config = Config::default();
    let seconds = |hosts| config.heartbeat_interval(hosts).as_secs_f64();
    assert_eq!([1, 2, 100, 101, 1000].map(seconds), [10.0, 10.0, 10.0, 10.1, 100.0]);
    let jitter = |hosts| config.answer_jitter(hosts).as_micros();
    assert_eq!([1, 2, 1000, 1001].map(jitter), [500, 1000, 500_000, 500_000]);
}

#[test]
fn the_program_can_ask_at_any_time() {
    let mut lan = Lan::settled(2);
    let start = lan.now;
    lan.command(0, Command::Search);
    lan.run(secs(8));
    assert_eq!(lan.times(0, Kind::Search, start), [millis(0)]);
    assert!(!lan.sent_by(1, Kind::Notify).is_empty());
}

#[test]
fn an_observer_is_not_listed_and_answers_nobody() {
    let mut lan = Lan::settled(1);
    let observer = lan.start_with(2, Config { observer: true, ..Config::default() }, Vec::new());
    lan.run(secs(60));
    assert_eq!(lan.state(observer, 1), Some(State::Up));
    assert_eq!(lan.state(0, 2), None);
    lan.group(observer, 9, &extended(Kind::Search, 9, 1));
    lan.run(secs(60));
    assert_eq!(lan.sent_by(observer, Kind::Notify).len(), 0);
    assert!(lan.sent_by(observer, Kind::Search).iter().all(|sent| sent.extension().time_to_live == 0));
    lan.command(observer, Command::Quit);
    lan.run(secs(1));
    assert_eq!(lan.dropped(0, "stray_quit"), 0, "its goodbye is nothing to wonder about");
}

#[test]
fn a_changed_profile_is_announced_three_times() {
    let mut lan = Lan::settled(2);
    let start = lan.now;
    let renamed = Profile { https_port: 9443, ..profile(7) };
    lan.command(0, Command::Profile(renamed.clone()));
    assert_eq!(lan.peer(1, &key(1)).name, renamed.name);
    assert_eq!(lan.peer(1, &key(1)).https_port, 9443);
    lan.run(secs(5));
    assert_eq!(lan.times(0, Kind::Notify, start), [0, 250, 1000].map(millis));
    assert_eq!(lan.changes(1, &key(1)), [(start, Change::Changed, Cause::Heard(Kind::Notify))]);
    lan.forget();
    lan.command(0, Command::Profile(renamed));
    lan.run(secs(1));
    assert_eq!(lan.sent_by(0, Kind::Notify).len(), 0, "the same again is no change");
}

#[test]
fn the_certificate_of_a_console_is_told_with_the_facts_and_only_there() {
    let mut lan = Lan::settled(3);
    let certificate = CertificateHash::from_bytes([7; 32]);
    let with_console = Profile { certificate: Some(certificate), ..profile(1) };
    lan.command(0, Command::Profile(with_console.clone()));
    lan.run(secs(1));
    let known = |lan: &Lan| lan.peer(1, &key(1)).certificate.as_deref().copied();
    assert_eq!(known(&lan), Some(certificate));
    // What leaves the facts out takes nothing off: an answer, a probe, a page that is told to all.
    for message in [
        with(extended(Kind::Notify, 1, 1_000), |extension| extension.echo = Some(Nonce(1))),
        with(extended(Kind::Search, 1, 1_001), |extension| extension.target = Some(id(3))),
        with(extended(Kind::Notify, 1, 1_002), |extension| extension.roster = Some(Box::default())),
    ] {
        lan.group(1, 1, &message);
        assert_eq!(known(&lan), Some(certificate), "{message:?}");
    }
    lan.group(1, 1, &extended(Kind::Notify, 1, 1_003));
    assert_eq!(known(&lan), None);
    // Who starts later hears of it at once.
    let newcomer = lan.start(4);
    lan.run(secs(15));
    assert_eq!(lan.peer(newcomer, &key(1)).certificate.as_deref(), Some(&certificate));
}
