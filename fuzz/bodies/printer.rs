//! What must hold for any text that is printed. Used by the fuzz target and by the replay of the corpus.

use std::time::SystemTime;

use crate::cli::Output;
use crate::output::{Surface, peers, printable};
use crate::view::{CertificateState, Origin, PeerState, PeerView, PlannedView, Reach, Trust};

const OUTPUTS: [Output; 11] = [
    Output::Table,
    Output::Wide,
    Output::Json,
    Output::Csv,
    Output::Urls,
    Output::Names,
    Output::Ansible,
    Output::Prometheus,
    Output::SshConfig,
    Output::Hosts,
    Output::Libvirt,
];

/// Prints the texts in `data`, which are separated by a byte that is in no UTF-8.
pub(crate) fn run(data: &[u8]) {
    let texts: Vec<String> =
        data.split(|byte| *byte == 0xff).map(|part| String::from_utf8_lossy(part).into()).collect();
    for text in &texts {
        let shown = printable(text);
        assert!(shown.chars().all(is_harmless), "{shown:?}");
        assert_eq!(printable(&shown), shown, "what was escaped is escaped again");
    }
    let rows: Vec<PeerView> = texts.chunks(4).take(8).map(peer).collect();
    let width = data.first().map(|byte| usize::from(*byte));
    for output in OUTPUTS {
        let surface = Surface { width, colour: false, is_terminal: true, words_on_terminal: true };
        let Ok(text) = peers(&rows, output, surface, SystemTime::UNIX_EPOCH) else { panic!("{output:?} fails") };
        assert!(text.chars().all(|each| "\r\n".contains(each) || is_harmless(each)), "{output:?}: {text:?}");
        let lines = match output {
            Output::Table | Output::Wide | Output::Csv => rows.len() + 1,
            Output::Urls => rows.iter().filter(|row| row.safe_url().is_some()).count(),
            Output::SshConfig | Output::Names | Output::Hosts | Output::Libvirt => {
                assert!(text.chars().all(is_plain), "{output:?}: {text:?}");
                text.lines().count().min(3 * rows.len())
            }
            Output::Json | Output::Ansible | Output::Prometheus => text.lines().count(),
        };
        assert_eq!(text.lines().count(), lines, "{output:?}: {text:?}");
        if output == Output::Json {
            let Ok(read) = serde_json::from_str::<Vec<PeerView>>(&text) else { panic!("{text:?} is no list") };
            assert_eq!(read, rows);
        }
    }
}

/// What may stand on a terminal: neither control characters nor what turns the direction of writing.
fn is_harmless(each: char) -> bool {
    !each.is_control()
        && !matches!(each, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What a line for another tool may be made of.
fn is_plain(each: char) -> bool {
    each.is_ascii_alphanumeric() || "-._:/+[]\n ".contains(each)
}

fn peer(texts: &[String]) -> PeerView {
    let text = |index: usize| texts.get(index).cloned().unwrap_or_default();
    PeerView {
        id: text(0),
        name: text(1),
        addresses: vec![text(2), text(3)],
        http_port: None,
        https_port: 8001,
        url: text(3),
        origin: Origin::Local,
        state: PeerState::Down,
        reason: Some(text(2)),
        trust: if text(0).len() % 2 == 0 { Trust::Conflict } else { Trust::Pinned },
        reach: Some(Reach::Both),
        first_seen: text(1),
        last_seen: Some(text(0)),
        state_since: text(2),
        rtt_ms: Some(0.5),
        facts: [("version".to_owned(), text(1)), (text(2), text(3))].into(),
        certificate_state: if text(1).len() % 2 == 0 { CertificateState::Changed } else { CertificateState::Match },
        planned: Some(PlannedView { until: text(1), reason: text(0), overdue: false }),
    }
}
