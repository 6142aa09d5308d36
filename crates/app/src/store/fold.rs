//! Folds the oldest entries of the history into days, so that months of many peers fit a small file.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::record::HistoryEntry;
use super::standing::{Run, Standing, Sums, Walk};
use super::tally::{self, DAY_MS, KEPT_DAYS, Tally, day_of};
use super::{history, runs};

/// Entries kept as they are; some 4 MiB.
pub(super) const MOST_ENTRIES: i64 = 20_000;
/// Entries that come on top before they are folded, so that it happens rarely.
const SLACK_ENTRIES: i64 = 2_000;
/// How long an entry is kept as it is: a little longer than the window of 30 days.
const KEPT_MS: i64 = 35 * DAY_MS;

/// Folds what is too old, if the wall clock can be believed in that (`by_age`), or too much with the entry of this sequence as the
/// newest. Costs a look at the oldest entry if nothing is.
pub(super) fn fold(connection: &Connection, newest: Option<i64>, present: Run, by_age: bool) -> rusqlite::Result<()> {
    let now = present.until;
    let keep_since = if by_age { now.saturating_sub(KEPT_MS) } else { i64::MIN };
    let oldest_day = if by_age { day_of(now).saturating_sub(KEPT_DAYS) } else { 0 };
    let Some((oldest, oldest_time)) = history::oldest(connection)? else { return Ok(()) };
    let first_kept = newest.map_or(i64::MIN, |newest| newest.saturating_sub(MOST_ENTRIES));
    let too_many = oldest.saturating_add(SLACK_ENTRIES) <= first_kept;
    let too_old = oldest_time < keep_since.saturating_sub(DAY_MS);
    if !too_many && !too_old {
        return Ok(());
    }
    let (anchors, frontier) = tally::newest(connection);
    if let Some(failure) = anchors.failure {
        return Err(failure);
    }
    let runs = runs::load(connection, frontier.unwrap_or(oldest_time), present).good;
    let mut folding = Folding::new(anchors.good, &runs, oldest_day);
    // One that cannot be read goes, or it would be looked at again and again.
    let mut last = (oldest, i64::MIN);
    let mut is_done = false;
    history::walk(connection, None, |entry| {
        is_done |= entry.sequence > first_kept && entry.time >= keep_since;
        if !is_done {
            last = (entry.sequence, entry.time);
            folding.take(&entry);
        }
    })
    .checked()?;
    let (sequence, time) = last;
    // A time in the future is that of a clock that was wrong.
    let frontier = time.max(keep_since).min(now);
    tally::save(connection, &folding.finish(frontier))?;
    history::delete_until(connection, sequence)?;
    tally::prune(connection, oldest_day)
}

struct Folding<'a> {
    runs: &'a [Run],
    oldest_day: i64,
    walks: BTreeMap<String, Walk>,
    tallies: BTreeMap<(i64, String), Tally>,
}

impl<'a> Folding<'a> {
    fn new(anchors: Vec<Tally>, runs: &'a [Run], oldest_day: i64) -> Self {
        let walk = |tally: &Tally| (tally.peer.clone(), Walk::new(tally.until, tally.standing));
        let walks = anchors.iter().map(walk).collect();
        let tallies = anchors.into_iter().map(|tally| ((tally.day, tally.peer.clone()), tally)).collect();
        Self { runs, oldest_day, walks, tallies }
    }

    fn take(&mut self, entry: &HistoryEntry) {
        let Self { runs, oldest_day, walks, tallies } = self;
        let walk = walks.entry(entry.peer.clone()).or_insert(Walk::new(i64::MIN, Standing::Unknown));
        let mut add = |from, to, sums| add(tallies, *oldest_day, &entry.peer, from, to, sums);
        if walk.take(entry, runs, &mut add) {
            let tally = tally_of(tallies, day_of(entry.time), &entry.peer);
            tally.flaps = tally.flaps.saturating_add(1);
        }
    }

    /// Brings all peers to the frontier, and has a row of that day for each of which something is known there.
    fn finish(self, frontier: i64) -> BTreeMap<(i64, String), Tally> {
        let Self { runs, oldest_day, walks, mut tallies } = self;
        for (peer, mut walk) in walks {
            walk.advance(frontier, runs, &mut |from, to, sums| add(&mut tallies, oldest_day, &peer, from, to, sums));
            if walk.standing != Standing::Unknown {
                tally_of(&mut tallies, day_of(frontier), &peer);
            }
            if let Some(tally) = tallies.get_mut(&(day_of(frontier), peer)) {
                tally.standing = walk.standing;
            }
        }
        tallies.retain(|(day, _), _| *day >= oldest_day);
        for tally in tallies.values_mut() {
            tally.until = frontier.min((tally.day + 1).saturating_mul(DAY_MS));
            if tally.day != day_of(frontier) {
                // It was the newest before.
                tally.standing = Standing::Unknown;
            }
        }
        tallies
    }
}

/// Adds a span, which is of one kind, to the days on which it lies.
fn add(tallies: &mut BTreeMap<(i64, String), Tally>, oldest_day: i64, peer: &str, from: i64, to: i64, sums: Sums) {
    let mut at = from.max(oldest_day.saturating_mul(DAY_MS));
    while at < to {
        let day = day_of(at);
        let end = (day + 1).saturating_mul(DAY_MS).min(to);
        tally_of(tallies, day, peer).sums.add(sums.share(end - at, to - from));
        at = end;
    }
}

fn tally_of<'a>(tallies: &'a mut BTreeMap<(i64, String), Tally>, day: i64, peer: &str) -> &'a mut Tally {
    tallies.entry((day, peer.to_owned())).or_insert_with(|| Tally {
        day,
        peer: peer.to_owned(),
        sums: Sums::default(),
        flaps: 0,
        until: 0,
        standing: Standing::Unknown,
    })
}
