//! What an observer who sees everything expects each host to list.

use kimchi_peers_proto::{Peer, PeerKey};

use crate::check::Broken;
use crate::host::{Host, HostIndex, Life, Role};
use crate::world::World;

/// Whether a datagram that `speaker` multicasts now can be heard by `listener`.
pub fn hears(world: &World, listener: HostIndex, speaker: HostIndex) -> bool {
    let (Some(to), Some(from)) = (world.host(listener), world.host(speaker)) else { return false };
    to.nics.iter().filter(|nic| nic.up).any(|nic| {
        let plugged = from.nics.iter().any(|other| other.up && other.segment == nic.segment);
        plugged && world.net().segment(nic.segment).is_some_and(|segment| segment.carries(speaker, listener))
    })
}

/// Whether `lister` should list `listed`, once what happened so far has been noticed.
pub fn should_list(world: &World, lister: HostIndex, listed: HostIndex) -> bool {
    let runs = |index| {
        let is_there = |host: &Host| host.life == Life::Running && !host.leaving && host.role != Role::Attacker;
        world.host(index).is_some_and(is_there)
    };
    let knows = world.host(lister).is_some_and(|host| host.node().is_some());
    let there = lister != listed && knows && runs(lister) && runs(listed);
    there && (hears(world, lister, listed) || is_vouched_for(world, lister, listed, runs))
}

/// Whether `lister` learns from a third host that `listed` is there, although the way between them is cut.
fn is_vouched_for(world: &World, lister: HostIndex, listed: HostIndex, runs: impl Fn(HostIndex) -> bool) -> bool {
    let cut = world.host(lister).is_some_and(|host| {
        let blocked = |nic: &crate::host::Nic| {
            world.net().segment(nic.segment).is_some_and(|segment| segment.is_blocked(listed, lister))
        };
        host.nics.iter().any(blocked)
    });
    let both = |one, other| hears(world, one, other) && hears(world, other, one);
    let is_base = world.host(listed).is_some_and(|host| host.role == Role::Base);
    cut && !is_base
        && (0..world.hosts().len()).map(HostIndex).any(|third| {
            third != lister && third != listed && runs(third) && both(third, listed) && both(third, lister)
        })
}

/// The row by which `lister` knows `listed`, whatever state it is in.
pub fn row(world: &World, lister: HostIndex, listed: HostIndex) -> Option<&Peer> {
    let table = world.host(lister)?.node()?.table();
    let host = world.host(listed)?;
    if host.role == Role::Base {
        return host.addresses().find_map(|address| table.get(&PeerKey::Base(host.name.clone(), address)));
    }
    let as_clone = host.addresses().find_map(|address| table.get(&PeerKey::Clone(host.id, address)));
    as_clone.or_else(|| {
        let row = table.get(&PeerKey::Identity(host.id))?;
        (!world.has_copies(listed) || host.addresses().any(|address| row.addresses().contains(&address))).then_some(row)
    })
}

/// Whether `lister` lists `listed` as being there.
pub fn lists(world: &World, lister: HostIndex, listed: HostIndex) -> bool {
    row(world, lister, listed).is_some_and(Peer::is_live)
}

/// The host that a row of somebody's table means.
pub fn host_of(world: &World, key: &PeerKey) -> Option<HostIndex> {
    let means = |host: &Host| match key {
        PeerKey::Identity(id) => host.role == Role::Extended && host.id == *id,
        PeerKey::Clone(id, address) => host.id == *id && host.addresses().any(|own| own == *address),
        PeerKey::Base(name, address) => host.name == *name && host.addresses().any(|own| own == *address),
    };
    match key {
        PeerKey::Identity(id) => world.host_with(id),
        PeerKey::Clone(..) | PeerKey::Base(..) => world.hosts().iter().position(means).map(HostIndex),
    }
}

/// A state of knowledge to wait for: for some pairs of hosts, that the one lists the other exactly if it should.
#[derive(Debug, Clone)]
pub struct Goal {
    scope: Scope,
    /// The first pair that is not known to agree. Looking on from there keeps the cost of asking after every step low.
    next: usize,
    /// Pairs that agreed in a row.
    agreed: usize,
}

#[derive(Debug, Clone, Copy)]
enum Scope {
    Everybody,
    ListedBy(HostIndex),
    Listing(HostIndex),
}

impl Goal {
    /// Everybody knows everybody that can be heard, and nobody else.
    pub fn everybody() -> Self {
        Self { scope: Scope::Everybody, next: 0, agreed: 0 }
    }

    /// `host` knows everybody.
    pub fn knows_all(host: HostIndex) -> Self {
        Self { scope: Scope::ListedBy(host), next: 0, agreed: 0 }
    }

    /// Everybody knows `host`, or knows that it is gone.
    pub fn known_by_all(host: HostIndex) -> Self {
        Self { scope: Scope::Listing(host), next: 0, agreed: 0 }
    }

    /// Whether it is reached.
    pub fn holds(&mut self, world: &World) -> bool {
        let hosts = world.hosts().len();
        let pairs = if matches!(self.scope, Scope::Everybody) { hosts * hosts } else { hosts };
        self.agreed = 0;
        while self.agreed < pairs {
            let (lister, listed) = self.pair(hosts);
            if should_list(world, lister, listed) != lists(world, lister, listed) && self.matters(world, lister) {
                return false;
            }
            self.agreed += 1;
            self.next = (self.next + 1) % pairs;
        }
        true
    }

    /// What is still wrong, for the message of a failed test.
    pub(crate) fn describe(&self, world: &World) -> String {
        let (lister, listed) = self.pair(world.hosts().len());
        let row = row(world, lister, listed).map_or("not listed", |peer| peer.state.as_str());
        let should = if should_list(world, lister, listed) { "should" } else { "should not" };
        format!("{lister} {should} list {listed}, which is {row}")
    }

    /// What is asleep or off is not asked what it lists.
    fn matters(&self, world: &World, lister: HostIndex) -> bool {
        world.host(lister).is_some_and(|host| host.life == Life::Running && !host.leaving)
    }

    fn pair(&self, hosts: usize) -> (HostIndex, HostIndex) {
        match self.scope {
            Scope::Everybody => (HostIndex(self.next / hosts.max(1)), HostIndex(self.next % hosts.max(1))),
            Scope::ListedBy(host) => (host, HostIndex(self.next)),
            Scope::Listing(host) => (HostIndex(self.next), host),
        }
    }
}

impl World {
    /// Checks the world at rest: all that can hear each other list each other, nobody lists the dead or what never was,
    /// and the events told everything that the tables hold.
    ///
    /// # Errors
    /// The first thing that is not so.
    pub fn check_at_rest(&self) -> Result<(), Broken> {
        let mut goal = Goal::everybody();
        if !goal.holds(self) {
            return Err(self.broken_by(None, goal.describe(self)));
        }
        for (number, host) in self.hosts().iter().enumerate() {
            let index = HostIndex(number);
            let Some(node) = host.node().filter(|_| host.life == Life::Running) else { continue };
            let ghost = node.table().iter().find(|peer| peer.is_live() && host_of(self, &peer.key).is_none());
            if let Some(ghost) = ghost {
                return Err(self.broken_by(Some(index), format!("it lists {}, which never was", ghost.key)));
            }
            self.told_everything(index).map_err(|what| self.broken_by(Some(index), what))?;
        }
        Ok(())
    }
}
