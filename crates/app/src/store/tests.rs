//! Tests of the store as a whole; each file below takes one subject.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use super::*;

mod columns;
mod crash;
mod damage;
mod disk;
mod memory;
mod merging;
mod power_loss;
mod recorded_disk;
mod round_trip;

/// A peer with a value in every column.
fn peer(number: u64) -> StoredPeer {
    StoredPeer {
        key: format!("peer-{number:06}-0123456789abcdefghijklmnopqrstu"),
        name: format!("host-{number}.example"),
        identity: Some(format!("peer-{number:06}")),
        epoch: u64::MAX - number,
        sequence: number,
        addresses: vec![format!("192.0.2.{}", number % 256), "fe80::1".to_owned()],
        http_port: 8000,
        https_port: 8001,
        state: "up".to_owned(),
        reason: Some("heard".to_owned()),
        first_seen: 1_700_000_000_000,
        last_seen: 1_700_000_000_500,
        state_since: 1_700_000_000_000,
        facts: r#"{"cpu":"8","ü":"\"'\\"}"#.to_owned(),
        interface: Some("br0".to_owned()),
        trust: "pinned".to_owned(),
        holds_name: true,
        planned: Some(PlannedAbsence { until: 1_700_000_600_000, reason: "firmware".to_owned() }),
    }
}

/// A remote with a value in every column.
fn remote(number: u16) -> StoredRemote {
    StoredRemote {
        key: format!("host-{number}.example:8001"),
        name: Some(format!("remote {number}")),
        host: format!("host-{number}.example"),
        port: 8001,
        server_root: "/kimchi".to_owned(),
        added_at: 1_700_000_000_000,
        state: "up".to_owned(),
        reason: Some("answered".to_owned()),
        state_since: 1_700_000_000_001,
        last_seen: Some(1_700_000_000_002),
        round_trip_ms: Some(1.25),
        certificate: Some("ab".repeat(32)),
    }
}

/// A time that is not long ago: what is old is folded. It ends in two zeros.
static RECENTLY: LazyLock<i64> = LazyLock::new(|| (clock::unix_milliseconds() - 1_000_000) / 100 * 100);

/// A history entry with a value in every column.
fn entry(number: i64) -> HistoryEntry {
    HistoryEntry {
        sequence: number,
        time: *RECENTLY + number,
        peer: format!("peer-{}", number % 2),
        name: "host".to_owned(),
        event: "down".to_owned(),
        cause: Some("silent".to_owned()),
        address: Some("192.0.2.1".to_owned()),
        certificate: Some("cd".repeat(32)),
        planned_until: Some(1_700_000_100_000),
    }
}

/// Opens a directory that nobody else uses. Another test of this process may be about to start a child: between its fork
/// and its exec that child holds a copy of every open lock, also of one that was just given up here.
fn lock(path: &Path) -> StateDirectory {
    let start = Instant::now();
    loop {
        match StateDirectory::open(path) {
            Ok(directory) => return directory,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(20), "{error}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn open_store(path: &Path) -> (Store, Loaded) {
    let directory = lock(path);
    Store::open(&directory).unwrap()
}

/// Opens, reads and closes.
async fn reopened(path: &Path) -> Loaded {
    let (store, loaded) = open_store(path);
    store.close().await;
    loaded
}

/// A directory with peers 0..`peers` and remotes 0..`remotes`, closed cleanly.
async fn filled(peers: u64, remotes: u16) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    let (store, _) = open_store(place.path());
    (0..peers).for_each(|number| store.save_peer(peer(number)));
    for number in 0..remotes {
        store.add_remote(remote(number)).await.unwrap();
    }
    store.append_history(entry(1));
    store.close().await;
    place
}

fn keys(remotes: &[StoredRemote]) -> Vec<String> {
    remotes.iter().map(|remote| remote.key.clone()).collect()
}

fn expected_keys(remotes: u16) -> Vec<String> {
    let mut keys: Vec<String> = (0..remotes).map(|number| remote(number).key).collect();
    keys.sort();
    keys
}

/// Waits until the condition holds; a test that waits in vain fails after 20 s.
async fn eventually(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
