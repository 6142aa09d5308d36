//! Changes are merged, urgent ones written soon, mere times once a minute, and the memory they take is bounded.

use super::*;
use crate::store::pending::{Batch, MOST_PEERS, PeerChange, Pending};

fn saved_names(batch: &Batch) -> Vec<String> {
    let name = |(_, change): &(String, PeerChange)| match change {
        PeerChange::Save(peer) => peer.name.clone(),
        PeerChange::Forget => "forgotten".to_owned(),
    };
    batch.peers.iter().map(name).collect()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_newest_value_wins() {
    let now = Instant::now();
    let mut pending = Pending::new(0, &[], std::iter::empty());
    pending.save_peer(peer(1), now);
    pending.save_peer(StoredPeer { name: "newest".to_owned(), ..peer(1) }, now);
    pending.save_peer(peer(2), now);
    pending.forget_peer(peer(2).key, now);
    assert_eq!(saved_names(&pending.take_due(now)), ["newest", "forgotten"]);
    assert_eq!(pending.due(None), None, "nothing to wake up for");
}

#[test]
fn mere_times_wait_for_a_minute() {
    let now = Instant::now();
    let mut pending = Pending::new(0, &[peer(1)], std::iter::once(remote(1).into()));
    pending.save_peer(StoredPeer { last_seen: 5, sequence: 6, ..peer(1) }, now);
    pending.save_health(StoredRemote { last_seen: None, round_trip_ms: Some(9.0), ..remote(1) }.into(), now);
    assert_eq!(pending.due(None), Some(now + seconds(60)));
    pending.save_peer(peer(2), now);
    assert!(pending.due(None).unwrap() < now + seconds(1));
    assert_eq!(pending.due(Some(now)), Some(now + seconds(1)), "one commit a second");
    assert_eq!(saved_names(&pending.take_due(now)), [peer(2).name], "the lazy row does not ride along");
    assert_eq!(pending.take_due(now + seconds(60)).health.len(), 1);
}

#[test]
fn a_waiting_change_stays_urgent() {
    let now = Instant::now();
    let mut pending = Pending::new(0, &[peer(1)], std::iter::empty());
    pending.save_peer(StoredPeer { state: "down".to_owned(), ..peer(1) }, now);
    pending.save_peer(StoredPeer { state: "down".to_owned(), last_seen: 7, ..peer(1) }, now);
    assert_eq!(pending.take_due(now).peers.len(), 1);
}

#[test]
fn a_batch_put_back_does_not_overwrite_newer_values() {
    let now = Instant::now();
    let mut pending = Pending::new(0, &[], std::iter::empty());
    pending.save_peer(peer(1), now);
    pending.save_peer(peer(2), now);
    pending.append(entry(1), now);
    let batch = pending.take_due(now);
    pending.save_peer(StoredPeer { name: "newest".to_owned(), ..peer(1) }, now);
    pending.append(entry(2), now);
    pending.put_back(batch, now);
    let batch = pending.take_due(now);
    assert_eq!(saved_names(&batch), ["newest".to_owned(), peer(2).name]);
    assert_eq!(batch.history.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn lazy_rows_are_given_up_first() {
    let now = Instant::now();
    let known: Vec<StoredPeer> = (0..100).map(peer).collect();
    let mut pending = Pending::new(0, &known, std::iter::empty());
    known.into_iter().for_each(|peer| pending.save_peer(peer, now));
    (100..).take(MOST_PEERS - 99).for_each(|number| pending.save_peer(peer(number), now));
    assert_eq!(pending.dropped(), 100);
    assert_eq!(pending.take_due(now).peers.len(), MOST_PEERS - 99, "no urgent row was given up");
    (0..50_000).for_each(|number| pending.save_peer(peer(number), now));
    assert!(pending.len() <= MOST_PEERS);
    (0..5_000).for_each(|number| pending.append(entry(number), now));
    assert_eq!(pending.entries(&HistoryFilter::newest(u32::MAX)).len(), 2_000);
}

#[test]
fn entries_are_numbered_after_those_found_later() {
    let now = Instant::now();
    let mut pending = Pending::new(0, &[], std::iter::empty());
    pending.append(entry(1), now);
    pending.append(entry(2), now);
    pending.renumber_after(40);
    pending.append(entry(3), now);
    let sequences: Vec<i64> =
        pending.entries(&HistoryFilter::newest(u32::MAX)).iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences, [43, 42, 41]);
}

#[tokio::test]
async fn changes_are_committed_without_being_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let (store, _) = open_store(place.path());
    (0..100).for_each(|number| store.save_peer(peer(number)));
    store.append_history(entry(1));
    eventually(|| store.status().pending == 0 && store.status().commits > 0).await;
    assert_eq!(store.status().commits, 1, "one transaction for all");
    assert!(store.status().database_bytes > 0);
    store.close().await;
}

#[tokio::test]
async fn a_handle_dropped_without_closing_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let (store, _) = open_store(place.path());
    store.save_peer(peer(1));
    drop(store);
    let mut directory = None;
    eventually(|| {
        directory = StateDirectory::open(place.path()).ok();
        directory.is_some()
    })
    .await;
    drop(directory);
    assert_eq!(reopened(place.path()).await.peers, [peer(1)]);
}
