//! Two claim one name, or one identity: both rows stay, both are flagged, neither flaps.

use std::net::IpAddr;

use crate::event::{Cause, Change};
use crate::few::Few;
use crate::node::Node;
use crate::peer::{Conflict, Peer, PeerKey};
use crate::text::HostName;
use crate::time::Instant;
use crate::trust::{Trust, same_identity};

impl Conflict {
    /// The cause of the event that tells of it.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Name(_) => Cause::NameConflict,
            Self::Pinned(_) => Cause::KeyConflict,
            Self::Address(_) => Cause::AddressConflict,
            Self::Identity(_) => Cause::IdentityConflict,
        }
    }
}

impl Node {
    /// Flags the live rows of `name` if there are two of them, or one beside this host; takes the flag off otherwise.
    pub(crate) fn review_name(&mut self, name: &HostName) {
        if !self.is_me(name) && self.is_borne_once(name) {
            return;
        }
        let live: Vec<PeerKey> =
            self.table.named(name).filter(|peer| peer.is_live()).map(|peer| peer.key.clone()).collect();
        let mine = self.is_me(name);
        if mine {
            self.name_taken = !live.is_empty();
        }
        let holder = if self.is_sealed() && !mine { self.holder_of(name) } else { None };
        for key in &live {
            // Two hosts with one identity share their name too; that conflict is told as what it is.
            let rival = live.iter().find(|other| *other != key && !same_identity(other, key));
            let conflict = match rival {
                _ if holder.is_some() => self.dispute(key, holder.as_ref(), &live),
                Some(other) => Some(Conflict::Name(Some(other.clone()))),
                None if mine => Some(Conflict::Name(None)),
                None => None,
            };
            self.set_name_conflict(key, conflict);
        }
    }

    /// Whether one row has this name and no conflict: so it is with nearly all, and there is nothing to review.
    fn is_borne_once(&self, name: &HostName) -> bool {
        let mut rows = self.table.named(name);
        let settled = |peer: &Peer| peer.conflict.is_none() && (peer.holds_name || peer.trust == Trust::Unsigned);
        rows.next().is_some_and(settled) && rows.next().is_none()
    }

    fn set_name_conflict(&mut self, key: &PeerKey, conflict: Option<Conflict>) {
        let Some(peer) = self.table.get_mut(key) else { return };
        if matches!(peer.conflict.as_deref(), Some(Conflict::Identity(_) | Conflict::Address(_)))
            || peer.conflict.as_deref() == conflict.as_ref()
        {
            return;
        }
        let newly = peer.conflict.is_none();
        let cause = conflict.as_ref().map(Conflict::cause);
        peer.conflict = conflict.map(Box::new);
        match cause {
            None => self.emit_peer(key, Change::Changed, Cause::ConflictEnded),
            Some(cause) if newly => self.emit_peer(key, Change::Conflict, cause),
            Some(_) => {}
        }
    }

    /// Flags two rows that have one identity, each with the other's address.
    pub(crate) fn flag_clones(&mut self, now: Instant, first: (&PeerKey, IpAddr), second: (&PeerKey, IpAddr)) {
        for (key, other) in [first, second] {
            if let Some(peer) = self.table.get_mut(key) {
                peer.conflict = Some(Box::new(Conflict::Identity(other)));
                self.refresh_digest(now, key);
                self.emit_peer(key, Change::Conflict, Cause::IdentityConflict);
            }
        }
    }

    /// After a row went down: where only one host is left with its identity, the conflict is over, and the row of the identity
    /// is that host's.
    pub(crate) fn review_clones(&mut self, now: Instant, gone: &PeerKey) {
        let Some(id) = gone.id().copied() else { return };
        let live: Vec<PeerKey> =
            self.table.with_id(&id).filter(|peer| peer.is_live()).map(|peer| peer.key.clone()).collect();
        // A copy's row exists for the conflict alone.
        if matches!(gone, PeerKey::Clone(..)) {
            self.remove_peer(now, gone, Cause::ConflictEnded);
        }
        let [only] = live.as_slice() else { return };
        if matches!(only, PeerKey::Clone(..)) {
            return self.take_over(now, only, PeerKey::Identity(id));
        }
        if let Some(peer) = self.table.get_mut(only)
            && matches!(peer.conflict.as_deref(), Some(Conflict::Identity(_)))
        {
            peer.conflict = None;
            self.refresh_digest(now, only);
            self.emit_peer(only, Change::Changed, Cause::ConflictEnded);
        }
    }

    /// Makes a copy's row that of its identity. Who had that row before is gone, and its name with it: left in its hand, the name
    /// would be withheld from the identity that the other host has from now on.
    fn take_over(&mut self, now: Instant, copy: &PeerKey, identity: PeerKey) {
        let Some(peer) = self.table.get(copy).cloned() else { return };
        self.remove_peer(now, copy, Cause::ConflictEnded);
        let before = self.table.remove(&identity);
        let held = before.as_ref().is_some_and(|before| before.holds_name && before.name == peer.name);
        let name = peer.name.clone();
        self.table.insert(Peer {
            key: identity.clone(),
            conflict: None,
            marks: Few::new(),
            holds_name: held || peer.holds_name,
            ..peer
        });
        self.refresh_digest(now, &identity);
        self.give_name(&identity);
        self.emit_peer(&identity, Change::Up, Cause::ConflictEnded);
        if let Some(before) = before {
            self.review_name(&before.name);
        }
        self.review_name(&name);
    }
}
