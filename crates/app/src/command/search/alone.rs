//! Asking the network without a daemon: as an observer, whom nobody lists.

use std::collections::BTreeSet;

use kimchi_peers::{Change, Config, Discovery, Event, Events, Peer, PeerKey, Status, wall_clock};

use crate::cli::SearchArguments;
use crate::command::search::Countdown;
use crate::daemon::present;
use crate::daemon::rows::LocalRow;
use crate::failure::{Failure, Stop};
use crate::output::{Screen, printable};
use crate::view::{PeerView, unix_milliseconds};

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
    Ok(peers.into_iter().map(view).collect())
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

fn view(peer: Peer) -> PeerView {
    let since = unix_milliseconds(wall_clock(peer.state_since));
    let last_seen = peer.last_heard.map(|at| unix_milliseconds(wall_clock(at)));
    present::local(&LocalRow {
        peer: Box::new(peer),
        first_seen: since,
        last_seen,
        state_since: since,
        kept_seen: None,
        shown: None,
        planned: None,
    })
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
            output: Output::Table.into(),
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
