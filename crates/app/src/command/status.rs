//! `status`: how the daemon is doing.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::cli::{Connection, StatusArguments, TextOrJson};
use crate::client::Client;
use crate::failure::{Failure, Stop, finish};
use crate::output::{Page, Screen, Surface, Tone, ago, natural, pretty};
use crate::view::{DatagramsView, StatusView, StoreView, TrustView};

/// Prints the status.
pub(crate) async fn run(arguments: &StatusArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(status(&client, arguments, &mut Screen::of_process()).await)
}

async fn status(client: &Client, arguments: &StatusArguments, screen: &mut Screen) -> Result<(), Stop> {
    let status = client.status().await?;
    let text = match arguments.output.format() {
        TextOrJson::Json => pretty(&status, screen.surface.is_terminal)?,
        TextOrJson::Text => page(&status, screen.surface, SystemTime::now()),
    };
    screen.data(&text)
}

fn page(status: &StatusView, surface: Surface, now: SystemTime) -> String {
    let mut page = Page::new(surface);
    let (words, tone) = match (status.degraded.as_slice(), status.concerns.as_slice()) {
        ([], []) => ("all is well", Tone::Good),
        ([], _) => ("all is well here, but not with every peer", Tone::Doubt),
        _ => ("not all is well", Tone::Bad),
    };
    page.heading(&format!("{}: {words}", status.name), tone);
    status.degraded.iter().chain(&status.concerns).for_each(|sentence| page.line(&format!("! {sentence}")));
    page.entry("id", &status.id);
    page.entry("version", &status.version);
    page.entry("running", &format!("{} (since {})", ago(&status.started, now), status.started));
    page.entry("api", &status.api.join(", "));
    page.entry("state", &status.state_dir);
    peers(&mut page, &status.peers);
    trust(&mut page, &status.trust);
    interfaces(&mut page, status, now);
    datagrams(&mut page, &status.datagrams);
    store(&mut page, &status.store);
    page.text()
}

fn peers(page: &mut Page, peers: &BTreeMap<String, u64>) {
    page.heading("Peers", Tone::Heading);
    // Counted as `ORIGIN_STATE`.
    let mut by_origin: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, count) in peers.iter().filter(|(_, count)| **count > 0) {
        let (origin, state) = name.split_once('_').unwrap_or(("all", name));
        by_origin.entry(origin).or_default().push(format!("{count} {state}"));
    }
    if by_origin.is_empty() {
        page.line("none yet");
    }
    by_origin.iter().for_each(|(origin, counts)| page.entry(origin, &counts.join(", ")));
}

fn trust(page: &mut Page, trust: &TrustView) {
    page.heading("Trust", Tone::Heading);
    page.entry("mode", &trust.mode);
    page.entry("rows", &tally(&trust.peers));
    let keys: Vec<String> = trust
        .group_keys
        .iter()
        .enumerate()
        .map(|(index, id)| if index == 0 { format!("{id} (in use)") } else { id.clone() })
        .collect();
    page.entry("group keys", if keys.is_empty() { "none".to_owned() } else { keys.join(", ") }.as_str());
    for (mode, names) in &trust.would_vanish {
        let whom = if names.is_empty() {
            "nobody would vanish".to_owned()
        } else {
            format!("would lose {}", names.join(", "))
        };
        page.entry(mode, &whom);
    }
    if trust.unproven.values().any(|count| *count > 0) {
        page.entry("not kept yet", &tally(&trust.unproven));
    }
    if trust.evicted.values().any(|count| *count > 0) {
        page.entry("made room", &tally(&trust.evicted));
    }
    if let Some(changed) = trust.certificates.get("changed").filter(|changed| **changed > 0) {
        page.entry("certificates", &format!("{changed} changed; see: kimchi-peers list -o wide"));
    }
}

fn interfaces(page: &mut Page, status: &StatusView, now: SystemTime) {
    page.heading("Interfaces", Tone::Heading);
    for link in &status.links {
        let address = link.address.as_deref().unwrap_or("no address");
        let heard = link.heard_self.as_deref();
        let heard = heard.map_or_else(|| "never".to_owned(), |time| format!("{} ago", ago(time, now)));
        let loss = link.loss.map(|loss| format!(", {} lost", percent(loss))).unwrap_or_default();
        let alone = if link.isolated { ", nobody else is heard" } else { "" };
        page.entry(&link.name, &format!("used: {address}, own multicast heard back: {heard}{loss}{alone}"));
    }
    let mut others: Vec<_> = status.interfaces.iter().filter(|interface| !interface.used).collect();
    others.sort_by(|one, other| natural(&one.name, &other.name));
    others.iter().for_each(|interface| page.entry(&interface.name, &format!("not used: {}", interface.why)));
}

/// A share as people read it: less than a whole percent matters only where it is not nothing.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.95 { "less than 1 %".to_owned() } else { format!("{percent:.0} %") }
}

fn datagrams(page: &mut Page, datagrams: &DatagramsView) {
    page.heading("Datagrams", Tone::Heading);
    page.entry("received", &tally(&datagrams.received));
    page.entry("sent", &format!("{}, {}", tally(&datagrams.sent), bytes(datagrams.sent_bytes)));
    let unless_none = |count: u64| if count > 0 { count.to_string() } else { String::new() };
    page.entry("own", &unless_none(datagrams.own));
    if datagrams.dropped.values().any(|count| *count > 0) {
        page.entry("dropped", &tally(&datagrams.dropped));
    }
    if datagrams.over_budget.values().any(|count| *count > 0) {
        page.entry("over budget", &tally(&datagrams.over_budget));
    }
    page.entry("kernel drops", &unless_none(datagrams.kernel_dropped));
    page.entry("skipped", &unless_none(datagrams.skipped));
    page.entry("send errors", &unless_none(datagrams.send_errors));
    page.entry("port unreachable", &unless_none(datagrams.unreachable));
}

/// The sum, and what it consists of.
fn tally(counts: &BTreeMap<String, u64>) -> String {
    let sum: u64 = counts.values().fold(0, |sum, count| sum.saturating_add(*count));
    let parts: Vec<_> =
        counts.iter().filter(|(_, count)| **count > 0).map(|(kind, count)| format!("{count} {kind}")).collect();
    if parts.is_empty() { "0".to_owned() } else { format!("{sum} ({})", parts.join(", ")) }
}

fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];
    let (mut value, mut unit) = (count, 0);
    while value >= 10 * 1024 && unit + 1 < UNITS.len() {
        value /= 1024;
        unit += 1;
    }
    format!("{value} {}", UNITS.get(unit).unwrap_or(&""))
}

fn store(page: &mut Page, store: &StoreView) {
    page.heading("Store", Tone::Heading);
    page.entry("database", &bytes(store.database_bytes));
    page.entry("commits", &store.commits.to_string());
    if store.failed_commits > 0 {
        page.entry("failed", &store.failed_commits.to_string());
    }
    if store.pending > 0 {
        page.entry("pending", &store.pending.to_string());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::client::tests::Api;
    use crate::view::{InterfaceView, LinkView};

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    fn interface(name: &str, used: bool, why: &str) -> InterfaceView {
        InterfaceView { name: name.to_owned(), used, why: why.to_owned() }
    }

    /// A daemon that is not well.
    pub(crate) fn sample() -> StatusView {
        StatusView {
            version: "0.1.0".to_owned(),
            name: "kvm-1".to_owned(),
            id: "AAEC".to_owned(),
            started: "2026-11-23T08:00:00.000Z".to_owned(),
            state_dir: "/var/lib/kimchi-peers".to_owned(),
            api: vec!["127.0.0.1:8132".to_owned(), "unix:/run/kimchi-peers/api.sock".to_owned()],
            degraded: vec!["the disk is full".to_owned()],
            concerns: vec!["kvm-3 is claimed by two hosts: kimchi-peers doctor kvm-3".to_owned()],
            peers: counts(&[("local_up", 12), ("local_down", 1), ("local_suspect", 0), ("remote_up", 2)]),
            links: vec![LinkView {
                name: "br0".to_owned(),
                address: Some("10.0.0.1".to_owned()),
                heard_self: None,
                loss: Some(0.203),
                isolated: true,
            }],
            interfaces: vec![
                interface("br0", true, "used"),
                interface("lo", false, "loopback, used only if configured"),
            ],
            datagrams: DatagramsView {
                received: counts(&[("notify", 100), ("search", 2), ("quit", 0)]),
                sent: counts(&[("notify", 9)]),
                sent_bytes: 20_480,
                dropped: counts(&[("ttl", 3), ("stale", 0)]),
                verified: 40,
                over_budget: counts(&[("strangers", 5), ("known", 0)]),
                own: 9,
                kernel_dropped: 0,
                skipped: 0,
                send_errors: 0,
                unreachable: 0,
            },
            trust: TrustView {
                mode: "mark".to_owned(),
                peers: counts(&[("unsigned", 1), ("pinned", 0), ("verified", 12), ("conflict", 0)]),
                would_vanish: [
                    ("require-signed".to_owned(), vec!["old-1".to_owned()]),
                    ("require-group".to_owned(), vec![]),
                ]
                .into(),
                group_keys: vec!["AAECAwQFBgc".to_owned()],
                unproven: counts(&[("extended", 0), ("base", 1)]),
                evicted: counts(&[("down", 0), ("unproven", 2)]),
                limits: counts(&[("base", 1024), ("unproven_base", 256)]),
                certificates: counts(&[("match", 3), ("changed", 1), ("unknown", 11)]),
            },
            store: StoreView { pending: 0, commits: 7, failed_commits: 1, database_bytes: 4096 },
        }
    }

    const GOLDEN: &str = "\
kvm-1: not all is well
  ! the disk is full
  ! kvm-3 is claimed by two hosts: kimchi-peers doctor kvm-3
  id             AAEC
  version        0.1.0
  running        2 h (since 2026-11-23T08:00:00.000Z)
  api            127.0.0.1:8132, unix:/run/kimchi-peers/api.sock
  state          /var/lib/kimchi-peers

Peers
  local          1 down, 12 up
  remote         2 up

Trust
  mode           mark
  rows           13 (1 unsigned, 12 verified)
  group keys     AAECAwQFBgc (in use)
  require-group  nobody would vanish
  require-signed would lose old-1
  not kept yet   1 (1 base)
  made room      2 (2 unproven)
  certificates   1 changed; see: kimchi-peers list -o wide

Interfaces
  br0            used: 10.0.0.1, own multicast heard back: never, 20 % lost, nobody else is heard
  lo             not used: loopback, used only if configured

Datagrams
  received       102 (100 notify, 2 search)
  sent           9 (9 notify), 20 KiB
  own            9
  dropped        3 (3 ttl)
  over budget    5 (5 strangers)

Store
  database       4096 bytes
  commits        7
  failed         1
";

    #[test]
    fn the_page_begins_with_what_does_not_work() {
        let now = humantime::parse_rfc3339("2026-11-23T10:00:00Z").unwrap();
        assert_eq!(page(&sample(), Surface::default(), now), GOLDEN);
        let here = page(&StatusView { degraded: vec![], ..sample() }, Surface::default(), now);
        assert!(
            here.starts_with("kvm-1: all is well here, but not with every peer\n  ! kvm-3 is claimed by two"),
            "{here}"
        );
        let well = StatusView { degraded: vec![], concerns: vec![], peers: BTreeMap::new(), ..sample() };
        let text = page(&well, Surface::default(), now);
        assert!(text.starts_with("kvm-1: all is well\n  id ") && text.contains("  none yet\n"), "{text}");
    }

    #[test]
    fn what_is_lost_is_told_in_percent_once_it_is_measured() {
        assert_eq!([0.0, 0.0001, 0.01, 0.256, 1.0].map(percent), ["0 %", "less than 1 %", "1 %", "26 %", "100 %"]);
        let mut status = sample();
        status.links.iter_mut().for_each(|link| (link.loss, link.isolated) = (None, false));
        let text = page(&status, Surface::default(), SystemTime::now());
        assert!(text.contains("own multicast heard back: never\n"), "{text}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn json_is_what_the_daemon_said() {
        let api = Api::start(vec![("GET /v1/status", 200, serde_json::to_string(&sample()).unwrap())]).await;
        let (mut screen, data, _) = Screen::in_memory(Surface::default());
        status(&api.client(), &StatusArguments { output: TextOrJson::Json.into() }, &mut screen).await.unwrap();
        assert_eq!(serde_json::from_str::<StatusView>(&data.text()).unwrap(), sample());
    }
}
