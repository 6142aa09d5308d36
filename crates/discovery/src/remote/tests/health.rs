//! One check against real servers on loopback, and the bounded lookup of names.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use tokio::task::LocalSet;

use super::super::health::{Check, Checker};
use super::super::lanes::Lanes;
use super::super::monitor::{RemoteMonitor, RemoteMonitorConfig};
use super::super::{CertificateReader, CheckFailure, Forbidden, Phase, Policy, Reached, RemoteAddress};
use super::server::{self, Identity};

const LOOPBACK: Policy = Policy { allow_loopback: true };
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Names of these tests: `hangs` never answers, `mixed` has a forbidden address first, `dead` a dead one first,
/// `nobody` does not exist; all others are this host.
fn lookup(name: &str) -> io::Result<Vec<IpAddr>> {
    match name {
        "hangs" => loop {
            std::thread::park();
        },
        "mixed" => Ok(vec![[169, 254, 169, 254].into(), HOME, HOME]),
        "dead" => Ok(vec![[127, 0, 0, 2].into(), HOME]),
        "nobody" => Err(io::Error::other("failed to lookup address information: Name or service not known")),
        "empty" => Ok(Vec::new()),
        _ => Ok(vec![HOME]),
    }
}

fn config(policy: Policy) -> RemoteMonitorConfig {
    RemoteMonitorConfig { policy, lookup_threads: 4, ..RemoteMonitorConfig::new(1) }
}

async fn check(text: &str, port: u16, policy: Policy) -> Result<Reached, CheckFailure> {
    let address = RemoteAddress::parse(&format!("{text}:{port}"), LOOPBACK).unwrap();
    Checker::new(&config(policy), Arc::new(lookup)).check(&address, false).await
}

/// Runs a test on a runtime like the daemon's.
fn on_daemon_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

#[test]
fn both_tls_versions_give_the_hash_of_the_certificate() {
    on_daemon_runtime(async {
        for version in [&TLS12, &TLS13] {
            for identity in [Identity::new(), Identity::with_rsa(), Identity::with_rsa().in_version_1()] {
                let expected = sha256(&identity.certificate);
                let server = server::tls(identity, version).await;
                for host in ["127.0.0.1", "kvm9.example.org", "mixed", "under_score"] {
                    let reached = check(host, server.port(), LOOPBACK).await.unwrap();
                    assert_eq!(reached.certificate_sha256.to_vec(), expected, "{host}");
                    assert_eq!(reached.address, server);
                }
            }
        }
    });
}

#[test]
fn a_certificate_without_its_key_is_not_believed() {
    on_daemon_runtime(async {
        for version in [&TLS12, &TLS13] {
            let thief = Identity { key: Identity::new().key, ..Identity::new() };
            let server = server::tls(thief, version).await;
            let failure = check("127.0.0.1", server.port(), LOOPBACK).await.unwrap_err();
            assert_eq!(failure.cause(), "handshake_failed", "{failure}");
        }
    });
}

#[test]
fn what_is_no_tls_server_has_its_own_cause() {
    on_daemon_runtime(async {
        for (server, cause) in [
            (server::http().await, "not_tls"),
            (server::closing().await, "closed"),
            (server::closed().await, "refused"),
        ] {
            let failure = check("127.0.0.1", server.port(), LOOPBACK).await.unwrap_err();
            assert_eq!(failure.cause(), cause, "{failure}");
        }
    });
}

#[test]
fn a_silent_server_runs_into_the_time_limit() {
    on_daemon_runtime(async {
        let (_listener, silent) = server::silent().await;
        let config = RemoteMonitorConfig { handshake_limit: Duration::from_millis(50), ..config(LOOPBACK) };
        let address = RemoteAddress::parse(&silent.to_string(), LOOPBACK).unwrap();
        let failure = Checker::new(&config, Arc::new(lookup)).check(&address, false).await;
        assert_eq!(failure, Err(CheckFailure::TimedOut { phase: Phase::Handshake }));
    });
}

#[test]
fn a_dead_first_address_does_not_hide_a_living_second() {
    on_daemon_runtime(async {
        let server = server::tls(Identity::new(), &TLS13).await;
        assert_eq!(check("dead", server.port(), LOOPBACK).await.map(|reached| reached.address), Ok(server));
    });
}

#[test]
fn resolved_addresses_are_judged_too() {
    on_daemon_runtime(async {
        let server = server::tls(Identity::new(), &TLS13).await;
        let forbidden = Err(CheckFailure::Forbidden(HOME, Forbidden::Loopback));
        assert_eq!(check("kvm9", server.port(), Policy::default()).await, forbidden);
        assert_eq!(check("127.0.0.1", server.port(), Policy::default()).await, forbidden);
        let nobody = CheckFailure::Unresolvable("Name or service not known".to_owned());
        assert_eq!(check("nobody", 1, LOOPBACK).await, Err(nobody));
        assert_eq!(check("empty", 1, LOOPBACK).await.unwrap_err().cause(), "unresolvable");
    });
}

/// Time is stopped: it moves on only when nothing but a time limit is waited for.
#[tokio::test(start_paused = true)]
async fn a_name_that_hangs_holds_one_thread_and_nobody_else() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let counting = move |name: &str| {
        counted.fetch_add(1, Ordering::SeqCst);
        lookup(name)
    };
    let checker = Checker::new(&config(LOOPBACK), Arc::new(counting));
    let hangs = RemoteAddress::parse("hangs", LOOPBACK).unwrap();
    for _ in 0..20 {
        let failure = checker.check(&hangs, true).await;
        assert_eq!(failure, Err(CheckFailure::TimedOut { phase: Phase::Resolve }));
    }
    assert!(calls.load(Ordering::SeqCst) <= 1);
    tokio::time::resume();
    let closed: SocketAddr = server::closed().await;
    let literal = RemoteAddress::parse(&closed.to_string(), LOOPBACK).unwrap();
    assert_eq!(checker.check(&literal, true).await, Err(CheckFailure::Refused));
}

#[tokio::test(start_paused = true)]
async fn stuck_threads_are_reported_as_our_own_fault() {
    let checker = Checker::new(&config(LOOPBACK), Arc::new(|_: &str| lookup("hangs")));
    for (name, cause) in [
        ("a", "resolve_timed_out"),
        ("b", "resolve_timed_out"),
        ("c", "resolve_timed_out"),
        // The fourth thread is kept for names that answered last time.
        ("d", "resolver_busy"),
    ] {
        let failure = checker.check(&RemoteAddress::parse(name, LOOPBACK).unwrap(), true).await.unwrap_err();
        assert_eq!((failure.cause(), failure.is_local()), (cause, cause == "resolver_busy"), "{name}");
    }
    let healthy = checker.check(&RemoteAddress::parse("e", LOOPBACK).unwrap(), false).await;
    assert_eq!(healthy, Err(CheckFailure::TimedOut { phase: Phase::Resolve }));
}

#[test]
fn a_lookup_that_hangs_holds_no_place_for_connections() {
    on_daemon_runtime(async {
        let config = RemoteMonitorConfig { connections: 1, ..config(LOOPBACK) };
        let checker = Checker::new(&config, Arc::new(lookup));
        let hangs = RemoteAddress::parse("hangs", LOOPBACK).unwrap();
        let literal = RemoteAddress::parse(&server::closed().await.to_string(), LOOPBACK).unwrap();
        tokio::select! {
            biased;
            _ = checker.check(&hangs, false) => panic!("the lookup cannot end before the other check"),
            result = checker.check(&literal, false) => assert_eq!(result, Err(CheckFailure::Refused)),
        }
    });
}

/// If the end of the runtime waited for the lookup, this test would never end.
#[test]
fn the_runtime_ends_while_a_lookup_hangs() {
    on_daemon_runtime(async {
        let checker = Checker::new(&config(LOOPBACK), Arc::new(lookup));
        let (monitor, mut reports) = RemoteMonitor::start_with(&config(LOOPBACK), checker);
        monitor.watch(RemoteAddress::parse("hangs", LOOPBACK).unwrap()).unwrap();
        let closed = server::closed().await;
        monitor.watch(RemoteAddress::parse(&closed.to_string(), LOOPBACK).unwrap()).unwrap();
        let first = reports.next().await.unwrap();
        assert_eq!((first.key, first.outcome), (closed.to_string(), Err(CheckFailure::Refused)));
    });
}

#[tokio::test(start_paused = true)]
async fn doubtful_work_leaves_a_quarter_free() {
    let lanes = Lanes::new(16);
    let mut passes = Vec::new();
    for _ in 0..12 {
        passes.push(lanes.enter(true).await);
    }
    let soon = Duration::from_secs(1);
    assert!(tokio::time::timeout(soon, lanes.enter(true)).await.is_err());
    for _ in 0..4 {
        passes.push(lanes.enter(false).await);
    }
    assert!(tokio::time::timeout(soon, lanes.enter(false)).await.is_err());
    drop(passes);
    lanes.enter(true).await;
}

#[test]
fn a_reader_looks_once_and_only_where_it_may() {
    on_daemon_runtime(async {
        let identity = Identity::new();
        let expected = sha256(&identity.certificate);
        let server = server::tls(identity, &TLS13).await;
        let address = RemoteAddress::parse(&server.to_string(), LOOPBACK).unwrap();
        let limit = Duration::from_secs(5);
        let reached = CertificateReader::new(LOOPBACK, limit).read(&address).await.unwrap();
        assert_eq!(reached.certificate_sha256.to_vec(), expected);
        let refused = CertificateReader::new(Policy::default(), limit).read(&address).await;
        assert_eq!(refused, Err(CheckFailure::Forbidden(HOME, Forbidden::Loopback)));
    });
}
