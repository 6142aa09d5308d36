//! When each remote peer is checked, without clock, network or tasks.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::address::RemoteAddress;
use super::error::{CheckFailure, TooManyRemotes};
use super::health::Reached;

/// Most remote peers that are watched at once, the number of rows the store keeps for them.
pub const MAX_REMOTES: usize = 1024;

/// Bounds of any delay, whatever the configuration says: never a busy loop, never past the clock's range.
const DELAYS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(24 * 60 * 60));

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteReport {
    /// The remote peer, as [`RemoteAddress::key`] names it.
    pub key: String,
    /// What the check found.
    pub outcome: Result<Reached, CheckFailure>,
    /// Checks that failed since the last success (or since the watching began), this one included; 0 after a success.
    /// Failures of this host itself are not counted.
    pub failures_in_a_row: u32,
    /// Time from the end of this check to the start of the next, jitter included.
    pub next_check_in: Duration,
}

/// How long to wait between checks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    pub(super) interval: Duration,
    pub(super) first_retry: Duration,
    pub(super) longest_retry: Duration,
}

/// A check to be started.
#[derive(Debug)]
pub(super) struct Job {
    /// Names this run of the check; never used twice.
    pub(super) ticket: u64,
    pub(super) address: RemoteAddress,
    pub(super) doubtful: bool,
}

/// The table of watched remotes with the unread reports: at most one, the newest, per remote. A reader that is slow thus
/// neither delays a check nor makes the table grow.
#[derive(Debug)]
pub(super) struct Schedule {
    delays: Delays,
    random: fastrand::Rng,
    last_ticket: u64,
    entries: BTreeMap<String, Entry>,
    unread: VecDeque<String>,
}

#[derive(Debug)]
struct Entry {
    address: RemoteAddress,
    /// Checks in a row without success, whoever was to blame: decides the delay.
    retries: u32,
    /// Those the remote is to blame for: decides the state.
    failures: u32,
    /// Answered at the last check.
    answered: bool,
    progress: Progress,
    report: Option<RemoteReport>,
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    Due(Instant),
    Running(u64),
}

impl Schedule {
    pub(super) fn new(delays: Delays, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { delays, random, last_ticket: 0, entries: BTreeMap::new(), unread: VecDeque::new() }
    }

    /// Adds a remote whose first check is due at once; one that is watched already keeps its schedule.
    pub(super) fn watch(&mut self, now: Instant, address: RemoteAddress) -> Result<(), TooManyRemotes> {
        let key = address.key();
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.address = address;
            return Ok(());
        }
        if self.entries.len() >= MAX_REMOTES {
            return Err(TooManyRemotes);
        }
        let progress = Progress::Due(now);
        self.entries.insert(key, Entry { address, retries: 0, failures: 0, answered: false, progress, report: None });
        Ok(())
    }

    /// Removes a remote with its unread report; returns whether it was watched.
    pub(super) fn forget(&mut self, key: &str) -> bool {
        self.unread.retain(|unread| unread != key);
        self.entries.remove(key).is_some()
    }

    /// Makes a check due now, unless it runs already; returns whether the remote is watched.
    pub(super) fn hurry(&mut self, now: Instant, key: &str) -> bool {
        let Some(entry) = self.entries.get_mut(key) else { return false };
        entry.hurry(now);
        true
    }

    pub(super) fn hurry_all(&mut self, now: Instant) {
        self.entries.values_mut().for_each(|entry| entry.hurry(now));
    }

    /// Hands out all checks that are due; they count as running from now on.
    pub(super) fn start_due(&mut self, now: Instant) -> Vec<Job> {
        let mut jobs = Vec::new();
        for entry in self.entries.values_mut() {
            if matches!(entry.progress, Progress::Due(due) if due <= now) {
                self.last_ticket += 1;
                entry.progress = Progress::Running(self.last_ticket);
                let (address, doubtful) = (entry.address.clone(), !entry.answered);
                jobs.push(Job { ticket: self.last_ticket, address, doubtful });
            }
        }
        jobs
    }

    /// When the next check is due, if one waits.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let due = |entry: &Entry| match entry.progress {
            Progress::Due(due) => Some(due),
            Progress::Running(_) => None,
        };
        self.entries.values().filter_map(due).min()
    }

    /// Whether the result of a run is still wanted.
    pub(super) fn wants(&self, key: &str, ticket: u64) -> bool {
        self.entries.get(key).is_some_and(|entry| entry.progress == Progress::Running(ticket))
    }

    /// Takes the result of a run and plans the next; a result of a remote forgotten meanwhile is dropped.
    pub(super) fn finish(&mut self, now: Instant, key: &str, ticket: u64, outcome: Result<Reached, CheckFailure>) {
        if !self.wants(key, ticket) {
            return;
        }
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.count(&outcome);
        let next_check_in = self.delays.after(entry.retries, &mut self.random);
        entry.progress = Progress::Due(now + next_check_in);
        let failures_in_a_row = entry.failures;
        let report = RemoteReport { key: key.to_owned(), outcome, failures_in_a_row, next_check_in };
        if entry.report.replace(report).is_none() {
            self.unread.push_back(key.to_owned());
        }
    }

    /// Takes the oldest unread report.
    pub(super) fn next_report(&mut self) -> Option<RemoteReport> {
        let key = self.unread.pop_front()?;
        self.entries.get_mut(&key).and_then(|entry| entry.report.take())
    }
}

impl Entry {
    fn hurry(&mut self, now: Instant) {
        if let Progress::Due(due) = &mut self.progress {
            *due = now.min(*due);
        }
    }

    fn count(&mut self, outcome: &Result<Reached, CheckFailure>) {
        self.answered = outcome.is_ok();
        match outcome {
            Ok(_) => (self.retries, self.failures) = (0, 0),
            Err(failure) => {
                self.retries = self.retries.saturating_add(1);
                self.failures = self.failures.saturating_add(u32::from(!failure.is_local()));
            }
        }
    }
}

impl Delays {
    /// The delay after a number of fruitless checks in a row: the interval after none, then doubling from the first retry
    /// to the longest, each up to a fifth shorter or longer so that remotes do not move in step.
    fn after(&self, retries: u32, random: &mut fastrand::Rng) -> Duration {
        let exact = match retries {
            0 => self.interval,
            _ => {
                let factor = 1u32.checked_shl(retries - 1).unwrap_or(u32::MAX);
                self.first_retry.saturating_mul(factor).min(self.longest_retry)
            }
        };
        let thousandth = exact.clamp(DELAYS.0, DELAYS.1) / 1000;
        thousandth * random.u32(800..=1200)
    }
}
