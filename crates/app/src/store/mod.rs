//! The persistent store: peers, remotes and history, in the state directory.
//!
//! ```text
//!  handlers ---- save_*, append_history ----> queue (merged) --+        +--> kimchi-peers.db (SQLite, WAL)
//!  REST -------- add_remote, history -------> requests --------+-> one  |
//!                <---- answered when durable ------------------- thread-+--> remotes.json (remotes once more)
//! ```
//!
//! A change found out by the daemon itself is written within a second or so, and costs its finder no waiting. A change
//! ordered by the operator is answered when it is synced in both files. Each row has a checksum; a damaged database is
//! put aside and built anew, its remotes taken from `remotes.json`. While nothing can be written, everything is kept in
//! memory and written later; [`StoreStatus::degraded`] says why.

mod attach;
mod availability;
mod checksum;
mod clock;
mod contents;
mod epoch_file;
mod fault;
mod fold;
mod history;
mod lock;
mod open;
mod peers;
mod pending;
mod record;
mod recover;
mod remote_list;
mod remotes;
mod remotes_file;
mod rows;
mod runs;
mod settings;
mod shared;
mod standing;
mod strip;
mod tally;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

pub(crate) use fault::StoreError;
pub(crate) use lock::{LockError, StateDirectory};
pub(crate) use record::{
    Availability, AvailabilityQuestion, HistoryEntry, HistoryFilter, Loaded, PlannedAbsence, PresentPeer, RemoteHealth,
    StoreStatus, StoredPeer, StoredRemote,
};

use pending::Pending;
use shared::{Request, Shared};
use writer::Writer;

/// [`Store::close`] gives up after this time; whatever was not written then is lost, remotes excepted. Tests wait for a
/// machine that is busy with others of them.
const CLOSE_WITHIN: Duration = Duration::from_millis(if cfg!(test) { 60_000 } else { 900 });

/// A handle on the store; clones share one database and one writer thread.
///
/// When the last clone is dropped without [`Store::close`], the thread still writes what waits, but nobody waits for it.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    done: watch::Receiver<bool>,
}

impl Store {
    /// Opens the store and begins a new run: the epoch in [`Loaded`] is greater than any before and synced. Blocks for
    /// some milliseconds. Keeps the directory locked until the writer thread has ended.
    ///
    /// Damage, a full disk, a lack of permission and a newer schema are no errors: the store then works from memory, and
    /// [`Loaded::notices`] and [`Loaded::degraded`] tell the operator.
    ///
    /// # Errors
    /// [`StoreError::Thread`] if the writer thread cannot be started.
    pub(crate) fn open(directory: &StateDirectory) -> Result<(Self, Loaded), StoreError> {
        let (opened, loaded) = open::open(directory.path());
        let health = loaded.remotes.iter().cloned().map(RemoteHealth::from);
        let mut pending = Pending::new(opened.newest_entry, &loaded.peers, health);
        if opened.unsaved {
            pending.begin_run(std::time::Instant::now());
        }
        let status = StoreStatus {
            degraded: loaded.degraded.clone(),
            database_bytes: attach::size(directory.path()),
            ..StoreStatus::default()
        };
        let shared = Arc::new(Shared::new(pending, status));
        let writer = Writer::new(Arc::clone(&shared), directory.clone(), opened, &loaded);
        let (sender, done) = watch::channel(false);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&sender))
            .map_err(StoreError::Thread)?;
        let inner = Inner { shared, thread: Mutex::new(Some(thread)), done };
        Ok((Self { inner: Arc::new(inner) }, loaded))
    }

    /// Keeps a peer's row. Written within about a second, or a minute if only `sequence` and `last_seen` changed. Never
    /// waits for the disk.
    pub(crate) fn save_peer(&self, peer: StoredPeer) {
        self.inner.shared.update(|pending, now| pending.save_peer(peer, now));
    }

    /// Deletes a peer's row within about a second. Never waits for the disk.
    pub(crate) fn forget_peer(&self, key: &str) {
        self.inner.shared.update(|pending, now| pending.forget_peer(key.to_owned(), now));
    }

    /// Keeps the result of a health check. Written within about a second, or a minute if only `last_seen` and
    /// `round_trip_ms` changed. Ignored for a key that is not in the list. Never waits for the disk.
    pub(crate) fn save_remote_health(&self, health: RemoteHealth) {
        self.inner.shared.update(|pending, now| pending.save_health(health, now));
    }

    /// Appends to the history within about a second; the entry's `sequence` is replaced. Never waits for the disk.
    pub(crate) fn append_history(&self, entry: HistoryEntry) {
        self.inner.shared.update(|pending, now| pending.append(entry, now));
    }

    /// Adds a remote; it is synced in the database and in `remotes.json` when this returns. Dropping the future does not
    /// take the addition back.
    ///
    /// # Errors
    /// [`StoreError::Exists`], [`StoreError::Full`], [`StoreError::ReadOnly`], [`StoreError::Locked`],
    /// [`StoreError::Busy`], [`StoreError::Failed`]: nothing was changed. [`StoreError::Closed`]: unknown.
    pub(crate) async fn add_remote(&self, remote: StoredRemote) -> Result<(), StoreError> {
        self.ask(|reply| Request::Add(Box::new(remote), reply)).await
    }

    /// Removes a remote from the database and from `remotes.json`, synced in both when this returns. Returns whether it
    /// was there.
    ///
    /// # Errors
    /// As [`Store::add_remote`], except [`StoreError::Exists`].
    pub(crate) async fn remove_remote(&self, key: &str) -> Result<bool, StoreError> {
        self.ask(|reply| Request::Remove(key.to_owned(), reply)).await
    }

    /// Returns the newest entries of the history that the filter takes, newest first; entries not yet written are included.
    /// Five weeks are kept, and 20,000 entries at most.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the table cannot be read, [`StoreError::Busy`], [`StoreError::Closed`].
    pub(crate) async fn history(&self, filter: HistoryFilter) -> Result<Vec<HistoryEntry>, StoreError> {
        self.ask(|reply| Request::History(filter, reply)).await
    }

    /// Tells when the peers of the question were there, in their order. Of times in which no daemon ran here nothing is known.
    /// Costs a walk over the history: some tenths of a second at most.
    ///
    /// # Errors
    /// As [`Store::history`].
    pub(crate) async fn availability(&self, question: AvailabilityQuestion) -> Result<Vec<Availability>, StoreError> {
        self.ask(|reply| Request::Availability(Box::new(question), reply)).await
    }

    /// Keeps within a minute that this daemon still runs. Never waits for the disk.
    pub(crate) fn keep_running(&self) {
        self.inner.shared.update(|pending, now| pending.keep_running(now));
    }

    /// Returns when the writer thread has got to this request: when it hangs in no system call.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Closed`].
    pub(crate) async fn answer(&self) -> Result<(), StoreError> {
        self.ask(Request::Answer).await
    }

    /// Returns the store's condition. Never waits for the disk.
    pub(crate) fn status(&self) -> StoreStatus {
        self.inner.shared.status()
    }

    /// Writes everything that waits, closes the database and ends the thread. Returns after 0.9 s at the latest, even if
    /// the disk hangs. Needs a tokio runtime with timers. Later changes are ignored, later requests answered with
    /// [`StoreError::Closed`].
    pub(crate) async fn close(&self) {
        self.inner.shared.close();
        let mut done = self.inner.done.clone();
        let ended = tokio::time::timeout(CLOSE_WITHIN, done.wait_for(|done| *done)).await.is_ok();
        let thread = self.inner.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        match thread {
            // Its last act was to say that it is done, so this does not wait.
            Some(thread) if ended => drop(thread.join()),
            Some(_) => tracing::warn!("the store could not be closed in time; the latest changes may be lost"),
            None => {}
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(shared::Reply<T>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.inner.shared.request(request(reply))?;
        answer.await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}
