//! What must hold for any files and any rows that the store finds. Used by the fuzz target and by the replay of the corpus.

use std::fs;
use std::path::Path;

use kimchi_peers::remote::{Policy, RemoteAddress};

use crate::daemon::{persist, remotes};
use crate::store::{Loaded, PlannedAbsence, StateDirectory, Store, StoredPeer, StoredRemote};

/// Loads `data`, by its first byte as files or as the texts of rows.
pub(crate) fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Ok(directory) = tempfile::tempdir() else { return };
    if kind % 2 == 0 { files(directory.path(), rest) } else { rows(directory.path(), rest) }
}

/// The directory, once the visit before has let go of it: where the machine has much else to do, that gave up waiting for it.
fn free(directory: &Path) -> Option<StateDirectory> {
    (0..600).find_map(|_| {
        StateDirectory::open(directory).map_err(|_| std::thread::sleep(std::time::Duration::from_millis(50))).ok()
    })
}

/// Opens the store, changes what `change` does, and closes it. Returns what was loaded.
fn visit(directory: &Path, change: impl AsyncFnOnce(&Store)) -> Loaded {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let (Ok(runtime), Some(opened)) = (runtime, free(directory)) else { panic!("no place for the test") };
    let Ok((store, loaded)) = Store::open(&opened) else { panic!("the store does not start") };
    runtime.block_on(async {
        change(&store).await;
        store.close().await;
    });
    for peer in &loaded.peers {
        let _ = persist::known(peer);
    }
    for remote in &loaded.remotes {
        let _ = RemoteAddress::parse(&remotes::typed_address(remote), Policy::default());
    }
    loaded
}

/// A database, a second copy and a number of runs of any content, each as long as the bytes before it say.
fn files(directory: &Path, bytes: &[u8]) {
    let mut rest = bytes;
    for name in ["kimchi-peers.db", "remotes.json", "epoch", "kimchi-peers.db-wal"] {
        let Some((length, after)) = rest.split_first_chunk::<2>() else { break };
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (content, after) = after.split_at(length);
        if !content.is_empty() {
            let _ = fs::write(directory.join(name), content);
        }
        rest = after;
    }
    let first = visit(directory, async |_| {});
    let second = visit(directory, async |_| {});
    assert!(first.epoch < 1 << 53, "no other host takes the number {}", first.epoch);
    let is_last = first.epoch == (1 << 53) - 1;
    assert!(
        second.epoch > first.epoch || is_last,
        "the number of runs does not grow: {} and {}",
        first.epoch,
        second.epoch
    );
    assert_eq!(second.remotes, first.remotes, "the remotes change by being loaded");
}

/// Rows whose texts are those of `bytes`, separated by a byte that is in no UTF-8; they come back as they were.
fn rows(directory: &Path, bytes: &[u8]) {
    let texts: Vec<String> =
        bytes.split(|byte| *byte == 0xff).map(|part| String::from_utf8_lossy(part).into()).collect();
    let text = |index: usize| texts.get(index).cloned().unwrap_or_default();
    let number = i64::try_from(bytes.len()).unwrap_or(0);
    let peer = StoredPeer {
        key: text(0),
        name: text(1),
        identity: Some(text(2)),
        epoch: 1,
        sequence: 2,
        addresses: vec![text(3), text(4)],
        http_port: 80,
        https_port: 443,
        state: text(5),
        reason: Some(text(6)),
        first_seen: number,
        last_seen: number,
        state_since: number,
        facts: serde_json::json!({ text(7): text(8) }).to_string(),
        interface: Some(text(9)),
        trust: text(10),
        holds_name: number % 2 == 1,
        planned: (number % 3 == 1).then(|| PlannedAbsence { until: number, reason: text(11) }),
    };
    let remote = StoredRemote {
        key: text(0),
        name: Some(text(1)),
        host: text(2),
        port: 443,
        server_root: text(3),
        added_at: number,
        state: text(5),
        reason: Some(text(6)),
        state_since: number,
        last_seen: None,
        round_trip_ms: None,
        certificate: Some(text(9)),
    };
    visit(directory, async |store| {
        store.save_peer(peer.clone());
        assert!(store.add_remote(remote.clone()).await.is_ok(), "the remote is not kept");
    });
    let loaded = visit(directory, async |_| {});
    assert_eq!(loaded.peers, [peer]);
    assert_eq!(loaded.remotes, [remote]);
    assert_eq!((loaded.notices.as_slice(), loaded.degraded), (&[][..], None));
}
