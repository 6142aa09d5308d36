//! Two tables are found to differ: whether that is this host's to repair, when, and by whom.

use std::time::Duration;

use crate::digest::Digest;
use crate::learn::Arrival;
use crate::message::Extension;
use crate::node::Node;
use crate::peer::{PeerKey, State};
use crate::pull::PAUSE_MIN;
use crate::time::Instant;
use crate::timers::Timer;

/// Least time for which a difference must last before it is repaired, so that what is under way arrives first.
const SETTLE: Duration = Duration::from_millis(30);
/// Spread of that, least and for each host of the network: many may see one difference at once.
const SETTLE_SPREAD: Duration = Duration::from_millis(100);
const SETTLE_SHARE: Duration = Duration::from_millis(1);
/// Where this host agrees with others, so many hosts after a differing one in the ring look into it.
const LOOKERS: u32 = 3;

impl Node {
    /// A peer told its digest by multicast.
    pub(crate) fn compare(&mut self, arrival: Arrival, extension: &Extension, digest: Digest) {
        let (now, interface) = (arrival.now, arrival.interface);
        let key = PeerKey::Identity(extension.id);
        let Some(peer) = self.table.get_mut(&key).filter(|peer| peer.state == State::Up) else { return };
        let on_path = |path: &&mut crate::peer::Path| path.interface == interface && path.address == arrival.from.ip();
        if let Some(path) = peer.paths.iter_mut().find(on_path) {
            path.said.set_digest(digest);
        }
        let hosts = self.hosts();
        let Some(link) = self.links.get(&interface) else { return };
        if digest == link.digest.known() {
            if link.digest.unheard_rows > 0 {
                self.confirm_all(now, interface);
            }
            return self.agree(now, interface);
        }
        if digest == link.digest.live() {
            return self.agree(now, interface);
        }
        // A notify is never answered, so this takes a probe.
        if extension.nonce.is_some() {
            self.ask_why_fewer(arrival, &key, digest);
        }
        let Some(link) = self.links.get(&interface) else { return };
        if link.puller.current.is_some() {
            return;
        }
        let joining = !link.joined && now < link.search_start + self.config.confirm_after;
        if !joining {
            return self.plan_repair(now, interface, (key, digest));
        }
        let stormy = link.newcomers.will_tell(now, hosts) || link.pages.others_tell(now);
        // Where another was answered, this host is not the only one that comes.
        let alone = extension.echo.is_none() || extension.echo == link.search_nonce;
        if let Some(link) = self.links.get_mut(&interface) {
            link.differs = true;
        }
        if stormy || !alone {
            // Others will be told, or tell of themselves: what is missing then is asked for.
            return self.plan_repair(now, interface, (key, digest));
        }
        self.start_pull(now, interface, key, 1);
    }

    fn agree(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.puller.agreed = Some((now, link.digest.live()));
        link.puller.pause = PAUSE_MIN;
        if link.puller.current.is_none() {
            (link.joined, link.differs) = (true, false);
        }
    }

    /// Looks again in a while, at whoever of those that differ knows most.
    pub(crate) fn plan_repair(&mut self, now: Instant, interface: u32, (key, theirs): (PeerKey, Digest)) {
        let hosts = self.hosts();
        let late = self.random.f64();
        let Some(link) = self.links.get_mut(&interface) else { return };
        let before = link.puller.differing.as_ref().map(|(_, digest)| digest.hosts);
        if before.is_none_or(|hosts| theirs.hosts >= hosts) {
            link.puller.differing = Some((key, theirs));
        }
        if before.is_some() {
            return;
        }
        link.puller.differing_since = now;
        let at = if link.joined && !link.newcomers.will_tell(now, hosts) {
            let spread = SETTLE_SPREAD.max(SETTLE_SHARE * u32::try_from(hosts).unwrap_or(u32::MAX));
            (now + SETTLE + spread.mul_f64(late)).max(link.puller.not_before(link.digest.live()))
        } else {
            now + link.newcomers.quiet(hosts).mul_f64(0.5 + 0.5 * late)
        };
        link.timers.set(Timer::Repair, at);
    }

    /// The time to settle is over: pulls if the peer still differs, as far as it has told.
    pub(crate) fn fire_repair(&mut self, now: Instant, interface: u32) {
        let hosts = self.hosts();
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Repair);
        let Some((key, told)) = link.puller.differing.take() else { return };
        if link.puller.current.is_some() {
            return;
        }
        if link.newcomers.will_tell(now, hosts) || link.pages.others_tell(now) {
            // The table is just being told to all, or will be once all are there.
            return self.plan_repair(now, interface, (key, told));
        }
        let own = [link.digest.live(), link.digest.known()];
        // Where the other knows less, or others agree meanwhile, it is the one that differs who lacks something and will
        // ask for it. A few look all the same, because it may know somebody else.
        let since = link.puller.differing_since;
        let sure = link.puller.agreed.is_some_and(|(at, digest)| at > since && Some(&digest) == own.first());
        let sure = sure || own.iter().all(|own| told.hosts < own.hosts);
        if sure && key.id().is_some_and(|id| self.rank_after(id, interface, LOOKERS) >= LOOKERS) {
            return;
        }
        let theirs = self.table.get(&key).filter(|peer| peer.state == State::Up).and_then(|peer| {
            peer.paths.iter().find(|path| path.interface == interface).and_then(|path| path.said.digest())
        });
        if theirs.is_some_and(|theirs| !own.contains(&theirs)) {
            self.start_pull(now, interface, key, 1);
        }
    }
}
