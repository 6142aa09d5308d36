//! What a daemon holds of the machine, sampled over time, and whether it grows.

use super::super::daemon::{Daemon, state_directory};

/// What one daemon holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Resident memory in KiB.
    pub(super) resident: u64,
    /// Of that, what is no page of a file, in KiB.
    pub(super) anonymous: u64,
    /// Open descriptors.
    pub(super) descriptors: u64,
    /// Threads.
    pub(super) threads: u64,
    /// The database, in bytes.
    pub(super) database: u64,
    /// Its log, in bytes: filled up to a limit, folded into the database, and filled again from the front.
    pub(super) log: u64,
}

impl Usage {
    pub(super) fn of(daemon: &Daemon<'_>) -> Self {
        let process = format!("/proc/{}", daemon.pid());
        let status = std::fs::read_to_string(format!("{process}/status")).expect("the status of a process");
        let number = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
        };
        // As the daemon itself sees it: the file system of its state is mounted in its namespace alone.
        let state = format!("{process}/root{}", state_directory(daemon.host()));
        let size = |file: &str| std::fs::metadata(format!("{state}/{file}")).map_or(0, |file| file.len());
        Self {
            resident: number("VmRSS:"),
            anonymous: number("RssAnon:"),
            descriptors: std::fs::read_dir(format!("{process}/fd")).expect("its descriptors").count() as u64,
            threads: number("Threads:"),
            database: size("kimchi-peers.db"),
            log: size("kimchi-peers.db-wal"),
        }
    }

    fn each(self) -> [(&'static str, u64); 6] {
        [
            ("resident KiB", self.resident),
            ("anonymous KiB", self.anonymous),
            ("descriptors", self.descriptors),
            ("threads", self.threads),
            ("database bytes", self.database),
            ("log bytes", self.log),
        ]
    }
}

/// By how much the later median may exceed the earlier one. Memory: the events that are kept for followers fill up (256 KiB), and
/// an allocator returns late. Descriptors and threads: a connection, and a thread of the runtime that waits for its end. The database:
/// the history is kept for 35 days, so it grows with what happens.
/// The log: all of what it may hold.
const ALLOWED: Usage =
    Usage { resident: 2_048, anonymous: 2_048, descriptors: 2, threads: 2, database: 512 << 10, log: LOG_MAX };
/// 256 pages of 4 KiB, each with a header, and what one transaction more may add.
const LOG_MAX: u64 = 5 << 18;

/// The samples of one daemon, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Samples(Vec<Usage>);

impl Samples {
    pub(super) fn push(&mut self, usage: Usage) {
        self.0.push(usage);
    }

    /// What it holds now.
    pub(super) fn last(&self) -> Usage {
        self.0.last().copied().unwrap_or_default()
    }

    /// The median of the second quarter and that of the last one: by the second everything has been used once. Of fewer than eight
    /// samples, the second and the last: at the first no database is open yet.
    pub(super) fn early_and_late(&self) -> (Usage, Usage) {
        let count = self.0.len();
        if count < 8 {
            let early = self.0.get(1).or_else(|| self.0.first());
            return (early.copied().unwrap_or_default(), self.0.last().copied().unwrap_or_default());
        }
        (median(&self.0[count / 4..count / 2]), median(&self.0[count * 3 / 4..]))
    }

    /// What has grown by more than is allowed, in words.
    pub(super) fn trends(&self) -> Vec<String> {
        let (early, late) = self.early_and_late();
        let each = early.each().into_iter().zip(late.each()).zip(ALLOWED.each());
        let grown = each.filter(|(((_, early), (_, late)), (_, allowed))| *late > early + allowed);
        let sentences = grown.map(|(((what, early), (_, late)), _)| format!("{what} grew from {early} to {late}"));
        let largest = self.0.iter().map(|usage| usage.log).max().filter(|log| *log > LOG_MAX);
        sentences.chain(largest.map(|log| format!("the log of the database had {log} bytes"))).collect()
    }
}

fn median(samples: &[Usage]) -> Usage {
    let of = |field: fn(&Usage) -> u64| {
        let mut values: Vec<u64> = samples.iter().map(field).collect();
        values.sort_unstable();
        values[values.len() / 2]
    };
    Usage {
        resident: of(|usage| usage.resident),
        anonymous: of(|usage| usage.anonymous),
        descriptors: of(|usage| usage.descriptors),
        threads: of(|usage| usage.threads),
        database: of(|usage| usage.database),
        log: of(|usage| usage.log),
    }
}

#[test]
fn what_leaks_is_a_trend_and_what_swings_is_none() {
    let samples = |resident: fn(u64) -> u64, descriptors: fn(u64) -> u64| {
        let usage = |time| Usage { resident: resident(time), descriptors: descriptors(time), ..Usage::default() };
        Samples((0..60).map(usage).collect())
    };
    assert!(samples(|time| 10_000 + time % 7 * 900, |time| 30 + time % 2).trends().is_empty());
    assert!(samples(|time| 10_000 + time.min(15) * 900, |_| 30).trends().is_empty(), "what is filled once");
    let leaking = samples(|time| 10_000 + time * 100, |time| 30 + time / 10);
    assert_eq!(leaking.trends(), ["resident KiB grew from 12200 to 15200", "descriptors grew from 32 to 35"]);
    let log = Usage { log: LOG_MAX + 1, ..Usage::default() };
    assert_eq!(Samples(vec![log, Usage::default()]).trends(), ["the log of the database had 1310721 bytes"]);
    assert_eq!(Samples(leaking.0[..7].to_vec()).trends(), Vec::<String>::new());
}
