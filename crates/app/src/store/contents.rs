//! Everything that could be read from a database at its opening.

use std::path::Path;

use rusqlite::Connection;

use super::fault::Fault;
use super::record::{StoredPeer, StoredRemote};
use super::remotes::{self, RemoteList};
use super::rows::Rows;
use super::settings::{self, Settings};
use super::{history, peers};

/// The readable part of a database; empty if there is none.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) settings: Settings,
    pub(super) peers: Rows<StoredPeer>,
    pub(super) remotes: Rows<StoredRemote>,
    /// Sequence of the newest history entry.
    pub(super) newest_entry: i64,
    /// The first failure other than a damaged row.
    pub(super) failure: Option<Fault>,
}

impl Contents {
    /// Reads what can be read. With `repair` a damaged newest history entry is deleted.
    pub(super) fn load(connection: &Connection, directory: &Path, repair: bool) -> Self {
        let mut contents = Self::default();
        let mut failures = Vec::new();
        settings::load(connection).map_or_else(|error| failures.push(error), |found| contents.settings = found);
        contents.remotes = remotes::load(connection);
        failures.extend(contents.remotes.failure.take());
        if !failures.is_empty() {
            // The list may have been cut off at any place; without this checksum it counts as incomplete.
            contents.settings.remote_keys = None;
        }
        contents.peers = peers::load(connection);
        failures.extend(contents.peers.failure.take());
        history::newest(connection, repair)
            .map_or_else(|error| failures.push(error), |newest| contents.newest_entry = newest);
        contents.failure = failures.first().map(|error| Fault::of_database(error, directory));
        contents
    }

    /// The list of remotes with its generation, provided that not a single one is damaged or missing.
    pub(super) fn complete_list(&self) -> Option<(RemoteList, i64)> {
        let generation = self.settings.generation?;
        let list = self.readable_list();
        let expected = self.settings.remote_keys.as_ref()?;
        let complete = self.remotes.damaged == 0 && *expected == remotes::checksum_of_keys(list.keys());
        complete.then_some((list, generation))
    }

    /// The remotes that can be read.
    pub(super) fn readable_list(&self) -> RemoteList {
        self.remotes.good.iter().map(|remote| (remote.key.clone(), remote.clone())).collect()
    }

    /// Whether the database holds nothing, not even damaged rows.
    pub(super) fn is_empty(&self) -> bool {
        self.settings == Settings::default() && self.remotes.good.is_empty() && self.remotes.damaged == 0
    }
}
