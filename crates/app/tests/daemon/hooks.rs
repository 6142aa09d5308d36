//! Hooks: run at each event, one at a time, and never where others could have put them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::inside;
use super::support::{BasePeer, Daemon, LONG, Setup};
use super::wait::until;

/// Puts an executable script into the directory.
fn put(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A daemon with a directory of hooks that is there already.
fn start(hooks: impl FnOnce(&Path)) -> (Daemon, PathBuf) {
    let setup = Setup::new("subject");
    let directory = setup.directory().join("hooks.d");
    std::fs::create_dir(&directory).unwrap();
    hooks(&directory);
    let file = setup.directory().join("kimchi-peers.toml");
    std::fs::write(&file, format!("name = \"subject\"\nhooks = \"{}\"\n", directory.display())).unwrap();
    (setup.options(&["--config", file.to_str().unwrap()]).start(), directory)
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

#[test]
fn every_event_is_told_to_every_hook_and_one_runs_at_a_time() {
    inside(|| {
        let told = PathBuf::from("/run/hosts/told");
        let text = "mkdir /run/hosts/lock || echo overlap >>/run/hosts/told
                    cat >>/run/hosts/json
                    echo \"$KIMCHI_PEERS_EVENT $KIMCHI_PEERS_PEER_NAME $KIMCHI_PEERS_PEER_ADDRESS\" >>/run/hosts/told
                    sleep 0.1; rmdir /run/hosts/lock";
        let (daemon, _) = start(|directory| {
            put(directory, "10-first", text);
            put(directory, "20-second", text);
        });
        let mut peer = BasePeer::known("kvm-1", 2, &daemon);
        peer.quit();
        daemon.wait_state("kvm-1", "down");
        let wanted = ["up kvm-1 127.0.0.2", "up kvm-1 127.0.0.2", "down kvm-1 127.0.0.2", "down kvm-1 127.0.0.2"];
        until(LONG, "both events twice", || lines(&told) == wanted);
        let json: Vec<Value> =
            lines(Path::new("/run/hosts/json")).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(json.len(), 4);
        assert_eq!((&json[3]["event"], &json[3]["peer"]["reason"]), (&"down".into(), &"left".into()));
    });
}

#[test]
fn a_hook_can_ask_its_own_daemon() {
    inside(|| {
        let text = format!("{} list -o names >/run/hosts/names 2>&1", super::support::PROGRAM);
        let (daemon, _) = start(|directory| drop(put(directory, "ask", &text)));
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        until(LONG, "its answer", || lines(Path::new("/run/hosts/names")) == ["kvm-1"]);
    });
}

#[test]
fn a_hook_that_fails_is_told_and_one_that_others_can_change_is_refused() {
    inside(|| {
        let (daemon, directory) = start(|directory| {
            put(directory, "10-fails", "exit 3");
            let open = put(directory, "20-open", "touch /run/hosts/owned");
            std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o777)).unwrap();
            put(directory, "30-good", "touch /run/hosts/good");
        });
        let sentence = format!("the hook {}/20-open is not run: others can change", directory.display());
        let degraded = || daemon.json("/v1/status")["degraded"].to_string();
        until(LONG, "the status tells it without an event", || degraded().contains(&sentence));
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        until(LONG, "the good one runs", || Path::new("/run/hosts/good").exists());
        assert!(!Path::new("/run/hosts/owned").exists());
        assert!(daemon.log().contains("its exit status is 3"), "{}", daemon.log());
        std::fs::set_permissions(directory.join("20-open"), std::fs::Permissions::from_mode(0o755)).unwrap();
        until(LONG, "all is well", || !degraded().contains("20-open"));
    });
}

#[test]
fn a_hook_that_hangs_is_ended_with_its_children_and_the_next_one_runs() {
    inside(|| {
        let child = PathBuf::from("/run/hosts/child");
        let (daemon, _) = start(|directory| {
            put(directory, "10-hangs", "sleep 600 & echo $! >/run/hosts/child; wait");
            // One that reads nothing, and has nothing of the daemon's own environment.
            put(directory, "20-next", "exec <&-; env >/run/hosts/next");
        });
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        until(LONG, "the next one runs", || Path::new("/run/hosts/next").exists());
        let status = || std::fs::read_to_string(format!("/proc/{}/status", lines(&child)[0])).unwrap_or_default();
        until(LONG, "the child is gone", || status().is_empty() || status().contains("State:\tZ"));
        assert!(daemon.log().contains("it took longer than 10 s and was ended"), "{}", daemon.log());
        let environment = lines(Path::new("/run/hosts/next"));
        assert!(environment.iter().all(|line| !line.starts_with("CARGO")), "{environment:?}");
    });
}
