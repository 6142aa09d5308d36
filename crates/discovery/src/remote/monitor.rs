//! The monitor of remote peers: one task that starts checks when they are due, and the handle to it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::address::RemoteAddress;
use super::error::{CheckFailure, TooManyRemotes};
use super::health::{Check, Checker, Reached};
use super::policy::Policy;
use super::resolver::system_lookup;
use super::schedule::{Delays, RemoteReport, Schedule};

/// How remote peers are checked. [`new`](Self::new) has the values for real life.
#[derive(Debug, Clone)]
pub struct RemoteMonitorConfig {
    /// Which addresses may be connected to.
    pub policy: Policy,
    /// Time between checks of a remote that answers. 30 s: a user sees a site go within a minute, and a thousand remotes
    /// cost 34 handshakes a second.
    pub interval: Duration,
    /// Delay after the first failure; it doubles with each further one. 2 s: as short as a lost packet needs.
    pub first_retry: Duration,
    /// Where the doubling ends. 5 min: a site that comes back is noticed while somebody still waits for it.
    pub longest_retry: Duration,
    /// Limit of a name lookup. 5 s, the system resolver's own limit for one try at one server.
    pub resolve_limit: Duration,
    /// Limit of the TCP connection, for all addresses of a name together. 5 s: two lost packets are repeated by then.
    pub connect_limit: Duration,
    /// Limit of the TLS handshake. 5 s, for a busy host far away.
    pub handshake_limit: Duration,
    /// Connections open at a time, 1 or more. 16: some 30 KiB each; at most 12 of them for remotes that do not answer.
    pub connections: usize,
    /// Threads for name lookups, 1 or more; started when needed. 8, of which at most 6 for remotes that do not answer.
    pub lookup_threads: usize,
    /// Start of the jitter's random numbers. The same seed gives the same delays; real life draws it from the system.
    pub seed: u64,
}

impl RemoteMonitorConfig {
    /// The values for real life.
    pub fn new(seed: u64) -> Self {
        Self {
            policy: Policy::default(),
            interval: Duration::from_secs(30),
            first_retry: Duration::from_secs(2),
            longest_retry: Duration::from_secs(5 * 60),
            resolve_limit: Duration::from_secs(5),
            connect_limit: Duration::from_secs(5),
            handshake_limit: Duration::from_secs(5),
            connections: 16,
            lookup_threads: 8,
            seed,
        }
    }
}

/// The handle to the watched remote peers. Its calls return at once and may come from any thread; dropping it ends all
/// checks.
#[derive(Debug)]
pub struct RemoteMonitor {
    shared: Arc<Shared>,
}

/// The results of the checks, in the order they came.
///
/// Of each remote only the newest unread report is kept, so a slow reader misses intermediate results but never delays a
/// check, and memory stays bounded. [`RemoteReport::failures_in_a_row`] makes up for what was missed.
#[derive(Debug)]
pub struct RemoteReports {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    table: Mutex<Table>,
    /// Rings when the task has to look at the table.
    changed: Notify,
    /// Rings when there is a report to read, or none will ever come.
    reported: Notify,
}

#[derive(Debug)]
struct Table {
    schedule: Schedule,
    stopped: bool,
}

impl RemoteMonitor {
    /// Starts the monitor's task on the current tokio runtime, with nothing to watch.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or in one without time and network enabled, as tokio does.
    pub fn start(config: RemoteMonitorConfig) -> (Self, RemoteReports) {
        let checker = Checker::new(&config, Arc::new(system_lookup));
        Self::start_with(&config, checker)
    }

    pub(super) fn start_with<C: Check>(config: &RemoteMonitorConfig, checker: C) -> (Self, RemoteReports) {
        let RemoteMonitorConfig { interval, first_retry, longest_retry, seed, .. } = *config;
        let schedule = Schedule::new(Delays { interval, first_retry, longest_retry }, seed);
        let shared = Arc::new(Shared {
            table: Mutex::new(Table { schedule, stopped: false }),
            changed: Notify::new(),
            reported: Notify::new(),
        });
        let task = Task {
            shared: Arc::clone(&shared),
            checker: Arc::new(checker),
            checks: JoinSet::new(),
            running: BTreeMap::new(),
        };
        tokio::spawn(task.run());
        (Self { shared: Arc::clone(&shared) }, RemoteReports { shared })
    }

    /// Watches a remote peer; its first check starts at once. One that is watched already keeps its schedule.
    ///
    /// # Errors
    /// If [`MAX_REMOTES`](super::MAX_REMOTES) are watched already.
    pub fn watch(&self, address: RemoteAddress) -> Result<(), TooManyRemotes> {
        self.change(|schedule| schedule.watch(now(), address))
    }

    /// Ends the watching of a remote peer and returns whether it was watched. From the return on no report of it is
    /// handed out, and a check that runs is ended.
    pub fn forget(&self, key: &str) -> bool {
        self.change(|schedule| schedule.forget(key))
    }

    /// Checks a remote peer now instead of when it is due, and returns whether it is watched. A check that runs already
    /// is left alone: its result is as fresh.
    pub fn check_now(&self, key: &str) -> bool {
        self.change(|schedule| schedule.hurry(now(), key))
    }

    /// Checks all remote peers now, as after a suspend or a change of the network.
    pub fn check_all_now(&self) {
        self.change(|schedule| schedule.hurry_all(now()));
    }

    fn change<T>(&self, act: impl FnOnce(&mut Schedule) -> T) -> T {
        let result = act(&mut self.shared.lock().schedule);
        self.shared.changed.notify_one();
        result
    }
}

impl Drop for RemoteMonitor {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        self.shared.reported.notify_one();
    }
}

impl RemoteReports {
    /// Waits for the next report; `None` once the monitor is dropped. Cancelling it loses nothing.
    pub async fn next(&mut self) -> Option<RemoteReport> {
        loop {
            {
                let mut table = self.shared.lock();
                if table.stopped {
                    return None;
                }
                if let Some(report) = table.schedule.next_report() {
                    return Some(report);
                }
            }
            self.shared.reported.notified().await;
        }
    }
}

impl Shared {
    /// No code that holds the lock awaits or panics half-way, so a poisoned table is a whole one.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A check that runs as a task.
struct Run {
    key: String,
    task: AbortHandle,
}

struct Task<C> {
    shared: Arc<Shared>,
    checker: Arc<C>,
    checks: JoinSet<(u64, Result<Reached, CheckFailure>)>,
    /// By ticket.
    running: BTreeMap<u64, Run>,
}

impl<C: Check> Task<C> {
    /// Runs until the handle is dropped; then the set of checks is dropped too, which ends them.
    async fn run(mut self) {
        while let Some(next_due) = self.start_due() {
            tokio::select! {
                () = self.shared.changed.notified() => {}
                () = sleep_till(next_due) => {}
                Some(finished) = self.checks.join_next() => self.finish(finished),
            }
        }
    }

    /// Starts what is due and ends what is not wanted any more. Returns when to come back, or `None` to stop.
    fn start_due(&mut self) -> Option<Option<std::time::Instant>> {
        let shared = Arc::clone(&self.shared);
        let mut table = shared.lock();
        if table.stopped {
            return None;
        }
        self.running.retain(|ticket, run| {
            let wanted = table.schedule.wants(&run.key, *ticket);
            if !wanted {
                run.task.abort();
            }
            wanted
        });
        for job in table.schedule.start_due(now()) {
            let (key, ticket, checker) = (job.address.key(), job.ticket, Arc::clone(&self.checker));
            let task = self.checks.spawn(async move { (ticket, checker.check(&job.address, job.doubtful).await) });
            self.running.insert(ticket, Run { key, task });
        }
        Some(table.schedule.next_due())
    }

    fn finish(&mut self, finished: Result<(u64, Result<Reached, CheckFailure>), JoinError>) {
        let (ticket, outcome) = match finished {
            Ok(result) => result,
            // A check that panicked is a bug, but not the remote's fault and no reason to stop checking it.
            Err(error) => {
                let Some(ticket) =
                    self.running.iter().find(|(_, run)| run.task.id() == error.id()).map(|(&ticket, _)| ticket)
                else {
                    return;
                };
                (ticket, Err(CheckFailure::Local("the check ended early".to_owned())))
            }
        };
        let Some(run) = self.running.remove(&ticket) else { return };
        if let Err(failure) = &outcome {
            tracing::debug!(remote = run.key, cause = failure.cause(), "check of a remote peer failed");
        }
        self.shared.lock().schedule.finish(now(), &run.key, ticket, outcome);
        self.shared.reported.notify_one();
    }
}

/// The clock of the runtime, so that tests can stop it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

async fn sleep_till(due: Option<std::time::Instant>) {
    match due {
        Some(due) => sleep_until(Instant::from_std(due)).await,
        None => pending().await,
    }
}
