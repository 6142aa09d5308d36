//! The monitor's task with scripted checks in stopped time, so that nothing depends on how fast the machine is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::super::health::Check;
use super::super::monitor::{RemoteMonitor, RemoteMonitorConfig, RemoteReports};
use super::super::{CheckFailure, Phase, Reached, RemoteAddress};

/// Acts by the host's name: `silent` takes 5 s, `stuck` for ever, `buggy` panics, all others refuse at once.
#[derive(Debug, Default)]
struct Script {
    started: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

struct CountEnd(Arc<AtomicUsize>);

impl Drop for CountEnd {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Check for Script {
    async fn check(&self, address: &RemoteAddress, _doubtful: bool) -> Result<Reached, CheckFailure> {
        self.started.fetch_add(1, Ordering::SeqCst);
        let _end = CountEnd(Arc::clone(&self.ended));
        match address.key().as_str() {
            "silent:8001" => sleep(Duration::from_secs(5)).await,
            "stuck:8001" => std::future::pending().await,
            "buggy:8001" => panic!("a bug in a check"),
            _ => return Err(CheckFailure::Refused),
        }
        Err(CheckFailure::TimedOut { phase: Phase::Handshake })
    }
}

fn start() -> (RemoteMonitor, RemoteReports, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let script = Script::default();
    let (started, ended) = (Arc::clone(&script.started), Arc::clone(&script.ended));
    let (monitor, reports) = RemoteMonitor::start_with(&RemoteMonitorConfig::new(3), script);
    (monitor, reports, started, ended)
}

fn watch(monitor: &RemoteMonitor, text: &str) {
    monitor.watch(text.parse().unwrap()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_remote_delays_nobody() {
    let (monitor, mut reports, ..) = start();
    let begin = Instant::now();
    for name in ["silent", "stuck", "kvm1", "kvm2"] {
        watch(&monitor, name);
    }
    let mut first = [reports.next().await.unwrap().key, reports.next().await.unwrap().key];
    first.sort();
    assert_eq!(first, ["kvm1:8001", "kvm2:8001"]);
    assert_eq!(begin.elapsed(), Duration::ZERO);
    while reports.next().await.unwrap().key != "silent:8001" {}
    assert!(begin.elapsed() >= Duration::from_secs(5) && begin.elapsed() < Duration::from_millis(5010));
}

#[tokio::test(start_paused = true)]
async fn checks_come_when_the_report_said() {
    let (monitor, mut reports, ..) = start();
    watch(&monitor, "kvm9");
    let mut previous = reports.next().await.unwrap();
    for failures in 2..12 {
        let since = Instant::now();
        let report = reports.next().await.unwrap();
        let late = since.elapsed().saturating_sub(previous.next_check_in);
        assert!(since.elapsed() >= previous.next_check_in && late < Duration::from_millis(10), "{late:?}");
        assert_eq!(report.failures_in_a_row, failures);
        previous = report;
    }
}

#[tokio::test(start_paused = true)]
async fn forgetting_ends_the_check_and_its_reports() {
    let (monitor, mut reports, started, ended) = start();
    watch(&monitor, "stuck");
    watch(&monitor, "kvm9");
    assert_eq!(reports.next().await.unwrap().key, "kvm9:8001");
    assert_eq!((started.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), (2, 1));
    assert!(monitor.forget("stuck:8001") && monitor.forget("kvm9:8001") && !monitor.forget("nobody:1"));
    assert!(timeout(Duration::from_secs(3600), reports.next()).await.is_err());
    assert_eq!((started.load(Ordering::SeqCst), ended.load(Ordering::SeqCst)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_check_can_be_asked_for() {
    let (monitor, mut reports, ..) = start();
    watch(&monitor, "kvm9");
    reports.next().await.unwrap();
    let since = Instant::now();
    assert!(monitor.check_now("kvm9:8001") && !monitor.check_now("nobody:1"));
    assert_eq!(reports.next().await.unwrap().failures_in_a_row, 2);
    monitor.check_all_now();
    assert_eq!(reports.next().await.unwrap().failures_in_a_row, 3);
    assert_eq!(since.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_is_reported_and_repeated() {
    let (monitor, mut reports, started, _) = start();
    watch(&monitor, "buggy");
    for _ in 0..3 {
        let report = reports.next().await.unwrap();
        assert_eq!(report.outcome.unwrap_err().cause(), "local");
        assert_eq!(report.failures_in_a_row, 0);
    }
    assert_eq!(started.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_handle_ends_everything() {
    let (monitor, mut reports, _, ended) = start();
    watch(&monitor, "stuck");
    assert!(timeout(Duration::from_secs(1), reports.next()).await.is_err());
    let reader = tokio::spawn(async move { reports.next().await });
    drop(monitor);
    assert_eq!(reader.await.unwrap(), None);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}
