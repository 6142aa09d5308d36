//! Rows put straight into the database of a daemon that does not run, with the checksums that a careful attacker makes.

use std::path::Path;

use ring::digest::{SHA256, digest};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// The database of a state directory.
pub(crate) struct Database(Connection);

impl Database {
    /// Opens it; the second copy of the remotes goes away, so that what is written here is all there is.
    pub(crate) fn open(state: &Path) -> Self {
        std::fs::remove_file(state.join("remotes.json")).unwrap();
        Self(Connection::open(state.join("kimchi-peers.db")).unwrap())
    }

    /// Sets text columns of every row of a table.
    pub(crate) fn change(&self, table: &str, changes: &[(&str, &str)]) {
        let columns = self.columns(table);
        let mut statement = self.0.prepare(&format!("SELECT {} FROM {table}", columns.join(", "))).unwrap();
        let read = |row: &rusqlite::Row<'_>| (0..columns.len()).map(|index| row.get(index)).collect();
        let rows: Vec<Vec<Value>> = statement.query_map([], read).unwrap().map(Result::unwrap).collect();
        assert!(!rows.is_empty(), "the table {table} is empty");
        let places: Vec<String> = (1..=columns.len() + 1).map(|number| format!("?{number}")).collect();
        let names = format!("{}, checksum", columns.join(", "));
        let insert = format!("INSERT OR REPLACE INTO {table} ({names}) VALUES ({})", places.join(", "));
        for mut row in rows {
            for (column, text) in changes {
                let index = columns.iter().position(|other| other == column).unwrap();
                row[index] = Value::Text((*text).to_owned());
            }
            // An entry that tells of no announced return has its last column outside of its checksum, as before there was that column.
            let without = usize::from(table == "history" && row.last() == Some(&Value::Null));
            let checksum = checksum(table, &row[..row.len() - without]);
            row.push(Value::Text(checksum));
            self.0.execute(&insert, params_from_iter(row)).unwrap();
        }
    }

    /// Adds the row of a base peer that is down, with this text wherever the daemon keeps text of the network.
    pub(crate) fn add_base_peer(&self, key: &str, text: &str) {
        let own = |text: &str| Value::Text(text.to_owned());
        let of_column = |column: &String| match column.as_str() {
            "key" => own(key),
            "addresses" => own("[\"127.0.0.2\"]"),
            "state" => own("down"),
            "facts" => own("{}"),
            "trust" => own("unsigned"),
            "http_port" | "https_port" => Value::Integer(8001),
            "epoch" | "sequence" | "holds_name" => Value::Integer(0),
            "first_seen" | "last_seen" | "state_since" => Value::Integer(1_795_415_329_000),
            "identity" | "planned_until" | "planned_reason" => Value::Null,
            _ => own(text),
        };
        let columns = self.columns("peer");
        let mut row: Vec<Value> = columns.iter().map(of_column).collect();
        // What an unsigned row that announced no absence has in its last four columns is no part of its checksum, as before there
        // were these columns.
        row.push(own(&checksum("peer", &row[..row.len() - 4])));
        let places: Vec<String> = (1..=row.len()).map(|number| format!("?{number}")).collect();
        let insert = format!("INSERT INTO peer ({}, checksum) VALUES ({})", columns.join(", "), places.join(", "));
        self.0.execute(&insert, params_from_iter(row)).unwrap();
    }

    /// The columns of a table but its checksum, in their order, which is that of the checksum too.
    fn columns(&self, table: &str) -> Vec<String> {
        let mut statement = self.0.prepare(&format!("SELECT name FROM pragma_table_info('{table}')")).unwrap();
        let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        names.map(Result::unwrap).filter(|name| name != "checksum").collect()
    }
}

/// The first eight bytes of the SHA-256 of a table's name and values, each with its length, as the daemon computes it.
fn checksum(table: &str, values: &[Value]) -> String {
    let mut bytes = present(table.as_bytes());
    for value in values {
        match value {
            Value::Null => bytes.push(0),
            Value::Integer(number) => bytes.extend(present(&number.to_le_bytes())),
            Value::Real(number) => bytes.extend(present(&number.to_le_bytes())),
            Value::Text(text) => bytes.extend(present(text.as_bytes())),
            Value::Blob(blob) => bytes.extend(present(blob)),
        }
    }
    digest(&SHA256, &bytes).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn present(value: &[u8]) -> Vec<u8> {
    [&[1], &(value.len() as u64).to_le_bytes()[..], value].concat()
}
