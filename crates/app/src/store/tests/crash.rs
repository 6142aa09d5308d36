//! A confirmed remote survives a daemon killed at any moment.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::*;

const PLACE: &str = "STORE_TEST_CRASH";
const ROUNDS: u32 = 100;

/// The child: adds remotes and says so, until it is killed.
async fn add_for_ever(path: &Path) {
    let (store, loaded) = open_store(path);
    let mut number = u16::try_from(loaded.remotes.len()).unwrap();
    loop {
        store.save_peer(peer(number.into()));
        store.append_history(entry(number.into()));
        let next = remote(number);
        let key = next.key.clone();
        store.add_remote(next).await.unwrap();
        let mut output = std::io::stdout().lock();
        writeln!(output, "confirmed {key}").unwrap();
        output.flush().unwrap();
        number += 1;
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["a_confirmed_remote_survives", "--nocapture"])
        .env(PLACE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child a while after its start, or after the first key that it confirmed, and returns all that it confirmed.
fn confirmed_until_killed(mut child: Child, after: Duration, wait_for_first: bool) -> Vec<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    let reader = thread::spawn(move || {
        let lines = output.lines().map_while(Result::ok);
        let keys = lines.filter_map(|line| line.split_once("confirmed ").map(|(_, key)| key.to_owned()));
        // Nobody listens for the others.
        keys.inspect(|_| _ = tell.send(())).collect::<Vec<_>>()
    });
    if wait_for_first {
        told.recv().expect("the child confirms something");
    }
    thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[tokio::test]
async fn a_confirmed_remote_survives_a_kill() {
    if let Ok(path) = std::env::var(PLACE) {
        return add_for_ever(Path::new(&path)).await;
    }
    let mut count = 0;
    for round in 0..ROUNDS {
        let place = tempfile::tempdir().unwrap();
        let mut confirmed = Vec::new();
        // Killed twice, so that the log of the first crash is replayed by a daemon that is killed itself.
        for pass in 0..2 {
            let after = Duration::from_micros(u64::from(4_000 + (round * 7919 + pass * 4_801) % 40_000));
            // Now and then whatever it takes: on a busy machine no child might live long enough to confirm anything.
            let wait_for_first = round % 10 == 0;
            confirmed.extend(confirmed_until_killed(start(place.path()), after, wait_for_first));
            let loaded = open::open(place.path()).1;
            let known = keys(&loaded.remotes);
            assert_eq!((&loaded.notices, &loaded.degraded), (&vec![], &None), "round {round}: a kill damages nothing");
            assert!(confirmed.iter().all(|key| known.contains(key)), "round {round}: {confirmed:?} {known:?}");
        }
        count += confirmed.len();
    }
    assert!(count >= 20, "{count} confirmed remotes");
    println!("{count} confirmed remotes in {ROUNDS} rounds");
}
