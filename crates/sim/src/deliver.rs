//! Datagrams between hosts, and what a host's program makes of them.

use std::net::SocketAddr;
use std::rc::Rc;

use kimchi_peers_proto::{Cause, Change, Datagram, Event, Input, Instant, Kind, Message, Output, Peer, Timer};

use crate::check::Step;
use crate::host::{HostIndex, Life, Program};
use crate::model;
use crate::net::Flight;
use crate::wire::{Packet, group_of};
use crate::world::{Feed, Happening, More, World};

/// What an engine waits for.
type Awaited = Option<(Instant, Timer)>;

/// Most datagrams that wait in the socket of a stopped program.
const BACKLOG_MAX: usize = 4096;
/// For so long after a host or a link came back, a verdict over it is late rather than false.
const COMING_BACK: std::time::Duration = std::time::Duration::from_secs(5);

impl World {
    /// Takes a datagram off the wire.
    pub(crate) fn arrive(&mut self, flight: Flight, packet: Rc<Packet>) {
        let (index, nic) = (flight.host, flight.nic);
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        let plugged = host.nic(nic).is_some_and(|nic| nic.up);
        // Linux drops what comes in from outside with a source address of its own as martian.
        let martian = packet.sender != index && host.addresses().any(|own| own == packet.from.ip());
        if !plugged || martian {
            return;
        }
        if host.refuses && !packet.to.ip().is_multicast() {
            return self.refuse(packet.sender, packet.from.ip(), packet.to.ip());
        }
        match host.life {
            Life::Running => {
                if let Some(packet) = self.enqueue(index, nic, packet) {
                    self.feed(index, &Feed::Packet(nic, packet));
                }
            }
            Life::Stopped if host.backlog.len() < BACKLOG_MAX => host.backlog.push_back((nic, packet)),
            Life::Off | Life::Suspended | Life::Stopped => {}
        }
    }

    /// Answers by port unreachable; such an answer is lost like any datagram.
    fn refuse(&mut self, sender: HostIndex, source: std::net::IpAddr, address: std::net::IpAddr) {
        let nic = self.host(sender).and_then(|host| host.nics.iter().find(|nic| nic.network.address == source));
        let Some((nic, segment)) = nic.map(|nic| (nic.index, nic.segment)) else { return };
        let Some(conditions) = self.net.segment(segment).map(|segment| segment.conditions.clone()) else { return };
        if self.random.f64() >= conditions.loss {
            self.push(self.now + conditions.latency, Happening::Refusal { host: sender, nic, address });
        }
    }

    /// A port unreachable comes in.
    pub(crate) fn hear_refusal(&mut self, index: HostIndex, nic: u32, address: std::net::IpAddr) {
        if self.host(index).is_some_and(|host| host.life == Life::Running) {
            self.feed(index, &Feed::Unreachable(nic, address));
        }
    }

    /// Gives something to a host's program and does what it wants done.
    pub(crate) fn feed(&mut self, index: HostIndex, feed: &Feed) {
        self.feed_more(index, feed, More::No);
    }

    /// The same where `more` may be waiting to be given to it.
    pub(crate) fn feed_more(&mut self, index: HostIndex, feed: &Feed, more: More) {
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        let interfaces = if matches!(feed, Feed::Interfaces) { host.interfaces() } else { Vec::new() };
        let now = host.clock(self.now);
        let waited = host.wait;
        let node = match &mut host.program {
            Program::Extended(node) => node,
            Program::Base(_) => return self.feed_base(index, feed),
            Program::Naive(_) => return self.feed_naive(index, feed),
            Program::None => return,
        };
        let input = match feed {
            Feed::Packet(nic, packet) => {
                Input::Decoded(datagram(*nic, packet), packet.message.as_ref().map_err(|error| *error))
            }
            Feed::Unreachable(interface, address) => Input::Unreachable { interface: *interface, address: *address },
            Feed::Interfaces => Input::Interfaces(interfaces),
            Feed::Command(command) => Input::Command(command.clone()),
            Feed::Tick => Input::Tick,
        };
        let mut outputs = std::mem::take(&mut self.outputs);
        // The only line where time enters an engine.
        match more {
            More::No => node.handle(now, input),
            More::Yes => node.take_in(now, input),
            More::Urgent => {
                node.take_in(now, input);
                node.do_urgent(now);
            }
        }
        let waits = loop {
            match node.poll() {
                Output::Wait { until, why } => break until.zip(why),
                output @ (Output::Send { .. } | Output::Event(_)) => outputs.push(output),
            }
        };
        self.look_at(index, (now, feed, more), (waited, waits), &outputs);
        self.plan_wake(index, waits);
        for output in outputs.drain(..) {
            self.carry_out(index, output);
        }
        self.outputs = outputs;
    }

    fn look_at(
        &mut self,
        index: HostIndex,
        (now, feed, more): (Instant, &Feed, More),
        (waited, waits): (Awaited, Awaited),
        outputs: &[Output],
    ) {
        if let Feed::Packet(_, packet) = feed {
            let what = packet.kind().map_or("noise", Kind::as_str);
            self.trace.line(self.now, format_args!("{index} gets {what} from {} to {}", packet.from, packet.to));
        }
        let (Some(host), Some(watch)) = (self.hosts.get(index.0), self.watches.get_mut(index.0)) else { return };
        let Some(node) = host.node() else { return };
        let step = Step { host, node, now, feed, more: more != More::No, waited, outputs, waits };
        let found = watch.step(&step, self.invariants.covers(index));
        if let Some(tally) = self.tallies.get_mut(index.0) {
            tally.received += u64::from(matches!(feed, Feed::Packet(..)));
        }
        if let Err(what) = found
            && self.broken.is_none()
        {
            self.broken = Some(self.broken_by(Some(index), what));
        }
    }

    fn carry_out(&mut self, index: HostIndex, output: Output) {
        match output {
            Output::Send { .. } if self.muted => {}
            Output::Send { interface, from, to, bytes } => {
                let port = to.port();
                self.transmit(index, interface, (SocketAddr::new(from, port), to), bytes);
            }
            Output::Event(event) => self.note(index, event),
            Output::Wait { .. } => {}
        }
    }

    /// Puts a datagram on the wire.
    pub(crate) fn transmit(
        &mut self,
        index: HostIndex,
        nic: u32,
        (from, to): (SocketAddr, SocketAddr),
        bytes: Vec<u8>,
    ) {
        let Some(segment) = self.host(index).and_then(|host| host.nic(nic)).filter(|nic| nic.up).map(|nic| nic.segment)
        else {
            return;
        };
        let message = Message::decode(&bytes);
        let kind = message.as_ref().ok().map(|message| message.kind);
        let what = kind.map_or("noise", Kind::as_str);
        self.trace.line(self.now, format_args!("{index} sends {what} from {from} to {to}, {} bytes", bytes.len()));
        self.count(index, kind, to, bytes.len());
        let mut flights = self.net.flights(&mut self.random, self.now, (segment, index), to.ip());
        for flight in &mut flights {
            flight.at += self.hosts.get(flight.host.0).map_or(std::time::Duration::ZERO, |host| host.slow_by);
        }
        // The one that arrives first stands last, where it is taken off.
        flights.sort_by_key(|flight| std::cmp::Reverse(flight.at));
        if let Some(first) = flights.last() {
            let packet = Rc::new(Packet { sender: index, from, to, bytes: bytes.into(), message });
            self.push(first.at, Happening::Arrivals(packet, flights));
        }
    }

    fn count(&mut self, index: HostIndex, kind: Option<Kind>, to: SocketAddr, bytes: usize) {
        let (Some(tally), Some(kind)) = (self.tallies.get_mut(index.0), kind) else { return };
        let lane = if to.ip().is_multicast() { &mut tally.multicast } else { &mut tally.unicast };
        *lane.entry(kind).or_insert(0) += 1;
        tally.bytes += bytes as u64;
    }

    fn note(&mut self, index: HostIndex, event: Event) {
        match event {
            Event::Peer { change, cause, peer } => self.note_peer(index, change, cause, &peer),
            Event::SelfCloned { address, name } => {
                self.trace.line(self.now, format_args!("{index} meets a copy of itself: {name} at {address}"));
                if let Some(tally) = self.tallies.get_mut(index.0) {
                    tally.clones_of_me += 1;
                }
            }
            Event::Left => self.stop(index),
            Event::Dropped { cause, count, from } => {
                self.trace.line(self.now, format_args!("{index} dropped {count} by {cause}, newest from {from}"));
            }
            _ => self.trace.line(self.now, format_args!("{index} tells {event:?}")),
        }
    }

    fn note_peer(&mut self, index: HostIndex, change: Change, cause: Cause, peer: &Peer) {
        let (what, why) = (change.as_str(), cause.as_str());
        self.trace.line(self.now, format_args!("{index} tells {} {what} by {why}", peer.name));
        let falsely = change == Change::Down && self.is_there(index, peer);
        let Some(tally) = self.tallies.get_mut(index.0) else { return };
        match change {
            Change::Up => tally.ups += 1,
            Change::Suspect => tally.suspects += 1,
            Change::Down => {
                tally.downs += 1;
                let by_quit = matches!(cause, Cause::Heard(_));
                tally.false_goodbyes += u64::from(falsely && by_quit);
                tally.false_downs += u64::from(falsely && !by_quit);
            }
            Change::Changed | Change::Removed | Change::Conflict => {}
        }
    }

    /// Whether the host that a row means is there and has been within earshot, both ways, for a while.
    fn is_there(&self, index: HostIndex, peer: &Peer) -> bool {
        let Some(other) = model::host_of(self, &peer.key) else { return false };
        let settled = |host: HostIndex| {
            self.host(host).is_some_and(|host| {
                host.life == Life::Running && !host.leaving && self.now.since(host.life_since) > COMING_BACK
            })
        };
        settled(other) && model::hears(self, index, other) && model::hears(self, other, index)
    }

    fn feed_base(&mut self, index: HostIndex, feed: &Feed) {
        let Feed::Packet(nic, packet) = feed else { return };
        let Ok(message) = &packet.message else { return };
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        let Some(address) = host.nic(*nic).map(|nic| nic.network.address) else { return };
        let Program::Base(base) = &mut host.program else { return };
        if let Some(answer) = base.receive(address, message) {
            let group = group_of(address);
            self.transmit(index, *nic, (SocketAddr::new(address, group.port()), group), answer);
        }
    }

    fn feed_naive(&mut self, index: HostIndex, feed: &Feed) {
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        let now = host.clock(self.now);
        let Some((nic, own)) = host.nics.first().map(|nic| (nic.index, nic.network.address)) else { return };
        let Program::Naive(naive) = &mut host.program else { return };
        let says = match feed {
            Feed::Packet(_, packet) => {
                packet.message.as_ref().ok().and_then(|message| naive.receive(now, own, message))
            }
            Feed::Interfaces => Some(naive.say(Kind::Search, own)),
            Feed::Tick => naive.beats(now).then(|| naive.say(Kind::Notify, own)),
            Feed::Command(_) | Feed::Unreachable(..) => None,
        };
        let wait = naive.wakes_at().map(|at| (at, Timer::Heartbeat));
        self.plan_wake(index, wait);
        if let Some(bytes) = says {
            let group = group_of(own);
            self.transmit(index, nic, (SocketAddr::new(own, group.port()), group), bytes);
        }
    }

    /// Lets a base peer multicast on each of its interfaces; `false` if the host is none.
    pub(crate) fn speak_as_base(&mut self, index: HostIndex, kind: Kind) -> bool {
        let Some(host) = self.hosts.get(index.0) else { return false };
        let Program::Base(base) = &host.program else { return false };
        let of_nic = |nic: &crate::host::Nic| (nic.index, nic.network.address, base.say(kind, nic.network.address));
        let messages: Vec<_> = host.nics.iter().filter(|nic| nic.up).map(of_nic).collect();
        for (nic, address, bytes) in messages {
            let group = group_of(address);
            self.transmit(index, nic, (SocketAddr::new(address, group.port()), group), bytes);
        }
        true
    }
}

fn datagram(nic: u32, packet: &Packet) -> Datagram<'_> {
    Datagram { interface: nic, from: packet.from, lane: packet.lane(), ttl: packet.ttl(), bytes: &packet.bytes }
}
