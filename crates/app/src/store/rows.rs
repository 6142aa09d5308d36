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
    let mut good = Vec::new();
    let Walked { damaged, failure } = walk_rows(connection, query, parameters, read, |value| good.push(value));
    Rows { good, damaged, failure }
}

/// How the reading of a table ended whose rows were given away one by one.
#[derive(Debug)]
pub(super) struct Walked {
    /// As in [`Rows`].
    pub(super) damaged: usize,
    /// As in [`Rows`].
    pub(super) failure: Option<rusqlite::Error>,
}

impl Walked {
    /// The failure as an error.
    pub(super) fn checked(self) -> rusqlite::Result<()> {
        self.failure.map_or(Ok(()), Err)
    }
}

/// The same for tables that are too long to be held in memory: gives each row to `each`.
pub(super) fn walk_rows<T>(
    connection: &Connection,
    query: &str,
    parameters: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
    mut each: impl FnMut(T),
) -> Walked {
    let mut damaged = 0;
    let walk = || -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(query)?;
        let mut cursor = statement.query(parameters)?;
        while let Some(row) = cursor.next()? {
            match read(row) {
                Ok(Some(value)) => each(value),
                // A wrong type, broken UTF-8 or broken JSON concerns this row alone.
                Ok(None) | Err(_) => damaged += 1,
            }
        }
        Ok(())
    };
    let failure = walk().err();
    Walked { damaged, failure }
}

/// Whether a table has a column; a database of an older version that can only be read may lack it.
pub(super) fn has_column(connection: &Connection, table: &str, column: &str) -> bool {
    let query = "SELECT count(*) FROM pragma_table_info(?1) WHERE name = ?2";
    connection.query_row(query, [table, column], |row| row.get::<_, i64>(0)).is_ok_and(|count| count > 0)
}

/// Reports text that should be JSON and is not as an error of its column.
pub(super) fn broken_json(error: serde_json::Error) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
}
