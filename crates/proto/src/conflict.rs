//! Two claim one name, or one identity: both rows stay, both are flagged, neither flaps.

use std::net::IpAddr;

use crate::event::{Cause, Change};
use crate::node::Node;
use crate::peer::{Conflict, Peer, PeerKey};
use crate::text::HostName;
use crate::time::Instant;
use crate::trust::{Trust, same_identity};

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
        let ended = conflict.is_none();
        let cause =
            if matches!(conflict, Some(Conflict::Pinned(_))) { Cause::KeyConflict } else { Cause::NameConflict };
        peer.conflict = conflict.map(Box::new);
        if ended {
            self.emit_peer(key, Change::Changed, Cause::ConflictEnded);
        } else if newly {
            self.emit_peer(key, Change::Conflict, cause);
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

    /// After a row went down: where only one host is left with its identity, the conflict is over.
    pub(crate) fn review_clones(&mut self, now: Instant, gone: &PeerKey) {
        let Some(id) = gone.id() else { return };
        let live: Vec<PeerKey> =
            self.table.with_id(id).filter(|peer| peer.is_live()).map(|peer| peer.key.clone()).collect();
        if let [only] = live.as_slice()
            && let Some(peer) = self.table.get_mut(only)
            && matches!(peer.conflict.as_deref(), Some(Conflict::Identity(_)))
        {
            peer.conflict = None;
            self.refresh_digest(now, only);
            self.emit_peer(only, Change::Changed, Cause::ConflictEnded);
        }
        // A copy's row exists for the conflict alone.
        if matches!(gone, PeerKey::Clone(..)) {
            self.remove_peer(now, gone, Cause::ConflictEnded);
        }
    }
}
