//! What happens to hosts and links, as data: a scenario is a list of faults with their times.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use kimchi_peers_proto::{Absence, Claim, Command, HostName, Instant, Keyring, Kind, KnownPeer};

use crate::base::BasePeer;
use crate::host::{HostIndex, Life, Memory, Program, Role};
use crate::naive::NaivePeer;
use crate::net::{Conditions, Segment, SegmentIndex};
use crate::wire::{base_message, goodbye_of, group_of, slander_of};
use crate::world::{Feed, Happening, World};

/// Something that happens to the world.
#[derive(Debug, Clone)]
pub enum Fault {
    /// A host starts; one that runs is restarted.
    Boot(HostIndex, Memory),
    /// A host's program says goodbye and ends.
    Quit(HostIndex),
    /// The same, and it tells when it means to be back.
    Leave(HostIndex, Absence),
    /// A host is gone from one moment to the next.
    Crash(HostIndex),
    /// A host's program is gone from one moment to the next (SIGKILL), and its kernel says so to whoever asks.
    Kill(HostIndex),
    /// Every other host that runs, drawn at random, is gone from one moment to the next.
    HalfPowerCut,
    /// The machine sleeps; its clock goes on and what is sent to it is lost.
    Suspend(HostIndex, Duration),
    /// The program is stopped (SIGSTOP) for a while; what is sent to it waits.
    Stop(HostIndex, Duration),
    /// The end of [`Fault::Suspend`] and [`Fault::Stop`].
    Resume(HostIndex),
    /// The host handles everything that much too late.
    Slow(HostIndex, Duration),
    /// The host's clock leaps ahead, as that of a guest whose hypervisor paused it.
    ClockJump(HostIndex, Duration),
    /// These hosts and the rest of the segment do not hear each other.
    Partition(SegmentIndex, Vec<HostIndex>),
    /// What the first one sends does not reach the second one any more.
    OneWay(SegmentIndex, HostIndex, HostIndex),
    /// Every cut of the segment is repaired.
    Heal(SegmentIndex),
    /// The segment treats datagrams like this from now on.
    Weather(SegmentIndex, Conditions),
    /// The interface goes down or comes up, and the host is told so.
    Link(HostIndex, u32, bool),
    /// The interface goes down and up so many times, staying in each state for a while.
    Flap(HostIndex, u32, u32, Duration),
    /// The interface gets another address.
    Renumber(HostIndex, u32, IpAddr),
    /// The host gets another name.
    Rename(HostIndex, HostName),
    /// The program asks for a search.
    Search(HostIndex),
    /// The host has these group keys from now on.
    Keyring(HostIndex, Keyring),
    /// An attacker floods its segment with so many base searches a second for a while, under so many names.
    Storm(HostIndex, u32, Duration, u32),
    /// One host says of another one that it is missed or dead, although it hears it well.
    Slander(HostIndex, HostIndex, Slander),
    /// An attacker says goodbye in the name of another host.
    ForgedQuit(HostIndex, HostIndex, Forgery),
}

/// How well a goodbye is forged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// With the victim's identity, from the attacker's own address.
    Plain,
    /// With the victim's identity, number and source address: nothing but a signature can tell it from a true one.
    Spoofed,
}

/// What is falsely said of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slander {
    /// That it does not answer.
    Suspicion,
    /// That it is dead, with a number that is greater than any it has sent.
    Verdict,
}

/// A storm under way.
#[derive(Debug, Clone)]
pub(crate) struct Flood {
    attacker: HostIndex,
    gap: Duration,
    until: Instant,
    names: u32,
}

impl World {
    fn change_keyring(&mut self, index: HostIndex, keyring: Keyring) {
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        if let Some((_, kept)) = &mut host.seal {
            kept.clone_from(&keyring);
        }
        self.feed(index, &Feed::Command(Command::Keyring(keyring)));
    }

    /// Boots hosts without any memory, at random times within `spread`, and tells in how long the last one does.
    pub fn boot_all(&mut self, hosts: &[HostIndex], spread: Duration) -> Duration {
        let mut last = Duration::ZERO;
        for host in hosts {
            let delay = spread.mul_f64(self.random.f64());
            last = last.max(delay);
            self.after(delay, Fault::Boot(*host, Memory::Cold));
        }
        last
    }

    /// Lets a fault happen now.
    pub fn apply(&mut self, fault: Fault) {
        self.trace.line(self.now, format_args!("{fault:?}"));
        self.changes += 1;
        match fault {
            Fault::Boot(host, memory) => self.boot(host, memory),
            Fault::Quit(host) => self.leave(host, Command::Quit),
            Fault::Leave(host, absence) => self.leave(host, Command::Leave(absence)),
            Fault::Crash(host) => self.stop(host),
            Fault::Kill(host) => self.kill(host),
            Fault::HalfPowerCut => self.cut_power_of_half(),
            Fault::Suspend(host, duration) => self.sleep(host, Life::Suspended, duration),
            Fault::Stop(host, duration) => self.sleep(host, Life::Stopped, duration),
            Fault::Resume(host) => self.resume(host),
            Fault::Slow(host, by) => self.change_clock(host, |host| host.slow_by = by),
            Fault::ClockJump(host, by) => self.change_clock(host, |host| host.clock_ahead += by),
            Fault::Partition(segment, island) => self.change_segment(segment, |segment| segment.partition(&island)),
            Fault::OneWay(segment, from, to) => self.change_segment(segment, |segment| segment.block(from, to)),
            Fault::Heal(segment) => self.change_segment(segment, Segment::heal),
            Fault::Weather(segment, conditions) => {
                self.change_segment(segment, |segment| segment.conditions = conditions);
            }
            Fault::Link(host, nic, up) => self.set_link(host, nic, up),
            Fault::Flap(host, nic, times, each) => self.flap(host, nic, times, each),
            Fault::Renumber(host, nic, address) => self.renumber(host, nic, address),
            Fault::Rename(host, name) => self.rename(host, name),
            Fault::Search(host) => self.feed(host, &Feed::Command(Command::Search)),
            Fault::Keyring(host, keyring) => self.change_keyring(host, keyring),
            Fault::Storm(attacker, per_second, lasting, names) => {
                let gap = Duration::from_secs(1) / per_second.max(1);
                self.flood(Flood { attacker, gap, until: self.now + lasting, names: names.max(1) });
            }
            Fault::Slander(liar, victim, slander) => self.slander(liar, victim, slander),
            Fault::ForgedQuit(attacker, victim, forgery) => self.forge_quit(attacker, victim, forgery),
        }
    }

    fn change_segment(&mut self, index: SegmentIndex, change: impl FnOnce(&mut Segment)) {
        if let Some(segment) = self.net.segment_mut(index) {
            change(segment);
        }
    }

    fn set_life(&mut self, index: HostIndex, life: Life) {
        let now = self.now;
        self.changes += 1;
        if let Some(host) = self.hosts.get_mut(index.0) {
            host.life = life;
            host.life_since = now;
            host.leaving = false;
            host.refuses = false;
        }
    }

    fn boot(&mut self, index: HostIndex, memory: Memory) {
        self.stop(index);
        let known = self.hosts.get(index.0).map(|host| host.remembers(memory)).unwrap_or_default();
        self.boot_with(index, known);
    }

    /// Starts a host's next run with what it knows from the last one.
    pub(crate) fn boot_with(&mut self, index: HostIndex, known: Vec<KnownPeer>) {
        let seed = self.random.u64(..);
        self.set_life(index, Life::Running);
        let (Some(host), Some(watch)) = (self.hosts.get_mut(index.0), self.watches.get_mut(index.0)) else { return };
        match host.role {
            Role::Extended => host.start_engine(seed, known),
            Role::Base => host.program = Program::Base(BasePeer::new(host.name.clone())),
            Role::Naive { heartbeat } => {
                let now = host.clock(self.now);
                host.program = Program::Naive(NaivePeer::new(host.name.clone(), heartbeat, now));
            }
            Role::Attacker => {}
        }
        if let Some(node) = host.node().filter(|_| self.invariants.covers(index)) {
            watch.restart(node);
        }
        self.feed(index, &Feed::Interfaces);
        self.speak_as_base(index, Kind::Search);
    }

    fn leave(&mut self, index: HostIndex, command: Command) {
        if let Some(host) = self.hosts.get_mut(index.0).filter(|host| host.life == Life::Running) {
            host.leaving = true;
            self.feed(index, &Feed::Command(command));
        }
        if self.speak_as_base(index, Kind::Quit) {
            self.stop(index);
        }
    }

    fn kill(&mut self, index: HostIndex) {
        self.stop(index);
        if let Some(host) = self.hosts.get_mut(index.0) {
            host.refuses = true;
        }
    }

    /// Ends a host's run. What its table held is what its store holds.
    pub(crate) fn stop(&mut self, index: HostIndex) {
        let Some(host) = self.hosts.get_mut(index.0).filter(|host| host.is_on()) else { return };
        if let Program::Extended(node) = std::mem::replace(&mut host.program, Program::None) {
            host.last_run = Some(node);
        }
        host.wait = None;
        host.backlog.clear();
        host.inbox.clear();
        self.set_life(index, Life::Off);
    }

    fn cut_power_of_half(&mut self) {
        let mut running: Vec<HostIndex> = (0..self.hosts.len())
            .map(HostIndex)
            .filter(|index| self.host(*index).is_some_and(|host| host.is_on()))
            .collect();
        self.random.shuffle(&mut running);
        running.truncate(running.len() / 2);
        running.into_iter().for_each(|index| self.stop(index));
    }

    fn sleep(&mut self, index: HostIndex, life: Life, duration: Duration) {
        if self.host(index).is_some_and(|host| host.life == Life::Running) {
            self.set_life(index, life);
            self.after(duration, Fault::Resume(index));
        }
    }

    fn resume(&mut self, index: HostIndex) {
        let asleep = |life| matches!(life, Life::Suspended | Life::Stopped);
        let Some(host) = self.hosts.get_mut(index.0).filter(|host| asleep(host.life)) else { return };
        let backlog = std::mem::take(&mut host.backlog);
        self.set_life(index, Life::Running);
        for (nic, packet) in backlog {
            self.feed(index, &Feed::Packet(nic, packet));
        }
        self.feed(index, &Feed::Tick);
    }

    /// Changes what decides when a host wakes up, and plans its next wake-up accordingly.
    fn change_clock(&mut self, index: HostIndex, change: impl FnOnce(&mut crate::host::Host)) {
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        change(host);
        let wait = host.wait.take();
        self.plan_wake(index, wait);
    }

    fn set_link(&mut self, index: HostIndex, nic: u32, up: bool) {
        let Some(nic) = self.hosts.get_mut(index.0).and_then(|host| host.nic_mut(nic)) else { return };
        nic.up = up;
        self.feed(index, &Feed::Interfaces);
    }

    fn flap(&mut self, host: HostIndex, nic: u32, times: u32, each: Duration) {
        for turn in 0..times {
            self.after(each * (2 * turn), Fault::Link(host, nic, false));
            self.after(each * (2 * turn + 1), Fault::Link(host, nic, true));
        }
    }

    fn renumber(&mut self, index: HostIndex, nic: u32, address: IpAddr) {
        let Some(nic) = self.hosts.get_mut(index.0).and_then(|host| host.nic_mut(nic)) else { return };
        nic.network.address = address;
        let segment = nic.segment;
        self.net.renumber(segment, index, address);
        self.feed(index, &Feed::Interfaces);
    }

    fn rename(&mut self, index: HostIndex, name: HostName) {
        let Some(host) = self.hosts.get_mut(index.0) else { return };
        host.name = name;
        let profile = host.profile();
        self.feed(index, &Feed::Command(Command::Profile(profile)));
    }

    /// One datagram of a storm, and the plan for the next one.
    pub(crate) fn flood(&mut self, flood: Flood) {
        let name = format!("storm-{}", self.random.u32(0..flood.names)).parse::<HostName>();
        if let (Some((nic, address)), Ok(name)) = (self.first_address(flood.attacker), name) {
            let bytes = base_message(Kind::Search, &name, address);
            let group = group_of(address);
            self.transmit(flood.attacker, nic, (SocketAddr::new(address, group.port()), group), bytes);
        }
        let next = self.now + flood.gap;
        if next < flood.until {
            self.push(next, Happening::Flood(flood));
        }
    }

    /// Sends a false claim in the liar's own name, numbered far ahead so that its true words do not make it stale.
    fn slander(&mut self, liar: HostIndex, victim: HostIndex, slander: Slander) {
        let (Some((nic, address)), Some(host), Some(other)) =
            (self.first_address(liar), self.host(liar), self.host(victim))
        else {
            return;
        };
        let newest = |index: HostIndex| self.watches.get(index.0).map_or((0, 0), |watch| watch.sent.newest);
        let (own, theirs) = (newest(liar), newest(victim));
        let claim = Claim { id: other.id, epoch: theirs.0.max(1), sequence: theirs.1 + 100 };
        let bytes = slander_of(host, address, own, (slander, claim));
        let group = group_of(address);
        self.transmit(liar, nic, (SocketAddr::new(address, group.port()), group), bytes);
    }

    fn forge_quit(&mut self, attacker: HostIndex, victim: HostIndex, forgery: Forgery) {
        let (Some((nic, own)), Some((_, victims))) = (self.first_address(attacker), self.first_address(victim)) else {
            return;
        };
        let (Some(host), Some(watch)) = (self.host(victim), self.watches.get(victim.0)) else { return };
        let (epoch, sequence) = watch.sent.newest;
        let from = if forgery == Forgery::Spoofed { victims } else { own };
        let bytes = goodbye_of(&host.name, from, (host.id, epoch, sequence + 1));
        let group = group_of(from);
        self.transmit(attacker, nic, (SocketAddr::new(from, group.port()), group), bytes);
    }

    fn first_address(&self, index: HostIndex) -> Option<(u32, IpAddr)> {
        self.host(index)?.nics.first().map(|nic| (nic.index, nic.network.address))
    }
}
