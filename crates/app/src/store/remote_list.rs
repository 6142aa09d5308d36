//! Changes of the list of remotes.

use rusqlite::Connection;

use super::record::{RemoteHealth, StoredRemote};
use super::remotes::{self, RemoteList};

/// One change by the operator.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A remote that was not in the list.
    Add(StoredRemote),
    /// A remote that was.
    Remove(StoredRemote),
}

impl Change {
    /// The list after the change.
    pub(super) fn applied_to(&self, list: &RemoteList) -> RemoteList {
        let mut list = list.clone();
        match self {
            Self::Add(remote) => drop(list.insert(remote.key.clone(), remote.clone())),
            Self::Remove(remote) => drop(list.remove(&remote.key)),
        }
        list
    }

    /// The change that undoes this one.
    pub(super) fn inverse(&self) -> Self {
        match self {
            Self::Add(remote) => Self::Remove(remote.clone()),
            Self::Remove(remote) => Self::Add(remote.clone()),
        }
    }

    /// Writes the change into the table.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        match self {
            Self::Add(remote) => remotes::save(connection, remote),
            Self::Remove(remote) => remotes::delete(connection, &remote.key),
        }
    }
}

/// The remotes of `list` that a health check has changed, with the change. Unknown keys are left out: a health check
/// never adds a remote.
pub(super) fn apply_health(list: &RemoteList, health: &[RemoteHealth]) -> Vec<StoredRemote> {
    let apply = |health: &RemoteHealth| {
        let mut remote = list.get(&health.key)?.clone();
        remote.apply(health);
        remote.round_trip_ms = remotes::storable(remote.round_trip_ms);
        Some(remote)
    };
    health.iter().filter_map(apply).collect()
}
