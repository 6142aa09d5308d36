//! Much at once: signals, changes of the configuration, interfaces.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::capture::Frame;
use super::daemon::{Daemon, wait_all_listed};
use super::host::Host;
use super::lan::Lan;
use super::wait::{seconds, until, until_equal};
use super::{inside, inside_within};

/// The ports of the two settings, both of them in each: an announcement with one of each would be half a reload.
const PORTS: [&str; 2] = ["1111", "2222"];
/// Signals of the storm.
const SIGNALS: u32 = 400;
const BRIDGES: u8 = 30;

fn descriptors(daemon: &Daemon<'_>) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).expect("its descriptors").count()
}

/// Puts a file in place as a whole.
fn put(file: &str, text: &str) {
    std::fs::write(format!("{file}.new"), text).expect("it is written");
    std::fs::rename(format!("{file}.new"), file).expect("it is put in place");
}

/// Sends a signal so often, without starting a program for each.
fn storm(daemon: &Daemon<'_>, signal: &str, count: u32) {
    let script =
        format!("i=0; while [ $i -lt {count} ]; do kill -s {signal} {} || exit 0; i=$((i+1)); done", daemon.pid());
    let status = std::process::Command::new("sh").args(["-c", &script]).status();
    assert!(status.expect("sh runs").success());
}

fn ports_of(frame: &Frame) -> Option<[String; 2]> {
    let message = frame.message().ok()?;
    Some(["httpport", "httpsport"].map(|name| message.text(name).to_owned()))
}

#[test]
fn a_storm_of_reloads_is_atomic_leaks_nothing_and_does_not_delay_the_end() {
    inside(|| {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2)];
        let file = format!("{}/kimchi-peers.toml", hosts[0].directory());
        let setting = |ports: &str| format!("http_port = {ports}\nhttps_port = {ports}\n");
        put(&file, &setting(PORTS[0]));
        let mut subject = Daemon::start_with(&hosts[0], &["--interface", "eth0", "--config", &file]);
        let other = Daemon::start(&hosts[1]);
        other.wait_names(seconds(20), &[subject.name()]);
        let capture = lan.capture();
        // From then on the database is open.
        subject.say(&["add", "192.0.2.1:8001", "--name", "far"]);
        let before = descriptors(&subject);
        let broken = || "http_port = 3333\nhttps_port = \"none\"\n".to_owned();
        for round in 0..SIGNALS / 10 {
            let text = if round % 7 == 6 { broken() } else { setting(PORTS[(round % 2) as usize]) };
            put(&file, &text);
            storm(&subject, "HUP", 10);
        }
        let reloads = |text: &str| subject.log_since(0).iter().filter(|line| line.text.contains(text)).count();
        // A slow machine may have read the file only while it was whole.
        put(&file, &broken());
        storm(&subject, "HUP", 10);
        until(seconds(30), "a broken file is refused", || reloads("the configuration stays") > 0);
        put(&file, &setting(PORTS[1]));
        storm(&subject, "HUP", 1);
        until(seconds(30), "the last settings are in force and known", || {
            other.rows(subject.name()).first().is_some_and(|row| row.url.contains(PORTS[1]))
        });
        println!("{} reloads, {} refused", reloads("configuration reloaded"), reloads("the configuration stays"));
        assert!(reloads("configuration reloaded") > 1);
        until(seconds(20), "no descriptor is left open", || descriptors(&subject) <= before + 1);
        let sent = capture.from(&lan.address(1));
        let announced: BTreeSet<[String; 2]> = sent.iter().filter_map(ports_of).collect();
        assert!(announced.iter().all(|[http, https]| http == https && PORTS.contains(&http.as_str())), "{announced:?}");
        println!("{} datagrams in all", sent.len());
        ends_in_the_middle_of_a_storm(&mut subject, &capture, &lan.address(1));
    });
}

/// SIGTERM among SIGHUP, and once more.
fn ends_in_the_middle_of_a_storm(subject: &mut Daemon<'_>, capture: &super::capture::Capture, address: &str) {
    let start = Instant::now();
    storm(subject, "HUP", 50);
    subject.signal("TERM");
    storm(subject, "HUP", 20);
    let status = subject.wait_end();
    let took = start.elapsed();
    println!("ended {took:?} after the storm began");
    // Two seconds are promised; the machine may have others to serve.
    assert!(status.success() && took < Duration::from_secs(6), "{status} after {took:?}");
    let quits = || {
        let frames = capture.from(address).into_iter();
        frames.filter(|frame| frame.message().is_ok_and(|message| message.kind == "quit")).count()
    };
    until(seconds(10), "its goodbye", || quits() > 0);
    std::thread::sleep(seconds(1));
    println!("{} goodbyes", quits());
    assert!((1..=3).contains(&quits()), "{} copies of the goodbye", quits());
}

/// Adds bridges whose ports lead to another switch, all in one go; their names begin so.
fn add_bridges(host: &Host, elsewhere: &Lan, name: &str, port: &str) {
    (0..BRIDGES).for_each(|number| elsewhere.connect(host.namespace(), &format!("{port}{number}")));
    let lines: Vec<String> = (0..BRIDGES)
        .map(|number| {
            format!(
                "link add {name}{number} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
                 link set {port}{number} master {name}{number}\nlink set {name}{number} up\n\
                 address add 10.78.{number}.1/24 broadcast + dev {name}{number}"
            )
        })
        .collect();
    host.namespace().ip(&lines.join("\n"));
}

fn delete_bridges(host: &Host, name: &str, port: &str) {
    let each = |number| format!("link delete {name}{number}\nlink delete {port}{number}");
    let lines: Vec<String> = (0..BRIDGES).map(each).collect();
    host.namespace().ip(&lines.join("\n"));
}

#[test]
fn thirty_bridges_at_once_come_and_go_and_cost_little() {
    inside_within(seconds(180), || {
        let [lan, elsewhere] = [Lan::new(1), Lan::new(2)];
        let hosts = [lan.host(1), lan.host(2)];
        let daemons = [Daemon::start_with(&hosts[0], &[]), Daemon::start(&hosts[1])];
        wait_all_listed(seconds(20), &daemons);
        let marks = daemons.each_ref().map(Daemon::mark);
        let capture = hosts[0].capture("any");
        let said_on = |prefix: &str| {
            let frames = capture.frames().into_iter().filter(|frame| frame.outgoing);
            frames.filter(|frame| frame.interface.starts_with(prefix)).count()
        };
        // What libvirt makes for guests is left alone.
        add_bridges(&hosts[0], &elsewhere, "virbr", "vnet");
        std::thread::sleep(seconds(3));
        assert_eq!((hosts[0].memberships(), said_on("virbr") + said_on("vnet")), (vec!["eth0".to_owned()], 0));
        delete_bridges(&hosts[0], "virbr", "vnet");

        // What leads out of the host is used: as many as the kernel grants one socket, and that it grants no more is told.
        add_bridges(&hosts[0], &elsewhere, "br", "ens");
        until(seconds(20), "what can be joined is joined", || hosts[0].memberships().len() >= 20);
        let told = "igmp_max_memberships";
        until(seconds(20), "that it is not all is told", || daemons[0].fetch("/healthz").contains(told));
        let more = "echo 64 >/proc/sys/net/ipv4/igmp_max_memberships";
        assert!(hosts[0].run(&["sh", "-c", more]).status.success());
        until_equal(seconds(30), "all are joined", &(usize::from(BRIDGES) + 1), || hosts[0].memberships().len());
        until(seconds(20), "nothing is told any more", || !daemons[0].fetch("/healthz").contains(told));
        let blamed = daemons[0].log_since(0).into_iter().find(|line| line.text.contains("no multicast comes in on br"));
        assert!(blamed.is_none(), "no firewall is blamed for what was not joined: {blamed:?}");
        std::thread::sleep(seconds(3));
        let said = said_on("br");
        println!("{said} datagrams on {BRIDGES} bridges, {:?}", daemons[0].link());
        // Three searches at the start of a link, and what is answered and repeated where several bridges meet on one switch.
        assert!(said <= usize::from(BRIDGES) * 20, "{said} datagrams on {BRIDGES} bridges");
        delete_bridges(&hosts[0], "br", "ens");
        until_equal(seconds(20), "one is left", &vec!["eth0".to_owned()], || hosts[0].memberships());
        until(seconds(20), "no trouble is left", || daemons[0].fetch("/healthz").contains("\"status\":\"ok\""));
        for (daemon, mark) in daemons.iter().zip(marks) {
            let downs: Vec<_> = daemon.events_since(mark).into_iter().filter(|event| event.name == "down").collect();
            assert!(downs.is_empty(), "on {}: {downs:?}", daemon.name());
        }
        wait_all_listed(seconds(20), &daemons);
    });
}
