//! What an observer who sees everything expects each host to list.

use kimchi_peers_proto::{Peer, PeerKey};

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
