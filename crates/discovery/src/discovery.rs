//! The handle of an embedder.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use kimchi_peers_proto::{Absence, Command, Instant, Keyring, Matrix, Mode, Node, Peer, PeerKey, Profile};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use crate::config::{Config, InvalidConfig, check_ports};
use crate::driver::{Driver, Request};
use crate::events::{Events, Publisher};
use crate::interfaces::Selection;
use crate::sockets::{Listening, Sockets};
use crate::status::Status;

/// Requests that may wait for the task.
const REQUEST_QUEUE: usize = 64;
/// The goodbye takes 90 ms; a task that needs much longer is stuck.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(1);

/// Discovery on this host: the handle of the task that does it; share it in an `Arc`. Dropping it says goodbye too, if the runtime
/// goes on for 100 ms, which it does not where `main` ends: [`Discovery::shutdown`] waits for it.
#[derive(Debug)]
pub struct Discovery {
    requests: mpsc::Sender<Request>,
    events: Publisher,
    task: AbortHandle,
}

/// Why discovery could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// Other hosts could not read what this host says.
    #[error(transparent)]
    Config(#[from] InvalidConfig),
    /// The operating system refused a timer or a netlink socket.
    #[error("cannot watch the network: {0}")]
    System(#[from] io::Error),
}

/// Why a profile was not taken. The one from before is still told.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Other hosts could not read it.
    #[error(transparent)]
    Invalid(#[from] InvalidConfig),
    /// Discovery has ended.
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Why a question was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("discovery has ended")]
pub struct Ended;

impl Discovery {
    /// Starts discovery on the current runtime. When it returns, the sockets are joined and the first search is sent.
    ///
    /// A host without any interface starts all the same and waits for one; a UDP port that is taken is tried again
    /// every 5 s and told in [`Status::troubles`].
    ///
    /// # Errors
    /// Other hosts could not read what `config` has this host say; the operating system refuses a timer or a netlink socket.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time enabled.
    pub fn start(config: Config) -> Result<Self, StartError> {
        config.check()?;
        let engine = config.engine();
        let (request_sender, requests) = mpsc::channel(REQUEST_QUEUE);
        let events = Publisher::default();
        let unicast = match config.address {
            Some(IpAddr::V4(address)) => address,
            Some(IpAddr::V6(_)) | None => Ipv4Addr::UNSPECIFIED,
        };
        let listening = Listening { group_v4: config.group_v4, group_v6: config.group_v6, port: config.port, unicast };
        let selection = Selection { named: config.interfaces, ipv6: config.ipv6, address: config.address };
        let node = Node::new(config.identity, config.profile, engine, fastrand::u64(..), config.known)
            .sealed(config.secret, config.keyring);
        let driver = Driver::new(node, Sockets::new(listening), selection, requests, events.clone())?;
        Ok(Self { requests: request_sender, events, task: tokio::spawn(driver.run()).abort_handle() })
    }

    /// The events from now on.
    pub fn subscribe(&self) -> Events {
        self.events.subscribe()
    }

    /// All peers that are known, dead ones included, in the order of their keys.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn peers(&self) -> Result<Vec<Peer>, Ended> {
        self.ask(Request::Peers).await
    }

    /// One peer as it is known now, with when it was heard on each of its paths.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn peer(&self, key: PeerKey) -> Result<Option<Peer>, Ended> {
        self.ask(|answer| Request::Peer(key, answer)).await
    }

    /// When each peer was heard last: what changes without an event.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn last_heard(&self) -> Result<Vec<(PeerKey, Instant)>, Ended> {
        self.ask(Request::LastHeard).await
    }

    /// The round trip to each peer of which it is known: of the neighbours in the ring, and of all after [`measure`].
    ///
    /// # Errors
    /// [`Ended`].
    ///
    /// [`measure`]: Self::measure
    pub async fn round_trips(&self) -> Result<Vec<(PeerKey, Duration)>, Ended> {
        self.ask(Request::RoundTrips).await
    }

    /// How discovery is doing.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn status(&self) -> Result<Status, Ended> {
        self.ask(Request::Status).await
    }

    /// Who hears whom, as far as this host knows. Costs a look at every pair of hosts.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn matrix(&self) -> Result<Matrix, Ended> {
        self.ask(Request::Matrix).await
    }

    /// Asks everybody who is there, now. Who answers shows in the events.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn search(&self) -> Result<(), Ended> {
        self.tell(Request::Command(Command::Search)).await
    }

    /// Has the round trip to each extended peer that is there measured within the next seconds, which costs a question and
    /// an answer each, at most 50 a second. Does nothing while that was begun less than eight seconds ago.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn measure(&self) -> Result<(), Ended> {
        self.tell(Request::Command(Command::Measure)).await
    }

    /// Changes what this host tells of itself and announces it.
    ///
    /// # Errors
    /// Other hosts could not read it, or [`Ended`].
    pub async fn set_profile(&self, profile: Profile) -> Result<(), ProfileError> {
        check_ports(&profile)?;
        Ok(self.tell(Request::Command(Command::Profile(profile))).await?)
    }

    /// Changes which interfaces are used; empty means all that are suitable.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn set_interfaces(&self, named: Vec<String>) -> Result<(), Ended> {
        self.tell(Request::Interfaces(named)).await
    }

    /// Forgets a peer that is down; one that is not stays.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn forget(&self, key: PeerKey) -> Result<(), Ended> {
        self.tell(Request::Command(Command::Forget(key))).await
    }

    /// Gives a name to the host that bears it with this key, whichever key the name had before. Does nothing for a row that is not
    /// signed.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn trust(&self, key: PeerKey) -> Result<(), Ended> {
        self.tell(Request::Command(Command::Trust(key))).await
    }

    /// Changes the group keys.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn set_keyring(&self, keyring: Keyring) -> Result<(), Ended> {
        self.tell(Request::Command(Command::Keyring(keyring))).await
    }

    /// Changes whom this host lists. Who is not admitted any more leaves the list at once.
    ///
    /// # Errors
    /// [`Ended`].
    pub async fn set_mode(&self, mode: Mode) -> Result<(), Ended> {
        self.tell(Request::Command(Command::Mode(mode))).await
    }

    /// Says goodbye on every link and ends; takes about 100 ms. Every later call answers [`Ended`].
    pub async fn shutdown(&self) {
        self.end(Command::Quit).await;
    }

    /// The same, and tells the others when this host means to be back.
    pub async fn leave(&self, absence: Absence) {
        self.end(Command::Leave(absence)).await;
    }

    async fn end(&self, command: Command) {
        // The task drops its end of the channel when it is done.
        let ended = self.requests.closed();
        let told = self.tell(Request::Command(command)).await;
        if told.is_ok() && tokio::time::timeout(SHUTDOWN_LIMIT, ended).await.is_err() {
            self.task.abort();
        }
    }

    async fn tell(&self, request: Request) -> Result<(), Ended> {
        self.requests.send(request).await.map_err(|_| Ended)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Ended> {
        let (sender, answer) = oneshot::channel();
        self.tell(request(sender)).await?;
        answer.await.map_err(|_| Ended)
    }
}
