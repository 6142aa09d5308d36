//! The table `setting`: three numbers the store keeps about itself.

use rusqlite::{Connection, Row, params};

use super::checksum::Checksum;
use super::remotes::{RemoteList, checksum_of_keys};
use super::rows::read_rows;

/// The settings; a missing one was never written or is damaged.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Number of the last run.
    pub(super) epoch: Option<u64>,
    /// Grows with every change of the list of remotes.
    pub(super) generation: Option<i64>,
    /// Checksum over the keys of all remotes.
    pub(super) remote_keys: Option<String>,
}

impl Settings {
    /// The settings for this run and list.
    pub(super) fn of(epoch: u64, generation: i64, list: &RemoteList) -> Self {
        let remote_keys = Some(checksum_of_keys(list.keys()));
        Self { epoch: Some(epoch), generation: Some(generation), remote_keys }
    }
}

/// Reads the settings; the error says that the table itself cannot be read.
pub(super) fn load(connection: &Connection) -> rusqlite::Result<Settings> {
    let rows = read_rows(connection, "SELECT name, value, checksum FROM setting", [], read);
    if let Some(failure) = rows.failure {
        return Err(failure);
    }
    let value = |name: &str| rows.good.iter().find(|row| row.0 == name).map(|row| row.1.as_str());
    Ok(Settings {
        epoch: value("epoch").and_then(|text| text.parse().ok()),
        generation: value("generation").and_then(|text| text.parse().ok()),
        remote_keys: value("remote_keys").map(str::to_owned),
    })
}

/// Writes all settings, and gets rid of damaged rows on the way; those that are `None` are gone afterwards.
pub(super) fn replace_all(connection: &Connection, settings: &Settings) -> rusqlite::Result<()> {
    let values = [
        ("epoch", settings.epoch.map(|epoch| epoch.to_string())),
        ("generation", settings.generation.map(|generation| generation.to_string())),
        ("remote_keys", settings.remote_keys.clone()),
    ];
    connection.execute("DELETE FROM setting", [])?;
    let mut statement = connection.prepare_cached("INSERT INTO setting (name, value, checksum) VALUES (?1, ?2, ?3)")?;
    for (name, value) in values {
        if let Some(value) = value {
            statement.execute(params![name, value, checksum(name, &value)])?;
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Option<(String, String)>> {
    let (name, value): (String, String) = (row.get(0)?, row.get(1)?);
    let intact = row.get::<_, String>(2)? == checksum(&name, &value);
    Ok(intact.then_some((name, value)))
}

fn checksum(name: &str, value: &str) -> String {
    Checksum::of("setting").text(name).text(value).finish()
}
