//! The table `remote`.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params};

use super::checksum::Checksum;
use super::record::StoredRemote;
use super::rows::{Rows, read_rows};

const SELECT: &str = "SELECT key, name, host, port, server_root, added_at, state, reason, state_since, last_seen, \
                      round_trip_ms, certificate, checksum FROM remote ORDER BY key";
const INSERT: &str = "INSERT OR REPLACE INTO remote (key, name, host, port, server_root, added_at, state, reason, \
                      state_since, last_seen, round_trip_ms, certificate, checksum) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";

/// The remotes by key.
pub(super) type RemoteList = BTreeMap<String, StoredRemote>;

/// Reads all remotes.
pub(super) fn load(connection: &Connection) -> Rows<StoredRemote> {
    read_rows(connection, SELECT, [], read)
}

/// Inserts the remote or replaces its row.
pub(super) fn save(connection: &Connection, remote: &StoredRemote) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT)?.execute(params![
        remote.key,
        remote.name,
        remote.host,
        remote.port,
        remote.server_root,
        remote.added_at,
        remote.state,
        remote.reason,
        remote.state_since,
        remote.last_seen,
        storable(remote.round_trip_ms),
        remote.certificate,
        checksum(remote),
    ])?;
    Ok(())
}

/// Replaces the whole table, which gets rid of rows that cannot be found by their damaged key.
pub(super) fn replace_all(connection: &Connection, remotes: &RemoteList) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM remote", [])?;
    remotes.values().try_for_each(|remote| save(connection, remote))
}

/// Deletes the remote, if it is there.
pub(super) fn delete(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM remote WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// A checksum over the keys alone: a row that vanished with its checksum is noticed by it.
pub(super) fn checksum_of_keys<'a>(keys: impl Iterator<Item = &'a String>) -> String {
    keys.fold(Checksum::of("remote keys"), |checksum, key| checksum.text(key)).finish()
}

/// The duration as SQLite gives it back: it has no NaN, and no zero below zero.
pub(super) fn storable(round_trip_ms: Option<f64>) -> Option<f64> {
    round_trip_ms.filter(|value| value.is_finite() && *value >= 0.0).map(|value| value + 0.0)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<StoredRemote>> {
    let remote = StoredRemote {
        key: row.get(0)?,
        name: row.get(1)?,
        host: row.get(2)?,
        port: row.get(3)?,
        server_root: row.get(4)?,
        added_at: row.get(5)?,
        state: row.get(6)?,
        reason: row.get(7)?,
        state_since: row.get(8)?,
        last_seen: row.get(9)?,
        round_trip_ms: row.get(10)?,
        certificate: row.get(11)?,
    };
    // The checksum drops a duration that cannot be stored, so one that came from damage must be refused here.
    let intact = row.get::<_, String>(12)? == checksum(&remote)
        && storable(remote.round_trip_ms).is_some() == remote.round_trip_ms.is_some();
    Ok(intact.then_some(remote))
}

fn checksum(remote: &StoredRemote) -> String {
    Checksum::of("remote")
        .text(&remote.key)
        .optional_text(remote.name.as_deref())
        .text(&remote.host)
        .integer(remote.port.into())
        .text(&remote.server_root)
        .integer(remote.added_at)
        .text(&remote.state)
        .optional_text(remote.reason.as_deref())
        .integer(remote.state_since)
        .optional_integer(remote.last_seen)
        .optional_real(storable(remote.round_trip_ms))
        .optional_text(remote.certificate.as_deref())
        .finish()
}
