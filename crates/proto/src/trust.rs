//! How far a row can be trusted: what its host proved, who holds a name, and what a network demands of its members.
//!
//! ```text
//!   base peer, or told of by others      signed by its own key        signed, and with the code of the group
//!            unsigned          <               pinned         <                   verified
//! ```
//!
//! A name belongs to the first key that was heard under it (as in the `known_hosts` of ssh): whoever else bears it later is
//! in conflict, and its link is not to be followed, until somebody trusts it or the old row is forgotten.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::event::{Cause, Change};
use crate::group::Keyring;
use crate::node::Node;
use crate::peer::{Conflict, Peer, PeerKey, State};
use crate::text::HostName;
use crate::time::Instant;

/// What the newest datagram of a peer proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Trust {
    /// Nothing: a base peer, or one that was not heard itself yet.
    #[default]
    Unsigned,
    /// That it has the key that it had when it was heard first.
    Pinned,
    /// That, and that it has a key of this host's group.
    Verified,
}

impl Trust {
    /// The class as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::Pinned => "pinned",
            Self::Verified => "verified",
        }
    }
}

/// Whom a host lists at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Mode {
    /// Everybody; who proves nothing is marked so, and never overrides who does.
    #[default]
    Mark,
    /// Who signs.
    RequireSigned,
    /// Who signs and has a key of the group.
    RequireGroup,
}

/// Why a text is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a mode: use `mark`, `require-signed` or `require-group`")]
pub struct InvalidMode;

impl Mode {
    /// All modes, from the mildest to the strictest.
    pub const ALL: [Self; 3] = [Self::Mark, Self::RequireSigned, Self::RequireGroup];

    /// The mode as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::RequireSigned => "require-signed",
            Self::RequireGroup => "require-group",
        }
    }

    /// Whether a peer of this class is listed.
    pub const fn admits(self, trust: Trust) -> bool {
        match self {
            Self::Mark => true,
            Self::RequireSigned => !matches!(trust, Trust::Unsigned),
            Self::RequireGroup => matches!(trust, Trust::Verified),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = InvalidMode;

    fn from_str(text: &str) -> Result<Self, InvalidMode> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or(InvalidMode)
    }
}

impl Node {
    /// Whether this host signs and verifies. Without a key nothing is trusted more than anything else.
    pub(crate) fn is_sealed(&self) -> bool {
        self.secret.is_some()
    }

    /// Other group keys from now on.
    pub(crate) fn change_keyring(&mut self, now: Instant, keyring: Keyring) {
        if keyring != self.keyring {
            self.keyring = keyring;
            // So that nobody has to wait for a heartbeat to see the new code.
            self.links.values_mut().for_each(|link| link.start_announcing(now));
        }
    }

    /// Another mode from now on: who is not admitted any more leaves the list, and who is again is asked for.
    pub(crate) fn change_mode(&mut self, now: Instant, mode: Mode) {
        if mode == self.config.mode {
            return;
        }
        self.config.mode = mode;
        self.set_refused_aside(now);
        self.bring_back_admitted(now);
        self.links.values_mut().for_each(|link| link.start_searching(now));
    }

    /// Gives a name to the row that bears it now, whoever held it before.
    pub(crate) fn trust_row(&mut self, key: &PeerKey) {
        let Some(peer) = self.table.get(key).filter(|peer| is_holder(peer)) else { return };
        let name = peer.name.clone();
        let others: Vec<PeerKey> = self.table.named(&name).map(|peer| peer.key.clone()).collect();
        for other in others {
            if let Some(peer) = self.table.get_mut(&other) {
                peer.holds_name = other == *key;
            }
        }
        self.review_name(&name);
    }

    /// Gives a name that nobody holds to a row that comes up with it, before anybody is told of the row: what is kept of it then
    /// is all there is to keep.
    pub(crate) fn give_name(&mut self, key: &PeerKey) {
        let Some(name) =
            self.table.get(key).filter(|peer| !peer.holds_name && is_holder(peer)).map(|peer| peer.name.clone())
        else {
            return;
        };
        if self.is_sealed() && !self.is_me(&name) {
            self.holder_of(&name);
        }
    }

    /// The row that holds `name`; gives the name to one if nobody holds it yet.
    pub(crate) fn holder_of(&mut self, name: &HostName) -> Option<PeerKey> {
        let held = self.table.named(name).find(|peer| peer.holds_name);
        if let Some(peer) = held {
            return Some(peer.key.clone());
        }
        let order = |peer: &&Peer| (std::cmp::Reverse(peer.trust), peer.state_since, peer.key.clone());
        let first = self.table.named(name).filter(|peer| is_holder(peer) && peer.is_live()).min_by_key(order)?;
        let key = first.key.clone();
        self.table.get_mut(&key)?.holds_name = true;
        Some(key)
    }

    /// What stands between a live row and its name, where names have holders.
    pub(crate) fn dispute(&self, key: &PeerKey, holder: Option<&PeerKey>, live: &[PeerKey]) -> Option<Conflict> {
        let holder = holder?;
        if holder == key {
            let signed = |other: &&PeerKey| {
                *other != key && !same_identity(other, key) && self.table.get(other).is_some_and(is_holder)
            };
            return live.iter().find(signed).map(|other| Conflict::Name(Some(other.clone())));
        }
        if same_identity(holder, key) {
            return None;
        }
        let there = live.contains(holder);
        Some(if there { Conflict::Name(Some(holder.clone())) } else { Conflict::Pinned(holder.clone()) })
    }

    /// Flags an unsigned row that leads to the address of a signed one.
    pub(crate) fn review_address(&mut self, key: &PeerKey, address: IpAddr) {
        if !self.is_sealed() {
            return;
        }
        let there = |peer: &&Peer| {
            peer.trust > Trust::Unsigned
                && peer.state == State::Up
                && peer.paths.iter().any(|path| path.address == address)
        };
        let other = self.table.iter().find(there).map(|peer| peer.key.clone());
        let Some(peer) = self.table.get_mut(key) else { return };
        match (other, peer.conflict.as_deref()) {
            (Some(_), Some(_))
            | (None, None | Some(Conflict::Name(_) | Conflict::Pinned(_) | Conflict::Identity(_))) => {}
            (Some(other), None) => {
                peer.conflict = Some(Box::new(Conflict::Address(other)));
                self.emit_peer(key, Change::Conflict, Cause::AddressConflict);
            }
            (None, Some(Conflict::Address(_))) => {
                peer.conflict = None;
                self.emit_peer(key, Change::Changed, Cause::ConflictEnded);
            }
        }
    }
}

/// Whether a row can hold a name: it proved a key, and is no copy.
fn is_holder(peer: &Peer) -> bool {
    peer.trust > Trust::Unsigned && matches!(peer.key, PeerKey::Identity(_))
}

pub(crate) fn same_identity(one: &PeerKey, other: &PeerKey) -> bool {
    one.id().is_some() && one.id() == other.id()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stricter_mode_admits_no_more() {
        let admitted = |mode: Mode| [Trust::Unsigned, Trust::Pinned, Trust::Verified].map(|trust| mode.admits(trust));
        assert_eq!(Mode::ALL.map(admitted), [[true; 3], [false, true, true], [false, false, true]]);
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!("strict".parse::<Mode>(), Err(InvalidMode));
    }
}
