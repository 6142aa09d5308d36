//! `watch`: who comes and goes, until Ctrl-C: a live view on a terminal, a line for each change elsewhere.

mod draw;
mod live;
mod view;

use std::borrow::Cow;
use std::io::IsTerminal as _;
use std::time::SystemTime;

use crate::cli::{Connection, TextOrJson, WatchArguments};
use crate::client::{Client, Followed, Follower, Known};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, Tone, line, plain, planned_words, printable, state_tone};
use crate::view::{EventView, PeerView, rfc3339};

/// Columns for a name; a longer one moves what follows.
const NAME_WIDTH: usize = 20;
/// Columns for an address: those of IPv4.
const ADDRESS_WIDTH: usize = 15;

/// Shows or prints events until Ctrl-C.
pub(crate) async fn run(arguments: &WatchArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    let mut screen = Screen::of_process();
    let surface = screen.surface;
    // Keys come from stdin.
    if surface.is_terminal && std::io::stdin().is_terminal() && arguments.output.format() == TextOrJson::Text {
        return finish(live::run(client, surface.colour).await);
    }
    let watched = async {
        let mut watch = Watch::begin(client, arguments.output.format(), &mut screen).await?;
        loop {
            watch.step(&mut screen).await?;
        }
    };
    tokio::select! {
        stopped = watched => finish(stopped),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

struct Watch {
    client: Client,
    follower: Follower,
    known: Known,
    output: TextOrJson,
    /// Whether events may be missing that only the list can tell.
    stale: bool,
}

impl Watch {
    async fn begin(client: Client, output: TextOrJson, screen: &mut Screen) -> Result<Self, Stop> {
        // The events first: what happens while the list is read must not fall between the two.
        let follower = Follower::connect(client.clone()).await?;
        let known = Known::new(client.peers().await?);
        match output {
            TextOrJson::Json => {
                let ready =
                    EventView { event: "ready".to_owned(), time: rfc3339(SystemTime::now()), cause: None, peer: None };
                screen.data(&line(&ready, screen.surface.is_terminal)?)?;
            }
            TextOrJson::Text => screen.say(&format!("watching, {} up now; Ctrl-C ends it", known.up())),
        }
        Ok(Self { client, follower, known, output, stale: false })
    }

    async fn step(&mut self, screen: &mut Screen) -> Result<(), Stop> {
        match self.follower.next().await {
            Followed::Event(event) => {
                // What the list has to tell happened before this.
                self.catch_up(screen).await?;
                self.known.apply(&event);
                self.print(&event, screen)?;
            }
            Followed::Lost => screen.say("the daemon is gone; waiting for it to come back"),
            Followed::Back => screen.say("the daemon is back"),
            Followed::Resync => self.stale = true,
        }
        self.catch_up(screen).await
    }

    /// Prints what the list tells of events that got lost. A daemon that is gone again is asked when it is back.
    async fn catch_up(&mut self, screen: &mut Screen) -> Result<(), Stop> {
        if !self.stale {
            return Ok(());
        }
        let Ok(peers) = self.client.peers().await else { return Ok(()) };
        self.stale = false;
        for event in self.known.catch_up(peers) {
            self.print(&event, screen)?;
        }
        Ok(())
    }

    fn print(&self, event: &EventView, screen: &mut Screen) -> Result<(), Stop> {
        let text = match self.output {
            TextOrJson::Json => line(event, screen.surface.is_terminal)?,
            TextOrJson::Text => text_line(event, screen.surface.colour),
        };
        screen.data(&text)
    }
}

fn text_line(event: &EventView, colour: bool) -> String {
    let word = format!("{:8}", printable(&event.event));
    let Some(peer) = &event.peer else { return format!("{}  {}\n", printable(&event.time), word.trim_end()) };
    let tone = if event.event == "removed" { Tone::Faint } else { state_tone(peer) };
    let address = peer.addresses.first().map_or("-", String::as_str);
    let line = format!(
        "{}  {}  {:NAME_WIDTH$}  {:ADDRESS_WIDTH$}  {}",
        printable(&event.time),
        tone.paint(&word, colour),
        printable(&peer.name),
        printable(address),
        printable(&why(event, peer, SystemTime::now())),
    );
    format!("{}\n", line.trim_end())
}

/// Why, in the words of the list where the event is about the state that the list shows.
fn why<'a>(event: &'a EventView, peer: &'a PeerView, now: SystemTime) -> Cow<'a, str> {
    if let Some(planned) =
        peer.planned.as_ref().filter(|_| matches!(event.cause.as_deref(), Some("planned" | "overdue")))
    {
        return planned_words(planned, now).into();
    }
    let (reason, cause) = (peer.reason.as_deref(), event.cause.as_deref());
    let why = if event.event == peer.state.as_str() { reason.or(cause) } else { cause.or(reason) };
    plain(why.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, event, peer};
    use crate::output::Surface;
    use crate::view::PeerState;

    #[test]
    fn a_line_says_when_what_who_where_and_why() {
        let mut down = event("down", "kvm-1");
        down.peer.as_mut().unwrap().reason = Some("left".to_owned());
        down.peer.as_mut().unwrap().state = PeerState::Down;
        let expected = "2026-11-23T10:00:00.000Z  down      kvm-1                 10.0.0.1         said goodbye\n";
        assert_eq!(text_line(&down, false), expected);
        down.event = "conflict".to_owned();
        down.cause = Some("name_conflict".to_owned());
        assert!(text_line(&down, false).ends_with("  same name twice\n"));
        down.event = "down".to_owned();
        assert!(text_line(&down, true).contains("\u{1b}[31mdown    \u{1b}[0m  kvm-1"));
        let hostile = event("up", "a\u{1b}[2J\nb");
        assert_eq!(text_line(&hostile, false).matches(['\n', '\u{1b}']).count(), 1);
    }

    fn list(peers: &[PeerView]) -> String {
        serde_json::to_string(peers).unwrap()
    }

    fn words(text: &str) -> Vec<String> {
        let event = |line: &str| serde_json::from_str::<EventView>(line).unwrap();
        text.lines()
            .map(event)
            .map(|event| format!("{} {}", event.event, event.peer.map_or_else(String::new, |peer| peer.name)))
            .collect()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_break_and_a_resync_lose_nothing() {
        let stream = |events: &[&str]| events.concat();
        let up = format!("id: 7.1\nevent: up\ndata: {}\n\n", serde_json::to_string(&event("up", "kvm-1")).unwrap());
        let api = Api::start_in_turn(vec![
            ("GET /v1/events", 200, stream(&[": heartbeat\n\nevent: ready\ndata: {}\n\n", &up])),
            ("GET /v1/peers", 200, list(&[])),
            ("GET /v1/events", 200, "id: 8.1\nevent: resync\ndata: {}\n\n".to_owned()),
            ("GET /v1/peers", 200, list(&[peer("kvm-1", "10.0.0.1"), peer("kvm-2", "10.0.0.2")])),
        ])
        .await;
        let (mut screen, data, told) = Screen::in_memory(Surface::default());
        let mut watch = Watch::begin(api.client(), TextOrJson::Json, &mut screen).await.unwrap();
        // An event, the break, the way back, and the request to read the list again.
        for _ in 0..4 {
            watch.step(&mut screen).await.unwrap();
        }
        assert_eq!(words(&data.text()), ["ready ", "up kvm-1", "up kvm-2"]);
        assert_eq!(told.text(), "the daemon is gone; waiting for it to come back\nthe daemon is back\n");
        assert!(api.requests()[2].contains("\r\nlast-event-id: 7.1\r\n"), "{}", api.requests()[2]);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_break_before_the_first_event_reads_the_list_again() {
        let api = Api::start_in_turn(vec![
            ("GET /v1/events", 200, String::new()),
            ("GET /v1/peers", 200, list(&[peer("kvm-1", "10.0.0.1")])),
            ("GET /v1/events", 200, String::new()),
            ("GET /v1/peers", 200, list(&[])),
        ])
        .await;
        let (mut screen, data, _) = Screen::in_memory(Surface::default());
        let mut watch = Watch::begin(api.client(), TextOrJson::Json, &mut screen).await.unwrap();
        for _ in 0..3 {
            watch.step(&mut screen).await.unwrap();
        }
        assert_eq!(words(&data.text()), ["ready ", "removed kvm-1"]);
    }
}
