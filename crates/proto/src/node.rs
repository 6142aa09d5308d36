//! The engine of one host: two verbs, `handle` and `poll`.
//!
//! This file holds the state and the order of things; what is done stands in the files named after it: `receive`
//! (a datagram comes in), `learn` (a peer is heard), `hearsay` (a peer is told of), `announce` and `answer` (this host
//! speaks), `pull` (two tables are brought together), `monitor`, `suspicion` and `verdict` (a peer dies), `expiry` (a
//! lifetime ends), `measure` (round trips), `conflict` (two claim one name or identity).

use std::collections::{BTreeMap, VecDeque};

use crate::absence::Absence;
use crate::config::Config;
use crate::counters::{Counters, Drop, Ledger};
use crate::event::{Cause, Change, Command, Event, Input, Output, Profile};
use crate::group::Keyring;
use crate::id::PeerId;
use crate::interface::Interface;
use crate::known::KnownPeer;
use crate::lateness::Lateness;
use crate::link::Link;
use crate::message::INTEGER_MAX;
use crate::peer::{Path, Peer, PeerKey, State};
use crate::prove::Gate;
use crate::said::Said;
use crate::signature::HostSecret;
use crate::table::PeerTable;
use crate::text::HostName;
use crate::time::Instant;
use crate::timers::Timer;
use crate::trust::Trust;

/// Room for so many outputs is kept when all of them were taken.
const OUTPUTS_KEPT: usize = 64;

/// Who this host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Its public key.
    pub id: PeerId,
    /// Its incarnation: 1 to 2^53 - 1, stored durably before the engine is made, greater than in every earlier run.
    pub epoch: u64,
}

/// What the engine tells of one link.
#[derive(Debug, Clone, Copy)]
pub struct LinkView<'a> {
    /// The interface.
    pub interface: &'a Interface,
    /// When this host's own multicast was last heard back there.
    pub heard_self: Option<Instant>,
    /// How many own multicast datagrams were sent since any was heard, own or another's. The kernel loops each back at
    /// once, so more than one or two mean that no multicast comes in: a firewall, or a membership that got lost.
    pub unheard: u32,
    /// When any extended peer was last heard there, whatever it sent and to whom.
    pub heard: Option<Instant>,
    /// When another host's multicast was last heard there, or the link came into use.
    pub heard_group: Instant,
    /// Share of datagrams that are lost one way, 0 to 1, as far as the probes of the neighbours tell; `None` before they
    /// told anything.
    pub loss: Option<f64>,
    /// Whether nobody at all is heard there although peers are listed: this host is cut off, and blames none of them.
    pub isolated: bool,
}

/// The discovery engine of one host. It has no socket, no clock and no thread.
///
/// Give it what happens with [`Node::handle`], then take what it wants done with [`Node::poll`] until that answers
/// [`Output::Wait`]. The same inputs, times and seed give the same outputs, byte for byte.
#[derive(Debug)]
pub struct Node {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) profile: Profile,
    pub(crate) sequence: u64,
    pub(crate) random: fastrand::Rng,
    pub(crate) table: PeerTable,
    pub(crate) links: BTreeMap<u32, Link>,
    pub(crate) ledger: Ledger,
    pub(crate) outputs: VecDeque<Output>,
    /// What this host signs with; without it, it neither signs nor verifies.
    pub(crate) secret: Option<HostSecret>,
    pub(crate) keyring: Keyring,
    pub(crate) gate: Gate,
    /// Until when nobody is doubted, because this host was not able to hear.
    pub(crate) grace_until: Instant,
    /// Whether another row has this host's name.
    pub(crate) name_taken: bool,
    /// When a copy of this host was last reported.
    pub(crate) clone_reported: Option<Instant>,
    /// Who is known and not listed in this mode.
    pub(crate) aside: Vec<KnownPeer>,
    /// What the goodbye tells.
    pub(crate) absence: Option<Box<Absence>>,
    pub(crate) leaving: bool,
    pub(crate) left: bool,
    pub(crate) waiting_until: Option<Instant>,
    pub(crate) lateness: Lateness,
}

impl Node {
    /// The engine of the host `identity`, which knows `known` from its last run.
    ///
    /// `seed` decides every random choice; draw it from the operating system, or fix it to repeat a run. Nothing
    /// happens before the first [`Input::Interfaces`].
    pub fn new(identity: Identity, profile: Profile, config: Config, seed: u64, known: Vec<KnownPeer>) -> Self {
        let config = config.bounded();
        let mut node = Self {
            secret: None,
            keyring: Keyring::default(),
            gate: Gate::new(&config, 0),
            config,
            identity,
            profile,
            sequence: 0,
            random: fastrand::Rng::with_seed(seed),
            table: PeerTable::default(),
            links: BTreeMap::new(),
            ledger: Ledger::new(),
            outputs: VecDeque::new(),
            grace_until: Instant::ZERO,
            name_taken: false,
            clone_reported: None,
            aside: Vec::new(),
            absence: None,
            leaving: false,
            left: false,
            waiting_until: None,
            lateness: Lateness::default(),
        };
        for peer in known {
            node.restore(Instant::ZERO, peer);
        }
        node
    }

    /// Signs everything that this host says from the start, and takes from extended peers only what is signed. `keyring` has
    /// the keys of its group, if it is in one. The host's identity becomes that of `secret`.
    ///
    /// Without this a node trusts whatever it hears and signs nothing: good for a simulation, or a network that nobody else can
    /// send to. Hosts that are sealed, as all real ones are, do not list an extended node that does not sign.
    #[must_use]
    pub fn sealed(mut self, secret: HostSecret, keyring: Keyring) -> Self {
        self.identity.id = secret.id();
        self.gate = Gate::new(&self.config, self.random.u64(..));
        (self.secret, self.keyring) = (Some(secret), keyring);
        let own: Vec<PeerKey> =
            self.table.iter().map(|peer| peer.key.clone()).filter(|key| self.is_this_host(key)).collect();
        own.iter().for_each(|key| drop(self.table.remove(key)));
        let told = self.outputs.len();
        self.set_refused_aside(Instant::ZERO);
        // Nobody was told of them yet.
        self.outputs.truncate(told);
        self
    }

    /// The group keys in use.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The bounds of the table and of what is verified, by name: most rows (`extended`, `base`, `unproven_extended`,
    /// `unproven_base`), and verifications a second (`verify_known`, `verify_strangers`).
    pub fn limits(&self) -> [(&'static str, u64); 6] {
        let config = &self.config;
        [
            ("extended", config.peers_max as u64),
            ("base", config.base_peers_max as u64),
            ("unproven_extended", config.unproven_max as u64),
            ("unproven_base", config.nursery_max as u64),
            ("verify_known", config.verify_rate.per_second.into()),
            ("verify_strangers", config.stranger_rate.per_second.into()),
        ]
    }

    /// Whom this host lists.
    pub fn mode(&self) -> crate::trust::Mode {
        self.config.mode
    }

    /// Tells the engine what happened. Never panics and never blocks, whatever the input; a time after [`Instant::LATEST`] counts
    /// as that, and one before the last is allowed.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.take_in(now, input);
        if !self.left {
            let told = self.outputs.len();
            self.run_due(now.min(Instant::LATEST), Timer::is_any);
            self.tell_disputes(told);
        }
    }

    /// The same where more may be waiting to be handled: what is due is left to the next [`Node::handle`], with
    /// [`Input::Tick`] if nothing more comes. Whoever is slow learns so what others did before it does the same: with two hundred
    /// hosts on two processors, each of them answered what another had answered long ago.
    pub fn take_in(&mut self, now: Instant, input: Input<'_>) {
        if self.left {
            return;
        }
        let now = now.min(Instant::LATEST);
        self.lateness.note(now);
        let told = self.outputs.len();
        // Whatever this host said after its goodbye would undo it, so nothing but the passing of time counts then.
        if !self.leaving {
            self.notice_lateness(now);
            match input {
                Input::Datagram(datagram) => self.receive(now, &datagram, None),
                Input::Decoded(datagram, decoded) => self.receive(now, &datagram, Some(decoded)),
                Input::Interfaces(interfaces) => self.change_interfaces(now, interfaces),
                Input::Command(command) => self.command(now, command),
                Input::Unreachable { interface, address } => self.hear_unreachable(now, interface, address),
                Input::Tick => {}
            }
        }
        self.tell_disputes(told);
    }

    /// Brings what was told since the output of this number up to date with what the same step found out: a row that comes up
    /// disputed has no link from its first event on.
    pub(crate) fn tell_disputes(&mut self, since: usize) {
        for output in self.outputs.iter_mut().skip(since) {
            if let Output::Event(Event::Peer { change: Change::Up, peer, .. }) = output
                && let Some(row) = self.table.get(&peer.key)
            {
                peer.conflict.clone_from(&row.conflict);
                peer.holds_name = row.holds_name;
            }
        }
    }

    /// The next thing to do; [`Output::Wait`] when there is nothing more for now.
    #[must_use]
    pub fn poll(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        if self.outputs.capacity() > OUTPUTS_KEPT {
            // A whole network came at once; that memory is not needed again soon.
            self.outputs = VecDeque::new();
        }
        let (until, why) = self.next_deadline().unzip();
        self.waiting_until = until;
        Output::Wait { until, why }
    }

    /// The peer table.
    pub fn table(&self) -> &PeerTable {
        &self.table
    }

    /// The numbers so far.
    pub fn counters(&self) -> &Counters {
        &self.ledger.counters
    }

    /// Who this host is.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// What this host tells of itself.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The links in use.
    pub fn links(&self) -> impl Iterator<Item = LinkView<'_>> {
        self.links.values().map(|link| LinkView {
            interface: &link.interface,
            heard_self: link.heard_self,
            heard: link.ring.health.heard,
            heard_group: link.heard_group,
            unheard: link.unheard,
            loss: link.ring.health.measured_loss(),
            isolated: link.ring.health.isolated,
        })
    }

    /// Whether another live host has this host's name.
    pub fn is_name_taken(&self) -> bool {
        self.name_taken
    }

    /// How many hosts the network has, this one included.
    pub fn hosts(&self) -> usize {
        self.table.live_extended() + 1
    }

    pub(crate) fn restore(&mut self, now: Instant, known: KnownPeer) {
        if self.is_this_host(&known.key) || !self.make_room(now, known.key.is_base()) {
            return;
        }
        let (state, reason) = known.down.map_or((State::Unknown, None), |reason| (State::Down, Some(reason)));
        let (last_heard, newest, said) = (None, (0, 0), Said::default());
        let path = |address| Path { interface: 0, address, last_heard, newest, seen: 0, said: said.clone() };
        let time_to_live = self.config.heartbeat * self.config.missed_heartbeats;
        self.table.insert(Peer {
            epoch: known.epoch,
            sequence: known.sequence,
            time_to_live,
            facts: known.facts,
            certificate: known.certificate.map(Box::new),
            paths: known.addresses.into_iter().map(path).collect(),
            state,
            reason,
            trust: known.trust,
            holds_name: known.holds_name && known.trust > Trust::Unsigned,
            ..Peer::new(known.key, known.name, (known.http_port, known.https_port), Instant::ZERO)
        });
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Search => self.links.values_mut().for_each(|link| link.start_searching(now)),
            Command::Measure => self.start_measuring(now),
            Command::Profile(profile) => self.change_profile(now, profile),
            Command::Forget(key) => {
                if self.table.get(&key).is_some_and(|peer| peer.state == State::Down) {
                    self.remove_peer(now, &key, Cause::Forgotten);
                }
            }
            Command::Trust(key) => self.trust_row(&key),
            Command::Keyring(keyring) => self.change_keyring(now, keyring),
            Command::Mode(mode) => self.change_mode(now, mode),
            Command::Quit => self.start_leaving(now),
            Command::Leave(absence) => {
                self.absence = Some(Box::new(absence));
                self.start_leaving(now);
            }
        }
    }

    fn change_profile(&mut self, now: Instant, profile: Profile) {
        if profile == self.profile {
            return;
        }
        let before = std::mem::replace(&mut self.profile, profile);
        self.rebuild_digests(now);
        self.links.values_mut().for_each(|link| link.start_announcing(now));
        self.review_name(&before.name);
        self.review_name(&self.profile.name.clone());
    }

    fn start_leaving(&mut self, now: Instant) {
        self.leaving = true;
        self.links.values_mut().for_each(|link| link.start_leaving(now));
    }

    fn change_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        let was_alone = self.links.is_empty();
        let mut before = std::mem::take(&mut self.links);
        for interface in interfaces.into_iter().filter(|interface| interface.address().is_some()) {
            let index = interface.index;
            let link = match before.remove(&index) {
                Some(link) if link.interface == interface => link,
                Some(mut link) if link.interface.networks.first() == interface.networks.first() => {
                    link.change_interface(interface, now);
                    link
                }
                Some(mut link) => {
                    link.change_interface(interface, now);
                    link.start_searching(now);
                    link.start_announcing(now);
                    link
                }
                None => Link::new(interface, &self.config, now),
            };
            self.links.insert(index, link);
        }
        for index in before.keys() {
            self.drop_paths_of(*index);
        }
        self.rebuild_digests(now);
        self.join_rings(now);
        if was_alone && !self.links.is_empty() {
            self.grace_until = now + self.config.grace;
            self.plan_all(now);
        }
    }

    pub(crate) fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    pub(crate) fn emit_peer(&mut self, key: &PeerKey, change: Change, cause: Cause) {
        if let Some(peer) = self.table.get(key) {
            let peer = Box::new(peer.clone());
            self.emit(Event::Peer { change, cause, peer });
        }
    }

    pub(crate) fn remove_peer(&mut self, now: Instant, key: &PeerKey, cause: Cause) {
        if let Some(peer) = self.table.remove(key) {
            if let Some(id) = key.id() {
                self.take_marks_off(now, id, &peer.marks);
            }
            let name = peer.name.clone();
            self.emit(Event::Peer { change: Change::Removed, cause, peer: Box::new(peer) });
            self.review_name(&name);
        }
    }

    pub(crate) fn drop_datagram(&mut self, now: Instant, drop: Drop, from: std::net::SocketAddr) {
        if let Some(event) = self.ledger.drop(now, drop, from) {
            self.emit(event);
        }
    }

    fn is_this_host(&self, key: &PeerKey) -> bool {
        key.id() == Some(&self.identity.id)
    }

    pub(crate) fn is_me(&self, name: &HostName) -> bool {
        self.profile.name == *name
    }

    /// The number of the next datagram.
    pub(crate) fn next_sequence(&mut self) -> u64 {
        self.sequence = (self.sequence + 1).min(INTEGER_MAX);
        self.sequence
    }
}
