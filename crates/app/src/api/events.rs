//! `GET /v1/events`: changes as they happen (server-sent events), resumed where a reader stopped.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::daemon::follow::Follower;
use crate::daemon::journal::{Next, Position, Told};
use crate::daemon::{Daemon, present};
use crate::view::EventView;

/// Silence after which a comment is sent, so that both ends notice a connection that is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events on their way to one reader; one that reads slower reads on from the journal.
const QUEUE: usize = 16;

/// Answers with the events after `Last-Event-ID`, or from now on.
///
/// A reader that was away for more events than are kept, or since an earlier run, gets one event `resync`: it must read
/// the whole list again.
pub(crate) async fn stream(State(daemon): State<Arc<Daemon>>, headers: HeaderMap) -> impl IntoResponse {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let (sender, receiver) = mpsc::channel(QUEUE);
    let position = match last {
        // What cannot be read is no place in this journal, which is answered with a resync.
        Some(text) => text.parse().unwrap_or(Position { run: 0, number: 0 }),
        None => {
            let end = daemon.registry().journal.end();
            // So that a reader whose connection breaks before the first change can go on from here.
            let _ = sender.try_send(event_of(end, &bare("ready")));
            end
        }
    };
    tokio::spawn(feed(Follower::after(daemon, position), sender));
    Sse::new(Events(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Brings the journal to one reader until that is gone.
async fn feed(mut follower: Follower, sender: mpsc::Sender<Event>) {
    loop {
        let next = tokio::select! {
            next = follower.next() => next,
            () = sender.closed() => return,
        };
        let event = match next {
            Next::Event(at, told) => event_of(at, &told),
            Next::Resync(at) => event_of(at, &bare("resync")),
            Next::Nothing => continue,
        };
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

/// An event that is about no peer.
fn bare(word: &str) -> Told {
    Told::from(&EventView { event: word.to_owned(), time: present::now(), cause: None, peer: None })
}

fn event_of(at: Position, told: &Told) -> Event {
    Event::default().id(at.to_string()).event(&*told.event).data(&*told.json)
}

struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
