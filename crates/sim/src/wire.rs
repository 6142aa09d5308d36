//! Datagrams under way, and what hosts other than the engine say.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use kimchi_peers_proto::{
    Claim, Claims, DecodeError, Extension, GROUP_V4, GROUP_V6, HostName, Info, Kind, Lane, Message, PORT, PeerId,
    UNICAST_TTL,
};

use crate::fault::Slander;
use crate::host::{Host, HostIndex};

/// One datagram, shared by all who receive it.
#[derive(Debug, Clone)]
pub struct Packet {
    /// Who really sent it.
    pub sender: HostIndex,
    /// Its source.
    pub from: SocketAddr,
    /// Where it was sent.
    pub to: SocketAddr,
    /// Its payload.
    pub bytes: Rc<[u8]>,
    /// What it says: decoded once for all who receive it.
    pub message: Result<Message, DecodeError>,
}

impl Packet {
    /// The kind of message, where it is one.
    pub fn kind(&self) -> Option<Kind> {
        self.message.as_ref().ok().map(|message| message.kind)
    }

    /// What an extended host says beyond the request's protocol.
    pub(crate) fn extension(&self) -> Option<&Extension> {
        self.message.as_ref().ok()?.info.extension.as_ref()
    }

    /// How the receiver's socket sees it addressed.
    pub fn lane(&self) -> Lane {
        if self.to.ip().is_multicast() { Lane::Group } else { Lane::Unicast }
    }

    /// Its time to live on arrival: no router of this world ever forwards.
    pub fn ttl(&self) -> u8 {
        if self.to.ip().is_multicast() { 1 } else { UNICAST_TTL }
    }
}

/// The group address in the family of `address`.
pub(crate) fn group_of(address: IpAddr) -> SocketAddr {
    match address {
        IpAddr::V4(_) => SocketAddr::new(GROUP_V4.into(), PORT),
        IpAddr::V6(_) => SocketAddr::new(GROUP_V6.into(), PORT),
    }
}

/// A message as a base peer says it.
pub(crate) fn base_message(kind: Kind, name: &HostName, address: IpAddr) -> Vec<u8> {
    let info = Info { name: name.clone(), address, http_port: 8000, https_port: 8001, extension: None };
    Message { kind, info }.encode()
}

/// A goodbye in the name of an extended peer.
pub(crate) fn goodbye_of(name: &HostName, address: IpAddr, (id, epoch, sequence): (PeerId, u64, u64)) -> Vec<u8> {
    let extension = Extension::new(id, (epoch, sequence), 30);
    let info = Info { name: name.clone(), address, http_port: 8000, https_port: 8001, extension: Some(extension) };
    Message { kind: Kind::Quit, info }.encode()
}

/// What a liar says of another host, in its own name. The number is one that it will not reach before its next words, so
/// that these are not taken for old.
pub(crate) fn slander_of(
    liar: &Host,
    address: IpAddr,
    (epoch, sequence): (u64, u64),
    (slander, claim): (Slander, Claim),
) -> Vec<u8> {
    let mut claims = Claims::default();
    match slander {
        Slander::Suspicion => claims.suspect.push(claim),
        Slander::Verdict => claims.dead.push(claim),
    }
    let bytes = goodbye_of(&liar.name, address, (liar.id, epoch, sequence));
    let Ok(mut message) = Message::decode(&bytes) else { return bytes };
    message.kind = Kind::Notify;
    if let Some(extension) = &mut message.info.extension {
        (extension.sequence, extension.claims) = (sequence + 1, Some(Box::new(claims)));
    }
    message.encode()
}
