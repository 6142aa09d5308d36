//! Reading a table whose rows, or whose pages, may be damaged.

use rusqlite::{Connection, Params, Row};

/// The rows of a table that could be read.
#[derive(Debug)]
pub(super) struct Rows<T> {
    /// Rows whose checksum fits.
    pub(super) good: Vec<T>,
    /// Number of rows whose checksum does not fit or whose values have the wrong type.
    pub(super) damaged: usize,
    /// Why reading ended before the end of the table.
    pub(super) failure: Option<rusqlite::Error>,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { good: Vec::new(), damaged: 0, failure: None }
    }
}

/// Runs `query` and reads each row with `read`, which returns nothing for a row whose checksum does not fit.
pub(super) fn read_rows<T>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> Rows<T> {
    let mut rows = Rows::default();
    rows.failure = collect(&mut rows, connection, query, parameters, read).err();
    rows
}

fn collect<T>(
    rows: &mut Rows<T>,
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(query)?;
    let mut cursor = statement.query(parameters)?;
    while let Some(row) = cursor.next()? {
        match read(row) {
            Ok(Some(value)) => rows.good.push(value),
            // A wrong type, broken UTF-8 or broken JSON concerns this row alone.
            Ok(None) | Err(_) => rows.damaged += 1,
        }
    }
    Ok(())
}

/// Reports text that should be JSON and is not as an error of its column.
pub(super) fn broken_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}
