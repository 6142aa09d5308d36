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

use crate::daemon::Daemon;
use crate::daemon::journal::{Next, Position};

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
    let position = match last {
        // What cannot be read is no place in this journal, which `after` answers with a resync.
        Some(text) => text.parse().unwrap_or(Position { run: 0, number: 0 }),
        None => daemon.registry().journal.end(),
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(feed(daemon, position, sender));
    Sse::new(Events(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// Brings the journal to one reader until that is gone.
async fn feed(daemon: Arc<Daemon>, mut position: Position, sender: mpsc::Sender<Event>) {
    let mut news = daemon.registry().journal.subscribe();
    loop {
        news.mark_unchanged();
        let next = daemon.registry().journal.after(position);
        let event = match next {
            Next::Event(at, event) => {
                position = at;
                let data = serde_json::to_string(&*event).unwrap_or_default();
                Event::default().id(at.to_string()).event(event.event.as_str()).data(data)
            }
            Next::Resync(at) => {
                position = at;
                Event::default().id(at.to_string()).event("resync").data("{}")
            }
            Next::Nothing => {
                tokio::select! {
                    more = news.changed() => if more.is_err() { return },
                    () = sender.closed() => return,
                }
                continue;
            }
        };
        if sender.send(event).await.is_err() {
            return;
        }
    }
}

struct Events(mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|event| event.map(Ok))
    }
}
