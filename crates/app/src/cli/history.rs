//! The options of `history`.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};

/// Options of `history`.
#[derive(Debug, Args)]
pub(crate) struct HistoryArguments {
    /// Only of this peer: a name, an address, an id, or the beginning of one that fits no other peer
    #[arg(allow_hyphen_values = true)]
    pub(crate) peer: Option<String>,
    /// Only what happened in the last time, such as 2h or 2d, or since a time in UTC, such as 2026-11-23T10:00:00Z
    #[arg(long, value_name = "WHEN", value_parser = since)]
    pub(crate) since: Option<Since>,
    /// So many changes at most, the newest
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// How to print
    #[arg(short, long, value_enum, default_value_t)]
    output: Records,
    /// Short for -o json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl HistoryArguments {
    /// How to print.
    pub(crate) const fn format(&self) -> Records {
        if self.json { Records::Json } else { self.output }
    }

    /// The options with the usual limit, for tests.
    #[cfg(test)]
    pub(crate) fn of(peer: Option<&str>, output: Records) -> Self {
        Self { peer: peer.map(str::to_owned), since: None, limit: 100, output, json: false }
    }
}

/// How records are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Records {
    /// Columns that fit the width
    #[default]
    Table,
    /// A JSON array
    Json,
    /// Comma-separated values with a header
    Csv,
}

/// A time in the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago.
    Ago(Duration),
    /// Then.
    At(SystemTime),
}

impl Since {
    /// The time it means now.
    pub(crate) fn time(self, now: SystemTime) -> SystemTime {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(SystemTime::UNIX_EPOCH).max(SystemTime::UNIX_EPOCH),
            Self::At(time) => time,
        }
    }
}

/// What goes after the options of `history`.
pub(super) const EXAMPLES: &str = "\
Examples:
  kimchi-peers history                              the newest changes of all peers
  kimchi-peers history kvm-2 --since 2d             what happened to one in the last two days
  kimchi-peers history --since 30d --limit 10000 -o csv > changes.csv

Changes are kept for five weeks, 20,000 at most; of a local peer that was heard for less than ten seconds, none is. `show PEER` tells how much of the time a peer was there.";

fn since(text: &str) -> Result<Since, &'static str> {
    let ago = || humantime::parse_duration(text).map(Since::Ago);
    let at = || humantime::parse_rfc3339(text).map(Since::At);
    ago()
        .ok()
        .or_else(|| at().ok())
        .ok_or("give a time with its unit, such as 2h or 2d, or one in UTC, such as 2026-11-23T10:00:00Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_is_a_span_or_a_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(200_000);
        let at = |text: &str| since(text).unwrap().time(now).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!((at("1d"), at("2h"), at("1970-01-02T00:00:00Z"), at("30d")), (113_600, 192_800, 86_400, 0));
        for text in ["", "2", "yesterday", "2026-11-23", "-2d"] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
