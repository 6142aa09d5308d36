//! What a datagram costs the daemon, against a loop that only receives and counts, under one and the same load.
//!
//! ```text
//! cargo build --release -p kimchi-peers-app && cargo build --release -p kimchi-peers --example ingest
//! unshare --net target/release/examples/ingest target/release/kimchi-peers [RATE [SECONDS [PEERS]]]
//! unshare --net target/release/examples/ingest target/release/kimchi-peers flood [RATE [SECONDS]]
//! ```
//!
//! It refuses to run where there is any interface but the loopback: the load must not leave the machine. The load are
//! announcements of known base peers, by default 5,000 a second for 5 s from 200 of them, each from an address of its own.
//! The daemon takes 30 a second from one address, so at 50,000 a second it drops most of them, and they cost less. A flood is
//! three loads one after another, by default of 10,000 a second for 60 s:
//! see `flood.rs`. It prints whether the known hosts stayed, what it cost, and how long the API took to answer.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for developers, which may fail by panicking"
)]

mod bare;
mod daemon;
mod flood;
mod load;

use std::path::Path;
use std::time::Duration;

use crate::bare::BareLoop;
use crate::daemon::Daemon;
use crate::load::Load;

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let program = arguments.next().expect("the first argument is the daemon's program");
    let floods = arguments.next_if(|word| word == "flood").is_some();
    let mut number = |default: u32| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    prepare_network();
    if floods {
        let (rate, seconds) = (number(10_000), number(60));
        return flood::run(&Daemon::start(Path::new(&program)), rate, Duration::from_secs(seconds.into()));
    }
    let (rate, seconds, peers) = (number(5_000), number(5), number(200));
    let bare = BareLoop::start();
    let daemon = Daemon::start(Path::new(&program));
    let load = Load::new(peers);
    load.introduce();
    daemon.wait_for_peers(peers);
    std::thread::sleep(Duration::from_secs(1));

    let (resident, proportional) = daemon.memory();
    println!("memory    Rss {resident} kB, Pss {proportional} kB with {peers} peers");

    let before = (daemon.sample(), bare.sample());
    let sent = load.send(rate, Duration::from_secs(seconds.into()));
    // What is under way arrives.
    std::thread::sleep(Duration::from_millis(500));
    let (ours, theirs) = (daemon.sample().since(&before.0), bare.sample().since(&before.1));
    println!("sent      {} in {:.2} s: {:.0}/s", sent.count, sent.time.as_secs_f64(), sent.rate());
    println!("daemon    {ours}");
    println!("bare loop {theirs}");
    println!("ratio     {:.2}", ours.per_datagram() / theirs.per_datagram());
}

/// Sets the loopback up; nothing else may be there.
fn prepare_network() {
    let others: Vec<String> = std::fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    let interfaces = std::fs::read_to_string("/proc/self/net/dev").expect("/proc");
    let foreign = interfaces.lines().skip(2).filter(|line| !line.trim_start().starts_with("lo:")).count();
    assert!(foreign == 0, "run it in a network namespace of its own: unshare --net (here are {others:?})");
    let status = std::process::Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(status.is_ok_and(|status| status.success()), "ip link set lo up");
}

/// What a receiver did: CPU time in nanoseconds, datagrams taken and lost.
#[derive(Debug, Clone, Copy)]
struct Sample {
    cpu: u64,
    taken: u64,
    lost: u64,
}

impl Sample {
    fn since(&self, before: &Self) -> Self {
        Self { cpu: self.cpu - before.cpu, taken: self.taken - before.taken, lost: self.lost - before.lost }
    }

    fn per_datagram(&self) -> f64 {
        self.cpu as f64 / self.taken.max(1) as f64
    }
}

impl std::fmt::Display for Sample {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cpu, taken, lost } = self;
        let each = self.per_datagram() / 1e3;
        write!(out, "{taken} taken, {lost} lost, {:.0} ms of CPU, {each:.2} us each", *cpu as f64 / 1e6)
    }
}

/// The CPU time of a process's thread, in nanoseconds.
fn cpu_of_thread(task: &Path) -> u64 {
    let text = std::fs::read_to_string(task.join("schedstat")).unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}
