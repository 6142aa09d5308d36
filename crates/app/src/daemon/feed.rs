//! The task that brings events and reports into the registry.

use std::sync::Arc;
use std::time::Duration;

use kimchi_peers::{Event, EventsError};

use crate::daemon::trust::SeenClone;
use crate::daemon::{Daemon, Sources};

/// How often the times of hearing go to the store, where they change without an event.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);

/// Runs until discovery ends.
pub(crate) async fn run(daemon: Arc<Daemon>, mut sources: Sources) {
    let mut refresh = tokio::time::interval(REFRESH_INTERVAL);
    refresh.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    refresh.reset();
    loop {
        tokio::select! {
            event = sources.events.next() => match event {
                Ok(Event::Peer { change, cause, peer }) => {
                    let keep = daemon.registry().apply(change, cause, *peer);
                    daemon.keep(keep);
                }
                Ok(Event::SelfCloned { address, name }) => {
                    *daemon.seen_clone() = Some(SeenClone::now(format!("{name} at {address}")));
                }
                Ok(_) => {}
                Err(EventsError::Missed(count)) => {
                    tracing::warn!(count, "the daemon fell behind its own events and reads the whole list");
                    if let Ok(peers) = daemon.discovery.peers().await {
                        let keep = daemon.registry().resynchronise(peers);
                        daemon.keep(keep);
                    }
                }
                Err(_) => return,
            },
            Some(report) = sources.reports.next() => {
                let keep = daemon.registry().report(&report);
                daemon.keep(keep);
            }
            _ = refresh.tick() => daemon.refresh().await,
        }
    }
}
