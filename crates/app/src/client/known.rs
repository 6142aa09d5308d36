//! The list of peers as its events tell it.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::view::{EventView, PeerState, PeerView, Trust, rfc3339};

/// The peers that a follower of the events knows of.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<String, PeerView>);

impl Known {
    /// The peers of a list.
    pub(crate) fn new(peers: Vec<PeerView>) -> Self {
        Self(peers.into_iter().map(|peer| (peer.id.clone(), peer)).collect())
    }

    /// Takes note of an event.
    pub(crate) fn apply(&mut self, event: &EventView) {
        let Some(peer) = &event.peer else { return };
        if event.event == "removed" {
            self.0.remove(&peer.id);
        } else {
            self.0.insert(peer.id.clone(), peer.clone());
        }
    }

    /// Replaces the list by a new one and gives the events that lead from the old one to it: what is left of those that
    /// got lost.
    pub(crate) fn catch_up(&mut self, peers: Vec<PeerView>) -> Vec<EventView> {
        let mut old = std::mem::replace(self, Self::new(peers)).0;
        let news = self.0.values().filter_map(|peer| {
            let event = change(old.remove(&peer.id).as_ref(), peer)?;
            let time = if event == "changed" { now() } else { peer.state_since.clone() };
            Some(EventView { event: event.to_owned(), time, cause: None, peer: Some(peer.clone()) })
        });
        let mut events: Vec<_> = news.collect();
        let gone = old.into_values();
        events.extend(gone.map(|peer| EventView {
            event: "removed".to_owned(),
            time: now(),
            cause: None,
            peer: Some(peer),
        }));
        events
    }

    /// The peers, in the order of their ids.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &PeerView> {
        self.0.values()
    }

    /// How many are up.
    pub(crate) fn up(&self) -> usize {
        self.0.values().filter(|peer| peer.state == PeerState::Up).count()
    }
}

/// The event that leads from one row to the other.
fn change(old: Option<&PeerView>, new: &PeerView) -> Option<&'static str> {
    if old.map(|old| old.state) != Some(new.state) {
        return Some(if new.state == PeerState::Unknown { "changed" } else { new.state.as_str() });
    }
    let old = old?;
    if old.trust != new.trust {
        return Some(if new.trust == Trust::Conflict { "conflict" } else { "changed" });
    }
    // Times and round trips differ without anything having happened.
    let told = |peer: &PeerView| {
        (
            peer.name.clone(),
            peer.url.clone(),
            peer.addresses.clone(),
            peer.http_port,
            peer.reason.clone(),
            peer.reach,
            peer.facts.clone(),
            peer.planned.clone(),
        )
    };
    (told(old) != told(new)).then_some("changed")
}

fn now() -> String {
    rfc3339(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::peer;
    use crate::view::Reach;

    fn words(events: &[EventView]) -> Vec<String> {
        let word = |event: &EventView| format!("{} {}", event.event, event.peer.as_ref().unwrap().name);
        events.iter().map(word).collect()
    }

    #[test]
    fn what_got_lost_shows_as_the_difference() {
        let old = ["same", "gone", "fell", "moved", "cloned", "deaf"].map(|name| peer(name, "10.0.0.1")).to_vec();
        let mut known = Known::new(old.clone());
        let mut new = old;
        new.remove(1);
        new[0].last_seen = None;
        new[0].rtt_ms = Some(9.0);
        new[1].state = PeerState::Down;
        new[2].addresses = vec!["10.0.0.9".to_owned()];
        new[3].trust = Trust::Conflict;
        new[4].reach = Some(Reach::HearsUsNot);
        new.push(peer("new", "10.0.0.2"));
        let events = known.catch_up(new.clone());
        assert_eq!(
            words(&events),
            ["conflict cloned", "changed deaf", "down fell", "changed moved", "up new", "removed gone"]
        );
        assert!(known.catch_up(new).is_empty());
        assert_eq!(known.up(), 5);
    }

    #[test]
    fn events_change_the_list() {
        let mut known = Known::default();
        let event = |word: &str| EventView {
            event: word.to_owned(),
            time: now(),
            cause: None,
            peer: Some(peer("a", "10.0.0.1")),
        };
        known.apply(&event("up"));
        assert_eq!(known.up(), 1);
        known.apply(&event("removed"));
        assert_eq!(known.up(), 0);
        known.apply(&EventView { peer: None, ..event("ready") });
        assert_eq!(known.up(), 0);
    }
}
