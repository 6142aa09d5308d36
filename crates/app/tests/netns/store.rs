//! What a daemon knew is there after the worst kind of end.

use std::collections::BTreeSet;
use std::time::Duration;

use super::daemon::{Daemon, cli, wait_all_listed};
use super::host::Host;
use super::lan::Lan;
use super::wait::{seconds, until};
use super::{inside, inside_within};

#[test]
fn what_was_known_is_listed_before_any_packet_arrives() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let mut daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        daemons[0].say(&["add", "192.0.2.10:8001", "--name", "remote-host"]);
        // Nothing is kept of a host before it answered, or was heard for ten seconds.
        until(seconds(60), "all are known to be there to stay", || unproven(&daemons[0]) == 0);
        // Seen peers are written lazily, at most a second or so later; only remotes are durable before the answer.
        std::thread::sleep(seconds(3));
        let known = daemons[0].urls();
        assert!(known.iter().any(|url| url.contains(&lan.address(2))), "{known:?}");
        daemons.remove(0).kill();
        lan.set_cable(&hosts[0], "eth0", false);
        let capture = hosts[0].capture("eth0");
        let restarted = Daemon::start(&hosts[0]);
        let names: BTreeSet<String> = restarted.peers().into_iter().map(|row| row.name).collect();
        for name in [hosts[1].name(), hosts[2].name(), "remote-host"] {
            assert!(names.contains(name), "{name} is not among {names:?}");
        }
        let urls = restarted.urls();
        for number in [2, 3] {
            assert!(urls.iter().any(|url| url.contains(&lan.address(number))), "GET /peers says {urls:?}");
        }
        assert!(capture.frames().iter().all(|frame| frame.outgoing), "no packet has arrived");
        lan.set_cable(&hosts[0], "eth0", true);
        restarted.wait_names(seconds(35), &[hosts[1].name(), hosts[2].name()]);
    });
}

fn unproven(daemon: &Daemon<'_>) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&daemon.fetch("/v1/status")).expect("JSON");
    status["trust"]["unproven"]["extended"].as_u64().expect("a number")
}

#[test]
fn a_remote_whose_add_was_answered_survives_kill_9_a_hundred_times() {
    inside_within(seconds(600), || {
        let host = Host::unplugged("crashing");
        let seed =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(1, |age| age.subsec_nanos());
        println!("seed {seed}");
        let mut random = u64::from(seed) | 1;
        let mut answered = BTreeSet::new();
        for round in 0..100_u32 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Up to a millisecond after the answer in some rounds, up to an eighth of a second in others.
            let life = Duration::from_micros((random >> 33) % (1 << (10 + round % 8)));
            let mut daemon = Daemon::start_with(&host, &[]);
            let kept = remotes(&daemon);
            assert!(kept.is_superset(&answered), "round {round} lost {:?}", answered.difference(&kept));
            let first = format!("remote-{round}");
            daemon.say(&["add", &format!("192.0.2.100:{}", 10_000 + round), "--name", &first]);
            answered.insert(first);
            answered.extend(add_until(&host, life, round, || daemon.kill()));
        }
        let daemon = Daemon::start_with(&host, &[]);
        assert!(remotes(&daemon).is_superset(&answered));
        println!("{} remotes were answered for and kept", answered.len());
    });
}

/// Adds remotes, one after the other, while another thread kills the daemon after this time. Returns the names whose
/// `add` said that it is done.
fn add_until(host: &Host, life: Duration, round: u32, kill: impl FnOnce() + Send) -> Vec<String> {
    std::thread::scope(|scope| {
        let killer = scope.spawn(move || {
            std::thread::sleep(life);
            kill();
        });
        let mut answered = Vec::new();
        for number in 0..8 {
            let name = format!("remote-{round}-{number}");
            let address = format!("192.0.2.{number}:{}", 10_000 + round);
            if !cli(host, &["add", &address, "--name", &name]).status.success() {
                break;
            }
            answered.push(name);
        }
        killer.join().expect("the killer does not panic");
        answered
    })
}

fn remotes(daemon: &Daemon<'_>) -> BTreeSet<String> {
    daemon.peers().into_iter().filter(|row| row.origin == "remote").map(|row| row.name).collect()
}

#[test]
fn a_removed_remote_stays_removed() {
    inside(|| {
        let host = Host::unplugged("remover");
        let mut daemon = Daemon::start_with(&host, &[]);
        daemon.say(&["add", "192.0.2.20", "--name", "kept"]);
        daemon.say(&["add", "192.0.2.21", "--name", "removed"]);
        daemon.say(&["remove", "removed"]);
        daemon.kill();
        let daemon = Daemon::start_with(&host, &[]);
        until(seconds(5), "one remote", || remotes(&daemon) == ["kept".to_owned()].into());
    });
}
