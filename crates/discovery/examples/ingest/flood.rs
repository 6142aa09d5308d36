//! Three floods against a daemon that knows some hosts: what is valid and unsigned, junk, and what is signed wrongly.
//!
//! Real engines stand for the known hosts: they hear the flood too, and answer the daemon's probes beside it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kimchi_peers::{Config, Discovery};
use kimchi_peers_proto::{Extension, HostSecret, Info, Keyring, Kind, Message, PeerId};

use crate::daemon::Daemon;
use crate::load::{Sender, Sent};

/// Hosts that the daemon knows.
const KNOWN: u8 = 3;
/// Longer than it takes until a row is kept.
const SETTLING: Duration = Duration::from_secs(15);
/// Time between two floods, in which what is still under way arrives.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two requests to the API.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// Datagrams that are made before a flood and sent again and again, where they are dear to make.
const PREPARED: usize = 4_096;

/// Floods the daemon for so long with each kind, and prints what that cost it.
pub(crate) fn run(daemon: &Daemon, rate: u32, time: Duration) {
    let hosts = KnownHosts::start();
    daemon.wait_for_peers(KNOWN.into());
    std::thread::sleep(SETTLING);
    let sender = Sender::new();
    let kinds: [(&str, Make); 3] = [("valid, unsigned", unsigned), ("junk", junk), ("signed wrongly", signed_wrongly)];
    for (name, make) in kinds {
        let mut flood = make(hosts.first);
        let before = daemon.sample();
        let (memory, database) = (daemon.memory().0, daemon.database());
        let asked = Asked::begin();
        let started = Instant::now();
        let sent = sender.send_each(rate, time, |number| {
            let Flood { from, bytes } = flood(number as usize);
            (from, bytes)
        });
        let asked = asked.end();
        let cpu = daemon.sample().since(&before).cpu;
        let share = 100.0 * cpu as f64 / started.elapsed().as_nanos() as f64;
        std::thread::sleep(PAUSE);
        let grown = daemon.memory().0.saturating_sub(memory);
        print(name, &sent, &asked, (share, grown));
        println!("          database {} -> {}", database, daemon.database());
    }
    hosts.stop();
}

/// The hosts that the daemon knows, on a thread of their own.
struct KnownHosts {
    /// The identity of the first one.
    first: PeerId,
    stop: tokio::sync::oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl KnownHosts {
    fn start() -> Self {
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (identity, first) = std::sync::mpsc::channel();
        let run = async move {
            let hosts: Vec<Discovery> = (0..KNOWN).map(known_host).collect();
            let status = hosts[0].status().await.expect("it runs");
            identity.send(status.identity.id).expect("somebody waits for it");
            let _ = stopped.await;
            for host in &hosts {
                host.shutdown().await;
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || runtime.block_on(run));
        Self { first: first.recv().expect("they start"), stop, thread }
    }

    fn stop(self) {
        let _ = self.stop.send(());
        self.thread.join().expect("they end");
    }
}

fn print(name: &str, sent: &Sent, asked: &Report, (share, grown): (f64, u64)) {
    println!("{name}: {} sent, {:.0}/s", sent.count, sent.rate());
    println!("          known hosts up {} of {KNOWN} at all times", asked.fewest);
    println!("          {share:.1} % of a core, Rss {grown} kB more");
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    println!(
        "          API: {} requests, median {:.1} ms, p99 {:.1} ms, longest {:.1} ms",
        asked.times.len(),
        milliseconds(asked.at(50)),
        milliseconds(asked.at(99)),
        milliseconds(asked.at(100))
    );
}

fn known_host(number: u8) -> Discovery {
    let mut config = Config::new(&format!("known-{number}")).expect("a name");
    config.interfaces = vec!["lo".to_owned()];
    config.address = Some(known_address(number));
    Discovery::start(config).expect("it starts")
}

fn known_address(number: u8) -> IpAddr {
    [127, 84, 0, number + 1].into()
}

/// Begins a flood, of which some may be in the name of this known host.
type Make = fn(PeerId) -> Numbered;
/// Tells each datagram of a flood by its number.
type Numbered = Box<dyn FnMut(usize) -> Flood>;

/// One datagram and where it comes from.
#[derive(Clone)]
struct Flood {
    from: Ipv4Addr,
    bytes: Vec<u8>,
}

/// An address of the loopback that nobody has.
fn stranger(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 90, 0, 1).to_bits() + number as u32)
}

fn info(name: &str, from: Ipv4Addr, extension: Option<Extension>) -> Info {
    Info { name: name.parse().expect("a name"), address: from.into(), http_port: 8000, https_port: 8001, extension }
}

/// The datagrams that are sent again and again.
fn prepared(one: impl FnMut(usize) -> Flood) -> Numbered {
    let datagrams: Vec<Flood> = (0..PREPARED).map(one).collect();
    Box::new(move |number| datagrams[number % PREPARED].clone())
}

/// Base peers that nobody has heard of, each with a name and an address of its own, and each once.
fn unsigned(_: PeerId) -> Numbered {
    Box::new(|number| {
        let from = stranger(number);
        let info = info(&format!("invented-{number}"), from, None);
        Flood { from, bytes: Message { kind: Kind::Notify, info }.encode() }
    })
}

/// Bytes of all lengths, half of them behind a head that fits.
fn junk(_: PeerId) -> Numbered {
    let mut random = fastrand::Rng::with_seed(1);
    prepared(move |number| {
        let mut bytes: Vec<u8> = (0..random.usize(2..600)).map(|_| random.u8(..)).collect();
        if number.is_multiple_of(2) {
            let body = u32::try_from(bytes.len().saturating_sub(5)).expect("it is short");
            bytes.splice(..bytes.len().min(4), body.to_be_bytes());
            bytes.push(b'\n');
        }
        Flood { from: stranger(number), bytes }
    })
}

/// Well-formed messages whose signature is somebody else's: half in the name of a known host and from its address, with numbers
/// that it has not used yet, half of hosts that nobody has heard of.
fn signed_wrongly(victim: PeerId) -> Numbered {
    let secret = HostSecret::from_bytes(&[7; 32]);
    prepared(move |number| {
        let known = number.is_multiple_of(2);
        let IpAddr::V4(home) = known_address(0) else { unreachable!("it is IPv4") };
        let from = if known { home } else { stranger(number) };
        let mut bytes = [9; 32];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        let id = if known { victim } else { PeerId::from_bytes(bytes) };
        let extension = Extension::new(id, ((1 << 52), number as u64 + 1), 30);
        let name = if known { "known-0".to_owned() } else { format!("stranger-{number}") };
        let message = Message { kind: Kind::Notify, info: info(&name, from, Some(extension)) };
        Flood { from, bytes: message.seal(&secret, &Keyring::default()) }
    })
}

/// Somebody who asks the API for the list while the flood is on.
struct Asked {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Report>,
}

/// What he saw.
struct Report {
    /// In order of their length.
    times: Vec<Duration>,
    /// Known hosts that were up when the fewest were.
    fewest: usize,
}

impl Asked {
    fn begin() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut report = Report { times: Vec::new(), fewest: usize::MAX };
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                let list = crate::daemon::get("/v1/peers?state=up");
                report.times.push(start.elapsed());
                let up = list.matches("\"name\":\"known-").count();
                report.fewest = report.fewest.min(up);
                std::thread::sleep(ASKED_EVERY);
            }
            report.times.sort_unstable();
            report
        });
        Self { stop, thread }
    }

    fn end(self) -> Report {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it asks to the end")
    }
}

impl Report {
    /// The time that so many percent of the requests kept below.
    fn at(&self, percent: usize) -> Duration {
        let last = self.times.len().saturating_sub(1);
        self.times.get((self.times.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }
}
