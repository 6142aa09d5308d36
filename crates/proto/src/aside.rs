//! Whom a strict mode does not list is kept aside.
//!
//! A mode says who is listed and nothing else. Were such a row forgotten, whoever came first in a milder mode later would have
//! its name: an administrator who tries the strict mode for a minute would give away the names of all hosts that are down.

use crate::event::{Cause, Change};
use crate::known::KnownPeer;
use crate::node::Node;
use crate::peer::{Reason, State};
use crate::time::Instant;

impl Node {
    /// Takes those rows off the list that the mode does not admit, and remembers which names they hold.
    pub(crate) fn set_refused_aside(&mut self, now: Instant) {
        let mode = self.config.mode;
        let refused: Vec<KnownPeer> =
            self.table.iter().filter(|peer| !mode.admits(peer.trust)).map(KnownPeer::from).collect();
        for known in refused {
            self.remove_peer(now, &known.key, Cause::NotAdmitted);
            self.keep_aside(known);
        }
    }

    /// Remembers a row that is not listed, where it holds its name: of another nothing is lost.
    pub(crate) fn keep_aside(&mut self, known: KnownPeer) {
        if known.holds_name && self.aside.len() < self.config.peers_max {
            self.aside.push(known);
        }
    }

    /// Lists those again whom the mode admits, as lost until they are heard. A name that another row got meanwhile stays that
    /// one's: it proved more.
    pub(crate) fn bring_back_admitted(&mut self, now: Instant) {
        let mode = self.config.mode;
        let (admitted, refused) =
            std::mem::take(&mut self.aside).into_iter().partition(|known: &KnownPeer| mode.admits(known.trust));
        self.aside = refused;
        for known in admitted {
            if self.table.get(&known.key).is_none() {
                self.list_again(now, known);
            }
        }
    }

    fn list_again(&mut self, now: Instant, mut known: KnownPeer) {
        let key = known.key.clone();
        let reason = known.down.unwrap_or(Reason::Lost);
        known.down = Some(reason);
        known.holds_name = !self.table.named(&known.name).any(|peer| peer.holds_name);
        self.restore(now, known);
        if self.table.get(&key).is_none() {
            return;
        }
        self.table.set_state(&key, State::Down, Some(reason), now);
        self.plan_down(now, &key);
        self.emit_peer(&key, Change::Changed, Cause::AdmittedAgain);
    }
}
