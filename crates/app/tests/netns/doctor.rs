//! Planted troubles: the doctor names the cause of each, and no other.

use std::collections::BTreeSet;
use std::process::Output;

use serde_json::Value;

use super::daemon::{Daemon, cli, state_directory, wait_all_listed};
use super::host::Host;
use super::inside_within;
use super::lan::Lan;
use super::process::Running;
use super::wait::{seconds, until, until_equal};

/// How long a trouble may take to show: a link that works one way does not before two lifetimes.
const SHOWS_WITHIN: u64 = 150;

/// Holds the port of discovery for itself, as another program would.
const SQUATTER: &str = "import socket\nheld = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
                        held.bind((\"0.0.0.0\", 8000))\nprint(\"held\", flush=True)\nheld.recv(1)\n";

/// A daemon whose console answers: its own API over TLS stands in for it.
fn start<'a>(host: &'a Host, address: &str) -> Daemon<'a> {
    start_with(host, address, &[])
}

fn start_with<'a>(host: &'a Host, address: &str, options: &[&str]) -> Daemon<'a> {
    let console = format!("{address}:8001");
    let usual = ["--interface", "eth0", "--api", &console, "--tls", "self-signed"];
    Daemon::start_with(host, &[&usual, options].concat())
}

fn report(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("doctor printed {text:?} and {said:?}: {error}"))
}

/// The checks that found a problem.
fn causes(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().expect("findings").iter();
    let problems = findings.filter(|finding| finding["verdict"] == "problem");
    problems.map(|finding| finding["check"].as_str().expect("a word").to_owned()).collect()
}

/// Waits until the doctor of a host names these causes alone; returns its words.
fn diagnosed(daemon: &Daemon<'_>, wanted: &[&str]) -> String {
    let wanted: BTreeSet<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
    let what = format!("the diagnosis of {}", daemon.name());
    until_equal(seconds(SHOWS_WITHIN), &what, &wanted, || causes(&report(&daemon.cli(&["doctor", "-o", "json"]))));
    let output = daemon.cli(&["doctor"]);
    assert_eq!(output.status.code(), Some(i32::from(!wanted.is_empty())), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// All that the doctor says.
fn about_all(daemon: &Daemon<'_>) -> String {
    String::from_utf8(daemon.cli(&["doctor"]).stdout).expect("text")
}

/// What the doctor says of one peer.
fn about(daemon: &Daemon<'_>, peer: &str) -> String {
    String::from_utf8(daemon.cli(&["doctor", peer]).stdout).expect("text")
}

fn contains(text: &str, wanted: &[&str]) {
    wanted.iter().for_each(|wanted| assert!(text.contains(wanted), "{wanted:?} is not in\n{text}"));
}

fn close_port(host: &Host) {
    let rules = "add table inet firewall; \
                 add chain inet firewall input { type filter hook input priority 0; }; \
                 add rule inet firewall input udp dport 8000 drop";
    assert!(host.run(&["nft", rules]).status.success());
}

fn squat(host: &Host) -> Running {
    let mut squatter = host.spawn(&["python3", "-c", SQUATTER]);
    squatter.wait_line(seconds(20), "\"held\"", 0, |line| line == "held");
    squatter
}

#[test]
fn the_trouble_of_one_host_is_named_there_alone() {
    inside_within(seconds(600), || {
        let lan = Lan::new(1);
        let hosts: Vec<Host> = (1..=9).map(|number| lan.host(number)).collect();
        let [well, walled, squatted, unjoined, narrow, dead, lonely, none, bare] = &hosts[..] else {
            panic!("nine hosts")
        };
        close_port(walled);
        let _squatter = squat(squatted);
        let refuse = "echo 0 >/proc/sys/net/ipv4/igmp_max_memberships";
        assert!(unjoined.run(&["sh", "-c", refuse]).status.success());
        narrow.namespace().ip("link set eth0 mtu 1000");
        let address = |number: u8| lan.address(number);
        let well = start(well, &address(1));
        let walled = start(walled, &address(2));
        let squatted = start(squatted, &address(3));
        let unjoined = start(unjoined, &address(4));
        let narrow = start(narrow, &address(5));
        // Of its console this host was told, so somebody expects it to answer.
        let configured = ["env", "KIMCHI_PEERS_CONSOLE_CERT=/nonexistent/console.pem"];
        let dead = Daemon::start_under(dead, &configured, &["--interface", "eth0"]);
        let bare = Daemon::start(bare);
        let lonely = start(lonely, &address(7));
        lonely.say(&["add", "no-such-host.invalid", "--name", "far"]);

        let text = diagnosed(&walled, &["firewall"]);
        contains(&text, &["PROBLEM  firewall eth0: no multicast comes in", "udp", "8000"]);
        let text = diagnosed(&squatted, &["port"]);
        contains(&text, &["python3 (process ", "→ ss -ulpn 'sport = :8000'"]);
        let text = diagnosed(&unjoined, &["membership"]);
        contains(&text, &["PROBLEM  membership eth0", "→ sysctl -w net.ipv4.igmp_max_memberships="]);
        let text = diagnosed(&narrow, &["mtu"]);
        contains(&text, &["its MTU is 1000 bytes", "→ ip link set dev eth0 mtu 1500"]);
        let text = diagnosed(&dead, &["console"]);
        contains(&text, &[&format!("PROBLEM  console {}:8001", address(6)), "nothing listens"]);
        let text = diagnosed(&bare, &[]);
        contains(&text, &[&format!("warning  console {}:8001: no console answers there; if this", address(9))]);
        let text = diagnosed(&lonely, &["remote"]);
        contains(&text, &["PROBLEM  remote far: resolve: ", "→ getent hosts no-such-host.invalid"]);
        until(seconds(SHOWS_WITHIN), "the others learn of it with the next heartbeat", || {
            well.say(&["doctor"]).contains("warning  one-way host-1-2: it says that it hears nobody")
        });
        contains(&diagnosed(&well, &[]), &["ok       hearing eth0: "]);
        mended(walled, unjoined);
        where_no_daemon_runs(none, &address(8), &well);
    });
}

/// The commands that the doctor gives do mend it.
fn mended(walled: Daemon<'_>, unjoined: Daemon<'_>) {
    let more = "echo 40 >/proc/sys/net/ipv4/igmp_max_memberships";
    assert!(unjoined.host().run(&["sh", "-c", more]).status.success());
    let open = "insert rule inet firewall input udp dport 8000 accept";
    assert!(walled.host().run(&["nft", open]).status.success());
    diagnosed(&unjoined, &[]);
    diagnosed(&walled, &[]);
}

fn where_no_daemon_runs(host: &Host, address: &str, well: &Daemon<'_>) {
    let output = cli(host, &["doctor", "-o", "json"]);
    let judged = report(&output);
    assert_eq!((causes(&judged), output.status.code()), (BTreeSet::from(["daemon".to_owned()]), Some(1)));
    assert_eq!(judged["daemon"], false);
    contains(
        &String::from_utf8_lossy(&cli(host, &["doctor"]).stdout),
        &["no daemon runs on this host", "→ kimchi-peers run"],
    );
    // Of another host nothing can be told without its daemon.
    let nobody = ["--api", "https://10.77.1.99:1", "--fingerprint", &"00".repeat(32), "doctor"];
    let elsewhere = host.run(&[&[env!("CARGO_BIN_EXE_kimchi-peers")], &nobody[..]].concat());
    assert_eq!(elsewhere.status.code(), Some(3), "{elsewhere:?}");
    contains(&about(well, address), &["it would be on the link of eth0, and was never heard there"]);
    contains(&about(well, "192.0.2.9"), &["discovery does not cross routers", "→ kimchi-peers add 192.0.2.9"]);
    contains(&about(well, "nobody"), &["no host of this name was ever heard here"]);
}

#[test]
fn the_trouble_between_hosts_is_named_at_each_of_them() {
    inside_within(seconds(600), || {
        let lans = [1, 2, 3, 4].map(Lan::new);
        let hosts = lans.each_ref().map(|lan| [1, 2, 3].map(|number| lan.host(number)));
        let [one_way, copied, _, parted] = &hosts;
        let started = |place: usize, host: usize, options: &[&str]| {
            let number = u8::try_from(host + 1).expect("a small number");
            start_with(&hosts[place][host], &lans[place].address(number), options)
        };
        // A copy of the state directory of another host.
        let mut first = started(1, 0, &[]);
        first.terminate();
        let (from, to) = (state_directory(&copied[0]), state_directory(&copied[1]));
        let copy = format!("cp -a {from} {to} && rm -f {to}/*.pem");
        assert!(copied[1].run(&["sh", "-c", &copy]).status.success());
        let copies = [started(1, 0, &[]), started(1, 1, &[]), started(1, 2, &[])];
        let same = [started(2, 0, &["--name", "same"]), started(2, 1, &["--name", "same"])];
        let apart = [0, 1, 2].map(|host| started(3, host, &[]));
        let three = [0, 1, 2].map(|host| started(0, host, &[]));
        wait_all_listed(seconds(30), &three);
        wait_all_listed(seconds(30), &apart);
        one_way[1].ignore(&lans[0].address(1));
        lans[3].set_vlan(&parted[0], "eth0", 20);

        let text = diagnosed(&apart[0], &["hearing"]);
        contains(&text, &["PROBLEM  hearing eth0: nobody is heard although 2 peers should be", "VLAN"]);
        for daemon in &copies[..2] {
            let text = diagnosed(daemon, &["identity"]);
            contains(&text, &["uses this host's identity", "reset-identity"]);
        }
        for daemon in &same {
            contains(&diagnosed(daemon, &["names"]), &["PROBLEM  names same", ": hostnamectl hostname NEW-NAME"]);
        }
        one_way_is_named(&three, &copies[2]);
    });
}

fn one_way_is_named(three: &[Daemon<'_>; 3], observer: &Daemon<'_>) {
    let [unheard, deaf, third] = three;
    // Before the next heartbeat of the deaf one comes in its silence has two explanations.
    let wanted = [
        (unheard, "PROBLEM  one-way host-1-2: it is heard and does not hear this host"),
        (deaf, "PROBLEM  one-way host-1-1: others hear it and this host does not"),
    ];
    for (daemon, sentence) in wanted {
        until(seconds(SHOWS_WITHIN), sentence, || about_all(daemon).contains(sentence));
        contains(&diagnosed(daemon, &["one-way"]), &[sentence]);
    }
    until(seconds(SHOWS_WITHIN), "the third one knows of it", || {
        about(third, "host-1-1").contains("it hears this host")
            && third.say(&["doctor"]).contains("host-1-2 does not hear host-1-1")
    });
    diagnosed(third, &[]);
    contains(&about(unheard, "host-1-2"), &["it does not hear this host", "→ on host-1-2: kimchi-peers doctor"]);
    contains(&about(deaf, "host-1-1"), &["this host does not hear it, others do"]);
    let grid = third.say(&["matrix"]);
    let row = |name: &str| {
        grid.lines().find(|line| line.contains(name)).expect("a row").split_whitespace().skip(2).collect::<String>()
    };
    assert_eq!([row("host-1-1"), row("host-1-2"), row("host-1-3")], ["-11", "0-1", "11-"], "{grid}");
    // A copied identity is told by a host that sees both.
    contains(&diagnosed(observer, &["identity"]), &["uses the same identity"]);
}
