//! The table `tally`: days of peers, into which old entries of the history are folded.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::checksum::Checksum;
use super::rows::{Rows, Walked, read_rows, walk_rows};
use super::standing::{Standing, Sums};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;
/// Days kept, a little more than the longest window that can be asked for.
pub(super) const KEPT_DAYS: i64 = 100;
/// Rows kept: 100 days of 1,500 peers. With more peers there are fewer days.
const MOST_ROWS: i64 = 150_000;

const COLUMNS: &str = "SELECT day, peer, up, down, planned, flaps, until, state, return_time, checksum FROM tally";
const INSERT: &str = "INSERT OR REPLACE INTO tally (day, peer, up, down, planned, flaps, until, state, return_time, checksum) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
/// The first day that has no room, counted from the newest row.
const PRUNE: &str =
    "DELETE FROM tally WHERE day < ?1 OR day <= (SELECT day FROM tally ORDER BY day DESC LIMIT 1 OFFSET ?2)";

/// One peer on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// Days since 1970.
    pub(super) day: i64,
    pub(super) peer: String,
    pub(super) sums: Sums,
    pub(super) flaps: u32,
    /// Entries before this time are counted in.
    pub(super) until: i64,
    /// What the peer was at that time.
    pub(super) standing: Standing,
}

impl Tally {
    /// The part of its day that is counted.
    pub(super) fn span(&self) -> (i64, i64) {
        let start = self.day.saturating_mul(DAY_MS);
        (start, self.until.min(start.saturating_add(DAY_MS)))
    }
}

/// The day of a time.
pub(super) const fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY_MS)
}

/// The rows of the newest day, which tell what each peer was when the history was folded last; and that time.
pub(super) fn newest(connection: &Connection) -> (Rows<Tally>, Option<i64>) {
    let query = format!("{COLUMNS} WHERE day = (SELECT max(day) FROM tally) ORDER BY peer");
    let rows = read_rows(connection, &query, [], read);
    let frontier = rows.good.iter().map(|tally| tally.until).max();
    (rows, frontier)
}

/// Gives the rows from this day on, of one peer or of all, to `each`, in the order of days.
pub(super) fn walk(connection: &Connection, since: i64, peer: Option<&str>, each: impl FnMut(Tally)) -> Walked {
    let query = format!("{COLUMNS} WHERE day >= ?1 AND (?2 IS NULL OR peer = ?2) ORDER BY day, peer");
    walk_rows(connection, &query, params![day_of(since), peer], read, each)
}

/// Writes rows over those that were there.
pub(super) fn save(connection: &Connection, tallies: &BTreeMap<(i64, String), Tally>) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INSERT)?;
    for tally in tallies.values() {
        let (state, return_time) = words(tally.standing);
        statement.execute(params![
            tally.day,
            tally.peer,
            tally.sums.up,
            tally.sums.down,
            tally.sums.planned,
            tally.flaps,
            tally.until,
            state,
            return_time,
            checksum(tally),
        ])?;
    }
    Ok(())
}

/// Deletes the days before `oldest_day`, and more rows than are kept.
pub(super) fn prune(connection: &Connection, oldest_day: i64) -> rusqlite::Result<()> {
    connection.execute(PRUNE, [oldest_day, MOST_ROWS]).map(drop)
}

const fn words(standing: Standing) -> (&'static str, Option<i64>) {
    match standing {
        Standing::Unknown => ("unknown", None),
        Standing::Up => ("up", None),
        Standing::Down => ("down", None),
        Standing::Planned(until) => ("planned", Some(until)),
    }
}

fn standing(state: &str, return_time: Option<i64>) -> Option<Standing> {
    match (state, return_time) {
        ("unknown", None) => Some(Standing::Unknown),
        ("up", None) => Some(Standing::Up),
        ("down", None) => Some(Standing::Down),
        ("planned", Some(until)) => Some(Standing::Planned(until)),
        _ => None,
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<Tally>> {
    let Some(standing) = standing(&row.get::<_, String>(7)?, row.get(8)?) else { return Ok(None) };
    let tally = Tally {
        day: row.get(0)?,
        peer: row.get(1)?,
        sums: Sums { up: row.get(2)?, down: row.get(3)?, planned: row.get(4)? },
        flaps: row.get(5)?,
        until: row.get(6)?,
        standing,
    };
    let intact = row.get::<_, String>(9)? == checksum(&tally);
    Ok(intact.then_some(tally))
}

fn checksum(tally: &Tally) -> String {
    let (state, return_time) = words(tally.standing);
    Checksum::of("tally")
        .integer(tally.day)
        .text(&tally.peer)
        .integer(tally.sums.up)
        .integer(tally.sums.down)
        .integer(tally.sums.planned)
        .integer(tally.flaps.into())
        .integer(tally.until)
        .text(state)
        .optional_integer(return_time)
        .finish()
}
