//! What is stored comes back; the epoch grows; one daemon per directory; old schemas are brought up to date.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

#[tokio::test]
async fn everything_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let (store, first) = open_store(place.path());
    assert_eq!(first, Loaded { epoch: first.epoch, ..Loaded::default() }, "the first start tells nothing");
    store.save_peer(peer(1));
    store.save_peer(peer(2));
    let bare =
        StoredPeer { identity: None, reason: None, interface: None, addresses: vec![], planned: None, ..peer(3) };
    store.save_peer(bare.clone());
    store.forget_peer(&peer(2).key);
    let plain = StoredRemote { name: None, last_seen: None, round_trip_ms: None, certificate: None, ..remote(2) };
    store.add_remote(remote(1)).await.unwrap();
    store.add_remote(plain.clone()).await.unwrap();
    store.append_history(entry(7));
    store.append_history(entry(8));
    store.close().await;
    let (store, loaded) = open_store(place.path());
    assert_eq!(loaded.peers, [peer(1), bare]);
    assert_eq!(loaded.remotes, [remote(1), plain]);
    assert_eq!((loaded.notices, loaded.degraded), (vec![], None));
    assert!(loaded.epoch > first.epoch);
    store.append_history(entry(9));
    let sequences =
        |entries: Vec<HistoryEntry>| entries.iter().map(|entry| (entry.sequence, entry.time % 100)).collect::<Vec<_>>();
    let filter =
        |peer: Option<&str>, limit| HistoryFilter { peer: peer.map(str::to_owned), limit, ..HistoryFilter::default() };
    assert_eq!(sequences(store.history(filter(None, 10)).await.unwrap()), [(3, 9), (2, 8), (1, 7)]);
    assert_eq!(sequences(store.history(filter(Some("peer-1"), 1)).await.unwrap()), [(3, 9)]);
    assert_eq!(sequences(store.history(filter(Some("peer-1"), 9)).await.unwrap()), [(3, 9), (1, 7)]);
    let within = HistoryFilter { since: Some(entry(8).time), until: Some(entry(8).time), ..filter(None, 9) };
    assert_eq!(sequences(store.history(within).await.unwrap()), [(2, 8)]);
    store.close().await;
}

#[tokio::test]
async fn remotes_are_added_and_removed_once() {
    let place = tempfile::tempdir().unwrap();
    let (store, _) = open_store(place.path());
    store.add_remote(remote(1)).await.unwrap();
    assert!(matches!(store.add_remote(remote(1)).await, Err(StoreError::Exists(_))));
    assert!(store.remove_remote(&remote(1).key).await.unwrap());
    assert!(!store.remove_remote(&remote(1).key).await.unwrap());
    store.save_remote_health(remote(1).into());
    store.close().await;
    assert!(matches!(store.add_remote(remote(2)).await, Err(StoreError::Closed)));
    assert_eq!(reopened(place.path()).await.remotes, [], "a health check does not bring a remote back");
}

#[tokio::test]
async fn a_changed_certificate_reaches_both_files() {
    let place = filled(0, 1).await;
    let (store, _) = open_store(place.path());
    let changed = StoredRemote { certificate: Some("ef".repeat(32)), ..remote(0) };
    store.save_remote_health(changed.clone().into());
    store.close().await;
    let text = std::fs::read_to_string(place.path().join("remotes.json")).unwrap();
    assert!(text.contains(&"ef".repeat(32)));
    assert_eq!(reopened(place.path()).await.remotes, [changed]);
}

#[tokio::test]
async fn files_are_private() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("new/state");
    let (store, _) = open_store(&path);
    store.add_remote(remote(1)).await.unwrap();
    let mode = |name: &str| std::fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for name in ["kimchi-peers.db", "kimchi-peers.db-wal", "remotes.json", "lock"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    store.close().await;
    assert!(!path.join("kimchi-peers.db-wal").exists(), "the log was folded in");
}

#[tokio::test]
async fn the_epoch_grows_even_without_the_database() {
    let place = filled(0, 1).await;
    let database = || rusqlite::Connection::open(place.path().join("kimchi-peers.db")).unwrap();
    // A run in the far future, as after a wrong clock.
    let future = 9_000_000_000_000;
    let list = [(remote(0).key, remote(0))].into();
    settings::replace_all(&database(), &settings::Settings::of(future, 1, &list)).unwrap();
    assert_eq!(reopened(place.path()).await.epoch, future + 1);
    std::fs::remove_file(place.path().join("kimchi-peers.db")).unwrap();
    assert_eq!(reopened(place.path()).await.epoch, future + 2, "known from remotes.json");
}

#[test]
fn a_second_daemon_is_told_who_holds_the_directory() {
    if let Ok(path) = std::env::var("STORE_TEST_LOCK") {
        let _held = StateDirectory::open(Path::new(&path)).unwrap();
        println!("locked");
        thread::sleep(Duration::from_secs(60));
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["a_second_daemon_is_told", "--nocapture"])
        .env("STORE_TEST_LOCK", place.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::lines(output).map(Result::unwrap).find(|line| line.contains("locked")).unwrap();
    let error = StateDirectory::open(place.path()).unwrap_err();
    let expected = format!(
        "another kimchi-peers (pid {}) already uses {}; stop it or choose another --state-dir",
        child.id(),
        place.path().display()
    );
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(error.to_string(), expected);
    // The lock ends with its holder.
    lock(place.path());
}

#[test]
fn a_directory_that_cannot_be_made_is_reported_with_a_remedy() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = StateDirectory::open(&file.path().join("state")).unwrap_err();
    assert!(matches!(error, LockError::Create { .. }));
    assert!(error.to_string().ends_with("or choose another --state-dir"), "{error}");
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date() {
    let place = tempfile::tempdir().unwrap();
    // Version 0: a database that was created, but whose tables were not.
    let path = place.path().join("kimchi-peers.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA journal_mode = WAL; VACUUM").unwrap();
    assert!(std::fs::metadata(&path).unwrap().len() > 0);
    assert_eq!(reopened(place.path()).await.degraded, None);
    let connection = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), 4);
}

#[tokio::test]
async fn the_rows_of_version_1_are_kept_and_proved_nothing() {
    let place = tempfile::tempdir().unwrap();
    let connection = rusqlite::Connection::open(place.path().join("kimchi-peers.db")).unwrap();
    connection.execute_batch(include_str!("../schema.sql")).unwrap();
    // Written by the program of that version.
    let row = "INSERT INTO peer VALUES ('kvm-9@192.0.2.9', 'kvm-9', NULL, 0, 0, '[\"192.0.2.9\"]', 8000, 8001, 'down', 'left', \
               1, 2, 3, '{}', NULL, 'e867739c1f94fbfa'); PRAGMA user_version = 1; PRAGMA journal_mode = WAL";
    connection.execute_batch(row).unwrap();
    assert_eq!(peers::load(&connection).good.len(), 1, "also where it cannot be brought up to date");
    drop(connection);
    for _ in 0..2 {
        let loaded = reopened(place.path()).await;
        assert_eq!((loaded.notices, loaded.peers.len()), (Vec::new(), 1));
        assert_eq!((loaded.peers[0].trust.as_str(), loaded.peers[0].holds_name), ("unsigned", false));
    }
    assert_eq!(reopened(place.path()).await.peers[0].key, "kvm-9@192.0.2.9");
}

#[test]
fn steps_of_a_migration_are_taken_once_and_all_or_none() {
    let mut connection = rusqlite::Connection::open_in_memory().unwrap();
    let version = |connection: &rusqlite::Connection| {
        connection.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap()
    };
    let steps = ["CREATE TABLE a (x) ", "ALTER TABLE a ADD COLUMN y; INSERT INTO a VALUES (1, 2)", "broken"];
    attach::migrate(&mut connection, &steps[..1]).unwrap();
    assert_eq!(version(&connection), 1);
    attach::migrate(&mut connection, &steps).unwrap_err();
    assert_eq!(version(&connection), 1, "a failed migration changes nothing");
    attach::migrate(&mut connection, &steps[..2]).unwrap();
    attach::migrate(&mut connection, &steps[..2]).unwrap();
    assert_eq!(version(&connection), 2);
    assert_eq!(connection.query_row("SELECT count(*) FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_number_of_runs_that_no_host_takes_is_damage() {
    for (kept, is_taken) in [((1_u64 << 53) - 2, true), ((1 << 53) - 1, false), (u64::MAX, false)] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("epoch"), format!("{kept:020}\n")).unwrap();
        let (_, loaded) = Store::open(&StateDirectory::open(directory.path()).unwrap()).unwrap();
        assert_eq!(Some(loaded.epoch) == kept.checked_add(1), is_taken, "{kept}");
        assert!(loaded.epoch < 1 << 53);
    }
}
