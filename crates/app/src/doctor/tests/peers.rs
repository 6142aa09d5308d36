//! What is told of other hosts: of one that was asked about, and of those that are kept out or show another certificate.

use super::*;

fn subject_of(peer: &str) -> Subject {
    Subject { given: peer.to_owned(), peer: Some(peer.to_owned()), ..Subject::default() }
}

#[test]
fn whom_this_host_does_not_list_is_told_before_cable_and_firewall() {
    let refusing = |mode: &str| {
        well().with_link(|link| (link.listed, link.lost_lately, link.heard) = (0, 2, Some(90_000))).with_daemon(
            |daemon| {
                (daemon.mode, daemon.group_keys) = (mode.to_owned(), 1);
                daemon.traffic.dropped = [("not_admitted".to_owned(), 7)].into();
                daemon.matrix = Some(matrix_of(&["-"]));
                daemon.peers.truncate(1);
                (daemon.peers[0].state, daemon.peers[0].reason) = (PeerState::Unknown, None);
            },
        )
    };
    let group = examine(&refusing("require-group"));
    assert_eq!(wrong(&group), [("hearing", Verdict::Warning), ("trust", Verdict::Warning)], "{group:#?}");
    let kept_out = group.findings.iter().rfind(|finding| finding.check == "trust").unwrap();
    assert!(kept_out.evidence.contains("trust is require-group, and 7 datagrams"), "{kept_out:?}");
    assert!(kept_out.mend[0].ends_with("kimchi-peers key show"), "{kept_out:?}");
    let signed = examine(&refusing("require-signed"));
    assert!(signed.findings.iter().any(|finding| finding.evidence.contains("that sign nothing")), "{signed:#?}");
    // Of one that is missing, known or not, this is said first.
    let stranger = Subject { given: "kvm-9".to_owned(), ..Subject::default() };
    for subject in [subject_of("id-2"), stranger] {
        let told = examine(&refusing("require-group").about(subject));
        let checks: Vec<_> = told.findings.iter().map(|finding| finding.check.as_str()).collect();
        assert_eq!(checks, ["trust", "peer"], "{told:#?}");
    }
    // Of one that said goodbye it is no cause.
    let left = refusing("require-group").with_daemon(|daemon| {
        (daemon.peers[0].state, daemon.peers[0].reason) = (PeerState::Down, Some("left".to_owned()));
    });
    assert_eq!(examine(&left.about(subject_of("id-2"))).findings[0].check, "peer");
}

#[test]
fn another_certificate_is_a_problem_and_the_way_to_settle_it_is_told_in_full() {
    let another = || Some(CertificateFact { shown: "ab12".to_owned(), expected: "cd34".to_owned() });
    let local = well().with_daemon(|daemon| daemon.peers[0].certificate = another());
    let found = only(&local, "certificate", Verdict::Problem);
    assert_eq!(found.subject.as_deref(), Some("kvm-2"));
    assert!(found.evidence.contains("SHA-256 ab12, and the host announces cd34"), "{found:?}");
    assert_eq!(found.mend[1], "then look again: kimchi-peers check kvm-2");
    assert_eq!(examine(&local.about(subject_of("id-2"))).findings.last(), Some(&found));
    let remote = RemoteFact {
        id: "kvm9.example.org:8001".to_owned(),
        name: "nine".to_owned(),
        state: PeerState::Up,
        failure: None,
        rtt_ms: Some(1.0),
        certificate: another(),
    };
    let remote = well().with_daemon(|daemon| daemon.remotes = vec![remote]);
    let found = only(&remote, "certificate", Verdict::Problem);
    assert_eq!(found.mend, ["only if you know why: kimchi-peers trust kvm9.example.org:8001"]);
    let asked = Subject { remote: Some("kvm9.example.org:8001".to_owned()), ..Subject::default() };
    assert_eq!(examine(&remote.about(asked)).findings.last(), Some(&found));
}

#[test]
fn a_peer_is_explained_from_both_sides() {
    let told = |facts: Facts| -> Vec<(Verdict, String)> {
        let report = examine(&facts.about(subject_of("id-2")));
        report.findings.into_iter().map(|finding| (finding.verdict, finding.evidence)).collect()
    };
    let all = told(well());
    assert!(
        all.iter().all(|(verdict, _)| *verdict == Verdict::Ok) && all[2].1.ends_with("it hears this host"),
        "{all:?}"
    );
    let with = |rows: &[&str]| well().with_daemon(|daemon| daemon.matrix = Some(matrix_of(rows)));
    assert_eq!(told(with(&["-11", "0-1", "11-"]))[2].0, Verdict::Problem);
    assert_eq!(told(with(&["-01", "1-1", "11-"]))[1].0, Verdict::Problem);
    assert_eq!(told(with(&["-11", "?-?", "11-"]))[2].0, Verdict::Unknown);
    let gone = |reason: &str| {
        well().with_daemon(|daemon| {
            (daemon.peers[0].state, daemon.peers[0].reason) = (PeerState::Down, Some(reason.to_owned()));
        })
    };
    assert!(told(gone("left"))[0].1.contains("said goodbye"));
    let lost = told(gone("lost").with_host(|host| host.neighbours = [(address(2), false)].into()));
    assert!(lost.len() == 1 && lost[0].1.contains("does not answer ARP"), "{lost:?}");
    // What is wrong with this host explains why it sees nobody.
    let behind_firewall = told(gone("lost").with_link(|link| link.deaf = true));
    assert!(
        behind_firewall.iter().any(|(_, evidence)| evidence.contains("a firewall of this host")),
        "{behind_firewall:?}"
    );
}

#[test]
fn an_announced_absence_is_no_trouble_before_it_is_overdue() {
    let away_for = |reason: &str, overdue_for: Option<u64>| {
        let (until, reason) = ("2026-11-23T12:00:00.000Z".to_owned(), reason.to_owned());
        let planned = Some(PlannedFact { until, reason, overdue_for });
        let facts = well().with_daemon(|daemon| {
            daemon.peers[0] = PeerFact { state: PeerState::Down, reason: Some("left".to_owned()), planned, ..peer(2) };
        });
        examine(&facts.about(subject_of("id-2")))
    };
    let away = |overdue_for| away_for("firmware", overdue_for);
    let planned = away(None);
    assert_eq!((planned.verdict, planned.findings.len()), (Verdict::Ok, 1));
    assert_eq!(planned.findings[0].evidence, "it is away as announced, back by 2026-11-23T12:00:00.000Z: firmware");
    assert!(away_for("", None).findings[0].evidence.ends_with("back by 2026-11-23T12:00:00.000Z"));
    let overdue = away(Some(300));
    assert_eq!(overdue.verdict, Verdict::Problem);
    assert!(overdue.findings[0].evidence.starts_with("it is overdue by 5 min: "), "{overdue:?}");
    assert_eq!(overdue.findings[0].mend, ["on kvm-2: systemctl start kimchi-peers"]);
}

#[test]
fn a_host_that_was_never_seen_is_explained_too() {
    let found = |subject: Subject, answers: Option<bool>| {
        let facts = well().with_host(|host| host.neighbours.extend(answers.map(|answered| (address(9), answered))));
        examine(&facts.about(subject)).findings[0].clone()
    };
    let nobody = Subject { given: "kvm-9".to_owned(), ..Subject::default() };
    assert!(found(nobody.clone(), None).evidence.contains("no host of this name was ever heard"));
    let off_link =
        Subject { given: "192.0.2.9".to_owned(), address: Some([192, 0, 2, 9].into()), ..Subject::default() };
    let off_link = found(off_link, None);
    assert_eq!((off_link.verdict, off_link.mend[0].as_str()), (Verdict::Problem, "kimchi-peers add 192.0.2.9"));
    let on_link = Subject { address: Some(address(9)), on_link: Some("eth0".to_owned()), ..nobody.clone() };
    assert!(found(on_link.clone(), Some(true)).evidence.contains("its daemon does not run"));
    assert!(found(on_link.clone(), Some(false)).evidence.contains("does not answer ARP"));
    assert!(found(on_link, None).evidence.ends_with("was never heard there"));
    assert_eq!(found(Subject { is_own: true, ..nobody }, None).verdict, Verdict::Ok);
}
