//! One check of one remote peer: resolve, judge, connect, shake hands, note the certificate, hang up.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use rustls::pki_types::ServerName;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::address::{Host, RemoteAddress};
use super::certificate;
use super::error::{CheckFailure, Phase};
use super::lanes::Lanes;
use super::monitor::RemoteMonitorConfig;
use super::policy::Policy;
use super::resolver::{Lookup, Resolver};

/// Head start of an address before the next one is tried beside it, the value RFC 8305 recommends. A host whose first
/// address is dead (IPv6 without a route, usually) is thus as healthy as its user finds it in a browser.
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses tried of those a name has. Few hosts have more, and a name with a thousand must not make us a port scanner.
const MAX_ADDRESSES: usize = 8;
/// Longest wait for the polite end of a TLS session; the result is known by then.
const FAREWELL: Duration = Duration::from_millis(500);

/// What a successful check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// The address that answered.
    pub address: SocketAddr,
    /// How long the TCP connection took: one round trip, since the far kernel answers.
    pub connect_time: Duration,
    /// How long the TLS handshake took after that: one or two round trips and the server's computing.
    pub handshake_time: Duration,
    /// The SHA-256 of the server's own certificate in DER form. It is not compared with anything here.
    pub certificate_sha256: [u8; 32],
}

/// Something that checks remote peers; a trait so that the schedule can be tested without a network.
pub(super) trait Check: Send + Sync + 'static {
    /// Checks one address. `doubtful` remotes did not answer last time and yield to the others.
    fn check(
        &self,
        address: &RemoteAddress,
        doubtful: bool,
    ) -> impl Future<Output = Result<Reached, CheckFailure>> + Send;
}

/// Runs checks, a bounded number at a time.
#[derive(Debug)]
pub(super) struct Checker {
    policy: Policy,
    resolver: Resolver,
    connections: Lanes,
    /// Made for the first console that answers: it costs half a millisecond, and most hosts have none to check.
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, String>>,
    connect_limit: Duration,
    handshake_limit: Duration,
}

impl Checker {
    pub(super) fn new(config: &RemoteMonitorConfig, lookup: Arc<Lookup>) -> Self {
        Self {
            policy: config.policy,
            resolver: Resolver::new(lookup, config.lookup_threads, config.resolve_limit),
            connections: Lanes::new(config.connections),
            tls: OnceLock::new(),
            connect_limit: config.connect_limit,
            handshake_limit: config.handshake_limit,
        }
    }

    /// All addresses that may be tried, judged after resolution. What is returned is what is connected to: the name is
    /// not looked up again, so an answer that changes in between (DNS rebinding) gains nothing.
    async fn addresses(&self, address: &RemoteAddress, doubtful: bool) -> Result<Vec<SocketAddr>, CheckFailure> {
        let found = match address.host() {
            Host::Address(literal) => vec![*literal],
            Host::Name(name) => self.resolver.resolve(name, doubtful).await?,
        };
        let mut allowed: Vec<SocketAddr> = Vec::new();
        let mut failure = CheckFailure::Unresolvable("the name has no address".to_owned());
        for candidate in found {
            let target = SocketAddr::new(candidate, address.port());
            match self.policy.judge(candidate) {
                Ok(()) if allowed.contains(&target) => {}
                Ok(()) if allowed.len() < MAX_ADDRESSES => allowed.push(target),
                Ok(()) => break,
                Err(reason) => failure = CheckFailure::Forbidden(candidate, reason),
            }
        }
        if allowed.is_empty() { Err(failure) } else { Ok(allowed) }
    }

    async fn reach(&self, host: &Host, addresses: Vec<SocketAddr>) -> Result<Reached, CheckFailure> {
        let connected = timeout(self.connect_limit, connect(addresses)).await;
        let connection = connected.unwrap_or(Err(CheckFailure::TimedOut { phase: Phase::Connect }))?;
        let made = self.tls.get_or_init(|| certificate::client_config().map_err(|error| error.to_string()));
        let config = made.clone().map_err(CheckFailure::Local)?;
        let start = Instant::now();
        let handshake = TlsConnector::from(config).connect(server_name(host, connection.address), connection.stream);
        let Ok(result) = timeout(self.handshake_limit, handshake).await else {
            return Err(CheckFailure::TimedOut { phase: Phase::Handshake });
        };
        let stream = result.map_err(|error| handshake_failure(&error))?;
        let handshake_time = start.elapsed();
        let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let hash = leaf.map(certificate::fingerprint);
        farewell(stream).await;
        Ok(Reached {
            address: connection.address,
            connect_time: connection.time,
            handshake_time,
            certificate_sha256: hash
                .ok_or_else(|| CheckFailure::HandshakeFailed("the server has no certificate".to_owned()))?,
        })
    }
}

/// Checks one remote peer once, now.
///
/// # Errors
/// Why it was not reached.
pub async fn check(address: &RemoteAddress, policy: Policy) -> Result<Reached, CheckFailure> {
    let config = RemoteMonitorConfig { policy, ..RemoteMonitorConfig::new(0) };
    Checker::new(&config, Arc::new(super::resolver::system_lookup)).check(address, false).await
}

impl Check for Checker {
    async fn check(&self, address: &RemoteAddress, doubtful: bool) -> Result<Reached, CheckFailure> {
        // The lookup comes before the place in the queue, so names that hang never keep literal addresses waiting.
        let addresses = self.addresses(address, doubtful).await?;
        let _pass = self.connections.enter(doubtful).await;
        // Boxed, so that the many checks that wait do not each hold the memory of a handshake.
        Box::pin(self.reach(address.host(), addresses)).await
    }
}

struct Connection {
    stream: TcpStream,
    address: SocketAddr,
    time: Duration,
}

/// Tries the addresses in the resolver's order, each with a head start of [`STAGGER`] unless the one before has failed
/// already; the first connection wins and the other attempts are dropped.
async fn connect(addresses: Vec<SocketAddr>) -> Result<Connection, CheckFailure> {
    let mut remaining = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = CheckFailure::Unresolvable("the name has no address".to_owned());
    loop {
        if let Some(address) = remaining.next() {
            attempts.spawn(attempt(address));
        } else if attempts.is_empty() {
            return Err(failure);
        }
        tokio::select! {
            Some(finished) = attempts.join_next() => match finished {
                Ok(Ok(connection)) => return Ok(connection),
                // A refusal says more than a missing route to another address of the same host.
                Ok(Err(error)) if failure != CheckFailure::Refused => failure = error,
                Ok(Err(_)) => {}
                Err(error) => failure = CheckFailure::Local(error.to_string()),
            },
            () = sleep(STAGGER), if remaining.len() > 0 => {}
        }
    }
}

async fn attempt(address: SocketAddr) -> Result<Connection, CheckFailure> {
    let start = Instant::now();
    let stream = TcpStream::connect(address).await.map_err(|error| connect_failure(&error))?;
    Ok(Connection { stream, address, time: start.elapsed() })
}

fn connect_failure(error: &io::Error) -> CheckFailure {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => CheckFailure::Refused,
        Some(Errno::ETIMEDOUT) => CheckFailure::TimedOut { phase: Phase::Connect },
        // Ours, not the remote's: no descriptor, no memory, no free local port.
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::EADDRNOTAVAIL) => {
            CheckFailure::Local(error.kind().to_string())
        }
        _ => CheckFailure::Unreachable(error.kind()),
    }
}

fn handshake_failure(error: &io::Error) -> CheckFailure {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        // Bytes that are no TLS record: the other side speaks something else.
        Some(rustls::Error::InvalidMessage(_)) => CheckFailure::NotTls,
        Some(inner) => CheckFailure::HandshakeFailed(inner.to_string()),
        None => CheckFailure::Closed,
    }
}

/// The name for the server to choose its certificate by (SNI). A literal address sends none, as browsers do.
fn server_name(host: &Host, address: SocketAddr) -> ServerName<'static> {
    let named = match host {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::Address(_) => None,
    };
    named.unwrap_or_else(|| ServerName::from(address.ip()))
}

/// Ends the session as TLS wants it, so that the server's log shows a visitor and not an error. Nothing depends on it.
async fn farewell(mut stream: TlsStream<TcpStream>) {
    let closed = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context));
    let _ = timeout(FAREWELL, closed).await;
}
