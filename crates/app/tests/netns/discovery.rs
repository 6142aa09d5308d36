//! Hosts of one link find each other, and notice when one leaves or dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::base_peer::BasePeer;
use super::daemon::{Daemon, cli, wait_all_listed};
use super::frame;
use super::inside;
use super::lan::Lan;
use super::sender::Sender;
use super::wait::{seconds, until};

/// Less than a lifetime: what is noticed by then was noticed by the neighbours in the ring.
const BEFORE_SILENCE: Duration = seconds(20);

#[test]
fn three_daemons_and_a_base_peer_list_each_other_and_the_base_peer_can_leave() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3), lan.host(4)];
        let daemons: Vec<Daemon<'_>> = hosts[..3].iter().map(Daemon::start).collect();
        let mut base = BasePeer::start(&hosts[3], &lan.address(4), "base-host");
        wait_all_listed(seconds(10), &daemons);
        for daemon in &daemons {
            daemon.wait_names(seconds(10), &["base-host"]);
            let row = daemon.rows("base-host").remove(0);
            assert!(row.has_address(&lan.address(4)) && row.origin == "local", "{row:?}");
        }
        until(seconds(10), "the base peer lists all three", || base.peers().len() == 3);
        until(seconds(5), "GET /peers names the three others", || daemons[0].urls().len() == 3);
        assert!(!daemons[0].urls().iter().any(|url| url.contains(&lan.address(1))), "ourselves are not among them");
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        base.quit();
        for (daemon, mark) in daemons.iter().zip(marks) {
            let event = daemon.wait_event(seconds(5), mark, "down", "base-host");
            assert_eq!(event.peer.and_then(|row| row.reason).as_deref(), Some("left"));
            assert!(daemon.rows("base-host").is_empty(), "the row is empty on {}", daemon.name());
        }
        assert!(base.junk().is_empty(), "a base peer can read all we send: {:?}", base.junk());
    });
}

#[test]
fn a_search_of_a_base_peer_is_answered_by_everyone() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3), lan.host(4)];
        let daemons: Vec<Daemon<'_>> = hosts[..3].iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let mut base = BasePeer::start(&hosts[3], &lan.address(4), "base-host");
        until(seconds(10), "it lists all three", || base.peers().len() == 3);
        // Its first search has been answered; of the second one the answers are timed.
        std::thread::sleep(seconds(2));
        let mark = base.mark();
        base.search();
        let answers = |base: &BasePeer| {
            let happenings = base.since(mark);
            let begun = happenings.iter().find(|happening| happening.event == "sent").map(|happening| happening.at)?;
            let answers = happenings.into_iter().filter(|happening| happening.event == "notify");
            Some((begun, answers.collect::<Vec<_>>()))
        };
        let names = |base: &BasePeer| -> BTreeSet<String> {
            answers(base)
                .into_iter()
                .flat_map(|(_, answers)| answers)
                .map(|answer| answer.domain().to_owned())
                .collect()
        };
        until(seconds(10), "three answers", || names(&base).len() == 3);
        let (begun, answers) = answers(&base).expect("the search was sent");
        for daemon in &daemons {
            let answer = answers.iter().find(|answer| answer.domain() == daemon.name()).expect("its answer");
            let message = answer.message().expect("canonical");
            let after = answer.at - begun;
            assert!(after.as_millis() <= 1500, "{} answered after {after:?}", daemon.name());
            assert_eq!(answer.members["source"], message.text("IP"));
            assert_eq!((message.text("httpport"), message.text("httpsport")), ("8000", "8001"));
        }
    });
}

#[test]
fn other_readings_of_the_request_are_understood() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts: Vec<_> = (1..=4).map(|number| lan.host(number)).collect();
        let daemon = Daemon::start(&hosts[0]);
        let readings = [("little", "lf"), ("decimal", "crlf"), ("big", "crlf")];
        let _peers: Vec<BasePeer> = readings
            .iter()
            .zip(2..)
            .map(|((head, tail), number)| {
                let options = ["--head", *head, "--tail", *tail];
                let host = &hosts[usize::from(number) - 1];
                BasePeer::start_with(host, &lan.address(number), &format!("{head}-{tail}"), &options)
            })
            .collect();
        daemon.wait_names(seconds(10), &["little-lf", "decimal-crlf", "big-crlf"]);
    });
}

#[test]
fn a_daemon_that_is_told_to_end_says_goodbye() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3), lan.host(4)];
        let mut daemons: Vec<Daemon<'_>> = hosts[..3].iter().map(Daemon::start).collect();
        let mut base = BasePeer::start(&hosts[3], &lan.address(4), "base-host");
        wait_all_listed(seconds(10), &daemons);
        until(seconds(10), "the base peer lists all three", || base.peers().len() == 3);
        let mut leaver = daemons.pop().expect("three daemons");
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        assert!(leaver.terminate().success(), "SIGTERM is a normal end");
        for (daemon, mark) in daemons.iter().zip(marks) {
            let event = daemon.wait_event(seconds(5), mark, "down", leaver.name());
            assert_eq!(event.peer.and_then(|row| row.reason).as_deref(), Some("left"));
            assert!(daemon.rows(leaver.name()).is_empty());
            assert!(!daemon.urls().iter().any(|url| url.contains(&lan.address(3))));
        }
        until(seconds(5), "the base peer forgets it", || !base.peers().contains_key(leaver.name()));
    });
}

#[test]
fn a_killed_daemon_is_noticed_as_lost() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let mut daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let mut victim = daemons.pop().expect("three daemons");
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        victim.kill();
        let killed = Instant::now();
        for (daemon, mark) in daemons.iter().zip(marks) {
            let event = daemon.wait_event(BEFORE_SILENCE, mark, "down", victim.name());
            println!("{} noticed it after {:?}", daemon.name(), event.at - killed);
            let row = event.peer.expect("a peer");
            assert_eq!((row.state.as_str(), row.reason.as_deref()), ("down", Some("lost")));
            assert!(daemon.rows(victim.name()).is_empty());
        }
    });
}

#[test]
fn a_host_whose_cable_is_cut_is_lost_to_the_others_and_comes_back() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let mark = daemons[0].mark();
        lan.set_cable(&hosts[2], "eth0", false);
        daemons[0].wait_event(BEFORE_SILENCE, mark, "down", daemons[2].name());
        lan.set_cable(&hosts[2], "eth0", true);
        wait_all_listed(BEFORE_SILENCE, &daemons);
    });
}

#[test]
fn a_search_without_a_daemon_lists_everybody_and_is_listed_by_nobody() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts: Vec<_> = (1..=6).map(|number| lan.host(number)).collect();
        let daemons: Vec<Daemon<'_>> = hosts[..5].iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let said = cli(&hosts[5], &["search", "--wait", "1s", "--interface", "eth0", "-o", "names"]);
        let found: BTreeSet<String> = String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect();
        let all: BTreeSet<String> = daemons.iter().map(|daemon| daemon.name().to_owned()).collect();
        assert_eq!(found, all, "{}", String::from_utf8_lossy(&said.stderr));
        for daemon in &daemons {
            assert_eq!(daemon.peers().len(), 4, "{} lists who only asked", daemon.name());
        }
    });
}

#[test]
fn a_peer_that_was_told_of_is_up_but_not_seen_and_outlives_a_restart() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts: Vec<_> = (1..=6).map(|number| lan.host(number)).collect();
        let daemons: Vec<Daemon<'_>> = hosts[..5].iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let names: Vec<&str> = daemons.iter().map(Daemon::name).collect();
        let mut newcomer = Daemon::start(&hosts[5]);
        newcomer.wait_names(seconds(10), &names);
        let events = newcomer.events_since(0);
        let told: Vec<_> = events.iter().filter(|event| event.cause.as_deref() == Some("told")).collect();
        assert!(!told.is_empty(), "one answered and told of the others: {events:?}");
        for event in told {
            let row = event.peer.as_ref().expect("a peer");
            assert_eq!((event.name.as_str(), row.state.as_str(), &row.last_seen), ("up", "up", &None), "{event:?}");
        }
        assert!(newcomer.terminate().success());
        let restarted = Daemon::start(&hosts[5]);
        restarted.wait_names(seconds(10), &names);
        assert!(restarted.peers().iter().all(|row| row.state == "up"), "{:?}", restarted.peers());
    });
}

#[test]
fn a_host_whose_program_is_gone_is_told_by_its_kernel() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let mut daemons: Vec<Daemon<'_>> = hosts.iter().map(Daemon::start).collect();
        wait_all_listed(seconds(10), &daemons);
        let mut victim = daemons.pop().expect("two daemons");
        let survivor = &daemons[0];
        assert_eq!(unreachable(survivor), 0);
        victim.kill();
        // Whatever asks in the name of the dead host is answered to its port, where nobody listens.
        let question = frame::directed_search(&lan.address(2));
        let sender = Sender::new(&hosts[1], "eth0").to(&lan.address(1)).time_to_live(255);
        until(seconds(30), "ICMP is counted", || {
            sender.clone().send(std::slice::from_ref(&question));
            unreachable(survivor) > 0
        });
        assert!(survivor.fetch("/metrics").contains("\nkimchi_peers_datagrams_unreachable_total "));
        // The socket goes on: a host that comes after the errors is heard, and so is its goodbye.
        let mark = survivor.mark();
        let mut back = Daemon::start(&hosts[1]);
        survivor.wait_names(seconds(10), &[back.name()]);
        assert!(back.terminate().success());
        survivor.wait_event(seconds(10), mark, "down", victim.name());
    });
}

/// How many datagrams were answered by "port unreachable".
fn unreachable(daemon: &Daemon<'_>) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&daemon.fetch("/v1/status")).expect("JSON");
    status["datagrams"]["unreachable"].as_u64().expect("a number")
}
