//! Adding a peer must not make this host connect to itself, to its link or to everybody.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use super::console::plug;
use super::inside;
use super::support::{Daemon, LONG, Setup};
use super::wait::until;

/// Addresses that are refused as they are typed, in all the ways in which they can be written.
const TYPED: [&str; 56] = [
    // Loopback: decimal, octal, hexadecimal, short, mixed.
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.1",
    "127.0.0.1.",
    "127.0.0.01",
    "１２７.０.０.１",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "::1",
    "[::1]:8001",
    "0:0:0:0:0:0:0:1",
    // IPv4 in IPv6.
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.5.0.7",
    "::127.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::127.0.0.1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    // Unspecified and reserved.
    "0.0.0.0",
    "0",
    "0x0",
    "00000000000",
    "::",
    "0.1.2.3",
    "240.0.0.1",
    // Link-local, where clouds keep their secrets.
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "fe80::1",
    "fe80::1%eth0",
    "[fe80::1%25lo]:8001",
    "febf::1",
    // Multicast and broadcast.
    "224.0.0.132",
    "224.0.0.1",
    "239.255.255.250",
    "3758096516",
    "ff02::1",
    "ff12::132",
    "ff0e::1",
    "255.255.255.255",
    "4294967295",
    "0xffffffff",
    "037777777777",
];

/// Names of the resolver and what they lead to.
const NAMES: [(&str, &str); 9] = [
    ("loop.example", "127.0.0.1"),
    ("loop2.example", "127.66.0.1"),
    ("loop6.example", "::1"),
    ("mapped.example", "::ffff:127.0.0.1"),
    ("cloud.example", "169.254.169.254"),
    ("link.example", "fe80::1"),
    ("group.example", "224.0.0.132"),
    ("all.example", "255.255.255.255"),
    ("nowhere.example", "0.0.0.0"),
];

#[test]
fn a15_forbidden_addresses_are_refused_in_every_form() {
    inside(|| {
        let daemon = Daemon::start("subject");
        for address in TYPED {
            let authority = if address.contains("::") && !address.starts_with('[') {
                format!("[{address}]")
            } else {
                address.to_owned()
            };
            for body in [
                format!("{{\"address\":\"{address}\"}}"),
                format!("{{\"address\":\"{authority}:443\"}}"),
                format!("{{\"url\":\"https://{authority}/\"}}"),
            ] {
                let answer = daemon.authorized("POST", "/v1/peers").json_body(&body).send();
                answer.assert_error(400, "KPPEER0400");
            }
        }
        assert!(daemon.peers().is_empty());
    });
}

/// Puts names into the resolver of this test's mount namespace.
fn resolve(names: &[(&str, &str)]) {
    let lines: String = names.iter().map(|(name, address)| format!("{address} {name}\n")).collect();
    fs::write("/run/hosts.file", format!("127.0.0.1 localhost\n{lines}")).unwrap();
    fs::write("/run/nsswitch.file", "hosts: files\npasswd: files\ngroup: files\n").unwrap();
    for (file, place) in [("/run/hosts.file", "/etc/hosts"), ("/run/nsswitch.file", "/etc/nsswitch.conf")] {
        assert!(Command::new("mount").args(["--bind", file, place]).status().unwrap().success(), "{place}");
    }
}

/// A daemon that does not look at port 8001 of its own host for the certificate of its console.
fn with_its_console_elsewhere() -> Daemon {
    Setup::new("subject").options(&["--https-port", "8443"]).start()
}

#[test]
fn a15_names_that_lead_to_forbidden_addresses_are_not_connected_to() {
    inside(|| {
        resolve(&NAMES);
        // Whoever gets through would be heard here: the port is that of the check.
        let listeners: Vec<TcpListener> = ["127.0.0.1:8001", "127.66.0.1:8001", "[::1]:8001"]
            .map(|address| TcpListener::bind(address).unwrap())
            .into();
        let daemon = with_its_console_elsewhere();
        for (name, _) in NAMES {
            daemon.add(name);
        }
        for (name, address) in NAMES {
            until(LONG, &format!("the check of {name}"), || {
                daemon.peer(name).is_some_and(|peer| peer["reason"] == "forbidden_address")
            });
            let detail = daemon.json(&format!("/v1/peers/{name}:8001"));
            let failure = detail["failure"].as_str().unwrap();
            assert!(failure.contains(address.trim_start_matches("::ffff:")), "{name}: {failure}");
        }
        for listener in &listeners {
            listener.set_nonblocking(true).unwrap();
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn a15_of_a_name_with_good_and_bad_addresses_only_the_good_one_is_tried() {
    inside(|| {
        plug();
        resolve(&[("two.example", "127.0.0.1"), ("two.example", "10.5.0.1"), ("two.example", "::1")]);
        let bad = ["127.0.0.1:8001", "[::1]:8001"].map(|address| TcpListener::bind(address).unwrap());
        let good = TcpListener::bind("10.5.0.1:8001").unwrap();
        let daemon = with_its_console_elsewhere();
        daemon.add("two.example");
        assert!(good.accept().is_ok());
        for listener in bad {
            listener.set_nonblocking(true).unwrap();
            assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        }
    });
}

#[test]
fn a15_a_broadcast_address_of_a_link_gets_no_datagram() {
    inside(|| {
        plug();
        resolve(&[("everybody.example.org", "10.5.0.255")]);
        let daemon = Daemon::start("subject");
        let socket = UdpSocket::bind("10.5.0.255:8001").unwrap();
        for edge in ["10.5.0.255", "10.5.0.0"] {
            let add = daemon.authorized("POST", "/v1/peers").json_body(&format!("{{\"address\":\"{edge}\"}}"));
            add.send().assert_error(400, "KPPEER0400");
        }
        // A name that leads there is checked by TCP, which needs one host.
        daemon.add("everybody.example.org");
        until(LONG, "the check", || daemon.peers()[0]["state"] != "unknown");
        socket.set_nonblocking(true).unwrap();
        assert_eq!(socket.recv(&mut [0; 1500]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}
