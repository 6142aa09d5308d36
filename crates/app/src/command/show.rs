//! `show`: one peer with what led to its row.

use std::time::SystemTime;

use crate::cli::{Connection, ShowArguments, TextOrJson};
use crate::client::{Client, ClientError, resolve, resolve_beginning};
use crate::failure::{Failure, Stop, finish};
use crate::output::{
    Cell, Page, Screen, Surface, Table, Tone, ago, cause, fingerprint, plain, pretty, printable, state_tone,
    state_words,
};
use crate::view::{CertificateState, Origin, PeerAvailability, PeerDetail, PeerView, Reach, Trust};

/// Prints the peer.
pub(crate) async fn run(arguments: &ShowArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(show(&client, arguments, &mut Screen::of_process()).await)
}

async fn show(client: &Client, arguments: &ShowArguments, screen: &mut Screen) -> Result<(), Stop> {
    let peers = client.peers().await?;
    let chosen = choose(client, &peers, &arguments.peer, screen).await?;
    let detail = client.peer(&chosen.id).await?;
    let text = match arguments.output.format() {
        TextOrJson::Json => pretty(&detail, screen.surface.is_terminal)?,
        TextOrJson::Text => {
            let availability = availability(client, &detail.peer.id).await;
            page(&detail, &availability, screen.surface, SystemTime::now())
        }
    };
    screen.data(&text)
}

/// The page about a peer without colours, as wide as its texts are.
pub(super) async fn plain_page(client: &Client, detail: &PeerDetail) -> String {
    let availability = availability(client, &detail.peer.id).await;
    page(detail, &availability, Surface::default(), SystemTime::now())
}

/// How much of the time the peer was there, in words; nothing where the daemon cannot tell.
async fn availability(client: &Client, id: &str) -> String {
    let mut parts = Vec::new();
    for (window, words) in [("24h", "in 24 hours"), ("30d", "in 30 days")] {
        if let Ok(Some(PeerAvailability { availability: Some(share), flaps, .. })) =
            client.availability(window, id).await
        {
            let times = if flaps == 1 { "time" } else { "times" };
            parts.push(format!("{} {words} (went down {flaps} {times})", percent(share)));
        }
    }
    parts.join(", ")
}

/// A share as a percentage, rounded down: `100 %` says that nothing was missed.
fn percent(share: f64) -> String {
    let hundredths = (share * 10_000.0).floor() / 100.0;
    if hundredths >= 100.0 { "100 %".to_owned() } else { format!("{hundredths:.2} %") }
}

async fn choose<'a>(
    client: &Client,
    peers: &'a [PeerView],
    given: &str,
    screen: &mut Screen,
) -> Result<&'a PeerView, ClientError> {
    let Some(found) = resolve(peers, given)? else {
        // Not by its beginning: on kvm-1, kvm-1 is not kvm-10.
        if is_this_host(client, given).await {
            return Err(ClientError::ThisHost(given.trim().to_owned()));
        }
        return resolve_beginning(peers, given);
    };
    let PeerView { name, addresses, state, .. } = found.peer;
    if found.others_down > 0 {
        let address = addresses.first().map_or("no address", String::as_str);
        let (state, count) = (state.as_str(), found.others_down);
        let others = if count == 1 {
            "1 other that is down has".to_owned()
        } else {
            format!("{count} others that are down have")
        };
        screen.say(&printable(&format!("showing {name} at {address}, which is {state}; {others} the name too")));
    }
    Ok(found.peer)
}

/// Whether the text means the host that is asked, which its own list does not have.
async fn is_this_host(client: &Client, given: &str) -> bool {
    let given = given.trim();
    let Ok(host) = client.myself().await else { return false };
    host.name.eq_ignore_ascii_case(given) || host.id == given || host.addresses.iter().any(|address| address == given)
}

fn page(detail: &PeerDetail, availability: &str, surface: Surface, now: SystemTime) -> String {
    let mut page = Page::new(surface);
    let peer = &detail.peer;
    page.heading(&format!("{}: {}", peer.name, state_words(peer, now)), state_tone(peer));
    if let Some(conflict) = &detail.conflict {
        page.entry("conflict", conflict);
    }
    page.entry("one way", one_way(peer.reach));
    page.entry("last check", detail.failure.as_deref().unwrap_or_default());
    page.entry(
        "planned",
        &peer.planned.as_ref().map(|planned| format!("back by {}", planned.until)).unwrap_or_default(),
    );
    page.entry("url", &peer.url);
    page.entry("addresses", &peer.addresses.join(", "));
    let http = peer.http_port.map(|port| format!("{port} HTTP, ")).unwrap_or_default();
    page.entry("ports", &format!("{http}{} HTTPS", peer.https_port));
    page.entry("id", &peer.id);
    page.entry("origin", peer.origin.as_str());
    page.entry("trust", trust_words(peer));
    page.entry("fingerprint", &fingerprint(&peer.id).unwrap_or_default());
    page.entry("since", &dated(&peer.state_since, now));
    page.entry("last seen", &peer.last_seen.as_deref().map_or_else(|| "not yet".to_owned(), |time| dated(time, now)));
    page.entry("first seen", &dated(&peer.first_seen, now));
    page.entry("availability", availability);
    page.entry("round trip", &peer.rtt_ms.map(|time| format!("{time:.1} ms")).unwrap_or_default());
    page.entry("certificate", &certificate(detail));
    if !peer.facts.is_empty() {
        page.heading("Facts", Tone::Heading);
        peer.facts.iter().for_each(|(name, fact)| page.entry(name, fact));
    }
    evidence(&mut page, detail, now);
    history(&mut page, detail);
    page.text()
}

/// What the row proved, and what that means.
const fn trust_words(peer: &PeerView) -> &'static str {
    match (peer.origin, peer.trust) {
        (Origin::Remote, _) => "added by hand",
        (Origin::Local, Trust::Unsigned) => "unsigned: anybody on the link could have said it",
        (Origin::Local, Trust::Pinned) => "pinned: signed by the key that it had when it was heard first",
        (Origin::Local, Trust::Verified) => "verified: signed, and by a member of this host's group",
        (Origin::Local, Trust::Conflict) => "conflict: do not log in there before it is settled",
    }
}

/// The certificate of its console: the one that it shows, or that it should show.
fn certificate(detail: &PeerDetail) -> String {
    let local = detail.peer.origin == Origin::Local;
    let shown = detail.certificate.as_deref().unwrap_or_default();
    match (detail.peer.certificate_state, detail.certificate_expected.as_deref()) {
        (CertificateState::Match, _) => {
            format!("match: SHA-256 {shown}, {}", if local { "as the host announces" } else { "as it showed first" })
        }
        (CertificateState::Changed, expected) => {
            let expected = expected.unwrap_or_default();
            let why = if local { "the host announces" } else { "it showed first" };
            let (name, id) = (&detail.peer.name, &detail.peer.id);
            let remedy = if local {
                format!(
                    "if it was renewed, on {name}: systemctl reload kimchi-peers; then look again: kimchi-peers check {name}"
                )
            } else {
                format!("if you know why, say: kimchi-peers trust {id}")
            };
            format!("changed: SHA-256 {shown}, but {why} {expected}. Do not log in before you know why; {remedy}")
        }
        (CertificateState::Unknown, Some(expected)) => format!("unknown: SHA-256 {expected} is not checked yet"),
        (CertificateState::Unknown, None) if shown.is_empty() => String::new(),
        (CertificateState::Unknown, None) => format!("unknown: it shows SHA-256 {shown}, and the host announces none"),
    }
}

/// What a link that works one way means; nothing where both ways do.
const fn one_way(reach: Option<Reach>) -> &'static str {
    match reach {
        Some(Reach::HearsUsNot) => "it is heard, but does not answer: it seems not to hear this host",
        Some(Reach::NotHeard) => "others hear it, this host does not",
        Some(Reach::Both) | None => "",
    }
}

fn dated(time: &str, now: SystemTime) -> String {
    format!("{time} ({} ago)", ago(time, now))
}

fn evidence(page: &mut Page, detail: &PeerDetail, now: SystemTime) {
    if detail.evidence.is_empty() {
        return;
    }
    page.heading("Heard", Tone::Heading);
    let mut table = Table::new(&["ADDRESS", "INTERFACE", "LAST"]);
    for evidence in &detail.evidence {
        let last =
            evidence.last_heard.as_deref().map_or_else(|| "not since the start".to_owned(), |time| dated(time, now));
        table.push(vec![
            Cell::new(&evidence.address),
            Cell::new(evidence.interface.as_deref().unwrap_or("-")),
            Cell::new(&last),
        ]);
    }
    page.table(&table);
}

fn history(page: &mut Page, detail: &PeerDetail) {
    if detail.history.is_empty() {
        return;
    }
    page.heading("History, newest first", Tone::Heading);
    let mut table = Table::new(&["TIME", "EVENT", "CAUSE", "ADDRESS"]);
    for entry in &detail.history {
        table.push(vec![
            Cell::new(&entry.time),
            Cell::new(&entry.event),
            Cell::new(&plain(cause(&entry.event, entry.cause.as_deref()))),
            Cell::new(entry.address.as_deref().unwrap_or("-")),
        ]);
    }
    page.table(&table);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer};
    use crate::failure::NO_SUCH_PEER;
    use crate::view::{AvailabilityView, Evidence, HistoryView, PeerState, SelfView, Trust};
    use std::time::Duration;

    fn detail() -> PeerDetail {
        let mut peer = peer("kvm-1", "10.0.0.1");
        peer.state = PeerState::Down;
        peer.reason = Some("left".to_owned());
        peer.trust = Trust::Conflict;
        peer.certificate_state = CertificateState::Match;
        peer.facts.insert("version".to_owned(), "0.1.0\u{1b}[2J".to_owned());
        let time = "2026-11-23T10:00:00.000Z".to_owned();
        let entry = |event: &str, cause: &str| HistoryView {
            time: time.clone(),
            event: event.to_owned(),
            cause: Some(cause.to_owned()),
            address: None,
        };
        PeerDetail {
            peer,
            conflict: Some("another host has this name".to_owned()),
            failure: Some("nobody accepts connections".to_owned()),
            evidence: vec![Evidence {
                interface: Some("br0".to_owned()),
                address: "10.0.0.1".to_owned(),
                last_heard: None,
            }],
            certificate: Some("ab12".to_owned()),
            certificate_expected: Some("ab12".to_owned()),
            history: vec![entry("down", "quit"), entry("up", "search")],
        }
    }

    const GOLDEN: &str = "\
kvm-1: down, said goodbye, conflict
  conflict       another host has this name
  last check     nobody accepts connections
  url            https://10.0.0.1:8001
  addresses      10.0.0.1
  ports          8000 HTTP, 8001 HTTPS
  id             kvm-1@10.0.0.1
  origin         local
  trust          conflict: do not log in there before it is settled
  since          2026-11-23T10:00:00.000Z (5 min ago)
  last seen      2026-11-23T10:00:00.000Z (5 min ago)
  first seen     2026-11-23T10:00:00.000Z (5 min ago)
  round trip     0.4 ms
  certificate    match: SHA-256 ab12, as the host announces

Facts
  version        0.1.0\\u{1b}[2J

Heard
  ADDRESS   INTERFACE  LAST
  10.0.0.1  br0        not since the start

History, newest first
  TIME                      EVENT  CAUSE         ADDRESS
  2026-11-23T10:00:00.000Z  down   said goodbye  -
  2026-11-23T10:00:00.000Z  up     searched      -
";

    #[test]
    fn the_page_is_readable() {
        let now = humantime::parse_rfc3339("2026-11-23T10:00:00Z").unwrap() + Duration::from_secs(300);
        assert_eq!(page(&detail(), "", Surface::default(), now), GOLDEN);
    }

    #[test]
    fn a_link_that_works_one_way_is_explained() {
        let mut detail = detail();
        for (reach, words) in [
            (Reach::HearsUsNot, "it is heard, but does not answer: it seems not to hear this host"),
            (Reach::NotHeard, "others hear it, this host does not"),
        ] {
            detail.peer.reach = Some(reach);
            let text = page(&detail, "", Surface::default(), SystemTime::now());
            assert!(text.contains(&format!("\n  one way        {words}\n")), "{text}");
        }
        detail.peer.reach = Some(Reach::Both);
        assert!(!page(&detail, "", Surface::default(), SystemTime::now()).contains("one way"));
    }

    #[test]
    fn another_certificate_is_explained() {
        let mut detail = detail();
        detail.peer.certificate_state = CertificateState::Changed;
        detail.certificate_expected = Some("cd34".to_owned());
        assert!(certificate(&detail).starts_with("changed: SHA-256 ab12, but the host announces cd34. Do not log in"));
        assert!(certificate(&detail).ends_with("; then look again: kimchi-peers check kvm-1"));
        detail.peer.origin = Origin::Remote;
        detail.peer.id = "kvm-1.example.org:8001".to_owned();
        assert!(certificate(&detail).ends_with(
            "but it showed first cd34. Do not log in before you know why; if you know why, say: kimchi-peers trust \
             kvm-1.example.org:8001"
        ));
        detail.peer.certificate_state = CertificateState::Unknown;
        assert_eq!(certificate(&detail), "unknown: SHA-256 cd34 is not checked yet");
        detail.certificate_expected = None;
        assert_eq!(certificate(&detail), "unknown: it shows SHA-256 ab12, and the host announces none");
        detail.certificate = None;
        assert_eq!(certificate(&detail), "");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_peer_is_found_by_its_beginning_and_asked_for_by_its_id() {
        let list = serde_json::to_string(&[peer("kvm-1", "10.0.0.1")]).unwrap();
        let api = Api::start(vec![
            ("GET /v1/peers", 200, list),
            ("GET /v1/peers/kvm-1%4010.0.0.1", 200, serde_json::to_string(&detail()).unwrap()),
        ])
        .await;
        let (mut screen, data, _) = Screen::in_memory(Surface::default());
        let arguments = |peer: &str| ShowArguments { peer: peer.to_owned(), output: TextOrJson::Json.into() };
        show(&api.client(), &arguments("kv"), &mut screen).await.unwrap();
        assert_eq!(serde_json::from_str::<PeerDetail>(&data.text()).unwrap(), detail());
        let missing = finish(show(&api.client(), &arguments("x\u{1b}"), &mut screen).await).unwrap_err();
        assert_eq!((missing.status, missing.message.as_str()), (NO_SUCH_PEER, "no such peer: x\\u{1b}"));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn how_much_of_the_time_it_was_there_is_told() {
        let answer = |window: &str, share, flaps| {
            let peer = PeerAvailability {
                peer: "x".to_owned(),
                name: "x".to_owned(),
                availability: share,
                flaps,
                slices: String::new(),
            };
            let (window, time) = (window.to_owned(), "2026-11-23T10:00:00.000Z".to_owned());
            let view =
                AvailabilityView { window, since: time.clone(), until: time, slice_seconds: 900, peers: vec![peer] };
            serde_json::to_string(&view).unwrap()
        };
        let api = Api::start(vec![
            ("GET /v1/availability?window=24h&peer=x", 200, answer("24h", Some(1.0), 0)),
            ("GET /v1/availability?window=30d&peer=x", 200, answer("30d", Some(0.999_999), 1)),
            ("GET /v1/availability?window=24h&peer=y", 200, answer("24h", None, 0)),
        ])
        .await;
        let expected = "100 % in 24 hours (went down 0 times), 99.99 % in 30 days (went down 1 time)";
        assert_eq!(availability(&api.client(), "x").await, expected);
        assert_eq!(availability(&api.client(), "y").await, "", "nothing known, and a daemon that does not tell");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_living_one_of_two_namesakes_is_shown() {
        let mut dead = peer("kvm-1", "10.0.0.9");
        dead.state = PeerState::Down;
        let list = serde_json::to_string(&[dead, peer("kvm-1", "10.0.0.1")]).unwrap();
        let api = Api::start(vec![
            ("GET /v1/peers", 200, list),
            ("GET /v1/peers/kvm-1%4010.0.0.1", 200, serde_json::to_string(&detail()).unwrap()),
        ])
        .await;
        let (mut screen, _, words) = Screen::in_memory(Surface::default());
        let arguments = ShowArguments { peer: "kvm-1".to_owned(), output: TextOrJson::Text.into() };
        show(&api.client(), &arguments, &mut screen).await.unwrap();
        let expected = "showing kvm-1 at 10.0.0.1, which is up; 1 other that is down has the name too\n";
        assert_eq!(words.text(), expected);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn this_host_is_not_one_whose_name_is_longer() {
        let host = SelfView {
            id: "AAEC".to_owned(),
            name: "kvm-1".to_owned(),
            epoch: 1,
            version: "0.1.0".to_owned(),
            addresses: vec!["10.0.0.1".to_owned()],
            http_port: 8000,
            https_port: 8001,
            facts: std::collections::BTreeMap::new(),
        };
        let list = serde_json::to_string(&[peer("kvm-10", "10.0.0.10")]).unwrap();
        let answers = vec![("GET /v1/peers", 200, list), ("GET /v1/self", 200, serde_json::to_string(&host).unwrap())];
        let api = Api::start(answers).await;
        let (mut screen, _, _) = Screen::in_memory(Surface::default());
        for name in ["KVM-1", "10.0.0.1", "AAEC"] {
            let arguments = ShowArguments { peer: name.to_owned(), output: TextOrJson::Text.into() };
            let failure = finish(show(&api.client(), &arguments, &mut screen).await).unwrap_err();
            assert_eq!((failure.status, failure.message), (NO_SUCH_PEER, format!("{name} is this host")));
            assert_eq!(failure.hint.as_deref(), Some("see it with: kimchi-peers status"));
        }
    }
}
