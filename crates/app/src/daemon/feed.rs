//! The task that brings events and reports into the registry.

use std::sync::Arc;
use std::time::Duration;

use kimchi_peers::{Change, Event, EventsError};

use crate::daemon::registry::Keep;
use crate::daemon::trust::SeenClone;
use crate::daemon::{Daemon, Sources};

/// How often the times of hearing go to the store, where they change without an event: each time costs a row per peer.
const KEEP_INTERVAL: Duration = Duration::from_secs(900);

/// How often announced absences are looked at that may be over; a look costs some microseconds.
const OVERDUE_INTERVAL: Duration = Duration::from_secs(5);

/// Runs until discovery ends.
pub(crate) async fn run(daemon: Arc<Daemon>, mut sources: Sources) {
    let mut times = tokio::time::interval(KEEP_INTERVAL);
    times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    times.reset();
    let mut overdue = tokio::time::interval(OVERDUE_INTERVAL);
    overdue.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Whether an absence may be announced: nobody is woken to look where none is.
    let mut expects = true;
    let mut keep: Vec<Keep> = Vec::new();
    loop {
        tokio::select! {
            // In this order: who listens hears of a change before the store does, which does its work on the same core.
            biased;
            event = sources.events.next() => match event {
                Ok(Event::Peer { change, cause, peer }) => {
                    expects |= change == Change::Down;
                    keep.extend(daemon.registry().apply(change, cause, peer));
                }
                Ok(Event::SelfCloned { address, name }) => {
                    *daemon.seen_clone() = Some(SeenClone::now(format!("{name} at {address}")));
                }
                Ok(_) => {}
                Err(EventsError::Missed(count)) => {
                    tracing::warn!(count, "the daemon fell behind its own events and reads the whole list");
                    if let Ok(peers) = daemon.discovery.peers().await {
                        expects = true;
                        keep.extend(daemon.registry().resynchronise(peers));
                    }
                }
                Err(_) => return daemon.keep(keep),
            },
            Some(report) = sources.reports.next() => {
                keep.extend(daemon.registry().report(&report));
            }
            () = tokio::task::yield_now(), if !keep.is_empty() => daemon.keep(std::mem::take(&mut keep)),
            _ = overdue.tick(), if expects => {
                let mut registry = daemon.registry();
                keep.extend(registry.tell_overdue());
                expects = registry.expects_anybody();
            }
            _ = times.tick() => daemon.keep_times().await,
        }
    }
}
