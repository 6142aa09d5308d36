//! No column of any row can change by a byte unnoticed.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;

const TABLES: [&str; 6] = ["setting", "peer", "remote", "history", "run", "tally"];

/// One row in each table.
fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    attach::MIGRATIONS.iter().for_each(|step| connection.execute_batch(step).unwrap());
    peers::replace_all(&connection, &[peer(1)]).unwrap();
    let list = [(remote(1).key, remote(1))].into();
    remotes::replace_all(&connection, &list).unwrap();
    history::save(&connection, &[entry(1)]).unwrap();
    let settings = settings::Settings { epoch: Some(1_700_000_000), ..Default::default() };
    settings::replace_all(&connection, &settings).unwrap();
    runs::save(&connection, standing::Run { start: 1_700_000_000_000, until: 1_700_000_009_000 }).unwrap();
    let tally = tally::Tally {
        day: 19_700,
        peer: "peer-1".to_owned(),
        sums: standing::Sums { up: 1, down: 2, planned: 3 },
        flaps: 4,
        until: 1_702_080_000_000,
        standing: standing::Standing::Planned(1_702_090_000_000),
    };
    tally::save(&connection, &[((tally.day, tally.peer.clone()), tally)].into()).unwrap();
    connection
}

/// Whether the row of each table is accepted.
fn accepted(connection: &Connection) -> [bool; 6] {
    [
        settings::load(connection).unwrap().epoch.is_some(),
        peers::load(connection).good.len() == 1,
        remotes::load(connection).good.len() == 1,
        history::load(connection, &HistoryFilter::newest(10)).good.len() == 1,
        // The present run is always there.
        runs::load(connection, i64::MIN, standing::Run { start: i64::MAX, until: i64::MAX }).good.len() == 2,
        tally::newest(connection).0.good.len() == 1,
    ]
}

fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)").unwrap();
    statement.query_map([table], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Changes one byte of the column.
fn change(connection: &Connection, table: &str, column: &str, place: usize, difference: u8) {
    let before: Value = connection.query_row(&format!("SELECT {column} FROM {table}"), [], |row| row.get(0)).unwrap();
    let flip = |bytes: &mut [u8]| {
        let place = place % bytes.len();
        bytes[place] ^= difference;
    };
    let (expression, after) = match before {
        Value::Text(text) => {
            let mut bytes = text.into_bytes();
            flip(&mut bytes);
            ("CAST(?1 AS TEXT)", Value::Blob(bytes))
        }
        Value::Integer(number) => {
            let mut bytes = number.to_le_bytes();
            flip(&mut bytes);
            ("?1", Value::Integer(i64::from_le_bytes(bytes)))
        }
        Value::Real(number) => {
            let mut bytes = number.to_le_bytes();
            flip(&mut bytes);
            ("?1", Value::Real(f64::from_le_bytes(bytes)))
        }
        Value::Null | Value::Blob(_) => unreachable!("every column has a value"),
    };
    connection.execute(&format!("UPDATE {table} SET {column} = {expression}"), [after]).unwrap();
}

#[test]
fn intact_rows_are_accepted() {
    assert_eq!(accepted(&database()), [true; 6]);
}

#[test]
fn null_is_not_empty() {
    for (table, column) in [
        ("peer", "reason"),
        ("peer", "planned_until"),
        ("peer", "planned_reason"),
        ("remote", "name"),
        ("remote", "last_seen"),
        ("history", "cause"),
        ("history", "planned_until"),
        ("tally", "return_time"),
    ] {
        let connection = database();
        connection.execute(&format!("UPDATE {table} SET {column} = NULL"), []).unwrap();
        assert!(accepted(&connection).contains(&false), "{table}.{column}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_changed_byte_is_noticed(place in 0usize..4096, difference in 1u8..=255) {
        for (index, table) in TABLES.iter().enumerate() {
            let connection = database();
            for column in columns(&connection, table) {
                connection.execute_batch("SAVEPOINT intact").unwrap();
                change(&connection, table, &column, place, difference);
                prop_assert!(!accepted(&connection)[index], "{table}.{column}");
                connection.execute_batch("ROLLBACK TO intact; RELEASE intact").unwrap();
                prop_assert!(accepted(&connection)[index]);
            }
        }
    }
}
