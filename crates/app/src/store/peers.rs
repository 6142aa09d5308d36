//! The table `peer`.

use rusqlite::{Connection, Row, params};

use super::checksum::Checksum;
use super::pending::PeerChange;
use super::record::{PlannedAbsence, StoredPeer, UNSIGNED};
use super::rows::{Rows, broken_json, has_column, read_rows};

const COLUMNS: &str = "key, name, identity, epoch, sequence, addresses, http_port, https_port, state, reason, first_seen, \
                       last_seen, state_since, facts, interface, checksum";
const INSERT: &str = "INSERT OR REPLACE INTO peer (key, name, identity, epoch, sequence, addresses, http_port, \
                      https_port, state, reason, first_seen, last_seen, state_since, facts, interface, checksum, \
                      trust, holds_name, planned_until, planned_reason) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)";

/// Reads all peers, also of a database of an older version, which may be there to be read only.
pub(super) fn load(connection: &Connection) -> Rows<StoredPeer> {
    let or = |column, columns, nothing| if has_column(connection, "peer", column) { columns } else { nothing };
    let trust = or("trust", "trust, holds_name", "'unsigned', 0");
    let planned = or("planned_until", "planned_until, planned_reason", "NULL, NULL");
    read_rows(connection, &format!("SELECT {COLUMNS}, {trust}, {planned} FROM peer ORDER BY key"), [], read)
}

/// Inserts the peer or replaces its row.
pub(super) fn save(connection: &Connection, peer: &StoredPeer) -> rusqlite::Result<()> {
    let addresses = serde_json::to_string(&peer.addresses).map_err(broken_json)?;
    connection.prepare_cached(INSERT)?.execute(params![
        peer.key,
        peer.name,
        peer.identity,
        peer.epoch.cast_signed(),
        peer.sequence.cast_signed(),
        addresses,
        peer.http_port,
        peer.https_port,
        peer.state,
        peer.reason,
        peer.first_seen,
        peer.last_seen,
        peer.state_since,
        peer.facts,
        peer.interface,
        checksum(peer, &addresses),
        peer.trust,
        peer.holds_name,
        peer.planned.as_ref().map(|planned| planned.until),
        peer.planned.as_ref().map(|planned| &planned.reason),
    ])?;
    Ok(())
}

/// Writes the changes, each with the key of its row.
pub(super) fn apply(connection: &Connection, changes: &[(String, PeerChange)]) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM peer WHERE key = ?1")?;
    changes.iter().try_for_each(|(key, change)| match change {
        PeerChange::Save(peer) => save(connection, peer),
        PeerChange::Forget => delete.execute([key]).map(drop),
    })
}

/// Replaces the whole table, which gets rid of rows that cannot be found by their damaged key.
pub(super) fn replace_all(connection: &Connection, peers: &[StoredPeer]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM peer", [])?;
    peers.iter().try_for_each(|peer| save(connection, peer))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<StoredPeer>> {
    let addresses: String = row.get(5)?;
    let peer = StoredPeer {
        key: row.get(0)?,
        name: row.get(1)?,
        identity: row.get(2)?,
        epoch: row.get::<_, i64>(3)?.cast_unsigned(),
        sequence: row.get::<_, i64>(4)?.cast_unsigned(),
        addresses: serde_json::from_str(&addresses).map_err(broken_json)?,
        http_port: row.get(6)?,
        https_port: row.get(7)?,
        state: row.get(8)?,
        reason: row.get(9)?,
        first_seen: row.get(10)?,
        last_seen: row.get(11)?,
        state_since: row.get(12)?,
        facts: row.get(13)?,
        interface: row.get(14)?,
        trust: row.get(16)?,
        holds_name: row.get::<_, i64>(17)? == 1,
        planned: match (row.get(18)?, row.get(19)?) {
            (Some(until), Some(reason)) => Some(PlannedAbsence { until, reason }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Ok(None),
        },
    };
    // Any other number reads as one of the two, and would go unnoticed.
    let intact = matches!(row.get::<_, i64>(17)?, 0 | 1) && row.get::<_, String>(15)? == checksum(&peer, &addresses);
    Ok(intact.then_some(peer))
}

fn checksum(peer: &StoredPeer, addresses: &str) -> String {
    let of_version_1 = Checksum::of("peer")
        .text(&peer.key)
        .text(&peer.name)
        .optional_text(peer.identity.as_deref())
        .integer(peer.epoch.cast_signed())
        .integer(peer.sequence.cast_signed())
        .text(addresses)
        .integer(peer.http_port.into())
        .integer(peer.https_port.into())
        .text(&peer.state)
        .optional_text(peer.reason.as_deref())
        .integer(peer.first_seen)
        .integer(peer.last_seen)
        .integer(peer.state_since)
        .text(&peer.facts)
        .optional_text(peer.interface.as_deref());
    // So the rows that were written before these columns were there stay good.
    let of_version_2 = if peer.trust == UNSIGNED && !peer.holds_name {
        of_version_1
    } else {
        of_version_1.text(&peer.trust).integer(peer.holds_name.into())
    };
    match &peer.planned {
        Some(PlannedAbsence { until, reason }) => of_version_2.text("planned").integer(*until).text(reason).finish(),
        None => of_version_2.finish(),
    }
}
