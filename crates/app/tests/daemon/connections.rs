//! Connections that are slow, half open or too many do not keep others from being served.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use super::http::Stream;
use super::inside;
use super::stream::Reader;
use super::support::{API, BasePeer, Daemon, LONG};
use super::wait::until;

/// Connections at a time.
const PLACES: usize = 64;

fn half_open() -> TcpStream {
    let mut stream = TcpStream::connect(API).unwrap();
    stream.write_all(b"GET /peers HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Unfinished: ").unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// Whether the daemon has not closed it.
fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let looked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    looked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

#[test]
fn half_open_connections_do_not_block_others() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _half_open: Vec<TcpStream> = (1..PLACES).map(|_| half_open()).collect();
        for _ in 0..100 {
            assert_eq!(daemon.http("GET", "/peers").send().status, 200);
        }
    });
}

#[test]
fn one_connection_too_many_takes_the_place_of_the_idlest_and_the_socket_has_places_of_its_own() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let mut held: Vec<TcpStream> = (0..PLACES).map(|_| half_open()).collect();
        // Until the daemon has taken in all of them there is a place for one more.
        until(LONG, "the idlest is closed", || {
            assert_eq!(daemon.socket("GET", "/peers").send().status, 200);
            !is_open(&held[0])
        });
        assert!(held[1..].iter().all(is_open));
        held.push(half_open());
        until(LONG, "the next one is closed", || {
            assert_eq!(daemon.http("GET", "/peers").send().status, 200);
            !is_open(&held[1])
        });
        assert!(held[2..].iter().all(is_open));
    });
}

#[test]
fn a_head_that_does_not_end_ends_the_connection() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let mut half_open = half_open();
        let mut idle = TcpStream::connect(API).unwrap();
        idle.set_read_timeout(Some(LONG)).unwrap();
        for stream in [&mut half_open, &mut idle] {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).unwrap();
            assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&rest));
        }
        assert_eq!(daemon.http("GET", "/peers").send().status, 200);
    });
}

#[test]
fn who_does_not_read_or_sends_slowly_does_not_block_others() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let _peer = BasePeer::known("kvm-1", 2, &daemon);
        let list = daemon.http("GET", "/openapi.json").header("Connection", "keep-alive");
        let mut unread: Box<dyn Stream> = list.begin();
        for _ in 0..20 {
            unread.write_all(&list.bytes()).unwrap();
        }
        let slow_body = daemon.authorized("POST", "/v1/peers").json_body("").header("Content-Length", "100");
        let _slow: Vec<_> = (0..20).map(|_| slow_body.begin()).collect();
        let _silent: Vec<Reader> = (0..20).map(|_| Reader::open(&daemon, None)).collect();
        for _ in 0..20 {
            assert_eq!(daemon.http("GET", "/v1/peers").send().status, 200);
        }
    });
}
