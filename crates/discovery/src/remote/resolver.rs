//! Names to addresses, by the system resolver, on a few threads of its own.
//!
//! `getaddrinfo` cannot be cancelled and may hang for as long as it likes. Therefore it runs neither on tokio's blocking
//! threads (few, shared, and waited for when the runtime ends) nor is it ever joined: a lookup is a detached thread, and
//! the end of the process simply ends it. A name that hangs holds one thread, however often it is asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io, thread};

use tokio::sync::watch;
use tokio::time::timeout;

use super::error::{CheckFailure, Phase};
use super::lanes::{Lanes, Pass};

/// How many time limits of a lookup a name waits for a free thread before it is told that lookups hang. Long enough for a
/// thousand healthy names after a start; short enough that the user hears of the trouble.
const PATIENCE: u32 = 6;

/// A function that turns a name into addresses and may block.
pub(super) type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

type Answer = Result<Vec<IpAddr>, String>;
type Running = Mutex<BTreeMap<String, watch::Receiver<Option<Answer>>>>;

/// Runs lookups, at most one per name and a bounded number in all.
pub(super) struct Resolver {
    lookup: Arc<Lookup>,
    lanes: Lanes,
    running: Arc<Running>,
    limit: Duration,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Resolver").field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

impl Resolver {
    pub(super) fn new(lookup: Arc<Lookup>, threads: usize, limit: Duration) -> Self {
        Self { lookup, lanes: Lanes::new(threads), running: Arc::default(), limit }
    }

    /// Looks a name up, or joins a lookup of it that still runs. Waiting for a free thread does not count as time of the
    /// lookup, else a busy start would accuse healthy names.
    pub(super) async fn resolve(&self, name: &str, doubtful: bool) -> Result<Vec<IpAddr>, CheckFailure> {
        let mut receiver = match self.joined(name) {
            Some(receiver) => receiver,
            None => self.begin(name, doubtful).await?,
        };
        match timeout(self.limit, receiver.wait_for(Option::is_some)).await {
            Err(_) => Err(CheckFailure::TimedOut { phase: Phase::Resolve }),
            Ok(Err(_)) => Err(CheckFailure::Local("the lookup ended without an answer".to_owned())),
            Ok(Ok(answer)) => answer.clone().unwrap_or_else(|| Ok(Vec::new())).map_err(CheckFailure::Unresolvable),
        }
    }

    fn joined(&self, name: &str) -> Option<watch::Receiver<Option<Answer>>> {
        // `has_changed` fails once the thread is gone; that is how one that panicked is told from one that runs.
        lock(&self.running).get(name).filter(|receiver| receiver.has_changed().is_ok()).cloned()
    }

    async fn begin(&self, name: &str, doubtful: bool) -> Result<watch::Receiver<Option<Answer>>, CheckFailure> {
        let patience = self.limit.saturating_mul(PATIENCE);
        let pass = timeout(patience, self.lanes.enter(doubtful)).await.map_err(|_| CheckFailure::ResolverBusy)?;
        if let Some(receiver) = self.joined(name) {
            return Ok(receiver);
        }
        let (sender, receiver) = watch::channel(None);
        lock(&self.running).insert(name.to_owned(), receiver.clone());
        self.spawn(name.to_owned(), sender, pass).map_err(|error| {
            lock(&self.running).remove(name);
            CheckFailure::Local(error.kind().to_string())
        })?;
        Ok(receiver)
    }

    fn spawn(&self, name: String, sender: watch::Sender<Option<Answer>>, pass: Pass) -> io::Result<()> {
        let lookup = Arc::clone(&self.lookup);
        let running = Arc::clone(&self.running);
        let work = move || {
            let answer = lookup(&name).map_err(|error| reason(&error));
            // First out of the table, then the answer: whoever asks from now on gets a fresh lookup.
            lock(&running).remove(&name);
            sender.send_replace(Some(answer));
            drop(pass);
        };
        thread::Builder::new().name("remote-lookup".to_owned()).spawn(work).map(drop)
    }
}

/// The system resolver, which honours `nsswitch.conf` and thus `/etc/hosts`, DNS and whatever else the host uses.
pub(super) fn system_lookup(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// The resolver's own words, without the sentence that the standard library puts before them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

/// A thread that panicked while it held the lock left a whole table behind, since every change is one call.
fn lock(running: &Running) -> std::sync::MutexGuard<'_, BTreeMap<String, watch::Receiver<Option<Answer>>>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}
