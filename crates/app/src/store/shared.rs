//! What the handles and the writer thread share: the queue, and the writer's condition.
//!
//! The lock around the queue is held only for moving values in memory, never while a file is touched; so a caller that
//! handles a packet waits for no disk.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::fault::StoreError;
use super::pending::{Batch, Pending};
use super::record::{Availability, AvailabilityQuestion, HistoryEntry, HistoryFilter, StoreStatus, StoredRemote};

/// Requests that may wait; the REST interface lets far fewer in at a time.
const MOST_REQUESTS: usize = 256;

/// The answer to a request goes here.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something a caller waits for.
#[derive(Debug)]
pub(super) enum Request {
    /// Add a remote, durably.
    Add(Box<StoredRemote>, Reply<()>),
    /// Remove the remote with this key, durably.
    Remove(String, Reply<bool>),
    /// Read the newest entries.
    History(HistoryFilter, Reply<Vec<HistoryEntry>>),
    /// Tell when peers were there.
    Availability(Box<AvailabilityQuestion>, Reply<Vec<Availability>>),
    /// Only answer.
    Answer(Reply<()>),
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Work {
    /// Answer a request.
    Answer(Request),
    /// Write the batch.
    Commit(Batch),
    /// Write the batch and end.
    Close(Batch),
}

/// When the writer wants to write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rhythm {
    /// When something is due, with regard to the last commit.
    Normal(Option<Instant>),
    /// After a failure: not before this time, but then even if nothing waits, to learn whether it works again.
    RetryAt(Instant),
    /// Never: the database is not ours.
    Never,
}

#[derive(Debug)]
struct Queue {
    pending: Pending,
    requests: VecDeque<Request>,
    closing: bool,
    status: StoreStatus,
}

/// The queue with its lock.
#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    /// Starts with an empty queue.
    pub(super) fn new(pending: Pending, status: StoreStatus) -> Self {
        let queue = Queue { pending, requests: VecDeque::new(), closing: false, status };
        Self { queue: Mutex::new(queue), changed: Condvar::new() }
    }

    /// Changes what waits, and has the writer woken when that is due.
    pub(super) fn update<T>(self: &Arc<Self>, change: impl FnOnce(&mut Pending, Instant) -> T) -> T {
        let mut queue = self.lock();
        let before = queue.pending.due(None);
        let result = change(&mut queue.pending, Instant::now());
        let due = queue.pending.due(None).filter(|due| before.is_none_or(|before| *due < before));
        drop(queue);
        if let Some(due) = due {
            self.wake_writer_at(due);
        }
        result
    }

    /// Not earlier, only for the writer to wait on: what its thread takes of the processor at the moment of a change is
    /// missing where the change is told to those who listen.
    fn wake_writer_at(self: &Arc<Self>, due: Instant) {
        let Ok(runtime) = Handle::try_current() else { return self.changed.notify_one() };
        let shared = Arc::downgrade(self);
        runtime.spawn(async move {
            tokio::time::sleep_until(due.into()).await;
            if let Some(shared) = shared.upgrade() {
                shared.changed.notify_one();
            }
        });
    }

    /// Hands a request to the writer.
    pub(super) fn request(&self, request: Request) -> Result<(), StoreError> {
        let mut queue = self.lock();
        if queue.closing {
            return Err(StoreError::Closed);
        }
        if queue.requests.len() >= MOST_REQUESTS {
            return Err(StoreError::Busy);
        }
        queue.requests.push_back(request);
        self.changed.notify_one();
        Ok(())
    }

    /// Tells the writer to write everything and end.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_one();
    }

    /// The condition as of now.
    pub(super) fn status(&self) -> StoreStatus {
        let queue = self.lock();
        StoreStatus { pending: queue.pending.len(), dropped: queue.pending.dropped(), ..queue.status.clone() }
    }

    /// Changes the writer's part of the condition.
    pub(super) fn report(&self, change: impl FnOnce(&mut StoreStatus)) {
        change(&mut self.lock().status);
    }

    /// Sleeps until there is something to do, and takes it.
    pub(super) fn next(&self, rhythm: Rhythm) -> Work {
        let mut queue = self.lock();
        loop {
            if let Some(request) = queue.requests.pop_front() {
                return Work::Answer(request);
            }
            if queue.closing {
                return Work::Close(queue.pending.take_all());
            }
            let now = Instant::now();
            let due = match rhythm {
                Rhythm::Normal(last_commit) => queue.pending.due(last_commit),
                Rhythm::RetryAt(time) => Some(time),
                Rhythm::Never => None,
            };
            match due {
                Some(due) if due <= now => return Work::Commit(queue.pending.take_due(now)),
                Some(due) => queue = self.sleep_until(queue, due - now),
                None => queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn sleep_until<'a>(&self, queue: MutexGuard<'a, Queue>, duration: std::time::Duration) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, duration).unwrap_or_else(PoisonError::into_inner).0
    }

    /// A panic elsewhere leaves the queue in order: every change of it is complete before anything can panic.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
