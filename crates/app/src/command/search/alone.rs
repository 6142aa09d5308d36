//! Asking the network without a daemon: as an observer, whom nobody lists.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use kimchi_peers::{Change, Config, Discovery, Event, Events, Facts, Peer, PeerKey, State, Status, wall_clock};

use crate::cli::SearchArguments;
use crate::command::search::Countdown;
use crate::failure::{Failure, Stop};
use crate::output::{Screen, printable};
use crate::view::{Origin, PeerState, PeerView, Trust, rfc3339};

/// What base peers, who know no observers, see where the host has no name that is fit.
const NAME_DEFAULT: &str = "kimchi-peers-search";

/// Asks the network for as long as wanted and gives who is there.
pub(crate) async fn search_without_daemon(
    arguments: &SearchArguments,
    screen: &mut Screen,
) -> Result<Vec<PeerView>, Stop> {
    let discovery = Discovery::start(config(arguments)?).map_err(|error| Failure::new(error.to_string()))?;
    wait(discovery.subscribe(), arguments, screen).await;
    let heard = async { Ok((discovery.peers().await?, discovery.status().await?)) }.await;
    discovery.shutdown().await;
    let (peers, status) = heard.map_err(|ended: kimchi_peers::Ended| Failure::new(ended.to_string()))?;
    status.troubles.iter().for_each(|trouble| screen.say(&printable(trouble)));
    if status.links.is_empty() {
        return Err(no_interface(&status).into());
    }
    Ok(peers.iter().map(view).collect())
}

fn config(arguments: &SearchArguments) -> Result<Config, Failure> {
    let host_name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let wrong = |error: kimchi_peers::ConfigError| Failure::new(error.to_string());
    let mut config = Config::new(&host_name).or_else(|_| Config::new(NAME_DEFAULT)).map_err(wrong)?;
    config.observer = true;
    config.interfaces.clone_from(&arguments.interface);
    config.port = arguments.port;
    Ok(config)
}

async fn wait(mut events: Events, arguments: &SearchArguments, screen: &mut Screen) {
    let mut countdown = Countdown::start(arguments.wait);
    let mut up: BTreeSet<PeerKey> = BTreeSet::new();
    loop {
        countdown.show(up.len(), screen);
        tokio::select! {
            // Missed events make the count wrong for a moment; the list at the end is right.
            Ok(Event::Peer { change, peer, .. }) = events.next() => match change {
                Change::Up | Change::Changed | Change::Conflict => drop(up.insert(peer.key)),
                Change::Suspect | Change::Down | Change::Removed => drop(up.remove(&peer.key)),
            },
            over = countdown.tick() => if over {
                break;
            },
        }
    }
    screen.end_progress();
}

fn no_interface(status: &Status) -> Failure {
    let reasons =
        status.interfaces.iter().map(|interface| format!("{}: {}", interface.name, interface.choice.as_str()));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    Failure::new("no interface can be used to ask the network")
        .with_hint(printable(&format!("name one with --interface; {reasons}")))
}

fn view(peer: &Peer) -> PeerView {
    let addresses = peer.addresses();
    let time = |at| rfc3339(wall_clock(at));
    let last_seen = peer.last_heard.map(time);
    PeerView {
        id: peer.key.to_string(),
        name: peer.name.to_string(),
        url: addresses.first().map(|address| url(*address, peer)).unwrap_or_default(),
        addresses: addresses.iter().map(IpAddr::to_string).collect(),
        http_port: peer.http_port,
        https_port: peer.https_port,
        origin: Origin::Local,
        state: match peer.state {
            State::Unknown => PeerState::Unknown,
            State::Up => PeerState::Up,
            State::Suspect => PeerState::Suspect,
            State::Down => PeerState::Down,
        },
        reason: peer.reason.map(|reason| reason.as_str().to_owned()),
        trust: if peer.conflict.is_some() { Trust::Conflict } else { Trust::Unsigned },
        first_seen: time(peer.state_since),
        last_seen,
        state_since: time(peer.state_since),
        rtt_ms: peer.round_trip.map(|time| time.as_secs_f64() * 1000.0),
        facts: facts(&peer.facts),
    }
}

fn url(address: IpAddr, peer: &Peer) -> String {
    let root = peer.facts.server_root.as_ref().map_or("", |root| root.as_str());
    let slash = if root.is_empty() || root.starts_with('/') { "" } else { "/" };
    format!("https://{}{slash}{root}", std::net::SocketAddr::new(address, peer.https_port))
}

fn facts(facts: &Facts) -> BTreeMap<String, String> {
    let all = [
        ("version", &facts.version),
        ("server_root", &facts.server_root),
        ("architecture", &facts.architecture),
        ("hypervisor", &facts.hypervisor),
    ];
    all.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), fact.as_ref()?.to_string()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Output;
    use crate::output::Surface;
    use std::time::Duration;

    #[tokio::test(flavor = "current_thread")]
    async fn a_host_on_loopback_answers_and_does_not_list_who_asked() {
        let mut host = Config::new("kvm-1").unwrap();
        host.interfaces = vec!["lo".to_owned()];
        host.address = Some("127.84.0.1".parse().unwrap());
        host.port = 18_138;
        let host = Discovery::start(host).unwrap();
        let arguments = SearchArguments {
            wait: Duration::from_secs(3),
            interface: vec!["lo".to_owned()],
            port: 18_138,
            output: Output::Table,
        };
        let (mut screen, _, words) = Screen::in_memory(Surface::default());
        let found = search_without_daemon(&arguments, &mut screen).await.unwrap();
        let names: Vec<_> = found.iter().map(|peer| (peer.name.as_str(), peer.url.as_str())).collect();
        assert_eq!(names, [("kvm-1", "https://127.84.0.1:8001")]);
        assert_eq!(words.text(), "");
        assert!(host.peers().await.unwrap().is_empty());
        host.shutdown().await;
    }
}
