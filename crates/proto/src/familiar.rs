//! A heartbeat that tells nothing new is passed over before its signature is verified.
//!
//! On a link of more than a hundred hosts ten heartbeats a second come in, and nearly all of them say what was heard ten
//! times before: the same host is still there and its table is the same. A signature costs many times what the rest of such
//! a datagram does (`cargo bench -p kimchi-peers-proto`), so it is verified only now and then, at least once in a lifetime
//! also where some are lost:
//!
//! ```text
//!  says something else than the row ──▶ verified      told nothing for half of its lifetime ──▶ verified
//!  somebody doubts the peer         ──▶ verified      this host is joining or answering  ──▶ verified
//!  none of these                    ──▶ passed over: its number is noted, and nothing else
//! ```
//!
//! Only what a peer told the whole group counts as told. Answers to this host alone keep a neighbour in the ring heard all the
//! time, but do not say whom it hears, nor that the switch still passes on what is sent to the group.
//!
//! What was passed over counts as not heard, so whoever sends such datagrams in another's name changes nothing. Only the
//! number is kept: whoever recorded one that this host did not look at could send it again when the peer is dead. Up to
//! that number nothing proves that a peer lives which is missed or lost; an answer to a new question does.

use crate::event::{Datagram, Lane};
use crate::id::PeerId;
use crate::learn::Arrival;
use crate::link::Link;
use crate::message::{Extension, Kind, Message};
use crate::node::Node;
use crate::peer::{Path, Peer, PeerKey, State};

/// A number may be so much greater than the newest one: a host that talks to a thousand others gives fewer numbers
/// between two heartbeats. Whoever invents numbers gets no further.
const LEAP_MAX: u64 = 4096;
/// Where a peer told the group whom it hears within this share of its lifetime, the next time needs no proof: of the three heartbeats in a lifetime
/// the second one is verified, and the third if that one is lost.
const SHARE_OF_LIFETIME: u32 = 2;

impl Node {
    /// Whether a datagram says nothing that is not known of a peer nobody doubts.
    pub(crate) fn is_familiar(
        &self,
        arrival: Arrival,
        datagram: &Datagram<'_>,
        message: &Message,
        key: &PeerKey,
    ) -> bool {
        if datagram.lane != Lane::Group || message.kind != Kind::Notify {
            return false;
        }
        let Some(extension) = &message.info.extension else { return false };
        let Some((peer, link)) = self.table.get(key).zip(self.links.get(&arrival.interface)) else { return false };
        is_at_rest(link, extension) && !self.is_doubted(&extension.id) && repeats(peer, message, extension) && {
            let here = |path: &&Path| path.interface == arrival.interface && path.address == arrival.from.ip();
            let lately = peer.time_to_live / SHARE_OF_LIFETIME;
            peer.paths.iter().find(here).is_some_and(|path| {
                let ahead = extension.sequence.saturating_sub(path.newest.1);
                let told_lately = path.said.hears_at().is_some_and(|told| arrival.now.since(told) < lately);
                path.newest.0 == extension.epoch
                    && (1..=LEAP_MAX).contains(&ahead)
                    && told_lately
                    && path.said.repeats(extension, link.digest_changed)
            })
        }
    }

    /// Notes the number of a datagram that was passed over.
    pub(crate) fn pass_over(&mut self, key: &PeerKey, extension: &Extension) {
        if let Some(peer) = self.table.get_mut(key) {
            peer.passed_over = peer.passed_over.max(narrowed(extension.sequence));
        }
    }

    /// Whether this may be a datagram that was passed over and recorded, of a peer of which that would matter.
    pub(crate) fn may_have_been_passed_over(&self, key: &PeerKey, arrival: Arrival, extension: &Extension) -> bool {
        let Some(peer) = self.table.get(key) else { return false };
        extension.epoch == peer.epoch
            && narrowed(extension.sequence) <= peer.passed_over
            && (peer.state != State::Up || self.is_doubted(&extension.id))
            && extension.echo.is_none_or(|echo| !self.has_asked(key, arrival.interface, echo))
    }

    /// Whether this host or another misses that peer on any link, or waits for an answer of it.
    fn is_doubted(&self, id: &PeerId) -> bool {
        self.links.values().any(|link| {
            let ring = &link.ring;
            ring.chains.contains_key(id)
                || ring.accused.contains_key(id)
                || ring.doubts.contains_key(id)
                || ring.asked.is_some_and(|asked| asked.id == *id)
        })
    }
}

/// A number as a row keeps it.
fn narrowed(sequence: u64) -> u32 {
    u32::try_from(sequence).unwrap_or(u32::MAX)
}

/// Whether this host lacks nothing on a link, answers nobody there, and knows just what the sender knows.
fn is_at_rest(link: &Link, extension: &Extension) -> bool {
    link.joined
        && !link.differs
        && link.elections.is_empty()
        && link.puller.current.is_none()
        && extension.digest == Some(link.digest.live())
}

/// Whether all that a message says stands in the row already, and nothing is open about that row.
fn repeats(peer: &Peer, message: &Message, extension: &Extension) -> bool {
    // Each member is named, so that nobody adds one without deciding here whether it is news.
    let Extension {
        id: _,
        epoch,
        sequence: _,
        // Another lifetime is learned from the next one that is verified; until then the peer is held to the known one.
        time_to_live: _,
        target,
        nonce,
        echo,
        previous_address,
        group,
        digest: _,
        // Compared with what was said on the same path.
        hears: _,
        pull,
        roster,
        claims,
        facts,
        certificate,
        absence,
    } = extension;
    let bare = target.is_none()
        && nonce.is_none()
        && echo.is_none()
        && previous_address.is_none()
        && pull.is_none()
        && roster.is_none()
        && claims.is_none()
        && absence.is_none();
    let settled = peer.state == State::Up
        && peer.is_proven()
        && peer.conflict.is_none()
        && peer.rival.is_none()
        && peer.probe.is_none()
        && peer.told.is_none();
    let info = &message.info;
    bare && settled
        && peer.epoch == *epoch
        && peer.group.as_deref() == group.as_ref()
        && peer.name == info.name
        && (peer.http_port, peer.https_port) == (info.http_port, info.https_port)
        && peer.facts == *facts
        && peer.certificate.as_deref() == certificate.as_ref()
}
