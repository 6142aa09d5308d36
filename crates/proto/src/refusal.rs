//! The kernel of a peer answers for it: nobody listens.
//!
//! So a program that was killed is missed within a second and a half. What says so can be forged, hence the peer is tried
//! again and everybody is asked for it as ever, only faster.

use std::net::IpAddr;
use std::time::Duration;

use crate::chain::{Chain, Stage};
use crate::id::PeerId;
use crate::monitor::SOON;
use crate::node::Node;
use crate::time::Instant;

impl Node {
    /// The kernel of a peer that was asked says that nobody listens. That is no proof, since it can be forged: the peer
    /// is tried at once and once more a little later, and then suspected for a short time.
    pub(crate) fn hear_unreachable(&mut self, now: Instant, interface: u32, address: IpAddr) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        if let Some(asked) = link.ring.asked.filter(|asked| asked.to == address) {
            link.ring.asked = None;
            self.miss(now, interface, &asked.id, asked.sent_at);
        }
        let pause = self.config.try_interval;
        let Some(link) = self.links.get_mut(&interface) else { return };
        let of_address = |(_, chain): &(&PeerId, &mut Chain)| {
            chain.stage == Stage::Asked && (chain.to == Some(address) || chain.to.is_none())
        };
        let refused: Vec<PeerId> = link
            .ring
            .chains
            .iter_mut()
            .filter(of_address)
            .filter(|(_, chain)| chain.tries > chain.refused_at_try)
            .map(|(id, _)| *id)
            .collect();
        for id in refused {
            if self.address_in_ring(&id, interface) == Some(address) {
                // What came in shows that this host hears, too.
                if let Some(link) = self.links.get_mut(&interface) {
                    link.ring.health.heard = Some(now + SOON);
                }
                self.refuse(now, interface, &id, pause);
            }
        }
        self.plan_watch(now, interface);
    }

    fn refuse(&mut self, now: Instant, interface: u32, id: &PeerId, pause: Duration) {
        let refused_after = self.config.refused_after;
        let Some(link) = self.links.get_mut(&interface) else { return };
        let Some(chain) = link.ring.chains.get_mut(id) else { return };
        chain.refusals += 1;
        chain.refused_at_try = chain.tries;
        match chain.refusals {
            1 => chain.next = now,
            2 => chain.next = now + pause,
            _ => {
                (chain.suspect_at, chain.verdict_at) = (now, now + refused_after);
                chain.next = now;
            }
        }
    }
}
