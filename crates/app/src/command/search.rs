//! `search`: asks the network who is there, by way of the daemon or without one.

mod alone;

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::cli::{Connection, Output, SearchArguments};
use crate::client::{Client, ClientError, Followed, Follower, Known};
use crate::command::tell_if_degraded;
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, peers, sorted};
use crate::view::{PeerState, PeerView};

pub(crate) use alone::search_without_daemon;

/// How often the line of progress changes.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Prints who answered.
pub(crate) async fn run(arguments: &SearchArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(search(client, arguments, &mut Screen::of_process()).await)
}

async fn search(client: Client, arguments: &SearchArguments, screen: &mut Screen) -> Result<(), Stop> {
    let format = arguments.output.format();
    let (found, daemon) = match Follower::connect(client.clone()).await {
        Ok(follower) => (ask_daemon(&client, follower, arguments.wait, screen).await?, Some(client)),
        Err(ClientError::Unreachable(_)) => {
            screen.say("no daemon runs on this host; asking the network without one");
            (search_without_daemon(arguments, screen).await?, None)
        }
        Err(error) => return Err(error.into()),
    };
    let up = sorted(found.into_iter().filter(|peer| peer.state == PeerState::Up).collect());
    if up.is_empty() && matches!(format, Output::Table | Output::Wide) {
        screen.say("nobody answered");
        if let Some(client) = &daemon {
            tell_if_degraded(client, screen).await;
        }
        return Ok(());
    }
    let text = peers(&up, format, screen.surface, SystemTime::now())?;
    screen.data(&text)
}

/// Has the daemon ask, and gives its list when the time is over.
async fn ask_daemon(
    client: &Client,
    mut follower: Follower,
    wait: Duration,
    screen: &mut Screen,
) -> Result<Vec<PeerView>, Stop> {
    let mut known = Known::new(client.peers().await?);
    client.search().await?;
    let mut countdown = Countdown::start(wait);
    loop {
        countdown.show(known.up(), screen);
        tokio::select! {
            followed = follower.next() => if let Followed::Event(event) = followed {
                known.apply(&event);
            },
            over = countdown.tick() => if over {
                break;
            },
        }
    }
    screen.end_progress();
    Ok(client.peers().await?)
}

/// The time that is left for answers; Ctrl-C ends it early.
struct Countdown {
    end: Instant,
    /// One for the whole time: a signal between two of them would be lost.
    interrupted: Pin<Box<dyn Future<Output = ()>>>,
}

impl Countdown {
    fn start(wait: Duration) -> Self {
        // A wait that no clock can count is as good as a year.
        let longest = Duration::from_secs(365 * 86_400);
        let interrupted = Box::pin(async { drop(tokio::signal::ctrl_c().await) });
        Self { end: Instant::now() + wait.min(longest), interrupted }
    }

    fn show(&self, up: usize, screen: &mut Screen) {
        let left = self.end.saturating_duration_since(Instant::now());
        screen.progress(&format!("asking the network: {up} up, {:.1} s left", left.as_secs_f64()));
    }

    /// Waits until the line of progress is to be shown again; gives whether the time is over.
    async fn tick(&mut self) -> bool {
        let next = self.end.min(Instant::now() + PROGRESS_INTERVAL);
        tokio::select! {
            () = tokio::time::sleep_until(next) => next == self.end,
            () = &mut self.interrupted => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer};
    use crate::output::Surface;

    fn arguments(output: Output) -> SearchArguments {
        let interface = vec!["lo".to_owned()];
        SearchArguments { wait: Duration::from_millis(30), interface, port: 18_137, output: output.into() }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn the_daemon_is_asked_and_who_is_up_is_printed() {
        let mut down = peer("kvm-2", "10.0.0.2");
        down.state = PeerState::Down;
        let list = serde_json::to_string(&[peer("kvm-1", "10.0.0.1"), down]).unwrap();
        let api = Api::start(vec![
            ("GET /v1/events", 200, String::new()),
            ("GET /v1/peers", 200, list),
            ("POST /v1/search", 202, "{}".to_owned()),
        ])
        .await;
        let surface = Surface { words_on_terminal: true, ..Surface::default() };
        let (mut screen, data, words) = Screen::in_memory(surface);
        search(api.client(), &arguments(Output::Names), &mut screen).await.unwrap();
        assert_eq!(data.text(), "kvm-1\n");
        assert!(words.text().contains("asking the network: 1 up, 0.0 s left") && words.text().ends_with("\r\u{1b}[K"));
        assert!(api.requests().iter().any(|request| request.starts_with("POST /v1/search ")));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn without_a_daemon_the_network_is_asked_on_the_named_interface() {
        let client = Api::nowhere();
        let (mut screen, data, words) = Screen::in_memory(Surface::default());
        search(client.clone(), &arguments(Output::Table), &mut screen).await.unwrap();
        assert_eq!(data.text(), "");
        assert_eq!(words.text(), "no daemon runs on this host; asking the network without one\nnobody answered\n");
        search(client, &arguments(Output::Json), &mut screen).await.unwrap();
        assert_eq!(data.text(), "[]\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn without_a_usable_interface_it_fails() {
        let nowhere = SearchArguments { interface: vec!["nowhere0".to_owned()], ..arguments(Output::Json) };
        let (mut screen, _, _) = Screen::in_memory(Surface::default());
        let failure = finish(search(Api::nowhere(), &nowhere, &mut screen).await).unwrap_err();
        assert_eq!(failure.status, 1);
        assert!(failure.hint.unwrap().contains("lo: "), "{}", failure.message);
    }
}
