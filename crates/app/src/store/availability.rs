//! When peers were there, from the days that are folded and the entries that are not.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::record::{Availability, AvailabilityQuestion, HistoryEntry, PresentPeer};
use super::standing::{Run, Standing, Sums, Walk};
use super::strip::Strip;
use super::tally::Tally;
use super::{history, runs, tally};

/// One peer while its time is walked through.
struct Row {
    walk: Walk,
    strip: Strip,
    flaps: u32,
    /// Time of the newest entry that tells where it is.
    newest: i64,
}

impl Row {
    fn take(&mut self, entry: &HistoryEntry, runs: &[Run], since: i64) {
        let Self { walk, strip, flaps, newest } = self;
        let before = walk.standing;
        let went = walk.take(entry, runs, &mut |from, to, sums| strip.add(from, to, sums));
        if went && entry.time >= since {
            *flaps = flaps.saturating_add(1);
        }
        if walk.standing != before || went {
            *newest = entry.time;
        }
    }

    fn take_tally(&mut self, tally: &Tally) {
        let (from, to) = tally.span();
        self.strip.add(from, to, tally.sums);
        self.walk = Walk::new(tally.until, tally.standing);
        self.newest = tally.until;
    }

    /// Takes over what the daemon knows of the present, where the history lacks it.
    fn take_present(&mut self, present: &PresentPeer, runs: &[Run]) {
        let started = runs.last().map_or(i64::MIN, |run| run.start);
        let (standing, since) = match present.state.as_str() {
            "up" | "suspect" => (Standing::Up, present.state_since),
            "down" => (Standing::Down, present.state_since),
            // It was there in the last run, and was not heard in this one so far.
            _ => (Standing::Unknown, started),
        };
        let is_told = match self.walk.standing {
            Standing::Planned(_) => standing == Standing::Down,
            told @ (Standing::Unknown | Standing::Up | Standing::Down) => told == standing,
        };
        if !is_told {
            let strip = &mut self.strip;
            self.walk.advance(since.max(self.newest), runs, &mut |from, to, sums| strip.add(from, to, sums));
            self.walk.standing = standing;
        }
    }
}

/// Answers for each peer that is asked for, in their order.
///
/// # Errors
/// What SQLite says where a table cannot be read; damaged rows are left out.
pub(super) fn answer(
    connection: Option<&Connection>,
    waiting: &[HistoryEntry],
    question: AvailabilityQuestion,
    present: Run,
) -> rusqlite::Result<Vec<Availability>> {
    let AvailabilityQuestion { since, slice, slices, .. } = question;
    let row = |peer: &PresentPeer| {
        let strip = Strip::new(since, slice, slices);
        let row = Row { walk: Walk::new(i64::MIN, Standing::Unknown), strip, flaps: 0, newest: i64::MIN };
        (peer.key.clone(), row)
    };
    let mut rows: BTreeMap<String, Row> = question.peers.iter().map(row).collect();
    // Where one is asked for, the others need not be read.
    let only = if let [one] = question.peers.as_slice() { Some(one.key.as_str()) } else { None };
    // A database of an older version that can only be read has no runs and no days.
    let runs = match connection.filter(|connection| history::knows_of_plans(connection)) {
        Some(connection) => {
            read_days(connection, only, since, &mut rows)?;
            runs::load(connection, since, present).good
        }
        None => vec![present],
    };
    let mut take = |entry: &HistoryEntry| {
        if let Some(row) = rows.get_mut(&entry.peer) {
            row.take(entry, &runs, since);
        }
    };
    if let Some(connection) = connection {
        history::walk(connection, only, |entry| take(&entry)).checked()?;
    }
    waiting.iter().for_each(take);
    let until = question.until().min(present.until);
    Ok(question.peers.iter().filter_map(|peer| Some(finished(peer, rows.remove(&peer.key)?, &runs, until))).collect())
}

fn read_days(
    connection: &Connection,
    only: Option<&str>,
    since: i64,
    rows: &mut BTreeMap<String, Row>,
) -> rusqlite::Result<()> {
    let (newest, frontier) = tally::newest(connection);
    if let Some(failure) = newest.failure {
        return Err(failure);
    }
    let Some(frontier) = frontier else { return Ok(()) };
    // The newest day at least: it tells what each peer was where the history begins.
    tally::walk(connection, since.min(frontier), only, |tally| {
        if let Some(row) = rows.get_mut(&tally.peer) {
            row.take_tally(&tally);
            if tally.span().1 > since {
                row.flaps = row.flaps.saturating_add(tally.flaps);
            }
        }
    })
    .checked()
}

fn finished(peer: &PresentPeer, mut row: Row, runs: &[Run], until: i64) -> Availability {
    row.take_present(peer, runs);
    let Row { mut walk, mut strip, flaps, .. } = row;
    walk.advance(until, runs, &mut |from, to, sums| strip.add(from, to, sums));
    Availability { key: peer.key.clone(), share: share(strip.total), flaps, slices: strip.finish() }
}

/// An announced absence counts neither for a peer nor against it.
fn share(total: Sums) -> Option<f64> {
    let counted = total.up.saturating_add(total.down);
    (counted > 0).then(|| total.up as f64 / counted as f64)
}
