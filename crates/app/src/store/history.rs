//! The table `history`: what happened, newest last. Its oldest entries are folded into the table `tally`.

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::checksum::Checksum;
use super::record::{HistoryEntry, HistoryFilter};
use super::rows::{Rows, Walked, has_column, read_rows, walk_rows};

const COLUMNS: &str = "sequence, time, peer, name, event, cause, address, certificate, checksum";
const NEWEST_FIRST: &str =
    "FROM history WHERE (?1 IS NULL OR peer = ?1) AND time >= ?2 AND time <= ?3 ORDER BY sequence DESC LIMIT ?4";
const OLDEST_FIRST: &str = "FROM history WHERE ?1 IS NULL OR peer = ?1 ORDER BY sequence";
const INSERT: &str = "INSERT OR REPLACE INTO history (sequence, time, peer, name, event, cause, address, certificate, \
                      checksum, planned_until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

/// Reads the newest entries that the filter takes, newest first. Costs a walk over the table if there are fewer than wanted:
/// some milliseconds.
pub(super) fn load(connection: &Connection, filter: &HistoryFilter) -> Rows<HistoryEntry> {
    let (since, until) = (filter.since.unwrap_or(i64::MIN), filter.until.unwrap_or(i64::MAX));
    let query = select(connection, NEWEST_FIRST);
    read_rows(connection, &query, params![filter.peer, since, until, filter.limit], read)
}

/// Gives all entries of one peer or of all to `each`, oldest first.
pub(super) fn walk(connection: &Connection, peer: Option<&str>, each: impl FnMut(HistoryEntry)) -> Walked {
    walk_rows(connection, &select(connection, OLDEST_FIRST), [peer], read, each)
}

/// The same of a database of version 1 or 2, which may be there to be read only.
fn select(connection: &Connection, which: &str) -> String {
    let planned = if knows_of_plans(connection) { "planned_until" } else { "NULL" };
    format!("SELECT {COLUMNS}, {planned} {which}")
}

/// Whether the database has version 3 or later.
pub(super) fn knows_of_plans(connection: &Connection) -> bool {
    has_column(connection, "history", "planned_until")
}

/// Writes the entries.
pub(super) fn save(connection: &Connection, entries: &[HistoryEntry]) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INSERT)?;
    for entry in entries {
        statement.execute(params![
            entry.sequence,
            entry.time,
            entry.peer,
            entry.name,
            entry.event,
            entry.cause,
            entry.address,
            entry.certificate,
            checksum(entry),
            entry.planned_until,
        ])?;
    }
    Ok(())
}

/// Deletes the entries up to this one.
pub(super) fn delete_until(connection: &Connection, sequence: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM history WHERE sequence <= ?1", [sequence]).map(drop)
}

/// Sequence and time of the oldest entry, damaged or not.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let mut statement = connection.prepare_cached("SELECT sequence, time FROM history ORDER BY sequence LIMIT 1")?;
    statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// The sequence of the newest entry, 0 if there is none. A damaged newest entry is deleted if `repair` is set, since
/// its number cannot be trusted: counting on from a false one could delete the whole history as too old.
pub(super) fn newest(connection: &Connection, repair: bool) -> rusqlite::Result<i64> {
    loop {
        let rows = load(connection, &HistoryFilter::newest(1));
        if let Some(failure) = rows.failure {
            return Err(failure);
        }
        match rows.good.first() {
            Some(entry) => return Ok(entry.sequence),
            None if rows.damaged > 0 && repair => {
                let one = "DELETE FROM history WHERE sequence = (SELECT max(sequence) FROM history)";
                // Where the order of the rows is broken too, the row cannot be found, and nothing but all of them can
                // be deleted.
                if connection.execute(one, [])? == 0 {
                    connection.execute("DELETE FROM history", [])?;
                }
            }
            None => return Ok(0),
        }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<HistoryEntry>> {
    let entry = HistoryEntry {
        sequence: row.get(0)?,
        time: row.get(1)?,
        peer: row.get(2)?,
        name: row.get(3)?,
        event: row.get(4)?,
        cause: row.get(5)?,
        address: row.get(6)?,
        certificate: row.get(7)?,
        planned_until: row.get(9)?,
    };
    let intact = row.get::<_, String>(8)? == checksum(&entry);
    Ok(intact.then_some(entry))
}

fn checksum(entry: &HistoryEntry) -> String {
    let of_version_1 = Checksum::of("history")
        .integer(entry.sequence)
        .integer(entry.time)
        .text(&entry.peer)
        .text(&entry.name)
        .text(&entry.event)
        .optional_text(entry.cause.as_deref())
        .optional_text(entry.address.as_deref())
        .optional_text(entry.certificate.as_deref());
    // So the entries that were written before this column was there stay good.
    match entry.planned_until {
        Some(until) => of_version_1.integer(until).finish(),
        None => of_version_1.finish(),
    }
}
