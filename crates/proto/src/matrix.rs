//! Who hears whom: what this host hears itself, what it tells others of that, and what they told it.
//!
//! A heartbeat tells how many hosts its sender hears on the link, and names those that it lists there and does not hear.
//! Where the tables of sender and receiver are equal at that moment, which the digest beside it tells, that says it of
//! every host. Where they are not, those who are named are not heard, and nothing is known of the others.

use std::time::Duration;

use crate::digest::Digest;
use crate::hears::{Hears, IdBeginning, UNHEARD_MAX};
use crate::learn::Arrival;
use crate::message::Extension;
use crate::node::Node;
use crate::peer::{Path, Peer, PeerKey, Reach, State};
use crate::ring::is_member;
use crate::said::Said;
use crate::text::HostName;
use crate::time::Instant;

/// Above so many hosts only rows with a gap are told: each costs a letter for each host.
const WHOLE_ROWS_MAX: usize = 1_024;
/// So long after the last sign of a copy of this host, others may not count it among those that they list.
const COPIED_FOR: Duration = Duration::from_secs(180);

/// Whether one host hears another one itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    /// It does.
    Heard,
    /// It lists it, on the word of others, and does not hear it.
    NotHeard,
    /// A host is not asked whether it hears itself.
    Itself,
    /// Nothing is known: it told nothing lately, knows other hosts than this one, or the other one came later than its word.
    Unknown,
}

/// Who hears whom, as far as this host knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// This host, and all that are there in the order of their keys.
    pub hosts: Vec<MatrixHost>,
    /// What each of them hears, in the same order. Above 1,024 hosts the rows of those that hear everybody are left out.
    pub rows: Vec<MatrixRow>,
}

/// A host of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixHost {
    /// Its row of the peer table; `None` for this host.
    pub key: Option<PeerKey>,
    /// Its name.
    pub name: HostName,
    /// Whether it is there.
    pub state: State,
}

/// What one host hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixRow {
    /// Whose row it is: the index of a host.
    pub host: usize,
    /// One for each host, in their order.
    pub cells: Vec<Hearing>,
    /// When it told so last; `None` if it never did.
    pub told_at: Option<Instant>,
}

/// What the columns of a link have in common.
struct Columns<'a> {
    interface: u32,
    /// The members of the link, each with its place among the hosts.
    members: Vec<(usize, &'a Peer, IdBeginning)>,
}

impl Node {
    /// Whether a peer is heard itself on a link: lately, and not only by others who vouch for it. `None` while it is too new
    /// to tell.
    fn hears(&self, now: Instant, interface: u32, peer: &Peer, patience: Duration) -> Option<bool> {
        let there = peer.paths.iter().filter(|path| path.interface == interface);
        let last = there.filter_map(|path| path.last_heard).max();
        let vouched_for = || {
            let link = self.links.get(&interface);
            let doubts = peer.key.id().zip(link).is_some_and(|(id, link)| link.ring.doubts.contains_key(id));
            peer.reach == Reach::NotHeard && doubts
        };
        let patience = patience.max(peer.time_to_live);
        if vouched_for() {
            return Some(false);
        }
        if last.is_some_and(|last| now.since(last) < patience) {
            return Some(true);
        }
        let listed_for = now.since(peer.state_since);
        (listed_for >= patience).then_some(false)
    }

    /// What this host tells of a link, no longer than `room` bytes.
    pub(crate) fn own_hears(&self, now: Instant, interface: u32, room: usize) -> Hears {
        let (mut hears, most, patience) = (Hears::default(), Hears::fitting(room), self.lifetime());
        for peer in self.table.iter().filter(|peer| is_member(peer, interface)) {
            match self.hears(now, interface, peer, patience) {
                Some(true) => hears.heard = hears.heard.saturating_add(1),
                Some(false) if hears.unheard.len() < most.min(UNHEARD_MAX) => {
                    hears.unheard.extend(peer.key.id().map(IdBeginning::from));
                }
                Some(false) | None => {}
            }
        }
        // The table is in the order of identities, so what is double stands together.
        hears.unheard.dedup();
        hears
    }

    /// A peer told whom it hears.
    pub(crate) fn note_word(&mut self, arrival: Arrival, extension: &Extension, digest: Digest) {
        let Some(hears) = extension.hears.as_deref() else { return };
        let own = self.links.get(&arrival.interface).map(|link| link.digest.live());
        let rest_is_heard = own == Some(digest) && hears.covers(digest.hosts);
        let key = self.key_of(extension.id, arrival.from.ip());
        let Some(peer) = self.table.get_mut(&key) else { return };
        let on_path = |path: &&mut Path| path.interface == arrival.interface && path.address == arrival.from.ip();
        if let Some(path) = peer.paths.iter_mut().find(on_path) {
            path.said.set_hears(arrival.now, hears, rest_is_heard);
        }
    }

    /// Who hears whom. Costs a look at every pair of hosts.
    pub fn matrix(&self, now: Instant) -> Matrix {
        let peers: Vec<&Peer> = self.table.iter().filter(|peer| peer.is_live()).collect();
        let own = MatrixHost { key: None, name: self.profile.name.clone(), state: State::Up };
        let host =
            |peer: &&Peer| MatrixHost { key: Some(peer.key.clone()), name: peer.name.clone(), state: peer.state };
        let hosts: Vec<MatrixHost> = std::iter::once(own).chain(peers.iter().map(host)).collect();
        let columns: Vec<Columns<'_>> = self.links.keys().map(|index| columns(*index, &peers)).collect();
        let mut rows = vec![self.own_row(now, &peers)];
        let row = |(place, peer): (usize, &&Peer)| self.row_of(now, (place + 1, peer), hosts.len(), &columns);
        let others = peers.iter().enumerate().map(row);
        rows.extend(others.filter(|row| hosts.len() <= WHOLE_ROWS_MAX || row.cells.contains(&Hearing::NotHeard)));
        Matrix { hosts, rows }
    }

    fn own_row(&self, now: Instant, peers: &[&Peer]) -> MatrixRow {
        let patience = self.lifetime();
        let cell = |peer: &&Peer| {
            let on_links = self.links.keys().filter(|link| is_there(peer, **link));
            let heard: Vec<Option<bool>> = on_links.map(|link| self.hears(now, *link, peer, patience)).collect();
            match (heard.contains(&Some(true)), heard.contains(&Some(false))) {
                (true, _) => Hearing::Heard,
                (false, true) => Hearing::NotHeard,
                (false, false) => Hearing::Unknown,
            }
        };
        let cells = std::iter::once(Hearing::Itself).chain(peers.iter().map(cell)).collect();
        MatrixRow { host: 0, cells, told_at: Some(now) }
    }

    fn row_of(&self, now: Instant, (place, peer): (usize, &Peer), hosts: usize, columns: &[Columns<'_>]) -> MatrixRow {
        // What was said before the last heartbeats got lost counts no more.
        let patience = self.lifetime().max(peer.time_to_live);
        let mut cells = vec![Hearing::Unknown; hosts];
        let mut told_at = None;
        for path in &peer.paths {
            let columns = columns.iter().find(|columns| columns.interface == path.interface);
            let (Some(at), Some(columns)) = (path.said.hears_at(), columns) else { continue };
            told_at = told_at.max(Some(at));
            if now.since(at) < patience {
                let is_copied = self.clone_reported.is_some_and(|at| now.since(at) < COPIED_FOR);
                let own = (!is_copied).then(|| IdBeginning::from(&self.identity.id));
                fill(&mut cells, &path.said, columns, own);
            }
        }
        if let Some(cell) = cells.get_mut(place) {
            *cell = Hearing::Itself;
        }
        MatrixRow { host: place, cells, told_at }
    }
}

/// Writes into the cells what a peer says of a link. Who is heard on one link is heard, whatever is said of another one.
fn fill(cells: &mut [Hearing], said: &Said, columns: &Columns<'_>, own: Option<IdBeginning>) {
    let mut put = |place: usize, since: Instant, beginning: IdBeginning| {
        let Some(hears) = said.hears(beginning, since) else { return };
        if let Some(cell) = cells.get_mut(place).filter(|cell| **cell != Hearing::Heard) {
            *cell = if hears { Hearing::Heard } else { Hearing::NotHeard };
        }
    };
    if let Some(own) = own {
        put(0, Instant::ZERO, own);
    }
    for (place, peer, beginning) in &columns.members {
        // A suspect was there before it was suspected.
        let since = if peer.state == State::Up { peer.state_since } else { Instant::ZERO };
        put(*place, since, *beginning);
    }
}

fn columns<'a>(interface: u32, peers: &[&'a Peer]) -> Columns<'a> {
    let member = |(place, peer): (usize, &&'a Peer)| {
        let id = peer.key.id().filter(|_| is_member(peer, interface))?;
        Some((place + 1, *peer, IdBeginning::from(id)))
    };
    Columns { interface, members: peers.iter().enumerate().filter_map(member).collect() }
}

/// Whether a peer has an address on a link.
fn is_there(peer: &Peer, interface: u32) -> bool {
    peer.paths.iter().any(|path| path.interface == interface) || is_member(peer, interface)
}
