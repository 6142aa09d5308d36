//! Peer discovery for KVM hosts: hosts on one network find each other by UDP multicast, with no central service.
//!
//! ```no_run
//! # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
//! use kimchi_peers::{Config, Discovery, Event, EventsError};
//!
//! let discovery = Discovery::start(Config::new("kvm-1")?)?;
//! let mut events = discovery.subscribe();
//! loop {
//!     tokio::select! {
//!         event = events.next() => match event {
//!             Ok(Event::Peer { change, peer, .. }) => println!("{} {} {:?}", change.as_str(), peer.name, peer.addresses()),
//!             Ok(_) => {}
//!             Err(EventsError::Missed(_)) => println!("now there are {} peers", discovery.peers().await?.len()),
//!             Err(_) => break,
//!         },
//!         _ = tokio::signal::ctrl_c() => break,
//!     }
//! }
//! // Says goodbye. Without it the peers see this host as suspect, then as lost.
//! discovery.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Where the daemon runs, read its API (`http://127.0.0.1:8132/v1/peers` and `/v1/events`) instead of this. Two programs of one
//! host cannot both take part on one port: what others send to all reaches both, what they send to this host alone only the one
//! that opened the port last, and the other is taken for half dead. Each says so in [`Status::troubles`].
//!
//! A host that keeps its identity over restarts loads its key from a file, which is made at the first start:
//!
//! ```no_run
//! # fn keep() -> Result<kimchi_peers::Config, Box<dyn std::error::Error>> {
//! use kimchi_peers::{Config, HostKey};
//!
//! let key = HostKey::load_or_create("/var/lib/my-program/host.key".as_ref())?;
//! let mut config = Config::with_key("kvm-1", &key)?;
//! config.interfaces = vec!["br0".to_owned()];
//! # Ok(config)
//! # }
//! ```
//!
//! Whatever a host says is signed by its key, and a name belongs to the first key that was heard under it: [`Peer::trust`] tells
//! what a row proved, [`Peer::is_disputed`] whether its link is not to be followed. Hosts that share a [`GroupKey`] tell members
//! from strangers, and [`Mode`] says whether strangers are listed at all:
//!
//! ```no_run
//! # fn group(mut config: kimchi_peers::Config, text: &str) -> Result<kimchi_peers::Config, Box<dyn std::error::Error>> {
//! use kimchi_peers::Mode;
//!
//! config.keyring.add(text.trim().parse()?)?;
//! config.mode = Mode::RequireGroup;
//! # Ok(config)
//! # }
//! ```
//!
//! The engine inside is [`kimchi_peers_proto`], which has no I/O; this crate adds the sockets, the watch on the
//! interfaces, the clock, and [`remote`]: the health of peers in other networks that were added by hand.

mod arrival;
mod backlog;
mod clock;
mod config;
mod discovery;
mod driver;
mod error_queue;
mod events;
mod identity;
mod interfaces;
mod policy;
mod readiness;
pub mod remote;
mod rivals;
mod socket;
mod sockets;
mod status;
mod troubles;

pub use clock::{now, wall_clock};
pub use config::{Config, ConfigError, InvalidConfig};
pub use discovery::{Discovery, Ended, ProfileError, StartError};
pub use events::{Events, EventsError};
pub use identity::{HostKey, HostKeyError};
pub use interfaces::{InterfaceChoice, Ipv6, interfaces, own_addresses};
pub use policy::Choice;
pub use status::{LinkStatus, Status};

pub use kimchi_peers_proto::{
    ABSENCE_MAX, Absence, Away, Cause, CertificateHash, Change, Conflict, Counters, Event, Fact, FactSet, Facts, Few,
    GROUP_KEYS_MAX, GROUP_V4, GROUP_V6, GroupId, GroupKey, Hearing, HostName, HostSecret, INTEGER_MAX, Identity,
    Instant, InvalidAbsence, InvalidCertificateHash, InvalidFact, InvalidGroupId, InvalidGroupKey, InvalidHostName,
    InvalidMode, InvalidNote, InvalidPeerId, InvalidPeerKey, Keyring, KeyringError, Kind, KnownPeer, Matrix,
    MatrixHost, MatrixRow, Mode, Network, Note, PORT, Path, Peer, PeerId, PeerKey, Profile, Reach, Reason, State,
    Trust,
};
