//! An attacker on the link or behind a router: nothing that it says is listed, answered off the link or logged at length.

use std::collections::BTreeMap;

use super::daemon::{Daemon, wait_all_listed};
use super::frame::{encode, message};
use super::host::Host;
use super::inside;
use super::lan::Lan;
use super::process::Line;
use super::sender::Sender;
use super::wait::{seconds, until};

/// The number of the attacker on its link.
const ATTACKER: u8 = 66;

#[test]
fn a3_hostile_group_datagrams_are_dropped_and_counted_by_cause() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let mut daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(10), &daemons);
        let before = dropped(&daemons[0]);
        let mark = daemons[0].log_mark();
        let sender = Sender::new(&attacker, "eth0");
        sender.clone().repeat(20, 0.002).send(&junk());
        sender.clone().repeat(20, 0.002).send(&false_messages(&lan.address(ATTACKER)));
        sender.clone().send(&[vec![b'x'; 65_507]]);
        sender.clone().source("203.0.113.9").repeat(20, 0.002).send(&[message("notify", "off-link", "203.0.113.9")]);
        // An honest source that would have others open a link to a host elsewhere.
        sender.clone().repeat(20, 0.002).send(&[message("notify", "elsewhere", "203.0.113.9")]);
        std::thread::sleep(seconds(3));
        for daemon in &mut daemons {
            assert!(daemon.is_running());
        }
        assert_only_listed(&daemons[0], &second);
        assert_only_listed(&daemons[1], &first);
        let after = dropped(&daemons[0]);
        let grown: Vec<&String> = after
            .iter()
            .filter(|(name, count)| before.get(*name).unwrap_or(&0.0) < count)
            .map(|(name, _)| name)
            .collect();
        assert!(grown.len() >= 5, "these counters have grown: {grown:?}, of {after:?}");
        assert_sparing_log(&daemons[0].log_since(mark));
    });
}

#[test]
fn a1_unicast_that_may_have_been_routed_is_dropped() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(10), &daemons);
        let capture = lan.capture();
        let own = lan.address(ATTACKER);
        for time_to_live in [1, 64, 254] {
            let ghosts = [message("notify", "ghost", &own), message("search", "ghost", &own)];
            let unicast = Sender::new(&attacker, "eth0").to(&lan.address(1)).time_to_live(time_to_live);
            unicast.repeat(10, 0.01).send(&ghosts);
        }
        std::thread::sleep(seconds(3));
        assert_only_listed(&daemons[0], &second);
        let answers = capture.frames().into_iter().filter(|frame| frame.destination.to_string() == own);
        assert_eq!(answers.count(), 0, "nothing is sent to it");
    });
}

#[test]
fn a1_nothing_is_sent_off_the_link_because_of_a_datagram() {
    inside(|| {
        let [near, far] = [Lan::new(1), Lan::new(2)];
        let [first, second, attacker] = [near.host(1), near.host(2), far.host(ATTACKER)];
        let router = near.host(254);
        router.second_interface(&far, 254);
        router.forward();
        [&first, &second].iter().for_each(|host| host.add_default_route(&near.address(254)));
        attacker.add_default_route(&far.address(254));
        let daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(10), &daemons);
        let capture = near.capture();
        let own = far.address(ATTACKER);
        let said = [
            message("search", "far-away", &own),
            message("notify", "far-away", &own),
            message("search", "far-away", &near.address(9)),
        ];
        let routed = Sender::new(&attacker, "eth0").to(&near.address(1)).time_to_live(255).repeat(20, 0.01);
        routed.send(&said);
        routed.source("198.51.100.7").send(&said);
        // The same with the router itself as the attacker: on the link, but with sources that are not.
        for source in [own.as_str(), "198.51.100.7"] {
            let forged = Sender::new(&router, "eth0").source(source).repeat(20, 0.01);
            forged.clone().send(&said);
            forged.to(&near.address(1)).time_to_live(255).send(&said);
        }
        std::thread::sleep(seconds(3));
        assert_only_listed(&daemons[0], &second);
        for host in [1, 2] {
            let sent = capture.from(&near.address(host)).into_iter();
            let strays = sent.filter(|frame| {
                let destination = frame.destination.to_string();
                !frame.destination.is_multicast() && !destination.starts_with("10.77.1.")
            });
            assert_eq!(strays.count(), 0, "host {host} answered off the link");
        }
    });
}

#[test]
fn a5_a_forged_goodbye_does_not_remove_a_daemon() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let daemons = [Daemon::start(&first), Daemon::start(&second)];
        wait_all_listed(seconds(10), &daemons);
        let forged = [message("quit", second.name(), &lan.address(2))];
        Sender::new(&attacker, "eth0").source(&lan.address(2)).repeat(3, 0.05).send(&forged);
        Sender::new(&attacker, "eth0").repeat(3, 0.05).send(&forged);
        std::thread::sleep(seconds(1));
        until(seconds(5), "it stays, or refutes at once", || daemons[0].names().contains(second.name()));
    });
}

/// Datagrams that are no message in any reading.
fn junk() -> Vec<Vec<u8>> {
    let whole = message("notify", "junk", "10.77.1.66");
    let mut wrong_length = whole.clone();
    wrong_length[3] = wrong_length[3].wrapping_add(1);
    let mut huge_length = whole.clone();
    huge_length[..4].fill(0xFF);
    let mut wrong_tail = whole.clone();
    *wrong_tail.last_mut().expect("a tail") = b' ';
    let deep = format!("{}1{}", "{\"a\":".repeat(300), "}".repeat(300));
    vec![
        Vec::new(),
        vec![0],
        vec![0; 5],
        vec![0xFF; 1200],
        (0..=255).collect(),
        whole[..whole.len() - 20].to_vec(),
        wrong_length,
        huge_length,
        wrong_tail,
        encode(b"not json"),
        encode(b"[]"),
        encode(b"{\"notify\":null}"),
        encode(b"{\"hello\":{}}"),
        encode(&[b"{\"notify\":{\"domain\":\"", &[0xC0, 0x80, 0xFE][..], b"\"}}"].concat()),
        encode(deep.as_bytes()),
        encode(&[b' '; 1190]),
        [whole.clone(), whole].concat(),
    ]
}

/// Messages in the right form that say what no host may say.
fn false_messages(address: &str) -> Vec<Vec<u8>> {
    let long = "a".repeat(254);
    let names = [
        "\u{1b}[31mred\u{1b}[0m",
        "<script>alert(1)</script>",
        "<b>",
        "a b",
        "",
        "..",
        "new\nline",
        "nul\0",
        "\u{202e}evil",
        "a/../b",
        "\"quoted\"",
        "$(reboot)",
        "per%20cent",
        &long,
    ];
    let mut messages: Vec<Vec<u8>> = names.iter().map(|name| message("notify", name, address)).collect();
    for ip in ["127.0.0.1", "0.0.0.0", "224.0.0.132", "255.255.255.255", "10.77.1.300", "<b>", ""] {
        messages.push(message("notify", "false-address", ip));
    }
    for port in ["\"0\"", "\"65536\"", "\"-1\"", "\"80 80\"", "1.5", "null", "[]"] {
        let body = format!(
            "{{\"notify\":{{\"domain\":\"false-port\",\"IP\":\"{address}\",\"httpport\":{port},\"httpsport\":{port}}}}}"
        );
        messages.push(encode(body.as_bytes()));
    }
    let twice = format!(
        "{{\"notify\":{{\"domain\":\"twice\",\"domain\":\"twice\",\"IP\":\"{address}\",\"httpport\":\"1\",\"httpsport\":\"1\"}}}}"
    );
    messages.push(encode(twice.as_bytes()));
    messages
}

/// The counters of `/metrics` that carry a cause, by name and labels.
fn dropped(daemon: &Daemon<'_>) -> BTreeMap<String, f64> {
    let metrics = daemon.fetch("/metrics");
    let samples = metrics.lines().filter(|line| !line.starts_with('#') && line.contains("cause=\""));
    samples
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

fn assert_only_listed(daemon: &Daemon<'_>, other: &Host) {
    let names: Vec<String> =
        daemon.peers().into_iter().map(|row| row.name).filter(|name| name != daemon.name()).collect();
    assert_eq!(names, [other.name()], "rows on {}", daemon.name());
}

/// At most one line a minute for each cause: two of a kind, when the test began at the end of a minute.
fn assert_sparing_log(lines: &[Line]) {
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines {
        let kind: String = line.text.chars().filter(|letter| !letter.is_ascii_digit()).collect();
        *kinds.entry(kind).or_default() += 1;
        assert!(!line.text.contains('\u{1b}') && !line.text.contains("<script>"), "a forged line: {:?}", line.text);
    }
    let talkative: Vec<_> = kinds.iter().filter(|(_, count)| **count > 2).collect();
    assert!(talkative.is_empty() && lines.len() <= 40, "{} lines, often these: {talkative:?}", lines.len());
}

#[test]
fn a_flood_that_the_kernel_had_to_drop_leaves_nobody_deaf() {
    inside(|| {
        let lan = Lan::new(1);
        let [first, second, attacker] = [lan.host(1), lan.host(2), lan.host(ATTACKER)];
        let daemon = Daemon::start(&first);
        daemon.signal("STOP");
        // More than the greatest receive buffer holds.
        Sender::new(&attacker, "eth0").repeat(12_000, 0.0).send(&[vec![b'x'; 1200]]);
        daemon.signal("CONT");
        let late = Daemon::start(&second);
        daemon.wait_names(seconds(10), &[late.name()]);
        // What is received after the drops tells how many there were.
        until(seconds(20), "the drops are counted", || kernel_drops(&daemon) > 0);
    });
}

fn kernel_drops(daemon: &Daemon<'_>) -> u64 {
    let status: serde_json::Value = serde_json::from_str(&daemon.fetch("/v1/status")).expect("JSON");
    status["datagrams"]["kernel_dropped"].as_u64().expect("a number")
}
