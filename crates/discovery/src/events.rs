//! The events on their way to those who listen: each has a queue of its own, which takes memory only while it is in use.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kimchi_peers_proto::Event;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

/// Events that a slow subscriber may fall behind before it is told that it missed some: more than a whole network's.
const QUEUE: usize = 8192;

/// Where events go out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Publisher(Arc<Mutex<Audience>>);

#[derive(Debug, Default)]
struct Audience {
    subscribers: Vec<Subscriber>,
    ended: bool,
}

#[derive(Debug)]
struct Subscriber {
    queue: mpsc::Sender<Event>,
    missed: Arc<AtomicU64>,
}

impl Publisher {
    /// Everything that is published from now on.
    pub(crate) fn subscribe(&self) -> Events {
        let (queue, events) = mpsc::channel(QUEUE);
        let missed = Arc::new(AtomicU64::new(0));
        let mut audience = self.audience();
        if !audience.ended {
            audience.subscribers.push(Subscriber { queue, missed: Arc::clone(&missed) });
        }
        Events { events, missed }
    }

    /// Gives the event to all subscribers. Nobody listening is fine.
    pub(crate) fn publish(&self, event: Event) {
        let mut audience = self.audience();
        audience.subscribers.retain(|subscriber| !subscriber.queue.is_closed());
        let Some((last, others)) = audience.subscribers.split_last() else { return };
        others.iter().for_each(|subscriber| subscriber.take(event.clone()));
        last.take(event);
    }

    /// Tells all subscribers that no event follows.
    pub(crate) fn end(&self) {
        *self.audience() = Audience { subscribers: Vec::new(), ended: true };
    }

    /// A panic elsewhere leaves the list in order: nothing is done between two states of it.
    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscriber {
    fn take(&self, event: Event) {
        // From the first missed one until that was noticed nothing more comes, so that one look at the whole list makes
        // up for all of it.
        let behind = self.missed.load(Ordering::Acquire) > 0;
        if behind || matches!(self.queue.try_send(event), Err(TrySendError::Full(_))) {
            self.missed.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// The events of discovery, in order.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Event>,
    missed: Arc<AtomicU64>,
}

/// What [`Events::next`] may say instead of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The subscriber was too slow; ask for [`crate::Discovery::peers`] to be in step again.
    #[error("{0} events were missed")]
    Missed(u64),
    /// Discovery has ended.
    #[error("discovery has ended")]
    Ended,
}

impl Events {
    /// Waits for the next event. Cancelling loses nothing.
    ///
    /// # Errors
    /// [`EventsError::Missed`], after which the events go on, or [`EventsError::Ended`].
    pub async fn next(&mut self) -> Result<Event, EventsError> {
        // What came before the gap goes first.
        let waiting = self.events.try_recv();
        if let Ok(event) = waiting {
            return Ok(event);
        }
        match self.missed.swap(0, Ordering::AcqRel) {
            0 => self.events.recv().await.ok_or(EventsError::Ended),
            missed => Err(EventsError::Missed(missed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn every_subscriber_gets_every_event_and_then_the_end() {
        let publisher = Publisher::default();
        let mut both = [publisher.subscribe(), publisher.subscribe()];
        drop(publisher.subscribe());
        publisher.publish(Event::Left);
        publisher.end();
        for events in &mut both {
            assert_eq!(events.next().await, Ok(Event::Left));
            assert_eq!(events.next().await, Err(EventsError::Ended));
        }
        assert_eq!(publisher.subscribe().next().await, Err(EventsError::Ended));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn who_falls_behind_is_told_once_how_much_is_missing() {
        let publisher = Publisher::default();
        let mut events = publisher.subscribe();
        (0..QUEUE + 3).for_each(|_| publisher.publish(Event::Left));
        assert_eq!(events.next().await, Ok(Event::Left));
        // There is room again, but the gap is not known yet.
        publisher.publish(Event::Left);
        for _ in 1..QUEUE {
            assert_eq!(events.next().await, Ok(Event::Left));
        }
        assert_eq!(events.next().await, Err(EventsError::Missed(4)));
        publisher.publish(Event::Left);
        assert_eq!(events.next().await, Ok(Event::Left));
    }
}
