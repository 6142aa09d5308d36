//! What was confirmed survives a power failure at any moment.
//!
//! A child works with a store while `strace` records what it does to the disk. From the record come images of what the
//! disk may hold after a failure at each moment, and each image is opened as a daemon would after the power is back.
//!
//! `STORE_TEST_IMAGES=10000 cargo test -p kimchi-peers-app power_failure` tries so many instead of a few hundred.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use super::recorded_disk::{Disk, Step, read};
use super::*;

const PLACE: &str = "STORE_TEST_POWER";
const CALLS: &str = "openat,close,write,pwrite64,lseek,ftruncate,fsync,fdatasync,rename,unlink";
const IMAGES: usize = 400;

/// The child: two runs with all that changes the state directory. Each answer leaves a mark.
async fn work(place: &Path) {
    let mark = |what: &str| drop(fs::write(place.join("marks").join(what), ""));
    let state = place.join("state");
    for run in 0..2_u16 {
        let (store, loaded) = open_store(&state);
        mark(&format!("epoch {}", loaded.epoch));
        for number in 0..3 {
            let added = remote(10 * run + number);
            let key = added.key.clone();
            store.save_peer(peer(u64::from(10 * run + number)));
            store.append_history(entry(i64::from(number)));
            store.add_remote(added).await.unwrap();
            mark(&format!("added {key}"));
        }
        store.save_remote_health(RemoteHealth { state: "down".to_owned(), ..remote(10 * run).into() });
        let removed = remote(10 * run + 1).key;
        mark(&format!("removing {removed}"));
        store.remove_remote(&removed).await.unwrap();
        mark(&format!("removed {removed}"));
        store.close().await;
        mark("closed");
    }
}

/// What has been answered so far.
#[derive(Debug, Default)]
struct Answered {
    epoch: u64,
    remotes: BTreeSet<String>,
    removed: BTreeSet<String>,
    /// Peers that were written out when a run was closed.
    peers: usize,
}

impl Answered {
    fn note(&mut self, mark: &str) {
        match mark.split_once(' ').unwrap_or((mark, "")) {
            ("epoch", epoch) => self.epoch = epoch.parse().unwrap(),
            ("added", key) => drop(self.remotes.insert(key.to_owned())),
            // Either answer is right until it is given.
            ("removing", key) => drop(self.remotes.remove(key)),
            ("removed", key) => drop(self.removed.insert(key.to_owned())),
            ("closed", _) => self.peers += 3,
            other => panic!("{other:?} is no mark"),
        }
    }

    fn holds(&self, loaded: &Loaded) -> Result<(), String> {
        let known: BTreeSet<String> = keys(&loaded.remotes).into_iter().collect();
        let lost: Vec<_> = self.remotes.difference(&known).collect();
        let risen: Vec<_> = self.removed.intersection(&known).collect();
        let checks = [
            (lost.is_empty(), format!("lost {lost:?}")),
            (risen.is_empty(), format!("came back {risen:?}")),
            (loaded.epoch > self.epoch, format!("epoch {} after {}", loaded.epoch, self.epoch)),
            (loaded.peers.len() >= self.peers, format!("{} of {} peers", loaded.peers.len(), self.peers)),
            (loaded.degraded.is_none(), format!("degraded {:?}", loaded.degraded)),
            (loaded.notices.is_empty(), format!("notices {:?}", loaded.notices)),
        ];
        checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
    }
}

/// Runs the child under `strace`; nothing where that is missing or not permitted, which `CI=true` does not allow.
fn record(place: &Path) -> Option<Vec<Step>> {
    fs::create_dir(place.join("marks")).unwrap();
    let trace = place.join("trace");
    let output = Command::new("strace")
        .args(["-f", "-qq", "-xx", "-s", "1000000", "-e", &format!("trace={CALLS}"), "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["what_was_confirmed_survives_a_power_failure", "--nocapture"])
        .env(PLACE, place)
        .stdin(Stdio::null())
        .output();
    let why = match output {
        Ok(output) if output.status.success() => {
            return Some(read(&fs::read_to_string(trace).unwrap(), &place.join("marks")));
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    crate::skipped::not_tested(&format!("power failures: strace: {why}"));
    None
}

#[tokio::test]
async fn what_was_confirmed_survives_a_power_failure() {
    if let Ok(place) = std::env::var(PLACE) {
        return work(Path::new(&place)).await;
    }
    let place = tempfile::tempdir().unwrap();
    let Some(steps) = record(place.path()) else { return };
    let wanted = std::env::var("STORE_TEST_IMAGES").map_or(IMAGES, |count| count.parse().unwrap());
    let each = wanted.div_ceil(steps.len()).max(1);
    let mut disk = Disk::new(&place.path().join("state"));
    let mut answered = Answered::default();
    let (mut images, mut marks) = (0, 0);
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Call(call) => disk.take(call),
            Step::Mark(mark) => {
                answered.note(mark);
                marks += 1;
            }
        }
        for variant in 0..each {
            let seed = (number * each + variant) as u64;
            let mut random = fastrand::Rng::with_seed(seed);
            let image = tempfile::tempdir_in(place.path()).unwrap();
            // The first one of each moment has nothing but what is sure.
            disk.image(image.path(), &mut || if variant == 0 { 0.0 } else { random.f64() });
            let loaded = open::open(image.path()).1;
            let held = answered.holds(&loaded);
            assert_eq!(held, Ok(()), "after step {number} ({step:?}), image {variant}, {answered:?}");
            images += 1;
        }
    }
    assert_eq!(marks, 2 * 7, "all answers are in the record");
    assert!(steps.len() > 100, "{} steps are too few to be all", steps.len());
    println!("{images} images of {} moments", steps.len());
}
