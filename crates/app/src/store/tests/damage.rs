//! Each kind of damage: nothing confirmed is lost, and the operator is told.

use std::fs;
use std::path::PathBuf;

use rusqlite::Connection;

use super::*;

fn database(place: &tempfile::TempDir) -> PathBuf {
    place.path().join("kimchi-peers.db")
}

fn file(place: &tempfile::TempDir) -> PathBuf {
    place.path().join("remotes.json")
}

fn put_aside(place: &tempfile::TempDir) -> usize {
    let names = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().starts_with("kimchi-peers.db.damaged-")).count()
}

/// Damages the database, and checks that all remotes come back from the file and that the store works again.
async fn survives(what: &str, damage: impl FnOnce(&tempfile::TempDir)) -> Loaded {
    let place = filled(20, 3).await;
    damage(&place);
    let (store, loaded) = open_store(place.path());
    assert_eq!(keys(&loaded.remotes), expected_keys(3), "{what}");
    assert!(!loaded.notices.is_empty(), "{what}: the operator is told");
    assert_eq!(loaded.degraded, None, "{what}");
    store.add_remote(remote(3)).await.unwrap();
    store.close().await;
    let again = reopened(place.path()).await;
    assert_eq!(keys(&again.remotes), expected_keys(4), "{what}");
    assert_eq!(again.notices, Vec::<String>::new(), "{what}: repaired for good");
    loaded
}

#[tokio::test]
async fn a_lost_or_unusable_database_is_rebuilt() {
    let wal = |place: &tempfile::TempDir| place.path().join("kimchi-peers.db-wal");
    survives("deleted", |place| fs::remove_file(database(place)).unwrap()).await;
    survives("deleted, log left", |place| {
        let other = Connection::open(database(place)).unwrap();
        other.execute_batch("DELETE FROM remote").unwrap();
        let log = fs::read(wal(place)).unwrap();
        drop(other);
        fs::remove_file(database(place)).unwrap();
        fs::write(wal(place), log).unwrap();
    })
    .await;
    for length in [0, 1, 99, 4_096, 5_000, 8_192] {
        let loaded = survives(&format!("cut to {length}"), |place| {
            let database = fs::OpenOptions::new().write(true).open(database(place)).unwrap();
            database.set_len(length).unwrap();
        })
        .await;
        assert!(loaded.notices[0].contains("kimchi-peers.db.damaged-"), "{:?}", loaded.notices);
    }
    survives("garbage", |place| fs::write(database(place), "not a database".repeat(1000)).unwrap()).await;
    survives("garbage header", |place| {
        let mut bytes = fs::read(database(place)).unwrap();
        bytes[..100].fill(0xa5);
        fs::write(database(place), bytes).unwrap();
    })
    .await;
    survives("another program's database", |place| {
        fs::remove_file(database(place)).unwrap();
        Connection::open(database(place))
            .unwrap()
            .execute_batch("CREATE TABLE peer (x); PRAGMA user_version=1")
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn rows_of_remotes_changed_or_lost_are_restored() {
    for damage in [
        "UPDATE remote SET host = 'evil.example' WHERE key LIKE 'host-1%'",
        "UPDATE remote SET port = 70000",
        "DELETE FROM remote WHERE key LIKE 'host-2%'",
        "DELETE FROM remote",
        "DELETE FROM setting",
        "UPDATE setting SET value = '1' WHERE name = 'generation'",
        "UPDATE setting SET name = 'nothing' WHERE name = 'remote_keys'",
        "DROP TABLE remote",
        "DROP TABLE setting",
        "DROP TABLE history",
    ] {
        survives(damage, |place| Connection::open(database(place)).unwrap().execute_batch(damage).unwrap()).await;
    }
}

#[tokio::test]
async fn damaged_rows_of_peers_are_dropped() {
    let place = filled(20, 3).await;
    let damage = "UPDATE peer SET state = 'down' WHERE key LIKE 'peer-000007%'; \
                  UPDATE peer SET addresses = 'no json' WHERE key LIKE 'peer-000008%'; \
                  UPDATE history SET cause = 'none'";
    Connection::open(database(&place)).unwrap().execute_batch(damage).unwrap();
    let (store, loaded) = open_store(place.path());
    assert_eq!((loaded.peers.len(), loaded.remotes.len(), loaded.degraded), (18, 3, None));
    assert!(loaded.notices[0].starts_with("2 damaged rows of local peers"), "{:?}", loaded.notices);
    assert_eq!(store.history(HistoryFilter::newest(10)).await.unwrap(), []);
    store.close().await;
    let again = reopened(place.path()).await;
    assert_eq!((again.peers.len(), again.notices), (18, vec![]));
}

#[tokio::test]
async fn any_flipped_byte_leaves_the_remotes_intact() {
    let place = filled(60, 30).await;
    let intact = fs::read(database(&place)).unwrap();
    let second_copy = fs::read(file(&place)).unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 1).unwrap()
    };
    for round in 0..600 {
        let scratch = tempfile::tempdir().unwrap();
        let mut bytes = intact.clone();
        // Every byte of the header once, then bytes anywhere.
        let position = if round < 100 { round } else { random() % bytes.len() };
        let difference = u8::try_from(random() % 255).unwrap() + 1;
        bytes[position] ^= difference;
        fs::write(database(&scratch), &bytes).unwrap();
        fs::write(file(&scratch), &second_copy).unwrap();
        let loaded = open::open(scratch.path()).1;
        assert_eq!(keys(&loaded.remotes), expected_keys(30), "byte {position} ^ {difference}");
        assert!(loaded.remotes.iter().all(|found| found.host.starts_with("host-") && found.port == 8001));
        for found in &loaded.peers {
            assert_eq!(*found, peer(found.sequence), "byte {position} ^ {difference}");
        }
    }
}

#[tokio::test]
async fn a_damaged_second_copy_never_hurts() {
    for content in [None, Some(""), Some("{"), Some("{\"epoch\":1,\"generation\":99,\"remotes\":[],\"checksum\":\"\"}")]
    {
        let place = filled(1, 3).await;
        match content {
            Some(content) => fs::write(file(&place), content).unwrap(),
            None => fs::remove_file(file(&place)).unwrap(),
        }
        let loaded = reopened(place.path()).await;
        assert_eq!(keys(&loaded.remotes), expected_keys(3), "{content:?}");
        assert!(loaded.notices[0].contains("remotes.json"), "{content:?}");
        assert_eq!(reopened(place.path()).await.notices, Vec::<String>::new(), "written anew");
    }
}

#[tokio::test]
async fn the_newer_of_two_intact_copies_wins() {
    let place = filled(1, 2).await;
    let old_database = fs::read(database(&place)).unwrap();
    let old_file = fs::read(file(&place)).unwrap();
    let (store, _) = open_store(place.path());
    store.add_remote(remote(2)).await.unwrap();
    store.close().await;
    let new_database = fs::read(database(&place)).unwrap();
    let new_file = fs::read(file(&place)).unwrap();

    fs::write(database(&place), &old_database).unwrap();
    let loaded = reopened(place.path()).await;
    assert_eq!(keys(&loaded.remotes), expected_keys(3), "the file is newer");
    assert!(loaded.notices[0].contains("older than remotes.json"));

    fs::write(database(&place), &new_database).unwrap();
    fs::write(file(&place), &old_file).unwrap();
    let loaded = reopened(place.path()).await;
    assert_eq!((keys(&loaded.remotes), loaded.notices), (expected_keys(3), vec![]), "the database is newer");
    let list = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).unwrap()["remotes"].clone();
    assert_eq!(list(&fs::read(file(&place)).unwrap()), list(&new_file), "the file was brought up to date");
}

#[tokio::test]
async fn what_is_left_of_both_copies_is_saved() {
    let place = filled(1, 3).await;
    let damage = "UPDATE remote SET port = 1 WHERE key LIKE 'host-1%'";
    Connection::open(database(&place)).unwrap().execute_batch(damage).unwrap();
    fs::write(file(&place), "{").unwrap();
    let loaded = reopened(place.path()).await;
    assert_eq!(keys(&loaded.remotes), [remote(0).key, remote(2).key]);
    assert!(loaded.notices[0].contains("may be incomplete"), "{:?}", loaded.notices);

    let text = fs::read_to_string(file(&place)).unwrap().replace("host-2", "edited");
    fs::write(file(&place), text).unwrap();
    fs::write(database(&place), "").unwrap();
    let loaded = reopened(place.path()).await;
    assert_eq!(keys(&loaded.remotes), ["edited.example:8001".to_owned(), remote(0).key]);
    assert!(loaded.notices.iter().any(|notice| notice.contains("please check them")), "{:?}", loaded.notices);

    fs::write(database(&place), "").unwrap();
    fs::remove_file(file(&place)).unwrap();
    let loaded = reopened(place.path()).await;
    assert!(loaded.notices.iter().any(|notice| notice.contains("may be incomplete")), "never a silent empty list");
    assert_eq!(put_aside(&place), 2);
}

#[tokio::test]
async fn health_survives_a_restored_list() {
    let place = filled(0, 2).await;
    let damage = "UPDATE remote SET port = 1 WHERE key LIKE 'host-1%'";
    Connection::open(database(&place)).unwrap().execute_batch(damage).unwrap();
    let loaded = reopened(place.path()).await;
    assert_eq!(loaded.remotes[0], remote(0));
    assert_eq!((loaded.remotes[1].state.as_str(), loaded.remotes[1].port), ("unknown", 8001));
}

#[tokio::test]
async fn damage_while_running_is_repaired_from_memory() {
    let place = filled(5, 3).await;
    let (store, _) = open_store(place.path());
    // Other programs can do this at any time, and the writer learns of it at its next transaction.
    Connection::open(database(&place)).unwrap().execute_batch("DROP TABLE remote; DROP TABLE peer").unwrap();
    store.save_peer(peer(7));
    store.add_remote(remote(3)).await.unwrap();
    store.close().await;
    assert_eq!(put_aside(&place), 1);
    let loaded = reopened(place.path()).await;
    assert_eq!((keys(&loaded.remotes), loaded.peers), (expected_keys(4), vec![peer(7)]));
    assert_eq!(loaded.notices, Vec::<String>::new());
}

#[tokio::test]
async fn a_newer_schema_is_read_and_never_written() {
    let place = filled(3, 3).await;
    Connection::open(database(&place)).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let before = (fs::read(database(&place)).unwrap(), fs::read(file(&place)).unwrap());
    let (store, loaded) = open_store(place.path());
    assert_eq!((loaded.remotes.len(), loaded.peers.len()), (3, 3));
    assert!(loaded.degraded.unwrap().starts_with("schema is newer: "));
    store.save_peer(peer(9));
    store.append_history(entry(1));
    assert_eq!(store.history(HistoryFilter::newest(9)).await.unwrap().len(), 1, "kept in memory");
    assert!(matches!(store.add_remote(remote(9)).await, Err(StoreError::ReadOnly(_))));
    assert!(matches!(store.remove_remote(&remote(1).key).await, Err(StoreError::ReadOnly(_))));
    assert!(store.status().degraded.is_some());
    store.close().await;
    assert!(before == (fs::read(database(&place)).unwrap(), fs::read(file(&place)).unwrap()), "nothing was written");
}

#[tokio::test]
async fn a_locked_database_is_read_and_written_later() {
    let place = filled(3, 3).await;
    let other = Connection::open(database(&place)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE; UPDATE peer SET state = state").unwrap();
    let (store, loaded) = open_store(place.path());
    assert_eq!((loaded.remotes.len(), loaded.peers.len()), (3, 3));
    assert!(loaded.degraded.unwrap().starts_with("locked: "));
    assert!(matches!(store.add_remote(remote(3)).await, Err(StoreError::Locked)));
    drop(other);
    store.add_remote(remote(3)).await.unwrap();
    assert_eq!(store.status().degraded, None);
    store.close().await;
    assert_eq!(keys(&reopened(place.path()).await.remotes), expected_keys(4));
}
