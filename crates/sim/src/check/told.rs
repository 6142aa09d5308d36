//! Checks of every event: that it has a cause, and that the states told follow each other.

use std::collections::BTreeMap;

use kimchi_peers_proto::{Cause, Change, Event, Kind, Peer, PeerKey, Reason, State};

use super::Step;
use crate::world::Feed;

pub(super) fn check(step: &Step<'_>, told: &mut BTreeMap<PeerKey, State>, event: &Event) -> Result<(), String> {
    let Event::Peer { change, cause, peer } = event else { return Ok(()) };
    if *peer.key.id().unwrap_or(&kimchi_peers_proto::PeerId::from_bytes([0; 32])) == step.host.id {
        return Err("it told of itself".to_owned());
    }
    let before = told.get(&peer.key).copied();
    let fits = match change {
        Change::Up => before != Some(State::Up) && peer.state == State::Up && was_heard(step, *cause, peer),
        Change::Suspect => before == Some(State::Up) && peer.state == State::Suspect && is_silent(step, peer),
        Change::Down => before != Some(State::Down) && peer.state == State::Down && has_died(step, *cause, peer),
        Change::Changed | Change::Conflict => before == Some(peer.state),
        Change::Removed => before.is_some(),
    };
    if *change == Change::Removed {
        told.remove(&peer.key);
    } else {
        told.insert(peer.key.clone(), peer.state);
    }
    if fits {
        return Ok(());
    }
    let before = before.map_or("not listed", State::as_str);
    Err(format!("it told {} of {} by {} without cause; it was {before}", change.as_str(), peer.name, cause.as_str()))
}

/// A row comes up only by a datagram of that kind from an address of that peer.
fn was_heard(step: &Step<'_>, cause: Cause, peer: &Peer) -> bool {
    let (Cause::Heard(kind), Feed::Packet(_, packet)) = (cause, step.feed) else { return false };
    packet.kind == Some(kind)
        && kind != Kind::Quit
        && (peer.key.is_base() || peer.addresses().contains(&packet.from.ip()))
}

/// A row is doubted only after its lifetime.
fn is_silent(step: &Step<'_>, peer: &Peer) -> bool {
    peer.last_heard.is_some_and(|heard| step.now.since(heard) >= peer.time_to_live)
}

fn has_died(step: &Step<'_>, cause: Cause, peer: &Peer) -> bool {
    match cause {
        Cause::Heard(Kind::Quit) => {
            let heard = matches!(step.feed, Feed::Packet(_, packet) if packet.kind == Some(Kind::Quit));
            heard && peer.reason == Some(Reason::Left)
        }
        Cause::NoAnswer => peer.reason == Some(Reason::Lost) && is_silent(step, peer),
        Cause::NotHeardSinceStart => peer.reason == Some(Reason::Lost) && peer.last_heard.is_none(),
        Cause::Heard(_)
        | Cause::Silence
        | Cause::AddressGone
        | Cause::Replaced
        | Cause::Expired
        | Cause::Forgotten
        | Cause::NameConflict
        | Cause::IdentityConflict
        | Cause::ConflictEnded => false,
    }
}
