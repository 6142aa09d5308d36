//! A full and a read-only file system, made with a small tmpfs in namespaces of our own. Where the system does not allow
//! that, these tests say so and pass, except with `CI=true`.

use std::fs;
use std::process::Command;

use super::*;

const PLACE: &str = "STORE_TEST_DISK";

/// Runs the test `name` again, alone, with a file system of 1 MiB at the path it is given. Returns that path in the inner
/// run, and nothing in the outer run, where the inner run has been checked.
fn on_small_disk(name: &str) -> Option<std::path::PathBuf> {
    if let Ok(path) = std::env::var(PLACE) {
        return Some(path.into());
    }
    let place = tempfile::tempdir().unwrap();
    let unshared = |script: &str| {
        Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-ec", script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args([name, "--nocapture"])
            .env(PLACE, place.path())
            .output()
    };
    let mount = format!("mount -t tmpfs -o size=1m tmpfs \"${PLACE}\"");
    if !unshared(&mount).is_ok_and(|output| output.status.success()) {
        crate::skipped::not_tested(&format!("{name}: no namespaces of users and mounts here"));
        return None;
    }
    let output = unshared(&format!("{mount}; exec \"$@\"")).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    None
}

fn fill(path: &Path) {
    let mut filler = fs::File::create(path.join("filler")).unwrap();
    while std::io::Write::write(&mut filler, &[1; 4096]).is_ok() {}
}

fn make_space(path: &Path) {
    fs::remove_file(path.join("filler")).unwrap();
}

fn remount(path: &Path, mode: &str) {
    let status = Command::new("mount").args(["-o", &format!("remount,{mode}")]).arg(path).status().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn a_full_disk_at_run_time() {
    let Some(path) = on_small_disk("a_full_disk_at_run_time") else { return };
    let (store, _) = open_store(&path);
    store.add_remote(remote(0)).await.unwrap();
    fill(&path);
    (0..100).for_each(|number| store.save_peer(peer(number)));
    assert!(matches!(store.add_remote(remote(1)).await, Err(StoreError::Full)));
    assert!(matches!(store.remove_remote(&remote(0).key).await, Err(StoreError::Full)));
    assert!(store.status().degraded.unwrap().starts_with("disk-full: "));
    make_space(&path);
    // Nobody asks for anything: the store finds out by itself.
    eventually(|| store.status().degraded.is_none() && store.status().pending == 0).await;
    store.add_remote(remote(1)).await.unwrap();
    store.close().await;
    let loaded = reopened(&path).await;
    assert_eq!((keys(&loaded.remotes), loaded.peers.len(), loaded.notices), (expected_keys(2), 100, vec![]));
}

#[tokio::test]
async fn a_full_disk_at_the_start() {
    let Some(path) = on_small_disk("a_full_disk_at_the_start") else { return };
    let (store, _) = open_store(&path);
    store.save_peer(peer(1));
    store.add_remote(remote(0)).await.unwrap();
    store.close().await;
    fill(&path);
    let (store, loaded) = open_store(&path);
    assert_eq!((loaded.peers.len(), keys(&loaded.remotes)), (1, expected_keys(1)), "all that can be read");
    assert!(loaded.degraded.unwrap().starts_with("disk-full: "));
    store.save_peer(peer(2));
    assert!(matches!(store.add_remote(remote(1)).await, Err(StoreError::Full)));
    make_space(&path);
    store.add_remote(remote(1)).await.unwrap();
    assert_eq!(store.status().degraded, None);
    store.close().await;
    let again = reopened(&path).await;
    assert_eq!((again.peers.len(), keys(&again.remotes), again.notices), (2, expected_keys(2), vec![]));
    assert!(again.epoch > loaded.epoch);
}

#[tokio::test]
async fn a_full_disk_at_the_first_start() {
    let Some(path) = on_small_disk("a_full_disk_at_the_first_start") else { return };
    fill(&path);
    let (store, loaded) = open_store(&path);
    assert!(loaded.degraded.unwrap().starts_with("disk-full: "));
    store.save_peer(peer(1));
    store.append_history(entry(1));
    assert_eq!(store.history(HistoryFilter::newest(5)).await.unwrap().len(), 1);
    make_space(&path);
    store.add_remote(remote(0)).await.unwrap();
    store.close().await;
    let again = reopened(&path).await;
    assert_eq!((again.peers.len(), keys(&again.remotes), again.notices), (1, expected_keys(1), vec![]));
}

#[tokio::test]
async fn a_read_only_directory() {
    let Some(path) = on_small_disk("a_read_only_directory") else { return };
    let (store, _) = open_store(&path);
    store.save_peer(peer(1));
    store.add_remote(remote(0)).await.unwrap();
    store.append_history(entry(1));
    store.close().await;
    drop(store);
    remount(&path, "ro");
    let (store, loaded) = open_store(&path);
    assert_eq!((loaded.peers.len(), keys(&loaded.remotes)), (1, expected_keys(1)));
    assert!(loaded.degraded.unwrap().starts_with("read-only: "));
    assert!(matches!(store.add_remote(remote(1)).await, Err(StoreError::ReadOnly(_))));
    store.append_history(entry(2));
    assert_eq!(
        store.history(HistoryFilter::newest(5)).await.unwrap().len(),
        2,
        "the old entry is readable, the new one in memory"
    );
    remount(&path, "rw");
    store.add_remote(remote(1)).await.unwrap();
    store.close().await;
    assert_eq!(keys(&reopened(&path).await.remotes), expected_keys(2));
}

#[tokio::test]
async fn an_empty_read_only_directory() {
    let Some(path) = on_small_disk("an_empty_read_only_directory") else { return };
    remount(&path, "ro");
    let (store, loaded) = open_store(&path);
    assert!(loaded.degraded.unwrap().starts_with("read-only: "));
    assert!(StateDirectory::open(&path).is_err(), "locked all the same");
    store.save_peer(peer(1));
    store.close().await;
}
