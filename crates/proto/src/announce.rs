//! When and what this host says: searches, announcements, heartbeats, goodbyes.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::absence::Absence;
use crate::claim::Claims;
use crate::counters::Drop;
use crate::digest::Digest;
use crate::event::Output;
use crate::facts::Facts;
use crate::frame::DATAGRAM_MAX;
use crate::hears::Hears;
use crate::id::PeerId;
use crate::message::{Extension, INTEGER_MAX, Info, Kind, Message, Nonce, TIME_TO_LIVE_MAX};
use crate::node::Node;
use crate::peer::State;
use crate::roster::{Pull, Roster};
use crate::signature::sealed_longer;
use crate::time::Instant;
use crate::timers::Timer;

/// Shortest time between two searches of a series.
const SEARCH_PAUSE: Duration = Duration::from_millis(100);
/// Time between two copies of a goodbye; all are said within 100 ms.
const GOODBYE_INTERVAL: Duration = Duration::from_millis(45);

/// What distinguishes one datagram of this host from another.
#[derive(Debug, Clone, Default)]
pub(crate) struct Detail {
    pub(crate) target: Option<PeerId>,
    pub(crate) nonce: Option<Nonce>,
    pub(crate) echo: Option<Nonce>,
    /// The digest; what goes to the group tells it anyway.
    pub(crate) digest: Option<Digest>,
    pub(crate) hears: Option<Box<Hears>>,
    pub(crate) pull: Option<Box<Pull>>,
    pub(crate) roster: Option<Box<Roster>>,
    pub(crate) claims: Option<Box<Claims>>,
    pub(crate) absence: Option<Box<Absence>>,
    /// Leaves the group's code out: who asked could not check it.
    pub(crate) outsider: bool,
    /// Leaves the facts out, so that an answer is no longer than its question.
    pub(crate) brief: bool,
}

/// One step of the series of searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Ask everybody; one host answers.
    Everybody,
    /// Ask the base peers alone.
    BasePeers,
    /// Say once more that this host is there.
    Announce,
    /// Nothing is to be said now.
    Pause,
    /// Nothing is missing: the series is over.
    End,
}

impl Node {
    /// Does what a link's timer stands for.
    pub(crate) fn fire(&mut self, now: Instant, interface: u32, timer: Timer) {
        match timer {
            Timer::Search => self.fire_search(now, interface),
            Timer::Answer | Timer::Announce | Timer::Heartbeat => self.fire_notify(now, interface, timer),
            Timer::Elected => self.fire_elected(now, interface),
            Timer::Pull => self.fire_pull(now, interface),
            Timer::Page => self.fire_page(now, interface),
            Timer::Repair => self.fire_repair(now, interface),
            Timer::Goodbye => self.fire_goodbye(now, interface),
            Timer::Watch => self.fire_watch(now, interface),
            Timer::Measure => self.fire_measure(now, interface),
            Timer::Check => {}
        }
    }

    fn fire_search(&mut self, now: Instant, interface: u32) {
        let step = self.next_step(interface);
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(Timer::Search);
        if step == Step::End {
            return;
        }
        if step != Step::Pause && !link.multicast.take(now) {
            link.timers.set(Timer::Search, link.multicast.ready_at());
            return;
        }
        link.searches_sent += 1;
        if let Some(after) = self.config.searches.get(link.searches_sent) {
            // Never two at once, also where this host was late.
            link.timers.set(Timer::Search, (link.search_start + *after).max(now + SEARCH_PAUSE));
        }
        if step == Step::Pause {
            return;
        }
        link.news = false;
        let detail = match step {
            // The nonce asks for one answer; without it, everybody would answer.
            Step::Everybody => {
                link.search_nonce = Some(Nonce(self.random.u64(..)));
                Detail { nonce: link.search_nonce, ..Detail::default() }
            }
            Step::BasePeers => {
                link.last_base_search = Some(now);
                Detail { target: Some(self.identity.id), ..Detail::default() }
            }
            Step::Announce | Step::Pause | Step::End => {
                link.last_notify = Some(now);
                Detail::default()
            }
        };
        let kind = if step == Step::Announce { Kind::Notify } else { Kind::Search };
        self.send_group(now, interface, kind, detail);
        self.plan_heartbeat(now, interface);
    }

    /// What the next step of a link's series of searches is. The second one is there so that 20 % loss leaves out one
    /// host in 25; who has been answered by then says it as an announcement, which nobody answers.
    fn next_step(&self, interface: u32) -> Step {
        let Some(link) = self.links.get(&interface) else { return Step::End };
        let unheard = self.table.unknown() > 0;
        let unanswered = link.searches_sent > 0 && unheard && !link.answered_by_extended;
        if link.has_reason_to_search() || unanswered {
            return Step::Everybody;
        }
        let second = link.searches_sent == 1;
        // Nobody else tells of base peers, so they are asked again for themselves.
        let wanted = |state: State| state == State::Unknown || (second && state == State::Up);
        if self.table.base() > 0 && self.table.iter().any(|peer| peer.key.is_base() && wanted(peer.state)) {
            return Step::BasePeers;
        }
        match (second, link.announced || self.config.observer) {
            (true, false) => Step::Announce,
            (true, true) => Step::Pause,
            (false, _) => Step::End,
        }
    }

    fn fire_notify(&mut self, now: Instant, interface: u32, timer: Timer) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.timers.clear(timer);
        if self.config.observer {
            return;
        }
        if !link.multicast.take(now) {
            link.timers.set(timer, link.multicast.ready_at());
            return;
        }
        // One announcement serves everything that waits for one.
        link.timers.clear(Timer::Answer);
        link.close_elections();
        link.last_notify = Some(now);
        link.announced = true;
        if timer == Timer::Announce {
            link.repeat_announcement(now);
        }
        // Who hears whom changes slowly, so the heartbeats alone tell it.
        let hears = if timer == Timer::Heartbeat { self.hears_that_fits(now, interface) } else { None };
        self.send_group(now, interface, Kind::Notify, Detail { hears, ..Detail::default() });
        self.plan_heartbeat(now, interface);
    }

    fn hears_that_fits(&mut self, now: Instant, interface: u32) -> Option<Box<Hears>> {
        let digest = self.links.get(&interface).map(|link| link.digest.live());
        let length = self.length_of(now, interface, Kind::Notify, Detail { digest, ..Detail::default() })?;
        Some(Box::new(self.own_hears(now, interface, DATAGRAM_MAX.saturating_sub(length))))
    }

    fn fire_goodbye(&mut self, now: Instant, interface: u32) {
        let Some(link) = self.links.get_mut(&interface) else { return };
        link.goodbyes_left = link.goodbyes_left.saturating_sub(1);
        if link.goodbyes_left == 0 {
            link.timers.clear(Timer::Goodbye);
        } else {
            link.timers.set(Timer::Goodbye, now + GOODBYE_INTERVAL);
        }
        self.send_group(
            now,
            interface,
            Kind::Quit,
            Detail { brief: true, absence: self.absence.clone(), ..Detail::default() },
        );
    }

    /// The next heartbeat comes one interval after the last announcement of any sort, plus or minus a tenth.
    pub(crate) fn plan_heartbeat(&mut self, now: Instant, interface: u32) {
        let interval = self.config.heartbeat_interval(self.hosts());
        let jittered = interval.mul_f64(0.9 + 0.2 * self.random.f64());
        if let Some(link) = self.links.get_mut(&interface) {
            link.timers.set(Timer::Heartbeat, now + jittered);
        }
    }

    /// Answers a search by multicast: after a random delay, and not sooner than the bound per link allows.
    ///
    /// Every host answers so. Searches that one host is elected to answer stand in `answer.rs`.
    pub(crate) fn plan_answer(&mut self, now: Instant, interface: u32) {
        let jitter = self.config.answer_jitter(self.hosts()).mul_f64(self.random.f64());
        let interval = self.config.answer_interval;
        if let Some(link) = self.links.get_mut(&interface) {
            let earliest = link.last_notify.map_or(now, |last| last + interval);
            link.timers.set_earlier(Timer::Answer, (now + jitter).max(earliest));
        }
    }

    /// Contradicts a goodbye that this host did not say.
    pub(crate) fn refute(&mut self, now: Instant) {
        for link in self.links.values_mut() {
            link.timers.set_earlier(Timer::Announce, now);
        }
    }

    /// Asks the base peers of a link who is there. The search names this host as its target, so no extended peer answers.
    pub(crate) fn search_base_peers(&mut self, now: Instant, interface: u32) {
        let target = Some(self.identity.id);
        let Some(link) = self.links.get_mut(&interface) else { return };
        if link.multicast.take(now) {
            link.last_base_search = Some(now);
            self.send_group(now, interface, Kind::Search, Detail { target, ..Detail::default() });
        }
    }

    pub(crate) fn send_group(&mut self, now: Instant, interface: u32, kind: Kind, detail: Detail) {
        let Some(from) = self.links.get(&interface).and_then(|link| link.interface.address()) else { return };
        let group = match from {
            IpAddr::V4(_) => IpAddr::V4(self.config.group_v4),
            IpAddr::V6(_) => IpAddr::V6(self.config.group_v6),
        };
        if let Some(link) = self.links.get_mut(&interface) {
            link.unheard = link.unheard.saturating_add(1);
        }
        let digest = self.links.get(&interface).map(|link| link.digest.live()).filter(|_| kind != Kind::Quit);
        let message = self.compose(now, interface, from, kind, Detail { digest, ..detail });
        let bytes = self.seal(&message);
        self.push(interface, kind, from, SocketAddr::new(group, self.config.port), bytes);
    }

    /// Sends to one neighbour; `longest` bounds the datagram's length. Tells whether it was sent.
    pub(crate) fn send_unicast(
        &mut self,
        now: Instant,
        interface: u32,
        to: SocketAddr,
        (kind, detail): (Kind, Detail),
        longest: usize,
    ) -> bool {
        let Some(link) = self.links.get(&interface) else { return false };
        // Nothing is ever sent to an off-link address because of a datagram.
        let Some(from) = link
            .interface
            .address()
            .filter(|from| link.interface.is_on_link(to.ip()) && from.is_ipv4() == to.is_ipv4())
        else {
            return false;
        };
        let message = self.compose(now, interface, from, kind, detail);
        let bytes = self.seal(&message);
        if bytes.len() > longest {
            return false;
        }
        let allowed = self.links.get_mut(&interface).is_some_and(|link| link.unicast.take(now));
        if allowed {
            self.push(interface, kind, from, to, bytes);
        } else {
            self.drop_datagram(now, Drop::Throttled, to);
        }
        allowed
    }

    pub(crate) fn push(&mut self, interface: u32, kind: Kind, from: IpAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.ledger.sent(kind, bytes.len());
        self.outputs.push_back(Output::Send { interface, from, to, bytes });
    }

    /// How long a message with that detail would be, at the greatest number.
    pub(crate) fn length_of(&mut self, now: Instant, interface: u32, kind: Kind, detail: Detail) -> Option<usize> {
        let from = self.links.get(&interface)?.interface.address()?;
        let sequence = std::mem::replace(&mut self.sequence, INTEGER_MAX);
        let message = self.compose(now, interface, from, kind, detail);
        let length = message.encode().len() + self.seal_of(&message);
        self.sequence = sequence;
        Some(length)
    }

    /// The datagram of a message: signed, if this host signs.
    fn seal(&self, message: &Message) -> Vec<u8> {
        match &self.secret {
            Some(secret) => message.seal(secret, &self.keyring),
            None => message.encode(),
        }
    }

    /// How many bytes the signature takes, and the group's name and code.
    fn seal_of(&self, message: &Message) -> usize {
        let coded = message.info.extension.as_ref().is_some_and(|extension| extension.group.is_some());
        if self.is_sealed() { sealed_longer(coded) } else { 0 }
    }

    /// For how long others shall not doubt this host.
    pub(crate) fn lifetime(&self) -> Duration {
        self.config.heartbeat_interval(self.hosts()) * self.config.missed_heartbeats
    }

    fn compose(&mut self, now: Instant, interface: u32, address: IpAddr, kind: Kind, detail: Detail) -> Message {
        let seconds = u32::try_from(self.lifetime().as_secs()).unwrap_or(u32::MAX).clamp(1, TIME_TO_LIVE_MAX);
        let previous = self.links.get(&interface).and_then(|link| link.previous_address(now));
        let extension = Extension {
            id: self.identity.id,
            epoch: self.identity.epoch,
            sequence: self.next_sequence(),
            time_to_live: if self.config.observer { 0 } else { seconds },
            target: detail.target,
            nonce: detail.nonce,
            echo: detail.echo,
            previous_address: previous.filter(|_| {
                let is_long = detail.pull.is_some() || detail.roster.is_some() || detail.claims.is_some();
                !is_long && detail.absence.is_none()
            }),
            group: self.keyring.primary_id().filter(|_| !detail.outsider),
            digest: detail.digest,
            hears: detail.hears,
            pull: detail.pull,
            roster: detail.roster,
            claims: detail.claims,
            absence: detail.absence,
            facts: if detail.brief { Facts::default() } else { self.profile.facts.clone() },
            certificate: self.profile.certificate.filter(|_| !detail.brief),
        };
        let info = Info {
            name: self.profile.name.clone(),
            address,
            http_port: self.profile.http_port,
            https_port: self.profile.https_port,
            extension: Some(extension),
        };
        Message { kind, info }
    }
}
