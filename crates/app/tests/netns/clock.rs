//! Clocks that are set, that leap, and that begin elsewhere. Those of the machine are not touched: a library that is loaded before the
//! C library shifts them for one process (scripts/clock.c), a time namespace has some of its own.

use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::daemon::{Daemon, state_directory, wait_all_listed};
use super::host::Host;
use super::lan::Lan;
use super::tools::program_of;
use super::wait::{seconds, until};
use super::{inside, inside_within};

const SOURCE: &str = include_str!("scripts/clock.c");
const YEAR: i64 = 365 * 86_400;
const INTERFACE: [&str; 2] = ["--interface", "eth0"];

/// The library, built; nothing where there is no C compiler.
fn library() -> Option<String> {
    let compiler = program_of("gcc", "gcc")?;
    let (source, library) = ("/run/clock.c", "/run/clock.so");
    std::fs::write(source, SOURCE).expect("the source is written");
    let status = Command::new(compiler).args(["-O1", "-shared", "-fPIC", "-o", library, source]).status();
    assert!(status.expect("gcc runs").success(), "scripts/clock.c is not compiled");
    Some(library.to_owned())
}

/// The clocks of one host's daemon.
struct Clocks {
    file: std::fs::File,
    words: [String; 3],
}

impl Clocks {
    fn new(host: &Host, library: &str) -> Self {
        let path = format!("{}/clocks", host.directory());
        let file = std::fs::File::create(&path).expect("a file for the shifts");
        file.write_all_at(&[0; 16], 0).expect("two numbers");
        let words = ["env".to_owned(), format!("LD_PRELOAD={library}"), format!("CLOCK_SHIFT={path}")];
        Self { file, words }
    }

    fn start<'a>(&self, host: &'a Host) -> Daemon<'a> {
        Daemon::start_under(host, &self.words.each_ref().map(String::as_str), &INTERFACE)
    }

    /// Sets the wall clock so many seconds from the right time.
    fn set_wall(&self, seconds: i64) {
        self.set(0, seconds);
    }

    /// Makes the clock that counts suspends so many seconds later than it was at the start.
    fn leap(&self, seconds: i64) {
        self.set(8, seconds);
    }

    fn set(&self, place: u64, seconds: i64) {
        let nanoseconds = (seconds * 1_000_000_000).to_ne_bytes();
        self.file.write_all_at(&nanoseconds, place).expect("the shift is written");
    }
}

/// The events since a mark that tell of a change of state.
fn changes(daemon: &Daemon<'_>, mark: usize) -> Vec<String> {
    let events = daemon.events_since(mark).into_iter();
    let changes = events.filter(|event| matches!(event.name.as_str(), "down" | "up" | "new" | "suspect"));
    changes.map(|event| format!("{} {:?} on {}", event.name, event.peer, daemon.name())).collect()
}

fn nothing_has_panicked(daemon: &Daemon<'_>) {
    let wrong = |text: &str| text.contains("panicked") || text.contains(" ERROR ");
    let lines: Vec<_> = daemon.log_since(0).into_iter().filter(|line| wrong(&line.text)).collect();
    assert!(lines.is_empty(), "{lines:?}");
}

/// The entries of the history that the daemon still has, as they are.
fn entries(daemon: &Daemon<'_>) -> usize {
    let entries: Vec<Value> = serde_json::from_str(&daemon.fetch("/v1/history?limit=1000")).expect("JSON");
    entries.len()
}

/// What is told of times and spans can be read by anybody, whatever the clock says.
fn all_that_tells_times_is_sane(daemon: &Daemon<'_>, others: &[&str]) {
    let day: Value = serde_json::from_str(&daemon.fetch("/v1/availability?window=24h")).expect("JSON");
    for peer in day["peers"].as_array().expect("peers") {
        let part = peer["availability"].as_f64().unwrap_or(1.0);
        assert!((0.0..=1.0).contains(&part), "{day}");
    }
    for words in [&["list", "--all"][..], &["status"], &["history"], &["show", others[0]], &["matrix"]] {
        let said = daemon.say(words);
        // A year fits no span of a test that takes a minute; the dates of the history are written as such.
        let is_negative = |word: &str| word.starts_with('-') && word[1..].parse::<f64>().is_ok();
        assert!(!said.split_whitespace().any(is_negative), "{words:?}: {said}");
    }
    let metrics = daemon.fetch("/metrics");
    let of_ages = metrics.lines().filter(|line| !line.starts_with('#'));
    let negative: Vec<&str> =
        of_ages.filter(|line| line.rsplit(' ').next().is_some_and(|n| n.starts_with('-'))).collect();
    assert!(negative.is_empty(), "{negative:?}");
}

#[test]
fn a_wall_clock_that_is_set_by_a_year_changes_no_state_and_no_history() {
    inside(|| {
        let Some(library) = library() else { return };
        let lan = Lan::new(1);
        let hosts: Vec<Host> = (1..=3).map(|number| lan.host(number)).collect();
        let clocks = Clocks::new(&hosts[0], &library);
        let mut daemons = vec![clocks.start(&hosts[0]), Daemon::start(&hosts[1]), Daemon::start(&hosts[2])];
        wait_all_listed(seconds(20), &daemons);
        let others = [hosts[1].name(), hosts[2].name()];
        // Nothing is kept of a host before it answered, or was heard for ten seconds.
        until(seconds(60), "the history begins", || entries(&daemons[0]) >= 2);
        let mark = daemons[0].mark();
        let kept = entries(&daemons[0]);
        for shift in [YEAR, -YEAR, 0] {
            clocks.set_wall(shift);
            let now = Command::new("env").args(&clocks.words[1..]).args(["date", "+%s"]).output().expect("date runs");
            println!("shifted by {shift}: {}", String::from_utf8_lossy(&now.stdout).trim());
            // Something happens, so that the history is written and the store looks at the time.
            let seen = daemons[0].mark();
            assert!(daemons[2].terminate().success());
            daemons[0].wait_event(seconds(20), seen, "down", others[1]);
            daemons[2] = Daemon::start(&hosts[2]);
            wait_all_listed(seconds(20), &daemons);
            std::thread::sleep(seconds(3));
            all_that_tells_times_is_sane(&daemons[0], &others);
            assert!(entries(&daemons[0]) >= kept + 2, "the history is there, and goes on");
        }
        let changed: Vec<_> = changes(&daemons[0], mark).into_iter().filter(|text| !text.contains(others[1])).collect();
        assert_eq!(changed, Vec::<String>::new(), "the others did not change");

        // A death is noticed in the same time, and a start with a clock that is a year behind is that of the same host.
        clocks.set_wall(-YEAR);
        let (mark, at) = (daemons[0].mark(), Instant::now());
        daemons[2].kill();
        daemons[0].wait_event(seconds(20), mark, "down", others[1]);
        println!("a death told {:?} after it, with the clock a year behind", at.elapsed());
        assert!(daemons[0].terminate().success());
        nothing_has_panicked(&daemons[0]);
        daemons[0] = clocks.start(&hosts[0]);
        daemons[2] = Daemon::start(&hosts[2]);
        wait_all_listed(seconds(45), &daemons);
        assert!(entries(&daemons[0]) >= kept, "the history is there");
        all_that_tells_times_is_sane(&daemons[0], &others);
        daemons.iter().for_each(nothing_has_panicked);
    });
}

#[test]
fn nobody_is_taken_for_dead_after_a_suspend_and_who_woke_searches_at_once() {
    inside(|| {
        let Some(library) = library() else { return };
        let lan = Lan::new(1);
        let hosts: Vec<Host> = (1..=4).map(|number| lan.host(number)).collect();
        let suspended: Vec<(Clocks, i64)> =
            hosts.iter().zip([1, 3_600, 86_400]).map(|(host, slept)| (Clocks::new(host, &library), slept)).collect();
        let mut daemons: Vec<Daemon<'_>> =
            suspended.iter().zip(&hosts).map(|((clocks, _), host)| clocks.start(host)).collect();
        daemons.push(Daemon::start(&hosts[3]));
        wait_all_listed(seconds(20), &daemons);
        let capture = lan.capture();
        for ((clocks, slept), daemon) in suspended.iter().zip(&daemons) {
            daemon.signal("STOP");
            clocks.leap(*slept);
        }
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        daemons[..3].iter().for_each(|daemon| daemon.signal("CONT"));
        let woken = Instant::now();
        // A sleep that ends before anything was due is none to the host.
        for number in 2..=3 {
            let own = lan.address(number);
            // What it sent before it was stopped was read before it woke.
            let searches = || -> Vec<Instant> {
                let sent = capture.from(&own).into_iter().filter(|frame| frame.at > woken);
                sent.filter(|frame| frame.message().is_ok_and(|said| said.kind == "search"))
                    .map(|frame| frame.at)
                    .collect()
            };
            // A second is promised; the machine may have others to serve.
            until(seconds(10), "its own search", || !searches().is_empty());
            println!("host {number} searched {:?} after it woke", searches()[0] - woken);
        }
        std::thread::sleep(seconds(10).saturating_sub(woken.elapsed()));
        for (daemon, mark) in daemons.iter().zip(&marks) {
            let downs: Vec<_> = daemon.events_since(*mark).into_iter().filter(|event| event.name == "down").collect();
            assert!(downs.is_empty(), "on {}: {downs:?}", daemon.name());
            nothing_has_panicked(daemon);
        }
        wait_all_listed(seconds(30), &daemons);
    });
}

#[test]
fn a_machine_that_has_just_booted_and_one_that_runs_for_years_list_each_other() {
    inside_within(seconds(120), || {
        let lan = Lan::new(1);
        let hosts = [lan.host(1), lan.host(2), lan.host(3)];
        let uptime = std::fs::read_to_string("/proc/uptime").expect("the uptime");
        let uptime: f64 = uptime.split(' ').next().and_then(|word| word.parse().ok()).expect("seconds");
        // What can be had by subtracting a lifetime from five seconds must not be asked for.
        let offsets = [format!("-{}", uptime as u64 - 5), (10 * YEAR).to_string()];
        let mut daemons = vec![Daemon::start(&hosts[2])];
        for (host, offset) in hosts.iter().zip(&offsets) {
            let clocks = [format!("--boottime={offset}"), format!("--monotonic={offset}")];
            let within = ["unshare", "--time", "--fork", "--kill-child", &clocks[0], &clocks[1]];
            daemons.push(Daemon::start_under(host, &within, &INTERFACE));
        }
        wait_all_listed(seconds(20), &daemons);
        let names: Vec<&str> = hosts.iter().map(Host::name).collect();
        for daemon in &daemons {
            let other = names.iter().find(|name| **name != daemon.name()).expect("another");
            all_that_tells_times_is_sane(daemon, &[*other]);
            nothing_has_panicked(daemon);
            let status: Value = serde_json::from_str(&daemon.fetch("/v1/status")).expect("JSON");
            println!("{}: {} in {}", daemon.name(), status["started"], state_directory(daemon.host()));
        }
        // Long enough for a first round of heartbeats of all.
        let marks: Vec<usize> = daemons.iter().map(Daemon::mark).collect();
        std::thread::sleep(Duration::from_secs(6));
        for (daemon, mark) in daemons.iter().zip(marks) {
            assert_eq!(changes(daemon, mark), Vec::<String>::new());
        }
    });
}
