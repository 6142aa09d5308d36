//! A limit on work done at one time, of which doubtful work never gets all.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Admits a bounded number of checks, first come first served. Checks of remotes that did not answer last time take long
/// (they run into time limits) and may hold three quarters of the places at most, so a hundred dead remotes never delay
/// the checks of the living ones.
#[derive(Debug)]
pub(super) struct Lanes {
    all: Arc<Semaphore>,
    doubtful: Arc<Semaphore>,
}

/// A place; dropping it admits the next.
#[derive(Debug)]
pub(super) struct Pass {
    _doubtful: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Lanes {
    /// `places` below 1 count as 1.
    pub(super) fn new(places: usize) -> Self {
        let places = places.clamp(1, Semaphore::MAX_PERMITS);
        let doubtful = (places - places / 4).max(1);
        Self { all: Arc::new(Semaphore::new(places)), doubtful: Arc::new(Semaphore::new(doubtful)) }
    }

    /// Waits for a place. Dropping the future gives up the place in the queue.
    pub(super) async fn enter(&self, doubtful: bool) -> Pass {
        // The narrow lane first: whoever waits there must not hold a place of the wide one. Acquiring fails only after
        // `close`, which nobody calls.
        let narrow = if doubtful { Arc::clone(&self.doubtful).acquire_owned().await.ok() } else { None };
        Pass { _doubtful: narrow, _all: Arc::clone(&self.all).acquire_owned().await.ok() }
    }
}
