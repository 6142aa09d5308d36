//! What to wait for, and the look at a world at rest.

use std::collections::BTreeMap;

use crate::check::Broken;
use crate::host::{Host, HostIndex, Life};
use crate::model::{host_of, lists, row, should_list};
use crate::net::SegmentIndex;
use crate::world::World;

/// A state of knowledge to wait for: for some pairs of hosts, that the one lists the other exactly if it should.
///
/// Where a world looks at a sample of its hosts only, so does this; of the others it counts how many they list.
#[derive(Debug, Clone)]
pub struct Goal {
    scope: Scope,
    /// The first pair that is not known to agree. Looking on from there keeps the cost of asking after every step low.
    next: usize,
    /// The first host that is not known to list as many as it should.
    counted: usize,
    /// How many the hosts of a place should list, and after how many changes of the world that was so.
    expected: (u64, BTreeMap<Place, usize>),
}

/// What decides whom a host hears: hosts of one place hear equally many. A one-way cut makes each host a place of its own.
type Place = (Vec<(SegmentIndex, u32)>, Option<HostIndex>);

#[derive(Debug, Clone, Copy)]
enum Scope {
    Everybody,
    ListedBy(HostIndex),
    Listing(HostIndex),
}

impl Goal {
    /// Everybody knows everybody that can be heard, and nobody else.
    pub fn everybody() -> Self {
        Self::of(Scope::Everybody)
    }

    /// `host` knows everybody.
    pub fn knows_all(host: HostIndex) -> Self {
        Self::of(Scope::ListedBy(host))
    }

    /// Everybody knows `host`, or knows that it is gone.
    pub fn known_by_all(host: HostIndex) -> Self {
        Self::of(Scope::Listing(host))
    }

    fn of(scope: Scope) -> Self {
        Self { scope, next: 0, counted: 0, expected: (0, BTreeMap::new()) }
    }

    /// Whether it is reached.
    pub fn holds(&mut self, world: &World) -> bool {
        let hosts = world.hosts().len();
        if matches!(self.scope, Scope::Everybody) && !self.numbers_agree(world) {
            return false;
        }
        let pairs = if matches!(self.scope, Scope::Everybody) { hosts * hosts } else { hosts };
        let mut agreed = 0;
        while agreed < pairs {
            let (lister, listed) = self.pair(hosts);
            if matches!(self.scope, Scope::Everybody) && !world.invariants.covers(lister) {
                let rest = hosts - self.next % hosts.max(1);
                agreed += rest;
                self.next = (self.next + rest) % pairs;
                continue;
            }
            if should_list(world, lister, listed) != lists(world, lister, listed) && matters(world, lister) {
                return false;
            }
            agreed += 1;
            self.next = (self.next + 1) % pairs;
        }
        true
    }

    /// Whether each host that was not looked at closely lists as many as it should.
    fn numbers_agree(&mut self, world: &World) -> bool {
        let hosts = world.hosts().len();
        if self.expected.0 != world.changes {
            self.expected = (world.changes, BTreeMap::new());
        }
        for _ in 0..hosts {
            let lister = HostIndex(self.counted);
            if !world.invariants.covers(lister) && matters(world, lister) {
                let expected = self.expected.1.entry(place_of(world, lister));
                let should = *expected.or_insert_with(|| expected_by(world, lister));
                if live_rows(world, lister) != should {
                    return false;
                }
            }
            self.counted = (self.counted + 1) % hosts;
        }
        true
    }

    /// What is still wrong, for the message of a failed test.
    pub(crate) fn describe(&self, world: &World) -> String {
        let (lister, listed) = self.pair(world.hosts().len());
        let row = row(world, lister, listed).map_or("not listed", |peer| peer.state.as_str());
        let should = if should_list(world, lister, listed) { "should" } else { "should not" };
        if should_list(world, lister, listed) == lists(world, lister, listed) {
            let lister = HostIndex(self.counted);
            let (lists, should) = (live_rows(world, lister), expected_by(world, lister));
            return format!("{lister} lists {lists} hosts and should list {should}");
        }
        format!("{lister} {should} list {listed}, which is {row}")
    }

    fn pair(&self, hosts: usize) -> (HostIndex, HostIndex) {
        match self.scope {
            Scope::Everybody => (HostIndex(self.next / hosts.max(1)), HostIndex(self.next % hosts.max(1))),
            Scope::ListedBy(host) => (host, HostIndex(self.next)),
            Scope::Listing(host) => (HostIndex(self.next), host),
        }
    }
}

/// What is asleep or off is not asked what it lists.
fn matters(world: &World, lister: HostIndex) -> bool {
    world.host(lister).is_some_and(|host| host.life == Life::Running && !host.leaving)
}

fn expected_by(world: &World, lister: HostIndex) -> usize {
    (0..world.hosts().len()).filter(|listed| should_list(world, lister, HostIndex(*listed))).count()
}

fn live_rows(world: &World, lister: HostIndex) -> usize {
    let Some(table) = world.host(lister).and_then(Host::node).map(kimchi_peers_proto::Node::table) else { return 0 };
    let base =
        if table.base() == 0 { 0 } else { table.iter().filter(|peer| peer.key.is_base() && peer.is_live()).count() };
    table.live_extended() + base
}

fn place_of(world: &World, host: HostIndex) -> Place {
    let nics = world.host(host).map(|host| host.nics.as_slice()).unwrap_or_default();
    let up = nics.iter().filter(|nic| nic.up).map(|nic| nic.segment);
    let segments = up.filter_map(|index| Some((index, world.net().segment(index)?)));
    let (mut places, mut apart) = (Vec::new(), false);
    for (index, segment) in segments {
        places.push((index, segment.island_of(host)));
        apart |= segment.has_one_way_cuts();
    }
    (places, apart.then_some(host))
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
            if !self.invariants.covers(index) {
                continue;
            }
            let ghost = node.table().iter().find(|peer| peer.is_live() && host_of(self, &peer.key).is_none());
            if let Some(ghost) = ghost {
                return Err(self.broken_by(Some(index), format!("it lists {}, which never was", ghost.key)));
            }
            self.told_everything(index).map_err(|what| self.broken_by(Some(index), what))?;
        }
        Ok(())
    }
}
