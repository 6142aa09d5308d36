use super::*;
use crate::client::tests::{peer, remote};
use std::time::Duration;

fn sample() -> Vec<PeerView> {
    let mut left = peer("kvm-2", "10.0.0.2");
    left.state = PeerState::Down;
    left.reason = Some("left".to_owned());
    let mut hostile = peer("=cmd\u{1b}[2J", "10.0.0.3");
    hostile.trust = Trust::Conflict;
    hostile.facts.insert("version".to_owned(), "0.1.0".to_owned());
    vec![peer("kvm-1", "10.0.0.1"), left, hostile, remote("lab.example.org")]
}

fn shown(output: Output, surface: Surface) -> String {
    let now = humantime::parse_rfc3339("2026-11-23T10:00:00Z").unwrap() + Duration::from_secs(300);
    peers(&sample(), output, surface, now).unwrap()
}

const TABLE: &str = "\
NAME             STATE               ADDRESS   URL                           ORIGIN  TRUST       SINCE
kvm-1            up                  10.0.0.1  https://10.0.0.1:8001         local   unsigned    5 min
kvm-2            down, said goodbye  10.0.0.2  https://10.0.0.2:8001         local   unsigned    5 min
=cmd\\u{1b}[2J    up, conflict        10.0.0.3  -                             local   ! conflict  5 min
lab.example.org  unknown             -         https://lab.example.org:8001  remote  -           5 min
";

#[test]
fn a_table_shows_what_matters() {
    assert_eq!(shown(Output::Table, Surface::default()), TABLE);
    let narrow = shown(Output::Table, Surface { width: Some(60), ..Surface::default() });
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    let coloured = shown(Output::Table, Surface { colour: true, ..Surface::default() });
    assert!(coloured.contains("\u{1b}[31mdown, said goodbye\u{1b}[0m  10.0.0.2"), "{coloured}");
}

#[test]
fn a_link_that_works_one_way_is_remarkable() {
    let mut deaf = peer("kvm-1", "10.0.0.1");
    deaf.reach = Some(Reach::HearsUsNot);
    let words = |peer: &PeerView| state_words(peer, SystemTime::UNIX_EPOCH);
    assert_eq!((words(&deaf).as_str(), state_tone(&deaf)), ("up, one way", Tone::Doubt));
    deaf.reach = Some(Reach::Both);
    assert_eq!((words(&deaf).as_str(), state_tone(&deaf)), ("up", Tone::Good));
    let text = shown(Output::Wide, Surface::default());
    assert!(
        text.contains("  unsigned  unknown      both  ") && text.contains("  unsigned  unknown      -     "),
        "{text}"
    );
}

#[test]
fn another_certificate_is_remarkable_in_every_table() {
    let mut changed = peer("kvm-1", "10.0.0.1");
    changed.certificate_state = CertificateState::Changed;
    assert_eq!(
        (state_words(&changed, SystemTime::UNIX_EPOCH).as_str(), state_tone(&changed)),
        ("up, another certificate", Tone::Doubt)
    );
    let shown =
        |output| peers(std::slice::from_ref(&changed), output, Surface::default(), SystemTime::UNIX_EPOCH).unwrap();
    assert!(shown(Output::Wide).contains("  ! changed  "), "{}", shown(Output::Wide));
    // What is followed at once is not there.
    let table = shown(Output::Table);
    assert!(table.contains("  ! certificate  ") && !table.contains("https:"), "{table}");
    assert_eq!(shown(Output::Urls), "");
}

#[test]
fn an_announced_absence_is_told_and_overdue_when_it_is() {
    let now = humantime::parse_rfc3339("2026-11-23T10:00:00Z").unwrap();
    let mut away = peer("kvm-1", "10.0.0.1");
    (away.state, away.reason) = (PeerState::Down, Some("left".to_owned()));
    let until = "2026-11-23T12:00:00.000Z".to_owned();
    away.planned = Some(PlannedView { until, reason: "firmware".to_owned(), overdue: false });
    assert_eq!((state_words(&away, now).as_str(), state_tone(&away)), ("down, back in 2 h: firmware", Tone::Doubt));
    away.planned.as_mut().unwrap().overdue = true;
    let later = now + Duration::from_secs(7200 + 300);
    let told = (state_words(&away, later), state_tone(&away));
    assert_eq!(told, ("down, overdue by 5 min: firmware".to_owned(), Tone::Bad));
}

#[test]
fn wide_shows_everything() {
    let text = shown(Output::Wide, Surface { width: Some(20), ..Surface::default() });
    for part in ["LAST SEEN", "unsigned", "conflict", "2026-11-23T10:00:00.000Z", "0.4", "0.1.0", "kvm-1@10.0.0.1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn csv_has_one_record_for_each_and_no_formulas() {
    let text = shown(Output::Csv, Surface::default());
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines[0], CSV.join(","));
    assert_eq!(
        lines[1],
        "kvm-1@10.0.0.1,kvm-1,10.0.0.1,8000,8001,https://10.0.0.1:8001,local,up,,unsigned,2026-11-23T10:00:00.000Z,\
         2026-11-23T10:00:00.000Z,2026-11-23T10:00:00.000Z,0.420,,,,both,unknown"
    );
    assert!(lines[3].starts_with("\"'=cmd\u{1b}[2J@10.0.0.3\",\"'=cmd\u{1b}[2J\","), "{}", lines[3]);
    let on_terminal = shown(Output::Csv, Surface { is_terminal: true, ..Surface::default() });
    assert!(!on_terminal.contains('\u{1b}'));
    assert_eq!(lines.len(), 6);
}

#[test]
fn json_is_an_array_of_peers() {
    let text = shown(Output::Json, Surface { is_terminal: true, ..Surface::default() });
    assert_eq!(serde_json::from_str::<Vec<PeerView>>(&text).unwrap(), sample());
    assert!(text.starts_with("[\n  {\n    \"id\": \"kvm-1@10.0.0.1\","));
}

#[test]
fn names_and_urls_are_one_a_line() {
    assert_eq!(shown(Output::Names, Surface::default()), "kvm-1\nkvm-2\nlab.example.org\n");
    assert!(shown(Output::Urls, Surface::default()).ends_with("\nhttps://lab.example.org:8001\n"));
}

/// Every code point there is, a thousand to a peer, in its name and in one more of its texts.
fn all_code_points() -> impl Iterator<Item = PeerView> {
    let points: Vec<char> = (0..=0x10_ffff).filter_map(char::from_u32).collect();
    let chunks: Vec<String> = points.chunks(1000).map(|chunk| chunk.iter().collect()).collect();
    chunks.into_iter().enumerate().map(|(number, text)| {
        let mut peer = PeerView { name: text.clone(), state: PeerState::Down, ..peer("kvm-1", "10.0.0.1") };
        match number % 6 {
            0 => peer.id = text,
            1 => peer.url = text,
            2 => peer.addresses = vec![text],
            3 => peer.reason = Some(text),
            4 => peer.last_seen = Some(text),
            _ => drop(peer.facts.insert("version".to_owned(), text)),
        }
        peer
    })
}

fn assert_harmless(output: Output, surface: Surface) {
    use crate::output::printable::tests::is_dangerous;
    for peer in all_code_points() {
        let text = peers(std::slice::from_ref(&peer), output, surface, SystemTime::UNIX_EPOCH).unwrap();
        // The line ends are the format's own; that texts add none is checked with the lines.
        let found = text.chars().find(|each| !"\r\n".contains(*each) && is_dangerous(u32::from(*each), *each));
        assert_eq!(found, None, "{output:?}");
        let lines = text.lines().count();
        let expected = match output {
            Output::Table | Output::Wide | Output::Csv => 2,
            Output::Urls => 1,
            Output::Names | Output::Hosts | Output::Libvirt => lines.min(1),
            Output::SshConfig => lines.min(3),
            Output::Json | Output::Ansible | Output::Prometheus => lines,
        };
        assert_eq!(lines, expected, "{output:?}");
    }
}

#[test]
fn a13_every_code_point_is_harmless_in_a_table() {
    assert_harmless(Output::Table, Surface::default());
    assert_harmless(Output::Table, Surface { width: Some(80), is_terminal: true, ..Surface::default() });
}

#[test]
fn a13_every_code_point_is_harmless_in_a_wide_table() {
    assert_harmless(Output::Wide, Surface::default());
}

#[test]
fn a13_every_code_point_is_harmless_in_urls() {
    assert_harmless(Output::Urls, Surface::default());
}

#[test]
fn a13_every_code_point_is_harmless_in_names() {
    assert_harmless(Output::Names, Surface::default());
}

#[test]
fn a13_every_code_point_is_harmless_in_what_other_tools_read() {
    for output in [Output::SshConfig, Output::Hosts, Output::Libvirt, Output::Ansible, Output::Prometheus] {
        assert_harmless(output, Surface::default());
    }
}

#[test]
fn a13_every_code_point_is_harmless_in_csv_on_a_terminal() {
    assert_harmless(Output::Csv, Surface { is_terminal: true, ..Surface::default() });
}

#[test]
fn a13_every_code_point_is_harmless_in_json_on_a_terminal() {
    assert_harmless(Output::Json, Surface { is_terminal: true, ..Surface::default() });
}

#[test]
fn a12_every_code_point_comes_back_from_csv_and_json() {
    for peer in all_code_points() {
        let surface = Surface::default();
        let json = peers(std::slice::from_ref(&peer), Output::Json, surface, SystemTime::UNIX_EPOCH).unwrap();
        let read: Vec<PeerView> = serde_json::from_str(&json).unwrap();
        assert_eq!((read.len(), read.first()), (1, Some(&peer)));
        let csv = peers(std::slice::from_ref(&peer), Output::Csv, surface, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(
            csv.matches("\r\n").count(),
            2 + csv_fields(&peer).iter().map(|text| text.matches("\r\n").count()).sum::<usize>()
        );
        assert!(csv.contains(&peer.name.replace('"', "\"\"")), "the name is changed");
    }
}
