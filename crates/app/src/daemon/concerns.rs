//! What is wrong with other hosts, for who does not look at the list: a line of the log when a conflict begins and when it ends,
//! and a sentence of the status while something lasts. This daemon is no less well for it.

use std::collections::BTreeSet;
use std::time::Instant;

use kimchi_peers::{Conflict, Peer};

use crate::budget::Budget;
use crate::daemon::{Daemon, present};
use crate::view::{CertificateState, PeerState, PeerView};

/// Lines a minute: enough for what befalls a network, too few for who invents conflicts.
const LINES_A_MINUTE: u32 = 20;
/// Sentences of the status; the list has the rest.
const SENTENCES_MAX: usize = 10;

/// Tells the log of conflicts.
#[derive(Debug)]
pub(crate) struct ConflictLog {
    budget: Budget,
}

impl Default for ConflictLog {
    fn default() -> Self {
        Self { budget: Budget::of(LINES_A_MINUTE) }
    }
}

impl ConflictLog {
    /// Tells what began or ended, if the row was told of `before` or is to be told of now.
    pub(crate) fn tell(&mut self, before: bool, peer: &Peer, is_there: bool) {
        let kind = told(peer).filter(|_| is_there);
        if before == kind.is_some() {
            return;
        }
        let Some(left_out) = self.budget.spend(Instant::now()) else { return };
        if left_out > 0 {
            tracing::warn!(left_out, "more conflicts began and ended than are told one by one");
        }
        let (name, id) = (peer.name.to_string(), peer.key.to_string());
        let address = peer.addresses().first().map_or_else(String::new, ToString::to_string);
        match kind {
            Some(kind) => tracing::warn!(peer = %name, id, address, "{kind}; see: kimchi-peers doctor {name}"),
            None => tracing::info!(peer = %name, id, address, "it is in conflict no more"),
        }
    }
}

/// Whether a row's conflict is told: that of a host which is there to stay, and which has the worse claim.
pub(crate) fn is_told(peer: &Peer) -> bool {
    told(peer).is_some()
}

fn told(peer: &Peer) -> Option<&'static str> {
    if !peer.is_proven() || !peer.is_disputed() {
        return None;
    }
    Some(match peer.conflict.as_deref()? {
        // That is a trouble of this host itself.
        Conflict::Name(None) => return None,
        Conflict::Name(Some(_)) => "another host has its name too",
        Conflict::Pinned(_) => "it has the name of a host that had another key",
        Conflict::Address(_) => "it signs nothing and has the address of a host that does",
        Conflict::Identity(_) => "another host uses its identity too",
    })
}

impl Daemon {
    /// What is wrong with other hosts, a sentence each, each name once.
    pub(crate) fn concerns(&self) -> Vec<String> {
        let registry = self.registry();
        let mut sentences = BTreeSet::new();
        for peer in registry.locals().map(|row| &row.peer).filter(|peer| is_told(peer)) {
            let name = peer.name.as_str();
            let words = match peer.conflict.as_deref() {
                Some(Conflict::Identity(_)) => format!("two hosts use the identity of {name}"),
                Some(Conflict::Address(_)) => format!("{name} signs nothing and has the address of a host that does"),
                Some(Conflict::Name(_) | Conflict::Pinned(_)) | None => format!("{name} is claimed by two hosts"),
            };
            // Of two that are there the name alone says nothing.
            let live = registry.locals().filter(|row| row.peer.is_live() && row.peer.name == peer.name).count();
            let whom = if live == 1 { format!(" {name}") } else { String::new() };
            sentences.insert(format!("{words}: kimchi-peers doctor{whom}"));
        }
        let remotes = registry.remotes().map(present::remote);
        let peers = registry.locals().map(present::local).chain(remotes);
        sentences.extend(peers.filter(shows_another).map(|peer| {
            let name = peer.name;
            format!("the console of {name} shows another certificate than it should: kimchi-peers doctor {name}")
        }));
        let more = sentences.len().saturating_sub(SENTENCES_MAX);
        let told = sentences.into_iter().take(SENTENCES_MAX);
        told.chain((more > 0).then(|| format!("and {more} more: kimchi-peers doctor"))).collect()
    }
}

fn shows_another(peer: &PeerView) -> bool {
    peer.certificate_state == CertificateState::Changed && peer.state != PeerState::Down
}
