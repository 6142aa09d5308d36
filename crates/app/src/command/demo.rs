//! `demo`: several peers on this machine's loopback, so that anybody sees it work in ten seconds.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kimchi_peers::{Config, Discovery, HostKey, HostKeyError, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::api::{self, Listener};
use crate::cli::DemoArguments;
use crate::command::refuse;
use crate::daemon::follow::Follower;
use crate::daemon::journal::Next;
use crate::daemon::{self, Daemon, Placement};
use crate::failure::Failure;
use crate::output::plain;
use crate::settings::{ApiAddress, Settings};
use crate::view::EventView;

/// The network of the demo: loopback addresses that nothing else is likely to use.
const NETWORK: [u8; 3] = [127, 132, 0];
/// Time between two starts, slow enough to watch.
const START_INTERVAL: Duration = Duration::from_millis(300);
/// A pause after which one peer leaves, to show a goodbye.
const LEAVE_AFTER: Duration = Duration::from_secs(2);
/// Towns for the invented names.
const TOWNS: [&str; 16] = [
    "seoul", "busan", "incheon", "daegu", "daejeon", "gwangju", "suwon", "ulsan", "jeju", "jeonju", "gyeongju",
    "sokcho", "andong", "mokpo", "pohang", "yeosu",
];

/// Runs the demo until Ctrl-C or its time is over.
pub(crate) async fn run(arguments: &DemoArguments) -> Result<(), Failure> {
    refuse(&arguments.unused, "demo")?;
    let scratch = Scratch::new().map_err(|error| failed("make a directory for its state", &error))?;
    // Every demo has a port of its own, so that two of them, or a real daemon, do not meet.
    let port = free_port().map_err(|error| failed("find a free port on the loopback", &error))?;
    let settings = Settings {
        name: name(0),
        interfaces: vec!["lo".to_owned()],
        port,
        state_dir: scratch.0.clone(),
        api: Vec::new(),
        api_optional_socket: None,
        ..Settings::default()
    };
    let placement = Placement { address: Some(address(0)) };
    let (first, sources) = Daemon::start(settings, placement).await?;
    let first = Arc::new(first);
    let api = ApiAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    let listener = api::open(&api, None, None).await.map_err(|error| failed("open its API", &error))?;
    let api_address = listener.address();
    first.listening().addresses = vec![api_address.clone()];
    // A reader that went away, as `head` does, has seen enough.
    if introduce(arguments, &api_address, &scratch.0).is_err() {
        return Ok(());
    }
    tokio::spawn(daemon::feed::run(Arc::clone(&first), sources));
    tokio::spawn(serve(listener, Arc::clone(&first)));
    let start = first.registry().journal.end();
    let printing = print_events(Follower::after(Arc::clone(&first), start));
    let ended = tokio::select! {
        played = play(arguments.hosts, port, arguments.duration) => played,
        () = asked_to_end() => Ok(()),
        // A reader that went away, as `head` does, has seen enough.
        _ = printing => Ok(()),
    };
    first.stop().await;
    ended
}

/// Waits for any signal that ends a program, so that the directory goes away in each case.
async fn asked_to_end() {
    let Ok([mut interrupt, mut terminate, mut hangup]) = signals() else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

fn signals() -> io::Result<[Signal; 3]> {
    Ok([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?])
}

async fn serve(listener: Listener, daemon: Arc<Daemon>) {
    api::serve(vec![listener], api::router(daemon)).await;
}

fn introduce(arguments: &DemoArguments, api: &str, state: &Path) -> io::Result<()> {
    let called = std::env::args().next();
    let (hosts, program) = (arguments.hosts, program(called.as_deref()));
    let mut out = io::stdout().lock();
    writeln!(out, "{hosts} peers on this machine's loopback; nothing leaves it. This is what {} sees.", name(0))?;
    if arguments.duration.is_none() {
        writeln!(out, "Ctrl-C ends the demo.")?;
    }
    writeln!(out, "Look at it with a browser: http://{api}/")?;
    writeln!(out, "Ask it from another terminal:\n")?;
    writeln!(out, "  {program} list --api {api}")?;
    writeln!(out, "  {program} add kvm9.example.org --api {api} --state-dir {}", state.display())?;
    writeln!(out, "  curl http://{api}/peers\n")?;
    out.flush()
}

/// How to call this program again: by its path, if it was called by one that a shell takes as it is.
fn program(called: Option<&str>) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    called.filter(|path| path.contains('/') && path.bytes().all(plain)).unwrap_or("kimchi-peers")
}

/// Starts the others one by one, lets one leave and come back, then waits.
async fn play(hosts: u8, port: u16, duration: Option<Duration>) -> Result<(), Failure> {
    let end = duration.map(|duration| tokio::time::Instant::now() + duration);
    // A short demo shows the whole story too.
    let pause = duration.map_or(LEAVE_AFTER, |whole| LEAVE_AFTER.min(whole / 5));
    let story = async {
        let mut others = Vec::new();
        let key = HostKey::generate()?;
        for number in 1..hosts {
            let own = if number + 1 == hosts { &key } else { &HostKey::generate()? };
            others.push(start_other(number, port, own)?);
            tokio::time::sleep(START_INTERVAL.min(pause)).await;
        }
        tokio::time::sleep(pause).await;
        if let Some(leaving) = others.pop() {
            leaving.shutdown().await;
            tokio::time::sleep(pause).await;
            // As the host that it was: with another key its name would not be its own.
            others.push(start_other(hosts - 1, port, &key)?);
        }
        std::future::pending::<Result<(), Failure>>().await
    };
    match end {
        Some(end) => tokio::time::timeout_at(end, story).await.unwrap_or(Ok(())),
        None => story.await,
    }
}

fn start_other(number: u8, port: u16, key: &HostKey) -> Result<Discovery, Failure> {
    let mut config = Config::with_key(&name(number), key).map_err(|error| in_words(&error))?;
    config.interfaces = vec!["lo".to_owned()];
    config.address = Some(address(number));
    config.port = port;
    Ok(Discovery::start(config)?)
}

fn name(number: u8) -> String {
    let town = TOWNS[usize::from(number) % TOWNS.len()];
    match usize::from(number) / TOWNS.len() {
        0 => format!("kvm-{town}"),
        round => format!("kvm-{town}-{}", round + 1),
    }
}

fn address(number: u8) -> IpAddr {
    let [first, second, third] = NETWORK;
    IpAddr::V4(Ipv4Addr::new(first, second, third, number + 1))
}

/// A UDP port that nothing uses now.
fn free_port() -> io::Result<u16> {
    Ok(std::net::UdpSocket::bind((address(0), 0))?.local_addr()?.port())
}

async fn print_events(mut follower: Follower) -> io::Error {
    let start = tokio::time::Instant::now();
    loop {
        if let Next::Event(_, told) = follower.next().await
            && let Ok(event) = serde_json::from_str(&told.json)
            && let Err(error) = print_event(start.elapsed(), &event)
        {
            return error;
        }
    }
}

fn print_event(since_start: Duration, event: &EventView) -> io::Result<()> {
    let Some(peer) = &event.peer else { return Ok(()) };
    let reason = peer.reason.as_deref().map(|reason| format!(" ({})", plain(reason))).unwrap_or_default();
    // Names were checked when they came in, so they can be printed.
    let line = format!("{:6.1}s  {:8} {:16} {}{reason}", since_start.as_secs_f64(), event.event, peer.name, peer.url);
    writeln!(io::stdout(), "{line}")
}

/// A directory that goes away with the demo.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("kimchi-peers-demo-{}", std::process::id()));
        // Fails where somebody put something there before us.
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::new(format!("the demo cannot {what}: {error}"))
}

fn in_words(error: &dyn std::error::Error) -> Failure {
    Failure::new(error.to_string())
}

impl From<HostKeyError> for Failure {
    fn from(error: HostKeyError) -> Self {
        in_words(&error)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        in_words(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_called_as_it_was() {
        assert_eq!(program(Some("target/release/kimchi-peers")), "target/release/kimchi-peers");
        for other in [None, Some("kimchi-peers"), Some("/tmp/a b/kimchi-peers"), Some("/tmp/$(x)/kp")] {
            assert_eq!(program(other), "kimchi-peers", "{other:?}");
        }
    }
}
