//! A datagram comes in: where it may come from, whose it is, what it asks.
//!
//! The checks stand in the order of their cost, so that a flood is dropped by the cheapest one that applies.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::absence::Away;
use crate::announce::Detail;
use crate::counters::Drop;
use crate::digest::TOLD_NAME_MAX;
use crate::error::DecodeError;
use crate::event::{Cause, Datagram, Event, Lane};
use crate::learn::Arrival;
use crate::message::{Extension, Info, Kind, Message};
use crate::node::Node;
use crate::peer::{Peer, PeerKey, Reason, State};
use crate::prove::Proof;
use crate::time::Instant;

/// The time to live of a unicast datagram that has crossed no router (RFC 5082).
pub const UNICAST_TTL: u8 = 255;
/// Shortest time between two reports of a copy of this host.
const CLONE_REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// A goodbye's number is near the last one heard; a greater leap is no goodbye of that incarnation.
pub(crate) const GOODBYE_LEAP_MAX: u64 = 1 << 20;

impl Node {
    /// Takes one datagram, together with what it says where that is known already.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        decoded: Option<Result<&Message, DecodeError>>,
    ) {
        if let Some(drop) = self.refuse_source(datagram) {
            return self.drop_datagram(now, drop, datagram.from);
        }
        if datagram.lane == Lane::Group
            && let Some(link) = self.links.get_mut(&datagram.interface)
        {
            link.unheard = 0;
        }
        match decoded {
            Some(Ok(message)) => self.receive_message(now, datagram, message),
            Some(Err(error)) => self.receive_noise(now, datagram, error),
            None => match Message::decode(datagram.bytes) {
                Ok(message) => self.receive_message(now, datagram, &message),
                Err(error) => self.receive_noise(now, datagram, error),
            },
        }
    }

    fn receive_noise(&mut self, now: Instant, datagram: &Datagram<'_>, error: DecodeError) {
        if let Some(event) = self.ledger.undecodable(now, error, datagram.from) {
            self.emit(event);
        }
    }

    fn receive_message(&mut self, now: Instant, datagram: &Datagram<'_>, message: &Message) {
        if self.is_own(now, datagram, message) {
            return;
        }
        if self.is_goodbye_in_my_name(message) {
            self.refute(now);
        }
        if !self.address_fits(datagram, &message.info) {
            return self.drop_datagram(now, Drop::AddressMismatch, datagram.from);
        }
        if self.claims_my_console(&message.info) {
            return self.drop_datagram(now, Drop::OwnConsole, datagram.from);
        }
        let arrival = Arrival { interface: datagram.interface, from: datagram.from, now, proof: Proof::Nothing };
        let arrival = match self.prove(arrival, datagram, message) {
            Ok(proof) => Arrival { proof, ..arrival },
            Err(drop) => return self.drop_datagram(now, drop, datagram.from),
        };
        self.ledger.received(message.kind);
        if let Some(link) = self.links.get_mut(&datagram.interface).filter(|_| datagram.lane == Lane::Group) {
            link.heard_group = now;
        }
        if !self.is_admitted(arrival, message) {
            return self.drop_datagram(now, Drop::NotAdmitted, datagram.from);
        }
        let lost = datagram.lane == Lane::Unicast && self.is_lost(&message.info);
        match message.kind {
            Kind::Search => self.receive_search(arrival, datagram, message),
            Kind::Notify => self.receive_notify(arrival, datagram.lane, message),
            Kind::Quit => self.receive_quit(arrival, &message.info),
        }
        if lost && message.kind != Kind::Quit {
            self.tell_of_return(arrival, &message.info);
        }
    }

    /// Whether the sender is one of those that this host lists. A base peer that is not is answered all the same: it may list
    /// whom it likes.
    fn is_admitted(&mut self, arrival: Arrival, message: &Message) -> bool {
        let admitted = !self.is_sealed() || self.config.mode.admits(arrival.proof.trust());
        if !admitted && message.kind == Kind::Search && message.info.extension.is_none() && !self.config.observer {
            self.plan_answer(arrival.now, arrival.interface);
        }
        admitted
    }

    fn refuse_source(&self, datagram: &Datagram<'_>) -> Option<Drop> {
        let Some(link) = self.links.get(&datagram.interface) else { return Some(Drop::Interface) };
        if !link.interface.is_on_link(datagram.from.ip()) {
            return Some(Drop::OffLink);
        }
        (datagram.lane == Lane::Unicast && datagram.ttl != UNICAST_TTL).then_some(Drop::Ttl)
    }

    /// Recognises what this host sent itself, and what a copy of this host sends.
    fn is_own(&mut self, now: Instant, datagram: &Datagram<'_>, message: &Message) -> bool {
        let from_here = self.carries(datagram.from.ip());
        let own = match &message.info.extension {
            Some(extension) if extension.id == self.identity.id => {
                if !from_here {
                    let arrival =
                        Arrival { interface: datagram.interface, from: datagram.from, now, proof: Proof::Nothing };
                    // Whoever has the identity has its key, or lies.
                    match self.prove(arrival, datagram, message) {
                        Ok(_) => self.meet_copy(now, datagram.from.ip(), message, extension),
                        Err(drop) => self.drop_datagram(now, drop, datagram.from),
                    }
                    return true;
                }
                true
            }
            Some(_) => false,
            // Another program of this host that speaks for the same console.
            None => from_here && self.speaks_for_me(&message.info),
        };
        if own {
            // A host that leaves hears nothing more, so a goodbye that looks like its own is somebody else's.
            match &message.info.extension {
                Some(extension) if message.kind == Kind::Quit => self.contradict(now, extension),
                None if message.kind == Kind::Quit => self.refute(now),
                Some(_) | None => {}
            }
            self.ledger.counters.own += 1;
            if datagram.lane == Lane::Group
                && let Some(link) = self.links.get_mut(&datagram.interface)
            {
                link.heard_self = Some(now);
            }
        }
        own
    }

    /// A base goodbye with this host's name and address. Base peers believe it wherever it comes from, so it is
    /// contradicted even where its source or its ports give it away.
    fn is_goodbye_in_my_name(&self, message: &Message) -> bool {
        let info = &message.info;
        message.kind == Kind::Quit && info.extension.is_none() && self.is_me(&info.name) && self.carries(info.address)
    }

    /// Whether `address` is one of this host's own.
    pub(crate) fn carries(&self, address: IpAddr) -> bool {
        self.links.values().any(|link| link.interface.carries(address))
    }

    fn speaks_for_me(&self, info: &Info) -> bool {
        info.https_port == self.profile.https_port && info.http_port == self.profile.http_port
    }

    /// This host's identity from another address: a goodbye is contradicted, anything else means a copied identity.
    fn meet_copy(&mut self, now: Instant, address: IpAddr, message: &Message, extension: &Extension) {
        if message.kind == Kind::Quit {
            self.contradict(now, extension);
        }
        if self.clone_reported.is_none_or(|at| now.since(at) >= CLONE_REPORT_INTERVAL) {
            self.clone_reported = Some(now);
            self.emit(Event::SelfCloned { address, name: message.info.name.clone() });
        }
    }

    /// Speaks up with a greater number than the false goodbye had, so that nobody takes the contradiction for old.
    fn contradict(&mut self, now: Instant, goodbye: &Extension) {
        let believable = goodbye.epoch == self.identity.epoch && goodbye.sequence < self.sequence + GOODBYE_LEAP_MAX;
        if believable {
            self.sequence = self.sequence.max(goodbye.sequence);
        }
        self.refute(now);
    }

    fn address_fits(&self, datagram: &Datagram<'_>, info: &Info) -> bool {
        let Some(link) = self.links.get(&datagram.interface) else { return false };
        let source = datagram.from.ip();
        let claimed = info.address;
        // A base peer with two addresses on the link may send from the one and announce the other.
        let own_word = claimed == source || (info.extension.is_none() && link.interface.is_on_link(claimed));
        own_word && link.interface.can_be_host(claimed)
    }

    /// Nobody else's row may lead to this host's own console.
    fn claims_my_console(&self, info: &Info) -> bool {
        self.carries(info.address) && self.speaks_for_me(info)
    }

    fn receive_search(&mut self, arrival: Arrival, datagram: &Datagram<'_>, message: &Message) {
        let settled = self.is_settled(arrival.now, arrival.interface);
        let extension = message.info.extension.as_ref();
        let is_up = |node: &Self, id| node.table.get(&PeerKey::Identity(id)).is_some_and(Peer::is_live);
        let newcomer = extension.map(|extension| extension.id).filter(|id| !is_up(self, *id));
        if self.learn(arrival, message) {
            self.hear_in_ring(arrival, message);
        }
        if self.config.observer {
            return;
        }
        if newcomer.is_some() {
            self.note_newcomer(arrival.now, arrival.interface);
        }
        if extension.and_then(|extension| extension.target).is_some_and(|target| target != self.identity.id) {
            return;
        }
        let nonce = extension.and_then(|extension| extension.nonce);
        match (datagram.lane, nonce, extension) {
            (Lane::Unicast, Some(_), Some(extension)) if extension.pull.is_some() => {
                if let Some(digest) = extension.digest {
                    self.remind(arrival, extension, digest);
                }
                if let Some(pull) = &extension.pull {
                    self.answer_pull(arrival, datagram, extension, pull);
                }
            }
            (Lane::Unicast, Some(_), _) => {
                if !self.answer_directly(arrival, extension, datagram) {
                    self.plan_answer(arrival.now, arrival.interface);
                }
                if let Some((extension, digest)) = extension.and_then(|extension| Some((extension, extension.digest?)))
                {
                    self.remind(arrival, extension, digest);
                    self.compare(arrival, extension, digest);
                }
            }
            // Whose name is too long to be told by others answers for itself.
            (Lane::Group, Some(nonce), Some(extension)) if self.profile.name.as_str().len() <= TOLD_NAME_MAX => {
                self.stand_for_answer(arrival, extension.id, nonce, settled);
            }
            (Lane::Group | Lane::Unicast, _, _) => {
                if let Some(link) = self.links.get_mut(&arrival.interface)
                    && datagram.lane == Lane::Group
                {
                    link.roll_called = Some(arrival.now);
                }
                self.plan_answer(arrival.now, arrival.interface);
            }
        }
    }

    /// Answers a directed search to its sender alone. An answer longer than its question goes to the group instead,
    /// so that nobody can use this host to multiply what he sends.
    fn answer_directly(&mut self, arrival: Arrival, question: Option<&Extension>, datagram: &Datagram<'_>) -> bool {
        let echo = question.and_then(|question| question.nonce);
        // Who tells its digest is told one.
        let link = self.links.get(&arrival.interface).filter(|_| question.is_some_and(|asked| asked.digest.is_some()));
        let digest = link.map(|link| link.digest.live());
        // Who tells of no group key could not check the code, and the answer must not be longer than the question.
        let outsider = question.is_some_and(|asked| asked.group.is_none());
        let detail = Detail { echo, digest, outsider, brief: true, ..Detail::default() };
        let to = SocketAddr::new(arrival.from.ip(), self.config.port);
        self.send_unicast(arrival.now, arrival.interface, to, (Kind::Notify, detail), datagram.bytes.len())
    }

    fn receive_notify(&mut self, arrival: Arrival, lane: Lane, message: &Message) {
        let extension = message.info.extension.as_ref();
        if let Some(link) = self.links.get_mut(&arrival.interface) {
            link.answered = true;
            link.answered_by_extended |= extension.is_some();
        }
        let listed = self.is_listed(arrival, message);
        let news = self.learn(arrival, message);
        if news {
            self.hear_in_ring(arrival, message);
        }
        let Some(extension) = extension else { return };
        if news
            && listed
            && let Some(claims) = &extension.claims
        {
            self.hear_claims(arrival, lane, extension.id, claims);
        }
        match (lane, extension.digest) {
            (Lane::Group, Some(digest)) => {
                if news {
                    self.note_word(arrival, extension, digest);
                }
                self.hear_answer(arrival.interface, digest);
                if let Some(roster) = &extension.roster {
                    self.hear_page(arrival, extension, digest, roster);
                }
                self.compare(arrival, extension, digest);
            }
            (Lane::Group, None) => {}
            (Lane::Unicast, Some(digest)) if extension.roster.is_none() => {
                self.receive_page(arrival, extension);
                self.compare(arrival, extension, digest);
            }
            (Lane::Unicast, _) => self.receive_page(arrival, extension),
        }
    }

    fn receive_quit(&mut self, arrival: Arrival, info: &Info) {
        let key = match &info.extension {
            Some(extension) => self.key_of(extension.id, arrival.from.ip()),
            None => PeerKey::Base(info.name.clone(), info.address),
        };
        let believed = self.table.get(&key).is_some_and(|peer| match &info.extension {
            Some(extension) => {
                let leap = extension.sequence.checked_sub(peer.sequence);
                // Of a peer that was only told of, no number is known.
                let numbered = peer.told.is_some() || leap.is_some_and(|leap| (1..GOODBYE_LEAP_MAX).contains(&leap));
                peer.newest_epoch() == extension.epoch
                    && numbered
                    && peer.paths.iter().any(|path| path.address == info.address)
            }
            None => arrival.from.ip() == info.address,
        });
        if believed {
            if let (Some(peer), Some(extension)) = (self.table.get_mut(&key), &info.extension) {
                peer.goodbye = Some(Box::new((extension.epoch, extension.sequence)));
                // The other copies of the goodbye say the same, a little later.
                if let Some(absence) = extension.absence.as_deref().filter(|_| peer.state != State::Down) {
                    let until = arrival.now + Duration::from_secs(absence.seconds().into());
                    peer.away = Some(Box::new(Away { until, reason: absence.reason().clone() }));
                }
            }
            self.mark_down(arrival.now, &key, Reason::Left, Cause::Heard(Kind::Quit));
        } else if info.extension.as_ref().is_none_or(|extension| extension.time_to_live > 0) {
            // Who only asked was never listed: its goodbye is for base peers and nothing to wonder about.
            self.drop_datagram(arrival.now, Drop::StrayQuit, arrival.from);
        }
    }
}
