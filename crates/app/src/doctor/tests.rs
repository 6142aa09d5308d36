//! Facts in, findings out: each planted trouble is named, and nothing else is.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::facts::{
    CertificateFact, ConflictKind, ConsoleFact, DaemonFacts, Firewall, Holder, HostFacts, InterfaceFact, LinkFact,
    PeerFact, PlannedFact, RemoteFact, StateFacts, Subject,
};
use super::*;
use crate::view::{PeerState, Reach, matrix_of};

mod peers;

fn address(number: u8) -> IpAddr {
    [10, 0, 0, number].into()
}

fn interface(name: &str) -> InterfaceFact {
    InterfaceFact {
        name: name.to_owned(),
        used: true,
        why: "used".to_owned(),
        mtu: Some(1500),
        address: Some(address(1)),
        ..InterfaceFact::default()
    }
}

fn peer(number: u8) -> PeerFact {
    PeerFact {
        id: format!("id-{number}"),
        name: format!("kvm-{number}"),
        addresses: vec![address(number).to_string()],
        state: PeerState::Up,
        reason: None,
        state_for: 100,
        seen: Some(2),
        reach: Some(Reach::Both),
        conflict: None,
        planned: None,
        version: Some("0.1.0".to_owned()),
        certificate: None,
        extended: true,
    }
}

/// Three hosts that see each other, told by the first one.
pub(super) fn well() -> Facts {
    let link = LinkFact {
        name: "eth0".to_owned(),
        heard_self: true,
        heard: Some(300),
        loss: Some(0.0),
        listed: 2,
        ..LinkFact::default()
    };
    Facts {
        name: "kvm-1".to_owned(),
        port: 8000,
        https_port: 8001,
        state: StateFacts {
            path: "/s".into(),
            exists: true,
            writable: true,
            free_bytes: Some(1 << 30),
            ..StateFacts::default()
        },
        console: Some(ConsoleFact { at: "10.0.0.1:8001".to_owned(), failure: None, is_refused: false }),
        daemon: Some(DaemonFacts {
            id: "id-1".to_owned(),
            version: "0.1.0".to_owned(),
            running_for: 60,
            links: vec![link],
            peers: vec![peer(2), peer(3)],
            matrix: Some(matrix_of(&["-11", "1-1", "11-"])),
            mode: "mark".to_owned(),
            ..DaemonFacts::default()
        }),
        ..Facts::default()
    }
    .with_host(|host| {
        host.interfaces = vec![interface("eth0")];
        host.members = Some(BTreeSet::from(["eth0".to_owned()]));
    })
}

impl Facts {
    fn with_host(mut self, change: impl FnOnce(&mut HostFacts)) -> Self {
        change(&mut self.host);
        self
    }

    fn with_daemon(mut self, change: impl FnOnce(&mut DaemonFacts)) -> Self {
        change(self.daemon.as_mut().unwrap());
        self
    }

    fn with_link(self, change: impl FnOnce(&mut LinkFact)) -> Self {
        self.with_daemon(|daemon| change(&mut daemon.links[0]))
    }

    fn about(mut self, subject: Subject) -> Self {
        self.subject = Some(subject);
        self
    }
}

fn wrong(report: &Report) -> Vec<(&str, Verdict)> {
    let wrong = report.findings.iter().filter(|finding| matches!(finding.verdict, Verdict::Problem | Verdict::Warning));
    wrong.map(|finding| (finding.check.as_str(), finding.verdict)).collect()
}

/// The one finding that is not well.
fn only(facts: &Facts, check: &str, verdict: Verdict) -> Finding {
    let report = examine(facts);
    assert_eq!(wrong(&report), [(check, verdict)], "{report:#?}");
    assert_eq!(report.verdict, verdict);
    let found = report.findings.into_iter().find(|finding| finding.verdict == verdict).unwrap();
    assert!(verdict != Verdict::Problem || !found.mend.is_empty(), "{found:?}");
    found
}

#[test]
fn where_all_is_well_nothing_is_found_and_everything_was_looked_at() {
    let report = examine(&well());
    assert_eq!((wrong(&report), report.verdict), (vec![], Verdict::Ok));
    let checks: BTreeSet<&str> = report.findings.iter().map(|finding| finding.check.as_str()).collect();
    let expected = [
        "daemon",
        "interfaces",
        "port",
        "membership",
        "firewall",
        "mtu",
        "hearing",
        "switch",
        "one-way",
        "receiving",
        "loss",
        "clock",
        "names",
        "identity",
        "versions",
        "trust",
        "state",
        "console",
        "certificate",
    ];
    assert_eq!(checks, BTreeSet::from(expected));
}

#[test]
fn what_is_wrong_with_this_host_is_named_alone() {
    use Verdict::{Problem, Warning};
    let firewall = only(
        &well().with_link(|link| link.deaf = true).with_host(|host| host.firewall = Firewall::Ufw),
        "firewall",
        Problem,
    );
    assert_eq!(firewall.mend, ["ufw allow 8000/udp"]);
    let membership = only(
        &well().with_host(|host| host.members = Some(BTreeSet::new())).with_link(|link| link.deaf = true),
        "membership",
        Problem,
    );
    assert_eq!(membership.mend, ["sysctl -w net.ipv4.igmp_max_memberships=40"]);
    let holder = Holder { program: Some((42, "python3".to_owned())), user: 0, for_all_addresses: true };
    let taken = well()
        .with_daemon(|daemon| daemon.port_error = Some("Address already in use".to_owned()))
        .with_host(|host| (host.port_holders, host.members) = (vec![holder.clone()], Some(BTreeSet::new())));
    let taken = only(&taken, "port", Problem);
    assert!(taken.evidence.contains("python3 (process 42) holds it") && taken.mend[1] == "kill 42", "{taken:?}");
    only(&well().with_host(|host| host.port_holders = vec![holder]), "port", Warning);
    only(&well().with_host(|host| host.interfaces[0].mtu = Some(1000)), "mtu", Problem);
    let down = InterfaceFact { used: false, named: true, why: "down".to_owned(), ..interface("eth1") };
    let down = only(&well().with_host(|host| host.interfaces.push(down)), "interfaces", Problem);
    assert_eq!(down.mend, ["ip link set dev eth1 up"]);
    let dead = |is_refused: bool| {
        let failure = Some("why".to_owned());
        Facts { console: Some(ConsoleFact { at: "10.0.0.1:8001".to_owned(), failure, is_refused }), ..well() }
    };
    only(&dead(false), "console", Problem);
    only(&dead(true).with_host(|host| host.has_console = true), "console", Problem);
    only(&dead(true).with_daemon(|daemon| daemon.console_answered = true), "console", Problem);
    let none = only(&dead(true), "console", Warning);
    assert!(none.evidence.contains("if this host has none"), "{none:?}");
    let full = StateFacts { free_bytes: Some(0), ..well().state };
    only(&Facts { state: full, ..well() }, "state", Problem);
    let unwritable = StateFacts { writable: false, ..well().state };
    only(&Facts { state: unwritable, ..well() }, "state", Problem);
    let open = StateFacts { open_token: Some(("/s/api-token".into(), 0o644)), ..well().state };
    let open = only(&Facts { state: open, ..well() }, "state", Warning);
    assert_eq!(open.mend, ["chmod 600 /s/api-token"]);
    only(&well().with_daemon(|daemon| daemon.reload_troubles = vec!["it stays".to_owned()]), "reload", Problem);
    only(&well().with_daemon(|daemon| daemon.api_certificate = Some("it ended".to_owned())), "api", Warning);
    only(&well().with_daemon(|daemon| daemon.clock_leap = -3_600_000), "clock", Warning);
    only(&well().with_daemon(|daemon| daemon.traffic.kernel_dropped = 5), "receiving", Warning);
    only(&well().with_daemon(|daemon| daemon.traffic.skipped = 5), "receiving", Warning);
    only(
        &well().with_daemon(|daemon| daemon.traffic.dropped = [("off_link".to_owned(), 3)].into()),
        "receiving",
        Warning,
    );
    only(&well().with_link(|link| link.loss = Some(0.4)), "loss", Problem);
    only(&well().with_daemon(|daemon| daemon.mode = "require-group".to_owned()), "trust", Problem);
}

#[test]
fn who_hears_nobody_looks_at_its_own_cable_first() {
    use Verdict::{Problem, Warning};
    let cut = well().with_link(|link| (link.isolated, link.heard) = (true, Some(40_000)));
    assert!(only(&cut, "hearing", Problem).evidence.contains("2 peers should be"));
    let lost = |count: usize| {
        well()
            .with_link(|link| (link.listed, link.lost_lately, link.heard) = (0, count, Some(90_000)))
            .with_daemon(|daemon| (daemon.peers, daemon.matrix) = (Vec::new(), Some(matrix_of(&["-"]))))
    };
    only(&lost(3), "hearing", Problem);
    only(&lost(1), "hearing", Warning);
    assert!(only(&lost(0), "hearing", Warning).evidence.contains("the wrong VLAN"));
    let early = examine(&lost(0).with_daemon(|daemon| daemon.running_for = 1));
    assert_eq!(wrong(&early), []);
    assert!(only(&well().with_link(|link| link.pruned = true), "switch", Problem).evidence.contains("seems to prune"));
    let rejoined = well().with_link(|link| (link.rejoined, link.rejoining_helped) = (Some(5_000), true));
    assert!(only(&rejoined, "switch", Warning).evidence.contains("IGMP querier"));
}

#[test]
fn a_link_that_works_one_way_is_named_from_both_ends() {
    use Verdict::{Problem, Warning};
    let with = |rows: &[&str]| well().with_daemon(|daemon| daemon.matrix = Some(matrix_of(rows)));
    let unheard = only(&with(&["-01", "1-1", "11-"]), "one-way", Problem);
    assert!(
        unheard.subject.as_deref() == Some("kvm-2") && unheard.evidence.contains("this host does not"),
        "{unheard:?}"
    );
    let deaf = only(&with(&["-11", "0-1", "11-"]), "one-way", Problem);
    assert!(deaf.subject.as_deref() == Some("kvm-2") && deaf.evidence.contains("does not hear this host"), "{deaf:?}");
    let silent = well().with_daemon(|daemon| daemon.peers[1].reach = Some(Reach::HearsUsNot));
    assert_eq!(only(&silent, "one-way", Problem).subject.as_deref(), Some("kvm-3"));
    let nobody = only(&with(&["-11", "0-1", "01-"]), "one-way", Problem);
    assert!(nobody.evidence.contains("none of its peers hears this host (kvm-2, kvm-3)"), "{nobody:?}");
    let others = only(&with(&["-11", "1-0", "11-"]), "one-way", Warning);
    assert_eq!(others.evidence, "kvm-2 does not hear kvm-3");
    let deaf = only(&with(&["-11", "0-0", "11-"]), "one-way", Warning);
    assert!(deaf.evidence.contains("it hears nobody"), "that is its own trouble: {deaf:?}");
    // What is not known accuses nobody.
    assert_eq!(wrong(&examine(&with(&["-11", "?-?", "??-"]))), []);
}

#[test]
fn names_and_identities_are_told_apart() {
    let at_odds =
        |kind: ConflictKind| well().with_daemon(|daemon| daemon.peers[0].conflict = Some((kind, "words".to_owned())));
    for kind in [ConflictKind::Name, ConflictKind::Key, ConflictKind::Address] {
        assert!(only(&at_odds(kind), "names", Verdict::Problem).evidence.contains("words"));
    }
    let same_name = only(&at_odds(ConflictKind::Name), "names", Verdict::Problem);
    assert!(same_name.mend[0].starts_with("on 10.0.0.2: hostnamectl hostname NEW-NAME"), "{same_name:?}");
    // Nobody is told to give a name away before he has compared the keys.
    let other_key = only(&at_odds(ConflictKind::Key), "names", Verdict::Problem);
    let asks =
        ["at the console of kvm-2: kimchi-peers key show", "only if it shows this key: kimchi-peers trust kvm-2"];
    assert_eq!(other_key.mend, asks);
    only(&at_odds(ConflictKind::Identity), "identity", Verdict::Problem);
    let copied = only(
        &well().with_daemon(|daemon| daemon.copy = Some("kvm-1 at 10.0.0.9".to_owned())),
        "identity",
        Verdict::Problem,
    );
    assert!(copied.mend[0].contains("reset-identity"));
    only(&well().with_daemon(|daemon| daemon.made_elsewhere = true), "identity", Verdict::Problem);
    let newer = well().with_daemon(|daemon| daemon.peers[0].version = Some("0.10.0".to_owned()));
    only(&newer, "versions", Verdict::Warning);
    let older = well().with_daemon(|daemon| daemon.peers[0].version = Some("0.0.9".to_owned()));
    assert_eq!(wrong(&examine(&older)), []);
}

#[test]
fn remote_peers_are_told_one_by_one_with_the_step_that_failed() {
    let remote = |cause: &str| RemoteFact {
        id: "kvm9.example.org:8001".to_owned(),
        name: "nine".to_owned(),
        state: PeerState::Down,
        failure: Some((cause.to_owned(), "why".to_owned())),
        rtt_ms: None,
        certificate: None,
    };
    for (cause, step, command) in [
        ("unresolvable", "resolve: why", "getent hosts kvm9.example.org"),
        ("refused", "connect: why", "nc -vz -w 5 kvm9.example.org 8001"),
        ("not_tls", "TLS: why", "openssl s_client -connect kvm9.example.org:8001 </dev/null"),
    ] {
        let found =
            only(&well().with_daemon(|daemon| daemon.remotes = vec![remote(cause)]), "remote", Verdict::Problem);
        assert_eq!((found.evidence.as_str(), found.mend[0].as_str()), (step, command));
        assert_eq!(found.subject.as_deref(), Some("nine"));
        let removes = found.mend.iter().any(|command| command.ends_with("kimchi-peers remove kvm9.example.org:8001"));
        assert_eq!(removes, cause == "unresolvable");
    }
    let answered = RemoteFact { failure: None, state: PeerState::Up, rtt_ms: Some(1.25), ..remote("") };
    assert_eq!(wrong(&examine(&well().with_daemon(|daemon| daemon.remotes = vec![answered]))), []);
}

#[test]
fn without_a_daemon_the_host_is_judged_all_the_same() {
    let report = examine(&Facts { daemon: None, ..well() });
    assert_eq!(wrong(&report), [("daemon", Verdict::Problem)]);
    let checks: BTreeSet<&str> = report.findings.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(checks, BTreeSet::from(["daemon", "interfaces", "port", "mtu", "state", "console"]));
    let holder = Holder { program: None, user: 1000, for_all_addresses: true };
    let taken = Facts { daemon: None, ..well() }.with_host(|host| host.port_holders = vec![holder]);
    let taken = examine(&taken);
    assert_eq!(wrong(&taken).iter().map(|(check, _)| *check).collect::<Vec<_>>(), ["daemon", "port"]);
    assert!(taken.findings.iter().any(|finding| finding.evidence.contains("the user with the id 1000")));
}
