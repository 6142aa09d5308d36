//! A base peer: it speaks the request's protocol and nothing of ours.

use std::collections::BTreeSet;
use std::net::IpAddr;

use kimchi_peers_proto::{HostName, Kind, Message};

use crate::wire::base_message;

/// A program that does what the request says and no more: it searches once when it starts, answers each search by a
/// multicast `notify`, has no heartbeat and never forgets.
#[derive(Debug)]
pub struct BasePeer {
    name: HostName,
    /// Whom it has heard of.
    pub known: BTreeSet<(HostName, IpAddr)>,
}

impl BasePeer {
    pub(crate) fn new(name: HostName) -> Self {
        Self { name, known: BTreeSet::new() }
    }

    /// What it says by an interface with this address.
    pub(crate) fn say(&self, kind: Kind, address: IpAddr) -> Vec<u8> {
        base_message(kind, &self.name, address)
    }

    /// Takes one message on the interface with `address` and tells what it answers.
    pub(crate) fn receive(&mut self, address: IpAddr, message: &Message) -> Option<Vec<u8>> {
        let sender = (message.info.name.clone(), message.info.address);
        if sender == (self.name.clone(), address) {
            return None;
        }
        if message.kind == Kind::Quit {
            self.known.remove(&sender);
        } else {
            self.known.insert(sender);
        }
        (message.kind == Kind::Search).then(|| self.say(Kind::Notify, address))
    }
}
