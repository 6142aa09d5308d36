//! The table `history`: what happened, newest last, bounded.

use rusqlite::{Connection, Row, params};

use super::checksum::Checksum;
use super::record::HistoryEntry;
use super::rows::{Rows, read_rows};

/// Entries kept; older ones are deleted as new ones come.
pub(super) const KEPT_ENTRIES: i64 = 10_000;

const SELECT: &str = "SELECT sequence, time, peer, name, event, cause, address, certificate, checksum FROM history \
                      WHERE ?1 IS NULL OR peer = ?1 ORDER BY sequence DESC LIMIT ?2";
const INSERT: &str = "INSERT OR REPLACE INTO history (sequence, time, peer, name, event, cause, address, certificate, \
                      checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// Reads the newest `limit` entries, newest first, of one peer or of all. Costs a walk over the table if the peer has
/// fewer entries than that: some milliseconds.
pub(super) fn load(connection: &Connection, peer: Option<&str>, limit: u32) -> Rows<HistoryEntry> {
    read_rows(connection, SELECT, params![peer, limit], read)
}

/// Writes the entries and deletes those that are too old.
pub(super) fn save(connection: &Connection, entries: &[HistoryEntry]) -> rusqlite::Result<()> {
    let Some(last) = entries.last() else { return Ok(()) };
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
        ])?;
    }
    connection
        .prepare_cached("DELETE FROM history WHERE sequence <= ?1")?
        .execute([last.sequence.saturating_sub(KEPT_ENTRIES)])?;
    Ok(())
}

/// The sequence of the newest entry, 0 if there is none. A damaged newest entry is deleted if `repair` is set, since
/// its number cannot be trusted: counting on from a false one could delete the whole history as too old.
pub(super) fn newest(connection: &Connection, repair: bool) -> rusqlite::Result<i64> {
    loop {
        let rows = load(connection, None, 1);
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
    };
    let intact = row.get::<_, String>(8)? == checksum(&entry);
    Ok(intact.then_some(entry))
}

fn checksum(entry: &HistoryEntry) -> String {
    Checksum::of("history")
        .integer(entry.sequence)
        .integer(entry.time)
        .text(&entry.peer)
        .text(&entry.name)
        .text(&entry.event)
        .optional_text(entry.cause.as_deref())
        .optional_text(entry.address.as_deref())
        .optional_text(entry.certificate.as_deref())
        .finish()
}
