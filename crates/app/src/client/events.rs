//! Following the daemon's events across breaks.
//!
//! ```text
//!            stream ends              accepted, with a place in the stream
//! connected ────────────▶ broken ───────────────────────────────────────────▶ connected
//!     ▲                     │ ▲ refused: wait longer
//!     │                     └─┘
//!     └── accepted, no event before the break: the list must be read again
//! ```

use std::collections::VecDeque;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::client::sse::{Parser, ServerEvent};
use crate::client::{Client, ClientError};
use crate::view::EventView;

/// First pause before a new connection.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// Longest pause before a new connection.
const PAUSE_LONGEST: Duration = Duration::from_secs(5);
/// A daemon that does not even send a heartbeat for this long hangs.
const SILENCE_LIMIT: Duration = Duration::from_secs(90);

/// What came next.
#[derive(Debug, PartialEq)]
pub(crate) enum Followed {
    /// An event.
    Event(Box<EventView>),
    /// Events may be missing: the list must be read again.
    Resync,
    /// The daemon is gone; it is being looked for. Told once each time.
    Lost,
    /// The daemon is back.
    Back,
}

/// The events of a daemon, also of one that is started again.
#[derive(Debug)]
pub(crate) struct Follower {
    client: Client,
    body: Option<Incoming>,
    parser: Parser,
    waiting: VecDeque<Followed>,
    pause: Duration,
}

impl Follower {
    /// Connects. From its return on no event is missed.
    pub(crate) async fn connect(client: Client) -> Result<Self, ClientError> {
        let body = client.events(None).await?.into_body();
        let parser = Parser::default();
        Ok(Self { client, body: Some(body), parser, waiting: VecDeque::new(), pause: PAUSE_FIRST })
    }

    /// Waits for what comes next. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Followed {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                return next;
            }
            match &mut self.body {
                None => self.reconnect().await,
                Some(body) => match tokio::time::timeout(SILENCE_LIMIT, body.frame()).await {
                    Ok(Some(Ok(frame))) => {
                        // A daemon that says something is there to stay, so the next break starts with a short pause.
                        self.pause = PAUSE_FIRST;
                        let events = frame.data_ref().map(|piece| self.parser.push(piece)).unwrap_or_default();
                        self.waiting.extend(events.iter().filter_map(read));
                    }
                    Ok(Some(Err(_)) | None) | Err(_) => {
                        self.body = None;
                        return Followed::Lost;
                    }
                },
            }
        }
    }

    async fn reconnect(&mut self) {
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_LONGEST);
        let after = self.parser.last_id().map(str::to_owned);
        let Ok(answer) = self.client.events(after.as_deref()).await else { return };
        self.body = Some(answer.into_body());
        self.parser.restart();
        self.waiting.push_back(Followed::Back);
        if after.is_none() {
            // There is no place to go on from, so what happened in between shows only in the list.
            self.waiting.push_back(Followed::Resync);
        }
    }
}

/// An event of the stream. `ready` is left out: whoever follows knows that the daemon is.
fn read(event: &ServerEvent) -> Option<Followed> {
    match event.name.as_str() {
        "resync" => Some(Followed::Resync),
        "ready" => None,
        _ => {
            let view: EventView = serde_json::from_str(&event.data).ok()?;
            (view.event != "ready").then(|| Followed::Event(Box::new(view)))
        }
    }
}
