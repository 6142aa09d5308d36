//! Tests of the harness itself, without the daemon: what the other tests take for granted.

use std::process::Command;

use super::base_peer::BasePeer;
use super::frame::message;
use super::host::Host;
use super::inside::can_run_here;
use super::lan::Lan;
use super::process::Running;
use super::sender::Sender;
use super::wait::{seconds, until, until_equal};
use super::{inside, inside_within};

/// Says to [`misbehaves_on_purpose`] how, after a dash the pid of the test that started it: also the mark by which its
/// processes are found.
const MISBEHAVIOUR: &str = "KIMCHI_PEERS_MISBEHAVIOUR";

#[test]
fn two_base_peers_find_each_other() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let mut first = BasePeer::start(&hosts[0], &lan.address(1), "first");
        let mut second = BasePeer::start(&hosts[1], &lan.address(2), "second");
        until(seconds(10), "each lists the other", || {
            first.peers().contains_key("second") && second.peers().contains_key("first")
        });
        second.quit();
        until(seconds(10), "the first forgets the second", || first.peers().is_empty());
        assert!(first.junk().is_empty());
    });
}

#[test]
fn a_base_peer_reads_the_canonical_form_only() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let strict = BasePeer::start(&hosts[0], &lan.address(1), "strict");
        let _little = BasePeer::start_with(&hosts[1], &lan.address(2), "little", &["--head", "little"]);
        let _dos = BasePeer::start_with(&hosts[2], &lan.address(3), "dos", &["--head", "decimal", "--tail", "crlf"]);
        until(seconds(10), "both are junk to the strict one", || {
            let sources: Vec<_> = strict.junk().iter().map(|junk| junk.members["source"].clone()).collect();
            sources.contains(&lan.address(2).into()) && sources.contains(&lan.address(3).into())
        });
    });
}

#[test]
fn the_capture_sees_every_frame_once() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let capture = lan.capture();
        let _first = BasePeer::start(&hosts[0], &lan.address(1), "first");
        Sender::new(&hosts[1], "eth0").send(&[message("search", "second", &lan.address(2))]);
        until(seconds(10), "two searches and an answer", || capture.frames().len() >= 3);
        let frames = capture.frames();
        capture.assert_faultless(&frames);
        assert_eq!(frames.len(), 3, "{frames:?}");
        assert_eq!(capture.from(&lan.address(1)).len(), 2);
        Sender::new(&hosts[1], "eth0").to(&lan.address(1)).time_to_live(255).send(&[b"unicast".to_vec()]);
        Sender::new(&hosts[1], "eth0").send(&[vec![0; 3000]]);
        until(seconds(10), "unicast, and three fragments", || capture.frames().len() >= 7);
        let frames = capture.frames();
        assert_eq!((frames[3].time_to_live, frames[3].payload()), (255, b"unicast".to_vec()));
        assert!(frames[4..].iter().all(|frame| frame.fault().is_some_and(|fault| fault.contains("fragment"))));
    });
}

#[test]
fn a_forged_source_arrives_over_the_link_and_a_router_takes_one_from_the_ttl() {
    inside(|| {
        let [near, far] = [Lan::new(1), Lan::new(2)];
        let [victim, attacker] = [near.host(1), far.host(1)];
        let router = near.host(254);
        router.second_interface(&far, 254);
        router.forward();
        victim.add_default_route(&near.address(254));
        attacker.add_default_route(&far.address(254));
        let capture = victim.capture("eth0");
        Sender::new(&attacker, "eth0").to(&near.address(1)).time_to_live(255).send(&[b"routed".to_vec()]);
        Sender::new(&router, "eth0").source("203.0.113.9").send(&[b"forged".to_vec()]);
        until(seconds(10), "both", || capture.frames().len() >= 2);
        let frames = capture.frames();
        let routed = frames.iter().find(|frame| frame.payload() == b"routed").expect("the routed one");
        assert_eq!((routed.time_to_live, routed.source.to_string()), (254, far.address(1)));
        assert!(!capture.from("203.0.113.9").is_empty());
    });
}

#[test]
fn loss_loses_about_its_share() {
    inside(|| {
        let lan = Lan::new(1);
        let [receiver, sender] = [lan.host(1), lan.host(2)];
        receiver.lose(20);
        let mut peer = BasePeer::start(&receiver, &lan.address(1), "receiver");
        let address = lan.address(2);
        let notifies: Vec<_> = (0..500).map(|each| message("notify", &format!("peer-{each}"), &address)).collect();
        assert_eq!(Sender::new(&sender, "eth0").send(&notifies), 500);
        // 400 are expected; six standard deviations (of 9) to either side.
        until(seconds(10), "about 400 of 500", || (346..=454).contains(&peer.peers().len()));
    });
}

#[test]
fn interfaces_come_go_and_change() {
    inside(|| {
        let [lan, other] = [Lan::new(1), Lan::new(2)];
        let host = Host::unplugged("changeable");
        let addresses = || String::from_utf8_lossy(&host.run(&["ip", "-4", "-brief", "address"]).stdout).into_owned();
        assert!(!addresses().contains("eth0"));
        host.plug("eth0", &lan, 1);
        host.second_interface(&other, 1);
        let mut peer = BasePeer::start(&host, &lan.address(1), "peer");
        assert_eq!(host.memberships(), ["eth0"]);
        assert!(host.is_member("eth0") && !host.is_member("eth1"));
        host.replace_address("eth0", &lan.address(1), &lan.address(7));
        assert!(addresses().contains("10.77.1.7/24") && !addresses().contains("10.77.1.1/24"));
        lan.set_cable(&host, "eth0", false);
        until(seconds(5), "no carrier", || addresses().contains("eth0") && addresses().contains("DOWN"));
        lan.set_cable(&host, "eth0", true);
        host.set_link("eth1", false);
        host.set_link("eth1", true);
        host.unplug("eth0");
        until_equal(seconds(5), "no membership", &Vec::<String>::new(), || host.memberships());
        peer.kill();
    });
}

#[test]
fn nothing_is_left_after_a_panic() {
    if can_run_here() {
        let mut run = misbehave("panic");
        assert!(!run.wait_end(seconds(60)).success(), "the panic inside is a failure outside");
        until_equal(seconds(10), "no process is left", &Vec::new(), || processes_marked("panic"));
    }
}

#[test]
fn nothing_is_left_after_kill_9() {
    if can_run_here() {
        let mut run = misbehave("hang");
        run.wait_line(seconds(60), "its hosts run", 0, |line| line.contains("all set up"));
        assert!(processes_marked("hang").len() > 3, "the hosts and the peers are found by their mark");
        run.kill();
        until_equal(seconds(10), "no process is left", &Vec::new(), || processes_marked("hang"));
    }
}

#[test]
fn a_test_that_takes_too_long_is_ended() {
    if can_run_here() {
        let mut run = misbehave("late");
        assert!(!run.wait_end(seconds(60)).success(), "the time limit is a failure");
        assert!(run.output().since(0).iter().any(|line| line.text.contains("all set up")));
        until_equal(seconds(10), "no process is left", &Vec::new(), || processes_marked("late"));
    }
}

/// Starts hosts and peers, then fails as it is told. It is the child of [`nothing_is_left_after_a_panic`] and its like;
/// when nobody tells it anything it does nothing.
#[test]
fn misbehaves_on_purpose() {
    let Ok(misbehaviour) = std::env::var(MISBEHAVIOUR) else { return };
    let limit = if misbehaviour.starts_with("late") { 5 } else { 120 };
    inside_within(seconds(limit), || {
        let lan = Lan::new(1);
        let host = lan.host(1);
        let _peer = BasePeer::start(&host, &lan.address(1), "orphan");
        let _sleeper = host.spawn(&["sh", "-c", "sleep 1000 & setsid sleep 1001"]);
        println!("all set up");
        assert!(!misbehaviour.starts_with("panic"), "on purpose");
        std::thread::sleep(seconds(100));
    });
}

fn misbehave(misbehaviour: &str) -> Running {
    let mut command = Command::new(std::env::current_exe().expect("the test program"));
    command.args(["--exact", "netns::harness::misbehaves_on_purpose", "--nocapture"]);
    Running::start("misbehaves_on_purpose", command.env(MISBEHAVIOUR, mark(misbehaviour)))
}

fn mark(misbehaviour: &str) -> String {
    format!("{misbehaviour}-{}", std::process::id())
}

/// The processes of the machine that carry the mark in their environment.
fn processes_marked(misbehaviour: &str) -> Vec<String> {
    let wanted = format!("{MISBEHAVIOUR}={}", mark(misbehaviour)).into_bytes();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let marked = processes.filter(|process| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    });
    marked.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}
