//! Reading the journal as it grows.

use std::sync::Arc;

use tokio::sync::watch;

use crate::daemon::Daemon;
use crate::daemon::journal::{Next, Position};

/// A reader of the journal with its place in it.
pub(crate) struct Follower {
    daemon: Arc<Daemon>,
    position: Position,
    news: watch::Receiver<u64>,
}

impl Follower {
    /// Reads on after `position`.
    pub(crate) fn after(daemon: Arc<Daemon>, position: Position) -> Self {
        let news = daemon.registry().journal.subscribe();
        Self { daemon, position, news }
    }

    /// Waits for what follows; never [`Next::Nothing`]. Cancelling loses nothing.
    pub(crate) async fn next(&mut self) -> Next {
        loop {
            self.news.mark_unchanged();
            let next = self.daemon.registry().journal.after(self.position);
            match &next {
                Next::Event(at, _) | Next::Resync(at) => {
                    self.position = *at;
                    return next;
                }
                // The daemon is held here, so its journal goes on.
                Next::Nothing => drop(self.news.changed().await),
            }
        }
    }
}
