//! The schedule and the meaning of its reports, with time as a plain value.

use std::time::{Duration, Instant};

use super::super::schedule::{Delays, Schedule};
use super::super::{CheckFailure, MAX_REMOTES, Reached, RemoteAddress, RemoteHealth, RemoteState, TooManyRemotes};

fn schedule() -> Schedule {
    let [interval, first_retry, longest_retry] = [30, 2, 300].map(Duration::from_secs);
    Schedule::new(Delays { interval, first_retry, longest_retry }, 7)
}

fn address(text: &str) -> RemoteAddress {
    text.parse().unwrap()
}

fn reached() -> Result<Reached, CheckFailure> {
    let time = Duration::from_millis(3);
    Ok(Reached {
        address: ([192, 0, 2, 7], 8001).into(),
        connect_time: time,
        handshake_time: time,
        certificate_sha256: [7; 32],
    })
}

fn refused() -> Result<Reached, CheckFailure> {
    Err(CheckFailure::Refused)
}

/// Runs the one check that is due next with an outcome, and returns the time after it.
fn run(schedule: &mut Schedule, now: Instant, outcome: Result<Reached, CheckFailure>) -> Instant {
    let now = schedule.next_due().unwrap().max(now);
    let [job] = &schedule.start_due(now)[..] else { panic!("one check was expected") };
    schedule.finish(now, &job.address.key(), job.ticket, outcome);
    now
}

fn near(delay: Duration, seconds: u64) {
    let expected = Duration::from_secs(seconds);
    assert!(delay >= expected * 4 / 5 && delay <= expected * 6 / 5, "{delay:?} is not near {seconds} s");
}

#[test]
fn failures_double_the_delay_and_success_ends_that() {
    let (mut schedule, mut now) = (schedule(), Instant::now());
    schedule.watch(now, address("kvm9")).unwrap();
    assert_eq!(schedule.next_due(), Some(now));
    for (failures, seconds) in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300].into_iter().enumerate() {
        now = run(&mut schedule, now, refused());
        let report = schedule.next_report().unwrap();
        near(report.next_check_in, seconds);
        assert_eq!(report.failures_in_a_row as usize, failures + 1);
        assert_eq!(schedule.next_due(), Some(now + report.next_check_in));
    }
    run(&mut schedule, now, reached());
    let report = schedule.next_report().unwrap();
    near(report.next_check_in, 30);
    assert_eq!(report.failures_in_a_row, 0);
    assert_eq!(schedule.next_report(), None);
}

#[test]
fn a_thousand_failures_do_not_overflow() {
    let (mut schedule, mut now) = (schedule(), Instant::now());
    schedule.watch(now, address("kvm9")).unwrap();
    for _ in 0..1000 {
        now = run(&mut schedule, now, refused());
    }
    near(schedule.next_report().unwrap().next_check_in, 300);
}

#[test]
fn jitter_spreads_and_repeats_with_the_seed() {
    let delays = || {
        let (mut schedule, now) = (schedule(), Instant::now());
        (0..50)
            .map(|number| {
                let key = format!("kvm{number}");
                schedule.watch(now, address(&key)).unwrap();
                run(&mut schedule, now, reached());
                let delay = schedule.next_report().unwrap().next_check_in;
                schedule.forget(&format!("{key}:8001"));
                delay
            })
            .collect::<Vec<_>>()
    };
    let first = delays();
    assert_eq!(first, delays());
    let spread = first.iter().max().unwrap().saturating_sub(*first.iter().min().unwrap());
    assert!(spread > Duration::from_secs(8), "{spread:?}");
}

#[test]
fn watching_twice_changes_nothing_and_the_table_is_bounded() {
    let (mut schedule, now) = (schedule(), Instant::now());
    for number in 0..MAX_REMOTES {
        schedule.watch(now, address(&format!("kvm{number}"))).unwrap();
    }
    assert_eq!(schedule.watch(now, address("one-more")), Err(TooManyRemotes));
    assert_eq!(schedule.start_due(now).len(), MAX_REMOTES);
    schedule.watch(now, address("https://kvm0/wok")).unwrap();
    assert_eq!((schedule.start_due(now).len(), schedule.next_due()), (0, None));
}

#[test]
fn what_is_forgotten_leaves_no_trace() {
    let (mut schedule, now) = (schedule(), Instant::now());
    let key = "kvm9:8001";
    for text in ["kvm9", "other"] {
        schedule.watch(now, address(text)).unwrap();
        run(&mut schedule, now, refused());
    }
    assert!(schedule.forget(key) && !schedule.forget(key));
    assert_eq!(schedule.next_report().map(|report| report.key).as_deref(), Some("other:8001"));
    assert!(schedule.forget("other:8001"));
    assert_eq!((schedule.next_report(), schedule.next_due(), schedule.hurry(now, key)), (None, None, false));

    schedule.watch(now, address("kvm9")).unwrap();
    let stale = schedule.start_due(now)[0].ticket;
    schedule.forget(key);
    schedule.watch(now, address("kvm9")).unwrap();
    schedule.finish(now, key, stale, refused());
    assert_eq!((schedule.next_report(), schedule.next_due()), (None, Some(now)));
}

#[test]
fn hurry_brings_a_check_forward_but_never_runs_it_twice() {
    let (mut schedule, now) = (schedule(), Instant::now());
    schedule.watch(now, address("kvm9")).unwrap();
    run(&mut schedule, now, reached());
    assert!(schedule.start_due(now).is_empty());
    assert!(schedule.hurry(now, "kvm9:8001"));
    assert_eq!(schedule.start_due(now).len(), 1);
    schedule.hurry_all(now);
    assert!(schedule.start_due(now).is_empty());
}

#[test]
fn an_unread_report_gives_way_to_a_newer_one() {
    let (mut schedule, mut now) = (schedule(), Instant::now());
    schedule.watch(now, address("kvm9")).unwrap();
    for _ in 0..5 {
        now = run(&mut schedule, now, refused());
    }
    assert_eq!(schedule.next_report().map(|report| report.failures_in_a_row), Some(5));
    assert_eq!(schedule.next_report(), None);
}

#[test]
fn health_follows_the_reports() {
    use RemoteState::{Down, Suspect, Unknown, Up};
    let local = || Err(CheckFailure::ResolverBusy);
    let (mut schedule, mut now) = (schedule(), Instant::now());
    schedule.watch(now, address("kvm9")).unwrap();
    let mut health = RemoteHealth::default();
    for (step, (outcome, state)) in [
        (local(), Unknown),
        (refused(), Unknown),
        (refused(), Down),
        (local(), Down),
        (reached(), Up),
        (local(), Up),
        (refused(), Suspect),
        (local(), Suspect),
        (reached(), Up),
        (refused(), Suspect),
        (refused(), Down),
        (refused(), Down),
        (reached(), Up),
    ]
    .into_iter()
    .enumerate()
    {
        let before = health.state();
        now = run(&mut schedule, now, outcome);
        let transition = health.observe(&schedule.next_report().unwrap());
        assert_eq!(health.state(), state, "step {step}");
        assert_eq!(transition.map(|change| (change.from, change.to)), (before != state).then_some((before, state)));
    }
}
