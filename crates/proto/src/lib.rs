//! The wire format and the discovery engine of kimchi-peers, without sockets, clock or threads.
//!
//! Hosts on one network find each other by small JSON messages to a multicast group. [`Message`] is the wire;
//! [`Node`] is one host's engine. The caller owns the sockets and the clock:
//!
//! ```
//! use kimchi_peers_proto::{
//!     Config, HostSecret, Identity, Input, Instant, Interface, Keyring, Network, Node, Output, Profile,
//! };
//!
//! // Draw it from the operating system once, keep it secret, and let the epoch grow with every start.
//! let secret = HostSecret::from_bytes(&[7; 32]);
//! let identity = Identity { id: secret.id(), epoch: 1 };
//! let profile = Profile { name: "kvm-1".parse()?, http_port: 8000, https_port: 8001, facts: Default::default(), certificate: None };
//! let mut node = Node::new(identity, profile, Config::default(), 42, Vec::new()).sealed(secret, Keyring::default());
//!
//! let lan = Network { address: "192.0.2.1".parse()?, prefix: 24 };
//! let eth0 = Interface { index: 2, name: "eth0".into(), networks: vec![lan], loopback: false };
//! node.handle(Instant::ZERO, Input::Interfaces(vec![eth0]));
//! loop {
//!     match node.poll() {
//!         Output::Send { bytes, .. } => assert!(bytes.starts_with(&[0, 0])),
//!         Output::Event(event) => println!("{event:?}"),
//!         Output::Wait { until, .. } => break assert!(until.is_some()),
//!     }
//! }
//! for peer in node.table().iter() {
//!     println!("{} {} {:?}", peer.name, peer.state.as_str(), peer.addresses());
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A node that is not [sealed](Node::sealed) signs nothing, and the hosts of a real network do not list it. Datagrams come in by
//! [`Input::Datagram`] with the time to live that they arrived with, which the socket has to be asked for; what goes to one host
//! alone is sent with [`UNICAST_TTL`], what goes to the group with 1.
//!
//! The same inputs, times and seed give the same outputs, byte for byte, so a whole network runs in one test.

mod absence;
mod announce;
mod answer;
mod aside;
mod base64;
mod bounds;
mod certificate;
mod chain;
mod claim;
mod config;
mod conflict;
mod counters;
mod decode;
mod digest;
mod due;
mod error;
mod event;
mod expiry;
mod facts;
mod familiar;
mod few;
mod frame;
mod group;
mod health;
mod hearing;
mod hears;
mod hearsay;
mod id;
mod index;
mod info;
mod interface;
mod known;
mod lateness;
mod learn;
mod limit;
mod limits;
mod link;
mod matrix;
mod measure;
mod message;
mod monitor;
mod node;
mod page;
mod peer;
mod prove;
mod pull;
mod reach;
mod receive;
mod refusal;
mod reminder;
mod repair;
mod ring;
mod roster;
mod said;
mod signature;
mod suspicion;
mod table;
mod text;
mod time;
mod timers;
mod trust;
mod verdict;
mod writing;

pub use absence::{ABSENCE_MAX, Absence, Away, InvalidAbsence};
pub use certificate::{CertificateHash, InvalidCertificateHash};
pub use claim::{CLAIMS_MAX, Claim, Claims};
pub use config::{Config, GROUP_V4, GROUP_V6, PORT};
pub use counters::Counters;
pub use digest::Digest;
pub use error::DecodeError;
pub use event::{Cause, Change, Command, Datagram, Event, Input, Lane, Output, Profile};
pub use facts::{FactSet, Facts};
pub use few::Few;
pub use frame::DATAGRAM_MAX;
pub use group::{GROUP_KEYS_MAX, GroupId, GroupKey, InvalidGroupId, InvalidGroupKey, Keyring, KeyringError};
pub use hears::{Hears, IdBeginning};
pub use id::{InvalidPeerId, PEER_ID_TEXT_LENGTH, PeerId};
pub use interface::{Interface, Network};
pub use known::KnownPeer;
pub use limit::Rate;
pub use matrix::{Hearing, Matrix, MatrixHost, MatrixRow};
pub use message::{EXTENSION_VERSION, Extension, INTEGER_MAX, Info, Kind, Message, Nonce, TIME_TO_LIVE_MAX};
pub use node::{Identity, LinkView, Node};
pub use peer::{Conflict, InvalidPeerKey, Path, Peer, PeerKey, Reach, Reason, State};
pub use receive::UNICAST_TTL;
pub use roster::{BucketHashes, Entry, Pull, Roster};
pub use signature::{HostSecret, Trailer};
pub use table::PeerTable;
pub use text::{
    FACT_MAX, Fact, HOST_NAME_MAX, HostName, InvalidFact, InvalidHostName, InvalidNote, LABEL_MAX, NOTE_MAX, Note,
};
pub use time::Instant;
pub use timers::Timer;
pub use trust::{InvalidMode, Mode, Trust};
