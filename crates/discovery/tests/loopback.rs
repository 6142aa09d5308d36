//! Real sockets on the loopback interface, no privilege needed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::net::IpAddr;
use std::time::Duration;

use kimchi_peers::{Change, Config, Discovery, Event, Events, State};

/// Far longer than anything here takes; a limit against hanging, not a measurement.
const LIMIT: Duration = Duration::from_secs(20);

fn host(name: &str, address: &str, port: u16) -> Config {
    let mut config = Config::new(name).unwrap();
    config.interfaces = vec!["lo".to_owned()];
    config.address = Some(address.parse::<IpAddr>().unwrap());
    config.port = port;
    config
}

async fn wait_for(events: &mut Events, name: &str, wanted: Change) {
    let seen = async {
        loop {
            if let Event::Peer { change, peer, .. } = events.next().await.unwrap()
                && change == wanted
                && peer.name.as_str() == name
            {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("{name} was never {wanted:?}"));
}

#[tokio::test(flavor = "current_thread")]
async fn two_hosts_find_and_leave_each_other() {
    let first = Discovery::start(host("kvm-1", "127.81.0.1", 18_101)).unwrap();
    let mut events = first.subscribe();
    let second = Discovery::start(host("kvm-2", "127.81.0.2", 18_101)).unwrap();
    wait_for(&mut events, "kvm-2", Change::Up).await;
    let peers = first.peers().await.unwrap();
    assert_eq!(peers.len(), 1);
    assert_eq!(peers[0].addresses(), ["127.81.0.2".parse::<IpAddr>().unwrap()]);

    second.shutdown().await;
    wait_for(&mut events, "kvm-2", Change::Down).await;
    assert_eq!(first.peers().await.unwrap()[0].state, State::Down);
    first.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn own_datagrams_are_heard_and_not_listed() {
    let alone = Discovery::start(host("kvm-1", "127.82.0.1", 18_102)).unwrap();
    let looped_back = async {
        while alone.status().await.unwrap().links.iter().all(|link| link.heard_self.is_none()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, looped_back).await.unwrap();
    assert!(alone.peers().await.unwrap().is_empty());
    alone.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn an_interface_that_does_not_exist_is_waited_for() {
    let mut config = host("kvm-1", "127.83.0.1", 18_103);
    config.interfaces = vec!["nowhere0".to_owned()];
    let waiting = Discovery::start(config).unwrap();
    let status = waiting.status().await.unwrap();
    assert!(status.links.is_empty());
    assert_eq!(status.troubles.len(), 1);
    waiting.shutdown().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_host_whose_last_handle_is_dropped_says_goodbye() {
    let first = Discovery::start(host("kvm-1", "127.85.0.1", 18_105)).unwrap();
    let mut events = first.subscribe();
    let second = Discovery::start(host("kvm-2", "127.85.0.2", 18_105)).unwrap();
    wait_for(&mut events, "kvm-2", Change::Up).await;
    drop(second);
    wait_for(&mut events, "kvm-2", Change::Down).await;
    first.shutdown().await;
}

/// Has the host look around anew, and tells whether it says that another program has its port.
async fn tells_of_a_rival(host: &Discovery, port: u16) -> bool {
    host.set_interfaces(vec!["lo".to_owned()]).await.unwrap();
    let troubles = host.status().await.unwrap().troubles;
    troubles.iter().any(|trouble| trouble.starts_with(&format!("another program has UDP port {port} open too")))
}

#[tokio::test(flavor = "current_thread")]
async fn both_of_two_programs_on_one_port_say_so() {
    let with_all_addresses = |name| Config { address: None, ..host(name, "127.0.0.1", 18_106) };
    let daemon = Discovery::start(with_all_addresses("kvm-1")).unwrap();
    // One that has an address of its own takes nothing from the other.
    let demo = Discovery::start(host("kvm-2", "127.87.0.2", 18_106)).unwrap();
    assert!(!tells_of_a_rival(&daemon, 18_106).await && !tells_of_a_rival(&demo, 18_106).await);
    let embedded = Discovery::start(with_all_addresses("kvm-3")).unwrap();
    assert!(tells_of_a_rival(&embedded, 18_106).await && tells_of_a_rival(&daemon, 18_106).await);
    assert!(!tells_of_a_rival(&demo, 18_106).await);
    embedded.shutdown().await;
    assert!(!tells_of_a_rival(&daemon, 18_106).await);
    daemon.shutdown().await;
    demo.shutdown().await;
}
