//! `watch` on a terminal: a screen that is kept up to date.

use std::future::poll_fn;
use std::time::{Duration, SystemTime};

use futures_core::Stream as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, EventStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::draw::draw;
use super::text_line;
use super::view::{View, Wish};
use crate::client::{Client, Followed, Follower, Known};
use crate::command::show;
use crate::failure::{Failure, Stop};

/// How often the times on the screen count up.
const TICK: Duration = Duration::from_secs(1);

/// How often the list is read for what changes without an event, in ticks: round trips and times of hearing. The round trips
/// of one reading are those that the reading before had measured.
const TICKS_PER_READING: u64 = 10;
/// The first time it is read again sooner.
const FIRST_READING: u64 = 2;
/// How long the screen waits for that: a daemon that is stuck must not keep the keys from working.
const READING_LIMIT: Duration = Duration::from_secs(1);

/// Runs until the user ends it. The terminal is as it was before when this returns, and also after a panic.
pub(super) async fn run(client: Client, colour: bool) -> Result<(), Stop> {
    // The events first: what happens while the list is read must not fall between the two.
    let follower = Follower::connect(client.clone()).await?;
    let host = client.myself().await?.name;
    let view = View::new(host, client.measured_peers().await?, colour);
    let mut signals = Signals::new()?;
    let mut screen = Screen::open()?;
    let mut live = Live { client, follower, view, stale: false, ticks: 0, reading: None };
    let mut keys = EventStream::new();
    let mut tick = tokio::time::interval(TICK);
    loop {
        screen.draw(&live.view)?;
        tokio::select! {
            key = poll_fn(|context| Pin::new(&mut keys).poll_next(context)) => match key {
                Some(Ok(Event::Key(key))) => match live.view.press(key) {
                    Wish::Quit => return Ok(()),
                    Wish::Read(id) => live.read(id),
                    Wish::Nothing => {}
                },
                // The next drawing finds out how large it is.
                Some(Ok(_)) => {}
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(()),
            },
            next = live.follower.next() => live.take(next).await,
            page = read(&mut live.reading) => live.view.show(&page),
            _ = tick.tick() => live.tick().await,
            () = signals.any() => return Ok(()),
        }
    }
}

/// The view and where its content comes from.
struct Live {
    client: Client,
    follower: Follower,
    view: View,
    /// Whether events may be missing that only the list can tell.
    stale: bool,
    ticks: u64,
    /// The page about a peer that is being read.
    reading: Option<JoinHandle<String>>,
}

impl Live {
    async fn take(&mut self, next: Followed) {
        match next {
            Followed::Event(event) => self.view.tell(&event, &text_line(&event, false)),
            Followed::Lost => self.view.trouble = Some("the daemon is gone; waiting for it to come back"),
            Followed::Back => self.view.trouble = None,
            Followed::Resync => self.stale = true,
        }
        self.catch_up().await;
    }

    async fn tick(&mut self) {
        let is_due = self.ticks % TICKS_PER_READING == FIRST_READING && self.view.trouble.is_none();
        self.ticks += 1;
        if is_due && let Ok(Ok(peers)) = tokio::time::timeout(READING_LIMIT, self.client.measured_peers()).await {
            // What is new in it is told by an event that is on its way.
            self.view.known = Known::new(peers);
        }
        self.catch_up().await;
    }

    /// Reads the list again after events got lost; a daemon that is gone again is asked when it is back.
    async fn catch_up(&mut self) {
        if !self.stale {
            return;
        }
        let Ok(peers) = self.client.peers().await else { return };
        self.stale = false;
        for event in self.view.known.catch_up(peers) {
            self.view.note(&text_line(&event, false));
        }
    }

    fn read(&mut self, id: String) {
        let client = self.client.clone();
        self.reading = Some(tokio::spawn(async move {
            match client.peer(&id).await {
                Ok(detail) => show::plain_page(&client, &detail).await,
                Err(error) => Failure::from(error).message,
            }
        }));
    }
}

/// Waits for the page that is being read; for ever where none is.
async fn read(reading: &mut Option<JoinHandle<String>>) -> String {
    let Some(handle) = reading else { return std::future::pending().await };
    let page = handle.await.unwrap_or_else(|error| format!("cannot read about it: {error}"));
    *reading = None;
    page
}

/// The terminal in the state that the view needs, given back when this is dropped. A panic gives it back too, by a hook, since
/// nothing is dropped where a panic ends the program.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> Result<Self, Failure> {
        ratatui::try_init().map(Self).map_err(|error| {
            let _ = ratatui::try_restore();
            Failure::new(format!("cannot use the terminal: {error}"))
                .with_hint("have lines instead: kimchi-peers watch | cat")
        })
    }

    fn draw(&mut self, view: &View) -> Result<(), Failure> {
        let drawn = self.0.draw(|frame| draw(frame, view, SystemTime::now()));
        drawn.map(drop).map_err(|error| Failure::new(format!("cannot write to the terminal: {error}")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = ratatui::try_restore();
    }
}

/// What ends the program from outside, which would leave the terminal as it is.
struct Signals([Signal; 3]);

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::new(format!("cannot listen to signals: {error}")));
        Ok(Self([listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?]))
    }

    async fn any(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
