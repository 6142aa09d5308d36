//! A thousand connections that ask nothing, of a user of this host: an administrator is served all the same.

use std::io;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::http::Request;
use super::inside;
use super::support::{API, Daemon};

/// Connections of the crowd.
const CROWD: usize = 1000;
/// Requests of the administrator, of which the median counts.
const REQUESTS: usize = 21;
/// What an administrator may wait.
const PATIENCE: Duration = Duration::from_millis(100);

/// How a member of the crowd holds its place.
#[derive(Clone, Copy)]
enum Manner {
    Silent,
    HalfHead,
    HalfBody,
    KeptAlive,
}

impl Manner {
    const ALL: [Self; 4] = [Self::Silent, Self::HalfHead, Self::HalfBody, Self::KeptAlive];

    const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Silent => b"",
            Self::HalfHead => b"GET /peers HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Unfinished: ",
            Self::HalfBody => b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{",
            Self::KeptAlive => b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        }
    }
}

/// Opens the crowd's connections one after the other, each in its manner.
fn crowd<S: io::Write>(mut connect: impl FnMut() -> io::Result<S>) -> Vec<S> {
    let mut held = Vec::new();
    for number in 0..CROWD {
        // One that finds no room in the queue of the kernel is not one that holds a place.
        let Ok(mut stream) = connect() else { continue };
        let _ = stream.write_all(Manner::ALL[number % Manner::ALL.len()].bytes());
        held.push(stream);
    }
    held
}

fn median(request: &Request) -> Duration {
    let mut times: Vec<Duration> = (0..REQUESTS)
        .map(|_| {
            let begin = Instant::now();
            assert_eq!(request.send().status, 200);
            begin.elapsed()
        })
        .collect();
    times.sort();
    times[REQUESTS / 2]
}

/// More files than the usual limit, so that the test does not run out of them before the daemon does.
fn raise_limit() {
    let own = std::process::id().to_string();
    let raised = std::process::Command::new("prlimit").args(["--pid", &own, "--nofile=4096:4096"]).status();
    assert!(raised.unwrap().success());
}

#[test]
fn a16_an_administrator_is_served_beside_a_thousand_connections_to_the_port() {
    inside(|| {
        raise_limit();
        let daemon = Daemon::start("subject");
        let held = crowd(|| TcpStream::connect(API));
        assert!(held.len() > CROWD / 2, "{}", held.len());
        let (port, socket) = (median(&daemon.http("GET", "/v1/peers")), median(&daemon.socket("GET", "/v1/peers")));
        println!("beside {} connections to the port: port {port:?}, socket {socket:?}", held.len());
        assert!(port < PATIENCE && socket < PATIENCE, "port {port:?}, socket {socket:?}");
        let add = daemon.socket("POST", "/v1/peers").json_body(r#"{"address":"kvm9.invalid"}"#).send();
        assert_eq!(add.status, 201);
    });
}

#[test]
fn a16_an_administrator_is_served_while_connections_keep_coming() {
    inside(|| {
        raise_limit();
        let daemon = Daemon::start("subject");
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let flood = std::thread::spawn(move || {
            let mut rounds = 0;
            while !seen.load(Ordering::Relaxed) {
                drop(crowd(|| {
                    if seen.load(Ordering::Relaxed) {
                        Err(io::ErrorKind::Interrupted.into())
                    } else {
                        TcpStream::connect(API)
                    }
                }));
                rounds += 1;
            }
            rounds
        });
        let socket = median(&daemon.socket("GET", "/v1/peers"));
        over.store(true, Ordering::Relaxed);
        println!("while connections keep coming: socket {socket:?}, {} rounds", flood.join().unwrap());
        assert!(socket < PATIENCE, "{socket:?}");
    });
}

#[test]
fn a16_a_crowd_on_the_socket_does_not_lock_out_root() {
    inside(|| {
        raise_limit();
        let daemon = Daemon::start("subject");
        let held = crowd(|| UnixStream::connect(daemon.setup.socket()));
        let (port, socket) = (median(&daemon.http("GET", "/v1/peers")), median(&daemon.socket("GET", "/v1/peers")));
        println!("beside {} connections to the socket: port {port:?}, socket {socket:?}", held.len());
        assert!(port < PATIENCE && socket < PATIENCE, "port {port:?}, socket {socket:?}");
    });
}
