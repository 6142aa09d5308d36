//! Checks of every event: that it has a cause, and that the states told follow each other.

use std::collections::BTreeMap;

use kimchi_peers_proto::{Cause, Change, Event, Instant, Kind, Peer, PeerKey, Reason, State};

use super::Step;
use super::ring::Words;
use crate::wire::Packet;
use crate::world::Feed;

/// The states told so far, when rows came up by hearsay, and what was said of whom is missed.
type Told<'a> = (&'a mut BTreeMap<PeerKey, State>, &'a mut BTreeMap<PeerKey, Instant>, &'a Words);

pub(super) fn check(step: &Step<'_>, (told, told_up, words): Told<'_>, event: &Event) -> Result<(), String> {
    let Event::Peer { change, cause, peer } = event else { return Ok(()) };
    if *peer.key.id().unwrap_or(&kimchi_peers_proto::PeerId::from_bytes([0; 32])) == step.host.id {
        return Err("it told of itself".to_owned());
    }
    let before = told.get(&peer.key).copied();
    if *change == Change::Up && *cause == Cause::Told {
        told_up.insert(peer.key.clone(), step.now);
    }
    if peer.away.is_some() && peer.state != State::Down {
        return Err(format!("{} is away and {}", peer.name, peer.state.as_str()));
    }
    let since = told_up.get(&peer.key).copied();
    let fits = match change {
        Change::Up => before != Some(State::Up) && peer.state == State::Up && was_heard(step, *cause, peer),
        Change::Suspect => {
            before == Some(State::Up) && {
                peer.state == State::Suspect && (is_silent(step, peer, since) || words.may_suspect(step, peer, since))
            }
        }
        Change::Down => {
            before != Some(State::Down) && peer.state == State::Down && { has_died(step, *cause, (peer, since), words) }
        }
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

/// A row comes up only by a datagram of that kind from an address of that peer, or by a word of another that is up.
fn was_heard(step: &Step<'_>, cause: Cause, peer: &Peer) -> bool {
    if cause == Cause::Told {
        return was_told(step, peer);
    }
    let (Cause::Heard(kind), Feed::Packet(_, packet)) = (cause, step.feed) else { return false };
    packet.kind() == Some(kind)
        && kind != Kind::Quit
        && (peer.key.is_base() || peer.addresses().contains(&packet.from.ip()))
}

/// Hearsay comes from an extended host that is listed as being there, and never from the host itself.
fn was_told(step: &Step<'_>, peer: &Peer) -> bool {
    let Feed::Packet(_, packet) = step.feed else { return false };
    let Some(extension) = packet.message.as_ref().ok().and_then(|message| message.info.extension.as_ref()) else {
        return false;
    };
    let teller = step.node.table().get(&PeerKey::Identity(extension.id));
    let listed = teller.is_some_and(|row| row.state == State::Up && row.addresses().contains(&packet.from.ip()));
    // A probe carries a digest too; where that covers what this host remembers, all of it is there.
    let speaks =
        packet.kind() == Some(Kind::Notify) || (packet.kind() == Some(Kind::Search) && extension.digest.is_some());
    speaks && listed && peer.key.id() != Some(&extension.id)
}

/// A row is doubted only after its lifetime, counted from when it was heard or told of.
fn is_silent(step: &Step<'_>, peer: &Peer, told: Option<Instant>) -> bool {
    peer.last_heard.max(told).is_some_and(|since| step.now.since(since) >= peer.time_to_live)
}

/// A row is away as announced exactly where the goodbye says so.
fn is_away_as_said(packet: &Packet, peer: &Peer) -> bool {
    let extension = packet.message.as_ref().ok().and_then(|message| message.info.extension.as_ref());
    let said = extension.and_then(|extension| extension.absence.as_deref()).map(|absence| absence.reason());
    peer.away.as_deref().map(|away| &away.reason) == said
}

fn has_died(step: &Step<'_>, cause: Cause, (peer, told): (&Peer, Option<Instant>), words: &Words) -> bool {
    match cause {
        Cause::Heard(Kind::Quit) => {
            let Feed::Packet(_, packet) = step.feed else { return false };
            packet.kind() == Some(Kind::Quit) && peer.reason == Some(Reason::Left) && is_away_as_said(packet, peer)
        }
        Cause::NoAnswer => {
            let silent = is_silent(step, peer, told) || words.may_pronounce(step, peer, told);
            peer.reason == Some(Reason::Lost) && silent
        }
        Cause::Verdict => peer.reason == Some(Reason::Lost) && words.was_pronounced(step, peer),
        Cause::NotHeardSinceStart => peer.reason == Some(Reason::Lost) && peer.last_heard.is_none(),
        Cause::Heard(_)
        | Cause::Told
        | Cause::Silence
        | Cause::HearsUsNot
        | Cause::NotHeard
        | Cause::AnswersAgain
        | Cause::AddressGone
        | Cause::Replaced
        | Cause::Expired
        | Cause::Forgotten
        | Cause::NameConflict
        | Cause::KeyConflict
        | Cause::AddressConflict
        | Cause::NotAdmitted
        | Cause::AdmittedAgain
        | Cause::IdentityConflict
        | Cause::ConflictEnded => false,
    }
}
